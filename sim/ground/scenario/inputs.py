"""What numbers rest on, and how a wrong word is answered. Not here: the prices themselves (``catalog``)."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sim.ground.faults import nearest as nearest
from sim.ground.scenario.laws import law_mean

BASES = ("measured", "list price", "assumed", "stated")


@dataclass(frozen=True)
class Input:
    """One price or pace that a plan rests on: its value, unit, date and source."""

    what: str
    value: float
    unit: str
    basis: str
    source: str
    since: date | None = None
    seen: date | None = None


def stated(what: str, value: float, unit: str, source: str | None) -> Input:
    """Make the input of a number that the scenario states; ``source: "assumed: why"`` says on what it rests."""
    basis, separator, text = (source or "").partition(":")
    if separator and basis.strip() in BASES:
        return Input(what, value, unit, basis.strip(), text.strip())
    return Input(what, value, unit, "stated", source or "the scenario, which gives no source")


def law_input(what: str, law: Any, unit: str, source: str | None) -> Input:
    """Make the input of a law that the scenario states: its mean."""
    name = str(law.law)
    return stated(what, law_mean(law), unit if name == "deterministic" else f"{unit} on average ({name})", source)
