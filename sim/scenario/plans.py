"""The plans of a scenario: ways to buy capacity, and what each pays."""

import math
from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from sim import catalog
from sim.scenario.inputs import Input, nearest, stated
from sim.scenario.laws import Part, PatienceLaw
from sim.scenario.quantity import Count, Gpus, NonNegative, Positive, Slug, Text


class Priced(Part):
    """Something bought by the node: from the price book by instance and rate, or at a stated price."""

    instance: Text | None = None
    rate: Text | None = None
    gpus: Gpus | None = None
    usd_per_node_h: NonNegative | None = None
    source: Text | None = None

    @model_validator(mode="after")
    def _priced(self) -> Self:
        self.exactly_one("rate", "usd_per_node_h")
        self.exactly_one("instance", "gpus")
        if self.instance is not None and self.instance not in catalog.INSTANCES:
            raise ValueError(
                f"must have an instance of the catalog, got {self.instance!r}; "
                f"{nearest(self.instance, catalog.INSTANCES)} or state `gpus` and `usd_per_node_h`"
            )
        if self.rate is not None:
            if self.instance is None:
                raise ValueError("must have `instance` with `rate`, or state `gpus` and `usd_per_node_h`")
            rates = {price.rate for price in catalog.NODE_PRICES if price.instance == self.instance}
            if self.rate not in rates:
                raise ValueError(
                    f"must have a rate of the price book for {self.instance}, got {self.rate!r}; "
                    f"{nearest(self.rate, sorted(rates))} or state `usd_per_node_h`"
                )
        return self

    @property
    def gpus_per_node(self) -> int:
        """GPUs that are bought together."""
        return catalog.INSTANCES[self.instance].gpus if self.instance is not None else int(self.gpus or 0)

    def price(self, what: str, on: date | None) -> Input:
        """Look up what a node hour costs and who says so."""
        if self.usd_per_node_h is not None:
            return stated(what, float(self.usd_per_node_h), "USD per node hour", self.source)
        found = catalog.node_price(str(self.instance), str(self.rate), on)
        if found is None:
            raise LookupError(f"no {self.rate} price of {self.instance} is known as early as {on}")
        return Input(
            f"{what} ({self.instance}, {self.rate})",
            found.usd_per_node_h,
            "USD per node hour",
            found.basis,
            found.source,
            found.since,
            found.seen,
        )


class Held(Priced):
    """Nodes that are paid busy or idle; jobs wait for each other."""

    nodes: Count


class Hired(Priced):
    """Nodes hired for one job each and given back when it ends: no boot, billed by the second."""


class Api(Part):
    """Pay-per-use training: a price for each job by its tokens, its hours, or flat."""

    offer: Text | None = None
    usd_per_million_tokens: NonNegative | None = None
    usd_per_job: NonNegative | None = None
    usd_per_service_hour: NonNegative | None = None
    hours_per_million_tokens: Positive | None = None
    source: Text | None = None

    @model_validator(mode="after")
    def _priced(self) -> Self:
        self.exactly_one("offer", "usd_per_million_tokens", "usd_per_job", "usd_per_service_hour")
        if self.offer is not None and self.offer not in catalog.API_OFFERS:
            raise ValueError(
                f"must have an offer of the price book, got {self.offer!r}; "
                f"{nearest(self.offer, catalog.API_OFFERS)} or state `usd_per_million_tokens`"
            )
        return self

    @property
    def prices_tokens(self) -> bool:
        """Whether a job must say its tokens to be priced."""
        return self.offer is not None or self.usd_per_million_tokens is not None

    @property
    def pace(self) -> float | None:
        """Hours a million tokens take at the API; None: as long as on own nodes (an assumption, said in the output)."""
        if self.hours_per_million_tokens is not None or self.offer is None:
            return self.hours_per_million_tokens
        return catalog.API_OFFERS[self.offer].hours_per_million_tokens

    def price(self, on: date | None) -> Input:
        """Tell what the API charges, in which unit, and who says so."""
        if self.offer is not None:
            offer = catalog.API_OFFERS[self.offer]
            if on is not None and offer.since > on:
                raise LookupError(f"the API offer {self.offer} began on {offer.since}")
            return Input(
                f"API ({self.offer})",
                offer.usd_per_million_tokens,
                "USD per million trained tokens",
                offer.basis,
                offer.source,
                offer.since,
                offer.seen,
            )
        units = {
            "usd_per_million_tokens": "USD per million trained tokens",
            "usd_per_job": "USD per job",
            "usd_per_service_hour": "USD per service hour",
        }
        key = self.given(*units)[0]
        return stated("API", float(getattr(self, key)), units[key], self.source)


class Staff(Part):
    """People who run the plan: a number of them, or one for so many held nodes (rounded up)."""

    engineers: NonNegative | None = None
    nodes_per_engineer: Positive | None = None
    usd_per_year: NonNegative
    source: Text | None = None

    @model_validator(mode="after")
    def _counted(self) -> Self:
        self.exactly_one("engineers", "nodes_per_engineer")
        return self

    def head_count(self, nodes: int) -> float:
        """How many people the plan pays."""
        if self.nodes_per_engineer is not None:
            return float(math.ceil(nodes / self.nodes_per_engineer))
        return float(self.engineers or 0.0)


class Plan(Part):
    """A way to buy capacity: nodes held, nodes hired by the job, the API, or held nodes that overflow to the API."""

    held: dict[Slug, Held] = Field(default_factory=dict)
    hired: dict[Slug, Hired] = Field(default_factory=dict)
    api: Api | None = None
    patience_hours: PatienceLaw | None = None
    queue_limit: Count | None = None
    backfill: Annotated[bool, Field(strict=True)] = False
    staff: Staff | None = None
    overhead_usd_per_year: NonNegative = 0.0

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not (self.held or self.hired or self.api):
            raise ValueError("must buy something: give it `held`, `hired` or `api`")
        if len({node.gpus_per_node for node in self.held.values()}) > 1:
            raise ValueError("must hold nodes of one size; put other sizes into a plan of their own")
        if self.hired and (self.held or self.api or len(self.hired) > 1):
            raise ValueError("must have `hired` alone, with one kind of node: each job then gets its own")
        if self.staff is not None and self.staff.nodes_per_engineer is not None and not self.held:
            raise ValueError("must count its staff by `engineers`, because it holds no nodes for `nodes_per_engineer`")
        waiting = self.given("patience_hours", "queue_limit")
        if waiting and (self.api is None or not self.held):
            raise ValueError(f"must have `held` nodes and an `api` to overflow to, because it has `{waiting[0]}`")
        return self

    @property
    def nodes(self) -> int:
        """Number of held nodes."""
        return sum(node.nodes for node in self.held.values())

    @property
    def gpus_per_node(self) -> int:
        """GPUs of one held or hired node; 0 where the plan has none."""
        sizes = {node.gpus_per_node for node in (*self.held.values(), *self.hired.values())}
        return max(sizes, default=0)

    @property
    def gpus(self) -> int:
        """GPUs of all held nodes."""
        return self.nodes * self.gpus_per_node

    def inputs(self, on: date | None) -> list[Input]:
        """List the prices that the plan rests on, with their dates and sources."""
        found = [node.price(f"held {name}", on) for name, node in self.held.items()]
        found += [node.price(f"hired {name}", on) for name, node in self.hired.items()]
        if self.api is not None:
            found.append(self.api.price(on))
        if self.staff is not None:
            found.append(stated("engineer", float(self.staff.usd_per_year), "USD per year", self.staff.source))
        return found


def misfit_gpus(plan: Plan, largest: int, sizes: set[int]) -> str | None:
    """Say why jobs of these sizes can never run on a plan's nodes; None when they can."""
    per_node = plan.gpus_per_node
    if per_node == 0 or (plan.api is not None and plan.gpus == 0):
        return None
    for size in sorted(sizes):
        if size > per_node and size % per_node:
            return f"jobs of {size} GPUs fit no whole number of its nodes of {per_node} GPUs"
    if plan.held and largest > plan.gpus:
        return f"jobs of {largest} GPUs would block its {plan.gpus} GPUs for ever; add nodes"
    return None
