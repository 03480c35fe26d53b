"""Draws from the laws of a scenario. Generator methods only: numpy's vector log and exp differ between processors.

Every law scales draws of fixed shape by its mean, so a swept mean moves every value and redraws none.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sim.compiled import kernel
from sim.scenario.laws import Blend, Hyperexponential, HyperexponentialArrivals, law_mean
from sim.units import Floats, Ticks

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
    variance = math.log1p(cv * cv)
    values = generator.standard_normal(count)
    _exponentials(values, -variance / 2, math.sqrt(variance))
    return values


def picked(uniform: Floats, count: int, weights: Sequence[float] | Floats | None = None) -> Ticks:
    """Pick numbers from 0 to count - 1 by uniform numbers, alike or by weights."""
    if weights is None:
        return (uniform * count).astype(np.int64)
    return np.searchsorted(np.cumsum(weights)[:-1], uniform, side="right")


class Draws:
    """The values of one law in one replication, drawn in as many pieces as one likes."""

    def __init__(self, law: Any, open_stream: Open, quantity: str, mean: float | None = None) -> None:
        self.law = law
        self.mean: float = law_mean(law) if mean is None else mean
        self.main = open_stream(quantity)
        phased = isinstance(law, Hyperexponential | HyperexponentialArrivals | Blend)
        self.side = open_stream(f"{quantity}/phase") if phased else self.main
        parts = law.parts if isinstance(law, Blend) else ()
        self.parts = {
            number: Draws(part, open_stream, f"{quantity}/part{number}")
            for number, part in enumerate(parts)
            if part.law != "lognormal"
        }

    def take(self, count: int) -> Floats:
        """Draw the next values.

        Returns
        -------
        float64[count]
            In the unit of the law's mean.
        """
        law, generator = self.law, self.main
        match str(law.law):
            case "deterministic":
                return np.full(count, float(self.mean))
            case "exponential" | "poisson":
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
        spreads = [math.sqrt(math.log1p(part.cv**2)) if part.law == "lognormal" else 0.0 for part in law.parts]
        means = [float(part.mean) for part in law.parts]
        _lognormals(values, phase, np.array(spreads), np.array(means))
        for number, draws in self.parts.items():
            values = np.where(phase == number, draws.take(count), values)
        return values
