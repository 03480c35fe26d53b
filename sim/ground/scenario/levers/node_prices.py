"""Levers of what nodes cost: an hour of one, or one that is bought."""

from collections.abc import Hashable, Iterator
from functools import partial
from typing import Final

from sim.ground.scenario.buying import Bought, Held
from sim.ground.scenario.commitment import term_of
from sim.ground.scenario.inputs import Input
from sim.ground.scenario.levers.lever import MOVED, Draft, Settings, plans_of, shared
from sim.ground.scenario.model import Scenario

_TIMES: Final = 10.0
_Group = tuple[str, tuple[str, str, Bought]]
"""A plan, and in it: how its nodes are bought, the group's name, the group."""


def _groups(scenario: Scenario) -> Iterator[tuple[Hashable, _Group]]:
    """Go through all groups of nodes and what their price goes by: the book's, or the same words of the scenario."""
    for plan_name, plan in scenario.plans.items():
        for way, groups in (("held", plan.held), ("hired", plan.hired)):
            for name, group in groups.items():
                if group.rate is not None:
                    price: Hashable = (group.instance, group.rate)
                else:
                    owned = repr(group.owned) + repr(group.server) if isinstance(group, Held) else ""
                    price = (name, group.gpus, group.instance, group.usd_per_node_h, group.source, owned)
                yield price, (plan_name, (way, name, group))


def node_levers(scenario: Scenario) -> Iterator[Draft]:
    """Draft what an hour of a node costs, or an owned node."""
    for places in shared(_groups(scenario)):
        plan, (_, name, group) = places[0]
        owned = isinstance(group, Held) and group.owned is not None
        told = _server(group) if isinstance(group, Held) and owned else group.price(name, scenario.price_date)
        if not told.value:
            continue
        said = _called(plan, name, group, owned)
        key = "owned.usd" if owned else "usd_per_node_h"
        yield Draft(
            "node_price",
            *said,
            "USD a node" if owned else "USD/h",
            told.value,
            told.value / _TIMES,
            told.value * _TIMES,
            told.basis,
            tuple(f"plans.{each}.{way}.{place}.{key}" for each, (way, place, _) in places),
            plans_of(places),
            partial(node_settings, places=places),
            log=True,
        )


def _server(group: Held) -> Input:
    """Tell what an owned node was bought for."""
    return next(each for each in group.inputs("", None) if each.unit == "USD per node")


def _called(plan: str, name: str, group: Bought, owned: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Say what the price of a group of nodes may be called: as a name, and for people."""
    if group.rate is None:
        what = "price of a server" if owned else "price of a node"
        return (f"{name}_price", f"{plan}_{name}_price"), (f"{what}, {name}", f"{what}, {name}, {plan}")
    rate, term = str(group.rate), term_of(group.rate)
    short = rate.rsplit("_", 1)[0] if term else rate
    word = "on-demand" if short == "on_demand" else short.replace("_", " ")
    names = (f"{name}_{short}_price", f"{name}_{rate}_price", f"{plan}_{name}_{rate}_price")
    article = "an" if word[0] in "aeiou" else "a"
    long = rate.replace("_", " ")
    labels = (
        f"price of {article} {word} {group.instance}",
        f"{word} price, {group.instance}",
        f"{word} price, {name}",
        f"{long} price, {name}",
        f"{long} price, {name}, {plan}",
    )
    return names, labels


def node_settings(new: float, places: list[_Group]) -> Settings:
    """Put a price in the place of the book's or the stated one; what the name of a rate said besides is kept."""
    found: Settings = {}
    for plan, (way, name, group) in places:
        place = f"plans.{plan}.{way}.{name}"
        if isinstance(group, Held) and group.owned is not None:
            sources = {**(group.owned.sources or {}), "usd": MOVED}
            found |= {f"{place}.owned.usd": new, f"{place}.owned.sources": sources}
            continue
        found |= {f"{place}.usd_per_node_h": new, f"{place}.source": MOVED}
        if group.rate is None:
            continue
        found[f"{place}.rate"] = None
        if way == "hired" and group.rate.startswith("spot"):
            found[f"{place}.spot"] = True
        elif isinstance(group, Held) and term_of(group.rate):
            said = {} if group.commitment is None else group.commitment.model_dump()
            found[f"{place}.commitment"] = {**said, "term_months": group.term_months}
    return found
