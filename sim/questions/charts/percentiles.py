"""The percentile cost chart: what a job costs under each plan along a swept number, and how long it waits."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.ground.units import Floats
from sim.questions.charts.axis import Panel, dress_x, name_x, rising, show_beyond, top_axis
from sim.questions.charts.finding import sweep_finding
from sim.questions.charts.marks import Point, Strip, mark_break_evens, mark_points, mark_strips
from sim.questions.charts.place import End, Room, inches, label_ends, last_point, near
from sim.questions.charts.reading import GridLike, Sweep, focus, pick_class, pick_plans
from sim.questions.charts.sheet import sheet
from sim.questions.charts.style import GREY, INK, SMALL_SIZE, Look, limits, looks, spans_decade, theme, ticks, write
from sim.questions.charts.words import job_words, plain, plan_word, priced_by, provenance, two_lines

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
        return _draw(sweep, name, shown, points, strips, title or sweep_finding(sweep, shown, name))


def _draw(
    sweep: Sweep, job_class: str, plans: list[str], points: Sequence[Point], strips: Sequence[Strip], title: str
) -> Figure:
    waiting = [plan for plan in plans if np.nanmax(np.append(sweep.wait(plan, job_class, "mean"), 0)) > 0]
    run = job_words(sweep.grid.scenario, job_class)[1]
    subject = focus(sweep.grid.scenario, plans)
    over = _OVER if rising(sweep, subject) else 0.1
    rows = sum(1 + two_lines(plan_word(plan)).count("\n") for plan in waiting)
    lower = max(_LOWER, 0.35 * rows + 0.15) if waiting else 0.0
    body = over + _UPPER + (_GAP + lower if waiting else 0.0) + _UNDER
    page = sheet(title, _note(run), provenance(sweep.results[0]), body)
    right = 0.45 + max(inches(two_lines(plan_word(plan)), 0.076, SMALL_SIZE) + (plan in waiting) for plan in plans)
    upper = page.axes(_LEFT, right, over, _UPPER)
    panel = Panel.of(sweep, plans)
    _costs(
        upper, sweep, job_class, plans, [usd for _, usd, _ in points] + [usd for strip in strips for usd in strip[:2]]
    )
    dress_x(upper, panel, labels=not waiting)
    upper.set_ylabel(f"USD per {priced_by(sweep.grid.scenario, job_class)[1]}, fully loaded", parse_math=False)
    room = _label(upper, sweep, job_class, plans, panel)
    mark_points(upper, points, room)
    mark_strips(upper, strips, room)
    top_axis(upper, panel, subject)
    last = upper
    if waiting:
        last = page.axes(_LEFT, right, over + _UPPER + _GAP, lower)
        _waits(last, sweep, job_class, waiting, panel)
    name_x(last, panel)
    return page.figure


def _note(run: str) -> str:
    """Say how to read the chart."""
    return (
        f"Line: median over {run}s; dashed: mean; band: 5th to 95th percentile of {run}s "
        "(their spread, not an error).\nFully loaded: with the share of idle GPUs, staff and overhead."
    )


def _curves(sweep: Sweep, job_class: str, plan: str) -> dict[str, Floats]:
    """Take the curves of a plan, cut to where it is eligible."""
    eligible = sweep.eligible(plan)
    return {
        which: np.where(eligible, sweep.cost(plan, job_class, which), np.nan) for which in ("p5", "p50", "p95", "mean")
    }


def _costs(axes: Axes, sweep: Sweep, job_class: str, plans: list[str], others: Sequence[float]) -> None:
    """Draw the cost of each plan on an axis that holds some other figures too."""
    reach = [np.array(others, dtype=np.float64)]
    look = looks(list(sweep.grid.scenario.plans))
    for plan in plans:
        curves = _curves(sweep, job_class, plan)
        _band(axes, sweep.x, curves, look[plan], plan)
        beyond = np.where(~_inner(sweep.eligible(plan)), sweep.cost(plan, job_class, "p50"), np.nan)
        axes.plot(sweep.x, beyond, color=GREY, linewidth=1.0, linestyle=(0, (1, 2)), label=f"{plan} not ranked")
        reach += curves.values()
    values = np.concatenate(reach)
    log = spans_decade(values)
    ticks(axes, "y", *limits(values, log, 0.06, 0.1), log=log)


def _inner(eligible: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Mark eligible cells with no neighbour that is not: beyond them the dotted line begins."""
    padded = np.concatenate(([eligible[0]], eligible, [eligible[-1]]))
    inner: np.ndarray[tuple[int], np.dtype[np.bool_]] = padded[:-2] & eligible & padded[2:]
    return inner


def _band(axes: Axes, x: Floats, curves: dict[str, Floats], look: Look, plan: str) -> None:
    """Draw median, mean and band of one plan."""
    if np.count_nonzero(np.isfinite(curves["p50"])) > 1:
        axes.fill_between(x, curves["p5"], curves["p95"], color=look.colour, alpha=0.10, linewidth=0)
    else:
        axes.vlines(x, curves["p5"], curves["p95"], color=look.colour, linewidth=4, alpha=0.25)
        axes.plot(x, curves["mean"], color=look.colour, marker="_", markersize=12, linestyle="none")
    for which in ("p5", "p95"):
        axes.plot(x, curves[which], color=look.colour, linewidth=0.7, alpha=0.6, label=f"{plan} {which}")
    axes.plot(x, curves["mean"], color=look.colour, linewidth=1.2, linestyle=(0, (4, 2)), label=f"{plan} mean")
    axes.plot(x, curves["p50"], color=look.colour, linewidth=1.9, marker=look.marker, markersize=4, label=f"{plan} p50")


def _label(axes: Axes, sweep: Sweep, job_class: str, plans: list[str], panel: Panel) -> Room:
    """Label the lines, what plans cannot serve and the breaks between them; return the room that is left."""
    room = Room(axes)
    look = looks(list(sweep.grid.scenario.plans))
    ends = []
    for plan in plans:
        curves = _curves(sweep, job_class, plan)
        for curve in curves.values():
            room.block_line(sweep.x, curve)
        ends.append(End(*last_point(sweep.x, curves["p50"]), two_lines(plan_word(plan)), look[plan]))
    label_ends(room, ends)
    show_beyond(room, panel)
    mark_break_evens(axes, sweep, job_class, plans, room)
    return room


def _waits(axes: Axes, sweep: Sweep, job_class: str, plans: list[str], panel: Panel) -> None:
    """Draw the mean and the 95th percentile of the wait of each plan that lets jobs wait."""
    look = looks(list(sweep.grid.scenario.plans))
    lines = {}
    for plan in plans:
        for which, form in (("p95", "-"), ("mean", (0, (4, 2)))):
            hours = np.where(sweep.eligible(plan), sweep.wait(plan, job_class, which), np.nan)
            lines[plan, which] = hours
            axes.plot(
                sweep.x,
                hours,
                color=look[plan].colour,
                linewidth=1.4,
                linestyle=form,
                marker=look[plan].marker,
                markersize=2.5,
                label=f"{plan} {which}",
            )
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
        End(x, y, f"{two_lines(plan_word(plan))} {which} {_hours(y)}", look[plan])
        for (plan, which), hours in lines.items()
        for x, y in [last_point(sweep.x, hours)]
    ]
    label_ends(room, ends, SMALL_SIZE)
    show_beyond(room, panel, say=False)
    subject = focus(sweep.grid.scenario, plans)
    for which in ("mean", "p95"):
        _values(axes, sweep, subject, lines[subject, which], room)


def _hours(value: float) -> str:
    """Write a wait, not finer than it matters."""
    return f"{plain(value, 2)} h" if value >= 0.01 or value == 0 else "<0.01 h"


def _values(axes: Axes, sweep: Sweep, plan: str, hours: Floats, room: Room) -> None:
    """Write a wait in numbers where the plan is half full; where it is fullest its label says it."""
    known = np.flatnonzero(np.isfinite(hours) & (hours > 0))
    if not len(known):
        return
    full = sweep.utilization(plan)[known]
    middle = known[int(np.nanargmin(np.abs(full - 0.5)))] if np.isfinite(full).any() else known[0]
    x, y = room.fraction(sweep.x[middle], hours[middle])
    axes.plot([sweep.x[middle]], [hours[middle]], "o", markersize=3, color=INK, label="_value")
    text = f"{_hours(hours[middle])} at {sweep.place(int(middle))}"
    room.put(write(axes, 0, 0, text, size=SMALL_SIZE, color=INK), near(x, y))
