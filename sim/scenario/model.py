"""What a scenario is: work, plans to buy capacity for it, and the rules of comparison. Frozen and validated.

Not here: reading YAML (``read``), and anything that happens on a clock.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from sim import catalog
from sim.scenario.laws import ArrivalLaw, Part, PatienceLaw, SizeLaw, law_mean
from sim.scenario.quantity import (
    Confidence,
    Count,
    Days,
    Gpus,
    Hours,
    JobGpus,
    NonNegative,
    NonNegativeDays,
    Positive,
    PositiveHours,
    Priority,
    Seed,
    Share,
    Slug,
    Spread,
    Text,
)
from sim.units import HOURS_PER_DAY, SECONDS_PER_HOUR

BASES = ("measured", "list price", "assumed")


def nearest(word: str, words: Any) -> str:
    """End a refusal with the nearest right word, or with all of them."""
    import difflib

    options = [str(option) for option in words]
    if close := difflib.get_close_matches(str(word), options, n=1, cutoff=0.5):
        return f"did you mean `{close[0]}`?"
    return "choose from " + ", ".join(f"`{option}`" for option in options)


@dataclass(frozen=True)
class Input:
    """One price or pace that a plan rests on: its value, unit, date and source."""

    what: str
    value: float
    unit: str
    basis: str
    source: str
    since: date | None = None
    seen: date | None = None


def stated(what: str, value: float, unit: str, source: str | None) -> Input:
    """Make the input of a number that the scenario states; ``source: "assumed: why"`` says on what it rests."""
    basis, separator, text = (source or "").partition(":")
    if separator and basis.strip() in BASES:
        return Input(what, value, unit, basis.strip(), text.strip())
    return Input(what, value, unit, "stated", source or "the scenario, which gives no source")


class JobRow(Part):
    """One job of an explicit list."""

    arrival_hours: Hours
    service_hours: Hours | None = None
    tokens_millions: NonNegative | None = None
    gpus: JobGpus | None = None


class Columns(Part):
    """Which columns of a trace hold what."""

    arrival: Text = "arrival"
    service: Text | None = None
    tokens: Text | None = None
    gpus: Text | None = None


class Trace(Part):
    """Jobs read from a CSV file (plain or .gz), one row a job, with a header."""

    file: Text
    columns: Columns = Columns()
    arrival_unit: Literal["hours", "days", "seconds", "datetime"] = "hours"
    service_unit: Literal["hours", "minutes", "seconds"] = "hours"
    tokens_unit: Literal["tokens", "thousands", "millions"] = "tokens"
    skip_days: NonNegativeDays = 0.0
    sort: Annotated[bool, Field(strict=True)] = False


class JobClass(Part):
    """A named source of jobs of one kind."""

    kind: Literal["fine_tune"]
    arrivals: ArrivalLaw | None = None
    jobs: tuple[JobRow, ...] | None = None
    trace: Trace | None = None
    gpus: JobGpus = 1
    priority: Priority = 0
    tokens_millions: SizeLaw | None = None
    hours_per_million_tokens: Positive | None = None
    tokens_per_second: Positive | None = None
    service_hours: SizeLaw | None = None
    setup_hours: Hours = 0.0
    noise_cv: Spread = 0.0
    source: Text | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        self.exactly_one("arrivals", "jobs", "trace")
        paces = self.given("hours_per_million_tokens", "tokens_per_second")
        if len(paces) > 1:
            raise ValueError("must have only one of `hours_per_million_tokens`, `tokens_per_second`, got both")
        if self.arrivals is not None:
            self.exactly_one("service_hours", "hours_per_million_tokens", "tokens_per_second")
            if paces and self.tokens_millions is None:
                raise ValueError(f"must have `tokens_millions`, because `{paces[0]}` needs a size in tokens")
        else:
            self._listed(bool(paces))
        return self

    def _listed(self, paced: bool) -> None:
        """Judge a class whose jobs come from a list or a file."""
        if extra := self.given("service_hours", "tokens_millions"):
            raise ValueError(f"must have no `{extra[0]}` law, because its jobs are listed one by one")
        for number, job in enumerate(self.jobs or ()):
            if job.service_hours is None and not (paced and job.tokens_millions is not None):
                raise ValueError(
                    f"must give job {number} `service_hours`, or `tokens_millions` and the class "
                    "`hours_per_million_tokens` or `tokens_per_second`"
                )
        columns = None if self.trace is None else self.trace.columns
        if columns is not None and columns.service is None and (columns.tokens is None or not paced):
            raise ValueError(
                "must have `trace.columns.service`, or `trace.columns.tokens` and the class "
                "`hours_per_million_tokens` or `tokens_per_second`"
            )

    @property
    def hours_per_million(self) -> float | None:
        """Training hours for a million tokens on the job's GPUs; None where service is given in hours."""
        if self.tokens_per_second is not None:
            return 1e6 / (float(self.tokens_per_second) * SECONDS_PER_HOUR)
        return None if self.hours_per_million_tokens is None else float(self.hours_per_million_tokens)

    def inputs(self, name: str) -> list[Input]:
        """List the pace that the class rests on, with its source."""
        hours = self.hours_per_million
        if hours is None:
            return []
        return [stated(f"pace of class `{name}`", hours, f"h per million tokens on {self.gpus} GPUs", self.source)]

    @property
    def mean_service_hours(self) -> float | None:
        """Mean time on the GPUs; None where the jobs are listed."""
        if self.service_hours is not None:
            return law_mean(self.service_hours) + float(self.setup_hours)
        if self.tokens_millions is not None and self.hours_per_million is not None:
            return law_mean(self.tokens_millions) * self.hours_per_million + float(self.setup_hours)
        return None

    @property
    def offered_gpus(self) -> float | None:
        """Offered load: the mean number of GPUs that the class would keep busy; None where the jobs are listed."""
        hours = self.mean_service_hours
        if hours is None or self.arrivals is None:
            return None
        return float(self.arrivals.jobs_per_hour) * hours * int(self.gpus)


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

    def price(self) -> Input:
        """Tell what the API charges, in which unit, and who says so."""
        if self.offer is not None:
            offer = catalog.API_OFFERS[self.offer]
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
        if waiting := self.given("patience_hours", "queue_limit"):
            if self.api is None or not self.held:
                raise ValueError(f"must have `held` nodes and an `api` to overflow to, because it has `{waiting[0]}`")
        elif self.held and self.api and self.nodes:
            raise ValueError(
                "must say when jobs leave the held nodes for the API: give `patience_hours` or `queue_limit`"
            )
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
            found.append(self.api.price())
        if self.staff is not None:
            found.append(stated("engineer", float(self.staff.usd_per_year), "USD per year", self.staff.source))
        return found


class Allocation(Part):
    """How money that no single job caused is shared among jobs, and within which window of time."""

    rule: Literal["gpu_time", "equal", "platform"] = "gpu_time"
    window_days: Days = 30.0


class EqualWork(Part):
    """What a plan must do to be ranked beside others."""

    not_started_share: Share = 0.01
    wait_p95_hours: PositiveHours | None = None
    settle_usd_per_job: NonNegative | None = None


def _as_date(value: Any) -> Any:
    """Let only a whole date pass: 2023-10-01."""
    if isinstance(value, date) or value is None:
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("must be a date like 2023-10-01") from None


class Scenario(Part):
    """One question: this work, these plans, over this horizon."""

    name: Slug
    seed: Seed | None = None
    horizon_days: Days
    warm_up_days: NonNegativeDays = 0.0
    confidence: Confidence = 0.95
    price_date: Annotated[date | None, BeforeValidator(_as_date)] = None
    workload: Annotated[dict[Slug, JobClass], Field(min_length=1, max_length=100)]
    plans: Annotated[dict[Slug, Plan], Field(min_length=1, max_length=100)]
    allocation: Allocation = Allocation()
    equal_work: EqualWork = EqualWork()
    _folder: Path = PrivateAttr(default=Path())

    @property
    def folder(self) -> Path:
        """The folder that file names in the scenario start from."""
        return self._folder

    @property
    def horizon_hours(self) -> float:
        """End of the clock."""
        return float(self.horizon_days) * HOURS_PER_DAY

    @property
    def warm_up_hours(self) -> float:
        """Start of what is counted."""
        return float(self.warm_up_days) * HOURS_PER_DAY

    @property
    def counted_hours(self) -> float:
        """Length of what is counted."""
        return self.horizon_hours - self.warm_up_hours

    @property
    def offered_gpus(self) -> float | None:
        """Offered load of all classes in GPUs; None where any of them lists its jobs."""
        loads = [job_class.offered_gpus for job_class in self.workload.values()]
        return None if None in loads else math.fsum(load for load in loads if load is not None)

    def inputs(self) -> list[Input]:
        """List everything that the numbers rest on, each once: paces of the work, prices of the plans."""
        paces = [entry for name, each in self.workload.items() for entry in each.inputs(name)]
        prices = [entry for plan in self.plans.values() for entry in plan.inputs(self.price_date)]
        return list(dict.fromkeys(paces + prices))

    def impossible(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Find what no single key shows to be wrong: pairs of a key's path and the refusal."""
        if self.warm_up_days >= self.horizon_days:
            yield (
                ("warm_up_days",),
                f"must be less than horizon_days ({self.horizon_days:g}), got {self.warm_up_days:g}",
            )
        for plan_name, plan in self.plans.items():
            path = ("plans", plan_name)
            try:
                plan.inputs(self.price_date)
            except LookupError as missing:
                yield path, f"must have prices for price_date {self.price_date}: {missing}; state `usd_per_node_h`"
            for class_name, job_class in self.workload.items():
                yield from self._misfits(path, plan, class_name, job_class)

    def _misfits(
        self, path: tuple[str, ...], plan: Plan, class_name: str, job_class: JobClass
    ) -> Iterator[tuple[tuple[str, ...], str]]:
        """Find what keeps a plan from serving a class."""
        sizes = {job.gpus or job_class.gpus for job in job_class.jobs or ()} or {job_class.gpus}
        if (misfit := misfit_gpus(plan, max(sizes), sizes)) is not None:
            yield ("workload", class_name, "gpus"), f"must fit plan `{path[1]}`: {misfit}"
        if plan.api is not None and plan.api.prices_tokens:
            unsized = any(job.tokens_millions is None for job in job_class.jobs or ())
            unsized |= job_class.arrivals is not None and job_class.tokens_millions is None
            unsized |= job_class.trace is not None and job_class.trace.columns.tokens is None
            if unsized:
                yield (
                    (*path, "api"),
                    f"must be priced by job or service hour, because class `{class_name}` has no tokens",
                )


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
