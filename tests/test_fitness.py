"""Whether a plan does the work: the short way must say what a study says, word for word."""

import pytest
from studies import CHAT, HYBRID, RATE
from worlds import scenario

from sim.study import run
from sim.study.fitness import why_unfit

TUNES = [
    {"horizon_days": 60},
    {"horizon_days": 60, RATE: 14},
    {"horizon_days": 60, RATE: 10, "equal_work.wait_p95_hours": 2},
    {"horizon_days": 60, RATE: 14, "equal_work": {"wait_p95_hours": 6, "settle_usd_per_job": 100}},
    {"horizon_days": 0.001},
]
CHATS = [{}, {"equal_work.ttft_p95_s": 0.01}, {"equal_work.wait_p95_hours": 1e-9}, {"plans.own.held.gpu.nodes": 1}]


@pytest.mark.parametrize("settings", TUNES)
def test_fine_tunes_are_judged_as_in_a_study(settings):
    study = run(scenario(settings={"plans.hybrid": HYBRID, **settings}), replications=4)
    for name, outcome in study.outcomes.items():
        assert why_unfit(study.scenario, outcome) == study.result["plans"][name]["reason"]


def test_some_of_these_are_judged_unfit():
    reasons = [
        why_unfit(study.scenario, study.outcomes["reserved"])
        for study in (run(scenario(settings=settings), replications=4) for settings in TUNES[:3])
    ]
    assert reasons[0] is None
    assert "had not started" in reasons[1]
    assert "95 % of class `tuning` wait up to" in reasons[2]


@pytest.mark.parametrize("settings", CHATS)
def test_requests_are_judged_as_in_a_study(settings):
    study = run(scenario(CHAT, settings), replications=3)
    for name, outcome in study.outcomes.items():
        assert why_unfit(study.scenario, outcome) == study.result["plans"][name]["reason"]
