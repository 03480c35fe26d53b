"""The periods of a decision: which scenario is simulated for which months of the span. Not here: running it.

Where the horizon is as long as the span and no nodes come in stages, the span is one period. Else a new one begins each
step and with each stage of any plan, and is simulated for the horizon at most: a sample of it, scaled up by hours.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from sim.ground.faults import InputError
from sim.ground.scenario import Plan, Scenario
from sim.ground.scenario.arrivals import Superposition
from sim.ground.scenario.decision_misfits import completed
from sim.ground.scenario.model import MOST_JOBS, MOST_SERVING_DAYS
from sim.ground.scenario.pattern import HOURS_PER_MONTH
from sim.ground.scenario.timed import rate_changes
from sim.ground.units import HOURS_PER_DAY

_MOST_EXPONENT: Final = 600.0


@dataclass(frozen=True)
class Period:
    """Some months of the span that one simulation tells about.

    Attributes
    ----------
    first, months : int
        The month that it begins with, the first of the span being 0, and how many there are.
    sampled_hours : float
        Counted time that is simulated; all of it, or less.
    """

    first: int
    months: int
    sampled_hours: float

    @property
    def hours(self) -> float:
        """How long it is."""
        return self.months * HOURS_PER_MONTH

    @property
    def whole(self) -> bool:
        """Whether all of it is simulated."""
        return self.sampled_hours >= self.hours

    def seed(self, seed: int) -> int:
        """Derive the seed of its random streams: that of the study for the first, another for each later month."""
        if not self.first:
            return seed
        low, high = np.random.SeedSequence(seed, spawn_key=(self.first,)).generate_state(2, np.uint32).tolist()
        return int(low) + (int(high) >> 1 << 32)


def periods(scenario: Scenario) -> list[Period]:
    """Divide the span of a decision into periods.

    Raises
    ------
    LookupError
        When the span is not known.
    """
    decision, horizon = completed(scenario), scenario.horizon_hours
    months = int(decision.months or 0)
    groups = [group for plan in scenario.plans.values() for group in plan.held.values()]
    stages = {int(stage.month) for group in groups for stage in group.stages if stage.month < months}
    if not stages and horizon >= months * HOURS_PER_MONTH * (1 - 1e-9):
        most = MOST_SERVING_DAYS * HOURS_PER_DAY - scenario.warm_up_hours if scenario.chats else math.inf
        return [Period(0, months, min(months * HOURS_PER_MONTH, most))]
    cuts = sorted({*range(0, months, int(decision.step_months or months)), *stages, months})
    return [
        Period(first, last - first, min((last - first) * HOURS_PER_MONTH, horizon - scenario.warm_up_hours))
        for first, last in pairwise(cuts)
    ]


def during(scenario: Scenario, period: Period) -> Scenario:
    """Give the scenario of a period: its demand, its nodes, the clock that its sample needs, months as windows.

    Raises
    ------
    InputError
        When growth brings more jobs than can be simulated.
    """
    hours = scenario.warm_up_hours + period.sampled_hours
    window = HOURS_PER_MONTH if period.whole else period.sampled_hours
    classes: dict[str, Any] = {name: _grown(scenario, name, period) for name in scenario.workload}
    wanted = {name for strategy in completed(scenario).strategies.values() for name in strategy.plans}
    plans = {name: _staged(plan, period) for name, plan in scenario.plans.items() if name in wanted}
    allocation = scenario.allocation.model_copy(update={"window_days": window / HOURS_PER_DAY})
    return scenario.model_copy(
        update={"horizon_days": hours / HOURS_PER_DAY, "workload": classes, "plans": plans, "allocation": allocation}
    )


def _staged(plan: Plan, period: Period) -> Plan:
    """Add the nodes that have come to a plan by the beginning of a period."""
    held = {
        name: group.model_copy(
            update={"nodes": group.nodes + sum(stage.nodes for stage in group.stages if stage.month <= period.first)}
        )
        for name, group in plan.held.items()
    }
    return plan.model_copy(update={"held": held})


def growth_factor(growth: float, period: Period, warm_up_hours: float) -> float:
    """Tell what a rate is multiplied by, so that the sample of a period has the mean demand of all of the period.

    Parameters
    ----------
    growth : float
        Natural logarithm of the growth an hour; it begins with month 0 of the span, after the warm-up.
    period : Period
        The period.
    warm_up_hours : float
        By which the demand of the sample has grown on its own clock when it begins to count.

    Notes
    -----
    The mean of exp(g t) over a span of length h that begins at a is exp(g a) (exp(g h) - 1) / (g h).
    """
    if not growth:
        return 1.0
    began = growth * (period.first * HOURS_PER_MONTH - warm_up_hours)
    return math.exp(min(began, _MOST_EXPONENT)) * _mean(growth * period.hours) / _mean(growth * period.sampled_hours)


def _mean(exponent: float) -> float:
    """Average exp over the span from 0 to an exponent other than 0."""
    return math.expm1(min(exponent, _MOST_EXPONENT)) / exponent


def _grown(scenario: Scenario, name: str, period: Period) -> Any:
    """Give a class the demand of a period; one without growth stays as it is, and listed jobs come again."""
    job_class = scenario.workload[name]
    law, warm_up = job_class.arrivals, scenario.warm_up_hours
    if law is None:
        return job_class
    if not isinstance(law, Superposition):
        grown: Any = _times(law, growth_factor(law.growth, period, warm_up))
    elif any(rate_changes(part, law)[1] for part in law.parts):
        parts = [
            _times(part, law.scale * growth_factor(rate_changes(part, law)[1], period, warm_up)) for part in law.parts
        ]
        grown = _again(law, {"parts": tuple(parts), "rate_per_day": None, "rate_per_second": None, "mean_hours": None})
    else:
        return job_class
    jobs = grown.jobs_expected(warm_up + period.sampled_hours) * scenario.mean_turns(name)
    if jobs > MOST_JOBS:
        text = (
            f"must bring at most {MOST_JOBS:,} jobs in a simulated period, got {jobs:.3g} from month {period.first} on"
        )
        raise InputError.one(f"workload.{name}.arrivals.growth_percent_per_month", f"{text}; shorten decision.months")
    return job_class if grown is law else job_class.model_copy(update={"arrivals": grown})


def _times(law: Any, factor: float) -> Any:
    """Multiply the rate of one source of work."""
    if factor == 1:
        return law
    rate = HOURS_PER_DAY * factor / law.mean_gap_hours
    return _again(law, {"rate_per_day": rate, "rate_per_second": None, "mean_hours": None})


def _again(law: Any, changes: dict[str, Any]) -> Any:
    """Make a law anew with some keys changed; a copy would keep what the old one has worked out."""
    return type(law).model_construct(**{key: getattr(law, key) for key in type(law).model_fields} | changes)
