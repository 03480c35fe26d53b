"""What `verify` and `validate` found as pages: every claim with its error beside it. Not here: the checks."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import median
from typing import Any, Final

from sim.questions.tables.markdown import contents, link, prose, table
from sim.questions.tables.words import Json, number

_BEYOND: Final = 2.0
_BY_CHANCE: Final = 4.6
"""Per cent of standard normal values beyond 2."""

_KINDS: Final = {
    "mean": "means",
    "quantile": "percentiles",
    "rare": "spreads, and chances below 0.1",
    "exact": "worked out by hand or in closed form",
}

_VERIFY: Final = """\
<!-- Made by `fleetecon verify{quick} --format markdown`. Do not edit it: run that again. -->

# Verification

Does the program compute what it says it computes? This page is the output of
`fleetecon verify{quick} --format markdown`.

**{passed:,} of {all:,} checks pass.{compared}** {form}

Whether simulation agrees with what was measured on machines is the matter of [validation](validation.md).
"""
_COMPARED: Final = """ \
{rows:,} rows of random worlds were compared between the compiled kernels and the
independent SimPy simulation; {differing:,} differ."""
_FORMS: Final = {
    False: "This is the full form.",
    True: "This is the short form (`--quick`): fewer replications, wider standard errors, fewer random worlds. "
    "`fleetecon verify --format markdown` makes the full one.",
}

_RULE: Final = """\
Each case is a scenario whose answer is known from queueing theory or by hand. It is simulated, and each expectation is
held to its value:

- **error**: simulated less expected, of the expected value; where that is 0, the difference itself.
- **allowed**: five standard errors of the estimate (and of the reference, where that was simulated itself); 1e-9 of the
  value where it is worked out exactly.
- **standard error, at most**: of the expected value, and the most that it may be. So a noisy run does not pass by its
  noise.
"""


def verify_markdown(found: Json) -> str:
    """Write what a verification found as a page."""
    worlds, always, planted = found["reference"], found["invariants"], found["controls"]
    chapters = {
        "How large the errors are": _errors(found["cases"]),
        "Kernels against SimPy": _worlds(worlds) if worlds else "",
        "What must always hold": _invariants(always) if always else "",
        "Negative controls": _controls(planted) if planted else "",
        "Not covered": "\n".join(f"- {prose(each['id'])}: {prose(each['reason'])}" for each in found["not_covered"]),
    }
    head = _VERIFY.format(
        quick=" --quick" * found["quick"],
        passed=found["passed"],
        all=found["passed"] + found["failed"],
        compared=_COMPARED.format(rows=found["reference_rows"], differing=found["rows_differing"]) if worlds else "",
        form=_FORMS[found["quick"]],
    )
    told = {each["id"]: each for each in found["theory"]}
    sections = [(told[name], list(rows)) for name, rows in groupby(found["cases"], lambda row: row["id"])]
    headings = [(0, chapter) for chapter, text in chapters.items() if text]
    headings += [(0, "Theory cases"), *((1, prose(case["id"])) for case, _ in sections)]
    pieces = [head, "## Contents", contents(headings)]
    for chapter, text in chapters.items():
        pieces += [f"## {chapter}", text] if text else []
    pieces += ["## Theory cases", _RULE]
    for case, rows in sections:
        pieces += _case(case, rows)
    return "\n\n".join(piece.strip("\n") for piece in pieces) + "\n"


def _errors(rows: Sequence[Json]) -> str:
    """Sum up the errors by kind of expectation, and how far out the farthest lies."""
    table_rows = []
    for kind, name in _KINDS.items():
        errors = [abs(each) for row in rows if row["kind"] == kind and (each := _error(row)) is not None]
        if errors:
            cells = (name, f"{len(errors):,}", f"{100 * median(errors):.2g} %", f"{100 * max(errors):.2g} %")
            table_rows.append(cells)
    head = ("Expectations", "Number", "Median size of the error", "Largest")
    return "\n\n".join([table(head, table_rows, right=(1, 2, 3)), *_scores(rows)])


def _scores(rows: Sequence[Json]) -> Iterator[str]:
    """Tell how the errors lie in standard errors, beside what chance would do."""
    scored = [(abs(row["z"]), row["id"]) for row in rows if row["z"] is not None]
    if scored:
        far, case = max(scored)
        share = 100 * sum(z > _BEYOND for z, _ in scored) / len(scored)
        yield (
            f"Of the {len(scored):,} simulated expectations {share:.1f} % lie more than {_BEYOND:g} standard errors "
            f"from theory ({_BY_CHANCE} % would by chance alone, were they independent); the farthest {far:.1f}, in "
            f"{link(prose(case))}."
        )


def _error(row: Json) -> float | None:
    """Give the error of an estimate as a share of its reference; None for words and where the reference is 0."""
    values = row["estimate"], row["reference"]
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values) or not row["reference"]:
        return None
    return float((row["estimate"] - row["reference"]) / abs(row["reference"]))


def _worlds(rows: Sequence[Json]) -> str:
    """Tell how many random worlds were compared."""
    cells = [(row["worlds_of"], *(f"{row[key]:,}" for key in ("worlds", "rows", "differing"))) for row in rows]
    cells.append(("all", *(f"{sum(row[key] for row in rows):,}" for key in ("worlds", "rows", "differing"))))
    text = (
        "Every rule is written twice: as a compiled kernel, and in SimPy, from the rules and not from the kernel. Both "
        "serve the same random worlds, full of ties on purpose; starts, ends, nodes, outcomes, stints, hires and calls "
        "must be the same to the last microsecond."
    )
    return f"{text}\n\n{table(('Worlds of', 'Worlds', 'Rows', 'Differing'), cells, right=(1, 2, 3))}"


def _invariants(rows: Sequence[Json]) -> str:
    """List what must always hold."""
    cells = [(prose(row["what"]), f"{row['checked']:,}", _verdict(row["pass"])) for row in rows]
    return table(("Rule", "Checked", ""), cells, right=(1,))


def _controls(rows: Sequence[Json]) -> str:
    """List what must be refused, and was."""
    text = "Checks that cannot fail are worth nothing. So each run also gives them what is known to be wrong:"
    cells = [(prose(row["what"]), "refused, as it must be" if row["pass"] else "**NOT REFUSED**") for row in rows]
    return f"{text}\n\n{table(('Control', ''), cells)}"


def _case(case: Json, rows: Sequence[Json]) -> Iterator[str]:
    """Write a case: whose theory, what it says, and each expectation with its error."""
    yield f"### {prose(case['id'])}"
    said = [("Source", case["source"]), ("Formula", case["formula"])]
    lines = [f"{what}: {prose(text)}" for what, text in said if text]
    yield "  \n".join([*lines, f"Replications: {case['replications']:,}"])
    head = ("Key", "Expected", "Simulated", "Error", "Allowed", "Standard error", "At most", "")
    yield table(head, [_row(row) for row in rows], right=range(1, 7))


def _row(row: Json) -> tuple[str, ...]:
    """Write one expectation."""
    scale, error = row["reference"], _error(row)
    allowed = None if row["within"] is None else row["within"] / abs(scale) if error is not None else row["within"]
    precise = row["kind"] != "exact"
    return (
        f"`{row['key']}`",
        _value(row["reference"]),
        _value(row["estimate"]),
        _difference(row) if error is None else _percent(error, "+.2g"),
        "" if allowed is None else _percent(allowed) if error is not None else f"{allowed:.2g}",
        _percent(row["relative_se"]) if precise else "",
        _percent(row["most_relative_se"]) if precise else "exact",
        _verdict(row["pass"]),
    )


def _difference(row: Json) -> str:
    """Tell how far an estimate lies from 0, or whether a word is the one expected."""
    if isinstance(row["estimate"], int | float) and isinstance(row["reference"], int | float):
        return f"{row['estimate'] - row['reference']:+.2g}"
    return "same" if row["estimate"] == row["reference"] else "another"


def _percent(share: float | None, form: str = ".2g") -> str:
    """Write a share as a percentage of two digits."""
    if share is None:
        return ""
    whole = form.replace(".2g", ",.0f") if abs(share) >= 1 else form  # 130 %, not 1.3e+02 %
    return f"{100 * share:{whole}} %" if share else "0 %"


def _value(value: Any) -> str:
    """Write a number to six digits, or a word."""
    if isinstance(value, bool) or not isinstance(value, float | int):
        return "none" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"
    return f"{value:.6g}"


def _verdict(passed: bool | None) -> str:
    """Write a verdict."""
    return {True: "pass", False: "**FAIL**", None: ""}[passed]


_VALIDATE: Final = """\
<!-- Made by `fleetecon validate --format markdown`. Do not edit it: run that again. -->

# Validation

Does simulation agree with what was measured on machines? Each public benchmark is fitted on one part, in-sample, and
judged on the other, held out. This page is the output of `fleetecon validate --format markdown`; the tables are not
shipped, so state their folder with `--data`.

**{held} of {promised} bounds on held-out figures hold.** A bound is what was promised of a set-up; where none is shown
nothing was promised, and the error is told all the same. Whether the program computes what it says is the matter of
[verification](verification.md).
"""
_NO_DATA: Final = "No measured data were found, so nothing was compared."


def validate_markdown(found: Json) -> str:
    """Write what a validation found as a page. The folder of the data is not told: it is another one elsewhere."""
    cases = [(name, list(rows)) for name, rows in groupby(found["rows"], lambda row: row["case"])]
    head = _VALIDATE.format(held=found["passed"], promised=found["passed"] + found["failed"])
    pieces = [head, *([] if cases else [_NO_DATA])]
    if cases:
        listed = [(0, "How large the errors are"), *((0, prose(name)) for name, _ in cases)]
        pieces += ["## Contents", contents(listed), "## How large the errors are", _held_out(cases)]
    for name, rows in cases:
        pieces += [f"## {prose(name)}", f"Measured by: {prose(found['sources'][name])}.", _measured(rows)]
    if found["not_found"]:
        missing = "\n".join(f"- `{file}`" for file in found["not_found"])
        pieces += ["## Not found, so not compared", missing]
    return "\n\n".join(piece.strip("\n") for piece in pieces) + "\n"


def _held_out(cases: Sequence[tuple[str, Sequence[Json]]]) -> str:
    """Sum up the errors of each case, in-sample and held out."""
    rows = []
    for name, each in cases:
        told = []
        for sample in ("in-sample", "held-out"):
            errors = [abs(row["error"]) for row in each if row["sample"] == sample]
            told += [f"{len(errors):,}", _percent(median(errors)), _percent(max(errors))] if errors else ["0", "", ""]
        rows.append((link(prose(name)), *told))
    head = ("Set-up", "in-sample", "median error", "largest", "held out", "median error", "largest")
    return table(head, rows, right=range(1, 7))


def _measured(rows: Sequence[Json]) -> str:
    """List what was measured beside what was simulated."""
    cells = [
        (
            row["quantity"],
            str(row["at"]),
            number(row["measured"]),
            number(row["simulated"]),
            _percent(row["error"], "+.2g"),
            _percent(row["bound"]),
            row["sample"],
            _verdict(row["pass"]),
        )
        for row in rows
    ]
    head = ("Quantity", "At", "Measured", "Simulated", "Error", "Bound", "Sample", "")
    return table(head, cells, right=range(2, 6))
