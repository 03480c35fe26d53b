"""A scenario made ready: sample, serve, charge, fold some replications under a plan.

Not here: all of them, in pieces (``pieces``); one too long to be held (``stream``); estimates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sim.engine import fleet, reference
from sim.engine.money import (
    Shares,
    Tariff,
    Use,
    settle,
    tariff,
    use_of_nodes,
    use_of_requests,
    waiting_prices,
    window_edges,
    with_account,
    with_waiting,
)
from sim.engine.workload import (
    Listed,
    RequestList,
    api_times,
    listed_jobs,
    listed_requests,
    sample,
    sample_requests,
    terms,
)
from sim.ground.account import Answer
from sim.ground.jobs import Fleet, Paths, Rows, Terms
from sim.ground.requests import RequestRows, Requests
from sim.ground.requests import Serve as ServeRequests
from sim.ground.scenario import Plan, Scenario
from sim.ground.units import HOURS_PER_DAY, NEVER, TICKS_PER_HOUR, Floats, Ticks, tick
from sim.study.at_api import AtApi
from sim.study.elastic import wear
from sim.study.fold import Fold, fold
from sim.study.fold_requests import Rules, fold_requests
from sim.study.outcome import Outcome
from sim.study.pools import Pool, pools
from sim.study.sessions import Coming, served_turns
from sim.study.tuning import Serve, Tuning, lending

Handled = list[tuple[Pool, Requests, RequestRows]]
"""What became of the requests of each pool of a plan."""


@dataclass(frozen=True)
class Engine:
    """Who serves: fine-tunes on nodes, requests on replicas, what is handed to an API account."""

    nodes: Serve
    replicas: ServeRequests
    account: Answer


ENGINES: dict[str, Engine] = {
    "kernel": Engine(fleet.serve, fleet.serve_requests, fleet.answer),
    "simpy": Engine(reference.serve, reference.serve_requests, reference.answer),
}
"""The product, and the specification it is held to."""

_JOBS_A_PIECE = 120_000  # the more, the less the interpreter has to do; down to a quarter of that for ..
_PIECES = 8  # .. so many pieces, which threads share
_CELLS_A_PIECE = 1_000_000  # of windows x replications
_NUMBERS_A_PIECE = 4_000_000  # of hazards


@dataclass(frozen=True)
class Served:
    """What became of the work of some replications under one plan.

    Attributes
    ----------
    paths, rows : Paths, Rows
        The fine-tunes, none where the scenario has no class of them.
    requests : list of (Pool, Requests, RequestRows)
        The inference requests, by the pool that serves them.
    """

    paths: Paths
    rows: Rows
    requests: Handled


@dataclass(frozen=True)
class Work:
    """What comes to all plans in some replications: the fine-tunes, and the requests by the classes served together."""

    replications: Sequence[int]
    paths: Paths
    requests: dict[tuple[str, ...], Requests]


@dataclass(frozen=True)
class Experiment:
    """A scenario made ready: traces read, prices looked up, rules taken."""

    scenario: Scenario
    seed: int
    listed: dict[str, Listed]
    logs: dict[str, RequestList]
    tunings: dict[str, Tuning]
    tariffs: dict[str, Tariff]
    pools: dict[str, list[Pool]]
    accounts: dict[str, AtApi | None]
    edges: Ticks
    engine: str = "kernel"

    @classmethod
    def of(cls, scenario: Scenario, seed: int, engine: str = "kernel") -> "Experiment":
        """Make a scenario ready.

        Raises
        ------
        InputError
            When a trace is refused.
        """
        window = tick(scenario.allocation.window_days * HOURS_PER_DAY)
        edges = window_edges(tick(scenario.warm_up_hours), tick(scenario.horizon_hours), window)
        listed = listed_jobs(scenario)
        longest = max((each.expected(tick(scenario.horizon_hours)) for each in listed.values()), default=0.0)
        return cls(
            scenario,
            seed,
            listed,
            listed_requests(scenario),
            {name: Tuning.of(scenario, plan, longest) for name, plan in scenario.plans.items()},
            {name: tariff(scenario, plan) for name, plan in scenario.plans.items()},
            {name: pools(scenario, plan, edges) for name, plan in scenario.plans.items()},
            {name: AtApi.of(scenario, plan) for name, plan in scenario.plans.items()},
            edges,
            engine,
        )

    @property
    def fleets(self) -> dict[str, Fleet]:
        """The rules of each plan's nodes that run fine-tunes."""
        return {name: each.fleet for name, each in self.tunings.items()}

    @property
    def opens(self) -> int:
        """Tick at which counting begins."""
        return int(self.edges[0])

    @property
    def closes(self) -> int:
        """Tick at which the clock stops."""
        return int(self.edges[-1])

    @property
    def jobs_expected(self) -> float:
        """Mean number of jobs and requests of a replication."""
        return sum(map(self._expected, self.scenario.workload))

    @property
    def requests_expected(self) -> float:
        """Mean number of requests of a replication."""
        return sum(map(self._expected, self.scenario.chats))

    def _expected(self, name: str) -> float:
        """Mean number of jobs or requests of a class in a replication."""
        hours, job_class = self.scenario.horizon_hours, self.scenario.workload[name]
        if job_class.arrivals is not None:
            return float(job_class.arrivals.jobs_expected(hours) * self.scenario.mean_turns(name))
        return (self.listed | self.logs)[name].expected(tick(hours))

    def pieces(self, replications: int, first: int = 0) -> Iterator[range]:
        """Cut the replications from ``first`` on into pieces of a size that suits the processor."""
        hazards = max(each.numbers for each in self.tunings.values())
        hazards += max(0 if each is None else each.numbers for each in self.accounts.values())
        most, of_one = _JOBS_A_PIECE, self.jobs_expected + 1
        jobs = int(min(most, max(most / 4, of_one * (replications - first) / _PIECES)) / of_one)
        cells = _CELLS_A_PIECE // len(self.edges)
        step = max(1, min(replications - first, jobs, cells, _NUMBERS_A_PIECE // (hazards + 1)))
        for begin in range(first, replications, step):
            yield range(begin, min(begin + step, replications))

    def paths(self, replications: Sequence[int]) -> Paths:
        """Draw the fine-tunes of some replications."""
        return sample(self.scenario, self.seed, replications, self.listed)

    def work(self, replications: Sequence[int]) -> Work:
        """Draw all that comes in some replications; what one pool serves together is drawn together."""
        together = {pool.classes for its_pools in self.pools.values() for pool in its_pools}
        requests = {
            classes: sample_requests(self.scenario, self.seed, replications, self.logs, classes) for classes in together
        }
        return Work(replications, self.paths(replications), requests)

    def rows(
        self, plan_name: str, paths: Paths, replications: Sequence[int], lent: Ticks | None = None
    ) -> tuple[Terms, Rows]:
        """Serve the fine-tunes of a path under one plan; on nodes that serving lends too, where it does."""
        scenario, tuning = self.scenario, self.tunings[plan_name]
        wanted = terms(scenario, tuning.plan, self.seed, replications, paths)
        return wanted, tuning.serve(ENGINES[self.engine].nodes, self.seed, replications, paths, wanted, lent)

    def served(self, plan_name: str, work: Work) -> Served:
        """Serve all work under one plan: the requests first, for fine-tunes may run where they do not."""
        plan, requests = self.scenario.plans[plan_name], self._requests(plan_name, work)
        lent = self._lent(plan, requests) if len(work.paths) and self.tunings[plan_name].fleet.lent else None
        return Served(work.paths, self.tuned(plan_name, work.paths, work.replications, lent), requests)

    def tuned(self, plan_name: str, paths: Paths, replications: Sequence[int], lent: Ticks | None = None) -> Rows:
        """Serve the fine-tunes of a path under one plan, if there are any."""
        return self.rows(plan_name, paths, replications, lent)[1] if len(paths) else Rows.empty(0)

    def _requests(self, plan_name: str, work: Work) -> Handled:
        """Serve all requests under one plan, the turns of sessions when their users come back."""
        pools, numbers = self.pools[plan_name], work.replications
        coming = [self._coming(plan_name, numbers, work.requests[pool.classes]) for pool in pools]

        def serve(places: Ticks, known: Sequence[Coming]) -> list[RequestRows]:
            return self._rows_of(plan_name, [numbers[place] for place in places], known)

        came, rows = served_turns(coming, serve, len(numbers), self.closes)
        return list(zip(pools, came, rows, strict=True))

    def _coming(self, plan_name: str, replications: Sequence[int], requests: Requests) -> Coming:
        """Draw what the API of a plan would do with each of the requests."""
        account, plan = self.accounts[plan_name], self.scenario.plans[plan_name]
        times = api_times(self.scenario, plan, self.seed, replications, requests)
        chance = None if account is None else account.chance(self.seed, replications, requests)
        return Coming(requests, times, chance)

    def _rows_of(self, plan_name: str, replications: Sequence[int], coming: Sequence[Coming]) -> list[RequestRows]:
        """Serve what comes to each pool; then the one account of the plan answers what all of them hand over."""
        windows, engine, account = len(self.edges) - 1, ENGINES[self.engine], self.accounts[plan_name]
        rows = [
            pool.serve(engine.replicas, self.seed, replications, each.requests, each.times, windows)
            for pool, each in zip(self.pools[plan_name], coming, strict=True)
        ]
        if account is None:
            return rows
        handed = [
            (each.requests, its, each.chance) for each, its in zip(coming, rows, strict=True) if each.chance is not None
        ]
        return account.answered(engine.account, handed, account.windows(self.seed, replications))

    def _lent(self, plan: Plan, requests: Handled) -> Ticks:
        """Tell when each node is lent, lender after lender."""
        hires = {pool.name: rows.hires for pool, _, rows in requests}
        tables = []
        for name, group in plan.lenders.items():
            if (its_hires := hires[name]) is not None:
                tables.append(lending(group, its_hires, self.closes))
        width = max(table.shape[2] for table in tables)
        padded = [np.pad(each, ((0, 0), (0, 0), (0, width - each.shape[2])), constant_values=NEVER) for each in tables]
        return np.concatenate(padded, axis=1)

    def charged(self, plan_name: str, served: Served) -> tuple[Outcome, list[Shares]]:
        """Charge and fold what became of all work under one plan: the sides are the fine-tunes, then each pool."""
        prices, its_fleet = self.tariffs[plan_name], self.tunings[plan_name].fleet
        rule, lenders = self.scenario.allocation.rule, self.scenario.plans[plan_name].lenders
        of_tunes = self.use_of_tunes(plan_name, served.paths, served.rows)
        tunes = [] if of_tunes is None else [of_tunes]
        sides_of = {pool.name: len(tunes) + number for number, (pool, _, _) in enumerate(served.requests)}
        sides, lending_sides = [*tunes, *self._uses(plan_name, served, rule)], [sides_of[name] for name in lenders]
        bill, shares = settle(sides, prices.staff_usd, prices.overhead_usd, self.edges, rule, lending_sides)
        folds = self._folds(plan_name, served, shares[0] if tunes else None, shares[len(tunes) :])
        serving = self.serving([(pool, rows) for pool, _, rows in served.requests])
        worn = wear(served.paths, served.rows, its_fleet)
        return Outcome(bill.lines, bill.paid, bill.allocated, bill.memo, worn, folds, serving), shares

    def use_of_tunes(self, plan_name: str, paths: Paths, rows: Rows) -> Use | None:
        """Tell what the fine-tunes use of a plan; None where there are neither any nor nodes for them."""
        prices, its_fleet, rule = self.tariffs[plan_name], self.tunings[plan_name].fleet, self.scenario.allocation.rule
        if not self.scenario.tunes and not prices.held_usd > 0:
            return None
        use = use_of_nodes(prices, its_fleet, paths, rows, self.edges, rule)
        return with_waiting(use, waiting_prices(self.scenario), paths, rows, self.edges)

    def _uses(self, plan_name: str, served: Served, rule: str) -> list[Use]:
        """Tell what the requests of each pool use of a plan, its API account included."""
        pools = [(pool.tariff, requests, rows) for pool, requests, rows in served.requests]
        uses = [use_of_requests(*each, self.edges, rule) for each in pools]
        account, waiting = self.accounts[plan_name], waiting_prices(self.scenario)
        if account is not None:
            uses = with_account(account.throughput, pools, uses, self.edges, rule)
        return [
            with_waiting(use, waiting, requests, rows, self.edges)
            for use, (_, requests, rows) in zip(uses, served.requests, strict=True)
        ]

    def unpriced(self, plan_name: str, served: Served) -> dict[str, Fold]:
        """Fold the rows of every class as if no job cost anything: what became of the work, a third of the time."""
        of_pools = [Shares.none(len(requests)) for _, requests, _ in served.requests]
        return self._folds(plan_name, served, Shares.none(len(served.paths)), of_pools)

    def _folds(
        self, plan_name: str, served: Served, of_tunes: Shares | None, of_pools: Sequence[Shares]
    ) -> dict[str, Fold]:
        """Fold the rows of every class."""
        folds: dict[str, Fold] = {}
        if of_tunes is not None:
            folds = self.folds_of_tunes(plan_name, served.paths, served.rows, of_tunes)
        for (pool, requests, rows), its_shares in zip(served.requests, of_pools, strict=True):
            for name in pool.classes:
                folds[name] = fold_requests(requests, rows, its_shares, self.fold_rules(pool, name))
        return {name: folds[name] for name in self.scenario.workload}

    def folds_of_tunes(self, plan_name: str, paths: Paths, rows: Rows, shares: Shares) -> dict[str, Fold]:
        """Fold the rows of every class of fine-tunes."""
        classes, queued = list(self.scenario.workload), not self.tunings[plan_name].fleet.no_queue
        rules = (queued, self.opens, self.closes)
        return {name: fold(paths, rows, shares, classes.index(name), *rules) for name in self.scenario.tunes}

    def fold_rules(self, pool: Pool, name: str) -> Rules:
        """Tell how a class of requests is folded that a pool serves."""
        due = self.scenario.chats[name].deadline_hours
        return Rules(
            list(self.scenario.workload).index(name),
            pool.replicas is not None,
            self.opens,
            self.closes,
            alone=len(pool.classes) == 1,
            deadline=NEVER if due is None else tick(due),
        )

    def serving(self, served: Sequence[tuple[Pool, RequestRows]]) -> dict[str, Floats]:
        """Tell of each group of nodes that serves how long its replicas were busy, and there."""
        return {
            pool.name: np.column_stack(
                [rows.busy.sum(axis=1), rows.batch_time, pool.replica_ticks(rows, self.opens, self.closes)]
            )
            / TICKS_PER_HOUR
            for pool, rows in served
            if pool.name is not None and pool.replicas is not None
        }
