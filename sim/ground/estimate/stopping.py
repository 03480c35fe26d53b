"""When there are replications enough: how precise an estimate is, how sure that is, how many more it takes."""

import math

from scipy.special import chdtri

from sim.ground.estimate.interval import Estimate

_SURE = 0.9  # that the spread of the replications is no larger than it is taken to be
_AT_LEAST, _AT_MOST = 1.25, 4.0  # times as many replications at the next look


def half_width(estimate: Estimate) -> float | None:
    """Tell the longer half of an interval; None where there is none."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return None
    return max(estimate.high - estimate.value, estimate.value - estimate.low)


def relative_half_width(estimate: Estimate) -> float | None:
    """Tell the half width of an interval as a share of its value.

    Returns
    -------
    float or None
        0 for what is the same in all replications; None where there is no interval, or the value is 0 and might not be.
    """
    half = half_width(estimate)
    if half is None or not half:
        return half
    return half / abs(estimate.value) if estimate.value else None


def spread_at_most(replications: int) -> float:
    """Tell how many times its estimate a standard deviation may be, with a probability of 90 %.

    A rule that stops when an interval is short stops more often where the spread happens to look small, and its
    intervals hold too seldom. Asking the interval to be short enough even at this factor keeps early stops rare.

    References
    ----------
    Chow & Robbins, On the asymptotic theory of fixed-width sequential confidence intervals for the mean (1965); Singham
    & Schruben, Finite-sample performance of absolute precision stopping rules, INFORMS J. Computing 24 (2012); Law,
    Simulation Modeling and Analysis (2015), section 9.4.1.
    """
    freedom = replications - 1
    return math.sqrt(freedom / float(chdtri(freedom, _SURE)))


def is_precise(estimate: Estimate, precision: float, replications: int) -> bool:
    """Tell whether an interval is short enough, even if the spread is larger than it looks.

    Parameters
    ----------
    estimate : Estimate
        Over the replications.
    precision : float
        Half width wanted, as a share of the value.
    replications : int
        At least 2.
    """
    relative = relative_half_width(estimate)
    return relative is not None and relative * spread_at_most(replications) <= precision


def next_look(estimates: list[Estimate], precision: float, replications: int) -> int:
    """Tell after how many replications to look again: when the widest interval should be short enough.

    Parameters
    ----------
    estimates : list of Estimate
        Of which some are not precise enough.
    precision : float
        Half width wanted, as a share of the value.
    replications : int
        That there are, at least 2.

    Notes
    -----
    A half width falls as 1 / sqrt(replications). From 1.25 to 4 times as many, for few replications tell little about
    the spread; twice as many where there is no interval yet.
    """
    factor = _AT_LEAST
    for estimate in estimates:
        relative = relative_half_width(estimate)
        wanted = 2.0 if relative is None else (relative * spread_at_most(replications) / precision) ** 2
        factor = max(factor, wanted)
    return math.ceil(replications * min(factor, _AT_MOST))
