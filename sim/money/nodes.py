"""What fine-tunes use of a plan: their own money, the weight by which they share the rest, and what is left loose."""

import numpy as np

from sim.compiled import kernel
from sim.jobs import API, HELD, HIRED, NOT_STARTED, Fleet, Paths, Rows
from sim.money.sharing import (
    API_LINE,
    EQUALLY,
    HELD_IDLE,
    HELD_USED,
    LINES,
    ON_DEMAND_IDLE,
    ON_DEMAND_USED,
    PENALTIES,
    RULES,
    Use,
)
from sim.money.tariff import Tariff
from sim.units import TICKS_PER_HOUR, Floats, Ticks

_BILLED_STEP = 1_000_000
"""Hired nodes are billed by the second."""


@kernel
def _use(
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
    held: Floats,
    rule: int,
    lines: Floats,
    allocated: Floats,
    hired_paid: Floats,
    attributed: Floats,
    rest: Floats,
    weight: Floats,
    loose: Floats,
) -> None:
    """Charge the jobs of each replication; ``loose`` gathers what is to be shared out in each window."""
    windows = len(edges) - 1
    opens, closes = edges[0], edges[windows]
    for r in range(len(offsets) - 1):
        for w in range(windows):
            loose[r, w] = held[w]
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
                    lines[r, HELD_USED] += own
                    if counted:  # its use leaves the idle money of the windows in which it ran
                        at = window
                        while since < until:
                            while at + 1 < windows and since >= edges[at + 1]:
                                at += 1
                            stop = min(until, edges[at + 1])
                            loose[r, at] -= float(gpus[j]) * (stop - since) / TICKS_PER_HOUR * held_rate
                            since = stop
                else:
                    nodes = (gpus[j] + node_gpus - 1) // node_gpus
                    billed_end = start[j] + (end[j] - start[j] + _BILLED_STEP - 1) // _BILLED_STEP * _BILLED_STEP
                    paid = float(nodes * node_gpus) * max(0, min(billed_end, closes) - since)
                    own = ticks / TICKS_PER_HOUR * hired_rate
                    idle = (paid - ticks) / TICKS_PER_HOUR * hired_rate
                    lines[r, ON_DEMAND_USED] += own
                    lines[r, ON_DEMAND_IDLE] += idle
                    hired_paid[r] += paid
                    if counted:  # the rest of its node and the rounding are the job's own doing
                        rest[j] = idle
                    else:
                        loose[r, window] += idle + own
            elif outcome[j] == API and start[j] >= opens:
                own = per_job + per_service * (service[j] / TICKS_PER_HOUR)
                if per_million > 0:
                    own += per_million * tokens[j]
                lines[r, API_LINE] += own
                if not counted:
                    loose[r, window] += own
            elif counted and outcome[j] == NOT_STARTED:
                own = settle
                lines[r, PENALTIES] += own
            if counted:
                attributed[j] = own
                weight[j] = 1.0 if rule == EQUALLY else ticks


def use_of_nodes(prices: Tariff, fleet: Fleet, paths: Paths, rows: Rows, edges: Ticks, rule: str) -> Use:
    """Tell what the fine-tunes of some replications use under one plan.

    Parameters
    ----------
    prices : Tariff
        Of the plan.
    fleet : Fleet
        Its nodes.
    paths, rows : Paths, Rows
        The jobs and what became of them.
    edges : int64[windows + 1]
        Ticks at which the windows of the counted time begin and end.
    rule : str
        How loose money will be shared: one of ``RULES``.
    """
    replications, jobs, windows = paths.replications, len(paths), len(edges) - 1
    counted = edges[-1] - edges[0]
    lines = np.zeros((replications, len(LINES)))
    allocated, hired_paid = np.zeros(replications), np.zeros(replications)
    attributed, rest, weight = np.zeros(jobs), np.zeros(jobs), np.zeros(jobs)
    loose = np.empty((replications, windows))
    _use(
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
        np.diff(edges) / counted * prices.held_usd,
        RULES[rule],
        lines,
        allocated,
        hired_paid,
        attributed,
        rest,
        weight,
        loose,
    )
    lines[:, HELD_IDLE] = prices.held_usd - lines[:, HELD_USED]
    paid = prices.held_gpus * (counted / TICKS_PER_HOUR) + hired_paid / TICKS_PER_HOUR
    return Use(paths.offsets, paths.arrival, lines, paid, allocated / TICKS_PER_HOUR, attributed, rest, weight, loose)
