"""The main job, told: the article's question answered at the prices of 2023 and at prices seen in 2026.

Not here: any number of the answer. What is said is computed from the sweeps.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sim.doors import called
from sim.engine.workload import sample
from sim.ground.files import shipped, write
from sim.ground.scenario import load
from sim.questions import charts
from sim.questions.tables import (
    Block,
    Table,
    Text,
    break_even_text,
    inputs_text,
    listed,
    note,
    number,
    percent,
    sweep_csv,
    table,
    title,
    with_interval,
)
from sim.study import Grid, Study, as_json, run, sweep
from sim.study.grid import spaced
from sim.study.simulate import Experiment
from sim.study.threads import Progress

RATE = "workload.tuning.arrivals.rate_per_day"
RATES = sorted({*spaced(0.5, 12, 25, log=True), 6.0, 10.8})
RATES_TODAY = spaced(0.5, 12, 9, log=True)
SHOWN = (RATES[0], RATES[8], RATES[16], 6.0, 10.8, 12.0)
ARTICLE_POINT = (12.0, 84.10, "the article: 84 USD at 12 a day; needs 100 % utilization: the queue never settles")
ARTICLE_STRIP = (4.0, 12.0, "the article: 4 to 12 USD at the API")

QUESTION = """\
Hold GPUs or hire them? The article "OpenAI is too cheap to beat" (2023) asks it for fine-tunes: one reserved \
p4d.24xlarge (8 A100, 19.22 USD/h) and an engineer (200,000 USD/year), against rented nodes and the pay-per-use API.\
"""


def _table(grid: Grid) -> Table:
    """Lay out some of the swept rates, one row a rate and plan; money first, work behind."""
    head = ("runs/day", "plan", "USD a run", "p5", "p50", "p95", "wait, h", "p95", "utilization", "idle, USD/year")
    rows, best = list[tuple[str, ...]](), list[int]()
    for cell in (each for each in grid.cells if each.at[RATE] in SHOWN):
        for name, plan in cell.result["plans"].items():
            each = plan["classes"]["tuning"]
            cost, wait = each["cost_per_job_usd"]["fully_loaded"], each["wait_h"]
            if name == cell.result["comparison"]["cheapest"]:
                best.append(len(rows))
            rows.append(
                (
                    f"{cell.at[RATE]:.3g}",
                    name if plan["eligible"] else f"{name} (not ranked)",
                    with_interval(cost["mean"]),
                    *(number(cost[key].value) for key in ("p5", "p50", "p95")),
                    number(wait["mean"].value),
                    number(wait["p95"].value),
                    percent(plan["utilization"]["allocated"].value),
                    number(plan["bill_usd"]["held_idle"].value),
                )
            )
    return table(head, rows, "nw", keys=2, parts=(6,), best=best)


def _verdict(grid: Grid) -> Text:
    """Say who is cheapest where, from the grid's break-evens and cells."""
    wins: dict[str, list[float]] = {}
    for cell in grid.cells:
        wins.setdefault(str(cell.result["comparison"]["cheapest"]), []).append(cell.at[RATE])
    parts = [
        f"`{name}` is the cheapest from {rates[0]:.3g} to {rates[-1]:.3g} runs a day" for name, rates in wins.items()
    ]
    lines = ["Verdict: " + "; ".join(parts) + "."]
    lines += [f"  {break_even_text(grid.break_even('reserved', other))}" for other in ("on_demand", "api")]
    return Text("\n".join(lines), "verdict")


def compare_engines(experiment: Experiment, replications: int) -> tuple[int, int]:
    """Serve some replications with the kernel and with the SimPy reference.

    Returns
    -------
    rows, differing : int
        Rows compared, over all plans, and how many differ.
    """
    numbers = range(replications)
    paths = sample(experiment.scenario, experiment.seed, numbers, experiment.listed)
    rows = differing = 0
    for name in experiment.fleets:
        _, mine = replace(experiment, engine="kernel").rows(name, paths, numbers)
        _, theirs = replace(experiment, engine="simpy").rows(name, paths, numbers)
        rows += len(paths)
        differing += len(mine.differing(theirs))
    return rows, differing


def _pictures(grid: Grid, study: Study, out: Path) -> list[Path]:
    """Draw the sweep and one rate of it."""
    figures: dict[str, Any] = {
        "cost_percentiles": charts.cost_percentiles(
            grid, plans=["reserved", "on_demand", "api"], points=[ARTICLE_POINT], strips=[ARTICLE_STRIP]
        ),
        "idle_money": charts.idle_money(grid),
        "cost_distribution": charts.cost_distribution(study),
    }
    return [path for name, figure in figures.items() for path in charts.save(figure, out, name)]


def demo(out: Path, replications: int, jobs: int, tell: Callable[[Sequence[Block]], None], progress: Progress) -> None:
    """Answer the article's question, write the results and pictures, compare with the SimPy reference.

    Parameters
    ----------
    out : Path
        Folder for results and pictures.
    replications : int
        Sample paths of each rate.
    jobs : int
        Threads.
    tell : callable
        Prints blocks.
    progress : callable
        Tells how far the sweep is.
    """
    article = load(shipped("scenarios") / "article.yaml")
    today = load(shipped("scenarios") / "article_today.yaml")
    tell([Text(QUESTION), _GAP])
    grid = sweep(article, {RATE: RATES}, replications, jobs=jobs, progress=progress)
    study = run(article, replications, jobs=jobs)
    head = title(f"At list prices of 2023, {len(RATES)} arrival rates x {replications} paths of a year:")
    rests = Text(f"The numbers rest on:\n{inputs_text(article.inputs())}")
    tell([head, _table(grid), _verdict(grid), rests, _GAP])
    grid_today = sweep(today, {RATE: RATES_TODAY}, max(2, replications // 2), jobs=jobs, progress=progress)
    head = title("At prices seen in 2026 (what is assumed says so):")
    tell([head, _verdict(grid_today), Text(inputs_text(today.inputs())), _GAP])
    for name, swept in (("article", grid), ("article_today", grid_today)):
        found = swept.as_result()
        write(out / f"{name}.csv", sweep_csv(found))
        write(out / f"{name}.json", json.dumps(as_json(found), indent=1, allow_nan=False) + "\n")
    files = [
        f"Pictures: {', '.join(str(path) for path in _pictures(grid, study, out) if path.suffix == '.png')}",
        f"Results:  {out}/article.csv, {out}/article.json, {out}/article_today.csv, {out}/article_today.json",
    ]
    after = f"Next:     {called()} init mine, edit mine.yaml, {called()} run mine.yaml"
    rows, differing = compare_engines(Experiment.of(article, study.seed), 1)
    checked = Text(f"SimPy reference: {rows:,} rows compared, {differing} differ")
    tell([*listed(files), note(_WORDS), Text(after), checked])


_GAP = Text("")
_WORDS = "Brackets: 95 % intervals over sample paths. `not ranked`: leaves more than 1 % of the runs undone."
