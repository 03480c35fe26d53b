"""The laws of chance a scenario may name: a fixed list, each by its mean (or rate) and its spread.

Not here: drawing from them (``workload.draws``). A law is found by its name in this list and nowhere else.
"""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sim.scenario.quantity import (
    AtLeastOne,
    NonNegative,
    Phases,
    Positive,
    PositiveHours,
    PositiveSpread,
    Rate,
    Shape,
    Share,
    Spread,
    SpreadAboveOne,
)
from sim.units import SECONDS_PER_HOUR


class Part(BaseModel):
    """A frozen piece of a scenario that knows no key but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def given(self, *keys: str) -> list[str]:
        """Name those of the keys that hold a value."""
        return [key for key in keys if getattr(self, key) is not None]

    def exactly_one(self, *keys: str) -> None:
        """Refuse the part unless just one of the keys holds a value."""
        if len(found := self.given(*keys)) != 1:
            names = ", ".join(f"`{key}`" for key in keys)
            raise ValueError(f"must have exactly one of {names}, got {' and '.join(found) if found else 'none'}")


def check_weights(weights: tuple[float, ...], values: tuple[float, ...]) -> None:
    """Refuse weights that are not the probabilities of the values."""
    if len(weights) != len(values):
        raise ValueError(f"must have as many weights as values, got {len(weights)} and {len(values)}")
    if abs(math.fsum(weights) - 1) > 1e-9:
        raise ValueError(f"must have weights that sum to 1, got {math.fsum(weights):.12g}")


class _Mixture(Part):
    """The shape of a hyperexponential law: its cv (two phases of equal load), or each phase by weight and mean."""

    weights: Annotated[tuple[Share, ...], Field(min_length=1, max_length=100)] | None = None
    means: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=100)] | None = None
    cv: SpreadAboveOne | None = None

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


class Deterministic(Part):
    """Every value the same."""

    law: Literal["deterministic"]
    mean: NonNegative


class Exponential(Part):
    """Exponential: cv 1."""

    law: Literal["exponential"]
    mean: NonNegative


class Erlang(Part):
    """Sum of ``phases`` equal exponentials: cv 1/sqrt(phases)."""

    law: Literal["erlang"]
    mean: NonNegative
    phases: Phases


class Hyperexponential(_Mixture):
    """One of several exponentials, by chance: cv above 1."""

    law: Literal["hyperexponential"]
    mean: Positive | None = None

    @model_validator(mode="after")
    def _mean(self) -> Self:
        if (self.mean is None) == (self.means is None):
            raise ValueError("must have `mean` and `cv`, or `weights` and `means`")
        return self


class Lognormal(Part):
    """The exponential of a normal variable, by the mean and cv of the value itself."""

    law: Literal["lognormal"]
    mean: NonNegative
    cv: Spread


class Gamma(Part):
    """Gamma of shape 1/cv^2."""

    law: Literal["gamma"]
    mean: NonNegative
    cv: PositiveSpread


class Weibull(Part):
    """Weibull: times to a failure; shape below 1 fails early, 1 is exponential, above 1 wears out."""

    law: Literal["weibull"]
    mean: NonNegative
    shape: Shape


class Geometric(Part):
    """Whole numbers 1, 2, 3, ...: trials up to the first success."""

    law: Literal["geometric"]
    mean: AtLeastOne


class Empirical(Part):
    """Values drawn from a list, alike or by weights."""

    law: Literal["empirical"]
    values: Annotated[tuple[NonNegative, ...], Field(min_length=1, max_length=100_000)]
    weights: Annotated[tuple[Share, ...], Field(min_length=1, max_length=100_000)] | None = None

    @model_validator(mode="after")
    def _weights(self) -> Self:
        if self.weights is not None:
            check_weights(self.weights, self.values)
        return self


def _number_as_law(value: Any) -> Any:
    """Read a bare number as the law that always gives it."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"law": "deterministic", "mean": value}
    return value


_Size = Annotated[
    Deterministic | Exponential | Erlang | Hyperexponential | Lognormal | Gamma | Weibull | Geometric | Empirical,
    Field(discriminator="law"),
]
_Batch = Annotated[Deterministic | Geometric | Empirical, Field(discriminator="law")]
_Patience = Annotated[Deterministic | Exponential, Field(discriminator="law")]


class Blend(Part):
    """One of several lognormal or other laws, by chance: lengths of short and of long requests together."""

    law: Literal["blend"]
    weights: Annotated[tuple[Share, ...], Field(min_length=1, max_length=20)]
    parts: Annotated[
        tuple[Annotated[Deterministic | Exponential | Lognormal | Gamma, Field(discriminator="law")], ...],
        Field(min_length=1, max_length=20),
    ]

    @model_validator(mode="after")
    def _weighted(self) -> Self:
        check_weights(self.weights, tuple(float(part.mean) for part in self.parts))
        return self


_Token = Annotated[
    Deterministic | Exponential | Lognormal | Gamma | Geometric | Empirical | Blend, Field(discriminator="law")
]

TokenLaw = Annotated[_Token, BeforeValidator(_number_as_law, json_schema_input_type=float | _Token)]
SizeLaw = Annotated[_Size, BeforeValidator(_number_as_law, json_schema_input_type=float | _Size)]
BatchLaw = Annotated[_Batch, BeforeValidator(_number_as_law, json_schema_input_type=float | _Batch)]
PatienceLaw = Annotated[_Patience, BeforeValidator(_number_as_law, json_schema_input_type=float | _Patience)]


NOTHING = Deterministic(law="deterministic", mean=0.0)
"""The law of what takes no time."""


def law_mean(law: Any) -> float:
    """Mean of a size law, in the unit of its values."""
    if isinstance(law, Empirical):
        weights = law.weights or (1 / len(law.values),) * len(law.values)
        return math.fsum(weight * value for weight, value in zip(weights, law.values, strict=True))
    if isinstance(law, Blend):
        return math.fsum(weight * law_mean(part) for weight, part in zip(law.weights, law.parts, strict=True))
    if isinstance(law, Hyperexponential):
        return law.mixture_mean() if law.mean is None else float(law.mean)
    return float(law.mean)


_RATES = ("rate_per_day", "rate_per_second", "mean_hours")


class _Renewal(Part):
    """Arrivals whose gaps are independent and alike; the first job comes after a full gap."""

    rate_per_day: Rate | None = None
    rate_per_second: Rate | None = None
    mean_hours: PositiveHours | None = None
    batch: BatchLaw | None = None

    @model_validator(mode="after")
    def _rate(self) -> Self:
        if self._needs_rate():
            self.exactly_one(*_RATES)
        if self.batch is not None:
            values = self.batch.values if isinstance(self.batch, Empirical) else (self.batch.mean,)
            if not isinstance(self.batch, Geometric) and any(value < 1 or value != int(value) for value in values):
                raise ValueError("must have a batch of whole numbers >= 1")
        return self

    def _needs_rate(self) -> bool:
        """Tell whether the mean gap must be stated; a law may bring its own."""
        return True

    @property
    def mean_gap_hours(self) -> float:
        """Mean time between batches; infinite when nothing arrives."""
        if self.mean_hours is not None:
            return float(self.mean_hours)
        if self.rate_per_second is not None:
            return 1.0 / (SECONDS_PER_HOUR * self.rate_per_second) if self.rate_per_second else math.inf
        return 24.0 / self.rate_per_day if self.rate_per_day else math.inf

    @property
    def jobs_per_hour(self) -> float:
        """Mean number of jobs an hour, batches counted by their mean size."""
        return (law_mean(self.batch) if self.batch else 1.0) / self.mean_gap_hours


class PoissonArrivals(_Renewal):
    """Gaps are exponential: jobs come independently of each other."""

    law: Literal["poisson"]


class DeterministicArrivals(_Renewal):
    """Gaps are all the same: a schedule."""

    law: Literal["deterministic"]


class ErlangArrivals(_Renewal):
    """Gaps are Erlang: more regular than Poisson."""

    law: Literal["erlang"]
    phases: Phases


class GammaArrivals(_Renewal):
    """Gaps are gamma of a given cv: regular below 1, bursty above."""

    law: Literal["gamma"]
    cv: PositiveSpread


class HyperexponentialArrivals(_Mixture, _Renewal):
    """Gaps are hyperexponential: bursts and lulls. ``means`` are hours, or only a shape where a rate is given."""

    law: Literal["hyperexponential"]

    def _needs_rate(self) -> bool:
        return self.means is None or bool(self.given(*_RATES))

    @property
    def mean_gap_hours(self) -> float:
        """Mean time between batches: as stated, else that of the phases."""
        return super().mean_gap_hours if self._needs_rate() else self.mixture_mean()


ArrivalLaw = Annotated[
    PoissonArrivals | DeterministicArrivals | ErlangArrivals | GammaArrivals | HyperexponentialArrivals,
    Field(discriminator="law"),
]
