"""The percentile cost chart: what a job costs under each plan along a swept number, and how long it waits."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.charts.axis import Panel, dress_x, show_beyond, top_axis
from sim.charts.finding import sweep_finding
from sim.charts.marks import Point, Strip, mark_break_evens, mark_points, mark_strips
from sim.charts.place import End, Room, label_ends, last_point, near
from sim.charts.reading import GridLike, Sweep, focus, pick_class, pick_plans
from sim.charts.sheet import Sheet
from sim.charts.sheet import sheet as sheet_of
from sim.charts.style import GREY, INK, SMALL_SIZE, Look, limits, looks, spans_decade, theme, ticks, write
from sim.charts.words import job_words, key_words, plain, plan_word, provenance
from sim.units import Floats

_LEFT, _OVER, _UPPER, _GAP, _LOWER, _UNDER = 0.8, 0.42, 4.3, 0.25, 1.35, 0.55
"""Inches: left of the panels, then from the top down."""


def cost_percentiles(
    grid: GridLike,
    job_class: str | None = None,
    *,
    plans: Sequence[str] | None = None,
    points: Sequence[Point] = (),
    strips: Sequence[Strip] = (),
    title: str | None = None,
) -> Figure:
    """Draw what a job costs under each plan along the swept number, and below it how long jobs wait.

    Parameters
    ----------
    grid : GridLike
        What ``sim.sweep`` returned, with one swept key.
    job_class : str, optional
        The class whose jobs are drawn; the scenario's first if not given.
    plans : sequence of str, optional
        Which plans are drawn; all if not given.
    points : sequence of (float, float, str)
        Figures to hold the result against: value of the swept key, USD, what it is.
    strips : sequence of (float, float, str)
        Ranges to hold the result against: USD from, USD to, what it is.
    title : str, optional
        Instead of the finding that is computed.

    Returns
    -------
    Figure
        Median line, band from the 5th to the 95th percentile and dashed mean of the fully loaded cost in USD; breaks
        between plans with their intervals; wait in hours where any plan lets jobs wait.

    Raises
    ------
    InputError
        When several keys are swept, or a plan or class is not the scenario's.
    """
    sweep = Sweep.of(grid)
    name, shown = pick_class(grid.scenario, job_class), pick_plans(grid.scenario, plans)
    with theme():
        return _draw(sweep, name, shown, points, strips, title or sweep_finding(sweep, shown))


def _draw(
    sweep: Sweep, job_class: str, plans: list[str], points: Sequence[Point], strips: Sequence[Strip], title: str
) -> Figure:
    waiting = [plan for plan in plans if np.nanmax(np.append(sweep.wait(plan, job_class, "mean"), 0)) > 0]
    run = job_words(sweep.grid.scenario, job_class)[1]
    sheet = _sheet(title, run, sweep.results[0], bool(waiting))
    right = 0.45 + 0.075 * max(len(plan_word(plan)) + 11 * (plan in waiting) for plan in plans)
    upper = sheet.axes(_LEFT, right, _OVER, _UPPER)
    panel = Panel.of(sweep, plans)
    _costs(upper, sweep, job_class, plans, points, strips)
    dress_x(upper, panel, labels=not waiting)
    upper.set_ylabel(f"USD per {run}, fully loaded", parse_math=False)
    _label(upper, sweep, job_class, plans, panel, points, strips)
    top_axis(upper, panel, focus(sweep.grid.scenario, plans))
    last = upper
    if waiting:
        last = sheet.axes(_LEFT, right, _OVER + _UPPER + _GAP, _LOWER)
        _waits(last, sweep, job_class, waiting, panel)
    last.set_xlabel(key_words(sweep.grid.scenario, sweep.key)[0], parse_math=False)
    return sheet.figure


def _sheet(title: str, run: str, result: dict[str, Any], waits: bool) -> Sheet:
    """Make the sheet: one panel, or two where jobs wait."""
    note = (
        f"Line: median over {run}s; dashed: mean; band: 5th to 95th percentile of {run}s "
        "(their spread, not an error).\nFully loaded: with the share of idle GPUs, staff and overhead."
    )
    body = _OVER + _UPPER + (_GAP + _LOWER if waits else 0.0) + _UNDER
    return sheet_of(title, note, provenance(result), body)


def _curves(sweep: Sweep, job_class: str, plan: str) -> dict[str, Floats]:
    """Take the curves of a plan, cut to where it is eligible."""
    eligible = sweep.eligible(plan)
    return {
        which: np.where(eligible, sweep.cost(plan, job_class, which), np.nan) for which in ("p5", "p50", "p95", "mean")
    }


def _costs(
    axes: Axes, sweep: Sweep, job_class: str, plans: list[str], points: Sequence[Point], strips: Sequence[Strip]
) -> None:
    """Draw the cost of each plan."""
    reach = [np.array([value for point in points for value in point[1:2]] + [v for s in strips for v in s[:2]])]
    look = looks(list(sweep.grid.scenario.plans))
    for plan in plans:
        curves = _curves(sweep, job_class, plan)
        _band(axes, sweep.x, curves, look[plan], plan)
        beyond = np.where(~_inner(sweep.eligible(plan)), sweep.cost(plan, job_class, "p50"), np.nan)
        axes.plot(sweep.x, beyond, color=GREY, linewidth=1.0, linestyle=(0, (1, 2)), label=f"{plan} not eligible")
        reach += [*curves.values(), beyond]
    values = np.concatenate(reach)
    ticks(axes, "y", *limits(values, spans_decade(values), 0.06, 0.1), log=spans_decade(values))


def _inner(eligible: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Mark eligible cells with no neighbour that is not: beyond them the dotted line begins."""
    padded = np.concatenate(([eligible[0]], eligible, [eligible[-1]]))
    inner: np.ndarray[tuple[int], np.dtype[np.bool_]] = padded[:-2] & eligible & padded[2:]
    return inner


def _band(axes: Axes, x: Floats, curves: dict[str, Floats], look: Look, plan: str) -> None:
    """Draw median, mean and band of one plan."""
    if np.count_nonzero(np.isfinite(curves["p50"])) > 1:
        axes.fill_between(x, curves["p5"], curves["p95"], color=look.colour, alpha=0.10, linewidth=0)
    for which in ("p5", "p95"):
        axes.plot(x, curves[which], color=look.colour, linewidth=0.7, alpha=0.6, label=f"{plan} {which}")
    axes.plot(x, curves["mean"], color=look.colour, linewidth=1.2, linestyle=(0, (4, 2)), label=f"{plan} mean")
    axes.plot(x, curves["p50"], color=look.colour, linewidth=1.9, marker=look.marker, markersize=4, label=f"{plan} p50")


def _label(
    axes: Axes,
    sweep: Sweep,
    job_class: str,
    plans: list[str],
    panel: Panel,
    points: Sequence[Point],
    strips: Sequence[Strip],
) -> None:
    """Label the lines, the breaks between plans and what the results are held against."""
    room = Room(axes)
    look = looks(list(sweep.grid.scenario.plans))
    ends = []
    for plan in plans:
        curves = _curves(sweep, job_class, plan)
        for curve in curves.values():
            room.block_line(sweep.x, curve)
        ends.append(End(*last_point(sweep.x, curves["p50"]), plan_word(plan), look[plan]))
    label_ends(room, ends)
    show_beyond(room, panel)
    mark_break_evens(axes, sweep, job_class, plans, room)
    mark_points(axes, points, room)
    mark_strips(axes, strips, room)


def _waits(axes: Axes, sweep: Sweep, job_class: str, plans: list[str], panel: Panel) -> None:
    """Draw the mean and the 95th percentile of the wait of each plan that lets jobs wait."""
    look = looks(list(sweep.grid.scenario.plans))
    lines = {}
    for plan in plans:
        for which, form in (("p95", "-"), ("mean", (0, (4, 2)))):
            hours = np.where(sweep.eligible(plan), sweep.wait(plan, job_class, which), np.nan)
            lines[plan, which] = hours
            axes.plot(sweep.x, hours, color=look[plan].colour, linewidth=1.4, linestyle=form, label=f"{plan} {which}")
    values = np.concatenate(list(lines.values()))
    positive = values[np.isfinite(values) & (values > 0)]
    log = spans_decade(positive)
    low, high = limits(np.maximum(positive, positive.max() / 1e3) if log else np.append(values, 0), log, 0.08, 0.22)
    ticks(axes, "y", low, high, log=log, most=5)
    dress_x(axes, panel, labels=True)
    axes.set_ylabel("wait, hours", parse_math=False)
    room = Room(axes)
    for hours in lines.values():
        room.block_line(sweep.x, hours)
    ends = [
        End(x, y, f"{plan_word(plan)} {which} {plain(y, 2)} h", look[plan])
        for (plan, which), hours in lines.items()
        for x, y in [last_point(sweep.x, hours)]
    ]
    label_ends(room, ends, SMALL_SIZE)
    show_beyond(room, panel, say=False)
    subject = focus(sweep.grid.scenario, plans)
    for which in ("mean", "p95"):
        _values(axes, sweep, subject, lines[subject, which], room)


def _values(axes: Axes, sweep: Sweep, plan: str, hours: Floats, room: Room) -> None:
    """Write a wait in numbers where the plan is half full; where it is fullest its label says it."""
    known = np.flatnonzero(np.isfinite(hours) & (hours > 0))
    if not len(known):
        return
    full = sweep.utilization(plan)[known]
    middle = known[int(np.nanargmin(np.abs(full - 0.5)))] if np.isfinite(full).any() else known[0]
    x, y = room.fraction(sweep.x[middle], hours[middle])
    axes.plot([sweep.x[middle]], [hours[middle]], "o", markersize=3, color=INK, label="_value")
    unit = key_words(sweep.grid.scenario, sweep.key)[1]
    text = f"{plain(hours[middle], 2)} h" + (f" at {plain(sweep.x[middle])}{unit}" if unit else "")
    room.put(write(axes, 0, 0, text, size=SMALL_SIZE, color=INK), near(x, y))
