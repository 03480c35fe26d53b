"""The bad end of a law: how likely a limit is passed, and what the worst cases cost on average.

Rows are what is independent (futures); columns, where there are any, are repetitions within a row.
"""

import math
from typing import Final

import numpy as np
from scipy.special import stdtrit

from sim.ground.estimate.clusters import clustered_share
from sim.ground.estimate.interval import Estimate
from sim.ground.units import Floats

WORST: Final = 20
"""Rows beyond the quantile below which nothing is said: with 20 a 95 % interval held in 92 to 94 % of the cases, with
10 in 91 to 93 % (exponential, normal and lognormal laws, 4,000 repetitions)."""


def probability_over(values: Floats, limit: float, confidence: float) -> Estimate:
    """Estimate the probability that a value lies above a limit, with Wilson's interval.

    Parameters
    ----------
    values : float64[n] or float64[n, R]
        One row a future; what its columns tell more than one of them is measured (``clustered_share``).
    limit : float
        A value that equals it is not over.
    """
    over = (values > limit).reshape(len(values), math.prod(values.shape[1:]))
    return clustered_share(over.astype(np.float64), confidence)


def conditional_value_at_risk(values: Floats, p: float, confidence: float) -> Estimate:
    """Estimate the mean of the worst cases: those above the quantile ``p``, which counts with what fills its share.

    Parameters
    ----------
    values : float64[n] or float64[n, R]
        Higher is worse.
    p : float
        0.95: the mean of the worst 5 %.

    Returns
    -------
    Estimate
        Without a value where fewer than ``WORST`` rows lie beyond the quantile. The interval is Student's, on the
        influence of each row, with as many degrees of freedom as rows lie beyond, less one.

    References
    ----------
    Rockafellar & Uryasev, Optimization of conditional value-at-risk, Journal of Risk 2 (2000), eq. 9; Trindade et al.,
    Financial prediction with constrained tail risk, Journal of Banking & Finance 31 (2007), for its limit law.
    """
    rows = len(values)
    beyond = math.floor(rows * (1 - p) + 1e-9)
    if beyond < WORST:
        return Estimate(None, n=rows)
    quantile = np.sort(values, axis=None)[math.ceil(values.size * p - 1e-9) - 1]
    influence = (quantile + np.maximum(values - quantile, 0.0) / (1 - p)).reshape(rows, -1).mean(axis=1)
    value, se = float(influence.mean()), float(influence.std(ddof=1)) / math.sqrt(rows)
    half = float(stdtrit(beyond - 1, (1 + confidence) / 2)) * se
    return Estimate(value, value - half, value + half, se, rows)
