"""Rows of a file before they are judged: numbers where a cell is plain, else its text. Not here: what they mean."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sim.ground.logs.cells import Faults
from sim.ground.logs.forms import hint
from sim.ground.units import Floats, Ticks

States = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Trouble = tuple[int, int, str, str]
"""What is wrong with a row: its number, the place of the column among the wanted ones, where, and what."""


@dataclass(frozen=True)
class Column:
    """A wanted column: its name in the file, how its cells are read, and whether it may be absent."""

    name: str
    kind: int
    optional: bool = False


@dataclass(frozen=True)
class Raw:
    """Some rows of a file.

    Attributes
    ----------
    lines : int64[n]
        Where each row ends (the number of the row, where there are no lines).
    values, states : dict of float64[n] and uint8[n]
        By role: the number in each cell, and whether it was read (``scan``); in a column of text, a number that equal
        texts share.
    good : bool[n]
        Rows that have all their cells.
    troubles : list of Trouble
        What is wrong with the others.
    text, where : callable of (role, row)
        The text of a cell, and its place.
    """

    lines: Ticks
    values: dict[str, Floats]
    states: dict[str, States]
    good: Mask
    troubles: list[Trouble]
    text: Callable[[str, int], str]
    where: Callable[[str, int], str]


class Rows(Protocol):
    """A file of rows whose columns have names."""

    file: Path
    header: list[str]
    top: str

    def first(self, name: str) -> str | None:
        """Give the first cell of a column; None where there is no row."""

    def wrong_column(self, column: Column, role: str) -> str | None:
        """Say what is wrong with a column that cannot be read at all."""

    def read(self, wanted: Mapping[str, Column]) -> Iterator[Raw]:
        """Give all rows, some at a time, each with the wanted columns by role."""

    def close(self) -> None:
        """Let the file go."""


def no_column(rows: Rows, column: Column, role: str) -> str | None:
    """Say what is wrong with a column that a header has not."""
    if column.name in rows.header or column.optional:
        return None
    return f"has no column {column.name!r} (for {role}); {hint(column.name, rows.header)}"


def check_columns(rows: Rows, wanted: Mapping[str, Column]) -> None:
    """Refuse a file without its columns: there is nothing to read in it."""
    faults = Faults(rows.file)
    for role, column in wanted.items():
        if wrong := rows.wrong_column(column, role):
            faults.refuse(rows.top, wrong)
    faults.stop()
