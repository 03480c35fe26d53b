"""How many times each assumption must move, alone, until a verdict turns: bars on a log axis. Not here: finding it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.ground.estimate import Estimate
from sim.questions.charts.sheet import sheet
from sim.questions.charts.style import GREY, INK, SMALL_SIZE, theme, ticks, write
from sim.questions.charts.words import plain, wrapped

_LEFT, _RIGHT, _ROW, _TOP, _BOTTOM = 3.1, 0.4, 0.56, 0.1, 0.55
_COLOUR: Final = "#0072B2"
_NEVER: Final = "#d9d9d9"
_LETTER: Final = 0.061
"""Inches of a letter of the type in the bars, on average."""


@dataclass(frozen=True)
class Move:
    """One assumption and how far it must move.

    Attributes
    ----------
    name : str
        What is assumed.
    stated : str
        Its value as stated, with its unit.
    times : Estimate
        How many times it must move; without a value where no move is enough.
    flip : str
        The value that turns the verdict; or why none does.
    known : tuple of (float, str)
        Moves that somebody has measured or seen: how many times, and what it is.
    """

    name: str
    stated: str
    times: Estimate
    flip: str
    known: tuple[tuple[float, str], ...] = ()


def flips(moves: Sequence[Move], title: str, source: str, note: str = "") -> Figure:
    """Draw how many times each assumption must move until the verdict turns.

    Parameters
    ----------
    moves : sequence of Move
        A bar each, from the top down.
    title, source, note : str
        The finding; where the numbers come from; more to say under the title.

    Returns
    -------
    Figure
        Bars from 1 (as stated) to the move that turns the verdict, on a log axis; grey where none does.
    """
    rules = "Bar: how many times it must move alone; whisker: 95 % interval. Grey: no move of it alone is enough."
    if any(each.known for each in moves):
        rules += " Star: seen elsewhere."
    with theme():
        height = _ROW * len(moves)
        page = sheet(title, f"{rules}\n{note}" if note else rules, source, _TOP + height + _BOTTOM)
        axes = page.axes(_LEFT, _RIGHT, _TOP, height)
        _scale(axes, moves)
        for k, move in enumerate(moves):
            _row(axes, move, len(moves) - 1.0 - k)
        return page.figure


def _scale(axes: Axes, moves: Sequence[Move]) -> None:
    """Set the axis of moves up, with room for what is written behind the bars."""
    reach = [each.times.high or each.times.value or 1.0 for each in moves]
    reach += [times for each in moves for times, _ in each.known]
    ticks(axes, "x", 1.0, 3.5 * max(reach), log=True)
    axes.set_ylim(-0.6, len(moves) - 0.4)
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("times the value stated (up or down), log scale", parse_math=False)


def _row(axes: Axes, move: Move, y: float) -> None:
    """Draw one bar and write what it says."""
    over = axes.get_yaxis_transform()
    look = {"transform": over, "ha": "right", "size": SMALL_SIZE}
    write(axes, -0.02, y + 0.03, wrapped(move.name, 44), va="bottom", **look)
    write(axes, -0.02, y - 0.03, wrapped(move.stated, 52, 1), va="top", **{**look, "size": 8, "color": GREY})
    right = axes.get_xlim()[1]
    if move.times.value is None:
        axes.barh(y, right - 1, left=1.0, height=0.5, color=_NEVER, label=move.name)
        write(axes, 1.06, y, wrapped(move.flip, 84, 2), va="center", size=SMALL_SIZE)
        return
    value = move.times.value
    axes.barh(y, value - 1, left=1.0, height=0.5, color=_COLOUR, label=move.name)
    if move.times.low is not None and move.times.high is not None:
        axes.plot([move.times.low, move.times.high], [y, y], color=INK, linewidth=1.6, marker="|", zorder=4)
    for times, _ in move.known:
        axes.plot([times], [y], "*", markersize=12, color="white", markeredgecolor=INK, zorder=5)
    _told(axes, move, value, y)


def _told(axes: Axes, move: Move, value: float, y: float) -> None:
    """Write the move into its bar where that is long enough, else behind it; what is known stands at its star."""
    text = f"{plain(value)} ×: {move.flip}"
    left, right = axes.get_xlim()
    inches = axes.get_window_extent().width / axes.figure.dpi * math.log(value / left) / math.log(right / left)
    look, inside = {"va": "center", "size": 8, "zorder": 6}, inches > _LETTER * len(text)
    if inside:
        write(axes, 1.06, y, text, **{**look, "color": "white"})
    else:
        behind = max([move.times.high or value, *(known for known, _ in move.known)])
        write(axes, 1.1 * behind, y + 0.14 * bool(move.known), text, **look)
    for known, what in move.known:
        write(axes, 1.1 * known, y - 0.14 * (not inside), f"{what}: {plain(known)} times", **look)
