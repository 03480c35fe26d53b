"""Commands that look for a value by simulation: where two plans cost the same, over one number or over two."""

from typing import Annotated

import typer

from sim.doors.cli.app import app
from sim.doors.cli.options import (
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
    spread,
    thread_count,
    whole,
)
from sim.doors.cli.output import Progress, show, write_results
from sim.ground.faults import InputError

Plans = Annotated[str | None, typer.Option("--plans", help="Plans to compare: a,b. Else every pair.", metavar="NAMES")]
PrecisionText = Annotated[
    str,
    typer.Option(
        "--precision",
        help="Double the replications until half the interval is so small a share of the value.",
        metavar="1%",
    ),
]
MostRepsText = Annotated[
    str, typer.Option("--most-reps", help="Replications at most; what is not precise by then is told.", metavar="N")
]


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


def _verb(name: str, plans: str | None, scale: str) -> str:
    """Tell one search from another over the same range: other plans, or another scale, are another question."""
    return " ".join([name, *(_names(plans) or ()), scale]).strip()


@app.command(name="break-even")
def break_even(
    file: File,
    key: Annotated[
        str, typer.Option("--key", help="The number to find, as workload.NAME.arrivals.rate_per_day.", metavar="KEY")
    ],
    between: Annotated[
        str,
        typer.Option("--between", help="Least and greatest value to look at: lo:hi, or lo:hi:log.", metavar="LO:HI"),
    ],
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
    """Find each value of a number at which two plans cost the same.

    All values share their sample paths, so bills move smoothly along the key. Values at which a plan does not do the
    work of the others, or its queue never settles, are not compared. Where no value is found it is said who is cheaper.
    """
    from sim.ground.files import output_folder
    from sim.ground.manifest import claim

    choice("--format", format_, FORMATS)
    low, high, log = _range("--between", between)
    scenario = load_scenario(file, settings)
    verb = _verb("break-even", plans, "log" if log else "")
    if out is not None:
        claim(output_folder(out), scenario, {key: [low, high]}, verb)
    from sim.questions import search
    from sim.questions.tables import break_even_blocks, break_even_csv

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
        write_results(out, scenario, found, break_even_csv(found), {}, verb)
    show(found, format_, break_even_blocks, break_even_csv)


def _ranged(flag: str, text: str) -> tuple[str, float, float, bool]:
    """Read ``key=lo:hi[:log]``."""
    key, separator, rest = text.partition("=")
    if not separator or not key:
        raise InputError.one(flag, f"must be key=lo:hi or key=lo:hi:log, got {text!r}")
    return key, *_range(flag, rest)


@app.command()
def frontier(
    file: File,
    x: Annotated[
        str,
        typer.Option(
            "--x", help="The number to find, and the least and greatest value to look at.", metavar="KEY=LO:HI"
        ),
    ],
    y: Annotated[
        str,
        typer.Option(
            "--y",
            help="The other number, and the values at which to look: key=lo:hi:n[:log] or key=1,2,4.",
            metavar="KEY=VALUES",
        ),
    ],
    plans: Annotated[str | None, typer.Option("--plans", help="The two plans: a,b.", metavar="A,B")] = None,
    settings: Settings = None,
    precision: PrecisionText = "2%",
    seed: SeedText = None,
    reps: Reps = "100",
    most_reps: MostRepsText = "800",
    jobs: Jobs = "auto",
    engine: Engine = "kernel",
    format_: Format = "text",
    out: Out = None,
) -> None:
    """Find where two plans cost the same over two numbers.

    A curve with its band, and who is cheaper on either side.
    """
    from sim.ground.files import output_folder
    from sim.ground.manifest import claim

    choice("--format", format_, FORMATS)
    ranged, (key, values) = _ranged("--x", x), spread("--y", y)
    scenario = load_scenario(file, settings)
    from sim.questions import search
    from sim.questions.search.frontier import rows_of

    rows, verb = rows_of(ranged[0], (key, values)), _verb("frontier", plans, "log" if ranged[3] else "")
    if out is not None:
        claim(output_folder(out), scenario, {ranged[0]: list(ranged[1:3]), key: rows}, verb)
    from sim.questions.tables import frontier_blocks, frontier_csv

    replications = whole("--reps", reps, 1, MOST_REPLICATIONS)
    found = search.frontier(
        scenario,
        ranged,
        (key, rows),
        _names(plans),
        replications,
        share_of("--precision", precision),
        max(replications, whole("--most-reps", most_reps, 1, MOST_REPLICATIONS)),
        seed_of(seed),
        thread_count(jobs),
        choice("--engine", engine, ENGINES),
        Progress("rows"),
    ).result
    if out is not None:
        from sim.questions import charts

        figures = {"frontier": lambda: charts.frontier_curve(scenario, found)}
        write_results(out, scenario, found, frontier_csv(found), figures, verb)
    show(found, format_, frontier_blocks, frontier_csv)
