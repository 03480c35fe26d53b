"""The scenarios that the page offers: the shipped ones and the user's files, read anew when a file has changed."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from sim.ground.faults import InputError, nearest
from sim.ground.files import lesson, shipped_scenarios

if TYPE_CHECKING:
    from sim.ground.scenario import Scenario

Ready = TypeVar("Ready", covariant=True)

_MOST_READY: Final = 12
"""Scenarios kept ready; a large trace is many megabytes."""


@dataclass(frozen=True)
class Title:
    """One scenario of the list: its name in the address, what it asks, and the user's file it comes from."""

    name: str
    question: str
    teaches: str
    file: str | None

    def as_json(self) -> dict[str, str | None]:
        """Give it as the page reads it."""
        return {"name": self.name, "question": self.question, "teaches": self.teaches, "file": self.file}


@dataclass(frozen=True)
class _Kept(Generic[Ready]):
    """A scenario made ready, and the state of the file that it was made from."""

    state: tuple[int, int]
    ready: Ready


class Shelf(Generic[Ready]):
    """Finds scenarios by name and makes each ready once.

    Parameters
    ----------
    files : sequence of Path
        The user's files. One with the name of a shipped scenario takes its place.
    ready : callable
        Makes a scenario ready, of it and the text of its file; what it gives is kept until the file changes.

    Raises
    ------
    InputError
        When a file cannot be read as a scenario, or two have one name.
    """

    def __init__(self, files: Sequence[Path], ready: Callable[["Scenario", str], Ready]) -> None:
        self._ready = ready
        self._kept: dict[str, _Kept[Ready]] = {}
        self._lock = threading.Lock()
        self._own = _named(files)
        self._files = {**self._own, **{k: v for k, v in shipped_scenarios().items() if k not in self._own}}

    def titles(self) -> list[Title]:
        """List the scenarios, the user's own first."""
        return [self._title(name, file) for name, file in self._files.items()]

    def _title(self, name: str, file: Path) -> Title:
        asks, teaches = lesson(_text(file))
        return Title(name, asks, teaches, file.name if name in self._own else None)

    def find(self, name: str) -> Ready:
        """Give what was made ready of a scenario.

        Raises
        ------
        InputError
            When there is none of this name, or its file has a fault by now.
        """
        if name not in self._files:
            raise InputError.one("scenario", f"`{name[:80]}` is not offered here; {nearest(name[:80], self._files)}")
        with self._lock:
            state = _state(self._files[name])
            kept = self._kept.pop(name, None)
            if kept is None or kept.state != state:
                file = self._files[name]
                kept = _Kept(state, self._ready(_load(file), _text(file)))
            self._kept[name] = kept
            while len(self._kept) > _MOST_READY:
                del self._kept[next(iter(self._kept))]
        return kept.ready


def _named(files: Sequence[Path]) -> dict[str, Path]:
    """Read the user's files, for a fault in one is better told now; give them by the names of their scenarios."""
    own: dict[str, Path] = {}
    for file in files:
        name = _load(file).name
        if name in own:
            raise InputError.one(str(file), f"has the same name as {own[name]}, `{name}`; change `name` in one of them")
        own[name] = file
    return own


def _load(file: Path) -> "Scenario":
    """Read a scenario; the reader is imported only now, for it takes a second."""
    from sim.ground.scenario import load

    return load(file)


def _text(file: Path) -> str:
    """Read what a file says; nothing where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _state(file: Path) -> tuple[int, int]:
    """Tell a file that was written again from one that was not."""
    try:
        found = file.stat()
    except OSError as error:
        raise InputError.one(str(file), f"cannot be read: {error.strerror}") from None
    return found.st_mtime_ns, found.st_size
