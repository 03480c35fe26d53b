"""Small pictures in characters, for a terminal: spans of percentiles and lines along a key, on a scale that is said.

Plain text leaves them out: the same numbers stand in its tables, and a file of ASCII can be searched and compared.
"""

import math
from collections.abc import Mapping, Sequence

from sim.questions.tables.blocks import Block, table
from sim.questions.tables.words import number

_BARS = "▁▂▃▄▅▆▇█"
_ROOM = 40
_DECADE = 10

Known = float | None


def along(first: str, what: str, values: Mapping[str, Sequence[Known]], room: int = _ROOM) -> list[Block]:
    """Draw how something moves along a key: a row of bars for each plan, all on one scale.

    Parameters
    ----------
    first, what : str
        Heads: of the names, and of what is drawn.
    values : mapping of str to sequence of float or None
        By name; more of them than there is room for are thinned out evenly.
    room : int
        Characters.
    """
    known = [value for row in values.values() for value in row if value is not None]
    if not known or min(map(len, values.values())) < 3:
        return []
    scale = _Scale(known)
    rows = [[name, "".join(map(scale.bar, _thinned(row, room)))] for name, row in values.items()]
    return [table((first, f"{what}; {scale}"), rows, "ww", picture=True)]


def spans(first: str, what: str, values: Mapping[str, Sequence[Known]], room: int = _ROOM) -> list[Block]:
    """Draw a low, a middle and a high value for each plan as a span, all on one scale.

    Left out where a value is not known.
    """
    known = [value for row in values.values() for value in row if value is not None]
    if not known or any(None in row for row in values.values()):
        return []
    scale = _Scale(known)
    rows = [[name, _span([scale.place(value or 0.0) for value in row], room)] for name, row in values.items()]
    return [table((first, f"{what}; {scale}"), rows, "ww", picture=True)]


class _Scale:
    """From the least to the most of some values, by factors where these span a decade."""

    def __init__(self, known: Sequence[float]) -> None:
        self.least, self.most = min(known), max(known)
        self.log = 0 < self.least <= self.most / _DECADE

    def place(self, value: float) -> float:
        """Tell where a value stands, from 0 to 1."""
        if self.least == self.most:
            return 0.5
        if self.log:
            return math.log(value / self.least) / math.log(self.most / self.least)
        return (value - self.least) / (self.most - self.least)

    def bar(self, value: Known) -> str:
        """Draw a value as a bar; a blank where there is none."""
        return " " if value is None else _BARS[round(self.place(value) * (len(_BARS) - 1))]

    def __str__(self) -> str:
        """Say the scale."""
        return f"{number(self.least)} to {number(self.most)}{' by factors' if self.log else ''}"


def _span(places: Sequence[float], room: int) -> str:
    """Draw a span with a mark in it."""
    low, middle, high = (round(place * (room - 1)) for place in places)
    return " " * low + "".join("┿" if at == middle else "━" for at in range(low, high + 1))


def _thinned(row: Sequence[Known], room: int) -> list[Known]:
    """Take no more values than there is room for, the first and the last among them."""
    if len(row) <= room:
        return list(row)
    return [row[round(k * (len(row) - 1) / (room - 1))] for k in range(room)]
