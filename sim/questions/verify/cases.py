"""Case files: what theory expects of which scenario. Read with their lines, refused with them.

Not here: running a case (``theory``), judging an estimate (``rule``).
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from sim.ground.faults import Fault, InputError
from sim.ground.files import shipped as shipped_folder
from sim.ground.scenario import Scenario, Tree, build, read_list
from sim.ground.scenario.inputs import nearest
from sim.questions.verify.rule import KINDS
from sim.study.study import MOST_REPLICATIONS

_OF_CASE: Final = (
    "id",
    "source",
    "formula",
    "note",
    "scenario",
    "replications",
    "quick_replications",
    "expect",
    "not_covered",
)
_OF_EXPECTATION: Final = ("key", "value", "kind", "metric", "reference_se")

Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Expectation:
    """One value that theory gives for one key of the result.

    Attributes
    ----------
    key : str
        Dotted path into the result, or into ``probes``.
    value : float, bool, str or None
        What theory says; anything but a number must be met exactly.
    kind : str
        One of ``KINDS``: how precise the estimate must be.
    reference_se : float
        Standard error of the reference itself, where it was simulated.
    metric : str or None
        The name of the value in its source.
    where : str
        File and line.
    """

    key: str
    value: Any
    kind: str
    reference_se: float = 0.0
    metric: str | None = None
    where: str = ""


@dataclass(frozen=True)
class Case:
    """A scenario and what theory expects of it."""

    id: str
    scenario: Scenario
    replications: int
    quick_replications: int
    expect: tuple[Expectation, ...]
    source: str = ""
    formula: str = ""

    def told(self, quick: bool) -> dict[str, Any]:
        """Tell whose theory it is, what that says, and how many replications it is held to."""
        count = self.quick_replications if quick else self.replications
        return {"id": self.id, "source": self.source, "formula": self.formula, "replications": count}


@dataclass(frozen=True)
class CaseFile:
    """What stands in one or more case files."""

    cases: list[Case] = field(default_factory=list)
    not_covered: list[dict[str, str]] = field(default_factory=list)


def shipped() -> list[Path]:
    """Find the case files that come with the program.

    Raises
    ------
    InputError
        When there are none.
    """
    if files := sorted(shipped_folder("theory").glob("*.yaml")):
        return files
    raise InputError.one(str(shipped_folder("theory")), "holds no case files; state some with --cases FILE")


def read_cases(files: list[Path]) -> CaseFile:
    """Read case files.

    Raises
    ------
    InputError
        With all faults of all files, each with file, line and the nearest right key.
    """
    found, faults = CaseFile(), list[Fault]()
    taken: dict[str, str] = {}
    for file in files:
        tree = read_list(file)
        for path in _entries(tree):
            try:
                _read_entry(tree, path, file.parent, found, taken)
            except InputError as error:
                faults += error.faults
    if not faults and not found.cases and not found.not_covered:
        faults.append(Fault(str(files[0]) if files else "--cases", "holds no case"))
    if faults:
        raise InputError(faults)
    return found


def _entries(tree: Tree) -> list[Path_]:
    """List the paths of the cases: of a list, of a mapping with ``cases``, or of one case alone."""
    values: Any = tree.values
    path: Path_ = ()
    if isinstance(values, dict) and "cases" in values:
        if extra := [key for key in values if key != "cases"]:
            raise InputError.one(tree.where((extra[0],)), f"{extra[0]} is not a key here; did you mean `cases`?")
        values, path = values["cases"], ("cases",)
    if isinstance(values, dict) and not path:
        return [()]
    if not isinstance(values, list):
        raise InputError.one(f"{tree.file}:1", "must be a list of cases")
    return [(*path, index) for index in range(len(values))]


def _read_entry(tree: Tree, path: Path_, folder: Path, found: CaseFile, taken: dict[str, str]) -> None:
    """Read one case, or one note of what is not covered."""
    entry = tree.get(path) if path else tree.values
    if not isinstance(entry, dict):
        raise InputError.one(tree.where(path), f"must be a case with `id`, `scenario` and `expect`, got {entry!r:.60}")
    where = tree.where((*path, "id"))
    faults = list(_strange(tree, path, entry, _OF_CASE))
    name = entry.get("id")
    if not isinstance(name, str) or not name:
        faults.append(Fault(where, f"id must be a word, got {name!r:.60}" if "id" in entry else "id is missing"))
    elif name in taken:
        faults.append(Fault(where, f"id must be used once, got {name!r} again, first on {taken[name]}"))
    if faults:
        raise InputError(faults)
    name = str(name)
    taken[name] = where
    if "not_covered" in entry:
        found.not_covered.append({"id": name, "reason": str(entry["not_covered"])})
    else:
        found.cases.append(_read_case(tree, path, entry, name, folder))


def _read_case(tree: Tree, path: Path_, entry: dict[str, Any], name: str, folder: Path) -> Case:
    """Read one case; all its faults at once."""
    faults = [
        Fault(tree.where((*path, "id")), f"case `{name}`: {key} is missing")
        for key in ("scenario", "replications", "expect")
        if key not in entry
    ]
    if faults:
        raise InputError(faults)
    replications = entry["replications"]
    quick = entry.get("quick_replications", replications)
    for key in ("replications", "quick_replications"):
        count = entry.get(key, 1)
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST_REPLICATIONS:
            rule = f"must be a whole number from 1 to {MOST_REPLICATIONS}, got {count!r:.60}"
            faults.append(Fault(tree.where((*path, key)), f"{key} {rule}"))
    expect: list[Expectation] = []
    rows = entry["expect"]
    if not isinstance(rows, list) or not rows:
        faults.append(Fault(tree.where((*path, "expect")), "expect must be a list of {key, value, kind}"))
        rows = []
    for index in range(len(rows)):
        try:
            expect.append(_read_expectation(tree, (*path, "expect", index)))
        except InputError as error:
            faults += error.faults
    if not faults and min(replications, quick) < 2 and any(row.kind != "exact" for row in expect):
        text = (
            f"replications must be at least 2 (30 is wise) where a value is simulated, got {min(replications, quick)}"
        )
        faults.append(Fault(tree.where((*path, "replications")), text))
    try:
        scenario = _read_scenario(tree, (*path, "scenario"), name, folder)
    except InputError as error:
        raise InputError(faults + error.faults) from None
    if faults:
        raise InputError(faults)
    source, formula = str(entry.get("source", "")), str(entry.get("formula", ""))
    return Case(name, scenario, replications, quick, tuple(expect), source, formula)


def _read_scenario(tree: Tree, path: Path_, name: str, folder: Path) -> Scenario:
    """Read the scenario inside a case; its faults keep their lines.

    A missing name or seed is made from the case's id: verdicts do not change from run to run, and cases do not share
    their noise.
    """
    values = tree.get(path)
    if not isinstance(values, dict):
        raise InputError.one(tree.where(path), f"scenario must be a mapping of keys, got {values!r:.60}")
    slug = re.sub(r"[^a-z0-9]+", "_", name.lower())[:60] or "case"
    depth = len(path)
    lines = {place[depth:]: line for place, line in tree.lines.items() if place[:depth] == path and len(place) > depth}
    return build(Tree({"name": slug, "seed": crc32(name.encode())} | values, tree.file, lines), folder)


def _read_expectation(tree: Tree, path: Path_) -> Expectation:
    """Read one row of ``expect``."""
    row, where = tree.get(path), tree.where(path)
    if not isinstance(row, dict):
        raise InputError.one(where, f"must be {{key, value, kind}}, got {row!r:.60}")
    faults = list(_strange(tree, path, row, _OF_EXPECTATION))
    faults += [Fault(where, f"{key} is missing") for key in ("key", "value", "kind") if key not in row]
    kind, value, error = row.get("kind"), row.get("value"), row.get("reference_se", 0.0)
    if "kind" in row and kind not in KINDS:
        faults.append(
            Fault(tree.where((*path, "kind")), f"kind {kind!r:.60} is not known; {nearest(str(kind), KINDS)}")
        )
    elif kind != "exact" and "value" in row and not _is_number(value):
        faults.append(Fault(tree.where((*path, "value")), f"value must be a number, got {value!r:.60}"))
    if isinstance(value, dict | list) or (isinstance(value, float) and not math.isfinite(value)):
        faults.append(
            Fault(tree.where((*path, "value")), f"value must be one finite number or word, got {value!r:.60}")
        )
    if not _is_number(error) or error < 0:
        rule = f"reference_se must be a number >= 0, got {error!r:.60}"
        faults.append(Fault(tree.where((*path, "reference_se")), rule))
    if faults:
        raise InputError(list(dict.fromkeys(faults)))
    metric = row.get("metric")
    return Expectation(str(row["key"]), value, str(kind), float(error), None if metric is None else str(metric), where)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _strange(tree: Tree, path: Path_, entry: dict[str, Any], known: tuple[str, ...]) -> Iterator[Fault]:
    """Name the keys that do not belong here."""
    for key in entry:
        if key not in known:
            yield Fault(tree.where((*path, key)), f"{key} is not a key here; {nearest(key, known)}")
