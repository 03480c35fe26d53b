"""Rates that switch between two states, fitted to the dispersion of counts at all scales. Not here: other processes.

A part whose rate has variance v and forgets its state at a rate of c a second adds to the index of dispersion

    IDC(t) - 1 = 2 v / (rate c) (1 - (1 - exp(-c t)) / (c t)),

and independent parts add up (Heffes & Lucantoni 1986). Two-state parts are all that second moments can tell.
"""

import math
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.optimize import least_squares

from sim.ground.units import Floats
from sim.questions.demand.windows import JUDGED

MOST_PARTS: Final = 3
_STARTS: Final = 8
_JUDGED_WEIGHT: Final = 3.0
_LEAST_IDC: Final = 0.02
_LEAST_GAIN: Final = 1e-3


class Part(NamedTuple):
    """A modulating part: what it adds to IDC at the longest scales, and how fast it forgets (a second)."""

    gain: float
    forgets: float


def rise(forgets_t: Floats) -> Floats:
    """Tell how much of its gain a part reaches after c t: 1 - (1 - exp(-x)) / x."""
    x = np.asarray(forgets_t, np.float64)
    small = x < 1e-4
    safe = np.where(small, 1.0, x)
    return np.where(small, x / 2 - x * x / 6, 1 + np.expm1(-safe) / safe)


def _steepness(forgets_t: Floats) -> Floats:
    """Give x d rise / dx."""
    x = np.asarray(forgets_t, np.float64)
    small = x < 1e-4
    safe = np.where(small, 1.0, x)
    return np.where(small, x / 2, -(np.expm1(-safe) + safe * np.exp(-safe)) / safe)


def idc_of(parts: list[Part], seconds: Floats) -> Floats:
    """Give the IDC of a Poisson process modulated by independent parts."""
    return 1.0 + sum((part.gain * rise(part.forgets * seconds) for part in parts), np.zeros(len(seconds)))


def fit_parts(count: int, seconds: Floats, idc: Floats, windows: Floats, seed: int = 0) -> tuple[list[Part], float]:
    """Fit so many parts to a curve of dispersion, by least squares on its logarithm from many starts.

    Parameters
    ----------
    count : int
        Parts.
    seconds, idc, windows : float64[k]
        The curve, and how many windows each point is taken from: a point of few counts for less.

    Returns
    -------
    parts : list of Part
        The slowest first.
    loss : float
        Root of the mean square of the logarithms of fitted over measured IDC, at the judged scales.
    """
    target = np.log(np.maximum(idc, _LEAST_IDC))
    judged = np.isin(seconds, JUDGED)
    weight = np.sqrt(np.minimum(windows, 400) / 400) * np.where(judged, _JUDGED_WEIGHT, 1.0)
    low, high = math.log(1.0 / seconds[-1]), math.log(10.0 / seconds[0])
    most = math.log(max(float(idc.max()), 2.0) * 100)

    def parts_of(values: Floats) -> list[Part]:
        return [Part(math.exp(gain), math.exp(speed)) for gain, speed in values.reshape(-1, 2)]

    def error(values: Floats) -> Floats:
        return np.asarray(weight * (np.log(idc_of(parts_of(values), seconds)) - target), np.float64)

    def slope(values: Floats) -> Floats:
        parts = parts_of(values)
        level = idc_of(parts, seconds)
        columns = [part.gain * each(part.forgets * seconds) / level for part in parts for each in (rise, _steepness)]
        return np.asarray(weight[:, None] * np.stack(columns, axis=1), np.float64)

    generator = np.random.Generator(np.random.Philox(seed))
    bounds = (np.tile([math.log(_LEAST_GAIN), low], count), np.tile([most, high], count))
    best, least = np.empty(0), math.inf
    for _ in range(_STARTS):
        begin = bounds[0] + (bounds[1] - bounds[0]) * generator.random(2 * count)
        found = least_squares(error, begin, slope, bounds=bounds, max_nfev=100)
        if found.cost < least * (1 - 1e-6):
            best, least = found.x, float(found.cost)
    parts = [part for part in sorted(parts_of(best), key=lambda part: part.forgets) if part.gain > 2 * _LEAST_GAIN]
    apart = (np.log(idc_of(parts, seconds)) - target)[judged]
    return parts, float(np.sqrt(np.mean(apart**2))) if len(apart) else math.inf


def _round(value: float) -> float:
    return float(f"{value:.6g}")


def _law(mean: float, deviation: float, forgets: float) -> dict[str, Any]:
    """State a two-state part of a mean rate, its standard deviation and how fast it forgets.

    Where the deviation is at most the mean, both states are alike long; else it is silent in one of them.
    """
    if deviation <= mean:
        rates, stays = [mean - deviation, mean + deviation], [2 / forgets] * 2
    else:
        on = 1 / (1 + (deviation / mean) ** 2)
        rates, stays = [0.0, mean / on], [1 / (forgets * on), 1 / (forgets * (1 - on))]
    shape = [_round(rate / mean) for rate in rates]
    return {"law": "mmpp", "rates": shape, "stay_s": [_round(stay) for stay in stays]}


def parts_law(parts: list[Part], rate: float, steady: float = 0.0) -> dict[str, Any] | None:
    """State parts as an arrival law of a mean rate (a second).

    Each part has a share of the rate in proportion to the standard deviation of its own; so where these sum to the rate
    at most, none is ever silent, and where they sum to more, all are bursts of the same share of time.

    Parameters
    ----------
    steady : float
        Share of the rate that comes by Poisson beside the parts; their bursts are the fiercer for it. Dispersion does
        not tell this share, gaps do.

    Returns
    -------
    dict or None
        None where there is no part.
    """
    deviations = [math.sqrt(part.gain * rate * part.forgets / 2) for part in parts]
    if not parts or not all(deviations):
        return None
    laws = [{"law": "poisson", "rate_per_second": _round(steady * rate)}] if steady else []
    for part, deviation in zip(parts, deviations, strict=True):
        share = (1 - steady) * rate * deviation / math.fsum(deviations)
        laws.append({**_law(share, deviation, part.forgets), "rate_per_second": _round(share)})
    if len(laws) > 1:
        return {"law": "superposition", "parts": laws}
    return {key: value for key, value in laws[0].items() if key != "rate_per_second"}
