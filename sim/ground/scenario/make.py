"""From a file to a Scenario, with its price book: all faults at once."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sim.ground.faults import Fault, InputError
from sim.ground.scenario.book import Book
from sim.ground.scenario.book_file import bring
from sim.ground.scenario.lift import lift, path_of, put
from sim.ground.scenario.model import Scenario
from sim.ground.scenario.read import as_values, validated, with_settings
from sim.ground.scenario.tree import Tree, dotted, read_tree
from sim.ground.scenario.uncertain import Spread


def build(tree: Tree, folder: Path | None = None, ends: bool = True) -> Scenario:
    """Validate a tree.

    Parameters
    ----------
    tree : Tree
        What was read, with its lines.
    folder : Path, optional
        Where file names in the scenario start from.
    ends : bool
        Whether the scenario is also judged at both ends of each uncertain number, one at a time.

    Raises
    ------
    InputError
        With all faults found, each with its place.
    """
    plain, faults = lift(tree)
    try:
        whole, book = bring(plain, folder or Path())
        scenario = _judged(whole, book, folder)
    except InputError as refused:
        raise InputError(list(dict.fromkeys([*faults, *refused.faults]))) from None
    faults += _at_ends(scenario, whole, book, folder) if ends and not faults else []
    if faults:
        raise InputError(faults)
    return scenario


def _judged(whole: Tree, book: Book, folder: Path | None) -> Scenario:
    """Validate a tree that holds plain numbers and whole entries of price books."""
    scenario = validated(Scenario, whole, {"book": book, "folder": folder or Path()})
    if folder is not None:
        scenario._folder = folder
    if found := [Fault(whole.where(path), f"{dotted(path)} {text}") for path, text in scenario.impossible()]:
        raise InputError(found)
    return scenario


def _at_ends(scenario: Scenario, whole: Tree, book: Book, folder: Path | None) -> Iterator[Fault]:
    """Refuse uncertain numbers that may take a value at which the scenario is none."""
    certain = {key: value for key, value in whole.values.items() if key not in ("uncertain", "correlations")}
    for key, law in scenario.uncertain.items():
        path = path_of(key, certain)
        for name, value in law.ends:
            try:
                _judged(replace(whole, values=put(certain, path, value)), book, folder)
            except InputError as refused:
                texts = "; ".join(fault.text for fault in refused.faults)
                way_out = "; narrow it, or give it another shape" if isinstance(law, Spread) else ""
                said = f"{key} may be {_shown(value)}, its {name}: {texts}{way_out}"
                yield Fault(whole.where(("uncertain", key)), said)


def _shown(value: object) -> str:
    """Show a value that may be drawn."""
    return f"{value:g}" if isinstance(value, float) else repr(value)


def load(file: str | Path, settings: dict[str, Any] | None = None) -> Scenario:
    """Read and validate a scenario file.

    Parameters
    ----------
    file : path
        A YAML file.
    settings : dict, optional
        Dotted keys and the values to put in their places, as ``--set`` does.

    Raises
    ------
    InputError
        With all faults found, each with file, line, key, rule and value.
    """
    return build(with_settings(read_tree(file), settings or {}), Path(file).parent)


def with_values(scenario: Scenario, settings: Mapping[str, Any], flag: str = "lever") -> Scenario:
    """Make the same scenario with values at dotted keys; what is put higher up comes first.

    Uncertain numbers are judged at their central values alone, as ``run`` takes them.

    Parameters
    ----------
    scenario : Scenario
        Is not changed.
    settings : mapping of str to any
        Dotted keys and values; None takes away what stands there.
    flag : str
        What a refusal names.

    Raises
    ------
    InputError
        When the scenario is none with them.
    """
    ordered = dict(sorted(settings.items(), key=lambda each: each[0].count(".")))
    tree = Tree(as_values(scenario), file=scenario.name, flag=flag)
    return build(with_settings(tree, ordered), scenario.folder, ends=False)
