"""Inference in a scenario: what is read as meant, what is refused and in which words."""

import copy

import pytest
from full import EVERY_SERVING_NUMBER
from worlds import scenario

from sim.ground.faults import InputError
from sim.ground.scenario import build, resolved_yaml
from sim.ground.scenario.tree import Tree

WORLD = """\
name: chat
horizon_days: 1
workload:
  chat:
    kind: inference
    arrivals: {law: poisson, rate_per_second: 0.5}
    prompt_tokens: {law: lognormal, mean: 800, cv: 1.5}
    output_tokens: 250
plans:
  own:
    held: {gpu: {instance: p5.48xlarge, rate: on_demand, nodes: 1, serve: {model: llama_3_1_8b}}}
  api:
    api: {inference_offer: openai_gpt_35_turbo_2023_06}
"""
TERMS = {"base_ms": 6, "per_kv_token_us": 0.05, "kv_tokens": 100_000}
"""A pace in terms."""

PRICES = {"usd_per_million_input_tokens": 1, "usd_per_million_output_tokens": 2}
"""An API that serves inference."""

"""Every number that inference brings to a scenario, each good."""


def world(settings: dict | None = None):
    """The world above with values put in at dotted keys."""
    return scenario(WORLD, settings)


def refusals(settings: dict) -> list[str]:
    """The faults of the world above with these settings, one a line."""
    with pytest.raises(InputError) as refused:
        world(settings)
    return [str(fault) for fault in refused.value.faults]


def test_the_world_as_read():
    chat = world()
    assert (list(chat.chats), list(chat.tunes), chat.offered_gpus) == (["chat"], [], None)
    assert chat.chats["chat"].mean_tokens == (800, 250)
    own = chat.plans["own"]
    assert (own.server("chat"), own.held["gpu"].replicas, own.nodes, own.all_gpus) == ("gpu", 8, 0, 8)
    assert own.held["gpu"].profile.kv_tokens > 0
    assert (chat.plans["api"].server("chat"), chat.plans["api"].api.serves, chat.plans["api"].trains) == (
        None,
        True,
        False,
    )
    assert [entry.value for entry in chat.plans["api"].inputs(None)] == [1.5, 1.5, 2.0]


def test_every_default_written_out_reads_back_as_the_same_scenario():
    for first in (world(), build(Tree(copy.deepcopy(EVERY_SERVING_NUMBER)))):
        text = resolved_yaml(first)
        assert scenario(text) == first
        assert resolved_yaml(scenario(text)) == text


def test_means_and_longest_of_a_class():
    pairs = {
        "prompt_tokens": None,
        "output_tokens": None,
        "tokens": {"pairs": [[10, 20], [30, 40]], "weights": [0.25, 0.75]},
    }
    drawn = world({f"workload.chat.{key}": value for key, value in pairs.items()}).chats["chat"]
    assert (drawn.mean_tokens, drawn.longest_listed) == ((25, 35), 69)
    rows = [{"arrival_s": 0, "prompt_tokens": 5, "output_tokens": 6}]
    listed = world({"workload.chat": {"kind": "inference", "requests": rows}}).chats["chat"]
    assert (listed.mean_tokens, listed.longest_listed) == (None, 10)
    blend = {
        "law": "blend",
        "weights": [0.25, 0.75],
        "parts": [{"law": "exponential", "mean": 4}, {"law": "lognormal", "mean": 8, "cv": 1}],
    }
    assert world({"workload.chat.prompt_tokens": blend}).chats["chat"].mean_tokens == (7, 250)


@pytest.mark.parametrize(
    ("key", "value", "refusal"),
    [
        ("chat.kind", "inferense", "workload.chat must have a known kind; did you mean `inference`?"),
        ("chat.kind", None, "workload.chat must have a"),
        ("chat.gpus", 8, "workload.chat.gpus is not a key here; choose from"),
        ("chat.promt_tokens", 8, "promt_tokens is not a key here; did you mean `prompt_tokens`?"),
        ("chat.requests", [], "must have exactly one of `arrivals`, `requests`, `trace`, got arrivals and"),
        ("chat.arrivals", None, "must have exactly one of `arrivals`, `requests`, `trace`, got none"),
        ("chat.arrivals.rate_per_day", 9, "must have exactly one of `rate_per_day`, `rate_per_second`"),
        ("chat.output_tokens", None, "must have `prompt_tokens` and `output_tokens`, or `tokens` (pairs or a file)"),
        (
            "chat.tokens",
            {"pairs": [[1, 1]]},
            "must have `prompt_tokens` and `output_tokens`, or `tokens` (pairs or a file)",
        ),
        ("chat.prompt_tokens.law", "cauchy", "chat.prompt_tokens must have a known law; choose from"),
        ("chat.prompt_tokens.cv", -1, "prompt_tokens.cv must be 0 or a number from 0.001 to 100, got -1"),
        (
            "chat.output_tokens",
            "250 tokens",
            "chat.output_tokens must be a number, or a law like {law: lognormal, mean: 1, cv: 0.5}, got '250 tokens'",
        ),
        ("chat.cached_share", 50, "workload.chat.cached_share must be 0 or a number from 1e-09 to 1, got 50"),
        ("chat.adapters", {"count": 2}, "gpu.serve must have `adapters`, because class `chat` names 2"),
        ("chat.arrivals.rate_per_second", 1e6, "must bring at most 100,000,000 jobs within horizon_days, got"),
        ("horizon_days", 371, "horizon_days must be at most 370 where requests are served, got 371"),
        ("serve", None, "plans.own must have something that serves class `chat`: held"),
        ("plans.own.held.gpu.nodes", 0, "plans.own must have something that serves class `chat`"),
        ("serve.modell", "x", "serve.modell is not a key here; did you mean `model`?"),
        ("serve.model", "llama", "must have a model of the catalog, got 'llama'; did you mean `llama"),
        ("serve.accelerator", "h10", "must have an accelerator of the catalog, got 'h10'"),
        ("serve.base_ms", 6, "must have either `model` or `base_ms`, got both"),
        ("serve", {"kv_tokens": 9}, "must have a `model` of the catalog, or the pace in terms"),
        ("serve", {"base_ms": 9}, "must have `kv_tokens`, because its pace is stated in terms"),
        ("serve", {"prefill_ms": 9, "kv_tokens": 9}, "must have a pace in which a token takes time"),
        ("serve.token_budget", 9, "must have a token_budget of at least max_num_seqs (256), got 9"),
        ("serve.join_lag", 2, "plans.own.held.gpu.serve.join_lag must be a whole number from 0 to 1, got 2"),
        ("serve.gpus_per_replica", 16, "must have nodes of at least serve.gpus_per_replica (16)"),
        ("serve.overflow_above", 4, "serve.overflow_above must have an `api` with token prices"),
        ("serve.classes", ["chats"], "serve must name classes of kind inference, got `chats`"),
        ("serve.adapters", {}, "must have `slots` where placement is shared, and only there"),
        ("serve.adapters", {"placement": "dedicated", "slots": 1}, "must have `slots` where"),
        ("serve.adapters", {"placement": "dedicated"}, "must have `classes` without `chat`, which names no"),
        (
            "plans.own.patience_hours",
            4,
            "must have nodes for fine-tunes (held, hired or lent) and an `api` that trains to overflow to, because",
        ),
        ("plans.api.api.inference_offer", "openai_gpt_35", "must have an inference_offer of the price book"),
        ("plans.api.api.usd_per_million_input_tokens", 1, "must have either `inference_offer` or"),
        ("plans.api.api", {"usd_per_million_input_tokens": 1}, "must have both `usd_per_million_input_tokens` and"),
        ("plans.api.api", {"ttft_s": 1}, "must have both `usd_per_million_input_tokens` and"),
        ("plans.api.api", {"usd_per_job": 1}, "plans.api must have something that serves class `chat`: held"),
        ("plans.api.api.ttft_s", -1, "plans.api.api.ttft_s"),
        (
            "price_date",
            "2022-01-01",
            "the inference offer openai_gpt_35_turbo_2023_06 began on 2023-06-13; in force on ",
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_refusals_in_their_words(key, value, refusal):
    short = {"serve": "plans.own.held.gpu.serve", "chat": "workload.chat"}
    first, dot, rest = key.partition(".")
    found = refusals({short.get(first, first) + dot + rest: value})
    assert any(refusal in line for line in found), found
    assert all(line.startswith(("--set: ", "world.yaml")) for line in found), found


@pytest.mark.parametrize(
    ("requests", "refusal"),
    [
        (
            {"trace": {"file": "x.csv", "columns": {"arrival": "t"}, "format": "azure"}},
            "trace must have either `format` or `columns`, got both",
        ),
        ({"trace": {"file": "x.csv", "format": "philly"}}, "trace.format must be 'azure', 'burstgpt'"),
        ({"trace": {"file": "x.csv", "rate_scale": 1001}}, "trace.rate_scale"),
        (
            {"trace": {"file": "x.csv", "zone": "Mars/../x"}},
            "trace.zone must be the name of a time zone like `UTC` or `Europe/Berlin`, got 'Mars/../x'",
        ),
        ({"trace": {"file": "x.csv", "bootstrap": {}}}, "trace.bootstrap.block_minutes is missing"),
        ({"trace": {"file": "x.csv", "arrival_unit": "ms"}}, "arrival_unit must be 'datetime', 'hours',"),
        ({"trace": {"file": "x.csv", "sort": 1}}, "trace.sort"),
        ({"trace": {"file": "x.csv"}, "tokens": {"pairs": [[1, 1]]}}, "must have no `tokens`, because its requests"),
        (
            {"requests": [{"arrival_s": 0, "prompt_tokens": 0, "output_tokens": 1}]},
            "prompt_tokens must be a whole number",
        ),
        ({"requests": [{"arrival_s": 0, "prompt_tokens": 1}]}, "workload.chat.requests.0.output_tokens is missing"),
        (
            {"requests": [{"arrival_s": -1, "prompt_tokens": 1, "output_tokens": 1}]},
            "requests.0.arrival_s must be 0 or a",
        ),
        (
            {"requests": [{"arrival_s": 0, "prompt_tokens": 10**9, "output_tokens": 1}]},
            "must have room for 1000000000 tokens of a request of `chat` in KV cache, got kv_tokens",
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_refusals_of_listed_requests(requests, refusal):
    found = refusals({"workload.chat": {"kind": "inference", **requests}})
    assert any(refusal in line for line in found), found


@pytest.mark.parametrize(
    ("tokens", "refusal"),
    [
        ({"pairs": []}, "workload.chat.tokens.pairs must have at least 1 entry"),
        ({"pairs": [[1, 2, 3]]}, "workload.chat.tokens.pairs.0"),
        ({"pairs": [[0, 2]]}, "workload.chat.tokens.pairs.0.0 must be a whole number from 1 to"),
        ({"pairs": [[1, 2]], "weights": [0.5]}, "must have weights that sum to 1, got 0.5"),
        ({"pairs": [[1, 2]], "weights": [0.5, 0.5]}, "must have as many weights as values, got 2 and 1"),
    ],
    ids=str,
)
def test_refusals_of_pairs(tokens, refusal):
    chat = {"kind": "inference", "arrivals": {"law": "poisson", "rate_per_second": 1}, "tokens": tokens}
    found = refusals({"workload.chat": chat})
    assert any(refusal in line for line in found), found


def test_refusals_of_blends():
    parts = [{"law": "exponential", "mean": 1}]
    for law, refusal in (
        ({"weights": [0.9], "parts": parts}, "must have weights that sum to 1, got 0.9"),
        ({"weights": [0.5, 0.5], "parts": parts}, "must have as many weights as values, got 2 and 1"),
        ({"weights": [1], "parts": []}, "parts must have at least 1 entry"),
        ({"weights": [1], "parts": [{"law": "cauchy"}]}, "parts.0 must have a known law; choose from"),
    ):
        found = refusals({"workload.chat.prompt_tokens": {"law": "blend", **law}})
        assert any(refusal in line for line in found), found


def test_two_groups_must_not_serve_one_class():
    node = {"instance": "p5.48xlarge", "rate": "on_demand", "nodes": 1, "serve": {"model": "llama_3_1_8b"}}
    found = refusals({"plans.own.held.other": node})
    assert any("must not serve class `chat`, which `gpu` serves; give both `classes`" in line for line in found), found


def test_a_priced_node_must_name_its_gpu_for_a_model():
    node = {"gpus": 8, "usd_per_node_h": 9, "nodes": 1, "serve": {"model": "llama_3_1_8b"}}
    assert "must have `accelerator`, because the node names no instance" in refusals({"plans.own.held.gpu": node})[0]
    assert world({"plans.own.held.gpu": node | {"serve": TERMS}}).plans["own"].held["gpu"].profile.kv_tokens == 100_000
