"""Ledgers worked out by hand; then what holds for every ledger."""

import json
import re
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledgers import held, lines, prices
from worlds import API, HIRED, examples, fleet, jobs, random_worlds, scenario, terms

from sim.engine import fleet as kernel
from sim.engine import reference
from sim.engine.money import LINES, Billing, charge, tariff
from sim.ground.units import tick
from sim.study import as_json, run

served = partial(pytest.mark.parametrize("serve", [kernel.serve, reference.serve], ids=["kernel", "simpy"]))
engines = partial(pytest.mark.parametrize("engine", ["kernel", "simpy"]))
NUMBER = re.compile(r"-?\d+\.?\d*(?:e[+-]?\d+)?")


def plain_json(study) -> str:
    """The JSON of a study; no NaN and no Infinity get through."""
    return json.dumps(as_json(study.result), allow_nan=False)


@engines()
def test_the_acceptance_year(engine):
    rows = [{"arrival_hours": hour, "tokens_millions": 1} for hour in (0, 1, 1)]
    tuning = {"kind": "fine_tune", "gpus": 8, "hours_per_million_tokens": 2, "jobs": rows}
    study = run(scenario(settings={"workload.tuning": tuning}), replications=2, engine=engine)
    plans = study.result["plans"]
    assert plans["reserved"]["classes"]["tuning"]["wait_h"]["mean"].value == pytest.approx(4 / 3, rel=1e-12)
    assert {name: plan["bill_usd"]["total"].value for name, plan in plans.items()} == pytest.approx(
        {"reserved": 368_367.20, "on_demand": 196.6356, "api": 24.0}, rel=1e-12
    )
    assert plans["reserved"]["bill_usd"]["held_used"].value == pytest.approx(6 * 19.22, rel=1e-12)
    assert plans["reserved"]["bill_usd"]["staff"].value == 200_000
    assert study.jobs("reserved")["wait_h"].tolist() == [0, 1, 3]
    assert study.jobs("reserved")["attributed_usd"].tolist() == pytest.approx([38.44] * 3, rel=1e-12)
    assert study.jobs("on_demand")["fully_loaded_usd"].tolist() == pytest.approx([65.5452] * 3, rel=1e-12)
    assert study.jobs("api")["end_h"].tolist() == [1.25, 2.25, 2.25]
    assert study.result["comparison"]["cheapest"] == "api"


@served()
def test_one_gpu_with_its_bill(serve):  # oracle O-T1
    paths = jobs([0, 1, 2, 10], [2, 2, 2, 1])
    rules = fleet(horizon=12)
    charges = charge(held(2.4025, 12), rules, paths, serve(rules, paths, terms(paths)), 0, tick(12), "gpu_time")
    assert lines(charges) == pytest.approx({"held_used": 7 * 2.4025, "held_idle": 5 * 2.4025}, rel=1e-12)
    assert charges.lines.sum() == pytest.approx(28.83, rel=1e-12)
    assert charges.lines.sum() / 4 == pytest.approx(7.2075, rel=1e-12)
    assert (charges.paid.tolist(), charges.allocated.tolist()) == ([12], [7])


@served()
def test_a_fleet_that_overflows_to_the_api(serve):  # oracle O-T2
    paths = jobs([0, 0.5, 1, 2.25], [2, 1, 1, 1])
    rules = fleet(nodes=2, horizon=5, queue_limit=0)
    rows = serve(rules, paths, terms(paths))
    charges = charge(held(2.4025, 5, gpus=2, api_usd_per_job=8), rules, paths, rows, 0, tick(5), "gpu_time")
    assert lines(charges) == pytest.approx({"held_used": 9.61, "held_idle": 14.415, "api": 8}, rel=1e-12)
    assert charges.lines.sum() == pytest.approx(32.025, rel=1e-12)
    # By GPU time the idle money lies on the three that used the fleet; the API's job carries none of it.
    idle = 14.415 / 4
    assert charges.fully_loaded.tolist() == pytest.approx(
        [4.805 + 2 * idle, 2.4025 + idle, 8, 2.4025 + idle], rel=1e-12
    )
    equal = charge(held(2.4025, 5, gpus=2, api_usd_per_job=8), rules, paths, rows, 0, tick(5), "equal")
    assert equal.fully_loaded.tolist() == pytest.approx(
        [4.805 + idle, 2.4025 + idle, 8 + idle, 2.4025 + idle], rel=1e-12
    )


@served()
@pytest.mark.parametrize(
    ("rule", "window", "loaded"),
    [
        ("gpu_time", 48, [12 + 28 / 3, 24 + 56 / 3, 12 + 20]),
        ("equal", 48, [12 + 14, 24 + 14, 12 + 20]),
        ("platform", 48, [12, 24, 12]),
        ("gpu_time", 96, [24, 48, 24]),
        ("equal", 96, [28, 40, 28]),
        ("gpu_time", 1000, [24, 48, 24]),
    ],
)
def test_idle_money_is_shared_within_windows(serve, rule, window, loaded):
    # 96 h at 1 USD. Windows of 48 h: 12 + 8 h used in the first, 16 + 12 h in the second; the second job runs in both
    # and belongs to the first, in which it arrived.
    paths = jobs([0, 40, 72], [12, 24, 12])
    rules = fleet(horizon=96)
    charges = charge(held(1, 96), rules, paths, serve(rules, paths, terms(paths)), 0, tick(window), rule)
    assert charges.fully_loaded.tolist() == pytest.approx(loaded, rel=1e-12)
    assert charges.attributed.tolist() == [12, 24, 12]
    assert lines(charges) == {"held_used": 48, "held_idle": 48}


@served()
def test_windows_divide_the_horizon_equally_as_near_as_fits(serve):
    # 100 h at 3 USD in windows of about 30 h: three of 33 1/3 h. The first job ends 1/6 h into the second window, which
    # has 98 USD idle, the first 99, the third 100 and no job.
    paths = jobs([33, 34], [0.5, 0.5])
    rules = fleet(horizon=100)
    charges = charge(held(3, 100), rules, paths, serve(rules, paths, terms(paths)), 0, tick(30), "equal")
    assert charges.fully_loaded.tolist() == pytest.approx([1.5 + 99 + 50, 1.5 + 98 + 50], rel=1e-9)


@served()
def test_a_window_without_jobs_is_spread_over_all_jobs(serve):
    # 12 h idle in the first window, 48 h in the second, which has no job.
    paths = jobs([0, 12], [12, 24])
    rules = fleet(horizon=96)
    charges = charge(held(1, 96), rules, paths, serve(rules, paths, terms(paths)), 0, tick(48), "gpu_time")
    assert charges.fully_loaded.tolist() == pytest.approx([12 + 4 + 16, 24 + 8 + 32], rel=1e-12)


@served()
def test_where_no_job_used_a_gpu_the_rest_is_shared_alike(serve):
    paths = jobs([1, 2, 3], 1)
    rules = fleet(nodes=0, gpus=0, horizon=10, no_queue=API)
    mine = prices(api_usd_per_million=8, staff_usd=30)
    charges = charge(mine, rules, paths, serve(rules, paths, terms(paths)), 0, tick(5), "gpu_time")
    assert charges.fully_loaded.tolist() == [18, 18, 18]
    assert lines(charges) == {"api": 24, "staff": 30}


@served()
def test_warm_up(serve):
    # Counting begins at 24 h of 96 h, 1 USD/h. The first job (12 to 36 h) is not counted, its 12 h are used all the
    # same; the second runs 36 to 46 h; the third from 90 h on, 6 h of it before the clock stops.
    paths = jobs([12, 30, 90], [24, 10, 10])
    rules = fleet(horizon=96)
    charges = charge(held(1, 72), rules, paths, serve(rules, paths, terms(paths)), tick(24), tick(720), "gpu_time")
    assert lines(charges) == {"held_used": 28, "held_idle": 44}
    assert charges.attributed.tolist() == [0, 10, 6]
    assert charges.fully_loaded.tolist() == pytest.approx([0, 45, 27], rel=1e-12)
    assert (charges.paid.tolist(), charges.allocated.tolist()) == ([72], [28])


@pytest.mark.parametrize(
    ("hours", "gpus", "used", "idle"),
    [
        (1, 8, 3600, 0),
        (1.0001, 8, 3600.36, 0.64),
        (0.00001, 8, 0.036, 0.964),
        (1, 4, 1800, 1800),
        (1, 16, 7200, 0),
        (0, 8, 0, 0),
        (20, 8, 36_000, 0),
    ],
)
def test_hired_nodes_are_billed_by_the_second(hours, gpus, used, idle):
    # 1 USD a second for a node of 8 GPUs; a horizon of 10 h cuts the last one.
    paths = jobs([0], [hours], gpus=gpus)
    rules = fleet(nodes=0, gpus=8, horizon=10, no_queue=HIRED)
    mine = prices(node_gpus=8, hired=Billing(450.0))
    charges = charge(mine, rules, paths, kernel.serve(rules, paths, terms(paths)), 0, tick(10), "gpu_time")
    found = lines(charges)
    assert (found.get("on_demand_used", 0), found.get("on_demand_idle", 0)) == pytest.approx((used, idle), abs=1e-9)
    assert charges.fully_loaded.tolist() == pytest.approx([used + idle], rel=1e-12, abs=1e-12)


def test_four_hired_runs():  # oracle O-T6, by the second
    paths = jobs([0, 0, 0, 0], [0.5, 1, 1.0001, 2.25])
    rules = fleet(nodes=0, gpus=1, horizon=10, no_queue=HIRED)
    charges = charge(
        prices(hired=Billing(32.77)), rules, paths, kernel.serve(rules, paths, terms(paths)), 0, tick(10), "equal"
    )
    assert charges.lines.sum() == pytest.approx(155.6666027777778, rel=1e-12)


@served()
def test_the_api_charges_whole_at_hand_over(serve):
    paths = jobs([9.99], [5], tokens=[3.0])
    rules = fleet(nodes=0, gpus=0, horizon=10, no_queue=API)
    rows = serve(rules, paths, terms(paths, api=100))
    for mine, usd in [
        (prices(api_usd_per_million=8), 24),
        (prices(api_usd_per_job=7), 7),
        (prices(api_usd_per_service_h=2), 10),
    ]:
        assert lines(charge(mine, rules, paths, rows, 0, tick(10), "equal")) == {"api": usd}


@served()
def test_unfinished_work_at_a_named_price(serve):
    # The first runs over the horizon (5 h of it are used), the second never starts.
    paths = jobs([5, 6], 10)
    rules = fleet(horizon=10)
    charges = charge(
        held(1, 10, settle_usd=70), rules, paths, serve(rules, paths, terms(paths)), 0, tick(10), "gpu_time"
    )
    assert lines(charges) == {"held_used": 5, "held_idle": 5, "penalties": 70}
    assert charges.attributed.tolist() == [5, 70]
    assert charges.fully_loaded.tolist() == [10, 70]


def test_a_full_fleet_has_no_idle_money_and_no_minus_0():
    paths = jobs([0, 0, 0], [0.1, 0.2, 9.7])
    rules = fleet(horizon=10)
    charges = charge(held(0.1, 10), rules, paths, kernel.serve(rules, paths, terms(paths)), 0, tick(10), "gpu_time")
    idle = charges.lines[0, LINES.index("held_idle")]
    assert (idle, str(idle)) == (0, "0.0")


def test_tariffs_of_the_article():
    article = scenario()
    found = {name: tariff(article, plan) for name, plan in article.plans.items()}
    assert found["reserved"] == prices(
        held_usd=19.22 * 8760,
        held_gpus=8,
        node_gpus=8,
        held_usd_per_gpu_h=19.22 / 8,
        staff_usd=200_000,
        held_list_usd_per_gpu_h=32.7726 / 8,
    )
    assert found["on_demand"] == prices(node_gpus=8, hired=Billing(32.7726 / 8), hired_list_usd_per_gpu_h=32.7726 / 8)
    assert found["api"] == prices(node_gpus=0, api_usd_per_million=8)


def test_a_tariff_counts_only_what_is_counted():
    more = {"warm_up_days": 73, "plans.reserved.overhead_usd_per_year": 1000, "plans.reserved.held.p4d.nodes": 2}
    mine = tariff(scenario(settings=more), scenario(settings=more).plans["reserved"])
    assert mine.held_usd == pytest.approx(2 * 19.22 * 8760 * 0.8, rel=1e-12)
    assert (mine.staff_usd, mine.overhead_usd) == pytest.approx((160_000, 800), rel=1e-12)


def test_staff_looks_after_held_nodes_that_serve_too():
    # 5 nodes run fine-tunes and 4 serve: 9 of them at 4 an engineer take 3 people.
    node = {"instance": "p5.48xlarge", "rate": "on_demand"}
    held = {"tunes": node | {"nodes": 5}, "chats": node | {"nodes": 4, "serve": {"model": "llama_3_1_8b"}}}
    chat = {"kind": "inference", "requests": [{"arrival_s": 0, "prompt_tokens": 1, "output_tokens": 1}]}
    staff = {"nodes_per_engineer": 4, "usd_per_year": 100}
    both = {"workload.chat": chat, "plans": {"own": {"held": held, "staff": staff}}, "price_date": "2025-01-01"}
    article = scenario(settings=both)
    assert tariff(article, article.plans["own"]).staff_usd == 300


def test_nodes_of_two_rates_have_one_mean_rate():
    both = {"a": {"gpus": 2, "usd_per_node_h": 1, "nodes": 3}, "b": {"gpus": 2, "usd_per_node_h": 5, "nodes": 1}}
    article = scenario(settings={"plans.reserved.held": both, "workload.tuning.gpus": 2})
    mine = tariff(article, article.plans["reserved"])
    assert (mine.held_usd, mine.held_usd_per_gpu_h) == (8 * 8760, 1)


@engines()
def test_no_jobs_the_bill_stands_and_unit_costs_are_null(engine):
    study = run(scenario(settings={"workload.tuning.arrivals.rate_per_day": 0}), replications=3, engine=engine)
    plan = study.result["plans"]["reserved"]
    assert plan["eligible"]
    assert plan["bill_usd"]["total"].value == pytest.approx(368_367.20, rel=1e-12)
    assert plan["utilization"]["allocated"].value == 0
    tuning = plan["classes"]["tuning"]
    assert tuning["jobs"].value == 0
    costs = tuning["cost_per_job_usd"]["fully_loaded"]
    assert {"mean", "mean_of_ratios", "p5", "p50", "p95", "p99"} <= set(costs)
    assert {each.value for each in costs.values()} == {None}
    assert tuning["wait_h"]["mean"].value is None
    assert tuning["usd_per_million_tokens"].value is None
    nobody = study.result["plans"]["api"]
    assert (nobody["bill_usd"]["total"].value, nobody["utilization"]["allocated"].value) == (0, None)


@pytest.mark.parametrize("price", [0, 1e-9, 0.1, 1e12])
def test_any_price_conserves_money(price):  # fault D03
    node = {"gpus": 8, "usd_per_node_h": price}
    plans = {
        "own": {"held": {"n": node | {"nodes": 1}}, "staff": {"engineers": 1, "usd_per_year": price}},
        "rent": {"hired": {"n": node}},
        "api": {"api": {"usd_per_million_tokens": price}},
        "mixed": {"held": {"n": node | {"nodes": 1}}, "patience_hours": 1, "api": {"usd_per_job": price}},
    }
    study = run(scenario(settings={"plans": plans, "horizon_days": 30}), replications=4)
    for name in plans:
        bill = study.result["plans"][name]["bill_usd"]
        total = bill["total"].value
        assert sum(each.value for line, each in bill.items() if line != "total") == pytest.approx(
            total, rel=1e-9, abs=0
        )
        loaded = sum(study.jobs(name, replication=r)["fully_loaded_usd"].sum() for r in range(4)) / 4
        assert loaded == pytest.approx(total, rel=1e-9, abs=0)
    digits = [number.split("e")[0].replace(".", "").strip("-0") for number in NUMBER.findall(plain_json(study))]
    assert max(map(len, digits)) <= 12


def test_json_has_no_float_noise():
    noisy = scenario(
        settings={
            "plans.api.api": {"usd_per_job": 0.1},
            "workload.tuning.arrivals": {"law": "deterministic", "mean_hours": 2190},
        }
    )
    study = run(noisy, replications=2)
    assert study.outcomes["api"].bills[0] == 0.1 + 0.1 + 0.1 != 0.3
    assert as_json(study.result)["plans"]["api"]["bill_usd"]["api"]["value"] == 0.3


@given(random_worlds(), st.sampled_from(["gpu_time", "equal"]), st.integers(0, 30), st.integers(1, 7))
@examples(250)
def test_every_ledger_adds_up(world, rule, opens, windows):
    rules, paths, wanted = world
    window = max(1, (rules.horizon - opens) // windows)
    gpus, hours = rules.nodes * rules.gpus_per_node, (rules.horizon - opens) / tick(1)
    mine = held(3e9, hours, gpus, api_usd_per_job=2, staff_usd=5, overhead_usd=7, settle_usd=1)
    charges = charge(mine, rules, paths, kernel.serve(rules, paths, wanted), opens, window, rule)
    bill = charges.lines.sum(axis=1)
    counted = paths.arrival >= opens
    used, idle = charges.lines[:, 0], charges.lines[:, 1]
    assert used + idle == pytest.approx(np.full(paths.replications, mine.held_usd), rel=1e-9)
    assert used == pytest.approx(charges.allocated * 3e9, rel=1e-9)
    assert (charges.allocated <= charges.paid * (1 + 1e-12)).all()
    assert (charges.lines >= 0).all()
    assert (charges.fully_loaded[~counted] == 0).all()
    for r in range(paths.replications):
        own = slice(paths.offsets[r], paths.offsets[r + 1])
        if counted[own].any():
            assert charges.fully_loaded[own].sum() == pytest.approx(bill[r], rel=1e-9)


@given(random_worlds(), st.integers(0, 30), st.integers(1, 7))
@examples(100)
def test_every_ledger_of_hired_nodes_adds_up(world, opens, windows):
    rules, paths, wanted = world
    window = max(1, (rules.horizon - opens) // windows)
    hire = fleet(nodes=0, gpus=rules.gpus_per_node, horizon=rules.horizon / tick(1), no_queue=HIRED)
    mine = prices(node_gpus=rules.gpus_per_node, hired=Billing(3e9), staff_usd=1)
    charges = charge(mine, hire, paths, kernel.serve(hire, paths, wanted), opens, window, "gpu_time")
    bill = charges.lines.sum(axis=1)
    assert bill == pytest.approx(1 + charges.paid * 3e9, rel=1e-9)
    assert charges.lines[:, LINES.index("on_demand_used")] == pytest.approx(charges.allocated * 3e9, rel=1e-9)
    for r in range(paths.replications):
        own = slice(paths.offsets[r], paths.offsets[r + 1])
        if (paths.arrival[own] >= opens).any():
            assert charges.fully_loaded[own].sum() == pytest.approx(bill[r], rel=1e-9)


@given(random_worlds(), st.integers(1, 9), st.integers(1, 9))
@examples(100)
def test_another_window_moves_no_bill_and_no_attributed_cost(world, one, other):
    rules, paths, wanted = world
    rows = kernel.serve(rules, paths, wanted)
    mine = held(3e9, rules.horizon / tick(1), rules.nodes * rules.gpus_per_node, staff_usd=5)
    first, second = (
        charge(mine, rules, paths, rows, 0, max(1, rules.horizon // windows), "gpu_time") for windows in (one, other)
    )
    assert (first.lines == second.lines).all()
    assert (first.attributed == second.attributed).all()


def test_long_runs_of_many_gpus_do_not_overflow():
    # 2,000 years on 1,000 GPUs: more GPU ticks than 64 bits hold.
    hours = 2000 * 8760
    paths = jobs([0], [hours], gpus=1000)
    rules = fleet(nodes=1, gpus=1000, horizon=hours)
    charges = charge(
        held(1, hours, 1000), rules, paths, kernel.serve(rules, paths, terms(paths)), 0, tick(720), "equal"
    )
    assert lines(charges) == {"held_used": 1000 * hours}
    assert charges.allocated.tolist() == [1000 * hours]
    hire = fleet(nodes=0, gpus=1000, horizon=hours, no_queue=HIRED)
    mine = prices(node_gpus=1000, hired=Billing(1.0))
    hired = charge(mine, hire, paths, kernel.serve(hire, paths, terms(paths)), 0, tick(720), "equal")
    assert lines(hired) == {"on_demand_used": 1000 * hours}


@served()
def test_a_hired_job_carries_the_rest_of_its_own_node(serve):
    # Two jobs of an hour on nodes of 8 GPUs at 32 USD/h: whether it uses 1 GPU or 8, each job is billed its node.
    its_fleet, paths = fleet(nodes=0, gpus=8, horizon=10, no_queue=HIRED), jobs([0, 5], 1, gpus=[1, 8])
    rows = serve(its_fleet, paths, terms(paths))
    for rule in ("gpu_time", "equal", "platform"):
        charges = charge(prices(node_gpus=8, hired=Billing(4.0)), its_fleet, paths, rows, 0, tick(10), rule)
        assert charges.attributed.tolist() == [4, 32]
        assert charges.fully_loaded.tolist() == [32, 32]


@served()
def test_a_hand_over_after_the_warm_up_is_billed_whenever_its_job_arrived(serve):
    # One GPU is busy from 0 to 20; patience 6; warm-up ends at 8. The jobs of 1, 3 and 9 leave at 7, 9 and 15.
    its_fleet, paths = fleet(horizon=20), jobs([0, 1, 3, 9], [20, 1, 1, 1])
    rows = serve(its_fleet, paths, terms(paths, patience=6))
    charges = charge(prices(api_usd_per_job=5.0), its_fleet, paths, rows, tick(8), tick(12), "equal")
    assert lines(charges)["api"] == 10
    assert charges.attributed.tolist() == [0, 0, 0, 5]
    assert charges.fully_loaded.tolist() == [0, 0, 0, 10]
