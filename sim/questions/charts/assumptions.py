"""What a job costs under one assumption after another: at full utilization, and at the load that waits allow."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.ground.estimate import Estimate
from sim.questions.charts.marks import Strip
from sim.questions.charts.place import Room
from sim.questions.charts.reading import number
from sim.questions.charts.sheet import sheet
from sim.questions.charts.style import GREY, INK, SMALL_SIZE, limits, spans_decade, theme, ticks, write
from sim.questions.charts.words import sentence, usd, wrapped

Row = tuple[str, float | None, Estimate | None, str]
"""What is assumed, USD at full utilization, USD simulated, and what that rests on: measured, list price, assumed."""

_LEFT, _RIGHT, _ROW, _TOP, _BOTTOM = 3.8, 0.35, 0.56, 0.2, 0.55
_COLOUR = "#0072B2"


def cost_by_assumption(
    rows: Sequence[Row],
    strips: Sequence[Strip] = (),
    *,
    title: str | None = None,
    unit: str = "USD per run",
    load: str = "simulated at the highest load that meets the wait asked for",
    source: str = "",
) -> Figure:
    """Draw what a job costs under one assumption after another.

    Parameters
    ----------
    rows : sequence of (str, float or None, Estimate or None, str)
        What is assumed; USD at full utilization; USD as simulated, with its interval; and what the row rests on
        (``measured``, ``list price``, ``assumed``, with its source).
    strips : sequence of (float, float, str)
        Ranges to hold the rows against: USD from, USD to, what it is.
    title : str, optional
        Instead of the finding that is computed.
    unit : str
        What the axis counts.
    load : str
        Of what load the simulated figures speak.
    source : str
        Where the numbers come from.

    Returns
    -------
    Figure
        A row an assumption: hollow dot at full utilization, solid dot with its interval as simulated.
    """
    note = (
        f"Hollow: at full utilization, arithmetic. Solid: {load}; bar: its interval.\nBelow each row: what it rests on."
    )
    with theme():
        height = _ROW * max(1, len(rows))
        page = sheet(title or _finding(rows, strips), note, source, _TOP + height + _BOTTOM)
        axes = page.axes(_LEFT, _RIGHT, _TOP, height)
        _draw(axes, rows, strips, unit)
        return page.figure


def _best(row: Row) -> float:
    """Take the simulated figure, or that at full utilization where there is none."""
    simulated = np.nan if row[2] is None else number(row[2])
    return simulated if np.isfinite(simulated) else np.nan if row[1] is None else float(row[1])


def _finding(rows: Sequence[Row], strips: Sequence[Strip]) -> str:
    """Say how far the assumptions reach, and how many come down to what they are held against."""
    known = [(value, row[0]) for row in rows if np.isfinite(value := _best(row))]
    if not known:
        return "No cost is known under any of these assumptions"
    (low, least), (high, most) = min(known), max(known)
    if len(known) == 1:
        return f"{most}: {usd(high)} USD"
    span = f"from {usd(high)} USD ({most}) to {usd(low)} ({least})"
    if not strips:
        return sentence(span)
    level = strips[0][1]
    count = sum(value <= level for value, _ in known)
    return f"{count or 'None'} of {len(known)} cost at most {usd(level)} USD: {span}"


def _draw(axes: Axes, rows: Sequence[Row], strips: Sequence[Strip], unit: str) -> None:
    values = [[row[1], *((row[2].value, row[2].low, row[2].high) if row[2] else ())] for row in rows]
    reach = np.array(
        [v for each in values for v in each if v is not None] + [v for s in strips for v in s[:2]], dtype=np.float64
    )
    log = spans_decade(reach)
    ticks(axes, "x", *limits(reach, log, 0.06, 0.1), log=log)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(unit, parse_math=False)
    for low, high, text in strips:
        axes.axvspan(low, high, color=GREY, alpha=0.15, linewidth=0, zorder=0.5)
        middle = (low * high) ** 0.5 if log else (low + high) / 2
        label = write(axes, middle, 1.01, text, transform=axes.get_xaxis_transform(), size=SMALL_SIZE, color=GREY)
        label.set(ha="center", va="bottom")
    for k, row in enumerate(rows):
        _row(axes, row, len(rows) - 1.0 - k)


def _row(axes: Axes, row: Row, y: float) -> None:
    """Draw the dots of one assumption and write what it is and rests on."""
    label, full, simulated, basis = row
    over = axes.get_yaxis_transform()
    axes.axhline(y, color="#e4e4e4", linewidth=0.6, zorder=0.6)
    write(axes, -0.03, y + 0.02, wrapped(label, 50), transform=over, ha="right", va="bottom", size=SMALL_SIZE)
    write(axes, -0.03, y - 0.02, wrapped(basis, 60, 1), transform=over, ha="right", va="top", size=8, color=GREY)
    room = Room(axes)
    marks = []
    if full is not None:
        axes.plot([full], [y], "o", markersize=8, color="white", markeredgecolor=_COLOUR, label=f"{label} full")
        marks.append((float(full), float(full), GREY, 100.0))  # exact, so to the cent
    if simulated is not None and simulated.value is not None:
        low, high = (simulated.value if end is None else end for end in (simulated.low, simulated.high))
        axes.plot([low, high], [y, y], color=_COLOUR, linewidth=2, label=f"{label} interval")
        axes.plot([simulated.value], [y], "o", markersize=7, color=_COLOUR, label=f"{label} simulated")
        marks.append((float(simulated.value), float(high), INK, 20.0))
    for value, *_ in marks:
        room.block_point(value, y)
    for value, end, colour, cents_below in marks:
        x, height = room.fraction(end, y)
        text = write(axes, 0, 0, usd(value, cents_below), size=SMALL_SIZE, color=colour)
        step = 0.28 / (axes.get_ylim()[1] - axes.get_ylim()[0])
        room.put(text, [(x + 0.014, height, "left", "center"), (x, height + step, "center", "bottom")])
