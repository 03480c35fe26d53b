"""The fan chart: what each strategy costs month by month, over all futures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from sim.ground.units import Floats
from sim.questions.charts.place import Room, near
from sim.questions.charts.sheet import WIDTH, sheet
from sim.questions.charts.style import GREY, INK, SMALL_SIZE, Look, in_money, limits, looks, theme, ticks, write
from sim.questions.charts.words import listed, plain, plan_word, rough, sentence, words, wrapped

_LEFT, _RIGHT, _GAP, _OVER, _HEIGHT, _STRIP, _UNDER = 0.8, 0.55, 0.3, 0.3, 3.2, 0.34, 0.55
"""Inches: beside and between the panels, over them, their height, an event above them, under them."""

_BANDS = {"p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}
_MOST = 3
_YEAR = 12
_FAR = 2.0
"""A budget so many times above all bands is told and not drawn."""


@dataclass(frozen=True)
class Fan:
    """What one strategy costs in each future and month, USD: float64[F, M]."""

    name: str
    cost: Floats


@dataclass(frozen=True)
class Happening:
    """Something that happens once: its month in each future, float64[F]; NaN where it does not."""

    name: str
    month: Floats


def fan_chart(
    fans: Sequence[Fan],
    happenings: Sequence[Happening] = (),
    *,
    strategies: Sequence[str] = (),
    budget_usd: float | None = None,
    note: str = "",
    source: str = "",
    title: str | None = None,
) -> Figure:
    """Draw what strategies cost month by month, over all futures.

    Parameters
    ----------
    fans : sequence of Fan
        One to three strategies, the best first: a panel each, on one scale.
    happenings : sequence of Happening
        Events, which all strategies share.
    strategies : sequence of str
        All strategies of the decision, so that each keeps its colour; those of ``fans`` if not given.
    budget_usd : float, optional
        For the whole span; drawn as what it leaves for a month.
    note, source : str
        More to say under the title; where the numbers come from.
    title : str, optional
        Instead of the finding that is computed.

    Returns
    -------
    Figure
        Line: median over futures; bands: half and nine tenths of the futures, month by month.
    """
    shown = list(fans)[:_MOST]
    look = looks(list(strategies) or [fan.name for fan in shown])
    met = [each for each in happenings if np.isfinite(each.month).any()]
    top = max(float(np.quantile(fan.cost, _BANDS["p95"], axis=0).max()) for fan in shown)
    monthly = None if budget_usd is None else budget_usd / shown[0].cost.shape[1]
    strip = _STRIP * len(met)
    with theme():
        lines = _reading(bool(met), monthly, top, note)
        page = sheet(title or fan_finding(shown), lines, source, _OVER + strip + _HEIGHT + _UNDER)
        width = (WIDTH - _LEFT - _RIGHT - _GAP * (len(shown) - 1)) / len(shown)
        for k, fan in enumerate(shown):
            left = _LEFT + k * (width + _GAP)
            axes = page.axes(left, WIDTH - left - width, _OVER + strip, _HEIGHT)
            _panel(axes, fan, look[fan.name], None if _far(monthly, top) else monthly, top, first=k == 0)
            if met:
                _strip(page.axes(left, WIDTH - left - width, _OVER, strip), met, axes.get_xlim(), say=k == 0)
            over = write(axes, 0.0, 1 + (strip + 0.08) / _HEIGHT, wrapped(_name(fan), int(width / 0.085), 1))
            over.set(transform=axes.transAxes, weight="bold", va="bottom")
        return page.figure


def _far(monthly: float | None, top: float) -> bool:
    """Tell whether a budget lies so far above all bands that drawing it would flatten them."""
    return monthly is not None and monthly > _FAR * top


def _reading(events: bool, monthly: float | None, top: float, note: str) -> str:
    """Say how to read the chart."""
    lines = ["Line: median over the futures; dark band: half of them, light band: 9 of 10, month by month."]
    lines += ["Above: when an event comes, if it does: median, and 9 of 10 futures."] if events else []
    if monthly is not None and _far(monthly, top):
        lines.append(f"The budget leaves {rough(monthly)} USD a month, above the scale.")
    return "\n".join([*lines, *([note] if note else [])])


def fan_finding(fans: Sequence[Fan]) -> str:
    """Say whose months differ least between futures: an average month of the last year in nine of ten futures.

    One month alone would not do: the last one bears what terms owe beyond the span.
    """
    spans = {_name(fan): np.quantile(fan.cost[:, -_YEAR:].mean(axis=1), [_BANDS["p5"], _BANDS["p95"]]) for fan in fans}
    ordered = sorted(spans, key=lambda name: float(np.ptp(spans[name])))
    widths = [rough(float(np.ptp(spans[name])), 2) for name in ordered]
    least = f"{ordered[0]} spreads least: " if len(fans) > 1 and widths[0] != widths[1] else ""
    month = "an average month" + (" of the last year" if fans[0].cost.shape[1] > _YEAR else "")
    first, *others = (f"{_span(*spans[name])}{' USD' * (k == 0)} with {name}" for k, name in enumerate(ordered))
    also = f"; {listed(others, 'and')}" if others else ""
    return sentence(f"{least}{month} costs, in 9 of 10 futures, {first}{also}")


def _span(low: float, high: float) -> str:
    return rough(high) if rough(low) == rough(high) else f"{rough(low)} to {rough(high)}"


def _name(fan: Fan) -> str:
    return plan_word(fan.name)


def _panel(axes: Axes, fan: Fan, look: Look, monthly: float | None, top: float, *, first: bool) -> None:
    """Draw the fan of one strategy."""
    months = fan.cost.shape[1]
    x = np.repeat(np.arange(months + 1) + 0.5, 2)[1:-1]  # a month is a stretch, its cost the height of a step
    rows = np.quantile(fan.cost, list(_BANDS.values()), axis=0)
    curves = dict(zip(_BANDS, np.repeat(rows, 2, axis=1), strict=True))
    lowest = min(0.0, float(curves["p5"].min()))
    reach = np.array([lowest, top, *([] if monthly is None else [monthly])])
    axes.set_xlim(0.5, months + 0.5)
    ticks(axes, "y", *limits(reach, False, 0.0, 0.12), log=False, most=7)
    every = 1 if months < 10 else 3 * -(-months // 18)
    axes.xaxis.set_major_locator(FixedLocator(list(range(every, months + 1, every))))
    axes.set_xlabel("month", parse_math=False)
    axes.tick_params(labelleft=first)
    unit = in_money(axes, "y", float(reach.max()))
    if first:
        axes.set_ylabel(f"{unit} a month", parse_math=False)
    for low, high, alpha in (("p5", "p95", 0.18), ("p25", "p75", 0.4)):
        axes.fill_between(x, curves[low], curves[high], color=look.colour, alpha=alpha, linewidth=0)
    for which, curve in curves.items():
        form: dict[str, Any] = {"linewidth": 2.0} if which == "p50" else {"linewidth": 0.6, "alpha": 0.7}
        axes.plot(x, curve, color=look.colour, label=f"{fan.name} {which}", **form)
    room = Room(axes)
    for curve in curves.values():
        room.block_line(x, curve)
    if monthly is not None:
        _budget(room, monthly, months, say=first)
    _ends(axes, x, curves)


def _budget(room: Room, monthly: float, months: int, *, say: bool) -> None:
    """Draw what the budget leaves for a month."""
    axes = room.axes
    axes.axhline(monthly, color=INK, linewidth=1.2, linestyle=(0, (6, 3)), label="budget")
    room.block_line(np.array([0.5, months + 0.5]), np.array([monthly, monthly]))
    if say:
        label = write(axes, 0, 0, f"budget: {rough(monthly)} a month", size=SMALL_SIZE)
        height = room.fraction(1, monthly)[1]
        room.put(label, [spot for share in (0.5, 0.4, 0.6, 0.3, 0.7) for spot in near(share, height)[:2]])


def _ends(axes: Axes, x: Floats, curves: dict[str, Floats]) -> None:
    """Name the curves at their ends: p95, p50, p5; those too close to another are left out."""
    low, high = axes.get_ylim()
    taken: list[float] = []
    for which in ("p50", "p95", "p5", "p75", "p25"):
        y = float(curves[which][-1])
        if all(abs(y - other) > 0.045 * (high - low) for other in taken):
            taken.append(y)
            text = write(axes, x[-1] + 0.01 * np.ptp(x), y, which, size=8.0, color=GREY, va="center")
            text.set_clip_on(False)


def _strip(axes: Axes, happenings: Sequence[Happening], span: tuple[float, float], *, say: bool) -> None:
    """Show over a panel when events happen: dot at the median, line over 9 of 10 futures in which they do."""
    axes.set_xlim(*span)
    axes.set_ylim(len(happenings) - 0.8, -0.8)
    axes.axis("off")
    for row, each in enumerate(happenings):
        known = each.month[np.isfinite(each.month)]
        low, middle, high = np.quantile(known, [0.05, 0.5, 0.95]) + 0.5
        axes.plot([low, high], [row, row], color=GREY, linewidth=1.6, label=f"{each.name} span")
        axes.plot([middle], [row], "o", color=INK, markersize=4, label=each.name)
        if say:
            share = len(known) / len(each.month)
            often = "" if share == 1 else f", in {plain(100 * share, 2)} % of the futures"
            write(axes, span[0], row - 0.18, f"{words(each.name)}{often}", size=8.0, color=GREY, va="bottom")
