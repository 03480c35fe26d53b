"""Which plans may be ranked, and what ranks them: who does less work is not cheaper."""

from studies import HYBRID, RATE, plans
from worlds import scenario

from sim.ground.estimate import Estimate
from sim.study import run


def two_classes(**more) -> dict:
    """Many small jobs that go first, a few that need the whole node and starve."""
    small = {"kind": "fine_tune", "arrivals": {"law": "poisson", "rate_per_day": 1000}, "service_hours": 0.15}
    large = {"kind": "fine_tune", "arrivals": {"law": "poisson", "rate_per_day": 4}, "service_hours": 8, "gpus": 8}
    return {"workload": {"small": small, "large": large | {"priority": 1}}, "horizon_days": 20, **more}


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


def test_a_plan_that_starves_one_class_is_not_ranked():
    found = run(scenario(settings={**two_classes(), "plans": plans()}), replications=3).result
    assert "of the jobs of class `large` had not started" in found["plans"]["reserved"]["reason"]
    assert found["comparison"]["cheapest"] == "on_demand"


def test_who_still_waits_has_not_met_the_wait():
    rules = {"settle_usd_per_job": 1, "wait_p95_hours": 1}
    settings = {"workload.tuning.hours_per_million_tokens": 1000, "horizon_days": 10, "equal_work": rules}
    reserved = run(scenario(settings=settings), replications=3).result["plans"]["reserved"]
    assert "still waited when the clock stopped" in reserved["reason"]


def test_ties_share_the_probability():
    twins = {"a": {"api": {"usd_per_job": 8}}, "b": {"api": {"usd_per_job": 8}}, "c": {"api": {"usd_per_job": 9}}}
    study = run(scenario(settings={"plans": twins}), replications=10)
    chances = study.result["comparison"]["probability_cheapest"]
    assert {name: each.value for name, each in chances.items()} == {"a": 0.5, "b": 0.5, "c": 0}
    assert study.probability_cheaper("a", "b").value == 0.5
    assert study.probability_cheaper("a", "c").value == 1
    assert study.result["comparison"]["paired_difference_usd"]["a - b"] == Estimate(0.0, 0.0, 0.0, 0.0, 10)


def test_bills_that_differ_by_rounding_are_a_tie():
    three = {"hired": {"n": {"gpus": 3, "usd_per_node_h": 0.3}}}
    ones = {"hired": {"n": {"gpus": 1, "usd_per_node_h": 0.1}}}
    settings = {"workload.tuning.gpus": 3, "plans": {"three": three, "ones": ones}}
    comparison = run(scenario(settings=settings), replications=20).result["comparison"]
    assert comparison["probability_cheapest"]["three"].value == 0.5
    assert comparison["paired_difference_usd"]["three - ones"].value == 0
