"""A study: its JSON contract, its estimates against rows and sums by hand, few replications and few jobs."""

import numpy as np
import pytest
from studies import COST, RATE, assert_estimate, assert_plan, plain
from worlds import API, HELD, NOT_STARTED, jobs, scenario

from sim.engine.money import Shares
from sim.ground.estimate import Estimate
from sim.ground.jobs import Rows
from sim.ground.units import tick, to_ticks
from sim.study import run
from sim.study.fold import SUMS, fold


def test_run_keeps_the_json_contract(article_study):
    found = plain(article_study.result)
    head = {
        "schema": 1,
        "scenario": "article",
        "seed": 2023,
        "replications": 100,
        "horizon_days": 365,
        "confidence": 0.95,
    }
    assert {key: found[key] for key in head} == head
    assert list(found["plans"]) == ["reserved", "on_demand", "api", "hybrid"]
    for plan in found["plans"].values():
        assert_plan(plan)
    for warning in found["warnings"]:
        assert set(warning) == {"code", "text"}
    comparison = found["comparison"]
    assert comparison["cheapest"] == "api"
    assert list(comparison["probability_cheapest"]) == list(found["plans"])
    assert list(comparison["paired_difference_usd"]) == [
        "reserved - on_demand",
        "reserved - api",
        "reserved - hybrid",
        "on_demand - api",
        "on_demand - hybrid",
        "api - hybrid",
    ]
    for each in (*comparison["probability_cheapest"].values(), *comparison["paired_difference_usd"].values()):
        assert_estimate(each)


def test_the_article_in_numbers(article_study):
    # Poisson with 6 a day: 2,190 runs expected; M/D/1 at load 1/2 waits 1 h; rent 65.5452 USD a run, the API 8.
    plans = article_study.result["plans"]

    def close(estimate: Estimate, value: float) -> bool:
        return abs(estimate.value - value) <= 5 * estimate.se and estimate.se < 0.02 * value

    assert close(plans["api"]["classes"]["tuning"]["jobs"], 2190)
    assert close(plans["reserved"]["classes"]["tuning"]["wait_h"]["mean"], 1)
    assert not close(plans["reserved"]["classes"]["tuning"]["wait_h"]["mean"], 1.1)
    assert close(plans["api"]["bill_usd"]["total"], 2190 * 8)
    assert close(plans["on_demand"]["bill_usd"]["total"], 2190 * 65.5452)
    assert close(plans["reserved"]["utilization"]["allocated"], 0.5)
    assert plans["reserved"]["bill_usd"]["total"].value == pytest.approx(368_367.20, rel=1e-12)
    assert plans["reserved"]["bill_usd"]["total"].se == 0
    assert plans["api"]["classes"]["tuning"]["api_share"] == Estimate(1.0, 1.0, 1.0, 0.0, 100)
    assert plans["api"]["classes"]["tuning"]["overflow"].value == 0
    assert plans["hybrid"]["classes"]["tuning"]["overflow"].value > 0
    assert plans["api"]["utilization"]["allocated"].value is None
    assert plans["on_demand"]["utilization"]["allocated"].value == 1


def test_estimates_are_those_of_the_rows(article_study):
    # Everything again from the job tables, by pandas.
    tables = [article_study.jobs("hybrid", replication=r) for r in range(5)]
    outcome, folded = article_study.outcomes["hybrid"], article_study.outcomes["hybrid"].classes["tuning"]
    for r, frame in enumerate(tables):
        assert folded.total("jobs")[r] == len(frame)
        assert folded.total("wait")[r] == pytest.approx(frame["wait_h"].sum(), rel=1e-12)
        assert folded.total("sojourn")[r] == pytest.approx((frame["end_h"] - frame["arrival_h"]).sum(), rel=1e-12)
        assert folded.total("overflow")[r] == (frame["outcome"] == "api").sum()
        assert folded.total("unfinished")[r] == ((frame["end_h"] > 8760) | frame["end_h"].isna()).sum()
        own = frame[frame["outcome"] == "held"]
        assert folded.total("wait_held")[r] == pytest.approx(own["wait_h"].sum(), rel=1e-12)
        hours = (own["end_h"].clip(upper=8760) - own["start_h"]).sum()
        assert outcome.allocated[r] == pytest.approx(8 * hours, rel=1e-12)
        left = frame["start_h"].fillna(8760)
        assert folded.total("queue")[r] == pytest.approx((left - frame["arrival_h"]).sum(), rel=1e-9)
        inside = frame["end_h"].clip(upper=8760).where(frame["outcome"] == "held", left)
        assert folded.total("in_system")[r] == pytest.approx((inside - frame["arrival_h"]).sum(), rel=1e-9)
        assert folded.total("fully_loaded")[r] == pytest.approx(frame["fully_loaded_usd"].sum(), rel=1e-12)
        assert frame["fully_loaded_usd"].sum() == pytest.approx(outcome.bills[r], rel=1e-9)
    waits = np.concatenate([article_study.jobs("hybrid", replication=r)["wait_h"].dropna() for r in range(100)])
    found = article_study.result["plans"]["hybrid"]["classes"]["tuning"]["wait_h"]
    assert found["mean"].value == pytest.approx(waits.mean(), rel=1e-12)
    assert found["p95"].value == pytest.approx(np.quantile(waits, 0.95), rel=0.002)


def test_warm_up_counts_later_arrivals_only():
    study = run(scenario(settings={"warm_up_days": 100}), replications=3)
    frame = study.jobs("reserved", replication=1)
    late = frame[frame["arrival_h"] >= 2400]
    folded = study.outcomes["reserved"].classes["tuning"]
    assert folded.total("jobs")[1] == len(late) < len(frame)
    assert folded.total("wait")[1] == pytest.approx(late["wait_h"].sum(), rel=1e-12)
    assert (frame["fully_loaded_usd"][frame["arrival_h"] < 2400] == 0).all()
    inside = (frame["end_h"].clip(2400, 8760) - frame["arrival_h"].clip(2400)).sum()
    assert folded.total("in_system")[1] == pytest.approx(inside, rel=1e-9)


def test_an_overloaded_long_run_has_sums_that_fit():
    # Some 1,000 jobs wait for up to 20,000 years on one node: more job ticks than 64 bits hold.
    years = {"horizon_days": 7_300_000 / 10, RATE: 0.00137, "workload.tuning.hours_per_million_tokens": 1e7}
    study = run(scenario(settings=years), replications=2)
    tuning = study.result["plans"]["reserved"]["classes"]["tuning"]
    assert tuning["jobs"].value > 900
    assert 400 < tuning["queue"].value < tuning["in_system"].value < 600


def test_a_fold_by_hand():
    # Counted from 24 h to 96 h. Jobs 0 and 6 arrive before that, job 2 is of another class, job 3 went to the API after
    # 3 h, job 4 runs over the end, job 5 never starts. In order of arrival: 0, 6, 1, 2, 3, 4, 5.
    paths = jobs([12, 20, 30, 40, 50, 90, 95], 1, tokens=[9, 9, 1, 9, 2, 3, 4], job_class=[0, 0, 0, 1, 0, 0, 0])
    rows = Rows(
        start=np.where(np.arange(7) == 6, -1, to_ticks([12, 26, 36, 40, 53, 92, 0])),
        end=np.where(np.arange(7) == 6, -1, to_ticks([36, 27, 46, 41, 55, 99, 0])),
        node=np.zeros(7, np.int64),
        outcome=np.array([HELD, API, HELD, HELD, API, HELD, NOT_STARTED]),
        interrupted=np.zeros(7, np.int64),
    )
    own = np.array([0.0, 0, 10, 20, 30, 40, 50])
    shares = Shares(own, own + 1)
    found = fold(paths, rows, shares, wanted=0, overflows=True, opens=tick(24), closes=tick(96))
    assert dict(zip(SUMS, found.sums[0].tolist(), strict=True)) == {
        "jobs": 4,
        "tokens": 10,
        "unfinished": 2,
        "not_started": 1,
        "overflow": 1,
        "api": 1,
        "waits": 3,
        "wait": 6 + 3 + 2,
        "waits_held": 2,
        "wait_held": 6 + 2,
        "sojourn": 16 + 5 + 9,
        "in_system": 12 + 2 + 16 + 3 + 6 + 1,
        "queue": 2 + 6 + 3 + 2 + 1,
        "attributed": 130,
        "fully_loaded": 134,
        "interruptions": 0,
        "undone": 0,
    }
    assert {name: each.values.tolist() for name, each in found.values.items()} == {
        "wait_h": [6, 3, 2],
        "wait_held_h": [6, 2],
        "sojourn_h": [16, 5, 9],
        "attributed": [10, 30, 40, 50],
        "fully_loaded": [11, 31, 41, 51],
    }
    assert fold(paths, rows, shares, 0, False, tick(24), tick(96)).total("overflow").tolist() == [0]
    assert fold(paths, rows, shares, 1, True, tick(24), tick(96)).values["wait_h"].values.tolist() == [0]


def test_one_replication_has_values_and_no_intervals():
    found = plain(run(scenario(), replications=1).result)
    for plan in found["plans"].values():
        assert_plan(plan)
        assert plan["bill_usd"]["total"]["low"] is None
        assert plan["classes"]["tuning"]["wait_h"]["mean"]["value"] is not None
        assert plan["classes"]["tuning"]["wait_h"]["mean"]["low"] is None
        assert plan["classes"]["tuning"]["cost_per_job_usd"]["fully_loaded"]["p50"]["low"] is None


@pytest.mark.parametrize("count", [0, 1, 5])
def test_few_jobs_that_are_all_alike(count):  # fault D04
    rows = [{"arrival_hours": 24 * k, "tokens_millions": 1} for k in range(count)]
    tuning = {"kind": "fine_tune", "gpus": 8, "hours_per_million_tokens": 2, "jobs": rows}
    found = plain(run(scenario(settings={"workload.tuning": tuning, "horizon_days": 30}), replications=4).result)
    tuning = found["plans"]["reserved"]["classes"]["tuning"]
    assert tuning["jobs"] == {"value": count, "low": count, "high": count, "se": 0, "n": 4}
    bill = 19.22 * 720 + 200_000 * 720 / 8760
    for key in COST:
        each = tuning["cost_per_job_usd"]["fully_loaded"][key]
        if not count:
            assert each == {"value": None, "low": None, "high": None, "se": None, "n": 0}
        else:
            assert each["value"] == pytest.approx(bill / count, rel=1e-9)
            assert each["se"] == pytest.approx(0, abs=1e-9)
    assert tuning["wait_h"]["p99"]["value"] == (0 if count else None)


def test_percentiles_of_the_bill_have_an_interval_where_there_are_enough():
    study = run(scenario(settings={"horizon_days": 20}), replications=72)
    found = study.result["plans"]["api"]["bill_percentiles_usd"]
    assert [found[key].low is not None for key in ("p5", "p50", "p95", "p99")] == [True, True, True, False]


def test_percentiles_of_few_jobs_have_no_interval_or_one_that_holds():
    # One job a replication: the interval of its median holds in 85 % at least (one by one left out: 71 %).
    job = {"kind": "fine_tune", "gpus": 8, "hours_per_million_tokens": 2, "noise_cv": 1}
    settings = {"workload.tuning": {**job, "jobs": [{"arrival_hours": 1, "tokens_millions": 1}]}, "horizon_days": 30}
    median = 2 / np.sqrt(2)
    holds = 0
    for seed in range(60):
        study = run(scenario(settings=settings), replications=200, seed=seed)
        sojourn = study.result["plans"]["reserved"]["classes"]["tuning"]["sojourn_h"]
        holds += sojourn["p50"].low <= median <= sojourn["p50"].high
        assert sojourn["p95"].low is None
    assert holds >= 51
