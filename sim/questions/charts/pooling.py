"""What scale is worth: tenants on one fleet or on a fleet each, adapters on shared replicas or on a replica each."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from sim.ground.estimate import Estimate
from sim.ground.units import Floats
from sim.questions.charts.place import Room, near
from sim.questions.charts.reading import number
from sim.questions.charts.sheet import WIDTH, sheet
from sim.questions.charts.style import GREY, INK, SMALL_SIZE, limits, looks, spans_decade, theme, ticks, write
from sim.questions.charts.words import plain, sentence, usd

_LEFT, _PANEL, _GAP, _TOP, _HEIGHT, _UNDER = 0.75, 3.55, 0.95, 0.12, 3.7, 0.6
"""Inches: left of the first panel, a panel's width, between the two, above them, their height, below them."""

_LOOKS: Final = looks(("first", "second", "third", "fourth"))


@dataclass(frozen=True)
class Crowd:
    """Tenants on one fleet, the smallest at which no more jobs wait than may.

    Attributes
    ----------
    tenants : int
        How many share it.
    load : float
        Offered load in nodes that the jobs would keep busy.
    nodes : int
        Its size.
    interval : (int, int)
        Sizes that the error of the simulation leaves possible.
    waiting : Estimate
        Share of the jobs that wait on it.
    """

    tenants: int
    load: float
    nodes: int
    interval: tuple[int, int]
    waiting: Estimate


@dataclass(frozen=True)
class Adapters:
    """Adapters of one base model, on shared replicas and on a replica each.

    Attributes
    ----------
    count : int
        How many.
    nodes : int
        Shared replicas that are needed.
    shared, dedicated : Estimate
        USD per million output tokens.
    api_usd : float
        The same at an API.
    ttft_p95_s : (float or None, float or None)
        Seconds to the first token, shared and dedicated.
    """

    count: int
    nodes: int
    shared: Estimate
    dedicated: Estimate
    api_usd: float
    ttft_p95_s: tuple[float | None, float | None]

    @property
    def times(self) -> float:
        """How many times cheaper shared replicas are."""
        return number(self.dedicated) / number(self.shared)


def pooling(
    even: Sequence[Crowd],
    bursty: Sequence[Crowd],
    adapters: Sequence[Adapters],
    *,
    usd_per_node: float,
    beta: float,
    p_wait: float,
    note: str = "",
    source: str = "",
    title: str | None = None,
) -> Figure:
    """Draw what scale is worth.

    Parameters
    ----------
    even, bursty : sequence of Crowd
        Tenants on one fleet, more and more of them: with Poisson arrivals, and in bursts.
    adapters : sequence of Adapters
        More and more adapters of one base model.
    usd_per_node : float
        What a node costs in the time in which a tenant brings one job.
    beta : float
        Of the square-root staffing line: nodes = load + beta sqrt(load).
    p_wait : float
        Share of the jobs that may wait.
    note, source : str
        More to say under the title; where the numbers come from.
    title : str, optional
        Instead of the finding that is computed.

    Returns
    -------
    Figure
        Left, USD of hardware per job against tenants, with the staffing line; right, USD per million output tokens
        against adapters.
    """
    told = (
        f"Left: hardware alone; each fleet is the smallest on which at most {100 * p_wait:g} % of the jobs wait; "
        "bar: sizes within the interval; line: square-root staffing (Halfin & Whitt)."
    )
    with theme():
        heading = title or pooling_finding(even, bursty, adapters)
        page = sheet(heading, "\n".join([told, *([note] if note else [])]), source, _TOP + _HEIGHT + _UNDER)
        left = page.axes(_LEFT, WIDTH - _LEFT - _PANEL, _TOP, _HEIGHT)
        _fleets(left, even, bursty, usd_per_node, beta)
        start = _LEFT + _PANEL + _GAP
        _replicas(page.axes(start, WIDTH - start - _PANEL, _TOP, _HEIGHT), adapters)
        return page.figure


def pooling_finding(even: Sequence[Crowd], bursty: Sequence[Crowd], adapters: Sequence[Adapters]) -> str:
    """Say how many times less a job and a token cost at the largest scale."""
    gains = [plain(each[0].nodes * each[-1].tenants / each[-1].nodes / each[0].tenants, 2) for each in (even, bursty)]
    last = adapters[-1]
    return sentence(
        f"scale makes hardware {gains[0]} times cheaper for {even[-1].tenants} tenants at the same waiting, "
        f"{gains[1]} times where they come in bursts; sharing a base model makes tokens {plain(last.times, 2)} times "
        f"cheaper for {last.count} adapters"
    )


def _costs(crowds: Sequence[Crowd], usd_per_node: float) -> tuple[Floats, Floats, Floats]:
    """USD of hardware per job: as sized, and at the ends of the interval."""
    sizes = np.array([(each.nodes, *each.interval) for each in crowds], dtype=np.float64).T
    values = usd_per_node * sizes / np.array([each.tenants for each in crowds])
    return values[0], values[1], values[2]


def _fleets(axes: Axes, even: Sequence[Crowd], bursty: Sequence[Crowd], usd_per_node: float, beta: float) -> None:
    """Draw the cost of a job against tenants on one fleet."""
    x = np.array([each.tenants for each in even], dtype=np.float64)
    drawn = [(name, *_costs(each, usd_per_node)) for name, each in (("Poisson", even), ("in bursts", bursty))]
    fine = np.geomspace(x[0], x[-1], 80)
    load = fine * even[0].load / even[0].tenants
    line = usd_per_node * (load + beta * np.sqrt(load)) / fine
    floor = usd_per_node * even[0].load / even[0].tenants
    values = np.concatenate([*(each for _, *three in drawn for each in three), line, [floor]])
    _doubling(axes, x)
    ticks(axes, "y", *limits(values, True, 0.08, 0.08), log=True)
    axes.set_xlabel("tenants on one fleet", parse_math=False)
    axes.set_ylabel("USD per job, hardware", parse_math=False)
    axes.plot(fine, line, color=INK, linewidth=1.4, label="staffing")
    axes.axhline(floor, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)))
    room = Room(axes)
    room.block_line(fine, line)
    room.block_line(x, np.full(len(x), floor))
    for (name, cost, low, high), look in zip(drawn, list(_LOOKS.values())[:2], strict=False):
        for at, bottom, top in zip(x, low, high, strict=True):
            axes.plot([at, at], [bottom, top], color=look.colour, linewidth=2.5, alpha=0.6, label=f"{name} interval")
        joint = (0, (4, 2)) if name == "in bursts" else "none"
        axes.plot(x, cost, color=look.colour, marker=look.marker, linestyle=joint, linewidth=1.0, label=name)
        room.block_line(x, cost)
        for at, value in zip(x, cost, strict=True):
            room.block_point(float(at), float(value))
    _label(room, f"no idle time: {usd(floor)} USD", 0.3, float(floor), GREY)
    for name, cost, *_ in drawn:
        _label(room, name, 0.5, float(cost[len(cost) // 2]), INK)
    for _, cost, *_ in drawn:
        for k in (0, -1):
            _figure(room, usd(float(cost[k])), float(x[k]), float(cost[k]))
    _label(room, "square-root\nstaffing", 0.15, float(line[12]), INK)


def _replicas(axes: Axes, adapters: Sequence[Adapters]) -> None:
    """Draw the cost of tokens against adapters."""
    x = np.array([each.count for each in adapters], dtype=np.float64)
    lines = {
        "a replica each": np.array([number(each.dedicated) for each in adapters]),
        "shared replicas": np.array([number(each.shared) for each in adapters]),
        "API, base model": np.array([each.api_usd for each in adapters]),
    }
    values = np.concatenate(list(lines.values()))
    _doubling(axes, x)
    log = spans_decade(values)
    ticks(axes, "y", *limits(values, log, 0.08, 0.08), log=log)
    axes.set_xlabel("LoRA adapters of one base model", parse_math=False)
    axes.set_ylabel("USD per million output tokens", parse_math=False)
    room = Room(axes)
    for (name, cost), look in zip(lines.items(), _LOOKS.values(), strict=False):
        axes.plot(x, cost, color=look.colour, marker=look.marker, markersize=4, linewidth=1.6, label=name)
        room.block_line(x, cost)
    low, high = (np.array([getattr(each.shared, end) or np.nan for each in adapters]) for end in ("low", "high"))
    axes.fill_between(x, low, high, color=list(_LOOKS.values())[1].colour, alpha=0.3, linewidth=0)
    for name, cost in lines.items():
        _label(room, name, 0.5, float(cost[len(cost) // 2]), INK)
    shared = lines["shared replicas"]
    for k in (0, -1):
        _figure(room, usd(float(shared[k])), float(x[k]), float(shared[k]))
    for before, each in pairwise(adapters):
        if each.nodes > before.nodes:
            _figure(room, f"{each.nodes} replicas", float(each.count), number(each.shared))


def _doubling(axes: Axes, x: Floats) -> None:
    """Set up an axis of numbers that double, labelled at 1, 2, 4, ..."""
    ticks(axes, "x", *limits(x, True, 0.05, 0.13), log=True)
    axes.xaxis.set_major_locator(FixedLocator([2.0**k for k in range(20) if x[0] <= 2.0**k <= x[-1]]))


def _label(room: Room, text: str, share: float, y: float, colour: str) -> None:
    """Write a line's name close to it, about so far along the axis."""
    label = write(room.axes, 0, 0, text, size=SMALL_SIZE, color=colour, linespacing=1.1)
    height = room.fraction(room.axes.get_xlim()[0], y)[1]
    wanted = [spot for dx in (0, 0.1, -0.1, 0.2, -0.2, 0.3, -0.3) for spot in near(share + dx, height)]
    room.put(label, wanted)


def _figure(room: Room, text: str, x: float, y: float) -> None:
    """Write a number beside its mark."""
    label = write(room.axes, 0, 0, text, size=SMALL_SIZE, color=GREY)
    at, height = room.fraction(x, y)
    room.put(label, [(at + 0.025, height, "left", "center"), *near(at, height)])
