"""Where a run has forgotten how it began. Not here: deleting anything."""

import numpy as np

from sim.ground.units import Floats


def mser5(series: Floats) -> tuple[int, float]:
    """Find how many observations to cut from the beginning of a run, by the rule MSER-5.

    Parameters
    ----------
    series : float64[n]
        Observations in order, at least 10.

    Returns
    -------
    cut : int
        Number of observations, a multiple of 5, at most half of them.
    statistic : float
        The least marginal standard error squared over the cuts.

    Raises
    ------
    ValueError
        For fewer than 10 observations.

    References
    ----------
    White, An effective truncation heuristic for bias reduction in simulation output, Simulation 69 (1997).
    """
    batches = len(series) // 5
    if batches < 2:
        raise ValueError(f"must have at least 10 observations, got {len(series)}")
    means = np.asarray(series[: batches * 5], dtype=np.float64).reshape(batches, 5).mean(axis=1)
    left = batches - np.arange(batches)
    tail_sum = np.cumsum(means[::-1])[::-1]
    tail_square = np.cumsum(np.square(means - means.mean())[::-1])[::-1]
    offset = tail_sum / left - means.mean()
    statistic = (tail_square - left * np.square(offset)) / np.square(left)
    best = int(np.argmin(statistic[: batches // 2 + 1]))
    return best * 5, float(statistic[best])
