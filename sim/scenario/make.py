"""From a file to a Scenario, with its price book: all faults at once."""

from pathlib import Path
from typing import Any

from sim.faults import Fault, InputError
from sim.scenario.book_file import bring
from sim.scenario.model import Scenario
from sim.scenario.read import validated, with_settings
from sim.scenario.tree import Tree, dotted, read_tree


def build(tree: Tree, folder: Path | None = None) -> Scenario:
    """Validate a tree.

    Parameters
    ----------
    tree : Tree
        What was read, with its lines.
    folder : Path, optional
        Where file names in the scenario start from.

    Raises
    ------
    InputError
        With all faults found, each with its place.
    """
    whole, book = bring(tree, folder or Path())
    scenario = validated(Scenario, whole, {"book": book, "folder": folder or Path()})
    if folder is not None:
        scenario._folder = folder
    if found := [Fault(tree.where(path), f"{dotted(path)} {text}") for path, text in scenario.impossible()]:
        raise InputError(found)
    return scenario


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
