"""Commands that look for a value by simulation: where two plans cost the same, over one number or over two."""

from typing import Annotated

import typer

from sim.cli.app import app
from sim.cli.options import (
    ENGINES,
    FORMATS,
    MOST_REPLICATIONS,
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
    share_of,
    thread_count,
    whole,
)
from sim.cli.output import Progress, show, write_results
from sim.faults import InputError

Plans = Annotated[str | None, typer.Option("--plans", help="Who is compared: a,b. Else every pair.", metavar="NAMES")]
PrecisionText = Annotated[
    str, typer.Option("--precision", help="Double the replications until the value is +- so much.", metavar="1%")
]
MostRepsText = Annotated[str, typer.Option("--most-reps", help="Give it up after so many.", metavar="N")]


def _range(flag: str, text: str) -> tuple[float, float, bool]:
    """Read ``lo:hi[:log]``."""
    low, _, rest = text.partition(":")
    high, _, scale = rest.partition(":")
    try:
        if scale not in ("", "log"):
            raise ValueError(scale)
        return float(low), float(high), scale == "log"
    except ValueError:
        raise InputError.one(flag, f"must be lo:hi or lo:hi:log, got {text!r}") from None


def _names(text: str | None) -> list[str] | None:
    """Read names apart by commas."""
    return None if text is None else [name.strip() for name in text.split(",")]


@app.command(name="break-even")
def break_even(
    file: File,
    key: Annotated[str, typer.Option("--key", help="The number that is looked for.", metavar="KEY")],
    between: Annotated[str, typer.Option("--between", help="Where: lo:hi, or lo:hi:log.", metavar="LO:HI")],
    plans: Plans = None,
    settings: Settings = None,
    precision: PrecisionText = "1%",
    seed: SeedText = None,
    reps: Reps = "200",
    most_reps: MostRepsText = "3200",
    jobs: Jobs = "auto",
    engine: Engine = "kernel",
    format_: Format = "text",
    out: Out = None,
) -> None:
    """Find every value of a number at which two plans cost the same, with its interval.

    All values share their sample paths, so bills move smoothly along the key. Values at which a plan does not do the
    work of the others, or its queue never settles, are not compared. Where no value is found it is said who is cheaper.
    """
    from sim.files import output_folder
    from sim.manifest import claim

    choice("--format", format_, FORMATS)
    low, high, log = _range("--between", between)
    scenario = load_scenario(file, settings)
    vary = {key: [low, high]}
    if out is not None:
        claim(output_folder(out), scenario, vary)
    from sim import search
    from sim.tables import break_even_csv, break_even_table

    replications = whole("--reps", reps, 1, MOST_REPLICATIONS)
    found = search.break_even(
        scenario,
        key,
        (low, high),
        _names(plans),
        log,
        replications,
        share_of("--precision", precision),
        max(replications, whole("--most-reps", most_reps, 1, MOST_REPLICATIONS)),
        seed_of(seed),
        thread_count(jobs),
        choice("--engine", engine, ENGINES),
        Progress("pairs of plans"),
    ).result
    if out is not None:
        write_results(out, scenario, found, break_even_csv(found), {})
    show(found, format_, break_even_table, break_even_csv)
