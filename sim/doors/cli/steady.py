"""The command about the long run."""

from typing import Annotated

import typer

from sim.doors.cli.app import app
from sim.doors.cli.options import (
    ENGINES,
    FORMATS,
    Engine,
    File,
    Format,
    Jobs,
    SeedText,
    Settings,
    choice,
    load_scenario,
    seed_of,
    thread_count,
    whole,
)
from sim.doors.cli.output import Progress, show


@app.command()
def steady(
    file: File,
    settings: Settings = None,
    length: Annotated[str, typer.Option("--length", help="Jobs and requests of a run.", metavar="N")] = "20000",
    runs: Annotated[str, typer.Option("--runs", help="Independent runs.", metavar="N")] = "5",
    seed: SeedText = None,
    jobs: Jobs = "auto",
    engine: Engine = "kernel",
    format_: Format = "text",
) -> None:
    """Estimate the long run of each plan, once all has settled.

    Mean wait, queue, utilization, cost of a job.

    The horizon and the warm-up of the scenario play no part: the runs are as long as --length says, and where the
    warm-up ends is found (MSER-5). Intervals are by batch means, so they hold although jobs of one run hang on each
    other. A plan that cannot carry its load has no long run and is told as unstable; arrivals that change with time
    (pattern, growth) or come from a list are refused.
    """
    choice("--format", format_, FORMATS)
    scenario = load_scenario(file, settings)
    from sim.questions.tables import STEADY_HEAD, as_csv, steady_blocks, steady_rows
    from sim.study.steady import LEAST_JOBS, MOST_JOBS_A_RUN, MOST_RUNS
    from sim.study.steady import steady as long_run

    found = long_run(
        scenario,
        whole("--length", length, LEAST_JOBS, MOST_JOBS_A_RUN),
        whole("--runs", runs, 1, MOST_RUNS),
        seed_of(seed),
        thread_count(jobs),
        choice("--engine", engine, ENGINES),
        progress=Progress("runs, in pieces"),
    )
    show(found.result, format_, steady_blocks, lambda result: as_csv(STEADY_HEAD, steady_rows(result)))
