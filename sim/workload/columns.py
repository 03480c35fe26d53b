"""Columns of a file as numbers, each with the place of its fault. Not here: what the columns mean.

The rules of a CSV file: UTF-8 (a byte order mark and CRLF are fine), plain or .gz, a header, commas between fields,
decimal points, no thousands separators, every wanted cell a number (or a date and time, where the unit is
``datetime``), arrivals in order unless ``sort: true``. Columns that are not asked for are ignored. Anything else is
refused with its place.
"""

import csv
import gzip
import math
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from sim.faults import Fault, InputError
from sim.scenario.inputs import nearest
from sim.units import HOURS_PER_DAY, TICKS_PER_HOUR, Floats, Ticks, to_ticks

MOST_COLUMNS, MOST_FAULTS = 1000, 20
HOURS = {
    "milliseconds": 1 / 3_600_000,
    "seconds": 1 / 3600,
    "minutes": 1 / 60,
    "hours": 1.0,
    "days": HOURS_PER_DAY,
    "datetime": 1 / TICKS_PER_HOUR,
}
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)

Reader = Callable[[str], float]
"""Reads a cell, or raises ValueError with the rule it broke and, if there is one, the way out."""

Wanted = dict[str, tuple[str, Reader]]
"""By what a column is for: its name in the file and how its cells are read."""


def number(cell: str) -> float:
    """Read a number of at least 0, written with a decimal point."""
    try:
        value = float(cell) if "_" not in cell else math.nan
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1e12:
        raise ValueError("must be a number from 0 to 1e12, with a decimal point and no unit or separator")
    return value


def instant(cell: str) -> float:
    """Read a date and time as whole microseconds since 1970 (finer digits are cut off); without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        raise ValueError("must be a date and time like 2023-10-01 12:30:00") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return float((moment - _EPOCH) // _MICROSECOND)  # below 2^53, so exact


def whole(of_what: str, most: int, no_zero: str = "") -> Reader:
    """Make the reader of a whole number of something, from 1; the last text says what to do about a 0."""

    def read(cell: str) -> float:
        value = number(cell)
        if value < 1 or value != int(value) or value > most:
            rule = f"must be a whole number of {of_what} from 1" + (f" to {most}" if value > most else "")
            raise ValueError(rule, *([no_zero] if value == 0 and no_zero else []))
        return value

    return read


@dataclass(frozen=True)
class Table:
    """The wanted columns of a file, their names there, and the line on which each row stands."""

    values: dict[str, Floats]
    names: dict[str, str]
    lines: Ticks


class Sheet:
    """Cells read so far, and what is wrong with them: all faults at once, up to a limit."""

    def __init__(self, file: Path, wanted: Wanted) -> None:
        self.file, self.wanted = file, wanted
        self.values: dict[str, list[float]] = {key: [] for key in wanted}
        self.lines: list[int] = []
        self.faults: list[Fault] = []

    def refuse(self, where: str, text: str) -> None:
        """Note a fault; give up at one more than can be shown."""
        if len(self.faults) == MOST_FAULTS:
            self.faults.append(Fault(f"{self.file}", f"has more faults; the first {MOST_FAULTS} are shown"))
            raise InputError(self.faults)
        self.faults.append(Fault(where, text))

    def take(self, key: str, cell: str, where: str) -> None:
        """Read one cell."""
        name, reader = self.wanted[key]
        try:
            self.values[key].append(reader(cell.strip()))
        except ValueError as broken:
            rule, *way_out = broken.args
            self.refuse(where, "; ".join([f"{name} {rule}, got {cell[:40]!r}", *way_out]))

    def table(self) -> Table:
        """Give the columns, unless something was wrong."""
        if self.faults:
            raise InputError(self.faults)
        return Table(
            {key: np.array(column, np.float64) for key, column in self.values.items()},
            {key: name for key, (name, _) in self.wanted.items()},
            np.array(self.lines, np.int64),
        )


def text_lines(file: Path) -> Iterator[str]:
    """Open a plain or gzipped file as text."""
    if file.suffix == ".gz":
        with gzip.open(file, "rt", encoding="utf-8-sig", newline="") as text:
            yield from text
    else:
        with file.open(encoding="utf-8-sig", newline="") as text:
            yield from text


@contextmanager
def readable(file: Path) -> Iterator[None]:
    """Say in one line why a file cannot be read."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        raise InputError.one(str(file), f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except UnicodeDecodeError as error:
        raise InputError.one(str(file), f"is not UTF-8 text ({error.reason})") from None
    except csv.Error as error:
        raise InputError.one(str(file), f"is not a CSV file: {error}") from None


def read_csv(file: Path, lines: Iterator[str], choose: Callable[[list[str], str], Wanted]) -> Table:
    """Read the wanted columns of a CSV file.

    Parameters
    ----------
    file : path
        Named in refusals.
    lines : iterator of str
        Its text.
    choose : callable
        Tells from the header, and the place where it stands, which columns are wanted; an empty header asks for the
        usual ones.

    Raises
    ------
    InputError
        With all faults found, up to a limit, each with file, line and column.
    """
    rows = csv.reader(lines, strict=True)
    header = next((row for row in rows if row), None)
    if header is None:
        names = ", ".join(name for name, _ in choose([], str(file)).values())
        raise InputError.one(f"{file}", f"is empty; its first line must name the columns {names}")
    top = f"{file}:{rows.line_num}"
    if len(header) > MOST_COLUMNS:
        raise InputError.one(top, f"has {len(header)} columns; at most {MOST_COLUMNS} are read")
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise InputError.one(top, f"has two columns named {twice!r}")
    sheet = Sheet(file, choose(header, top))
    for key, (name, _) in sheet.wanted.items():
        if name not in header:
            sheet.refuse(top, f"has no column {name!r} (for {key}); {hint(name, header)}")
    sheet.table()  # without its columns there is nothing to read
    places = {key: header.index(name) for key, (name, _) in sheet.wanted.items()}
    for row in rows:
        where = f"{file}:{rows.line_num}"
        if row and len(row) != len(header):
            sheet.refuse(where, f"has {len(row)} fields, the header has {len(header)} (a comma inside a number?)")
        elif row:
            sheet.lines.append(rows.line_num)
            for key, place in places.items():
                sheet.take(key, row[place], f"{where}:{place + 1}")
    return sheet.table()


def hint(name: str, header: list[str]) -> str:
    """Say what may be wrong where a column is missing."""
    return "it seems to use `;`, save it with commas" if ";" in "".join(header) else nearest(name, header)


def in_order(file: Path, table: Table, unit: str, skip_days: float, sort: bool) -> tuple[Ticks, Ticks]:
    """Put rows on the clock: dates start it at the first of them, numbers at 0, ``skip_days`` later.

    Returns
    -------
    rows, arrival : int64[n]
        Numbers of the rows that do not come before the start, in order of arrival, and their ticks.

    Raises
    ------
    InputError
        When rows that are not to be sorted stand out of order.
    """
    arrival = table.values["arrival"]
    late = np.flatnonzero(np.diff(arrival) < 0)
    if len(late) and not sort:
        where = f"{file}:{table.lines[late[0] + 1]}"
        raise InputError.one(where, "arrives before the row above it; put the rows in order or set `sort: true`")
    rows = np.argsort(arrival, kind="stable")
    if unit == "datetime" and len(arrival):
        arrival = arrival - arrival.min()
    hours = arrival * HOURS[unit] - skip_days * HOURS_PER_DAY
    rows = rows[hours[rows] >= 0]
    return rows, to_ticks(hours[rows])
