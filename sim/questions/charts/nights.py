"""What fine-tunes add to the bill of a serving fleet: nodes of their own, its nights, by the run, or the API."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from sim.ground.estimate import Estimate
from sim.ground.units import Floats
from sim.questions.charts.place import End, Room, inches, label_ends, last_point
from sim.questions.charts.sheet import sheet
from sim.questions.charts.style import GREY, INK, SMALL_SIZE, Look, looks, theme, ticks, write
from sim.questions.charts.words import around, plain, sentence, usd

_LEFT, _OVER, _UPPER, _GAP, _LOWER, _UNDER = 0.8, 0.1, 4.0, 0.3, 1.9, 0.55
"""Inches: left of the panels, then from the top down."""

_LINEAR = 2.0
"""USD below which the axis of money is linear, for it holds 0."""

_USD = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
_NOTHING = 0.005
"""USD that are written as nothing."""


@dataclass(frozen=True)
class Way:
    """One way to run fine-tunes beside a serving fleet, along the runs a day.

    Attributes
    ----------
    name : str
        As it is said beside the line.
    added : float64[3, n]
        USD that a run adds to the bill of serving alone: value and the ends of its interval.
    wait_p95_h : float64[n]
        Hours within which 95 % of the runs have started.
    does : bool[n]
        Where it does the work.
    note : str
        What else is said beside its line.
    """

    name: str
    added: Floats
    wait_p95_h: Floats
    does: np.ndarray[Any, np.dtype[np.bool_]]
    note: str = ""

    def shown(self, values: Floats) -> Floats:
        """Keep what belongs to places where the work is done."""
        return np.where(self.does, values, np.nan)


@dataclass(frozen=True)
class Meeting:
    """Where two ways cost the same: their names, the break-even in runs a day, if there is one."""

    a: str
    b: str
    at: Estimate | None


def runs_beside_serving(
    per_day: Floats,
    ways: Sequence[Way],
    meetings: Sequence[Meeting],
    level_h: float | None,
    source: str,
    *,
    note: str = "",
    title: str,
) -> Figure:
    """Draw what a fine-tune adds to the bill of a serving fleet, and how long it waits, along the runs a day.

    Parameters
    ----------
    per_day : float64[n]
        Runs a day, ascending.
    ways : sequence of Way
        Ways to run them.
    meetings : sequence of Meeting
        Break-evens to mark; those without a place are left out.
    level_h : float, optional
        Hours within which 95 % of the runs must have started.
    source : str
        Where the numbers come from.
    note : str
        More to say under the title.
    title : str
        The finding (``nights_finding``).

    Returns
    -------
    Figure
        Above: USD that a run adds to the bill, where the way does the work. Below: wait p95 in hours.
    """
    with theme():
        lines = "Money: mean, with its 95 % interval as a band; linear below 2 USD, for it holds 0. Dotted: too late."
        page = sheet(title, "\n".join([lines, *([note] if note else [])]), source, _body())
        right = 0.55 + max(inches(text, 0.076, SMALL_SIZE) for way in ways for text in (way.name, f"{way.note} 00 h"))
        upper = page.axes(_LEFT, right, _OVER, _UPPER)
        lower = page.axes(_LEFT, right, _OVER + _UPPER + _GAP, _LOWER)
        look = list(looks([way.name for way in ways]).values())
        _money(upper, per_day, ways, look, meetings)
        _waits(lower, per_day, ways, look, level_h)
        lower.set_xlabel("fine-tune runs a day", parse_math=False)
        return page.figure


def _body() -> float:
    return _OVER + _UPPER + _GAP + _LOWER + _UNDER


def nights_finding(per_day: Floats, nights: Way, own: Way, by_run: Meeting, by_api: Meeting) -> str:
    """Say what a run in serving's nights adds to the bill and up to how many, and what a node of its own needs.

    Parameters
    ----------
    per_day : float64[n]
        Runs a day.
    nights, own : Way
        In the nights of the serving fleet, and on a node of their own.
    by_run, by_api : Meeting
        The node of their own against on-demand, and against the API.
    """
    if not nights.does.any():
        return "In the nights of the serving fleet fine-tunes nowhere start in time"
    most, last = float(np.nanmax(nights.shown(nights.added[0]))), float(per_day[nights.does][-1])
    cost = "nothing" if most < _NOTHING else f"at most {usd(most)} USD"
    told = f"a fine-tune in serving's nights adds {cost} to the bill, up to {plain(last)} a day"
    return sentence(f"{told}; {own.name} {_own(by_run, by_api)}")


def _own(by_run: Meeting, by_api: Meeting) -> str:
    """Say where a node of their own beats on-demand and the API."""
    found = [(meeting.b, meeting.at) for meeting in (by_run, by_api)]
    wins = [f"{name} above {plain(at.value or np.nan, 2)}" for name, at in found if at is not None]
    never = [name for name, at in found if at is None]
    parts = [f"beats {' and '.join(wins)} a day"] if wins else []
    parts += [f"never beats {' or '.join(never)}"] if never and not wins else [f"never {n}" for n in never]
    return ", ".join(parts)


def _dress(axes: Axes, per_day: Floats, labels: bool) -> None:
    ticks(axes, "x", float(per_day[0]) * 0.94, float(per_day[-1]) * 1.04, log=True)
    axes.tick_params(axis="x", labelbottom=labels)


def _money(axes: Axes, per_day: Floats, ways: Sequence[Way], look: Sequence[Look], meetings: Sequence[Meeting]) -> None:
    most = max(float(np.nanmax(way.shown(way.added[0]))) for way in ways if way.does.any())
    axes.set_yscale("symlog", linthresh=_LINEAR, linscale=0.4)
    axes.set_ylim(-0.35, most * 1.3)
    axes.yaxis.set_major_locator(FixedLocator([each for each in _USD if each <= most * 1.3]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    axes.yaxis.set_minor_locator(NullLocator())
    _dress(axes, per_day, labels=False)
    axes.set_ylabel("USD that a run adds to the bill of serving", parse_math=False)
    room, ends = Room(axes), []
    for way, mine in reversed(list(zip(ways, look, strict=True))):  # so that the first lie on top
        values, low, high = (way.shown(each) for each in way.added)
        axes.fill_between(per_day, low, high, color=mine.colour, alpha=0.2, linewidth=0)
        axes.plot(per_day, values, color=mine.colour, marker=mine.marker, markersize=3.5, linewidth=1.7, label=way.name)
        room.block_line(per_day, values)
        ends.append(End(*last_point(per_day, values), f"{way.name}\n{way.note}".rstrip(), mine))
    label_ends(room, ends, SMALL_SIZE)
    for meeting in meetings:
        if meeting.at is not None and meeting.at.value is not None:
            _mark(axes, room, meeting, meeting.at.value, per_day, ways)


def _mark(axes: Axes, room: Room, meeting: Meeting, at: float, per_day: Floats, ways: Sequence[Way]) -> None:
    """Mark a break-even with its interval, and say what meets there."""
    estimate = meeting.at or Estimate(None)
    if estimate.low is not None and estimate.high is not None:
        axes.axvspan(estimate.low, estimate.high, color=GREY, alpha=0.15, linewidth=0, zorder=0.9)
    axes.axvline(at, color=INK, linewidth=0.8, linestyle=(0, (1, 1.5)), zorder=1, label=f"{meeting.a} = {meeting.b}")
    curve = next(way for way in ways if way.name == meeting.a)
    y = room.height(at, per_day, curve.shown(curve.added[0]))
    axes.plot([at], [y], "o", markersize=8, color="none", markeredgecolor=INK, zorder=5, label="_meeting")
    text = f"{meeting.a} =\n{meeting.b}: {around(estimate, ' a day')}"
    label = write(axes, 0, 0, text, size=SMALL_SIZE, linespacing=1.2, zorder=6)
    label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85})
    x = room.fraction(at, axes.get_ylim()[1])[0]
    sides = [(x + 0.012, "left"), (x - 0.012, "right")]
    room.put(label, [(place, 0.98 - 0.03 * k, ha, "top") for k in range(26) for place, ha in sides])


def _waits(axes: Axes, per_day: Floats, ways: Sequence[Way], look: Sequence[Look], level_h: float | None) -> None:
    known = np.concatenate([way.shown(way.wait_p95_h) for way in ways])
    most = max(float(np.nanmax(known)), level_h or 0.0) * 1.25
    ticks(axes, "y", -0.03 * most, most, log=False, most=6)
    if level_h is not None and level_h % 6 == 0:  # hours of a day are read by quarters of it
        axes.yaxis.set_major_locator(FixedLocator(np.arange(0, most, 6 if most < 60 else 24).tolist()))
    _dress(axes, per_day, labels=True)
    axes.set_ylabel("wait p95, hours", parse_math=False)
    room, ends = Room(axes), []
    for k, (way, mine) in reversed(list(enumerate(zip(ways, look, strict=True)))):
        if any(np.array_equal(way.wait_p95_h, other.wait_p95_h, equal_nan=True) for other in ways[:k]):
            continue  # the same jobs wait alike; only the money differs
        hours = way.shown(way.wait_p95_h)
        late = np.where(~_inside(way.does), way.wait_p95_h, np.nan)
        axes.plot(per_day, late, color=mine.colour, linewidth=1.2, linestyle=(0, (1, 2)), label=f"{way.name} late")
        axes.plot(per_day, hours, color=mine.colour, marker=mine.marker, markersize=3, linewidth=1.4, label=way.name)
        room.block_line(per_day, hours)
        ends.append(End(*last_point(per_day, hours), f"{way.name} {_hours(last_point(per_day, hours)[1])}", mine))
    label_ends(room, ends, SMALL_SIZE)
    if level_h is not None:
        axes.axhline(level_h, color=INK, linewidth=0.9, linestyle=(0, (1, 1.5)), zorder=1, label="level")
        y = room.fraction(per_day[0], level_h)[1]
        text = write(axes, 0, 0, f"level: 95 % start within {level_h:g} h", size=SMALL_SIZE, color=GREY)
        room.put(text, [(0.01, y + 0.02, "left", "bottom"), (0.01, y - 0.02, "left", "top")])


def _hours(value: float) -> str:
    return "at once" if value == 0 else f"{plain(value, 2)} h"


def _inside(does: np.ndarray[Any, np.dtype[np.bool_]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Mark places that do the work, but for the last before one that does not: there the dotted line begins."""
    inner: np.ndarray[Any, np.dtype[np.bool_]] = does & np.append(does[1:], does[-1])
    return inner
