"""A scenario made ready for sliders: what can be moved, what a curve can run along, what it asks and teaches."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from itertools import count
from typing import Any, Final

from sim.doors.live.store import Store
from sim.ground.faults import InputError, nearest
from sim.ground.files import lesson
from sim.ground.scenario import Scenario
from sim.ground.scenario.levers import Lever, checked, levers, moved
from sim.study.grid import spaced

POINTS: Final = 9
_LOOKS = count()
_KEPT = Store()
"""One for the whole program: pages of the same scenario serve each other."""

_SEED: Final = 0
"""Where a scenario states none: an answer that changed with every question would shiver."""


@dataclass(frozen=True)
class Look:
    """A scenario made ready; made once, asked often.

    Attributes
    ----------
    scenario : Scenario
        Where all sliders stand where it says.
    levers : tuple of Lever
        What can be moved.
    seed : int
        Of all answers: the scenario's, or 0 where it states none.
    asks, teaches : str
        What the file's opening comment says of it.
    """

    scenario: Scenario
    levers: tuple[Lever, ...]
    seed: int
    asks: str = ""
    teaches: str = ""
    key: str = field(default_factory=lambda: str(next(_LOOKS)))
    store: Store = field(default=_KEPT, repr=False, compare=False)

    def lever(self, name: str) -> Lever:
        """Find a lever by its name.

        Raises
        ------
        InputError
            With the nearest name.
        """
        found = next((lever for lever in self.levers if lever.name == name), None)
        if found is None:
            known = [lever.name for lever in self.levers]
            text = f"{shown(name)} is no lever of `{self.scenario.name}`; {nearest(name[:80], known)}"
            raise InputError.one("curve", text)
        return found

    @cached_property
    def edition(self) -> str:
        """Tell this state of the file from others, so that a page whose sliders are of another reads it anew."""
        return blake2b(self.scenario.model_dump_json().encode(), digest_size=8).hexdigest()

    @property
    def curve_levers(self) -> tuple[str, ...]:
        """Name what a curve can run along: the rates first."""
        rates = [lever.name for lever in self.levers if lever.kind == "rate"]
        return (*rates, *(lever.name for lever in self.levers if lever.name not in rates))

    def differing(self, values: Mapping[str, float]) -> dict[str, float]:
        """Take the values that differ from the scenario's, in the order of the levers.

        Raises
        ------
        InputError
            When there is no such lever, or a value is out of its range.
        """
        known = {lever.name: lever for lever in self.levers}
        for name in values:
            if name not in known:
                text = f"is no lever of `{self.scenario.name}`; {nearest(str(name)[:80], known)}"
                raise InputError.one(shown(name), text)
        held = {name: checked(known[name], values[name]) for name in known if name in values}
        return {name: value for name, value in held.items() if value != known[name].value}

    def at(self, differing: Mapping[str, float]) -> Scenario:
        """Give the scenario at a position; the same one where nothing differs."""
        key = ("scenario", self.key, *differing.items())
        found: Scenario = self.store.made(key, lambda: moved(self.scenario, differing, self.levers))
        return found

    def beside(self, scenario: Scenario, differing: Mapping[str, float]) -> Scenario:
        """Give the scenario at another position that differs in its work alone: plans as they are, nothing judged anew.

        A lever moves either work or plans, and ``at`` has judged the position itself.
        """
        works = {each.name for each in self.levers if self.moves_work(each)}
        moved_work = self.at({name: value for name, value in differing.items() if name in works})
        return scenario.model_copy(update={"workload": moved_work.workload})

    @staticmethod
    def moves_work(lever: Lever) -> bool:
        """Tell whether a lever moves what comes, and no plan."""
        return all(key.startswith("workload.") for key in lever.keys)

    def points(self, lever: Lever) -> list[float]:
        """Space the points of a curve along a lever."""
        if lever.whole:
            last, steps = int(lever.high - lever.low), min(POINTS - 1, int(lever.high - lever.low))
            return [lever.low + last * step // steps for step in range(steps + 1)]
        return list(spaced(lever.low, lever.high, POINTS, lever.log))

    def as_json(self) -> dict[str, Any]:
        """Tell the page what there is."""
        return {
            "scenario": self.scenario.name,
            "edition": self.edition,
            "question": self.asks,
            "teaches": self.teaches,
            "levers": [_lever_json(lever) for lever in self.levers],
            "classes": classes_json(self.scenario),
            "plans": list(self.scenario.plans),
            "curve_levers": list(self.curve_levers),
        }


def _lever_json(lever: Lever) -> dict[str, Any]:
    """Tell the page about one slider."""
    names = ("name", "kind", "label", "unit", "value", "low", "high", "log", "whole", "basis")
    return {name: getattr(lever, name) for name in names} | {"plans": list(lever.plans)}


def classes_json(scenario: Scenario) -> list[dict[str, str]]:
    """Tell the page what the money and the waits of each class are counted in."""
    of_kind = {
        "fine_tune": {"money": "USD a run", "wait": "wait, h"},
        "inference": {"money": "USD per 1000 requests", "wait": "TTFT, s"},
    }
    return [{"name": name, "kind": each.kind, **of_kind[each.kind]} for name, each in scenario.workload.items()]


def shown(text: str) -> str:
    """Show text of a stranger in one short line, control characters escaped."""
    return repr(text if len(text) <= 60 else f"{text[:60]}...")


def look(scenario: Scenario, text: str = "") -> Look:
    """Make a scenario ready for sliders.

    Parameters
    ----------
    scenario : Scenario
        As it was read.
    text : str
        Of its file, for what its opening comment asks and teaches.

    Returns
    -------
    Look
        What `answer` is asked with.
    """
    asks, teaches = lesson(text)
    seed = _SEED if scenario.seed is None else int(scenario.seed)
    return Look(scenario, levers(scenario), seed, asks, teaches)
