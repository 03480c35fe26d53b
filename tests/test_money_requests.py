"""Ledgers of inference requests, worked out by hand: worlds of a few requests, whole tables compared.

A replica of one GPU takes 1 s for an iteration and 1 s more for each request in it; the clock stops after 20 s. At 3.6
USD an hour a GPU second costs 1 mUSD: all money below is in mUSD.
"""

from functools import partial

import pytest

from sim.engine.money import LINES
from sim.ground.scenario import Tree, build
from sim.study.simulate import Experiment

engines = partial(pytest.mark.parametrize, "engine", ["kernel", "simpy"])
rules = partial(pytest.mark.parametrize, "rule")

SERVE = {
    "base_ms": 1000,
    "per_request_ms": 1000,
    "per_prefill_token_us": 1e6,
    "kv_tokens": 100,
    "max_num_seqs": 4,
    "token_budget": 4,
}
GPU = {"gpus": 1, "nodes": 1, "usd_per_node_h": 3.6}
API = {"usd_per_million_input_tokens": 2000, "usd_per_million_output_tokens": 8000, "ttft_s": 1}
CHEAP = GPU | {"serve": SERVE}
A_YEAR = 8760 * 3600 / 1000
"""USD a year that are 1 mUSD a second."""


def requests(*rows, **more):
    """A class of requests, each (arrival in s, output) or (arrival in s, output, prompt)."""
    listed = [
        {"arrival_s": row[0], "output_tokens": row[1], "prompt_tokens": row[2] if len(row) > 2 else 1} for row in rows
    ]
    return {"kind": "inference", "requests": listed} | more


def ledger(workload, plan, engine, rule="gpu_time", warm_up=0, window=1000, **settings):
    """Charge a world: the lines of its bill that are not 0, then of each side what its jobs cost, plain and loaded."""
    values = {
        "name": "hand",
        "seed": 1,
        "horizon_days": 20 / 86400,
        "warm_up_days": warm_up / 86400,
        "allocation": {"rule": rule, "window_days": window / 86400},
        "workload": workload,
        "plans": {"plan": plan},
    }
    ready = Experiment.of(build(Tree(values | settings)), 1, engine)
    outcome, shares = ready.charged("plan", ready.served("plan", ready.work(range(1))))
    lines = {line: 1e3 * usd for line, usd in zip(LINES, outcome.lines[0].tolist(), strict=True) if usd}
    return lines, *(((1e3 * each.attributed).tolist(), (1e3 * each.fully_loaded).tolist()) for each in shares)


def check(found, lines, *sides):
    """Compare whole tables: the bill, and of each side what its jobs cost."""
    assert found[0] == pytest.approx(lines, rel=1e-9)
    assert len(found) == 1 + len(sides)
    for got, (attributed, loaded) in zip(found[1:], sides, strict=True):
        assert got[0] == pytest.approx(attributed, rel=1e-9)
        assert got[1] == pytest.approx(loaded, rel=1e-9)


# Iterations: [0, 2] the first alone, [2, 5] both, [5, 7] the first again. GPU seconds: 2 + 1.5 + 2 = 5.5 and 1.5.
PAIR = requests((0, 3), (2, 1))


@engines()
@rules(
    [
        ("gpu_time", [5.5 + 13 * 5.5 / 7, 1.5 + 13 * 1.5 / 7]),
        ("equal", [5.5 + 6.5, 1.5 + 6.5]),
        ("platform", [5.5, 1.5]),
    ]
)
def test_an_iteration_is_shared_by_those_in_it(engine, rule):
    name, loaded = rule
    found = ledger({"chat": PAIR}, {"held": {"gpu": CHEAP}}, engine, name)
    check(found, {"held_used": 7, "held_idle": 13}, ([5.5, 1.5], loaded))


@engines()
def test_gpus_of_a_replica_all_count(engine):
    # Two replicas of 2 GPUs on one node of 4 at 14.4 USD an hour; each request has a replica to itself: 2 x 2 s x 3
    # GPU s, 2 x 2 s; GPU seconds 12 and 4 of 80.
    node = {"gpus": 4, "nodes": 1, "usd_per_node_h": 14.4, "serve": SERVE | {"gpus_per_replica": 2}}
    found = ledger({"chat": PAIR}, {"held": {"gpu": node}}, engine)
    check(found, {"held_used": 16, "held_idle": 64}, ([12, 4], [60, 20]))


@engines()
@rules([("gpu_time", [4 + 16, 5.625, 16.25]), ("equal", [4 + 16 / 3, 5.625 + 16 / 3, 16.25 + 16 / 3])])
def test_the_api_is_paid_by_tokens_with_its_cached_share(engine, rule):
    # The first runs alone for 4 s. The second finds it there and overflows: 750 tokens at 2, 250 at 0.5, 500 at 8 USD
    # a million. The third is too long for the cache: 2,000 tokens of which 500 cached, and 1,625 written.
    name, loaded = rule
    group = CHEAP | {"serve": SERVE | {"overflow_above": 1, "kv_tokens": 2000}}
    api = {
        "usd_per_million_input_tokens": 2,
        "usd_per_million_cached_tokens": 0.5,
        "usd_per_million_output_tokens": 8,
        "ttft_s": 1,
    }
    chat = requests((0, 2), (1, 500, 1000), (10, 1625, 2000), cached_share=0.25)
    found = ledger({"chat": chat}, {"held": {"gpu": group}, "api": api}, engine, name)
    third = 1.5 * 2 + 0.5 * 0.5 + 1.625 * 8
    assert third == 16.25
    check(found, {"held_used": 4, "held_idle": 16, "api": 5.625 + third}, ([4, 5.625, third], loaded))


@engines()
@rules([(True, 1 + 2 + 2), (False, 1 + 4 + 2)])
def test_cached_tokens_need_no_prefill_on_replicas_with_a_prefix_cache(engine, rule):
    # 2 of 4 tokens are cached: 1 s and 1 s for each of the other 2, then 2 s for the second token.
    has_cache, seconds = rule
    group = CHEAP | {"serve": SERVE | {"prefix_cache": has_cache}}
    found = ledger({"chat": requests((0, 2, 4), cached_share=0.5)}, {"held": {"gpu": group}}, engine)
    check(found, {"held_used": seconds, "held_idle": 20 - seconds}, ([seconds], [20]))


@engines()
def test_the_api_alone_shares_staff_alike(engine):
    plan = {"api": API, "staff": {"engineers": 1, "usd_per_year": A_YEAR}, "overhead_usd_per_year": A_YEAR / 2}
    found = ledger({"chat": PAIR}, plan, engine)
    # 1 token read for 2 mUSD; 3 and 1 written for 8 each; 20 mUSD of staff and 10 of overhead, and no GPU time at all.
    check(found, {"api": 36, "staff": 20, "overhead": 10}, ([26, 10], [41, 25]))


NOBODY = {
    "kind": "inference",
    "arrivals": {"law": "poisson", "rate_per_second": 0},
    "prompt_tokens": 1,
    "output_tokens": 1,
}
TWO = {"chat": requests((0, 2)), "code": requests((0, 1), (4, 2))}
GROUPS = {
    "fast": {"gpus": 1, "nodes": 1, "usd_per_node_h": 7.2, "serve": SERVE | {"classes": ["chat"]}},
    "slow": {"gpus": 1, "nodes": 1, "usd_per_node_h": 3.6, "serve": SERVE | {"classes": ["code"]}},
}


@engines()
@rules(
    [
        # Idle money stays with its group; 20 mUSD of staff go by GPU seconds (4, and 2 and 4), or alike.
        ("gpu_time", [8 + 32 + 20 * 0.4], [2 + 14 / 3 + 20 * 0.2, 4 + 28 / 3 + 20 * 0.4]),
        ("equal", [8 + 32 + 20 / 3], [2 + 7 + 20 / 3, 4 + 7 + 20 / 3]),
        ("platform", [8], [2, 4]),
    ]
)
def test_two_groups_have_each_its_rate_and_its_idle_money(engine, rule):
    name, first, second = rule
    plan = {"held": GROUPS, "staff": {"engineers": 1, "usd_per_year": A_YEAR}}
    found = ledger(TWO, plan, engine, name)
    check(found, {"held_used": 14, "held_idle": 46, "staff": 20}, ([8], first), ([2, 4], second))


@engines()
@rules(
    [
        ("gpu_time", [7 + 19 / 3 + 7, 14 + 38 / 3 + 14], [5.5 + 13 * 5.5 / 7 + 5.5, 1.5 + 13 * 1.5 / 7 + 1.5]),
        ("equal", [7 + 9.5 + 7, 14 + 9.5 + 7], [5.5 + 6.5 + 7, 1.5 + 6.5 + 7]),
        ("platform", [7, 14], [5.5, 1.5]),
    ]
)
def test_staff_is_shared_among_fine_tunes_and_requests(engine, rule):
    # A node of 2 GPUs at 2 mUSD a second: fine-tunes of 7 and 14 s on a GPU each: 21 GPU seconds of 40. A replica: 7
    # GPU seconds of 20, as above. Staff: 28 mUSD, 1 for each of the 28 GPU seconds, or 7 for each job.
    name, tunes, chats = rule
    tune = {
        "kind": "fine_tune",
        "jobs": [{"arrival_hours": 0, "service_hours": 7 / 3600}, {"arrival_hours": 0, "service_hours": 14 / 3600}],
    }
    plan = {
        "held": {"box": {"gpus": 2, "nodes": 1, "usd_per_node_h": 7.2}, "gpu": CHEAP},
        "staff": {"engineers": 1, "usd_per_year": A_YEAR * 28 / 20},
    }
    found = ledger({"tune": tune, "chat": PAIR}, plan, engine, name)
    check(found, {"held_used": 28, "held_idle": 32, "staff": 28}, ([7, 14], tunes), ([5.5, 1.5], chats))


@engines()
@rules(["gpu_time", "equal"])
def test_requests_of_the_warm_up_use_but_do_not_pay(engine, rule):
    # Counting begins at 3 s: the pair of above runs on until 7 (4 s), the third from 10 to 12. It alone is counted.
    found = ledger({"chat": requests((0, 3), (2, 1), (10, 1))}, {"held": {"gpu": CHEAP}}, engine, rule, warm_up=3)
    check(found, {"held_used": 6, "held_idle": 11}, ([0, 0, 2], [0, 0, 17]))


@engines()
def test_the_api_bills_a_hand_over_of_the_warm_up_to_nobody(engine):
    # Handed over on arrival, so before counting began: on no bill.
    found = ledger({"chat": requests((0, 3), (10, 1))}, {"api": API}, engine, warm_up=3)
    check(found, {"api": 10}, ([0, 10], [0, 10]))


@engines()
@rules(["gpu_time", "equal"])
def test_idle_money_stays_in_its_window(engine, rule):
    # Windows of 10 s. The first request runs in [0, 2], the second in [10, 18].
    found = ledger({"chat": requests((0, 1), (10, 4))}, {"held": {"gpu": CHEAP}}, engine, rule, window=10)
    check(found, {"held_used": 10, "held_idle": 10}, ([2, 8], [2 + 8, 8 + 2]))


@engines()
def test_a_request_across_a_window_uses_both(engine):
    # It arrives in the first window and runs in [6, 14]: idle are 6 s of the first window, which is its own, and 6 s
    # less the 4 of the other ([14, 18]) in the second.
    found = ledger({"chat": requests((6, 4), (14, 2))}, {"held": {"gpu": CHEAP}}, engine, window=10)
    check(found, {"held_used": 12, "held_idle": 8}, ([8, 4], [8 + 6, 4 + 2]))


@engines()
@rules(
    [
        # 40 mUSD of an idle group: by GPU seconds (2, 4), or alike; the other group's 14 idle mUSD likewise.
        ("gpu_time", [2 + 54 / 3, 4 + 108 / 3]),
        ("equal", [2 + 27, 4 + 27]),
        ("platform", [2, 4]),
    ]
)
def test_a_group_without_requests_is_shared_like_staff(engine, rule):
    name, loaded = rule
    found = ledger(TWO | {"chat": NOBODY}, {"held": GROUPS}, engine, name)
    check(found, {"held_used": 6, "held_idle": 54}, ([], []), ([2, 4], loaded))


@engines()
def test_nobody_at_all_leaves_the_bill(engine):
    check(ledger({"chat": NOBODY}, {"held": {"gpu": CHEAP}}, engine), {"held_idle": 20}, ([], []))


@engines()
def test_what_is_not_started_is_settled_at_a_named_price(engine):
    # One seat, iterations of 2 s: the first runs over the end of the clock, the second waits for ever.
    group = CHEAP | {"serve": SERVE | {"max_num_seqs": 1}}
    settled = {"settle_usd_per_job": 0.07}
    found = ledger({"chat": requests((10, 20), (11, 1))}, {"held": {"gpu": group}}, engine, equal_work=settled)
    check(found, {"held_used": 10, "held_idle": 10, "penalties": 70}, ([10, 70], [20, 70]))


@engines()
@rules([("gpu_time", [80, 80]), ("equal", [80, 80]), ("platform", [70, 70])])
def test_what_is_refused_is_settled_too(engine, rule):
    # Longer than the cache, and no API: two come, at 8 and 16 s. Nobody used a GPU, so all is shared alike.
    name, loaded = rule
    chat = {
        "kind": "inference",
        "arrivals": {"law": "deterministic", "mean_hours": 8 / 3600},
        "prompt_tokens": 200,
        "output_tokens": 1,
    }
    settled = {"settle_usd_per_job": 0.07}
    found = ledger({"chat": chat}, {"held": {"gpu": CHEAP}}, engine, name, equal_work=settled)
    check(found, {"held_idle": 20, "penalties": 140}, ([70, 70], loaded))


@engines()
@rules([("gpu_time", [20 * 5.5 / 7, 20 * 1.5 / 7]), ("equal", [5.5 + 6.5, 1.5 + 6.5])])
def test_an_autoscaled_node_that_is_always_there_costs_what_a_held_one_costs(engine, rule):
    name, loaded = rule
    scaled = SERVE | {"autoscale": {"target": 9, "minimum": 1, "maximum": 1}}
    node = {"gpus": 1, "usd_per_node_h": 3.6, "serve": scaled}
    found = ledger({"chat": PAIR}, {"hired": {"gpu": node}}, engine, name)
    check(found, {"on_demand_used": 7, "on_demand_idle": 13}, ([5.5, 1.5], loaded))


@engines()
@rules([("gpu_time", [15 * 5.5 / 7, 15 * 1.5 / 7]), ("equal", [5.5 + 4, 1.5 + 4])])
def test_serving_does_not_pay_what_it_lends(engine, rule):
    # The node serves for 10 s and is lent for 10, of which a fine-tune uses 5; 8 are idle, and serving carries them.
    name, loaded = rule
    tune = {"kind": "fine_tune", "jobs": [{"arrival_hours": 0, "service_hours": 5 / 3600}]}
    day = SERVE | {"schedule": [{"from_hour": 0, "nodes": 1}, {"from_hour": 10 / 3600, "nodes": 0}]}
    found = ledger({"tune": tune, "chat": PAIR}, {"held": {"gpu": GPU | {"serve": day}}}, engine, name)
    check(found, {"held_used": 12, "held_idle": 8}, ([5], [5]), ([5.5, 1.5], loaded))
