"""The command about a decision: carry what is uncertain through to a verdict."""

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
    spread,
    thread_count,
    whole,
)
from sim.doors.cli.output import Progress, show, write_results
from sim.ground.faults import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from sim.ground.scenario import Scenario
    from sim.questions.decision import Decided, Swept

_VERB = "decide"
_MOST_FUTURES, _MOST_REPLICATIONS = 100_000, 10_000

Futures = Annotated[str, typer.Option("--futures", help="Futures: draws of all that is uncertain.", metavar="N")]
RepsEach = Annotated[str, typer.Option("--reps", help="Replications of each future.", metavar="N")]
Vary = Annotated[
    list[str] | None,
    typer.Option(
        "--vary", help="Decide at several values of one key: key=lo:hi:n[:log] or key=1,2,4.", metavar="KEY=VALUES"
    ),
]
_EPILOG = (
    "Present value: all that is paid, discounted to today. Regret: what a choice costs more than the best one in the "
    "same future with the same noise. Not enough data: said instead of a number. All definitions: docs/costs.md."
)


@app.command(epilog=_EPILOG)
def decide(
    file: File,
    settings: Settings = None,
    futures: Futures = "500",
    reps: RepsEach = "4",
    vary: Vary = None,
    seed: SeedText = None,
    jobs: Jobs = "auto",
    engine: Engine = "kernel",
    format_: Format = "text",
    out: Out = None,
) -> None:
    """Decide among strategies under uncertain prices and demand.

    Futures are drawn, each is simulated: who is cheapest how often, and which choice is regretted least.

    Numbers of the scenario may be uncertain: {p10: 4, p90: 12} or {cases: [8, 12], weights: [0.7, 0.3]}. Without a
    section `decision` each plan is a strategy over the horizon.
    """
    choice("--format", format_, FORMATS)
    scenario = load_scenario(file, settings)
    if len(vary or ()) > 1:
        raise InputError.one("--vary", f"takes one key here, got {len(vary or ())}; give all its values in one --vary")
    varied = spread("--vary", vary[0]) if vary else None
    _claimed(out, scenario, varied)
    how = {
        "futures": whole("--futures", futures, 1, _MOST_FUTURES),
        "replications": whole("--reps", reps, 1, _MOST_REPLICATIONS),
        "seed": seed_of(seed),
        "jobs": thread_count(jobs),
        "engine": choice("--engine", engine, ENGINES),
        "progress": Progress("futures"),
    }
    if varied is None:
        _one(scenario, how, format_, out)
    else:
        _along(scenario, varied, how, format_, out)


def _claimed(out: "Path | None", scenario: "Scenario", varied: tuple[str, Any] | None) -> None:
    """Refuse too many values, and a folder that holds something else, before any work is done."""
    from sim.ground.files import output_folder
    from sim.ground.manifest import claim
    from sim.study.grid import check_cells

    vary = None if varied is None else dict([varied])
    if vary is not None:
        check_cells(vary)
    if out is not None:
        claim(output_folder(out), scenario, vary, _VERB)


def _one(scenario: "Scenario", how: dict[str, Any], format_: str, out: "Path | None") -> None:
    """Decide once."""
    from sim.questions.decision import decide as decided
    from sim.questions.tables import decision_blocks, decision_csv

    found = decided(scenario, **how)
    if out is not None:
        write_results(out, scenario, found.result, decision_csv(found.result), _pictures(found), _VERB)
    show(found.result, format_, decision_blocks, decision_csv)


def _along(
    scenario: "Scenario", varied: tuple[str, Any], how: dict[str, Any], format_: str, out: "Path | None"
) -> None:
    """Decide at several values of a key."""
    from sim.questions.decision import decide_at
    from sim.questions.tables import decisions_blocks, decisions_csv

    swept = decide_at(scenario, *varied, **how)
    found = swept.as_result()
    if out is not None:
        write_results(out, scenario, found, decisions_csv(found), _pictures_along(swept), _VERB)
    show(found, format_, decisions_blocks, decisions_csv)


def _pictures(found: "Decided") -> dict[str, Any]:
    """Draw what the least regretted strategies cost month by month, and what each choice is regretted."""
    from sim.questions.decision.pictures import fan_of, regret_of

    return {"fan_chart": lambda: fan_of(found), "regret_bars": lambda: regret_of(found)}


def _pictures_along(swept: "Swept") -> dict[str, Any]:
    """Draw how probably each strategy is the cheapest, along a key of numbers."""
    from sim.questions.decision.pictures import chance_of
    from sim.study.grid import is_number

    numbers = len(swept.values) > 1 and all(map(is_number, swept.values))
    return {"probability_cheapest": lambda: chance_of(swept)} if numbers else {}
