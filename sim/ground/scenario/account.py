"""An API as it is: its limits, what a caller does when it refuses, outages, the batch tier, reserved throughput.

Not here: prices by the token (``api``), anything on a clock.
"""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sim.ground import catalog
from sim.ground.account import MOST_LEVEL, Account, Bucket
from sim.ground.scenario.inputs import Input, stated
from sim.ground.scenario.laws import Part, SizeLaw, law_mean
from sim.ground.scenario.quantity import (
    Count,
    GrowthFactor,
    NonNegative,
    PerMinute,
    PositiveHours,
    PositiveSeconds,
    Retrials,
    Share,
    Text,
)
from sim.ground.units import TICKS_PER_SECOND, Ticks, to_ticks

MOST_UNITS_TOKENS = 10**12
"""Tokens a minute of all reserved units together."""


def _bucket(per_minute: int | None, burst_s: float) -> Bucket | None:
    """Make the bucket of a limit, if there is one."""
    return None if not per_minute else Bucket(int(per_minute), max(1, round(burst_s * TICKS_PER_SECOND)))


def _check_size(per_minute: int, burst_s: float) -> None:
    """Refuse a bucket that is too large to be counted in integers."""
    if per_minute * burst_s * TICKS_PER_SECOND > MOST_LEVEL:
        most = MOST_LEVEL / TICKS_PER_SECOND / per_minute
        raise ValueError(f"must have a burst_s of at most {most:.3g} with {per_minute:,} a minute, got {burst_s:g}")


class Limits(Part):
    """How much may be asked of an API: requests and tokens a minute, each saved up over at most ``burst_s``.

    A request counts with its prompt and its output, when it is handed over.
    """

    requests_per_minute: PerMinute | None = None
    """Requests that the API takes a minute; left out: as many as come, if ``tokens_per_minute`` limits them."""
    tokens_per_minute: PerMinute | None = None
    """Tokens, prompt and output together, that the API takes a minute; left out: any number, if ``requests_per_minute``
    limits them."""
    burst_s: PositiveSeconds = 60.0
    """Seconds of unused allowance that can be saved up for a burst; left out: 60, one minute's worth."""
    source: Text | None = None
    """Who says so, such as ``list price: rate limits page, 2026-10``; left out: listed as stated without a source."""

    @model_validator(mode="after")
    def _limiting(self) -> Self:
        found = [int(getattr(self, key)) for key in self.given("requests_per_minute", "tokens_per_minute")]
        if not found:
            raise ValueError("must have `requests_per_minute`, `tokens_per_minute` or both")
        _check_size(max(found), float(self.burst_s))
        if self.requests_per_minute is not None and self.requests_per_minute * self.burst_s < 60:
            least = 60 / self.requests_per_minute
            raise ValueError(
                f"must have a burst_s of at least {least:.4g}, in which one request may come, got {self.burst_s:g}"
            )
        return self

    @property
    def most_tokens(self) -> float:
        """Tokens that the longest request may have; infinite where tokens are not limited."""
        if self.tokens_per_minute is None:
            return float("inf")
        return float(self.tokens_per_minute * self.burst_s / 60)


class Retries(Part):
    """What a caller does who is refused, meets an outage or an error: exponential back-off.

    The k-th retry comes after at most ``first_s`` x ``factor``^(k - 1), ``longest_s`` at most; with ``jitter`` after a
    time uniform from 0 to that ("full jitter").
    """

    most: Retrials = 5
    """Most retries after the first attempt; left out: 5; 0: whoever is turned away once gives up."""
    first_s: PositiveSeconds = 1.0
    """Longest time before the first retry, in seconds; left out: 1."""
    factor: GrowthFactor = 2.0
    """How many times as long each later retry may wait as the one before it; left out: 2."""
    longest_s: PositiveSeconds = 60.0
    """Most that a retry may wait, in seconds, however many came before it; left out: 60."""
    jitter: Annotated[bool, Field(strict=True)] = True
    """Whether the time before a retry is drawn evenly from 0 to its longest (full jitter); left out: true."""

    @model_validator(mode="after")
    def _growing(self) -> Self:
        if self.longest_s < self.first_s:
            raise ValueError(f"must have a longest_s of at least first_s ({self.first_s:g}), got {self.longest_s:g}")
        return self

    @property
    def delays(self) -> Ticks:
        """The longest time before each retry, in ticks."""
        found, next_s = [], float(self.first_s)
        for _ in range(self.most):
            found.append(next_s / 3600)
            next_s = min(float(self.longest_s), next_s * self.factor)
        return to_ticks(found)


class Outages(Part):
    """When an API answers nobody: up and down in turns.

    The clock starts within a turn that is up with probability up / (up + down), as if that turn had just begun. Who is
    being answered when it goes down is answered to the end.
    """

    up_hours: SizeLaw
    """How long the API answers between two outages, in hours: a number or a law."""
    down_hours: SizeLaw
    """How long an outage lasts, in hours: a number or a law."""
    source: Text | None = None
    """Who says so, such as ``measured: status page of 2026``; left out: listed as stated without a source."""

    @property
    def cycle_hours(self) -> float:
        """Mean time from one outage to the next."""
        return law_mean(self.up_hours) + law_mean(self.down_hours)


class BatchTier(Part):
    """A cheaper tier whose answers come hours later, all at once; it knows no limits, outages or errors.

    It takes the classes that can wait: those whose ``deadline_hours`` is at least ``promised_hours``.
    """

    discount: Share | None = None
    """Share of the usual token prices that the tier takes off, such as 0.5; left out: the book's batch prices of the
    ``inference_offer``, which must have some."""
    turnaround_hours: SizeLaw
    """Time from handing a request over to its whole answer, in hours: a number or a law."""
    promised_hours: PositiveHours = 24.0
    """Hours within which the tier promises an answer; a class goes there if its ``deadline_hours`` is as long or
    longer; left out: 24."""
    source: Text | None = None
    """Who says so; left out: listed as stated without a source."""


class ReservedUnits(Part):
    """Throughput that is held: so many tokens a minute, paid busy or idle; a request that finds too few goes beyond.

    A unit has a stated price, or one of the price book by ``unit`` and ``rate``. What it takes hangs on the model, so
    it is stated.
    """

    units: Count
    """Number of units held, paid busy or idle; 0 holds none."""
    tokens_per_minute_per_unit: PerMinute
    """Tokens, prompt and output together, that one unit takes a minute; it hangs on the model, so it must be stated."""
    usd_per_unit_h: NonNegative | None = None
    """Price of one unit, in USD an hour; left out: that of the price book for ``unit`` and ``rate``."""
    unit: Text | None = None
    """Kind of unit in the price book, with ``rate``; left out: the price is ``usd_per_unit_h``."""
    rate: Text | None = None
    """Rate of the unit in the price book, with ``unit``; left out: the price is ``usd_per_unit_h``."""
    beyond: Literal["pay_per_use", "wait"] = "pay_per_use"
    """What finds too few tokens: ``pay_per_use`` at token prices within the limits, or ``wait`` and try again; left
    out: ``pay_per_use``."""
    burst_s: PositiveSeconds = 60.0
    """Seconds of unused throughput that can be saved up for a burst; left out: 60."""
    source: Text | None = None
    """Who says so; left out: listed as stated without a source."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        self.exactly_one("usd_per_unit_h", "rate")
        known = [f"unit: {each.unit}, rate: {each.rate}" for each in catalog.UNIT_PRICES]
        if self.given("unit", "rate") and f"unit: {self.unit}, rate: {self.rate}" not in known:
            way_out = f"choose from {'; '.join(known)}, or state `usd_per_unit_h`"
            raise ValueError(
                f"must have a unit and a rate of the price book, got {self.unit!r}, {self.rate!r}; {way_out}"
            )
        if self.beyond == "wait" and not self.units:
            raise ValueError("must have 1 unit or more where who finds too few waits (`beyond: wait`)")
        if (total := self.tokens_per_minute) > MOST_UNITS_TOKENS:
            raise ValueError(
                f"must have units of at most {MOST_UNITS_TOKENS:,} tokens a minute together, got {total:,}"
            )
        _check_size(max(total, 1), float(self.burst_s))
        return self

    @property
    def tokens_per_minute(self) -> int:
        """Tokens a minute that all units take."""
        return int(self.units) * int(self.tokens_per_minute_per_unit)

    def price(self, on: date | None) -> Input:
        """Look up what an hour of a unit costs and who says so."""
        if self.usd_per_unit_h is not None:
            return stated("reserved unit", float(self.usd_per_unit_h), "USD per unit hour", self.source)
        found = catalog.unit_price(str(self.unit), str(self.rate), on)
        if found is None:
            raise LookupError(f"no {self.rate} price of {self.unit} is known as early as {on}")
        what, said = f"reserved unit ({self.unit}, {self.rate})", (found.basis, found.source, found.since, found.seen)
        return Input(what, found.usd_per_unit_h, "USD per unit hour", *said)

    @property
    def most_tokens(self) -> float:
        """Tokens that the longest request may have which must pass here."""
        return self.tokens_per_minute * float(self.burst_s) / 60


def account_of(
    horizon: int,
    limits: Limits | None,
    reserved: ReservedUnits | None,
    retries: Retries | None,
    error_share: float,
) -> Account:
    """Put the rules of an account together."""
    found, tries = {}, Retries() if retries is None else retries
    if limits is not None:
        found["requests"] = _bucket(limits.requests_per_minute, float(limits.burst_s))
        found["tokens"] = _bucket(limits.tokens_per_minute, float(limits.burst_s))
    if reserved is not None:
        found["units"] = _bucket(reserved.tokens_per_minute, float(reserved.burst_s))
    return Account(
        horizon,
        tries.delays,
        only_units=reserved is not None and reserved.beyond == "wait",
        jitter=tries.jitter,
        error_share=error_share,
        **found,
    )
