"""A sweep as text: bills, what a job costs and waits at each value, along the key in small, every break-even."""

from collections.abc import Iterator, Sequence
from typing import Any

from sim.questions.tables.blocks import Block, Table, listed, table, warnings
from sim.questions.tables.classes import KINDS, busy_heads, busy_of
from sim.questions.tables.plain import plain
from sim.questions.tables.sparks import along
from sim.questions.tables.study import chance_cell
from sim.questions.tables.words import Json, short_keys, with_interval


def sweep_text(grid: Json) -> str:
    """Tell a sweep in plain text, at most 80 columns wide."""
    return plain(sweep_blocks(grid))


def sweep_blocks(grid: Json) -> list[Block]:
    """Tell a sweep: a table for each kind of work, then every break-even and what to beware of."""
    plans = grid["cells"][0]["result"]["plans"].values()
    work = dict.fromkeys(each["kind"] for plan in plans for each in plan["classes"].values())
    parts: list[Block] = [block for kind in work for block in (_work(grid, kind), *_along(grid, kind))]
    lines = [break_even_text(entry) for entry in grid["break_even"]]
    return [*parts, *listed(lines), *warnings(_warned(grid))]


def _work(grid: Json, kind: str) -> Table:
    """Lay out a sweep for the classes of one kind: a row a cell, plan and class; money first, work behind."""
    keys, found = list(grid["vary"]), KINDS[kind]
    several = len(next(iter(grid["cells"][0]["result"]["plans"].values()))["classes"]) > 1
    rows, best = list[list[str]](), list[int]()
    for cell in grid["cells"]:
        at = [_plain(cell["at"][key]) for key in keys]
        for name, class_name, each in _classes(cell["result"], kind):
            if name == cell["result"]["comparison"]["cheapest"]:
                best.append(len(rows))
            cells, plan = found.row(each), cell["result"]["plans"][name]
            money = [*cells[: found.work], chance_cell(cell["result"], name)]
            work = [with_interval(plan["bill_usd"]["total"]), *cells[found.work : -1], *busy_of(plan, [kind])]
            rows.append([*at, name, *[class_name] * several, *money, *work])
    head = [*short_keys(keys), "plan", *["class"] * several]
    count = len(head)
    head += [*found.head[: found.work], "cheapest on", "bill, USD", *found.head[found.work : -1], *busy_heads([kind])]
    bill = count + found.work + 1
    return table(head, rows, _kinds(rows, keys, count), count, (bill, bill + 1), best)


def _kinds(rows: Sequence[Sequence[str]], keys: Sequence[str], count: int) -> str:
    """Tell which keys are numbers: those stand to the right."""
    return "".join("n" if k < len(keys) and all(map(_is_number, column)) else "w"
                   for k, column in zip(range(count), zip(*rows, strict=True), strict=False))  # fmt: skip


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _classes(result: Json, kind: str) -> Iterator[tuple[str, str, Json]]:
    """Walk through plans and their classes of one kind."""
    for name, plan in result["plans"].items():
        for class_name, each in plan["classes"].items():
            if each["kind"] == kind:
                yield name, class_name, each


def _along(grid: Json, kind: str) -> list[Block]:
    """Draw the mean cost of a job along the key, where there is one key, under each plan."""
    if len(grid["vary"]) > 1:
        return []
    found = KINDS[kind]
    lines: dict[tuple[str, str], list[float | None]] = {}
    for cell in grid["cells"]:
        for name, class_name, each in _classes(cell["result"], kind):
            mean = each["cost_per_job_usd"]["fully_loaded"]["mean"].value
            lines.setdefault((name, class_name), []).append(found.times(mean))
    several = len({class_name for _, class_name in lines}) > 1
    named = {f"{name}, {class_name}" if several else name: values for (name, class_name), values in lines.items()}
    key = short_keys(list(grid["vary"]))[0]
    return along("plan", f"{found.money} along {key}", named)


def _warned(grid: Json) -> list[dict[str, str]]:
    """Give each kind of warning once, with how many there were like it."""
    kinds: dict[str, dict[str, None]] = {}
    for cell in grid["cells"]:
        for entry in cell["result"]["warnings"]:
            kinds.setdefault(entry["code"], {})[entry["text"]] = None
    return [
        {"code": code, "text": next(iter(texts)) + (f" (and {len(texts) - 1} like it)" if len(texts) > 1 else "")}
        for code, texts in kinds.items()
    ]


def break_even_text(entry: Json) -> str:
    """Tell one break-even, or why there is none."""
    a, b = entry["plans"]
    if entry["at"] is None:
        return f"`{a}` against `{b}`: {entry['reason']}"
    return f"`{a}` against `{b}`: equal at {entry['key'].rsplit('.', 1)[-1]} = {with_interval(entry['at'])}"


def _plain(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
