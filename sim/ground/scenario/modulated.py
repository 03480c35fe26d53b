"""Arrivals whose rate is that of a state which comes and goes by chance: on-off, and Markov-modulated Poisson.

Not here: rates that follow the clock (``pattern``), drawing (``workload.states``).
"""

import math
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from sim.ground.scenario.chains import unreached, visits
from sim.ground.scenario.laws import StayLaw, law_mean
from sim.ground.scenario.quantity import NonNegative, Positive, PositiveHours, Share
from sim.ground.scenario.timed import RATES, Single
from sim.ground.units import SECONDS_PER_HOUR


class MmppArrivals(Single):
    """Poisson arrivals whose rate is that of a state: a Markov-modulated Poisson process, started in its steady state.

    ``rates`` are jobs an hour, or only a shape where a rate is given; stays in a state are exponential.
    """

    law: Literal["mmpp"]
    """``mmpp``: Poisson at the rate of a state that comes and goes by chance."""
    rates: Annotated[tuple[NonNegative, ...], Field(min_length=2, max_length=50)]
    """Arrivals an hour in each state; where a rate is stated besides, only their ratios count."""
    stay_hours: Annotated[tuple[PositiveHours, ...], Field(min_length=2, max_length=50)] | None = None
    """Mean stay in each state in hours, exponential, one for each rate; or ``stay_s``."""
    stay_s: Annotated[tuple[Positive, ...], Field(min_length=2, max_length=50)] | None = None
    """Mean stay in each state in seconds, exponential, one for each rate; or ``stay_hours``."""
    next: Annotated[tuple[tuple[Share, ...], ...], Field(min_length=2, max_length=50)] | None = None
    """Chances of each state to be the next, a row for each state, 0 for itself; left out: all others alike."""

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


class OnOffArrivals(Single):
    """Poisson arrivals while on, none while off, started in the steady state; the rate is the mean over on and off."""

    law: Literal["on_off"]
    """``on_off``: Poisson while on, nothing while off; the stated rate is the mean over both."""
    on_hours: StayLaw | None = None
    """Time on, in hours, together with ``off_hours``: a number or a law; or ``on_s`` and ``off_s``."""
    off_hours: StayLaw | None = None
    """Time off, in hours, together with ``on_hours``: a number or a law."""
    on_s: StayLaw | None = None
    """Time on, in seconds, together with ``off_s``: a number or a law; or ``on_hours`` and ``off_hours``."""
    off_s: StayLaw | None = None
    """Time off, in seconds, together with ``on_s``: a number or a law."""

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
