"""What a reader is warned of before using the numbers."""

import pytest
from studies import HYBRID, RATE
from worlds import scenario

from sim.study import run


@pytest.mark.parametrize(
    ("settings", "replications", "code", "text"),
    [
        (
            {RATE: 12},
            2,
            "overload",
            "plan `reserved`: offered load 8 erlangs reaches 8 GPUs, so the queue never settles",
        ),
        ({RATE: 13}, 2, "overload", "offered load 8.67 erlangs exceeds 8 GPUs"),
        ({"price_date": None}, 2, "prices_far_apart", "prices more than 12 months apart are compared"),
        ({"plans.reserved.api": {"usd_per_job": 1}}, 2, "api_unused", "plan `reserved` never uses its API"),
        ({}, 1, "one_replication", "one replication: no interval is available"),
        ({}, 71, "few_replications", "p95 needs 72 replications, got 71"),
        (
            {"plans.api.api": {"usd_per_job": 8}},
            2,
            "api_hours_assumed",
            "plan `api`: the API is assumed to take as long",
        ),
    ],
)
def test_warnings(settings, replications, code, text):
    found = run(scenario(settings={"horizon_days": 30} | settings), replications=replications).result["warnings"]
    assert any(each["code"] == code and text in each["text"] for each in found), found


def test_nothing_to_warn_of():
    assert run(scenario(settings={"horizon_days": 30}), replications=72).result["warnings"] == []


def test_jobs_beyond_the_horizon_are_left_out_with_a_warning():
    rows = [{"arrival_hours": hour, "tokens_millions": 1} for hour in (1, 23.9, 24, 30)]
    tuning = {"kind": "fine_tune", "gpus": 8, "hours_per_million_tokens": 2, "jobs": rows}
    found = run(scenario(settings={"workload.tuning": tuning, "horizon_days": 1}), replications=2).result
    assert found["plans"]["api"]["classes"]["tuning"]["jobs"].value == 2
    codes = {each["code"]: each["text"] for each in found["warnings"]}
    assert "class `tuning`: 2 jobs arrive after the horizon" in codes["jobs_beyond_horizon"]


def test_a_plan_with_patience_or_a_full_queue_is_never_overloaded():
    settings = {RATE: 24, "plans": {"hybrid": HYBRID, "limited": HYBRID | {"patience_hours": None, "queue_limit": 2}}}
    found = run(scenario(settings=settings), replications=72).result
    assert found["warnings"] == []


def test_work_cut_by_the_horizon_is_warned_of():
    settings = {"workload.tuning.hours_per_million_tokens": 1000, "horizon_days": 10}
    found = run(scenario(settings=settings), replications=3).result
    assert {"unfinished", "censored"} <= {warning["code"] for warning in found["warnings"]}
    assert "unfinished" not in {warning["code"] for warning in run(scenario(), replications=3).result["warnings"]}


def test_a_price_seen_long_before_its_date_is_warned_of():
    found = run(scenario(settings={"price_date": "2026-06-01"}), replications=2).result
    assert "price_stale" in {warning["code"] for warning in found["warnings"]}
