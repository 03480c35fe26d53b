"""What a stricter promise costs: the cheapest size of a plan at each service level. Not here: finding it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from sim.questions.charts.place import spread
from sim.questions.charts.sheet import sheet
from sim.questions.charts.style import GREY, SMALL_SIZE, Look, limits, looks, theme, ticks, write
from sim.questions.charts.words import plain, usd

_PANEL, _TOP, _BETWEEN, _LEFT, _RIGHT = 2.5, 0.3, 0.75, 0.95, 1.55
"""Inches: height of a panel, above it, between two, left and right of them."""

_APART: Final = 0.075
"""Of a panel's height: least distance of two names."""

NOTE: Final = (
    "Number at a mark: nodes held. Filled: sure, for each size beside it costs more or misses the level, by intervals; "
    "hollow: not sure.\nThe line between two marks: what the stricter costs, which keeps all promises up to the next."
)


@dataclass(frozen=True)
class Promise:
    """The cheapest size at one level.

    Attributes
    ----------
    level : float
        What is promised.
    nodes : int
        Held at the least cost.
    usd_a_month : float
        That it costs.
    sure : bool
        Whether its certificate is sure.
    """

    level: float
    nodes: int
    usd_a_month: float
    sure: bool


@dataclass(frozen=True)
class Promises:
    """One kind of promise, for some kinds of demand.

    Attributes
    ----------
    name : str
        Of the axis, with its unit.
    work : str
        What is served, written over the panel.
    series : dict of list of Promise
        By kind of demand, from the strictest level on.
    """

    name: str
    work: str
    series: dict[str, list[Promise]]

    @property
    def levels(self) -> list[float]:
        """All levels that are asked, in order."""
        return sorted({each.level for row in self.series.values() for each in row})


def promises(panels: Sequence[Promises], title: str, source: str, note: str = NOTE) -> Figure:
    """Draw what each promise costs a month, a panel a kind of promise.

    Parameters
    ----------
    panels : sequence of Promises
        From top to bottom.
    title, source, note : str
        The finding, where the numbers come from, how to read it.
    """
    with theme():
        body = _TOP + len(panels) * (_PANEL + _BETWEEN)
        page = sheet(title, note, source, body)
        for k, panel in enumerate(panels):
            _draw(page.axes(_LEFT, _RIGHT, _TOP + k * (_PANEL + _BETWEEN), _PANEL), panel)
        return page.figure


def _draw(axes: Axes, panel: Promises) -> None:
    """Draw one panel: a line for each kind of demand, named at its end."""
    costs = np.array([each.usd_a_month for row in panel.series.values() for each in row])
    high = limits(np.append(costs, 0.0), False, 0.0, 0.15)[1]
    ticks(axes, "x", *limits(np.array(panel.levels), True, 0.05, 0.03), log=True)
    ticks(axes, "y", 0.0, high, log=False, most=6)
    axes.xaxis.set_major_locator(FixedLocator(panel.levels))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: usd(value)))
    axes.set_xlabel(panel.name, parse_math=False)
    axes.set_ylabel("USD a month", parse_math=False)
    axes.set_title(panel.work, loc="left", size=SMALL_SIZE, color=GREY, parse_math=False)
    style, first = looks(list(panel.series)), True
    for name, row in sorted(panel.series.items(), key=lambda each: -sum(mark.usd_a_month for mark in each[1])):
        _line(axes, name, row, style[name], above=first)
        first = False
    _names(axes, panel, style)


def _line(axes: Axes, name: str, row: list[Promise], look: Look, above: bool) -> None:
    """Draw the cost of one kind of demand, with the nodes at each mark: above the dearest line, below the others."""
    x, y = [each.level for each in row], [each.usd_a_month for each in row]
    axes.plot(x, y, color=look.colour, linewidth=1.4, label=name, drawstyle="steps-post")
    for each in row:
        face = look.colour if each.sure else "white"
        axes.plot([each.level], [each.usd_a_month], look.marker, color=look.colour, markerfacecolor=face, markersize=7)
        place, where = (each.level, each.usd_a_month), (5.0, 5.0 if above else -13.0)
        axes.annotate(f"{each.nodes}", place, where, textcoords="offset points", ha="left", size=SMALL_SIZE)


def _names(axes: Axes, panel: Promises, style: dict[str, Look]) -> None:
    """Name each line at its end, apart from the others."""
    ends = {name: row[-1].usd_a_month for name, row in panel.series.items() if row}
    low, high = axes.get_ylim()
    places = spread(np.array(list(ends.values())), _APART * (high - low), low, high)
    over = axes.get_yaxis_transform()
    for name, y in zip(ends, places, strict=True):
        looks_: dict[str, Any] = {"color": style[name].colour, "weight": "bold", "size": SMALL_SIZE, "va": "center"}
        write(axes, 1.035, float(y), name, transform=over, **looks_)
