"""The command that tells which uncertain inputs matter to a decision."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.doors.cli.app import app
from sim.doors.cli.options import (
    ENGINES,
    FORMATS,
    Engine,
    File,
    Format,
    Jobs,
    Out,
    SeedText,
    Settings,
    choice,
    load_scenario,
    seed_of,
    thread_count,
    whole,
)
from sim.doors.cli.output import Progress, show, write_results

if TYPE_CHECKING:
    from sim.questions.decision.matters import Mattered

_MOST_FUTURES, _MOST_REPLICATIONS, _MOST_POINTS = 100_000, 10_000, 2**16

_EPILOG = (
    "Tornado: one input at its 10th and 90th percentile, all others central, on the same noise. Sobol: shares of the "
    "variance over all inputs. Worth of knowing an input: expected regret spared by choosing after it is known. All "
    "definitions: docs/costs.md."
)


@app.command(epilog=_EPILOG)
def matters(
    file: File,
    strategies: Annotated[
        str,
        typer.Option(
            "--strategies",
            help="A: its present value is measured; A,B: what A costs more than B. Else the two regretted least.",
            metavar="A[,B]",
        ),
    ] = "",
    settings: Settings = None,
    futures: Annotated[str, typer.Option("--futures", help="Futures, for the worth of knowing.", metavar="N")] = "500",
    reps: Annotated[str, typer.Option("--reps", help="Replications of each future and place.", metavar="N")] = "4",
    sobol: Annotated[
        str, typer.Option("--sobol", help="Points of Sobol's indices, a power of two; 0: none.", metavar="N")
    ] = "128",
    seed: SeedText = None,
    jobs: Jobs = "auto",
    engine: Engine = "kernel",
    format_: Format = "text",
    out: Out = None,
) -> None:
    """Tell which uncertain inputs matter to the decision.

    What each moves alone, its share of the spread, what knowing it is worth.

    The answer to: which input, if it were measured, would most reduce expected regret.
    """
    choice("--format", format_, FORMATS)
    scenario = load_scenario(file, settings)
    measured = [name.strip() for name in strategies.split(",") if name.strip()]
    points = whole("--sobol", sobol, 0, _MOST_POINTS)
    from sim.ground.files import output_folder
    from sim.ground.manifest import claim
    from sim.questions.decision.matters import check_matters
    from sim.questions.decision.matters import matters as find
    from sim.questions.decision.places import announced
    from sim.questions.tables import matters_blocks, matters_csv

    check_matters(scenario, measured, points)
    count = whole("--futures", futures, 1, _MOST_FUTURES)
    verb = " ".join(["matters", *measured])  # another measure is another question
    if out is not None:
        claim(output_folder(out), scenario, verb=verb)
    sys.stderr.write(f"{count} futures, {announced(scenario, points)}\n")
    found = find(
        scenario,
        measured,
        count,
        whole("--reps", reps, 1, _MOST_REPLICATIONS),
        points,
        seed_of(seed),
        thread_count(jobs),
        choice("--engine", engine, ENGINES),
        Progress,
    )
    if out is not None:
        pictures = {"tornado": lambda: _picture(found)}
        write_results(out, scenario, found.result, matters_csv(found.result), pictures, verb)
    show(found.result, format_, matters_blocks, matters_csv)


def _picture(found: "Mattered") -> Any:
    """Draw the tornado, with the worth of knowing beside it."""
    from sim.questions.decision.pictures import tornado_of

    return tornado_of(found)
