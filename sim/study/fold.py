"""From rows to sums of each replication and values of each job: every statistic is a fold over rows.

Not here: intervals (``estimate``), and which plan may be ranked (``compare``).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.engine.money import Shares
from sim.ground.compiled import kernel
from sim.ground.estimate import Pooled
from sim.ground.jobs import API, HELD, NOT_STARTED, Paths, Rows
from sim.ground.units import TICKS_PER_HOUR, Floats, Ticks

SUMS: Final = (
    "jobs",
    "tokens",
    "unfinished",
    "not_started",
    "overflow",
    "api",
    "waits",
    "wait",
    "waits_held",
    "wait_held",
    "sojourn",
    "in_system",
    "queue",
    "attributed",
    "fully_loaded",
    "interruptions",
    "undone",
)
"""What is summed over the counted jobs of a class in a replication: numbers, hours, millions of tokens, USD.

Undone: jobs that were interrupted and had not ended when the clock stopped, though they began more than twice as long
before as they needed.
"""

(
    _JOBS,
    _TOKENS,
    _UNFINISHED,
    _NOT_STARTED,
    _OVERFLOW,
    _API,
    _WAITS,
    _WAIT,
    _WAITS_HELD,
    _WAIT_HELD,
    _SOJOURN,
    _IN_SYSTEM,
    _QUEUE,
    _ATTRIBUTED,
    _FULLY_LOADED,
    _INTERRUPTIONS,
    _UNDONE,
) = range(len(SUMS))

MEASURES: Final = {
    "wait_h": _WAITS,
    "wait_held_h": _WAITS_HELD,
    "sojourn_h": _WAITS,
    "attributed": _JOBS,
    "fully_loaded": _JOBS,
}
"""What is known of each job, and the sum that counts the jobs of which it is known."""


@dataclass(frozen=True)
class Layout:
    """What a fold holds: the names of its sums, and of each measure's values the sum that counts them."""

    sums: tuple[str, ...]
    measures: dict[str, str]


OF_TUNES: Final = Layout(SUMS, {name: SUMS[column] for name, column in MEASURES.items()})


@dataclass(frozen=True)
class Fold:
    """One class under one plan, over some replications.

    Attributes
    ----------
    layout : Layout
        What is summed and measured.
    sums : float64[replications, len(layout.sums)]
        Sums of each replication.
    values : dict of Pooled
        Each measure's values.
    """

    layout: Layout
    sums: Floats
    values: dict[str, Pooled]

    def total(self, name: str) -> Floats:
        """Sum of one kind in each replication."""
        return self.sums[:, self.layout.sums.index(name)]

    def offsets(self, measure: str) -> Ticks:
        """Where the values of each replication begin and end."""
        return _offsets(self.layout, self.sums, self.layout.measures[measure])

    @classmethod
    def of(cls, layout: Layout, sums: Floats, values: dict[str, Floats]) -> "Fold":
        """Take the sums of some replications, and each measure's values, one replication after the other."""
        ends = {count: _offsets(layout, sums, count) for count in {*layout.measures.values()}}
        return cls(
            layout, sums, {name: Pooled.of(found, ends[layout.measures[name]]) for name, found in values.items()}
        )

    @classmethod
    def joined(cls, folds: list["Fold"]) -> "Fold":
        """Put folds of successive replications together."""
        if len(folds) == 1:
            return folds[0]
        return cls(
            folds[0].layout,
            np.concatenate([fold.sums for fold in folds]),
            {name: Pooled.joined([fold.values[name] for fold in folds]) for name in folds[0].values},
        )


def _offsets(layout: Layout, sums: Floats, count: str) -> Ticks:
    """Tell where the values of each replication begin and end, of which a sum tells how many there are."""
    ends = np.zeros(len(sums) + 1, np.int64)
    np.cumsum(sums[:, layout.sums.index(count)], out=ends[1:], dtype=np.int64)
    return ends


@kernel
def overlap(since: int, until: int, opens: int, closes: int) -> int:
    """Length of what two spans share."""
    return max(0, min(until, closes) - max(since, opens))


@kernel
def _fold(
    offsets: Ticks,
    arrival: Ticks,
    job_class: Ticks,
    tokens: Floats,
    start: Ticks,
    end: Ticks,
    outcome: Ticks,
    attributed: Floats,
    fully_loaded: Floats,
    wanted: int,
    overflows: bool,
    opens: int,
    closes: int,
    sums: Floats,
    waits: Floats,
    waits_held: Floats,
    sojourns: Floats,
    costs: Floats,
    loaded: Floats,
    used: Ticks,
) -> None:
    """Fold the rows of one class; ``used`` ends as how many values each measure got (waits, held waits, jobs).

    What is added up stays in registers until a replication ends, and what says where is unsigned: an index that might
    be negative would be looked at each time.
    """
    n_waits, n_held, n_jobs = np.uint64(0), np.uint64(0), np.uint64(0)
    one = np.uint64(1)
    for r in range(len(offsets) - 1):
        in_system, queue = 0.0, 0.0  # ticks as floats: an overloaded year of a million jobs passes 2**63
        millions, caused, carried, waited, waited_held, stayed = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        jobs_before, waits_before, held_before = n_jobs, n_waits, n_held
        unfinished, not_started, api = 0, 0, 0
        for j in range(np.uint64(offsets[r]), np.uint64(offsets[r + 1])):
            if job_class[j] != wanted:
                continue
            served = outcome[j] != NOT_STARTED
            left_queue = start[j] if served else closes
            queue += overlap(arrival[j], left_queue, opens, closes)
            left = end[j] if served and outcome[j] != API else left_queue
            in_system += overlap(arrival[j], left, opens, closes)
            if arrival[j] < opens:
                continue
            millions += tokens[j]
            caused += attributed[j]
            carried += fully_loaded[j]
            costs[n_jobs], loaded[n_jobs] = attributed[j], fully_loaded[j]
            n_jobs += one
            if not served:
                not_started += 1
                unfinished += 1
                continue
            if end[j] > closes:
                unfinished += 1
            wait = (start[j] - arrival[j]) / TICKS_PER_HOUR
            sojourn = (end[j] - arrival[j]) / TICKS_PER_HOUR
            waited += wait
            stayed += sojourn
            waits[n_waits], sojourns[n_waits] = wait, sojourn
            n_waits += one
            if outcome[j] == API:
                api += 1
            elif outcome[j] == HELD:
                waited_held += wait
                waits_held[n_held] = wait
                n_held += one
        mine = sums[r]
        mine[_JOBS], mine[_WAITS], mine[_WAITS_HELD] = (
            n_jobs - jobs_before,
            n_waits - waits_before,
            n_held - held_before,
        )
        mine[_TOKENS], mine[_ATTRIBUTED], mine[_FULLY_LOADED] = millions, caused, carried
        mine[_UNFINISHED], mine[_NOT_STARTED] = unfinished, not_started
        mine[_API], mine[_OVERFLOW] = api, api if overflows else 0
        mine[_WAIT], mine[_WAIT_HELD], mine[_SOJOURN] = waited, waited_held, stayed
        mine[_IN_SYSTEM], mine[_QUEUE] = in_system / TICKS_PER_HOUR, queue / TICKS_PER_HOUR
    used[0], used[1], used[2] = n_waits, n_held, n_jobs


def fold(paths: Paths, rows: Rows, charges: Shares, wanted: int, overflows: bool, opens: int, closes: int) -> Fold:
    """Fold the rows of one class under one plan.

    Parameters
    ----------
    paths, rows, charges : Paths, Rows, Shares
        The jobs, what became of them and what they cost.
    wanted : int
        Number of the class.
    overflows : bool
        Whether a job at the API came there from a held fleet.
    opens, closes : int
        Ticks between which things are counted.
    """
    count = len(paths)
    sums = np.zeros((paths.replications, len(SUMS)))
    waits, held, sojourns, costs, loaded = (np.empty(count) for _ in MEASURES)
    used = np.zeros(3, np.int64)
    _fold(
        paths.offsets,
        paths.arrival,
        paths.job_class,
        paths.tokens,
        rows.start,
        rows.end,
        rows.outcome,
        charges.attributed,
        charges.fully_loaded,
        wanted,
        overflows,
        opens,
        closes,
        sums,
        waits,
        held,
        sojourns,
        costs,
        loaded,
        used,
    )
    if rows.stints is not None:
        mine = (paths.job_class == wanted) & (paths.arrival >= opens)
        of_job = np.repeat(np.arange(paths.replications), np.diff(paths.offsets))
        sums[:, _INTERRUPTIONS] = np.bincount(of_job[mine], rows.interrupted[mine], paths.replications)
        late = closes - rows.start > 2 * paths.service
        undone = mine & (rows.interrupted > 0) & (rows.end > closes) & late
        sums[:, _UNDONE] = np.bincount(of_job[undone], minlength=paths.replications)
    values, lengths = (waits, held, sojourns, costs, loaded), used[[0, 1, 0, 2, 2]]
    return Fold.of(
        OF_TUNES, sums, {name: each[:length] for name, each, length in zip(MEASURES, values, lengths, strict=True)}
    )
