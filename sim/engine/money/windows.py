"""The ledger by window: what the work of a plan and its nodes cost in each. Not here: the calendar it is entered in."""

import numpy as np

from sim.engine.money.billing import FREE
from sim.engine.money.calendar import Calendar, replications_of
from sim.engine.money.requests import TokenTariff
from sim.engine.money.sharing import API_LINE, HELD_IDLE, HELD_USED
from sim.engine.money.tariff import Tariff
from sim.ground.jobs import API, HELD, HIRED, Fleet, Paths, Rows
from sim.ground.requests import RequestRows, Requests
from sim.ground.units import TICKS_PER_HOUR


def _enter_held(calendar: Calendar, prices: Tariff, paths: Paths, rows: Rows) -> None:
    """Enter the use of nodes that are always there."""
    mine = np.flatnonzero(rows.outcome == HELD)
    rate = paths.gpus[mine].astype(np.float64) * prices.held_usd_per_gpu_h
    calendar.use(HELD_IDLE, HELD_USED, replications_of(paths.offsets)[mine], rows.start[mine], rows.end[mine], rate)


def _enter_hired_at_once(calendar: Calendar, prices: Tariff, paths: Paths, rows: Rows) -> None:
    """Enter jobs that have nodes of their own, paid by the step."""
    hired, node_gpus, replication = prices.hired or FREE, prices.node_gpus, replications_of(paths.offsets)
    gpus = paths.gpus.astype(np.float64)
    whole = np.ceil(gpus / node_gpus) * node_gpus * hired.usd_per_gpu_h
    paid = np.maximum(-(-(rows.end - rows.start) // hired.step) * hired.step, hired.minimum)
    calendar.spend(hired.idle_line, replication, rows.start, rows.start + paid, whole)
    lines = (hired.idle_line, hired.used_line)
    calendar.use(*lines, replication, rows.start, rows.end, gpus * hired.usd_per_gpu_h)


def _enter_stints(calendar: Calendar, prices: Tariff, fleet: Fleet, paths: Paths, rows: Rows) -> None:
    """Enter stints on nodes that come and go, and what the hires cost; lent nodes are the lender's idle money."""
    stints, hired = rows.stints, prices.hired or FREE
    if stints is None or rows.hires is None:
        return
    calendar.hire(hired, prices.node_gpus, rows.hires)
    lent_rates = [np.full(lender.nodes, lender.usd_per_gpu_h) for lender in prices.lenders]
    by_node = np.concatenate([np.full(fleet.nodes, prices.held_usd_per_gpu_h), *lent_rates])
    replication = replications_of(stints.offsets)
    size = np.minimum(paths.gpus[stints.job], prices.node_gpus)
    for mine, lines in (
        (np.flatnonzero(stints.hire < 0), (HELD_IDLE, HELD_USED)),
        (np.flatnonzero(stints.hire >= 0), (hired.idle_line, hired.used_line)),
    ):
        rate = by_node[stints.node[mine]] if lines[0] == HELD_IDLE else np.full(len(mine), hired.usd_per_gpu_h)
        calendar.use(*lines, replication[mine], stints.since[mine], stints.until[mine], size[mine] * rate)


def enter_tunes(calendar: Calendar, prices: Tariff, fleet: Fleet, paths: Paths, rows: Rows) -> None:
    """Enter what the fine-tunes and their nodes cost.

    Parameters
    ----------
    prices, fleet, paths, rows
        As for ``use_of_nodes``.
    """
    if rows.stints is not None and rows.hires is not None:
        _enter_stints(calendar, prices, fleet, paths, rows)
    elif fleet.no_queue == HIRED:
        _enter_hired_at_once(calendar, prices, paths, rows)
    elif len(paths):
        _enter_held(calendar, prices, paths, rows)
    calendar.usd[:, :, HELD_IDLE] += calendar.shares * prices.held_usd
    mine = np.flatnonzero((rows.outcome == API) & (rows.start >= calendar.edges[0]))
    usd = np.full(len(mine), float(prices.api_usd_per_job))
    usd += prices.api_usd_per_service_h * (paths.service[mine] / TICKS_PER_HOUR)
    if prices.api_usd_per_million > 0:
        usd += prices.api_usd_per_million * paths.tokens[mine]
    calendar.book(API_LINE, replications_of(paths.offsets)[mine], rows.start[mine], usd)
    calendar.settle(prices.settle_usd, paths, rows)


def enter_requests(calendar: Calendar, prices: TokenTariff, requests: Requests, rows: RequestRows) -> None:
    """Enter what the requests of a pool and its nodes cost, but what an API account takes (``money.account``).

    Parameters
    ----------
    prices, requests, rows
        As for ``use_of_requests``; the windows of the rows are these.
    """
    hired, used = prices.hired, rows.busy * (prices.replica_gpus * prices.usd_per_gpu_h / TICKS_PER_HOUR)
    used_line, idle_line = (HELD_USED, HELD_IDLE) if hired is None else (hired.used_line, hired.idle_line)
    calendar.usd[:, :, HELD_IDLE] += calendar.shares * prices.held_usd
    if hired is not None and rows.hires is not None:
        calendar.hire(hired, prices.node_gpus, rows.hires)
    calendar.usd[:, :, used_line] += used
    calendar.usd[:, :, idle_line] -= used
    if rows.tries is None:
        mine = np.flatnonzero((rows.outcome == API) & (rows.start >= calendar.edges[0]))
        usd = prices.by_tokens(requests)[mine]
        calendar.book(API_LINE, replications_of(requests.offsets)[mine], rows.start[mine], usd)
    calendar.settle(prices.settle_usd, requests, rows)
