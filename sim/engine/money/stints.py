"""What fine-tunes use of nodes that come and go: each stint at the rate of the node it ran on.

A hire is paid from order to return (``billing``). What it costs beside the GPU time used on it (boot, idle tail,
minimum, rounding) is the doing of the jobs that ran on it: each carries its part by GPU time on that hire, in its fully
loaded cost. A hire that nobody used is loose money of the window in which it was ordered.
"""

from dataclasses import dataclass

import numpy as np

from sim.engine.money.billing import FREE, billed
from sim.engine.money.memo import BOOT_USD, HIRES, LOST, LOST_USD, MEMO, READY, RECOVERY, RECOVERY_USD, note_use
from sim.engine.money.sharing import (
    API_LINE,
    EQUALLY,
    HELD_IDLE,
    HELD_USED,
    LINES,
    PENALTIES,
    RULES,
    Use,
    spread,
)
from sim.engine.money.tariff import Tariff
from sim.ground.compiled import kernel
from sim.ground.hires import Hires
from sim.ground.jobs import API, NOT_STARTED, Fleet, Paths, Rows, Stints
from sim.ground.units import TICKS_PER_HOUR, Floats, Ticks

_OWN, _HIRED, _LENT = range(3)
"""Columns of GPU hours by whose node it was; from ``_LENT`` on one for each lender."""


@kernel
def _run(
    offsets: Ticks,
    job: Ticks,
    node: Ticks,
    hire: Ticks,
    since: Ticks,
    until: Ticks,
    restart: Ticks,
    writing: Ticks,
    lost: Ticks,
    first_hire: Ticks,
    arrival: Ticks,
    gpus: Ticks,
    edges: Ticks,
    held_nodes: int,
    node_gpus: int,
    held_rate: float,
    lender: Ticks,
    lent_rate: Floats,
    hired_rate: float,
    hired_line: int,
    attributed: Floats,
    weight: Floats,
    on_hire: Floats,
    hours: Floats,
    lines: Floats,
    loose: Floats,
    lent: Floats,
    memo: Floats,
) -> None:
    """Charge each stint.

    ``on_hire`` gathers the GPU hours used of each hire, ``lent`` the money of lent nodes: a row for each replication
    and lender, all rows of a lender together.
    """
    windows = len(edges) - 1
    opens, closes = edges[0], edges[windows]
    for r in range(len(offsets) - 1):
        window = 0
        for s in range(offsets[r], offsets[r + 1]):
            begin, end = max(since[s], opens), min(until[s], closes)
            if begin >= end:
                continue
            while window + 1 < windows and begin >= edges[window + 1]:
                window += 1
            j = job[s]
            size = float(min(gpus[j], node_gpus))
            used = size * (end - begin) / TICKS_PER_HOUR
            counted = arrival[j] >= opens
            if hire[s] >= 0:
                rate = hired_rate
                on_hire[first_hire[r] + hire[s]] += used
                hours[r, _HIRED] += used
                lines[r, hired_line] += used * rate
                if not counted:
                    loose[r, 0] += used * rate
            elif node[s] < held_nodes:
                rate = held_rate
                hours[r, _OWN] += used
                lines[r, HELD_USED] += used * rate
                if counted:  # its use leaves the idle money of the windows in which it ran
                    spread(loose, r, edges, window, begin, end, -size * rate)
            else:
                k = lender[node[s] - held_nodes]
                rate = lent_rate[k]
                hours[r, _LENT + k] += used
                lines[r, HELD_USED] += used * rate
                spread(lent, k * (len(offsets) - 1) + r, edges, window, begin, end, size * rate)
                if not counted:
                    spread(loose, r, edges, window, begin, end, size * rate)
            if counted:
                attributed[j] += used * rate
                weight[j] += used
            if restart[s] + writing[s] + lost[s] > 0:
                each = size * ((end - begin) / (until[s] - since[s])) / TICKS_PER_HOUR  # GPU hours counted of a tick
                memo[r, RECOVERY] += (restart[s] + writing[s]) * each
                memo[r, RECOVERY_USD] += (restart[s] + writing[s]) * each * rate
                memo[r, LOST] += lost[s] * each
                memo[r, LOST_USD] += lost[s] * each * rate


@kernel
def _pay(
    offsets: Ticks,
    ordered: Ticks,
    ready: Ticks,
    left: Ticks,
    edges: Ticks,
    node_gpus: int,
    rate: float,
    from_order: bool,
    step: int,
    minimum: int,
    idle_line: int,
    on_hire: Floats,
    paid: Floats,
    lines: Floats,
    loose: Floats,
    memo: Floats,
) -> None:
    """Pay each hire; ``on_hire`` ends as the idle money that a GPU hour on it carries."""
    windows = len(edges) - 1
    opens, closes = edges[0], edges[windows]
    for r in range(len(offsets) - 1):
        window = 0
        for h in range(offsets[r], offsets[r + 1]):
            since, until = billed(ordered[h], ready[h], left[h], closes, from_order, step, minimum)
            since, until = max(since, opens), max(until, opens)
            hours = float(node_gpus) * (until - since) / TICKS_PER_HOUR
            idle = max(0.0, hours - on_hire[h]) * rate
            paid[r] += hours
            lines[r, idle_line] += idle
            memo[r, BOOT_USD] += float(node_gpus) * max(0, min(ready[h], until) - since) / TICKS_PER_HOUR * rate
            memo[r, HIRES] += opens <= ordered[h] < closes
            memo[r, READY] += opens <= ready[h] < closes
            if on_hire[h] > 0:
                on_hire[h] = idle / on_hire[h]
            else:
                while window + 1 < windows and ordered[h] >= edges[window + 1]:
                    window += 1
                loose[r, window] += idle


@kernel
def _share_hires(
    offsets: Ticks,
    job: Ticks,
    hire: Ticks,
    since: Ticks,
    until: Ticks,
    first_hire: Ticks,
    arrival: Ticks,
    gpus: Ticks,
    edges: Ticks,
    node_gpus: int,
    on_hire: Floats,
    rest: Floats,
    loose: Floats,
) -> None:
    """Give each job its part of the idle money of the hires that it ran on."""
    opens, closes = edges[0], edges[len(edges) - 1]
    for r in range(len(offsets) - 1):
        for s in range(offsets[r], offsets[r + 1]):
            begin, end = max(since[s], opens), min(until[s], closes)
            if hire[s] >= 0 and begin < end:
                j = job[s]
                used = float(min(gpus[j], node_gpus)) * (end - begin) / TICKS_PER_HOUR
                part = used * on_hire[first_hire[r] + hire[s]]
                if arrival[j] >= opens:
                    rest[j] += part
                else:
                    loose[r, 0] += part


@kernel
def _hand_over(
    offsets: Ticks,
    arrival: Ticks,
    service: Ticks,
    tokens: Floats,
    start: Ticks,
    outcome: Ticks,
    opens: int,
    per_million: float,
    per_job: float,
    per_service: float,
    settle: float,
    rule: int,
    attributed: Floats,
    weight: Floats,
    lines: Floats,
    loose: Floats,
) -> None:
    """Charge the jobs that no node ran: those of the API, and those not started."""
    for r in range(len(offsets) - 1):
        for j in range(offsets[r], offsets[r + 1]):
            counted = arrival[j] >= opens
            if outcome[j] == API and start[j] >= opens:
                own = per_job + per_service * (service[j] / TICKS_PER_HOUR)
                if per_million > 0:
                    own += per_million * tokens[j]
                lines[r, API_LINE] += own
                if counted:
                    attributed[j] = own
                else:
                    loose[r, 0] += own
            elif outcome[j] == NOT_STARTED and counted:
                attributed[j] = settle
                lines[r, PENALTIES] += settle
            if rule == EQUALLY:
                weight[j] = 1.0 if counted else 0.0


@dataclass(frozen=True)
class _Sheet:
    """What the kernels write: of jobs, of hires, of replications."""

    attributed: Floats
    weight: Floats
    rest: Floats
    on_hire: Floats
    paid: Floats
    hours: Floats
    lines: Floats
    loose: Floats
    lent: Floats
    memo: Floats

    @classmethod
    def blank(cls, jobs: int, hires: int, held: Floats, replications: int, lenders: int) -> "_Sheet":
        """Begin with all held money loose, in each window the same in every replication."""
        return cls(
            attributed=np.zeros(jobs),
            weight=np.zeros(jobs),
            rest=np.zeros(jobs),
            on_hire=np.zeros(hires),
            paid=np.zeros(replications),
            hours=np.zeros((replications, _LENT + lenders)),
            lines=np.zeros((replications, len(LINES))),
            loose=np.tile(held, (replications, 1)),
            lent=np.zeros((lenders * replications, len(held))),
            memo=np.zeros((replications, len(MEMO))),
        )


def _charge_stints(
    prices: Tariff, nodes: int, paths: Paths, stints: Stints, hires: Hires, edges: Ticks, sheet: _Sheet
) -> None:
    """Charge all stints."""
    hired = prices.hired or FREE
    _run(
        stints.offsets,
        stints.job,
        stints.node,
        stints.hire,
        stints.since,
        stints.until,
        stints.restart,
        stints.writing,
        stints.lost,
        hires.offsets,
        paths.arrival,
        paths.gpus,
        edges,
        nodes,
        prices.node_gpus,
        prices.held_usd_per_gpu_h,
        np.repeat(np.arange(len(prices.lenders)), np.array([lender.nodes for lender in prices.lenders], np.int64)),
        np.array([lender.usd_per_gpu_h for lender in prices.lenders]),
        hired.usd_per_gpu_h,
        hired.used_line,
        sheet.attributed,
        sheet.weight,
        sheet.on_hire,
        sheet.hours,
        sheet.lines,
        sheet.loose,
        sheet.lent,
        sheet.memo,
    )


def _charge_hires(prices: Tariff, paths: Paths, stints: Stints, hires: Hires, edges: Ticks, sheet: _Sheet) -> None:
    """Pay all hires and share out what they cost beside their use."""
    hired = prices.hired or FREE
    _pay(
        hires.offsets,
        hires.ordered,
        hires.ready,
        hires.left,
        edges,
        prices.node_gpus,
        hired.usd_per_gpu_h,
        hired.from_order,
        hired.step,
        hired.minimum,
        hired.idle_line,
        sheet.on_hire,
        sheet.paid,
        sheet.lines,
        sheet.loose,
        sheet.memo,
    )
    _share_hires(
        stints.offsets,
        stints.job,
        stints.hire,
        stints.since,
        stints.until,
        hires.offsets,
        paths.arrival,
        paths.gpus,
        edges,
        prices.node_gpus,
        sheet.on_hire,
        sheet.rest,
        sheet.loose,
    )


def _charge_others(prices: Tariff, paths: Paths, rows: Rows, opens: int, rule: int, sheet: _Sheet) -> None:
    """Charge the jobs that no node ran."""
    _hand_over(
        paths.offsets,
        paths.arrival,
        paths.service,
        paths.tokens,
        rows.start,
        rows.outcome,
        opens,
        prices.api_usd_per_million,
        prices.api_usd_per_job,
        prices.api_usd_per_service_h,
        prices.settle_usd,
        rule,
        sheet.attributed,
        sheet.weight,
        sheet.lines,
        sheet.loose,
    )


def use_of_stints(prices: Tariff, fleet: Fleet, paths: Paths, rows: Rows, edges: Ticks, rule: str) -> Use:
    """Tell what the fine-tunes of some replications use under a plan whose nodes come and go.

    Parameters
    ----------
    prices, fleet, paths, rows, edges, rule
        As for ``use_of_nodes``; the rows tell stints and hires.
    """
    stints, hires = rows.stints, rows.hires
    if stints is None or hires is None:
        raise ValueError("rows without stints and hires are those of a steady fleet")
    counted = edges[-1] - edges[0]
    held = np.diff(edges) / counted * prices.held_usd
    lenders = prices.lenders
    if sum(lender.nodes for lender in lenders) != fleet.lent:
        raise ValueError(f"a fleet with {fleet.lent} lent nodes needs lenders of so many")
    sheet = _Sheet.blank(len(paths), len(hires), held, paths.replications, len(lenders))
    _charge_stints(prices, fleet.nodes, paths, stints, hires, edges, sheet)
    if len(hires):
        _charge_hires(prices, paths, stints, hires, edges, sheet)
    _charge_others(prices, paths, rows, int(edges[0]), RULES[rule], sheet)
    own, of_hires, *of_lenders = sheet.hours.T
    sheet.lines[:, HELD_IDLE] = prices.held_usd - own * prices.held_usd_per_gpu_h
    held_paid = prices.held_gpus * (counted / TICKS_PER_HOUR)
    on_held = [(own, prices.held_list_usd_per_gpu_h)]
    on_held += [(hours, lender.list_usd_per_gpu_h) for hours, lender in zip(of_lenders, lenders, strict=True)]
    note_use(sheet.memo, on_held, (of_hires, prices.hired_list_usd_per_gpu_h), held_paid, sheet.paid)
    return Use(
        paths.offsets,
        paths.arrival,
        sheet.lines,
        paid=held_paid + sheet.paid,
        allocated=sheet.hours.sum(axis=1),
        attributed=sheet.attributed,
        rest=sheet.rest,
        weight=sheet.weight,
        loose=sheet.loose,
        memo=sheet.memo,
        lent=tuple(sheet.lent.reshape(len(lenders), *sheet.loose.shape)),
    )
