"""Nodes hired when they are needed and given back. Not here: nodes that are held (``buying``), anything on a clock."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sim.ground.scenario.buying import MINUTES, Bought
from sim.ground.scenario.inputs import Input, law_input, stated
from sim.ground.scenario.laws import NOTHING, SizeLaw, law_mean
from sim.ground.scenario.quantity import Minutes, PauseMinutes, PositiveCount, PositiveSeconds, Share, Text
from sim.ground.scenario.serving import Serving
from sim.ground.scenario.supply import Availability, Supply
from sim.ground.units import SECONDS_PER_HOUR, tick

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
    """Whether it is spot capacity; left out: yes if the name of the rate begins with ``spot``."""
    maximum: PositiveCount | None = None
    """Most nodes hired at one time; left out: any number."""
    after_minutes: Minutes = 0.0
    """Minutes that a job waits before it calls for a node; left out: 0, it calls at once."""
    boot_minutes: SizeLaw = NOTHING
    """Minutes from order to readiness of a node: a number or a law; left out: 0."""
    idle_release_minutes: Minutes = 0.0
    """Minutes that a free node is kept while nobody waits, before it is given back; left out: 0."""
    bill_from: Literal["order", "ready"] = "order"
    """Whether billing begins at the ``order`` or when the node is ``ready``; left out: ``order``."""
    billing_step_s: PositiveSeconds = 1.0
    """Seconds that billed time is rounded up to; left out: 1."""
    minimum_minutes: Minutes = 0.0
    """Least time billed for a node that became ready, in minutes; left out: 0."""
    available_share: Share = 1.0
    """Share of orders that are granted, from 0 to 1, by chance; left out: 1, all of them."""
    retry_minutes: PauseMinutes = 5.0
    """Minutes after a refused order in which nobody of the group orders again; left out: 5."""
    supply: Supply | None = None
    """Turns in which there is anything to hire; left out: always."""
    lifetime_hours: SizeLaw | None = None
    """Hours from readiness of a node until it is taken back: a number or a law; left out: never."""
    trace: Availability | None = None
    """A log of spot nodes that came and went, replayed; left out: none."""
    boot_source: Text | None = None
    """Who says how long a boot takes; left out: listed as stated without a source."""
    lifetime_source: Text | None = None
    """Who says when nodes are taken back; left out: listed as stated without a source."""
    available_source: Text | None = None
    """Who says how many orders are granted; left out: listed as stated without a source."""

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
