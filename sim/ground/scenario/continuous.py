"""Laws of chance over all numbers from 0 on, each by its mean and spread, with or without what lies outside a range.

Not here: laws of whole numbers and of lists (``laws``), drawing (``workload.draws``).
"""

import math
from abc import abstractmethod
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sim.ground.scenario.part import Part, check_weights
from sim.ground.scenario.quantity import (
    NonNegative,
    Phases,
    Positive,
    PositiveSpread,
    Shape,
    Share,
    Spread,
    SpreadAboveOne,
    TailIndex,
)

MOST_OUTSIDE = 0.5
"""Largest share of a law's values that a truncation may cut off: a law of which less is left is another law."""


class Mixture(Part):
    """The shape of a hyperexponential law: its cv (two phases of equal load), or each phase by weight and mean."""

    weights: Annotated[tuple[Share, ...], Field(min_length=1, max_length=100)] | None = None
    """Chance of each phase, of sum 1, together with ``means``; left out: two phases that carry equal load, by
    ``cv``."""
    means: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=100)] | None = None
    """Mean of each phase, together with ``weights``; left out: two phases that carry equal load, by ``cv``."""
    cv: SpreadAboveOne | None = None
    """Standard deviation over mean, 1 or more, instead of ``weights`` and ``means``."""

    @model_validator(mode="after")
    def _shape(self) -> Self:
        self.exactly_one("cv", "means")
        if self.given("weights", "means") not in ([], ["weights", "means"]):
            raise ValueError("must have `weights` and `means` together")
        if self.means is not None and self.weights is not None:
            check_weights(self.weights, self.means)
        return self

    def phases(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Weights and means of the phases; for a cv, two phases that carry the same load, of mean 1 together.

        References: Tijms, A First Course in Stochastic Models (2003), appendix B: H2 with balanced means.
        """
        if self.weights is not None and self.means is not None:
            return self.weights, self.means
        squared = (self.cv or 1.0) ** 2
        first = (1 + math.sqrt((squared - 1) / (squared + 1))) / 2
        weights = (first, 1 - first)
        return weights, tuple(1 / (2 * weight) for weight in weights)

    def mixture_mean(self) -> float:
        """Mean of the phases as they stand."""
        weights, means = self.phases()
        return math.fsum(weight * mean for weight, mean in zip(weights, means, strict=True))


class Truncation(Part):
    """The range that values are kept in: what falls outside is drawn again."""

    low: NonNegative = 0.0
    """Least value that is kept, in the unit of the law; what is less is drawn again; left out: 0."""
    high: Positive | None = None
    """Greatest value that is kept, in the unit of the law; what is more is drawn again; left out: no end."""

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.high is None and not self.low:
            raise ValueError("must have `low` above 0, or `high`")
        if self.high is not None and self.high <= self.low:
            raise ValueError(f"must have `high` above `low`, got {self.high:g} and {self.low:g}")
        return self


def _gamma_share(shape: float, value: float) -> float:
    """Share of a gamma law of scale 1 up to a value."""
    from scipy.special import gammainc

    return float(gammainc(shape, value))


def _normal_share(value: float) -> float:
    """Share of a standard normal law up to a value."""
    return math.erfc(-value / math.sqrt(2)) / 2


class Continuous(Part):
    """A law that may be cut off: ``mean`` and spread are those before, values outside are drawn again."""

    law: str
    """Name of the law."""
    truncate: Truncation | None = None
    """Range outside of which values are drawn again; ``mean`` and spread are those before; left out: all values are
    kept."""

    @model_validator(mode="after")
    def _mostly_inside(self) -> Self:
        if self.truncate is not None:
            if not self.whole_mean() > 0:
                raise ValueError("must have a mean above 0 to `truncate`")
            if self.outside > MOST_OUTSIDE:
                raise ValueError(
                    f"must have at most {MOST_OUTSIDE:g} of its values outside `truncate`, got {self.outside:.3g}; "
                    "they are drawn again"
                )
        return self

    @abstractmethod
    def whole_mean(self) -> float:
        """Mean before truncation."""

    @abstractmethod
    def whole_up_to(self, value: float) -> tuple[float, float]:
        """Share of the values that are at most ``value``, and their part of the mean, before truncation."""

    def _kept(self, low: float, high: float) -> tuple[float, float]:
        """Share of the values before truncation within [low, high], and their part of the mean."""
        share, part = (1.0, self.whole_mean()) if math.isinf(high) else self.whole_up_to(high)
        under, its_part = (0.0, 0.0) if low <= 0 else self.whole_up_to(math.nextafter(low, -math.inf))
        return share - under, part - its_part

    @property
    def range(self) -> tuple[float, float]:
        """Least and greatest value kept."""
        if self.truncate is None:
            return 0.0, math.inf
        return float(self.truncate.low), math.inf if self.truncate.high is None else float(self.truncate.high)

    @property
    def outside(self) -> float:
        """Share of the values that are drawn again."""
        return max(0.0, 1.0 - self._kept(*self.range)[0])

    def kept_mean(self) -> float:
        """Mean of the values, after truncation."""
        if self.truncate is None:
            return self.whole_mean()
        share, part = self._kept(*self.range)
        return part / share

    def up_to(self, value: float) -> tuple[float, float]:
        """Share of the values that are at most ``value``, and their part of the mean, after truncation."""
        low, high = self.range
        share, part = self._kept(low, min(value, high)) if value >= low else (0.0, 0.0)
        whole = self._kept(low, high)[0]
        return share / whole, part / whole


class _ByMean(Continuous):
    """A law stated by its mean."""

    mean: NonNegative
    """Mean of the values, in the unit of the key that holds the law, before any ``truncate``."""

    def whole_mean(self) -> float:
        """Mean before truncation."""
        return float(self.mean)


class Exponential(_ByMean):
    """Exponential: cv 1."""

    law: Literal["exponential"]
    """``exponential``: without memory, standard deviation equal to the mean."""

    def whole_up_to(self, value: float) -> tuple[float, float]:
        """Share of the values that are at most ``value``, and their part of the mean, before truncation."""
        return _gamma_share(1.0, value / self.mean), self.mean * _gamma_share(2.0, value / self.mean)


class Erlang(_ByMean):
    """Sum of ``phases`` equal exponentials: cv 1/sqrt(phases)."""

    law: Literal["erlang"]
    """``erlang``: the sum of equal exponentials, less spread than one."""
    phases: Phases
    """Number of exponentials that are added up: the cv is 1/sqrt(phases)."""

    def whole_up_to(self, value: float) -> tuple[float, float]:
        """Share of the values that are at most ``value``, and their part of the mean, before truncation."""
        phases = float(self.phases)
        scaled = value * phases / self.mean
        return _gamma_share(phases, scaled), self.mean * _gamma_share(phases + 1, scaled)


class Hyperexponential(Mixture, Continuous):
    """One of several exponentials, by chance: cv above 1."""

    law: Literal["hyperexponential"]
    """``hyperexponential``: one of several exponentials by chance, more spread than one."""
    mean: Positive | None = None
    """Mean of the values with ``cv``, in the unit of the key that holds the law; left out: that of ``weights`` and
    ``means``."""

    @model_validator(mode="after")
    def _mean(self) -> Self:
        if (self.mean is None) == (self.means is None):
            raise ValueError("must have `mean` and `cv`, or `weights` and `means`")
        return self

    def whole_mean(self) -> float:
        """Mean before truncation."""
        return self.mixture_mean() if self.mean is None else float(self.mean)

    def whole_up_to(self, value: float) -> tuple[float, float]:
        """Share of the values that are at most ``value``, and their part of the mean, before truncation."""
        scale = self.whole_mean() / self.mixture_mean()
        phases = [(weight, mean * scale) for weight, mean in zip(*self.phases(), strict=True)]
        share = math.fsum(weight * _gamma_share(1.0, value / mean) for weight, mean in phases)
        return share, math.fsum(weight * mean * _gamma_share(2.0, value / mean) for weight, mean in phases)


class Lognormal(_ByMean):
    """The exponential of a normal variable, by the mean and cv of the value itself."""

    law: Literal["lognormal"]
    """``lognormal``: many short and few long values."""
    cv: Spread
    """Standard deviation of the value itself over its mean; 0 makes all values the mean."""

    def whole_up_to(self, value: float) -> tuple[float, float]:
        """Share of the values that are at most ``value``, and their part of the mean, before truncation."""
        spread = math.sqrt(math.log1p(float(self.cv) ** 2))
        if not spread or value <= 0:
            return (1.0, float(self.mean)) if value >= self.mean else (0.0, 0.0)
        place = math.log(value / self.mean) / spread
        return _normal_share(place + spread / 2), self.mean * _normal_share(place - spread / 2)


class Gamma(_ByMean):
    """Gamma of shape 1/cv^2."""

    law: Literal["gamma"]
    """``gamma``: positive values of any spread."""
    cv: PositiveSpread
    """Standard deviation over mean; 1 is the exponential."""

    def whole_up_to(self, value: float) -> tuple[float, float]:
        """Share of the values that are at most ``value``, and their part of the mean, before truncation."""
        shape = 1 / float(self.cv) ** 2
        scaled = value * shape / self.mean
        return _gamma_share(shape, scaled), self.mean * _gamma_share(shape + 1, scaled)


class Weibull(_ByMean):
    """Weibull: times to a failure; shape below 1 fails early, 1 is exponential, above 1 wears out."""

    law: Literal["weibull"]
    """``weibull``: times to a failure."""
    shape: Shape
    """Shape: below 1 early failures, 1 exponential, above 1 wear."""

    def whole_up_to(self, value: float) -> tuple[float, float]:
        """Share of the values that are at most ``value``, and their part of the mean, before truncation."""
        inverse = 1 / float(self.shape)
        power = (value * math.gamma(1 + inverse) / self.mean) ** float(self.shape)
        return _gamma_share(1.0, power), self.mean * _gamma_share(1 + inverse, power)


class HeavyTailed(_ByMean):
    """A law whose tail falls like a power: ``alpha`` is its index; at 2 or below the variance is infinite."""

    alpha: TailIndex
    """Index of the tail, which falls like a power: at 2 or below the variance is infinite, and intervals are too
    narrow, which a warning says."""

    @property
    def variance_is_infinite(self) -> bool:
        """Tell whether the variance is infinite, so that intervals of means cannot be trusted."""
        return self.alpha <= 2 and math.isinf(self.range[1])


class Lomax(HeavyTailed):
    """Lomax (Pareto from 0 on): P(X > x) = (1 + x / scale)^-alpha, scale = mean (alpha - 1)."""

    law: Literal["lomax"]
    """``lomax``: a heavy tail from 0 on."""

    @property
    def scale(self) -> float:
        """The value beyond which the tail is a power."""
        return float(self.mean) * (float(self.alpha) - 1)

    def whole_up_to(self, value: float) -> tuple[float, float]:
        """Share of the values that are at most ``value``, and their part of the mean, before truncation."""
        alpha, grown = float(self.alpha), 1 + value / self.scale
        return 1 - grown**-alpha, self.mean * (1 - grown ** (1 - alpha)) - value * grown**-alpha


class Pareto(HeavyTailed):
    """Pareto from its least value on: P(X > x) = (least / x)^alpha, least = mean (alpha - 1) / alpha."""

    law: Literal["pareto"]
    """``pareto``: a heavy tail from a least value on."""

    @property
    def least(self) -> float:
        """The least value."""
        return float(self.mean) * (float(self.alpha) - 1) / float(self.alpha)

    def whole_up_to(self, value: float) -> tuple[float, float]:
        """Share of the values that are at most ``value``, and their part of the mean, before truncation."""
        alpha, ratio = float(self.alpha), min(1.0, self.least / value) if value > 0 else 1.0
        return 1 - ratio**alpha, self.mean * (1 - ratio ** (alpha - 1))
