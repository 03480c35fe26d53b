"""The form of a node's price, and short ways to write one down by what it rests on."""

from dataclasses import dataclass

from sim.ground.catalog.facts import Fact, day


@dataclass(frozen=True)
class NodePrice(Fact):
    """One price of one instance: USD for a node hour at a rate (a way to pay)."""

    instance: str
    rate: str
    usd_per_node_h: float


def listed(instance: str, rate: str, usd: float, since: str, seen: str, source: str) -> NodePrice:
    """Write down what the seller's own list asks."""
    return _rested("list price", instance, rate, usd, since, seen, source)


def quoted(instance: str, rate: str, usd: float, since: str, seen: str, source: str) -> NodePrice:
    """Write down what somebody else says that the seller's list asks."""
    return _rested("list price, second-hand", instance, rate, usd, since, seen, source)


def traded(instance: str, rate: str, usd: float, since: str, seen: str, source: str) -> NodePrice:
    """Write down the level of a market, as somebody else saw it."""
    return _rested("market price, second-hand", instance, rate, usd, since, seen, source)


def _rested(basis: str, instance: str, rate: str, usd: float, since: str, seen: str, source: str) -> NodePrice:
    return NodePrice(instance, rate, usd, since=day(since), seen=day(seen), basis=basis, source=source)
