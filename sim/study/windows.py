"""The bill of each replication by window of the counted time, and who came in it. Not here: anything estimated."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sim.engine.money import Calendar, enter_account, enter_requests, enter_tunes, waiting_prices
from sim.ground.jobs import Paths
from sim.ground.requests import Requests
from sim.ground.units import Floats, Ticks
from sim.study.simulate import Experiment, Served


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
    calendar.fix(prices.staff_usd, prices.overhead_usd)
    calendar.wait(waiting, served.paths, served.rows)
    jobs = _came(served.paths, experiment.edges)
    for _, requests, rows in served.requests:
        calendar.wait(waiting, requests, rows)
        jobs += _came(requests, experiment.edges)
    return Windows(calendar.usd, jobs)


def _came(jobs: Paths | Requests, edges: Ticks) -> Floats:
    """Count the jobs of each replication that came in each window."""
    places = [np.searchsorted(jobs.arrival[first:last], edges) for first, last in pairwise(jobs.offsets)]
    return np.diff(places, axis=1).astype(np.float64)
