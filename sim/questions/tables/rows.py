"""Results as rows for spreadsheets: a row an estimate."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sim.ground.estimate import Estimate
from sim.questions.tables.words import Json


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


_FORMULA = re.compile(r"(\A|[\r\n])(?=[\t\r]|[^\S\r\n]*[\u200b\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20])")
"""Where a line of a cell begins as a formula does, full-width signs and leading blanks of any kind too (OWASP)."""


def inert(cell: Any) -> Any:
    """Put a quote before each line of a text that a spreadsheet would take for a formula; numbers stay numbers.

    Lines of a cell end with LF, for the csv module leaves a bare CR unquoted, and a reader would begin a row there.
    """
    if not isinstance(cell, str):
        return cell
    return _FORMULA.sub(r"\1'", cell).replace("\r\n", "\n").replace("\r", "\n")


def as_csv(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Write rows as CSV with LF line ends; what is not available is an empty cell, no text is a formula.

    The one way in which this project writes CSV that people open: no other place writes text into such a file.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([inert(cell) for cell in row] for row in (head, *rows))
    return out.getvalue()


def study_csv(result: Json) -> str:
    """Write a run as CSV, a row an estimate."""
    return as_csv(CSV_HEAD, csv_rows(result))


def sweep_csv(grid: Json) -> str:
    """Write a sweep as CSV, a row an estimate, the swept keys in front."""
    keys = list(grid["vary"])
    rows = ([*(cell["at"][key] for key in keys), *row] for cell in grid["cells"] for row in csv_rows(cell["result"]))
    return as_csv([*keys, *CSV_HEAD], rows)
