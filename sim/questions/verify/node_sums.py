"""Sums that theory speaks of where nodes come and go: of stints and of hires, in each replication.

Not here: sums of jobs and of steady nodes (``sums``), what is made of the sums (``probes``).
"""

from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from sim.ground.compiled import kernel
from sim.ground.hires import Hires
from sim.ground.jobs import API, HELD, HIRED, NOT_STARTED, Rows
from sim.ground.units import NEVER, TICKS_PER_HOUR, Floats, Ticks
from sim.questions.verify.sums import Served, Sums, integrals

LEVELS: Final = 128
"""Numbers of busy GPUs that are told apart, from 0 on; the last is that many or more."""


def _replication(offsets: Ticks) -> Ticks:
    """Tell of each row in which replication it is."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def _counted(served: Served, wanted: int) -> npt.NDArray[np.bool_]:
    """Mark the counted jobs of a class (-1: of all)."""
    of_class = served.paths.job_class == wanted if wanted >= 0 else np.ones(len(served.paths), np.bool_)
    return np.asarray((served.paths.arrival >= served.opens) & of_class)


def of_interruptions(served: Served, wanted: int) -> Sums:
    """Sum over the counted jobs of a class that started on nodes: interruptions, hours from first start to end."""
    rows, mine = served.rows, _counted(served, wanted)
    if not isinstance(rows, Rows):
        return dict.fromkeys(
            ("jobs", "interrupted", "spared", "run", "run2"), np.full(served.paths.replications, np.nan)
        )
    started = mine & ((rows.outcome == HELD) | (rows.outcome == HIRED))
    run = np.where(started, (rows.end - rows.start) / TICKS_PER_HOUR, 0.0)
    columns = {
        "jobs": started,
        "interrupted": rows.interrupted * started,
        "spared": started & (rows.interrupted == 0),
        "run": run,
        "run2": run * run,
    }
    return {name: _per_replication(served.paths.offsets, each) for name, each in columns.items()}


def _per_replication(offsets: Ticks, values: npt.NDArray[np.generic]) -> Floats:
    """Sum values of rows in each replication."""
    return np.bincount(_replication(offsets), values.astype(np.float64), len(offsets) - 1).astype(np.float64)


def of_stints(served: Served, wanted: int) -> Sums:
    """Sum over the stints of the counted jobs of a class: GPU hours, and those lost; NaN where there are no stints."""
    paths, rows = served.paths, served.rows
    jobs = _per_replication(paths.offsets, _counted(served, wanted))
    if not isinstance(rows, Rows) or rows.stints is None:
        return {"jobs": jobs, "gpu_hours": jobs * np.nan, "lost": jobs * np.nan}
    stints = rows.stints
    gpus = np.minimum(served.wanted_gpus[stints.job], served.fleet.gpus_per_node)
    mine = _counted(served, wanted)[stints.job] * gpus / TICKS_PER_HOUR
    return {
        "jobs": jobs,
        "gpu_hours": _per_replication(stints.offsets, mine * (stints.until - stints.since)),
        "lost": _per_replication(stints.offsets, mine * stints.lost),
    }


_OF_NODES = ("boot", "up", "warm", "hires", "ready", "none_up", "none_there", "jobs", "hours")


def of_nodes(served: Served, wanted: int) -> Sums:
    """Integrate over the counted time hired nodes on order, up, up and wholly free; time without; count hires."""
    del wanted
    rows, opens, closes = served.rows, served.opens, served.fleet.horizon
    jobs = _per_replication(served.paths.offsets, _counted(served, -1))
    if not isinstance(rows, Rows) or rows.hires is None:
        return dict.fromkeys(_OF_NODES, jobs * np.nan)
    hires = rows.hires
    ordered, ready, left = (np.clip(each, opens, closes) for each in (hires.ordered, hires.ready, hires.left))
    comes = np.minimum(ready, left)

    def total(values: npt.NDArray[np.generic]) -> Floats:
        return _per_replication(hires.offsets, values)

    def without(since: Ticks, until: Ticks) -> Floats:
        spans = [[since[a:b], until[a:b]] for a, b in pairwise(hires.offsets)]
        return np.array([integrals(served, span, [1, -1], list(np.zeros_like(span)))[0] for span in spans])

    up = total((left - comes) / TICKS_PER_HOUR)
    return {
        "boot": total((comes - ordered) / TICKS_PER_HOUR),
        "up": up,
        "warm": up - _in_use(served, rows, hires),
        "hires": total((hires.ordered >= opens) & (hires.ordered < closes)),
        "ready": total((hires.ready >= opens) & (hires.ready < closes)),
        "none_up": without(comes, left),
        "none_there": without(ordered, left),
        "jobs": jobs,
        "hours": np.full(len(jobs), served.hours),
    }


@kernel
def _union(order: Ticks, hire: Ticks, since: Ticks, until: Ticks, opens: int, closes: int, hours: Floats) -> None:
    """Add up for each hire the counted hours in which somebody runs on it; ``order`` is by hire, then by start."""
    before, last = -1, opens
    for k in range(len(order)):
        s = order[k]
        if hire[s] != before:
            before, last = int(hire[s]), opens
        begin, end = max(since[s], last), min(until[s], closes)
        if end > begin:
            hours[before] += (end - begin) / TICKS_PER_HOUR
            last = end


def _in_use(served: Served, rows: Rows, hires: Hires) -> Floats:
    """Integrate over the counted time the number of hired nodes on which somebody runs."""
    stints = rows.stints
    hours = np.zeros(len(hires))
    if stints is None:
        return hours
    on_hired = np.flatnonzero(stints.hire >= 0)
    hire = stints.hire[on_hired] + hires.offsets[_replication(stints.offsets)[on_hired]]
    order = np.argsort(hire, kind="stable")
    _union(order, hire, stints.since[on_hired], stints.until[on_hired], served.opens, served.fleet.horizon, hours)
    return _per_replication(hires.offsets, hours)


@kernel
def _levels(order: Ticks, times: Ticks, gpus: Ticks, opens: int, closes: int, hours: Floats) -> None:
    """Walk through changes of the number of busy GPUs in order of time; add up the counted hours at each number."""
    level, before = 0, opens
    for k in range(len(order) + 1):
        now = closes if k == len(order) else min(max(times[order[k]], opens), closes)
        hours[min(level, len(hours) - 1)] += (now - before) / TICKS_PER_HOUR
        before = now
        if k < len(order):
            level += gpus[order[k]]


def of_levels(served: Served, wanted: int) -> Sums:
    """Add up the counted hours in which so many GPUs are busy."""
    del wanted
    rows, paths = served.rows, served.paths
    if isinstance(rows, Rows) and rows.stints is not None:
        stints = rows.stints
        offsets, since, until = stints.offsets, stints.since, stints.until
        gpus = np.minimum(served.wanted_gpus[stints.job], served.fleet.gpus_per_node)
    else:
        offsets, since, until = paths.offsets, rows.start, rows.end
        gpus = served.wanted_gpus * ((rows.outcome == HELD) | (rows.outcome == HIRED))
    table = np.zeros((len(offsets) - 1, LEVELS))
    for hours, (first, last) in zip(table, pairwise(offsets), strict=True):
        times = np.concatenate((since[first:last], until[first:last]))
        change = np.concatenate((gpus[first:last], -gpus[first:last]))
        _levels(np.argsort(times, kind="stable"), times, change, served.opens, served.fleet.horizon, hours)
    return {f"busy{level}": column for level, column in enumerate(table.T)}


@kernel
def _begins(arrival: Ticks, left: Ticks, opens: int, closes: int, begins: Ticks) -> int:
    """List when the busy periods begin that begin and end within the counted time; tell how many."""
    found, begin, end = 0, -1, -1
    for j in range(len(arrival) + 1):
        over = j == len(arrival)
        if not over and left[j] <= arrival[j]:
            continue
        if over or arrival[j] >= end:
            if begin >= opens and end <= closes:
                begins[found] = begin
                found += 1
            if over:
                break
            begin, end = arrival[j], left[j]
        end = max(end, left[j])
    return found


def of_cold_periods(served: Served, wanted: int) -> Sums:
    """Count busy periods, and those at whose beginning a node is ordered."""
    del wanted
    rows, paths = served.rows, served.paths
    if not isinstance(rows, Rows) or rows.hires is None:
        return dict.fromkeys(("periods", "cold"), np.full(paths.replications, np.nan))
    left = np.where(rows.outcome == API, rows.start, np.where(rows.outcome == NOT_STARTED, NEVER, rows.end))
    sums = np.zeros((paths.replications, 2))
    begins = np.empty(len(paths) + 1, np.int64)
    hires = rows.hires
    for r, (first, last) in enumerate(pairwise(paths.offsets)):
        count = _begins(paths.arrival[first:last], left[first:last], served.opens, served.fleet.horizon, begins)
        ordered = hires.ordered[hires.offsets[r] : hires.offsets[r + 1]]
        sums[r] = count, np.count_nonzero(np.isin(begins[:count], ordered))
    return {"periods": sums[:, 0], "cold": sums[:, 1]}


def of_pair(counted: npt.NDArray[np.bool_], offsets: Ticks, one: Floats, other: Floats) -> Sums:
    """Sum over the counted jobs what each costs under two plans, the difference, and their squares."""
    columns = {"jobs": counted.astype(np.float64)}
    for name, each in (("one", one), ("other", other), ("less", one - other)):
        columns[name] = np.where(counted, each, 0.0)
        columns[f"{name}2"] = columns[name] ** 2
    return {name: _per_replication(offsets, each) for name, each in columns.items()}
