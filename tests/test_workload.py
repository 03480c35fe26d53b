"""Random streams, laws, arrivals, traces and paths: drawn before the clock starts, the same for all plans."""

import gzip
import hashlib
import math
import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from worlds import ARTICLE, scenario

from sim.faults import InputError
from sim.scenario import load
from sim.units import LONGEST, NEVER, tick, to_hours, to_ticks
from sim.workload import listed_jobs, sample, terms
from sim.workload.arrivals import arrivals
from sim.workload.draws import Draws
from sim.workload.streams import stream

YEAR = tick(8760)
MANY = 200_000
ONE_GPU_NODES = {"node": {"gpus": 1, "usd_per_node_h": 1, "nodes": 2490}}
HIRED_GPUS = {"node": {"gpus": 1, "usd_per_node_h": 1}}
RENT = {"rent": {"hired": {"n": {"gpus": 8, "usd_per_node_h": 1}}}}
open_stream = partial(stream, 7, 0)


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


# Lists and traces


def listed(tmp_path, csv: str | bytes, name="jobs.csv", trace="columns: {service: hours}", settings=None):
    """Read a trace of the article with its one class replaced."""
    (tmp_path / name).write_bytes(csv.encode() if isinstance(csv, str) else csv)
    before, after = ARTICLE.split("    arrivals:")[0], ARTICLE[ARTICLE.index("plans:") : ARTICLE.index("  api:")]
    text = f"{before}    gpus: 8\n    hours_per_million_tokens: 2\n    trace: {{file: {name}, {trace}}}\n{after}"
    (tmp_path / "world.yaml").write_text(text)
    return listed_jobs(load(tmp_path / "world.yaml", settings))["tuning"]


def test_a_listed_class(tmp_path):
    rows = [{"arrival_hours": 3, "tokens_millions": 2, "gpus": 1}, {"arrival_hours": 1, "service_hours": 5}]
    tuning = {"kind": "fine_tune", "jobs": rows, "tokens_per_second": 100, "gpus": 8}
    article = scenario(settings={"workload.tuning": tuning, "plans": RENT})
    found = listed_jobs(article)
    paths = sample(article, 1, range(2), found)
    assert paths.offsets.tolist() == [0, 2, 4]
    assert paths.arrival.tolist() == [tick(1), tick(3)] * 2
    assert paths.service.tolist() == [tick(5), tick(2e6 / 360000)] * 2
    assert paths.gpus.tolist() == [8, 1] * 2
    assert np.isnan(paths.tokens[0])
    assert paths.tokens[1] == 2


def test_a_plain_trace(tmp_path):
    found = listed(tmp_path, "arrival,hours\n0,1\n0.5,2.25\n")
    assert found.arrival.tolist() == [0, tick(0.5)]
    assert found.service_hours.tolist() == [1, 2.25]
    assert found.gpus.tolist() == [8, 8]
    assert found.dropped == 0


def test_units_columns_and_jobs_beyond_the_horizon(tmp_path):
    trace = (
        "arrival_unit: days, service_unit: minutes, skip_days: 1, columns: {arrival: t, service: m, tokens: n, gpus: g}"
    )
    found = listed(tmp_path, "t,m,n,g\n0.5,60,1,8\n1.5,90,2000000,1\n366.5,1,1,8\n", trace=trace)
    assert found.arrival.tolist() == [tick(12)]
    assert found.service_hours.tolist() == [1.5]
    assert found.tokens_millions.tolist() == [2]
    assert found.gpus.tolist() == [1]
    assert found.dropped == 1


def test_dates_start_the_clock_at_the_first(tmp_path):
    csv = "arrival,hours\n2023-10-01 12:00:00Z,1\n2023-10-01T14:30:00+01:00,2\n"
    assert listed(tmp_path, csv, trace="arrival_unit: datetime, columns: {service: hours}").arrival.tolist() == [
        0,
        tick(1.5),
    ]


def test_tokens_of_a_trace_become_hours(tmp_path):
    listed(tmp_path, "arrival,n\n0,1500\n", trace="tokens_unit: thousands, columns: {tokens: n}")
    world = load(tmp_path / "world.yaml")
    paths = sample(world, 1, [0], listed_jobs(world))
    assert (paths.tokens.tolist(), paths.service.tolist()) == ([1.5], [tick(3)])


@pytest.mark.parametrize(
    ("csv", "trace", "refusal"),
    [
        (
            "arrival,hours\nnoon,1\n",
            "arrival_unit: datetime, ",
            r":2:1: arrival must be a date and time like 2023-10-01",
        ),
        ("arrival,hours,g\n0,1,0\n", "", r":2:3: g must be a whole number of GPUs from 1, got '0'"),
        ("arrival,hours,g\n0,1,1.5\n", "", r":2:3: g must be a whole number of GPUs from 1, got '1.5'"),
    ],
)
def test_refusals_of_dates_and_gpus(tmp_path, csv, trace, refusal):
    columns = "columns: {service: hours, gpus: g}" if ",g" in csv else "columns: {service: hours}"
    with pytest.raises(InputError, match=refusal):
        listed(tmp_path, csv, trace=trace + columns)


def test_a_gzipped_trace_and_one_with_a_byte_order_mark_and_crlf(tmp_path):
    plain = listed(tmp_path, "arrival,hours\n0,1\n")
    for name, data in [
        ("jobs.csv.gz", gzip.compress(b"arrival,hours\n0,1\n")),
        ("jobs.csv", "\ufeffarrival,hours\r\n0,1\r\n".encode()),
    ]:
        again = listed(tmp_path, data, name)
        assert (again.arrival, again.service_hours) == (plain.arrival, plain.service_hours)


def test_a_damaged_gzipped_trace_is_refused(tmp_path):
    data = gzip.compress(b"arrival,hours\n" + b"".join(b"%d,1\n" % k for k in range(1000)))
    damaged = data[:100] + bytes(byte ^ 0xFF for byte in data[100:120]) + data[120:]
    for each in (damaged, data[:200], b"arrival,hours\n0,1\n"):
        with pytest.raises(InputError, match=r"jobs\.csv\.gz: cannot be read: "):
            listed(tmp_path, each, "jobs.csv.gz")


def test_arrivals_in_minutes(tmp_path):
    found = listed(tmp_path, "arrival,hours\n0,1\n90,1\n", trace="arrival_unit: minutes, columns: {service: hours}")
    assert found.arrival.tolist() == [0, tick(1.5)]


def test_an_unsorted_trace_is_sorted_only_where_asked(tmp_path):
    csv = "arrival,hours\n2,20\n1,10\n2,21\n"
    with pytest.raises(InputError, match=r"jobs\.csv:3: arrives before the row above it"):
        listed(tmp_path, csv)
    found = listed(tmp_path, csv, trace="sort: true, columns: {service: hours}")
    assert found.arrival.tolist() == [tick(1), tick(2), tick(2)]
    assert found.service_hours.tolist() == [10, 20, 21]


def test_a_trace_with_a_header_alone_has_no_jobs(tmp_path):
    assert len(listed(tmp_path, "arrival,hours\n").arrival) == 0


def test_a_job_of_a_trace_that_fits_no_node(tmp_path):
    trace = "columns: {service: hours, gpus: g}"
    with pytest.raises(
        InputError, match=r"workload\.tuning: must fit plan `reserved`: jobs of 16 GPUs would block its 8 GPUs"
    ):
        listed(tmp_path, "arrival,hours,g\n0,1,16\n", trace=trace)


def test_the_philly_trace_is_read_whole(tmp_path):
    data = Path(os.environ.get("FLEETECON_DATA", Path(__file__).parents[2] / "shared" / "data"))
    file = data / "jobs" / "philly" / "philly_jobs.csv.gz"
    if not file.exists():
        pytest.skip(f"needs {file}; set FLEETECON_DATA")
    columns = "columns: {arrival: timestamp, service: duration, gpus: num_gpus}"
    trace = f"sort: true, arrival_unit: datetime, service_unit: seconds, {columns}"
    settings = {"plans.reserved.held": ONE_GPU_NODES, "plans.on_demand.hired": HIRED_GPUS}
    found = listed(tmp_path, file.read_bytes(), "philly.csv.gz", trace, settings)
    with gzip.open(file, "rt") as text:
        rows = [line.split(",") for line in text.read().splitlines()[1:]]
    assert len(found.arrival) == len(rows) == 82_247
    assert found.gpus.sum() == sum(int(row[2]) for row in rows)
    seconds = math.fsum(float(row[1]) for row in rows)
    assert math.fsum(found.service_hours) * 3600 == pytest.approx(seconds, rel=1e-12)
    assert (np.diff(found.arrival) >= 0).all()
    assert found.arrival[0] == 0
