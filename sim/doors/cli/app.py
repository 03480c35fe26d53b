"""The command ``fleetecon`` itself: its name, its help, how it ends."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final, NoReturn, TypeVar

import typer
from typer.core import TyperGroup

from sim.doors import called
from sim.doors.cli.kernels import announce
from sim.ground import __version__
from sim.ground.faults import CannotWriteError, FleetError, HaltedError, InputError, StoppedError, UnfinishedError

NAME: Final = "fleetecon"
BAD_INPUT, CANNOT_GO_ON, UNFINISHED = 2, 1, 3
INTERRUPTED, ENDED = 128 + signal.SIGINT, 128 + signal.SIGTERM
_Found = TypeVar("_Found")
_UsageError: Final[Any] = typer.BadParameter.__mro__[1]
"""What is raised where an option is missing or unknown; typer names only its kind for a bad value."""


class Verbs(TyperGroup):
    """The verbs; a command line that cannot be one is refused in one line, as a value is."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what stands before the verb."""
        return _in_one_line(super().parse_args, ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Read what stands after the verb, and run it."""
        return _in_one_line(super().invoke, ctx)


def _in_one_line(step: Callable[..., _Found], *told: Any) -> _Found:
    """Take a step; refuse in the words of this project what it says of the command line, but let a help page pass."""
    try:
        return step(*told)
    except _UsageError as wrong:
        text = str(wrong.format_message()).rstrip(".")
        rest = " " if text.endswith("?") else "; "
        if "\n" in text:
            raise
        name = called() if wrong.ctx is None else wrong.ctx.command_path
        raise InputError.one(name, f"{text[0].lower()}{text[1:]}{rest}`{name} --help` tells what it takes") from None


app = typer.Typer(
    cls=Verbs,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # the plain help page: laid out by rich it takes 0.15 s longer to appear
    help="Hold GPUs or hire them: cost, waits and idle money of a fleet, simulated, with their uncertainty.",
    epilog="What each number means: docs/costs.md, docs/words.md. Exit: 0 good, 1 a check failed or a file cannot be "
    "written, 2 bad input, 3 some of the work failed, 130 interrupted, 143 asked to end.",
)


def _told_version(asked: bool) -> None:
    """Print the version, and end."""
    if asked:
        typer.echo(f"{NAME} {__version__}")
        raise typer.Exit


@app.callback()
def _before_the_verb(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_told_version, is_eager=True)
    ] = False,
) -> None:
    """Take what stands before the verb."""


def leave_at_once(status: int = INTERRUPTED) -> NoReturn:
    """End an interrupted run without waiting for threads: one that is inside a kernel would hear nothing for long."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def status_of(error: FleetError) -> int:
    """Tell with which status a run ends that could not be done."""
    if isinstance(error, StoppedError):
        return 128 + error.signal
    if isinstance(error, UnfinishedError):
        return UNFINISHED
    return CANNOT_GO_ON if isinstance(error, CannotWriteError | HaltedError) else BAD_INPUT


@contextmanager
def _ending() -> Iterator[None]:
    """Let a request to end pass through all that tidies up behind itself, as an interrupt does."""
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield
        return

    def end(number: int, _: object) -> None:
        raise SystemExit(ENDED)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


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
    announce()
    try:
        with _ending():
            app(prog_name=called())
    except FleetError as refused:
        sys.stderr.write(f"{refused}\n")
        sys.exit(status_of(refused))
    except SystemExit as ended:
        if ended.code in (INTERRUPTED, ENDED):
            kept = "the same command goes on with what is kept, or begins again"
            sys.stderr.write(f"\ninterrupted; nothing half done was written; {kept}\n")
            leave_at_once(int(ended.code))
        raise
