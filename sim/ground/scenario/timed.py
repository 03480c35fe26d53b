"""What every law of arrivals has in common: a rate that may follow the hour and grow, batches, copies.

The stated rate is the mean over whole weeks and all states, before growth. Not here: the laws (``arrivals``), drawing
(``workload.arrivals``).
"""

import math
from typing import Self

from pydantic import model_validator

from sim.ground.scenario.laws import BatchLaw, Empirical, Geometric, law_mean
from sim.ground.scenario.part import Part
from sim.ground.scenario.pattern import HOURS_PER_MONTH, Pattern, cumulated, steps
from sim.ground.scenario.quantity import GrowthPercent, PositiveCount, PositiveHours, Rate
from sim.ground.units import SECONDS_PER_HOUR

RATES = ("rate_per_day", "rate_per_second", "mean_hours")


class Timed(Part):
    """Work that comes at a rate, which may follow the hour and the day, and grow."""

    rate_per_day: Rate | None = None
    """Mean arrivals a day over whole weeks and states, before growth; one of the three that state a rate."""
    rate_per_second: Rate | None = None
    """Mean arrivals a second over whole weeks and states, before growth; one of the three that state a rate."""
    mean_hours: PositiveHours | None = None
    """Mean time between arrivals in hours, before growth; one of the three that state a rate."""
    pattern: Pattern | None = None
    """How the rate follows the hour and the day; left out: it does not, or within a superposition it follows that of
    the whole."""
    growth_percent_per_month: GrowthPercent = 0.0
    """Growth of the rate in % a month of 730 h, compounding from the start of the clock; left out: 0."""

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


class Single(Timed):
    """One source of work, or copies of it that are independent and alike, each with the stated rate."""

    batch: BatchLaw | None = None
    """How many jobs come at one instant: a whole number or a law; left out: 1."""
    copies: PositiveCount = 1
    """Number of such sources, independent and alike, each with the stated rate; left out: 1."""

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


def rate_changes(law: Timed, top: Timed | None = None) -> tuple[Pattern | None, float]:
    """Tell what changes the rate of a source: a pattern, and the logarithm of the growth an hour.

    A part's own pattern takes the place of that of the superposition, so that its mean stays the stated one; growth of
    both compounds.
    """
    if top is None:
        return law.pattern, law.growth
    return law.pattern or top.pattern, law.growth + top.growth


def effective_hours(law: Timed, hours: float, top: Timed | None = None) -> float:
    """Hours that bring as many arrivals at the stated rate as so many hours with pattern and growth do."""
    pattern, growth = rate_changes(law, top)
    return float(cumulated(pattern, growth, hours)[1][-1])
