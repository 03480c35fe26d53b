"""Elastic capacity in a scenario: hired, lent, failing nodes; what is read as meant, what is refused in which words."""

import copy
import re

import pytest
from full import BAD_NUMBERS, numbers_of, with_value
from refusals import ROOT
from worlds import ARTICLE, scenario

from sim.faults import InputError
from sim.scenario import Plan, build, load, resolved_yaml
from sim.scenario.tree import Tree
from sim.units import tick

HELD = {"instance": "p4d.24xlarge", "rate": "reserved_1y", "nodes": 2}
HIRED = {"instance": "p4d.24xlarge", "rate": "on_demand"}
SPOT = {"instance": "p4d.24xlarge", "rate": "spot"}
API = {"offer": "openai_2023_08"}
EXPONENTIAL = {"law": "exponential", "mean": 2}
CHAT = {
    "kind": "inference",
    "arrivals": {"law": "poisson", "rate_per_second": 0.1},
    "prompt_tokens": 9,
    "output_tokens": 9,
}
SERVE = {"base_ms": 10, "kv_tokens": 1000, "max_num_seqs": 8, "token_budget": 16}
SHIFTS = [{"from_hour": 8, "nodes": 2}, {"from_hour": 20, "nodes": 0}]
SCALE = {"target": 4, "maximum": 3}

EVERY_ELASTIC_NUMBER = {
    "name": "elastic",
    "horizon_days": 10,
    "workload": {
        "tune": {"kind": "fine_tune", "arrivals": {"law": "poisson", "rate_per_day": 1}, "gpus": 1, "service_hours": 1},
        "chat": CHAT | {"arrivals": {"law": "poisson", "rate_per_second": 1}},
    },
    "plans": {
        "hybrid": {
            "held": {
                "own": {
                    "gpus": 8,
                    "usd_per_node_h": 1,
                    "nodes": 1,
                    "failures": {
                        "up_hours": {"law": "weibull", "mean": 100, "shape": 1},
                        "repair_hours": {"law": "exponential", "mean": 1},
                    },
                },
                "chat": {
                    "gpus": 8,
                    "usd_per_node_h": 1,
                    "nodes": 2,
                    "serve": SERVE
                    | {
                        "schedule": [{"from_hour": 8, "nodes": 2}, {"from_hour": 20, "nodes": 1}],
                        "switch_minutes": 1,
                        "load_minutes": 1,
                    },
                },
            },
            "hired": {
                "more": {
                    "gpus": 8,
                    "usd_per_node_h": 1,
                    "maximum": 2,
                    "after_minutes": 1,
                    "boot_minutes": 1,
                    "idle_release_minutes": 1,
                    "billing_step_s": 1,
                    "minimum_minutes": 1,
                    "available_share": 0.5,
                    "retry_minutes": 1,
                    "supply": {"on_hours": 1, "off_hours": {"law": "lognormal", "mean": 1, "cv": 1}},
                    "lifetime_hours": {"law": "gamma", "mean": 1, "cv": 1},
                },
            },
            "checkpoints": {"interval_minutes": 30, "cost_minutes": 1},
            "restart_minutes": 1,
        },
        "scaled": {
            "held": {"own": {"gpus": 8, "usd_per_node_h": 1, "nodes": 1}},
            "hired": {
                "chat": {
                    "gpus": 8,
                    "usd_per_node_h": 1,
                    "boot_minutes": {"law": "erlang", "mean": 1, "phases": 2},
                    "serve": SERVE
                    | {
                        "autoscale": {
                            "target": 2,
                            "maximum": 2,
                            "minimum": 1,
                            "tick_s": 1,
                            "load_minutes": {"law": "exponential", "mean": 1},
                            "cool_down_minutes": 1,
                        }
                    },
                }
            },
        },
    },
}
"""Every number that elastic capacity brings to a scenario, each good."""

PATHS = [path for path in numbers_of(EVERY_ELASTIC_NUMBER) if path[0] == "plans" and "usd_per_node_h" not in path]


def world(plan: dict, chat: bool = False, **more):
    """The article with one more plan, and a class of requests if wanted."""
    plans = {"plans.mine": plan} if not chat else {"plans": {"mine": plan}, "workload.chat": CHAT, "horizon_days": 10}
    return scenario(ARTICLE, plans | {"price_date": "2026-01-01" if chat else "2023-10-01"} | more)


def mine(plan: dict, chat: bool = False) -> Plan:
    """That plan."""
    return world(plan, chat).plans["mine"]


def refusals(plan: dict, chat: bool = False, **more) -> list[str]:
    """Its faults, one a line."""
    with pytest.raises(InputError) as refused:
        world(plan, chat, **more)
    return [str(fault) for fault in refused.value.faults]


def test_hired_nodes_as_read():
    plan = mine({"hired": {"p4d": SPOT | {"maximum": 3, "after_minutes": 30, "boot_minutes": 6, "billing_step_s": 60}}})
    hired = plan.hired_tuning
    assert (plan.nodes, plan.lent, plan.maximum_nodes, plan.gpus_per_node, plan.spot) == (0, 0, 3, 8, True)
    assert (hired.after_ticks, hired.retry_ticks) == (tick(0.5), tick(1 / 12))
    assert (hired.billing_step_ticks, hired.minimum_ticks, hired.idle_release_ticks) == (60_000_000, 0, 0)
    assert (hired.bill_from, hired.boots_at_once, hired.scarce, plan.frictionless) == ("order", False, False, False)


@pytest.mark.parametrize(
    ("group", "spot"),
    [
        (HIRED, False),
        (SPOT, True),
        (SPOT | {"spot": True}, True),
        ({"gpus": 8, "usd_per_node_h": 9}, False),
        ({"gpus": 8, "usd_per_node_h": 9, "spot": True}, True),
    ],
)
def test_which_nodes_are_spot(group, spot):
    assert mine({"hired": {"p4d": group}}).spot is spot


@pytest.mark.parametrize(
    "keys",
    [
        {"maximum": 9},
        {"after_minutes": 1},
        {"boot_minutes": EXPONENTIAL},
        {"idle_release_minutes": 1},
        {"billing_step_s": 60},
        {"minimum_minutes": 1},
        {"available_share": 0.9},
        {"supply": {"on_hours": EXPONENTIAL, "off_hours": 1}},
        {"lifetime_hours": EXPONENTIAL},
        {"trace": {"file": "x.csv"}, "spot": True, "rate": "spot"},
    ],
    ids=str,
)
def test_any_friction_ends_a_node_for_each_job(keys):
    assert not mine({"hired": {"p4d": HIRED | keys}}).frictionless


def test_a_node_for_each_job_at_once_where_nothing_but_a_price_is_said():
    for keys in ({}, {"retry_minutes": 9}, {"bill_from": "ready"}, {"boot_minutes": 0, "available_share": 1}):
        assert mine({"hired": {"p4d": HIRED | keys}}).frictionless
    alone = {"hired": {"p4d": HIRED}}
    assert mine(alone | {"checkpoints": "continuous", "preempt": True}).frictionless
    assert not mine(alone | {"checkpoints": {"interval_minutes": 30, "cost_minutes": 1}}).frictionless
    assert not mine(alone | {"held": {"own": HELD | {"nodes": 0}}}).frictionless
    assert not mine({"held": {"own": HELD}}).frictionless


@pytest.mark.parametrize(
    ("parts", "nodes", "most"),
    [
        (["held"], 2, 2),
        (["hired"], 0, None),
        (["api"], 0, 0),
        (["held", "hired"], 2, None),
        (["held", "api"], 2, 2),
        (["hired", "api"], 0, None),
        (["held", "hired", "api"], 2, None),
    ],
)
def test_every_combination(parts, nodes, most):
    all_parts = {"held": {"own": HELD}, "hired": {"more": HIRED}, "api": API}
    plan = {part: all_parts[part] for part in parts}
    assert (mine(plan).nodes, mine(plan).maximum_nodes, mine(plan).trains) == (nodes, most, True)
    if len(parts) > 1 and "api" in parts:
        assert mine(plan | {"patience_hours": 4, "queue_limit": 2}).queue_limit == 2


def test_lent_nodes():
    group = HELD | {"serve": SERVE | {"schedule": SHIFTS, "switch_minutes": 6}}
    plan = mine({"held": {"chat": group}, "checkpoints": "continuous"}, chat=True)
    assert (plan.nodes, plan.lent, plan.maximum_nodes, plan.gpus_per_node, plan.trains) == (0, 2, 2, 8, True)
    assert plan.held["chat"].mean_lent == 1
    assert plan.checkpoints.interval_ticks == 0
    assert plan.server("chat") == "chat"
    serve = plan.held["chat"].serve
    assert serve.timetable(tick(30)) == ([0, tick(8), tick(20)], [0, 2, 0])
    assert serve.timetable(tick(33)) == ([0, tick(8), tick(20), tick(32)], [0, 2, 0, 2])
    always = mine({"held": {"chat": HELD | {"serve": SERVE}}, "api": API}, chat=True)
    assert (always.lent, always.tunes_on_nodes, always.held["chat"].mean_lent) == (0, False, 0)
    with pytest.raises(LookupError, match="have no schedule"):
        always.held["chat"].serve.timetable(1)


def test_a_timetable_says_only_what_changes():
    shifts = [{"from_hour": 0, "nodes": 2}, {"from_hour": 6, "nodes": 2}, {"from_hour": 12, "nodes": 1}]
    serve = mine({"held": {"chat": HELD | {"serve": SERVE | {"schedule": shifts}}}}, chat=True).held["chat"].serve
    assert serve.timetable(tick(48)) == ([0, tick(12), tick(24), tick(36)], [2, 1, 2, 1])
    assert serve.mean_scheduled == 1.5


def test_hired_nodes_that_serve():
    group = HIRED | {"boot_minutes": 3, "serve": SERVE | {"autoscale": SCALE | {"load_minutes": 2}}}
    plan = mine({"held": {"own": HELD}, "hired": {"chat": group}}, chat=True)
    assert (list(plan.hired_serving), plan.hired_tuning, list(plan.all_serving)) == (["chat"], None, ["chat"])
    assert (plan.server("chat"), plan.hired["chat"].replicas, plan.hired["chat"].most_nodes) == ("chat", 24, 3)
    assert plan.hired["chat"].serve.load_law.mean == 2
    assert plan.hired["chat"].serve.autoscale.cool_down_minutes == 5


@pytest.mark.parametrize(
    ("parts", "usable", "reachable"),
    [
        ({"held": {"own": HELD}}, 16, 16),
        ({"hired": {"more": HIRED}}, 0, None),
        ({"held": {"own": HELD}, "hired": {"more": HIRED | {"maximum": 3}}}, 16, 40),
        ({"held": {"own": HELD}, "hired": {"more": HIRED | {"available_share": 0}}}, 16, 16),
        ({"api": API}, 0, 0),
    ],
)
def test_capacity(parts, usable, reachable):
    one = world(parts)
    assert (one.usable_gpus(one.plans["mine"]), one.reachable_gpus(one.plans["mine"])) == (usable, reachable)
    fives = world(parts, **{"workload.tuning.gpus": 5})
    assert fives.usable_gpus(fives.plans["mine"]) == usable * 5 // 8


def test_lent_capacity_counts_by_its_share_of_the_day():
    one = world({"held": {"chat": HELD | {"serve": SERVE | {"schedule": SHIFTS}}}}, chat=True)
    assert (one.usable_gpus(one.plans["mine"]), one.reachable_gpus(one.plans["mine"])) == (0, 8)


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


def test_every_default_written_out_reads_back_as_the_same_scenario():
    first = build(Tree(copy.deepcopy(EVERY_ELASTIC_NUMBER)))
    text = resolved_yaml(first)
    assert scenario(text) == first
    assert resolved_yaml(scenario(text)) == text
    continuous = world({"held": {"own": HELD}, "checkpoints": "continuous"})
    assert scenario(resolved_yaml(continuous)) == continuous
    bare = world({"hired": {"more": HIRED}})
    assert scenario(resolved_yaml(bare)).plans["mine"].frictionless


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ".".join(map(str, path)))
def test_b04_every_number_refuses_what_is_none(path):
    key = ".".join(map(str, path))
    for value in BAD_NUMBERS[:9]:
        with pytest.raises(InputError) as error:
            build(Tree(with_value(EVERY_ELASTIC_NUMBER, path, value)))
        told = str(error.value)
        assert f"{key} must be " in told
        assert re.search(r"from [\d.e+-]+ to [\d.e+-]+", told), told


def test_what_nodes_rest_on_is_listed_with_its_source():
    plan = {
        "held": {"own": HELD | {"failures": {"up_hours": EXPONENTIAL, "repair_hours": 8, "source": "measured: a"}}},
        "hired": {
            "more": SPOT
            | {
                "boot_minutes": 6,
                "boot_source": "assumed: b",
                "lifetime_hours": EXPONENTIAL,
                "lifetime_source": "measured: c",
                "available_share": 0.5,
                "supply": {"on_hours": 20, "off_hours": 4, "source": "d"},
            }
        },
        "checkpoints": {"interval_minutes": 30, "cost_minutes": 1, "source": "assumed: e"},
    }
    listed = world(plan).plans["mine"].inputs(None)
    assert [(row.what, row.value, row.unit, row.basis, row.source) for row in listed if "USD" not in row.unit] == [
        ("held own: up until a failure", 2, "h on average (exponential)", "measured", "a"),
        ("held own: repair", 8, "h", "measured", "a"),
        ("hired more: boot", 6, "minutes", "assumed", "b"),
        ("hired more: ready until it is taken back", 2, "h on average (exponential)", "measured", "c"),
        ("hired more: orders granted", 0.5, "of 1", "stated", "the scenario, which gives no source"),
        ("hired more: supply on", 20, "h", "stated", "d"),
        ("hired more: supply off", 4, "h", "stated", "d"),
        ("writing a checkpoint", 1, "minutes", "assumed", "e"),
    ]
    scaled = HIRED | {"serve": SERVE | {"autoscale": SCALE | {"load_minutes": 2, "source": "assumed: f"}}}
    listed = mine({"held": {"own": HELD}, "hired": {"chat": scaled}}, chat=True).inputs(None)
    assert [(row.value, row.unit, row.source) for row in listed][-1] == (2, "minutes", "f")


def test_the_shipped_plans_are_as_short_as_they_read():
    elastic = load(ROOT / "experiments" / "scenarios" / "elastic.yaml").plans
    assert set(elastic) >= {"reserved", "on_demand", "spot", "autoscaled", "hybrid_api", "hybrid_on_demand", "api"}
    assert (len(elastic), elastic["spot"].spot, elastic["autoscaled"].maximum_nodes) == (8, True, 2)
    shared = load(ROOT / "experiments" / "scenarios" / "shared.yaml").plans["shared"]
    assert (shared.nodes, shared.lent, shared.held["chat"].lends) == (0, 1, 1)
    short = scenario(
        ARTICLE
        + "  spot: {hired: {p4d: {instance: p4d.24xlarge, rate: spot, lifetime_hours: 10}}, checkpoints: continuous}\n"
        + "  autoscaled: {hired: {p4d: {instance: p4d.24xlarge, rate: on_demand, maximum: 4}}}\n"
        + "  hybrid_on_demand:\n"
        + "    held: {p4d: {instance: p4d.24xlarge, rate: reserved_1y, nodes: 1}}\n"
        + "    hired: {p4d: {instance: p4d.24xlarge, rate: on_demand, after_minutes: 60}}\n"
    ).plans
    assert [short[name].maximum_nodes for name in ("spot", "autoscaled", "hybrid_on_demand")] == [None, 4, None]
    assert short["spot"].checkpoints.cost_ticks == 0
