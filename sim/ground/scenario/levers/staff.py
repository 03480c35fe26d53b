"""Levers of people: what an engineer is paid, and how many a plan needs."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from sim.ground.scenario.levers.lever import MOVED, Draft, at_keys, plans_of, shared
from sim.ground.scenario.model import Scenario

_TIMES: Final = 3.0


def staff_levers(scenario: Scenario) -> Iterator[Draft]:
    """Go through the levers of people."""
    yield from _pay(scenario)
    yield from _engineers(scenario)


def _pay(scenario: Scenario) -> Iterator[Draft]:
    """Draft what an engineer is paid: one number where several plans pay the same."""
    paid = (
        (float(plan.staff.usd_per_year), (name, plan.staff))
        for name, plan in scenario.plans.items()
        if plan.staff is not None and plan.staff.usd_per_year
    )
    for places in shared(paid):
        plan, staff = places[0]
        value = float(staff.usd_per_year)
        told = next(each for each in scenario.plans[plan].inputs(scenario.price_date) if each.what == "engineer")
        keys = tuple(f"plans.{each}.staff.usd_per_year" for each, _ in places)
        sources = {f"plans.{each}.staff.source": MOVED for each, _ in places}
        yield Draft(
            "staff",
            ("staff_pay", f"{plan}_staff_pay"),
            ("pay of an engineer", f"pay of an engineer, {plan}"),
            "USD a year",
            value,
            0.0,
            _TIMES * value,
            told.basis,
            keys,
            plans_of(places),
            partial(at_keys, keys=keys, beside=sources),
        )


def _engineers(scenario: Scenario) -> Iterator[Draft]:
    """Draft how many engineers a plan pays."""
    for name, plan in scenario.plans.items():
        if plan.staff is None or not plan.staff.engineers:
            continue
        value, key = float(plan.staff.engineers), f"plans.{name}.staff.engineers"
        yield Draft(
            "staff",
            (f"{name}_engineers",),
            (f"engineers, {name}",),
            "engineers",
            value,
            0.0,
            _TIMES * value,
            "stated",
            (key,),
            (name,),
            partial(at_keys, keys=(key,), beside={}),
        )
