"""Values of the jobs of all replications: their quantiles, and the quantiles without some replications.

Jobs of one run depend on each other, so an interval over jobs would be far too narrow; the replications are what is
independent. Up to ``EXACT`` values the quantiles are exact; beyond, they come from a histogram of integers (``bins``)
that knows groups of replications apart, at most ``MOST_GROUPS``: its size depends neither on the number of jobs nor on
that of replications, and it is the same in whatever order it was filled.
"""

import itertools
from collections.abc import Sequence
from typing import Any, Final, Self

import numpy as np

from sim.ground.compiled import kernel
from sim.ground.estimate.bins import Bins
from sim.ground.units import Floats, Ticks

EXACT: Final = 50_000
"""Number of values up to which quantiles are exact."""

MOST_GROUPS: Final = 64
"""Groups of replications that a histogram knows apart."""

Part = tuple[int, Ticks, Floats]
"""Number of a replication, where the values of it and of those after it begin and end, and the values."""

Arrays = dict[str, np.ndarray[Any, Any]]


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
    """Do exactly what ``bins`` does by bins; ``runs`` is ordered within each replication."""
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


def exact_quantiles(values: Floats, offsets: Ticks, probabilities: Floats) -> Floats:
    """Find quantiles of values, and what they would be without each group of them, by sorting.

    Parameters
    ----------
    values : float64[n]
        At least 0, one group after the other.
    offsets : int64[G + 1]
        Values of group g are ``offsets[g]`` to ``offsets[g + 1]``.
    probabilities : float64[k]
        Increasing, within (0, 1).

    Returns
    -------
    float64[G + 1, k]
        Row g without group g, the last row of all; NaN where no value is left.
    """
    out = np.full((len(offsets), len(probabilities)), np.nan)
    runs = values.copy()
    for first, last in itertools.pairwise(offsets):
        runs[first:last].sort()
    _exact_quantiles(np.sort(values), runs, offsets, probabilities, out)
    return out


def _shift(first: int, replications: int) -> int:
    """Tell by how many bits a replication's number is cut for that of its group.

    So the groups of more replications are unions of those of fewer, whoever is added when; who is alone up to
    ``MOST_GROUPS`` replications, is in a group of 2, 4, 8.. others beyond.
    """
    shift, last = 0, first + max(1, replications) - 1
    while (last >> shift) - (first >> shift) >= MOST_GROUPS:
        shift += 1
    return shift


class Pooled:
    """Values of the jobs of successive replications: as they are, or as a histogram.

    Attributes
    ----------
    first, replications : int
        Number of the first replication, and how many there are.
    count : int
        Values that were added.
    keep : bool
        Whether values are kept however many they are; else they become a histogram when there are over ``EXACT``.
    """

    def __init__(self, replications: int, first: int = 0, keep: bool = False) -> None:
        self.replications, self.first, self.keep = replications, first, keep
        self.count = 0
        self._parts: list[Part] = []
        self._bins: Bins | None = None

    @classmethod
    def of(cls, values: Floats, offsets: Ticks) -> Self:
        """Take the values of some replications, one after the other, and keep them."""
        made = cls(len(offsets) - 1, keep=True)
        made.count, made._parts = len(values), [(0, offsets, values)]
        return made

    @property
    def is_exact(self) -> bool:
        """Whether the values are known, not only their histogram."""
        return self._bins is None

    @property
    def _kept(self) -> Part:
        """All values, by replication; of one replication in the order in which they were added."""
        if self._bins is not None:
            raise LookupError(f"of {self.count} values only a histogram is left")
        if len(self._parts) != 1 or len(self._parts[0][1]) != self.replications + 1:
            self._parts = [_together(self._parts, self.first, self.replications)]
        return self._parts[0]

    @property
    def values(self) -> Floats:
        """All values, one replication after the other.

        Raises
        ------
        LookupError
            When only a histogram is left of them.
        """
        return self._kept[2]

    @property
    def offsets(self) -> Ticks:
        """Where the values of each replication begin and end."""
        return self._kept[1]

    def add(self, values: Floats, offsets: Ticks, first: int | None = None) -> None:
        """Add values of some replications, or of a part of one.

        Parameters
        ----------
        values : float64[n]
            At least 0, one replication after the other.
        offsets : int64[r + 1]
            Where those of each begin and end.
        first : int, optional
            Number of the first of these replications; that of all if not given.
        """
        self.count += len(values)
        part = (self.first if first is None else first, offsets, values)
        if self._bins is not None:
            self._bins.add(*part)
            return
        if not len(values):
            return
        self._parts.append((part[0], offsets, values.copy()))  # a part of a larger array would keep all of it alive
        if self.count > EXACT and not self.keep:
            self._bins = self._binned()
            self._parts = []

    def merge(self, other: "Pooled") -> None:
        """Add all values of another, whose replications are among these by their numbers."""
        if other._bins is None:
            for first, offsets, values in other._parts:
                self.add(values, offsets, first)
            return
        self._bins = self._binned()
        self._parts, self.count = [], self.count + other.count
        self._bins.merge(other._bins)

    @classmethod
    def joined(cls, parts: "Sequence[Pooled]") -> "Pooled":
        """Put successive replications together, a part after the other; a histogram must have their very numbers."""
        if len(parts) == 1:
            return parts[0]
        made = cls(sum(part.replications for part in parts), parts[0].first, all(part.keep for part in parts))
        first = made.first
        for part in parts:
            if part.is_exact:
                made.add(part.values, part.offsets, first)
            elif part.first == first:
                made.merge(part)
            else:
                raise LookupError(f"a histogram from replication {part.first} on cannot be put at {first}")
            first += part.replications
        return made

    @classmethod
    def union(cls, parts: "Sequence[Pooled]") -> "Pooled":
        """Put several measures of the same replications together."""
        filled = [part for part in parts if part.count] or parts[:1]
        if len(filled) == 1:
            return filled[0]
        made = cls(filled[0].replications, filled[0].first, all(part.keep for part in filled))
        for part in filled:
            made.merge(part)
        return made

    def _binned(self) -> Bins:
        """Give the histogram of what there is by now."""
        if self._bins is not None:
            return self._bins
        shift = _shift(self.first, self.replications)
        last = self.first + max(1, self.replications) - 1
        bins = Bins(shift, self.first >> shift, (last >> shift) - (self.first >> shift) + 1)
        for part in self._parts:
            bins.add(*part)
        return bins

    @property
    def groups(self) -> int:
        """Number of groups of replications that can be left out: all replications up to ``EXACT`` values."""
        if self.count <= EXACT:
            return self.replications
        shift = _shift(self.first, self.replications)
        return ((self.first + max(1, self.replications) - 1) >> shift) - (self.first >> shift) + 1

    def quantiles(self, probabilities: Floats, groups: int = 1, exact: bool = False) -> Floats:
        """Find quantiles, and what they would be without each of some groups of successive replications.

        Parameters
        ----------
        probabilities : float64[k]
            Increasing, within (0, 1).
        groups : int
            At most ``self.groups``.
        exact : bool
            Whether to sort however many values there are.

        Returns
        -------
        float64[groups + 1, k]
            Row g without group g, the last row of all; NaN where no value is left.
        """
        if not self.count:
            return np.full((groups + 1, len(probabilities)), np.nan)
        cuts = np.arange(groups + 1) * self.groups // groups  # of the finest groups
        if not exact and self.count > EXACT:
            return self._binned().quantiles(cuts, probabilities)
        if self.count > EXACT:
            shift = _shift(self.first, self.replications)
            cuts = np.clip((((self.first >> shift) + cuts) << shift) - self.first, 0, self.replications)
        _, offsets, values = self._kept
        return exact_quantiles(values, offsets[cuts], probabilities)

    @property
    def ends(self) -> tuple[float, float] | None:
        """Least and greatest value; None where there is none."""
        if not self.count:
            return None
        if self._bins is not None:
            return self._bins.ends
        filled = [values for _, _, values in self._parts if len(values)]
        return min(float(each.min()) for each in filled), max(float(each.max()) for each in filled)

    @property
    def weighted(self) -> tuple[Floats, Ticks]:
        """Values, and how often each came; of a histogram the middles of its bins."""
        if self._bins is not None:
            return self._bins.weighted
        return self.values, np.ones(self.count, np.int64)

    def pack(self) -> Arrays:
        """Lay it out in plain arrays, the same ones however it was filled."""
        about = np.array([self.replications, self.first, self.keep, self.count], np.int64)
        if self._bins is not None:
            return {"about": about} | self._bins.pack()
        return {"about": about, "offsets": self.offsets, "values": self.values}

    @classmethod
    def unpack(cls, arrays: Arrays) -> Self:
        """Take it back from what ``pack`` gave."""
        replications, first, keep, count = (int(each) for each in arrays["about"])
        made = cls(replications, first, bool(keep))
        made.count = count
        if "values" in arrays:
            made._parts = [(first, arrays["offsets"], arrays["values"])]
        else:
            made._bins = Bins.unpack(arrays)
        return made


def _together(parts: Sequence[Part], first: int, replications: int) -> Part:
    """Put values in the order of their replications."""
    lengths = np.zeros(replications, np.int64)
    for at, offsets, _ in parts:
        lengths[at - first : at - first + len(offsets) - 1] += np.diff(offsets)
    ordered = sorted(parts, key=lambda part: part[0])
    ends = [at + len(offsets) - 1 for at, offsets, _ in ordered]
    values = np.concatenate([values for _, _, values in ordered]) if ordered else np.empty(0)
    if any(end > after for end, (after, _, _) in zip(ends, ordered[1:], strict=False)):
        numbers = [np.repeat(at + np.arange(len(offsets) - 1), np.diff(offsets)) for at, offsets, _ in ordered]
        values = values[np.argsort(np.concatenate(numbers), kind="stable")]
    return first, np.concatenate(([0], np.cumsum(lengths))), values
