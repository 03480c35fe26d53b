"""Pages in Markdown, as GitHub shows them: tables, anchors, links. Not here: what a page says."""

import re
from collections.abc import Sequence


def cell(text: str) -> str:
    """Let a text stand in one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def prose(text: str) -> str:
    """Let a text that others wrote stand as it is: no markup, no tags."""
    return re.sub(r"([\\`*_<>\[\]~])", r"\\\1", " ".join(text.split()))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Write a table; the columns in ``right`` hold numbers."""
    marks = ["--:" if column in right else "---" for column in range(len(head))]
    return "\n".join("| " + " | ".join(map(cell, row)) + " |" for row in (head, marks, *rows))


def anchor(heading: str) -> str:
    """Tell where GitHub puts a heading: lower case, blanks as dashes, other signs left out."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def link(heading: str, text: str | None = None) -> str:
    """Point to a heading of the same page."""
    return f"[{text or heading}](#{anchor(heading)})"


def contents(headings: Sequence[tuple[int, str]]) -> str:
    """List headings of a page, each with its depth: 0 for a chapter."""
    return "\n".join(f"{'  ' * depth}- {link(heading)}" for depth, heading in headings)
