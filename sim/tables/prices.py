"""Prices as text for people. Not here: which prices there are (``sim.prices``)."""

from collections.abc import Mapping, Sequence
from typing import Any

PRICE_HEAD = (
    "kind",
    "provider",
    "name",
    "rate",
    "price",
    "unit",
    "since",
    "seen",
    "age_months",
    "stale",
    "basis",
    "source",
)
_SHOWN = ("kind", "name", "rate", "price", "unit", "since", "seen", "months", "basis", "source")


def prices_text(rows: Sequence[Mapping[str, Any]], on: str) -> str:
    """Lay prices out as a table; the age in months on a day, with a star where it is above twelve."""
    lines = []
    for row in rows:
        age = "later" if row["age_months"] is None else f"{row['age_months']:.1f}{'*' * row['stale']}"
        dates = (row["since"], row["seen"], age)
        lines.append([row["kind"], row["name"], row["rate"], f"{row['price']:.10g}", row["unit"], *dates])
        lines[-1] += [row["basis"], row["source"]]
    stale = sum(bool(row["stale"]) for row in rows)
    told = f"{len(rows)} price{'s' * (len(rows) != 1)}; months: age on {on}, of the day last seen"
    told += f"; *: stale, more than 12 months ({stale})" if stale else ""
    return f"{_grid(lines)}\n\n{told}" if rows else told


def _grid(lines: Sequence[Sequence[str]]) -> str:
    """Lay out rows in columns: words to the left, numbers to the right."""
    widths = [max(len(line[k]) for line in (_SHOWN, *lines)) for k in range(len(_SHOWN))]
    out = []
    for line in (_SHOWN, ["-" * width for width in widths], *lines):
        cells = [
            cell.rjust(width) if head in ("price", "months") else cell.ljust(width)
            for head, cell, width in zip(_SHOWN, line, widths, strict=True)
        ]
        out.append("  ".join(cells).rstrip())
    return "\n".join(out)
