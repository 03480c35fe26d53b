"""Draws from the laws of a scenario. Generator methods only: numpy's vector log and exp differ between processors.

Every law scales draws of fixed shape by its mean, so a swept mean moves every value and redraws none.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from sim.compiled import kernel
from sim.scenario.laws import Hyperexponential, HyperexponentialArrivals, law_mean
from sim.units import Floats

Open = Callable[[str], np.random.Generator]
"""Opens the random stream of a named quantity in the replication at hand."""


@kernel
def _exponentials(values: Floats, location: float, scale: float) -> None:
    """Turn standard normal values into lognormal ones, in place (half the time of the generator's own method)."""
    for k in range(len(values)):
        values[k] = math.exp(location + scale * values[k])


def lognormal(generator: np.random.Generator, cv: float, count: int) -> Floats:
    """Draw lognormal values of mean 1."""
    variance = math.log1p(cv * cv)
    values = generator.standard_normal(count)
    _exponentials(values, -variance / 2, math.sqrt(variance))
    return values


class Draws:
    """The values of one law in one replication, drawn in as many pieces as one likes."""

    def __init__(self, law: Any, open_stream: Open, quantity: str, mean: float | None = None) -> None:
        self.law = law
        self.mean: float = law_mean(law) if mean is None else mean
        self.main = open_stream(quantity)
        phased = isinstance(law, Hyperexponential | HyperexponentialArrivals)
        self.side = open_stream(f"{quantity}/phase") if phased else self.main

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
            case "lognormal":
                return lognormal(generator, law.cv, count) * self.mean
            case "geometric":
                return generator.geometric(1 / law.mean, count).astype(np.float64)
            case "empirical":
                return self._listed(generator.random(count))
        return self._phases(count)

    def _phases(self, count: int) -> Floats:
        """Draw from a hyperexponential law: which phase from one stream, how long from the other."""
        weights, means = self.law.phases()
        bounds = np.cumsum(weights)[:-1]
        phase = np.searchsorted(bounds, self.side.random(count), side="right")
        scale = self.mean / float(self.law.mixture_mean())
        return self.main.standard_exponential(count) * (np.array(means) * scale)[phase]

    def _listed(self, uniform: Floats) -> Floats:
        """Pick listed values by uniform numbers."""
        values = np.array(self.law.values)
        if self.law.weights is None:
            return values[(uniform * len(values)).astype(np.int64)]
        bounds = np.cumsum(self.law.weights)[:-1]
        return values[np.searchsorted(bounds, uniform, side="right")]
