"""The tornado: how far each uncertain input moves a cost by itself, and beside it what knowing the input is worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.ground.estimate import Estimate
from sim.questions.charts.place import inches
from sim.questions.charts.sheet import WIDTH, sheet
from sim.questions.charts.style import GREY, INK, SMALL_SIZE, in_money, limits, theme, ticks, write
from sim.questions.charts.words import plain, plan_word, rough, sentence, words, wrapped

_ROW, _OVER, _UNDER, _RIGHT, _WORTH, _GAP = 0.52, 0.34, 0.72, 0.3, 2.2, 0.3
"""Inches: a row, over and under the panels, right of them, the panel of worth, between the two."""

_LOW, _HIGH, _CASE = "#6B4423", "#E69F00", "#0072B2"
_LETTERS: Final = 27


@dataclass(frozen=True)
class Place:
    """Where an input is moved to: its value, the cost there in USD, and who is the cheapest there."""

    value: float | str | bool | None
    usd: float
    cheapest: str | None = None


@dataclass(frozen=True)
class Swing:
    """What one input does.

    Attributes
    ----------
    key : str
        Its dotted key.
    places : tuple of Place
        At its 10th and 90th percentile; or at each of its cases.
    cases : bool
        Whether the places are cases.
    worth : Estimate, optional
        USD of expected regret that knowing it would spare.
    share : float, optional
        Share of the variance of the cost that it makes, with all that it acts through (Sobol's total order).
    """

    key: str
    places: tuple[Place, ...]
    cases: bool = False
    worth: Estimate | None = None
    share: float | None = None

    @property
    def reach(self) -> float:
        """USD from the least to the greatest cost."""
        return max(each.usd for each in self.places) - min(each.usd for each in self.places)


def tornado(
    swings: Sequence[Swing],
    central_usd: float,
    cheapest: str | None,
    *,
    measure: str = "present value",
    note: str = "",
    source: str = "",
    title: str | None = None,
    most: int = 14,
) -> Figure:
    """Draw how far each uncertain input moves a cost by itself.

    Parameters
    ----------
    swings : sequence of Swing
        Of the inputs.
    central_usd : float
        The cost with all inputs central.
    cheapest : str or None
        Who is the cheapest there; a place where another one is, is marked.
    measure : str
        What is drawn: the axis is named by it.
    note, source : str
        More to say under the title; where the numbers come from.
    title : str, optional
        Instead of the finding that is computed.
    most : int
        So many inputs are drawn, those with the longest bars.

    Returns
    -------
    Figure
        A bar an input, the longest on top, with the input's values at its ends; on the right what knowing it is worth,
        where that is known.
    """
    ordered = sorted(swings, key=lambda swing: -swing.reach)
    shown = ordered[:most]
    told = any(swing.worth is not None for swing in shown)
    with theme():
        height = _ROW * max(1, len(shown))
        heading = title or tornado_finding(ordered, cheapest, measure)
        page = sheet(heading, _note(shown, len(ordered) - len(shown), note), source, _OVER + height + _UNDER)
        left = 0.3 + max([_width(swing) for swing in shown], default=1.0)
        right = _RIGHT + (_WORTH + _GAP if told else 0.0)
        _swings(page.axes(left, right, _OVER, height), shown, central_usd, cheapest, measure)
        if told:
            _worths(page.axes(WIDTH - _RIGHT - _WORTH, _RIGHT, _OVER, height), shown)
        return page.figure


def tornado_finding(swings: Sequence[Swing], cheapest: str | None, measure: str) -> str:
    """Say which input moves the cost most, whether any changes who is the cheapest, and which to measure first."""
    if not swings or swings[0].reach == 0:
        return f"No uncertain input moves the {measure}"
    most = swings[0]
    parts = [f"{_short(most.key)} moves the {measure} most, by {rough(most.reach)} USD"]
    flips = [swing for swing in swings if _flips(swing, cheapest)]
    if cheapest is not None:
        who = "no input" if not flips else _short(flips[0].key) if len(flips) == 1 else f"each of {len(flips)} inputs"
        parts.append(f"{who} alone can make another than {plan_word(cheapest)} the cheapest")
    worths = {swing.key: swing.worth.value for swing in swings if swing.worth is not None and swing.worth.value}
    if worths:
        best = max(worths, key=lambda key: worths[key])
        parts.append(f"knowing {_short(best)} is worth {rough(worths[best], 2)}")
    return sentence("; ".join(parts))


def _flips(swing: Swing, cheapest: str | None) -> bool:
    return any(place.cheapest not in (cheapest, None) for place in swing.places)


def _short(key: str) -> str:
    """Name a key by its last two parts: "percent a year (API)"."""
    *path, last = key.split(".")
    return f"{words(last)} ({words(path[-1])})" if path else words(last)


def _name(swing: Swing) -> tuple[str, str]:
    """Name a row: what the key is, and where it stands."""
    *path, last = swing.key.split(".")
    where = path[1:] if len(path) > 1 and path[0] in ("plans", "workload", "decision") else path
    return wrapped(words(last), _LETTERS, 1), wrapped(": ".join(words(part) for part in where), _LETTERS + 4, 1)


def _width(swing: Swing) -> float:
    name, where = _name(swing)
    return max(inches(name, 0.07, SMALL_SIZE), inches(where, 0.06, 8.0))


def _note(shown: Sequence[Swing], left_out: int, note: str) -> str:
    """Say how to read the chart."""
    reading = "Bar: one input from its 10th (brown) to its 90th percentile (orange), its values at the ends"
    reading += "; dots: its cases" if any(swing.cases for swing in shown) else ""
    reading += ".\nAll other inputs are central, and the noise is the same. Name at an end: who is the cheapest there"
    reading += f". {left_out} inputs with shorter bars are left out." if left_out else "."
    if any(swing.share is not None for swing in shown):
        reading += "\nOf spread: share of the variance that the input makes, with all that it acts through (Sobol)."
    return "\n".join([reading, *([note] if note else [])])


def _swings(axes: Axes, swings: Sequence[Swing], central_usd: float, cheapest: str | None, measure: str) -> None:
    """Draw the bars about the central cost."""
    reach = np.array([central_usd, *(place.usd for swing in swings for place in swing.places)])
    ticks(axes, "x", *limits(reach, False, *_margins(axes, swings, central_usd, cheapest)), log=False, most=5)
    _rows(axes, len(swings))
    axes.axvline(central_usd, color=INK, linewidth=1.0, label="central", zorder=3)
    axes.set_xlabel(f"{measure}, {in_money(axes, 'x', float(np.abs(reach).max()))}", parse_math=False)
    middle = write(axes, central_usd, -0.62, f"all central: {rough(central_usd)}", size=SMALL_SIZE, color=GREY)
    middle.set(ha="center", va="bottom")
    for row, swing in enumerate(swings):
        name, where = _name(swing)
        over = axes.get_yaxis_transform()
        write(axes, -0.02, row - 0.03, name, transform=over, size=SMALL_SIZE, ha="right", va="bottom")
        write(axes, -0.02, row + 0.03, where, transform=over, size=8.0, color=GREY, ha="right", va="top")
        (_cases if swing.cases else _bar)(axes, swing, row, central_usd)
        _ends(axes, swing, row, cheapest)


def _margins(axes: Axes, swings: Sequence[Swing], central_usd: float, cheapest: str | None) -> tuple[float, float]:
    """Leave room beside the bars for what stands there: values, and names of who else is the cheapest."""
    wide = [0.3, 0.3]
    for swing in swings:
        for place in swing.places:
            label = _value(place.value) if place.cheapest == cheapest else _beaten(place)
            right = place.usd > central_usd
            wide[right] = max(wide[right], 0.15 + inches(label, 0.065, SMALL_SIZE))
    bars = max(1.0, axes.get_window_extent().width / axes.figure.dpi - sum(wide))
    return wide[0] / bars, wide[1] / bars


def _beaten(place: Place) -> str:
    """Say who is the cheapest at a place."""
    return "none does the work" if place.cheapest is None else wrapped(f"cheapest: {plan_word(place.cheapest)}", 24, 1)


def _rows(axes: Axes, count: int) -> None:
    axes.set_ylim(count - 0.4, -0.6)
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)


def _bar(axes: Axes, swing: Swing, row: int, central_usd: float) -> None:
    """Draw the two halves of a bar, that of the 90th percentile hatched for print in grey."""
    for place, colour, hatch, which in zip(swing.places, (_LOW, _HIGH), ("", "////"), ("p10", "p90"), strict=False):
        width, label = place.usd - central_usd, f"{swing.key} {which}"
        looks: dict[str, Any] = {"color": colour, "hatch": hatch, "edgecolor": "white", "linewidth": 0, "alpha": 0.9}
        axes.barh([row], [width], left=central_usd, height=0.5, label=label, **looks)


def _cases(axes: Axes, swing: Swing, row: int, central_usd: float) -> None:
    """Draw a dot a case."""
    costs = [place.usd for place in swing.places]
    axes.plot([min(costs), max(costs)], [row, row], color=GREY, linewidth=1.4)
    axes.plot(costs, [row] * len(costs), "o", color=_CASE, markersize=6, linestyle="none", label=swing.key, zorder=4)


def _ends(axes: Axes, swing: Swing, row: int, cheapest: str | None) -> None:
    """Write the input's values at the outer places, with who is the cheapest there, where that is another one."""
    ordered = sorted(swing.places, key=lambda place: place.usd)
    step = 0.01 * (axes.get_xlim()[1] - axes.get_xlim()[0]) * (1.6 if swing.cases else 1.0)
    for place, side, shift in ((ordered[0], "right", -step), (ordered[-1], "left", step)):
        flipped = place.cheapest != cheapest
        text = write(axes, place.usd + shift, row - 0.14 * flipped, _value(place.value), size=SMALL_SIZE)
        text.set(ha=side, va="center")
        if flipped:
            label = write(axes, place.usd + shift, row + 0.22, _beaten(place), size=8.0, weight="bold")
            label.set(ha=side, va="center")


def _value(value: float | str | bool | None) -> str:
    """Write an input's value."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return wrapped(words(value), 18, 1) if isinstance(value, str) else plain(float(value))


def _worths(axes: Axes, swings: Sequence[Swing]) -> None:
    """Draw what knowing each input is worth."""
    known = [swing.worth for swing in swings if swing.worth is not None and swing.worth.value is not None]
    reach = np.array([0.0, *(float(end) for each in known for end in (each.value, each.high) if end is not None)])
    ticks(axes, "x", 0.0, float(reach.max()) * 1.8 or 1.0, log=False, most=3)
    _rows(axes, len(swings))
    axes.set_xlabel(f"worth of knowing it,\n{in_money(axes, 'x', float(reach.max()))}", parse_math=False)
    for row, swing in enumerate(swings):
        _worth(axes, swing, row)


def _worth(axes: Axes, swing: Swing, row: int) -> None:
    """Draw what knowing one input is worth, with its interval; write also its share of the variance."""
    worth = swing.worth
    if worth is None or worth.value is None:
        write(
            axes, 0.02, row, "not enough data", transform=axes.get_yaxis_transform(), size=8.0, color=GREY, va="center"
        )
        return
    axes.barh([row], [worth.value], height=0.5, color=GREY, alpha=0.8, label=f"{swing.key} worth")
    right = float(worth.value)
    if worth.low is not None and worth.high is not None:
        right = float(worth.high)
        axes.plot([worth.low, worth.high], [row, row], color="white", linewidth=3.2)
        axes.plot([worth.low, worth.high], [row, row], color=INK, linewidth=1.3, label=f"{swing.key} worth interval")
    share = "" if swing.share is None else f"\n{100 * max(0.0, swing.share):.0f} % of spread"
    step = 0.03 * axes.get_xlim()[1]
    write(axes, right + step, row, f"{rough(float(worth.value), 2)}{share}", size=8.0, va="center", linespacing=1.05)
