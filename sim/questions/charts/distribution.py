"""The distribution of what a job costs under each plan, at one load."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.ground.estimate import Pooled
from sim.ground.scenario.arrivals import mean_rate
from sim.ground.units import Floats, Ticks
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
from sim.questions.charts.words import (
    job_words,
    listed,
    plain,
    plan_word,
    priced_by,
    provenance,
    sentence,
    two_lines,
    usd,
)

_COLUMN, _ROW, _TOP, _BOTTOM = 0.62, 0.82, 0.2, 0.55
"""Inches: a column of numbers, a plan's row, above and below the panel."""

_MOST_BINS = 160
_COLUMNS = (("p5", "p5"), ("p50", "median"), ("mean", "mean"), ("p95", "p95"))
_DRAWN = ("attributed", "fully_loaded")
_TAIL = np.array([0.002, 0.998])
"""What lies outside these quantiles is not drawn."""

Weighted = tuple[Floats, Ticks]
"""Costs, and how often each came."""


def cost_distribution(
    study: StudyLike, job_class: str | None = None, *, plans: Sequence[str] | None = None, title: str | None = None
) -> Figure:
    """Draw how the cost of a job is distributed under each plan.

    Parameters
    ----------
    study : StudyLike
        What ``sim.run`` returned.
    job_class : str, optional
        The class whose jobs are drawn; the scenario's first if not given.
    plans : sequence of str, optional
        Which plans are drawn; all if not given.
    title : str, optional
        Instead of the finding that is computed.

    Returns
    -------
    Figure
        A row a plan: shape of the distribution over jobs (fully loaded; as a line, attributed), the 5th, 50th and 95th
        percentile and the mean in USD, beside them as numbers.

    Raises
    ------
    InputError
        When a plan or class is not the scenario's.
    """
    name, shown = pick_class(study.scenario, job_class), pick_plans(study.scenario, plans)
    with theme():
        return _draw(study, name, shown, title or _finding(study, name, shown))


def _costs(study: StudyLike, plan: str, job_class: str) -> dict[str, float]:
    """Take mean and percentiles of what a job costs, or 1,000 requests."""
    found: dict[str, Any] = study.result["plans"][plan]["classes"][job_class]["cost_per_job_usd"]["fully_loaded"]
    jobs = priced_by(study.scenario, job_class)[0]
    return {which: jobs * number(each) for which, each in found.items()}


def _finding(study: StudyLike, job_class: str, plans: list[str]) -> str:
    """Say what half of the jobs cost where that is least, and what one in twenty costs where that is most."""
    run = job_words(study.scenario, job_class)[1]
    medians = {plan: _costs(study, plan, job_class)["p50"] for plan in plans}
    tails = {plan: _costs(study, plan, job_class)["p95"] for plan in plans}
    known = [plan for plan in plans if np.isfinite(medians[plan]) and np.isfinite(tails[plan])]
    if not known:
        return f"No {run} of this class arrived, so no cost is known"
    least, most = min(known, key=medians.__getitem__), max(known, key=tails.__getitem__)
    per = "" if priced_by(study.scenario, job_class)[0] == 1 else " per 1,000"
    half = f"under {plan_word(least)}, half of the {run}s cost less than {usd(medians[least])} USD{per}"
    place = "" if least == most else f"under {plan_word(most)}, "
    return sentence(f"{half}; {place}1 in 20 costs over {usd(tails[most])}")


def _note(study: StudyLike, job_class: str) -> str:
    """Say how to read the chart, and at which load it was drawn."""
    full, run = job_words(study.scenario, job_class)
    jobs, many = priced_by(study.scenario, job_class)
    arrivals = study.scenario.workload[job_class].arrivals
    rate = 0.0 if arrivals is None else 24 * mean_rate(arrivals, study.scenario.horizon_hours)
    load = "" if arrivals is None else f", at {plain(rate)} {run}s a day"
    unfit = [plan_word(plan) for plan, each in study.result["plans"].items() if not each["eligible"]]
    aside = f" Not doing the same work: {listed(unfit, 'and')}." if unfit else ""
    return (
        f"USD per {full if jobs == 1 else many}, fully loaded{load}. Hill: spread over {run}s (each drawn equally "
        "high); bar: 5th to 95th percentile;\nline in it: median; diamond: mean; grey line: attributed cost (no share "
        f"of idle, staff, overhead).{aside}"
    )


def _draw(study: StudyLike, job_class: str, plans: list[str], title: str) -> Figure:
    height = _ROW * len(plans)
    right = 0.25 + _COLUMN * len(_COLUMNS)
    page = sheet(title, _note(study, job_class), provenance(study.result), _TOP + height + _BOTTOM)
    left = 0.4 + max(inches(two_lines(plan_word(plan)), 0.1, TEXT_SIZE, "bold") for plan in plans)
    axes = page.axes(left, right, _TOP, height)
    jobs, unit = priced_by(study.scenario, job_class)
    values = {
        plan: {name: _weighted(study.outcomes[plan].classes[job_class].values[name], jobs) for name in _DRAWN}
        for plan in plans
    }
    look = looks(list(study.scenario.plans))
    pooled = [study.outcomes[plan].classes[job_class].values["fully_loaded"] for plan in plans]
    ends = np.concatenate([jobs * each.quantiles(_TAIL)[-1] for each in pooled if each.count] or [np.empty(0)])
    log = spans_decade(ends)
    low, high = limits(ends, log, 0.02, 0.02)
    ticks(axes, "x", low, high, log=log)
    count = int(min(_MOST_BINS, 12 + 5 * next(iter(values.values()))["fully_loaded"][1].sum() ** (1 / 3)))
    bins = np.geomspace(low, high, count) if log else np.linspace(low, high, count)
    for row, plan in enumerate(plans):
        base = len(plans) - 1.0 - row
        _hill(axes, values[plan], bins, base, look[plan])
        _bar(axes, _costs(study, plan, job_class), base, look[plan], plan)
        _numbers(axes, _costs(study, plan, job_class), base, two_lines(plan_word(plan)), WIDTH - left - right)
    axes.set_ylim(-0.35, len(plans) - 0.15)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"USD per {unit}", parse_math=False)
    return page.figure


def _weighted(pooled: Pooled, jobs: float) -> Weighted:
    """Take the costs of so many jobs, and how often each came."""
    values, weights = pooled.weighted
    return jobs * values, weights


def _hill(axes: Axes, values: dict[str, Weighted], bins: Floats, base: float, look: Look) -> None:
    """Draw the shape of a plan's costs on its base line; only shapes compare, not heights."""
    middle = (bins[1:] + bins[:-1]) / 2
    for name in _DRAWN:
        counts, _ = np.histogram(values[name][0], bins, weights=values[name][1])
        if not counts.any():
            continue
        smooth = np.convolve(counts, (0.25, 0.5, 0.25), mode="same")
        tops = base + 0.72 * smooth / smooth.max()
        if name == "attributed":
            full = values["fully_loaded"]
            if not all(np.array_equal(mine, its) for mine, its in zip(values[name], full, strict=True)):
                axes.plot(middle, tops, color=GREY, linewidth=0.8, zorder=2.2)
        else:
            axes.fill_between(middle, base, tops, color=look.colour, alpha=0.35, linewidth=0, zorder=2)
            axes.plot(middle, tops, color=look.colour, linewidth=1.2, zorder=2.1)
    axes.axhline(base, color=GREY, linewidth=0.6, zorder=1)


def _bar(axes: Axes, cost: dict[str, float], base: float, look: Look, plan: str) -> None:
    """Draw percentiles and mean below the base line."""
    y = base - 0.13
    p5, p50, p95, mean = (cost[which] for which in ("p5", "p50", "p95", "mean"))
    axes.plot([p5, p95], [y, y], color=look.colour, linewidth=5, solid_capstyle="butt", label=f"{plan} p5 to p95")
    axes.plot([p50, p50], [y - 0.1, y + 0.1], color=INK, linewidth=2.2, zorder=5, label=f"{plan} p50")
    axes.plot([mean], [y], marker="D", markersize=6, color="white", markeredgecolor=INK, zorder=6, label=f"{plan} mean")


def _numbers(axes: Axes, cost: dict[str, float], base: float, plan: str, width: float) -> None:
    """Write the plan's name before its row, and behind it what is drawn as numbers."""
    over = axes.get_yaxis_transform()
    write(axes, -0.02, base, plan, transform=over, ha="right", va="center", weight="bold")
    for k, (which, head) in enumerate(_COLUMNS):
        x = 1 + (0.2 + (k + 0.75) * _COLUMN) / width
        value = cost[which]
        text = usd(value) if np.isfinite(value) else "n/a"
        write(
            axes, x, base, text, transform=over, ha="right", va="center", weight="bold" if which == "p50" else "normal"
        )
        where = {"transform": axes.transAxes, "ha": "right", "va": "bottom", "size": SMALL_SIZE, "color": GREY}
        write(axes, x, 1.0, head, **where)
