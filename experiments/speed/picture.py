"""One picture: what a job and a request take, by whom it is served, on a logarithmic axis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.questions.charts.place import inches
from sim.questions.charts.sheet import sheet
from sim.questions.charts.style import GREY, INK, SMALL_SIZE, limits, looks, theme, ticks, write
from sim.questions.charts.words import listed, plain, sentence
from speed import nodes, replicas
from speed.machine import in_words
from speed.rounds import value

_ROW, _OVER, _UNDER, _RIGHT = 0.31, 0.34, 0.62, 1.25
"""Inches: a row, over a panel, under it, right of it."""
NOTE: Final = (
    "Square: fleetecon as it is used. Circle: others. Hollow: random numbers only. Behind a mark: times as long as the "
    "kernel in\nthe same round. One core, processor time, medians of the rounds; on replicas a mark a load."
)


@dataclass(frozen=True)
class Mark:
    """Who serves, the nanoseconds that one takes (under each load), and the ratios to the kernel."""

    name: str
    took: list[float]
    ratios: list[float]

    @property
    def served(self) -> bool:
        """Whether somebody is served at all."""
        return not self.name.startswith("drawing")

    @property
    def kernel(self) -> bool:
        """Whether it is the kernel that serves."""
        return self.name in (nodes.KERNEL, nodes.EVERYTHING, nodes.WHOLE_WAY, replicas.KERNEL)

    @property
    def words(self) -> str:
        """Say the ratio to the kernel, or from which to which it goes."""
        low, high = (rounded(each) for each in (min(self.ratios), max(self.ratios)))
        return low if low == high else f"{low} to {high}"


def rounded(ratio: float) -> str:
    """Write a ratio with as many digits as it deserves: two, three from 100 on."""
    digits = 3 if ratio >= 100 else 2
    return plain(float(f"{ratio:.{digits}g}"), digits)


def of_nodes(rows: Mapping[str, Mapping[str, Any]]) -> list[Mark]:
    """Take the marks of the table of nodes, the quickest first."""
    marks = [Mark(name, [value(row, "ns_per_job")], [value(row, "times_kernel")]) for name, row in rows.items()]
    return sorted(marks, key=lambda each: max(each.took))


def of_replicas(serving: Mapping[str, Mapping[str, Any]]) -> list[Mark]:
    """Take the marks of the table of replicas, one a contestant over all loads, the quickest first."""
    loads = list(serving.values())
    marks = [
        Mark(
            name,
            [value(load[name], "ns_per_request") for load in loads],
            [value(load[name], "times_kernel") for load in loads],
        )
        for name in loads[0]
    ]
    return sorted(marks, key=lambda each: max(each.took))


def finding(told: Mapping[str, Any]) -> str:
    """Say how many times as long as the kernel those take whom one would ask instead."""
    said = []
    if "rows" in told:
        others = {"SimPy": "SimPy, Resource", nodes.CIW: nodes.CIW, "plain Python": "plain Python"}
        found = {each.name: each.words for each in of_nodes(told["rows"])}
        first, *rest = [(who, found[name]) for who, name in others.items() if name in found]
        times = [f"{first[0]} {first[1]} times as long as the kernel", *(f"{who} {ratio}" for who, ratio in rest)]
        said.append(f"a job takes {listed(times, 'and')}")
    if "serving" in told:
        simpy = next(each for each in of_replicas(told["serving"]) if each.name == "SimPy")
        than = "" if said else " as long as the kernel"
        said.append(f"a request takes SimPy {simpy.words} times{than}")
    return sentence("; ".join(said))


def chart(told: Mapping[str, Any]) -> Figure | None:
    """Draw what was measured of nodes and replicas; None where neither was.

    Parameters
    ----------
    told : mapping
        As in benchmark.json.
    """
    panels: list[tuple[str, list[Mark]]] = []
    if "rows" in told:
        panels.append(("a job on nodes (M/M/8 at 80 % load)", of_nodes(told["rows"])))
    if "serving" in told:
        panels.append((f"a request on replicas ({len(told['serving'])} loads)", of_replicas(told["serving"])))
    if not panels:
        return None
    with theme():
        body = sum(_OVER + _ROW * len(marks) + _UNDER for _, marks in panels)
        page = sheet(finding(told), NOTE, in_words(told["about"]), body)
        left = 0.35 + max(inches(each.name, 0.072, SMALL_SIZE + 1) for _, marks in panels for each in marks)
        all_ = np.array([took for _, marks in panels for each in marks for took in each.took])
        top = 0.0
        for name, marks in panels:
            height = _ROW * len(marks)
            _panel(page.axes(left, _RIGHT, top + _OVER, height), name, marks, limits(all_, True, 0.04, 0.08))
            top += _OVER + height + _UNDER
        return page.figure


def _panel(axes: Axes, name: str, marks: Sequence[Mark], ends: tuple[float, float]) -> None:
    """Draw one panel: a row a contestant."""
    ticks(axes, "x", *ends, log=True, most=7)
    axes.set_ylim(len(marks) - 0.4, -0.6)
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    axes.set_title(name, loc="left", size=SMALL_SIZE, color=GREY, parse_math=False)
    axes.set_xlabel("nanoseconds of a processor", parse_math=False)
    for row, each in enumerate(marks):
        _mark(axes, each, row)


def _mark(axes: Axes, mark: Mark, row: int) -> None:
    """Draw a row: a mark a load, joined; its name before the axis, its ratio behind the last mark."""
    colour = looks([""])[""].colour if mark.kernel else INK
    face = colour if mark.served else "white"
    over = axes.get_yaxis_transform()
    size = SMALL_SIZE + 1
    write(axes, -0.015, row, mark.name, transform=over, ha="right", va="center", size=size, color=colour)
    rows = [row] * len(mark.took)
    axes.plot([min(mark.took), max(mark.took)], [row, row], color=colour, linewidth=1.2)
    sign = "s" if mark.kernel else "o"
    axes.plot(mark.took, rows, sign, color=colour, markerfacecolor=face, markersize=6, label=mark.name)
    write(axes, max(mark.took) * 1.35, row, f"{mark.words} x", va="center", size=SMALL_SIZE)
