"""Sums that theory speaks of and no buyer asks for, taken from the rows of each replication.

Not here: what is made of the sums (``probes``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sim.ground.compiled import kernel
from sim.ground.jobs import API, HELD, NOT_STARTED, Fleet, Paths, Rows
from sim.ground.requests import Replicas, RequestRows, Requests
from sim.ground.units import FINE, NEVER, TICKS_PER_HOUR, TICKS_PER_SECOND, Floats, Ticks
from sim.study.outcome import Outcome

Sums = dict[str, Floats]
"""By name, one value a replication."""

_OF_JOBS = (
    "jobs", "held", "waited", "held_waited", "left_waiting", "known", "wait", "wait2", "held_wait", "held_sojourn",
    "cost", "cost2", "loaded", "loaded2",
)  # fmt: skip
_OF_REQUESTS = ("held", "queued", "output", "service", "sojourn", "sojourn2", "per_token")
_OF_BUSY = ("periods", "length", "length2", "served")


@dataclass(frozen=True)
class Served:
    """Some replications of one plan: the jobs, what became of them, and between which ticks things are counted.

    ``replicas`` are those that served the jobs, where these are requests that own replicas served.
    """

    fleet: Fleet
    paths: Paths | Requests
    rows: Rows | RequestRows
    outcome: Outcome
    attributed: Floats
    fully_loaded: Floats
    opens: int
    replicas: Replicas | None = None

    @property
    def hours(self) -> float:
        """Length of the counted time."""
        return (self.fleet.horizon - self.opens) / TICKS_PER_HOUR

    @property
    def wanted_gpus(self) -> Ticks:
        """GPUs that each job takes for itself; requests share theirs."""
        return self.paths.gpus if isinstance(self.paths, Paths) else np.zeros(len(self.paths), np.int64)

    @property
    def gpus(self) -> int:
        """GPUs of all held nodes."""
        return self.fleet.nodes * self.fleet.gpus_per_node


@kernel
def _sum_jobs(
    offsets: Ticks, arrival: Ticks, job_class: Ticks, start: Ticks, end: Ticks, outcome: Ticks, cost: Floats,
    loaded: Floats, wanted: int, opens: int, sums: Floats,
) -> None:  # fmt: skip
    """Sum over the counted jobs of one class, or of all where ``wanted`` is -1; columns as in ``_OF_JOBS``."""
    for r in range(len(offsets) - 1):
        for j in range(offsets[r], offsets[r + 1]):
            if arrival[j] < opens or (wanted >= 0 and job_class[j] != wanted):
                continue
            served, held = outcome[j] != NOT_STARTED, outcome[j] == HELD
            waited = not served or start[j] > arrival[j]
            wait = (start[j] - arrival[j]) / TICKS_PER_HOUR if served else 0.0
            sums[r, 0] += 1
            sums[r, 1] += held
            sums[r, 2] += waited
            sums[r, 3] += held and waited
            sums[r, 4] += waited and outcome[j] == API
            sums[r, 5] += served
            sums[r, 6] += wait
            sums[r, 7] += wait * wait
            if held:
                sums[r, 8] += wait
                sums[r, 9] += (end[j] - arrival[j]) / TICKS_PER_HOUR
            sums[r, 10] += cost[j]
            sums[r, 11] += cost[j] * cost[j]
            sums[r, 12] += loaded[j]
            sums[r, 13] += loaded[j] * loaded[j]


def of_jobs(served: Served, wanted: int) -> Sums:
    """Sum what is known of the jobs of a class (-1: of all classes)."""
    paths, rows = served.paths, served.rows
    sums = np.zeros((paths.replications, len(_OF_JOBS)))
    _sum_jobs(
        paths.offsets, paths.arrival, paths.job_class, rows.start, rows.end, rows.outcome, served.attributed,
        served.fully_loaded, wanted, served.opens, sums,
    )  # fmt: skip
    columns = dict(zip(_OF_JOBS, sums.T, strict=True))
    not_held = columns["jobs"] - columns["held"]
    hours = np.full(paths.replications, served.hours)
    columns["waited_known"] = columns["held_waited"] + columns["left_waiting"]
    return columns | {"not_held": not_held, "not_held2": np.square(not_held), "hours": hours}


def _longest_iteration(rules: Replicas) -> int:
    """Bound how long an iteration can last, in microseconds: a full cache, and all seats or all prefill."""
    seats, budget = rules.max_num_seqs, rules.token_budget
    decoding = rules.per_request * seats + rules.per_prefill_token * (budget - seats)
    tokens = max(decoding, rules.per_prefill_token * budget) + rules.per_kv_token * rules.kv_tokens
    longest = max(rules.floor, rules.base + tokens + rules.prefill) + rules.load * rules.slots
    return -(-longest // FINE)


@kernel
def _sum_requests(
    offsets: Ticks, arrival: Ticks, output: Ticks, job_class: Ticks, start: Ticks, end: Ticks, outcome: Ticks,
    wanted: int, opens: int, longest: int, sums: Floats,
) -> None:  # fmt: skip
    """Sum over the counted requests of one class, or of all where ``wanted`` is -1; columns as in ``_OF_REQUESTS``."""
    for r in range(len(offsets) - 1):
        for j in range(offsets[r], offsets[r + 1]):
            if arrival[j] < opens or outcome[j] != HELD or (wanted >= 0 and job_class[j] != wanted):
                continue
            sojourn = (end[j] - arrival[j]) / TICKS_PER_SECOND
            sums[r, 0] += 1
            sums[r, 1] += start[j] - arrival[j] > longest
            sums[r, 2] += output[j]
            sums[r, 3] += (end[j] - start[j]) / TICKS_PER_SECOND
            sums[r, 4] += sojourn
            sums[r, 5] += sojourn * sojourn
            sums[r, 6] += sojourn / output[j]


def of_requests(served: Served, wanted: int) -> Sums:
    """Sum over the counted requests of a class (-1: of all) that own replicas served; NaN where there are none such.

    ``queued`` waited longer than the longest iteration: who comes while a seat is free waits for the next boundary.
    ``service`` (from start to end), ``sojourn`` (from arrival to end), ``per_token`` (sojourn by tokens written): in
    seconds.
    """
    requests, rows, rules = served.paths, served.rows, served.replicas
    if rules is None or not isinstance(requests, Requests):
        return {name: np.full(requests.replications, np.nan) for name in _OF_REQUESTS}
    sums = np.zeros((requests.replications, len(_OF_REQUESTS)))
    _sum_requests(
        requests.offsets, requests.arrival, requests.output, requests.job_class, rows.start, rows.end, rows.outcome,
        wanted, served.opens, _longest_iteration(rules), sums,
    )  # fmt: skip
    return dict(zip(_OF_REQUESTS, sums.T, strict=True))


def of_crowds(served: Served, wanted: int) -> Sums:
    """Count the requests that find so many at their replica, queued or running, that one more slows its iterations."""
    requests, rows, rules = served.paths, served.rows, served.replicas
    sums = np.zeros((requests.replications, 2))
    if rules is None or not isinstance(rows, RequestRows):
        return {"held": sums[:, 0] * np.nan, "crowded": sums[:, 1] * np.nan}
    alike = NEVER if rules.per_request == 0 else (rules.floor - rules.base) // rules.per_request
    counted = requests.arrival >= served.opens
    if wanted >= 0:
        counted &= requests.job_class == wanted
    held = rows.outcome == HELD
    for r, (first, last) in enumerate(pairwise(requests.offsets)):
        for number in range(rules.count):
            mine = first + np.flatnonzero(held[first:last] & (rows.replica[first:last] == number))
            gone = np.searchsorted(np.sort(rows.end[mine] - rules.frontend), requests.arrival[mine], side="right")
            crowded = np.arange(len(mine)) - gone >= alike
            sums[r] += np.count_nonzero(counted[mine]), np.count_nonzero(crowded & counted[mine])
    return {"held": sums[:, 0], "crowded": sums[:, 1]}


@kernel
def _sum_busy(offsets: Ticks, arrival: Ticks, left: Ticks, opens: int, closes: int, sums: Floats) -> None:
    """Sum over the busy periods that begin and end within the counted time; columns as in ``_OF_BUSY``."""
    for r in range(len(offsets) - 1):
        begin, end, jobs = -1, -1, 0
        for j in range(offsets[r], offsets[r + 1] + 1):
            over = j == offsets[r + 1]
            if not over and left[j] <= arrival[j]:
                continue
            if over or arrival[j] >= end:
                if begin >= opens and end <= closes:
                    hours = (end - begin) / TICKS_PER_HOUR
                    sums[r, 0] += 1
                    sums[r, 1] += hours
                    sums[r, 2] += hours * hours
                    sums[r, 3] += jobs
                if over:
                    break
                begin, end, jobs = arrival[j], left[j], 0
            jobs += 1
            end = max(end, left[j])


def of_busy_periods(served: Served, wanted: int) -> Sums:
    """Sum over busy periods: spans in which some job is at the held nodes, waiting or running."""
    del wanted
    paths, rows = served.paths, served.rows
    left = np.where(rows.outcome == API, rows.start, np.where(rows.outcome == NOT_STARTED, NEVER, rows.end))
    sums = np.zeros((paths.replications, len(_OF_BUSY)))
    _sum_busy(paths.offsets, paths.arrival, left, served.opens, served.fleet.horizon, sums)
    return dict(zip(_OF_BUSY, sums.T, strict=True))


@kernel
def _walk(
    order: Ticks, times: Ticks, jobs: Ticks, gpus: Ticks, free: int, opens: int, closes: int, sums: Floats
) -> None:
    """Walk through changes of a number of jobs and of free GPUs in order of time; integrate over the counted time.

    ``sums``: time without jobs, jobs, squared jobs, free GPUs while there are jobs, time with all GPUs free.
    """
    level, whole, before = 0, free, opens
    for k in range(len(order) + 1):
        now = closes if k == len(order) else min(max(times[order[k]], opens), closes)
        hours = (now - before) / TICKS_PER_HOUR
        before = now
        sums[0] += hours * (level == 0)
        sums[1] += hours * level
        sums[2] += hours * level * level
        sums[3] += hours * free * (level > 0)
        sums[4] += hours * (free == whole)
        if k < len(order):
            level += jobs[order[k]]
            free += gpus[order[k]]


def integrals(served: Served, times: list[Ticks], jobs: list[int], gpus: list[Ticks]) -> Floats:
    """Integrate over time what several kinds of events change, each kind with its change of the number of jobs."""
    instants = np.concatenate(times)
    change = np.repeat(np.array(jobs), [len(each) for each in times])
    sums = np.zeros(5)
    order = np.argsort(instants, kind="stable")
    _walk(order, instants, change, np.concatenate(gpus), served.gpus, served.opens, served.fleet.horizon, sums)
    return sums


def _each(served: Served, measure: Callable[[slice], Floats], names: dict[str, int]) -> Sums:
    """Take integrals over the rows of each replication; name those that are wanted."""
    table = np.array([measure(slice(a, b)) for a, b in pairwise(served.paths.offsets)])
    return {name: table[:, k] for name, k in names.items()} | {"hours": np.full(len(table), served.hours)}


def of_api(served: Served, wanted: int) -> Sums:
    """Integrate over time the number of jobs in service at the API, and its square."""
    del wanted
    rows = served.rows

    def measure(part: slice) -> Floats:
        there = rows.outcome[part] == API
        times = [rows.start[part][there], rows.end[part][there]]
        return integrals(served, times, [1, -1], [np.zeros(len(each), np.int64) for each in times])

    return _each(served, measure, {"api": 1, "api2": 2})


def of_queue(served: Served, wanted: int) -> Sums:
    """Integrate over time: no job waits; free GPUs while some job waits; every GPU is free."""
    del wanted
    rows, paths, horizon = served.rows, served.paths, served.fleet.horizon

    def measure(part: slice) -> Floats:
        held = rows.outcome[part] == HELD
        arrival, gpus = paths.arrival[part], served.wanted_gpus[part][held]
        leaves = np.where(rows.outcome[part] == NOT_STARTED, horizon, rows.start[part])
        times = [arrival, leaves, rows.start[part][held], rows.end[part][held]]
        none = np.zeros(len(arrival), np.int64)
        return integrals(served, times, [1, -1, 0, 0], [none, none, -gpus, gpus])

    return _each(served, measure, {"queue_empty": 0, "blocked": 3, "all_idle": 4})


def of_end(served: Served, wanted: int) -> Sums:
    """Look at each replication when the clock stops: jobs in the system, jobs completed, whether all GPUs are busy."""
    del wanted
    rows, paths, closes = served.rows, served.paths, served.fleet.horizon
    count = paths.replications
    replication = np.repeat(np.arange(count), np.diff(paths.offsets))
    held = rows.outcome == HELD
    running = held & (rows.end > closes)
    busy = np.bincount(replication, weights=running * served.wanted_gpus, minlength=count)
    there = running | (rows.outcome == NOT_STARTED)
    done = held & ~running & (rows.end > served.opens)
    return {
        "in_system": np.bincount(replication[there], minlength=count).astype(np.float64),
        "completed": np.bincount(replication[done], minlength=count).astype(np.float64),
        "all_busy": ((busy >= served.gpus) & (served.gpus > 0)).astype(np.float64),
    }


def of_money(served: Served, wanted: int) -> Sums:
    """Take the bill, its powers, GPU hours paid and allocated, hours of waiting within the counted time."""
    del wanted
    bills = served.outcome.bills
    replication = np.repeat(np.arange(len(bills)), np.diff(served.paths.offsets))
    return {
        "bill": bills,
        "bill2": bills**2,
        "bill3": bills**3,
        "paid": served.outcome.paid,
        "allocated": served.outcome.allocated,
        "waiting": served.outcome.total("queue"),
        "jobs": np.bincount(replication[served.paths.arrival >= served.opens], minlength=len(bills)).astype(np.float64),
        "hours": np.full(len(bills), served.hours),
    }
