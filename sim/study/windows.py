"""The bill of each replication by window of the counted time, and who came in it. Not here: anything estimated."""

from dataclasses import dataclass

import numpy as np

from sim.money import Calendar, enter_account, enter_requests, enter_tunes, replications_of, waiting_prices, window_of
from sim.study.simulate import Experiment, Served
from sim.units import Floats, Ticks


@dataclass(frozen=True)
class Windows:
    """What some replications gave under one plan, by window.

    Attributes
    ----------
    lines : float64[R, windows, len(LINES)]
        USD; over the windows they sum to the lines of the bill.
    jobs : float64[R, windows]
        Counted jobs and requests, by when they came.
    """

    lines: Floats
    jobs: Floats


def by_window(experiment: Experiment, plan_name: str, served: Served) -> Windows:
    """Tell when each USD of a plan's bill was spent, and when each job came.

    Parameters
    ----------
    experiment : Experiment
        Whose windows of allocation are taken.
    plan_name : str
        The plan.
    served : Served
        What became of all work under it.
    """
    prices, waiting = experiment.tariffs[plan_name], waiting_prices(experiment.scenario)
    calendar = Calendar.blank(served.paths.replications, experiment.edges)
    enter_tunes(calendar, prices, experiment.tunings[plan_name].fleet, served.paths, served.rows)
    for pool, requests, rows in served.requests:
        enter_requests(calendar, pool.tariff, requests, rows)
    account = experiment.accounts[plan_name]
    if account is not None:
        pools = [(pool.tariff, requests, rows) for pool, requests, rows in served.requests]
        enter_account(calendar, account.throughput, pools)
    sides = [(served.paths, served.rows), *((requests, rows) for _, requests, rows in served.requests)]
    for jobs, rows in sides:
        calendar.wait(waiting, jobs, rows)
    calendar.fix(prices.staff_usd, prices.overhead_usd)
    return Windows(calendar.usd, np.sum([_came(jobs.offsets, jobs.arrival, calendar) for jobs, _ in sides], axis=0))


def _came(offsets: Ticks, arrival: Ticks, calendar: Calendar) -> Floats:
    """Count the counted jobs that came in each window."""
    replications, windows, _ = calendar.usd.shape
    mine = np.flatnonzero(arrival >= calendar.edges[0])
    cell = replications_of(offsets)[mine] * windows + window_of(arrival[mine], calendar.edges)
    return np.bincount(cell, minlength=replications * windows).reshape(replications, windows).astype(np.float64)
