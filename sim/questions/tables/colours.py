"""Blocks for a terminal, by rich: bold heads, the verdict, yellow warnings, dim notes; as wide as it is."""

import io
from collections.abc import Iterable
from typing import Final

from rich.box import Box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text as RichText

from sim.questions.tables.blocks import Block, Table, Text
from sim.questions.tables.fitting import GAP, fitted
from sim.questions.tables.plain import lines, tame

_STYLES: Final = {"title": "bold", "verdict": "bold green", "note": "dim", "warning": "yellow"}
_READABLE: Final = 100
"""Lines of words are no longer, however wide the terminal is."""
_RULED: Final = Box("    \n    \n ─  \n    \n    \n    \n    \n    \n")
"""Nothing but a rule under the head."""


def coloured(blocks: Iterable[Block], width: int) -> str:
    """Lay out blocks for a terminal, with escape codes.

    Parameters
    ----------
    blocks : iterable of Block
        Tables and paragraphs.
    width : int
        Of the terminal, in characters.
    """
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, color_system="standard", highlight=False)
    for number, piece in enumerate(piece for block in blocks for piece in _pieces(block, width)):
        if number:
            console.print()
        console.print(piece, soft_wrap=isinstance(piece, RichText))
    return out.getvalue()


def _pieces(block: Block, width: int) -> Iterable[RichText | RichTable]:
    if isinstance(block, Text):
        return [RichText("\n".join(lines(block, min(width, _READABLE))), style=_STYLES.get(block.tone, ""))]
    return [_grid(piece) for piece in fitted(tame(block), width)]


def _grid(shown: Table) -> RichTable:
    """Draw a table; what the verdict is about is bold."""
    drawn = RichTable(box=_RULED, pad_edge=False, show_edge=False, padding=(0, GAP - 1, 0, 0), header_style="bold")
    for head, kind in zip(shown.head, shown.kinds, strict=True):
        drawn.add_column(RichText(head), justify="left" if kind == "w" else "right", no_wrap=True)
    for number, row in enumerate(shown.rows):
        drawn.add_row(*map(RichText, row), style="bold" if number in shown.best else None)
    return drawn
