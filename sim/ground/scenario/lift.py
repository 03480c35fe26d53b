"""Uncertain numbers taken out of the places where they stand, so that a scenario always is plain numbers beside them.

Inline ``{p10: 4, p90: 12}`` and ``{cases: [8, 12]}`` move to ``uncertain``; the place gets the central value. Not here:
their laws (``uncertain``), and drawing them (``sim.questions.decision``).
"""

from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sim.ground.faults import Fault
from sim.ground.scenario.inputs import nearest
from sim.ground.scenario.quantity import LARGEST
from sim.ground.scenario.tree import Path_, Tree, dotted
from sim.ground.scenario.uncertain import Cases, Scalar, Spread, Uncertain

MOST_KEYS = 60
_APART = ("uncertain", "correlations", "price_book")
"""Sections in which no uncertain number may stand inline."""

FIXED = {
    *("name", "seed", "horizon_days", "warm_up_days", "confidence", "price_book"),
    *("decision.months", "decision.step_months", "decision.unfit_share"),
}
"""What must be the same in every future, for they are compared."""

_LAW: TypeAdapter[Spread | Cases] = TypeAdapter(Uncertain)


def is_uncertain(value: Any) -> bool:
    """Tell a mapping that stands for an uncertain number from one that has plans or classes of these names."""
    if not isinstance(value, dict) or "law" in value:
        return False
    return any(key in value and not isinstance(value[key], dict) for key in ("p10", "p90", "cases"))


def _law(law: Any) -> Spread | Cases | None:
    """Read an uncertain number; None where it is wrong, which the scenario's own validation tells."""
    try:
        return _LAW.validate_python(law)
    except ValidationError:
        return None


def central(law: Any) -> Scalar:
    """Find the value that stands for an uncertain number; of one that is wrong, any number that it states."""
    if (read := _law(law)) is not None:
        return read.center
    given = law if isinstance(law, dict) else {}
    cases = given.get("cases")
    stated = [given.get("p10"), given.get("p90"), *(cases if isinstance(cases, list) else [])]
    return next((each for each in stated if isinstance(each, int | float) and abs(each) <= LARGEST), 1.0)


def _below(values: Any, step: str | int) -> Any:
    """Look up one step; None where there is nothing."""
    try:
        return values[step]
    except (KeyError, IndexError, TypeError):
        return None


def get(values: Any, path: Path_) -> Any:
    """Look up the value at a path; None where there is none."""
    return reduce(_below, path, values)


def path_of(key: str, values: Any) -> Path_:
    """Turn a dotted key into a path; where it leads through a list, a step is the number of an entry."""
    path: Path_ = ()
    for step in key.split("."):
        entry = int(step) if isinstance(values, list) and step.isdecimal() else step
        path, values = (*path, entry), _below(values, entry)
    return path


def put(values: Any, path: Path_, value: Any) -> Any:
    """Copy values with another one at a path; a missing mapping on the way is made, nothing else is touched."""
    if not path:
        return value
    copy: Any = list(values) if isinstance(values, list) else dict(values or {})
    copy[path[0]] = put(_below(values, path[0]), path[1:], value)
    return copy


@dataclass
class _Lift:
    """What is found on the way through the values of a tree."""

    tree: Tree
    values: Any = None
    inline: dict[str, Path_] = field(default_factory=dict)
    laws: dict[str, Any] = field(default_factory=dict)
    lines: dict[Path_, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def refuse(self, path: Path_, text: str) -> None:
        """Write down a fault."""
        self.faults.append(Fault(self.tree.where(path), text))

    def plain(self, value: Any, path: Path_ = ()) -> Any:
        """Copy values with a central value in the place of each uncertain one."""
        if is_uncertain(value):
            self.laws[dotted(path)], self.inline[dotted(path)] = value, path
            return central(value)
        if isinstance(value, dict):
            return {
                key: entry if not path and key in _APART else self.plain(entry, (*path, key))
                for key, entry in value.items()
            }
        if isinstance(value, list) and any(isinstance(entry, dict | list) for entry in value):
            return [self.plain(entry, (*path, number)) for number, entry in enumerate(value)]
        return value

    def collect(self, key: str, law: Any) -> None:
        """Put the central value of a number that stands under ``uncertain`` into its place."""
        path, here = path_of(key, self.values), ("uncertain", key)
        if key in self.inline:
            self.refuse(here, f"uncertain.{key} stands twice, here and in its place")
        elif text := _unfit(self.values, path) or _clash(get(self.values, path), _law(law)):
            self.refuse(here, f"uncertain.{key[:200]} {text}")
        else:
            self.laws[key], self.values = law, put(self.values, path, central(law))
            if path not in self.tree.lines and here in self.tree.lines:
                self.lines[path] = self.tree.lines[here]

    def check(self) -> None:
        """Refuse what cannot be uncertain, and too much of it."""
        for key in sorted(FIXED & self.laws.keys()):
            at = self.inline.get(key, ("uncertain", key))
            self.refuse(at, f"{key} must be the same in every future, so it cannot be uncertain")
        if len(self.laws) > MOST_KEYS:
            self.refuse(("uncertain",), f"at most {MOST_KEYS} numbers may be uncertain, got {len(self.laws)}")


def _unfit(values: Any, path: Path_) -> str | None:
    """Say why an uncertain number cannot stand at a path; None where it can."""
    if "" in path:
        return "must be a key like plans.reserved.staff.usd_per_year"
    for step in path[:-1] if len(path) > 2 else ():
        if (inside := _below(values, step)) is None:
            known = f"; {nearest(str(step), values)}" if isinstance(values, dict) else ""
            return f"leads to nothing: there is no `{step}`{known}"
        values = inside
    values = values if len(path) > 2 else _below(values, path[0]) if path[1:] else values
    there = _below(values, path[-1])
    if isinstance(values, list) and there is None:
        return f"must lead to an entry from 0 to {len(values) - 1}"
    if not isinstance(values, dict | list | None):
        return f"leads into a value that has no keys, {values!r}"
    return "must lead to one value, not to a list" if isinstance(there, list) else None


def _clash(stated: Any, law: Spread | Cases | None) -> str | None:
    """Say why an uncertain number cannot take the place of what is stated there; None where it can."""
    center = 0.0 if law is None else law.center
    if isinstance(stated, dict) and stated.get("law") == "deterministic":
        stated = stated.get("mean")
    if law is None or stated is None or stated == center or str(stated) == str(center):
        return None
    if isinstance(stated, dict):
        return None if isinstance(center, str) else "must lead to one value, not to a mapping"
    return f"has the central value {center!r}, but its place states {stated!r}; leave that out"


def _kept(tree: Tree, correlations: Any, laws: dict[str, Any], values: Any) -> Any:
    """Leave out correlations of numbers that a flag has made certain."""
    if not isinstance(correlations, list):
        return correlations

    def certain(key: Any) -> bool:
        return isinstance(key, str) and key not in laws and tree.is_set(path_of(key, values))

    def between(entry: Any) -> list[Any]:
        keys = entry.get("between") if isinstance(entry, dict) else None
        return keys if isinstance(keys, list) else []

    return [entry for entry in correlations if not any(map(certain, between(entry)))]


def lift(tree: Tree) -> tuple[Tree, list[Fault]]:
    """Move the uncertain numbers of a scenario to ``uncertain`` and put central values into their places.

    A number that a flag (``--set``, ``--vary``) states is certain, also where the file calls it uncertain.

    Returns
    -------
    Tree, list of Fault
        The same tree where nothing is uncertain; what is wrong with the places of uncertain numbers.
    """
    found = _Lift(tree)
    found.values = found.plain(tree.values) if isinstance(tree.values, dict) else tree.values
    collected = _below(found.values, "uncertain")
    if not found.laws and not collected:
        return tree, []
    if not isinstance(collected, dict | None):
        return tree, []  # refused with the rest of the scenario
    for key, law in (collected or {}).items():
        if not tree.is_set(path_of(key, found.values)):
            found.collect(key, law)
    found.check()
    values = found.values | {"uncertain": found.laws}
    if (correlations := values.get("correlations")) is not None:
        values["correlations"] = _kept(tree, correlations, found.laws, values)
    return replace(tree, values=values, lines=tree.lines | found.lines, lifted=found.inline), found.faults
