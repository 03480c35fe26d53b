"""Plans x replications: sample, serve, charge, fold, in pieces that threads can take.

Not here: estimates. A piece gives the same numbers whoever computes it and whatever else is in it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim import fleet, reference
from sim.jobs import API, HIRED, NOT_STARTED, Fleet, Paths, Rows, Terms
from sim.money import Charges, Tariff, charge, tariff
from sim.scenario import Plan, Scenario
from sim.study.fold import Fold, fold
from sim.units import HOURS_PER_DAY, NEVER, Floats, tick
from sim.workload import Listed, listed_jobs, sample, terms

ENGINES: dict[str, Callable[[Fleet, Paths, Terms], Rows]] = {"kernel": fleet.serve, "simpy": reference.serve}
"""Who serves: the product, or the specification it is held to."""

_JOBS_A_PIECE = 30_000  # keeps a piece's arrays within the processor's cache


@dataclass(frozen=True)
class Outcome:
    """What some replications gave under one plan.

    Attributes
    ----------
    lines : float64[R, lines]
        The bill of each replication.
    paid, allocated : float64[R]
        GPU hours.
    classes : dict of Fold
        By class name.
    """

    lines: Floats
    paid: Floats
    allocated: Floats
    classes: dict[str, Fold]

    @property
    def bills(self) -> Floats:
        """Total bill of each replication in USD."""
        return np.asarray(self.lines.sum(axis=1))

    def total(self, name: str) -> Floats:
        """One kind of sum over all classes, in each replication."""
        return np.asarray(np.sum([each.total(name) for each in self.classes.values()], axis=0))

    @classmethod
    def joined(cls, parts: Sequence["Outcome"]) -> "Outcome":
        """Put outcomes of successive replications together."""
        return cls(
            np.concatenate([part.lines for part in parts]),
            np.concatenate([part.paid for part in parts]),
            np.concatenate([part.allocated for part in parts]),
            {name: Fold.joined([part.classes[name] for part in parts]) for name in parts[0].classes},
        )


def plan_fleet(scenario: Scenario, plan: Plan) -> Fleet:
    """Take from a plan the rules by which its nodes serve."""
    no_queue = NOT_STARTED
    if not plan.nodes:
        no_queue = HIRED if plan.hired else API if plan.api else NOT_STARTED
    limit = NEVER if plan.queue_limit is None else plan.queue_limit
    horizon = tick(scenario.horizon_hours)
    return Fleet(plan.nodes, plan.gpus_per_node, horizon, limit, plan.backfill, no_queue)


@dataclass(frozen=True)
class Experiment:
    """A scenario made ready: traces read, prices looked up, rules taken."""

    scenario: Scenario
    seed: int
    listed: dict[str, Listed]
    fleets: dict[str, Fleet]
    tariffs: dict[str, Tariff]
    engine: str = "kernel"

    @classmethod
    def of(cls, scenario: Scenario, seed: int, engine: str = "kernel") -> "Experiment":
        """Make a scenario ready.

        Raises
        ------
        InputError
            When a trace is refused.
        """
        return cls(
            scenario,
            seed,
            listed_jobs(scenario),
            {name: plan_fleet(scenario, plan) for name, plan in scenario.plans.items()},
            {name: tariff(scenario, plan) for name, plan in scenario.plans.items()},
            engine,
        )

    @property
    def jobs_expected(self) -> float:
        """Mean number of jobs of a replication."""
        hours, total = self.scenario.horizon_hours, 0.0
        for name, job_class in self.scenario.workload.items():
            if job_class.arrivals is not None:
                total += job_class.arrivals.jobs_per_hour * hours
            else:
                total += len(self.listed[name].arrival)
        return total

    def pieces(self, replications: int) -> Iterator[range]:
        """Cut the replications into pieces of a size that suits the processor."""
        step = max(1, min(replications, int(_JOBS_A_PIECE / (self.jobs_expected + 1))))
        for first in range(0, replications, step):
            yield range(first, min(first + step, replications))

    def rows(self, plan_name: str, paths: Paths, replications: Sequence[int]) -> tuple[Terms, Rows]:
        """Serve the jobs of a path under one plan."""
        scenario = self.scenario
        wanted = terms(scenario, scenario.plans[plan_name], self.seed, replications, paths)
        return wanted, ENGINES[self.engine](self.fleets[plan_name], paths, wanted)

    def charged(self, plan_name: str, paths: Paths, rows: Rows) -> tuple[Outcome, Charges]:
        """Charge and fold what became of the jobs of a path under one plan."""
        scenario, its_fleet = self.scenario, self.fleets[plan_name]
        opens = tick(scenario.warm_up_hours)
        window = tick(scenario.allocation.window_days * HOURS_PER_DAY)
        charges = charge(self.tariffs[plan_name], its_fleet, paths, rows, opens, window, scenario.allocation.rule)
        folds = {
            class_name: fold(paths, rows, charges, number, its_fleet.nodes > 0, opens, its_fleet.horizon)
            for number, class_name in enumerate(scenario.workload)
        }
        return Outcome(charges.lines, charges.paid, charges.allocated, folds), charges

    def paths(self, replications: Sequence[int]) -> Paths:
        """Draw the jobs of some replications."""
        return sample(self.scenario, self.seed, replications, self.listed)

    def piece(self, replications: range) -> dict[str, Outcome]:
        """Run some replications under all plans: one path, every plan."""
        paths = self.paths(replications)
        return {name: self.charged(name, paths, self.rows(name, paths, replications)[1])[0] for name in self.fleets}

    def all(self, replications: int, mapper: Callable[..., Iterable[Any]] = map) -> dict[str, Outcome]:
        """Run all replications; ``mapper`` may be that of a thread pool."""
        parts = list(mapper(self.piece, self.pieces(replications)))
        return {name: Outcome.joined([part[name] for part in parts]) for name in self.fleets}
