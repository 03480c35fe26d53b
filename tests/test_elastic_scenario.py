"""Elastic capacity in a scenario: hired, lent, failing nodes; what is read as meant, what is refused in which words."""

import copy
import re

import pytest
from elastic_plans import API, CHAT, HELD, HIRED, SCALE, SERVE, SHIFTS, world
from full import BAD_NUMBERS, numbers_of, with_value
from refusals import ROOT
from worlds import ARTICLE, scenario

from sim.ground.faults import InputError
from sim.ground.scenario import Plan, build, load, resolved_yaml
from sim.ground.scenario.tree import Tree
from sim.ground.units import tick

SPOT = {"instance": "p4d.24xlarge", "rate": "spot"}
EXPONENTIAL = {"law": "exponential", "mean": 2}

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


def mine(plan: dict, chat: bool = False) -> Plan:
    """That plan."""
    return world(plan, chat).plans["mine"]


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
