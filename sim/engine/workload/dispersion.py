"""How unevenly modulated arrivals come, by theory: the index of dispersion for counts. Not here: anything drawn."""

import math
from typing import Any

import numpy as np
from scipy.linalg import expm

from sim.ground.scenario.arrivals import PoissonArrivals, Superposition
from sim.ground.scenario.modulated import MmppArrivals, OnOffArrivals
from sim.ground.units import Floats


def idc(law: Any, hours: float) -> float:
    """Index of dispersion of the counts in windows of so many hours: their variance over their mean.

    Parameters
    ----------
    law : arrival law
        Poisson, MMPP, on-off with exponential stays, or a superposition of these; copies are independent.
    hours : float
        Length of the windows.

    Raises
    ------
    ValueError
        Where the law has no closed form: other laws, batches, patterns, growth.

    References
    ----------
    Fischer and Meier-Hellstern (1993), the variance of the counts.
    """
    if isinstance(law, Superposition):
        each = [int(part.copies) / part.mean_gap_hours for part in law.parts]
        excess = (rate * (idc(part, hours) - 1) for rate, part in zip(each, law.parts, strict=True) if rate)
        return 1 + law.scale * math.fsum(excess) / math.fsum(each)
    if not law.steady or law.batch is not None:
        raise ValueError("no closed form for arrivals in batches or at a changing mean rate")
    if isinstance(law, PoissonArrivals):
        return 1.0
    generator, rates = _chain(law)
    return _of_chain(generator, rates, hours)


def _chain(law: Any) -> tuple[Floats, Floats]:
    """Give the rates of switching between the states of a law, and the rate of arrivals in each."""
    if isinstance(law, MmppArrivals):
        stays = np.array(law.stays)
        return (np.array(law.chances) - np.eye(len(stays))) / stays[:, None], np.array(law.rates_per_hour)
    if isinstance(law, OnOffArrivals) and all(each.law == "exponential" for each in law.stay_laws):
        on, off = (law.stay_unit_hours * float(each.whole_mean()) for each in law.stay_laws)
        return np.array([[-1 / on, 1 / on], [1 / off, -1 / off]]), np.array([law.on_rate_per_hour, 0.0])
    raise ValueError(f"no closed form for arrivals by the law {law.law}")


def _of_chain(generator: Floats, rates: Floats, window: float) -> float:
    """Index of dispersion of an MMPP, from the deviation matrix of its chain."""
    count = len(rates)
    share = np.linalg.lstsq(np.vstack([generator.T, np.ones(count)]), np.eye(count + 1)[count], rcond=None)[0]
    limit = np.outer(np.ones(count), share)
    deviation = np.linalg.inv(limit - generator) - limit
    settled = np.eye(count) - expm(generator * window)
    excess = (share * rates) @ (deviation * window - deviation @ deviation @ settled) @ rates
    return float(1 + 2 * excess / (share @ rates * window))
