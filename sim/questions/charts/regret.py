"""Regret bars: what each choice costs more than the best one would have, on average and at its bad end."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.ground.estimate import Estimate
from sim.questions.charts.place import inches
from sim.questions.charts.reading import number
from sim.questions.charts.sheet import sheet
from sim.questions.charts.style import GREY, INK, SMALL_SIZE, Look, in_money, limits, looks, theme, ticks, write
from sim.questions.charts.words import listed, plan_word, rough, sentence, two_lines

_RIGHT, _ROW, _OVER, _UNDER = 1.55, 0.5, 0.32, 0.55
"""Inches: right of the panel, a row, over the panel, under it."""


@dataclass(frozen=True)
class Regret:
    """What choosing one strategy costs more than the best would have, USD.

    Attributes
    ----------
    name : str
        The strategy.
    expected : Estimate
        On average.
    late : Estimate
        Exceeded on 5 % of the paths.
    chance : Estimate
        Probability that it is the cheapest itself.
    """

    name: str
    expected: Estimate
    late: Estimate
    chance: Estimate


def regret_bars(
    regrets: Sequence[Regret],
    *,
    strategies: Sequence[str] = (),
    undecided: Sequence[str] = (),
    note: str = "",
    source: str = "",
    title: str | None = None,
) -> Figure:
    """Draw what each choice is regretted.

    Parameters
    ----------
    regrets : sequence of Regret
        Of the strategies that are ranked.
    strategies : sequence of str
        All strategies of the decision, so that each keeps its colour.
    undecided : sequence of str
        Strategies that may be better than the one that is regretted least.
    note, source : str
        More to say under the title; where the numbers come from.
    title : str, optional
        Instead of the finding that is computed.

    Returns
    -------
    Figure
        A bar a strategy, the least regretted on top, with its interval; a mark at the 95th percentile.
    """
    ordered = sorted(regrets, key=lambda each: (not np.isfinite(number(each.expected)), number(each.expected)))
    look = looks(list(strategies) or [each.name for each in regrets])
    reading = (
        "Bar: expected regret, what the choice costs more than the best one on the same path; line: its interval; "
        "diamond: regret exceeded on one path in 20."
    )
    with theme():
        height = _ROW * max(1, len(ordered))
        lines = "\n".join([reading, *([note] if note else [])])
        page = sheet(title or regret_finding(ordered, undecided), lines, source, _OVER + height + _UNDER)
        names = [two_lines(plan_word(each.name)) for each in ordered]
        left = 0.35 + max([inches(name, 0.076, SMALL_SIZE + 1) for name in names], default=1.0)
        axes = page.axes(left, _RIGHT, _OVER, height)
        _scale(axes, ordered)
        write(axes, 1.03, 1.0, "cheapest on", transform=axes.transAxes, size=SMALL_SIZE, color=GREY, va="bottom")
        for row, (each, name) in enumerate(zip(ordered, names, strict=True)):
            _bar(axes, each, name, row, look[each.name])
        return page.figure


def regret_finding(ordered: Sequence[Regret], undecided: Sequence[str] = ()) -> str:
    """Say which choice is regretted least and by how much, or that the futures do not tell."""
    known = [each for each in ordered if each.expected.value is not None]
    if not known:
        return "Not enough data to tell what any choice is regretted"
    best, *others = known
    least = f"{rough(number(best.expected))} USD"
    if undecided:
        unsure = listed([plan_word(name) for name in undecided])
        return sentence(f"not enough data to tell {plan_word(best.name)} ({least} of expected regret) from {unsure}")
    first = f"{plan_word(best.name)} is regretted least: {least} on average"
    if not others:
        return sentence(first)
    return sentence(f"{first}; {plan_word(others[0].name)} {rough(number(others[0].expected))}")


def _scale(axes: Axes, regrets: Sequence[Regret]) -> None:
    """Set up an axis of USD from 0 on, a row a strategy."""
    reach = [0.0] + [
        each for regret in regrets for each in (regret.expected.value, regret.expected.high, regret.late.value) if each
    ]
    ticks(axes, "x", *limits(np.array(reach), False, 0.0, 0.2), log=False, most=7)
    axes.set_ylim(len(regrets) - 0.4, -0.6)
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"regret, {in_money(axes, 'x', max(reach))}", parse_math=False)


def _bar(axes: Axes, regret: Regret, name: str, row: int, look: Look) -> None:
    """Draw the regret of one strategy and write its numbers."""
    over, expected = axes.get_yaxis_transform(), regret.expected
    write(axes, -0.015, row, name, transform=over, ha="right", va="center", size=SMALL_SIZE + 1)
    chance = "n/a" if regret.chance.value is None else f"{100 * regret.chance.value:.0f} % of the paths"
    write(axes, 1.03, row, chance, transform=over, va="center", size=SMALL_SIZE)
    if expected.value is None:
        write(axes, 0.01, row, "not enough data", transform=over, va="center", size=SMALL_SIZE, color=GREY)
        return
    axes.barh([row], [expected.value], height=0.56, color=look.colour, alpha=0.75, label=f"{regret.name} expected")
    right = float(expected.value)
    if expected.low is not None and expected.high is not None:
        ends = [float(expected.low), float(expected.high)]
        axes.plot(ends, [row, row], color="white", linewidth=4.0)  # a dark bar would hide the dark line
        axes.plot(ends, [row, row], color=INK, linewidth=1.6, label=f"{regret.name} interval")
        right = max(right, float(expected.high))
    if regret.late.value is not None:
        axes.plot([regret.late.value], [row], "D", color=INK, markersize=5, label=f"{regret.name} p95")
    step = 0.012 * (axes.get_xlim()[1] - axes.get_xlim()[0])
    label = write(axes, right + step, row - 0.02, rough(float(expected.value)), size=SMALL_SIZE, va="center")
    label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85})
    if regret.late.value is not None:
        _late(axes, float(regret.late.value), row, right + 9 * step)


def _late(axes: Axes, late: float, row: int, taken: float) -> None:
    """Write the 95th percentile beside its mark, where it does not meet the other number."""
    step = 0.018 * (axes.get_xlim()[1] - axes.get_xlim()[0])
    if late > taken:
        write(axes, late + step, row, rough(late), size=SMALL_SIZE, color=GREY, va="center")
