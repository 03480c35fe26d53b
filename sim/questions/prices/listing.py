"""Every price that there is, as rows: the built-in book's and those of the user's own, with their age on a day."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any, Final

from sim.ground import catalog
from sim.ground.catalog import ApiOffer, Fact, InferenceOffer
from sim.ground.scenario.book import InferenceEntry, NodeEntry, TrainingEntry

KINDS: Final = ("node", "inference", "training", "batch", "throughput", "server", "site")
DAYS_PER_MONTH: Final = 365.25 / 12

Entry = NodeEntry | InferenceEntry | TrainingEntry


@dataclass(frozen=True)
class Row:
    """One price.

    Attributes
    ----------
    kind : str
        One of ``KINDS``.
    provider, name, rate : str
        Whose it is, by which name a scenario asks for it, and the way to pay ("" where there is but one).
    price, unit : float, str
        In USD by the unit, or as the unit says.
    since, seen : date
        In force from when, last known to have held when.
    basis, source : str
        On what it rests, and who says so.
    """

    kind: str
    provider: str
    name: str
    rate: str
    price: float
    unit: str
    since: date
    seen: date
    basis: str
    source: str

    def months(self, on: date) -> float | None:
        """Age on a day: months since it was last seen; None where it began later."""
        return None if self.since > on else max(0, (on - self.seen).days) / DAYS_PER_MONTH

    def stale(self, on: date) -> bool:
        """Whether it was last seen more than twelve months before a day."""
        return (on - self.seen).days > catalog.STALE_DAYS

    def as_values(self, on: date) -> dict[str, Any]:
        """Give the row as plain values, with its age in months and whether it is stale on a day."""
        age = self.months(on)
        aged = {"age_months": None if age is None else round(age, 1), "stale": self.stale(on)}
        dates = {"since": self.since.isoformat(), "seen": self.seen.isoformat()}
        return asdict(self) | dates | aged

    def holds(self, word: str) -> bool:
        """Whether a word stands in any of its texts, whatever its case."""
        texts = (self.kind, self.provider, self.name, self.rate, self.unit, self.basis, self.source)
        return any(word.casefold() in text.casefold() for text in texts)


def _row(kind: str, provider: str, name: str, rate: str, price: float, unit: str, fact: Fact | Entry) -> Row:
    said = (fact.since, fact.seen, str(fact.basis), str(fact.source))
    return Row(kind, provider, name, rate, price, unit, *said)


def _tokens(name: str, provider: str, offer: InferenceOffer) -> Iterator[Row]:
    """Tell the prices of an offer of inference, a row each."""
    prices = {
        "input": offer.usd_per_million_input_tokens,
        "cached input": offer.usd_per_million_cached_tokens,
        "output": offer.usd_per_million_output_tokens,
        "batch input": offer.usd_per_million_batch_input_tokens,
        "batch output": offer.usd_per_million_batch_output_tokens,
    }
    for what, price in prices.items():
        if price is not None:
            row = _row("inference", provider, name, what, price, f"USD per million {what} tokens", offer)
            yield _in_tier(row, offer) if what.startswith("batch") else row


def _in_tier(row: Row, offer: InferenceOffer) -> Row:
    """Date a batch price: it holds where both the offer and the tier do."""
    if offer.batch is None:
        return row
    tier = catalog.BATCH_TIERS[offer.batch]
    since = max(row.since, tier.since)
    source = f"{tier.share_of_price:g} of the price ({tier.source}); {row.source}"
    return replace(row, since=since, seen=max(since, min(row.seen, tier.seen)), source=source)


def _training(name: str, provider: str, offer: ApiOffer) -> Row:
    return _row("training", provider, name, "", offer.usd_per_million_tokens, "USD per million trained tokens", offer)


def listed() -> Iterator[Row]:
    """Walk through the built-in price book."""
    for node in catalog.NODE_PRICES:
        provider = node.instance.partition(".")[0] if "." in node.instance and "_" in node.instance else "aws"
        yield _row("node", provider, node.instance, node.rate, node.usd_per_node_h, "USD per node hour", node)
    for name, offer in catalog.INFERENCE_OFFERS.items():
        yield from _tokens(name, name.partition("_")[0], offer)
    for name, trained in catalog.API_OFFERS.items():
        yield _training(name, name.partition("_")[0], trained)
    for name, tier in catalog.BATCH_TIERS.items():
        unit = f"of the price, within {tier.within_hours:g} h"
        yield _row("batch", name.partition("_")[0], name, "", tier.share_of_price, unit, tier)
    for units in catalog.UNIT_PRICES:
        provider = units.unit.partition("_")[0]
        yield _row("throughput", provider, units.unit, units.rate, units.usd_per_unit_h, "USD per unit hour", units)
    for name, server in catalog.SERVERS.items():
        unit = f"USD per server, {server.gpus} x {server.gpu}, {server.power_kw:g} kW, {server.life_years:g} years"
        yield _row("server", name.partition("_")[0], name, "", server.usd, unit, server)
    for name, site in catalog.SITE_COSTS.items():
        yield _row("site", "", name, "", site.value, site.unit, site)


def rows_of(entries: Iterable[Entry]) -> Iterator[Row]:
    """Walk through the entries of a user's own book; the provider is what stands before the first slash of a name."""
    for each in entries:
        if isinstance(each, NodeEntry):
            name, usd = str(each.instance), float(each.usd_per_node_h)
            yield _row("node", _before_slash(name), name, str(each.rate), usd, "USD per node hour", each)
        elif isinstance(each, TrainingEntry):
            name, usd = str(each.name), float(each.usd_per_million_tokens)
            yield _row("training", _before_slash(name), name, "", usd, "USD per million trained tokens", each)
        else:
            yield from _own_tokens(each)


def _own_tokens(each: InferenceEntry) -> Iterator[Row]:
    name = str(each.name)
    for key in ("input", "cached", "output", "batch_input", "batch_output"):
        price = getattr(each, f"usd_per_million_{key}_tokens")
        if price is not None:
            what = {"cached": "cached input"}.get(key, key.replace("_", " "))
            unit = f"USD per million {what} tokens"
            yield _row("inference", _before_slash(name), name, what, float(price), unit, each)


def _before_slash(name: str) -> str:
    return name.partition("/")[0] if "/" in name else "own"
