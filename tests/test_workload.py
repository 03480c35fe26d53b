"""Random streams, laws, arrivals, traces and paths: drawn before the clock starts, the same for all plans."""

import hashlib
import math
from functools import partial

import numpy as np
import pytest
from worlds import scenario

from sim.engine.workload import sample, terms
from sim.engine.workload.arrivals import arrivals
from sim.engine.workload.draws import Draws
from sim.engine.workload.streams import stream
from sim.ground.units import LONGEST, NEVER, tick, to_hours, to_ticks

YEAR = tick(8760)
MANY = 200_000
open_stream = partial(stream, 7, 0)
RENT = {"rent": {"hired": {"n": {"gpus": 8, "usd_per_node_h": 1}}}}


def law(settings: dict | float):
    """A size law."""
    return scenario(settings={"workload.tuning.tokens_millions": settings}).workload["tuning"].tokens_millions


def gaps(**settings):
    """An arrival law."""
    return scenario(settings={"workload.tuning.arrivals": settings}).workload["tuning"].arrivals


# Ticks


def test_ticks_are_microseconds_to_the_nearest():
    assert tick(1) == 3_600_000_000
    assert to_ticks([0, 0.1, 1e-10, 2e-10]).tolist() == [0, 360_000_000, 0, 1]
    assert tick(1e30) == LONGEST < NEVER < 2**63 - 1 - LONGEST
    assert to_hours(tick(0.1)) == 0.1


# Streams


def test_a_stream_is_the_documented_philox_stream():
    name = "workload.tuning/arrivals"
    words = np.frombuffer(hashlib.sha256(name.encode()).digest()[:16], dtype=">u4").tolist()
    expected = np.random.Generator(np.random.Philox(np.random.SeedSequence(2023, spawn_key=(4, *words))))
    assert stream(2023, 4, name).random(5).tolist() == expected.random(5).tolist()


def test_streams_differ_by_seed_replication_and_name():
    first = [stream(*key).random() for key in [(1, 0, "a"), (2, 0, "a"), (1, 1, "a"), (1, 0, "b")]]
    assert len(set(first)) == 4
    assert stream(1, 0, "a").random() == first[0]


LAWS = [
    {"law": "deterministic", "mean": 3},
    {"law": "exponential", "mean": 3},
    {"law": "erlang", "mean": 3, "phases": 4},
    {"law": "gamma", "mean": 3, "cv": 0.7},
    {"law": "gamma", "mean": 3, "cv": 2},
    {"law": "lognormal", "mean": 3, "cv": 1.5},
    {"law": "lognormal", "mean": 3, "cv": 0},
    {"law": "geometric", "mean": 3},
    {"law": "hyperexponential", "mean": 3, "cv": 2},
    {"law": "hyperexponential", "weights": [0.75, 0.25], "means": [1, 9]},
    {"law": "empirical", "values": [0, 3, 6]},
    {"law": "empirical", "values": [1, 7], "weights": [0.25, 0.75]},
]
CVS = [
    0,
    1,
    0.5,
    0.7,
    2,
    1.5,
    0,
    math.sqrt(2 / 3),
    2,
    math.sqrt(2 * (0.75 + 0.25 * 81) / 9 - 1),
    math.sqrt(2 / 3),
    None,
]


@pytest.mark.parametrize(("stated", "cv"), list(zip(LAWS, CVS, strict=True)), ids=lambda part: str(part)[:60])
def test_laws_have_the_mean_and_spread_they_state(stated, cv):
    # 200,000 values, seed 7: mean and variance within 5 of their own standard errors.
    values = Draws(law(stated), open_stream, "x").take(MANY)
    mean = stated.get("mean") or float(
        np.dot(stated.get("weights", [1 / 3] * 3), stated.get("means", stated.get("values")))
    )
    cv = math.sqrt(0.25 * 4.5**2 + 0.75 * 1.5**2) / 5.5 if cv is None else cv
    assert abs(values.mean() - mean) <= 5 * values.std() / math.sqrt(MANY) + 1e-12
    squares = np.square(values - values.mean())
    assert abs(values.var() - (cv * mean) ** 2) <= 5 * squares.std() / math.sqrt(MANY) + 1e-9


def test_a_wrong_mean_is_found_out():  # negative control of the bounds above: 2 % off
    values = Draws(law({"law": "exponential", "mean": 3}), open_stream, "x").take(MANY)
    assert abs(values.mean() - 3 * 1.02) > 5 * values.std() / math.sqrt(MANY)


@pytest.mark.parametrize("stated", LAWS, ids=str)
def test_draws_in_pieces_equal_draws_at_once(stated):
    whole = Draws(law(stated), open_stream, "x").take(1000)
    pieces = Draws(law(stated), open_stream, "x")
    assert np.concatenate([pieces.take(count) for count in (1, 0, 399, 600)]).tolist() == whole.tolist()


def test_exponential_values_follow_the_exponential_law():
    # Kolmogorov-Smirnov at 200,000 values: 1.95/sqrt(n) is exceeded once in a thousand.
    values = np.sort(Draws(law({"law": "exponential", "mean": 1}), open_stream, "x").take(MANY))
    distance = np.abs(-np.expm1(-values) - (np.arange(MANY) + 0.5) / MANY).max()
    assert distance < 1.95 / math.sqrt(MANY)
    wrong = np.abs(-np.expm1(-values / 1.02) - (np.arange(MANY) + 0.5) / MANY).max()
    assert wrong > 1.95 / math.sqrt(MANY)


# Arrivals


@pytest.mark.parametrize(
    ("stated", "cv"),
    [
        ({"law": "poisson", "rate_per_day": 48}, 1),
        ({"law": "erlang", "rate_per_day": 48, "phases": 4}, 0.5),
        ({"law": "gamma", "mean_hours": 0.5, "cv": 2}, 2),
        ({"law": "hyperexponential", "rate_per_day": 48, "cv": 3}, 3),
        ({"law": "hyperexponential", "weights": [0.5, 0.5], "means": [0.25, 0.75]}, math.sqrt(0.625 / 0.25 - 1)),
        ({"law": "hyperexponential", "rate_per_day": 48, "weights": [0.5, 0.5], "means": [1, 3]}, math.sqrt(1.5)),
    ],
    ids=str,
)
def test_gaps_have_the_mean_and_spread_they_state(stated, cv):
    # About 876,000 gaps over 50 years.
    instants = to_hours(arrivals(gaps(**stated), open_stream, "x", 50 * YEAR))
    between = np.diff(instants, prepend=0.0)
    squares = np.square(between - between.mean())
    assert abs(between.mean() - 0.5) <= 5 * between.std() / math.sqrt(len(between))
    assert abs(between.var() - (0.5 * cv) ** 2) <= 5 * squares.std() / math.sqrt(len(between))


def test_the_number_of_poisson_arrivals_is_poisson():
    # 2,000 years of 365 expected: mean and variance both 365, within 5 standard errors; the first gap is a full one.
    daily = gaps(law="poisson", rate_per_day=1)
    counts = np.array([len(arrivals(daily, partial(stream, 1, r), "x", YEAR)) for r in range(2000)])
    assert abs(counts.mean() - 365) < 5 * math.sqrt(365 / 2000)
    assert abs(counts.var() / 365 - 1) < 5 * math.sqrt(2 / 2000)


def test_a_schedule_does_not_drift_and_starts_with_a_full_gap():
    instants = arrivals(gaps(law="deterministic", mean_hours=0.1), open_stream, "x", YEAR)
    assert instants.tolist() == [360_000_000 * k for k in range(1, 87_600)]


def test_what_rounds_to_the_horizon_lies_outside():
    assert arrivals(gaps(law="deterministic", mean_hours=12), open_stream, "x", tick(24)).tolist() == [tick(12)]
    assert arrivals(gaps(law="deterministic", mean_hours=12), open_stream, "x", tick(24) + 1).tolist() == [
        tick(12),
        tick(24),
    ]


def test_rate_0_gives_no_jobs():
    assert len(arrivals(gaps(law="poisson", rate_per_day=0), open_stream, "x", YEAR)) == 0


def test_batches_share_their_instant():
    assert (
        arrivals(gaps(law="deterministic", mean_hours=10, batch=3), open_stream, "x", tick(24)).tolist()
        == [tick(10)] * 3 + [tick(20)] * 3
    )
    drawn = arrivals(
        gaps(law="poisson", rate_per_day=24, batch={"law": "geometric", "mean": 2.5}), open_stream, "x", 20 * YEAR
    )
    _, sizes = np.unique(drawn, return_counts=True)
    assert abs(sizes.mean() - 2.5) < 5 * sizes.std() / math.sqrt(len(sizes))


def test_neighbouring_rates_share_their_gaps():
    slow, fast = (arrivals(gaps(law="poisson", rate_per_day=rate), open_stream, "x", YEAR) for rate in (4, 6))
    scaled = slow[: len(fast)] * (4 / 6)
    assert len(fast) > len(slow) > 1000
    assert np.abs(fast[: len(scaled)] - scaled).max() <= 1  # a tick of rounding
    assert (fast[:100] == arrivals(gaps(law="poisson", rate_per_day=6), open_stream, "x", YEAR // 4)[:100]).all()


# Paths


def columns(paths) -> list[list[float]]:
    """All columns of a path as lists."""
    return [getattr(paths, key).tolist() for key in ("arrival", "service", "gpus", "priority", "job_class", "tokens")]


def two_classes(**more):
    """The article with a second class that arrives in batches."""
    other = {
        "kind": "fine_tune",
        "arrivals": {"law": "gamma", "rate_per_day": 2, "cv": 2, "batch": 2},
        "gpus": 1,
        "priority": 1,
        "tokens_millions": {"law": "lognormal", "mean": 2, "cv": 1},
        "tokens_per_second": 500,
        "noise_cv": 0.3,
    }
    return scenario(settings={"workload.evals": other | more})


def test_a_path_is_ordered_by_arrival_then_class():
    paths = sample(two_classes(), 1, range(3), {})
    assert paths.replications == 3
    for first, last in zip(paths.offsets[:-1], paths.offsets[1:], strict=True):
        keys = list(zip(paths.arrival[first:last].tolist(), paths.job_class[first:last].tolist(), strict=True))
        assert keys == sorted(keys)
    assert set(paths.job_class.tolist()) == {0, 1}
    assert (paths.gpus == np.where(paths.job_class == 0, 8, 1)).all()
    assert (paths.service[paths.job_class == 0] == tick(2)).all()


def test_classes_that_arrive_at_one_instant_come_in_their_order():
    daily = {"law": "deterministic", "mean_hours": 24}
    settings = {"horizon_days": 3, "workload.tuning.arrivals": daily}
    settings["workload.evals"] = two_classes().workload["evals"].model_dump() | {"arrivals": daily | {"batch": 2}}
    assert sample(scenario(settings=settings), 1, range(2), {}).job_class.tolist() == [0, 1, 1] * 2 * 2


def test_each_replication_is_the_same_in_whatever_company():
    together = sample(two_classes(), 1, [4, 0, 2], {})
    for place, replication in enumerate([4, 0, 2]):
        alone = sample(two_classes(), 1, [replication], {})
        mine = slice(together.offsets[place], together.offsets[place + 1])
        assert columns(alone) == [column[mine] for column in columns(together)]


def test_a_class_keeps_its_jobs_when_another_is_added():
    alone, both = sample(scenario(), 1, [0], {}), sample(two_classes(), 1, [0], {})
    assert both.arrival[both.job_class == 0].tolist() == alone.arrival.tolist()


def test_noise_has_mean_1_and_its_cv():
    # One class of exactly 2 h with noise of cv 0.3 over 30 years: 5 standard errors.
    paths = sample(scenario(settings={"workload.tuning.noise_cv": 0.3}), 1, range(30), {})
    hours = to_hours(paths.service)
    assert abs(hours.mean() - 2) < 5 * hours.std() / math.sqrt(len(hours))
    squares = np.square(hours - hours.mean())
    assert abs(hours.var() - 0.36) < 5 * squares.std() / math.sqrt(len(hours))


def test_services_in_hours_have_a_stream_of_their_own():
    hours = {
        "tokens_millions": None,
        "hours_per_million_tokens": None,
        "service_hours": {"law": "gamma", "mean": 3, "cv": 0.5},
    }
    own = scenario(settings={f"workload.tuning.{key}": value for key, value in hours.items()} | {"plans": RENT})
    paths = sample(own, 1, [0], {})
    assert np.isnan(paths.tokens).all()
    drawn = stream(1, 0, "workload.tuning/service").standard_gamma(4, len(paths)) * 0.75
    assert paths.service.tolist() == to_ticks(drawn).tolist()


def test_setup_is_part_of_the_service_and_tokens_set_its_length():
    settings = {
        "workload.tuning.tokens_millions": {"law": "exponential", "mean": 1},
        "workload.tuning.setup_hours": 0.5,
    }
    paths = sample(scenario(settings=settings), 1, [0], {})
    assert paths.service.tolist() == to_ticks(paths.tokens * 2 + 0.5).tolist()


def test_noise_is_on_the_setup_too():
    noisy = {"workload.tuning.noise_cv": 0.3}
    bare, longer = (
        sample(scenario(settings=noisy | more), 1, [0], {}) for more in ({}, {"workload.tuning.setup_hours": 0.5})
    )
    assert np.abs(longer.service - bare.service * 1.25).max() <= 1  # 2.5 h for 2 h, to a tick of rounding


def test_terms_patience_and_api_time():
    hybrid = {"held": {"p4d": {"gpus": 8, "usd_per_node_h": 1, "nodes": 1}}, "api": {"offer": "openai_2023_08"}}
    fixed = scenario(settings={"plans.hybrid": hybrid | {"patience_hours": 4}})
    paths = sample(fixed, 1, range(2), {})
    wanted = terms(fixed, fixed.plans["hybrid"], 1, range(2), paths)
    assert set(wanted.patience.tolist()) == {tick(4)}
    assert set(wanted.api_time.tolist()) == {tick(1.25)}
    forever = terms(fixed, fixed.plans["reserved"], 1, range(2), paths)
    assert set(forever.patience.tolist()) == {NEVER}
    assert (forever.api_time == paths.service).all()
    drawn = scenario(settings={"plans.hybrid": hybrid | {"patience_hours": {"law": "exponential", "mean": 4}}})
    together = terms(drawn, drawn.plans["hybrid"], 1, range(2), paths).patience
    alone = terms(drawn, drawn.plans["hybrid"], 1, [1], sample(drawn, 1, [1], {})).patience
    assert together[paths.offsets[1] :].tolist() == alone.tolist()
    assert abs(to_hours(together).mean() - 4) < 5 * 4 / math.sqrt(len(together))
