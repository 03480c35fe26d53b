"""The command that sizes a plan: the cheapest setting under service levels, with its certificate."""

import math
from collections.abc import Sequence
from typing import Annotated, Any

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
    thread_count,
    whole,
)
from sim.doors.cli.output import Progress, show, write_results
from sim.ground.faults import Fault, InputError

_FORM = "must be KEY=LO:HI in whole numbers, both ends meant, or KEY=1,2,4"


def _chosen(text: str) -> tuple[str, Sequence[Any]]:
    """Read ``KEY=LO:HI`` or ``KEY=a,b,c``."""
    from sim.ground.scenario import parse_setting

    key, separator, values = text.partition("=")
    if not separator or not key or not values:
        raise InputError.one("--choose", f"{_FORM}, got {text!r}")
    if ":" not in values:
        return key, [parse_setting(f"{key}={value}", "--choose")[1] for value in values.split(",")]
    low, _, high = values.partition(":")
    try:
        ends = int(low), int(high)
    except ValueError:
        raise InputError.one("--choose", f"{_FORM}, got {text!r}") from None
    if ends[0] >= ends[1]:
        raise InputError.one("--choose", f"{key} must have its lower end first, and two values or more, got {values!r}")
    return key, range(ends[0], ends[1] + 1)


def _choices(texts: list[str] | None) -> dict[str, Sequence[Any]] | None:
    """Read all choices; all their faults at once."""
    found: dict[str, Sequence[Any]] = {}
    faults = list[Fault]()
    for text in texts or ():
        try:
            key, values = _chosen(text)
        except InputError as error:
            faults += error.faults
            continue
        if key in found:
            faults.append(Fault("--choose", f"{key} is given twice; give all its values in one --choose"))
        found[key] = values
    if faults:
        raise InputError(faults)
    return found or None


def _number(flag: str, text: str | None) -> float | None:
    """Read a number."""
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError.one(flag, f"must be a number, got {text!r}")
    return value


def _indifferent(text: str) -> tuple[float, float]:
    """Read what is no matter: USD, or a percentage of the bill."""
    share = text.strip().endswith("%")
    try:
        value = float(text.strip().removesuffix("%"))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise InputError.one("--indifferent", f"must be USD >= 0, or a percentage of the bill like 0.1%, got {text!r}")
    return (0.0, value / 100) if share else (value, 0.0)


def _plan(name: str | None, plans: Sequence[str]) -> str:
    """Take the plan that is named, or the only one."""
    if name is not None:
        return name
    if len(plans) > 1:
        raise InputError.one("--plan", f"must name one of the plans: {', '.join(plans)}")
    return plans[0]


def _tell(text: str) -> Progress:
    """Say on stderr what is simulated now, and how far it is; how many rounds follow is what is searched for."""
    return Progress(text, at_once=True)


@app.command()
def size(
    file: File,
    plan: Annotated[str | None, typer.Option("--plan", help="The plan to size.", metavar="NAME")] = None,
    choose: Annotated[
        list[str] | None,
        typer.Option(
            "--choose",
            help="What to choose among: held.gpu.nodes=0:20 or patience_hours=1,4,24. Else: nodes of each held group.",
            metavar="KEY=VALUES",
        ),
    ] = None,
    wait: Annotated[
        str | None,
        typer.Option("--wait-p95", help="95 % of the jobs of each class wait at most so long.", metavar="HOURS"),
    ] = None,
    ttft: Annotated[
        str | None,
        typer.Option("--ttft-p95", help="95 % of the requests have a first token within so long.", metavar="SECONDS"),
    ] = None,
    availability: Annotated[
        str | None,
        typer.Option("--availability", help="At least this share of jobs start, or go to the API.", metavar="SHARE"),
    ] = None,
    within: Annotated[
        str | None,
        typer.Option("--within", help="With --availability: in so many hours; else before the clock stops."),
    ] = None,
    indifferent: Annotated[
        str, typer.Option("--indifferent", help="How much cheaper is no matter: USD, or a share of the bill like 0.1%.")
    ] = "0.1%",
    settings: Settings = None,
    seed: SeedText = None,
    reps: Reps = "10",
    most: Annotated[str, typer.Option("--most-reps", help="Replications at most.", metavar="N")] = "640",
    jobs: Jobs = "auto",
    engine: Engine = "kernel",
    format_: Format = "text",
    out: Out = None,
) -> None:
    """Find the cheapest setting that keeps the service levels.

    The levels are those of equal_work in FILE, or the flags. The search begins with --reps replications and doubles
    them for the settings that may still be the best, until each neighbour (a step in one key, or in two at once) costs
    more by an interval, misses a level, or is cheaper by no more than --indifferent; it says when it is not sure.
    """
    choice("--format", format_, FORMATS)
    scenario = load_scenario(file, settings)
    from sim.ground.files import output_folder
    from sim.ground.manifest import claim
    from sim.questions.search import size as find
    from sim.questions.tables import size_blocks, size_csv

    usd, share = _indifferent(indifferent)
    name = _plan(plan, list(scenario.plans))
    promises = {"--wait-p95": wait, "--ttft-p95": ttft, "--availability": availability, "--within": within}
    told = [f"{flag} {text}" for flag, text in promises.items() if text is not None]
    verb = " ".join(["size", name, *(choose or ()), *told, f"--indifferent {indifferent}"])
    if out is not None:
        claim(output_folder(out), scenario, verb=verb)
    found = find(
        scenario,
        name,
        _choices(choose),
        wait_p95_hours=_number("--wait-p95", wait),
        ttft_p95_s=_number("--ttft-p95", ttft),
        availability=_number("--availability", availability),
        within_hours=_number("--within", within),
        replications=whole("--reps", reps, 2, MOST_REPLICATIONS),
        most_replications=whole("--most-reps", most, 2, MOST_REPLICATIONS),
        indifferent_usd=usd,
        indifferent_share=share,
        seed=seed_of(seed),
        jobs=thread_count(jobs),
        engine=choice("--engine", engine, ENGINES),
        tell=_tell,
    )
    if out is not None:
        write_results(out, scenario, found.result, size_csv(found.result), {}, verb, found.chosen)
    show(found.result, format_, size_blocks, size_csv)
