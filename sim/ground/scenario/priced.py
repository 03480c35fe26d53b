"""What an hour of a node costs, by the price book or as stated. Not here: how nodes come and go (``buying``)."""

from datetime import date
from typing import ClassVar, Self

from pydantic import PrivateAttr, ValidationInfo, model_validator

from sim.ground.scenario.book import BUILT_IN, Book, book_of
from sim.ground.scenario.inputs import Input, nearest, stated
from sim.ground.scenario.laws import Part
from sim.ground.scenario.quantity import Gpus, NonNegative, Text


class Priced(Part):
    """Something bought by the node: from the price book by instance and rate, or at a stated price."""

    _ways: ClassVar[tuple[str, ...]] = ("rate", "usd_per_node_h")
    _things: ClassVar[tuple[str, ...]] = ("instance", "gpus")

    instance: Text | None = None
    """Instance of the price book, such as ``p4d.24xlarge``; or ``gpus``."""
    rate: Text | None = None
    """Rate of the price book, such as ``on_demand`` or ``reserved_1y`` (``spot`` for hired nodes only); or
    ``usd_per_node_h``."""
    gpus: Gpus | None = None
    """GPUs of a node that the price book does not know; or ``instance``."""
    usd_per_node_h: NonNegative | None = None
    """Price of a node, in USD an hour; or ``rate``."""
    source: Text | None = None
    """Who says the stated price, such as ``list price: vendor page, 2026-10``; left out: listed as stated without a
    source."""
    _book: Book = PrivateAttr(default_factory=lambda: BUILT_IN)

    @model_validator(mode="after")
    def _priced(self, info: ValidationInfo) -> Self:
        self._book = book_of(info)
        self.exactly_one(*self._ways)
        self.exactly_one(*self._things)
        if self.instance is not None and self.instance not in self._book.instances:
            raise ValueError(
                f"must have an instance of the price book, got {self.instance!r}; "
                f"{nearest(self.instance, self._book.instances)} or state `gpus` and `usd_per_node_h`"
            )
        if self.rate is not None:
            if self.instance is None:
                raise ValueError("must have `instance` with `rate`, or state `gpus` and `usd_per_node_h`")
            if self.rate not in (rates := self._book.rates(self.instance)):
                others = self._book.of_rate(self.instance, self.rate)
                raise ValueError(
                    f"must have a rate of the price book for {self.instance}, got {self.rate!r}; "
                    f"{nearest(self.rate, sorted(rates))} ({others}), or state `usd_per_node_h`"
                )
        return self

    @property
    def gpus_per_node(self) -> int:
        """GPUs that are bought together."""
        return self._book.instances[self.instance].gpus if self.instance is not None else int(self.gpus or 0)

    @property
    def gpu(self) -> str | None:
        """The GPU of its nodes, where the price book tells it."""
        return None if self.instance is None else self._book.instances[self.instance].gpu

    def price(self, what: str, on: date | None) -> Input:
        """Look up what a node hour costs and who says so.

        Raises
        ------
        LookupError
            When the book has no price as old as ``on``; with what there was.
        """
        if self.usd_per_node_h is not None:
            return stated(what, float(self.usd_per_node_h), "USD per node hour", self.source)
        instance, rate = str(self.instance), str(self.rate)
        found = self._book.node_price(instance, rate, on)
        if found is None:
            first, others = self._book.begins(instance, rate), self._book.of_rate(instance, rate, on)
            text = f"no {rate} price of {instance} is known as early as {on}, the first is of {first}"
            raise LookupError(f"{text}; {others}")
        return Input(
            f"{what} ({instance}, {rate})",
            found.usd_per_node_h,
            "USD per node hour",
            found.basis,
            found.source,
            found.since,
            found.seen,
        )

    def list_price(self, on: date | None) -> float | None:
        """Look up what a node hour of the same instance costs on demand; None where the book does not say."""
        found = None if self.instance is None else self._book.node_price(self.instance, "on_demand", on)
        return None if found is None else found.usd_per_node_h
