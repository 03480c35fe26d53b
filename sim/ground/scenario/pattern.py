"""How the rate of arrivals changes with the hour, the day and the month. Not here: anything random."""

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate, product
from typing import Final, Literal, Self, get_args

import numpy as np
from pydantic import model_validator

from sim.ground.scenario.part import Part
from sim.ground.scenario.quantity import HourOfDay, Hours, NonNegative, PositiveHours, Share
from sim.ground.units import HOURS_PER_DAY, Floats

HOURS_PER_MONTH: Final = 730.0
HOURS_PER_WEEK: Final = 168
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Factors = tuple[NonNegative, ...]

_STEP_HOURS, _STEPS_A_PERIOD = 0.1, 240
_NODES = ((-math.sqrt(0.6), 5 / 18), (0.0, 8 / 18), (math.sqrt(0.6), 5 / 18))
"""Gauss and Legendre's three nodes: on an hour of growth or a 240th of a sine they are exact to the last digits."""

_MOST_EXPONENT = 600.0
"""Growth stops here, far beyond what fits into memory, so that a rate is never infinite."""


class Sine(Part):
    """A rate that swings like a sine: 1 + amplitude at the peak, 1 - amplitude half a period from it."""

    amplitude: Share
    """Height of the swing as a share of the mean rate, from 0 to 1."""
    peak_hour: Hours = 0.0
    """Hour of the peak, counted from Monday 0:00; left out: 0."""
    period_hours: PositiveHours = HOURS_PER_DAY
    """Hours from one peak to the next; left out: 24."""


class Pattern(Part):
    """Factors of a rate: by hour of the day, by day of the week, by hour of the week, or along a sine; their mean is 1.

    ``starts`` and ``starts_hour`` say which weekday and hour it is when the clock starts.
    """

    hours: Factors | None = None
    """24 factors of the rate, from the hour at 0:00 on; they are scaled to a mean of 1."""
    days: Factors | None = None
    """7 factors of the rate, from Monday on; they are scaled to a mean of 1."""
    week: Factors | None = None
    """168 factors of the rate, from Monday 0:00 on, instead of ``hours`` and ``days``; they are scaled to a mean of
    1."""
    sine: Sine | None = None
    """A rate that swings like a sine, instead of factors."""
    starts: Weekday = "monday"
    """Weekday on which the clock starts; left out: monday."""
    starts_hour: HourOfDay = 0.0
    """Hour of the day at which the clock starts; left out: 0."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = self.given("hours", "days", "week", "sine")
        if len(kinds) != 1 and kinds != ["hours", "days"]:
            got = " and ".join(kinds) or "none"
            raise ValueError(f"must have `hours`, `days` or both, or `week`, or `sine`, got {got}")
        for key, count in (("hours", 24), ("days", 7), ("week", HOURS_PER_WEEK)):
            factors = getattr(self, key)
            if factors is not None and len(factors) != count:
                raise ValueError(f"must have {count} `{key}`, got {len(factors)}")
            if factors is not None and not any(factors):
                raise ValueError(f"must have `{key}` of which one at least is above 0")
        return self

    @property
    def offset_hours(self) -> float:
        """Hours from Monday 0:00 to the start of the clock."""
        return HOURS_PER_DAY * get_args(Weekday).index(self.starts) + float(self.starts_hour)

    @property
    def step_hours(self) -> float:
        """How long the rate is taken to be constant."""
        return 1.0 if self.sine is None else min(_STEP_HOURS, float(self.sine.period_hours) / _STEPS_A_PERIOD)

    def by_hour_of_week(self) -> list[float]:
        """Factors of the 168 hours from Monday 0:00 on, of mean 1."""
        each = self.week or [day * hour for day, hour in product(self.days or (1.0,) * 7, self.hours or (1.0,) * 24)]
        mean = math.fsum(each) / HOURS_PER_WEEK
        return [factor / mean for factor in each]

    def factor(self) -> Callable[[float], float]:
        """Give the factor as a function of the hours since the clock started."""
        offset = self.offset_hours
        if self.sine is None:
            table = self.by_hour_of_week()
            return lambda hours: table[int((hours + offset) % HOURS_PER_WEEK)]
        height, turn = float(self.sine.amplitude), 2 * math.pi / float(self.sine.period_hours)
        since_peak = offset - float(self.sine.peak_hour)
        return lambda hours: 1 + height * math.cos(turn * (hours + since_peak))

    def knots(self, hours: float) -> Floats:
        """List the instants at which the rate changes within so many hours, from 0 to the end."""
        step = self.step_hours
        first = -self.offset_hours % step if self.sine is None else step
        inside = first + step * np.arange(max(0.0, math.ceil((hours - first) / step)))
        return np.unique(np.concatenate([[0.0, hours], inside[inside < hours]]))


def steps(pattern: Pattern | None, growth: float, hours: float) -> float:
    """Count the pieces of constant rate within so many hours, before they are made."""
    if pattern is None:
        return 1.0 + (hours if growth else 0.0)
    return 1.0 + hours / pattern.step_hours


_HOURLY = Pattern(days=(1.0,) * 7)
"""The pattern of a rate that does not change with the hour, but may grow from hour to hour."""


@lru_cache(maxsize=64)
def cumulated(pattern: Pattern | None, growth: float, hours: float) -> tuple[Floats, Floats]:
    """Add a rate of 1, changed by a pattern and by growth, up over time: straight lines between knots.

    Parameters
    ----------
    pattern : Pattern, optional
        Its factors multiply the rate.
    growth : float
        Natural logarithm of the growth an hour; at hour 0 there is none.
    hours : float
        The last knot.

    Returns
    -------
    at, total : float64[n]
        Knots in hours, from 0, and the integral of the rate up to each, exact to rounding. Do not write to them.

    Notes
    -----
    No vector cos or exp, which differ between processors.
    """
    if pattern is None and not growth:
        at = np.array([0.0, hours])
        return at, at
    pattern = pattern or _HOURLY
    at, factor = pattern.knots(hours), pattern.factor()

    def rate(hour: float) -> float:
        return math.exp(min(growth * hour, _MOST_EXPONENT)) * factor(hour)

    middle, half = ((at[1:] + at[:-1]) / 2).tolist(), (np.diff(at) / 2).tolist()
    pieces = (
        2 * width * math.fsum(weight * rate(centre + node * width) for node, weight in _NODES)
        for centre, width in zip(middle, half, strict=True)
    )
    return at, np.array(list(accumulate(pieces, initial=0.0)))
