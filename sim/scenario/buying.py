"""What is bought by the node: held for good, or hired for a while, and how such nodes come and go.

Not here: prices (``catalog``), the plan they are bought in (``plans``), anything on a clock.
"""

from abc import abstractmethod
from datetime import date
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sim import catalog
from sim.profile import Profile
from sim.scenario.commitment import Commitment, Stage, misfit, term_of
from sim.scenario.inference import InferenceClass
from sim.scenario.inputs import Input, law_input, nearest, stated
from sim.scenario.laws import NOTHING, Part, SizeLaw, law_mean
from sim.scenario.owned import Owned
from sim.scenario.priced import Priced
from sim.scenario.quantity import (
    Count,
    Minutes,
    PauseMinutes,
    PositiveCount,
    PositiveSeconds,
    Share,
    Text,
)
from sim.scenario.serving import Serving
from sim.units import SECONDS_PER_HOUR, tick

_LONGEST_ITERATION_S = 86_400.0
MINUTES = 60.0
"""Of an hour."""


class Failures(Part):
    """How held nodes fail: each by itself, busy or idle, from new until it goes down, then until it is up again."""

    up_hours: SizeLaw
    repair_hours: SizeLaw
    source: Text | None = None

    @property
    def cycle_hours(self) -> float:
        """Mean time from one failure of a node to the next."""
        return law_mean(self.up_hours) + law_mean(self.repair_hours)


class Supply(Part):
    """When there is anything to hire: on and off in turns, for all nodes of the group alike.

    The clock starts within a turn that is on with probability on / (on + off), as if that turn had just begun. Orders
    in an off turn are refused; nodes that are there stay.
    """

    on_hours: SizeLaw
    off_hours: SizeLaw
    source: Text | None = None

    @property
    def cycle_hours(self) -> float:
        """Mean time from one scarcity to the next."""
        return law_mean(self.on_hours) + law_mean(self.off_hours)


class Availability(Part):
    """A log of spot nodes that came and went, replayed round and round from a random instant (``workload.replays``)."""

    file: Text
    source: Text | None = None


class Bought(Priced):
    """Nodes that run fine-tunes, or serve inference where ``serve`` says what."""

    serve: Serving | None = None

    @property
    @abstractmethod
    def most_nodes(self) -> int | None:
        """Most nodes that there are at one time; None for no limit."""

    def check_serving(self, serve: Serving) -> None:
        """Refuse nodes that cannot run what they are meant to serve."""
        if serve.gpus_per_replica > self.gpus_per_node:
            raise ValueError(
                f"must have nodes of at least serve.gpus_per_replica ({serve.gpus_per_replica}) GPUs, "
                f"because a replica lies on one node; they have {self.gpus_per_node}"
            )
        made = serve.profile(self.gpu)  # refuses a model that does not fit
        if (longest := made.longest_s) > _LONGEST_ITERATION_S:
            raise ValueError(
                f"must have a pace in which no iteration lasts longer than a day; a full one would last {longest:.3g} s"
            )

    @property
    def replicas_per_node(self) -> int:
        """Replicas of one node: each takes whole GPUs of it."""
        return 0 if self.serve is None else self.gpus_per_node // int(self.serve.gpus_per_replica)

    @property
    def replicas(self) -> int:
        """Replicas of all nodes that there may be at one time."""
        return (self.most_nodes or 0) * self.replicas_per_node

    @property
    def profile(self) -> Profile:
        """Pace and room of one replica."""
        if self.serve is None:
            raise LookupError("these nodes serve no inference")
        return self.serve.profile(self.gpu)

    def rate_at_most(self, requests: InferenceClass) -> float:
        """Estimate how many requests of a class one replica can serve a second, by laws that the class must have."""
        if self.serve is None or requests.mean_tokens is None:
            raise LookupError("no replica, or requests that are listed one by one")
        return self.profile.rate_at_most(*requests.mean_tokens, requests.mean_cached * self.serve.prefix_cache)


class Held(Bought):
    """Nodes that are paid busy or idle: they run fine-tunes that wait for each other, or serve inference.

    Rented for a term, at a rate or a stated price; or ``owned``, as a ``server`` of the catalog or as stated.
    """

    _ways = ("rate", "usd_per_node_h", "owned")
    _things = ("instance", "gpus", "server")

    nodes: Count
    server: Text | None = None
    owned: Owned | None = None
    failures: Failures | None = None
    commitment: Commitment | None = None
    stages: Annotated[tuple[Stage, ...], Field(max_length=100)] = ()

    @model_validator(mode="after")
    def _committed(self) -> Self:
        if text := misfit(self.commitment, self.rate, self.owned is not None):
            raise ValueError(text)
        months = [int(stage.month) for stage in self.stages]
        if any(later <= sooner for sooner, later in pairwise(months)):
            raise ValueError(f"must have stages of which each comes after the one before, got months {months}")
        return self

    @model_validator(mode="after")
    def _owned(self) -> Self:
        if self.server is not None and self.owned is None:
            raise ValueError("must have `owned` with `server`: what power, space and upkeep cost")
        if self.server is not None and self.server not in catalog.SERVERS:
            known = nearest(self.server, catalog.SERVERS)
            raise ValueError(
                f"must have a server of the catalog, got {self.server!r}; {known} or state `gpus` and owned.usd"
            )
        if self.owned is not None:
            if self.instance is not None:
                raise ValueError("must have `server` or `gpus` with `owned`, because an instance is rented")
            if self.source is not None:
                raise ValueError("must name the sources of owned nodes in owned.sources, not in `source`")
            if missing := self.owned.missing(self._bought):
                raise ValueError(f"must have owned.{missing}, because no `server` of the catalog tells it")
        return self

    @property
    def _bought(self) -> catalog.Server | None:
        """What the catalog says of the server."""
        return None if self.server is None else catalog.SERVERS[self.server]

    @property
    def gpus_per_node(self) -> int:
        """GPUs that are bought together."""
        return super().gpus_per_node if self._bought is None else self._bought.gpus

    @property
    def gpu(self) -> str | None:
        """The GPU of its nodes, where the catalog or the price book tells it."""
        return super().gpu if self._bought is None else self._bought.gpu

    def price(self, what: str, on: date | None) -> Input:
        """Look up or add up what a node hour costs and who says so."""
        return super().price(what, on) if self.owned is None else self.owned.price(what, self._bought)

    def figures(self) -> dict[str, float]:
        """Tell every figure that an owned node is priced by, by the keys of ``owned``.

        Raises
        ------
        LookupError
            When the nodes are rented.
        """
        if self.owned is None:
            raise LookupError("these nodes are rented")
        return self.owned.figures(self._bought)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if (self.rate or "").startswith("spot"):
            raise ValueError(f"must have a rate at which nodes can be held, got {self.rate!r}; put it under `hired`")
        if self.serve is not None:
            self.check_serving(self.serve)
            self._check_timetable(self.serve)
        return self

    def _check_timetable(self, serve: Serving) -> None:
        """Refuse what held nodes cannot do while they serve."""
        if self.failures is not None:
            raise ValueError("must have no `failures` with `serve`; only nodes that run fine-tunes fail here")
        if serve.autoscale is not None:
            raise ValueError(
                "must have no serve.autoscale, because held nodes are paid anyway; put the group under `hired`, "
                "or lend its nodes by serve.schedule"
            )
        most = max((int(entry.nodes) for entry in serve.schedule or ()), default=0)
        if most > self.nodes:
            raise ValueError(f"must have a serve.schedule of at most its {self.nodes} nodes, got {most}")

    @property
    def term_months(self) -> int:
        """Months that a term lasts: as stated, else by the name of the rate; 0: from month to month, or owned."""
        stated = None if self.commitment is None else self.commitment.term_months
        return int(stated or term_of(self.rate) or 0)

    @property
    def most_nodes(self) -> int:
        """Number of its nodes."""
        return int(self.nodes)

    @property
    def lends(self) -> int:
        """Nodes that serving does not always need, and lends to fine-tunes meanwhile."""
        wanted = [] if self.serve is None else [int(entry.nodes) for entry in self.serve.schedule or ()]
        return int(self.nodes) - min(wanted) if wanted else 0

    @property
    def mean_lent(self) -> float:
        """Nodes that it lends, on average over a day; less than that, for nodes take time to change hands."""
        return 0.0 if self.serve is None or not self.lends else int(self.nodes) - self.serve.mean_scheduled

    def inputs(self, name: str, on: date | None) -> list[Input]:
        """List the price of the group and the laws by which its nodes fail."""
        found = [self.price(f"held {name}", on)]
        if self.owned is not None:
            found += self.owned.inputs(f"held {name}", self._bought)
        if self.failures is not None:
            laws = {"up until a failure": self.failures.up_hours, "repair": self.failures.repair_hours}
            found += [law_input(f"held {name}: {what}", law, "h", self.failures.source) for what, law in laws.items()]
        return found


_TUNING_ONLY = (
    "maximum",
    "after_minutes",
    "idle_release_minutes",
    "available_share",
    "retry_minutes",
    "supply",
    "lifetime_hours",
    "trace",
)


class Hired(Bought):
    """Nodes hired when they are needed and given back: for fine-tunes that wait, or by an autoscaler of replicas.

    Where no key but a price is given, a node is there at once and billed by the second; jobs that fill whole nodes then
    get nodes of their own.
    """

    spot: Annotated[bool, Field(strict=True)] | None = None
    maximum: PositiveCount | None = None
    after_minutes: Minutes = 0.0
    boot_minutes: SizeLaw = NOTHING
    idle_release_minutes: Minutes = 0.0
    bill_from: Literal["order", "ready"] = "order"
    billing_step_s: PositiveSeconds = 1.0
    minimum_minutes: Minutes = 0.0
    available_share: Share = 1.0
    retry_minutes: PauseMinutes = 5.0
    supply: Supply | None = None
    lifetime_hours: SizeLaw | None = None
    trace: Availability | None = None
    boot_source: Text | None = None
    lifetime_source: Text | None = None
    available_source: Text | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        by_rate = self.rate is not None and self.rate.startswith("spot")
        if self.spot is not None and self.rate is not None and self.spot != by_rate:
            kind, said = ("a spot rate", "true") if self.spot else ("no spot rate", "false")
            raise ValueError(f"must have {kind} with `spot: {said}`, got {self.rate!r}; leave one of the two out")
        if self.trace is not None and self.supply is not None:
            raise ValueError("must have either `trace` or `supply`, got both")
        if self.trace is not None and not self.is_spot:
            raise ValueError("must have a spot rate or `spot: true` with `trace`, because its nodes are taken back")
        if self.serve is not None:
            self._check_scaled(self.serve)
        return self

    def _check_scaled(self, serve: Serving) -> None:
        """Refuse what hired nodes cannot do while they serve."""
        self.check_serving(serve)
        if serve.autoscale is None:
            raise ValueError("must have serve.autoscale, because hired nodes come and go; put it under `held` else")
        if serve.schedule is not None:
            raise ValueError("must have no serve.schedule, because hired nodes are not lent; put it under `held`")
        usual = type(self).model_fields
        for key in _TUNING_ONLY:
            if getattr(self, key) != usual[key].default:
                way_out = "state serve.autoscale.maximum" if key == "maximum" else "leave it out"
                raise ValueError(f"must have no `{key}` with `serve`, it is for nodes that run fine-tunes; {way_out}")
        if self.is_spot:
            raise ValueError("must not serve on spot nodes, because reclaims of replicas are not simulated")

    @property
    def is_spot(self) -> bool:
        """Whether it is spot capacity: as stated, else by the name of the rate."""
        return (self.rate or "").startswith("spot") if self.spot is None else bool(self.spot)

    @property
    def most_nodes(self) -> int | None:
        """Most nodes that there are at one time; None for no limit."""
        if self.serve is not None and self.serve.autoscale is not None:
            return int(self.serve.autoscale.maximum)
        return None if self.maximum is None else int(self.maximum)

    @property
    def frictionless(self) -> bool:
        """Whether a node is there at once, for as long as it is needed, and billed by the second."""
        ordered = self.maximum is None and not self.after_minutes and self.boots_at_once
        kept = not self.idle_release_minutes and not self.minimum_minutes and self.billing_step_s == 1
        return ordered and kept and not self.scarce and self.lifetime_hours is None

    @property
    def boots_at_once(self) -> bool:
        """Whether a node is ready when it is ordered."""
        return law_mean(self.boot_minutes) == 0

    @property
    def scarce(self) -> bool:
        """Whether an order may be refused."""
        return self.available_share < 1 or self.supply is not None or self.trace is not None

    @property
    def after_ticks(self) -> int:
        """How long a job waits before it calls for a node, in ticks."""
        return tick(self.after_minutes / MINUTES)

    @property
    def idle_release_ticks(self) -> int:
        """How long a free node is kept, in ticks."""
        return tick(self.idle_release_minutes / MINUTES)

    @property
    def retry_ticks(self) -> int:
        """How long nobody orders after a refusal, in ticks."""
        return tick(self.retry_minutes / MINUTES)

    @property
    def billing_step_ticks(self) -> int:
        """What billed time is rounded up to, in ticks."""
        return tick(self.billing_step_s / SECONDS_PER_HOUR)

    @property
    def minimum_ticks(self) -> int:
        """Least time that is billed, in ticks."""
        return tick(self.minimum_minutes / MINUTES)

    def inputs(self, name: str, on: date | None) -> list[Input]:
        """List the price of the group and how its nodes come and go."""
        what = f"hired {name}"
        found = [self.price(what, on)]
        if not self.boots_at_once:
            found.append(law_input(f"{what}: boot", self.boot_minutes, "minutes", self.boot_source))
        if self.lifetime_hours is not None:
            law, source = self.lifetime_hours, self.lifetime_source
            found.append(law_input(f"{what}: ready until it is taken back", law, "h", source))
        if self.available_share < 1:
            share = float(self.available_share)
            found.append(stated(f"{what}: orders granted", share, "of 1", self.available_source))
        if self.supply is not None:
            laws = {"on": self.supply.on_hours, "off": self.supply.off_hours}
            found += [law_input(f"{what}: supply {turn}", law, "h", self.supply.source) for turn, law in laws.items()]
        return found
