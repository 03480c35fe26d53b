"""Searches as text and rows: where plans cost the same, who is cheaper on either side, or why there is none."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from sim.ground.estimate import Estimate
from sim.questions.tables.blocks import Block, listed, table, title, warnings
from sim.questions.tables.plain import plain
from sim.questions.tables.rows import as_csv
from sim.questions.tables.words import Json, number, with_interval

_HEAD = ["plans", "equal at", "cheaper below", "cheaper above", "paths", ""]
_SAME = 1e-6
"""Width of an interval, as a share of the value, that is the error of the search alone."""
BREAK_EVEN_HEAD = [
    *("plan_a", "plan_b", "kind", "value", "low", "high", "se", "n", "from", "to"),
    *("cheaper_below", "cheaper_above", "precise", "reason"),
]


def place(value: float | None) -> str:
    """Write a value of a key in four digits, its whole part in full."""
    return _digits(4, value)


def interval(at: Estimate) -> str:
    """Write a value with its interval, with as many digits as tell its ends apart."""
    if at.value is None or at.low is None or at.high is None or at.high - at.low <= _SAME * abs(at.value):
        return place(at.value)
    digits = next((k for k in range(4, 12) if f"{at.low:.{k}g}" != f"{at.high:.{k}g}"), 12)
    return str(with_interval(at, partial(_digits, digits)))


def _digits(count: int, value: float | None) -> str:
    if value is None:
        return "n/a"
    return f"{value:,.0f}" if 10**count <= abs(value) < 1e15 else f"{value:,.{count}g}"


def _row(pair: Json, crossing: Json) -> list[str]:
    """Lay out one crossing."""
    a, b = pair["plans"]
    below, above = (crossing["cheaper"][side] for side in ("below", "above"))
    return [f"{a} = {b}", _where(crossing), below, above, str(crossing["at"].n), _remark(crossing)]


def _where(crossing: Json) -> str:
    low, high = crossing["between"]
    if crossing["kind"] == "between":
        return f"{place(low)} | {place(high)}"
    if crossing["kind"] == "tie":
        return f"{place(low)} to {place(high)}"
    return interval(crossing["at"])


def _remark(crossing: Json) -> str:
    """Say what is special about a crossing."""
    at, told = crossing["at"], []
    if crossing["kind"] == "jump":
        told.append("a jump")
    if crossing["kind"] == "between" and at.low is not None and at.high > at.low:
        told.append(f"not sure from {place(at.low - 1)} to {place(at.high)}")
    elif crossing["kind"] == "between":
        told.append("between neighbours")
    if crossing["kind"] == "tie":
        told.append("the same there")
    if not crossing["precise"] and crossing["kind"] in ("equal", "jump"):
        told.append("not as precise as asked for" if at.low is not None else "no interval: one path")
    return ", ".join(told)


def _ends(pair: Json) -> str:
    """Say by how much one plan is cheaper at the ends of what was compared."""
    told = []
    for end in (pair["ends"][0], pair["ends"][-1]):
        usd: Estimate = end["difference_usd"]
        size = abs(usd.value or 0.0)
        told.append(f"{number(size)} USD at {place(end['at'])}")
    return " and ".join(dict.fromkeys(told))


def _lines(pair: Json) -> Iterator[str]:
    """Tell of one pair what no row of the table says."""
    a, b = pair["plans"]
    who = f"`{a}` against `{b}`"
    if pair["reason"] is not None:
        apart = any(end["difference_usd"].value for end in pair["ends"])
        yield f"{who}: {pair['reason']}" + (f" (they differ by {_ends(pair)})" if apart else "")
        return
    for low, high in pair["ties"]:
        if not any(each["kind"] == "tie" and each["between"] == (low, high) for each in pair["crossings"]):
            yield f"{who}: the same {f'from {place(low)} to {place(high)}' if low < high else f'at {place(low)}'}"
    for low, high in pair["unsure"]:
        span = f"from {place(low)} to {place(high)}" if low < high else f"at {place(low)}"
        yield f"{who}: not told apart {span}"
    for each in pair["left_out"]:
        span = f"from {place(each['low'])} to {place(each['high'])}"
        yield f"{who}: not compared {span}, for plan `{each['plan']}`: {each['reason']}"


def break_even_table(found: Json) -> str:
    """Tell a search for break-evens in plain text, at most 80 columns wide."""
    return plain(break_even_blocks(found))


def break_even_blocks(found: Json) -> list[Block]:
    """Tell a search for break-evens: where plans cost the same, and what no row of the table says."""
    low, high = found["between"]
    at = f"; the scenario states {place(found['stated'])}" if isinstance(found["stated"], int | float) else ""
    head = f"{found['key']} from {place(low)} to {place(high)}{' by factors' if found['log'] else ''}{at}"
    rows = [_row(pair, each) for pair in found["pairs"] for each in pair["crossings"]]
    lines = [line for pair in found["pairs"] for line in _lines(pair)]
    parts: list[Block] = [title(head)]
    if rows:
        parts.append(table(_HEAD, rows, "wnwwnw"))
    return [*parts, *listed(lines), *warnings(found["warnings"])]


def break_even_csv(found: Json) -> str:
    """Write a search for break-evens as CSV: a row a crossing, and one for each pair without any."""
    return as_csv(BREAK_EVEN_HEAD, (row for pair in found["pairs"] for row in break_even_rows(pair)))


def break_even_rows(pair: Json) -> Iterator[list[Any]]:
    """Give the crossings of two plans as rows."""
    a, b = pair["plans"]
    for each in pair["crossings"]:
        sides = (each["cheaper"]["below"], each["cheaper"]["above"])
        yield [a, b, each["kind"], *each["at"].as_json().values(), *each["between"], *sides, each["precise"], ""]
    if not pair["crossings"]:
        yield [a, b, "none", *[""] * 10, pair["reason"]]


def frontier_table(found: Json) -> str:
    """Tell a frontier in plain text, at most 80 columns wide."""
    return plain(frontier_blocks(found))


def frontier_blocks(found: Json) -> list[Block]:
    """Tell a frontier: a row for each value of the second number, who is cheaper from where to where."""
    x, y = found["x"], found["y"]
    low, high = x["between"]
    head = f"{x['key']} from {place(low)} to {place(high)} at which `{found['plans'][0]}` costs the same as"
    head += f" `{found['plans'][1]}`, by {y['key']}"
    name = y["key"].rsplit(".", 1)[-1]
    rows = [[place(row["at"]), _along(row)] for row in found["rows"]]
    none = [f"{name} {place(row['at'])}: {row['reason']}" for row in found["rows"] if not row["crossings"]]
    parts: list[Block] = [title(head), table([name, "cheaper, from left to right"], rows, "nw")]
    return [*parts, *listed(none), *warnings(found["warnings"])]


def _along(row: Json) -> str:
    """Tell one row: the cheaper plan, where it changes, the next one."""
    if not row["crossings"]:
        return "at no value the same: see below"
    parts = [row["crossings"][0]["cheaper"]["below"]]
    for each in row["crossings"]:
        parts += [f"| {_where(each)} |", each["cheaper"]["above"]]
    parts += [f"(not compared from {place(each['low'])} to {place(each['high'])})" for each in row["left_out"]]
    return " ".join(parts)


def frontier_csv(found: Json) -> str:
    """Write a frontier as CSV: a row a crossing, the second number in front."""
    rows = ([row["at"], *each] for row in found["rows"] for each in break_even_rows(row))
    return as_csv([found["y"]["key"], *BREAK_EVEN_HEAD], rows)
