"""The command `decide`: what it prints and where, what it writes, what it refuses."""

import json

import pytest
from refusals import flat, here, interrupted, refused
from worlds import ARTICLE

_FEW = ("--futures=12", "--reps=2")
_UNSURE = ARTICLE.replace("rate_per_day: 6", "rate_per_day: {p10: 4, p90: 9, source: our logs}").replace("365", "73")
_DECISION = "decision: {months: 3, step_months: 1, discount_percent_a_year: 8, budget_usd: 100000}\n"


@pytest.fixture
def asked(tmp_path):
    """The article with an uncertain rate, over three months of which a part is simulated."""
    (tmp_path / "asked.yaml").write_text(_UNSURE + _DECISION)
    return tmp_path / "asked.yaml"


def test_a_decision_is_told_and_written(asked, tmp_path):
    status, out, _ = here("decide", asked, *_FEW, "--out", tmp_path / "out")
    assert status == 0
    assert out.startswith("article: 3 months, 12 futures x 2 replications, seed 2023\n\n")
    assert "Cheapest on: share of paths" in out
    assert "rate_per_day: p10 4 to p90 9, lognormal (our logs)" in flat(out)
    assert {"scenario.yaml", "manifest.json", "result.json", "result.csv"} <= {
        file.name for file in (tmp_path / "out").iterdir()
    }
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["seed"], manifest["futures"], manifest["replications"]) == (2023, 12, 2)


def test_the_folder_of_a_decision_decides_the_same(asked, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    here("decide", asked, *_FEW, "--seed=3", "--jobs=1", "--out", first)
    status, _, _ = here("decide", first / "scenario.yaml", *_FEW, "--jobs=2", "--out", second)
    assert status == 0
    assert (first / "result.json").read_bytes() == (second / "result.json").read_bytes()
    assert (first / "result.csv").read_bytes() == (second / "result.csv").read_bytes()


def test_a_decision_as_json_and_csv(asked):
    status, out, _ = here("decide", asked, *_FEW, "--format=json", "--set", "decision.budget_usd=5")
    assert status == 0
    found = json.loads(out)
    assert found["budget_usd"] == 5
    assert found["strategies"]["api"]["probability_over_budget"]["value"] == 1
    status, out, _ = here("decide", asked, *_FEW, "--format=csv")
    assert (status, out.splitlines()[0]) == (0, "strategy,measure,value,low,high,se,n,reason")


def test_decisions_along_a_key(asked, tmp_path):
    key = "workload.tuning.arrivals.rate_per_day"
    status, out, _ = here("decide", asked, *_FEW, f"--vary={key}=2,6", "--out", tmp_path / "out")
    assert status == 0
    assert "share of paths on which each is the cheapest" in flat(out)
    found = json.loads((tmp_path / "out" / "result.json").read_text())
    assert [cell["at"] for cell in found["cells"]] == [{key: 2}, {key: 6}]
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["vary"] == {key: [2, 6]}
    assert "holds the results of another question" in refused("decide", asked, *_FEW, "--out", tmp_path / "out")


def test_a_run_and_a_decision_do_not_share_a_folder(asked, tmp_path):
    here("run", asked, "--reps=2", "--out", tmp_path / "run")
    here("decide", asked, *_FEW, "--out", tmp_path / "decided")
    assert "holds the results of another question" in refused("decide", asked, *_FEW, "--out", tmp_path / "run")
    assert "holds the results of another question" in refused("run", asked, "--out", tmp_path / "decided")
    assert here("decide", asked, *_FEW, "--out", tmp_path / "decided")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--futures=0",), "--futures: must be a whole number from 1 to 100000, got '0'"),
        (("--reps=x",), "--reps: must be a whole number from 1 to 10000, got 'x'"),
        (("--format=xml",), "--format: must be one of text, json, csv, got 'xml'"),
        (("--vary=a.b",), "--vary: must be key=lo:hi:n[:log] or key=1,2,4, got 'a.b'"),
        (("--vary=a=1,2", "--vary=b=1,2"), "--vary: takes one key here, got 2; give all its values in one --vary"),
        (("--vary=seed=1,2",), "--vary: cannot vary seed"),
    ],
)
def test_what_decide_refuses(asked, arguments, text):
    assert text in refused("decide", asked, *arguments)


def test_an_interrupted_decision_exits_130(asked, tmp_path):
    status, out, err = interrupted("decide", asked, "--futures=100000", "--out", tmp_path / "out")
    assert (status, out) == (130, "")
    assert "interrupted" in err
    assert not (tmp_path / "out" / "result.json").exists()
