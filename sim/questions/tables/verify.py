"""A verification as text: every expectation, then the counts."""

from typing import Any

from sim.questions.tables.blocks import Block, Text, listed, table
from sim.questions.tables.plain import plain
from sim.questions.tables.words import Json, percent


def _value(value: Any) -> str:
    """Show what a case expects or gets: a number, or a word such as the name of a plan."""
    if value is None:
        return "n/a"
    return f"{value:.6g}" if isinstance(value, float | int) and not isinstance(value, bool) else str(value)


def verify_text(found: Json) -> str:
    """Tell a verification in plain text, at most 80 columns wide."""
    return plain(verify_blocks(found))


def verify_blocks(found: Json) -> list[Block]:
    """Tell a verification: every expectation, then the counts."""
    head = ("case", "key", "estimate", "reference", "z", "relative se", "")
    rows = [
        (
            case["id"],
            case["key"],
            _value(case["estimate"]),
            _value(case["reference"]),
            f"{case['z']:.2f}" if case["z"] is not None else "exact",
            percent(case["relative_se"]) if case["relative_se"] is not None else "",
            "pass" if case["pass"] else "FAIL",
        )
        for case in found["cases"]
    ]
    failed = [k for k, case in enumerate(found["cases"]) if not case["pass"]]
    lines = [f"not covered: {entry['id']}: {entry['reason']}" for entry in found["not_covered"]]
    lines += [
        f"{'pass' if entry['pass'] else 'FAIL'}: {entry['name']} ({entry['checked']} checked)"
        for entry in found.get("invariants", [])
    ]
    lines += [f"{'pass' if each['pass'] else 'FAIL'}: {each['name']} (control)" for each in found.get("controls", [])]
    if found["reference"]:
        lines.append(f"SimPy reference: {found['reference_rows']:,} rows compared, {found['rows_differing']} differ")
    counts = Text(f"{found['passed']} passed, {found['failed']} failed", "warning" if found["failed"] else "verdict")
    told: list[Block] = [table(head, rows, "wwnnnnw", best=failed)] if rows else []
    return [*told, *listed(lines), counts]
