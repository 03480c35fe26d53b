"""Spare nodes as text and as rows. Not here: how they are reckoned (``sim.questions.decision.spares``)."""

from collections.abc import Iterator
from typing import Any

from sim.ground.scenario import Input
from sim.questions.tables.blocks import Block, Text, note, table, title
from sim.questions.tables.plain import plain
from sim.questions.tables.words import Json, inputs_text, number

SPARES_HEAD = (
    "plan",
    "group",
    "needed",
    "spares",
    "availability",
    "nines",
    "down_hours_a_year",
    "usd_a_year",
    "usd_per_hour_avoided",
)
_SHOWN = ("spares", "enough nodes up, %", "nines", "short of nodes, h a year", "USD a year", "USD per hour avoided")
_WORDS = """\
Enough nodes up: share of the time with at least the needed nodes up, in the long run. Each node fails and is repaired \
by itself (no shared switch, no queue for repair), so the nodes that are down are binomial. USD a year: all nodes of \
the group, without staff. USD per hour avoided: what the last spare costs for each hour of shortage that it takes \
away."""


def _groups(found: Json) -> Iterator[tuple[str, str, Json]]:
    """Walk through the groups of all plans."""
    for plan, groups in found["plans"].items():
        for name, group in groups.items():
            yield plan, name, group


def spares_rows(found: Json) -> Iterator[list[Any]]:
    """Give a row a number of spares."""
    for plan, name, group in _groups(found):
        for row in group["rows"]:
            yield [plan, name, group["needed"], *(row[key] for key in SPARES_HEAD[3:])]


def spares_text(found: Json) -> str:
    """Tell of spare nodes in plain text, at most 80 columns wide."""
    return plain(spares_blocks(found))


def spares_blocks(found: Json) -> list[Block]:
    """Lay out what spare nodes bring, and what another nine costs."""
    parts: list[Block] = []
    for plan, name, group in _groups(found):
        share = f"down {100 * group['node_down_share']:.3g} % of the time"
        head = f"plan `{plan}`, `{name}`: {group['needed']} needed, each {share}"
        rows = [_row(row) for row in group["rows"]]
        parts += [title(head), table(_SHOWN, rows, "n"), Text(_nines(group))]
        parts.append(Text(f"the numbers rest on:\n{inputs_text([Input(**entry) for entry in group['inputs']])}"))
    return [*parts, note(_WORDS)]


def _row(row: Json) -> list[str]:
    """Lay out one number of spares."""
    short = row["down_hours_a_year"] / 8760
    digits = 0 if short <= 0 else min(12, max(2, 2 + int(row["nines"] or 0) - 1))
    return [
        str(row["spares"]),
        f"{100 * row['availability']:.{digits}f}",
        "n/a" if row["nines"] is None else f"{row['nines']:.2f}",
        number(row["down_hours_a_year"]),
        number(row["usd_a_year"]),
        number(row["usd_per_hour_avoided"]),
    ]


def _nines(group: Json) -> str:
    """Say what each further nine costs."""
    lines = [
        f"{_percent(each['nines'])} needs {each['spares']} spare{'s' * (each['spares'] != 1)}: "
        f"{number(each['usd_a_year_more'])} USD a year more"
        for each in group["another_nine"]
    ]
    return "\n".join(lines) or f"{len(group['rows']) - 1} spares bring no further nine"


def _percent(nines: int) -> str:
    """Write so many nines as a percentage: 3 is 99.9 %."""
    return "90 %" if nines == 1 else f"{100 - 100 * 10**-nines:.{nines - 2}f} %"
