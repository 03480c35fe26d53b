"""`fleetecon size`: what it prints, in each form, and what it refuses."""

import csv
import io
import json

import pytest
from refusals import flat, here, refused

WORLD = """\
name: hand
seed: 1
horizon_days: 5
workload:
  jobs:
    kind: fine_tune
    arrivals: {law: deterministic, mean_hours: 1, batch: 2}
    service_hours: 0.5
plans:
  own:
    held: {gpu: {gpus: 1, nodes: 1, usd_per_node_h: 3}}
  api: {api: {usd_per_job: 9}}
"""


@pytest.fixture
def world(tmp_path):
    (tmp_path / "w.yaml").write_text(WORLD)
    return tmp_path


def test_the_text_says_the_setting_how_sure_and_why(world):
    status, out, err = here("size", "w.yaml", "--plan", "own", "--wait-p95", "0.4", cwd=world)
    out = flat(out)
    assert status == 0
    assert "Cheapest setting that does the work: held.gpu.nodes 2, 720 [720, 720] USD." in out
    assert "Sure: each setting it was held against costs more or misses a level." in out
    assert "Run it with --set plans.own.held.gpu.nodes=2" in out
    assert "held.gpu.nodes 1: 50 % [" in out
    assert "of `jobs` wait longer than 0.4 h, and at most 5 % may; wait p95 0.5 [0.5, 0.5] h." in out
    assert "at least 360" in out
    assert "costs more none needed" in out
    assert "Simulated: 2 settings, 20 replications" in out
    assert "replications of 1 setting" in err


def test_no_setting_does_the_work(world):
    status, out, _ = here("size", "w.yaml", "--plan", "own", "--wait-p95", "0.4", "--set", "horizon_days=2", "--choose",
                          "held.gpu.nodes=0:1", cwd=world)  # fmt: skip
    out = flat(out)
    assert status == 0
    assert "No setting does the work: the best, held.gpu.nodes 1 for 144 [144, 144] USD, reaches wait p95 of 0.5" in out
    assert "h for `jobs` (at most 0.4 h may pass)" in out


def test_not_sure_says_why(world):
    level = ("--availability", "0.5", "--within", "0", "--most-reps", "10")
    _, out, _ = here("size", "w.yaml", "--plan", "own", *level, cwd=world)
    out = flat(out)
    assert "Not sure, because 50 % [" in out
    assert "of `jobs` do not start within 0 h, and at most 50 % may" in out
    assert "Give more replications with --most-reps." in out


def test_json_and_csv(world):
    asked = ("size", "w.yaml", "--plan", "own", "--choose", "held.gpu.nodes=1,2,3", "--wait-p95", "0.4")
    found = json.loads(here(*asked, "--format", "json", cwd=world)[1])
    assert found["setting"] == {"plans.own.held.gpu.nodes": 2}
    assert found["choices"] == {"plans.own.held.gpu.nodes": [1, 2, 3]}
    assert found["sure"] is True
    assert found["bill_usd"]["value"] == 720
    assert [each["verdict"] for each in found["neighbours"]] == ["misses a level", "dearer"]
    assert found["work"]["brute_force"] == {"settings": 3, "replications": 30, "jobs": pytest.approx(7200, rel=0.02)}
    rows = list(csv.reader(io.StringIO(here(*asked, "--format", "csv", cwd=world)[1])))
    assert rows[0] == ["plans.own.held.gpu.nodes", "verdict", "dearer_usd", "low_usd", "high_usd", "replications"]
    assert [row[:2] for row in rows[1:]] == [["2", "does the work"], ["1", "misses a level"], ["3", "dearer"]]


def test_the_folder_holds_the_setting_in_its_place(world):
    asked = ("size", "w.yaml", "--plan", "own", "--wait-p95", "0.4", "--out", "o")
    assert here(*asked, cwd=world)[0] == 0
    assert {path.name for path in (world / "o").iterdir()} == {
        "manifest.json",
        "result.csv",
        "result.json",
        "scenario.yaml",
    }
    made_by = json.loads((world / "o" / "manifest.json").read_text())
    assert made_by["verb"] == "size own --wait-p95 0.4 --indifferent 0.1%"
    assert json.loads((world / "o" / "result.json").read_text())["setting"] == {"plans.own.held.gpu.nodes": 2}
    ran = json.loads(here("run", "o/scenario.yaml", "--reps", "10", "--format", "json", cwd=world)[1])
    assert ran["plans"]["own"]["bill_usd"]["total"]["value"] == 720
    assert ran["plans"]["api"]["bill_usd"]["total"]["value"] == 2142  # 119 pairs: the first comes after an hour
    assert here(*asked, cwd=world)[0] == 0  # the same question again
    other = refused(*asked[:5], "0.6", "--out", "o", cwd=world)
    assert "holds the results of another question" in other


def test_without_a_setting_the_folder_holds_the_scenario_as_asked(world):
    few = ("--choose", "held.gpu.nodes=0,1", "--wait-p95", "0.4", "--out", "o")
    assert here("size", "w.yaml", "--plan", "own", *few, cwd=world)[0] == 0
    assert json.loads((world / "o" / "result.json").read_text())["setting"] is None
    assert "nodes: 1" in (world / "o" / "scenario.yaml").read_text()


_FORM = "must be KEY=LO:HI in whole numbers, both ends meant, or KEY=1,2,4, got "
REFUSALS = {
    ("--choose", "held.gpu.nodes"): f"--choose: {_FORM}'held.gpu.nodes'",
    ("--choose", "held.gpu.nodes=1.5:3"): f"--choose: {_FORM}'held.gpu.nodes=1.5:3'",
    ("--choose", "held.gpu.nodes=4:1"): (
        "--choose: held.gpu.nodes must have its lower end first, and two values or more, got '4:1'"
    ),
    ("--choose", "held.gpu.nodes=1.5,2"): (
        "--choose: plans.own.held.gpu.nodes must be a whole number from 0 to 100000, got 1.5"
    ),
    ("--choose", "held.gpu.nodez=1,2"): "--choose: plans.own.held.gpu.nodez is not a key here; did you mean `nodes`?",
    ("--choose", "horizon_days=1,2"): "--choose: plans.own.horizon_days is not a key here",
    ("--choose", "plans.api.api.usd_per_job=1,2"): "--choose: must be a key of plan `own`, like held.gpu.nodes",
    ("--wait-p95", "0"): "--wait-p95: must be a number above 0, got 0.0",
    ("--wait-p95", "soon"): "--wait-p95: must be a number, got 'soon'",
    ("--ttft-p95", "1"): "--ttft-p95: needs a class of kind inference, and the workload has none",
    ("--availability", "99"): "--availability: must be a share above 0 and below 1",
    ("--within", "1"): "--within: must come with --availability, the share that starts within it",
    ("--indifferent", "some"): "--indifferent: must be USD >= 0, or a percentage of the bill like 0.1%, got 'some'",
    ("--most-reps", "5"): "--most-reps: must be at least --reps (10), got 5",
    ("--reps", "1"): "--reps: must be a whole number from 2 to 10000000, got '1'",
}


@pytest.mark.parametrize("flags", REFUSALS)
def test_refused(flags, world):
    assert refused("size", "w.yaml", "--plan", "own", *flags, cwd=world).startswith(REFUSALS[flags])


def test_all_faults_at_once_and_plans(world):
    told = refused("size", "w.yaml", "--plan", "own", "--choose", "a", "--choose", "b=3:1", cwd=world, lines=2)
    assert "got 'a'" in told
    assert "b must have its lower end first" in told
    assert "--plan: must name one of the plans: own, api" in refused("size", "w.yaml", cwd=world)
    assert "--plan: `onw` is not known here; did you mean `own`?" in refused(
        "size", "w.yaml", "--plan", "onw", cwd=world
    )
    assert "plan `api` holds no nodes to choose the number of" in refused("size", "w.yaml", "--plan", "api", cwd=world)
    twice = ("--choose", "held.gpu.nodes=1,2", "--choose", "held.gpu.nodes=3,4")
    assert "is given twice" in refused("size", "w.yaml", "--plan", "own", *twice, cwd=world)


def test_indifference_in_usd_or_percent(world):
    asked = ("size", "w.yaml", "--plan", "own", "--format", "json")
    assert json.loads(here(*asked, "--indifferent", "50", cwd=world)[1])["indifferent_usd"] == 50
    assert json.loads(here(*asked, "--indifferent", "10 %", cwd=world)[1])["indifferent_usd"] == pytest.approx(36)
