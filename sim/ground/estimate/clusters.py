"""Estimates over futures that each were simulated several times: paths of one future are alike, so futures count.

The estimands are those of one path drawn anew, its future and its noise. How much more the paths of a future tell than
one of them is measured (the effective sample size of a survey of clusters), never assumed.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import fdtri, ndtri

from sim.ground.estimate.interval import NOTHING, Estimate, mean, order_statistic_ranks, share
from sim.ground.units import Floats

FEWEST = 10
"""Clusters from which a spread can be told at all."""


@dataclass(frozen=True)
class Lacking(Estimate):
    """No value, for there is not enough data: the reason stands in its place."""

    reason: str = ""

    def as_json(self) -> dict[str, float | int | str | None]:
        """Give plain JSON values, the reason too."""
        return {**super().as_json(), "reason": self.reason}

    def scaled(self, factor: float) -> "Lacking":
        """Lack the same in any unit."""
        return self


def _effective(hits: Floats, sizes: Floats) -> int:
    """Tell how many independent paths would tell a share as well as these clusters do; at least the clusters.

    The variance is that of a ratio of sums over clusters; where it says nothing (all alike), each cluster is one path.
    """
    clusters, total = len(hits), float(sizes.sum())
    p = float(hits.sum()) / total
    variance = clusters / max(1, clusters - 1) * float(np.square(hits - p * sizes).sum()) / total**2
    if variance <= 0 or not 0 < p < 1:
        return clusters
    return round(min(total, max(clusters, p * (1 - p) / variance)))


def clustered_share(hits: Floats, confidence: float) -> Estimate:
    """Estimate a probability over paths that come in clusters, with Wilson's interval at the effective sample size.

    Parameters
    ----------
    hits : float64[F, R]
        1 where it happened, 0 where not, between for a tie; NaN where a path tells nothing.
    confidence : float
        Of the interval.

    Returns
    -------
    Estimate
        ``n`` counts the clusters that tell something.

    References
    ----------
    Korn & Graubard, Confidence intervals for proportions with small expected number of positive counts estimated from
    survey data, Survey Methodology 24 (1998); Wilson (1927).
    """
    sizes = np.count_nonzero(~np.isnan(hits), axis=1).astype(np.float64)
    told = sizes > 0
    if not told.any():
        return NOTHING
    sums, sizes = np.nansum(hits[told], axis=1), sizes[told]
    effective = _effective(sums, sizes)
    found = share(float(sums.sum()) / float(sizes.sum()) * effective, effective, confidence)
    return replace(found, n=len(sizes))


def clustered_mean(values: Floats, confidence: float) -> Estimate:
    """Estimate an expectation over paths that come in clusters: the mean of the clusters' means, with a t interval.

    Parameters
    ----------
    values : float64[F, R]
        NaN in a whole row where a cluster tells nothing.
    confidence : float
        Of the interval.
    """
    return mean(values.mean(axis=1), confidence)


def clustered_quantile(values: Floats, p: float, confidence: float) -> Estimate:
    """Estimate a quantile over paths that come in clusters, with an order-statistic interval.

    The ranks are those of the effective number of paths, carried over to all of them.

    Parameters
    ----------
    values : float64[F, R]
        NaN where a path has none.
    p : float
        Within (0, 1).
    confidence : float
        Of the interval.

    Returns
    -------
    Estimate
        ``Lacking`` where so few paths cannot bound the quantile on both sides.

    References
    ----------
    Woodruff, Confidence intervals for medians and other position measures, JASA 47 (1952).
    """
    known = ~np.isnan(values)
    sizes = known.sum(axis=1).astype(np.float64)
    clusters = int(np.count_nonzero(sizes))
    if not clusters:
        return NOTHING
    ordered = np.sort(values[known])
    value = float(np.quantile(ordered, p))
    below = np.where(known, values <= value, False).sum(axis=1).astype(np.float64)
    effective = _effective(below[sizes > 0], sizes[sizes > 0])
    ranks = order_statistic_ranks(effective, p, confidence)
    if ranks is None:
        return Lacking(None, n=clusters, reason=f"{clusters} futures cannot bound the {100 * p:g} % quantile")
    scale = len(ordered) / effective
    low = float(ordered[max(0, math.floor(ranks[0] * scale) - 1)])
    high = float(ordered[min(len(ordered), math.ceil(ranks[1] * scale)) - 1])
    z = float(ndtri((1 + confidence) / 2))
    return Estimate(value, min(low, value), max(high, value), (high - low) / (2 * z), clusters)


def share_between(values: Floats, confidence: float) -> Estimate:
    """Estimate which share of the variance of one path lies between clusters; the rest is within them.

    The model is x[f, r] = mean + a[f] + e[f, r] with independent a and e, and the share is var a / (var a + var e). The
    interval is exact where both are normal.

    Parameters
    ----------
    values : float64[F, R]
        NaN in a whole row where a cluster tells nothing.
    confidence : float
        Of the interval.

    Returns
    -------
    Estimate
        ``Lacking`` for fewer than ``FEWEST`` clusters, for one path a cluster, and where nothing varies.

    References
    ----------
    Searle, Casella & McCulloch, Variance Components (1992), section 3.6.
    """
    rows = values[~np.isnan(values).any(axis=1)]
    clusters, size = len(rows), int(rows.shape[1])
    if clusters < FEWEST:
        return Lacking(None, n=clusters, reason=f"needs at least {FEWEST} futures, got {clusters}")
    if size < 2:
        return Lacking(None, n=clusters, reason="needs at least 2 replications a future")
    means = rows.mean(axis=1)
    between = size * float(np.square(means - means.mean()).sum()) / (clusters - 1)
    within = float(np.square(rows - means[:, None]).sum()) / (clusters * (size - 1))
    scale = 1e-24 * float(np.square(rows).mean())  # what is only the rounding of floats is no spread
    if between <= scale and within <= scale:
        return Lacking(None, n=clusters, reason="it is the same on every path")
    if within <= scale:
        return Estimate(1.0, 1.0, 1.0, 0.0, clusters)
    ratio, tail = between / within, (1 - confidence) / 2
    freedom = clusters - 1, clusters * (size - 1)

    def at(fold: float) -> float:
        """Tell the share at which the ratio of mean squares would be so many times what was found."""
        return min(1.0, max(0.0, (ratio / fold - 1) / (ratio / fold - 1 + size)))

    value, low, high = at(1.0), at(float(fdtri(*freedom, 1 - tail))), at(float(fdtri(*freedom, tail)))
    return Estimate(value, min(low, value), max(high, value), None, clusters)
