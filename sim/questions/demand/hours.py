"""How the rate follows the hour of the day and of the week, and whether it does so again in time held out.

Not here: anything faster than an hour.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from sim.ground.units import TICKS_PER_HOUR, TICKS_PER_SECOND, Floats, Ticks
from sim.questions.demand.sketch import SLOT_SECONDS, Sketch

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DATED: Final = 10**15
"""Ticks since 1970 from which a clock is taken to show dates (September 2001): before, it counts from its own 0."""

FEWEST_DAYS, FEWEST_WEEK_DAYS = 2, 14
_WORTH, _BETTER = 0.05, 0.02
_WHOLE_DAY: Final = 20
_THURSDAY, _MONDAY_FIRST = 3, 0  # 1970 began on a Thursday; a clock without dates is taken to begin on a Monday
_SLOTS_AN_HOUR: Final = 3600 // SLOT_SECONDS


@dataclass(frozen=True)
class Hours:
    """The whole hours of a log, in local time.

    Attributes
    ----------
    day, hour : int64[n]
        Days since Monday, 29 December 1969, and hours of the day.
    rate : float64[n]
        Arrivals an hour.
    starts : float
        Hours from Monday 0:00 to the first arrival.
    dated : bool
        Whether the clock shows dates; otherwise it starts at Monday 0:00 by assumption.
    """

    day: Ticks
    hour: Ticks
    rate: Floats
    starts: float
    dated: bool

    def __len__(self) -> int:
        """Count the hours."""
        return len(self.rate)

    @property
    def of_week(self) -> Ticks:
        """Hour of the week, from Monday 0:00."""
        return self.day % 7 * 24 + self.hour

    def part(self, first: int, last: int) -> "Hours":
        """Take some of the hours."""
        return Hours(self.day[first:last], self.hour[first:last], self.rate[first:last], self.starts, self.dated)


def _offsets(first_slot: int, count: int, zone: ZoneInfo | None) -> Ticks:
    """Tell by how many slots local time is ahead of UTC in each slot."""
    if zone is None:
        return np.zeros(count, np.int64)
    whole = range(first_slot, first_slot + count)
    ahead = (datetime.fromtimestamp(slot * SLOT_SECONDS, UTC).astimezone(zone).utcoffset() for slot in whole)
    return np.array([0 if each is None else int(each.total_seconds()) // SLOT_SECONDS for each in ahead], np.int64)


def hours_of(sketch: Sketch, zone: ZoneInfo | None = None) -> Hours:
    """Add the quarter hours of a log up to whole local hours; what it covers only in part is left out."""
    dated, per_slot = sketch.first >= DATED, SLOT_SECONDS * TICKS_PER_SECOND
    count = sketch.last // per_slot - sketch.first_slot + 1
    known = min(count, len(sketch.slots))
    offset = _offsets(sketch.first_slot, known, zone if dated else None)
    local = np.arange(sketch.first_slot, sketch.first_slot + known) + offset
    hour, place = np.unique(local // _SLOTS_AN_HOUR, return_inverse=True)
    counts = np.bincount(place, sketch.slots[:known], minlength=len(hour))
    slots = np.bincount(place, minlength=len(hour))
    whole = slots >= _SLOTS_AN_HOUR
    if len(whole):  # the first and the last quarter are cut off by the log's ends
        whole[0] &= sketch.first % TICKS_PER_HOUR == 0
        whole[-1] = False
    shift = _THURSDAY if dated else _MONDAY_FIRST
    lead = int(offset[0]) * per_slot if known else 0
    starts = (sketch.first + lead + shift * 24 * TICKS_PER_HOUR) / TICKS_PER_HOUR % 168
    hour, rate = hour[whole], counts[whole] / slots[whole] * _SLOTS_AN_HOUR
    return Hours(hour // 24 + shift, hour % 24, rate, starts, dated)


@dataclass(frozen=True)
class Pattern:
    """Factors of a rate by hour of the day or of the week.

    Attributes
    ----------
    kind : str
        ``hours``, ``hours and days`` or ``week``.
    factors : float64[168]
        By hour of the week, of mean 1.
    keys : dict
        The same as a scenario's ``pattern`` states it, with ``starts`` and ``starts_hour``.
    explains : float
        Share of the variance of hourly counts in held-out time that it foresaw.
    """

    kind: str
    factors: Floats
    keys: dict[str, Any]
    explains: float = math.nan


def _means(cell: Ticks, rate: Floats, cells: int) -> tuple[Floats, float]:
    """Average by cell, and estimate the variance of such an average (pooled over cells, from their repetitions)."""
    count = np.bincount(cell, minlength=cells)
    means = np.where(count > 0, np.bincount(cell, rate, minlength=cells) / np.maximum(count, 1), 1.0)
    left = len(rate) - np.count_nonzero(count)
    noise = float(((rate - means[cell]) ** 2).sum()) / left if left > 0 else math.inf
    return means, noise * float(np.mean(1 / np.maximum(count, 1)))


def _shrunk(means: Floats, towards: Floats, noise: float) -> Floats:
    """Move averages towards a simpler pattern, the more the more of their differences may be noise.

    References: Efron & Morris, Stein's estimation rule and its competitors (JASA 68, 1973).
    """
    observed = float(((means - towards) ** 2).sum()) / max(len(means) - 3, 1)
    kept = max(0.0, 1 - noise / observed) if observed > 0 else 0.0
    return towards + kept * (means - towards)


def _of_days(hours: Hours, relative: Floats) -> tuple[Ticks, Floats, Floats]:
    """Average by day: the weekday and the mean of each day, and that mean hour by hour; short days count as average."""
    days, place = np.unique(hours.day, return_inverse=True)
    count = np.bincount(place)
    means = np.where(count >= _WHOLE_DAY, np.bincount(place, relative) / count, 1.0)
    whole = count >= _WHOLE_DAY
    return days[whole] % 7, means[whole], means[place]


def _factors(hours: Hours, kind: str) -> tuple[Floats, dict[str, list[float]]]:
    """Estimate the factors of a kind of pattern.

    Hours are compared within their days, so that good and bad days are no noise of theirs; weekdays by the means of
    whole days, whose hours are no independent repetitions.
    """
    relative = hours.rate / float(hours.rate.mean())
    weekday, day_mean, by_day_mean = _of_days(hours, relative)
    by_hour = _shrunk(*_swap(_means(hours.hour, relative - by_day_mean + 1.0, 24), 1.0))
    by_hour = np.maximum(by_hour, 0.0) / np.maximum(by_hour, 0.0).mean()
    if kind == "hours":
        return np.tile(by_hour, 7), {"hours": _rounded(by_hour)}
    by_day = _shrunk(*_swap(_means(weekday, day_mean, 7), 1.0))
    by_day = np.maximum(by_day, 0.0) / np.maximum(by_day, 0.0).mean()
    product = np.outer(by_day, by_hour).ravel()
    if kind == "hours and days":
        return product, {"hours": _rounded(by_hour), "days": _rounded(by_day)}
    means, noise = _means(hours.of_week, relative, 168)
    week = np.maximum(_shrunk(means, product, noise), 0.0)
    week /= week.mean()
    return week, {"week": _rounded(week)}


def _swap(found: tuple[Floats, float], towards: float) -> tuple[Floats, Floats, float]:
    means, noise = found
    return means, np.full(len(means), towards), noise


def _rounded(factors: Floats) -> list[float]:
    return [float(f"{factor:.4g}") if factor >= 1e-4 else 0.0 for factor in factors]


def _foreseen(pattern: Floats, later: Hours) -> float:
    """Tell what share of the variance of later hours a pattern foresaw, their mean rate given."""
    expected = pattern[later.of_week]
    spread = float(((later.rate - later.rate.mean()) ** 2).sum())
    if not spread or not expected.mean():
        return 0.0
    expected = expected / expected.mean() * later.rate.mean()
    return 1 - float(((later.rate - expected) ** 2).sum()) / spread


def pattern_of(hours: Hours, kind: str, explains: float = math.nan) -> Pattern:
    """Estimate a pattern of a kind, shrunk by what may be noise, with the place where its clock starts."""
    factors, keys = _factors(hours, kind)
    start: dict[str, Any] = {"starts": WEEKDAYS[int(hours.starts // 24)]}
    return Pattern(kind, factors, {**keys, **start, "starts_hour": round(hours.starts % 24, 4)}, explains)


def best_pattern(hours: Hours) -> Pattern | None:
    """Find the simplest pattern that foresees about as much of the last third of the time as any does.

    Returns
    -------
    Pattern or None
        None where the log is shorter than two days, or no pattern of its first two thirds foresees 5 % of the variance
        of the hourly counts that follow.
    """
    if len(hours) < FEWEST_DAYS * 24 - 1 or not hours.rate.any():
        return None
    cut = 2 * len(hours) // 3
    earlier, later = hours.part(0, cut), hours.part(cut, len(hours))
    kinds = ["hours"] + ["hours and days", "week"] * (len(hours) >= FEWEST_WEEK_DAYS * 24 - 1)
    if not earlier.rate.any():
        return None
    found = {kind: _foreseen(_factors(earlier, kind)[0], later) for kind in kinds}
    most = max(found.values())
    if most < _WORTH:
        return None
    kind = next(kind for kind, explains in found.items() if explains >= most - _BETTER)
    return pattern_of(hours, kind, found[kind])
