"""Commands about a scenario: judge it, run it, sweep it."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from sim.cli.app import app
from sim.cli.options import (
    ENGINES,
    FORMATS,
    MOST_REPLICATIONS,
    WORDS,
    Engine,
    File,
    Format,
    Jobs,
    Out,
    Reps,
    SeedText,
    Settings,
    choice,
    load_scenario,
    seed_of,
    spread,
    thread_count,
    whole,
)
from sim.cli.output import Progress, say, show, write_results
from sim.faults import InputError


@app.command()
def check(file: File, settings: Settings = None) -> None:
    """Judge a scenario file: every fault with its line, or what it says in short."""
    scenario = load_scenario(file, settings)
    from sim.study.compare import serving_load, warnings
    from sim.study.simulate import Experiment
    from sim.tables import inputs_text

    experiment = Experiment.of(scenario, 0)
    load = scenario.offered_gpus
    lines = [
        f"{file}: good; {experiment.jobs_expected:,.6g} jobs and requests expected in {scenario.horizon_days:g} days"
    ]
    if load is not None:
        lines.append(f"offered load: {load:.4g} GPUs (erlangs)")
    lines += [
        f"plan `{name}`: {plan.all_gpus} GPU{'s' * (plan.all_gpus != 1)} held" for name, plan in scenario.plans.items()
    ]
    for name, plan in scenario.plans.items():
        for group_name, group in plan.serving.items():
            carried = serving_load(scenario, plan, group_name)
            share = "" if carried is None else f", load about {carried:.3g} of what they can carry"
            lines.append(f"plan `{name}`, `{group_name}`: {group.replicas} replica{'s' * (group.replicas != 1)}{share}")
    lines += ["the numbers rest on:", inputs_text(scenario.inputs())]
    lines += [f"warning ({entry['code']}): {entry['text']}" for entry in warnings(experiment, 1000)]
    say("\n".join(lines))


@app.command(epilog=WORDS)
def run(
    file: File,
    settings: Settings = None,
    seed: SeedText = None,
    reps: Reps = "200",
    jobs: Jobs = "auto",
    engine: Engine = "kernel",
    format_: Format = "text",
    out: Out = None,
) -> None:
    """Run a scenario under all its plans and compare them."""
    from sim.files import output_folder
    from sim.manifest import claim

    choice("--format", format_, FORMATS)
    scenario = load_scenario(file, settings)
    if out is not None:
        claim(output_folder(out), scenario)
    from sim import study  # only now, for it takes a second: a refusal comes at once
    from sim.tables import study_csv, study_text

    found = study.run(
        scenario,
        whole("--reps", reps, 1, MOST_REPLICATIONS),
        seed_of(seed),
        thread_count(jobs),
        choice("--engine", engine, ENGINES),
        progress=Progress("replications, in pieces"),
    )
    if out is not None:
        from sim import charts

        figures = {"cost_distribution": lambda: charts.cost_distribution(found)}
        write_results(out, scenario, found.result, study_csv(found.result), figures)
    show(found.result, format_, study_text, study_csv)


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
    from sim.tables import sweep_csv, sweep_text

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
    told = f"{cells} cells x {len(scenario.plans)} plans x {replications} replications, about {seconds(cells):.0f} s"
    sys.stderr.write(f"{told}\n")
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
    show(found, format_, sweep_text, sweep_csv)


@app.command()
def schema() -> None:
    """Print the JSON schema of a scenario."""
    from sim.scenario import Scenario

    say(json.dumps(Scenario.model_json_schema(), indent=1))


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for results and pictures.", metavar="DIR")] = Path(
        "outputs/demo"
    ),
    reps: Reps = "80",
    jobs: Jobs = "auto",
) -> None:
    """Answer the article's question: reserved node, rented nodes, API or a mix, from 0.5 to 12 fine-tunes a day."""
    from sim.demo import demo as tell
    from sim.files import output_folder

    tell(output_folder(out), whole("--reps", reps, 2, 100_000), thread_count(jobs), say, Progress("cells"))
