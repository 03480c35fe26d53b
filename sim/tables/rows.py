"""Results as rows for spreadsheets: a row an estimate."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from sim.estimate import Estimate
from sim.tables.words import Json


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Estimate]]:
    """Walk to every estimate of a result."""
    if isinstance(value, Estimate):
        yield path, value
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from leaves(entry, (*path, key))


def csv_rows(result: Json) -> Iterator[list[Any]]:
    """Give every estimate of a run as a row: plan, class, measure, value, low, high, se, n."""
    for name, plan in result["plans"].items():
        for path, estimate in leaves(plan):
            in_class = path[0] == "classes"
            measure = ".".join(path[2:] if in_class else path)
            yield [name, path[1] if in_class else "", measure, *estimate.as_json().values()]
    for path, estimate in leaves(result["comparison"]):
        yield ["", "", ".".join(path), *estimate.as_json().values()]


CSV_HEAD = ["plan", "job_class", "measure", "value", "low", "high", "se", "n"]


def _inert(cell: Any) -> Any:
    """Put a quote before text that a spreadsheet would take for a formula; numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def as_csv(head: Sequence[str], rows: Iterator[list[Any]]) -> str:
    """Write rows as CSV with LF line ends; what is not available is an empty cell, no text is a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows(map(_inert, row) for row in (head, *rows))
    return out.getvalue()


def study_csv(result: Json) -> str:
    """Write a run as CSV, a row an estimate."""
    return as_csv(CSV_HEAD, csv_rows(result))


def sweep_csv(grid: Json) -> str:
    """Write a sweep as CSV, a row an estimate, the swept keys in front."""
    keys = list(grid["vary"])
    rows = ([*(cell["at"][key] for key in keys), *row] for cell in grid["cells"] for row in csv_rows(cell["result"]))
    return as_csv([*keys, *CSV_HEAD], rows)
