"""What goes wrong, and how it is said: one short tree of exceptions."""

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
