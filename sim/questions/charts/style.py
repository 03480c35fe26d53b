"""How charts look: colours that survive grey print, type, grids, ticks in plain numbers. Not here: what is drawn."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from sim.ground.units import Floats
from sim.questions.charts.words import plain

INK: Final = "#222222"
GREY: Final = "#6b6b6b"
TITLE_SIZE, TEXT_SIZE, SMALL_SIZE = 13.0, 10.0, 9.0

_THEME: Final[dict[str, Any]] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],
    "font.size": TEXT_SIZE,
    "text.color": INK,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "hatch.color": "#bdbdbd",
    "hatch.linewidth": 0.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "fleetecon",
}
_LOCK: Final = threading.RLock()


@contextmanager
def theme() -> Iterator[None]:
    """Draw by this project's looks whatever the user's settings are; one thread at a time, for these are global."""
    with _LOCK, style.context(["default", _THEME]):
        yield


@dataclass(frozen=True)
class Look:
    """How one plan is told from others: colour, marker."""

    colour: str
    marker: str


# Okabe & Ito's colours, ordered so that neighbours differ in lightness; yellow, too pale on white, gives way to brown.
_LOOKS: Final = (
    Look("#0072B2", "o"),
    Look("#E69F00", "s"),
    Look("#000000", "^"),
    Look("#D55E00", "D"),
    Look("#56B4E9", "v"),
    Look("#6B4423", "P"),
    Look("#CC79A7", "X"),
    Look("#009E73", "<"),
)


def looks(plans: Sequence[str]) -> dict[str, Look]:
    """Give each plan of a scenario its look, by its place in the file."""
    return {plan: _LOOKS[k % len(_LOOKS)] for k, plan in enumerate(plans)}


def write(target: Axes | Figure, x: float, y: float, text: str, **looks_: Any) -> Text:
    """Write text as it stands: a $ or _ in it is no formula."""
    return target.text(x, y, text, **{"parse_math": False, "color": INK, **looks_})


def spans_decade(values: Floats, ratio: float = 3.0) -> bool:
    """Tell whether values are better read on a logarithmic axis: all positive and far enough apart."""
    known = values[np.isfinite(values)]
    return bool(len(known) and known.min() > 0 and known.max() / known.min() >= ratio)


def limits(values: Floats, log: bool, below: float = 0.05, above: float = 0.05) -> tuple[float, float]:
    """Find the ends of an axis around some values, with shares of their span left free below and above."""
    known = values[np.isfinite(values)]
    if log:
        known = np.log10(known[known > 0])
    if not len(known):
        return (1.0, 10.0) if log else (0.0, 1.0)
    low, high = float(known.min()), float(known.max())
    span = high - low or (0.3 if log else abs(high) or 1.0)
    low, high = low - below * span, high + above * span
    return (10.0**low, 10.0**high) if log else (low, high)


_MONEY: Final = ((1e6, "million USD"), (1e3, "thousand USD"))


def in_money(axes: Axes, which: str, most: float) -> str:
    """Label an axis of USD in thousands or millions where it reaches that far, and name the unit."""
    size, unit = next((each for each in _MONEY if most >= 10 * each[0]), (1.0, "USD"))
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value / size)))
    return unit


_STEPS: Final = ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,))


def ticks(axes: Axes, which: str, low: float, high: float, log: bool, most: int = 9) -> None:
    """Set the scale and ends of an axis and label it with plain numbers: 0.5, 1, 2, 5, 10."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    scale, how = ("log", {"nonpositive": "mask"}) if log else ("linear", {})
    if which == "x":
        axes.set_xscale(scale, **how)
        axes.set_xlim(low, high)
    else:
        axes.set_yscale(scale, **how)
        axes.set_ylim(low, high)
    locator: Any = MaxNLocator(most, steps=[1, 2, 2.5, 5, 10])
    if log:
        locator = FixedLocator(log_ticks(low, high, most))
    axis.set_major_locator(locator)
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Choose round numbers between two positive ends, at most so many where steps of decades allow it."""
    found: list[float] = []
    for steps in _STEPS:
        tried = LogLocator(subs=steps, numticks=50).tick_values(low, high)
        found = [float(value) for value in tried if low * 0.999 <= value <= high * 1.001]
        if len(found) <= most:
            break
    every = -(-len(found) // most) if found else 1
    found = found[::every]
    if len(found) >= 3:
        return found
    return [
        float(value)
        for value in MaxNLocator(max(2, most // 2), steps=[1, 2, 5, 10]).tick_values(low, high)
        if low <= value <= high
    ]
