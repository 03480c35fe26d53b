"""What the shape of demand does to a verdict: what replicas carry, where they beat an API, how late a wrong size is."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from sim.ground.estimate import Estimate
from sim.questions.charts.place import End, Room, label_ends, near
from sim.questions.charts.reading import number
from sim.questions.charts.sheet import WIDTH, sheet
from sim.questions.charts.style import GREY, INK, SMALL_SIZE, Look, limits, looks, theme, ticks, write
from sim.questions.charts.words import plain, sentence, usd

_LEFT, _MAIN, _BETWEEN, _SIDE, _OVER, _UPPER, _GAP, _ROW, _UNDER = 0.75, 5.2, 0.3, 2.6, 0.1, 3.1, 0.25, 0.47, 0.62
"""Inches: left of the panels, their widths and what is between; from the top down, a row of the lower ones."""

_WINS: Final = "#4d4d4d"
_TIMES: Final = {1.0: "1 s", 60.0: "1 min", 3600.0: "1 h"}


@dataclass(frozen=True)
class Carried:
    """One demand, and what replicas carry of it at the level.

    Attributes
    ----------
    name : str
        As it is said.
    rates : tuple of Estimate
        Mean requests a second that 1, 2, .. replicas carry.
    """

    name: str
    rates: tuple[Estimate, ...]

    def ends(self, which: str = "value") -> list[float]:
        """Give the rates, or one end of their intervals where it is known."""
        return [number(each) if (end := getattr(each, which)) is None else float(end) for each in self.rates]


@dataclass(frozen=True)
class Late:
    """One demand on a fleet that was sized for another.

    Attributes
    ----------
    name : str
        Of the demand.
    own_s, hybrid_s : Estimate
        Seconds within which 95 % have their first token: on the fleet alone, and with an API behind it.
    hybrid_usd : Estimate
        USD per million output tokens of the latter.
    api_share : Estimate
        Share of the requests that its API takes.
    """

    name: str
    own_s: Estimate
    hybrid_s: Estimate
    hybrid_usd: Estimate
    api_share: Estimate


def needed(rates: Sequence[float], rate: float) -> int | None:
    """Find the fewest replicas that carry a rate; None where it is more than was tried."""
    return next((count for count, most in enumerate(rates, 1) if most >= rate), None)


def cheaper(rates: Sequence[float], even: float, most: float) -> list[tuple[float, float, int]]:
    """Find the rates at which the fewest replicas that do the work cost less than the API.

    Parameters
    ----------
    rates : sequence of float
        What 1, 2, .. replicas carry.
    even : float
        Rate from which on one replica costs less than the API.
    most : float
        Rate to look up to.

    Returns
    -------
    list of (float, float, int)
        From, up to, with how many replicas.
    """
    found = []
    for count, (before, reach) in enumerate(pairwise([0.0, *rates]), 1):
        low, high = max(before, even * count), min(reach, most)
        if low < high:
            found.append((low, high, count))
    return found


def for_good(rates: Sequence[float], even: float, most: float) -> float | None:
    """Find the rate from which on the fewest replicas stay cheaper than the API; None where some higher rate is not.

    Another replica is dear until it is used: it must be cheaper from its first request on, beyond ``most`` too.
    """
    last = needed(rates, most)
    if last is None or rates[last - 1] < even * (last + 1):
        return None
    starts = (even * count for count in range(last, 0, -1) if count == 1 or even * count > rates[count - 2])
    return next(starts)


def won(rates: Sequence[float], even: float, most: float) -> float:
    """Tell at which share of the rates up to some rate the fewest replicas cost less than the API."""
    return sum(high - low for low, high, _ in cheaper(rates, even, most)) / most


def demand_finding(demands: Sequence[Carried], late: Sequence[Late], *, even: float, most: float) -> str:
    """Say what the first demand's verdict is worth under the others.

    Parameters
    ----------
    demands : sequence of Carried
        The first is the one that others are held against.
    late : sequence of Late
        Each demand on the fleet that the first needs; the last but one is told.
    even, most : float
        Requests a second: from which on one replica beats the API, and up to which it was looked.
    """
    first, *others = demands
    told = [f"by {first.name} demand own replicas beat the API {_where(first, even, most)} requests/s"]
    told += [f"with {each.name} {_where(each, even, most)}" for each in others[-3:]]
    return sentence(
        f"{', '.join(told)}; a fleet sized by {first.name} then has a TTFT p95 of {duration(number(late[-2].own_s))}"
    )


def _where(each: Carried, even: float, most: float) -> str:
    """Say at which rates a demand's replicas beat the API."""
    at, share = for_good(each.ends(), even, most), won(each.ends(), even, most)
    if at is not None:
        return f"above {plain(at, 2)}"
    return f"at {100 * share:.0f} % of the rates up to {plain(most)}" if share else "at none"


def demand_verdicts(
    demands: Sequence[Carried],
    late: Sequence[Late],
    *,
    usd_per_replica: float,
    api_usd: float,
    most: float,
    rate: float,
    fleet: int,
    level_s: float,
    note: str = "",
    source: str = "",
    title: str,
) -> Figure:
    """Draw what tokens cost on replicas that carry what they can, where they beat an API, and how late a wrong size is.

    Parameters
    ----------
    demands : sequence of Carried
        What 1, 2, .. replicas carry of each demand.
    late : sequence of Late
        The same demands on the fleet that the first of them needs, in the same order.
    usd_per_replica : float
        USD per million output tokens of one replica at one request a second.
    api_usd : float
        USD per million output tokens at the API.
    most : float
        Requests a second up to which rates are drawn.
    rate, fleet : float, int
        Requests a second that come to how many replicas in ``late``.
    level_s : float
        Seconds within which 95 % of the first tokens must come.
    note, source : str
        More to say under the title; where the numbers come from.
    title : str
        The finding (``demand_finding``).
    """
    told = (
        "Above: a mark is a fleet of 1, 2, .. replicas at the most that it carries with TTFT p95 within "
        f"{level_s:g} s; bar: 95 % interval.\nBelow left: how many a mean rate needs; dark where they cost less than "
        "the API. Right: each demand on one fleet; ring: API behind it."
    )
    height = _ROW * len(demands)
    with theme():
        body = _OVER + _UPPER + _GAP + height + _UNDER
        page = sheet(title, "\n".join([told, *([note] if note else [])]), source, body)
        look = list(looks([each.name for each in demands]).values())
        right = WIDTH - _LEFT - _MAIN
        _costs(page.axes(_LEFT, right, _OVER, _UPPER), demands, look, usd_per_replica, api_usd, most)
        under = _OVER + _UPPER + _GAP
        _strips(page.axes(_LEFT, right, under, height), demands, usd_per_replica / api_usd, most)
        start = _LEFT + _MAIN + _BETWEEN
        _late(page.axes(start, WIDTH - start - _SIDE, under, height), late, look, level_s, rate, fleet)
        return page.figure


def _costs(
    axes: Axes, demands: Sequence[Carried], look: Sequence[Look], usd_per_replica: float, api_usd: float, most: float
) -> None:
    """Draw what a million tokens cost on each fleet at the most that it carries."""
    places = [np.array(each.ends()) for each in demands]
    costs = [usd_per_replica * np.arange(1, len(x) + 1) / x for x in places]
    seen = np.concatenate([cost[x <= 1.02 * most] for x, cost in zip(places, costs, strict=True)])
    ticks(axes, "y", *limits(np.append(seen, api_usd), False, 0.1, 0.1), log=False)
    ticks(axes, "x", 0, most, log=False)
    axes.tick_params(axis="x", labelbottom=False)
    axes.set_ylabel("USD per million output tokens", parse_math=False)
    room, ends = Room(axes), []
    axes.axhline(api_usd, color=INK, linewidth=1.3, linestyle=(0, (5, 2)), label="API")
    room.block_line(np.array([0.0, most]), np.array([api_usd, api_usd]))
    for each, x, cost, mine in zip(demands, places, costs, look, strict=True):
        axes.plot(x, cost, color=mine.colour, marker=mine.marker, markersize=5, linewidth=1.5, label=each.name)
        for k, ends_ in enumerate(zip(each.ends("low"), each.ends("high"), strict=True)):
            bar = [usd_per_replica * (k + 1) / end for end in ends_]
            axes.plot([x[k]] * 2, bar, color=mine.colour, linewidth=3.5, alpha=0.4, label=f"{each.name} interval")
        room.block_line(x, cost)
        y = float(np.interp(most, x, cost))
        ends.append(End(most, y, each.name, mine))
    label_ends(room, ends)
    for k, (x, y) in enumerate(zip(places[0], costs[0], strict=True), 1):
        if x < most:
            text = write(axes, 0, 0, f"{k} replica{'s' * (k > 1)}", size=SMALL_SIZE, color=GREY)
            at, height = room.fraction(float(x), float(y))
            room.put(text, [(at, height - 0.03, "center", "top"), *near(at, height)])
    label = write(axes, 0, 0, f"the API: {usd(api_usd)} USD", size=SMALL_SIZE)
    height = room.fraction(0, api_usd)[1]
    sides = ((0.01, "bottom"), (-0.01, "top"))
    room.put(label, [(x, height + dy, "left", va) for x in (0.01, 0.4, 0.7) for dy, va in sides])


def _strips(axes: Axes, demands: Sequence[Carried], even: float, most: float) -> None:
    """Draw how many replicas each rate needs, dark where they are cheaper than the API."""
    ticks(axes, "x", 0, most, log=False)
    axes.set_ylim(len(demands), 0)
    axes.yaxis.set_major_locator(NullLocator())
    axes.set_xlabel("requests a second, mean over all the time", parse_math=False)
    axes.grid(visible=False)
    for row, each in enumerate(demands):
        rates = each.ends()
        text = f"{each.name}: own replicas win {_where(each, even, most)}"
        write(axes, 0, row + 0.31, text, size=SMALL_SIZE, va="center")
        for count, (low, high) in enumerate(pairwise([0.0, *rates]), 1):
            if low < most:
                _tooth(axes, row, low, min(high, most), "white", GREY, "")
                _count(axes, row, low, min(high, most), count, even)
        for low, high, _ in cheaper(rates, even, most):
            _tooth(axes, row, low, high, _WINS, "white", each.name)


def _tooth(axes: Axes, row: int, low: float, high: float, face: str, edge: str, name: str) -> None:
    """Draw a stretch of rates."""
    box = Rectangle((low, row + 0.52), high - low, 0.4, facecolor=face, edgecolor=edge, linewidth=0.8)
    box.set_label(name or "_needed")
    axes.add_patch(box)


def _count(axes: Axes, row: int, low: float, high: float, count: int, even: float) -> None:
    """Write how many replicas a stretch needs, in the larger of its two parts."""
    turn = min(max(low, even * count), high)
    wins = high - turn > turn - low
    start, end = (turn, high) if wins else (low, turn)
    x = (start + end) / 2
    if end - start > 0.02 * axes.get_xlim()[1]:
        colour = "white" if wins else INK
        write(axes, x, row + 0.73, str(count), size=SMALL_SIZE, color=colour, ha="center", va="center")


def _late(axes: Axes, late: Sequence[Late], look: Sequence[Look], level_s: float, rate: float, fleet: int) -> None:
    """Draw how late the first token is on the fleet that the first demand needs, alone and with the API behind it."""
    values = np.array([number(value) for each in late for value in (each.own_s, each.hybrid_s)] + [level_s])
    low, high = limits(values, True, 0.06, 0.1)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator([each for each in _TIMES if low <= each <= high]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _TIMES[float(value)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(NullLocator())
    axes.set_ylim(len(late), 0)
    axes.axvline(level_s, color=INK, linewidth=0.9, linestyle=(0, (1, 1.5)), label="level")
    axes.set_xlabel(f"TTFT p95 on {fleet} replicas at {plain(rate)}/s", parse_math=False)
    for row, (each, mine) in enumerate(zip(late, look, strict=True)):
        own, both = number(each.own_s), number(each.hybrid_s)
        axes.plot([both, own], [row + 0.72] * 2, color=GREY, linewidth=0.8, label="_joint")
        axes.plot([own], [row + 0.72], mine.marker, color=mine.colour, markersize=6.5, label=each.name)
        axes.plot(
            [both], [row + 0.72], "o", color="white", markeredgecolor=INK, markersize=6, label=f"{each.name} hybrid"
        )
        text = f"{duration(own)}; with API {duration(both)}, {usd(number(each.hybrid_usd))} USD"
        label = write(axes, 0, row + 0.31, text, size=SMALL_SIZE, va="center", transform=axes.get_yaxis_transform())
        label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5})


def duration(seconds: float) -> str:
    """Write a duration in the unit in which it is read."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * size:
            return f"{plain(seconds / size, 2)} {unit}"
    return f"{plain(seconds, 2)} s"
