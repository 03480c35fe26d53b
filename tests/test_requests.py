"""Inference requests: laws, logs, adapters and API times, drawn before the clock starts, the same for all plans."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from worlds import scenario

from sim.engine.workload import RequestList, api_times, listed_requests, sample_requests
from sim.engine.workload.draws import Draws
from sim.engine.workload.streams import stream
from sim.ground.requests import COLUMNS, NO_ADAPTER
from sim.ground.units import to_ticks

CHAT = """\
name: chat
horizon_days: 1
workload:
  chat:
    kind: inference
    arrivals: {law: poisson, rate_per_second: 0.5}
    prompt_tokens: {law: lognormal, mean: 800, cv: 1.5}
    output_tokens: {law: lognormal, mean: 250, cv: 1.2}
plans:
  api:
    api: {usd_per_million_input_tokens: 1, usd_per_million_output_tokens: 2}
"""
MORE = {
    "kind": "inference",
    "arrivals": {"law": "gamma", "rate_per_second": 0.1, "cv": 2, "batch": 2},
    "tokens": {"pairs": [[10, 20], [30, 40]], "weights": [0.25, 0.75]},
    "adapters": {"count": 5, "zipf": 1},
    "cached_share": 0.4,
}
TUNING = {
    "kind": "fine_tune",
    "arrivals": {"law": "poisson", "rate_per_day": 50},
    "service_hours": 1,
}
open_stream = partial(stream, 7, 0)
MANY = 200_000


def chat(**settings):
    """The world above with values put in at dotted keys (two underscores for a dot)."""
    return scenario(CHAT, {key.replace("__", "."): value for key, value in settings.items()})


def columns(requests, rows=slice(None)):
    """All columns of some requests as lists."""
    return [getattr(requests, column)[rows].tolist() for column in COLUMNS]


def drawn(world, seed=1, replications=(0,), classes=None):
    """Draw the requests of a world without logs."""
    return sample_requests(world, seed, replications, {}, classes)


# Laws


def test_lengths_are_whole_tokens_of_the_mean_they_state():
    # About 432,000 requests; rounding and the floor of 1 move a mean of hundreds by less than 0.01 tokens.
    world = chat()
    requests = drawn(world, replications=range(10))
    for lengths, mean in ((requests.prompt, 800), (requests.output, 250)):
        assert lengths.dtype == np.int64
        assert lengths.min() >= 1
        assert abs(lengths.mean() - mean) < 5 * lengths.std() / math.sqrt(len(lengths))
        assert abs(lengths.mean() - 1.02 * mean) > 5 * lengths.std() / math.sqrt(len(lengths))  # negative control
    by_hand = np.rint(Draws(world.chats["chat"].prompt_tokens, partial(stream, 1, 0), "workload.chat/prompt").take(100))
    assert requests.prompt[:100].tolist() == np.maximum(by_hand, 1).tolist()


@pytest.mark.parametrize(
    ("law", "values"),
    [
        (7, {7}),
        ({"law": "deterministic", "mean": 0.2}, {1}),
        ({"law": "deterministic", "mean": 2.5}, {2}),
        ({"law": "empirical", "values": [0, 3.4, 9]}, {1, 3, 9}),
        ({"law": "lognormal", "mean": 1e12, "cv": 0}, {10**12}),
    ],
    ids=str,
)
def test_lengths_are_rounded_and_at_least_1(law, values):
    assert set(drawn(chat(workload__chat__output_tokens=law)).output.tolist()) == values


def test_no_length_overflows():
    lengths = drawn(chat(workload__chat__prompt_tokens={"law": "lognormal", "mean": 1e12, "cv": 100})).prompt
    assert lengths.max() == 10**12


def blend(weights=(0.3, 0.7), first=100.0):
    """A blend of short and long lognormal lengths with others."""
    half = [weight / 2 for weight in weights]
    parts = [
        {"law": "lognormal", "mean": first, "cv": 1},
        {"law": "lognormal", "mean": 1000, "cv": 0.5},
        {"law": "exponential", "mean": 50},
        {"law": "gamma", "mean": 4000, "cv": 2},
    ]
    law = {"law": "blend", "weights": [*half, *half], "parts": parts}
    return chat(workload__chat__prompt_tokens=law).chats["chat"].prompt_tokens


def test_a_blend_has_the_mean_and_spread_of_its_parts():
    values = Draws(blend(), open_stream, "x").take(MANY)
    mean = 0.15 * 100 + 0.35 * 1000 + 0.15 * 50 + 0.35 * 4000
    second = 0.15 * 2 * 100**2 + 0.35 * 1.25 * 1000**2 + 0.15 * 2 * 50**2 + 0.35 * 5 * 4000**2
    squares = values * values
    assert abs(values.mean() - mean) < 5 * values.std() / math.sqrt(MANY)
    assert abs(squares.mean() - second) < 5 * squares.std() / math.sqrt(MANY)


def test_a_blend_in_pieces_and_with_other_weights_and_means_keeps_its_draws():
    whole, pieces = Draws(blend(), open_stream, "x").take(1000), Draws(blend(), open_stream, "x")
    assert np.concatenate([pieces.take(count) for count in (1, 0, 399, 600)]).tolist() == whole.tolist()
    phase = np.searchsorted([0.15, 0.5, 0.65], stream(7, 0, "x/phase").random(1000), side="right")
    longer = Draws(blend(first=200), open_stream, "x").take(1000)
    assert longer.tolist() == pytest.approx(np.where(phase == 0, 2 * whole, whole).tolist(), rel=1e-14)
    shifted = Draws(blend(weights=(0.31, 0.69)), open_stream, "x").take(1000)
    assert 1 <= (shifted != whole).sum() < 60


def test_pairs_are_drawn_together():
    requests = drawn(chat(workload__chat=MORE))
    assert set(zip(requests.prompt.tolist(), requests.output.tolist(), strict=True)) == {(10, 20), (30, 40)}
    share = (requests.prompt == 10).mean()
    assert abs(share - 0.25) < 5 * math.sqrt(0.25 * 0.75 / len(requests))
    alike = drawn(chat(workload__chat=MORE | {"tokens": {"pairs": [[10, 20], [30, 40]]}}))
    assert abs((alike.prompt == 10).mean() - 0.5) < 5 * math.sqrt(0.25 / len(requests))


def test_adapters_are_wanted_in_proportion_to_their_rank():
    requests = drawn(chat(workload__chat=MORE), replications=range(10))
    shares = np.array([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]) / (137 / 60)
    found = np.bincount(requests.adapter, minlength=5) / len(requests)
    assert len(found) == 5
    assert (np.abs(found - shares) < 5 * np.sqrt(shares * (1 - shares) / len(requests))).all()
    alike = drawn(chat(workload__chat=MORE | {"adapters": {"count": 5}}), replications=range(10))
    assert (np.abs(np.bincount(alike.adapter) / len(alike) - 0.2) < 5 * math.sqrt(0.16 / len(alike))).all()
    assert set(drawn(chat()).adapter.tolist()) == {NO_ADAPTER}


@pytest.mark.parametrize(
    ("prompt", "share", "cached"),
    [(100, 0.29, 29), (100, 0.299, 29), (10, 0, 0), (10, 0.05, 0), (10, 1, 9), (1, 0.9, 0), (10**12, 0.5, 10**12 // 2)],
)
def test_the_cached_share_of_a_prompt_is_whole_tokens_and_never_the_last(prompt, share, cached):
    found = drawn(chat(workload__chat__prompt_tokens=prompt, workload__chat__cached_share=share, horizon_days=0.001))
    assert len(found) > 10
    assert set(found.cached.tolist()) == {cached}


def test_a_log_tells_its_cached_tokens_row_by_row():
    listed = RequestList(np.array([5, 6]), np.array([10, 20]), np.array([1, 1]), cached=np.array([4, 25]))
    world = chat(workload__chat={"kind": "inference", "requests": [], "cached_share": 0.5})
    silent = replace(listed, cached=None)
    assert sample_requests(world, 1, range(2), {"chat": listed}).cached.tolist() == [4, 19, 4, 19]
    assert sample_requests(world, 1, range(2), {"chat": silent}).cached.tolist() == [5, 10, 5, 10]


# Arrivals and streams


def test_the_first_request_comes_after_a_full_gap():
    world = chat(workload__chat__arrivals={"law": "deterministic", "rate_per_second": 0.001})
    assert drawn(world).arrival.tolist() == [10**9 * k for k in range(1, 87)]
    first = np.array([drawn(chat(horizon_days=0.01), seed).arrival[0] for seed in range(400)]) * 1e-6
    assert abs(first.mean() - 2) < 5 * first.std() / 20


def test_requests_arrive_at_their_rate_and_at_no_rate():
    counts = np.diff(drawn(chat(), replications=range(50)).offsets)
    assert abs(counts.mean() - 43_200) < 5 * math.sqrt(43_200 / 50)
    none = drawn(chat(workload__chat__arrivals__rate_per_second=0), replications=range(3))
    assert (len(none), none.offsets.tolist()) == (0, [0, 0, 0, 0])


def test_each_quantity_has_a_stream_of_its_own():
    before = drawn(chat())
    longer = drawn(chat(workload__chat__prompt_tokens={"law": "geometric", "mean": 9}))
    assert (longer.arrival == before.arrival).all()
    assert (longer.output == before.output).all()
    assert (longer.prompt != before.prompt).any()
    faster = drawn(chat(workload__chat__arrivals__rate_per_second=1))
    assert (faster.prompt[: len(before)] == before.prompt).all()
    assert np.abs(faster.arrival[: len(before)] * 2 - before.arrival).max() <= 2
    shorter = drawn(chat(horizon_days=0.25))
    assert columns(shorter) == columns(before, slice(len(shorter)))
    assert abs(np.corrcoef(before.prompt, before.output)[0, 1]) < 5 / math.sqrt(len(before))


def mixed(**settings):
    """Fine-tunes between two classes of requests."""
    api = {"usd_per_job": 1, "usd_per_million_input_tokens": 1, "usd_per_million_output_tokens": 2}
    return chat(workload__tuning=TUNING, workload__more=MORE, plans__api__api=api, **settings)


def test_classes_are_ordered_by_arrival_and_numbered_as_in_the_scenario():
    requests = drawn(mixed(), replications=range(3))
    assert set(requests.job_class.tolist()) == {0, 2}
    for first, last in zip(requests.offsets[:-1], requests.offsets[1:], strict=True):
        keys = list(zip(requests.arrival[first:last].tolist(), requests.job_class[first:last].tolist(), strict=True))
        assert keys == sorted(keys)
        assert keys


def test_each_class_and_replication_is_the_same_in_whatever_company():
    together = drawn(mixed(), replications=[4, 0, 2])
    for place, replication in enumerate([4, 0, 2]):
        mine = np.arange(together.offsets[place], together.offsets[place + 1])
        assert columns(drawn(mixed(), replications=[replication])) == columns(together, mine)
        for number, name in ((0, "chat"), (2, "more")):
            alone = drawn(mixed(), replications=[replication], classes=[name])
            assert columns(alone) == columns(together, mine[together.job_class[mine] == number])
    assert columns(drawn(chat())) == columns(drawn(mixed(), classes=["chat"]))


def test_a_scenario_without_requests_has_none():
    none = drawn(scenario(), replications=range(2))
    assert (len(none), none.replications) == (0, 2)
    assert listed_requests(scenario()) == {}


# API


def test_api_times_by_hand():
    world = chat(plans__api__api__ttft_s=0.3, plans__api__api__seconds_per_output_token=0.02)
    requests = drawn(world)
    times = api_times(world, world.plans["api"], 1, [0], requests)
    assert set(times.first_token.tolist()) == {300_000}
    assert times.rest.tolist() == ((requests.output - 1) * 20_000).tolist()
    silent = chat()
    nothing = api_times(silent, silent.plans["api"], 1, [0], requests)
    assert (nothing.first_token.max(), nothing.rest.max()) == (0, 0)
    assert nothing.rest.dtype == np.int64


def test_an_api_that_only_trains_has_no_times():
    article = scenario()
    for plan in article.plans.values():
        assert api_times(article, plan, 1, [0], drawn(article)) is None


def test_api_times_are_drawn_by_class_and_replication():
    world = mixed(
        plans__api__api__ttft_s={"law": "lognormal", "mean": 0.5, "cv": 1},
        plans__api__api__seconds_per_output_token={"law": "exponential", "mean": 0.01},
    )
    plan = world.plans["api"]
    together = drawn(world, replications=[3, 1])
    times = api_times(world, plan, 1, [3, 1], together)
    assert abs(times.first_token.mean() - 5e5) < 5 * times.first_token.std() / math.sqrt(len(together))
    paces = times.rest[together.output > 1] / (together.output[together.output > 1] - 1)
    assert abs(paces.mean() - 1e4) < 5 * paces.std() / math.sqrt(len(paces))
    mine = together.offsets[1] + np.flatnonzero(together.job_class[together.offsets[1] :] == 2)
    alone = drawn(world, replications=[1], classes=["more"])
    again = api_times(world, plan, 1, [1], alone)
    assert again.first_token.tolist() == times.first_token[mine].tolist()
    assert again.rest.tolist() == times.rest[mine].tolist()
    by_hand = Draws(plan.api.ttft_s, partial(stream, 1, 1), "workload.more/api_ttft").take(len(alone)) / 3600
    assert again.first_token.tolist() == to_ticks(by_hand).tolist()
