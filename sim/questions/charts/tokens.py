"""What a million tokens cost along a swept rate of requests: the fleet that is held, the API, and both together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.ground.faults import InputError
from sim.ground.units import Floats
from sim.questions.charts.axis import Panel, dress_x, name_x, show_beyond
from sim.questions.charts.finding import Standing, standing
from sim.questions.charts.load import Work, alone, carried, load_axis, served_panel
from sim.questions.charts.marks import Strip, mark_break_evens, mark_strips
from sim.questions.charts.place import End, Room, inches, label_ends, last_point, near
from sim.questions.charts.reading import GridLike, Sweep, pick_class, pick_plans
from sim.questions.charts.sheet import sheet
from sim.questions.charts.style import GREY, INK, SMALL_SIZE, Look, limits, looks, spans_decade, theme, ticks, write
from sim.questions.charts.words import key_words, plain, plan_word, provenance, sentence, two_lines

_LEFT, _OVER, _UPPER, _GAP, _LOWER, _UNDER = 0.9, 0.42, 3.9, 0.25, 1.7, 0.55
"""Inches: left of the panels, then from the top down."""

_PER = "usd_per_million_output_tokens"
_FULL, _WELL = 0.75, 0.25
"""Shares of what a fleet can carry from which it is called full, or well used."""


@dataclass(frozen=True)
class Benchmark:
    """One run of a benchmark to hold the results against.

    Attributes
    ----------
    x : float
        Value of the swept key.
    usd : float
        USD per million output tokens, as measured.
    simulated_usd : float or None
        The same run simulated.
    ttft_s : tuple of float
        Seconds within which 90 % and 99 % of the first tokens were measured.
    """

    x: float
    usd: float
    simulated_usd: float | None
    ttft_s: tuple[float, float]


def cost_per_token(
    grid: GridLike,
    job_class: str | None = None,
    *,
    plans: Sequence[str] | None = None,
    measured: Sequence[Benchmark] = (),
    strips: Sequence[Strip] = (),
    note: str = "",
    title: str | None = None,
) -> Figure:
    """Draw what a million output tokens cost under each plan along the swept number, and below it the first token.

    Parameters
    ----------
    grid : GridLike
        What ``sim.sweep`` returned, with one swept key.
    job_class : str, optional
        The class of requests that is drawn; the scenario's first of kind inference if not given.
    plans : sequence of str, optional
        Which plans are drawn; all if not given.
    measured : sequence of Benchmark
        Runs of a benchmark of the same fleet.
    strips : sequence of (float, float, str)
        Ranges to hold the result against: USD from, USD to, what it is.
    note : str
        More to say under the title: how far off the measured runs are.
    title : str, optional
        Instead of the finding that is computed.

    Returns
    -------
    Figure
        Mean of the fully loaded cost with its interval, dashed where the level of the first token is broken; breaks
        between plans with their intervals; hatched what a fleet cannot serve. Below, TTFT p95 in seconds.

    Raises
    ------
    InputError
        When several keys are swept, the class serves no requests, or a plan or class is not the scenario's.
    """
    sweep, scenario = Sweep.of(grid), grid.scenario
    name = pick_class(scenario, job_class or next(iter(scenario.chats), None))
    if name not in scenario.chats:
        raise InputError.one("chart", f"must have a class of kind inference, got `{name}`")
    shown = pick_plans(scenario, plans)
    with theme():
        return _draw(sweep, name, shown, measured, strips, note, title or tokens_finding(sweep, shown, name))


def tokens_finding(sweep: Sweep, plans: Sequence[str], job_class: str) -> str:
    """Say from which load on the held fleet is cheaper than the API, and how dear its tokens are when it idles."""
    scenario = sweep.grid.scenario
    own = next((plan for plan in plans if alone(scenario, plan)), None)
    api = next((plan for plan in plans if not scenario.plans[plan].all_serving), None)
    cost = {plan: np.where(sweep.eligible(plan), sweep.of_class(plan, job_class, _PER)[0], np.nan) for plan in plans}
    if own is None or api is None or not np.isfinite(cost[own]).any():
        ends = [f"{plan_word(plan)} {_span(cost[plan])}" for plan in plans]
        return sentence(f"USD per million output tokens: {', '.join(ends)}")
    first = int(np.flatnonzero(np.isfinite(cost[own]))[0])
    found = standing(sweep, own, api)
    verdict = _verdict(sweep, job_class, own, api, found)
    idle = ""
    if cost[own][first] > cost[api][first] > 0:
        times = plain(cost[own][first] / cost[api][first], 2)
        idle = f"; at {sweep.place(first)} it costs {times} times as much"
    if found.how == "never":
        idle = f": at best {plain(float(np.nanmin(cost[own])))} USD against {plain(float(np.nanmin(cost[api])))}"
    return sentence(verdict + idle + _elastic(sweep, job_class, plans, cost, own, api))


def _elastic(sweep: Sweep, job_class: str, plans: Sequence[str], cost: dict[str, Floats], own: str, api: str) -> str:
    """Say what hired nodes that come and go cost: where few requests come, or where the held fleet is full."""
    scenario = sweep.grid.scenario
    hired = (plan for plan in plans if scenario.plans[plan].hired_serving and scenario.plans[plan].api is None)
    plan = next((plan for plan in hired if plan != own), None)
    if plan is None:
        return ""
    first, last = (int(k) for k in np.flatnonzero(np.isfinite(cost[own]))[[0, -1]])
    work = Work.of(sweep, plan, job_class)
    if work.late[first]:
        dear = cost[own][first] / sweep.of_class(plan, job_class, _PER)[0][first]
        seconds = sweep.of_class(plan, job_class, "ttft_s", "all", "p95")[0][first]
        times = f"{plain(float(dear), 2)} times cheaper than {plan_word(own)} at {sweep.place(first)}"
        return f"; {plan_word(plan)} is {times}, but its first token takes {plain(float(seconds), 2)} s"
    beyond = (cost[plan] / cost[api])[last + 1 :]
    beyond = beyond[np.isfinite(beyond)]
    if not len(beyond):
        return ""
    reach = [plain(float(value), 2) for value in (beyond.min(), beyond.max())]
    most = " to ".join(dict.fromkeys(reach))
    return f"; beyond that capacity {plan_word(plan)} costs {most} times as much as {plan_word(api)}"


def _span(values: Floats) -> str:
    """Name the ends of some costs."""
    known = values[np.isfinite(values)]
    return f"{plain(known.max())} to {plain(known.min())}" if len(known) else "none"


def _verdict(sweep: Sweep, job_class: str, own: str, api: str, found: Standing) -> str:
    """Say where the held fleet is cheaper, in words as strong as the load there bears."""
    scenario = sweep.grid.scenario
    capacity, unit = carried(scenario, own, job_class, sweep.key), key_words(scenario, sweep.key)[1]
    names = f"{plan_word(own)} beats {plan_word(api)}"
    if found.how == "above":
        share = None if capacity is None else found.at / capacity
        load = "" if share is None else f", {100 * share:.0f} % of its capacity"
        start = ""
        if share is not None and share >= _WELL:
            start = f"self-hosted tokens are cheap only on a {'full' if share >= _FULL else 'well used'} fleet: "
        return f"{start}{names} above {plain(found.at)}{unit}{load}"
    if found.how == "never":
        most = f" from {plain(sweep.x[0])} to {plain(sweep.x[-1])}{unit}"
        if capacity is not None and sweep.x[-1] >= capacity / 2:
            most = f" below its capacity of {plain(capacity)}{unit}"
        most = "" if sweep.names else most
        return f"{plan_word(own)} never beats {plan_word(api)}{most}"
    return f"{names} {'below ' + plain(found.at) + unit if found.how == 'below' else 'at every value compared'}"


def _draw(
    sweep: Sweep,
    job_class: str,
    plans: list[str],
    measured: Sequence[Benchmark],
    strips: Sequence[Strip],
    note: str,
    title: str,
) -> Figure:
    scenario = sweep.grid.scenario
    panel = served_panel(sweep, plans, job_class, [run.x for run in measured])
    subject = next((plan for plan in plans if carried(scenario, plan, job_class, sweep.key) is not None), None)
    over = _OVER if subject else 0.1
    lines = [_note(sweep, bool(panel.edges), bool(measured)), *([note] if note else [])]
    high = _height(sweep, job_class, plans)
    page = sheet(title, "\n".join(lines), provenance(sweep.results[0]), over + high + _GAP + _LOWER + _UNDER)
    names = [inches(two_lines(plan_word(plan)), 0.076, SMALL_SIZE) for plan in plans]
    right = 1.25 + max(names)
    upper = page.axes(_LEFT, right, over, high)
    _costs(upper, sweep, job_class, plans, panel, measured, strips)
    if subject:
        load_axis(upper, panel, subject, job_class)
    lower = page.axes(_LEFT, right, over + high + _GAP, _LOWER)
    _first_tokens(lower, sweep, job_class, plans, panel, measured)
    name_x(lower, panel)
    return page.figure


def _height(sweep: Sweep, job_class: str, plans: Sequence[str]) -> float:
    """Choose the inches of the upper panel: more where costs span many decades."""
    costs = np.concatenate([sweep.of_class(plan, job_class, _PER)[0] for plan in plans])
    costs = costs[np.isfinite(costs) & (costs > 0)]
    decades = np.log10(costs.max() / costs.min()) if len(costs) else 0.0
    return _UPPER + float(np.clip(0.6 * (decades - 2.5), 0.0, 1.5))


def _note(sweep: Sweep, walls: bool, measured: bool) -> str:
    """Say how to read the chart."""
    level = sweep.grid.scenario.equal_work.ttft_p95_s
    broken = f"; dashed: the first token of 95 % comes later than {level:g} s" if level is not None else ""
    text = f"Line: the whole bill over the tokens written, prompts included; band: its interval{broken}."
    text += " Hatched: more than the held GPUs can carry." if walls else ""
    return text + (" Dot: measured; cross: the same short run simulated; bar: TTFT p90 to p99 measured." * measured)


def _costs(
    axes: Axes,
    sweep: Sweep,
    job_class: str,
    plans: list[str],
    panel: Panel,
    measured: Sequence[Benchmark],
    strips: Sequence[Strip],
) -> None:
    """Draw and label USD per million output tokens."""
    look = looks(list(sweep.grid.scenario.plans))
    works = {plan: Work.of(sweep, plan, job_class) for plan in plans}
    costs = {plan: sweep.of_class(plan, job_class, _PER) for plan in plans}
    kept = [np.where(works[plan].done | works[plan].late, costs[plan][0], np.nan) for plan in plans]
    others = [run.usd for run in measured] + [usd for strip in strips for usd in strip[:2]]
    values = np.concatenate([*kept, np.array(others, dtype=np.float64)])
    log = spans_decade(values)
    ticks(axes, "y", *limits(values, log, 0.06, 0.1), log=log)
    dress_x(axes, panel, labels=False)
    axes.set_ylabel("USD per million output tokens", parse_math=False)
    room, ends = Room(axes), []
    for plan, curve in reversed(list(zip(plans, kept, strict=True))):
        done = works[plan].shown(costs[plan][0], late=False)
        low, high = (works[plan].shown(end, late=False) for end in costs[plan][1:])
        axes.fill_between(sweep.x, low, high, color=look[plan].colour, alpha=0.2, linewidth=0)
        late = works[plan].shown(costs[plan][0], late=True)
        _curve(axes, sweep.x, done, late, look[plan], plan, _width(sweep, plan))
        room.block_line(sweep.x, curve)
        x, y = last_point(sweep.x, curve)
        ends.append(End(x, y, two_lines(plan_word(plan)), look[plan]))
    for run in measured:
        axes.plot([run.x], [run.usd], "o", markersize=7, color="white", markeredgecolor=INK, zorder=6, label="measured")
        if run.simulated_usd is not None:
            axes.plot([run.x], [run.simulated_usd], "x", markersize=5, color=INK, zorder=7, label="simulated run")
        room.block_point(run.x, run.usd)
    label_ends(room, ends)
    show_beyond(room, panel)
    eligible = {plan: np.where(works[plan].done, costs[plan][0], np.nan) for plan in plans}
    # own plans that differ only where they are full would cross each other by the noise of all the rest
    api = next((plan for plan in plans if not sweep.grid.scenario.plans[plan].all_serving), None)
    mark_break_evens(axes, sweep, job_class, plans, room, eligible.__getitem__, api)
    mark_strips(axes, strips, room)


def _width(sweep: Sweep, plan: str) -> float:
    """Draw a fleet with an API behind it wider: it lies under the line of the same fleet alone, which covers it."""
    both = sweep.grid.scenario.plans[plan].serving and sweep.grid.scenario.plans[plan].api is not None
    return 4.5 if both else 1.7


def _curve(axes: Axes, x: Floats, done: Floats, late: Floats, look: Look, plan: str, width: float) -> None:
    """Draw a plan's line: whole where it does the work, dashed where it breaks the level."""
    pale = 0.6 if width > 2 else 1.0
    axes.plot(x, done, color=look.colour, linewidth=width, alpha=pale, marker=look.marker, markersize=3.5, label=plan)
    axes.plot(x, late, color=look.colour, linewidth=1.5, linestyle=(0, (3, 2)), label=f"{plan} late")


def _first_tokens(
    axes: Axes, sweep: Sweep, job_class: str, plans: list[str], panel: Panel, measured: Sequence[Benchmark]
) -> None:
    """Draw the 95th percentile of the time to the first token, and the level that it must meet."""
    look = looks(list(sweep.grid.scenario.plans))
    level = sweep.grid.scenario.equal_work.ttft_p95_s
    room, ends, lines = Room(axes), [], {}
    for plan in reversed(plans):
        work, seconds = Work.of(sweep, plan, job_class), sweep.of_class(plan, job_class, "ttft_s", "all", "p95")[0]
        lines[plan] = np.where(work.done | work.late, seconds, np.nan)
        done, late = work.shown(seconds, late=False), work.shown(seconds, late=True)
        _curve(axes, sweep.x, done, late, look[plan], plan, _width(sweep, plan))
    within = [bar for run in measured if run.x <= panel.high for bar in run.ttft_s]
    values = np.concatenate([*lines.values(), np.array(within + [level] * (level is not None), dtype=np.float64)])
    values = values[np.isfinite(values) & (values > 0)]
    log = spans_decade(values)
    ticks(axes, "y", *limits(values, log, 0.08, 0.1), log=log, most=6)
    dress_x(axes, panel, labels=True)
    axes.set_ylabel("TTFT p95, seconds", parse_math=False)
    for plan, seconds in lines.items():
        room.block_line(sweep.x, seconds)
        x, y = last_point(sweep.x, seconds)
        ends.append(End(x, y, f"{two_lines(plan_word(plan))} {plain(y, 2)} s", look[plan]))
    for run in measured:
        axes.plot([run.x] * 2, run.ttft_s, color=INK, linewidth=3, alpha=0.55, label="measured p90 to p99", zorder=4)
        for bar in run.ttft_s:
            room.block_point(run.x, bar, 3.0)
    label_ends(room, ends, SMALL_SIZE)
    show_beyond(room, panel, say=False)
    if level is not None:
        axes.axhline(level, color=INK, linewidth=0.9, linestyle=(0, (1, 1.5)), zorder=1)
        text = write(axes, 0, 0, f"level: 95 % within {level:g} s", size=SMALL_SIZE, color=GREY)
        y = room.fraction(panel.low, level)[1]
        room.put(text, [(0.01, y + 0.02, "left", "bottom"), (0.01, y - 0.02, "left", "top"), *near(0.3, y)])
