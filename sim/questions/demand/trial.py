"""Simulated paths measured like a log, and how far they are from one. Not here: which processes are tried."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from sim.engine.workload.arrivals import arrivals
from sim.engine.workload.streams import stream
from sim.ground.units import SECONDS_PER_HOUR, TICKS_PER_SECOND, Floats, Ticks
from sim.questions.demand.stretch import OperationalTime, Stretch
from sim.questions.demand.windows import FEWEST_WINDOWS, JUDGED, NO_WINDOWS, Moments, Windows

RATE_WITHIN, IDC_WITHIN = 0.01, 0.25
"""How near a process must come to the log."""

_LEAST_IDC: Final = 0.02
ARRIVALS: Final = 3_000_000
"""Arrivals that a process is simulated with to be judged."""

_FEWEST, _MOST = 4, 400
_GAPS: Final = 100_000
_SAMPLE: Final = 200_000
_KEPT: Final = 20_000
_DIGITS: Final = 4  # equal gaps stay equal, whatever the rounding of instants
_CENTRAL: Final = 0.99
_SIGMAS: Final = 3.0


@dataclass(frozen=True)
class Trial:
    """What simulated paths show, all of them pooled.

    Attributes
    ----------
    rate, rate_se : float
        Arrivals a second, and the standard error of that.
    idc : dict of float
        By scale in seconds: variance of all windows of all paths by their mean.
    spread : dict of (float, float)
        By scale: where the IDC of a single path lies in 99 of 100 cases.
    gaps : float64[n]
        Gaps on the clock of the pattern, of mean 1, in order of size.
    replications : int
        Paths.
    """

    rate: float
    rate_se: float
    idc: dict[float, float]
    spread: dict[float, tuple[float, float]]
    gaps: Floats
    replications: int


def thinned(ordered: Floats) -> Floats:
    """Keep every so-manieth of many ordered values: their distribution stays the same to within 1 in 20,000."""
    return ordered[:: max(1, len(ordered) // _KEPT)]


def standard(gaps: Floats) -> Floats:
    """Scale gaps to a mean of 1 and put them into order."""
    mean = float(gaps.mean()) if len(gaps) else 0.0
    return np.sort(np.round(gaps / mean, _DIGITS)) if mean > 0 else np.sort(gaps)


def ks_distance(first: Floats, second: Floats) -> float:
    """Find the largest difference of the distribution functions of two ordered samples; NaN where one is empty.

    References: Smirnov (1939); Hollander, Wolfe & Chicken, Nonparametric Statistical Methods (2014), section 5.4.
    """
    if not len(first) or not len(second):
        return math.nan
    first, second = thinned(first), thinned(second)
    every = np.concatenate([first, second])
    parts = (np.searchsorted(each, every, side="right") / len(each) for each in (first, second))
    return float(np.abs(np.subtract(*parts)).max())


def measure(paths: Iterable[Ticks], seconds: float, clock: OperationalTime, scales: Iterable[float]) -> Trial:
    """Measure paths of arrivals that all last so long.

    Parameters
    ----------
    paths : iterable of int64[n]
        Ticks from 0 on, in order.
    seconds : float
        Their length.
    clock : OperationalTime
        On which gaps are measured; it starts at 0.
    scales : iterable of float
        Lengths of windows in seconds: ``SCALES``, or whole multiples of the longest of them.
    """
    end = np.array([int(seconds * TICKS_PER_SECOND)])
    wanted = list(scales)
    each: dict[float, list[Moments]] = {scale: [] for scale in wanted}
    counts, gaps, known = [], [], 0
    for path in paths:
        windows = Windows(0, max(2, int(seconds // 300) + 2))
        windows.add(path)
        windows.add(end)  # closes the last whole window; the open one is left out
        for scale in wanted:
            fine = scale in JUDGED
            each[scale].append(windows.moments(int(scale)) if fine else windows.coarse(int(scale) // 300))
        counts.append(len(path))
        if known < _GAPS:
            gaps.append(np.diff(clock.at(path[: _GAPS - known + 1])))
            known += len(gaps[-1])
    pooled = {scale: sum(found, NO_WINDOWS).idc for scale, found in each.items()}
    total = np.array(counts, np.float64)
    error = float(total.std(ddof=1)) / math.sqrt(len(total)) if len(total) > 1 else math.nan
    return Trial(
        rate=float(total.mean()) / seconds,
        rate_se=error / seconds,
        idc=pooled,
        spread={scale: _central([one.idc for one in found]) for scale, found in each.items()},
        gaps=standard(np.concatenate(gaps)) if gaps else np.empty(0),
        replications=len(counts),
    )


def _central(values: list[float]) -> tuple[float, float]:
    """Find where 99 % of some values lie."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return math.nan, math.nan
    low, high = np.quantile(known, [(1 - _CENTRAL) / 2, (1 + _CENTRAL) / 2])
    return float(low), float(high)


def lengths(stretch: Stretch, arrivals: float = ARRIVALS) -> tuple[float, int]:
    """Choose how long and how many paths to simulate: as long as the log, shorter where it is a very long one."""
    least = 168 * SECONDS_PER_HOUR if stretch.pattern is not None else 20.0 * 300
    seconds = min(stretch.seconds, max(least, arrivals / 4 / stretch.rate))
    return seconds, int(min(max(arrivals / (stretch.rate * seconds), _FEWEST), _MOST))


def scales_of(stretch: Stretch, seconds: float) -> list[float]:
    """List the scales by which a stretch can be judged on paths of some length."""
    windows = stretch.sketch.windows
    coarse = [scale for scale, _ in windows.scales(stretch.first, stretch.last) if scale > max(JUDGED)]
    fine = [float(scale) for scale in JUDGED if stretch.moments(scale).windows >= 2]
    return [scale for scale in fine + coarse if seconds / scale >= (2 if scale in fine else FEWEST_WINDOWS)]


def drawn(law: Any, seconds: float, replications: int, seed: int) -> Iterator[Ticks]:
    """Draw paths of a law as a study would."""
    horizon = int(seconds * TICKS_PER_SECOND)
    for replication in range(replications):
        yield arrivals(law, partial(stream, seed, replication), "workload.log/arrivals", horizon)


def gap_distance(law: Any, stretch: Stretch) -> float:
    """Find how far the gaps of a law lie from those of a log, by some hundred thousand of them."""
    replications = min(max(round(_SAMPLE / max(stretch.count, 1)), 3), 50)
    seconds = min(stretch.seconds, _SAMPLE / stretch.rate)
    clock = OperationalTime(0, stretch.pattern, stretch.starts)
    made = [np.diff(clock.at(path)) for path in drawn(law, seconds, replications, 0)]
    return ks_distance(standard(stretch.gaps), standard(np.concatenate(made)))


def log_idc(stretch: Stretch, scale: float) -> Moments:
    """Sum up the windows of a log at one of its scales."""
    if scale in JUDGED:
        return stretch.moments(int(scale))
    windows = stretch.sketch.windows
    return windows.coarse(int(scale) // windows.block_seconds, stretch.first, stretch.last)


@dataclass(frozen=True)
class Distance:
    """How far simulated paths are from a stretch of a log.

    Attributes
    ----------
    rate_error : float
        Relative.
    idc_errors : dict of float
        Relative, by scale in seconds.
    far, missed : tuple of float
        Scales at which they are more than 25 % off, and those among them at which chance does not excuse it.
    ks : float
        Largest difference of the distributions of the gaps, each scaled to a mean of 1.
    rate_missed : bool
        Whether the rate is too far.
    """

    rate_error: float
    idc_errors: dict[float, float]
    far: tuple[float, ...]
    missed: tuple[float, ...]
    ks: float
    rate_missed: bool

    @property
    def passes(self) -> bool:
        """Tell whether they are as near as asked, at all scales."""
        return not self.missed and not self.rate_missed

    @property
    def worst(self) -> float:
        """The largest error of IDC at the judged scales."""
        return max((abs(self.idc_errors[scale]) for scale in JUDGED if scale in self.idc_errors), default=math.inf)


def _relative(made: float, found: float) -> float:
    """Give a relative error; none where both are those of a schedule."""
    if max(made, found) <= _LEAST_IDC:
        return 0.0
    return made / found - 1 if found > 0 else math.inf


def distance(stretch: Stretch, trial: Trial, memoryless: bool) -> Distance:
    """Hold simulated paths against a stretch of a log.

    Parameters
    ----------
    memoryless : bool
        Whether the process has no bursts of its own: then a log that it gives in 99 of 100 cases does not refute it,
        however far the estimate is off. Processes with bursts must come within 25 % wherever the log has windows
        enough to tell (ten, at the four scales); beyond, the same holds for them.
    """
    errors, far, missed = {}, [], []
    for scale, made in trial.idc.items():
        found = log_idc(stretch, scale)
        errors[scale] = _relative(made, found.idc)
        near = abs(made - found.idc) <= max(IDC_WITHIN * found.idc, _LEAST_IDC)
        strict = scale in JUDGED and found.windows >= FEWEST_WINDOWS and not memoryless
        low, high = trial.spread[scale]
        far += [scale] * (not near)
        missed += [scale] * (not near and (strict or not low <= found.idc <= high))
    rate_error = trial.rate / stretch.rate - 1
    noise = _SIGMAS * trial.rate_se / stretch.rate if trial.replications > 1 else 0.0
    return Distance(
        rate_error=rate_error,
        idc_errors=errors,
        far=tuple(far),
        missed=tuple(missed),
        ks=ks_distance(standard(stretch.gaps), trial.gaps),
        rate_missed=abs(rate_error) > RATE_WITHIN + noise,
    )
