"""The experiment of the article's study in full: its plans, and what it counts."""

import json
import sys

import pytest
from scripts import script

from sim.study import run


@pytest.fixture(scope="module")
def full_study():
    return script("full_study")


def test_six_plans_two_of_them_with_a_second_node(full_study):
    plans = full_study.study().plans
    assert {name: plan.nodes for name, plan in plans.items()} == {
        "reserved": 1,
        "on_demand": 0,
        "api": 0,
        "hybrid": 1,
        "reserved_2": 2,
        "hybrid_2": 2,
    }


def test_the_study_is_told_and_written(full_study, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(full_study, "RATES", [2.0, 5.0])
    monkeypatch.setattr(sys, "argv", ["full_study.py", "--out", str(tmp_path), "--reps", "3", "--jobs", "2"])
    full_study.main()
    told = json.loads((tmp_path / "full_study.json").read_text())
    served = 0
    for rate in full_study.RATES:
        at_rate = full_study.study().model_copy(deep=True)
        arrivals = at_rate.workload["tuning"].arrivals.model_copy(update={"rate_per_day": rate})
        tuning = at_rate.workload["tuning"].model_copy(update={"arrivals": arrivals})
        outcomes = run(at_rate.model_copy(update={"workload": {"tuning": tuning}}), 3, seed=1, jobs=1).outcomes
        served += sum(each.total("jobs").sum() for each in outcomes.values())
    assert told["job-services, M"] == served / 1e6
    assert (told["plans"], told["rates"], told["replications"], told["threads"]) == (6, 2, 3, 2)
    assert told["M job-services/s"] == pytest.approx(told["job-services, M"] / told["wall, s"])
    assert told["peak, MB"] > 50
    assert len(capsys.readouterr().out.splitlines()) == len(told)
