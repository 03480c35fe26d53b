"""Which strategies may be ranked, which one is regretted least, and whether the futures are enough to say so."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from sim.ground.estimate import FEWEST, Estimate, Lacking, mean
from sim.ground.units import Floats
from sim.questions.decision.regret import Bools
from sim.study.compare import difference

Answer = Literal["sure", "not enough data", "all the same", "one ranked", "none ranked"]


@dataclass(frozen=True)
class Verdict:
    """What a buyer is told; strategies by their number.

    Attributes
    ----------
    answer : str
        ``sure``: the choice has the least expected regret, and every other one is known to have more.
    choice : int or None
        With the least expected regret found; None where nothing is ranked.
    runner_up : int or None
        With the least expected regret of those that do not cost the same as the choice on every path.
    more : dict of Estimate
        What each other ranked strategy costs more than the choice on average, USD; all intervals hold together.
    alike : tuple of int
        Strategies that cost the same as the choice on every path.
    undecided : tuple of int
        Strategies that may be better than the choice.
    """

    answer: Answer
    choice: int | None = None
    runner_up: int | None = None
    more: dict[int, Estimate] = field(default_factory=dict)
    alike: tuple[int, ...] = ()
    undecided: tuple[int, ...] = ()


def rankable(unfit: Bools, limit: float) -> Bools:
    """Tell which strategies may be ranked: those that fail to do the work in no more than a share of the futures.

    Parameters
    ----------
    unfit : bool[F, S]
        Whether a strategy does not do the work of the others in a future.
    limit : float
        Share of the futures.

    Returns
    -------
    bool[S]
    """
    return np.asarray(unfit.mean(axis=0) <= limit)


def dearer(npv: Floats, allowed: Bools, a: int, b: int, confidence: float) -> Estimate:
    """Estimate what strategy ``a`` costs more than ``b`` on average, in futures in which both do the work.

    Parameters
    ----------
    npv : float64[F, R, S]
        Present value of what is paid, USD.
    allowed : bool[F, S]
        Whether a strategy is ranked and does the work.
    a, b : int
        Strategies.
    confidence : float
        Of the interval.

    Returns
    -------
    Estimate
        Paired on the same paths; t over futures. ``Lacking`` for fewer than 10 futures.
    """
    both = allowed[:, a] & allowed[:, b]
    futures = int(np.count_nonzero(both))
    apart = difference(npv[both, :, a], npv[both, :, b])
    if apart.size and not apart.any():
        return Estimate(0.0, 0.0, 0.0, 0.0, futures)
    if futures < FEWEST:
        return Lacking(None, n=futures, reason=f"needs at least {FEWEST} futures, got {futures}")
    return mean(apart.mean(axis=1), confidence)


def _same(apart: Estimate) -> bool:
    """Tell whether two strategies cost the same on every path."""
    return apart.value == apart.low == apart.high == 0


def _known(apart: Estimate) -> bool:
    """Tell whether a strategy is known to cost more."""
    return apart.low is not None and apart.low > 0


def judge(npv: Floats, allowed: Bools, regrets: Floats, confidence: float) -> Verdict:
    """Find the strategy that is regretted least, and whether the futures tell it from every other one.

    Each of k - 1 others is compared at 1 - (1 - confidence) / (k - 1), so that all the comparisons hold together.

    Parameters
    ----------
    npv : float64[F, R, S]
        Present value of what is paid, USD.
    allowed : bool[F, S]
        Whether a strategy is ranked and does the work.
    regrets : float64[F, R, S]
        As ``regret`` gives them.
    confidence : float
        With which all comparisons hold.

    References
    ----------
    Hsu, Constrained simultaneous confidence intervals for multiple comparisons with the best, Annals of Statistics 12
    (1984); here with Bonferroni's inequality.
    """
    ranked = [int(each) for each in np.flatnonzero(allowed.any(axis=0))]
    if not ranked:
        return Verdict("none ranked")
    order = sorted(ranked, key=lambda each: float(np.nanmean(regrets[:, :, each])))
    best, others = order[0], order[1:]
    if not others:
        return Verdict("one ranked", best)
    each_holds = 1 - (1 - confidence) / len(others)
    more = {other: dearer(npv, allowed, other, best, each_holds) for other in others}
    alike = tuple(other for other in others if _same(more[other]))
    undecided = tuple(other for other in others if other not in alike and not _known(more[other]))
    runner_up = next((other for other in others if other not in alike), None)
    if runner_up is None:
        return Verdict("all the same", best, more=more, alike=alike)
    return Verdict("not enough data" if undecided else "sure", best, runner_up, more, alike, undecided)
