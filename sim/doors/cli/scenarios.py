"""Commands about a scenario: judge it, run it, sweep it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.doors.cli.app import app
from sim.doors.cli.clusters import Cluster, runner_of
from sim.doors.cli.keeping import Asked, claimed, keeping
from sim.doors.cli.options import (
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
    Rows,
    SeedText,
    Settings,
    choice,
    load_scenario,
    once,
    seed_of,
    share_of,
    spread,
    thread_count,
    whole,
)
from sim.doors.cli.output import Progress, say, tell
from sim.doors.cli.shards import Shard, do_share
from sim.doors.cli.studies import check_rows, show_run, show_sweep, write_run, write_sweep
from sim.doors.cli.terminal import note
from sim.ground.faults import InputError

if TYPE_CHECKING:
    from sim.study import Goal


@app.command()
def check(file: File, settings: Settings = None) -> None:
    """Check a scenario file: each fault, with its line and key.

    If there is none: what the file says, and what it rests on.
    """
    scenario = load_scenario(file, settings)
    from sim.questions.tables import Text, counted, inputs_text, percent, title, warnings
    from sim.study.compare import serving_load
    from sim.study.compare import warnings as warned
    from sim.study.simulate import Experiment

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
    cluster: Cluster = None,
    engine: Engine = "kernel",
    format_: Format = "text",
    out: Out = None,
    shard: Shard = None,
    rows: Rows = False,
) -> None:
    """Run a scenario under all its plans and compare them.

    With --precision 1% replications are added until the bill of every ranked plan, or what --on names, is known to +- 1
    % of its value; --reps as many as it took gives the same result. With --out what is done is kept as it comes: the
    same command goes on where an earlier one ended, and more --reps add to those that are there.
    """
    choice("--format", format_, FORMATS)
    scenario = load_scenario(file, settings)
    claimed(out, scenario)
    from sim import study  # only now, for it takes a second: a refusal comes at once

    goal = _goal(reps, precision, on, most_reps)
    given, threads = seed_of(seed), thread_count(jobs)
    replications = None if goal is not None else whole("--reps", "200" if reps is None else reps, 1, MOST_REPLICATIONS)
    asked = Asked(scenario, None, replications, choice("--engine", engine, ENGINES))
    if rows:
        check_rows(out, shard)
    if shard is not None:
        if goal is not None:
            raise InputError.one("--shard", "and --precision exclude each other: no share knows how precise all are")
        do_share(shard, out, asked, given, threads, cluster)
        return
    progress = Progress("replications, in pieces")
    with runner_of(cluster) as runner, keeping(out, asked, given, runner) as (means, chosen):
        how = chosen, threads, engine
        if goal is not None:
            found = study.run_until(scenario, goal, *how, progress=progress, means=means)
        else:
            found = study.run(scenario, replications or 1, *how, progress=progress, means=means)
        write_run(found, scenario, out, means, rows)
    show_run(found, format_)


def _goal(reps: str | None, precision: str | None, on: list[str] | None, most: str | None) -> "Goal | None":
    """Read what is to be precise; None for a run of so many replications."""
    from sim.study.precise import LEAST_REPLICATIONS, Goal

    if precision is None:
        for flag, given in (("--on", on), ("--most-reps", most)):
            if given not in (None, []):
                raise InputError.one(flag, "tells what is to be precise; give --precision with it, such as 1%")
        return None
    if reps is not None:
        raise InputError.one("--reps", "and --precision exclude each other: one states the number, the other finds it")
    share = share_of("--precision", precision)
    limit = whole("--most-reps", "100000" if most is None else most, LEAST_REPLICATIONS, MOST_REPLICATIONS)
    return Goal(share, tuple(on or ()), limit)


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
    cluster: Cluster = None,
    engine: Engine = "kernel",
    format_: Format = "text",
    out: Out = None,
    shard: Shard = None,
) -> None:
    """Run a scenario at every combination of some values.

    It tells where the cheapest plan changes.

    With --out each cell is kept as soon as it is done: the same command goes on where an earlier one ended.
    """
    choice("--format", format_, FORMATS)
    scenario = load_scenario(file, settings)
    from sim import study
    from sim.questions.tables import counted
    from sim.study.grid import check_cells, seconds_expected

    replications, given, threads = whole("--reps", reps, 1, MOST_REPLICATIONS), seed_of(seed), thread_count(jobs)
    varied = _varied(vary)

    def seconds(count: int) -> float:
        return seconds_expected(scenario, count, replications, study.threads(threads))

    cells = check_cells(varied, seconds)
    claimed(out, scenario, varied)
    asked = Asked(scenario, varied, replications, choice("--engine", engine, ENGINES))
    sizes = ((cells, "cell"), (len(scenario.plans), "plan"), (replications, "replication"))
    note(f"{' x '.join(counted(*each) for each in sizes)}, about {seconds(cells):.0f} s")
    if shard is not None:
        do_share(shard, out, asked, given, threads, cluster)
        return
    with runner_of(cluster) as runner, keeping(out, asked, given, runner) as (means, chosen):
        progress = Progress("cells")
        grid = study.sweep(scenario, varied, replications, chosen, threads, engine, progress=progress, means=means)
        write_sweep(grid, scenario, out, means)
    show_sweep(grid, format_)


def _varied(vary: list[str]) -> dict[str, Any]:
    """Read what is varied; refuse a key given twice."""
    return once("--vary", (spread("--vary", text) for text in vary), "give all its values in one --vary")


@app.command()
def schema(
    format_: Annotated[str, typer.Option("--format", help="json, or markdown: every key as a page.")] = "json",
) -> None:
    """Print the JSON schema of a scenario.

    Any number in it may also be {p10, p90} or {cases}.
    """
    if choice("--format", format_, ("json", "markdown")) == "markdown":
        from sim.questions.tables.reference import reference_markdown

        say(reference_markdown())
        return
    from sim.ground.scenario.schema import schema as described

    say(json.dumps(described(), indent=1))


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for results and pictures.", metavar="DIR")] = Path(
        "outputs/demo"
    ),
    reps: Reps = "80",
    jobs: Jobs = "auto",
) -> None:
    """Answer the article's question, with pictures.

    Reserved node, rented nodes, API or a mix, from 0.5 to 12 fine-tunes a day.
    """
    from sim.doors.demo import demo as answer
    from sim.ground.files import output_folder

    answer(output_folder(out), whole("--reps", reps, 2, 100_000), thread_count(jobs), tell, Progress("cells"))
