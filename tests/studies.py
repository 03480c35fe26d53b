"""What tests of studies share: the article's hybrid plan, a world of requests, and the JSON contract."""

import json

import pytest

from sim.engine.money import LINES
from sim.study import as_json

RATE = "workload.tuning.arrivals.rate_per_day"
HYBRID = {
    "held": {"p4d": {"instance": "p4d.24xlarge", "nodes": 1, "rate": "reserved_1y"}},
    "patience_hours": 4,
    "api": {"offer": "openai_2023_08"},
}
CHAT = """\
name: chat
seed: 7
horizon_days: 0.02
warm_up_days: 0.002
workload:
  chat:
    kind: inference
    arrivals: {law: poisson, rate_per_second: 2}
    prompt_tokens: {law: lognormal, mean: 500, cv: 1}
    output_tokens: 50
plans:
  own:
    held:
      gpu:
        gpus: 1
        nodes: 1
        usd_per_node_h: 3
        serve: {base_ms: 10, per_kv_token_us: 0.05, per_prefill_token_us: 50, kv_tokens: 100000}
  hybrid:
    held: {gpu: {gpus: 1, nodes: 1, usd_per_node_h: 3, serve: {model: llama_3_1_8b, accelerator: H100-80GB}}}
    api: {usd_per_million_input_tokens: 1, usd_per_million_output_tokens: 2, ttft_s: 0.5, seconds_per_output_token: 1}
  api:
    api: {inference_offer: together_llama_31_8b, ttft_s: 0.5, seconds_per_output_token: 0.01}
"""
"""Requests that come to one GPU, to another with an API behind it, and to an API alone."""

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


def plans(**more) -> dict:
    """One node held, and the same node hired by the job."""
    held = {"held": {"n": {"gpus": 8, "nodes": 1, "usd_per_node_h": 10}}}
    return {"reserved": held, "on_demand": {"hired": {"n": {"gpus": 8, "usd_per_node_h": 100}}}, **more}


def bytes_of(study) -> str:
    """All of a study: its JSON, and every float of its sums."""
    sums = [
        [outcome.lines.tobytes().hex(), *(fold.sums.tobytes().hex() for fold in outcome.classes.values())]
        for outcome in study.outcomes.values()
    ]
    return json.dumps([as_json(study.result), sums])
