"""The laws of chance a scenario may name: a fixed list, each by its mean and its spread.

Not here: arrivals (``arrivals``), drawing (``workload.draws``). A law is found by its name in this list and nowhere
else.
"""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from sim.ground.scenario.continuous import (
    Continuous,
    Erlang,
    Exponential,
    Gamma,
    Hyperexponential,
    Lognormal,
    Lomax,
    Pareto,
    Weibull,
)
from sim.ground.scenario.part import Part as Part
from sim.ground.scenario.part import check_weights as check_weights
from sim.ground.scenario.quantity import AtLeastOne, NonNegative, Share


class Deterministic(Part):
    """Every value the same."""

    law: Literal["deterministic"]
    """``deterministic``: every value the same; a bare number says the same."""
    mean: NonNegative
    """The value, in the unit of the key that holds the law."""

    def up_to(self, value: float) -> tuple[float, float]:
        """Share of the values that are at most ``value``, and their part of the mean."""
        return (1.0, float(self.mean)) if value >= self.mean else (0.0, 0.0)


class Geometric(Part):
    """Whole numbers 1, 2, 3, ...: trials up to the first success."""

    law: Literal["geometric"]
    """``geometric``: whole numbers from 1 on, trials up to the first success."""
    mean: AtLeastOne
    """Mean of the numbers, 1 or more."""


class Empirical(Part):
    """Values drawn from a list, alike or by weights."""

    law: Literal["empirical"]
    """``empirical``: values drawn from a list."""
    values: Annotated[tuple[NonNegative, ...], Field(min_length=1, max_length=100_000)]
    """The values, in the unit of the key that holds the law."""
    weights: Annotated[tuple[Share, ...], Field(min_length=1, max_length=100_000)] | None = None
    """Chance of each value, of sum 1; left out: all alike."""

    @model_validator(mode="after")
    def _weights(self) -> Self:
        if self.weights is not None:
            check_weights(self.weights, self.values)
        return self


_Part = Annotated[
    Deterministic | Exponential | Lognormal | Gamma | Weibull | Lomax | Pareto, Field(discriminator="law")
]


class Blend(Continuous):
    """One of several lognormal or other laws, by chance: lengths of short and of long requests together."""

    law: Literal["blend"]
    """``blend``: one of several laws by chance."""
    weights: Annotated[tuple[Share, ...], Field(min_length=1, max_length=20)]
    """Chance of each part, of sum 1."""
    parts: Annotated[tuple[_Part, ...], Field(min_length=1, max_length=20)]
    """The laws that are blended."""

    @model_validator(mode="after")
    def _weighted(self) -> Self:
        check_weights(self.weights, tuple(float(part.mean) for part in self.parts))
        return self

    def whole_mean(self) -> float:
        """Mean before truncation."""
        return math.fsum(weight * law_mean(part) for weight, part in zip(self.weights, self.parts, strict=True))

    def whole_up_to(self, value: float) -> tuple[float, float]:
        """Share of the values that are at most ``value``, and their part of the mean, before truncation."""
        each = [(weight, *part.up_to(value)) for weight, part in zip(self.weights, self.parts, strict=True)]
        return math.fsum(weight * share for weight, share, _ in each), math.fsum(
            weight * part for weight, _, part in each
        )


def law_mean(law: Any) -> float:
    """Mean of a size law after truncation, in the unit of its values."""
    if isinstance(law, Continuous):
        return law.kept_mean()
    if isinstance(law, Empirical):
        weights = law.weights or (1 / len(law.values),) * len(law.values)
        return math.fsum(weight * value for weight, value in zip(weights, law.values, strict=True))
    return float(law.mean)


def _number_as_law(value: Any) -> Any:
    """Read a bare number as the law that always gives it."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"law": "deterministic", "mean": value}
    return value


_Stay = Annotated[
    Deterministic | Exponential | Erlang | Hyperexponential | Lognormal | Gamma | Weibull | Lomax | Pareto,
    Field(discriminator="law"),
]
_Size = Annotated[
    Deterministic
    | Exponential
    | Erlang
    | Hyperexponential
    | Lognormal
    | Gamma
    | Weibull
    | Lomax
    | Pareto
    | Geometric
    | Empirical
    | Blend,
    Field(discriminator="law"),
]
_Token = Annotated[
    Deterministic | Exponential | Lognormal | Gamma | Weibull | Lomax | Pareto | Geometric | Empirical | Blend,
    Field(discriminator="law"),
]
_Batch = Annotated[Deterministic | Geometric | Empirical, Field(discriminator="law")]
_Patience = Annotated[Deterministic | Exponential, Field(discriminator="law")]

TokenLaw = Annotated[_Token, BeforeValidator(_number_as_law, json_schema_input_type=float | _Token)]
SizeLaw = Annotated[_Size, BeforeValidator(_number_as_law, json_schema_input_type=float | _Size)]
StayLaw = Annotated[_Stay, BeforeValidator(_number_as_law, json_schema_input_type=float | _Stay)]
BatchLaw = Annotated[_Batch, BeforeValidator(_number_as_law, json_schema_input_type=float | _Batch)]
PatienceLaw = Annotated[_Patience, BeforeValidator(_number_as_law, json_schema_input_type=float | _Patience)]


NOTHING = Deterministic(law="deterministic", mean=0.0)
"""The law of what takes no time."""
