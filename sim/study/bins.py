"""A long run by bins of time: what came, waited, was there, worked and cost in each. Not here: means and intervals."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.engine.money import Shares
from sim.engine.money.waiting import left_queue
from sim.ground.compiled import inlined, kernel
from sim.ground.jobs import API, HELD, HIRED, Paths, Rows
from sim.ground.requests import RequestRows, Requests
from sim.ground.units import TICKS_PER_HOUR, Floats, Ticks
from sim.study.simulate import Experiment, Served

COLUMNS: Final = ("jobs", "queue", "in_system", "busy_gpus", "usd", "waits", "wait", "wait_square")
"""Of a class in each bin: jobs that came; hours in the queue, in the system, of GPUs at work, that passed there; USD of
the jobs that came, fully loaded; of those that started, their number, hours waited, and the squares of these."""

Jobs = Paths | Requests


(_JOBS, _QUEUE, _SYSTEM, _BUSY, _USD, _WAITS, _WAIT, _SQUARE) = range(len(COLUMNS))


@inlined
def _bin(instant: int, edges: Ticks) -> int:
    """Find the bin of an instant; bins are equal but for a tick."""
    bins = len(edges) - 1
    at = min(int(instant / edges[bins] * bins), bins - 1)
    while instant < edges[at]:
        at -= 1
    while instant >= edges[at + 1]:
        at += 1
    return at


@inlined
def _spread(out: Floats, row: int, column: int, since: int, until: int, weight: float, edges: Ticks) -> None:
    """Add a span of time, by its weight, to the bins that it lies in, in hours."""
    begin, end = max(since, 0), min(until, edges[len(edges) - 1])
    if begin < end and weight > 0:
        at = _bin(begin, edges)
        while begin < end:
            stop = min(end, edges[at + 1])
            out[row, at, column] += (stop - begin) / TICKS_PER_HOUR * weight
            begin, at = stop, at + 1


@kernel
def _fill(
    offsets: Ticks,
    arrival: Ticks,
    job_class: Ticks,
    start: Ticks,
    leaves: Ticks,
    ends: Ticks,
    usd: Floats,
    wanted: int,
    edges: Ticks,
    out: Floats,
) -> None:
    """Fill the bins of one class with its jobs, their waits and their money."""
    for r in range(len(offsets) - 1):
        for j in range(offsets[r], offsets[r + 1]):
            if job_class[j] != wanted:
                continue
            _spread(out, r, _QUEUE, arrival[j], leaves[j], 1.0, edges)
            _spread(out, r, _SYSTEM, arrival[j], ends[j], 1.0, edges)
            at = _bin(arrival[j], edges)
            out[r, at, _JOBS] += 1
            out[r, at, _USD] += usd[j]
            if start[j] >= 0:
                wait = (leaves[j] - arrival[j]) / TICKS_PER_HOUR
                out[r, at, _WAITS] += 1
                out[r, at, _WAIT] += wait
                out[r, at, _SQUARE] += wait * wait


@kernel
def _fill_work(
    offsets: Ticks,
    job_class: Ticks,
    job: Ticks,
    since: Ticks,
    until: Ticks,
    gpus: Floats,
    wanted: int,
    edges: Ticks,
    out: Floats,
) -> None:
    """Fill the bins of one class with the hours of GPUs at work; spans lie in order of their replications."""
    r = 0
    for k in range(len(job)):
        while job[k] >= offsets[r + 1]:
            r += 1
        if job_class[job[k]] == wanted:
            _spread(out, r, _BUSY, since[k], until[k], gpus[k], edges)


@dataclass(frozen=True)
class _Spans:
    """When so many GPUs worked on which job."""

    job: Ticks
    since: Ticks
    until: Ticks
    gpus: Floats


def _at_work(jobs: Jobs, rows: Rows | RequestRows, gpus_per_node: int) -> _Spans:
    """Tell when GPUs of nodes worked on each job, and how many of them."""
    every = np.arange(len(jobs))
    if isinstance(rows, RequestRows):
        length = np.maximum(1, rows.end - rows.start)
        return _Spans(every, rows.start, rows.end, np.where(rows.outcome == HELD, rows.gpu_time / length, 0.0))
    gpus = np.asarray(jobs.gpus, np.float64) if isinstance(jobs, Paths) else np.zeros(len(jobs))
    if (stints := rows.stints) is not None:
        return _Spans(stints.job, stints.since, stints.until, np.minimum(gpus[stints.job], gpus_per_node))
    on_nodes = (rows.outcome == HELD) | (rows.outcome == HIRED)
    return _Spans(every, rows.start, rows.end, gpus * on_nodes)


def _of_class(jobs: Jobs, rows: Rows | RequestRows, shares: Shares, wanted: int, edges: Ticks, work: _Spans) -> Floats:
    """Fill the bins of one class: float64[runs, bins, len(COLUMNS)]."""
    out = np.zeros((jobs.replications, len(edges) - 1, len(COLUMNS)))
    leaves = left_queue(rows, jobs, int(edges[-1]))
    ends = np.where((rows.start >= 0) & (rows.outcome != API), rows.end, leaves)
    about = (jobs.offsets, jobs.arrival, jobs.job_class, rows.start, leaves, ends, shares.fully_loaded)
    _fill(*about, wanted, edges, out)
    _fill_work(jobs.offsets, jobs.job_class, work.job, work.since, work.until, work.gpus, wanted, edges, out)
    return out


def in_bins(
    experiment: Experiment, plan_name: str, served: Served, shares: list[Shares], bins: int
) -> dict[str, Floats]:
    """Lay out long runs under one plan by bins of time.

    Parameters
    ----------
    experiment : Experiment
        Without warm-up.
    plan_name : str
        The plan.
    served, shares : Served, list of Shares
        What became of all work, and what it cost, side by side.
    bins : int
        Equal parts of the time from 0 to the horizon.

    Returns
    -------
    dict of float64[runs, bins, len(COLUMNS)]
        By class.
    """
    closes, steps = experiment.closes, np.arange(bins + 1, dtype=np.int64)
    whole, rest = divmod(closes, bins)
    edges = steps * whole + steps * rest // bins
    classes, per_node = list(experiment.scenario.workload), experiment.scenario.plans[plan_name].gpus_per_node
    found: dict[str, Floats] = {}
    if experiment.scenario.tunes:
        work = _at_work(served.paths, served.rows, per_node)
        for name in experiment.scenario.tunes:
            number = classes.index(name)
            found[name] = _of_class(served.paths, served.rows, shares[0], number, edges, work)
    for (pool, requests, rows), its in zip(served.requests, shares[len(shares) - len(served.requests) :], strict=True):
        work = _at_work(requests, rows, per_node)
        for name in pool.classes:
            found[name] = _of_class(requests, rows, its, classes.index(name), edges, work)
    return {name: found[name] for name in classes}
