"""Prices as text for people. Not here: which prices there are (``sim.questions.prices``)."""

from collections.abc import Mapping, Sequence
from typing import Any

from sim.questions.tables.blocks import Block, Text, listed, table, title
from sim.questions.tables.plain import plain

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
_SHOWN = ("name", "rate", "price", "since", "seen", "months")

Row = Mapping[str, Any]


def prices_text(rows: Sequence[Row], on: str) -> str:
    """Lay prices out in plain text, at most 80 columns wide."""
    return plain(prices_blocks(rows, on))


def prices_blocks(rows: Sequence[Row], on: str) -> list[Block]:
    """Lay prices out, those of a kind and unit together; their age in months on a day, a star where above twelve."""
    alike: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        alike.setdefault((row["kind"], row["unit"]), []).append(row)
    stale = sum(bool(row["stale"]) for row in rows)
    told = f"{len(rows)} price{'s' * (len(rows) != 1)}; months: age on {on}, of the day last seen"
    told += f"; *: stale, more than 12 months ({stale})" if stale else ""
    groups = [block for (kind, unit), group in alike.items() for block in _group(f"{kind}, {unit}", group)]
    return [*groups, Text(told)]


def _group(name: str, rows: Sequence[Row]) -> list[Block]:
    """Lay out prices of a kind, then where each stands, those of one source together."""
    sources: dict[str, list[str]] = {}
    for row in rows:
        sources.setdefault(f"{row['basis']}: {row['source']}", []).append(f"{row['name']} {row['rate']}".strip())
    lines = [f"{', '.join(dict.fromkeys(names))}: {source}" for source, names in sources.items()]
    return [title(name), table(_SHOWN, [_cells(row) for row in rows], "wwnwwn", keys=2), *listed(lines)]


def _cells(row: Row) -> list[str]:
    age = "later" if row["age_months"] is None else f"{row['age_months']:.1f}{'*' * row['stale']}"
    return [row["name"], row["rate"], f"{row['price']:.10g}", row["since"], row["seen"], age]
