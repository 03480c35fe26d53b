"""Elastic capacity in a scenario: what is refused, in which words."""

import pytest
from elastic_plans import API, HELD, HIRED, SCALE, SERVE, SHIFTS, refusals, world
from worlds import ARTICLE, scenario

from sim.ground.faults import InputError


@pytest.mark.parametrize(
    ("keys", "refusal"),
    [
        ({"maximum": 0}, "plans.mine.hired.p4d.maximum must be a whole number from 1 to 100000, got 0"),
        ({"spot": True}, "must have a spot rate with `spot: true`, got 'on_demand'; leave one of the two out"),
        ({"rate": "spot", "spot": False}, "must have no spot rate with `spot: false`, got 'spot'"),
        ({"trace": {"file": "x"}}, "must have a spot rate or `spot: true` with `trace`, because its nodes are taken"),
        (
            {"rate": "spot", "trace": {"file": "x"}, "supply": {"on_hours": 1, "off_hours": 1}},
            "must have either `trace` or `supply`, got both",
        ),
        ({"trace": {}}, "plans.mine.hired.p4d.trace.file is missing"),
        ({"supply": {"on_hours": 1}}, "plans.mine.hired.p4d.supply.off_hours is missing"),
        (
            {"supply": {"on_hours": 1e-4, "off_hours": 0}},
            "p4d.supply must bring fewer turns within horizon_days, got 8.7",
        ),
        ({"supply": {"on_hours": 0, "off_hours": 0}}, "p4d.supply must bring fewer turns within horizon_days, got inf"),
        ({"lifetime_hours": 0}, "lifetime_hours must bring fewer lifetimes of a node within horizon_days, got inf"),
        ({"lifetime_hours": 0.001}, "within horizon_days, got 8.76e+06; give longer ones (at most 1,000,000)"),
        ({"retry_minutes": 0}, "retry_minutes must be a number from 0.01 to 1e+07, got 0"),
        ({"billing_step_s": 0}, "billing_step_s must be a number from 1e-06 to 1e+07, got 0"),
        ({"available_share": 90}, "available_share must be 0 or a number from 1e-09 to 1, got 90"),
        ({"bill_from": "boot"}, "plans.mine.hired.p4d.bill_from must be 'order' or 'ready', got 'boot'"),
        ({"boot_minutes": "5 min"}, "boot_minutes must be a number, or a law like {law: lognormal, mean: 1, cv: 0.5}"),
        ({"boot_minuts": 5}, "boot_minuts is not a key here; did you mean `boot_minutes`?"),
        ({"failures": {}}, "plans.mine.hired.p4d.failures is not a key here"),
        ({"nodes": 2}, "plans.mine.hired.p4d.nodes is not a key here"),
        (
            {"maximum": 65537, "boot_minutes": 1},
            "plans.mine must have fewer nodes or a shorter horizon_days: 65,537 nodes",
        ),
    ],
    ids=str,
)
def test_refusals_of_hired_nodes(keys, refusal):
    found = refusals({"hired": {"p4d": HIRED | keys}})
    assert any(refusal in line for line in found), found


@pytest.mark.parametrize(
    ("serve", "keys", "refusal"),
    [
        ({}, {}, "plans.mine.hired.chat must have serve.autoscale, because hired nodes come and go"),
        ({"schedule": SHIFTS, "autoscale": SCALE}, {}, "must have no serve.schedule, because hired nodes are not lent"),
        ({"autoscale": SCALE | {"minimum": 4}}, {}, "must have a minimum of at most maximum (3), got 4"),
        ({"autoscale": {"maximum": 3}}, {}, "plans.mine.hired.chat.serve.autoscale.target is missing"),
        ({"autoscale": {"target": 3}}, {}, "plans.mine.hired.chat.serve.autoscale.maximum is missing"),
        ({"autoscale": SCALE | {"maximum": 0}}, {}, "maximum must be a whole number from 1 to 100000, got 0"),
        ({"autoscale": SCALE | {"tick_s": 0.01}}, {}, "tick_s must be a number from 0.1 to 1e+07, got 0.01"),
        ({"autoscale": SCALE | {"target": 0.5}}, {}, "target must be a whole number from 1 to 100000, got 0.5"),
        (
            {"autoscale": SCALE, "load_minutes": 1},
            {},
            "must have no load_minutes, because its nodes always serve; state",
        ),
        ({"autoscale": SCALE, "switch_minutes": 1}, {}, "must have a `schedule` with switch_minutes"),
        (
            {"autoscale": SCALE},
            {"maximum": 2},
            "must have no `maximum` with `serve`, it is for nodes that run fine-tunes",
        ),
        ({"autoscale": SCALE}, {"idle_release_minutes": 2}, "must have no `idle_release_minutes` with `serve`"),
        ({"autoscale": SCALE}, {"lifetime_hours": 2}, "must have no `lifetime_hours` with `serve`"),
        ({"autoscale": SCALE}, {"available_share": 0.5}, "must have no `available_share` with `serve`"),
        ({"autoscale": SCALE}, {"rate": "spot"}, "must not serve on spot nodes, because reclaims of replicas are not"),
        ({"autoscale": SCALE, "gpus_per_replica": 16}, {}, "must have nodes of at least serve.gpus_per_replica (16)"),
        (
            {"autoscale": SCALE | {"maximum": 100_000}},
            {},
            "chat.serve must make at most 65,536 replicas and 4,000,000 seats (max_num_seqs of each), got 800,000 and",
        ),
    ],
    ids=str,
)
def test_refusals_of_hired_nodes_that_serve(serve, keys, refusal):
    group = HIRED | keys | {"serve": SERVE | serve}
    found = refusals({"held": {"own": HELD}, "hired": {"chat": group}}, chat=True)
    assert any(refusal in line for line in found), found


@pytest.mark.parametrize(
    ("serve", "keys", "refusal"),
    [
        ({"schedule": [{"from_hour": 8, "nodes": 3}]}, {}, "must have a serve.schedule of at most its 2 nodes, got 3"),
        ({"schedule": SHIFTS[::-1]}, {}, "must have a schedule whose from_hour ascends, got 20, 8"),
        ({"schedule": SHIFTS[:1] * 2}, {}, "must have a schedule whose from_hour ascends, got 8, 8"),
        ({"schedule": []}, {}, "plans.mine.held.chat.serve.schedule must have at least 1 entry"),
        (
            {"schedule": [{"from_hour": 24, "nodes": 1}]},
            {},
            "from_hour must be 0 or a number from 0.0001 to 23.9999, got 24",
        ),
        (
            {"schedule": [{"from_hour": -1, "nodes": 1}]},
            {},
            "from_hour must be 0 or a number from 0.0001 to 23.9999, got -1",
        ),
        ({"schedule": [{"from_hour": 1}]}, {}, "plans.mine.held.chat.serve.schedule.0.nodes is missing"),
        (
            {"switch_minutes": 1},
            {},
            "must have a `schedule` with switch_minutes, because nodes change hands by it alone",
        ),
        ({"load_minutes": 1}, {}, "must have no load_minutes, because its nodes always serve; state `schedule`"),
        (
            {"autoscale": SCALE},
            {},
            "must have no serve.autoscale, because held nodes are paid anyway; put the group under",
        ),
        ({}, {"failures": {"up_hours": 9, "repair_hours": 1}}, "must have no `failures` with `serve`; only nodes that"),
        ({}, {"rate": "spot"}, "must have a rate at which nodes can be held, got 'spot'; put it under `hired`"),
        (
            {"schedule": SHIFTS},
            {"instance": "p5.4xlarge", "rate": "on_demand"},
            "must have nodes of one size for fine-tunes, held, hired and lent alike, got 1 GPUs and 8 GPUs; put other",
        ),
    ],
    ids=str,
)
def test_refusals_of_lent_nodes(serve, keys, refusal):
    group = HELD | keys | {"serve": SERVE | serve}
    found = refusals({"held": {"chat": group, "own": HELD}}, chat=True, price_date="2026-04-01")
    assert any(refusal in line for line in found), found


@pytest.mark.parametrize(
    ("plan", "refusal"),
    [
        (
            {"hired": {"a": HIRED, "b": HIRED}},
            "plans.mine must hire one kind of node for fine-tunes, got a and b; make it",
        ),
        (
            {"held": {"own": HELD}, "hired": {"b": {"gpus": 4, "usd_per_node_h": 1}}},
            "must have nodes of one size for fine-tunes, held, hired and lent alike, got 4 GPUs and 8 GPUs",
        ),
        ({"api": API, "checkpoints": "continuous"}, "must have nodes for fine-tunes, because it has `checkpoints`"),
        ({"api": API, "restart_minutes": 1}, "must have nodes for fine-tunes, because it has `restart_minutes`"),
        ({"api": API, "preempt": True}, "must have nodes for fine-tunes, because it has `preempt`; leave it out"),
        ({"api": API, "patience_hours": 1}, "must have nodes for fine-tunes (held, hired or lent) and an `api` that"),
        ({"hired": {"a": HIRED}, "queue_limit": 1}, "because it has `queue_limit` (requests overflow by"),
        ({"held": {"own": HELD}, "preempt": 1}, "plans.mine.preempt"),
        (
            {"held": {"own": HELD}, "checkpoints": "hourly"},
            "plans.mine.checkpoints must be `continuous` or a mapping like {interval_minutes: 30, cost_minutes: 1}",
        ),
        ({"held": {"own": HELD}, "checkpoints": {}}, "plans.mine.checkpoints.interval_minutes is missing"),
        ({"held": {"own": HELD}, "checkpoints": 30}, "plans.mine.checkpoints must be `continuous` or a mapping like"),
        (
            {"held": {"own": HELD}, "checkpoints": {"interval_minutes": 5, "cost_minutes": 6}},
            "plans.mine.checkpoints must have cost_minutes of at most interval_minutes (5), got 6",
        ),
        (
            {"held": {"own": HELD}, "checkpoints": {"interval_minutes": 0, "cost_minutes": 6}},
            "must have no cost_minutes with continuous checkpoints (interval_minutes 0), got 6",
        ),
        (
            {"held": {"own": HELD}, "checkpoints": {"interval_minutes": 0.001}},
            "interval_minutes must be 0 or a number from 0.01 to 1e+07, got 0.001",
        ),
        (
            {"held": {"own": HELD | {"failures": {"up_hours": 0.01, "repair_hours": 0}}}},
            "own.failures must bring fewer failures and repairs of its nodes within horizon_days, got 1.75",
        ),
        (
            {"held": {"own": HELD | {"nodes": 70_000, "failures": {"up_hours": 9000, "repair_hours": 1}}}},
            "70,000 nodes, as the next power of four, times the horizon in microseconds must stay below 2^61, got 262",
        ),
        (
            {"held": {"own": HELD | {"nodes": 1}}, "hired": {"more": HIRED | {"maximum": 1}}},
            "must fit plan `mine`: jobs of 24 GPUs would block its 16 GPUs for ever; add nodes or raise the maximum",
        ),
        (
            {"hired": {"a": {"gpus": 16, "usd_per_node_h": 1, "boot_minutes": 1}}},
            "fit no whole number of its nodes of 16",
        ),
        ({"held": {"own": HELD}, "staff": {"nodes_per_engineer": 9}}, "plans.mine.staff.usd_per_year is missing"),
    ],
    ids=str,
)
def test_refusals_of_plans(plan, refusal):
    found = refusals(plan, **{"workload.tuning.gpus": 24, "plans.reserved.held.p4d.nodes": 3})
    assert any(refusal in line for line in found), found


def test_refusals_of_groups_of_one_name():
    serve = {
        "held": {"chat": HELD | {"serve": SERVE}},
        "hired": {"chat": HIRED | {"serve": SERVE | {"autoscale": SCALE}}},
    }
    found = refusals(serve, chat=True)
    assert "must give `chat` to one group that serves, got it under `held` and `hired`" in found[0]


def test_a_far_horizon_leaves_room_for_few_nodes():
    far = {"horizon_days": 1_000_000, "allocation.window_days": 1_000_000, "workload.tuning.arrivals.rate_per_day": 1}
    assert world({"hired": {"more": HIRED}}, **far).plans["mine"].frictionless
    found = refusals({"held": {"own": HELD | {"nodes": 100}}, "hired": {"more": HIRED}}, **far)
    assert "164 nodes, as the next power of four, times the horizon in microseconds" in found[0]


def test_all_faults_at_once_each_with_its_line():
    text = ARTICLE + (
        "  mine:\n"
        "    held: {own: {instance: p4d.24xlarge, nodes: 1, rate: reserved_1y, failures: {up_hours: 9}}}\n"
        "    hired: {more: {instance: p4d.24xlarge, rate: on_demand, boot_minutes: -1, suply: {}}}\n"
        "    checkpoints: never\n"
    )
    with pytest.raises(InputError) as refused:
        scenario(text)
    found = [str(fault) for fault in refused.value.faults]
    assert len(found) == 4, found
    assert {line.split(":")[1] for line in found} == {"21", "22", "23"}
