"""What a log shows of itself, before any process is fitted: numbers, each with what is known of its error.

Not here: how they are written (``report``), drawn (``pictures``) or used (``choose``).
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from sim.ground.estimate.interval import Estimate
from sim.ground.units import TICKS_PER_HOUR, TICKS_PER_SECOND, Floats
from sim.questions.demand.hours import DATED, Hours, Pattern, hours_of
from sim.questions.demand.reading import Read
from sim.questions.demand.sketch import Histogram, LongGap, Sketch
from sim.questions.demand.stretch import OperationalTime
from sim.questions.demand.windows import JUDGED

PERCENTS: Final = (5, 25, 50, 75, 90, 95, 99)
_Z: Final = 1.959963984540054
_TAIL_SHARE, _FEWEST_TAIL, _MOST_TAIL = 0.01, 50, 2000
_HEAVY: Final = 4.0
"""Tail index from which on a tail is no concern: mean, variance and skewness are finite."""

_SILENT_ARRIVALS, _SILENT_TICKS, _MOST_SILENT = 50.0, 600 * TICKS_PER_SECOND, 5
_TICK_SHARE: Final = 0.5
_ATOM: Final = 0.002


@dataclass(frozen=True)
class Tail:
    """How fast large values die out.

    Attributes
    ----------
    index : Estimate
        Hill's estimate of the exponent of a power law, from the largest 1 % of the sampled rows.
    largest : int
        Values it rests on.
    heavy : bool
        Whether the interval lies below 4 and the exponent does not rise towards the largest values.
    capped_at, capped_share : float
        The largest value and the share of rows that have it, where that is above 0.2 %: a limit; else NaN.
    """

    index: Estimate
    largest: int
    heavy: bool
    capped_at: float
    capped_share: float


@dataclass(frozen=True)
class Silence:
    """A stretch without arrivals in which, at the rate around it, many would be expected."""

    gap: LongGap
    expected: float


@dataclass(frozen=True)
class Size:
    """A column of sizes: its mean, its quantiles with 95 % intervals, its tail."""

    mean: float
    least: float
    most: float
    quantiles: dict[int, Estimate]
    tail: Tail | None


@dataclass(frozen=True)
class Findings:
    """What a log shows.

    Attributes
    ----------
    rate : Estimate
        Arrivals a second, by batch means.
    idc : dict of Estimate
        By scale in seconds; those that the log is too short for are missing.
    windows : dict of int
        Windows that each is taken from.
    resolution : float
        Seconds that divide all gaps; 0 where there is no gap.
    tick : float
        Seconds between the steps of a coarse clock: most gaps that are not 0 are just one of it; NaN where it has none.
    zero_share : float
        Share of gaps that are 0; NaN with a single row.
    by_hour, by_day : float64[24], float64[7]
        Relative rates, NaN where nothing is known.
    """

    read: Read
    hours: Hours
    rate: Estimate
    gap_cv: float
    idc: dict[int, Estimate]
    windows: dict[int, int]
    resolution: float
    tick: float
    zero_share: float
    by_hour: Floats
    by_day: Floats
    sizes: dict[str, Size]
    correlation: Estimate
    tenants: tuple[tuple[str, float], ...]
    top_share: float
    top_ten_share: float
    silences: tuple[Silence, ...]

    @property
    def sketch(self) -> Sketch:
        """What is kept of the log."""
        return self.read.sketch


def hill(values: Floats, largest: int) -> float:
    """Estimate the exponent of a power-law tail from so many of the largest values; infinite where they are all alike.

    References: Hill, Annals of Statistics 3 (1975) 1163.
    """
    top = np.sort(values)[-largest - 1 :]
    excess = float(np.log(top[1:] / top[0]).mean())
    return 1 / excess if excess > 0 else math.inf


def tail_of(values: Floats) -> Tail | None:
    """Judge the tail of sampled values; None where there are too few above 0."""
    values = values[values > 0]
    largest = min(int(_TAIL_SHARE * len(values)), _MOST_TAIL)
    if largest < _FEWEST_TAIL or values.min() == values.max():
        return None
    most = float(values.max())
    at_most = float(np.mean(values == most))
    index = hill(values, largest)
    half = _Z / math.sqrt(largest)
    estimate = Estimate(index, index / (1 + half), index / (1 - half), index / math.sqrt(largest), largest)
    further = hill(values, largest // 4)
    steepens = not math.isfinite(index) or further > index * (1 + 3 * math.sqrt(4 / largest))
    heavy = math.isfinite(index) and (estimate.high or math.inf) < _HEAVY and not steepens
    capped = at_most > _ATOM
    return Tail(estimate, largest, heavy, most if capped else math.nan, at_most if capped else math.nan)


def _size(histogram: Histogram, sample: Floats) -> Size:
    """Sum up a column."""
    p = np.array(PERCENTS) / 100
    half = _Z * np.sqrt(p * (1 - p) / max(histogram.count, 1))
    low, value, high = (histogram.quantiles(np.clip(each, 1e-12, 1.0)) for each in (p - half, p, p + half))
    found = {
        percent: Estimate(float(value[k]), float(low[k]), float(high[k]), n=histogram.count)
        for k, percent in enumerate(PERCENTS)
    }
    return Size(histogram.mean, histogram.least, histogram.most, found, tail_of(sample))


def _tick(sketch: Sketch) -> float:
    """Find the step of a coarse clock: the gap that is most common, if most of those above 0 are just that long."""
    gaps = sketch.rows.table()["gap"]
    gaps = gaps[gaps > 0]
    if not len(gaps) or not sketch.zero_gaps:
        return math.nan
    values, counts = np.unique(gaps, return_counts=True)
    most = int(counts.argmax())
    return float(values[most] / TICKS_PER_SECOND) if counts[most] > _TICK_SHARE * len(gaps) else math.nan


def _relative(cell: np.ndarray, rate: Floats, cells: int) -> Floats:
    """Average rates by cell over their mean; NaN where a cell was never seen."""
    count = np.bincount(cell, minlength=cells)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.bincount(cell, rate, minlength=cells) / count
        return np.asarray(means / means[count > 0].mean() if (count > 0).any() else means, np.float64)


def _silences(sketch: Sketch, pattern: Pattern | None, starts: float) -> tuple[Silence, ...]:
    """Find stretches of ten minutes or more in which fifty arrivals or more were missed."""
    if sketch.seconds <= 0:
        return ()
    clock = OperationalTime(sketch.first, pattern, starts)
    whole = clock.at(np.array([sketch.first, sketch.last]))
    per_hour = sketch.count / float(whole[1] - whole[0])
    found = []
    for gap in sketch.long:
        start, end = clock.at(np.array([gap.start, gap.end]))
        expected = per_hour * float(end - start)
        if gap.end - gap.start >= _SILENT_TICKS and expected >= _SILENT_ARRIVALS:
            found.append(Silence(gap, expected))
    return tuple(found[:_MOST_SILENT])


def _rate(sketch: Sketch) -> Estimate:
    """Estimate the rate, in arrivals a second."""
    if sketch.seconds <= 0:
        return Estimate(None, n=sketch.count)
    rate, error = sketch.count / sketch.seconds, sketch.windows.rate_error()
    if math.isnan(error):
        return Estimate(rate, n=sketch.count)
    return Estimate(rate, max(rate - _Z * error, 0.0), rate + _Z * error, error, sketch.count)


def _correlation(sketch: Sketch) -> Estimate:
    """Estimate the correlation of prompt and output, as if rows were independent."""
    r = sketch.correlation
    if math.isnan(r) or sketch.count < 4:
        return Estimate(None)
    half = _Z / math.sqrt(sketch.count - 3)
    middle = math.atanh(max(min(r, 1 - 1e-12), -1 + 1e-12))
    return Estimate(r, math.tanh(middle - half), math.tanh(middle + half), n=sketch.count)


def findings(read: Read, pattern: Pattern | None = None) -> Findings:
    """Sum up what a log shows.

    Parameters
    ----------
    pattern : Pattern, optional
        Of its rate, by which a silence is told from a quiet night.
    """
    sketch = read.sketch
    hours, rows = hours_of(sketch, read.zone), sketch.rows.table()
    seen = {scale: sketch.windows.moments(scale) for scale in JUDGED}
    long_enough = {scale: int(each.windows) for scale, each in seen.items() if each.windows >= 2 and each.total > 0}
    shares = np.sort(sketch.tenants)[::-1] / sketch.count
    names = [read.tenants[k] if k < len(read.tenants) else str(k) for k in np.argsort(-sketch.tenants, kind="stable")]
    return Findings(
        read=read,
        hours=hours,
        rate=_rate(sketch),
        gap_cv=sketch.gap_cv,
        idc={scale: sketch.windows.idc(scale) for scale in long_enough},
        windows=long_enough,
        resolution=sketch.step / TICKS_PER_SECOND,
        tick=_tick(sketch),
        zero_share=sketch.zero_gaps / (sketch.count - 1) if sketch.count > 1 else math.nan,
        by_hour=_relative(hours.hour, hours.rate, 24),
        by_day=_relative(hours.day % 7, hours.rate, 7),
        sizes={name: _size(sketch.sizes[name], np.asarray(rows[name], np.float64)) for name in sketch.names},
        correlation=_correlation(sketch),
        tenants=tuple(zip(names[:10], shares[:10].tolist(), strict=False)) if len(shares) > 1 else (),
        top_share=float(shares[:1].sum()) if len(shares) > 1 else math.nan,
        top_ten_share=float(shares[:10].sum()) if len(shares) > 1 else math.nan,
        silences=_silences(sketch, pattern, hours.starts),
    )


def moment(ticks: int, zone: ZoneInfo | None = None) -> str:
    """Write an instant: its date and time, or the hours since the log's own 0."""
    if ticks < DATED:
        return f"hour {ticks / TICKS_PER_HOUR:.4g}"
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks)
    return when.astimezone(zone or UTC).strftime("%Y-%m-%d %H:%M:%S")
