"""What a printed result is made of: tables and paragraphs. Not here: how wide they are drawn, or in which colours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Tone = Literal["plain", "title", "verdict", "list", "note", "warning", "verbatim"]


@dataclass(frozen=True)
class Text:
    """Lines of words; each is wrapped by itself, so a paragraph is one line.

    Attributes
    ----------
    text : str
        The lines. Where one begins with spaces, what is wrapped of it stands two further in.
    tone : str
        What they are: what is wrapped of a line of a ``list`` or a ``warning`` stands two further in, too; ``verbatim``
        is never wrapped, for it is to be pasted.
    """

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Table:
    """Rows under a head.

    Attributes
    ----------
    head : tuple of str
        Names of the columns.
    rows : tuple of tuple of str
        The cells.
    kinds : str
        A letter a column: ``w`` words, to the left; ``n`` numbers, to the right.
    keys : int
        So many columns name the row: where a table is too wide for one, each piece repeats them.
    parts : tuple of int
        Columns at which another meaning begins (money, work): where a table is too wide it is taken apart there first.
    best : tuple of int
        Rows that the verdict is about.
    picture : bool
        Whether it only shows what other blocks say: a terminal draws it, plain text leaves it out.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    kinds: str
    keys: int = 1
    parts: tuple[int, ...] = ()
    best: tuple[int, ...] = ()
    picture: bool = False


Block = Text | Table


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    kinds: str = "",
    keys: int = 1,
    parts: Sequence[int] = (),
    best: Sequence[int] = (),
    picture: bool = False,
) -> Table:
    """Make a table; unless ``kinds`` says more, the keys are words and all else is numbers."""
    told = kinds + ("w" * keys + "n" * len(head))[len(kinds) : len(head)]
    cells = tuple(tuple(row) for row in rows)
    return Table(tuple(head), cells, told, keys, tuple(parts), tuple(best), picture)


def title(text: str) -> Text:
    """Head a result, or a part of it."""
    return Text(text, "title")


def listed(lines: Sequence[str]) -> list[Block]:
    """Put sentences below each other; nothing where there is none."""
    return [Text("\n".join(lines), "list")] if lines else []


def note(text: str) -> Text:
    """Say what words mean, or how to read what stands above."""
    return Text(text, "note")


def warnings(entries: Sequence[dict[str, str]]) -> list[Block]:
    """Say what to beware of, a block a warning."""
    return [Text(f"warning ({entry['code']}): {entry['text']}", "warning") for entry in entries]
