"""The command `report`: a folder with the page and the results it shows, and what it refuses."""

import json
import shlex

import pytest
from refusals import here, refused
from reports import text_of
from studies import RATE

SHORT = ("--set", "horizon_days=30", "--reps", "4", "--vary", f"{RATE}=3,6,9")


@pytest.fixture
def ran(article_file, tmp_path):
    return here("report", article_file, *SHORT, "--out", tmp_path / "out")


def test_the_folder_holds_the_page_and_the_results_it_shows(ran, tmp_path):
    status, told, err = ran
    assert status == 0, err
    out = tmp_path / "out"
    names = {file.name for file in out.iterdir()}
    assert names == {
        *("report.html", "scenario.yaml", "manifest.json", "result.json", "result.csv"),
        *("sweep.json", "sweep.csv", "turning.json"),
    }
    result = json.loads((out / "result.json").read_text())
    page = (out / "report.html").read_text()
    best = result["comparison"]["cheapest"]
    assert f"Cheapest: `{best}`, {result['plans'][best]['bill_usd']['total']['value']:,.0f} USD" in told
    assert f"Cheapest: {best} , {result['plans'][best]['bill_usd']['total']['value']:,.0f} USD" in text_of(page)
    assert [cell["at"][RATE] for cell in json.loads((out / "sweep.json").read_text())["cells"]] == [3, 6, 9]
    assert json.loads((out / "turning.json").read_text())["verdict"] == best
    assert str(tmp_path) not in page


def test_its_command_makes_the_page_again_to_the_last_byte(ran, tmp_path):
    first = (tmp_path / "out/report.html").read_text()
    told = shlex.split(text_of(first).partition("to the last byte: ")[2].partition(" What made these numbers")[0])
    assert told[:3] == ["fleetecon", "report", "scenario.yaml"]
    status, _, err = here(*told[1:], "--jobs", "1", "--out", tmp_path / "again", cwd=tmp_path / "out")
    assert status == 0, err
    assert (tmp_path / "again/report.html").read_text() == first


def test_a_folder_of_another_question_is_refused(ran, article_file, tmp_path):
    asked = ("report", article_file, *SHORT, "--out", tmp_path / "out")
    assert here(*asked)[0] == 0
    err = refused(*asked[:-3], f"{RATE}=2,6", *asked[-2:])
    assert "holds the results of another question (scenario `article`)" in err


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--vary", f"{RATE}=1,2", "--vary", "plans.reserved.held.p4d.nodes=1,2"], "--vary: takes one key here, got 2"),
        (["--vary", "workload.tuning.arivals=1,2"], "did you mean"),
        (["--reps", "0"], "--reps: must be a whole number from 1"),
        (["--futures", "none"], "--futures: must be a whole number from 1"),
    ],
)
def test_what_it_refuses(article_file, tmp_path, flags, text):
    assert text in refused("report", article_file, *flags, "--out", tmp_path / "out")
    assert not (tmp_path / "out/report.html").exists()
