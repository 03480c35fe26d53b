"""A sweep as tables of a report: the numbers behind the chart, and every break-even."""

from collections.abc import Iterator
from typing import Any

from sim.doors.report.cells import Cell, Table, share, short, table, told
from sim.questions.charts.finding import Standing, standing
from sim.questions.charts.reading import Sweep
from sim.questions.charts.words import key_words, plain, priced_by
from sim.study import Grid
from sim.study.grid import is_number

Json = dict[str, Any]


def sweep_table(grid: Grid, job_class: str, over: str | None = None) -> Table:
    """Lay out what the chart of percentiles draws: a row a value and plan."""
    key = next(iter(grid.vary))
    jobs, unit = priced_by(grid.scenario, job_class)
    rows = [row for cell in grid.cells for row in _rows(cell.at[key], cell.result, job_class, jobs)]
    name = key_words(grid.scenario, key)[0]
    head = ["", "Plan", "p5", "p50", "p95", "mean", "wait, h: mean", "p95", "cheapest on"]
    caption = f"USD per {unit}, fully loaded, and wait, by {name}"
    return table("sweep", caption, [name, *head[1:]], rows, texts=2, note=_over(over).strip())


def _rows(at: Any, result: Json, job_class: str, jobs: float) -> Iterator[list[Cell]]:
    """Lay out the plans at one value."""
    for name, plan in result["plans"].items():
        each = plan["classes"][job_class]
        cost, wait = each["cost_per_job_usd"]["fully_loaded"], each["wait_h"]
        chance = share(result["comparison"]["probability_cheapest"][name]) if plan["eligible"] else "not ranked"
        yield [
            place(at),
            name,
            *(told(cost[which], short, jobs) for which in ("p5", "p50", "p95", "mean")),
            *(told(wait[which], short) for which in ("mean", "p95")),
            chance,
        ]


def place(value: Any) -> str:
    """Write a value of the swept key."""
    return plain(float(value)) if is_number(value) else str(value)


def _over(over: str | None) -> str:
    return "" if over is None else f" Swept over the {over} alone, from empty queues on."


def break_evens(grid: Grid, over: str | None = None) -> Table:
    """Lay out for every pair of plans where they cost the same, or why they nowhere do."""
    key = next(iter(grid.vary))
    sweep = Sweep.of(grid)
    rows = [_pair(sweep, entry) for entry in grid.as_result()["break_even"]]
    return table(
        "break-even",
        f"Where two plans cost the same, by {key_words(grid.scenario, key)[0]}",
        ["Plans", "Equal at", "What that says"],
        rows,
        note="On straight lines between the values swept. Where a plan does not do the work it is not compared."
        + _over(over),
        last=True,
    )


def _pair(sweep: Sweep, entry: Json) -> list[Cell]:
    a, b = entry["plans"]
    if entry["at"] is None:
        return [f"{a} and {b}", "none", f"{entry['reason'][:1].upper()}{entry['reason'][1:]}."]
    return [f"{a} and {b}", told(entry["at"], short), _sides(standing(sweep, a, b), a, b)]


def _sides(found: Standing, a: str, b: str) -> str:
    """Say who is the cheaper on either side of a break-even."""
    if found.how not in ("above", "below"):
        return "They cost the same there, and nearly the same around it."
    below, above = (b, a) if found.how == "above" else (a, b)
    return f"`{below}` is cheaper below, `{above}` above."
