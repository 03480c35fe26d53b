"""Studies and sweeps: the JSON contract, who may be ranked, where the cheapest plan changes, the same bytes."""

import json
import re
from itertools import pairwise

import numpy as np
import pytest
from worlds import API, HELD, NOT_STARTED, jobs, scenario

from sim.estimate import Estimate
from sim.faults import InputError
from sim.jobs import Rows
from sim.money import LINES, Charges
from sim.study import as_json, draw_seed, run, sweep, threads
from sim.study import simulate as simulation
from sim.study.fold import SUMS, fold
from sim.units import tick, to_ticks

RATE = "workload.tuning.arrivals.rate_per_day"
HYBRID = {
    "held": {"p4d": {"instance": "p4d.24xlarge", "nodes": 1, "rate": "reserved_1y"}},
    "patience_hours": 4,
    "api": {"offer": "openai_2023_08"},
}
COST = {"mean", "mean_of_ratios", "p5", "p50", "p95", "p99"}
WAIT = {"mean", "p50", "p90", "p95", "p99"}
CONTRACT = {
    "eligible": bool,
    "reason": str,
    "bill_usd": {"total", *LINES},
    "bill_percentiles_usd": {"p5", "p50", "p95", "p99"},
    "gpu_hours": {"paid", "allocated", "busy", "productive"},
    "utilization": {"allocated", "busy", "productive"},
}
OF_A_CLASS = {
    "jobs": None,
    "unfinished": None,
    "overflow": None,
    "api_share": None,
    "in_system": None,
    "queue": None,
    "usd_per_million_tokens": None,
    "wait_h": WAIT,
    "wait_held_h": WAIT,
    "sojourn_h": WAIT,
}


def fails_on_constants(name: str) -> None:
    raise AssertionError(f"{name} in JSON")


def plain(found) -> dict:
    """A result as it is read back from its JSON."""
    return json.loads(json.dumps(as_json(found), allow_nan=False), parse_constant=fails_on_constants)


def assert_estimate(each: dict) -> None:
    assert set(each) == {"value", "low", "high", "se", "n"}
    assert isinstance(each["n"], int)
    assert (each["low"] is None) == (each["high"] is None)
    if each["value"] is None:
        assert each["low"] is None
    if each["low"] is not None:
        assert each["low"] <= each["value"] <= each["high"]
        assert each["se"] >= 0


def assert_plan(plan: dict) -> None:
    assert isinstance(plan["eligible"], bool)
    assert (plan["reason"] is None) == plan["eligible"]
    for group in ("bill_usd", "bill_percentiles_usd", "gpu_hours", "utilization"):
        assert CONTRACT[group] <= set(plan[group])
        for each in plan[group].values():
            assert_estimate(each)
    assert sum(plan["bill_usd"][line]["value"] for line in LINES) == pytest.approx(
        plan["bill_usd"]["total"]["value"], rel=1e-9
    )
    for each in plan["classes"].values():
        assert each["kind"] == "fine_tune"
        assert isinstance(each["censored"], bool)
        for key, inner in OF_A_CLASS.items():
            for estimate in [each[key]] if inner is None else [each[key][name] for name in inner]:
                assert_estimate(estimate)
        for kind in ("attributed", "fully_loaded"):
            for name in COST:
                assert_estimate(each["cost_per_job_usd"][kind][name])


@pytest.fixture(scope="module")
def article():
    return run(scenario(settings={"plans.hybrid": HYBRID}), replications=100)


@pytest.fixture(scope="module")
def grid():
    """The article without its engineer, from half a run a day to just below the 12 that a p4d can serve."""
    free = scenario(settings={"plans.reserved.staff.engineers": 0, "plans.reserved.staff.usd_per_year": 0})
    return sweep(free, {RATE: [0.5, 1, 2, 4, 6, 8, 10, 11, 11.5]}, replications=200)


# The contract


def test_run_keeps_the_json_contract(article):
    found = plain(article.result)
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


def test_sweep_keeps_the_json_contract(grid):
    found = plain(grid.as_result())
    assert set(found) >= {"schema", "vary", "cells", "break_even"}
    assert found["schema"] == 1
    assert found["vary"] == {RATE: [0.5, 1, 2, 4, 6, 8, 10, 11, 11.5]}
    assert [cell["at"] for cell in found["cells"]] == [{RATE: rate} for rate in found["vary"][RATE]]
    for cell in found["cells"]:
        for plan in cell["result"]["plans"].values():
            assert_plan(plan)
    for each in found["break_even"]:
        assert set(each) >= {"plans", "key", "at", "reason"}
        assert each["key"] == RATE
        assert (each["at"] is None) == (each["reason"] is not None)
        if each["at"] is not None:
            assert_estimate(each["at"])
    pairs = [each["plans"] for each in found["break_even"]]
    assert pairs == [["reserved", "on_demand"], ["reserved", "api"], ["on_demand", "api"]]


def test_the_article_in_numbers(article):
    # Poisson with 6 a day: 2,190 runs expected; M/D/1 at load 1/2 waits 1 h; rent 65.5452 USD a run, the API 8.
    plans = article.result["plans"]

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


def test_estimates_are_those_of_the_rows(article):
    # Everything again from the job tables, by pandas.
    tables = [article.jobs("hybrid", replication=r) for r in range(5)]
    outcome, folded = article.outcomes["hybrid"], article.outcomes["hybrid"].classes["tuning"]
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
    waits = np.concatenate([article.jobs("hybrid", replication=r)["wait_h"].dropna() for r in range(100)])
    found = article.result["plans"]["hybrid"]["classes"]["tuning"]["wait_h"]
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
    )
    own = np.array([0.0, 0, 10, 20, 30, 40, 50])
    charges = Charges(np.zeros((1, len(LINES))), np.zeros(1), np.zeros(1), own, own + 1)
    found = fold(paths, rows, charges, wanted=0, overflows=True, opens=tick(24), closes=tick(96))
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
    }
    assert {name: each.tolist() for name, each in found.values.items()} == {
        "wait_h": [6, 3, 2],
        "wait_held_h": [6, 2],
        "sojourn_h": [16, 5, 9],
        "attributed": [10, 30, 40, 50],
        "fully_loaded": [11, 31, 41, 51],
    }
    assert fold(paths, rows, charges, 0, False, tick(24), tick(96)).total("overflow").tolist() == [0]
    assert fold(paths, rows, charges, 1, True, tick(24), tick(96)).values["wait_h"].tolist() == [0]


# Who may be ranked


def test_who_does_less_work_is_not_ranked():
    # 24 runs a day at a node that serves 12; the API at 60 USD costs more than twice the bill of the node.
    settings = {RATE: 24, "plans.api.api": {"usd_per_million_tokens": 60}, "plans.reserved.staff.engineers": 0}
    found = run(scenario(settings=settings), replications=20).result
    reserved = found["plans"]["reserved"]
    assert reserved["bill_usd"]["total"].value < found["plans"]["api"]["bill_usd"]["total"].value / 2
    assert not reserved["eligible"]
    assert (
        "% of the jobs of class `tuning` had not started when the clock stopped (at most 1 % may)" in reserved["reason"]
    )
    assert reserved["classes"]["tuning"]["censored"]
    assert found["comparison"]["cheapest"] == "api"
    assert found["comparison"]["probability_cheapest"]["reserved"] == Estimate(None)
    assert found["comparison"]["probability_cheapest"]["api"].value == 1
    assert {"overload", "censored"} <= {warning["code"] for warning in found["warnings"]}


def test_where_nobody_does_the_work_nobody_is_cheapest():
    only = {"plans": {"reserved": {"held": HYBRID["held"]}}, RATE: 24}
    comparison = run(scenario(settings=only), replications=3).result["comparison"]
    assert comparison["cheapest"] is None
    assert comparison["probability_cheapest"] == {"reserved": Estimate(None)}
    assert comparison["paired_difference_usd"] == {}


def test_unfinished_work_may_be_settled_at_a_price():
    found = run(scenario(settings={RATE: 24, "equal_work.settle_usd_per_job": 100}), replications=3).result
    reserved = found["plans"]["reserved"]
    assert reserved["eligible"]
    assert reserved["bill_usd"]["penalties"].value == 100 * reserved["classes"]["tuning"]["not_started"].value > 0


def test_a_service_level_makes_a_plan_ineligible():
    found = run(scenario(settings={"equal_work.wait_p95_hours": 2}), replications=5).result["plans"]
    assert "95 % of class `tuning` wait up to" in found["reserved"]["reason"]
    assert found["on_demand"]["eligible"]


def test_ties_share_the_probability():
    twins = {"a": {"api": {"usd_per_job": 8}}, "b": {"api": {"usd_per_job": 8}}, "c": {"api": {"usd_per_job": 9}}}
    study = run(scenario(settings={"plans": twins}), replications=10)
    chances = study.result["comparison"]["probability_cheapest"]
    assert {name: each.value for name, each in chances.items()} == {"a": 0.5, "b": 0.5, "c": 0}
    assert study.probability_cheaper("a", "b").value == 0.5
    assert study.probability_cheaper("a", "c").value == 1
    assert study.result["comparison"]["paired_difference_usd"]["a - b"] == Estimate(0.0, 0.0, 0.0, 0.0, 10)


# Break-even


def test_reserved_and_on_demand_cost_the_same_at_7_04_a_day(grid):
    exact = 19.22 * 8760 / (2 * 32.7726 * 365)
    at = grid.break_even("reserved", "on_demand")["at"]
    assert round(exact, 2) == 7.04
    assert abs(at.value - exact) <= 5 * at.se
    assert 0 < at.se < 0.02
    assert at.low < exact < at.high
    assert abs(at.value - 1.1 * exact) > 5 * at.se  # negative control


def test_reserved_never_meets_the_api_below_capacity(grid):
    found = grid.break_even("reserved", "api")
    assert found["at"] is None
    assert found["reason"] == ("none below capacity 12 a day (compared from 0.5 to 11.5): `api` is cheaper throughout")
    assert grid.capacity(RATE, "reserved") == pytest.approx(12, rel=1e-9)
    assert grid.capacity(RATE, "api") is None


def test_a_break_even_needs_one_swept_number():
    two = {RATE: [1, 2], "plans.reserved.held.p4d.nodes": [1, 2]}
    grid = sweep(scenario(settings={"horizon_days": 10}), two, replications=2)
    assert len(grid.cells) == 4
    assert [list(cell.at.values()) for cell in grid.cells] == [[1, 1], [1, 2], [2, 1], [2, 2]]
    assert grid.break_even("reserved", "api")["reason"] == "a break-even needs one swept number"
    words = sweep(scenario(settings={"horizon_days": 10}), {"allocation.rule": ["equal", "platform"]}, replications=2)
    assert words.break_even("reserved", "api")["reason"] == "a break-even needs one swept number"


def test_break_even_of_a_price_by_hand():
    # One run each day at noon: 10 runs; the API costs 10 p, the node 100: they meet at p = 10 exactly.
    daily = {"law": "deterministic", "mean_hours": 24}
    plans = {
        "node": {"held": {"n": {"gpus": 8, "usd_per_node_h": 0.4, "nodes": 1}}},
        "api": {"api": {"usd_per_job": 1}},
    }
    settings = {"workload.tuning.arrivals": daily, "horizon_days": 10.5, "plans": plans}
    grid = sweep(scenario(settings=settings), {"plans.api.api.usd_per_job": [16, 1, 4]}, replications=3)
    exact = 0.4 * 252 / 10
    assert grid.break_even("node", "api")["at"] == Estimate(*[pytest.approx(exact, rel=1e-12)] * 3, 0.0, 3)


def test_a_crossing_beyond_the_last_value_is_told_and_not_given(grid):
    # Reserved and on-demand meet at 7.04, above the last value compared.
    low = sweep(grid.scenario, {RATE: [1, 2, 6.5]}, replications=20).break_even("reserved", "on_demand")
    assert low["at"] is None
    assert "`on_demand` is cheaper up to 6.5; on a straight line it changes at 7." in low["reason"]
    none = sweep(grid.scenario, {RATE: [1, 2, 4]}, replications=20).break_even("reserved", "on_demand")
    assert none["reason"] == "none from 1 to 4: `on_demand` is cheaper throughout"


def test_plans_that_never_do_the_same_work_have_no_break_even(grid):
    found = sweep(grid.scenario, {RATE: [20, 24]}, replications=3).break_even("reserved", "on_demand")
    assert (found["at"], found["reason"]) == (None, "at no value do `reserved` and `on_demand` do the same work")


# Warnings


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


# The same again


def bytes_of(study) -> str:
    """All of a study: its JSON, and every float of its sums."""
    sums = [
        [outcome.lines.tobytes().hex(), *(fold.sums.tobytes().hex() for fold in outcome.classes.values())]
        for outcome in study.outcomes.values()
    ]
    return json.dumps([as_json(study.result), sums])


def test_the_same_bytes_for_any_number_of_threads_and_size_of_pieces(monkeypatch):
    world = scenario(
        settings={"plans.hybrid": HYBRID, "plans.hybrid.patience_hours": {"law": "exponential", "mean": 3}}
    )
    first = bytes_of(run(world, replications=30, jobs=1))
    assert bytes_of(run(world, replications=30, jobs=2)) == first
    for size in (1, 7000, 10**9):
        monkeypatch.setattr(simulation, "_JOBS_A_PIECE", size)
        assert bytes_of(run(world, replications=30, jobs=2)) == first
    assert bytes_of(run(world, replications=30, seed=1)) != first


def test_a_sweep_does_not_depend_on_threads_and_its_cells_are_runs():
    world = scenario(settings={"horizon_days": 60})
    one, two = (sweep(world, {RATE: [2, 6]}, replications=10, jobs=jobs) for jobs in (1, 2))
    assert json.dumps(as_json(one.as_result())) == json.dumps(as_json(two.as_result()))
    alone = run(scenario(settings={"horizon_days": 60, RATE: 6}), replications=10)
    assert as_json(one.cells[1].result) == as_json(alone.result)


def test_both_engines_give_the_same_study():
    world = scenario(settings={"horizon_days": 90, "plans.hybrid": HYBRID, "workload.tuning.noise_cv": 0.5})
    first, second = (as_json(run(world, replications=3, engine=engine).result) for engine in ("kernel", "simpy"))
    assert first == second


def test_all_plans_see_the_same_path(article):
    frames = [article.jobs(plan, replication=3) for plan in article.outcomes]
    for frame in frames[1:]:
        for column in ("arrival_h", "service_h", "tokens_millions"):
            assert frame[column].tolist() == frames[0][column].tolist()


def test_neighbouring_cells_share_their_noise():
    world = scenario()
    slow, fast = (run(scenario(settings={RATE: rate}), replications=2).jobs("api")["arrival_h"] for rate in (3, 6))
    assert len(fast) > len(slow)
    np.testing.assert_allclose(fast[: len(slow)], slow / 2, atol=1e-9)
    assert run(world, replications=1).result["plans"]["api"]["classes"]["tuning"]["jobs"].value == len(fast)


def test_another_window_moves_percentiles_of_a_job_only():
    def at(days: float) -> dict:
        return plain(
            run(scenario(settings={"plans.hybrid": HYBRID, "allocation.window_days": days}), replications=20).result
        )

    def flat(value, path=()):
        if isinstance(value, dict):
            for key, entry in value.items():
                yield from flat(entry, (*path, key))
        else:
            yield path, value

    one, other = dict(flat(at(30))), dict(flat(at(365)))
    assert set(one) == set(other)
    moved = {
        path
        for path, value in one.items()
        if (
            value != pytest.approx(other[path], rel=1e-9, abs=1e-9)
            if isinstance(value, float)
            else value != other[path]
        )
    }
    percentiles = {path for path in moved if path[-3:-2] == ("fully_loaded",) and path[-2][0] == "p"}
    assert moved - percentiles == {("allocation", "window_days")}
    assert ("plans", "reserved", "classes", "tuning", "cost_per_job_usd", "fully_loaded", "p95", "value") in percentiles


# Few replications, few jobs


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


@pytest.mark.parametrize("replications", [0, -1, 10_000_001, 2.0, True, None])
def test_impossible_numbers_of_replications(replications):
    with pytest.raises(InputError, match=f"--reps: must be a whole number from 1 to 10000000, got {replications}"):
        run(scenario(), replications=replications)


@pytest.mark.parametrize(
    ("how", "refusal"),
    [
        ({"seed": -1}, "--seed: must be a whole number from 0 to 9223372036854775807, got -1"),
        ({"seed": 2**63}, "--seed: must be a whole number from 0 to 9223372036854775807, got 9223372036854775808"),
        ({"seed": 1.5}, "--seed: must be a whole number from 0 to 9223372036854775807, got 1.5"),
        ({"seed": "7"}, "--seed: must be a whole number from 0 to 9223372036854775807, got '7'"),
        ({"jobs": -1}, "--jobs: must be a whole number from 0 to 1024, got -1"),
        ({"jobs": 1.0}, "--jobs: must be a whole number from 0 to 1024, got 1.0"),
        ({"engine": "kernal"}, "--engine: must be one of kernel, simpy, got 'kernal'"),
    ],
)
def test_how_no_run_can_be(how, refusal):
    with pytest.raises(InputError, match=f"^{refusal}$"):
        run(scenario(), replications=2, **how)


def test_whole_numbers_of_numpy_are_whole_numbers():
    world = scenario(settings={"horizon_days": 20})
    found = run(world, replications=np.int64(2), seed=np.int64(7), jobs=np.int64(1))
    assert bytes_of(found) == bytes_of(run(world, replications=2, seed=7, jobs=1))


@pytest.mark.parametrize(
    ("ask", "refusal"),
    [
        (lambda study: study.jobs("api", 100), "replication: must be a whole number from 0 to 99, got 100"),
        (lambda study: study.jobs("api", -1), "replication: must be a whole number from 0 to 99, got -1"),
        (lambda study: study.jobs("api", 0.0), "replication: must be a whole number from 0 to 99, got 0.0"),
        (lambda study: study.jobs("reservd"), "plan: `reservd` is not known here; did you mean `reserved`?"),
        (lambda study: study.cost_per_job("apis", "tuning"), "plan: `apis` is not known here; did you mean `api`?"),
        (
            lambda study: study.cost_per_job("api", "tunning"),
            "job_class: `tunning` is not known here; did you mean `tuning`?",
        ),
        (
            lambda study: study.cost_per_job("api", "tuning", "loaded"),
            "kind: `loaded` is not known here; did you mean `fully_loaded`?",
        ),
        (
            lambda study: study.probability_cheaper("api", "own"),
            "plan: `own` is not known here; choose from",
        ),
    ],
)
def test_doors_refuse_what_a_study_does_not_hold(article, ask, refusal):
    with pytest.raises(InputError, match=f"^{re.escape(refusal)}"):
        ask(article)


def test_percentiles_of_the_bill_have_an_interval_where_there_are_enough():
    study = run(scenario(settings={"horizon_days": 20}), replications=72)
    found = study.result["plans"]["api"]["bill_percentiles_usd"]
    assert [found[key].low is not None for key in ("p5", "p50", "p95", "p99")] == [True, True, True, False]


# Doors


def test_data_frames(article, grid):
    bill = article.bill()
    assert bill.columns.tolist() == ["plan", "line", "usd", "low_usd", "high_usd"]
    assert len(bill) == 4 * (1 + len(LINES))
    loaded, own = (
        article.cost_per_job("reserved", "tuning", kind).set_index("percentile")
        for kind in ("fully_loaded", "attributed")
    )
    stated = article.result["plans"]["reserved"]["classes"]["tuning"]["cost_per_job_usd"]
    assert loaded.loc["mean", "usd"] == stated["fully_loaded"]["mean"].value
    assert own.loc["mean", "usd"] == stated["attributed"]["mean"].value < loaded.loc["mean", "usd"]
    assert (loaded["low_usd"] <= loaded["usd"]).all()
    bills = article.bills()
    assert len(bills) == 400
    assert bills[[f"{line}_usd" for line in LINES]].sum(axis=1).to_numpy() == pytest.approx(
        bills["total_usd"], rel=1e-12
    )
    jobs = article.jobs("hybrid")
    assert set(jobs["outcome"]) == {"held", "api"}
    table = grid.table()
    assert len(table) == 9 * 3
    assert table[RATE].tolist() == sorted(table[RATE])
    waits = table[table["plan"] == "reserved"]["wait_mean_h"].tolist()
    assert all(early < late for early, late in pairwise(waits))


def test_a_missing_seed_is_drawn_and_recorded():
    world = scenario(settings={"seed": None, "horizon_days": 30})
    first, second = run(world, replications=2), run(world, replications=2)
    assert first.seed != second.seed
    assert 0 <= first.result["seed"] == first.seed < 2**63
    again = run(world, replications=2, seed=first.seed)
    assert as_json(again.result) == as_json(first.result)
    assert 0 <= draw_seed() < 2**63


def test_threads():
    assert threads(3) == 3
    assert threads(0) >= 1


def test_progress_is_told():
    told = []
    run(scenario(), replications=40, jobs=1, progress=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == list(range(1, told[-1][1] + 1))
    assert told[-1][1] > 1


def test_a_sweep_refuses_a_wrong_cell_before_any_work(monkeypatch):
    def never(*_):
        raise AssertionError("worked")

    monkeypatch.setattr(simulation.Experiment, "piece", never)
    with pytest.raises(InputError, match=r"--vary: workload\.tuning\.arrivals\.rate_per_day must be .*, got -1"):
        sweep(scenario(), {RATE: [1, -1]}, replications=2)
    with pytest.raises(InputError, match="did you mean `rate_per_day`"):
        sweep(scenario(), {"workload.tuning.arrivals.rate": [1]}, replications=2)
    with pytest.raises(InputError, match="--vary: must give every key at least one value"):
        sweep(scenario(), {RATE: []}, replications=2)


# What a wrong ranking would hide


def two_classes(**more) -> dict:
    """Many small jobs that go first, a few that need the whole node and starve."""
    small = {"kind": "fine_tune", "arrivals": {"law": "poisson", "rate_per_day": 1000}, "service_hours": 0.15}
    large = {"kind": "fine_tune", "arrivals": {"law": "poisson", "rate_per_day": 4}, "service_hours": 8, "gpus": 8}
    return {"workload": {"small": small, "large": large | {"priority": 1}}, "horizon_days": 20, **more}


def plans(**more) -> dict:
    """One node held, and the same node hired by the job."""
    held = {"held": {"n": {"gpus": 8, "nodes": 1, "usd_per_node_h": 10}}}
    return {"reserved": held, "on_demand": {"hired": {"n": {"gpus": 8, "usd_per_node_h": 100}}}, **more}


def test_a_plan_that_starves_one_class_is_not_ranked():
    found = run(scenario(settings={**two_classes(), "plans": plans()}), replications=3).result
    assert "of the jobs of class `large` had not started" in found["plans"]["reserved"]["reason"]
    assert found["comparison"]["cheapest"] == "on_demand"


def test_who_still_waits_has_not_met_the_wait():
    rules = {"settle_usd_per_job": 1, "wait_p95_hours": 1}
    settings = {"workload.tuning.hours_per_million_tokens": 1000, "horizon_days": 10, "equal_work": rules}
    reserved = run(scenario(settings=settings), replications=3).result["plans"]["reserved"]
    assert "still waited when the clock stopped" in reserved["reason"]


def test_work_cut_by_the_horizon_is_warned_of():
    settings = {"workload.tuning.hours_per_million_tokens": 1000, "horizon_days": 10}
    found = run(scenario(settings=settings), replications=3).result
    assert {"unfinished", "censored"} <= {warning["code"] for warning in found["warnings"]}
    assert "unfinished" not in {warning["code"] for warning in run(scenario(), replications=3).result["warnings"]}


def test_bills_that_differ_by_rounding_are_a_tie():
    three = {"hired": {"n": {"gpus": 3, "usd_per_node_h": 0.3}}}
    ones = {"hired": {"n": {"gpus": 1, "usd_per_node_h": 0.1}}}
    settings = {"workload.tuning.gpus": 3, "plans": {"three": three, "ones": ones}}
    comparison = run(scenario(settings=settings), replications=20).result["comparison"]
    assert comparison["probability_cheapest"]["three"].value == 0.5
    assert comparison["paired_difference_usd"]["three - ones"].value == 0


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


def test_capacity_counts_only_gpus_that_jobs_can_use():
    settings = {"workload.tuning.gpus": 5, "plans": plans()}
    grid = sweep(scenario(settings=settings), {RATE: [2, 8, 11]}, replications=3)
    assert grid.capacity(RATE, "reserved") == pytest.approx(12)
    overloaded = run(scenario(settings={**settings, RATE: 13}), replications=1).result
    assert "13 erlangs" not in str(overloaded["warnings"])
    assert "erlangs exceeds 5 GPUs" in str(overloaded["warnings"])


@pytest.mark.parametrize(
    ("vary", "refusal"),
    [
        ({"seed": [1, 2]}, "cannot vary seed"),
        ({RATE: [1, 2, 1]}, "must have different values"),
        ({"plans.new.api.usd_per_job": [1, 2]}, "must vary keys of plans and classes that exist"),
    ],
)
def test_grids_that_would_mislead(vary, refusal):
    with pytest.raises(InputError, match=refusal):
        sweep(scenario(), vary, replications=2)


def test_plans_that_cost_the_same_are_said_to():
    held = {"held": {"n": {"gpus": 8, "nodes": 1, "usd_per_node_h": 10}}}
    grid = sweep(scenario(settings={"plans": {"a": held, "b": held}}), {RATE: [1, 2]}, replications=2)
    assert grid.break_even("a", "b")["reason"] == "`a` and `b` cost the same from 1 to 2"


def test_swept_phases_and_numpy_values_take_effect():
    arrivals = {"law": "hyperexponential", "weights": [0.5, 0.5], "means": [1, 3]}
    ready = scenario(settings={"workload.tuning.arrivals": arrivals, "horizon_days": 30})
    grid = sweep(ready, {"workload.tuning.arrivals.means": [[1, 3], [10, 30]]}, replications=20)
    jobs = [cell.result["plans"]["api"]["classes"]["tuning"]["jobs"].value for cell in grid.cells]
    assert jobs[0] == pytest.approx(360, rel=0.1)
    assert jobs[1] == pytest.approx(36, rel=0.2)
    assert sweep(scenario(), {"plans.reserved.held.p4d.nodes": np.array([1, 2])}, replications=1).cells[1].at == {
        "plans.reserved.held.p4d.nodes": 2
    }


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        ({"price_date": "2021-01-01"}, "the API offer openai_2023_08 began on 2023-08-22"),
        ({"plans.api.staff": {"nodes_per_engineer": 1, "usd_per_year": 1}}, "must count its staff by `engineers`"),
        ({"horizon_days": 30, "warm_up_days": 29.999999999999996}, "must be less than horizon_days"),
    ],
)
def test_what_would_be_a_silent_nonsense_is_refused(settings, refusal):
    with pytest.raises(InputError, match=refusal):
        scenario(settings=settings)


def test_a_price_seen_long_before_its_date_is_warned_of():
    found = run(scenario(settings={"price_date": "2026-06-01"}), replications=2).result
    assert "price_stale" in {warning["code"] for warning in found["warnings"]}
