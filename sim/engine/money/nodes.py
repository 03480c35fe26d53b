"""What fine-tunes use of a plan: their own money, the weight by which they share the rest, and what is left loose."""

import numpy as np

from sim.engine.money.billing import FREE
from sim.engine.money.memo import HIRES, MEMO, READY, note_use
from sim.engine.money.sharing import (
    API_LINE,
    EQUALLY,
    HELD_IDLE,
    HELD_USED,
    LINES,
    PENALTIES,
    RULES,
    Use,
)
from sim.engine.money.stints import use_of_stints
from sim.engine.money.tariff import Tariff
from sim.ground.compiled import kernel
from sim.ground.jobs import API, HELD, HIRED, NOT_STARTED, Fleet, Paths, Rows
from sim.ground.units import TICKS_PER_HOUR, Floats, Ticks


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
    hired_line: int,
    idle_line: int,
    step: int,
    minimum: int,
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
    memo: Floats,
) -> None:
    """Charge the jobs of each replication; ``loose`` gathers what is to be shared out in each window."""
    windows = len(edges) - 1
    opens, closes = edges[0], edges[windows]
    for r in range(len(offsets) - 1):
        for w in range(windows):
            loose[r, w] = held[w]
        window, mine = 0, lines[r]
        given, on_held, on_hired, beside, paid_hired, hires, at_api = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for j in range(np.uint64(offsets[r]), np.uint64(offsets[r + 1])):
            counted = arrival[j] >= opens
            while window + 1 < windows and arrival[j] >= edges[window + 1]:
                window += 1
            own, ticks = 0.0, 0.0  # GPU ticks as floats: a thousand GPUs pass 2**63 of them in 292 years
            if outcome[j] == HELD or outcome[j] == HIRED:
                since, until = max(start[j], opens), min(end[j], closes)
                ticks = float(gpus[j]) * max(0, until - since)
                given += ticks
                if outcome[j] == HELD:
                    own = ticks / TICKS_PER_HOUR * held_rate
                    on_held += own
                    if counted:  # its use leaves the idle money of the windows in which it ran
                        at = window
                        while since < until:
                            while at + 1 < windows and since >= edges[at + 1]:
                                at += 1
                            stop = min(until, edges[at + 1])
                            loose[r, at] -= float(gpus[j]) * (stop - since) / TICKS_PER_HOUR * held_rate
                            since = stop
                else:
                    nodes = 1 if gpus[j] <= node_gpus else (gpus[j] + node_gpus - 1) // node_gpus
                    billed = max((end[j] - start[j] + step - 1) // step * step, minimum)
                    paid = float(nodes * node_gpus) * max(0, min(start[j] + billed, closes) - since)
                    own = ticks / TICKS_PER_HOUR * hired_rate
                    idle = (paid - ticks) / TICKS_PER_HOUR * hired_rate
                    on_hired += own
                    beside += idle
                    paid_hired += paid
                    if start[j] >= opens:
                        hires += nodes
                    if counted:  # the rest of its node and the rounding are the job's own doing
                        rest[j] = idle
                    else:
                        loose[r, window] += idle + own
            elif outcome[j] == API and start[j] >= opens:
                own = per_job + per_service * (service[j] / TICKS_PER_HOUR)
                if per_million > 0:
                    own += per_million * tokens[j]
                at_api += own
                if not counted:
                    loose[r, window] += own
            elif counted and outcome[j] == NOT_STARTED:
                own = settle
                mine[PENALTIES] += own
            if counted:
                attributed[j] = own
                weight[j] = 1.0 if rule == EQUALLY else ticks
        mine[HELD_USED], mine[hired_line], mine[idle_line], mine[API_LINE] = on_held, on_hired, beside, at_api
        allocated[r], hired_paid[r], memo[r, HIRES] = given, paid_hired, hires


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
    if rows.stints is not None:
        return use_of_stints(prices, fleet, paths, rows, edges, rule)
    replications, jobs, windows = paths.replications, len(paths), len(edges) - 1
    hired = prices.hired or FREE
    counted = edges[-1] - edges[0]
    lines = np.zeros((replications, len(LINES)))
    allocated, hired_paid = np.zeros(replications), np.zeros(replications)
    attributed, rest, weight = np.zeros(jobs), np.zeros(jobs), np.zeros(jobs)
    loose, memo = np.empty((replications, windows)), np.zeros((replications, len(MEMO)))
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
        hired.usd_per_gpu_h,
        hired.used_line,
        hired.idle_line,
        hired.step,
        hired.minimum,
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
        memo,
    )
    lines[:, HELD_IDLE] = prices.held_usd - lines[:, HELD_USED]
    memo[:, READY] = memo[:, HIRES]
    allocated /= TICKS_PER_HOUR
    hired_paid /= TICKS_PER_HOUR
    held_paid = prices.held_gpus * (counted / TICKS_PER_HOUR)
    on_held, on_hired = (
        (np.zeros(replications), allocated) if fleet.no_queue == HIRED else (allocated, np.zeros(replications))
    )
    note_use(
        memo,
        [(on_held, prices.held_list_usd_per_gpu_h)],
        (on_hired, prices.hired_list_usd_per_gpu_h),
        held_paid,
        hired_paid,
    )
    return Use(
        paths.offsets,
        paths.arrival,
        lines,
        paid=held_paid + hired_paid,
        allocated=allocated,
        attributed=attributed,
        rest=rest,
        weight=weight,
        loose=loose,
        memo=memo,
    )
