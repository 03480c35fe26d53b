"""The command ``fleetecon`` itself: its name, its help, how it ends."""

import os
import sys
from collections.abc import Callable
from typing import NoReturn

import typer

from sim.faults import FleetError

INTERRUPTED = 130

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # the plain help page: laid out by rich it takes 0.15 s longer to appear
    help="Hold GPUs or hire them: cost, waits and idle money of a fleet, simulated, with their uncertainty.",
    epilog="Results and their definitions: README. Exit: 0 good, 1 a check failed, 2 bad input, 130 interrupted.",
)


def leave_at_once() -> NoReturn:
    """End an interrupted run without waiting for threads: one that is inside a kernel would hear nothing for long."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INTERRUPTED)


def guarded(script: Callable[[], None]) -> None:
    """Run a script as the command line runs: refusals are lines on stderr with status 2, an interrupt is 130."""
    try:
        script()
    except FleetError as refused:
        sys.stderr.write(f"{refused}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; the same command begins again\n")
        leave_at_once()


def main() -> None:
    """Run the command line; refusals become lines on stderr and an exit status."""
    try:
        app()
    except FleetError as refused:
        sys.stderr.write(f"{refused}\n")
        sys.exit(2)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            sys.stderr.write("\ninterrupted; nothing half done was written, the same command begins again\n")
            leave_at_once()
        raise
