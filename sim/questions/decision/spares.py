"""Spare nodes: how often enough held nodes are up, and what another nine costs. Nothing is simulated here."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from scipy.special import bdtrc

from sim.ground.faults import InputError, nearest
from sim.ground.scenario import Held, Plan, Scenario
from sim.ground.scenario.laws import law_mean
from sim.ground.units import HOURS_PER_YEAR

Json = dict[str, Any]


@dataclass(frozen=True)
class Spared:
    """What so many spare nodes bring, and cost.

    Attributes
    ----------
    spares : int
        Nodes beyond those needed.
    availability : float
        Share of the time in which at least the needed nodes are up, in the long run.
    nines : float
        -log10(1 - availability): 3 for 99.9 %.
    down_hours_a_year : float
        In which fewer are up.
    usd_a_year : float
        Of all nodes, the needed ones too.
    usd_per_hour_avoided : float or None
        What the last spare costs for each hour of these that it takes away; None for no spare.
    """

    spares: int
    availability: float
    nines: float | None
    down_hours_a_year: float
    usd_a_year: float
    usd_per_hour_avoided: float | None = None


def down_share(group: Held) -> float:
    """Tell in which share of the time a node that fails is down: repair / (up + repair), whatever the laws."""
    if group.failures is None:
        return 0.0
    return law_mean(group.failures.repair_hours) / group.failures.cycle_hours


def shortfall(needed: int, spares: int, share: float) -> float:
    """Tell in which share of the time fewer nodes than needed are up.

    Parameters
    ----------
    needed, spares : int
        Nodes.
    share : float
        Of the time in which each node is down, by itself: each has its own repair crew.

    References
    ----------
    Barlow & Proschan, Mathematical Theory of Reliability (1965), ch. 5: k out of n, binomial.
    """
    return float(bdtrc(spares, needed + spares, share))


def spared(needed: int, most: int, share: float, usd_per_node_year: float) -> list[Spared]:
    """Lay out what 0 to ``most`` spare nodes bring, and cost."""
    found: list[Spared] = []
    for spares in range(most + 1):
        short = shortfall(needed, spares, share)
        hours = short * HOURS_PER_YEAR
        avoided = found[-1].down_hours_a_year - hours if found else 0.0
        found.append(
            Spared(
                spares,
                availability=1 - short,
                nines=-math.log10(short) if short > 0 else None,
                down_hours_a_year=hours,
                usd_a_year=(needed + spares) * usd_per_node_year,
                usd_per_hour_avoided=usd_per_node_year / avoided if avoided > 0 else None,
            )
        )
    return found


def another_nine(rows: list[Spared]) -> list[Json]:
    """Find the fewest spares for each nine beyond those of no spare, and what they cost a year."""
    found: list[Json] = []
    for row in rows[1:]:
        nines, before = (math.inf if each is None else each for each in (row.nines, rows[row.spares - 1].nines))
        if math.isfinite(nines) and math.floor(nines) > math.floor(before):
            more = row.usd_a_year - rows[0].usd_a_year
            found.append({"nines": math.floor(nines), "spares": row.spares, "usd_a_year_more": more})
    return found


def spares(scenario: Scenario, plan: str | None = None, most: int = 5) -> Json:
    """Tell what spare nodes bring to every group of held nodes that fail.

    Parameters
    ----------
    plan : str, optional
        Name; without it all plans with such nodes.
    most : int
        Spares up to which it is told.

    Raises
    ------
    InputError
        When there is no such plan, or no held node that fails.
    """
    if plan is not None and plan not in scenario.plans:
        raise InputError.one("--plan", f"must be a plan of the scenario, got {plan!r}; {nearest(plan, scenario.plans)}")
    chosen = scenario.plans if plan is None else {plan: scenario.plans[plan]}
    found = {name: groups for name, each in chosen.items() if (groups := _groups(scenario, each, most))}
    if not found:
        whose = "no plan has" if plan is None else f"plan `{plan}` has no"
        key = f"plans.{plan or next(iter(chosen))}.held.NAME.failures"
        way_out = f"state {key}: {{up_hours: {{law: exponential, mean: 3692}}, repair_hours: 8}}"
        raise InputError.one(scenario.name, f"{whose} held nodes with `failures`, so none has to be spared; {way_out}")
    return {"plans": found}


def _groups(scenario: Scenario, plan: Plan, most: int) -> Json:
    """Lay out each group of a plan whose nodes fail."""
    failing = {name: group for name, group in plan.tuning.items() if group.failures is not None and group.nodes}
    return {name: _group(scenario, name, group, most) for name, group in failing.items()}


def _group(scenario: Scenario, name: str, group: Held, most: int) -> Json:
    """Lay out one group."""
    usd = group.price(f"held {name}", scenario.price_date).value * HOURS_PER_YEAR
    rows = spared(int(group.nodes), most, down_share(group), usd)
    return {
        "needed": int(group.nodes),
        "node_down_share": down_share(group),
        "usd_per_node_year": usd,
        "rows": [asdict(row) for row in rows],
        "another_nine": another_nine(rows),
        "inputs": [asdict(entry) for entry in group.inputs(name, scenario.price_date)],
    }
