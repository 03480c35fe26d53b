"""The sheet that charts are drawn on: the finding on top, how to read it, the panels, where the numbers come from."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sim.questions.charts.place import inches
from sim.questions.charts.style import GREY, INK, SMALL_SIZE, TITLE_SIZE, write
from sim.questions.charts.words import wrapped

WIDTH: Final = 9.0
"""Inches; at the 900 pixels of a README column, 10 pt is read as 14 pixels."""

PARTS: Final = ("finding", "reading", "source")
"""Names of a sheet's texts, by which they are found again where a page says them itself."""

_MARGIN, _LEADING, _SOURCE_SIZE = 0.15, 1.35, 8.0
_FEWEST = 30


@dataclass(frozen=True)
class Sheet:
    """A figure with its heading and source written, and the height in inches down to its panels."""

    figure: Figure
    head: float

    def axes(self, left: float, right: float, top: float, height: float) -> Axes:
        """Add a panel: inches from the left, from the right, from the end of the heading, and its height."""
        whole = self.figure.get_size_inches()[1]
        bottom = whole - self.head - top - height
        return self.figure.add_axes((left / WIDTH, bottom / whole, (WIDTH - left - right) / WIDTH, height / whole))


def sheet(title: str, note: str, source: str, body: float) -> Sheet:
    """Make a figure with room for panels.

    Parameters
    ----------
    title : str
        The finding; broken into two lines where it must be, into three where names are long.
    note : str
        How to read the chart, with its line breaks.
    source : str
        Where the numbers come from.
    body : float
        Height of all panels with their labels, in inches.
    """
    head = _fitted(lambda letters: wrapped(title, letters, 3), 78, TITLE_SIZE, "bold")
    lines = [_fitted(partial(textwrap.fill, line), 148, SMALL_SIZE, "normal") for line in note.split("\n")]
    rows = [(head, TITLE_SIZE, "bold", INK), ("\n".join(lines), SMALL_SIZE, "normal", GREY)]
    heights = [_height(text, size) for text, size, _, _ in rows]
    foot = textwrap.fill(source, 148)
    down = _MARGIN + sum(heights) + 0.1
    figure = Figure(figsize=(WIDTH, down + body + _height(foot, _SOURCE_SIZE) + _MARGIN), facecolor="white")
    FigureCanvasAgg(figure)
    whole, y = figure.get_size_inches()[1], _MARGIN
    for (text, size, weight, colour), height, part in zip(rows, heights, PARTS, strict=False):
        looks = {"size": size, "weight": weight, "color": colour, "va": "top", "linespacing": 1.25, "gid": part}
        write(figure, _MARGIN / WIDTH, 1 - y / whole, text, **looks)
        y += height
    look = {"size": _SOURCE_SIZE, "color": GREY, "va": "bottom", "gid": PARTS[-1]}
    write(figure, _MARGIN / WIDTH, 0.6 * _MARGIN / whole, foot, **look)
    return Sheet(figure, down)


def _fitted(broken: Callable[[int], str], letters: int, size: float, weight: str) -> str:
    """Break text at so many letters a line, at fewer where its letters are too wide for the sheet."""
    while inches(text := broken(letters), 0, size, weight) > WIDTH - 3 * _MARGIN and letters > _FEWEST:
        letters -= 2
    return text


def _height(text: str, size: float) -> float:
    """Inches that some lines of text take."""
    return (text.count("\n") + 1) * size / 72 * _LEADING + 0.05 if text else 0.0
