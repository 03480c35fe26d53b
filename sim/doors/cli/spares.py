"""The command that tells what spare nodes bring, and cost."""

from typing import Annotated

import typer

from sim.doors.cli.app import app
from sim.doors.cli.options import FORMATS, File, Format, Settings, choice, load_scenario, whole
from sim.doors.cli.output import show


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
    """Tell how often enough held nodes are up with 0 to N spares.

    And what another nine of availability costs.

    For held nodes with `failures`, by the exact binomial law of nodes that fail and are repaired each by itself;
    nothing is simulated. The nodes that the plan holds are those needed.
    """
    choice("--format", format_, FORMATS)
    count = whole("--most", most, 0, 1000)
    scenario = load_scenario(file, settings)
    from sim.questions.decision.spares import spares as found_of
    from sim.questions.tables import SPARES_HEAD, as_csv, spares_blocks, spares_rows

    found = found_of(scenario, plan, count)
    show(found, format_, spares_blocks, lambda result: as_csv(SPARES_HEAD, spares_rows(result)))
