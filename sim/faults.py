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

    @classmethod
    def one(cls, where: str, text: str) -> "InputError":
        """Refuse an input for a single fault."""
        return cls([Fault(where, text)])


@dataclass(frozen=True)
class Failure:
    """A piece of work that could not be done: why, and how often it was tried."""

    reason: str
    tries: int


class UnfinishedError(FleetError):
    """Some pieces of work could not be done; the others were, and are kept where results are kept.

    Parameters
    ----------
    failed : dict of Failure
        By the name of the piece of work.
    total : int
        Pieces in all.
    """

    def __init__(self, failed: dict[str, Failure], total: int) -> None:
        self.failed, self.total = failed, total
        lines = [f"{name}: failed, tried {each.tries} x: {each.reason}" for name, each in failed.items()]
        super().__init__("\n".join([*lines, f"{len(failed)} of {total} failed; the others are done"]))


def nearest(word: str, words: Iterable[object]) -> str:
    """End a refusal with the nearest right word, or with all of them."""
    options = [str(option) for option in words]
    begun = [option for option in options if len(word) > 2 and option.startswith(word)]
    if close := begun or difflib.get_close_matches(str(word), options, n=1, cutoff=0.5):
        return f"did you mean `{close[0]}`?"
    return "choose from " + ", ".join(f"`{option}`" for option in options)
