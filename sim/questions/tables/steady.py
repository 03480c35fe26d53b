"""The long run of each plan as text and as rows: means, how long they took to settle, how sure they are."""

from collections.abc import Iterator
from typing import Any

from sim.ground.estimate import Estimate
from sim.questions.tables.blocks import Block, listed, note, table, title, warnings
from sim.questions.tables.plain import plain
from sim.questions.tables.words import Json, counted, number, percent, percent_with_interval, with_interval

_HEAD = ("plan", "USD a job", "USD an hour", "utilization", "busy GPUs", "wait, h", "in the queue", "in the system")
_WORK = 3
"""The column at which money ends and work begins."""
_MONEY, _KEYS = ("cost_per_job_usd", "usd_per_hour"), ("busy_gpus", "wait_h", "queue", "in_system")
_TRUST = (
    "plan",
    "warm-up, h",
    "jobs counted",
    "batches",
    "their correlation",
    "a job is worth",
    "effective jobs",
    "jobs for 1 %",
)
_WORDS = """\
Wait: hours in the queue over all jobs that came. USD a job: fully loaded. Brackets: {confidence:g} % interval by \
overlapping batch means of {runs} runs. Worth: jobs of one run hang on each other; an interval that took them for \
independent would hold in far fewer cases than it says. Jobs for 1 %: that make the interval of the wait +- 1 %."""


def _means_row(name: str, told: Json, utilization: Estimate) -> list[str]:
    money, work = ([with_interval(told[key]) for key in keys] for keys in (_MONEY, _KEYS))
    return [name, *money, percent_with_interval(utilization), *work]


def _count(value: float | None) -> str:
    return "n/a" if value is None else f"{value:,.0f}"


def _trust_row(name: str, plan: Json) -> list[str]:
    told, correlation = plan["of_waits"], plan["correlation_of_batches"]["in_system"]
    worth = "n/a" if told["inflation"] is None else f"1/{number(told['inflation'])}"
    return [
        name,
        number(plan["warm_up_hours"]),
        _count(told["jobs"]),
        str(plan["batches"]),
        "n/a" if correlation is None else f"{correlation:.2f}",
        worth,
        _count(told["effective_jobs"]),
        _count(told["jobs_for_1_percent"]),
    ]


def _naive_lines(plans: Json) -> list[str]:
    """Say how often an interval that takes jobs for independent would hold."""
    lines = []
    for name, plan in plans.items():
        if (share := plan["of_waits"]["naive_coverage"]) is not None:
            lines.append(f"plan `{name}`: an interval of the wait as of independent jobs would hold {percent(share)}")
    return lines


def steady_text(result: Json) -> str:
    """Tell the long run in plain text, at most 80 columns wide."""
    return plain(steady_blocks(result))


def steady_blocks(result: Json) -> list[Block]:
    """Tell the long run: means by plan and class, how they were made, what to beware of."""
    plans = {name: plan for name, plan in result["plans"].items() if plan["steady"]}
    runs = f"{counted(result['runs'], 'run')} of {result['jobs_a_run']:,} jobs ({number(result['hours_a_run'])} h) each"
    parts: list[Block] = [title(f"{result['scenario']}, in the long run: {runs}, seed {result['seed']}")]
    if plans:
        rows = [_means_row(name, plan, plan["utilization"]) for name, plan in plans.items()]
        parts += [table(_HEAD, rows, parts=(_WORK,)), *_class_tables(plans)]
        parts.append(table(_TRUST, [_trust_row(name, plan) for name, plan in plans.items()]))
        parts += listed(_naive_lines(plans))
        parts.append(note(_WORDS.format(confidence=100 * result["confidence"], runs=result["runs"])))
    return [*parts, *warnings(result["warnings"])]


def _class_tables(plans: Json) -> list[Block]:
    """Lay out the classes, where there are several."""
    names = list(next(iter(plans.values()))["classes"])
    if len(names) < 2:
        return []
    nothing = Estimate(None)
    tables: list[Block] = []
    for name in names:
        rows = [_means_row(plan_name, plan["classes"][name], nothing) for plan_name, plan in plans.items()]
        kept = [[cell for k, cell in enumerate(row) if k != _WORK] for row in ([*_HEAD], *rows)]
        tables += [title(f"class `{name}`"), table(kept[0], kept[1:], parts=(_WORK,))]
    return tables


STEADY_HEAD = ["plan", "job_class", "measure", "value", "low", "high", "se", "n"]


def _rows(plan: str, job_class: str, told: Json) -> Iterator[list[Any]]:
    for key, entry in told.items():
        if isinstance(entry, Estimate):
            yield [plan, job_class, key, *entry.as_json().values()]


def steady_rows(result: Json) -> Iterator[list[Any]]:
    """Give every estimate of a long run as a row: plan, class, measure, value, low, high, se, n."""
    for name, plan in result["plans"].items():
        yield from _rows(name, "", plan)
        for class_name, each in plan.get("classes", {}).items():
            yield from _rows(name, class_name, each)
