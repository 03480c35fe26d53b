"""One input at a time: what a strategy costs with an input at its 10th and 90th percentile, all others central.

Not here: where the numbers come from; whoever asks hands over what tells the money at given inputs.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.ground.estimate import Estimate, mean
from sim.ground.units import Floats

Quantiles = Mapping[str, float]
"""Quantile in (0, 1) of each input that is moved; all others are central."""

Measure = Callable[[Floats], Floats]
"""From USD of each strategy, float64[R, S], to what is told, float64[R]."""

Mapper = Callable[..., Iterable[Any]]
"""Works as ``map`` does; may be that of a pool of threads."""


@dataclass(frozen=True)
class Money:
    """What each strategy costs at given inputs.

    Attributes
    ----------
    npv : float64[R, S]
        USD of each strategy on each path; paths are the same whatever the inputs.
    fit : tuple of bool
        Which strategies do the work of the others there.
    """

    npv: Floats
    fit: tuple[bool, ...]

    def cheapest(self) -> int | None:
        """Tell which strategy costs least of those that do the work."""
        means = np.where(self.fit, self.npv.mean(axis=0), np.inf)
        return int(means.argmin()) if any(self.fit) else None


Evaluate = Callable[[Quantiles], Money]


@dataclass(frozen=True)
class End:
    """A place that an input is moved to: its quantile, and its value there."""

    quantile: float
    value: float | str | bool | None


@dataclass(frozen=True)
class Leg:
    """An input at one place, all others central.

    Attributes
    ----------
    value : float or str or bool or None
        Of the input.
    usd : Estimate
        The measure there.
    cheapest : str or None
        The strategy that costs least there; None where none does the work.
    """

    value: float | str | bool | None
    usd: Estimate
    cheapest: str | None


@dataclass(frozen=True)
class Bar:
    """What one input does.

    Attributes
    ----------
    key : str
        The input.
    legs : tuple of Leg
        At its 10th and 90th percentile; or at each of its cases.
    swing : Estimate
        USD between the dearest and the cheapest leg, paired on the same paths.
    flips : bool
        Whether another strategy than the central one is the cheapest at one of the legs.
    """

    key: str
    legs: tuple[Leg, ...]
    swing: Estimate
    flips: bool


@dataclass(frozen=True)
class Tornado:
    """What each input does to a measure: that at the centre, who is cheapest there, the longest bar first."""

    central: Estimate
    cheapest: str | None
    bars: tuple[Bar, ...]


def alone(strategy: int) -> Measure:
    """Measure the cost of one strategy."""
    return lambda npv: npv[:, strategy]


def difference(a: int, b: int) -> Measure:
    """Measure what strategy ``a`` costs more than strategy ``b`` on the same path."""
    return lambda npv: npv[:, a] - npv[:, b]


def tornado(
    evaluate: Evaluate,
    ends: Mapping[str, Sequence[End]],
    measure: Measure,
    strategies: Sequence[str],
    confidence: float,
    mapper: Mapper = map,
) -> Tornado:
    """Move one input at a time and tell how far the measure swings.

    Parameters
    ----------
    evaluate : callable
        From quantiles of inputs to the money of all strategies, on the same paths each time.
    ends : dict of sequences of End
        Of each input the places it is moved to.
    measure : callable
        What is told of the money.
    strategies : sequence of str
        Names, in the order of the money's columns.
    confidence : float
        Of the intervals (t, over paths).
    mapper : callable
        May be that of a pool of threads.

    Notes
    -----
    Costs one evaluation for the middle and one for each place. A swing is between places; an input whose middle is
    the extreme swings further than its bar tells.

    References
    ----------
    Howard, Decision analysis: practice and promise, Management Science 34 (1988).
    """
    places = [(key, end) for key, each in ends.items() for end in each]
    central, *moved = mapper(evaluate, [{}, *({key: end.quantile} for key, end in places)])
    name = _named(strategies)
    found: dict[str, list[tuple[Leg, Floats]]] = {key: [] for key in ends}
    for (key, end), money in zip(places, moved, strict=True):
        told = measure(money.npv)
        found[key].append((Leg(end.value, mean(told, confidence), name(money)), told))
    bars = [_bar(key, legs, name(central), confidence) for key, legs in found.items() if legs]
    longest = sorted(bars, key=lambda bar: -(bar.swing.value or 0.0))
    return Tornado(mean(measure(central.npv), confidence), name(central), tuple(longest))


def _named(strategies: Sequence[str]) -> Callable[[Money], str | None]:
    def name(money: Money) -> str | None:
        cheapest = money.cheapest()
        return None if cheapest is None else strategies[cheapest]

    return name


def _bar(key: str, legs: list[tuple[Leg, Floats]], cheapest: str | None, confidence: float) -> Bar:
    """Tell the swing between the dearest and the cheapest place of an input."""
    ordered = sorted((told for _, told in legs), key=lambda told: float(told.mean()))
    flips = any(leg.cheapest != cheapest for leg, _ in legs)
    return Bar(key, tuple(leg for leg, _ in legs), mean(ordered[-1] - ordered[0], confidence), flips)
