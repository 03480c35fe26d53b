"""Numbers that nobody knows: by their deciles and a shape, or by a few cases; and which of them go together.

Not here: where in a scenario they stand (``lift``), and drawing them (``decision.futures``).
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import accumulate
from statistics import NormalDist
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Discriminator, Field, PlainValidator, Tag, WithJsonSchema, model_validator

from sim.ground.scenario.inputs import Input, nearest, stated
from sim.ground.scenario.part import Part, check_weights
from sim.ground.scenario.quantity import LARGEST, Correlated, Finite, Share, Text

Scalar = bool | int | float | str | None
Refusals = Iterator[tuple[tuple[str | int, ...], str]]
Pair = tuple[tuple[str, str], float]

_NORMAL = NormalDist()
TAIL: Final = 0.001
"""Draws stay between this quantile and its mirror: what lies beyond stands at it, so deciles stay exact."""

_DECILE = _NORMAL.inv_cdf(0.9)
_FARTHEST = _NORMAL.inv_cdf(1 - TAIL)
_UNIFORM_HALF = 1 / 0.8
_TRIANGULAR_HALF = 1 / (1 - math.sqrt(0.2))
"""Half widths of a law from end to end, where the deciles lie 1 from the middle."""

_LEAST_PIVOT = 1e-9


def place_of(quantile: float) -> float:
    """Where a quantile lies on the standard normal axis, on which all draws are made; tails are cut off."""
    return _NORMAL.inv_cdf(min(max(quantile, TAIL), 1 - TAIL))


def _case(value: Any) -> Scalar:
    """Let only a finite number, a word, true, false or nothing be a case."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(value, bool | str | None) or (number and abs(value) <= LARGEST and str(value) != "-0.0"):
        return value if isinstance(value, bool | int | float | str) else None
    raise ValueError(f"must be a number from {-LARGEST:g} to {LARGEST:g}, a word, true or false")


_Case = Annotated[Scalar, PlainValidator(_case), WithJsonSchema({"type": ["number", "string", "boolean", "null"]})]


class Spread(Part):
    """A number between deciles: one time in ten it is below ``p10``, one time in ten above ``p90``.

    ``uniform`` is flat between ends that lie beyond the deciles, ``triangular`` has its peak half-way.
    """

    p10: Finite
    """Number that it falls below one time in ten."""
    p90: Finite
    """Number that it exceeds one time in ten."""
    shape: Literal["lognormal", "normal", "uniform", "triangular"] = "lognormal"
    """Shape between and beyond the deciles: lognormal, normal, uniform or triangular; left out: lognormal, which needs
    ``p10`` above 0."""
    source: Text | None = None
    """On what that rests, such as ``assumed: what the teams say``; left out: listed as stated without a source."""

    @model_validator(mode="after")
    def _wide(self) -> Self:
        if self.p10 >= self.p90:
            raise ValueError(f"must have p10 below p90, got {self.p10:g} and {self.p90:g}")
        if self.shape == "lognormal" and self.p10 <= 0:
            raise ValueError(
                f"must have p10 above 0 with shape lognormal, got {self.p10:g}; "
                "give `shape: normal`, `uniform` or `triangular`"
            )
        return self

    @property
    def center(self) -> float:
        """Median: of the lognormal shape sqrt(p10 p90), of the others the middle."""
        if self.shape == "lognormal":
            return math.sqrt(float(self.p10)) * math.sqrt(float(self.p90))
        return (float(self.p10) + float(self.p90)) / 2

    def at(self, place: float) -> float:
        """Give the number at a place on the standard normal axis; beyond the 0.1 % tails, that at their ends.

        References
        ----------
        The normal quantile of 90 % is 1.2815515655446004, so sigma = ln(p90 / p10) / (2 x 1.28155) for the lognormal.
        """
        place = min(max(place, -_FARTHEST), _FARTHEST)
        if self.shape == "lognormal":
            return self.center * math.exp(math.log(self.p90 / self.p10) / 2 * (place / _DECILE))
        return self.center + (float(self.p90) - float(self.p10)) / 2 * self._out(place)

    def _out(self, place: float) -> float:
        """How far out a place lies, where the deciles lie at -1 and 1."""
        if self.shape == "normal":
            return place / _DECILE
        tail = _NORMAL.cdf(-abs(place))
        if self.shape == "uniform":
            return math.copysign(_UNIFORM_HALF * (1 - 2 * tail), place)
        return math.copysign(_TRIANGULAR_HALF * (1 - math.sqrt(2 * tail)), place)

    def quantile(self, share: float) -> float:
        """Give the number that is not exceeded with a probability, within the 0.1 % tails."""
        return self.at(place_of(share))

    @property
    def ends(self) -> list[tuple[str, Scalar]]:
        """The least and the greatest number that may be drawn, each with its name."""
        return [("0.1 % quantile", self.at(-_FARTHEST)), ("99.9 % quantile", self.at(_FARTHEST))]

    @property
    def words(self) -> str:
        """The law in words."""
        return f"p10 {self.p10:g} to p90 {self.p90:g}, {self.shape}"

    def input(self, key: str) -> Input:
        """List the number at a key: its median, its law, and on what that rests."""
        return stated(f"uncertain `{key}`", self.center, f"at the centre of {self.words}", self.source)


class Cases(Part):
    """One of a few values, by chance: numbers or words. Without weights all are alike."""

    cases: Annotated[tuple[_Case, ...], Field(min_length=2, max_length=20)]
    """The values that it may have, such as [8, 12] or [reserved_1y, on_demand]."""
    weights: Annotated[tuple[Share, ...], Field(min_length=2, max_length=20)] | None = None
    """Chance of each value, of sum 1; left out: all alike."""
    source: Text | None = None
    """On what that rests; left out: listed as stated without a source."""

    @model_validator(mode="after")
    def _weighted(self) -> Self:
        if len({repr(case) for case in self.cases}) < len(self.cases):
            raise ValueError("must have different cases, got one of them twice")
        if self.weights is not None:
            check_weights(self.weights, (0.0,) * len(self.cases))
        return self

    @property
    def chances(self) -> tuple[float, ...]:
        """Probability of each case."""
        return self.weights or (1 / len(self.cases),) * len(self.cases)

    @property
    def center(self) -> Scalar:
        """The most probable case, the first of equals."""
        return self.cases[self.chances.index(max(self.chances))]

    @property
    def _in_order(self) -> list[tuple[Scalar, float]]:
        """Cases and chances: numbers from the least to the greatest, others as they stand."""
        pairs = list(zip(self.cases, self.chances, strict=True))
        numbers = [case for case in self.cases if isinstance(case, int | float) and not isinstance(case, bool)]
        if len(numbers) < len(pairs):
            return pairs
        return sorted(pairs, key=lambda pair: float(pair[0] or 0.0))

    def at(self, place: float) -> Scalar:
        """Give the case at a place on the standard normal axis."""
        return self.quantile(_NORMAL.cdf(place))

    def quantile(self, share: float) -> Scalar:
        """Give the case at a cumulated probability."""
        likely = [(case, chance) for case, chance in self._in_order if chance > 0]
        sums = accumulate(chance for _, chance in likely)
        return next((case for (case, _), total in zip(likely, sums, strict=True) if share <= total), likely[-1][0])

    @property
    def middles(self) -> list[tuple[float, Scalar]]:
        """Each possible case with the middle of its stretch of cumulated probability, at which it is drawn."""
        likely = [(case, chance) for case, chance in self._in_order if chance > 0]
        sums = accumulate(chance for _, chance in likely)
        return [(total - chance / 2, case) for (case, chance), total in zip(likely, sums, strict=True)]

    @property
    def ends(self) -> list[tuple[str, Scalar]]:
        """All cases, each with its name."""
        return [(f"case {case!r}", case) for case in self.cases]

    @property
    def words(self) -> str:
        """The law in words."""
        return "cases " + ", ".join(f"{case} ({chance:.3g})" for case, chance in self._in_order)

    def input(self, key: str) -> Input:
        """List the value at a key: the most probable case, or how probable it is where it is a word."""
        center, what = self.center, f"uncertain `{key}`"
        if isinstance(center, int | float) and not isinstance(center, bool):
            return stated(what, float(center), f"at the centre of {self.words}", self.source)
        return stated(what, max(self.chances), f"likely `{center}` of {self.words}", self.source)


def _tag(value: Any) -> str:
    """Tell which kind of uncertain number a mapping means."""
    return "Cases" if isinstance(value, Cases) or (isinstance(value, dict) and "cases" in value) else "Spread"


Uncertain = Annotated[Annotated[Spread, Tag("Spread")] | Annotated[Cases, Tag("Cases")], Discriminator(_tag)]


class Correlation(Part):
    """Two uncertain numbers that go together: the correlation of their normal scores (a Gaussian copula)."""

    between: tuple[Text, Text]
    """The two uncertain numbers, by their dotted keys."""
    value: Correlated
    """Correlation of their normal scores, from -0.999 to 0.999."""

    @model_validator(mode="after")
    def _two(self) -> Self:
        if self.between[0] == self.between[1]:
            raise ValueError(f"must have two different keys in `between`, got `{self.between[0]}` twice")
        return self

    @property
    def pair(self) -> tuple[str, str]:
        """The two keys in the order of the alphabet."""
        first, second = sorted(map(str, self.between))
        return first, second


@lru_cache(maxsize=64)
def groups(pairs: tuple[Pair, ...]) -> tuple[tuple[str, ...], ...]:
    """Sort correlated keys into groups that share no correlation with each other, each in the order of the alphabet."""
    found: list[set[str]] = []
    for keys, _ in pairs:
        touching = [group for group in found if group & set(keys)]
        found = [group for group in found if group not in touching] + [set(keys).union(*touching)]
    return tuple(sorted(tuple(sorted(group)) for group in found))


@lru_cache(maxsize=64)
def factor(keys: tuple[str, ...], pairs: tuple[Pair, ...]) -> tuple[tuple[float, ...], ...] | None:
    """Factor the correlations of some keys as L L', L lower triangular; None where no numbers can be so correlated.

    References
    ----------
    Cholesky's method: Golub and Van Loan, Matrix Computations (4th ed.), 4.2.5. By scalars, for processors differ.
    """
    stated = dict(pairs)
    rows: list[tuple[float, ...]] = []
    for i, key in enumerate(keys):
        row: list[float] = []
        for j in range(i):
            known = math.fsum(a * b for a, b in zip(row, rows[j][:j], strict=True))
            row.append((stated.get(_pair(keys[j], key), 0.0) - known) / rows[j][j])
        if (pivot := 1 - math.fsum(a * a for a in row)) < _LEAST_PIVOT:
            return None
        rows.append((*row, math.sqrt(pivot)))
    return tuple(rows)


def _pair(one: str, other: str) -> tuple[str, str]:
    """Order two keys by the alphabet."""
    return (one, other) if one < other else (other, one)


def pairs_of(correlations: Iterable[Correlation]) -> tuple[Pair, ...]:
    """List pairs of keys with their correlation."""
    return tuple((each.pair, float(each.value)) for each in correlations)


def uncorrelated(uncertain: Mapping[str, Spread | Cases], correlations: tuple[Correlation, ...]) -> Refusals:
    """Find correlations that cannot be: of numbers that are not uncertain, stated twice, or not possible together."""
    seen: set[tuple[str, str]] = set()
    for number, each in enumerate(correlations):
        for key in sorted(set(each.pair) - uncertain.keys()):
            text = f"must name uncertain numbers, got `{key}`"
            yield ("correlations", number, "between"), f"{text}; {nearest(key, uncertain)}" if uncertain else text
        if each.pair in seen:
            yield ("correlations", number, "between"), f"must not be stated twice, got {' and '.join(each.pair)} again"
        seen.add(each.pair)
    pairs = pairs_of(correlations)
    for keys in groups(pairs):
        if factor(keys, pairs) is None:
            text = "must be possible together (positive definite), which those of"
            yield ("correlations",), f"{text} {', '.join(keys)} are not; bring them nearer to 0"
