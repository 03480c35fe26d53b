"""Nodes and replicas that come and go: when each was ordered, ready and given back. The same for all that is hired.

Not here: who decides it (``fleet``, ``reference``), what it costs (``money``).
"""

from dataclasses import dataclass

import numpy as np

from sim.ground.units import NEVER, Ticks


@dataclass(frozen=True)
class Hires:
    """Every hire of several replications, one after the other, in the order of ordering.

    Attributes
    ----------
    offsets : int64[replications + 1]
        Hires of replication r are rows ``offsets[r]`` to ``offsets[r + 1]``.
    node : int64[n]
        Number of the node that it was, as in the rows of the jobs; numbers are used again.
    ordered, ready, left : int64[n]
        Ticks (microseconds): the order; the end of the boot (``NEVER`` where the order was cancelled or lost before);
        the instant from which it is no longer paid, before rounding (``NEVER`` where it is still there when the clock
        stops).
    """

    offsets: Ticks
    node: Ticks
    ordered: Ticks
    ready: Ticks
    left: Ticks

    def __len__(self) -> int:
        """Count the hires."""
        return len(self.node)

    @classmethod
    def none(cls, replications: int) -> "Hires":
        """Make the hires of a fleet that never hires."""
        nobody = np.empty(0, np.int64)
        return cls(np.zeros(replications + 1, np.int64), nobody, nobody, nobody, nobody)

    @classmethod
    def packed(cls, counts: Ticks, node: Ticks, ordered: Ticks, ready: Ticks, left: Ticks) -> "Hires":
        """Take hires from tables with a row a replication, of which ``counts`` entries are used."""
        used = np.arange(node.shape[1]) < counts[:, None]
        offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        return cls(offsets, node[used], ordered[used], ready[used], left[used])

    def same(self, other: "Hires") -> bool:
        """Tell whether two tables say the same."""
        columns = ("offsets", "node", "ordered", "ready", "left")
        return all(np.array_equal(getattr(self, column), getattr(other, column)) for column in columns)


class ExhaustedError(LookupError):
    """More was needed of what is drawn beforehand than was drawn; whoever drew it draws more and serves again.

    Attributes
    ----------
    what : str
        Of what: an attribute of the hazards, or ``stints``.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)  # SimPy raises a copy, made from these arguments
        self.what = what

    def __str__(self) -> str:
        """Say it in a sentence."""
        return f"more {self.what} were needed than drawn beforehand"


__all__ = ["NEVER", "ExhaustedError", "Hires"]
