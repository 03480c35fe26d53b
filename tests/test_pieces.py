"""One replication of requests drawn and served piece by piece: the same requests, and the same rows, as at once."""

import tracemalloc

import numpy as np
import pytest
from streams import joined
from test_arrivals import CLIENT, RING
from test_requests import CHAT, MORE
from worlds import scenario

from sim.engine.workload import RequestList, request_pieces, sample_requests
from sim.engine.workload.resample import Resampling
from sim.ground.requests import COLUMNS
from sim.questions.verify.serving_worlds import differences
from sim.study.serving import drawn, held_whole, served
from sim.study.simulate import Experiment

DAY = {"hours": [0] * 8 + [3] * 4 + [1] * 12, "starts_hour": 9}
ARRIVALS = {
    "poisson": {"law": "poisson", "rate_per_second": 0.1},
    "deterministic": {"law": "deterministic", "mean_hours": 0.003},
    "gamma": {"law": "gamma", "rate_per_second": 0.1, "cv": 4},
    "pattern": {"law": "poisson", "rate_per_second": 0.1, "pattern": DAY},
    "growth": {"law": "weibull", "shape": 0.6, "rate_per_second": 0.1, "growth_percent_per_month": 300},
    "states": RING | {"stay_hours": [0.05, 0.1, 0.02], "rate_per_second": 0.1},
    "on_off": CLIENT | {"rate_per_second": 0.1, "pattern": DAY},
    "batches": {"law": "poisson", "rate_per_second": 0.02, "batch": {"law": "geometric", "mean": 6}},
    "one batch": {"law": "poisson", "rate_per_day": 20, "batch": 400},
    "copies": {"law": "gamma", "rate_per_second": 0.002, "cv": 3, "copies": 50},
    "parts": {
        "law": "superposition",
        "parts": [
            {"law": "poisson", "rate_per_second": 0.05},
            {"law": "deterministic", "rate_per_second": 0.02, "copies": 2, "batch": 2},
            CLIENT | {"rate_per_second": 0.01, "copies": 3},
        ],
        "pattern": DAY,
    },
    "none": {"law": "poisson", "rate_per_day": 1e-9},
}
TOKENS = {
    "lognormal": {},
    "truncated": {
        "workload.chat.prompt_tokens": {"law": "lognormal", "mean": 800, "cv": 2, "truncate": {"low": 5, "high": 900}}
    },
    "blend": {
        "workload.chat.output_tokens": {
            "law": "blend",
            "parts": [{"law": "lognormal", "mean": 20, "cv": 1}, {"law": "exponential", "mean": 500}],
            "weights": [0.3, 0.7],
        }
    },
    "adapters": {"workload.chat.adapters": {"count": 7, "zipf": 1}, "workload.chat.cached_share": 0.3},
    "two classes": {"workload.more": MORE},
}


def same(world, logs=None, size=100, replication=3) -> int:
    """Compare pieces to the whole; count the pieces."""
    told = sample_requests(world, 1, [replication], logs or {})
    found = list(request_pieces(world, 1, replication, logs or {}, size=size))
    assert all(0 < len(each) < 2 * size for each in found) or size == 1
    for name in COLUMNS:
        whole = np.concatenate([getattr(each, name) for each in found]) if found else np.empty(0)
        assert np.array_equal(whole, getattr(told, name))
    return len(found)


@pytest.mark.parametrize("size", [1, 100, 3_000, 10**6])
@pytest.mark.parametrize("law", ARRIVALS)
def test_arrivals_in_pieces_are_those_of_the_whole(law, size):
    world = scenario(CHAT, {"workload.chat.arrivals": ARRIVALS[law], "horizon_days": 0.2 if size == 1 else 1})
    assert same(world, size=size) >= (law not in ("none", "on_off") and size <= 100)


@pytest.mark.parametrize("tokens", TOKENS)
def test_lengths_in_pieces_are_those_of_the_whole(tokens):
    for size in (7, 1000):
        assert same(scenario(CHAT, {"horizon_days": 0.1} | TOKENS[tokens]), size=size) > 3


@pytest.mark.parametrize("resampling", [None, Resampling(1.7, 90_000_000_000, 7_000_000_000)])
def test_lists_in_pieces_are_those_of_the_whole(resampling):
    rng = np.random.default_rng(5)
    arrival = np.sort(rng.integers(0, 80_000, 3_000)) * 1_000_000
    tokens = [rng.integers(1, 99, 3_000) for _ in range(3)]
    world = scenario(CHAT, {"workload.more": MORE, "workload.chat.adapters": {"count": 3, "zipf": 0}})
    assert same(world, {"chat": RequestList(arrival, *tokens, resampling=resampling)}) > 50


def test_a_burst_is_drawn_in_pieces_too():
    # 200,000 requests in a minute or two of a day: 10 MB of columns at once, and the pieces before and after are small.
    burst = {"law": "mmpp", "rates": [1, 100_000], "stay_hours": [20, 0.02], "rate_per_second": 4}
    world = scenario(CHAT, {"workload.chat.arrivals": burst, "horizon_days": 2})
    told = sample_requests(world, 1, [0], {})
    assert np.bincount(told.arrival // 60_000_000).max() > 100_000
    tracemalloc.start()
    found = sum(len(each) for each in request_pieces(world, 1, 0, {}, size=1_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == len(told)
    assert peak < 2_500_000


def test_sessions_do_not_come_in_pieces():
    world = scenario(CHAT, {"workload.chat.sessions": SESSIONS})
    with pytest.raises(ValueError, match="as they are served"):
        next(request_pieces(world, 1, 0, {}))


# Through a study's pools

SESSIONS = {"turns": {"law": "geometric", "mean": 3}, "think_s": {"law": "exponential", "mean": 30}}
PACE = {
    "base_ms": 12,
    "per_request_ms": 0.5,
    "per_kv_token_us": 0.07,
    "per_prefill_token_us": 100,
    "kv_tokens": 9_000,
    "adapters": {"slots": 2, "load_ms": 20},
}
NODE = {"gpus": 1, "usd_per_node_h": 3, "nodes": 2, "serve": PACE}
API = {
    "usd_per_million_input_tokens": 1,
    "usd_per_million_output_tokens": 2,
    "ttft_s": {"law": "lognormal", "mean": 0.5, "cv": 1},
    "seconds_per_output_token": {"law": "exponential", "mean": 0.01},
}
SCALE = {"target": 2, "maximum": 4, "minimum": 0, "tick_s": 15, "cool_down_minutes": 1, "load_minutes": 1}
SCALED = {key: value for key, value in NODE.items() if key != "nodes"}
PLANS = {
    "own": {"held": {"gpu": NODE}},
    "no_cache": {"held": {"gpu": NODE | {"serve": PACE | {"prefix_cache": False}}}},
    "hybrid": {"held": {"gpu": NODE | {"serve": PACE | {"overflow_above": 4}}}, "api": API},
    "api": {"api": API},
    "hired": {"hired": {"gpu": SCALED | {"boot_minutes": 2, "serve": PACE | {"autoscale": SCALE}}}},
}
WORLD = {
    "horizon_days": 0.1,
    "warm_up_days": 0.01,
    "plans": PLANS,
    "workload.more": MORE | {"arrivals": {"law": "poisson", "rate_per_second": 0.1}},
}


@pytest.fixture(scope="module")
def experiment():
    return Experiment.of(scenario(CHAT, WORLD), 1)


@pytest.mark.parametrize("plan", PLANS)
def test_pools_serve_pieces_as_the_whole(experiment, plan):
    assert held_whole(experiment) is None
    ((pool, requests, rows),) = experiment.served(plan, experiment.work([2])).requests
    for size in (50, 10_000):
        found, its = joined(list(served(experiment, plan, pool, 2, drawn(experiment, pool, 2, size))))
        assert differences(rows, its) == 0
        assert all(np.array_equal(getattr(requests, name), getattr(found, name)) for name in COLUMNS)
    assert len(requests) > 2_000
    assert rows.hires is None or len(rows.hires) > 20


OF_ONE_EACH = NODE | {"nodes": 5, "serve": PACE | {"adapters": {"placement": "dedicated"}}}
WHOLE = {
    "sessions": ({"workload.chat.sessions": SESSIONS}, "kernel", "sessions of class `chat`"),
    "account": ({"plans.api.api.error_share": 0.1}, "kernel", "API account of plan `"),
    "dedicated": (
        {"plans.own.held.gpu": OF_ONE_EACH, "workload.chat.adapters": {"count": 2}},
        "kernel",
        "plan `own` has adapters with replicas of their own",
    ),
    "engine": ({}, "simpy", "engine `simpy`"),
}


@pytest.mark.parametrize("case", WHOLE)
def test_what_cannot_come_in_pieces_is_told(case):
    settings, engine, reason = WHOLE[case]
    told = held_whole(Experiment.of(scenario(CHAT, WORLD | settings), 1, engine))
    assert told is not None
    assert reason in told
