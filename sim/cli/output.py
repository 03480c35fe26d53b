"""How the command line speaks: tables and results on stdout, progress on stderr, a run's folder on disk."""

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from sim.scenario import Scenario


def say(text: str) -> None:
    """Print to stdout; be quiet where the reader has gone."""
    if sys.stdout is None:  # closed before we began
        raise typer.Exit(0)
    try:
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough; typer would call that a failure
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


class Progress:
    """Tells on stderr how far long work is: one line rewritten on a terminal, else a line now and then.

    The time left is judged by what came after the first call, for the first piece may have compiled the kernels.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.told = time.monotonic()
        self.first: tuple[float, int] | None = None
        self.live = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    def __call__(self, done: int, total: int) -> None:
        """Tell that so many of so many pieces are done."""
        now = time.monotonic()
        self.first = self.first or (now, done)
        if now - self.told < (0.2 if self.live else 10.0) and not (self.live and done == total):
            return
        self.told = now
        text = f"{self.what}: {done} of {total}{self._rest(now - self.first[0], done - self.first[1], total - done)}"
        end = "\n" if done == total or not self.live else ""
        sys.stderr.write(f"\r\x1b[2K{text}{end}" if self.live else f"{text}\n")
        sys.stderr.flush()

    @staticmethod
    def _rest(seconds: float, done: int, left: int) -> str:
        """Say how long what is left takes, where that can be told."""
        return f", about {seconds / done * left:.0f} s left" if done and left else ""


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
    from sim import charts
    from sim.files import write
    from sim.manifest import FILE, manifest, runnable_from
    from sim.study import as_json

    made_by = manifest(scenario, result, verb)
    write(out / "scenario.yaml", runnable_from(out, chosen or scenario, made_by["seed"], result.get("vary")))
    write(out / "result.json", json.dumps(as_json(result), indent=1, allow_nan=False) + "\n")
    write(out / "result.csv", csv_text)
    write(out / FILE, json.dumps(made_by, indent=1) + "\n")
    for name, draw in figures.items():  # last, so that no fault of a picture costs a result
        charts.save(draw(), out, name)


def show(result: dict[str, Any], format_: str, text: Any, csv_text: Any) -> None:
    """Print a result in the wanted form."""
    from sim.study import as_json

    if format_ == "json":
        say(json.dumps(as_json(result), indent=1, allow_nan=False))
    else:
        say(text(result) if format_ == "text" else csv_text(result))
