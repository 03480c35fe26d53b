"""What goes wrong, and how it is said: one short tree of exceptions."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class FleetError(Exception):
    """Anything that this program refuses or cannot do; the text is meant for the person at the keyboard."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with one input: where it stands and what to do about it."""

    where: str
    text: str

    def __str__(self) -> str:
        """Write the fault in one line."""
        return f"{self.where}: {self.text}"


class InputError(FleetError):
    """An input was refused. All faults found are in ``faults``, each with its place."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__("\n".join(map(str, faults)))

    def __reduce__(self) -> tuple[type["InputError"], tuple[list[Fault]]]:
        """Let it come whole from another process."""
        return type(self), (self.faults,)

    @classmethod
    def one(cls, where: str, text: str) -> "InputError":
        """Refuse an input for a single fault."""
        return cls([Fault(where, text)])


class CannotWriteError(FleetError):
    """A file cannot be written, or not be read back, while work is under way: a full disk, a drive that went away."""

    def __init__(self, file: object, text: str) -> None:
        super().__init__(f"{file}: {text}")


@dataclass(frozen=True)
class Failure:
    """A piece of work that could not be done: why, and how often it was tried."""

    reason: str
    tries: int


class HaltedError(FleetError):
    """Work stopped halfway, and its input is not to blame; what was done is kept where results are kept."""


class UnfinishedError(FleetError):
    """Some pieces of work could not be done; the others were, and are kept where results are kept.

    Parameters
    ----------
    failed : dict of Failure
        By the name of the piece of work.
    total : int
        Pieces in all.
    what : str
        What the pieces are.
    where : str
        Folder where the others are kept, if they are.
    """

    def __init__(self, failed: dict[str, Failure], total: int, what: str, where: str = "") -> None:
        self.failed, self.total, self.what, self.where = failed, total, what, where
        super().__init__(failed, total, what, where)

    def __str__(self) -> str:
        """List what failed and why, and say what is done."""
        lines = [f"{name}: failed, tried {each.tries} x: {each.reason}" for name, each in self.failed.items()]
        rest = f"; the others are kept in {self.where}, the same command tries these again" if self.where else ""
        return "\n".join([*lines, f"{len(self.failed)} of {self.total} {self.what} failed{rest}"])


class StoppedError(FleetError):
    """Somebody asked to stop before all was done; what was done is kept where results are kept.

    Parameters
    ----------
    done, total : int
        Pieces done, and in all.
    what : str
        What the pieces are.
    where : str
        Folder where they are kept, if they are.
    signal : int
        What asked.
    """

    def __init__(self, done: int, total: int, what: str, where: str = "", signal: int = 2) -> None:
        self.done, self.total, self.what, self.where, self.signal = done, total, what, where, signal
        super().__init__(done, total, what, where, signal)

    def __str__(self) -> str:
        """Say what is kept and how to go on."""
        kept = f"are kept in {self.where}; the same command goes on" if self.where else "were done"
        return f"stopped: {self.done} of {self.total} {self.what} {kept}"


def nearest(word: str, words: Iterable[object]) -> str:
    """End a refusal with the nearest right word, or with all of them."""
    options = [str(option) for option in words]
    begun = [option for option in options if len(word) > 2 and option.startswith(word)]
    if close := begun or difflib.get_close_matches(str(word), options, n=1, cutoff=0.5):
        return f"did you mean `{close[0]}`?"
    return "choose from " + ", ".join(f"`{option}`" for option in options)
