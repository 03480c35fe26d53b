"""Local time to UTC, where times carry no offset. Not here: how times are written (``cells``).

Where the clocks go back, an hour comes twice: a time in it is the first of the two, unless the row would then stand
before the row above it, which tells that it is the second (in a file that is in order; else it is the first). Where
they go forward, an hour is skipped: a time in it is refused. Offsets of less than a minute, which no zone has used
since 1972, are of no concern.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt

from sim.ground.faults import InputError
from sim.ground.units import TICKS_PER_HOUR, TICKS_PER_SECOND, Ticks

_EPOCH = datetime(1970, 1, 1)
_QUARTER = TICKS_PER_HOUR // 4


def zone_named(name: str) -> ZoneInfo:
    """Find a time zone by its name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        text = f"must be the name of a time zone like `UTC` or `Europe/Berlin`, got {name[:40]!r}"
        raise InputError.one("zone", text) from None


def _offset(local: datetime, zone: ZoneInfo, fold: int) -> int:
    """Tell by how many seconds a local time is ahead of UTC."""
    found = local.replace(tzinfo=zone, fold=fold).utcoffset()
    return int((found or timedelta()).total_seconds())


class Clock:
    """Turns local times of one zone into UTC, row after row of a file."""

    def __init__(self, zone: ZoneInfo, in_order: bool = True) -> None:
        self.zone, self.in_order = zone, in_order
        self._hours: dict[int, int | None] = {}
        self._latest = -(2**62)

    def _of_hour(self, hour: int) -> int | None:
        """Give the offset of a whole local hour in seconds; None if it changes within or about it."""
        if hour not in self._hours:
            begins = _EPOCH + timedelta(hours=hour)
            around = [begins + timedelta(seconds=s) for s in (0, 1800, 3599)]
            offsets = {_offset(local, self.zone, fold) for local in around for fold in (0, 1)}
            self._hours[hour] = offsets.pop() if len(offsets) == 1 else None
        return self._hours[hour]

    def to_utc(self, local: Ticks) -> tuple[Ticks, npt.NDArray[np.bool_]]:
        """Turn local microseconds since 1970 into those of UTC; tell also which of them the clocks skip."""
        hours, places = np.unique(local // TICKS_PER_HOUR, return_inverse=True)
        offsets = [self._of_hour(hour) for hour in hours.tolist()]
        plain = np.array([0 if each is None else each for each in offsets], np.int64)
        found = local - plain[places] * TICKS_PER_SECOND
        skipped = np.zeros(len(local), np.bool_)
        changing = np.array([each is None for each in offsets], np.bool_)[places]
        for row in np.flatnonzero(changing).tolist():
            above = int(found[row - 1]) if row else self._latest
            found[row], skipped[row] = self._by_itself(int(local[row]), above)
        if len(local):
            self._latest = int(found[-1])
        return found, skipped

    def _by_itself(self, local: int, above: int) -> tuple[int, bool]:
        """Turn a time about a change of the clocks into UTC; tell also whether they skip it."""
        stated = _EPOCH + timedelta(microseconds=local)
        early, late = (local - _offset(stated, self.zone, fold) * TICKS_PER_SECOND for fold in (0, 1))
        there = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=early)
        skipped = there.astimezone(self.zone).replace(tzinfo=None, fold=0) != stated
        return (late if self.in_order and early < above else early), skipped


def to_local(utc: Ticks, zone: ZoneInfo) -> Ticks:
    """Turn microseconds of UTC since 1970 into those that the clocks of a zone showed."""
    quarters, places = np.unique(utc // _QUARTER, return_inverse=True)
    begins = (datetime.fromtimestamp(0, UTC) + timedelta(minutes=15 * quarter) for quarter in quarters.tolist())
    offsets = [(moment.astimezone(zone).utcoffset() or timedelta()).total_seconds() for moment in begins]
    return utc + np.array(offsets, np.int64)[places] * TICKS_PER_SECOND
