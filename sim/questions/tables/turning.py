"""Turning points as text and rows: how far each number must move until another plan is the cheapest, or why none does.

Not here: finding them (``search.turning``), drawing them (``report``).
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sim.questions.tables.blocks import Block, listed, table, title
from sim.questions.tables.plain import plain
from sim.questions.tables.rows import as_csv
from sim.questions.tables.search import interval, place
from sim.questions.tables.words import Json, number

TURNING_HEAD: Final = [
    *("lever", "kind", "label", "unit", "basis", "now", "side", "value", "low", "high", "se", "n"),
    *("times", "times_low", "times_high", "to", "reason"),
]
_HEAD: Final = ["what", "now", "turns at", "times", "then"]


def turning_text(found: Json) -> str:
    """Tell what turns a verdict in plain text, at most 80 columns wide."""
    return plain(turning_blocks(found))


def turning_blocks(found: Json) -> list[Block]:
    """Tell what turns a verdict: a table of what does, the nearest first; then what does not, and why."""
    best, turns = found["verdict"], found["turns"]
    if best is None:
        return [title("No plan does the work, so there is no verdict to turn.")]
    turned = sorted((each for each in turns if each["at"].value is not None), key=_how_far)
    names = {each["lever"] for each in turned}
    idle = [each for each in turns if each["lever"] not in names]
    parts: list[Block] = []
    if turned:
        parts.append(title(f"`{best}` is the cheapest until one of these moves so far, alone"))
        parts.append(table(_HEAD, [_row(each) for each in turned], "wwnnw"))
        parts += listed([f"{each['label']}: {each['reason']}" for each in turned if each["reason"]])
    if idle:
        parts.append(title(f"`{best}` stays the cheapest wherever one of these moves, alone"))
        parts += listed(list(_lines(idle)))
    return parts


def turning_csv(found: Json) -> str:
    """Write turning points as CSV: a row a lever and side."""
    return as_csv(TURNING_HEAD, _csv_rows(found["turns"]))


def _how_far(turn: Json) -> float:
    """Say how many times a number must move; last where that has no meaning."""
    times = turn["times"].value
    return float("inf") if times is None else float(times)


def _row(turn: Json) -> list[str]:
    """Lay out one turning point."""
    times = "n/a" if turn["times"].value is None else number(turn["times"].value)
    now = f"{place(turn['value'])} {turn['unit']}"
    return [turn["label"], now, interval(turn["at"]), times, turn["to"] or "none"]


def _lines(idle: Sequence[Json]) -> Iterator[str]:
    """Say of each number that turns nothing what comes of it at the end where that is nearest to a turn."""
    nearest: dict[str, Json] = {}
    for each in idle:
        other = nearest.setdefault(each["label"], each)
        if _still(each) < _still(other):
            nearest[each["label"]] = each
    for label, each in nearest.items():
        yield f"{label}: {each['reason']}"


def _still(turn: Json) -> float:
    """Say how far a turn still is at the end of a range."""
    return float("inf") if turn["still"] is None else float(turn["still"])


def _csv_rows(turns: Sequence[Json]) -> Iterator[list[Any]]:
    """Give turning points as rows."""
    for each in turns:
        times = each["times"].as_json()
        yield [
            *(each[key] for key in ("lever", "kind", "label", "unit", "basis", "value", "side")),
            *each["at"].as_json().values(),
            *(times[key] for key in ("value", "low", "high")),
            each["to"] or "",
            each["reason"] or "",
        ]
