"""Commands about a scenario: judge it, run it, sweep it."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.cli.app import app
from sim.cli.options import (
    ENGINES,
    FORMATS,
    MOST_REPLICATIONS,
    WORDS,
    Engine,
    ExactReps,
    File,
    Format,
    Jobs,
    MostReps,
    Out,
    PreciseKeys,
    Precision,
    Reps,
    SeedText,
    Settings,
    choice,
    load_scenario,
    seed_of,
    share_of,
    spread,
    thread_count,
    whole,
)
from sim.cli.output import Progress, say, show, tell, write_results
from sim.faults import InputError

if TYPE_CHECKING:
    from sim.study import Goal


@app.command()
def check(file: File, settings: Settings = None) -> None:
    """Check a scenario file: every fault with its line and key; if there is none, what the file says and rests on."""
    scenario = load_scenario(file, settings)
    from sim.study.compare import serving_load
    from sim.study.compare import warnings as warned
    from sim.study.simulate import Experiment
    from sim.tables import Text, counted, inputs_text, percent, title, warnings

    experiment = Experiment.of(scenario, 0)
    load = scenario.offered_gpus
    lines = list[str]()
    if load is not None:
        lines.append(f"offered load: {load:.4g} GPUs (erlangs)")
    lines += [
        f"plan `{name}`: {plan.all_gpus} GPU{'s' * (plan.all_gpus != 1)} held" for name, plan in scenario.plans.items()
    ]
    for name, plan in scenario.plans.items():
        for group_name, group in plan.serving.items():
            carried = serving_load(scenario, plan, group_name)
            share = "" if carried is None else f", load about {percent(carried)} of what they can carry"
            lines.append(f"plan `{name}`, `{group_name}`: {group.replicas} replica{'s' * (group.replicas != 1)}{share}")
    expected = f"{experiment.jobs_expected:,.6g} jobs and requests expected in {counted(scenario.horizon_days, 'day')}"
    rests = f"the numbers rest on:\n{inputs_text(scenario.inputs())}"
    first = title(f"{file}: good; {expected}")
    tell([first, Text("\n".join(lines)), Text(rests), *warnings(warned(experiment, 1000))])


@app.command(epilog=WORDS)
def run(
    file: File,
    settings: Settings = None,
    seed: SeedText = None,
    reps: ExactReps = None,
    precision: Precision = None,
    on: PreciseKeys = None,
    most_reps: MostReps = None,
    jobs: Jobs = "auto",
    engine: Engine = "kernel",
    format_: Format = "text",
    out: Out = None,
) -> None:
    """Run a scenario under all its plans and compare them.

    With --precision 1% replications are added until the bill of every ranked plan, or what --on names, is known to +- 1
    % of its value; --reps as many as it took gives the same result.
    """
    from sim.files import output_folder
    from sim.manifest import claim

    choice("--format", format_, FORMATS)
    scenario = load_scenario(file, settings)
    if out is not None:
        claim(output_folder(out), scenario)
    from sim import study  # only now, for it takes a second: a refusal comes at once
    from sim.tables import study_blocks, study_csv

    goal = _goal(reps, precision, on, most_reps)
    how = seed_of(seed), thread_count(jobs), choice("--engine", engine, ENGINES)
    progress = Progress("replications, in pieces")
    if goal is not None:
        found = study.run_until(scenario, goal, *how, progress=progress)
    else:
        found = study.run(scenario, whole("--reps", reps or "200", 1, MOST_REPLICATIONS), *how, progress=progress)
    if out is not None:
        from sim import charts

        figures = {"cost_distribution": lambda: charts.cost_distribution(found)}
        write_results(out, scenario, found.result, study_csv(found.result), figures)
    show(found.result, format_, study_blocks, study_csv)


def _goal(reps: str | None, precision: str | None, on: list[str] | None, most: str | None) -> "Goal | None":
    """Read what is to be precise; None for a run of so many replications."""
    from sim.study.precise import LEAST_REPLICATIONS, Goal

    if precision is None:
        for flag, given in (("--on", on), ("--most-reps", most)):
            if given:
                raise InputError.one(flag, "tells what is to be precise; give --precision with it, such as 1%")
        return None
    if reps is not None:
        raise InputError.one("--reps", "and --precision exclude each other: one states the number, the other finds it")
    share = share_of("--precision", precision)
    return Goal(share, tuple(on or ()), whole("--most-reps", most or "100000", LEAST_REPLICATIONS, MOST_REPLICATIONS))


@app.command(epilog=WORDS)
def sweep(
    file: File,
    vary: Annotated[
        list[str], typer.Option("--vary", help="Values of a key: key=lo:hi:n[:log] or key=1,2,4.", metavar="KEY=VALUES")
    ],
    settings: Settings = None,
    seed: SeedText = None,
    reps: Reps = "200",
    jobs: Jobs = "auto",
    engine: Engine = "kernel",
    format_: Format = "text",
    out: Out = None,
) -> None:
    """Run a scenario at every combination of some values; find where the cheapest plan changes."""
    from sim.files import output_folder

    choice("--format", format_, FORMATS)
    scenario = load_scenario(file, settings)
    from sim import study
    from sim.manifest import claim
    from sim.study.grid import check_cells, is_number, seconds_expected
    from sim.tables import counted, sweep_blocks, sweep_csv

    replications = whole("--reps", reps, 1, MOST_REPLICATIONS)
    threads = thread_count(jobs)
    spans = [spread("--vary", text) for text in vary]
    if repeated := [key for key, _ in spans if [other for other, _ in spans].count(key) > 1]:
        raise InputError.one("--vary", f"{repeated[0]} is varied twice; give all its values in one --vary")
    varied = dict(spans)

    def seconds(count: int) -> float:
        return seconds_expected(scenario, count, replications, study.threads(threads))

    cells = check_cells(varied, seconds)
    if out is not None:
        claim(output_folder(out), scenario, varied)
    sizes = ((cells, "cell"), (len(scenario.plans), "plan"), (replications, "replication"))
    sys.stderr.write(f"{' x '.join(counted(*each) for each in sizes)}, about {seconds(cells):.0f} s\n")
    grid = study.sweep(
        scenario,
        varied,
        replications,
        seed_of(seed),
        threads,
        choice("--engine", engine, ENGINES),
        progress=Progress("cells"),
    )
    found = grid.as_result()
    if out is not None:
        from sim import charts

        figures = {}
        if len(varied) == 1 and all(map(is_number, next(iter(varied.values())))):
            figures = {
                "cost_percentiles": lambda: charts.cost_percentiles(grid),
                "idle_money": lambda: charts.idle_money(grid),
            }
            if next(iter(varied)).endswith(".rate_per_second"):
                figures["cost_per_token"] = lambda: charts.cost_per_token(grid)
        write_results(out, scenario, found, sweep_csv(found), figures)
    show(found, format_, sweep_blocks, sweep_csv)


@app.command()
def schema(
    format_: Annotated[str, typer.Option("--format", help="json, or markdown: every key as a page.")] = "json",
) -> None:
    """Print the JSON schema of a scenario; any number in it may also be {p10, p90} or {cases}."""
    if choice("--format", format_, ("json", "markdown")) == "markdown":
        from sim.tables.reference import reference_markdown

        say(reference_markdown())
        return
    from sim.scenario.schema import schema as described

    say(json.dumps(described(), indent=1))


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for results and pictures.", metavar="DIR")] = Path(
        "outputs/demo"
    ),
    reps: Reps = "80",
    jobs: Jobs = "auto",
) -> None:
    """Answer the article's question: reserved node, rented nodes, API or a mix, from 0.5 to 12 fine-tunes a day."""
    from sim.demo import demo as answer
    from sim.files import output_folder

    answer(output_folder(out), whole("--reps", reps, 2, 100_000), thread_count(jobs), tell, Progress("cells"))
