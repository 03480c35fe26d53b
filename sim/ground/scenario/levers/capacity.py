"""Levers of capacity: how many nodes a plan holds or may hire, and how long its jobs wait before they go to the API."""

from collections.abc import Iterator

from sim.ground.scenario.buying import Held
from sim.ground.scenario.hired import Hired
from sim.ground.scenario.laws import law_mean
from sim.ground.scenario.levers.lever import Draft
from sim.ground.scenario.model import Scenario
from sim.ground.scenario.plans import Plan

_NODE_TIMES, _MORE_NODES = 4, 3
_PATIENCE_TIMES, _LONG_HOURS, _SHORT_HOURS = 10.0, 24.0, 0.1


def capacity_levers(scenario: Scenario) -> Iterator[Draft]:
    """Go through the levers of each plan's capacity."""
    for name, plan in scenario.plans.items():
        for group_name, held in plan.held.items():
            yield _held(name, group_name, held)
        for group_name, hired in plan.hired.items():
            yield from _most(name, group_name, hired)
        yield from _patience(scenario, name, plan)


def _most_worth_a_look(nodes: int) -> float:
    """Look at several times as many nodes, at some more where there are few."""
    return float(max(_NODE_TIMES * nodes, nodes + _MORE_NODES))


def _held(plan: str, name: str, group: Held) -> Draft:
    """Draft the number of nodes of a held group."""
    key = f"plans.{plan}.held.{name}.nodes"
    least = max((int(entry.nodes) for entry in (group.serve.schedule if group.serve else None) or ()), default=0)
    return Draft(
        kind="nodes",
        names=(f"{plan}_nodes", f"{plan}_{name}_nodes"),
        labels=(f"nodes, {plan}", f"nodes `{name}`, {plan}"),
        unit="nodes",
        value=float(group.nodes),
        low=float(least),
        high=_most_worth_a_look(int(group.nodes)),
        basis="stated",
        keys=(key,),
        plans=(plan,),
        put=lambda new: {key: int(new)},
        whole=True,
    )


def _most(plan: str, name: str, group: Hired) -> Iterator[Draft]:
    """Draft the most nodes that are hired at once, where that is limited."""
    if group.most_nodes is None:
        return
    scaled = group.serve is not None
    key = f"plans.{plan}.hired.{name}.{'serve.autoscale.maximum' if scaled else 'maximum'}"
    yield Draft(
        kind="nodes",
        names=(f"{plan}_most_nodes", f"{plan}_{name}_most_nodes"),
        labels=(f"most nodes hired, {plan}", f"most nodes hired `{name}`, {plan}"),
        unit="nodes",
        value=float(group.most_nodes),
        low=1.0,
        high=_most_worth_a_look(group.most_nodes),
        basis="stated",
        keys=(key,),
        plans=(plan,),
        put=lambda new: {key: int(new)},
        whole=True,
    )


def _patience(scenario: Scenario, name: str, plan: Plan) -> Iterator[Draft]:
    """Draft how long a job waits for a node before it goes to the API.

    Where none is stated it waits for ever, which is as long as the horizon.
    """
    if plan.api is None or not plan.api.trains or not plan.tunes_on_nodes:
        return
    law, whole = plan.patience_hours, scenario.horizon_hours
    exponential = law is not None and law.law == "exponential"
    key = f"plans.{name}.patience_hours{'.mean' if exponential else ''}"
    value = whole if law is None else law_mean(law)
    reach = max(_PATIENCE_TIMES * value, _LONG_HOURS)
    yield Draft(
        kind="patience",
        names=(f"{name}_patience",),
        labels=(f"patience, {name}",),
        unit="h",
        value=value,
        low=min(_SHORT_HOURS, whole) if law is None else 0.0,
        high=whole if law is None else max(value, min(reach, whole)),
        basis="stated",
        keys=(key,),
        plans=(name,),
        put=lambda new: {key: new},
        log=law is None,
    )
