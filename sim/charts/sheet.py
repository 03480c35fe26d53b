"""The sheet that charts are drawn on: the finding on top, how to read it, the panels, where the numbers come from."""

import textwrap
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sim.charts.style import GREY, INK, SMALL_SIZE, TITLE_SIZE, write
from sim.charts.words import wrapped

WIDTH: Final = 9.0
"""Inches; at the 900 pixels of a README column, 10 pt is read as 14 pixels."""

_MARGIN, _LEADING, _SOURCE_SIZE = 0.15, 1.35, 8.0


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
        The finding; broken into two lines where it must be.
    note : str
        How to read the chart, with its line breaks.
    source : str
        Where the numbers come from.
    body : float
        Height of all panels with their labels, in inches.
    """
    rows = [(wrapped(title, 78), TITLE_SIZE, "bold", INK), (note, SMALL_SIZE, "normal", GREY)]
    heights = [_height(text, size) for text, size, _, _ in rows]
    foot = textwrap.fill(source, 148)
    head = _MARGIN + sum(heights) + 0.1
    figure = Figure(figsize=(WIDTH, head + body + _height(foot, _SOURCE_SIZE) + _MARGIN), facecolor="white")
    FigureCanvasAgg(figure)
    whole, y = figure.get_size_inches()[1], _MARGIN
    for (text, size, weight, colour), height in zip(rows, heights, strict=True):
        looks = {"size": size, "weight": weight, "color": colour, "va": "top", "linespacing": 1.25}
        write(figure, _MARGIN / WIDTH, 1 - y / whole, text, **looks)
        y += height
    write(figure, _MARGIN / WIDTH, 0.6 * _MARGIN / whole, foot, size=_SOURCE_SIZE, color=GREY, va="bottom")
    return Sheet(figure, head)


def _height(text: str, size: float) -> float:
    """Inches that some lines of text take."""
    return (text.count("\n") + 1) * size / 72 * _LEADING + 0.05 if text else 0.0
