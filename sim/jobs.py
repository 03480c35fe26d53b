"""What a fleet is given and what it gives back: sample paths, the fleet's rules, the rows of the job table.

Not here: how jobs are drawn (``workload``), how they are served (``fleet``, ``reference``), what they cost (``money``).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from sim.units import NEVER, Floats, Ticks

NOT_STARTED: Final = 0
"""Outcome of a job that no one has served when the clock stops."""
HELD: Final = 1
"""Outcome of a job that started on a held node."""
HIRED: Final = 2
"""Outcome of a job that started on a node hired for it."""
API: Final = 3
"""Outcome of a job that was handed to the API."""

REFUSED: Final = 4
"""Outcome of a request that no replica can ever hold, where there is no API to take it."""

OUTCOMES: Final = {NOT_STARTED: "not_started", HELD: "held", HIRED: "hired", API: "api", REFUSED: "refused"}


@dataclass(frozen=True)
class Paths:
    """The jobs of several replications, one after the other: everything random, drawn before the clock starts.

    Attributes
    ----------
    offsets : int64[replications + 1]
        Jobs of replication r are rows ``offsets[r]`` to ``offsets[r + 1]``, by (arrival, class, number in class).
    arrival, service : int64[n]
        Ticks.
    gpus, priority, job_class : int64[n]
        GPUs needed at once; priority, 0 first; number of the class in the scenario's order.
    tokens : float64[n]
        Millions of trained tokens; NaN where the class has none.
    """

    offsets: Ticks
    arrival: Ticks
    service: Ticks
    gpus: Ticks
    priority: Ticks
    job_class: Ticks
    tokens: Floats

    def __len__(self) -> int:
        """Count the jobs."""
        return len(self.arrival)

    @property
    def replications(self) -> int:
        """Number of replications."""
        return len(self.offsets) - 1


@dataclass(frozen=True)
class Terms:
    """What a plan adds to the jobs of a path: how long each would wait, and how long the API takes for it.

    Attributes
    ----------
    patience, api_time : int64[n]
        Ticks; ``NEVER`` for a job that waits for ever.
    """

    patience: Ticks
    api_time: Ticks


@dataclass(frozen=True)
class Fleet:
    """The rules of the nodes of one plan.

    Attributes
    ----------
    nodes, gpus_per_node : int
        Held nodes, all of one size.
    queue_limit : int
        Who cannot start and finds that many waiting overflows on arrival; ``NEVER`` for no limit.
    backfill : bool
        Whether a job may pass the head of the queue when that cannot delay the head.
    horizon : int
        The tick at which the clock stops; nothing happens at it or after it.
    no_queue : int
        The outcome of every job where a plan holds no nodes (``HIRED`` or ``API``); ``NOT_STARTED`` where it does.
    """

    nodes: int
    gpus_per_node: int
    horizon: int
    queue_limit: int = NEVER
    backfill: bool = False
    no_queue: int = NOT_STARTED


@dataclass(frozen=True)
class Rows:
    """What became of each job of a path, row by row.

    Attributes
    ----------
    start, end : int64[n]
        Ticks; the start on a node or the hand-over to the API, and its end; -1 for a job not started.
    node : int64[n]
        Lowest node that the job held; -1 where it held none.
    outcome : int64[n]
        ``NOT_STARTED``, ``HELD``, ``HIRED`` or ``API``.
    """

    start: Ticks
    end: Ticks
    node: Ticks
    outcome: Ticks

    @classmethod
    def empty(cls, jobs: int) -> "Rows":
        """Make rows of jobs of which nothing is known yet."""
        return cls(np.full(jobs, -1), np.full(jobs, -1), np.full(jobs, -1), np.full(jobs, NOT_STARTED))

    def differing(self, other: "Rows") -> npt.NDArray[np.int64]:
        """Find the rows in which two tables differ."""
        pairs = [
            (self.start, other.start),
            (self.end, other.end),
            (self.node, other.node),
            (self.outcome, other.outcome),
        ]
        return np.flatnonzero(np.logical_or.reduce([mine != theirs for mine, theirs in pairs]))


def serve_at_once(fleet: Fleet, paths: Paths, terms: Terms) -> Rows:
    """Serve every job on arrival: at the API, or on nodes hired for it. No queue, so no clock is needed."""
    duration = terms.api_time if fleet.no_queue == API else paths.service
    return Rows(
        start=paths.arrival.copy(),
        end=paths.arrival + duration,
        node=np.full(len(paths), -1),
        outcome=np.full(len(paths), fleet.no_queue),
    )
