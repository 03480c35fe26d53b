"""What waiting costs: a stated price for each hour that a job of a class waits until it starts, or is handed over.

It is money that a job causes itself, like its settlement: attributed to it, so part of its fully loaded cost under
every rule of sharing. Who still waits when the clock stops pays for the wait until then.
"""

from dataclasses import replace

import numpy as np

from sim.engine.money.sharing import PENALTIES, Use, add_up
from sim.ground.account import Tries
from sim.ground.jobs import FAILED, REFUSED, Paths, Rows
from sim.ground.requests import RequestRows, Requests
from sim.ground.scenario import Scenario
from sim.ground.units import TICKS_PER_HOUR, Floats, Ticks


def waiting_prices(scenario: Scenario) -> Floats:
    """Look up what an hour of waiting costs in each class of a scenario: float64[classes] USD."""
    return np.array([each.wait_usd_per_hour for each in scenario.workload.values()], np.float64)


def left_queue(rows: Rows | RequestRows, jobs: Paths | Requests, closes: int) -> Ticks:
    """Tell when each job stopped waiting: int64[n] ticks.

    The start on a node, the first iteration on a replica, or the hand-over to the API (where it tries again, the
    attempt that was answered). A request that no replica can hold is refused on arrival, one that is given up at the
    API waits until its last attempt, who never started until the clock stops; who would come later waits for nothing.
    """
    instant = np.where(rows.start >= 0, rows.start, np.maximum(jobs.arrival, closes))
    if isinstance(rows, RequestRows):
        tries = Tries.none(0) if rows.tries is None else rows.tries
        instant = np.where(rows.outcome == REFUSED, jobs.arrival, instant)
        given_up = np.flatnonzero(rows.outcome == FAILED)
        instant[given_up] = tries.last[given_up]
    return instant


def with_waiting(use: Use, usd_per_h: Floats, jobs: Paths | Requests, rows: Rows | RequestRows, edges: Ticks) -> Use:
    """Add the price of waiting to what the counted jobs of one side caused.

    Parameters
    ----------
    use : Use
        Of the jobs, without it.
    usd_per_h : float64[classes]
        USD of an hour of waiting, by class of the scenario.
    jobs, rows : Paths, Rows, or Requests, RequestRows
        The jobs and what became of them.
    edges : int64[windows + 1]
        Ticks at which the windows of the counted time begin and end.
    """
    if not usd_per_h.any():
        return use
    usd = waiting_usd(usd_per_h, jobs, rows, edges)
    lines, waited = use.lines.copy(), np.zeros(jobs.replications)
    add_up(jobs.offsets, usd, waited)
    lines[:, PENALTIES] += waited
    return replace(use, lines=lines, attributed=use.attributed + usd)


def waiting_usd(usd_per_h: Floats, jobs: Paths | Requests, rows: Rows | RequestRows, edges: Ticks) -> Floats:
    """Tell what the wait of each job costs: float64[n] USD, 0 for those that arrived before counting began."""
    waited = (left_queue(rows, jobs, int(edges[-1])) - jobs.arrival) / TICKS_PER_HOUR
    return np.asarray(waited * usd_per_h[jobs.job_class] * (jobs.arrival >= edges[0]))
