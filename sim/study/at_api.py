"""What all requests of a plan meet at its one API account, whichever pool handed them over.

Pools are served one by one, as if the API took everybody at once; then the account answers what they handed over, all
together. Rows in, rows out. Not here: the provider's rules (``reference.api``), money.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim.engine.money import Throughput, throughput
from sim.engine.workload import ApiChance, api_chance, api_windows
from sim.ground.account import BY_UNITS, BY_USE, FAILED_AT_API, Account, Answer, Answers, Calls, Tries
from sim.ground.jobs import API, FAILED, NOT_STARTED
from sim.ground.requests import RequestRows, Requests
from sim.ground.scenario import Plan, Scenario
from sim.ground.units import Ticks, tick

Handed = tuple[Requests, RequestRows, ApiChance]
"""The requests of a pool, its rows as if the API took everybody at once, what chance decides at the account."""


@dataclass(frozen=True)
class AtApi:
    """The account of a plan's API.

    Attributes
    ----------
    scenario, plan : Scenario, Plan
        Whose it is.
    account : Account
        Its rules.
    batched : bool[classes]
        Which classes of the scenario go to the batch tier.
    charges_errors : bool
        Whether an attempt that was taken and failed is paid all the same.
    throughput : Throughput
        What is reserved.
    """

    scenario: Scenario
    plan: Plan
    account: Account
    batched: Ticks
    charges_errors: bool
    throughput: Throughput

    @classmethod
    def of(cls, scenario: Scenario, plan: Plan) -> "AtApi | None":
        """Make the account of a plan; None where its API has nothing but prices and latencies."""
        api = plan.api
        if api is None or not api.metered or not scenario.chats:
            return None
        deadlines = {name: each.deadline_hours for name, each in scenario.chats.items()}
        batched = [name in deadlines and api.batches(deadlines[name]) for name in scenario.workload]
        account = api.account(tick(scenario.horizon_hours))
        reserved = throughput(scenario, plan)
        return cls(scenario, plan, account, np.array(batched), bool(api.errors_charged), reserved)

    @property
    def numbers(self) -> int:
        """Tell about how many numbers the outages of one replication are."""
        outages = None if self.plan.api is None else self.plan.api.outages
        return 2 if outages is None else 2 + int(2 * self.scenario.horizon_hours / outages.cycle_hours)

    def chance(self, seed: int, replications: Sequence[int], requests: Requests) -> ApiChance:
        """Draw what chance decides for the requests of a pool, were they handed over."""
        return api_chance(self.scenario, self.plan, seed, replications, requests)

    def windows(self, seed: int, replications: Sequence[int]) -> Ticks:
        """Draw when the API is there."""
        return api_windows(self.scenario, self.plan, seed, replications)

    def answered(self, engine: Answer, pools: Sequence[Handed], windows: Ticks) -> list[RequestRows]:
        """Let the account answer what the pools of a plan handed over.

        Parameters
        ----------
        engine : callable
            The kernel, or the reference.
        pools : sequence of (Requests, RequestRows, ApiChance)
            Of each pool, its requests, its rows as if the API took everybody at once, and what chance decides.
        windows : int64[R, k]
            When the API is there.

        Returns
        -------
        list of RequestRows
            A request that was answered starts, and has its first and last token, later by its retries. One that was
            given up is ``FAILED``; one that was still to try again when the clock stopped is ``NOT_STARTED``.

        Notes
        -----
        Calls are numbered by (hand-over, class, row in its pool), so it does not matter which classes make a pool.
        """
        served = [self._batched(*pool) for pool in pools]
        handed = [self._handed(requests, rows) for requests, rows, _ in pools]
        table = np.concatenate([_columns(*pool, mine) for pool, mine in zip(pools, handed, strict=True)], axis=1)
        replication, instant, job_class = table[:3]
        order = np.lexsort((job_class, instant, replication))
        offsets = np.searchsorted(replication[order], np.arange(len(windows) + 1))
        found = engine(self.account, Calls(offsets, instant[order], *table[3:, order]), windows)
        number = np.empty_like(order)
        number[order] = np.arange(len(order))
        numbers = np.split(number, np.cumsum([len(mine) for mine in handed])[:-1])
        return [self._told(rows, mine, found, calls) for rows, mine, calls in zip(served, handed, numbers, strict=True)]

    def _batched(self, requests: Requests, rows: RequestRows, chance: ApiChance) -> RequestRows:
        """Answer what goes to the batch tier: everything at once, after the turnaround."""
        tries = Tries.none(len(requests))
        mine = np.flatnonzero((rows.outcome == API) & self.batched[requests.job_class])
        done = rows.start[mine] + chance.turnaround[mine]
        first_token, end = rows.first_token.copy(), rows.end.copy()
        first_token[mine] = end[mine] = done
        tries.attempts[mine] = tries.charged[mine] = 1
        tries.last[mine] = rows.start[mine]
        return replace(rows, first_token=first_token, end=end, tries=tries)

    def _handed(self, requests: Requests, rows: RequestRows) -> Ticks:
        """List the rows that the account is to answer."""
        return np.flatnonzero((rows.outcome == API) & ~self.batched[requests.job_class])

    def _told(self, rows: RequestRows, mine: Ticks, found: Answers, calls: Ticks) -> RequestRows:
        """Write into the rows of a pool what became of its calls."""
        start, first_token, end, outcome = (
            getattr(rows, name).copy() for name in ("start", "first_token", "end", "outcome")
        )
        fate, instant = found.fate[calls], found.instant[calls]
        taken = (fate == BY_USE) | (fate == BY_UNITS)
        later = instant - start[mine]
        for column in (start, first_token, end):
            column[mine] = np.where(taken, column[mine] + later, -1)
        outcome[mine] = np.select([taken, fate == FAILED_AT_API], [API, FAILED], NOT_STARTED)
        tries = rows.tries if rows.tries is not None else Tries.none(len(start))
        tries.last[mine] = instant
        for name in ("attempts", "throttled", "broken", "by_units"):
            getattr(tries, name)[mine] = getattr(found, name)[calls]
        tries.charged[mine] = found.by_use[calls] if self.charges_errors else fate == BY_USE
        return replace(rows, start=start, first_token=first_token, end=end, outcome=outcome, tries=tries)


def _columns(requests: Requests, rows: RequestRows, chance: ApiChance, mine: Ticks) -> Ticks:
    """Lay out what is handed over: replication, instant, class, tokens, random bits."""
    replication = np.repeat(np.arange(requests.replications), np.diff(requests.offsets))[mine]
    tokens = requests.prompt[mine] + requests.output[mine]
    columns = (replication, rows.start[mine], requests.job_class[mine], tokens, chance.jitter[mine], chance.luck[mine])
    return np.array(columns, np.int64)
