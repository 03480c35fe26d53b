"""How money that no single job caused is shared: within windows of time, by a named rule, so that it adds up.

A *side* of a plan is what serves one kind of work: the nodes that run fine-tunes, a group of nodes that serves
requests, the API alone. Idle money is shared within its own side; what belongs to no side (staff, overhead) among all.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.ground.compiled import inlined, kernel
from sim.ground.units import TICKS_PER_HOUR, Floats, Ticks

LINES: Final = (
    "held_used",
    "held_idle",
    "on_demand_used",
    "on_demand_idle",
    "spot_used",
    "spot_idle",
    "api",
    "staff",
    "overhead",
    "penalties",
)
"""The lines of a bill; they sum to it."""

HELD_USED, HELD_IDLE, ON_DEMAND_USED, ON_DEMAND_IDLE, SPOT_USED, SPOT_IDLE, API_LINE, STAFF, OVERHEAD, PENALTIES = (
    range(len(LINES))
)
BY_GPU_TIME, EQUALLY, NOT_SHARED = 0, 1, 2
RULES: Final = {"gpu_time": BY_GPU_TIME, "equal": EQUALLY, "platform": NOT_SHARED}


@dataclass(frozen=True)
class Side:
    """What the jobs of one side used in some replications, added up, before anything is shared.

    Attributes
    ----------
    lines : float64[R, len(LINES)]
        USD of the side.
    paid, allocated : float64[R]
        GPU hours paid for, and given to jobs, inside the counted time.
    loose : float64[R, windows]
        USD to be shared among the side's jobs, by window.
    memo : float64[R, len(MEMO)]
        What is told beside the bill (``memo``).
    lent : tuple of float64[R, windows]
        Of each lender, USD that the jobs used of its nodes: inside the lines here, to be taken off the lender's.
    weights : float64[R, windows]
        Weights of the counted jobs, by window of arrival.
    jobs : float64[R]
        The counted jobs.
    """

    lines: Floats
    paid: Floats
    allocated: Floats
    loose: Floats
    memo: Floats
    lent: tuple[Floats, ...]
    weights: Floats
    jobs: Floats


@dataclass(frozen=True)
class Use:
    """What the jobs of one side used in some replications, before anything is shared.

    Attributes
    ----------
    offsets, arrival : int64[R + 1], int64[n]
        Of the jobs.
    lines, paid, allocated, loose, memo, lent
        As of a ``Side``.
    attributed, weight : float64[n]
        USD that a job caused; its part when loose money is shared.
    rest : float64[n] or None
        USD of a job's own hired node beside that; ``Rates.loaded`` makes the fully loaded cost of it.
    """

    offsets: Ticks
    arrival: Ticks
    lines: Floats
    paid: Floats
    allocated: Floats
    attributed: Floats
    rest: Floats | None
    weight: Floats
    loose: Floats
    memo: Floats
    lent: tuple[Floats, ...] = ()

    def side(self, edges: Ticks) -> Side:
        """Add up the weights of its jobs."""
        weights, jobs = np.zeros_like(self.loose), np.zeros(len(self.loose))
        weigh(self.offsets, self.arrival, edges, self.weight, weights, jobs)
        return Side(self.lines, self.paid, self.allocated, self.loose, self.memo, self.lent, weights, jobs)


@dataclass(frozen=True)
class Rates:
    """What a job of one side carries of the money that no single job caused.

    Attributes
    ----------
    by_weight : float64[R, windows]
        USD a weight, by window of arrival.
    by_job : float64[R]
        USD a job.
    """

    by_weight: Floats
    by_job: Floats

    def carried(self, offsets: Ticks, arrival: Ticks, attributed: Floats, weight: Floats, edges: Ticks) -> Floats:
        """Tell what jobs of the side cost, fully loaded: all of them, or the next ones of one replication.

        Returns
        -------
        float64[n]
            USD; 0 for jobs that arrived before counting began.
        """
        found = np.zeros(len(arrival))
        _load(offsets, arrival, edges, weight, self.by_weight, self.by_job, attributed, found)
        return found

    def loaded(self, use: Use, edges: Ticks) -> Floats:
        """Tell what all jobs of the side cost, as ``carried`` does; it is made of ``rest`` where there is one."""
        if use.rest is None:
            return self.carried(use.offsets, use.arrival, use.attributed, use.weight, edges)
        _load(use.offsets, use.arrival, edges, use.weight, self.by_weight, self.by_job, use.attributed, use.rest)
        return use.rest


@inlined
def spread(usd: Floats, row: int, edges: Ticks, window: int, since: int, until: int, usd_per_h: float) -> None:
    """Add money that is spent evenly to the windows in which it is spent; the first of them is ``window`` or later."""
    while since < until:
        while window + 2 < len(edges) and since >= edges[window + 1]:
            window += 1
        stop = min(until, edges[window + 1])
        usd[row, window] += (stop - since) / TICKS_PER_HOUR * usd_per_h
        since = stop


@kernel
def add_up(offsets: Ticks, values: Floats, sums: Floats) -> None:
    """Add values of jobs to the sums so far of their replications, in job order."""
    for r in range(len(offsets) - 1):
        for j in range(offsets[r], offsets[r + 1]):
            sums[r] += values[j]


@kernel
def weigh(offsets: Ticks, arrival: Ticks, edges: Ticks, weight: Floats, weights: Floats, jobs: Floats) -> None:
    """Add the weights of counted jobs to those of their windows, in job order, and count them.

    Jobs that come in chunks give the same sums, for what is added to are the sums so far.
    """
    windows = len(edges) - 1
    for r in range(len(offsets) - 1):
        window, sum_, counted = 0, weights[r, 0], jobs[r]
        for j in range(np.uint64(offsets[r]), np.uint64(offsets[r + 1])):
            if arrival[j] < edges[0]:
                continue
            while window + 1 < windows and arrival[j] >= edges[window + 1]:
                weights[r, window] = sum_
                window += 1
                sum_ = weights[r, window]
            sum_ += weight[j]
            counted += 1
        weights[r, window], jobs[r] = sum_, counted


@kernel
def _rate(weights: Floats, jobs: Floats, loose: Floats, by_weight: Floats, by_job: Floats) -> None:
    """Find what is to be shared for each weight; what lies in a window without weight goes to all of the horizon."""
    windows = weights.shape[1]
    for r in range(len(jobs)):
        total, homeless = 0.0, 0.0
        for w in range(windows):
            total += weights[r, w]
            if weights[r, w] == 0:
                homeless += loose[r, w]
        over_all = homeless / total if total > 0 else 0.0
        by_job[r] = homeless / jobs[r] if total == 0 and jobs[r] > 0 else 0.0
        for w in range(windows):
            by_weight[r, w] = (loose[r, w] / weights[r, w] if weights[r, w] > 0 else 0.0) + over_all


@kernel
def _load(
    offsets: Ticks,
    arrival: Ticks,
    edges: Ticks,
    weight: Floats,
    by_weight: Floats,
    by_job: Floats,
    attributed: Floats,
    fully_loaded: Floats,
) -> None:
    """Add to ``fully_loaded``, which holds what a job carries beside it, its attributed cost and its share."""
    windows = len(edges) - 1
    for r in range(len(offsets) - 1):
        window = 0
        for j in range(np.uint64(offsets[r]), np.uint64(offsets[r + 1])):
            while window + 1 < windows and arrival[j] >= edges[window + 1]:
                window += 1
            if arrival[j] >= edges[0]:
                fully_loaded[j] += attributed[j] + weight[j] * by_weight[r, window] + by_job[r]


def _split(fixed: Floats, weights: list[Floats], jobs: list[Floats]) -> list[Floats]:
    """Split money of no side among the sides, by their weight in each window, else in the horizon, else by jobs."""
    if len(weights) == 1:
        return [fixed]
    in_window = np.sum(weights, axis=0)
    over_all = in_window.sum(axis=1, keepdims=True)
    counts = np.sum(jobs, axis=0)[:, None]
    parts = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for mine, count in zip(weights, jobs, strict=True):
            by_jobs = np.where(counts > 0, count[:, None] / counts, 1.0 / len(weights))
            by_all = np.where(over_all > 0, mine.sum(axis=1, keepdims=True) / over_all, by_jobs)
            parts.append(fixed * np.where(in_window > 0, mine / in_window, by_all))
    return parts


def rates(sides: list[Side], fixed: Floats, edges: Ticks, rule: str) -> list[Rates]:
    """Find what a job of each side carries of the money that no single job caused.

    Parameters
    ----------
    sides : list of Side
        Of one plan; at least one.
    fixed : float64[windows]
        USD that belong to no side: staff and overhead.
    edges : int64[windows + 1]
        Ticks at which the windows of the counted time begin and end.
    rule : {"gpu_time", "equal", "platform"}
        Shared by GPU time (API jobs carry none), alike for every job, or not at all.

    Notes
    -----
    Unless the rule is ``platform`` the fully loaded costs sum to the bill, where there are jobs at all. Idle money of a
    side without a job is shared like staff.
    """
    weights, jobs = [side.weights for side in sides], [side.jobs for side in sides]
    shared = RULES[rule] != NOT_SHARED
    whole = np.tile(fixed, (len(sides[0].lines), 1))
    for side in sides:
        if len(sides) > 1:
            whole += np.where(side.jobs[:, None] > 0, 0.0, side.loose)
    found = []
    for side, part in zip(sides, _split(whole, weights, jobs), strict=True):
        own = np.where(side.jobs[:, None] > 0, side.loose, 0.0)
        each = Rates(np.empty_like(side.weights), np.empty_like(side.jobs))
        _rate(side.weights, side.jobs, (own + part) * shared, each.by_weight, each.by_job)
        found.append(each)
    return found


def share_out(uses: list[Use], fixed: Floats, edges: Ticks, rule: str) -> list[Floats]:
    """Share loose money among the jobs: what each job of each side costs, fully loaded, in USD.

    Parameters are those of ``rates``.
    """
    found = rates([use.side(edges) for use in uses], fixed, edges, rule)
    return [each.loaded(use, edges) for use, each in zip(uses, found, strict=True)]
