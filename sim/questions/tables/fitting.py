"""Tables made to fit a width: taken apart by meaning, heads and words on several lines, columns in pieces."""

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from sim.questions.tables.blocks import Table

GAP = 2
"""Spaces between columns."""
_NARROWEST = 16
"""No column of words is made narrower."""
_BREAKS = "._-/"


def wide(cell: str) -> int:
    """Tell how wide a cell is: its longest line."""
    return max(map(len, cell.split("\n")))


def widths(table: Table) -> list[int]:
    """Tell how wide each column is."""
    return [max(map(wide, column)) for column in zip(table.head, *table.rows, strict=True)]


def fitted(table: Table, width: int) -> list[Table]:
    """Make one table or several of a table, none wider than asked where that can be.

    Parameters
    ----------
    table : Table
        Of one line a cell.
    width : int
        In characters.

    Returns
    -------
    list of Table
        The table; else its parts, as many together as fit; else with heads, then words, on several lines; else with
        its columns in several pieces, each with the keys.
    """
    if _fits(table, width):
        return [table]
    low = _heads_wrapped(table, 2)
    if _fits(low, width):
        return [low]
    if table.parts:
        return [piece for part in _parts(table, width) for piece in fitted(part, width)]
    narrow = next((each for each in (_heads_wrapped(table, 3), _heads_wrapped(table, 4)) if _fits(each, width)), low)
    if not _fits(narrow, width):
        narrow = _words_wrapped(narrow, width)
    if _fits(narrow, width):
        return [narrow]
    return [_widest(table, narrow, columns, width) for columns in _pieces(narrow, width)]


def _widest(table: Table, narrow: Table, columns: Sequence[int], width: int) -> Table:
    """Take some columns of a table as it is where they fit, else of the narrow one."""
    whole = _only(table, columns)
    return whole if _fits(whole, width) else _only(narrow, columns)


def _fits(table: Table, width: int) -> bool:
    found = widths(table)
    return sum(found) + GAP * (len(found) - 1) <= width


def _heads_wrapped(table: Table, most: int) -> Table:
    """Put heads that are wider than their cells on several lines, no more than so many."""
    columns = zip(*table.rows, strict=True) if table.rows else [()] * len(table.head)
    cells = [max(map(wide, column), default=0) for column in columns]
    heads = [_narrow_head(head, room, most) for head, room in zip(table.head, cells, strict=True)]
    return replace(table, head=tuple(heads))


def _narrow_head(head: str, cells: int, most: int) -> str:
    """Put a head on as few columns as its cells take, or its longest word, in at most so many lines."""
    longest = max(map(len, head.split()), default=0)
    rooms = range(max(cells, longest), len(head))
    return next((told for room in rooms if (told := wrapped(head, room)).count("\n") < most), head)


def _only(table: Table, columns: Sequence[int]) -> Table:
    """Take the keys and some other columns."""
    kept = [*range(table.keys), *columns]
    rows = tuple(tuple(row[k] for k in kept) for row in table.rows)
    return replace(
        table,
        head=tuple(table.head[k] for k in kept),
        rows=rows,
        kinds="".join(table.kinds[k] for k in kept),
        parts=(),
    )


def _parts(table: Table, width: int) -> list[Table]:
    """Take a table apart where another meaning begins; what fits together stays together."""
    ends = [table.keys, *table.parts, len(table.head)]
    spans = [range(*ends_of_part) for ends_of_part in pairwise(ends)]
    found: list[list[int]] = []
    for span in spans:
        if found and _fits(_only(table, [*found[-1], *span]), width):
            found[-1] += span
        else:
            found.append([*span])
    return [_only(table, columns) for columns in found]


def _pieces(table: Table, width: int) -> list[list[int]]:
    """Take the columns apart into as few pieces as will do, about as many columns in each."""
    found: list[list[int]] = []
    columns = list(range(table.keys, len(table.head)))
    for k in columns:
        if found and _fits(_only(table, [*found[-1], k]), width):
            found[-1].append(k)
        else:
            found.append([k])
    each = -(-len(columns) // max(1, len(found)))
    even = [columns[k : k + each] for k in range(0, len(columns), each)]
    evenly = all(_fits(_only(table, columns), width) for columns in even)
    return even if evenly else found


def _words_wrapped(table: Table, width: int) -> Table:
    """Put words on several lines, the widest column of words first, until the table fits or none is wide any more."""
    while not _fits(table, width):
        found = widths(table)
        columns = [k for k, kind in enumerate(table.kinds) if kind == "w" and found[k] > _NARROWEST]
        if not columns:
            return table
        k = max(columns, key=found.__getitem__)
        others = sorted(found[each] for each in columns if each != k)
        least = max(_NARROWEST, others[-1] if others else 0)
        excess = sum(found) + GAP * (len(found) - 1) - width
        room = max(least if least < found[k] else found[k] - 1, found[k] - excess)
        table = replace(
            table,
            head=_with(table.head, k, room),
            rows=tuple(_with(row, k, room) for row in table.rows),
        )
    return table


def _with(cells: tuple[str, ...], k: int, room: int) -> tuple[str, ...]:
    """Put one cell of a row on several lines."""
    return (*cells[:k], wrapped(cells[k].replace("\n", " "), room), *cells[k + 1 :])


def wrapped(cell: str, room: int) -> str:
    """Put a cell on lines of so much room; a word that is longer is broken, after a dot or an underscore if it can."""
    words = [piece for word in cell.split() for piece in _broken(word, room)]
    return "\n".join(textwrap.wrap(" ".join(words), room, break_on_hyphens=False)) if words else cell


def _broken(word: str, room: int) -> list[str]:
    """Break a word that is longer than its room."""
    pieces = []
    while len(word) > room:
        at = max(word.rfind(sign, 0, room) + 1 for sign in _BREAKS)
        at = at if at > room // 3 else room
        pieces.append(word[:at])
        word = word[at:]
    return [*pieces, word]
