"""The ledger: every USD of a plan's bill on one line, and every USD shared out to the jobs by a named rule.

A job is charged for the GPU time it had inside the counted time, or the API's price at hand-over (attributed). Fully
loaded, it also carries what its own hired node cost beyond that, and its share of what no single job caused (held idle
time, staff, overhead), within windows of time. Both add up.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.compiled import kernel
from sim.jobs import API, HELD, HIRED, NOT_STARTED, Fleet, Paths, Rows
from sim.money.tariff import Tariff
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

_HELD_USED, _HELD_IDLE, _OD_USED, _OD_IDLE, _API, _STAFF, _OVERHEAD, _PENALTIES = 0, 1, 2, 3, 6, 7, 8, 9
_BY_GPU_TIME, _EQUALLY, _NOT = 0, 1, 2
_RULES: Final = {"gpu_time": _BY_GPU_TIME, "equal": _EQUALLY, "platform": _NOT}
_BILLED_STEP: Final = 1_000_000
"""Hired nodes are billed by the second."""


@dataclass(frozen=True)
class Charges:
    """What each replication and each job of it cost under one plan.

    Attributes
    ----------
    lines : float64[replications, len(LINES)]
        USD.
    paid, allocated : float64[replications]
        GPU hours paid for, and given to jobs, inside the counted time.
    attributed, fully_loaded : float64[n]
        USD of each job; 0 for jobs that arrived before the warm-up ended.
    """

    lines: Floats
    paid: Floats
    allocated: Floats
    attributed: Floats
    fully_loaded: Floats


@kernel
def _charge(
    offsets: Ticks,
    arrival: Ticks,
    service: Ticks,
    gpus: Ticks,
    tokens: Floats,
    start: Ticks,
    end: Ticks,
    outcome: Ticks,
    edges: Ticks,
    node_gpus: int,
    held_rate: float,
    hired_rate: float,
    per_million: float,
    per_job: float,
    per_service: float,
    settle: float,
    fixed: Floats,
    held: Floats,
    rule: int,
    lines: Floats,
    allocated: Floats,
    hired_paid: Floats,
    attributed: Floats,
    fully_loaded: Floats,
    weight: Floats,
    loose: Floats,
    weights: Floats,
) -> None:
    """Charge the jobs of each replication, window by window.

    ``held`` and ``fixed`` are USD of held nodes and of staff and overhead in each window; ``loose`` gathers what is to
    be shared out in each window, ``weights`` the weight that it is shared over, ``weight`` each job's part of that.
    """
    windows = len(edges) - 1
    opens, closes = edges[0], edges[windows]
    for r in range(len(offsets) - 1):
        for w in range(windows):
            loose[w], weights[w] = held[w] + fixed[w], 0.0
        jobs = 0
        window = 0
        for j in range(offsets[r], offsets[r + 1]):
            counted = arrival[j] >= opens
            while window + 1 < windows and arrival[j] >= edges[window + 1]:
                window += 1
            own, ticks = 0.0, 0.0  # GPU ticks as floats: a thousand GPUs pass 2**63 of them in 292 years
            if outcome[j] == HELD or outcome[j] == HIRED:
                since, until = max(start[j], opens), min(end[j], closes)
                ticks = float(gpus[j]) * max(0, until - since)
                allocated[r] += ticks
                if outcome[j] == HELD:
                    own = ticks / TICKS_PER_HOUR * held_rate
                    lines[r, _HELD_USED] += own
                    if counted:  # its use leaves the idle money of the windows in which it ran
                        at = window
                        while since < until:
                            while at + 1 < windows and since >= edges[at + 1]:
                                at += 1
                            stop = min(until, edges[at + 1])
                            loose[at] -= float(gpus[j]) * (stop - since) / TICKS_PER_HOUR * held_rate
                            since = stop
                else:
                    nodes = (gpus[j] + node_gpus - 1) // node_gpus
                    billed_end = start[j] + (end[j] - start[j] + _BILLED_STEP - 1) // _BILLED_STEP * _BILLED_STEP
                    paid = float(nodes * node_gpus) * max(0, min(billed_end, closes) - since)
                    own = ticks / TICKS_PER_HOUR * hired_rate
                    idle = (paid - ticks) / TICKS_PER_HOUR * hired_rate
                    lines[r, _OD_USED] += own
                    lines[r, _OD_IDLE] += idle
                    hired_paid[r] += paid
                    if counted:  # the rest of its node and the rounding are the job's own doing
                        fully_loaded[j] = idle
                    else:
                        loose[window] += idle + own
            elif outcome[j] == API and start[j] >= opens:
                own = per_job + per_service * (service[j] / TICKS_PER_HOUR)
                if per_million > 0:
                    own += per_million * tokens[j]
                lines[r, _API] += own
                if not counted:
                    loose[window] += own
            elif counted and outcome[j] == NOT_STARTED:
                own = settle
                lines[r, _PENALTIES] += own
            if counted:
                jobs += 1
                attributed[j] = own
                weight[j] = 1.0 if rule == _EQUALLY else ticks
                weights[window] += weight[j]

        # Share out what is loose; what lies in a window without weight goes to all of the horizon.
        total, homeless = 0.0, 0.0
        for w in range(windows):
            total += weights[w]
            if weights[w] == 0:
                homeless += loose[w]
        for w in range(windows):
            if weights[w] > 0:
                loose[w] /= weights[w]
            else:
                loose[w] = 0.0
        by_weight = homeless / total if total > 0 else 0.0
        by_job = homeless / jobs if total == 0 and jobs > 0 else 0.0
        window = 0
        for j in range(offsets[r], offsets[r + 1]):
            while window + 1 < windows and arrival[j] >= edges[window + 1]:
                window += 1
            if arrival[j] >= opens:
                fully_loaded[j] += attributed[j]
                if rule != _NOT:
                    fully_loaded[j] += weight[j] * (loose[window] + by_weight) + by_job


def _window_edges(opens: int, closes: int, window: float) -> Ticks:
    """Divide the counted time equally, as near to the wanted window as fits."""
    count = max(1, round((closes - opens) / window))
    steps = np.arange(count + 1, dtype=np.int64)
    whole, rest = divmod(closes - opens, count)
    return opens + steps * whole + steps * rest // count


def charge(prices: Tariff, fleet: Fleet, paths: Paths, rows: Rows, opens: int, window: int, rule: str) -> Charges:
    """Charge the jobs of some replications under one plan.

    Parameters
    ----------
    prices : Tariff
        Of the plan.
    fleet : Fleet
        Its nodes, with the horizon.
    paths, rows : Paths, Rows
        The jobs and what became of them.
    opens : int
        Tick at which counting begins (the end of the warm-up).
    window : int
        Ticks; the length within which loose money is shared.
    rule : {"gpu_time", "equal", "platform"}
        Shared by GPU time (API jobs carry none), alike for every job, or not at all.

    Returns
    -------
    Charges
        The lines sum to the bill; unless the rule is ``platform`` the jobs' fully loaded costs do too, where there
        are jobs.
    """
    replications, jobs = paths.replications, len(paths)
    edges = _window_edges(opens, fleet.horizon, window)
    share = np.diff(edges) / (fleet.horizon - opens)
    lines = np.zeros((replications, len(LINES)))
    allocated, hired_paid = np.zeros(replications), np.zeros(replications)
    attributed, fully_loaded = np.zeros(jobs), np.zeros(jobs)
    _charge(
        paths.offsets,
        paths.arrival,
        paths.service,
        paths.gpus,
        paths.tokens,
        rows.start,
        rows.end,
        rows.outcome,
        edges,
        prices.node_gpus,
        prices.held_usd_per_gpu_h,
        prices.hired_usd_per_gpu_h,
        prices.api_usd_per_million,
        prices.api_usd_per_job,
        prices.api_usd_per_service_h,
        prices.settle_usd,
        share * (prices.staff_usd + prices.overhead_usd),
        share * prices.held_usd,
        _RULES[rule],
        lines,
        allocated,
        hired_paid,
        attributed,
        fully_loaded,
        weight=np.empty(jobs),
        loose=np.empty(len(share)),
        weights=np.empty(len(share)),
    )
    idle = prices.held_usd - lines[:, _HELD_USED]
    lines[:, _HELD_IDLE] = np.where(np.abs(idle) < 1e-12 * prices.held_usd, 0.0, idle)  # not -0.00 for a full fleet
    lines[:, _STAFF] = prices.staff_usd
    lines[:, _OVERHEAD] = prices.overhead_usd
    paid = prices.held_gpus * ((fleet.horizon - opens) / TICKS_PER_HOUR) + hired_paid / TICKS_PER_HOUR
    return Charges(lines, paid, allocated / TICKS_PER_HOUR, attributed, fully_loaded)
