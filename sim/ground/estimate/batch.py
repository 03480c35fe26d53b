"""Means over a long run with intervals that hold: batch means. Arrays only, as everywhere in this room.

What happens in a queue now hangs on what happened before, so an interval as of independent values would be far too
narrow. Sums over batches much longer than the memory of the queue are as good as independent.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from sim.ground.estimate.interval import NOTHING, Estimate
from sim.ground.units import Floats

BATCHES_A_RUN: Final = 10
"""More leave batches that still hang on each other, fewer an interval whose own width is uncertain."""

_ROUNDING = 1e-12  # relative
_SURE = 1.645  # standard errors beyond which a correlation of batches is not chance


@dataclass(frozen=True)
class LongRun:
    """A mean over long runs.

    Attributes
    ----------
    estimate : Estimate
        ``n`` is the number of batches that lie side by side.
    correlation : float or None
        Of neighbouring batches; near 0 where they are long enough.
    correlated : bool
        Whether that is more than chance, so that the runs are too short and the interval is to be taken with care.
    """

    estimate: Estimate
    correlation: float | None = None
    correlated: bool = False


def _sums_of_neighbours(values: Floats, width: int) -> Floats:
    """Add up each ``width`` neighbours."""
    summed = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray(summed[width:] - summed[:-width])


def _freedom(windows: list[int], width: int) -> float:
    """Degrees of freedom of a mean of squares of overlapping sums: 2 mean^2 / variance, were the values white noise."""
    apart, variance = np.arange(width), 0.0
    for count in windows:
        pairs = np.where(apart == 0, 1, 2) * np.maximum(0, count - apart)
        variance += float((pairs * np.square(width - apart)).sum())
    return (sum(windows) * width) ** 2 / variance - 1


def batch_means(above: Sequence[Floats], below: Sequence[Floats], confidence: float) -> LongRun:
    """Estimate the long-run ratio of two sums over time by overlapping batch means.

    Parameters
    ----------
    above, below : sequence of float64[blocks]
        Of each run, numerator and denominator in successive blocks of equal length, at least 20 of them: hours waited
        and jobs, or hours in the queue and hours.
    confidence : float
        Of the interval.

    Returns
    -------
    LongRun
        Without a value where all denominators are 0.

    Notes
    -----
    The variance is that of the residuals ``above - ratio below`` summed over any 10th part of a run, however it lies.
    Batches of which neighbours have a correlation r leave out a share of about 2 r of it, which is added.

    References
    ----------
    Meketon & Schmeiser, Overlapping batch means: something for nothing? (1984); Song & Schmeiser, Optimal
    mean-squared-error batch sizes, Management Science 41 (1995); Law, Simulation Modeling and Analysis (2015), 9.5.3.
    """
    total, sums = float(np.concatenate(below).sum()), float(np.concatenate(above).sum())
    if total == 0:
        return LongRun(NOTHING)
    value, blocks = sums / total, sum(map(len, above))
    width = max(1, round(max(map(len, above)) / BATCHES_A_RUN))
    windows = [_sums_of_neighbours(a - value * b, width) for a, b in zip(above, below, strict=True)]
    part = width / blocks  # the residuals have mean 0 by their making
    variance = float(np.square(np.concatenate(windows)).mean()) / width / (1 - part)
    if variance * blocks <= (_ROUNDING * total * value) ** 2:
        return LongRun(Estimate(value, value, value, 0.0, blocks // width))
    freedom = _freedom([len(each) for each in windows], width)
    neighbours = np.concatenate([each[:-width] * each[width:] for each in windows])
    correlation = float(neighbours.mean()) / (width * variance) + part
    se = math.sqrt(blocks * variance * (1 + 2 * max(0.0, correlation))) / total
    half = float(stdtrit(freedom, (1 + confidence) / 2)) * se
    estimate = Estimate(value, value - half, value + half, se, blocks // width)
    return LongRun(estimate, correlation, correlation > _SURE / math.sqrt(freedom))


@dataclass(frozen=True)
class Naive:
    """What comes of taking the jobs of one run for independent.

    Attributes
    ----------
    inflation : float
        Variance of a mean over a long run, over what it would be were the jobs independent.
    coverage : float
        Share of the intervals as of independent jobs that hold the true value.
    """

    inflation: float
    coverage: float

    def effective(self, jobs: float) -> float:
        """Tell how many independent jobs so many jobs of a run are worth."""
        return jobs / self.inflation


def naive(variance: float, asymptotic: float, confidence: float) -> Naive:
    """Tell what comes of taking the jobs of one run for independent.

    Parameters
    ----------
    variance : float
        Of a single job's value, above 0.
    asymptotic : float
        Variance of the mean over n jobs, times n.
    confidence : float
        That the interval of independent jobs is made for.

    References
    ----------
    Law, Simulation Modeling and Analysis (2015), section 9.5.3; Blomqvist, The covariance function of the M/G/1 queuing
    system (1967).
    """
    inflation = asymptotic / variance
    if not inflation:
        return Naive(0.0, 1.0)
    z = float(ndtri((1 + confidence) / 2))
    return Naive(inflation, 2 * float(ndtr(z / math.sqrt(inflation))) - 1)


def count_for(estimate: Estimate, count: float, precision: float) -> float | None:
    """Tell how many jobs it takes until the half width of an interval is so small a share of the value.

    None where the value is 0 or has no interval.
    """
    if not estimate.value or estimate.low is None or estimate.high is None:
        return None
    return count * ((estimate.high - estimate.low) / 2 / (precision * abs(estimate.value))) ** 2
