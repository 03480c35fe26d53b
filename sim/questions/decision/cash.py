"""One strategy in one future: what it costs month by month, when that is paid, and what for.

What is held follows its terms (``holdings``), what is used the months of the plans in force, each line at its price.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.engine.money import LINES
from sim.ground.scenario.decision import Strategy
from sim.ground.scenario.decision_misfits import completed
from sim.ground.units import Floats
from sim.questions.decision.futures import Future
from sim.questions.decision.holdings import held_schedule
from sim.questions.decision.moves import Course, course
from sim.questions.decision.schedule import Schedule
from sim.questions.decision.worlds import Months

_USED: Final = {
    "on_demand": ("on_demand_used", "on_demand_idle"),
    "spot": ("spot_used", "spot_idle"),
    "api": ("api",),
    "staff": ("staff",),
    "overhead": ("overhead",),
    "penalties": ("penalties",),
}
"""Parts that follow the simulated months, and the lines of a bill that make them up."""

_COLUMNS: Final = {part: [LINES.index(name) for name in names] for part, names in _USED.items()}

PARTS: Final = ("held", *_USED, "switching", "stranded")


@dataclass(frozen=True)
class Flow:
    """One strategy in one future.

    Attributes
    ----------
    cost : float64[R, months]
        USD accrued in each month: upfront parts spread over their terms, capital by the straight line.
    cash : float64[R, months + 1]
        USD paid: column k at the end of month k, 0 today. Its sum is that of ``cost``.
    parts : dict of float64[months]
        Mean over replications of ``cost``, by ``PARTS``; they sum to it.
    stranded_usd : float
        Paid for what was needed no more, and for what terms run beyond the span.
    jobs : float64[R, months]
        Jobs and requests by the month they came in.
    unfit : str or None
        Why it does not do the work of the others in this future, where a plan that it used does not.
    """

    cost: Floats
    cash: Floats
    parts: dict[str, Floats]
    stranded_usd: float
    jobs: Floats
    unfit: str | None


def flows(future: Future, world: Mapping[str, Months]) -> dict[str, Flow]:
    """Follow every strategy of a decision through one future.

    Parameters
    ----------
    future : Future
        Prices, events and numbers.
    world : dict of Months
        By plan: what happens in this future while the plan is in force.
    """
    strategies = completed(future.scenario).strategies
    return {name: flow(future, strategy, world) for name, strategy in strategies.items()}


def flow(future: Future, strategy: Strategy, world: Mapping[str, Months]) -> Flow:
    """Follow one strategy through one future."""
    months = len(future.prices["api"])
    way = course(strategy, future.openings, future.events, months)
    held = held_schedule(future, way.stretches)
    used = _used(future, way, world)
    fixed, by_use = held.cost + held.stranded + way.switching, used.sum(axis=0)
    return Flow(
        cost=by_use + fixed,
        cash=_cash(by_use, held, way.switching),
        parts={
            "held": held.cost,
            **dict(zip(_USED, used.mean(axis=1), strict=True)),
            "switching": way.switching,
            "stranded": held.stranded,
        },
        stranded_usd=float(held.stranded.sum()),
        jobs=_over(way, {plan: world[plan].jobs for plan in way.plans}),
        unfit=_unfit(way, world),
    )


def _over(way: Course, tables: Mapping[str, Floats]) -> Floats:
    """Put the months of the plans in force one after the other; the second axis is the months."""
    return np.concatenate([tables[plan][:, begin:end] for plan, begin, end in way.stretches], axis=1)


def _used(future: Future, way: Course, world: Mapping[str, Months]) -> Floats:
    """Price what is paid by use: float64[parts, R, months], parts as in ``_USED``; those without a path keep theirs."""
    lines = _over(way, {plan: world[plan].lines for plan in way.plans})
    found = [
        sum(lines[:, :, column] for column in columns) * future.prices.get(part, 1.0)
        for part, columns in _COLUMNS.items()
    ]
    return np.array(found)


def _cash(by_use: Floats, held: Schedule, switching: Floats) -> Floats:
    """Pay use at the end of its month, switching at the beginning of its month, and what is held by its schedule."""
    cash = np.tile(held.cash, (len(by_use), 1))
    cash[:, 1:] += by_use
    cash[:, :-1] += switching
    return cash


def _unfit(way: Course, world: Mapping[str, Months]) -> str | None:
    """Say which plan in force does not do the work of the others, and why."""
    reasons = [f"plan `{plan}`: {reason}" for plan in way.plans if (reason := world[plan].unfit) is not None]
    return "; ".join(reasons) or None
