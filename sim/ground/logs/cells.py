"""Rules of a cell: what is a number, a whole number, a date and time. Not here: whole columns at a time (``scan``)."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sim.ground.faults import Fault, InputError

MOST = 1e12
MOST_FAULTS = 20
FIRST_YEAR, LAST_YEAR = 1970, 2199
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)

Reader = Callable[[str], float]
"""Reads a cell, or raises ValueError with the rule it broke and, if there is one, the way out."""


class Faults:
    """What is wrong with a file: all faults at once, up to a limit."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.found: list[Fault] = []

    def __bool__(self) -> bool:
        """Tell whether anything is wrong."""
        return bool(self.found)

    def refuse(self, where: str, *text: str) -> None:
        """Note a fault and, if there is one, the way out; give up at one more than can be shown."""
        if len(self.found) == MOST_FAULTS:
            self.found.append(Fault(f"{self.file}", f"has more faults; the first {MOST_FAULTS} are shown"))
            raise InputError(self.found)
        self.found.append(Fault(where, "; ".join(text)))

    def stop(self) -> None:
        """Refuse the file if anything is wrong with it."""
        if self.found:
            raise InputError(self.found)


def number(cell: str) -> float:
    """Read a number of at least 0, written with a decimal point."""
    try:
        value = float(cell) if "_" not in cell and cell.isascii() else math.nan
    except ValueError:
        value = math.nan
    if not 0 <= value <= MOST:
        raise ValueError("must be a number from 0 to 1e12, with a decimal point and no unit or separator")
    return value


def moment(cell: str) -> tuple[float, bool]:
    """Read a date and time as whole microseconds since 1970 (finer digits are cut off), and whether it has a zone."""
    try:
        found = datetime.fromisoformat(cell) if cell.isascii() else None
    except ValueError:
        found = None
    if found is None:
        raise ValueError("must be a date and time like 2023-10-01 12:30:00")
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise ValueError(f"must be a date from {FIRST_YEAR} to {LAST_YEAR}")
    zoned = found.tzinfo is not None
    since = (found if zoned else found.replace(tzinfo=UTC)) - _EPOCH
    return float(since // _MICROSECOND), zoned  # below 2^53, so exact


def instant(cell: str) -> float:
    """Read a date and time as whole microseconds since 1970; without a zone it is UTC."""
    return moment(cell)[0]


def whole(of_what: str, most: float, no_zero: str = "", least: int = 1) -> Reader:
    """Make the reader of a whole number of something; the last text says what to do about a 0."""

    def read(cell: str) -> float:
        value = number(cell)
        if value < least or value != int(value) or value > most:
            rule = f"must be a whole number of {of_what} from {least}" + (f" to {most:g}" if value > most else "")
            raise ValueError(rule, *([no_zero] if value == 0 and no_zero else []))
        return value

    return read
