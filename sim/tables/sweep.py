"""A sweep as text: a table for each kind of work, then every break-even."""

from typing import Any

from sim.tables.study import KINDS
from sim.tables.words import Json, grid_text, with_interval


def _sweep_table(grid: Json, kind: str) -> str:
    """Lay out a sweep for the classes of one kind: a row a cell, plan and class; the bill and who is cheapest last."""
    keys = list(grid["vary"])
    head, row_of = KINDS[kind]
    rows = []
    for cell in grid["cells"]:
        result = cell["result"]
        for name, plan in result["plans"].items():
            classes = {key: each for key, each in plan["classes"].items() if each["kind"] == kind}
            for class_name, each in classes.items():
                row = row_of(name, plan, each, result["comparison"]["probability_cheapest"][name])
                named = [name, class_name] if len(plan["classes"]) > 1 else [name]
                rows.append([*(_plain(cell["at"][key]) for key in keys), *named, *row[2:-3], row[1], row[-1]])
    several = rows and len(rows[0]) > len(keys) + len(head) - 2
    swept = [key.rsplit(".", 1)[-1] for key in keys]
    return grid_text([*swept, "plan", *["class"] * bool(several), *head[2:-3], head[1], head[-1]], rows)


def sweep_text(grid: Json) -> str:
    """Tell a sweep: a table for each kind of work, then every break-even."""
    plans = grid["cells"][0]["result"]["plans"].values()
    work = dict.fromkeys(each["kind"] for plan in plans for each in plan["classes"].values())
    tables = [_sweep_table(grid, kind) for kind in work]
    lines = [break_even_text(entry) for entry in grid["break_even"]]
    warned = dict.fromkeys(
        (entry["code"], entry["text"]) for cell in grid["cells"] for entry in cell["result"]["warnings"]
    )
    kinds: dict[str, list[str]] = {}
    for code, text in warned:
        kinds.setdefault(code, []).append(text)
    notes = [
        f"warning ({code}): {texts[0]}" + (f" (and {len(texts) - 1} like it)" if len(texts) > 1 else "")
        for code, texts in kinds.items()
    ]
    return "\n\n".join([*tables, "\n".join(lines), *notes])


def break_even_text(entry: Json) -> str:
    """Tell one break-even, or why there is none."""
    a, b = entry["plans"]
    if entry["at"] is None:
        return f"`{a}` against `{b}`: {entry['reason']}"
    return f"`{a}` against `{b}`: equal at {entry['key'].rsplit('.', 1)[-1]} = {with_interval(entry['at'])}"


def _plain(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
