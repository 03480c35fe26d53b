"""How money that no single job caused is shared: within windows of time, by a named rule, so that it adds up.

A *side* of a plan is what serves one kind of work: the nodes that run fine-tunes, a group of nodes that serves
requests, the API alone. Idle money is shared within its own side; what belongs to no side (staff, overhead) among all.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.compiled import inlined, kernel
from sim.units import TICKS_PER_HOUR, Floats, Ticks

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
class Use:
    """What the jobs of one side used in some replications, before anything is shared.

    Attributes
    ----------
    offsets, arrival : int64[R + 1], int64[n]
        Of the jobs.
    lines : float64[R, len(LINES)]
        USD of the side.
    paid, allocated : float64[R]
        GPU hours paid for, and given to jobs, inside the counted time.
    attributed, weight : float64[n]
        USD that a job caused; its part when loose money is shared.
    rest : float64[n] or None
        USD of a job's own hired node beside that; ``share_out`` makes the fully loaded cost of it.
    loose : float64[R, windows]
        USD to be shared among the side's jobs, by window.
    memo : float64[R, len(MEMO)]
        What is told beside the bill (``memo``).
    lent : tuple of float64[R, windows]
        Of each lender, USD that the jobs used of its nodes: inside the lines here, to be taken off the lender's.
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
def _weigh(offsets: Ticks, arrival: Ticks, edges: Ticks, weight: Floats, weights: Floats, jobs: Floats) -> None:
    """Add up the weights of the counted jobs in each window, and count them."""
    windows = len(edges) - 1
    for r in range(len(offsets) - 1):
        window = 0
        for j in range(offsets[r], offsets[r + 1]):
            if arrival[j] < edges[0]:
                continue
            while window + 1 < windows and arrival[j] >= edges[window + 1]:
                window += 1
            weights[r, window] += weight[j]
            jobs[r] += 1


@kernel
def _share(
    offsets: Ticks,
    arrival: Ticks,
    edges: Ticks,
    weight: Floats,
    weights: Floats,
    jobs: Floats,
    loose: Floats,
    attributed: Floats,
    fully_loaded: Floats,
) -> None:
    """Share out what is loose; what lies in a window without weight goes to all of the horizon.

    ``fully_loaded`` holds at first what a job carries beside its attributed cost; ``loose`` ends as USD a weight.
    """
    windows = len(edges) - 1
    for r in range(len(offsets) - 1):
        total, homeless = 0.0, 0.0
        for w in range(windows):
            total += weights[r, w]
            if weights[r, w] == 0:
                homeless += loose[r, w]
        for w in range(windows):
            if weights[r, w] > 0:
                loose[r, w] /= weights[r, w]
            else:
                loose[r, w] = 0.0
        by_weight = homeless / total if total > 0 else 0.0
        by_job = homeless / jobs[r] if total == 0 and jobs[r] > 0 else 0.0
        window = 0
        for j in range(offsets[r], offsets[r + 1]):
            while window + 1 < windows and arrival[j] >= edges[window + 1]:
                window += 1
            if arrival[j] >= edges[0]:
                fully_loaded[j] += attributed[j] + weight[j] * (loose[r, window] + by_weight) + by_job


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


def share_out(sides: list[Use], fixed: Floats, edges: Ticks, rule: str) -> list[Floats]:
    """Share loose money among the jobs.

    Parameters
    ----------
    sides : list of Use
        Of one plan; at least one.
    fixed : float64[windows]
        USD that belong to no side: staff and overhead.
    edges : int64[windows + 1]
        Ticks at which the windows of the counted time begin and end.
    rule : {"gpu_time", "equal", "platform"}
        Shared by GPU time (API jobs carry none), alike for every job, or not at all.

    Returns
    -------
    list of float64[n]
        What each job of each side costs, fully loaded, in USD; 0 for jobs that arrived before counting began. Unless
        the rule is ``platform`` they sum to the bill, where there are jobs at all. Idle money of a side without a job
        is shared like staff.
    """
    replications, windows = len(sides[0].lines), len(edges) - 1
    weights = [np.zeros((replications, windows)) for _ in sides]
    jobs = [np.zeros(replications) for _ in sides]
    for side, its_weights, count in zip(sides, weights, jobs, strict=True):
        _weigh(side.offsets, side.arrival, edges, side.weight, its_weights, count)
    shared = RULES[rule] != NOT_SHARED
    whole = np.tile(fixed, (replications, 1))
    for side, count in zip(sides, jobs, strict=True):
        if len(sides) > 1:
            whole += np.where(count[:, None] > 0, 0.0, side.loose)
    found = []
    for side, part, its_weights, count in zip(sides, _split(whole, weights, jobs), weights, jobs, strict=True):
        loaded = np.zeros(len(side.arrival)) if side.rest is None else side.rest
        own = np.where(count[:, None] > 0, side.loose, 0.0)
        loose = (own + part) * shared
        _share(side.offsets, side.arrival, edges, side.weight, its_weights, count, loose, side.attributed, loaded)
        found.append(loaded)
    return found
