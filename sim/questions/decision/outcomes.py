"""What every strategy came to in every future: the arrays that estimates and pictures are made of."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sim.ground.scenario import Scenario
from sim.ground.scenario.decision_misfits import completed
from sim.ground.units import Floats
from sim.questions.decision.regret import Bools
from sim.questions.decision.schedule import present_value

if TYPE_CHECKING:
    from sim.questions.decision.cash import Flow
    from sim.questions.decision.futures import Future

Values = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Outcome:
    """One future; the arrays are those of ``Outcomes`` without their first axis."""

    values: dict[str, float | str | bool | None]
    events: dict[str, float | None]
    npv: Floats
    total: Floats
    paid: Floats
    jobs: Floats
    cost: Floats
    cash: Floats
    parts: dict[str, Floats]
    stranded: Floats
    budget: float
    reasons: tuple[str | None, ...]

    @classmethod
    def of(cls, future: "Future", flows: "dict[str, Flow]") -> "Outcome":
        """Sum up what the strategies came to in a future."""
        each, decision = list(flows.values()), completed(future.scenario)
        discount_percent = float(decision.discount_percent_a_year)
        return cls(
            values=future.values,
            events=future.events,
            npv=np.stack([present_value(flow.cash, discount_percent) for flow in each], axis=-1),
            total=np.stack([flow.cost.sum(axis=1) for flow in each], axis=-1),
            paid=np.stack([flow.cash.sum(axis=1) for flow in each], axis=-1),
            jobs=np.stack([flow.jobs.sum(axis=1) for flow in each], axis=-1),
            cost=np.stack([flow.cost.mean(axis=0) for flow in each]),
            cash=np.stack([flow.cash.mean(axis=0) for flow in each]),
            parts={part: np.stack([flow.parts[part] for flow in each]) for part in each[0].parts},
            stranded=np.array([flow.stranded_usd for flow in each]),
            budget=math.nan if decision.budget_usd is None else float(decision.budget_usd),
            reasons=tuple(flow.unfit for flow in each),
        )


@dataclass(frozen=True)
class Outcomes:
    """All futures; F futures, R replications of each, S strategies, M months.

    Attributes
    ----------
    scenario : Scenario
        What was asked.
    seed : int
        Of all random streams.
    strategies : tuple of str
        Their names.
    npv : float64[F, R, S]
        Present value of what is paid, USD; less is better.
    total : float64[F, R, S]
        Cost accrued over the span, USD.
    paid : float64[F, R, S]
        Cash paid over the span, USD, not discounted.
    jobs : float64[F, R, S]
        Jobs and requests counted.
    cost : float64[F, S, M]
        Cost of each month, USD, mean over the replications.
    cash : float64[F, S, M + 1]
        Paid today and at the end of each month, USD, mean over the replications.
    parts : dict of float64[F, S, M]
        Cost of each month by part, USD; they sum to ``cost``.
    stranded : float64[F, S]
        Paid for what was left or runs beyond the span, USD.
    budget : float64[F]
        In each future, USD; NaN where none is stated.
    reasons : tuple of tuple
        Of each future and strategy: why it does not do the work of the others, or None.
    values : dict of object[F]
        Value of each uncertain key in each future.
    events : dict of float64[F]
        Month in which each event happens in each future; NaN where it does not within the span.
    """

    scenario: Scenario
    seed: int
    strategies: tuple[str, ...]
    npv: Floats = field(repr=False)
    total: Floats = field(repr=False)
    paid: Floats = field(repr=False)
    jobs: Floats = field(repr=False)
    cost: Floats = field(repr=False)
    cash: Floats = field(repr=False)
    parts: dict[str, Floats] = field(repr=False)
    stranded: Floats = field(repr=False)
    budget: Floats = field(repr=False)
    reasons: tuple[tuple[str | None, ...], ...] = field(repr=False)
    values: dict[str, Values] = field(repr=False)
    events: dict[str, Floats] = field(repr=False)

    @classmethod
    def joined(
        cls, scenario: Scenario, seed: int, strategies: tuple[str, ...], futures: Sequence[Outcome]
    ) -> "Outcomes":
        """Put futures side by side."""

        def stacked(name: str) -> Floats:
            return np.stack([getattr(future, name) for future in futures])

        return cls(
            scenario,
            seed,
            strategies,
            npv=stacked("npv"),
            total=stacked("total"),
            paid=stacked("paid"),
            jobs=stacked("jobs"),
            cost=stacked("cost"),
            cash=stacked("cash"),
            parts={part: np.stack([future.parts[part] for future in futures]) for part in futures[0].parts},
            stranded=stacked("stranded"),
            budget=np.array([future.budget for future in futures]),
            reasons=tuple(future.reasons for future in futures),
            values={key: np.array([future.values[key] for future in futures], object) for key in futures[0].values},
            events={name: np.array([future.events[name] for future in futures], float) for name in futures[0].events},
        )

    @property
    def futures(self) -> int:
        """Number of futures."""
        return len(self.npv)

    @property
    def replications(self) -> int:
        """Number of replications of each future."""
        return int(self.npv.shape[1])

    @property
    def months(self) -> int:
        """Length of the span."""
        return int(self.cost.shape[2])

    @property
    def unfit(self) -> Bools:
        """Tell of each future and strategy whether it does not do the work: bool[F, S]."""
        return np.array([[reason is not None for reason in each] for each in self.reasons])
