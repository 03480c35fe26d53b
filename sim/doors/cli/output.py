"""How the command line speaks: tables and results on stdout, a run's folder on disk."""

import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sim.doors.cli.terminal import Look, Progress
from sim.ground.faults import CannotWriteError

if TYPE_CHECKING:
    from sim.ground.scenario import Scenario
    from sim.questions.tables import Block

__all__ = ["Progress", "say", "show", "tell", "write_results"]


def say(text: str) -> None:
    """Print to stdout; be quiet where the reader has gone."""
    if sys.stdout is None:  # closed before we began
        raise typer.Exit(0)
    try:
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough; typer would call that a failure
        _lose_the_rest()
        raise typer.Exit(0) from None
    except OSError as error:
        _lose_the_rest()
        raise CannotWriteError("stdout", f"cannot be written: {error.strerror}") from None


def _lose_the_rest() -> None:
    """Let what is still to be flushed at the end go nowhere: it would fail once more, with a traceback."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell(blocks: "Iterable[Block]") -> None:
    """Print blocks: in colour and as wide as it is on a terminal, else as plain text of 80 columns."""
    from sim.questions.tables import plain

    look = Look.of(sys.stdout)
    if not look.rich:
        say(plain(blocks, look.width))
        return
    from sim.questions.tables.colours import coloured  # it imports rich, which a pipe does not need

    say(coloured(blocks, look.width))


def show(
    result: dict[str, Any],
    format_: str,
    blocks: "Callable[[dict[str, Any]], Iterable[Block]]",
    csv_text: Callable[[dict[str, Any]], str],
) -> None:
    """Print a result in the wanted form: ``blocks`` tells it to people, ``csv_text`` to spreadsheets."""
    from sim.study import as_json

    if format_ == "json":
        say(json.dumps(as_json(result), indent=1, allow_nan=False))
    elif format_ == "csv":
        say(csv_text(result))
    else:
        tell(blocks(result))


def write_results(
    out: Path,
    scenario: "Scenario",
    result: dict[str, Any],
    csv_text: str,
    figures: dict[str, Any],
    verb: str | None = None,
    chosen: "Scenario | None" = None,
) -> None:
    """Write a run's folder: scenario (as it was chosen, where it was), manifest, results, pictures."""
    from sim.ground.files import write
    from sim.ground.manifest import FILE, manifest, runnable_from
    from sim.questions import charts
    from sim.study import as_json

    made_by = manifest(scenario, result, verb)
    write(out / "scenario.yaml", runnable_from(out, chosen or scenario, made_by["seed"], result.get("vary")))
    write(out / "result.json", json.dumps(as_json(result), indent=1, allow_nan=False) + "\n")
    write(out / "result.csv", csv_text)
    write(out / FILE, json.dumps(made_by, indent=1) + "\n")
    for name, draw in figures.items():  # last, so that no fault of a picture costs a result
        charts.save(draw(), out, name)
