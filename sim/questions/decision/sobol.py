"""How much of the spread of a cost each uncertain input makes: Sobol's indices, of inputs that are independent.

Not here: where the numbers come from.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import qmc, sobol_indices

from sim.engine.workload.streams import stream
from sim.ground.estimate import Estimate
from sim.ground.units import Floats
from sim.questions.decision.tornado import Mapper

_RESAMPLES: Final = 400
_EDGE: Final = 1e-9
"""How near to 0 and 1 a quantile may be."""


@dataclass(frozen=True)
class Share:
    """How much of the variance one input makes.

    Attributes
    ----------
    key : str
        The input.
    first : Estimate
        Share of the variance that is gone once the input is known: alone (first order).
    total : Estimate
        Share that is left while only this input is unknown: with all it acts through others (total order).
    """

    key: str
    first: Estimate
    total: Estimate


def evaluations(inputs: int, points: int) -> int:
    """Count how often the cost is evaluated for the indices of so many inputs."""
    return points * (inputs + 2)


def sobol(
    evaluate: Callable[[Mapping[str, float]], float],
    keys: Sequence[str],
    points: int,
    seed: int,
    confidence: float,
    mapper: Mapper = map,
) -> tuple[Share, ...]:
    """Estimate how much of the variance of a cost each input makes, alone and with all others.

    Parameters
    ----------
    evaluate : callable
        From a quantile in (0, 1) of each input to the cost; the same noise each time.
    keys : sequence of str
        Inputs, independent of each other.
    points : int
        Base points n, a power of two; n (d + 2) evaluations are made for d inputs.
    seed : int
        Of the scrambled points and of the bootstrap.
    confidence : float
        Of the intervals: percentiles of the bootstrap over points, which takes the points for independent draws.

    Returns
    -------
    tuple of Share
        The largest total first; without values where the cost never changes.

    References
    ----------
    Saltelli, Annoni, Azzini, Campolongo, Ratto & Tarantola, Variance based sensitivity analysis of model output,
    Computer Physics Communications 181 (2010): design and estimators, as scipy computes them.
    """
    a, b, mixed = _design(len(keys), points, seed)
    places = np.concatenate([a, b, *mixed])
    told = list(mapper(evaluate, [dict(zip(keys, map(float, row), strict=True)) for row in places]))
    costs = np.array(told, dtype=np.float64).reshape(len(keys) + 2, points)
    if np.ptp(costs) <= 1e-12 * np.abs(costs).max():
        return tuple(Share(key, Estimate(None, n=points), Estimate(None, n=points)) for key in keys)
    found = _indices(costs)
    draws = stream(seed, 0, "decision/sobol/bootstrap").integers(0, points, size=(_RESAMPLES, points))
    spread = np.array([_indices(costs[:, row]) for row in draws if np.ptp(costs[:2, row]) > 0])
    shares = [
        Share(key, *(_estimate(found[order, k], spread[:, order, k], confidence, points) for order in (0, 1)))
        for k, key in enumerate(keys)
    ]
    return tuple(sorted(shares, key=lambda share: -(share.total.value or 0.0)))


def _design(inputs: int, points: int, seed: int) -> tuple[Floats, Floats, list[Floats]]:
    """Draw two independent sets of points, float64[n, d] each, and the first with each column from the second."""
    drawn = qmc.Sobol(2 * inputs, seed=stream(seed, 0, "decision/sobol/points")).random(points)
    a, b = np.split(np.clip(drawn, _EDGE, 1 - _EDGE), 2, axis=1)
    mixed = [np.where(np.arange(inputs) == k, b, a) for k in range(inputs)]
    return a, b, mixed


def _indices(costs: Floats) -> Floats:
    """Take scipy's estimators float64[2, d], first and total, of costs float64[2 + d, n] at a, b and mixed points."""
    inputs = len(costs) - 2
    mixed = np.repeat(costs[2:, None], 2 if inputs == 1 else 1, axis=0)  # of one input alone scipy takes no indices
    found = sobol_indices(func={"f_A": costs[:1], "f_B": costs[1:2], "f_AB": mixed}, n=costs.shape[1])
    return np.array([np.ravel(found.first_order)[:inputs], np.ravel(found.total_order)[:inputs]])


def _estimate(value: float, draws: Floats, confidence: float, points: int) -> Estimate:
    """Put percentiles of bootstrap draws around a share."""
    low, high = (float(np.quantile(draws, p)) for p in ((1 - confidence) / 2, (1 + confidence) / 2))
    return Estimate(float(value), min(low, float(value)), max(high, float(value)), float(draws.std(ddof=1)), points)
