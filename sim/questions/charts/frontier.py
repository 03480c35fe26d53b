"""Which plan is the cheapest over two swept numbers, as a map: colours, names, borders, and how sure it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from sim.ground.estimate import Estimate
from sim.ground.units import Floats, Ticks
from sim.questions.charts.finding import crossing
from sim.questions.charts.place import Room
from sim.questions.charts.reading import Bools, GridLike, Sweep, focus, pick_plans
from sim.questions.charts.regions import edges, is_even, tint, write_names
from sim.questions.charts.sheet import sheet
from sim.questions.charts.style import GREY, INK, SMALL_SIZE, looks, theme, write
from sim.questions.charts.words import key_words, plain, plan_word, provenance, sentence

_LEFT, _RIGHT, _OVER, _HEIGHT, _UNDER = 0.8, 0.3, 0.62, 4.3, 0.6
"""Inches: left and right of the map, above it, its height, below it."""

SURE: Final = 0.9
"""Share of paths on which a plan must be the cheapest to be called so without doubt."""

_LIGHTNESS: Final = (0.72, 0.87, 0.79, 0.62, 0.94, 0.55, 0.83, 0.68)
"""Of the fills, by the place of a plan in its file: told apart in grey print, and light enough for type."""

_TIMES: Final = (2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 50.0, 70.0, 100.0, 200.0, 500.0, 1000.0)
_APART: Final = 0.045
"""Least share of the width between two labels above the map."""


class PathsLike(Protocol):
    """One cell of a row: its result, and each plan's bill on every path."""

    @property
    def at(self) -> dict[str, Any]: ...  # noqa: D102
    @property
    def result(self) -> dict[str, Any]: ...  # noqa: D102
    @property
    def bills(self) -> Mapping[str, Floats]: ...  # noqa: D102


class RowLike(GridLike, Protocol):
    """A grid along one swept number, with the bills of its paths."""

    @property
    def cells(self) -> Sequence[PathsLike]: ...  # noqa: D102


@dataclass(frozen=True)
class Border:
    """Where two plans that are cheapest beside each other cost the same: the break-even of each row."""

    plans: tuple[str, str]
    rows: tuple[int, ...]
    at: tuple[Estimate, ...]


@dataclass(frozen=True)
class Frontier:
    """Who is the cheapest in each cell.

    Attributes
    ----------
    sweeps : tuple of Sweep
        The rows, from the least value of the second number up.
    y : float64[rows]
        Its values.
    plans : tuple of str
        Who is compared.
    winner : int64[rows, columns]
        Number of the cheapest plan that does the work; -1 where none does.
    probability : float64[rows, columns]
        Share of the paths on which that plan is the cheapest of those that do the work.
    """

    sweeps: tuple[Sweep, ...]
    y: Floats
    plans: tuple[str, ...]
    winner: Ticks
    probability: Floats

    @classmethod
    def of(cls, rows: Mapping[float, RowLike], plans: Sequence[str] | None = None) -> "Frontier":
        """Find the cheapest plan of every cell.

        Parameters
        ----------
        rows : mapping of float to grid
            A grid along the first number at each value of the second.
        plans : sequence of str, optional
            Who is compared; all if not given.
        """
        y = sorted(rows)
        sweeps = tuple(Sweep.of(rows[value]) for value in y)
        shown = pick_plans(sweeps[0].grid.scenario, plans)
        winner = np.full((len(y), len(sweeps[0].x)), -1, dtype=np.int64)
        probability = np.full(winner.shape, np.nan)
        for i, value in enumerate(y):
            key = sweeps[i].key
            for j, cell in enumerate(sorted(rows[value].cells, key=lambda each: float(each.at[key]))):
                fit = [plan for plan in shown if cell.result["plans"][plan]["eligible"]]
                if fit:
                    bills = np.array([cell.bills[plan] for plan in fit])
                    best = int(bills.mean(axis=1).argmin())
                    least = bills <= bills.min(axis=0) * (1 + 1e-12)
                    winner[i, j] = shown.index(fit[best])
                    probability[i, j] = float((least / least.sum(axis=0))[best].mean())
        return cls(sweeps, np.array(y, dtype=np.float64), tuple(shown), winner, probability)

    @property
    def x(self) -> Floats:
        """Values of the first number."""
        return self.sweeps[0].x

    def unfit(self, plan: str) -> Bools:
        """Where a plan does not do the work."""
        return np.array([~sweep.eligible(plan) for sweep in self.sweeps])

    def best(self) -> Floats:
        """USD of the cheapest bill in each cell; NaN where no plan does the work."""
        bills = np.array([[sweep.bill(plan) for sweep in self.sweeps] for plan in self.plans])
        rows, columns = np.indices(self.winner.shape)
        return np.where(self.winner >= 0, bills[self.winner, rows, columns], np.nan)

    def times(self, plan: str, fixed: float = 0.0) -> Floats:
        """How many times dearer a plan that is not compared could be and cost as much as the cheapest.

        ``fixed`` is the part of its bill in USD that would stay as it is.
        """
        bills = np.array([sweep.bill(plan) for sweep in self.sweeps])
        return np.asarray((self.best() - fixed) / (bills - fixed))

    def borders(self) -> list[Border]:
        """Find where plans that are cheapest beside each other cost the same."""
        found: dict[tuple[str, str], list[tuple[int, Estimate]]] = {}
        for i, sweep in enumerate(self.sweeps):
            row = self.winner[i]
            for j in np.flatnonzero(row[1:] != row[:-1]):
                if min(row[j], row[j + 1]) < 0:
                    continue
                pair = (self.plans[row[j]], self.plans[row[j + 1]])
                at = crossing(sweep, *pair)
                if at is not None and at.value is not None and self.x[j] <= at.value <= self.x[j + 1]:
                    found.setdefault(pair, []).append((i, at))
        return [Border(pair, tuple(i for i, _ in each), tuple(at for _, at in each)) for pair, each in found.items()]


def frontier(
    rows: Mapping[float, RowLike],
    key: str,
    *,
    plans: Sequence[str] | None = None,
    api: str | None = None,
    note: str = "",
    title: str | None = None,
) -> Figure:
    """Draw which plan is the cheapest over two swept numbers.

    Parameters
    ----------
    rows : mapping of float to grid
        What ``sim.sweep`` returned along the first number, at each value of the second.
    key : str
        What the second number is called.
    plans : sequence of str, optional
        Who is compared; all if not given.
    api : str, optional
        A plan paid by use that is not compared: dotted lines tell how many times dearer it could be.
    note : str
        More to say under the title.
    title : str, optional
        Instead of the finding that is computed.

    Returns
    -------
    Figure
        Cells coloured by the cheapest plan that does the work, its name in each region; circles where it is so on less
        than 90 % of the paths; hatched where the first held plan does not do the work; lines of equal bills.
    """
    found = Frontier.of(rows, plans)
    with theme():
        return _draw(found, key, api, note, title or frontier_finding(found, key))


def frontier_finding(found: Frontier, key: str) -> str:
    """Say how far the plan that is cheapest at the lower left stays so, and in which rows it always is."""
    first = int(found.winner[0, 0])
    if first < 0 or (found.winner == first).all():
        name = plan_word(found.plans[first]) if first >= 0 else "no plan"
        return sentence(f"{name} is the cheapest plan that does the work in every cell")
    name = plan_word(found.plans[first])
    unit = key_words(found.sweeps[0].grid.scenario, found.sweeps[0].key)[1]
    reach = np.array([_reach(found, i, first) for i in range(len(found.y))])
    whole = (found.winner == first).all(axis=1)
    if not whole[-1]:
        ends = sorted({plain(float(reach.min())), plain(float(reach.max()))}, key=float)
        return sentence(f"{name} is the cheapest below {' to '.join(ends)}{unit}, by {key}")
    start = found.y[len(whole) - int(np.argmin(whole[::-1]))]
    least = plain(float(reach.min()))
    most = plain(float(found.x[-1]))
    return sentence(
        f"{name} is the cheapest below {least}{unit} whatever the {key}, "
        f"and up to {most} where it is {plain(start)} or more"
    )


def _reach(found: Frontier, i: int, plan: int) -> float:
    """Find up to which value of the first number a plan wins in a row: to a break-even, else between two cells."""
    lost = np.flatnonzero(found.winner[i] != plan)
    if not len(lost):
        return float(found.x[-1])
    if lost[0] == 0:
        return float(found.x[0])
    low, high = float(found.x[lost[0] - 1]), float(found.x[lost[0]])
    for border in found.borders():
        for row, at in zip(border.rows, border.at, strict=True):
            if row == i and border.plans[0] == found.plans[plan] and low <= (at.value or 0.0) <= high:
                return float(at.value or 0.0)
    return high


def _draw(found: Frontier, key: str, api: str | None, note: str, title: str) -> Figure:
    scenario = found.sweeps[0].grid.scenario
    held = focus(scenario, found.plans)
    hatched = found.unfit(held) if scenario.plans[held].nodes else np.zeros(found.winner.shape, np.bool_)
    lines = [_note(found, held if hatched.any() else "", api), *([note] if note else [])]
    source = provenance(found.sweeps[0].results[0])
    page = sheet(title, "\n".join(lines), source, _OVER + _HEIGHT + _UNDER)
    axes = page.axes(_LEFT, _RIGHT, _OVER, _HEIGHT)
    x, y = edges(found.x), edges(found.y)
    _scales(axes, found, x, y, key)
    _fill(axes, found, hatched, x, y)
    _outline(axes, found, x, y)
    room = Room(axes)
    _doubts(axes, found, room)
    _borders(axes, found, room)
    if api is not None:
        _multiples(axes, found, api, x, y)
    write_names(found.winner, found.plans, room, x, y)
    return page.figure


def _fill(axes: Axes, found: Frontier, hatched: Bools, x: Floats, y: Floats) -> None:
    """Colour each cell by its winner, and hatch some."""
    fills = [tint(look.colour, _LIGHTNESS[k % 8]) for k, look in enumerate(looks(found.plans).values())]
    for i, j in np.ndindex(found.winner.shape):
        fill = fills[found.winner[i, j]] if found.winner[i, j] >= 0 else (1.0, 1.0, 1.0)
        corner = float(x[j]), float(y[i])
        size = float(x[j + 1] - x[j]), float(y[i + 1] - y[i])
        axes.add_patch(Rectangle(corner, *size, facecolor=fill, edgecolor=fill, linewidth=0.3, zorder=0.6))
        if hatched[i, j]:
            look: dict[str, Any] = {"facecolor": "none", "edgecolor": "#8a8a8a", "hatch": "///", "linewidth": 0}
            axes.add_patch(Rectangle(corner, *size, zorder=0.7, **look))


def _note(found: Frontier, held: str, api: str | None) -> str:
    """Say how to read the map."""
    rules = found.sweeps[0].grid.scenario.equal_work
    level = f" with 95 % of the jobs started within {rules.wait_p95_hours:g} h" if rules.wait_p95_hours else ""
    parts = [f"Colour: the cheapest plan{level}."]
    parts += [f"Hatched: {plan_word(held)} does not reach that."] if held else []
    parts += ["Thick line: two plans cost the same; bar: interval."] if found.borders() else []
    doubt = bool((found.probability < SURE).any())
    parts += [f"Circle: it is the cheapest on less than {100 * SURE:.0f} % of the paths."] if doubt else []
    if api is not None:
        parts += [f"Dotted: {plan_word(api)}, at its price so many times over, would cost the same as the cheapest."]
    return " ".join(parts)


def _scales(axes: Axes, found: Frontier, x: Floats, y: Floats, key: str) -> None:
    """Set both axes up, labelled at the cells."""
    axes.set_xscale("linear" if is_even(found.x) else "log")
    axes.set_yscale("linear" if is_even(found.y) else "log")
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[0], y[-1])
    for axis, values in ((axes.xaxis, found.x), (axes.yaxis, found.y)):
        axis.set_major_locator(FixedLocator([float(value) for value in values]))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    axes.grid(visible=False)
    axes.set_xlabel(key_words(found.sweeps[0].grid.scenario, found.sweeps[0].key)[0], parse_math=False)
    axes.set_ylabel(key, parse_math=False)


def _outline(axes: Axes, found: Frontier, x: Floats, y: Floats) -> None:
    """Draw thin lines between cells of different plans."""
    look: dict[str, Any] = {"color": "white", "linewidth": 1.6, "zorder": 0.9, "solid_capstyle": "butt"}
    for i, j in np.ndindex(found.winner.shape):
        if j and found.winner[i, j] != found.winner[i, j - 1]:
            axes.plot([x[j], x[j]], [y[i], y[i + 1]], **look)
        if i and found.winner[i, j] != found.winner[i - 1, j]:
            axes.plot([x[j], x[j + 1]], [y[i], y[i]], **look)


def _doubts(axes: Axes, found: Frontier, room: Room) -> None:
    """Mark the cells whose winner is not sure."""
    for i, j in zip(*np.nonzero(found.probability < SURE), strict=True):
        place = float(found.x[j]), float(found.y[i])
        axes.plot(*place, "o", markersize=6, color="white", markeredgecolor=INK, zorder=5, label="doubt")
        room.block_point(*place, 7.0)


def _borders(axes: Axes, found: Frontier, room: Room) -> None:
    """Draw where neighbours cost the same: through the break-evens of rows that follow each other."""
    for border in found.borders():
        value = np.array([at.value for at in border.at], dtype=np.float64)
        label = f"{border.plans[0]} = {border.plans[1]}"
        places = np.full(len(found.y), np.nan)
        places[list(border.rows)] = value
        axes.plot(places, found.y, color=INK, linewidth=2.2, marker=".", zorder=3, label=label)
        for row, at in zip(border.rows, border.at, strict=True):
            if at.low is not None and at.high is not None:
                axes.plot([at.low, at.high], [found.y[row]] * 2, color=INK, linewidth=1.0, marker="|", zorder=3)
        room.block_line(places, found.y)


def _multiples(axes: Axes, found: Frontier, api: str, x: Floats, y: Floats) -> None:
    """Draw how many times dearer the API could be, and say so above the map."""
    times = found.times(api)
    known = times[np.isfinite(times)]
    levels = [level for level in _TIMES if known.min() < level < known.max()] if len(known) else []
    if not levels or min(times.shape) < 2:
        return
    # up to the edges of the map, as it is in the last cells
    across = np.concatenate([[x[0]], found.x, [x[-1]]])
    upward = np.concatenate([[y[0]], found.y, [y[-1]]])
    whole = np.pad(times, 1, mode="edge")
    axes.contour(across, upward, whole, levels=levels, colors=INK, linewidths=0.9, linestyles="dotted", zorder=2)
    over = axes.get_xaxis_transform()
    row, last = whole[-1], -1.0
    for level in levels[::-1]:
        for j in np.flatnonzero((row[1:] - level) * (row[:-1] - level) < 0)[:1]:
            share = (level - row[j]) / (row[j + 1] - row[j])
            at = float(across[j] + share * (across[j + 1] - across[j]))
            place = float(axes.transAxes.inverted().transform(axes.transData.transform((at, y[0])))[0])
            if abs(place - last) < _APART:
                continue
            last = place
            write(axes, at, 1.01, f"{level:g}x", transform=over, ha="center", va="bottom", size=SMALL_SIZE)
    text = f"{plan_word(api)} at so many times its price costs the same"
    write(axes, 0.5, 1.07, text, transform=axes.transAxes, ha="center", va="bottom", size=SMALL_SIZE, color=GREY)
