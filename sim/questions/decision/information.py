"""What it is worth to know an input before choosing: regret that knowing would spare, from futures already drawn.

Not here: drawing futures, and who is cheapest in them.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtri

from sim.engine.workload.streams import stream
from sim.ground.estimate import Estimate, Lacking, mean
from sim.ground.units import Floats

Value = float | str | bool | None

LEAST_FUTURES: Final = 100
"""Below so many futures the choice that a smooth curve would change is mostly noise."""

_KNOTS: Final = (2, 3, 4, 5, 7)
_PENALTY: Final = 1.4  # of a parameter in the score of a curve: Kim & Gu, JRSS B 66 (2004), against wiggles
_FEW: Final = 20  # values that differ, up to which they are cases and no scale
_DRAWS: Final = 300


@dataclass(frozen=True)
class Worth:
    """What it is worth to know one input exactly before choosing.

    Attributes
    ----------
    key : str
        The input.
    usd : Estimate
        Regret that knowing it would spare, at least 0; ``Lacking`` where there are too few futures.
    """

    key: str
    usd: Estimate


@dataclass(frozen=True)
class Information:
    """What knowledge is worth to who must choose now.

    Attributes
    ----------
    perfect : Estimate
        USD that knowing the whole future would spare: the expected regret of the best choice.
    inputs : tuple of Worth
        What each input alone would spare, the most first.
    """

    perfect: Estimate
    inputs: tuple[Worth, ...]


def information(values: Mapping[str, Iterable[Value]], npv: Floats, seed: int, confidence: float) -> Information:
    """Tell which input, if it were measured, would most reduce expected regret.

    Parameters
    ----------
    values : dict of iterables
        Of each input its value in each future: numbers, or cases (words, truths; None: it does not happen).
    npv : float64[F, S]
        USD of each strategy in each future.
    seed : int
        Of the resampling.
    confidence : float
        Of the intervals.

    Returns
    -------
    Information
        All intervals cover sampling of the futures, not the replications within a future.
    """
    if (reason := _lacks(npv)) is not None:
        nothing = Lacking(None, n=len(npv), reason=reason)
        return Information(nothing, tuple(Worth(key, nothing) for key in values))
    weights = stream(seed, 0, "decision/information").exponential(size=(_DRAWS, len(npv)))
    found = [Worth(key, partial(each, npv, weights, confidence)) for key, each in values.items()]
    return Information(perfect(npv, confidence), tuple(sorted(found, key=_most)))


def _lacks(npv: Floats) -> str | None:
    """Say why nothing can be told, where that is so."""
    futures, strategies = npv.shape
    if not strategies:
        return "no strategy is ranked"
    return f"needs at least {LEAST_FUTURES} futures, got {futures}" if futures < LEAST_FUTURES else None


def _most(worth: Worth) -> tuple[float, float]:
    return -(worth.usd.value or 0.0), -(worth.usd.high or 0.0)


def perfect(npv: Floats, confidence: float) -> Estimate:
    """Estimate what knowing the whole future is worth (EVPI): the expected regret of the best choice.

    Parameters
    ----------
    npv : float64[F, S]
        USD of each strategy in each future.
    confidence : float
        Of the interval (t, over futures).

    References
    ----------
    Raiffa & Schlaifer, Applied Statistical Decision Theory (1961), chapter 4.
    """
    best = int(npv.mean(axis=0).argmin())
    return mean(npv[:, best] - npv.min(axis=1), confidence)


def partial(values: Iterable[Value], npv: Floats, weights: Floats, confidence: float) -> Estimate:
    """Estimate what knowing one input is worth (EVPPI): min E[npv] - E[min E[npv | input]], at least 0.

    Parameters
    ----------
    values : iterable
        The input in each future.
    npv : float64[F, S]
        USD of each strategy in each future.
    weights : float64[B, F]
        Exponential draws: futures drawn anew by the Bayesian bootstrap.
    confidence : float
        Of the interval.

    Returns
    -------
    Estimate
        Less its bias. The interval spans the normal one around that, the percentiles of the draws, and, above, those
        that come when each strategy is two standard errors nearer to the best: knowledge is worth most in a tie.

    References
    ----------
    Strong, Oakley & Brennan, Estimating multiparameter partial expected value of perfect information from a
    probabilistic sensitivity analysis sample, Medical Decision Making 34 (2014); Rubin, The Bayesian bootstrap, Annals
    of Statistics 9 (1981).
    """
    futures, best = len(npv), int(npv.mean(axis=0).argmin())
    gaps = npv - npv[:, [best]]
    nearer = np.minimum(gaps.mean(axis=0), 2 * gaps.std(axis=0, ddof=1) / math.sqrt(futures))
    curve = _curve(values, gaps)
    plain = _spared(curve, gaps, np.ones(futures))
    draws = np.array([_spared(curve, gaps, row) for row in weights])
    tied = np.array([_spared(curve, gaps - nearer, row) for row in weights])
    value, se = 2 * plain - float(draws.mean()), float(draws.std(ddof=1))
    half, tail = float(ndtri((1 + confidence) / 2)) * se, (1 - confidence) / 2
    low = min(value - half, float(np.quantile(draws, tail)))
    high = max(value + half, *(float(np.quantile(each, 1 - tail)) for each in (draws, tied)))
    return Estimate(max(0.0, value), max(0.0, low), max(0.0, high), se, futures)


def _spared(curve: Floats, gaps: Floats, weights: Floats) -> float:
    """Regret spared when the choice may follow the curves: gaps as smoothed by weighted least squares."""
    share = weights / weights.sum()
    weighted = (curve * share[:, None]).T
    smooth = curve @ np.linalg.solve(weighted @ curve, weighted @ gaps)
    return float((share @ smooth).min() - share @ smooth.min(axis=1))


def _curve(values: Iterable[Value], gaps: Floats) -> Floats:
    """Choose the family of curves float64[F, p] in an input, orthonormal: by cross-validation of the gaps.

    Cases have a mean each. Numbers have natural cubic splines in their normal scores: the worth of an input does not
    hang on its scale, and in scores no tail pulls the curve.
    """
    codes, known = _codes(values)
    cases = np.unique(codes)
    if len(cases) <= _FEW:
        return _orthonormal((codes[:, None] == cases).astype(np.float64))
    scores = _scores(codes)
    never = np.array([not each for each in known], dtype=np.float64)
    apart = [never] if never.any() else []
    families = [_orthonormal(np.column_stack([_splines(scores, knots), *apart])) for knots in _KNOTS]
    return min(families, key=lambda family: _score(family, gaps))


def _codes(values: Iterable[Value]) -> tuple[Floats, list[bool]]:
    """Turn an input into numbers: words by their order; None, which never happens, beyond all others."""
    every = list(values)
    known = [each is not None for each in every]
    given = [each for each in every if each is not None]
    order = {word: float(k) for k, word in enumerate(sorted({each for each in given if isinstance(each, str)}))}
    numbers = [order[each] if isinstance(each, str) else float(each) for each in given]
    beyond = max(numbers, default=0.0) + 1.0
    rest = iter(numbers)
    return np.array([next(rest) if each else beyond for each in known]), known


def _scores(codes: Floats) -> Floats:
    """Give each value the normal score of its rank; equal values the same."""
    _, place, count = np.unique(codes, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - count / 2
    return np.asarray(ndtri(middle / len(codes))[place], dtype=np.float64)


def _splines(x: Floats, knots: int) -> Floats:
    """Lay out natural cubic splines with knots at even shares of the values: straight beyond the outer ones.

    References
    ----------
    Hastie, Tibshirani & Friedman, The Elements of Statistical Learning (2009), section 5.2.1.
    """
    at = np.unique(np.quantile(x, (np.arange(knots) + 0.5) / knots))
    cubes = np.maximum(x[:, None] - at, 0.0) ** 3
    slopes = (cubes[:, :-1] - cubes[:, -1:]) / (at[-1] - at[:-1])
    return np.column_stack([np.ones(len(x)), x, slopes[:, :-1] - slopes[:, -1:]])


def _orthonormal(columns: Floats) -> Floats:
    """Keep what the columns span, as columns of length 1 at right angles."""
    left, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, sizes > 1e-10 * sizes[0]], dtype=np.float64)


def _score(family: Floats, gaps: Floats) -> float:
    """Score a family of curves by generalized cross-validation, all gaps alike whatever their size.

    References
    ----------
    Craven & Wahba, Smoothing noisy data with spline functions, Numerische Mathematik 31 (1979).
    """
    left = np.square(gaps - family @ (family.T @ gaps)).sum(axis=0)
    whole = np.square(gaps).sum(axis=0)
    shares = left[whole > 0] / whole[whole > 0]
    freedom = 1 - _PENALTY * family.shape[1] / len(gaps)
    return sum(math.log(max(float(each), 1e-300)) for each in shares) - 2 * len(shares) * math.log(freedom)
