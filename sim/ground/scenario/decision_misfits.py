"""What a decision says that does not fit its scenario, and what it leaves unsaid. Not here: single keys."""

from collections.abc import Mapping
from typing import Protocol

from sim.ground.scenario.decision import Decision, Strategy, When
from sim.ground.scenario.inputs import nearest
from sim.ground.scenario.misfits import Refusals
from sim.ground.scenario.pattern import HOURS_PER_MONTH
from sim.ground.scenario.plans import Plan
from sim.ground.scenario.tree import Path_

_USUAL_STEP = 3
MOST_MONTHS = 600


class Decided(Protocol):
    """What of a scenario a decision must fit."""

    @property
    def horizon_days(self) -> float:
        """Length of one simulation."""

    @property
    def horizon_hours(self) -> float:
        """The same in hours."""

    @property
    def decision(self) -> Decision | None:
        """What is decided, where that is said."""

    @property
    def plans(self) -> Mapping[str, Plan]:
        """What there is to choose from."""


def whole_months(scenario: Decided) -> int | None:
    """Tell how many months of 730 h the horizon has; None where it is no whole number of them."""
    months = scenario.horizon_hours / HOURS_PER_MONTH
    return round(months) if abs(months - round(months)) < 1e-9 * months and 1 <= months <= MOST_MONTHS else None


def completed(scenario: Decided) -> Decision:
    """Give the decision of a scenario with nothing unsaid: its span, its step where one is needed, its strategies.

    Returns
    -------
    Decision
        ``months`` and ``strategies`` always stated: the horizon, and each plan for good, where they were not.
        ``step_months`` where the horizon is shorter than the span or nodes come in stages, else None.

    Raises
    ------
    LookupError
        When the horizon is no whole number of months and no span is stated; with what to do.
    """
    said = scenario.decision or Decision()
    months = said.months or whole_months(scenario)
    if months is None:
        horizon = f"horizon_days ({scenario.horizon_days:g})"
        text = f"must be stated, because {horizon} is no whole number of months of 730 h, 600 at most"
        raise LookupError(f"{text}; `decision: {{months: 3}}` decides about 3")
    step = said.step_months
    if step is None and _needs_step(scenario, months):
        step = _USUAL_STEP if months % _USUAL_STEP == 0 else 1
    strategies = said.strategies or {name: Strategy(plan=name) for name in scenario.plans}
    return said.model_copy(update={"months": months, "step_months": step, "strategies": strategies})


def _needs_step(scenario: Decided, months: int) -> bool:
    """Tell whether the span cannot be one simulation."""
    staged = any(group.stages for plan in scenario.plans.values() for group in plan.held.values())
    return staged or scenario.horizon_hours < months * HOURS_PER_MONTH * (1 - 1e-9)


def misdecided(scenario: Decided) -> Refusals:
    """Find what a decision and held nodes in stages say that does not fit the scenario."""
    span = scenario.horizon_hours / HOURS_PER_MONTH
    if (decision := scenario.decision) is not None:
        try:
            span = float(completed(scenario).months or span)
        except LookupError as missing:
            yield ("decision", "months"), f"{missing}"
        yield from _of_steps(decision, span)
        yield from _of_prices(decision)
        for name, strategy in decision.strategies.items():
            yield from _of_strategy(("decision", "strategies", name), strategy, scenario, decision, span)
    for plan_name, plan in scenario.plans.items():
        for name, group in plan.held.items():
            if group.stages and group.stages[-1].month >= span:
                path = ("plans", plan_name, "held", name, "stages", len(group.stages) - 1, "month")
                yield path, _within(span, int(group.stages[-1].month))


def _within(span: float, month: int) -> str:
    """Refuse a month that lies beyond the span."""
    return f"must be less than the {span:g} months decided about, got {month}"


def _of_steps(decision: Decision, span: float) -> Refusals:
    """Refuse periods that do not make up the span."""
    if (step := decision.step_months) is not None and span % step:
        yield ("decision", "step_months"), f"must divide the {span:g} months decided about, got {step}"


def _of_prices(decision: Decision) -> Refusals:
    """Refuse prices that wait for events nobody knows."""
    for kind, path in decision.prices.items():
        if path.rise is not None and path.rise.event is not None:
            yield from _known(("decision", "prices", kind, "rise", "event"), path.rise.event, "event", decision.events)


def _of_strategy(path: Path_, strategy: Strategy, scenario: Decided, decision: Decision, span: float) -> Refusals:
    """Refuse a strategy that names what there is not, or waits for what cannot happen."""
    yield from _known((*path, "plan"), strategy.plan, "plan", scenario.plans)
    if strategy.meanwhile is not None:
        yield from _known((*path, "meanwhile"), strategy.meanwhile, "plan", scenario.plans)
    for number, move in enumerate(strategy.moves):
        at = (*path, "moves", number)
        yield from _known((*at, "to"), move.to, "plan", scenario.plans)
        yield from _of_cause((*at, "when"), move.when, decision, span)


def _of_cause(path: Path_, when: When, decision: Decision, span: float) -> Refusals:
    """Refuse a cause that cannot come."""
    if when.event is not None:
        yield from _known((*path, "event"), when.event, "event", decision.events)
    if when.price is not None and when.price not in decision.prices:
        yield (*path, "price"), f"must be a price that moves: give decision.prices.{when.price}"
    if when.month is not None and when.month >= span:
        yield (*path, "month"), _within(span, int(when.month))


def _known(path: Path_, name: str, what: str, names: Mapping[str, object]) -> Refusals:
    """Refuse a name that nothing has."""
    if name not in names:
        known = nearest(name, names) if names else f"decision has no {what}s"
        yield path, f"must be {'an' if what == 'event' else 'a'} {what} of the scenario, got {name!r}; {known}"
