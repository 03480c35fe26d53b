"""What a stream can show, and how far long work is, on stderr. Not here: results (``sim.doors.cli.output``)."""

import os
import sys
import time
from dataclasses import dataclass
from typing import TextIO

_PLAIN_WIDTH, _WIDEST = 80, 1000
_BAR, _LEAST_BAR = 24, 8


@dataclass(frozen=True)
class Look:
    """How to write to a stream: whether a terminal shows it, whether in colour, and how wide.

    NO_COLOR and TERM=dumb leave out colours and escape codes. COLUMNS states the width of a terminal, as for other
    tools; what no terminal shows does not hang on it, so that piped text is the same everywhere.
    """

    terminal: bool
    rich: bool
    width: int

    @classmethod
    def of(cls, stream: TextIO | None) -> "Look":
        """Look at a stream; None is one that was closed before we began."""
        terminal = stream is not None and stream.isatty()
        if stream is None or not terminal:
            return cls(False, False, _PLAIN_WIDTH)
        rich = _moves() and not os.environ.get("NO_COLOR") and _knows_unicode(stream)
        return cls(True, rich, max(_PLAIN_WIDTH, columns(stream)))


def columns(stream: TextIO) -> int:
    """Tell how wide the terminal behind a stream is: what COLUMNS says, else what it says itself."""
    told = os.environ.get("COLUMNS", "")
    if told.isascii() and told.isdecimal() and int(told):
        return min(int(told), _WIDEST)
    try:
        return min(os.get_terminal_size(stream.fileno()).columns or _PLAIN_WIDTH, _WIDEST)
    except (OSError, ValueError):
        return _PLAIN_WIDTH


def _moves() -> bool:
    """Tell whether the terminal can go back to the beginning of a line."""
    return os.environ.get("TERM", "dumb") != "dumb"


def _knows_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "") == "utf8"


def span(seconds: float) -> str:
    """Write a length of time in words: ``40 s``, ``12 min``, ``1.5 h``."""
    for size, unit, digits in ((1, "s", 0), (60, "min", 0), (3600, "h", 1)):
        if seconds < 90 * size or unit == "h":
            return f"{seconds / size:.{digits}f} {unit}"
    raise AssertionError(seconds)


def note(line: str) -> None:
    """Write a line on stderr; on a terminal it takes the place of a line of progress, which comes again below."""
    live = Look.of(sys.stderr).terminal and _moves()
    _write(f"\r{line.ljust(columns(sys.stderr) - 1)}\n" if live else f"{line}\n")


class Progress:
    """Tells on stderr how far long work is: one line rewritten on a terminal, else a line now and then.

    The time left is judged by what came after the first call, for the first piece may have compiled the kernels.

    Parameters
    ----------
    what : str
        What is counted.
    at_once : bool
        Whether the work is named before its first piece is done, also where no terminal shows it.
    """

    def __init__(self, what: str, at_once: bool = False) -> None:
        self.what = what
        self.begun = self.told = time.monotonic()
        self.first: tuple[float, int] | None = None
        self.live = Look.of(sys.stderr).terminal and _moves()
        if at_once and not self.live:
            _write(f"{what}\n")

    def __call__(self, done: int, total: int) -> None:
        """Tell that so many of so many pieces are done."""
        now = time.monotonic()
        self.first = self.first or (now, done)
        if now - self.told < (0.2 if self.live else 10.0) and not (self.live and done == total):
            return
        self.told = now
        times = f"{span(now - self.begun)}{self._rest(now - self.first[0], done - self.first[1], total - done)}"
        if self.live:
            _write(f"\r{self._line(done, total, times)}" + "\n" * (done == total))
        else:
            _write(f"{self.what}: {done} of {total}, {times}\n")

    def _line(self, done: int, total: int, times: str) -> str:
        """Fill a line of the terminal: never its last column, where it would wrap."""
        room = columns(sys.stderr) - 1
        told = f"{done:,} of {total:,}, {times}"
        bar = min(_BAR, room - len(self.what) - len(told) - 4)
        if bar < _LEAST_BAR:
            return f"{self.what}: {told}"[:room].ljust(room)
        full = bar * done // total
        signs = "━─" if _knows_unicode(sys.stderr) else "#."
        return f"{self.what}  {signs[0] * full}{signs[1] * (bar - full)}  {told}".ljust(room)

    @staticmethod
    def _rest(seconds: float, done: int, left: int) -> str:
        """Say how long what is left takes, where that can be told."""
        return f", about {span(seconds / done * left)} left" if done and left else ""


def _write(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(text)
        sys.stderr.flush()
