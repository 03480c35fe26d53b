"""No text of a CSV is a formula to a spreadsheet, whoever wrote it; numbers stay numbers (fault S06)."""

import ast
import csv
import io

import pytest
from refusals import ROOT
from worlds import scenario

from sim.questions.tables import as_csv, study_csv
from sim.study import run

QUOTED = {
    "=1+1": "'=1+1",
    "+1": "'+1",
    "-1": "'-1",
    "@SUM(A1)": "'@SUM(A1)",
    "\t=1": "'\t=1",
    "\ra": "'\na",  # a bare CR would begin a row, for the csv module does not quote it
    "\ta": "'\ta",
    "  =1": "'  =1",
    "\u00a0=1": "'\u00a0=1",  # a no-break space, which spreadsheets strip
    "\ufeff=1": "'\ufeff=1",
    "\uff1d1+1": "'\uff1d1+1",  # full-width signs, which some take for their narrow ones
    "\uff20SUM(A1)": "'\uff20SUM(A1)",
    "harmless\n=1+1": "harmless\n'=1+1",  # a reader that splits lines finds the second one first
    "harmless\r\n =1+1": "harmless\n' =1+1",
    "=1\n=2": "'=1\n'=2",
}
KEPT = ["a=1", "3 - 2", "", "a\nb", "p10 -35 to p90 5", "1e-5", "'=1", "_x", "n/a"]


def read(text: str) -> list[list[str]]:
    """What a spreadsheet reads."""
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("cell", QUOTED)
def test_a_formula_becomes_text(cell):
    told = as_csv([cell], [[cell, 1]])
    assert read(told) == [[QUOTED[cell]], [QUOTED[cell], "1"]]


@pytest.mark.parametrize("cell", KEPT)
def test_other_text_stays_as_it_is(cell):
    assert read(as_csv(["head"], [[cell, "x"]]))[1] == [cell, "x"]


def test_numbers_stay_numbers():
    rows = read(as_csv(["a", "b", "c", "d"], [[-1, -1.5, None, -1e-300]]))
    assert rows[1] == ["-1", "-1.5", "", "-1e-300"]


def test_a_formula_in_a_plan_does_not_reach_the_cells_of_a_run():
    """Names are slugs, so the worst that a scenario can put into a cell is refused or is no name."""
    told = study_csv(run(scenario(settings={"horizon_days": 5}), replications=2).result)
    cells = [cell for row in read(told)[1:] for cell in row]
    texts = [cell for cell in cells if not is_number(cell)]
    assert texts
    assert not [cell for cell in texts if cell.startswith(("=", "+", "-", "@"))]


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return not cell
    return True


def calls(file) -> list[str]:
    """What a module calls, by the last part of its name."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [ast.unparse(node.func).split(".")[-1] for node in ast.walk(tree) if isinstance(node, ast.Call)]


def test_one_function_writes_csv():
    """Every other file goes through it, so that no new one can forget it."""
    files = [*(ROOT / "sim").rglob("*.py"), *(ROOT / "experiments").rglob("*.py")]
    writers = {"writer", "DictWriter", "to_csv"}
    found = {file.relative_to(ROOT).as_posix() for file in files if writers & set(calls(file))}
    assert found == {"sim/questions/tables/rows.py"}
