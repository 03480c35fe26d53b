"""A stretch of a log's time as processes see it: rate, dispersion, gaps, with or without a pattern. Not here: fits."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sim.ground.units import TICKS_PER_HOUR, TICKS_PER_SECOND, Floats, Ticks
from sim.questions.demand.hours import Pattern
from sim.questions.demand.sketch import Sketch
from sim.questions.demand.windows import Moments


class OperationalTime:
    """A clock on which a patterned rate is constant: hours run fast where much arrives.

    References: Brown et al., The time-rescaling theorem (Neural Computation 14, 2002).
    """

    def __init__(self, start: int, pattern: Pattern | None, starts: float = 0.0) -> None:
        self.start, self.factors, self.offset = start, None if pattern is None else pattern.factors, starts
        if self.factors is not None:
            self.total = np.concatenate(([0.0], np.cumsum(self.factors)))

    def at(self, ticks: Ticks) -> Floats:
        """Tell the operational time of instants, in hours."""
        hours: Floats = np.asarray((ticks - self.start) / TICKS_PER_HOUR, np.float64)
        if self.factors is None:
            return hours
        hours = hours + self.offset
        weeks = np.floor(hours / 168)
        inside = hours - 168 * weeks
        whole = np.minimum(inside.astype(np.int64), 167)
        found = weeks * self.total[-1] + self.total[whole] + (inside - whole) * self.factors[whole]
        return np.asarray(found, np.float64)


@dataclass(frozen=True)
class Stretch:
    """The blocks ``first`` to ``last`` of a log.

    Attributes
    ----------
    pattern : Pattern or None
        Of the rate, to be taken out of gaps and dispersion.
    starts : float
        Hours from Monday 0:00 to the log's first arrival.
    """

    sketch: Sketch
    first: int
    last: int
    pattern: Pattern | None = None
    starts: float = 0.0

    @classmethod
    def whole(cls, sketch: Sketch, pattern: Pattern | None = None, starts: float = 0.0) -> "Stretch":
        """Take all of a log."""
        return cls(sketch, 0, sketch.windows.blocks, pattern, starts)

    @property
    def is_whole(self) -> bool:
        """Tell whether it is all of the log."""
        return self.first == 0 and self.last == self.sketch.windows.blocks

    @property
    def start(self) -> int:
        """Tick at which it begins."""
        return self.sketch.first + self.first * self.sketch.windows.block_seconds * TICKS_PER_SECOND

    @property
    def end(self) -> int:
        """Tick at which it ends."""
        end = self.sketch.first + self.last * self.sketch.windows.block_seconds * TICKS_PER_SECOND
        return min(end, self.sketch.last)

    @property
    def seconds(self) -> float:
        """Length."""
        return (self.end - self.start) / TICKS_PER_SECOND

    @property
    def count(self) -> int:
        """Arrivals."""
        return int(self.sketch.windows.counts[self.first : self.last].sum())

    @property
    def rate(self) -> float:
        """Arrivals a second."""
        return self.count / self.seconds if self.seconds > 0 else math.nan

    def moments(self, scale: int) -> Moments:
        """Sum up its windows of one of ``SCALES``."""
        return self.sketch.windows.moments(scale, self.first, self.last)

    @property
    def clock(self) -> OperationalTime:
        """The clock on which its pattern is constant."""
        return OperationalTime(self.sketch.first, self.pattern, self.starts)

    @cached_property
    def gaps(self) -> Floats:
        """Sampled gaps, in operational hours, in order of time."""
        rows = self.sketch.rows.table()
        mine = (rows["gap"] >= 0) & (rows["arrival"] > self.start) & (rows["arrival"] <= self.end)
        arrival, gap = rows["arrival"][mine], rows["gap"][mine]
        if self.pattern is None:
            return np.asarray(gap / TICKS_PER_HOUR, np.float64)
        return self.clock.at(arrival) - self.clock.at(arrival - gap)

    @property
    def gap_cv(self) -> float:
        """Coefficient of variation of the gaps on that clock; NaN where it is not defined."""
        if self.is_whole and self.pattern is None:
            return self.sketch.gap_cv
        gaps = self.gaps
        return float(gaps.std() / gaps.mean()) if len(gaps) > 1 and gaps.mean() > 0 else math.nan

    def pattern_variance(self, scale: float) -> float:
        """Variance that the pattern alone gives the relative rate in windows of some seconds."""
        if self.pattern is None:
            return 0.0
        at = self.start + np.arange(int(self.seconds // scale) + 1) * int(scale * TICKS_PER_SECOND)
        if len(at) > 100_000:  # a factor holds for an hour, so windows far below it need not be looked at one by one
            at = at[:: len(at) // 50_000]
            at = np.stack([at[:-1], at[:-1] + int(scale * TICKS_PER_SECOND)])
            each = np.diff(self.clock.at(at.ravel()).reshape(at.shape), axis=0)[0]
        else:
            each = np.diff(self.clock.at(at))
        return float(each.var() / each.mean() ** 2) if len(each) > 1 and each.mean() > 0 else 0.0

    def curve(self) -> tuple[Floats, Floats, Floats]:
        """Give the IDC that its pattern does not explain, at scales of some windows each.

        Returns
        -------
        seconds, idc, windows : float64[k]
            A pattern of relative variance v adds rate x t x v, and magnifies what modulates it by 1 + v.
        """
        found = []
        for scale, each in self.sketch.windows.scales(self.first, self.last):
            variance = self.pattern_variance(scale)
            rest = (each.idc - 1 - self.rate * scale * variance) / (1 + variance)
            found.append((scale, 1 + rest, each.windows))
        seconds, idc, windows = np.array(found, np.float64).reshape(-1, 3).T
        return seconds, idc, windows
