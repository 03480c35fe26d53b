"""What the command line takes: the options that several commands share, and the checks of what is given."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from sim.ground.faults import InputError

if TYPE_CHECKING:
    from sim.ground.scenario import Scenario

_T = TypeVar("_T")

File = Annotated[Path, typer.Argument(help="Scenario file (YAML).", metavar="FILE")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Put a value in place: plans.reserved.held.p4d.nodes=2", metavar="KEY=VALUE"),
]
SeedText = Annotated[str | None, typer.Option("--seed", help="Seed; overrides the scenario's.", metavar="N")]
Reps = Annotated[str, typer.Option("--reps", help="Replications (sample paths).", metavar="N")]
ExactReps = Annotated[
    str | None, typer.Option("--reps", help="Replications (sample paths).", metavar="N", show_default="200")
]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision", help="Add replications until half an interval is so small a share of its value.", metavar="1%"
    ),
]
PreciseKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--on",
        help="What must be so precise, as plans.PLAN.bill_usd.total; else the bill of each ranked plan.",
        metavar="KEY",
    ),
]
MostReps = Annotated[
    str | None,
    typer.Option(
        "--most-reps",
        help="Replications at most; what is not precise by then is told.",
        metavar="N",
        show_default="100000",
    ),
]
Jobs = Annotated[
    str,
    typer.Option(
        "--jobs", help="Threads; 0 or auto: one for each processor. Results do not depend on it.", metavar="N"
    ),
]
Engine = Annotated[str, typer.Option("--engine", help="kernel, or simpy: the reference, some 500 times slower.")]
Format = Annotated[str, typer.Option("--format", help="text, json or csv.")]
Rows = Annotated[
    bool, typer.Option("--rows", help="Also write every job to Parquet files in the folder of --out: a run once more.")
]
Out = Annotated[Path | None, typer.Option("--out", help="Folder to write results and pictures into.", metavar="DIR")]


WORDS = (
    "USD a job: fully loaded, its own cost and its share of idle time, staff, overhead. Wait: from arrival to start. "
    "TTFT: from arrival to the first token. TPOT: from the first token to the last, over the tokens after the first. "
    "USD/M output tokens: the fully loaded bill of the class over the tokens written. All definitions: docs/costs.md."
)
FORMATS = ("text", "json", "csv")
ENGINES = ("kernel", "simpy")
MOST_REPLICATIONS = 10_000_000


def whole(flag: str, text: str, low: int, high: int) -> int:
    """Read a whole number given on the command line."""
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise InputError.one(flag, f"must be a whole number from {low} to {high}, got {text!r}")
    return value


def share_of(flag: str, text: str) -> float:
    """Read a percentage given on the command line, as a share."""
    number, sign, rest = text.partition("%")
    try:
        value = float(number) / 100
    except ValueError:
        value = math.nan
    if not sign or rest or not 0 < value < 1:
        raise InputError.one(flag, f"must be a percentage above 0% and below 100%, such as 1%, got {text!r}")
    return value


def thread_count(text: str) -> int:
    """Read a number of threads; 0 or ``auto``: one for each processor."""
    return 0 if text == "auto" else whole("--jobs", text, 0, 1024)


def seed_of(text: str | None) -> int | None:
    """Read a seed, where one is given."""
    return None if text is None else whole("--seed", text, 0, 2**63 - 1)


def choice(flag: str, text: str, options: tuple[str, ...]) -> str:
    """Take one of several words."""
    if text not in options:
        raise InputError.one(flag, f"must be one of {', '.join(options)}, got {text!r}")
    return text


def load_scenario(file: Path, settings: list[str] | None) -> "Scenario":
    """Read a scenario file with what ``--set`` puts in place."""
    from sim.ground.scenario import load, parse_setting

    return load(file, once("--set", map(parse_setting, settings or ())))


def once(flag: str, pairs: Iterable[tuple[str, _T]], way_out: str = "give it once") -> dict[str, _T]:
    """Gather what a flag gives to names; whoever gives to a name twice would lose the first without a word."""
    found: dict[str, _T] = {}
    for name, value in pairs:
        if name in found:
            raise InputError.one(flag, f"{name} is given twice; {way_out}")
        found[name] = value
    return found


def spread(flag: str, text: str) -> tuple[str, Any]:
    """Read ``key=lo:hi:n[:log]`` (both ends) or ``key=1,2,4``."""
    from sim.ground.scenario import parse_setting
    from sim.study.grid import spaced

    key, separator, values = text.partition("=")
    if not separator or not key or not values:
        raise InputError.one(flag, f"must be key=lo:hi:n[:log] or key=1,2,4, got {text!r}")
    if ":" not in values:
        return key, [parse_setting(f"{key}={value}", flag)[1] for value in values.split(",")]
    try:
        low, high, count, *scale = values.split(":")
        if scale not in ([], ["log"]):
            raise ValueError(f"unknown scale {scale[0]!r}")
        return key, spaced(float(low), float(high), int(count), log=bool(scale))
    except ValueError as error:
        raise InputError.one(flag, f"must be key=lo:hi:n[:log] or key=1,2,4, got {text!r} ({error})") from None
