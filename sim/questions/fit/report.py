"""What a fit found, as text, as rows and as a ``serve`` block to paste. Strings out; nothing is printed here."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sim.questions.fit.fitted import HELD_OUT, IN_SAMPLE, Fitted
from sim.questions.fit.terms import Terms
from sim.questions.tables import Block, Text, listed, number, plain, table

KEYS = (
    "base_ms",
    "per_request_ms",
    "per_kv_token_us",
    "per_prefill_token_us",
    "prefill_ms",
    "floor_ms",
    "kv_tokens",
    "max_num_seqs",
    "token_budget",
    "join_lag",
    "frontend_ms",
)
HEAD = ("quantity", "at", "measured", "simulated", "error", "sample")
_MOST_ROWS = 60


def rounded(value: float) -> float:
    """Round a term to five significant digits: what a fit can tell and a person can read."""
    return float(f"{value:.5g}") if value >= 1e-9 else 0.0


def serve_values(terms: Terms) -> dict[str, float | int | None]:
    """Give the keys of a plan's ``serve`` block; ``kv_tokens`` is None where the table does not say."""
    values = {key: getattr(terms, key) for key in KEYS}
    return {key: rounded(value) if isinstance(value, float) else value for key, value in values.items()}


def serve_block(fitted: Fitted) -> str:
    """Write the ``serve`` block of a plan, as YAML."""
    name = Path(fitted.file).name
    lines = [f"serve:  # fitted to {name}"]
    for key, value in serve_values(fitted.terms).items():
        if value is None:
            lines.append(f"  # {key}: state how many tokens the cache holds; the table does not say")
        else:
            lines.append(f"  {key}: {value:g}" if isinstance(value, float) else f"  {key}: {value}")
    lines.append(f'  source: "measured: fitted to {name}"')
    return "\n".join(lines) + "\n"


def fitted_text(fitted: Fitted) -> str:
    """Tell a fit in plain text, at most 80 columns wide."""
    return plain(fitted_blocks(fitted))


def fitted_blocks(fitted: Fitted) -> list[Block]:
    """Tell a fit: measured beside simulated, the mean size of the errors, what to mind, and the block to paste."""
    rows = [
        (row.quantity, row.at, number(row.measured), number(row.simulated), f"{row.error:+.1%}", row.sample)
        for row in fitted.comparisons
    ]
    left_out = len(rows) - _MOST_ROWS
    parts: list[Block] = [table(HEAD, rows[:_MOST_ROWS], "wwnnnw", keys=2)]
    if left_out > 0:
        parts.append(Text(f"and {left_out} rows more (--format csv gives all)"))
    parts += listed(list(_means(fitted)))
    parts += [Text(f"warning: {text}", "warning") for text in fitted.warnings]
    return [*parts, Text(serve_block(fitted), "verbatim")]


def _means(fitted: Fitted) -> Iterator[str]:
    """Tell the mean size of the errors of each quantity, in-sample and held-out."""
    for quantity in dict.fromkeys(row.quantity for row in fitted.comparisons):
        told = []
        for sample in (IN_SAMPLE, HELD_OUT):
            errors = [abs(row.error) for row in fitted.comparisons if (row.quantity, row.sample) == (quantity, sample)]
            if errors:
                told.append(f"{sample} {sum(errors) / len(errors):.1%}")
        yield f"{quantity}: mean error {', '.join(told)}"


def fitted_json(fitted: Fitted) -> dict[str, Any]:
    """Give a fit as plain values."""
    return {
        "file": fitted.file,
        "serve": serve_values(fitted.terms),
        "loss": fitted.loss,
        "comparisons": [dict(zip(HEAD, row, strict=True)) for row in fitted_rows(fitted)],
        "warnings": list(fitted.warnings),
    }


def fitted_rows(fitted: Fitted) -> Iterator[Sequence[Any]]:
    """Give every comparison as a row under ``HEAD``."""
    for row in fitted.comparisons:
        yield [getattr(row, name) for name in HEAD]


def validate_text(found: dict[str, Any]) -> str:
    """Tell a validation in plain text, at most 80 columns wide."""
    return plain(validate_blocks(found))


def validate_blocks(found: dict[str, Any]) -> list[Block]:
    """Tell a validation: every comparison, then the counts."""
    if found["data"] is None:
        nothing = "no measured data found: nothing was compared; state a folder with --data or FLEETECON_DATA"
        return [Text(f"{nothing} (it would hold {', '.join(found['not_found'])})")]
    head = ("case", "quantity", "at", "measured", "simulated", "error", "bound", "sample", "")
    rows = [
        (
            row["case"],
            row["quantity"],
            row["at"],
            number(row["measured"]),
            number(row["simulated"]),
            f"{row['error']:+.1%}",
            "" if row["bound"] is None else f"{row['bound']:.1%}",
            row["sample"],
            {True: "holds", False: "MISSED", None: ""}[row["pass"]],
        )
        for row in found["rows"]
    ]
    missed = [k for k, row in enumerate(found["rows"]) if row["pass"] is False]
    shown: list[Block] = [table(head, rows, "wwwnnnnww", keys=3, parts=(6,), best=missed)] if rows else []
    counts = f"data: {found['data']}; {found['passed']} bounds hold, {found['failed']} missed"
    absent = listed([f"not found: {file}" for file in found["not_found"]])
    return [*shown, *absent, Text(counts, "warning" if found["failed"] else "verdict")]
