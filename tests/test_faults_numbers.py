"""Every number of a scenario refuses what is none (B04)."""

import copy
import json
import re
import time

import pytest
from full import (
    BAD_NUMBERS,
    EVERY_ARRIVAL_NUMBER,
    EVERY_DECISION_NUMBER,
    EVERY_NUMBER,
    EVERY_SERVING_NUMBER,
    numbers_of,
    with_value,
)
from refusals import faults, refused
from studies import CHAT, RATE
from test_elastic_scenario import EVERY_ELASTIC_NUMBER
from worlds import ARTICLE, scenario

import sim
from sim.ground.faults import InputError
from sim.ground.scenario import Tree, build
from sim.study import as_json

FULL = {
    "full": EVERY_NUMBER,
    "serving": EVERY_SERVING_NUMBER,
    "elastic": EVERY_ELASTIC_NUMBER,
    "arrivals": EVERY_ARRIVAL_NUMBER,
    "decision": EVERY_DECISION_NUMBER,
}
FACTORS = {"hours", "days", "week"}
SIGNED = ("growth_percent_per_month", "percent_a_year", "percent", "p10", "p90", "value")
REQUESTS, SERVE = "workload.chat", "plans.own.held.gpu.serve"
SLOTS = {f"{SERVE}.adapters": {"slots": 100_000}, "plans.hybrid.held.gpu.serve.adapters": {"slots": 1}}
NUMBERS = [
    pytest.param(full, path, id=".".join(map(str, path if full is EVERY_NUMBER else (name, *path))))
    for name, full in FULL.items()
    for path in numbers_of(full)
    if path[-1] == 0 or FACTORS.isdisjoint(path[-2:-1])  # all factors are of one kind
]


def test_b04_the_full_scenario_is_good_and_holds_every_number():
    assert [build(Tree(copy.deepcopy(full))).name for full in FULL.values()] == list(FULL)
    paths = [path for full in FULL.values() for path in numbers_of(full)]
    stated = {step for path in paths for step in path if isinstance(step, str)}  # a number, or a law in its place
    schema = sim.Scenario.model_json_schema()
    known = {
        key
        for part in (schema, *schema["$defs"].values())
        for key, rule in part.get("properties", {}).items()
        if re.search(r'"type": "(number|integer)"', json.dumps(rule))
    }
    assert len(known) > 50
    assert known <= stated


@pytest.mark.parametrize(("full", "path"), NUMBERS)
def test_b04_every_number_refuses_what_is_none(full, path):
    key = ".".join(map(str, path))
    for value in BAD_NUMBERS[:9]:
        if (path[-1] in SIGNED or path[-2:-1] == ("cases",)) and value in (5e-324, -1):
            continue
        with pytest.raises(InputError) as error:
            build(Tree(with_value(full, path, value)))
        told = str(error.value)
        assert f"{key} must be " in told
        assert re.search(r"from [\d.e+-]+ to [\d.e+-]+", told), told
        assert "got" in told
    for value in BAD_NUMBERS[9:]:
        if value is None or isinstance(value, dict):
            continue
        with pytest.raises(InputError) as error:
            build(Tree(with_value(full, path, value)))
        assert (path[1] if "cases" in path else key) in str(error.value)  # any value may be a case, not at any key


@pytest.mark.parametrize(
    "value", [".nan", ".inf", "-.inf", "1e308", "5e-324", "-0.0", "1" + "0" * 400, "1" + "0" * 5000]
)
def test_b04_in_a_file_and_on_the_command_line(value, tmp_path):
    lines = [(ARTICLE, line) for line in ("horizon_days: 365", "nodes: 1", "rate_per_day: 6")]
    lines += [(CHAT, line) for line in ("rate_per_second: 2", "kv_tokens: 100000", "base_ms: 10")]
    for text, line in lines:
        key = line.split(":")[0]
        told = faults(text.replace(line, f"{key}: {value}"), tmp_path)
        assert len(told) == 1
        assert re.match(rf"f\.yaml:\d+: [\w.]*{key} must be .*got ", told[0])
        assert len(told[0]) < 300


def test_b04_the_command_line(article_file):
    told = refused("run", article_file, "--set", "horizon_days=.nan", "--set", f"{RATE}=1e308", lines=2)
    assert "--set: horizon_days must be a number from 1e-09 to 1e+06, got nan" in told
    assert f"--set: {RATE} must be 0 or a number from 1e-09 to 1e+09, got 1e+308" in told
    told = refused("sweep", article_file, "--vary", f"{RATE}=1,.inf", lines=2).splitlines()  # the first tells the size
    assert told[1] == f"--vary: {RATE} must be 0 or a number from 1e-09 to 1e+09, got inf"
    assert "--vary: must be key=lo:hi:n" in refused("sweep", article_file, "--vary", f"{RATE}=1:nan:3")
    assert "--vary:1: is not valid YAML" in refused("sweep", article_file, "--vary", f"{RATE}=1,[")


def test_b04_ranges_are_within_what_can_be_run():
    # The largest and smallest numbers that are let in give finite results, without NaN or Infinity.
    for settings in (
        {"plans.reserved.held.p4d": {"gpus": 8, "usd_per_node_h": 1e12, "nodes": 100_000}},
        {"workload.tuning.tokens_millions": 1e12, "workload.tuning.hours_per_million_tokens": 1e12},
        {"workload.tuning.tokens_millions": 1e-9, "workload.tuning.hours_per_million_tokens": 1e-9},
        {"horizon_days": 1e-9},
        {"horizon_days": 1e6, "allocation.window_days": 1e6, RATE: 1e-9},
        {"workload.tuning.tokens_millions": {"law": "lognormal", "mean": 1e12, "cv": 100}},
        {"workload.tuning.arrivals": {"law": "gamma", "rate_per_day": 1, "cv": 100}},
    ):
        json.dumps(as_json(sim.run(scenario(settings=settings), replications=2).result), allow_nan=False)


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        ({f"{REQUESTS}.output_tokens": 10**12}, "must have a pace at which a request of `chat` takes at most 30 days"),
        ({SERVE: {"base_ms": 8.64e7, "kv_tokens": 1}}, "must have a pace at which a request of `chat` takes at most"),
        ({"plans.own.held.gpu.nodes": 100_000}, "must make at most 65,536 replicas and 4,000,000 seats"),
        ({f"{SERVE}.max_num_seqs": 100_000, f"{SERVE}.token_budget": 100_000, "plans.own.held.gpu.nodes": 50}, "seats"),
    ],
)
def test_b04_what_no_machine_could_run_is_refused(settings, refusal):
    with pytest.raises(sim.InputError, match=refusal):
        scenario(CHAT, settings)


@pytest.mark.parametrize(
    "settings",
    [
        {f"{REQUESTS}.prompt_tokens": 10**12},
        {f"{REQUESTS}.prompt_tokens": {"law": "lognormal", "mean": 1e12, "cv": 100}},
        {f"{REQUESTS}.prompt_tokens": {"law": "lognormal", "mean": 1e-9, "cv": 100}},
        {f"{REQUESTS}.arrivals.rate_per_second": 1e-9},
        {f"{REQUESTS}.arrivals": {"law": "gamma", "rate_per_second": 1, "cv": 100}},
        {"horizon_days": 1e-9, "warm_up_days": 0},
        {"horizon_days": 370, f"{REQUESTS}.arrivals.rate_per_second": 1e-4},
        {SERVE: {"base_ms": 1e-9, "kv_tokens": 10**12, "max_num_seqs": 100_000, "token_budget": 100_000}},
        {f"{SERVE}.frontend_ms": 1e9},
        {"plans.own.held.gpu.usd_per_node_h": 1e12},
        {f"{REQUESTS}.adapters": {"count": 100_000, "zipf": 1e12}, **SLOTS, f"{SERVE}.adapters.load_ms": 1e9},
        {"plans.api.api.ttft_s": 1e12, "plans.api.api.seconds_per_output_token": 1e12},
        {"plans.hybrid.api.usd_per_million_output_tokens": 1e12, f"{REQUESTS}.output_tokens": 10**6},
    ],
    ids=lambda settings: str(settings)[:60],
)
def test_b04_ranges_of_serving_are_within_what_can_be_run(settings):
    sim.run(scenario(CHAT), replications=1)  # compiles
    began = time.monotonic()
    json.dumps(as_json(sim.run(scenario(CHAT, settings), replications=2).result), allow_nan=False)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        (
            {"allocation.window_days": 1e-9},
            "allocation.window_days must make at most 100000 windows of the horizon, got 3.65e+11",
        ),
        ({RATE: 1e9}, "workload.tuning.arrivals must bring at most 100,000,000 jobs within horizon_days, got 3.65e+11"),
        ({"workload.tuning.arrivals.batch": 1e12}, "workload.tuning.arrivals must bring at most 100,000,000 jobs"),
    ],
)
def test_b04_what_would_not_fit_into_memory_is_refused(settings, refusal, tmp_path):
    assert refusal in faults(ARTICLE, tmp_path, settings)[0]
