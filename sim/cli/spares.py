"""The command that tells what spare nodes bring, and cost."""

import json
from typing import Annotated

import typer

from sim.cli.app import app
from sim.cli.options import FORMATS, File, Format, Settings, choice, load_scenario, whole
from sim.cli.output import say


@app.command()
def spares(
    file: File,
    plan: Annotated[
        str | None, typer.Option("--plan", help="Only this plan; else all with held nodes that fail.", metavar="NAME")
    ] = None,
    most: Annotated[str, typer.Option("--most", help="Tell up to so many spare nodes.", metavar="N")] = "5",
    settings: Settings = None,
    format_: Format = "text",
) -> None:
    """Tell how often enough held nodes are up with 0 to N spare ones, and what another nine of availability costs.

    For held nodes with `failures`, by the exact binomial law of nodes that fail and are repaired each by itself;
    nothing is simulated. The nodes that the plan holds are those needed.
    """
    choice("--format", format_, FORMATS)
    count = whole("--most", most, 0, 1000)
    scenario = load_scenario(file, settings)
    from sim.decision.spares import spares as found_of
    from sim.study import as_json
    from sim.tables import as_csv
    from sim.tables.spares import SPARES_HEAD, spares_rows, spares_text

    found = found_of(scenario, plan, count)
    if format_ == "json":
        say(json.dumps(as_json(found), indent=1, allow_nan=False))
    else:
        say(spares_text(found) if format_ == "text" else as_csv(SPARES_HEAD, spares_rows(found)))
