"""How long requests wait for their first token under each plan, at one load."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.ground.faults import InputError
from sim.questions.charts.place import inches
from sim.questions.charts.reading import StudyLike, number, pick_class, pick_plans
from sim.questions.charts.sheet import WIDTH, sheet
from sim.questions.charts.style import (
    GREY,
    INK,
    SMALL_SIZE,
    TEXT_SIZE,
    Look,
    limits,
    looks,
    spans_decade,
    theme,
    ticks,
    write,
)
from sim.questions.charts.words import listed, plain, plan_word, provenance, sentence, two_lines

_COLUMN, _ROW, _TOP, _BOTTOM = 0.62, 0.52, 0.25, 0.55
"""Inches: a column of numbers, a plan's row, above and below the panel."""

_SHOWN = ("p50", "p90", "p95", "p99")


def first_token(
    study: StudyLike,
    job_class: str | None = None,
    *,
    plans: Sequence[str] | None = None,
    note: str = "",
    title: str | None = None,
) -> Figure:
    """Draw percentiles of the time from arrival to the first token under each plan.

    Parameters
    ----------
    study : StudyLike
        What ``sim.run`` returned.
    job_class : str, optional
        The class of requests that is drawn; the scenario's first of kind inference if not given.
    plans : sequence of str, optional
        Which plans are drawn; all if not given.
    note : str
        More to say under the title.
    title : str, optional
        Instead of the finding that is computed.

    Returns
    -------
    Figure
        A row a plan: median, 90th, 95th and 99th percentile of TTFT in seconds, and the level where there is one.

    Raises
    ------
    InputError
        When the class serves no requests, or a plan or class is not the scenario's.
    """
    name = pick_class(study.scenario, job_class or next(iter(study.scenario.chats), None))
    if name not in study.scenario.chats:
        raise InputError.one("chart", f"must have a class of kind inference, got `{name}`")
    shown = pick_plans(study.scenario, plans)
    with theme():
        return _draw(study, name, shown, note, title or _finding(study, name, shown))


def _seconds(study: StudyLike, plan: str, job_class: str) -> dict[str, float]:
    found = study.result["plans"][plan]["classes"][job_class]["ttft_s"]["all"]
    return {which: number(found[which]) for which in _SHOWN}


def _finding(study: StudyLike, job_class: str, plans: list[str]) -> str:
    """Say which plan has 95 % of its first tokens soonest, and which latest."""
    tails = {plan: _seconds(study, plan, job_class)["p95"] for plan in plans}
    known = sorted((value, plan) for plan, value in tails.items() if np.isfinite(value))
    if not known:
        return "No request was served, so no time to the first token is known"
    low, high = plain(known[0][0], 2), plain(known[-1][0], 2)
    start = f"under {plan_word(known[0][1])}, 95 % of the first tokens come within {low} s"
    latest = [plan_word(plan) for plan in plans if plain(tails[plan], 2) == high]
    return sentence(start if high == low else f"{start}; under {listed(latest, 'and')}, within {high} s")


def _note(study: StudyLike, job_class: str, level: float | None) -> str:
    """Say how to read the chart, and who is not ranked."""
    text = "Seconds from arrival to the first token. Tick: median; bar: to the 95th percentile; thin: to the 99th."
    text += f" Dotted: the level for 95 %, {level:g} s." if level is not None else ""
    unfit = [
        plan_word(plan)
        for plan, each in study.result["plans"].items()
        if not each["eligible"] and job_class in each["classes"]
    ]
    return text + (f" Not doing the same work: {listed(unfit, 'and')}." if unfit else "")


def _draw(study: StudyLike, job_class: str, plans: list[str], note: str, title: str) -> Figure:
    level = study.scenario.equal_work.ttft_p95_s
    height = _ROW * len(plans)
    right = 0.25 + _COLUMN * len(_SHOWN)
    told = "\n".join([_note(study, job_class, level), *([note] if note else [])])
    page = sheet(title, told, provenance(study.result), _TOP + height + _BOTTOM)
    left = 0.4 + max(inches(two_lines(plan_word(plan)), 0.1, TEXT_SIZE, "bold") for plan in plans)
    axes = page.axes(left, right, _TOP, height)
    rows = {plan: _seconds(study, plan, job_class) for plan in plans}
    values = np.array([*(value for row in rows.values() for value in row.values()), *([level] if level else [])])
    log = spans_decade(values)
    ticks(axes, "x", *limits(values, log, 0.04, 0.04), log=log)
    axes.set_ylim(-0.5, len(plans) - 0.5)
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("seconds to the first token", parse_math=False)
    if level is not None:
        axes.axvline(level, color=INK, linewidth=0.9, linestyle=(0, (1, 1.5)), label="level")
    look = looks(list(study.scenario.plans))
    for k, plan in enumerate(plans):
        y = len(plans) - 1.0 - k
        _bar(axes, rows[plan], y, look[plan], plan)
        _numbers(axes, rows[plan], y, two_lines(plan_word(plan)), WIDTH - left - right, heads=k == 0)
    return page.figure


def _bar(axes: Axes, row: dict[str, float], y: float, look: Look, plan: str) -> None:
    """Draw the percentiles of one plan."""
    axes.plot([row["p95"], row["p99"]], [y, y], color=look.colour, linewidth=1.5, label=f"{plan} p95 to p99")
    axes.plot(
        [row["p50"], row["p95"]], [y, y], color=look.colour, linewidth=7, solid_capstyle="butt", label=f"{plan} to p95"
    )
    axes.plot([row["p50"]] * 2, [y - 0.2, y + 0.2], color=INK, linewidth=2.2, zorder=5, label=f"{plan} p50")
    axes.plot([row["p99"]], [y], marker=look.marker, markersize=4, color=look.colour, label=f"{plan} p99")


def _numbers(axes: Axes, row: dict[str, float], y: float, plan: str, width: float, heads: bool) -> None:
    """Write the plan's name before its row, and behind it what is drawn as numbers."""
    over = axes.get_yaxis_transform()
    write(axes, -0.02, y, plan, transform=over, ha="right", va="center", weight="bold")
    for k, which in enumerate(_SHOWN):
        x = 1 + (0.2 + (k + 0.75) * _COLUMN) / width
        weight = "bold" if which == "p95" else "normal"
        value = row[which]
        text = f"{value:.2f}" if 0.1 <= value < 100 else plain(value, 2)
        write(axes, x, y, text, transform=over, ha="right", va="center", weight=weight)
        if heads:
            where = {"transform": axes.transAxes, "ha": "right", "va": "bottom", "size": SMALL_SIZE, "color": GREY}
            write(axes, x, 1.0, "median" if which == "p50" else which, **where)
