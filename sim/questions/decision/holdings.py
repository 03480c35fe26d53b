"""What a strategy holds over the months, put together from the plans that are in force, and what that costs.

Nodes bought on the same terms (instance or server, rate or price, commitment) are one and the same, whichever group
or plan needs them: a running term goes on under the next plan that needs such nodes. Not here: what is paid by use.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from sim.ground.scenario import Held, Plan, Scenario
from sim.ground.scenario.owned import MONTHS_PER_YEAR
from sim.ground.scenario.pattern import HOURS_PER_MONTH
from sim.ground.units import HOURS_PER_YEAR, Floats, Ticks
from sim.questions.decision.futures import Future
from sim.questions.decision.moves import Stretch
from sim.questions.decision.owned import Purchase, owned_schedule
from sim.questions.decision.schedule import Schedule
from sim.questions.decision.terms import monthly_schedule, term_schedule


def nodes_by_month(group: Held, months: int) -> Ticks:
    """Count the nodes of a group in each month of the span, those of its stages from their month on."""
    found = np.full(months, int(group.nodes))
    for stage in group.stages:
        found[int(stage.month) :] += int(stage.nodes)
    return found


def held_schedule(future: Future, stretches: Sequence[Stretch]) -> Schedule:
    """Lay out what the nodes and the reserved units of the plans in force cost, and when they are paid.

    Terms and purchases take the price at the beginning of their first month, what is paid month by month that of its
    middle.

    Parameters
    ----------
    future : Future
        Plans and prices.
    stretches : sequence of Stretch
        Which plan is in force when; they end with the span.
    """
    scenario, months = future.scenario, stretches[-1].end
    found = Schedule.nothing(months)
    for group, needed in _needs(scenario.plans, stretches, months):
        found += _group_schedule(future, group, needed)
    for plan, begin, end in stretches:
        found += _units_schedule(scenario, scenario.plans[plan], begin, end, future.prices["api"])
    return found


def _needs(plans: Mapping[str, Plan], stretches: Sequence[Stretch], months: int) -> list[tuple[Held, Ticks]]:
    """Add up the nodes needed on each kind of terms, month by month."""
    found: dict[tuple[object, ...], tuple[Held, Ticks]] = {}
    for plan, begin, end in stretches:
        for group in plans[plan].held.values():
            _, needed = found.setdefault(_terms(group), (group, np.zeros(months, np.int64)))
            needed[begin:end] += nodes_by_month(group, months)[begin:end]
    return list(found.values())


def _terms(group: Held) -> tuple[object, ...]:
    """Tell on which terms the nodes of a group are bought."""
    what = (group.instance, group.gpus, group.server)
    return (*what, group.rate, group.usd_per_node_h, repr(group.owned), repr(group.commitment))


def _group_schedule(future: Future, group: Held, needed: Ticks) -> Schedule:
    """Lay out one kind of nodes: owned, for terms, or from month to month."""
    if group.owned is not None:
        return owned_schedule(needed, purchase(group), future.openings["server"])
    usd = group.price("held", future.scenario.price_date).value * HOURS_PER_MONTH
    if not group.term_months:
        path = "on_demand" if (group.rate or "").startswith("on_demand") else "held"
        return monthly_schedule(needed, usd, future.prices[path])
    upfront = 0.0 if group.commitment is None else float(group.commitment.upfront_share)
    paid = group.commitment is None or group.commitment.beyond == "paid"
    return term_schedule(needed, usd, future.openings["held"], group.term_months, upfront, paid)


def purchase(group: Held) -> Purchase:
    """Take from a group of owned nodes what one of them costs; its life in whole months, to the nearest."""
    told = group.figures()
    running = HOURS_PER_MONTH * told["power_kw"] * told["load_share"] * told["pue"] * told["usd_per_kwh"]
    space = told["space_usd_per_kw_month"] * told["power_kw"]
    return Purchase(
        usd=told["usd"],
        resale_share=told["resale_share"],
        life=max(1, round(told["life_years"] * MONTHS_PER_YEAR)),
        upkeep_share=told["maintenance_share_per_year"] * HOURS_PER_MONTH / HOURS_PER_YEAR,
        running_usd=running + space * MONTHS_PER_YEAR * HOURS_PER_MONTH / HOURS_PER_YEAR,
    )


def _units_schedule(scenario: Scenario, plan: Plan, begin: int, end: int, path: Floats) -> Schedule:
    """Lay out the reserved units of a plan's API: paid from month to month while the plan is in force."""
    units, months = None if plan.api is None else plan.api.reserved, len(path)
    if units is None:
        return Schedule.nothing(months)
    needed = np.zeros(months, np.int64)
    needed[begin:end] = int(units.units)
    return monthly_schedule(needed, units.price(scenario.price_date).value * HOURS_PER_MONTH, path)
