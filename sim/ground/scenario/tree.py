"""YAML as plain values that remember their lines. Nothing is executed, aliased, overwritten or guessed.

Not here: what the keys mean. ruamel.yaml reads YAML 1.2, so ``1e3`` is a number and ``no`` is a word.
"""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from sim.ground.faults import InputError
from sim.ground.files import read_at_most

Path_ = tuple[str | int, ...]
MOST_BYTES, MOST_DEPTH = 4_000_000, 40
_TAG = "tag:yaml.org,2002:"


@dataclass
class Tree:
    """The values of a file and, for each key's path, the place where it stands."""

    values: Any
    file: str = "scenario"
    lines: dict[Path_, int] = field(default_factory=dict)
    settings: set[Path_] = field(default_factory=set)
    flag: str = "--set"
    lifted: dict[str, Path_] = field(default_factory=dict)

    def origin(self, path: Path_) -> Path_:
        """Tell where something was written that was lifted to another place (``uncertain`` numbers)."""
        if path[:1] == ("uncertain",) and len(path) > 1 and path[1] in self.lifted:
            return (*self.lifted[str(path[1])], *path[2:])
        return path

    def where(self, path: Path_) -> str:
        """Name the place of a key: file and line, or the flag that gave it."""
        path = self.origin(path)
        if self.is_set(path):  # also where the file says something there: it was replaced
            return self.flag
        if path not in self.lines and any(setting[: len(path)] == path for setting in self.settings):
            return self.flag
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return f"{self.file}:{self.lines[path[:end]]}"
        return self.file

    def is_set(self, path: Path_) -> bool:
        """Tell whether a flag has put a value at a path or above it."""
        return any(path[: len(setting)] == setting for setting in self.settings)

    def get(self, path: Path_) -> Any:
        """Look up the value at a path; None where there is none."""
        value = self.values
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value


def file_text(file: Path, most_bytes: int = MOST_BYTES, what: str = "a scenario") -> str:
    """Read a file as UTF-8 text.

    Raises
    ------
    InputError
        When it cannot be read, is too large for what it should be, or is no text.
    """
    raw = read_at_most(file, most_bytes, what)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError.one(f"{file}:{line}", f"is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError.one(f"{file}:{line}", "holds a NUL byte; it is not a YAML file")
    return text


def _check_events(text: str, file: str) -> None:
    """Refuse depth, aliases and tags before any value is built."""
    deep = 0
    for line, row in enumerate(text.splitlines(), 1):  # cheap first: brackets and indentation bound the depth
        deep += row.count("[") + row.count("{")
        if deep > 100_000 or len(row) - len(row.lstrip(" -?:[{")) > 4 * MOST_DEPTH:
            raise InputError.one(f"{file}:{line}", f"is nested deeper than {MOST_DEPTH} levels")
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(io.StringIO(text)):
        kind, line = type(event).__name__, event.start_mark.line + 1
        depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
        if depth > MOST_DEPTH:
            raise InputError.one(f"{file}:{line}", f"is nested deeper than {MOST_DEPTH} levels")
        if kind == "AliasEvent" or getattr(event, "anchor", None):
            raise InputError.one(f"{file}:{line}", "uses an alias or anchor; write the value out")
        if getattr(event, "tag", None):
            raise InputError.one(f"{file}:{line}", "uses a tag (`!...`); write a plain value")


def _scalar(node: ScalarNode) -> Any:
    """Give a scalar its plain value, by the YAML 1.2 core schema."""
    tag, text = str(node.tag).removeprefix(_TAG), str(node.value)
    plain = text.replace("_", "")
    try:
        if tag == "int":
            return int(plain, 0) if plain.lstrip("+-")[:2].lower() in {"0x", "0o", "0b"} else int(plain, 10)
        if tag == "float":
            return float(plain.lower().replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return text
    if tag == "bool":  # a file that asks for YAML 1.1 gets no yes and no of it
        return text.lower() == "true" if text.lower() in {"true", "false"} else text
    return None if tag == "null" else text


def _plain(node: Node, path: Path_, tree: Tree) -> Any:
    """Turn a node into plain values; write down each key's line; refuse a key that stands twice."""
    if isinstance(node, ScalarNode):
        return _scalar(node)
    if not isinstance(node, MappingNode):
        for index, child in enumerate(node.value):
            tree.lines[*path, index] = child.start_mark.line + 1
        return [_plain(child, (*path, index), tree) for index, child in enumerate(node.value)]
    values: dict[str, Any] = {}
    for key_node, child in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, ScalarNode):
            raise InputError.one(f"{tree.file}:{line}", "has a key that is not a word")
        key = str(key_node.value)
        if key in values:
            raise InputError.one(
                f"{tree.file}:{line}", f"{dotted((*path, key))} stands twice, here and on line {tree.lines[*path, key]}"
            )
        tree.lines[*path, key] = line
        values[key] = _plain(child, (*path, key), tree)
    return values


def read_any(text: str, file: str) -> Tree:
    """Read YAML text into a tree, whatever stands at its top.

    Raises
    ------
    InputError
        For anything that is not plain YAML: with the line.
    """
    tree = Tree(values=None, file=file)
    try:
        _check_events(text, file)
        node = YAML(typ="safe", pure=True).compose(io.StringIO(text))
        tree.values = None if node is None else _plain(node, (), tree)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise InputError.one(f"{file}:{line}", f"is not valid YAML: {error.problem or error.context}") from None
    except (YAMLError, RecursionError, ValueError) as error:
        raise InputError.one(f"{file}:1", f"is not valid YAML: {str(error).splitlines()[0]}") from None
    return tree


def read_text(text: str, file: str) -> Tree:
    """Read YAML text into a tree.

    Raises
    ------
    InputError
        For anything that is not one plain YAML mapping: with the line.
    """
    tree = read_any(text, file)
    if not isinstance(tree.values, dict):
        found = "nothing" if tree.values is None else f"a {type(tree.values).__name__}"
        raise InputError.one(f"{file}:1", f"must be a mapping of keys, got {found}")
    return tree


def read_list(file: str | Path) -> Tree:
    """Read a YAML file whose top may be a list; what stands in it is for the reader to judge.

    Raises
    ------
    InputError
        When the file cannot be read or is not plain YAML.
    """
    return read_any(file_text(Path(file)), str(file))


def read_tree(file: str | Path) -> Tree:
    """Read a YAML file into a tree.

    Raises
    ------
    InputError
        When the file cannot be read or is not one plain YAML mapping.
    """
    return read_text(file_text(Path(file)), str(file))


def dotted(path: Path_) -> str:
    """Write a path as users do: ``plans.reserved.staff``."""
    return ".".join(map(str, path))
