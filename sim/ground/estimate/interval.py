"""Estimates over replications: each a value with an interval, or without one where the data cannot give it."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, ndtri, stdtrit

from sim.ground.units import Floats


@dataclass(frozen=True)
class Estimate:
    """A value over replications.

    Attributes
    ----------
    value : float or None
        None where it is not defined (a mean over no jobs).
    low, high : float or None
        Ends of the confidence interval; None where there are too few replications for one.
    se : float or None
        Standard error.
    n : int
        Number of replications that contribute.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    se: float | None = None
    n: int = 0

    def as_json(self) -> dict[str, float | int | str | None]:
        """Give the estimate as plain JSON values, rounded to 12 significant digits (no float noise, no NaN)."""
        parts = {"value": self.value, "low": self.low, "high": self.high, "se": self.se}
        return {**{key: plain(value) for key, value in parts.items()}, "n": self.n}

    def scaled(self, factor: float) -> "Estimate":
        """Tell the same in another unit, ``factor`` of which make one of this."""
        value, low, high, se = (
            None if each is None else each * factor for each in (self.value, self.low, self.high, self.se)
        )
        return Estimate(value, low, high, se, self.n)


NOTHING = Estimate(None)
_ROUNDING = 1e-12  # relative; the sums of a bill are exact to about 1e-15


def plain(value: float | None) -> float | None:
    """Round to 12 significant digits; None for what is no finite number."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.12g}") + 0.0


def _student(confidence: float, freedom: int) -> float:
    """Two-sided quantile of Student's t."""
    return float(stdtrit(freedom, (1 + confidence) / 2))


def _around(value: float, se: float, n: int, confidence: float) -> Estimate:
    """Put a t interval around a value; what is only the rounding of floats is no spread."""
    se = se if se > _ROUNDING * abs(value) else 0.0
    half = _student(confidence, n - 1) * se
    return Estimate(value, value - half, value + half, se, n)


def mean(values: Floats, confidence: float) -> Estimate:
    """Estimate an expectation by the mean over replications, with a t interval.

    Parameters
    ----------
    values : float64[n]
        One value a replication; NaN where a replication contributes none.
    confidence : float
        Of the interval.
    """
    known = values[~np.isnan(values)]
    n = len(known)
    if n == 0:
        return NOTHING
    value = float(known.mean())
    if n == 1:
        return Estimate(value, n=1)
    return _around(value, float(known.std(ddof=1)) / math.sqrt(n), n, confidence)


def jackknife(value: float, without: Floats, confidence: float, n: int | None = None) -> Estimate:
    """Put an interval around a statistic by leaving out each replication in turn.

    Parameters
    ----------
    value : float
        The statistic of all replications.
    without : float64[R]
        The statistic without replication r.
    confidence : float
        Of the interval.
    n : int, optional
        How many replications contribute, where not all do.

    References
    ----------
    Efron & Tibshirani, An Introduction to the Bootstrap (1993), ch. 11; Law, Simulation Modeling and Analysis (2015),
    ch. 9 for ratios.
    """
    count = len(without)
    n = count if n is None else n
    if not math.isfinite(value):
        return NOTHING
    if n < 2 or not np.isfinite(without).all():
        return Estimate(value, n=n)
    deviations = without - without.mean()
    se = math.sqrt((count - 1) / count * float(np.square(deviations).sum()))
    return _around(value, se, count, confidence)


def ratio(above: Floats, below: Floats, confidence: float) -> Estimate:
    """Estimate a ratio of expectations by the ratio of sums, with a jackknife interval.

    Parameters
    ----------
    above, below : float64[R]
        Numerator and denominator of each replication.

    Returns
    -------
    Estimate
        Without a value where all denominators are 0.
    """
    total = float(below.sum())
    if total == 0:
        return NOTHING
    with np.errstate(divide="ignore", invalid="ignore"):
        without = (above.sum() - above) / (total - below)
    return jackknife(
        float(above.sum()) / total, without, confidence, n=int(np.count_nonzero((below != 0) | (above != 0)))
    )


def deviation(values: Floats, confidence: float) -> Estimate:
    """Estimate a standard deviation over replications, with a jackknife interval."""
    n = len(values)
    if n < 3:
        return NOTHING
    if np.ptp(values) <= _ROUNDING * abs(values[0]):
        return Estimate(0.0, 0.0, 0.0, 0.0, n)
    total, squares = values.sum(), np.square(values - values.mean()).sum()
    without = np.sqrt(np.maximum(0.0, squares - np.square(values - total / n) * n / (n - 1)) / (n - 2))
    return jackknife(math.sqrt(squares / (n - 1)), without, confidence)


def share(hits: float, n: int, confidence: float) -> Estimate:
    """Estimate a probability by a share of replications, with Wilson's interval.

    Parameters
    ----------
    hits : float
        Replications in which it happened; a tie among k counts 1/k.
    n : int
        All replications.

    References
    ----------
    Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    """
    if n == 0:
        return NOTHING
    p, z = hits / n, float(ndtri((1 + confidence) / 2))
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = min(p, max(0.0, centre - half)), max(p, min(1.0, centre + half))  # 0 and 1 to the last bit
    return Estimate(p, low, high, math.sqrt(p * (1 - p) / n), n)


def order_statistic_ranks(n: int, p: float, confidence: float) -> tuple[int, int] | None:
    """Find the ranks (from 1) of the values that bound a quantile, whatever the law of the values.

    Returns
    -------
    (low, high) or None
        P(value[low] <= quantile <= value[high]) >= confidence, with equal tails; None where n values cannot bound it.

    References
    ----------
    David & Nagaraja, Order Statistics (2003), section 7.1.
    """
    tail = (1 - confidence) / 2
    below = bdtr(np.arange(n + 1, dtype=np.float64), n, p)  # P(Bin(n, p) <= k)
    low = int(np.searchsorted(below, tail))
    high = int(np.searchsorted(below, 1 - tail)) + 1
    return (low, high) if low >= 1 and high <= n else None


def replications_needed(p: float, confidence: float) -> int:
    """Say how many replications bound a quantile on both sides."""
    return math.ceil(math.log((1 - confidence) / 2) / math.log(max(p, 1 - p)))


def quantile(values: Floats, p: float, confidence: float) -> Estimate:
    """Estimate a quantile over replications (numpy's linear rule), with an order-statistic interval."""
    n = len(values)
    if n == 0:
        return NOTHING
    value = float(np.quantile(values, p))
    ranks = order_statistic_ranks(n, p, confidence)
    if ranks is None:
        return Estimate(value, n=n)
    ordered = np.sort(values)
    low, high = float(ordered[ranks[0] - 1]), float(ordered[ranks[1] - 1])
    z = float(ndtri((1 + confidence) / 2))
    return Estimate(value, min(low, value), max(high, value), (high - low) / (2 * z), n)
