"""Who is the cheapest, how surely, along one swept input."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from sim.ground.units import Floats
from sim.questions.charts.place import End, Room, inches, label_ends, last_point
from sim.questions.charts.sheet import sheet
from sim.questions.charts.style import SMALL_SIZE, limits, looks, spans_decade, theme, ticks
from sim.questions.charts.words import plain, plan_word, sentence, two_lines, wrapped

_LEFT, _OVER, _HEIGHT, _UNDER = 0.95, 0.1, 3.9, 0.6
"""Inches: left of the panel, over it, its height, under it."""

_MOST = 4


@dataclass(frozen=True)
class Chance:
    """Probability that one strategy is the cheapest, along a key.

    Attributes
    ----------
    name : str
        The strategy.
    share : float64[3, n]
        The probability and the ends of its interval; NaN where the strategy is not ranked.
    """

    name: str
    share: Floats


def chance_along(
    x: Floats,
    chances: Sequence[Chance],
    *,
    key: str,
    unit: str = "",
    note: str = "",
    source: str = "",
    title: str | None = None,
) -> Figure:
    """Draw the probability that each strategy is the cheapest, along a swept number.

    Parameters
    ----------
    x : float64[n]
        Values of the key, ascending.
    chances : sequence of Chance
        Of all strategies.
    key : str
        What the axis counts, in words.
    unit : str
        What stands behind a value of it, with its leading space.
    note, source : str
        More to say under the title; where the numbers come from.
    title : str, optional
        Instead of the finding that is computed.

    Returns
    -------
    Figure
        A line a strategy with its interval as a band.
    """
    reading = "Line: share of the paths (futures and their noise) on which it is the cheapest; band: its interval."
    with theme():
        lines = "\n".join([reading, *([note] if note else [])])
        page = sheet(title or chance_finding(x, chances, unit), lines, source, _OVER + _HEIGHT + _UNDER)
        right = 0.5 + max(inches(_label(each), 0.076, SMALL_SIZE + 1) for each in chances)
        axes = page.axes(_LEFT, right, _OVER, _HEIGHT)
        log = spans_decade(x)
        ticks(axes, "x", *limits(x, log, 0.02, 0.02), log=log)
        ticks(axes, "y", -0.02, 1.02, log=False)
        axes.yaxis.set_major_locator(FixedLocator([0.0, 0.2, 0.4, 0.6, 0.8, 1.0]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
        axes.set_xlabel(wrapped(key, 80), parse_math=False)
        axes.set_ylabel("probability of being the cheapest", parse_math=False)
        _lines(axes, x, chances)
        return page.figure


def chance_finding(x: Floats, chances: Sequence[Chance], unit: str) -> str:
    """Say who is most probably the cheapest, and where that changes."""
    shares = np.array([each.share[0] for each in chances])
    ranked = np.isfinite(shares).any(axis=0)
    if not ranked.any():
        return "No strategy is ranked at any of these values"
    leaders = np.where(np.isfinite(shares), shares, -1.0).argmax(axis=0)[ranked]
    at = x[ranked]
    turns = [k for k in range(1, len(at)) if leaders[k] != leaders[k - 1]]
    first = f"{plan_word(chances[leaders[0]].name)} is most probably the cheapest"
    if not turns:
        return sentence(f"{first} at all values from {plain(at[0])} to {plain(at[-1])}{unit}")
    places = [_crossing(at, shares[:, ranked], leaders, k) for k in turns]
    told = [
        f"{plan_word(chances[leaders[k]].name)} above {plain(place)}" for k, place in zip(turns, places, strict=True)
    ]
    more = ", and so on" if len(told) > _MOST else ""
    return sentence(f"{first} below {plain(places[0])}{unit}, {', '.join(told[:_MOST])}{more}")


def _crossing(x: Floats, shares: Floats, leaders: Floats, k: int) -> float:
    """Find where the lines of the leaders before and at a value meet; the value where one of them is not known."""
    apart = [float(shares[leaders[k], j] - shares[leaders[k - 1], j]) for j in (k - 1, k)]
    if not np.isfinite(apart).all() or apart[1] == apart[0]:
        return float(x[k])
    part = -apart[0] / (apart[1] - apart[0])
    return float(f"{x[k - 1] + part * (x[k] - x[k - 1]):.3g}")


def _label(chance: Chance) -> str:
    return two_lines(plan_word(chance.name))


def _lines(axes: Axes, x: Floats, chances: Sequence[Chance]) -> None:
    """Draw a line with its band for each strategy, and its name at the end."""
    look, room, ends = looks([each.name for each in chances]), Room(axes), []
    for each in chances:
        value, low, high = each.share
        colour, marker = look[each.name].colour, look[each.name].marker
        axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(x, value, color=colour, marker=marker, markersize=4, linewidth=1.8, label=each.name)
        ends.append(End(*last_point(x, value), _label(each), look[each.name]))
    label_ends(room, ends)
