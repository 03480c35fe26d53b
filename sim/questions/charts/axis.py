"""The axis of a sweep: its swept number, utilization above it, and where a plan cannot follow. Not here: curves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter

from sim.ground.units import Floats
from sim.questions.charts.place import Room
from sim.questions.charts.reading import Sweep, waits_only
from sim.questions.charts.style import GREY, SMALL_SIZE, limits, spans_decade, ticks, write
from sim.questions.charts.words import key_words, plan_word, wrapped

_NICE = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
_LETTER = 0.074
"""Inches of a letter of small type, on average."""


@dataclass(frozen=True)
class Panel:
    """The swept axis.

    Attributes
    ----------
    sweep : Sweep
        What lies along it.
    low, high : float
        Its ends.
    log : bool
        Its scale.
    edges : tuple of (float, float, str)
        Stretches where a plan does not do the work, and what to say there.
    """

    sweep: Sweep
    low: float
    high: float
    log: bool
    edges: tuple[tuple[float, float, str], ...]

    @classmethod
    def of(cls, sweep: Sweep, plans: Sequence[str]) -> "Panel":
        """Choose scale and ends, with room for the stretch that a plan cannot serve."""
        log = not sweep.names and spans_decade(sweep.x)
        low, high = limits(sweep.x, log, 0.02, 0.02)
        walls = _walls(sweep, plans)
        if walls:
            last = max(max(walls), float(sweep.x[-1]))
            span = np.log10(last / low) if log else last - low
            high = float(last * 10 ** (0.09 * span)) if log else last + 0.09 * span
        starts = [*sorted(walls), high]
        edges = [(starts[k], starts[k + 1], walls[starts[k]]) for k in range(len(walls))]
        return cls(sweep, low, high, log, (*edges, *_left_edge(sweep, plans, low)))


def _walls(sweep: Sweep, plans: Sequence[str]) -> dict[float, str]:
    """Find where plans end: at the first of their capacity and the last run of cells in which they are not eligible."""
    found: dict[float, list[str]] = {}
    overrun = set()
    for plan in plans:
        capacity = sweep.capacity(plan) if waits_only(sweep.grid.scenario, plan) else None
        if capacity is not None and capacity > sweep.x[-1] * 1.5:
            capacity = None
        unfit = np.flatnonzero(sweep.eligible(plan))
        first = len(sweep.x) if not len(unfit) else int(unfit[-1]) + 1
        ends = [capacity] if capacity is not None else []
        ends += [float(sweep.x[first])] if first < len(sweep.x) and len(unfit) else []
        if ends:
            found.setdefault(min(ends), []).append(plan_word(plan))
            overrun |= {min(ends)} if capacity is not None else set()
    said = {True: "cannot be served by", False: "not ranked:"}
    return {wall: f"{said[wall in overrun]} {', '.join(names)}" for wall, names in found.items()}


def _left_edge(sweep: Sweep, plans: Sequence[str], low: float) -> list[tuple[float, float, str]]:
    """Find how far from the left plans are not eligible."""
    found = []
    for plan in plans:
        fit = np.flatnonzero(sweep.eligible(plan))
        if len(fit) and fit[0] > 0:
            found.append((low, float(sweep.x[fit[0] - 1]), f"not ranked: {plan_word(plan)}"))
    return found


def dress_x(axes: Axes, panel: Panel, labels: bool) -> None:
    """Set the swept axis up, with or without its numbers."""
    sweep = panel.sweep
    ticks(axes, "x", panel.low, panel.high, log=panel.log)
    if sweep.names:
        shown = [name.replace("$", r"\$") for name in sweep.names]
        axes.xaxis.set_major_locator(FixedLocator(list(sweep.x)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: shown[int(value)]))
    elif len(sweep.x) == 1:
        axes.xaxis.set_major_locator(FixedLocator(list(sweep.x)))
    axes.tick_params(axis="x", labelbottom=labels)


def name_x(axes: Axes, panel: Panel) -> None:
    """Say what the swept axis counts, in as many lines as the panel is narrow."""
    name = key_words(panel.sweep.grid.scenario, panel.sweep.key)[0]
    axes.set_xlabel(wrapped(name, _letters(axes, "width")), parse_math=False)


def _letters(axes: Axes, side: str) -> int:
    """Count how many letters of small type fit along a side of a panel."""
    return int(getattr(axes.get_window_extent(), side) / axes.figure.dpi / _LETTER)


def show_beyond(room: Room, panel: Panel, say: bool = True) -> None:
    """Hatch what plans cannot serve, say so where there is room, and keep other labels off it."""
    axes = room.axes
    for start, end, text in panel.edges:
        axes.axvspan(start, end, facecolor="none", edgecolor="#c4c4c4", hatch="////", linewidth=0, zorder=0.5)
        axes.axvline(start if start > panel.low else end, color=GREY, linewidth=0.8, zorder=0.8)
        if say:
            rows = wrapped(text, _letters(axes, "height"), 3)
            label = write(axes, 0, 0, rows, size=SMALL_SIZE, color=GREY, rotation=90)
            label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.9})
            y = axes.get_ylim()[1]
            x = (room.fraction(start, y)[0] + room.fraction(end, y)[0]) / 2
            room.put(label, [(x, 0.98, "center", "top"), (x, 0.5, "center", "center"), (x, 0.02, "center", "bottom")])
        room.block_span(start, end)


def rising(sweep: Sweep, plan: str) -> tuple[Floats, Floats] | None:
    """Take the utilization of a plan where it grows along the axis; None where it does not."""
    used = np.where(sweep.eligible(plan), sweep.utilization(plan), np.nan)
    known = np.isfinite(used)
    if known.sum() < 2 or sweep.names or not (np.diff(used[known]) > 0).all() or np.ptp(used[known]) < 0.05:
        return None
    return sweep.x[known], used[known]


def top_axis(axes: Axes, panel: Panel, plan: str) -> None:
    """Show on top how well a plan's paid GPUs are used, where that grows along the axis."""
    if (found := rising(panel.sweep, plan)) is None:
        return
    x, y = found
    nice = [value for value in _NICE if y[0] <= value <= y[-1]]
    places = np.interp(nice, y, x)
    top = axes.secondary_xaxis("top")
    top.xaxis.set_major_locator(FixedLocator([float(places[k]) for k in spaced_out(panel, places)]))
    top.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * np.interp(value, x, y):.0f} %"))
    top.xaxis.set_minor_locator(FixedLocator([]))
    text = f"utilization of {plan_word(plan)}: share of its paid GPU time given to jobs"
    top.set_xlabel(wrapped(text, _letters(axes, "width")), parse_math=False, size=SMALL_SIZE)
    top.tick_params(labelsize=SMALL_SIZE)


def spaced_out(panel: Panel, places: Floats) -> list[int]:
    """Choose places that leave room for their labels."""
    scale = np.log if panel.log else np.asarray
    shares = (scale(places) - scale(panel.low)) / (scale(panel.high) - scale(panel.low))
    chosen: list[int] = []
    for k, share in enumerate(shares):
        if not chosen or share - shares[chosen[-1]] > 0.06:
            chosen.append(k)
    return chosen
