"""How nodes come and go by chance: failures of held ones, scarcity of those to hire, logs of spot nodes.

Not here: drawing (``workload.hazards``, ``workload.replays``).
"""

from sim.ground.scenario.laws import SizeLaw, law_mean
from sim.ground.scenario.part import Part
from sim.ground.scenario.quantity import Text


class Failures(Part):
    """How held nodes fail: each by itself, busy or idle, from new until it goes down, then until it is up again."""

    up_hours: SizeLaw
    """How long a node works until it fails, busy or idle, in hours: a number or a law."""
    repair_hours: SizeLaw
    """How long a failed node is down, in hours: a number or a law."""
    source: Text | None = None
    """Who says so, such as ``measured: logs of 2025``; left out: listed as stated without a source."""

    @property
    def cycle_hours(self) -> float:
        """Mean time from one failure of a node to the next."""
        return law_mean(self.up_hours) + law_mean(self.repair_hours)


class Supply(Part):
    """When there is anything to hire: on and off in turns, for all nodes of the group alike.

    The clock starts within a turn that is on with probability on / (on + off), as if that turn had just begun. Orders
    in an off turn are refused; nodes that are there stay.
    """

    on_hours: SizeLaw
    """How long there is something to hire, in hours: a number or a law."""
    off_hours: SizeLaw
    """How long orders are refused, in hours: a number or a law."""
    source: Text | None = None
    """Who says so; left out: listed as stated without a source."""

    @property
    def cycle_hours(self) -> float:
        """Mean time from one scarcity to the next."""
        return law_mean(self.on_hours) + law_mean(self.off_hours)


class Availability(Part):
    """A log of spot nodes that came and went, replayed round and round from a random instant (``workload.replays``)."""

    file: Text
    """CSV of spot nodes that came and went, from the scenario's folder: rows ``ms,add,node`` and ``ms,remove,node``, or
    ``date, time, count``."""
    source: Text | None = None
    """Who measured it; left out: no source is named."""
