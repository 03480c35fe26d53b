"""Faults in the keys and values of a scenario: each row of the list of faults, in the words of its refusal.

D01, D03, D04 and D05 are judged where their numbers are: test_fleet, test_money, test_study, test_estimate.
"""

import json
import re

import pytest
from refusals import faults, here, refused
from studies import RATE
from worlds import ARTICLE, scenario

import sim
from sim.ground.faults import InputError


def test_b02_a_wrong_key_names_the_nearest(article_file):
    article_file.write_text(ARTICLE.replace("rate_per_day", "arival_rate").replace("staff", "stuff"))
    told = refused("run", article_file, lines=None).splitlines()
    assert f"{article_file}:8: workload.tuning.arrivals.arival_rate is not a key here; choose from" in told[0]
    assert f"{article_file}:15: plans.reserved.stuff is not a key here; did you mean `staff`?" in told[-1]
    assert "did you mean `arrivals`?" in faults(ARTICLE.replace("arrivals:", "arival:"), article_file.parent)[0]


def test_b03_a_key_that_stands_twice(article_file):
    article_file.write_text(ARTICLE + "seed: 9\n")
    assert f"{article_file}:20: seed stands twice, here and on line 2" in refused("check", article_file)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (RATE, -1),
        ("workload.tuning.hours_per_million_tokens", 0),
        ("workload.tuning.hours_per_million_tokens", -2),
        ("workload.tuning.tokens_millions", -1),
        ("plans.reserved.staff.usd_per_year", -1),
        ("horizon_days", 0),
        ("horizon_days", -1),
        ("workload.tuning.gpus", 0),
        ("workload.tuning.gpus", -8),
        ("workload.tuning.gpus", 2.5),
        ("plans.reserved.held.p4d.nodes", -3),
        ("plans.reserved.held.p4d.nodes", 1.5),
    ],
)
def test_b05_negative_and_zero(key, value, tmp_path):
    told = faults(ARTICLE, tmp_path, {key: value})
    assert any(
        re.match(rf"--set: {re.escape(key)}(\.mean)? must be .*, got {re.escape(str(value))}$", line) for line in told
    )


def test_b05_rate_0_and_one_replication_are_valid(article_file):
    status, out, _ = here("run", article_file, "--set", f"{RATE}=0", "--reps", "1", "--format", "json")
    assert status == 0
    found = json.loads(out)
    tuning = found["plans"]["reserved"]["classes"]["tuning"]
    assert tuning["jobs"]["value"] == 0
    assert tuning["cost_per_job_usd"]["fully_loaded"]["mean"]["value"] is None
    assert found["plans"]["reserved"]["bill_usd"]["total"] == {
        "value": 368367.2, "low": None, "high": None, "se": None, "n": 1}  # fmt: skip
    assert "no interval is available" in {each["code"]: each["text"] for each in found["warnings"]}["one_replication"]
    for reps in ("0", "-1", "1.5", "many", "1e9"):
        assert f"--reps: must be a whole number from 1 to 10000000, got '{reps}'" in refused(
            "run", article_file, f"--reps={reps}"
        )


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e3", 1000), ("1.0e3", 1000), ("1_000", 1000), ("012", 12), ("+5", 5), ("0x10", 16), ("0o14", 12), (".5", 0.5)],
)
def test_b06_numbers_as_meant(text, value):
    assert scenario(ARTICLE.replace("365", text)).horizon_days == value


@pytest.mark.parametrize(
    "text", ["12:30:00", "no", "off", "yes", "on", "true", "2023-10-01", "1,000", "1.000.000", "~", "'7'"]
)
@pytest.mark.parametrize("version", ["", "%YAML 1.1\n---\n"])
def test_b06_what_is_no_number_is_refused_by_its_key(text, version, tmp_path):
    told = faults(version + ARTICLE.replace("365", text), tmp_path)
    assert re.search(r"^f\.yaml:\d: horizon_days must be a number from 1e-09 to 1e\+06", told[0])


def test_b06_words_are_words():
    assert scenario(ARTICLE.replace("name: article", "name: no")).name == "no"
    for word in ("yes", "on"):
        with pytest.raises(InputError, match=r"plans\.reserved\.backfill must be"):
            scenario("%YAML 1.1\n---\n" + ARTICLE.replace("    staff:", f"    backfill: {word}\n    staff:"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("plans.reserved.patience_hours", "30 min"),
        ("workload.tuning.hours_per_million_tokens", "2h"),
        ("plans.reserved.overhead_usd_per_year", "19.22 USD"),
        ("equal_work.not_started_share", "0.5 %"),
    ],
)
def test_b08_units_are_refused_with_advice(key, value, tmp_path):
    told = " ".join(faults(ARTICLE, tmp_path, {key: value}))
    assert f"{key} must be" in told
    assert f"got '{value}'" in told
    if "patience" not in key:
        assert "write the number alone, its unit is in the key's name" in told


@pytest.mark.parametrize(("key", "value"), [("equal_work.not_started_share", 50), ("confidence", 95)])
def test_b08_probabilities_beyond_1(key, value, tmp_path):
    assert re.match(rf"--set: {key} must be .*, got {value}$", faults(ARTICLE, tmp_path, {key: value})[0])


def test_b11_warm_up(tmp_path):
    for warm_up in (365, 400):
        told = faults(ARTICLE, tmp_path, {"warm_up_days": warm_up})
        assert told == [f"--set: warm_up_days must be less than horizon_days (365), got {warm_up}"]
    assert "warm_up_days must be 0 or a number" in faults(ARTICLE, tmp_path, {"warm_up_days": -1})[0]


def test_b11_a_horizon_without_jobs():
    found = sim.run(scenario(settings={"horizon_days": 1e-6}), replications=3).result
    assert found["plans"]["api"]["classes"]["tuning"]["cost_per_job_usd"]["attributed"]["mean"].value is None
    assert found["plans"]["api"]["classes"]["tuning"]["api_share"].value is None


def test_b12_a_job_that_fits_no_fleet(tmp_path):
    told = faults(ARTICLE, tmp_path, {"workload.tuning.gpus": 16})
    assert told == [
        "--set: workload.tuning.gpus must fit plan `reserved`: "
        "jobs of 16 GPUs would block its 8 GPUs for ever; add nodes"
    ]
    told = faults(ARTICLE, tmp_path, {"workload.tuning.gpus": 12})
    assert told[0].endswith("jobs of 12 GPUs fit no whole number of its nodes of 8 GPUs")
    none = faults(ARTICLE, tmp_path, {"plans.reserved.held.p4d.nodes": 0})
    assert none[0].endswith("must fit plan `reserved`: jobs of 8 GPUs would block its 0 GPUs for ever; add nodes")


@pytest.mark.parametrize(
    ("law", "refusal"),
    [
        ({"law": "empirical", "values": [1, 2], "weights": [0.5, 0.4]}, "must have weights that sum to 1, got 0.9"),
        (
            {"law": "empirical", "values": [1, 2], "weights": [1.5, -0.5]},
            "weights.0 must be 0 or a number from 1e-09 to 1",
        ),
        (
            {"law": "empirical", "values": [1], "weights": [0.5, 0.5]},
            "must have as many weights as values, got 2 and 1",
        ),
        ({"law": "empirical", "values": []}, "values must have at least 1 entry"),
        ({"law": "hyperexponential", "weights": [], "means": []}, "weights must have at least 1 entry"),
        (
            {"law": "hyperexponential", "weights": [0.7, 0.7], "means": [1, 2]},
            "must have weights that sum to 1, got 1.4",
        ),
        ({"law": "hyperexponential", "mean": 1, "cv": 0.5}, "cv must be a number from 1 to 100, got 0.5"),
        ({"law": "lognormal", "mean": 1, "cv": -1}, "cv must be 0 or a number from 0.001 to 100, got -1"),
        ({"law": "gamma", "mean": 1, "cv": 0}, "cv must be a number from 0.001 to 100, got 0"),
        ({"law": "erlang", "mean": 1, "phases": 0}, "phases must be a whole number from 1 to 1000, got 0"),
        ({"law": "geometric", "mean": 0.5}, "mean must be a number from 1 to 1e+12, got 0.5"),
        ({"law": "cauchy", "mean": 1}, "must have a known law; choose from"),
        ({"law": "pareto", "mean": 1, "alpha": 1}, "alpha must be a number from 1.001 to 100, got 1"),
        ({"law": "lomax", "mean": 1, "alpha": 0.5}, "alpha must be a number from 1.001 to 100, got 0.5"),
        ({"law": "lognormal", "mean": 1, "cv": 1, "truncate": {}}, "truncate must have `low` above 0, or `high`"),
        (
            {"law": "gamma", "mean": 1, "cv": 1, "truncate": {"low": 2, "high": 1}},
            "must have `high` above `low`, got 1 and 2",
        ),
        (
            {"law": "exponential", "mean": 1, "truncate": {"low": 1}},
            "must have at most 0.5 of its values outside `truncate`, got 0.632",
        ),
        ({"law": "exponential", "mean": 0, "truncate": {"low": 1}}, "must have a mean above 0 to `truncate`"),
        ({"law": "geometric", "mean": 2, "truncate": {"low": 1}}, "truncate is not a key here"),
        ({"mean": 1}, "must be a law like {law: lognormal, mean: 1, cv: 0.5}"),
    ],
)
def test_b13_laws(law, refusal, tmp_path):
    told = faults(ARTICLE, tmp_path, {"workload.tuning.tokens_millions": law})
    assert any("workload.tuning.tokens_millions" in line and refusal in line for line in told), told


def test_b13_waits(tmp_path):
    hybrid = {"held": {"n": {"gpus": 8, "usd_per_node_h": 1, "nodes": 1}}, "api": {"usd_per_job": 1}}
    for key, value in (("patience_hours", -1), ("queue_limit", -1)):
        told = faults(ARTICLE, tmp_path, {"plans.h": hybrid | {key: value}})
        assert any(re.match(rf"--set: plans\.h\.{key}(\.mean)? must be .*, got -1$", line) for line in told), told


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        ({"price_date": "2021-01-01"}, "the API offer openai_2023_08 began on 2023-08-22"),
        ({"plans.api.staff": {"nodes_per_engineer": 1, "usd_per_year": 1}}, "must count its staff by `engineers`"),
        ({"horizon_days": 30, "warm_up_days": 29.999999999999996}, "must be less than horizon_days"),
    ],
)
def test_what_would_be_a_silent_nonsense_is_refused(settings, refusal):
    with pytest.raises(InputError, match=refusal):
        scenario(settings=settings)
