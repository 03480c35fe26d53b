"""A benchmark file as columns of text that remember their lines: CSV or one JSON object a line, plain or gzipped.

Not here: what the columns mean.
"""

import csv
import gzip
import json
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from sim.ground.faults import Fault, InputError
from sim.ground.scenario.inputs import nearest
from sim.ground.units import Floats

MOST_BYTES: Final = 200_000_000
MOST_COLUMNS: Final = 1000
MOST_FAULTS: Final = 20
LEAST: Final = 1e-9
MOST: Final = 1e12
MOST_INSTANT: Final = 1e15


@dataclass(frozen=True)
class Sheet:
    """Rows of text under named columns, and the line of the file on which each stands."""

    file: str
    columns: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]

    def texts(self, column: str) -> list[str]:
        """Give a column as it is written."""
        place = self.columns.index(column)
        return [row[place] for row in self.rows]

    def where(self, wanted: Mapping[str, str]) -> "Sheet":
        """Keep the rows in which each named column reads as asked.

        Raises
        ------
        InputError
            When a column is not there, or nothing reads so.
        """
        kept = list(range(len(self.rows)))
        for column, value in wanted.items():
            if column not in self.columns:
                raise InputError.one(self.file, f"has no column {column!r}; {nearest(column, self.columns)}")
            texts = self.texts(column)
            kept = [row for row in kept if _same(texts[row], value)]
            if not kept:
                options = sorted(set(texts))[:12]
                raise InputError.one(self.file, f"has no row where {column} is {value!r}; {nearest(value, options)}")
        return Sheet(self.file, self.columns, [self.rows[row] for row in kept], [self.lines[row] for row in kept])

    def numbers(self, columns: Mapping[str, Callable[[float], str | None]]) -> dict[str, Floats]:
        """Read columns of numbers; each comes with a rule that says what is wrong with a value, or None.

        Raises
        ------
        InputError
            With all cells that are refused, up to a limit.
        """
        faults: list[Fault] = []
        read: dict[str, list[float]] = {column: [] for column in columns}
        places = {column: self.columns.index(column) for column in columns}
        for row, line in zip(self.rows, self.lines, strict=True):
            for column, rule in columns.items():
                value = _number(row[places[column]])
                problem = "must be a number" if math.isnan(value) else rule(value)
                if problem:
                    faults.append(Fault(f"{self.file}:{line}", f"{column} {problem}, got {row[places[column]][:40]!r}"))
                read[column].append(value)
            if len(faults) >= MOST_FAULTS:
                faults = [
                    *faults[:MOST_FAULTS],
                    Fault(self.file, f"has more faults; the first {MOST_FAULTS} are shown"),
                ]
                break
        if faults:
            raise InputError(faults)
        return {column: np.array(values) for column, values in read.items()}


def positive(value: float) -> str | None:
    """Rule of a duration, rate or price: no machine is so fast or so slow that logarithms of it lose their meaning."""
    if value <= 0:
        return "must be above 0"
    return None if LEAST <= value <= MOST else f"must be from {LEAST:g} to {MOST:g}"


def whole(value: float) -> str | None:
    """Rule of a number of tokens or requests."""
    return None if value >= 1 and value == int(value) and value < 1e9 else "must be a whole number from 1"


def instant(value: float) -> str | None:
    """Rule of an instant on any clock."""
    return None if abs(value) <= MOST_INSTANT else f"must be from {-MOST_INSTANT:g} to {MOST_INSTANT:g}"


def _same(text: str, value: str) -> bool:
    first, second = _number(text), _number(value)
    return text.strip() == value.strip() or first == second


def _number(text: str) -> float:
    """Read a finite number; NaN where it is none."""
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def read_sheet(file: Path) -> Sheet:
    """Read a benchmark file.

    Raises
    ------
    InputError
        When it cannot be read or is not a table.
    """
    text = _text(file)
    sheet = _from_json(str(file), text) if text.lstrip()[:1] in ("{", "[") else _from_csv(str(file), text)
    if not sheet.rows:
        raise InputError.one(str(file), "has no rows; a benchmark table has one for each rate, request or batch")
    return sheet


def _text(file: Path) -> str:
    """Read a plain or gzipped file as UTF-8 text."""
    try:
        with file.open("rb") as plain:
            zipped = plain.read(2) == b"\x1f\x8b"
        with gzip.open(file) if zipped else file.open("rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError.one(str(file), f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(raw) > MOST_BYTES:
        raise InputError.one(str(file), f"is larger than {MOST_BYTES:,} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError.one(f"{file}:{line}", f"is not UTF-8 text ({error.reason}); save it as UTF-8") from None


def _from_csv(file: str, text: str) -> Sheet:
    """Read rows under a header; every row has as many fields as the header."""
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    header: tuple[str, ...] = ()
    rows, lines, faults = [], [], []
    try:
        for row in reader:
            if not row:
                continue
            if not header:
                header = _checked_header(file, reader.line_num, row)
            elif len(row) != len(header):
                faults.append(
                    Fault(f"{file}:{reader.line_num}", f"has {len(row)} fields, the header has {len(header)}")
                )
            else:
                rows.append([cell.strip() for cell in row])
                lines.append(reader.line_num)
    except csv.Error as error:
        raise InputError.one(f"{file}:{reader.line_num}", f"is not a CSV file: {error}") from None
    if faults:
        raise InputError(faults[:MOST_FAULTS])
    return Sheet(file, header, rows, lines)


def _checked_header(file: str, line: int, row: list[str]) -> tuple[str, ...]:
    """Take the names of the columns."""
    header = tuple(cell.strip() for cell in row)
    if len(header) > MOST_COLUMNS:
        raise InputError.one(f"{file}:{line}", f"has {len(header)} columns; at most {MOST_COLUMNS} are read")
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise InputError.one(f"{file}:{line}", f"has two columns named {twice!r}")
    return header


def _from_json(file: str, text: str) -> Sheet:
    """Read one object a line; a key that a line lacks is an empty cell."""
    objects, lines, faults = [], [], []
    for line, row in enumerate(text.split("\n"), 1):
        if not row.strip():
            continue
        try:
            value = json.loads(row)
        except (ValueError, RecursionError) as error:
            faults.append(Fault(f"{file}:{line}", f"must be one JSON object a line: {error}"))
        else:
            if isinstance(value, dict):
                objects.append(value)
                lines.append(line)
            else:
                faults.append(Fault(f"{file}:{line}", f"must be one JSON object a line, got {row[:40]!r}"))
        if len(faults) >= MOST_FAULTS:
            break
    if faults:
        raise InputError(faults)
    columns = tuple(dict.fromkeys(key for each in objects for key in each))
    rows = [["" if (cell := each.get(key)) is None else str(cell) for key in columns] for each in objects]
    return Sheet(file, columns, rows, lines)
