"""What stands idle: utilization of paid GPUs and the money that idle ones cost, along a swept number."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.ground.units import Floats
from sim.questions.charts.axis import Panel, dress_x, name_x, show_beyond
from sim.questions.charts.place import End, Room, inches, label_ends, last_point, near
from sim.questions.charts.reading import GridLike, Sweep, focus, pick_plans
from sim.questions.charts.sheet import sheet
from sim.questions.charts.style import INK, SMALL_SIZE, TEXT_SIZE, looks, theme, ticks, write
from sim.questions.charts.words import plan_word, provenance, rough, sentence, two_lines

IDLE: Final = ("held_idle", "on_demand_idle", "spot_idle")
USED: Final = ("held_used", "on_demand_used", "spot_used")

_SEEN: Final = 0.001
"""A plan that never has a larger idle share than this is not drawn among the idle ones."""

_LEFT, _OVER, _UPPER, _GAP, _LOWER, _UNDER = 0.95, 0.1, 2.0, 0.3, 2.4, 0.55
"""Inches: left of the panels, then from the top down."""


def idle_money(grid: GridLike, plan: str | None = None, *, title: str | None = None) -> Figure:
    """Draw how well paid GPUs are used along the swept number, and what the idle ones cost.

    Parameters
    ----------
    grid : GridLike
        What ``sim.sweep`` returned, with one swept key.
    plan : str, optional
        The only plan to draw; all that pay for GPUs if not given.
    title : str, optional
        Instead of the finding that is computed.

    Returns
    -------
    Figure
        Above: share of the paid GPU time that is given to jobs. Below: USD a year paid for idle GPUs, with the share of
        all GPU money that this is.

    Raises
    ------
    InputError
        When several keys are swept, or the plan is not the scenario's.
    """
    sweep = Sweep.of(grid)
    plans = pick_plans(grid.scenario, None if plan is None else [plan])
    plans = [each for each in plans if np.isfinite(sweep.utilization(each)).any()]
    with theme():
        return _draw(sweep, plans, title or _finding(sweep, plans))


def _shares(sweep: Sweep, plan: str) -> tuple[Floats, Floats]:
    """Idle USD a year, and its share of what GPUs cost; unknown where the plan is not eligible."""
    idle = np.where(sweep.eligible(plan), sweep.yearly(plan, IDLE)[0], np.nan)
    paid = idle + sweep.yearly(plan, USED)[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        return idle, idle / paid


def _finding(sweep: Sweep, plans: list[str]) -> str:
    """Say what idle GPUs cost at the ends of the axis."""
    if not plans:
        return "No plan here pays for GPU time, so none stands idle"
    subject = focus(sweep.grid.scenario, plans)
    idle, share = _shares(sweep, subject)
    known = np.flatnonzero(np.isfinite(share))
    name = plan_word(subject)
    if not len(known):
        return sentence(f"{name} is nowhere eligible")
    first, last = int(known[0]), int(known[-1])
    start = f"{name} pays {rough(idle[first])} USD a year for idle GPUs"
    part = f"({100 * share[first]:.0f} % of what its GPUs cost)"
    if rough(idle[first]) == rough(idle[last]):
        return sentence(
            f"{start} {part}" + (" at every value compared" if last > first else f" at {sweep.place(first)}")
        )
    end = f"{rough(idle[last])} at {sweep.place(last)} ({100 * share[last]:.0f} %)"
    return sentence(f"{start} at {sweep.place(first)} {part}, {end}")


def _draw(sweep: Sweep, plans: list[str], title: str) -> Figure:
    note = (
        "Above: share of the paid GPU time that jobs had. Below: money for paid GPU time that no job had;\n"
        "in brackets, its share of all GPU money. Shaded: interval."
    )
    page = sheet(title, note, provenance(sweep.results[0]), _OVER + _UPPER + _GAP + _LOWER + _UNDER)
    right = 0.4 + max((inches(two_lines(plan_word(plan)), 0.085, TEXT_SIZE) for plan in plans), default=0)
    upper = page.axes(_LEFT, right, _OVER, _UPPER)
    lower = page.axes(_LEFT, right, _OVER + _UPPER + _GAP, _LOWER)
    panel = Panel.of(sweep, plans)
    _utilization(upper, sweep, plans, panel)
    _money(lower, sweep, plans, panel)
    name_x(lower, panel)
    return page.figure


def _utilization(axes: Axes, sweep: Sweep, plans: Sequence[str], panel: Panel) -> None:
    look = looks(list(sweep.grid.scenario.plans))
    dress_x(axes, panel, labels=False)
    ticks(axes, "y", 0, 105, log=False, most=6)
    axes.set_ylabel("utilization, %")
    ends, room = [], Room(axes)
    for plan in plans:
        used = 100 * np.where(sweep.eligible(plan), sweep.utilization(plan), np.nan)
        axes.plot(sweep.x, used, color=look[plan].colour, marker=look[plan].marker, markersize=4, label=plan)
        ends.append(End(*last_point(sweep.x, used), two_lines(plan_word(plan)), look[plan]))
    label_ends(room, ends)
    show_beyond(room, panel, say=False)


def _money(axes: Axes, sweep: Sweep, plans: Sequence[str], panel: Panel) -> None:
    look, ends, room = looks(list(sweep.grid.scenario.plans)), [], Room(axes)
    dress_x(axes, panel, labels=True)
    found = {plan: _shares(sweep, plan) for plan in plans}
    found = {plan: both for plan, both in found.items() if (both[1] > _SEEN).any()}
    tops = [
        np.fmax(idle, np.where(np.isfinite(idle), sweep.yearly(plan, IDLE)[2], np.nan))
        for plan, (idle, _) in found.items()
    ]
    most = float(np.nanmax(np.concatenate(tops))) if tops else 1.0
    ticks(axes, "y", 0, 1.15 * most, log=False, most=6)
    axes.set_ylabel("idle GPUs, USD a year")
    for plan, (idle, _) in found.items():
        _, low, high = sweep.yearly(plan, IDLE)
        shown = np.isfinite(idle) & np.isfinite(low)
        axes.fill_between(sweep.x, low, high, where=shown.tolist(), color=look[plan].colour, alpha=0.2, linewidth=0)
        axes.plot(sweep.x, idle, color=look[plan].colour, marker=look[plan].marker, markersize=4, label=plan)
        room.block_line(sweep.x, idle)
        ends.append(End(*last_point(sweep.x, idle), two_lines(plan_word(plan)), look[plan]))
    label_ends(room, ends)
    show_beyond(room, panel)
    if found:
        subject = focus(sweep.grid.scenario, list(found))
        _values(room, sweep, *found[subject])


def _values(room: Room, sweep: Sweep, idle: Floats, share: Floats) -> None:
    """Write the money and its share at the ends and in the middle."""
    known = np.flatnonzero(np.isfinite(share))
    half = int(known[np.argmin(np.abs(share[known] - 0.5))])
    for k in sorted({int(known[0]), half, int(known[-1])}):
        text = write(room.axes, 0, 0, f"{rough(idle[k])} ({100 * share[k]:.0f} %)", size=SMALL_SIZE)
        room.axes.plot([sweep.x[k]], [idle[k]], "o", markersize=3, color=INK, zorder=5, label="_value")
        x, y = room.fraction(sweep.x[k], idle[k])
        room.put(text, [(x - 0.012, y - 0.02, "right", "top"), (x + 0.012, y + 0.02, "left", "bottom"), *near(x, y)])
