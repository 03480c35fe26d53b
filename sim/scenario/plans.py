"""The plans of a scenario: ways to buy capacity, and what each pays."""

import math
from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from sim import catalog
from sim.profile import Profile
from sim.scenario.inputs import Input, nearest, stated
from sim.scenario.laws import Part, PatienceLaw, SizeLaw
from sim.scenario.quantity import Count, Gpus, NonNegative, Positive, Slug, Text
from sim.scenario.serving import Serving

_LONGEST_ITERATION_S = 86_400.0


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
    """Nodes that are paid busy or idle: they run fine-tunes that wait for each other, or serve inference."""

    nodes: Count
    serve: Serving | None = None

    @model_validator(mode="after")
    def _served(self) -> Self:
        if self.serve is None:
            return self
        if self.serve.gpus_per_replica > self.gpus_per_node:
            raise ValueError(
                f"must have nodes of at least serve.gpus_per_replica ({self.serve.gpus_per_replica}) GPUs, "
                f"because a replica lies on one node; they have {self.gpus_per_node}"
            )
        made = self.serve.profile(self.instance)  # refuses a model that does not fit
        if (longest := made.longest_s) > _LONGEST_ITERATION_S:
            raise ValueError(
                f"must have a pace in which no iteration lasts longer than a day; a full one would last {longest:.3g} s"
            )
        return self

    @property
    def replicas(self) -> int:
        """Replicas of all nodes: each takes whole GPUs of one node."""
        per_node = 0 if self.serve is None else self.gpus_per_node // int(self.serve.gpus_per_replica)
        return int(self.nodes) * per_node

    @property
    def profile(self) -> Profile:
        """Pace and room of one replica."""
        if self.serve is None:
            raise LookupError("these nodes serve no inference")
        return self.serve.profile(self.instance)


class Hired(Priced):
    """Nodes hired for one job each and given back when it ends: no boot, billed by the second."""


_TRAINING = ("offer", "usd_per_million_tokens", "usd_per_job", "usd_per_service_hour")
_TOKEN_PRICES = (
    "usd_per_million_input_tokens",
    "usd_per_million_cached_tokens",
    "usd_per_million_output_tokens",
)


class Api(Part):
    """Pay-per-use: training priced by tokens, hours or the job; inference priced by tokens read and written."""

    offer: Text | None = None
    usd_per_million_tokens: NonNegative | None = None
    usd_per_job: NonNegative | None = None
    usd_per_service_hour: NonNegative | None = None
    hours_per_million_tokens: Positive | None = None
    inference_offer: Text | None = None
    usd_per_million_input_tokens: NonNegative | None = None
    usd_per_million_cached_tokens: NonNegative | None = None
    usd_per_million_output_tokens: NonNegative | None = None
    ttft_s: SizeLaw | None = None
    seconds_per_output_token: SizeLaw | None = None
    source: Text | None = None

    @model_validator(mode="after")
    def _priced(self) -> Self:
        if not self.serves or self.given(*_TRAINING):
            self.exactly_one(*_TRAINING)
        if self.inference_offer is not None:
            if extra := self.given(*_TOKEN_PRICES):
                raise ValueError(f"must have either `inference_offer` or `{extra[0]}`, got both")
            if self.inference_offer not in catalog.INFERENCE_OFFERS:
                raise ValueError(
                    f"must have an inference_offer of the price book, got {self.inference_offer!r}; "
                    f"{nearest(self.inference_offer, catalog.INFERENCE_OFFERS)} "
                    f"or state `{_TOKEN_PRICES[0]}` and `{_TOKEN_PRICES[2]}`"
                )
        elif self.serves and (self.usd_per_million_input_tokens is None or self.usd_per_million_output_tokens is None):
            raise ValueError("must have both `usd_per_million_input_tokens` and `usd_per_million_output_tokens`")
        if self.offer is not None and self.offer not in catalog.API_OFFERS:
            raise ValueError(
                f"must have an offer of the price book, got {self.offer!r}; "
                f"{nearest(self.offer, catalog.API_OFFERS)} or state `usd_per_million_tokens`"
            )
        return self

    @property
    def trains(self) -> bool:
        """Whether it takes fine-tune jobs."""
        return bool(self.given(*_TRAINING))

    @property
    def serves(self) -> bool:
        """Whether it takes inference requests."""
        return bool(self.given("inference_offer", *_TOKEN_PRICES, "ttft_s", "seconds_per_output_token"))

    def token_prices(self, on: date | None) -> list[Input]:
        """Tell what a million input, cached input and output tokens cost, and who says so."""
        units = [f"USD per million {kind} tokens" for kind in ("input", "cached input", "output")]
        if self.inference_offer is None:
            full = float(self.usd_per_million_input_tokens or 0.0)
            cached = full if self.usd_per_million_cached_tokens is None else float(self.usd_per_million_cached_tokens)
            prices = (full, cached, float(self.usd_per_million_output_tokens or 0.0))
            return [stated("API", price, unit, self.source) for price, unit in zip(prices, units, strict=True)]
        offer = catalog.INFERENCE_OFFERS[self.inference_offer]
        if on is not None and offer.since > on:
            raise LookupError(f"the inference offer {self.inference_offer} began on {offer.since}")
        full, cached_ = offer.usd_per_million_input_tokens, offer.usd_per_million_cached_tokens
        prices = (full, full if cached_ is None else cached_, offer.usd_per_million_output_tokens)
        what = f"API ({self.inference_offer})"
        return [
            Input(what, price, unit, offer.basis, offer.source, offer.since, offer.seen)
            for price, unit in zip(prices, units, strict=True)
        ]

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
        if len({node.gpus_per_node for node in self.tuning.values()}) > 1:
            raise ValueError("must hold nodes of one size for fine-tunes; put other sizes into a plan of their own")
        if self.hired and (self.tuning or (self.api is not None and self.api.trains) or len(self.hired) > 1):
            raise ValueError(
                "must have `hired` alone for fine-tunes, with one kind of node: each job then gets its own"
            )
        if self.staff is not None and self.staff.nodes_per_engineer is not None and not self.held:
            raise ValueError("must count its staff by `engineers`, because it holds no nodes for `nodes_per_engineer`")
        waiting = self.given("patience_hours", "queue_limit")
        if waiting and (self.api is None or not self.api.trains or not self.tuning):
            raise ValueError(
                f"must have `held` nodes for fine-tunes and an `api` that trains to overflow to, because it has "
                f"`{waiting[0]}` (requests overflow by serve.overflow_above)"
            )
        return self

    @property
    def tuning(self) -> dict[str, Held]:
        """The held nodes that run fine-tunes."""
        return {name: group for name, group in self.held.items() if group.serve is None}

    @property
    def serving(self) -> dict[str, Held]:
        """The held nodes that serve inference."""
        return {name: group for name, group in self.held.items() if group.serve is not None}

    def server(self, class_name: str) -> str | None:
        """Name the group of nodes that serves a class of requests; None where the API does."""
        for name, group in self.serving.items():
            if group.replicas and group.serve and (group.serve.classes is None or class_name in group.serve.classes):
                return name
        return None

    @property
    def trains(self) -> bool:
        """Whether the plan has something that runs fine-tunes."""
        return bool(self.tuning or self.hired or (self.api is not None and self.api.trains))

    @property
    def nodes(self) -> int:
        """Number of held nodes that run fine-tunes."""
        return sum(group.nodes for group in self.tuning.values())

    @property
    def gpus_per_node(self) -> int:
        """GPUs of one node that runs fine-tunes, held or hired; 0 where the plan has none."""
        sizes = {group.gpus_per_node for group in (*self.tuning.values(), *self.hired.values())}
        return max(sizes, default=0)

    @property
    def gpus(self) -> int:
        """GPUs of all held nodes that run fine-tunes."""
        return self.nodes * self.gpus_per_node

    @property
    def all_gpus(self) -> int:
        """GPUs of all held nodes, whatever they do."""
        return sum(int(group.nodes) * group.gpus_per_node for group in self.held.values())

    @property
    def all_nodes(self) -> int:
        """Number of all held nodes, whatever they do."""
        return sum(int(group.nodes) for group in self.held.values())

    def inputs(self, on: date | None) -> list[Input]:
        """List the prices that the plan rests on, with their dates and sources."""
        found = [node.price(f"held {name}", on) for name, node in self.held.items()]
        found += [node.price(f"hired {name}", on) for name, node in self.hired.items()]
        if self.api is not None and self.api.trains:
            found.append(self.api.price(on))
        if self.api is not None and self.api.serves:
            found += self.api.token_prices(on)
        for name, group in self.serving.items():
            if group.serve is not None:
                found += group.serve.inputs(name, group.instance)
        if self.staff is not None:
            found.append(stated("engineer", float(self.staff.usd_per_year), "USD per year", self.staff.source))
        return found


def misfit_gpus(plan: Plan, largest: int, sizes: set[int]) -> str | None:
    """Say why jobs of these sizes can never run on a plan's nodes; None when they can."""
    per_node = plan.gpus_per_node
    if per_node == 0 or (plan.api is not None and plan.api.trains and plan.gpus == 0):
        return None
    for size in sorted(sizes):
        if size > per_node and size % per_node:
            return f"jobs of {size} GPUs fit no whole number of its nodes of {per_node} GPUs"
    if plan.tuning and largest > plan.gpus:
        return f"jobs of {largest} GPUs would block its {plan.gpus} GPUs for ever; add nodes"
    return None
