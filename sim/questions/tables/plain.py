"""Blocks as plain text: no colour, no box, nothing wider than asked. What a pipe, a file and a caller get."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from sim.questions.tables.blocks import Block, Table, Text, table
from sim.questions.tables.fitting import GAP, fitted, widths

WIDTH = 80
"""Columns of text that is not on a terminal."""
_HANG = 2
_GLUE = "\ue000"
_TOGETHER = re.compile(r"[\d.,]+( %)? \[[^\[\]]{1,40}\]|\d (%|USD|h|s)(?!\w)")
"""What no line ends within: a value with its interval, a number with its unit."""
_CONTROLS = {code: "\ufffd" for code in (*range(32), *range(127, 160), ord(_GLUE)) if chr(code) != "\n"}


def plain(blocks: Iterable[Block], width: int = WIDTH) -> str:
    """Lay out blocks as plain text, a blank line between them.

    Parameters
    ----------
    blocks : iterable of Block
        Tables and paragraphs.
    width : int
        Most characters of a line; a word that is longer (a path, an address) stands on a line of its own.
    """
    return "\n\n".join(text for block in blocks for text in _laid_out(block, width))


def _laid_out(block: Block, width: int) -> Iterator[str]:
    if isinstance(block, Text):
        yield "\n".join(lines(block, width))
    elif not block.picture:
        yield from (grid(piece) for piece in fitted(tame(block), width))


def lines(block: Text, width: int) -> list[str]:
    """Wrap the lines of a text; what is wrapped of an indented line or a warning hangs."""
    told = block.text.translate(_CONTROLS).split("\n")
    if block.tone == "verbatim":
        return told
    return [piece for line in told for piece in _wrapped(line, width, block.tone in ("list", "warning"))]


def _wrapped(line: str, width: int, hangs: bool) -> list[str]:
    indent = len(line) - len(line.lstrip(" "))
    hang = " " * (indent + _HANG if indent or hangs else 0)
    kept = _TOGETHER.sub(lambda found: found.group().replace(" ", _GLUE), line)
    told = textwrap.wrap(kept, width, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False)
    return [piece.replace(_GLUE, " ") for piece in told] or [""]


def tame(shown: Table) -> Table:
    """Take control characters out of the cells: an escape code in a name or a source stays text."""
    head, *rows = (tuple(cell.translate(_CONTROLS) for cell in row) for row in (shown.head, *shown.rows))
    kinds, keys, parts, best = shown.kinds, shown.keys, shown.parts, shown.best
    return Table(head, tuple(rows), kinds, keys, parts, best, shown.picture)


def grid(shown: Table) -> str:
    """Lay out rows in columns under a rule: words to the left, numbers to the right."""
    sizes = widths(shown)
    rule = ["-" * size for size in sizes]
    told = [line for row in (shown.head, rule, *shown.rows) for line in _lines_of(row, low=row is shown.head)]
    return "\n".join(_row(cells, sizes, shown.kinds) for cells in told)


def _lines_of(row: Sequence[str], low: bool) -> Iterator[tuple[str, ...]]:
    """Give the lines of a row of which cells have several; a head stands low, on the rule."""
    cells = [cell.split("\n") for cell in row]
    most = max(map(len, cells))
    if low:
        cells = [[""] * (most - len(cell)) + cell for cell in cells]
    yield from zip_longest(*cells, fillvalue="")


def _row(cells: Sequence[str], sizes: Sequence[int], kinds: str) -> str:
    shown = zip(cells, sizes, kinds, strict=True)
    return (" " * GAP).join(c.ljust(size) if kind == "w" else c.rjust(size) for c, size, kind in shown).rstrip()


def grid_text(head: Sequence[str], rows: Sequence[Sequence[str]], kinds: str = "") -> str:
    """Lay out rows in columns, the first to the left, the others to the right unless said; at most 80 wide."""
    return plain([table(head, rows, kinds)])
