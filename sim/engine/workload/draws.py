"""Draws from the laws of a scenario. Generator methods only: numpy's vector log and exp differ between processors.

Every law scales draws of fixed shape by its mean, so a swept mean moves every value and redraws none.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sim.ground.compiled import kernel
from sim.ground.scenario.continuous import Continuous, Mixture
from sim.ground.scenario.laws import Blend, law_mean
from sim.ground.units import Floats, Ticks

PIECE = 2**13
"""Values to draw at once where speed counts: they stay in the processor's cache from one step to the next."""

Open = Callable[[str], np.random.Generator]
"""Opens the random stream of a named quantity in the replication at hand."""


@kernel
def _exponentials(values: Floats, location: float, scale: float) -> None:
    """Turn standard normal values into lognormal ones, in place (half the time of the generator's own method)."""
    for k in range(len(values)):
        values[k] = math.exp(location + scale * values[k])


@kernel
def _lognormals(values: Floats, phase: Ticks, spreads: Floats, means: Floats) -> None:
    """Turn standard normal values into lognormal ones, in place, each of its own phase."""
    for k in range(len(values)):
        spread = spreads[phase[k]]
        values[k] = means[phase[k]] * math.exp(spread * (values[k] - spread / 2))


def lognormal(generator: np.random.Generator, cv: float, count: int) -> Floats:
    """Draw lognormal values of mean 1."""
    values = generator.standard_normal(count)
    _made_lognormal(values, cv)
    return values


def _made_lognormal(values: Floats, cv: float) -> None:
    """Turn standard normal values into lognormal ones of mean 1, in place."""
    variance = math.log1p(cv * cv)
    _exponentials(values, -variance / 2, math.sqrt(variance))


def picked(uniform: Floats, count: int, weights: Sequence[float] | Floats | None = None) -> Ticks:
    """Pick numbers from 0 to count - 1 by uniform numbers, alike or by weights."""
    if weights is None:
        return (uniform * count).astype(np.int64)
    return np.searchsorted(np.cumsum(weights)[:-1], uniform, side="right")


def _plain_lognormal(law: Any) -> bool:
    """Tell whether a part of a blend takes its value from the normal number that all such parts share."""
    return law.law == "lognormal" and law.truncate is None


class Draws:
    """The values of one law in one replication, drawn in as many pieces as one likes."""

    def __init__(self, law: Any, open_stream: Open, quantity: str, mean: float | None = None) -> None:
        self.law = law
        self.mean: float = mean_before(law) if mean is None else mean
        self.main = open_stream(quantity)
        self.side = open_stream(f"{quantity}/phase") if isinstance(law, Mixture | Blend) else self.main
        parts = law.parts if isinstance(law, Blend) else ()
        self.parts = {
            number: Draws(part, open_stream, f"{quantity}/part{number}")
            for number, part in enumerate(parts)
            if not _plain_lognormal(part)
        }
        cut = isinstance(law, Continuous) and law.truncate is not None
        self.again = _Again(law, open_stream, f"{quantity}/again") if cut else None

    def take(self, count: int) -> Floats:
        """Draw the next values.

        Returns
        -------
        float64[count]
            In the unit of the law's mean.
        """
        values = self._whole(count)
        if self.again is not None:
            low, high = self.law.range
            outside = np.flatnonzero((values < low) | (values > high))
            values[outside] = self.again.take(len(outside))
        return values

    def _whole(self, count: int) -> Floats:
        """Draw the next values of the law before truncation."""
        law, generator = self.law, self.main
        match str(law.law):
            case "deterministic":
                return np.full(count, float(self.mean))
            case "exponential" | "poisson" | "mmpp" | "on_off":
                return generator.standard_exponential(count) * self.mean
            case "erlang":
                return generator.standard_gamma(int(law.phases), count) * (self.mean / int(law.phases))
            case "gamma":
                shape = 1 / float(law.cv) ** 2
                return generator.standard_gamma(shape, count) * (self.mean / shape)
            case "weibull":
                shape = float(law.shape)
                return generator.weibull(shape, count) * (self.mean / math.gamma(1 + 1 / shape))
            case "lognormal":
                return lognormal(generator, law.cv, count) * self.mean
            case "lomax":
                return generator.pareto(float(law.alpha), count) * float(law.scale)
            case "pareto":
                return (generator.pareto(float(law.alpha), count) + 1) * float(law.least)
            case "geometric":
                return generator.geometric(1 / law.mean, count).astype(np.float64)
            case "empirical":
                values = np.array(law.values)
                return values[picked(generator.random(count), len(values), law.weights)]
            case "blend":
                return self._blend(count)
        return self._phases(count)

    def _phases(self, count: int) -> Floats:
        """Draw from a hyperexponential law: which phase from one stream, how long from the other."""
        weights, means = self.law.phases()
        phase = picked(self.side.random(count), len(weights), weights)
        scale = self.mean / float(self.law.mixture_mean())
        return self.main.standard_exponential(count) * (np.array(means) * scale)[phase]

    def _blend(self, count: int) -> Floats:
        """Draw from a blend: every part gives each value a draw, so that no weight and no mean redraws another.

        Lognormal parts share one normal number a value, in the main stream; others have a stream each.
        """
        law = self.law
        phase = picked(self.side.random(count), len(law.parts), law.weights)
        values = self.main.standard_normal(count)
        spreads = [math.sqrt(math.log1p(part.cv**2)) if _plain_lognormal(part) else 0.0 for part in law.parts]
        means = [float(part.mean) for part in law.parts]
        _lognormals(values, phase, np.array(spreads), np.array(means))
        for number, draws in self.parts.items():
            values = np.where(phase == number, draws.take(count), values)
        return values


def lognormals(opens: Sequence[Open], quantity: str, cv: float, counts: Ticks) -> Floats:
    """Draw lognormal values of mean 1 in several replications, ``counts`` in each."""
    values = np.empty(int(counts.sum()))
    last = 0
    for open_stream, count in zip(opens, counts.tolist(), strict=True):
        first, last = last, last + count
        open_stream(quantity).standard_normal(out=values[first:last])
    _made_lognormal(values, cv)
    return values


def drawn(law: Any, opens: Sequence[Open], quantity: str, counts: Ticks) -> Floats:
    """Draw values of a law in several replications, ``counts`` in each, as ``Draws`` does in one after the other.

    Jobs of a replication are few where replications are many: then the interpreter takes longer than the drawing, so
    the commonest law is scaled at once.
    """
    if _plain_lognormal(law):
        values = lognormals(opens, quantity, law.cv, counts)
        values *= mean_before(law)
        return values
    each = [Draws(law, its, quantity).take(count) for its, count in zip(opens, counts.tolist(), strict=True)]
    return each[0] if len(each) == 1 else np.concatenate(each)


def mean_before(law: Any) -> float:
    """Mean of a law before truncation, which scales its draws."""
    return law.whole_mean() if isinstance(law, Continuous) else law_mean(law)


class _Again:
    """Values within the range of a law, for those that fell outside: a stream of their own, so that no other moves."""

    def __init__(self, law: Any, open_stream: Open, quantity: str) -> None:
        self.range = law.range
        self.draws = Draws(law.model_copy(update={"truncate": None}), open_stream, quantity)
        self.ready: Floats = np.empty(0)

    def take(self, count: int) -> Floats:
        """Draw the next values that lie within the range; what is too many is kept for the next time."""
        low, high = self.range
        while len(self.ready) < count:
            values = self.draws.take(count + 16)
            self.ready = np.concatenate([self.ready, values[(low <= values) & (values <= high)]])
        values, self.ready = self.ready[:count], self.ready[count:]
        return values
