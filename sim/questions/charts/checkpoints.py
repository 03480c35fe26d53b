"""What a run on spot nodes costs by how often it saves its work, for several rates of reclaims."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from sim.ground.estimate import Estimate
from sim.ground.units import Floats
from sim.questions.charts.place import End, Room, inches, label_ends, last_point
from sim.questions.charts.sheet import sheet
from sim.questions.charts.style import GREY, INK, SMALL_SIZE, Look, limits, looks, spans_decade, theme, ticks, write
from sim.questions.charts.words import plain, sentence, usd

_LEFT, _OVER, _UPPER, _GAP, _LOWER, _UNDER = 0.8, 0.15, 4.1, 0.3, 1.9, 0.62
"""Inches: left of the panels, then from the top down."""

_MARKS = (1 / 60, 1 / 30, 1 / 12, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
_ROUND = [step * 10.0**decade for decade in range(-2, 7) for step in (1, 2, 3, 5, 7)]
_COLUMNS = (0.165, 0.325, 0.57)
"""Where the list of the cheapest intervals stands, in parts of the panel's width."""

_BESIDE = 1.9
"""How many times beyond the last interval "never" stands, and before the first one "always"."""


@dataclass(frozen=True)
class Saving:
    """What a run costs at one rate of reclaims, by how often it saves its work.

    Attributes
    ----------
    name : str
        The rate, as it is said beside the line: "after 10 h".
    interval_h : float64[n]
        Work between two checkpoints, ascending.
    usd : float64[3, n]
        Of a run: value and the ends of its interval; NaN where runs do not end.
    lost, saving : float64[n]
        Shares of the paid GPU time: work done again; writing and loading checkpoints.
    always, never : Estimate
        USD of a run that saves at every instant for nothing, and of one that never saves; without value where unknown.
    best_h, best_usd : float
        The interval that the formula gives, and what a run costs there, simulated; NaN where unknown.
    limit : Estimate
        The interval beyond which on-demand is cheaper; without value where there is none.
    """

    name: str
    interval_h: Floats
    usd: Floats
    lost: Floats
    saving: Floats
    always: Estimate
    never: Estimate
    best_h: float
    best_usd: float
    limit: Estimate

    @property
    def least(self) -> int:
        """The simulated interval at which a run costs least; the formula's is left out, for others judge it."""
        return int(np.nanargmin(np.where(self.interval_h == self.best_h, np.nan, self.usd[0])))


def span(hours: float) -> str:
    """Write a duration as people say it: "24 min", "1.8 h"."""
    return f"{plain(60 * hours, 2)} min" if hours < 1 else f"{plain(hours, 2)} h"


def cost_by_interval(
    curves: Sequence[Saving], on_demand: Estimate, work_h: float, source: str, *, title: str | None = None
) -> Figure:
    """Draw what a run on spot costs by how often it saves its work, and where the time that is paid for goes.

    Parameters
    ----------
    curves : sequence of Saving
        One for each rate of reclaims, the most frequent first.
    on_demand : Estimate
        USD of the same run on nodes that are never taken back.
    work_h : float
        Hours of work of a run.
    source : str
        Where the numbers come from.
    title : str, optional
        Instead of the finding that is computed.

    Returns
    -------
    Figure
        Above: mean USD a run with its interval, the simulated minimum and the formula's best interval. Below: shares of
        the paid GPU time that are lost, and that go into saving and loading.
    """
    with theme():
        return _draw(curves, on_demand, source, title or saving_finding(curves, on_demand, work_h))


def saving_finding(curves: Sequence[Saving], on_demand: Estimate, work_h: float) -> str:
    """Say how often to save, what spot costs then against on-demand, and where saving too seldom loses that."""
    other = on_demand.value or np.nan
    shares = [100 * float(curve.usd[0, curve.least]) / other for curve in curves]
    every = [float(curve.interval_h[curve.least]) for curve in curves]
    run = f"a run of {plain(work_h)} h"
    often = _between(span(min(every)), span(max(every)))
    cost = f"{_between(f'{min(shares):.0f}', f'{max(shares):.0f}')} %"
    if min(shares) >= 100:
        return sentence(f"{run} on spot never beats on-demand: saved every {often}, it costs {cost} of it")
    told = f"saved every {often}, {run} on spot costs {cost} of on-demand"
    late = [curve.limit.value for curve in curves if curve.limit.value is not None]
    if late:
        return sentence(f"{told}; saved less often than every {span(min(late))} it can cost more than on-demand")
    if any((curve.never.value or 0.0) > other for curve in curves):
        return sentence(f"{told}; never saved, it can cost more than on-demand")
    return sentence(told)


def _between(low: str, high: str) -> str:
    """Name two ends, once where they are the same; their unit once where they share it."""
    if low == high:
        return low
    unit = high.rpartition(" ")[2] if " " in high else ""
    return f"{low.removesuffix(f' {unit}') if unit else low} to {high}"


def _note() -> str:
    return (
        "Line: mean cost of a run; band: its 95 % interval; a line ends where runs no longer do. After 2 h: that long "
        "on average.\nAlways: saved at every instant, at no cost. The formula's interval is simulated like the others."
    )


def _draw(curves: Sequence[Saving], on_demand: Estimate, source: str, title: str) -> Figure:
    page = sheet(title, _note(), source, _OVER + _UPPER + _GAP + _LOWER + _UNDER)
    right = 0.5 + max(inches(text, 0.076, SMALL_SIZE) for text in (*(curve.name for curve in curves), "on-demand 000"))
    upper = page.axes(_LEFT, right, _OVER, _UPPER)
    lower = page.axes(_LEFT, right, _OVER + _UPPER + _GAP, _LOWER)
    look = list(looks([curve.name for curve in curves] + ["on-demand"]).values())
    ends = _ends(curves)
    _costs(upper, curves, on_demand, look, ends)
    _shares(lower, curves, look, ends)
    lower.set_xlabel("work between two checkpoints", parse_math=False)
    return page.figure


def _ends(curves: Sequence[Saving]) -> tuple[float, float]:
    """Find where "always" and "never" stand on the axis."""
    known = np.concatenate([curve.interval_h for curve in curves])
    return float(known.min()) / _BESIDE, float(known.max()) * _BESIDE


def _dress(axes: Axes, ends: tuple[float, float], labels: bool) -> None:
    """Set the axis of intervals up: minutes and hours between "always" and "never"."""
    first, last = ends[0] * _BESIDE, ends[1] / _BESIDE
    ticks(axes, "x", ends[0] / 1.35, ends[1] * 1.35, log=True)
    inside = [mark for mark in _MARKS if first * 0.999 <= mark <= last * 1.001]
    named = {ends[0]: "always,\nfree", ends[1]: "never"} | {mark: span(mark) for mark in inside}
    axes.xaxis.set_major_locator(FixedLocator(sorted(named)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: named[min(named, key=lambda at: abs(at - value))]))
    axes.tick_params(axis="x", labelbottom=labels)
    for edge, inner in ((ends[0], first), (ends[1], last)):
        axes.axvline(np.sqrt(edge * inner), color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0.8)


def _costs(
    axes: Axes, curves: Sequence[Saving], on_demand: Estimate, look: Sequence[Look], ends: tuple[float, float]
) -> None:
    other = on_demand.value or np.nan
    beyond = [each.value for curve in curves for each in (curve.always, curve.never) if each.value is not None]
    values = np.concatenate([*(curve.usd[0] for curve in curves), np.array([other, *beyond])])
    log = spans_decade(values)
    ticks(axes, "y", *limits(values, log, 0.1, 0.06), log=log)
    if log:
        low, high = axes.get_ylim()
        axes.yaxis.set_major_locator(FixedLocator([each for each in _ROUND if low <= each <= high]))
    _dress(axes, ends, labels=False)
    axes.set_ylabel("USD a run", parse_math=False)
    room, labels = Room(axes), [End(ends[1], other, f"on-demand {usd(other)}", look[len(curves)])]
    axes.axhline(other, color=look[len(curves)].colour, linewidth=1.5, linestyle=(0, (5, 2)), label="on-demand")
    room.block_line(np.array(ends), np.array([other, other]))
    for curve, mine in zip(curves, look, strict=False):
        _curve(axes, curve, mine, ends)
        room.block_line(curve.interval_h, curve.usd[0])
        at = last_point(curve.interval_h, curve.usd[0])
        labels.append(End(*((ends[1], curve.never.value) if curve.never.value else at), curve.name, mine))
    label_ends(room, labels, SMALL_SIZE)
    write(axes, 1.02, 1.0, "nodes are taken back", transform=axes.transAxes, size=SMALL_SIZE, color=GREY, va="bottom")
    _minima(axes, curves, look, room.fraction(ends[0], other)[1])


def _curve(axes: Axes, curve: Saving, look: Look, ends: tuple[float, float]) -> None:
    """Draw one rate: line, band, the two edges, and the formula's interval."""
    axes.fill_between(curve.interval_h, curve.usd[1], curve.usd[2], color=look.colour, alpha=0.2, linewidth=0)
    form: dict[str, Any] = {"color": look.colour, "marker": look.marker}
    axes.plot(curve.interval_h, curve.usd[0], linewidth=1.6, markersize=3, label=curve.name, **form)
    for x, each, what in ((ends[0], curve.always, "always"), (ends[1], curve.never, "never")):
        if each.value is not None:
            if each.low is not None and each.high is not None:
                axes.plot([x, x], [each.low, each.high], color=look.colour, linewidth=3, alpha=0.3, label="_interval")
            axes.plot([x], [each.value], linestyle="none", markersize=5, label=f"{curve.name} {what}", **form)
    if curve.never.value is not None:
        x, y = last_point(curve.interval_h, curve.usd[0])
        beside: dict[str, Any] = {"linewidth": 0.9, "linestyle": (0, (1, 2.5)), "label": "_beside"}
        axes.plot([x, ends[1]], [y, curve.never.value], color=look.colour, **beside)
    if np.isfinite(curve.best_usd):
        pale: dict[str, Any] = {"color": "white", "markeredgecolor": INK, "markeredgewidth": 1.1, "linestyle": "none"}
        axes.plot(
            [curve.best_h], [curve.best_usd], marker="D", markersize=6, zorder=6, label=f"{curve.name} formula", **pale
        )


def _minima(axes: Axes, curves: Sequence[Saving], look: Sequence[Look], crowded: float) -> None:
    """Mark the cheapest interval of each rate; list them beside what the formula gives, clear of on-demand's line."""
    height, rows = axes.get_window_extent().height / axes.figure.dpi * 72, len(curves) + 1
    step = 1.45 * SMALL_SIZE / height
    top = 0.99 if crowded < 0.98 - rows * step or crowded > 0.99 else crowded - 0.03
    over: dict[str, Any] = {"transform": axes.transAxes, "va": "top", "size": SMALL_SIZE}
    for text, x in (
        ("taken back", _COLUMNS[0]),
        ("cheapest \u25cb", _COLUMNS[1]),
        ("by formula \u25c7", _COLUMNS[2]),
    ):
        write(axes, x, top, text, **{**over, "color": GREY})
    for k, (curve, mine) in enumerate(zip(curves, look, strict=False)):
        at, cost = float(curve.interval_h[curve.least]), float(curve.usd[0, curve.least])
        axes.plot(
            [at], [cost], "o", markersize=10, color="none", markeredgecolor=INK, zorder=5, label=f"{curve.name} least"
        )
        y = top - (k + 1) * step
        spot: dict[str, Any] = {"transform": axes.transAxes, "color": mine.colour, "linestyle": "none", "markersize": 5}
        axes.plot([_COLUMNS[0] - 0.015], [y - 0.4 * step], marker=mine.marker, label="_key", **spot)
        best = span(curve.best_h) if np.isfinite(curve.best_h) else "none"
        for text, x in zip((curve.name, f"{usd(cost)} USD, every {span(at)}", f"every {best}"), _COLUMNS, strict=True):
            write(axes, x, y, text, **over)


def _shares(axes: Axes, curves: Sequence[Saving], look: Sequence[Look], ends: tuple[float, float]) -> None:
    """Draw which part of the paid time is lost, and which goes into saving and loading."""
    most = max(float(np.nanmax(np.concatenate([curve.lost, curve.saving]))) for curve in curves)
    ticks(axes, "y", 0, 112 * most, log=False, most=5)
    _dress(axes, ends, labels=True)
    axes.set_ylabel("% of paid GPU time", parse_math=False)
    room, labels = Room(axes), []
    for curve, mine in zip(curves, look, strict=False):
        form: dict[str, Any] = {"color": mine.colour, "marker": mine.marker, "markersize": 2.5, "linewidth": 1.4}
        lost, saving = 100 * curve.lost, 100 * curve.saving
        axes.plot(curve.interval_h, lost, label=f"{curve.name} lost", **form)
        axes.plot(curve.interval_h, saving, linestyle=(0, (3, 1.5)), label=f"{curve.name} saving", **form)
        room.block_line(curve.interval_h, lost)
        room.block_line(curve.interval_h, saving)
        labels.append(End(*last_point(curve.interval_h, lost), curve.name, mine))
    label_ends(room, labels, SMALL_SIZE)
    for text, x, which in (("dashed: saving and loading", 0.12, "top"), ("whole line: work lost", 0.62, "top")):
        label = write(axes, 0, 0, text, size=SMALL_SIZE, color=GREY)
        room.put(label, [(at, y, "left", which) for y in (0.97, 0.85, 0.7, 0.55) for at in (x, x + 0.08, x + 0.16)])
