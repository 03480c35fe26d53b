"""A histogram of integers over values of any size, for groups of replications apart.

512 bins an octave (at most 0.2 % wide), which know their least and greatest value, so that equal values stay exact.
Adding up is exact in any order. Room is taken by the octave, when a value falls into it.
"""

from typing import Any, Final, Self

import numpy as np

from sim.ground.compiled import inlined, kernel
from sim.ground.units import Floats, Ticks

_SHIFT: Final = 43  # of a float's bits: the exponent and 9 bits of the fraction stay
_LOWEST: Final = (1023 - 50) << 9  # bins begin at 2**-50 (a request may cost 1e-8 USD); smaller values share the first
_BINS: Final = 90 << 9  # and end at 2**40
_PAGE_BITS: Final = 9
_PAGE: Final = 1 << _PAGE_BITS
_PAGES: Final = (_BINS + 2 + _PAGE - 1) // _PAGE

Arrays = dict[str, np.ndarray[Any, Any]]
Counts = np.ndarray[Any, np.dtype[np.int32]] | Ticks


@inlined
def _bin(bits: int) -> int:
    """Find the bin of a value that is not negative, from the bits of its float."""
    return min(max((bits >> _SHIFT) - _LOWEST, -1), _BINS) + 1


@kernel
def _add(
    begin: int,
    bits: Ticks,
    values: Floats,
    offsets: Ticks,
    first: int,
    shift: int,
    base: int,
    page_of: Ticks,
    counts: Counts,
    low: Floats,
    high: Floats,
) -> int:
    """Put values from ``begin`` on into bins; stop at the first whose page is missing, and tell where that is.

    Places are unsigned: one that might be negative would be looked at each time, and took half of the time.
    """
    bits_of_place, mask = np.uint64(_PAGE_BITS), np.uint64(_PAGE - 1)
    for r in range(len(offsets) - 1):
        mine = counts[((first + r) >> shift) - base]
        for j in range(max(begin, offsets[r]), offsets[r + 1]):
            b, value = np.uint64(_bin(bits[j])), values[j]
            page = page_of[b >> bits_of_place]
            if page < 0:
                return j
            at = np.uint64(page << _PAGE_BITS) + (b & mask)
            mine[at] += 1
            if value < low[at]:
                low[at] = value
            if value > high[at]:
                high[at] = value
    return len(values)


@kernel
def _missing(begin: int, bits: Ticks, page_of: Ticks, wanted: Ticks) -> None:
    """Mark the pages that values from ``begin`` on need and that are not there."""
    for j in range(begin, len(bits)):
        page = _bin(bits[j]) >> _PAGE_BITS
        wanted[page] = page_of[page] < 0


@kernel
def _quantiles(own: Ticks, count: Ticks, low: Floats, high: Floats, probabilities: Floats, out: Floats) -> None:
    """Fill row g of ``out`` with the quantiles without group g, its last row with those of all."""
    groups, total = len(own), 0
    for b in range(len(count)):
        total += count[b]
    for g in range(groups + 1):
        left = total
        if g < groups:
            for b in range(len(count)):
                left -= own[g, b]
        below, k = 0, 0
        for b in range(len(count)):
            here = count[b]
            if g < groups:
                here -= own[g, b]
            while k < len(probabilities) and here > 0 and below + here >= probabilities[k] * left:
                part = max(0.0, probabilities[k] * left - below) / here
                out[g, k] = low[b] + (high[b] - low[b]) * part
                k += 1
            below += here
            if k == len(probabilities):
                break


class Bins:
    """How many values of each group fell into each bin, with the least and the greatest of each bin.

    Parameters
    ----------
    shift, base, groups : int
        Replication r is of group ``(r >> shift) - base``, of so many groups.
    """

    def __init__(self, shift: int, base: int, groups: int) -> None:
        self.shift, self.base, self.groups = shift, base, groups
        self._page_of = np.full(_PAGES, -1, np.int64)
        self._counts: Counts = np.zeros((groups, 0), np.int32)  # half of what int64 takes of the processor's cache
        self._total = 0
        self._low, self._high = np.empty(0), np.empty(0)

    def add(self, first: int, offsets: Ticks, values: Floats) -> None:
        """Add values of some replications, from number ``first`` on."""
        values = np.ascontiguousarray(values, np.float64)
        bits, done = values.view(np.int64), 0
        self._count(len(values))
        while True:
            tables = (self._page_of, self._counts, self._low, self._high)
            done = _add(done, bits, values, offsets, first, self.shift, self.base, *tables)
            if done == len(values):
                return
            wanted = np.zeros(_PAGES, np.int64)
            _missing(done, bits, self._page_of, wanted)
            self._open(np.flatnonzero(wanted))

    def _count(self, more: int) -> None:
        """Count values; where one bin might hold too many for 32 bits, give it 64."""
        self._total += more
        if self._total > np.iinfo(self._counts.dtype).max:
            self._counts = self._counts.astype(np.int64)

    def _open(self, pages: Ticks) -> None:
        """Make room for octaves."""
        self._page_of[pages] = len(self._low) // _PAGE + np.arange(len(pages))
        more = _PAGE * len(pages)
        self._counts = np.concatenate([self._counts, np.zeros((self.groups, more), self._counts.dtype)], axis=1)
        self._low = np.concatenate([self._low, np.full(more, np.inf)])
        self._high = np.concatenate([self._high, np.full(more, -np.inf)])

    def merge(self, other: "Bins") -> None:
        """Add what is in another, whose groups are these or finer."""
        bins, low, high, counts = other.table
        self._count(other._total)
        finer = ((np.arange(other.groups) + other.base) >> (self.shift - other.shift)) - self.base
        pages = np.unique(bins >> _PAGE_BITS)
        if len(missing := pages[self._page_of[pages] < 0]):
            self._open(missing)
        at = (self._page_of[bins >> _PAGE_BITS] << _PAGE_BITS) + (bins & (_PAGE - 1))
        for group, each in zip(finer, counts, strict=True):
            self._counts[group, at] += each
        self._low[at] = np.minimum(self._low[at], low)
        self._high[at] = np.maximum(self._high[at], high)

    @property
    def table(self) -> tuple[Ticks, Floats, Floats, Ticks]:
        """Numbers of the bins that are not empty, their least and greatest values, and counts [groups, bins]."""
        pages = np.flatnonzero(self._page_of >= 0)
        at = ((self._page_of[pages] << _PAGE_BITS)[:, None] + np.arange(_PAGE)).ravel()
        bins = ((pages << _PAGE_BITS)[:, None] + np.arange(_PAGE)).ravel()
        filled = self._high[at] > -np.inf
        at, bins = at[filled], bins[filled]
        return bins, self._low[at], self._high[at], self._counts[:, at].astype(np.int64)

    def quantiles(self, cuts: Ticks, probabilities: Floats) -> Floats:
        """Find quantiles without each union of groups, ``cuts[g]`` to ``cuts[g + 1]``, and of all."""
        _, low, high, counts = self.table
        out = np.full((len(cuts), len(probabilities)), np.nan)
        own = counts if len(cuts) == self.groups + 1 else np.add.reduceat(counts, cuts[:-1], axis=0)
        if low[0] == high[-1]:
            left = counts.sum() - np.append(own.sum(axis=1), 0)
            out[left > 0] = low[0]
            return out
        _quantiles(own, counts.sum(axis=0), low, high, probabilities, out)
        return out

    @property
    def ends(self) -> tuple[float, float]:
        """Least and greatest value."""
        return float(self._low.min()), float(self._high.max())

    @property
    def weighted(self) -> tuple[Floats, Ticks]:
        """Middles of the bins, and how many values each has."""
        _, low, high, counts = self.table
        return (low + high) / 2, counts.sum(axis=0)

    def pack(self) -> Arrays:
        """Lay it out in plain arrays."""
        bins, low, high, counts = self.table
        least = np.min_scalar_type(int(counts.max(initial=0)))
        groups = np.array([self.shift, self.base, self.groups], np.int64)
        return {"groups": groups, "bins": bins, "low": low, "high": high, "counts": counts.astype(least)}

    @classmethod
    def unpack(cls, arrays: Arrays) -> Self:
        """Take it back from what ``pack`` gave."""
        made = cls(*(int(each) for each in arrays["groups"]))
        bins = arrays["bins"]
        made._count(int(arrays["counts"].sum()))
        made._open(np.unique(bins >> _PAGE_BITS))
        at = (made._page_of[bins >> _PAGE_BITS] << _PAGE_BITS) + (bins & (_PAGE - 1))
        made._low[at], made._high[at], made._counts[:, at] = arrays["low"], arrays["high"], arrays["counts"]
        return made
