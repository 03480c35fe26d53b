"""The user's own price book as a file: read with all faults at once, written so that it is read again fast.

Not here: what an entry may say (``book``), and other people's price lists (``sim.questions.prices``).
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from sim.ground.faults import Fault, InputError
from sim.ground.scenario.book import BUILT_IN, Book, Entry, clashes
from sim.ground.scenario.laws import Part
from sim.ground.scenario.quantity import Text
from sim.ground.scenario.read import as_values, validated
from sim.ground.scenario.tree import Tree, file_text, read_text

VERSION = 1
MOST_ENTRIES = 20_000
MOST_BYTES = 16_000_000
_ENTRY: TypeAdapter[Any] = TypeAdapter(Entry)


class MadeFrom(Part):
    """Whose price list a book was made from: the file, its bytes, and the day of which it is."""

    form: Text
    """Whose price list it was: litellm, skypilot or genai."""
    file: Text
    """Name of the file that was imported."""
    sha256: Text
    """Hash of its bytes."""
    date: Text
    """Day of which the list is."""


class PriceBook(Part):
    """A file of prices beside the built-in ones."""

    version: Literal[1]
    """Version of this form of file: 1."""
    made_from: MadeFrom | None = None
    """What the book was imported from; left out: written by hand."""
    entries: Annotated[tuple[Entry, ...], Field(max_length=MOST_ENTRIES)]
    """The prices, each with its dates, basis and source."""


def read_book(file: Path) -> tuple[Tree, PriceBook]:
    """Read a price book.

    Raises
    ------
    InputError
        With all faults found, each with its line.
    """
    tree = _tree(file_text(file, MOST_BYTES, "a price book"), str(file))
    book = validated(PriceBook, tree, {})
    found = [
        Fault(tree.where(("entries", number)), f"entries.{number} {text}") for number, text in clashes(book.entries)
    ]
    if found:
        raise InputError(found)
    return tree, book


def write_book(entries: Iterable[Any], made_from: MadeFrom) -> str:
    """Write a price book as text: an entry a line, in JSON, which is YAML too and is read fast."""
    lines = [
        "# fleetecon price book: name it in a scenario, `price_book: FILE`; `fleetecon prices --book FILE` lists it",
        f"version: {VERSION}",
        f"made_from: {json.dumps(as_values(made_from))}",
        "entries:",
    ]
    lines += [f"- {json.dumps(_plain(each), ensure_ascii=False)}" for each in entries]
    return "\n".join(lines) + "\n"


def bring(tree: Tree, folder: Path) -> tuple[Tree, Book]:
    """Put the entries of the price books that a scenario names in the place of their names.

    Returns
    -------
    Tree, Book
        The scenario's tree with entries, and all that it may ask for.

    Raises
    ------
    InputError
        When a file cannot be read or is refused, or two books state the same price.
    """
    named = tree.values.get("price_book") if isinstance(tree.values, dict) else None
    if named is None:
        return tree, BUILT_IN
    listed = list(enumerate(named if isinstance(named, list) else [named]))
    faults: list[Fault] = []
    values: list[Any] = []
    lines = {path: line for path, line in tree.lines.items() if path[:1] != ("price_book",) or len(path) == 1}
    for number, each in listed:
        if isinstance(each, str):
            try:
                values += [as_values(entry) for entry in read_book(folder / each)[1].entries]
            except InputError as refused:
                faults += refused.faults
            continue
        moved = {("price_book", len(values), *path[2:]): line for path, line in _below(tree, number)}
        lines |= moved
        values.append(each)
    if faults:
        raise InputError(faults)
    whole = replace(tree, values=tree.values | {"price_book": values}, lines=lines)
    entries = [entry for value in values if (entry := _entry(value)) is not None]
    if len(entries) == len(values):
        faults = [Fault(whole.where(("price_book", at)), f"price_book.{at} {text}") for at, text in clashes(entries)]
    if faults:
        raise InputError(faults)
    return whole, Book(tuple(entries))


def _below(tree: Tree, number: int) -> Iterator[tuple[tuple[str | int, ...], int]]:
    """Walk through the places of one entry that the scenario itself states."""
    return ((path, line) for path, line in tree.lines.items() if path[:2] == ("price_book", number))


def _entry(value: Any) -> Any:
    """Read an entry; None where it is wrong, which the scenario's own validation tells with its place."""
    try:
        return _ENTRY.validate_python(value)
    except ValidationError:
        return None


def _plain(entry: Any) -> dict[str, Any]:
    """Give an entry as plain values of JSON."""
    values = as_values(entry)
    return {key: value.isoformat() if hasattr(value, "isoformat") else value for key, value in values.items()}


class _NotJsonError(Exception):
    """A book that somebody wrote by hand."""


def _tree(text: str, file: str) -> Tree:
    """Read a book as YAML; entries that stand as JSON, one a line, by the fast way."""
    head, marker, rest = text.partition("\nentries:\n")
    rows = rest.splitlines()
    if not marker or not all(row.startswith("- {") for row in rows):
        return read_text(text, file)
    tree, first = read_text(f"{head}\nentries: []\n", file), head.count("\n") + 3
    try:
        tree.values["entries"] = [json.loads(row[2:], object_pairs_hook=_once, parse_constant=_refuse) for row in rows]
    except (_NotJsonError, ValueError, RecursionError):
        return read_text(text, file)
    tree.lines |= {("entries", number): first + number for number in range(len(rows))}
    return tree


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a mapping of pairs, none of them twice."""
    if len(found := dict(pairs)) < len(pairs):
        raise _NotJsonError
    return found


def _refuse(_: str) -> Any:
    """Let no NaN and no Infinity pass as a number."""
    raise _NotJsonError
