"""Who is cheapest on each path, and what every other choice costs more there. Arrays only."""

import numpy as np
import numpy.typing as npt

from sim.ground.estimate import FEWEST, Estimate, Lacking, clustered_mean, clustered_quantile, clustered_share, ratio
from sim.ground.units import Floats

Bools = npt.NDArray[np.bool_]

_ROUNDING = 1e-12  # relative: costs that differ by less differ by the rounding of floats
_LATE = 0.95


def regret(npv: Floats, allowed: Bools) -> Floats:
    """Tell what each choice costs more than the best one on the same path.

    Parameters
    ----------
    npv : float64[F, R, S]
        Present value of what is paid, USD: of each future, replication and strategy.
    allowed : bool[F, S]
        Whether a strategy is ranked and does the work in a future; another is neither the best nor regretted there.

    Returns
    -------
    float64[F, R, S]
        USD, at least 0; 0 for the best. NaN where a strategy is not allowed.

    References
    ----------
    Savage, The theory of statistical decision, JASA 46 (1951).
    """
    costs = np.where(allowed[:, None, :], npv, np.inf)
    least = costs.min(axis=2, keepdims=True)
    apart = costs - np.where(np.isfinite(least), least, 0.0)
    apart = np.where(apart > _ROUNDING * np.abs(least), apart, 0.0)
    return np.where(np.isfinite(costs), apart, np.nan)


def cheapest(regrets: Floats) -> Floats:
    """Mark on each path who is the cheapest; a tie of k strategies gives each 1/k, and where none does the work, 0.

    Parameters
    ----------
    regrets : float64[F, R, S]
        As ``regret`` gives them.

    Returns
    -------
    float64[F, R, S]
    """
    best = regrets == 0
    return np.asarray(best / np.maximum(1, best.sum(axis=2, keepdims=True)))


def probability_cheapest(credit: Floats, confidence: float) -> Estimate:
    """Estimate the probability that one strategy is the cheapest on a path drawn anew.

    Parameters
    ----------
    credit : float64[F, R]
        Of this strategy, as ``cheapest`` gives it.
    confidence : float
        Of the interval.
    """
    return clustered_share(credit, confidence)


def expected_regret(regrets: Floats, confidence: float) -> Estimate:
    """Estimate what one choice costs more than the best on average, in futures in which it does the work.

    Parameters
    ----------
    regrets : float64[F, R]
        Of this strategy.
    confidence : float
        Of the interval.
    """
    return _enough(regrets) or clustered_mean(regrets, confidence)


def late_regret(regrets: Floats, confidence: float) -> Estimate:
    """Estimate the regret that one choice exceeds on 5 % of the paths."""
    return clustered_quantile(regrets, _LATE, confidence)


def regret_where(credit: Floats, regrets: Floats, confidence: float) -> Estimate:
    """Estimate what one choice costs more on the paths on which a certain strategy is the cheapest.

    Parameters
    ----------
    credit : float64[F, R]
        Of the strategy that is the cheapest there: the weights of the paths.
    regrets : float64[F, R]
        Of the choice.
    confidence : float
        Of the interval.

    Returns
    -------
    Estimate
        ``n`` counts the futures that have such a path; ``Lacking`` for fewer than 10.
    """
    weights = np.where(np.isnan(regrets), 0.0, credit)
    if lacking := _enough(np.where(weights > 0, regrets, np.nan)):
        return lacking
    has = weights.any(axis=1)
    return ratio((weights * np.nan_to_num(regrets))[has].sum(axis=1), weights[has].sum(axis=1), confidence)


def _enough(values: Floats) -> Lacking | None:
    """Say that too few futures tell anything, where they are too few."""
    futures = int(np.count_nonzero(~np.isnan(values).all(axis=1)))
    reason = f"needs at least {FEWEST} such futures, got {futures}"
    return Lacking(None, n=futures, reason=reason) if futures < FEWEST else None
