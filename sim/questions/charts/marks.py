"""Marks on a cost chart: breaks between plans, and figures that the results are held against."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes

from sim.ground.units import Floats
from sim.questions.charts.finding import crossing
from sim.questions.charts.place import Room, Spot, around_point, leader
from sim.questions.charts.reading import Sweep
from sim.questions.charts.style import GREY, INK, SMALL_SIZE, write
from sim.questions.charts.words import around, key_words, listed, plan_word, wrapped

Point = tuple[float, float, str]
"""Value of the swept key, USD, what it is."""
Strip = tuple[float, float, str]
"""USD from, USD to, what it is."""

_MOST_NAMED = 5
_PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85}


def mark_break_evens(
    axes: Axes,
    sweep: Sweep,
    job_class: str,
    plans: Sequence[str],
    room: Room,
    curve: Callable[[str], Floats] | None = None,
    against: str | None = None,
) -> None:
    """Mark where two plans cost the same, with the interval of that.

    ``curve`` tells what is drawn of a plan; ``against`` keeps to the pairs that one plan is part of.
    """
    unit = key_words(sweep.grid.scenario, sweep.key)[1]
    drawn = curve or (lambda plan: sweep.cost(plan, job_class, "mean"))
    pairs = [(a, b) for i, a in enumerate(plans) for b in plans[i + 1 :] if against in (None, a, b)]
    found = [(a, b, at) for a, b in pairs if (at := crossing(sweep, a, b)) is not None]
    alike: dict[tuple[str, str], list[str]] = {}  # plans that meet another at the same place share a label
    for a, b, at in sorted(found, key=lambda each: each[2].value or 0.0):
        value = at.value or 0.0
        if (around(at, unit), b) not in alike:
            _break_even_line(axes, value, at.low, at.high)
        if len(sweep.grid.scenario.workload) == 1:  # the bills of several classes cross elsewhere than one class's cost
            y = room.height(value, sweep.x, drawn(a))
            axes.plot([value], [y], marker="o", markersize=7, color=INK, fillstyle="none", linestyle="none", zorder=5)
        alike.setdefault((around(at, unit), b), []).append(plan_word(a))
    places = {(around(at, unit), b): at.value or 0.0 for _, b, at in found}
    for (where, b), names in list(alike.items())[:_MOST_NAMED]:
        pair = f"{listed(names, 'and')} = {plan_word(b)}"
        text = f"{wrapped(pair, 34, 4)}\nat {where}"
        label = write(axes, 0, 0, text, size=SMALL_SIZE, linespacing=1.2, zorder=6, bbox=_PAPER)
        room.put(label, _beside(room.fraction(places[where, b], axes.get_ylim()[1])[0]))


def _break_even_line(axes: Axes, value: float, low: float | None, high: float | None) -> None:
    if low is not None and high is not None:
        axes.axvspan(low, high, color=GREY, alpha=0.15, linewidth=0, zorder=0.9)
    axes.axvline(value, color=INK, linewidth=0.8, linestyle=(0, (1, 1.5)), zorder=1)


def _beside(x: float) -> list[Spot]:
    """List places along a vertical line, from the top down, on either side."""
    rows = [0.98 - 0.04 * k for k in range(20)]
    sides = [(x + 0.012, "left"), (x - 0.012, "right")]
    return [(place, y, ha, "top") for y in rows for place, ha in (sides if x < 0.5 else sides[::-1])]


def mark_points(axes: Axes, points: Sequence[Point], room: Room) -> None:
    """Mark single figures that the results are held against."""
    for x, usd, text in points:
        axes.plot([x], [usd], marker="*", markersize=13, color="white", markeredgecolor=INK, linestyle="none", zorder=7)
        label = write(axes, 0, 0, wrapped(text, 34, 4), size=SMALL_SIZE, linespacing=1.2, zorder=6, bbox=_PAPER)
        room.put(label, around_point(*room.fraction(x, usd)))
        leader(axes, label, x, usd)


def mark_strips(axes: Axes, strips: Sequence[Strip], room: Room) -> None:
    """Mark ranges of USD that the results are held against."""
    for low, high, text in strips:
        axes.axhspan(low, high, color=GREY, alpha=0.13, linewidth=0, zorder=0.7)
        for edge in (low, high):
            axes.axhline(edge, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), zorder=0.8)
        label = write(axes, 0, 0, text, size=SMALL_SIZE, zorder=6, bbox=_PAPER)
        top, bottom = room.fraction(1, high)[1], room.fraction(1, low)[1]
        rows = [(top + d, "bottom") for d in (0.01, 0.03, 0.05, 0.08)] + [(bottom - d, "top") for d in (0.01, 0.03)]
        rows += [((top + bottom) / 2, "center"), (top - 0.01, "top"), (bottom + 0.01, "bottom")]
        room.put(label, [(x, y, "left", va) for y, va in rows for x in (0.01, 0.2, 0.4)])
