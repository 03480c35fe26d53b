"""The laws by which work arrives: renewal processes, modulated ones, and several of them together.

The stated rate is the mean over whole weeks and all states, before growth. Not here: drawing (``workload.arrivals``).
"""

import math
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from sim.scenario.chains import unreached, visits
from sim.scenario.continuous import Mixture
from sim.scenario.laws import BatchLaw, Empirical, Geometric, StayLaw, law_mean
from sim.scenario.part import Part
from sim.scenario.pattern import HOURS_PER_MONTH, Pattern, cumulated, steps
from sim.scenario.quantity import (
    GrowthPercent,
    NonNegative,
    Phases,
    Positive,
    PositiveCount,
    PositiveHours,
    PositiveSpread,
    Rate,
    Shape,
    Share,
)
from sim.units import SECONDS_PER_HOUR

MOST_COPIES = 100_000
"""Sources of one law: each takes a tenth of a millisecond a replication."""

RATES = ("rate_per_day", "rate_per_second", "mean_hours")


class _Timed(Part):
    """Work that comes at a rate, which may follow the hour and the day, and grow."""

    rate_per_day: Rate | None = None
    rate_per_second: Rate | None = None
    mean_hours: PositiveHours | None = None
    pattern: Pattern | None = None
    growth_percent_per_month: GrowthPercent = 0.0

    @model_validator(mode="after")
    def _rate(self) -> Self:
        if self._needs_rate():
            self.exactly_one(*RATES)
        return self

    def _needs_rate(self) -> bool:
        """Tell whether the mean gap must be stated; a law may bring its own."""
        return True

    def _own_gap_hours(self) -> float:
        """Mean gap that the law brings of itself, where none is stated."""
        return math.inf

    @property
    def mean_gap_hours(self) -> float:
        """Mean time between batches of one copy; infinite when nothing arrives."""
        if self.mean_hours is not None:
            return float(self.mean_hours)
        if self.rate_per_second is not None:
            return 1.0 / (SECONDS_PER_HOUR * self.rate_per_second) if self.rate_per_second else math.inf
        if self.rate_per_day is not None:
            return 24.0 / self.rate_per_day if self.rate_per_day else math.inf
        return self._own_gap_hours()

    @property
    def steady(self) -> bool:
        """Tell whether the mean rate is the same at all times."""
        return self.pattern is None and not self.growth_percent_per_month

    @property
    def growth(self) -> float:
        """Natural logarithm of the growth an hour."""
        return math.log1p(float(self.growth_percent_per_month) / 100) / HOURS_PER_MONTH


class _Single(_Timed):
    """One source of work, or copies of it that are independent and alike, each with the stated rate."""

    batch: BatchLaw | None = None
    copies: PositiveCount = 1

    @model_validator(mode="after")
    def _whole_batches(self) -> Self:
        if self.batch is not None:
            values = self.batch.values if isinstance(self.batch, Empirical) else (self.batch.mean,)
            if not isinstance(self.batch, Geometric) and any(value < 1 or value != int(value) for value in values):
                raise ValueError("must have a batch of whole numbers >= 1")
        return self

    @property
    def mean_batch(self) -> float:
        """Mean number of jobs that come at one instant."""
        return law_mean(self.batch) if self.batch else 1.0

    @property
    def jobs_per_hour(self) -> float:
        """Mean number of jobs an hour over whole weeks, before growth, batches counted by their mean size."""
        return self.mean_batch / self.mean_gap_hours * int(self.copies)

    def jobs_expected(self, hours: float) -> float:
        """Mean number of jobs within so many hours, pattern and growth integrated."""
        return self.jobs_per_hour * effective_hours(self, hours)

    def changes_expected(self, hours: float) -> float:
        """Mean number of pieces of constant rate within so many hours, of all copies."""
        return steps(self.pattern, self.growth, hours) + int(self.copies) * self.turns_per_hour * hours

    @property
    def turns_per_hour(self) -> float:
        """Mean number of changes of state an hour, of one copy."""
        return 0.0


def rate_changes(law: _Timed, top: _Timed | None = None) -> tuple[Pattern | None, float]:
    """Tell what changes the rate of a source: a pattern, and the logarithm of the growth an hour.

    A part's own pattern takes the place of that of the superposition, so that its mean stays the stated one; growth of
    both compounds.
    """
    if top is None:
        return law.pattern, law.growth
    return law.pattern or top.pattern, law.growth + top.growth


def effective_hours(law: _Timed, hours: float, top: _Timed | None = None) -> float:
    """Hours that bring as many arrivals at the stated rate as so many hours with pattern and growth do."""
    pattern, growth = rate_changes(law, top)
    return float(cumulated(pattern, growth, hours)[1][-1])


class PoissonArrivals(_Single):
    """Gaps are exponential: jobs come independently of each other."""

    law: Literal["poisson"]


class DeterministicArrivals(_Single):
    """Gaps are all the same: a schedule."""

    law: Literal["deterministic"]


class ErlangArrivals(_Single):
    """Gaps are Erlang: more regular than Poisson."""

    law: Literal["erlang"]
    phases: Phases


class GammaArrivals(_Single):
    """Gaps are gamma of a given cv: regular below 1, bursty above."""

    law: Literal["gamma"]
    cv: PositiveSpread


class WeibullArrivals(_Single):
    """Gaps are Weibull: a shape below 1 is bursty, 1 is Poisson, above 1 regular."""

    law: Literal["weibull"]
    shape: Shape


class HyperexponentialArrivals(Mixture, _Single):
    """Gaps are hyperexponential: bursts and lulls. ``means`` are hours, or only a shape where a rate is given."""

    law: Literal["hyperexponential"]

    def _needs_rate(self) -> bool:
        return self.means is None or bool(self.given(*RATES))

    def _own_gap_hours(self) -> float:
        return self.mixture_mean()


class MmppArrivals(_Single):
    """Poisson arrivals whose rate is that of a state: a Markov-modulated Poisson process, started in its steady state.

    ``rates`` are jobs an hour, or only a shape where a rate is given; stays in a state are exponential.
    """

    law: Literal["mmpp"]
    rates: Annotated[tuple[NonNegative, ...], Field(min_length=2, max_length=50)]
    stay_hours: Annotated[tuple[PositiveHours, ...], Field(min_length=2, max_length=50)] | None = None
    stay_s: Annotated[tuple[Positive, ...], Field(min_length=2, max_length=50)] | None = None
    next: Annotated[tuple[tuple[Share, ...], ...], Field(min_length=2, max_length=50)] | None = None

    @model_validator(mode="after")
    def _chain(self) -> Self:
        count = len(self.rates)
        self.exactly_one("stay_hours", "stay_s")
        if len(self.stays) != count:
            raise ValueError(f"must have a stay for each of the {count} rates, got {len(self.stays)}")
        if not any(self.rates):
            raise ValueError("must have `rates` of which one at least is above 0")
        if self.next is not None:
            self._check_next(self.next, count)
        return self

    def _check_next(self, rows: tuple[tuple[float, ...], ...], count: int) -> None:
        """Refuse what is not the chances of the next state, or leaves states that are never reached."""
        if len(rows) != count or any(len(row) != count for row in rows):
            raise ValueError(f"must have `next` of {count} rows with {count} chances each")
        for number, row in enumerate(rows):
            if row[number]:
                raise ValueError(
                    f"must have a `next` that leaves state {number}, got a chance of {row[number]:g} to stay"
                )
            if abs(math.fsum(row) - 1) > 1e-9:
                raise ValueError(f"must have rows of `next` that sum to 1, got {math.fsum(row):.12g} in row {number}")
        if lost := unreached(rows):
            text = "must have a `next` that leads from every state to every other"
            raise ValueError(f"{text}, not from {lost[0]} to {lost[1]}")

    def _needs_rate(self) -> bool:
        return bool(self.given(*RATES))

    def _own_gap_hours(self) -> float:
        return 1.0 / self.shape_mean

    @property
    def stays(self) -> tuple[float, ...]:
        """Mean stay in each state, in hours."""
        if self.stay_hours is not None:
            return self.stay_hours
        return tuple(stay / SECONDS_PER_HOUR for stay in self.stay_s or ())

    @property
    def chances(self) -> tuple[tuple[float, ...], ...]:
        """Chance of each state to be the next, a row a state; the others alike unless stated."""
        count = len(self.rates)
        alike = 1 / (count - 1)
        return self.next or tuple(tuple(alike * (i != k) for i in range(count)) for k in range(count))

    @cached_property
    def shares(self) -> tuple[float, ...]:
        """Share of time in each state."""
        time = [visit * stay for visit, stay in zip(visits(self.chances), self.stays, strict=True)]
        return tuple(each / math.fsum(time) for each in time)

    @property
    def shape_mean(self) -> float:
        """Mean of the rates as they stand."""
        return math.fsum(share * rate for share, rate in zip(self.shares, self.rates, strict=True))

    @property
    def rates_per_hour(self) -> tuple[float, ...]:
        """Arrivals an hour in each state, of one copy."""
        scale = 1.0 / (self.mean_gap_hours * self.shape_mean)
        return tuple(float(rate) * scale for rate in self.rates)

    @property
    def turns_per_hour(self) -> float:
        """Mean number of changes of state an hour, of one copy."""
        return math.fsum(share / stay for share, stay in zip(self.shares, self.stays, strict=True))


class OnOffArrivals(_Single):
    """Poisson arrivals while on, none while off, started in the steady state; the rate is the mean over on and off."""

    law: Literal["on_off"]
    on_hours: StayLaw | None = None
    off_hours: StayLaw | None = None
    on_s: StayLaw | None = None
    off_s: StayLaw | None = None

    @model_validator(mode="after")
    def _stays(self) -> Self:
        keys = self.given("on_hours", "off_hours", "on_s", "off_s")
        if keys not in (["on_hours", "off_hours"], ["on_s", "off_s"]):
            raise ValueError(
                f"must have `on_hours` and `off_hours`, or `on_s` and `off_s`, got {' and '.join(keys) or 'none'}"
            )
        for key, law in zip(keys, self.stay_laws, strict=True):
            if law_mean(law) <= 0:
                raise ValueError(f"must have a mean of `{key}` above 0")
        return self

    @property
    def stay_laws(self) -> tuple[Any, Any]:
        """The laws of the stays, on and off."""
        return (self.on_s, self.off_s) if self.on_hours is None else (self.on_hours, self.off_hours)

    @property
    def stay_unit_hours(self) -> float:
        """Hours in the unit of the stays."""
        return 1.0 / SECONDS_PER_HOUR if self.on_hours is None else 1.0

    @property
    def on_share(self) -> float:
        """Share of time on."""
        on, off = map(law_mean, self.stay_laws)
        return on / (on + off)

    @property
    def on_rate_per_hour(self) -> float:
        """Arrivals an hour while on, of one copy."""
        return 1.0 / (self.mean_gap_hours * self.on_share)

    @property
    def turns_per_hour(self) -> float:
        """Mean number of changes of state an hour, of one copy."""
        return 2.0 / (self.stay_unit_hours * math.fsum(map(law_mean, self.stay_laws)))


_Source = (
    PoissonArrivals
    | DeterministicArrivals
    | ErlangArrivals
    | GammaArrivals
    | WeibullArrivals
    | HyperexponentialArrivals
    | MmppArrivals
    | OnOffArrivals
)
Source = Annotated[_Source, Field(discriminator="law")]


class Superposition(_Timed):
    """Several sources together, independent of each other: tenants, each with a burstiness and a pattern of its own.

    Their rates add up, or are only a shape where a rate is given: of instants, each of which may bring a batch.
    """

    law: Literal["superposition"]
    parts: Annotated[tuple[Source, ...], Field(min_length=1, max_length=1000)]

    @model_validator(mode="after")
    def _some(self) -> Self:
        if (copies := sum(int(part.copies) for part in self.parts)) > MOST_COPIES:
            raise ValueError(f"must have at most {MOST_COPIES:,} copies in all its parts, got {copies:,}")
        if self.given(*RATES) and not math.isfinite(self._own_gap_hours()):
            raise ValueError("must have parts of which one at least has a rate above 0")
        return self

    def _needs_rate(self) -> bool:
        return bool(self.given(*RATES))

    def _own_gap_hours(self) -> float:
        rate = math.fsum(int(part.copies) / part.mean_gap_hours for part in self.parts)
        return 1.0 / rate if rate else math.inf

    @property
    def steady(self) -> bool:
        """Tell whether the mean rate is the same at all times."""
        return super().steady and all(part.steady for part in self.parts)

    @cached_property
    def scale(self) -> float:
        """What the rates of the parts are multiplied by."""
        return self._own_gap_hours() / self.mean_gap_hours if self.given(*RATES) else 1.0

    @property
    def jobs_per_hour(self) -> float:
        """Mean number of jobs an hour over whole weeks, before growth."""
        return self.scale * math.fsum(part.jobs_per_hour for part in self.parts)

    def jobs_expected(self, hours: float) -> float:
        """Mean number of jobs within so many hours, all patterns and all growth integrated."""
        each = (part.jobs_per_hour * effective_hours(part, hours, self) for part in self.parts)
        return self.scale * math.fsum(each)

    def changes_expected(self, hours: float) -> float:
        """Mean number of pieces of constant rate within so many hours, of all parts."""
        own = steps(self.pattern, self.growth, hours)
        return own + math.fsum(part.changes_expected(hours) for part in self.parts)


ArrivalLaw = Annotated[_Source | Superposition, Field(discriminator="law")]


def mean_rate(law: Any, hours: float) -> float:
    """Mean number of jobs an hour over so many hours, pattern and growth integrated."""
    return float(law.jobs_per_hour) if law.steady else float(law.jobs_expected(hours)) / hours
