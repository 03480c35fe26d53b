"""The price book as a scenario sees it: the built-in one, and what the user's own adds to it. Nothing is overwritten.

Not here: reading a book's file (``book_file``), and the built-in facts (``catalog``).
"""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Annotated, Literal, TypedDict, TypeVar

from pydantic import Field, ValidationInfo

from sim.ground import catalog
from sim.ground.catalog import ApiOffer, Fact, InferenceOffer, Instance, NodePrice
from sim.ground.catalog.node_prices import in_force
from sim.ground.scenario.laws import Part
from sim.ground.scenario.quantity import Day, Gpus, Hours, NonNegative, Text

_MOST_NAMED = 5


class _Dated(Part):
    """What each entry says of itself: from when to when it is known to hold, and who says so."""

    since: Day
    """First day on which the price is known to hold, such as 2026-10-01."""
    seen: Day
    """Last day on which somebody saw it; more than 366 days before ``price_date`` it is called stale."""
    basis: Text
    """On what it rests, such as ``list price``, ``measured`` or ``assumed``."""
    source: Text
    """Who says so, and where."""


class NodeEntry(_Dated):
    """A price of a node hour at a rate; of an instance that the catalog lacks, also what the node holds."""

    kind: Literal["node"]
    """``node``: the price of a node hour."""
    instance: Text
    """Name of the instance, as a plan asks for it; one of the built-in book can get further rates, no other price."""
    rate: Text
    """Name of the rate, such as ``on_demand``, ``spot`` or ``reserved_1y``; a name that begins with ``spot`` can only
    be hired."""
    usd_per_node_h: NonNegative
    """Price of a node, in USD an hour."""
    gpus: Gpus | None = None
    """GPUs of the node; left out: those that the built-in book gives the instance."""
    gpu: Text | None = None
    """Name of its GPU, for paces from physics; left out: that of the built-in book, or unnamed."""


class InferenceEntry(_Dated):
    """An offer of inference by tokens; the batch prices are those of answers that can wait."""

    kind: Literal["inference"]
    """``inference``: an offer by tokens read and written."""
    name: Text
    """Name of the offer, as ``inference_offer`` asks for it; no offer of the built-in book may be hidden."""
    usd_per_million_input_tokens: NonNegative
    """Price of reading, in USD per million prompt tokens."""
    usd_per_million_cached_tokens: NonNegative | None = None
    """Price of prompt tokens found in the cache, in USD per million; left out: as any other prompt token."""
    usd_per_million_output_tokens: NonNegative
    """Price of writing, in USD per million tokens."""
    usd_per_million_batch_input_tokens: NonNegative | None = None
    """Price of reading in the batch tier, in USD per million tokens; left out: the offer has no batch price."""
    usd_per_million_batch_output_tokens: NonNegative | None = None
    """Price of writing in the batch tier, in USD per million tokens; left out: the offer has no batch price."""


class TrainingEntry(_Dated):
    """An offer of training by tokens."""

    kind: Literal["training"]
    """``training``: an offer by trained tokens."""
    name: Text
    """Name of the offer, as ``offer`` asks for it; no offer of the built-in book may be hidden."""
    usd_per_million_tokens: NonNegative
    """Price of training, in USD per million trained tokens."""
    hours_per_million_tokens: Hours
    """Hours that the offer takes to train on a million tokens."""


Entry = Annotated[NodeEntry | InferenceEntry | TrainingEntry, Field(discriminator="kind")]


def name_of(entry: NodeEntry | InferenceEntry | TrainingEntry) -> str:
    """Tell by which name a scenario asks for an entry."""
    return str(entry.instance if isinstance(entry, NodeEntry) else entry.name)


@dataclass(frozen=True)
class Book:
    """The built-in price book and the entries that a user's own add."""

    entries: tuple[NodeEntry | InferenceEntry | TrainingEntry, ...] = ()

    @cached_property
    def instances(self) -> dict[str, Instance]:
        """What a node of each instance holds."""
        own = {
            str(each.instance): Instance(int(each.gpus), str(each.gpu or "unnamed"), **_fact(each))
            for each in self.entries
            if isinstance(each, NodeEntry) and each.gpus is not None
        }
        return own | catalog.INSTANCES

    @cached_property
    def _nodes(self) -> dict[str, dict[str, list[NodePrice]]]:
        """Prices by instance and rate."""
        own = (
            NodePrice(str(each.instance), str(each.rate), float(each.usd_per_node_h), **_fact(each))
            for each in self.entries
            if isinstance(each, NodeEntry)
        )
        found: dict[str, dict[str, list[NodePrice]]] = {}
        for price in (*catalog.NODE_PRICES, *own):
            found.setdefault(price.instance, {}).setdefault(price.rate, []).append(price)
        return found

    @cached_property
    def inference(self) -> dict[str, list[InferenceOffer]]:
        """Offers of inference by name, each with all its prices over time."""
        found = {name: [offer] for name, offer in catalog.INFERENCE_OFFERS.items()}
        for each in self.entries:
            if isinstance(each, InferenceEntry):
                cached = each.usd_per_million_cached_tokens
                batch = each.usd_per_million_batch_input_tokens, each.usd_per_million_batch_output_tokens
                offer = InferenceOffer(
                    float(each.usd_per_million_input_tokens),
                    None if cached is None else float(cached),
                    float(each.usd_per_million_output_tokens),
                    batch_usd=None if batch[0] is None or batch[1] is None else (float(batch[0]), float(batch[1])),
                    **_fact(each),
                )
                found.setdefault(str(each.name), []).append(offer)
        return found

    @cached_property
    def training(self) -> dict[str, list[ApiOffer]]:
        """Offers of training by name, each with all its prices over time."""
        found = {name: [offer] for name, offer in catalog.API_OFFERS.items()}
        for each in self.entries:
            if isinstance(each, TrainingEntry):
                usd, hours = float(each.usd_per_million_tokens), float(each.hours_per_million_tokens)
                offer = ApiOffer(usd, hours, str(each.source), **_fact(each))
                found.setdefault(str(each.name), []).append(offer)
        return found

    def rates(self, instance: str, on: date | None = None) -> list[str]:
        """Name the rates at which an instance has a price, on a day or ever."""
        known = self._nodes.get(instance, {})
        return [rate for rate, prices in known.items() if in_force(prices, on) is not None]

    def node_price(self, instance: str, rate: str, on: date | None) -> NodePrice | None:
        """Find the price of an instance at a rate that is in force on a day (the newest for none)."""
        return in_force(self._nodes.get(instance, {}).get(rate, ()), on)

    def begins(self, instance: str, rate: str) -> date:
        """Tell from when on a price of an instance at a rate is known."""
        return min(price.since for price in self._nodes[instance][rate])

    def inference_offer(self, name: str, on: date | None) -> InferenceOffer:
        """Find the prices of an offer of inference on a day.

        Raises
        ------
        LookupError
            When it began later; with the offers that were in force then.
        """
        return _offer("inference offer", name, self.inference, on)

    def training_offer(self, name: str, on: date | None) -> ApiOffer:
        """Find the price of an offer of training on a day; ``LookupError`` as above."""
        return _offer("API offer", name, self.training, on)

    def of_rate(self, instance: str, rate: str, on: date | None = None) -> str:
        """Tell what to ask for where an instance has no price at a rate: other rates of it, others at that rate."""
        mine = sorted(self.rates(instance, on))
        others = [name for name in self._nodes if name != instance and rate in self.rates(name, on)]
        alike = self.instances[instance].gpu
        others.sort(key=lambda name: self.instances[name].gpu != alike)
        when = "" if on is None else f" on {on}"
        have = f"it has {quoted(mine)}{when}" if mine else f"it has no price{when}"
        return f"{have}; at {rate!r} there is {quoted(others)}" if others else f"{have}; no instance has {rate!r}{when}"


BUILT_IN = Book()


def book_of(info: ValidationInfo) -> Book:
    """Find the book that a scenario is read with."""
    context = info.context
    return context["book"] if isinstance(context, dict) and "book" in context else BUILT_IN


def quoted(names: Iterable[str]) -> str:
    """Name some of many: `a`, `b` and 7 more."""
    all_names = list(names)
    text = ", ".join(f"`{name}`" for name in all_names[:_MOST_NAMED])
    return text if len(all_names) <= _MOST_NAMED else f"{text} and {len(all_names) - _MOST_NAMED} more"


class _Said(TypedDict):
    since: date
    seen: date
    basis: str
    source: str


def _fact(each: _Dated) -> _Said:
    return {"since": each.since, "seen": each.seen, "basis": str(each.basis), "source": str(each.source)}


def _holds(each: Fact, on: date) -> bool:
    """Whether a price had begun by a day, and was seen within a year before it."""
    return each.since <= on and not each.stale(on)


_Offer = TypeVar("_Offer", bound=Fact)


def _offer(what: str, name: str, offers: dict[str, list[_Offer]], on: date | None) -> _Offer:
    """Find which of an offer's prices holds on a day."""
    known = offers[name]
    if found := [each for each in known if on is None or each.since <= on]:
        return max(found, key=lambda each: each.since)
    then = [other for other, prices in offers.items() if on and any(_holds(each, on) for each in prices)]
    close = difflib.get_close_matches(name, then, n=_MOST_NAMED, cutoff=0.0)
    named = quoted([*close, *(other for other in then if other not in close)]) if then else "nothing"
    raise LookupError(f"the {what} {name} began on {min(each.since for each in known)}; in force on {on}: {named}")


def clashes(entries: Iterable[NodeEntry | InferenceEntry | TrainingEntry]) -> Iterator[tuple[int, str]]:
    """Find entries that would hide another, or that nobody could use: pairs of an entry's number and the refusal."""
    own: dict[str, tuple[int, str | None]] = {}
    stated: set[tuple[str, str, str, date]] = set()
    for number, each in enumerate(entries):
        name, rate = name_of(each), str(each.rate) if isinstance(each, NodeEntry) else ""
        if each.seen < each.since:
            yield number, f"must have been seen on its first day ({each.since}) or later, got {each.seen}"
        key = (str(each.kind), name, rate, each.since)
        if key in stated:
            yield number, f"gives `{name}`{rate and f' at {rate!r}'} from {each.since} a price for the second time"
        stated.add(key)
        if isinstance(each, NodeEntry):
            yield from _clash_of_node(number, each, own)
        elif name in (catalog.INFERENCE_OFFERS if isinstance(each, InferenceEntry) else catalog.API_OFFERS):
            yield number, f"must not hide `{name}` of the built-in book; give it a prefix like `mine/{name}`"


def _clash_of_node(number: int, each: NodeEntry, own: dict[str, tuple[int, str | None]]) -> Iterator[tuple[int, str]]:
    """Find what is wrong with one price of a node, knowing what the entries before it said of its instance."""
    name, known = str(each.instance), catalog.INSTANCES.get(str(each.instance))
    if known is not None:
        if any((price.instance, price.rate) == (name, each.rate) for price in catalog.NODE_PRICES):
            text = f"must not hide the price of `{name}` at {each.rate!r} of the built-in book"
            yield number, f"{text}; name the rate otherwise, or the instance `mine/{name}`"
        if (each.gpus or known.gpus, each.gpu or known.gpu) != (known.gpus, known.gpu):
            yield number, f"must have the {known.gpus} x {known.gpu} of `{name}` in the catalog, or leave them out"
    elif each.gpus is None:
        yield number, f"must have `gpus`, because `{name}` is not in the catalog"
    elif own.setdefault(name, (int(each.gpus), each.gpu)) != (each.gpus, each.gpu):
        gpus, gpu = own[name]
        yield number, f"must have the {gpus} x {gpu} that an earlier entry gives `{name}`, got {each.gpus} x {each.gpu}"
