"""What a fleet is given and what it gives back: sample paths, the fleet's rules, the rows of the job table.

Not here: how jobs are drawn (``workload``), how they are served (``fleet``, ``reference``), what they cost (``money``).
"""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from sim.ground.hires import Hires
from sim.ground.units import NEVER, TICKS_PER_HOUR, Floats, Ticks

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

FAILED: Final = 5
"""Outcome of a request that the API refused or failed once more than its caller tries again."""

SHARE: Final = 2**32
"""A whole node, when the jobs that call for nodes add up the shares of one that they fill."""

OUTCOMES: Final = {
    NOT_STARTED: "not_started",
    HELD: "held",
    HIRED: "hired",
    API: "api",
    REFUSED: "refused",
    FAILED: "failed",
}


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
class Hiring:
    """The rules by which nodes are hired, in ticks.

    Attributes
    ----------
    maximum : int
        Hired nodes and orders at one time; ``NEVER`` for no limit.
    after : int
        A waiting job calls for a node when it has waited so long.
    idle_release : int
        A hired node goes back when it has been wholly free so long, while nobody waited.
    retry : int
        After a refused asking nobody asks again for so long; at least 1.
    binding : bool
        Whether a node is taken back when the supply of its slot ends; else supply only decides who may order.
    """

    maximum: int = NEVER
    after: int = 0
    idle_release: int = 0
    retry: int = TICKS_PER_HOUR // 12
    binding: bool = False


@dataclass(frozen=True)
class Recovery:
    """What an interrupted job keeps, in ticks.

    Attributes
    ----------
    interval, cost : int
        Work between two checkpoints (``NEVER``: none are written; 0: all work is kept at every instant), and how long
        writing one takes. Saving the result is the last checkpoint.
    restart : int
        What an interrupted job needs before it goes on.
    """

    interval: int = NEVER
    cost: int = 0
    restart: int = 0

    def stint(self, work: int, interrupted: bool) -> int:
        """Tell how long so much work takes on a node."""
        return work + self.written(work) + (self.restart if interrupted else 0)

    def written(self, work: int) -> int:
        """Tell how long all checkpoints of so much work take."""
        return -(-work // self.interval) * self.cost if 0 < self.interval < NEVER else 0

    def kept(self, work: int, elapsed: int, gracefully: bool) -> tuple[int, int]:
        """Tell what is left of a stint that was broken off.

        Parameters
        ----------
        work : int
            That was to be done in it.
        elapsed : int
            Since the restart was done.
        gracefully : bool
            Whether there was time to write one more checkpoint.

        Returns
        -------
        saved, lost : int
            Ticks of work; the rest of the time went into checkpoints.
        """
        if self.interval == NEVER:
            return 0, elapsed
        if self.interval == 0:
            return elapsed, 0
        segments, rest = divmod(elapsed, self.interval + self.cost)
        saved = segments * self.interval
        more = min(rest, self.interval, work - saved)
        return (saved + more, 0) if gracefully else (saved, more)


@dataclass(frozen=True)
class Hazards:
    """Everything random that happens to the nodes of one plan, drawn before the clock starts.

    Attributes
    ----------
    windows : int64[replications, nodes + lent, k]
        Instants at which each held or lent node comes up, goes down, comes up, and so on; padded with ``NEVER``.
    supply : int64[replications, 0, 1 or slots, k]
        The same for what can be hired: always, all slots alike, or each slot by itself.
    boot, lifetime : int64[replications, hires]
        Of the k-th hire: from order to ready, and from ready until it is reclaimed or fails (``NEVER``: for ever).
    refused : int64[replications, askings]
        1 where the k-th asking for a node is refused; no columns where none ever is.
    slots : int
        Hired nodes that there can be at one time; more are drawn if they are needed.
    """

    windows: Ticks
    supply: Ticks
    boot: Ticks
    lifetime: Ticks
    refused: Ticks
    slots: int = 0

    @classmethod
    def none(cls, replications: int, nodes: int, hires: int = 0, slots: int = 0) -> "Hazards":
        """Make hazards of a world in which nodes are always up, hired ones boot at once, and nobody is refused."""
        windows = np.full((replications, nodes, 2), NEVER)
        windows[:, :, 0] = 0
        return cls(
            windows,
            supply=np.empty((replications, 0, 1), np.int64),
            boot=np.zeros((replications, hires), np.int64),
            lifetime=np.full((replications, hires), NEVER),
            refused=np.empty((replications, 0), np.int64),
            slots=slots,
        )


@dataclass(frozen=True)
class Stints:
    """Every stint of several replications: a job's uninterrupted run, one row for each node of it, in order of start.

    Attributes
    ----------
    offsets : int64[replications + 1]
        Stints of replication r are rows ``offsets[r]`` to ``offsets[r + 1]``.
    job, node : int64[n]
        Row of the job in its paths; number of the node.
    hire : int64[n]
        Number of the hire in its replication; -1 on a held or lent node.
    since, until : int64[n]
        Ticks; of a stint that the clock stopped, ``until`` is when it would have ended.
    restart, writing, lost : int64[n]
        Ticks of these that went into restarting, into checkpoints, into work that had to be done again.
    """

    offsets: Ticks
    job: Ticks
    node: Ticks
    hire: Ticks
    since: Ticks
    until: Ticks
    restart: Ticks
    writing: Ticks
    lost: Ticks

    COLUMNS = ("job", "node", "hire", "since", "until", "restart", "writing", "lost")

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.job)

    def same(self, other: "Stints") -> bool:
        """Tell whether two tables say the same."""
        return all(np.array_equal(getattr(self, each), getattr(other, each)) for each in ("offsets", *self.COLUMNS))


@dataclass(frozen=True)
class Fleet:
    """The rules of the nodes of one plan.

    Nodes are numbered: held ones from 0, then those that serving lends, then the slots of hired ones.

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
        The outcome of every job where nobody ever waits (``HIRED``: a node of its own at once; ``API``);
        ``NOT_STARTED`` where jobs wait for nodes.
    lent : int
        Nodes that serving lends in some windows of time; what is taken back there is saved first.
    fails : bool
        Whether held nodes may go down.
    preempt : bool
        Whether a job that cannot start may interrupt those of lower priority.
    hiring : Hiring or None
        How nodes are hired; None for never.
    recovery : Recovery
        What an interrupted job keeps.
    """

    nodes: int
    gpus_per_node: int
    horizon: int
    queue_limit: int = NEVER
    backfill: bool = False
    no_queue: int = NOT_STARTED
    lent: int = 0
    fails: bool = False
    preempt: bool = False
    hiring: Hiring | None = None
    recovery: Recovery = field(default_factory=Recovery)

    @property
    def steady(self) -> bool:
        """Whether its nodes neither come nor go, and who has started runs to the end."""
        return self.hiring is None and not (self.lent or self.fails or self.preempt or self.recovery.cost)


def share_of_node(gpus: int, gpus_per_node: int) -> int:
    """Tell how much of a node a job fills, in parts of ``SHARE``: of six on one node, each fills a sixth."""
    return SHARE // (gpus_per_node // gpus) if gpus <= gpus_per_node else SHARE * (gpus // gpus_per_node)


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
    interrupted : int64[n]
        How often the job lost its nodes.
    stints, hires : Stints, Hires or None
        Who ran when and where, and which nodes came and went; None where nodes neither come nor go: then each row is
        one stint.

    Notes
    -----
    Of a job that was interrupted, ``start`` is the first, ``node`` and ``outcome`` are of the last stint; where the
    clock stops while it waits to go on, ``end`` is told as if it went on then.
    """

    start: Ticks
    end: Ticks
    node: Ticks
    outcome: Ticks
    interrupted: Ticks
    stints: Stints | None = None
    hires: Hires | None = None

    @classmethod
    def empty(cls, jobs: int) -> "Rows":
        """Make rows of jobs of which nothing is known yet."""
        start, end, node = (np.full(jobs, -1) for _ in range(3))
        return cls(start, end, node, np.full(jobs, NOT_STARTED), np.broadcast_to(np.int64(0), jobs))

    @classmethod
    def writable(cls, jobs: int) -> "Rows":
        """Make rows of jobs of which nothing is known yet, and which may be interrupted."""
        return replace(cls.empty(jobs), interrupted=np.zeros(jobs, np.int64))

    def with_timeline(self, stints: Stints, hires: Hires) -> "Rows":
        """Add who ran when and where, and which nodes came and went."""
        return replace(self, stints=stints, hires=hires)

    def differing(self, other: "Rows") -> npt.NDArray[np.int64]:
        """Find the rows in which two tables differ."""
        pairs = [
            (self.start, other.start),
            (self.end, other.end),
            (self.node, other.node),
            (self.outcome, other.outcome),
            (self.interrupted, other.interrupted),
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
        interrupted=np.broadcast_to(np.int64(0), len(paths)),
    )
