"""Quantiles over the jobs of all replications, with the quantile without each replication beside them.

Jobs of one run depend on each other, so an interval over jobs would be far too narrow; the replications are what is
independent. Up to ``EXACT`` values the quantiles are exact; beyond, an integer histogram of 512 bins an octave (at most
0.2 % wide), which keeps the least and the greatest value of each bin, so that equal values stay exact.
"""

import itertools
from typing import Final

import numpy as np

from sim.compiled import kernel
from sim.units import Floats, Ticks

EXACT: Final = 50_000
"""Number of values up to which quantiles are exact."""

_SHIFT: Final = 43  # of a float's bits: the exponent and 9 bits of the fraction stay
_LOWEST: Final = (1023 - 50) << 9  # bins begin at 2**-50 (a request may cost 1e-8 USD); smaller values share the first
_BINS: Final = 90 << 9  # and end at 2**40


@kernel
def _bin(bits: int) -> int:
    """Find the bin of a value that is not negative, from the bits of its float."""
    return min(max((bits >> _SHIFT) - _LOWEST, -1), _BINS) + 1


@kernel
def _sketch(bits: Ticks, values: Floats, count: Ticks, low: Floats, high: Floats) -> None:
    """Put values into bins that know their least and greatest value."""
    for j in range(len(values)):
        b, value = _bin(bits[j]), values[j]
        count[b] += 1
        low[b] = min(low[b], value)
        high[b] = max(high[b], value)


@kernel
def _sketch_quantiles(
    bits: Ticks, offsets: Ticks, count: Ticks, low: Floats, high: Floats, own: Ticks, probabilities: Floats, out: Floats
) -> None:
    """Fill row r of ``out`` with the quantiles without replication r, its last row with those of all."""
    first, last = 0, len(count) - 1
    while count[first] == 0:
        first += 1
    while count[last] == 0:
        last -= 1
    replications = len(offsets) - 1
    for r in range(replications + 1):
        left = offsets[replications]
        if r < replications:
            left -= offsets[r + 1] - offsets[r]
            for j in range(offsets[r], offsets[r + 1]):
                own[_bin(bits[j])] += 1
        below, k = 0, 0
        for b in range(first, last + 1):
            here = count[b] - own[b]
            own[b] = 0
            while k < len(probabilities) and here > 0 and below + here >= probabilities[k] * left:
                part = max(0.0, probabilities[k] * left - below) / here
                out[r, k] = low[b] + (high[b] - low[b]) * part
                k += 1
            below += here


@kernel
def _upto(ordered: Floats, first: int, last: int, value: float) -> int:
    """Count the values of an ordered piece that are at most ``value``."""
    low, high = first, last
    while low < high:
        middle = (low + high) >> 1
        if ordered[middle] <= value:
            low = middle + 1
        else:
            high = middle
    return low - first


@kernel
def _at(pooled: Floats, runs: Floats, first: int, last: int, rank: int) -> float:
    """Find the value of a rank (from 0) among the pooled values without those of ``runs[first:last]``."""
    low, high = rank, min(rank + last - first, len(pooled) - 1)
    while low < high:
        middle = (low + high) >> 1
        value = pooled[middle]
        if _upto(pooled, 0, len(pooled), value) - _upto(runs, first, last, value) > rank:
            high = middle
        else:
            low = middle + 1
    return float(pooled[low])


@kernel
def _exact_quantiles(pooled: Floats, runs: Floats, offsets: Ticks, probabilities: Floats, out: Floats) -> None:
    """Do exactly what ``_sketch_quantiles`` does by bins; ``runs`` is ordered within each replication."""
    replications = len(offsets) - 1
    for r in range(replications + 1):
        first = offsets[r] if r < replications else 0
        last = offsets[r + 1] if r < replications else 0
        left = len(pooled) - (last - first)
        for k in range(len(probabilities)):
            if left > 0:
                place = (left - 1) * probabilities[k]
                rank = int(place)
                value = _at(pooled, runs, first, last, rank)
                if place > rank:
                    value += (place - rank) * (_at(pooled, runs, first, last, rank + 1) - value)
                out[r, k] = value


def pooled_quantiles(values: Floats, offsets: Ticks, probabilities: Floats, exact: bool = False) -> Floats:
    """Find quantiles of pooled values, and what they would be without each replication.

    Parameters
    ----------
    values : float64[n]
        At least 0, one replication after the other.
    offsets : int64[R + 1]
        Values of replication r are ``offsets[r]`` to ``offsets[r + 1]``.
    probabilities : float64[k]
        Increasing, within (0, 1).
    exact : bool
        Whether to sort however many values there are.

    Returns
    -------
    float64[R + 1, k]
        Row r without replication r, the last row of all; NaN where no value is left.
    """
    out = np.full((len(offsets), len(probabilities)), np.nan)
    if len(values) == 0:
        return out
    if values.min() == values.max():
        left = len(values) - np.diff(offsets, append=offsets[-1])
        out[left > 0] = values[0]
        return out
    if exact or len(values) <= EXACT:
        runs = values.copy()
        for first, last in itertools.pairwise(offsets):
            runs[first:last].sort()
        _exact_quantiles(np.sort(values), runs, offsets, probabilities, out)
        return out
    count, own = np.zeros(_BINS + 2, np.int64), np.zeros(_BINS + 2, np.int64)
    low, high = np.full(_BINS + 2, np.inf), np.full(_BINS + 2, -np.inf)
    bits = np.ascontiguousarray(values).view(np.int64)
    _sketch(bits, values, count, low, high)
    _sketch_quantiles(bits, offsets, count, low, high, own, probabilities, out)
    return out
