"""Where two plans cost the same over two numbers, as a curve with its band; the sides named by who is cheaper."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.ground.scenario import Scenario
from sim.questions.charts.place import Room, extent
from sim.questions.charts.regions import PAPER, tint
from sim.questions.charts.sheet import sheet
from sim.questions.charts.style import GREY, INK, SMALL_SIZE, TEXT_SIZE, looks, theme, ticks, write
from sim.questions.charts.words import key_words, plain, plan_word, provenance, sentence, wrapped

_LEFT, _RIGHT, _OVER, _HEIGHT, _UNDER = 0.65, 0.3, 0.12, 4.3, 0.6
"""Inches: left and right of the map, above it, its height, below it."""

_LETTER: Final = 0.08
"""Inches of a letter of a tick's label."""

_LIGHTNESS: Final = (0.76, 0.9)
"""Of the two sides, told apart in grey print."""

Json = dict[str, Any]
Segment = tuple[float, float, str | None]
"""From where to where along a row, and who is cheaper; None where not both do the work or nobody surely is."""


def frontier_curve(scenario: Scenario, found: Json, title: str | None = None) -> Figure:
    """Draw where two plans cost the same over two numbers.

    Parameters
    ----------
    scenario : Scenario
        What was varied.
    found : dict
        The result of ``sim.frontier``.
    title : str, optional
        Instead of the finding that is computed.

    Returns
    -------
    Figure
        The first number to the right, the second upwards; the curve at which both plans cost the same with its
        interval, each side coloured and named by the cheaper plan, hatched where not both do the work.
    """
    with theme():
        note = _note(found)
        page = sheet(title or curve_finding(scenario, found), note, provenance(found), _OVER + _HEIGHT + _UNDER)
        letters = max(len(plain(value)) for value in found["y"]["values"])
        axes = page.axes(_LEFT + _LETTER * letters, _RIGHT, _OVER, _HEIGHT)
        _scales(axes, scenario, found)
        rows = [segments(row, *found["x"]["between"]) for row in found["rows"]]
        _fill(axes, scenario, found, rows)
        room = Room(axes)
        _curves(axes, found, room)
        _names(axes, found, rows, room)
        _stated(axes, found, room)
        return page.figure


def curve_finding(scenario: Scenario, found: Json) -> str:
    """Say how the crossing moves from the first row to the last, or who is cheaper where there is none."""
    x_unit = key_words(scenario, found["x"]["key"])[1]
    y_name = key_words(scenario, found["y"]["key"])[0]
    values = found["y"]["values"]
    if not found["branches"]:
        winners = {name for row in found["rows"] for name in _winners(row)}
        if len(winners) == 1:
            return sentence(f"{plan_word(winners.pop())} is the cheaper plan wherever both do the work")
        return "Nowhere do both plans do the work and cost the same"
    branch = max(found["branches"], key=lambda each: len(each["rows"]))
    below, above = (plan_word(branch["cheaper"][side]) for side in ("below", "above"))
    first, last = branch["at"][0].value, branch["at"][-1].value
    low, high = values[branch["rows"][0]], values[branch["rows"][-1]]
    start = f"{below} is cheaper than {above} below {plain(first)}{x_unit}"
    if len(branch["rows"]) == 1:
        return sentence(f"{start} where {y_name} is {plain(low)}")
    return sentence(f"{start} at {plain(low)} {y_name}, below {plain(last)} at {plain(high)}")


def _winners(row: Json) -> list[str]:
    return [end["cheaper"] for end in row["ends"] if end["cheaper"] is not None]


def segments(row: Json, low: float, high: float) -> list[Segment]:
    """Cut a row into stretches by who is cheaper.

    Parameters
    ----------
    row : dict
        One row of the result of ``sim.frontier``.
    low, high : float
        Ends of the range.
    """
    found: list[Segment] = []
    at = low
    for first, last in row["compared"]:
        if first > at:
            found.append((at, first, None))
        found += _of_stretch(row, first, last)
        at = last
    return [*found, (at, high, None)] if at < high else found


def _of_stretch(row: Json, first: float, last: float) -> list[Segment]:
    """Cut a stretch at which both plans do the work at its crossings."""
    inside = [each for each in row["crossings"] if first <= each["at"].value <= last]
    if not inside:
        return [(first, last, next((end["cheaper"] for end in row["ends"] if end["at"] == first), None))]
    cuts = [first, *(_boundary(each) for each in inside), last]
    names = [inside[0]["cheaper"]["below"], *(each["cheaper"]["above"] for each in inside)]
    return list(zip(cuts, cuts[1:], names, strict=False))


def _boundary(crossing: Json) -> float:
    """Take the place of a crossing; between two whole numbers the middle."""
    return float(np.mean(crossing["between"]) if crossing["kind"] == "between" else crossing["at"].value)


def _note(found: Json) -> str:
    """Say how to read the picture."""
    parts = ["Colour: the cheaper plan."]
    if found["branches"]:
        parts.append(f"Line: both cost the same; band: {100 * found['confidence']:g} % interval.")
    out = dict.fromkeys(each["plan"] for row in found["rows"] for each in row["left_out"])
    parts += [f"Hatched: {plan_word(name)} does not do the work." for name in out]
    return " ".join(parts)


def _scales(axes: Axes, scenario: Scenario, found: Json) -> None:
    """Set both axes up from end to end."""
    values = found["y"]["values"]
    steps = np.diff(values)
    log_y = values[0] > 0 and len(steps) > 1 and bool(np.ptp(steps) > 1e-6 * abs(steps).max())
    low, high = found["x"]["between"]
    ticks(axes, "x", low, high, log=found["x"]["log"])
    ticks(axes, "y", values[0], values[-1], log=log_y)
    axes.grid(visible=False)
    axes.set_xlabel(key_words(scenario, found["x"]["key"])[0], parse_math=False)
    axes.set_ylabel(wrapped(key_words(scenario, found["y"]["key"])[0], 56), parse_math=False)


def _fill(axes: Axes, scenario: Scenario, found: Json, rows: Sequence[Sequence[Segment]]) -> None:
    """Colour the sides: between rows cut alike by straight edges, else each row up to half-way."""
    colours = looks(list(scenario.plans))
    fills = {name: tint(colours[name].colour, _LIGHTNESS[k]) for k, name in enumerate(found["plans"])}
    y = found["y"]["values"]
    for i in range(len(rows) - 1):
        one, two = rows[i], rows[i + 1]
        if [name for *_, name in one] == [name for *_, name in two]:
            for (a, b, name), (c, d, _) in zip(one, two, strict=True):
                _patch(axes, [a, b, d, c], [y[i], y[i], y[i + 1], y[i + 1]], fills, name)
            continue
        half = float(axes.transData.inverted().transform((0, _middle(axes, y[i], y[i + 1])))[1])
        for row, low, high in ((one, y[i], half), (two, half, y[i + 1])):
            for a, b, name in row:
                _patch(axes, [a, b, b, a], [low, low, high, high], fills, name)


def _middle(axes: Axes, low: float, high: float) -> float:
    """Find the pixel half-way between two heights."""
    x = axes.get_xlim()[0]
    return float(np.mean([axes.transData.transform((x, y))[1] for y in (low, high)]))


def _patch(axes: Axes, x: list[float], y: list[float], fills: dict[str, Any], name: str | None) -> None:
    """Fill one piece of a side."""
    if name is None:
        axes.fill(x, y, facecolor="white", edgecolor="#8a8a8a", hatch="///", linewidth=0, zorder=0.6)
    else:
        axes.fill(x, y, facecolor=fills[name], edgecolor=fills[name], linewidth=0.4, zorder=0.5)


def _curves(axes: Axes, found: Json, room: Room) -> None:
    """Draw the curve with its band; a branch of one row as a bar."""
    y = found["y"]["values"]
    for branch in found["branches"]:
        heights = np.array([y[k] for k in branch["rows"]])
        at = np.array([[each.value, _or(each.low, each.value), _or(each.high, each.value)] for each in branch["at"]])
        axes.fill_betweenx(heights, at[:, 1], at[:, 2], color=INK, alpha=0.28, linewidth=0, zorder=2)
        for k, height in enumerate(heights):
            axes.plot(at[k, 1:], [height, height], color=INK, linewidth=1.0, marker="|", zorder=3, clip_on=False)
        label = f"{branch['cheaper']['below']} | {branch['cheaper']['above']}"
        axes.plot(at[:, 0], heights, color=INK, linewidth=2.2, marker=".", zorder=3, label=label, clip_on=False)
        room.block_line(at[:, 0], heights)


def _or(value: float | None, other: float) -> float:
    return other if value is None else value


def _names(axes: Axes, found: Json, rows: Sequence[Sequence[Segment]], room: Room) -> None:
    """Write who is cheaper into each side, where it is widest."""
    widest: dict[tuple[int, str], tuple[float, float, float]] = {}
    for i, row in enumerate(rows):
        for n, (a, b, name) in enumerate(row):
            left, height = room.fraction(a, found["y"]["values"][i])
            right = room.fraction(b, found["y"]["values"][i])[0]
            key = (n, name or "")
            inner = 0.02 + right - left - abs(height - 0.5) / 50
            if inner > widest.get(key, (0.0, 0.0, 0.0))[0]:
                widest[key] = (inner, (left + right) / 2, min(max(height, 0.06), 0.94))
    for (_, name), (width, middle, height) in sorted(widest.items(), key=lambda each: -each[1][0]):
        if not name:
            continue
        look: dict[str, Any] = {"size": TEXT_SIZE, "weight": "bold", "zorder": 6, "bbox": PAPER}
        text = write(axes, 0.5, 0.5, f"{plan_word(name)} is cheaper", transform=axes.transAxes, **look)
        if width * axes.get_window_extent().width < extent(text).width:
            text.set_text(plan_word(name))
        heights = sorted(np.linspace(0.06, 0.94, 12), key=lambda each: abs(each - height))
        room.put(text, [(middle, float(each), "center", "center") for each in heights])


def _stated(axes: Axes, found: Json, room: Room) -> None:
    """Mark where the scenario itself stands, if that is on the map."""
    at = [found[axis]["stated"] for axis in ("x", "y")]
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in at):
        return
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    if not (left <= at[0] <= right and bottom <= at[1] <= top):
        return
    axes.plot(at[0], at[1], "*", markersize=13, color="white", markeredgecolor=INK, zorder=7, clip_on=False)
    room.block_point(at[0], at[1], 8.0)
    text = write(axes, 0, 0, "the scenario", size=SMALL_SIZE, color=GREY, zorder=6, bbox=PAPER)
    x, y = room.fraction(at[0], at[1])
    moves = ((0.02, 0.0), (-0.02, 0.0), (0.02, 0.05), (0.02, -0.05), (-0.02, 0.05))
    room.put(
        text,
        [(x + dx, min(max(y + dy, 0.04), 0.96), "left" if dx > 0 else "right", "center") for dx, dy in moves],
    )
