"""The command that holds a scenario to last month's invoice."""

from pathlib import Path
from typing import Annotated

import typer

from sim.doors.cli.app import app
from sim.doors.cli.options import (
    FORMATS,
    MOST_REPLICATIONS,
    File,
    Format,
    Jobs,
    Reps,
    SeedText,
    Settings,
    choice,
    load_scenario,
    once,
    seed_of,
    thread_count,
    whole,
)
from sim.doors.cli.output import Progress, show
from sim.ground.faults import InputError


def _maps(texts: list[str] | None) -> dict[str, str]:
    """Read ``service=line`` texts."""
    from sim.questions.backtest.lines import LINES_OF_MAP

    found: list[tuple[str, str]] = []
    for text in texts or ():
        name, separator, line = text.rpartition("=")
        if not separator or not name:
            raise InputError.one("--map", f"must be service=line, got {text!r}")
        found.append((name.casefold(), choice("--map", line, LINES_OF_MAP)))
    return once("--map", found)


def _month(text: str | None) -> str | None:
    """Read a month: 2026-10."""
    import re

    if text is not None and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text):
        raise InputError.one("--month", f"must be a month like 2026-10, got {text!r}")
    return text


@app.command()
def backtest(
    file: File,
    invoice: Annotated[Path, typer.Option("--invoice", help="FOCUS 1.0 export, CSV or .gz.", metavar="FILE")],
    plan: Annotated[str | None, typer.Option("--plan", help="The plan that was in force.", metavar="NAME")] = None,
    month: Annotated[
        str | None, typer.Option("--month", help="Month, as 2026-10, where the export has several.")
    ] = None,
    maps: Annotated[
        list[str] | None,
        typer.Option("--map", help="Line of a service, SKU or resource: held, on_demand, ...", metavar="NAME=LINE"),
    ] = None,
    cost: Annotated[str, typer.Option("--cost", help="effective (amortised) or billed.")] = "effective",
    settings: Settings = None,
    seed: SeedText = None,
    reps: Reps = "20",
    jobs: Jobs = "auto",
    format_: Format = "text",
) -> None:
    """Compare a simulated month with its invoice, line by line.

    What differs by price is told apart from what differs by use.
    """
    from sim.questions.backtest.focus import COSTS, read_invoice

    choice("--format", format_, FORMATS)
    scenario = load_scenario(file, settings)
    billed = read_invoice(invoice, choice("--cost", cost, tuple(COSTS)), _month(month), _maps(maps))
    from sim import study
    from sim.questions.backtest import backtest as compare
    from sim.questions.tables import BACKTEST_HEAD, as_csv, backtest_blocks, backtest_rows

    replications, told = whole("--reps", reps, 1, MOST_REPLICATIONS), seed_of(seed)
    drawn = next(each for each in (told, scenario.seed, study.draw_seed()) if each is not None)
    threads = thread_count(jobs)
    found = compare(scenario, plan, billed, replications, drawn, threads, Progress("replications, in pieces"))
    show(found, format_, backtest_blocks, lambda result: as_csv(BACKTEST_HEAD, backtest_rows(result)))
