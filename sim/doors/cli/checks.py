"""Commands that hold the program to theory and to measured data."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from sim.doors.cli.app import app
from sim.doors.cli.options import FORMATS, Jobs, choice, thread_count
from sim.doors.cli.output import Progress, say, tell

_PAGES = (*FORMATS, "markdown")
_Format = Annotated[str, typer.Option("--format", help="text, json, csv, or markdown: a page of errors beside claims.")]


@app.command()
def verify(
    cases: Annotated[Path | None, typer.Option("--cases", help="Your own cases, judged alone.", metavar="FILE")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="With wider standard errors, in about a minute.")] = False,
    jobs: Jobs = "auto",
    format_: _Format = "text",
) -> None:
    """Hold the program to queueing theory and to its reference.

    The reference is the SimPy engine; what must always be true is looked at too.
    """
    from sim.questions.tables import as_csv, verify_blocks
    from sim.questions.verify import verify as verify_all

    choice("--format", format_, _PAGES)
    found = verify_all(cases, quick, thread_count(jobs), progress=Progress("cases"))
    if format_ == "markdown":
        from sim.questions.tables.verification import verify_markdown

        say(verify_markdown(found))
    elif format_ == "csv":
        head = ["id", "key", "estimate", "se", "reference", "z", "relative_se", "pass"]
        say(as_csv(head, ([case[key] for key in head] for case in found["cases"])))
    elif format_ == "json":
        say(json.dumps(found, indent=1, allow_nan=False))
    else:
        tell(verify_blocks(found))
    raise typer.Exit(1 if found["failed"] or found["rows_differing"] else 0)


@app.command()
def validate(
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of measured data (else $FLEETECON_DATA).", metavar="DIR")
    ] = None,
    format_: _Format = "text",
) -> None:
    """Compare simulation with all measured data found.

    Each row: measured, simulated, the error, in-sample or held-out.
    """
    choice("--format", format_, _PAGES)
    from sim.questions import fit as fitting
    from sim.questions.tables import as_csv

    found: dict[str, Any] = fitting.validate(data)
    if format_ == "markdown":
        from sim.questions.tables.verification import validate_markdown

        say(validate_markdown(found))
    elif format_ == "csv":
        head = ["case", "quantity", "at", "measured", "simulated", "error", "bound", "sample", "pass"]
        say(as_csv(head, ([row[key] for key in head] for row in found["rows"])))
    elif format_ == "json":
        say(json.dumps(found, indent=1, allow_nan=False))
    else:
        tell(fitting.validate_blocks(found))
    nothing = data is not None and not found["rows"]
    raise typer.Exit(1 if found["failed"] or nothing else 0)
