"""The command that answers in one look: a run, its sweep, what would change the verdict, as one HTML file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.doors.cli.app import app
from sim.doors.cli.options import (
    ENGINES,
    MOST_REPLICATIONS,
    Engine,
    File,
    Jobs,
    SeedText,
    Settings,
    choice,
    load_scenario,
    seed_of,
    spread,
    thread_count,
    whole,
)
from sim.doors.cli.output import Progress, tell, write_results
from sim.ground.faults import InputError

if TYPE_CHECKING:
    from sim.doors.report import Findings
    from sim.ground.scenario import Scenario

_MOST_FUTURES = 100_000

Vary = Annotated[
    list[str] | None,
    typer.Option(
        "--vary",
        help="What is swept: key=lo:hi:n[:log] or key=1,2,4. Else the arrival rate of the first class.",
        metavar="KEY=VALUES",
    ),
]
Futures = Annotated[
    str, typer.Option("--futures", help="Futures, where the file has uncertain numbers or a decision.", metavar="N")
]
Folder = Annotated[
    Path | None,
    typer.Option("--out", help="Folder of the run.", metavar="DIR", show_default="outputs/NAME_report"),
]


ReportReps = Annotated[
    str | None,
    typer.Option(
        "--reps",
        help="Replications (sample paths) of the run and of each value swept.",
        metavar="N",
        show_default="200, fewer where requests are served",
    ),
]


@app.command()
def report(
    file: File,
    settings: Settings = None,
    vary: Vary = None,
    seed: SeedText = None,
    reps: ReportReps = None,
    futures: Futures = "500",
    jobs: Jobs = "auto",
    engine: Engine = "kernel",
    out: Folder = None,
) -> None:
    """Write one HTML file that answers, to be read by itself.

    The verdict, how sure it is, what it costs, what would change it.

    The file asks for nothing else: it opens from disk, prints, and can be sent. Beside it lie the results it shows.
    """
    scenario = load_scenario(file, settings)
    varied = _varied(vary, scenario)
    replications = None if reps is None else whole("--reps", reps, 1, MOST_REPLICATIONS)
    how: dict[str, Any] = {
        "seed": seed_of(seed),
        "jobs": thread_count(jobs),
        "engine": choice("--engine", engine, ENGINES),
        "futures": whole("--futures", futures, 1, _MOST_FUTURES),
    }
    from sim.doors.report import gather
    from sim.doors.report.origins import VERB
    from sim.ground.files import output_folder
    from sim.ground.manifest import claim

    folder = output_folder(Path("outputs") / f"{scenario.name}_report" if out is None else out)
    claim(folder, scenario, varied, VERB)
    found = gather(scenario, varied, replications, tell=Progress, **how)
    page = _write(folder, found)
    from sim.questions.tables import Block, Text, decision_verdict, verdict

    told: list[Block] = [Text(verdict(found.study.result), "verdict")]
    if found.decided is not None:
        told.append(Text(decision_verdict(found.decided.result), "verdict"))
    tell([*told, Text(f"report: {page}")])


def _varied(vary: list[str] | None, scenario: "Scenario") -> dict[str, Any]:
    """Read what is swept, or take the arrival rate; refuse too many values before any work."""
    from sim.doors.report import arrival_rate
    from sim.study.grid import check_cells

    if len(vary or ()) > 1:
        raise InputError.one("--vary", f"takes one key here, got {len(vary or ())}; give all its values in one --vary")
    varied = dict([spread("--vary", vary[0])]) if vary else arrival_rate(scenario)
    if varied:
        check_cells(varied)
    return {key: list(values) for key, values in varied.items()}


def _write(folder: Path, found: "Findings") -> Path:
    """Write the folder of a run: its results first, the page last."""
    from sim.doors.report import report as page
    from sim.doors.report.origins import VERB
    from sim.ground.files import write
    from sim.questions.tables import study_csv, sweep_csv
    from sim.study import as_json

    result = {**found.study.result, "vary": found.vary}
    write_results(folder, found.scenario, result, study_csv(found.study.result), {}, VERB)
    parts: dict[str, Any] = {"turning": found.turning}
    if found.grid is not None:
        parts["sweep"] = swept = found.grid.as_result()
        write(folder / "sweep.csv", sweep_csv(swept))
    if found.decided is not None:
        parts["decision"] = found.decided.result
    if found.mattered is not None:
        parts["matters"] = found.mattered.result
    for name, part in parts.items():
        write(folder / f"{name}.json", json.dumps(as_json(part), indent=1, allow_nan=False) + "\n")
    return write(folder / "report.html", page(found))
