"""Counts of arrivals in windows of time, from one pass over any number of them. Not here: what made them come.

The index of dispersion for counts, IDC(t), is the variance of the number of arrivals in windows of length t over its
mean: 1 for a Poisson process at every t, the more the more they come in bursts as long as t.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.ground.compiled import kernel
from sim.ground.estimate.interval import NOTHING, Estimate, jackknife
from sim.ground.units import Floats, Ticks

SCALES: Final = (1, 5, 10, 30, 60, 300)
"""Lengths of windows in seconds, each a whole multiple of the one before."""

JUDGED: Final = (1, 10, 60, 300)
"""The scales by which a process is held against a log, in seconds."""

MOST_BLOCKS: Final = 2**15
FEWEST_WINDOWS: Final = 10
"""Windows that a variance needs at least to say anything."""

_GROUPS: Final = 20
_RATIOS: Final = np.array([later // earlier for earlier, later in itertools.pairwise(SCALES)], np.int64)


@kernel
def _count(
    arrival: Ticks, start: int, ratios: Ticks, block: int, window: Ticks, filled: Ticks, squares: Floats, counts: Ticks
) -> int:
    """Put ordered arrivals into windows; stop where the table of blocks ends, and tell how many were put.

    A block is so many of the longest windows; ``window`` and ``filled`` are the open window of each scale and the
    arrivals in it.
    """
    scales = len(window)
    per = np.int64(block)
    for s in range(scales - 1):
        per *= ratios[s]
    for k in range(len(arrival)):
        first = (arrival[k] - start) // 1_000_000
        if first != window[0]:
            if first // per >= len(counts):
                return k
            here, width = first, per
            for s in range(scales):
                if s > 0:
                    here //= ratios[s - 1]
                    width //= ratios[s - 1]
                if here == window[s]:
                    break
                squares[window[s] // width, s] += float(filled[s]) * float(filled[s])
                window[s] = here
                filled[s] = 0
        for s in range(scales):
            filled[s] += 1
        counts[window[0] // per] += 1
    return len(arrival)


@dataclass(frozen=True)
class Moments:
    """Sums over the whole windows of one length: how many windows, their counts, the squares of their counts."""

    windows: float
    total: float
    squares: float

    @property
    def idc(self) -> float:
        """Variance of the counts (over n) by their mean; NaN where there are too few windows or no arrival."""
        if self.windows < 2 or self.total <= 0:
            return math.nan
        mean = self.total / self.windows
        return self.squares / self.windows / mean - mean

    def __add__(self, other: "Moments") -> "Moments":
        """Pool windows."""
        return Moments(self.windows + other.windows, self.total + other.total, self.squares + other.squares)

    def __sub__(self, other: "Moments") -> "Moments":
        """Leave windows out."""
        return Moments(self.windows - other.windows, self.total - other.total, self.squares - other.squares)


NO_WINDOWS: Final = Moments(0.0, 0.0, 0.0)


class Windows:
    """Counts in windows of all ``SCALES``, kept by blocks of time so that any part of it can be asked for.

    A block is 300 s long at first; where time outgrows the table two and two are joined, so memory is bounded.
    """

    def __init__(self, start: int, most_blocks: int = MOST_BLOCKS) -> None:
        self.start = start
        self.block = 1  # longest windows in a block
        self.window, self.filled = np.zeros(len(SCALES), np.int64), np.zeros(len(SCALES), np.int64)
        self.squares, self.counts = np.zeros((most_blocks, len(SCALES))), np.zeros(most_blocks, np.int64)

    def add(self, arrival: Ticks) -> None:
        """Count arrivals (microseconds, in order, none before the start)."""
        while len(arrival):
            done = _count(arrival, self.start, _RATIOS, self.block, self.window, self.filled, self.squares, self.counts)
            arrival = arrival[done:]
            if len(arrival):
                self._join()

    def _join(self) -> None:
        """Make each block twice as long."""
        self.block *= 2
        for table in (self.squares, self.counts):
            joined = table[::2] + table[1::2]
            table[len(joined) :] = 0
            table[: len(joined)] = joined

    @property
    def block_seconds(self) -> int:
        """Length of a block."""
        return self.block * SCALES[-1]

    @property
    def blocks(self) -> int:
        """Number of blocks begun."""
        return int(self.window[-1]) // self.block + 1

    def moments(self, scale: int, first: int = 0, last: int | None = None) -> Moments:
        """Sum up the whole windows of one of ``SCALES`` (seconds) in a range of blocks.

        The window in which the last arrival lies is left out: it was cut off by the end of the log.
        """
        s, last = SCALES.index(scale), self.blocks if last is None else last
        per = self.block_seconds // scale
        total = int(self.counts[first:last].sum())
        windows = min(last * per, int(self.window[s])) - first * per
        if last == self.blocks:
            total -= int(self.filled[s])
        return Moments(float(windows), float(total), float(self.squares[first:last, s].sum()))

    def series(self, multiple: int = 1, first: int = 0, last: int | None = None) -> Floats:
        """Give the counts of windows of so many blocks each; what does not fill one is left out."""
        whole = self.blocks - 1 if last is None else min(last, self.blocks - 1)  # the last block may be cut off
        count = max(0, whole - first) // multiple
        counts = self.counts[first : first + count * multiple].reshape(count, multiple)
        return np.asarray(counts.sum(axis=1), np.float64)

    def coarse(self, multiple: int, first: int = 0, last: int | None = None) -> Moments:
        """Sum up windows of so many blocks each."""
        counts = self.series(multiple, first, last)
        return Moments(float(len(counts)), float(counts.sum()), float((counts**2).sum()))

    def idc(self, scale: int) -> Estimate:
        """Estimate IDC at one of ``SCALES``, with a 95 % interval by leaving out a twentieth of the time in turn.

        No interval where there are fewer than ``FEWEST_WINDOWS`` windows or blocks.
        """
        every = self.moments(scale)
        if math.isnan(every.idc):
            return NOTHING
        groups = min(_GROUPS, self.blocks)
        if every.windows < FEWEST_WINDOWS or groups < FEWEST_WINDOWS:
            return Estimate(every.idc, n=int(every.windows))
        edges = np.linspace(0, self.blocks, groups + 1).astype(int)
        parts = [self.moments(scale, int(a), int(b)) for a, b in itertools.pairwise(edges)]
        parts = [part for part in parts if part.windows > 0]
        without = np.array([(every - part).idc for part in parts])
        return jackknife(every.idc, without, 0.95, n=len(parts))

    def scales(self, first: int = 0, last: int | None = None) -> list[tuple[float, Moments]]:
        """Sum up a range of blocks at all scales that have windows enough: ``SCALES``, then each twice the one before.

        Returns
        -------
        list of (float, Moments)
            Length in seconds, and the windows.
        """
        last = self.blocks if last is None else last
        found = [(float(scale), self.moments(scale, first, last)) for scale in SCALES]
        multiple = 1 if self.block > 1 else 2
        while (last - first) // multiple >= FEWEST_WINDOWS:
            found.append((float(multiple * self.block_seconds), self.coarse(multiple, first, last)))
            multiple *= 2
        return [(seconds, each) for seconds, each in found if each.windows >= FEWEST_WINDOWS and each.total > 0]

    @property
    def seconds(self) -> float:
        """Length of all whole seconds from the start to the last arrival."""
        return float(self.window[0])

    def rate_error(self) -> float:
        """Estimate the standard error of the mean rate, in arrivals a second, by the method of batch means.

        Twenty batches of equal length where there are blocks enough; else by the IDC at the longest scale that has
        ``FEWEST_WINDOWS`` windows. NaN where the log is too short for either.

        References
        ----------
        Law, Simulation Modeling and Analysis (2015), section 9.5.3.
        """
        whole = self.blocks - 1
        if whole >= _GROUPS:
            batches = self.series(whole // _GROUPS)
            each = whole // _GROUPS * self.block_seconds
            return float(batches.std(ddof=1)) / each / math.sqrt(len(batches))
        scales = self.scales()
        if not scales or not self.seconds:
            return math.nan
        return math.sqrt(max(scales[-1][1].idc, 0.0) * float(self.counts.sum())) / self.seconds
