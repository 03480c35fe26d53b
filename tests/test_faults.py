"""Faults and bad input: each row of the list of faults, the words of its refusal, and nothing half done.

D01, D03, D04 and D05 are judged where their numbers are: test_fleet, test_money, test_study, test_estimate.
"""

import contextlib
import copy
import io
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import pytest
from worlds import ARTICLE, scenario

import sim
from sim.cli import main
from sim.faults import InputError
from sim.scenario import Tree, build, load
from sim.study import as_json

ROOT = Path(__file__).parents[1]
RATE = "workload.tuning.arrivals.rate_per_day"


def cli(*arguments, cwd=None, **environment) -> subprocess.CompletedProcess:
    """Run the command line in a process of its own."""
    own = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "TERM"}}
    return subprocess.run(
        [sys.executable, "-m", "sim", *map(str, arguments)],
        cwd=cwd,
        env=own | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def here(*arguments, cwd=ROOT) -> tuple[int, str, str]:
    """Run the command line in this process (a tenth of the time): exit status, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    argv = ["fleetecon", *map(str, arguments)]
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", argv),
        pytest.raises(SystemExit) as left,
    ):
        main()
    return int(left.value.code or 0), out.getvalue(), err.getvalue()


def refused(*arguments, cwd=ROOT, lines: int | None = 1) -> str:
    """Run the command line, which must refuse: exit 2, nothing on stdout, so many lines on stderr, no traceback."""
    status, out, err = here(*arguments, cwd=cwd)
    assert (status, out) == (2, "")
    assert "Traceback" not in err
    if lines is not None:
        assert len(err.splitlines()) == lines, err
    return err


def faults(text: str | bytes, tmp_path, settings: dict | None = None) -> list[str]:
    """The refusals of a scenario file, without the folder it lies in."""
    (tmp_path / "f.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(InputError) as error:
        load(tmp_path / "f.yaml", settings)
    return [str(fault).replace(f"{tmp_path}{os.sep}", "") for fault in error.value.faults]


@pytest.fixture
def article(tmp_path):
    """The article as a file."""
    (tmp_path / "article.yaml").write_text(ARTICLE)
    return tmp_path / "article.yaml"


# B01, B03, B18, S01: what is no plain YAML mapping

NO_SCENARIO = {
    "empty": (b"", r":1: must be a mapping of keys, got nothing"),
    "comment": (b"# nothing\n", r":1: must be a mapping of keys, got nothing"),
    "not_utf8": (b"name: a\nseed: \xff\xfe\n", r":2: is not UTF-8 text \(byte 14\); save it as UTF-8"),
    "nul": (b"name: a\nseed: 1\0\n", r":2: holds a NUL byte"),
    "unclosed": (b"name: a\nplans: {a: [1\n", r":\d+: is not valid YAML: "),
    "quote": (b"name: 'a\n", r":\d+: is not valid YAML: "),
    "tab": (b"name:\n\t- a\n", r":\d+: is not valid YAML: "),
    "list": (b"- a\n- b\n", r":1: must be a mapping of keys, got a list"),
    "word": (b"hello\n", r":1: must be a mapping of keys, got a str"),
    "two": (b"a: 1\n---\nb: 2\n", r":\d+: is not valid YAML: "),
    "deep_list": (b"a: " + b"[" * 100_000, r":1: is nested deeper than 40 levels"),
    "deep_map": (b"a: " + b"{a: " * 100_000, r":1: is nested deeper than 40 levels"),
    "deep_dashes": (b"- " * 100_000 + b"a", r":1: is nested deeper than 40 levels"),
    "deep_lines": (b"".join(b" " * k + b"a:\n" for k in range(2000)), r":\d+: is nested deeper than 40 levels"),
    "large": (b"a: " + b"x" * 4_000_001, r": is larger than 4,000,000 bytes"),
    "alias": (b"a: &x [1]\nb: *x\n", r":1: uses an alias or anchor; write the value out"),
    "merge": (b"a: {<<: {b: 1}}\n", r":1: a(\.<<)? is not a key here"),
    "tag": (b"a: !!python/object/apply:os.system ['touch owned']\n", r":1: uses a tag \(`!\.\.\.`\)"),
    "tag_local": (b"a: !x 1\n", r":1: uses a tag"),
    "twice": (b"name: a\nseed: 1\nname: b\n", r":3: name stands twice, here and on line 1"),
    "twice_inside": (b"plans:\n  a: {b: 1, b: 2}\n", r":2: plans\.a\.b stands twice, here and on line 2"),
    "strange_key": (b"[1, 2]: 3\n", r":1: has a key that is not a word"),
}


@pytest.mark.parametrize(("text", "refusal"), list(NO_SCENARIO.values()), ids=list(NO_SCENARIO))
def test_b01_b03_b18_s01_what_is_no_scenario(text, refusal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert any(re.match("f.yaml" + refusal, line) for line in faults(text, tmp_path))
    assert os.listdir(tmp_path) == ["f.yaml"]  # nothing was executed


@pytest.mark.parametrize("case", ["empty", "not_utf8", "nul", "unclosed", "list", "deep_list"])
def test_b01_quickly_and_in_little_memory(case, tmp_path):
    text, refusal = NO_SCENARIO[case]
    (tmp_path / "f.yaml").write_bytes(text)
    # A process between, because a child counts the memory of its parent before it becomes another program.
    program = """
import json, resource, subprocess, sys
ran = subprocess.run([sys.executable, "-m", "sim", "run", "f.yaml"], capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([ran.returncode, ran.stdout, ran.stderr, used]))
"""
    began = time.monotonic()
    own = os.environ | {"PYTHONPATH": str(ROOT)}
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=own, capture_output=True, check=True
    ).stdout
    status, out, err, kilobytes = json.loads(told)
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert re.match("f.yaml" + refusal, err)
    assert time.monotonic() - began < 5
    assert 1000 < kilobytes < 500_000


def test_b01_a_file_that_is_none(tmp_path):
    assert "cannot be read: No such file or directory" in refused("check", tmp_path / "nowhere.yaml")
    assert "cannot be read: Is a directory" in refused("run", tmp_path)


# B02


def test_b02_a_wrong_key_names_the_nearest(article):
    article.write_text(ARTICLE.replace("rate_per_day", "arival_rate").replace("staff", "stuff"))
    told = refused("run", article, lines=None).splitlines()
    assert f"{article}:8: workload.tuning.arrivals.arival_rate is not a key here; choose from" in told[0]
    assert f"{article}:15: plans.reserved.stuff is not a key here; did you mean `staff`?" in told[-1]
    assert "did you mean `arrivals`?" in faults(ARTICLE.replace("arrivals:", "arival:"), article.parent)[0]


def test_b03_a_key_that_stands_twice(article):
    article.write_text(ARTICLE + "seed: 9\n")
    assert f"{article}:20: seed stands twice, here and on line 2" in refused("check", article)


# B04: every number of a scenario in which every key holds one

LISTED = {"kind": "fine_tune", "jobs": [{"arrival_hours": 1, "service_hours": 2, "tokens_millions": 3, "gpus": 1}]}
TRACED = {"kind": "fine_tune", "trace": {"file": "x.csv", "columns": {"service": "s", "tokens": "n"}, "skip_days": 1}}
EVERY_NUMBER = {
    "name": "full",
    "seed": 1,
    "horizon_days": 10,
    "warm_up_days": 1,
    "confidence": 0.9,
    "workload": {
        "a": {
            "kind": "fine_tune",
            "arrivals": {"law": "erlang", "rate_per_day": 1, "phases": 2, "batch": {"law": "geometric", "mean": 2}},
            "gpus": 1,
            "priority": 1,
            "tokens_millions": {"law": "lognormal", "mean": 1, "cv": 1},
            "hours_per_million_tokens": 1,
            "setup_hours": 1,
            "noise_cv": 0.5,
        },
        "b": {
            "kind": "fine_tune",
            "arrivals": {"law": "gamma", "mean_hours": 1, "cv": 1, "batch": 2},
            "tokens_millions": {"law": "hyperexponential", "mean": 1, "cv": 2},
            "tokens_per_second": 100,
        },
        "c": {
            "kind": "fine_tune",
            "arrivals": {"law": "hyperexponential", "weights": [0.5, 0.5], "means": [1, 2]},
            "tokens_millions": {"law": "empirical", "values": [1, 2], "weights": [0.5, 0.5]},
            "hours_per_million_tokens": 1,
        },
        "d": LISTED,
        "e": TRACED,
        "f": {
            "kind": "fine_tune",
            "arrivals": {"law": "poisson", "rate_per_day": 1},
            "service_hours": 1,
            "tokens_millions": 1,
        },
    },
    "plans": {
        "own": {
            "held": {"n": {"gpus": 1, "usd_per_node_h": 1, "nodes": 1}},
            "patience_hours": {"law": "exponential", "mean": 1},
            "queue_limit": 3,
            "api": {"usd_per_million_tokens": 1, "hours_per_million_tokens": 1},
            "staff": {"engineers": 1, "usd_per_year": 1},
            "overhead_usd_per_year": 1,
        },
        "rent": {"hired": {"n": {"gpus": 1, "usd_per_node_h": 1}}},
        "kept": {
            "held": {"n": {"gpus": 1, "nodes": 1, "usd_per_node_h": 1}},
            "staff": {"nodes_per_engineer": 4, "usd_per_year": 1},
        },
        "flat": {"api": {"usd_per_job": 1}},
        "both": {
            "held": {"n": {"gpus": 1, "nodes": 1, "usd_per_node_h": 1}},
            "patience_hours": 1,
            "api": {"usd_per_job": 1},
        },
        "timed": {"api": {"usd_per_service_hour": 1}},
    },
    "allocation": {"window_days": 1},
    "equal_work": {"not_started_share": 0.1, "wait_p95_hours": 1, "settle_usd_per_job": 1},
}


def numbers_of(value, path=()):
    """The paths of all numbers."""
    if isinstance(value, dict | list):
        for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers_of(entry, (*path, key))
    elif isinstance(value, int | float):
        yield path


def with_value(path, value) -> dict:
    """The full scenario with one value put in."""
    changed = copy.deepcopy(EVERY_NUMBER)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


def test_b04_the_full_scenario_is_good_and_holds_every_number():
    assert build(Tree(copy.deepcopy(EVERY_NUMBER))).name == "full"
    stated = {path[-1] if isinstance(path[-1], str) else path[-2] for path in numbers_of(EVERY_NUMBER)}
    schema = sim.Scenario.model_json_schema()
    known = {
        key
        for part in (schema, *schema["$defs"].values())
        for key, rule in part.get("properties", {}).items()
        if re.search(r'"type": "(number|integer)"', json.dumps(rule))
    }
    assert len(known) > 30
    assert known <= stated


BAD_NUMBERS = [
    math.nan,
    math.inf,
    -math.inf,
    1e308,
    5e-324,
    -0.0,
    10**400,
    -(10**400),
    -1,
    True,
    None,
    "1",
    [1],
    {"a": 1},
]


@pytest.mark.parametrize("path", list(numbers_of(EVERY_NUMBER)), ids=lambda path: ".".join(map(str, path)))
def test_b04_every_number_refuses_what_is_none(path):
    key = ".".join(map(str, path))
    for value in BAD_NUMBERS[:9]:
        with pytest.raises(InputError) as error:
            build(Tree(with_value(path, value)))
        told = str(error.value)
        assert f"{key} must be " in told
        assert re.search(r"from [\d.e+-]+ to [\d.e+-]+", told), told
        assert "got" in told
    for value in BAD_NUMBERS[9:]:
        if value is None or isinstance(value, dict):
            continue
        with pytest.raises(InputError) as error:
            build(Tree(with_value(path, value)))
        assert key in str(error.value)


@pytest.mark.parametrize(
    "value", [".nan", ".inf", "-.inf", "1e308", "5e-324", "-0.0", "1" + "0" * 400, "1" + "0" * 5000]
)
def test_b04_in_a_file_and_on_the_command_line(value, tmp_path):
    for line in ("horizon_days: 365", "nodes: 1", "rate_per_day: 6"):
        key = line.split(":")[0]
        told = faults(ARTICLE.replace(line, f"{key}: {value}"), tmp_path)
        assert len(told) == 1
        assert re.match(rf"f\.yaml:\d+: [\w.]*{key} must be .*got ", told[0])
        assert len(told[0]) < 300


def test_b04_the_command_line(article):
    told = refused("run", article, "--set", "horizon_days=.nan", "--set", f"{RATE}=1e308", lines=2)
    assert "--set: horizon_days must be a number from 1e-09 to 1e+06, got nan" in told
    assert f"--set: {RATE} must be 0 or a number from 1e-09 to 1e+09, got 1e+308" in told
    told = refused("sweep", article, "--vary", f"{RATE}=1,.inf", lines=2).splitlines()  # the first tells the size
    assert told[1] == f"--vary: {RATE} must be 0 or a number from 1e-09 to 1e+09, got inf"
    assert "--vary: must be key=lo:hi:n" in refused("sweep", article, "--vary", f"{RATE}=1:nan:3")
    assert "--vary:1: is not valid YAML" in refused("sweep", article, "--vary", f"{RATE}=1,[")


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


# B05


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


def test_b05_rate_0_and_one_replication_are_valid(article):
    status, out, _ = here("run", article, "--set", f"{RATE}=0", "--reps", "1", "--format", "json")
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
            "run", article, f"--reps={reps}"
        )


# B06, B08


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


# B11, B12, B13


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
        ({"law": "pareto", "alpha": 0.9}, "must have a known law; choose from"),
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


# B15: a trace

TRACE = """\
name: replay
horizon_days: 10
workload: {runs: {kind: fine_tune, trace: {file: jobs.csv, columns: {service: hours}}}}
plans: {rent: {hired: {n: {gpus: 1, usd_per_node_h: 1}}}}
"""
TRACES = {
    "missing column": ("arrival,duration\n0,1\n", r":1: has no column 'hours' \(for service\); choose from `arrival`"),
    "near column": ("arrival,hour\n0,1\n", r":1: has no column 'hours' \(for service\); did you mean `hour`\?"),
    "empty file": ("", r": is empty; its first line must name the columns arrival, hours$"),
    "blank lines": ("\n\n", r": is empty; "),
    "blank lines above the header": ("\n\narrival,hour\n0,1\n", r":3: has no column 'hours'"),
    "same column": ("arrival,hours,hours\n0,1,1\n", r":1: has two columns named 'hours'"),
    "nan": ("arrival,hours\n0,nan\n", r":2:2: hours must be a number from 0 to 1e12, .*got 'nan'"),
    "infinite": ("arrival,hours\n0,inf\n", r":2:2: hours must be a number"),
    "NA": ("arrival,hours\n0,NA\n", r":2:2: hours must be a number .*got 'NA'"),
    "no value": ("arrival,hours\n0,\n", r":2:2: hours must be a number .*got ''"),
    "negative": ("arrival,hours\n0,1\n1,-1\n", r":3:2: hours must be a number .*got '-1'"),
    "negative arrival": ("arrival,hours\n-1,1\n", r":2:1: arrival must be a number .*got '-1'"),
    "unsorted": ("arrival,hours\n1,1\n0,1\n", r":3: arrives before the row above it; .*set `sort: true`"),
    "semicolons": ("arrival;hours\n0;1\n", r":1: has no column 'arrival' .*it seems to use `;`, save it with commas"),
    "decimal comma": ('arrival,hours\n0,"1,5"\n', r":2:2: hours must be a number .*with a decimal point.*got '1,5'"),
    "bare comma": ("arrival,hours\n0,1,5\n", r":2: has 3 fields, the header has 2 \(a comma inside a number\?\)"),
    "thousands": ('arrival,hours\n0,"1,000"\n', r":2:2: hours must be a number .*separator, got '1,000'"),
    "underscore": ("arrival,hours\n0,1_000\n", r":2:2: hours must be a number .*got '1_000'"),
    "quoted newline": ('arrival,hours\n0,"1\n2"\n', r":3:2: hours must be a number"),
    "unit": ("arrival,hours\n0,1 h\n", r":2:2: hours must be a number .*no unit"),
    "open quote": ('arrival,hours\n0,"1\n', r": is not a CSV file: "),
    "not utf-8": (b"arrival,hours\n0,\xff\n", r": is not UTF-8 text"),
    "nul": ("arrival,hours\n0,\0\n", r"(: is not a CSV file|:2:2: hours must be a number)"),
    "a million columns": (
        ",".join(map(str, range(1_000_000))) + "\n",
        r":1: has 1000000 columns; at most 1000 are read",
    ),
}


@pytest.mark.parametrize(("csv", "refusal"), list(TRACES.values()), ids=list(TRACES))
def test_b15_traces(csv, refusal, tmp_path):
    (tmp_path / "world.yaml").write_text(TRACE)
    (tmp_path / "jobs.csv").write_bytes(csv if isinstance(csv, bytes) else csv.encode())
    with pytest.raises(InputError) as error:
        sim.run(load(tmp_path / "world.yaml"), replications=1)
    told = str(error.value.faults[0])
    assert re.match(re.escape(f"{tmp_path}{os.sep}jobs.csv") + refusal, told), told


@pytest.mark.parametrize(
    "csv",
    [
        "arrival,hours\n0,1\n0,2\n",
        "\ufeffarrival,hours\r\n0,1\r\n0,2\r\n",
        "id,hours,note,arrival\n7,1,a,0\n7,2,'b\n',0\n".replace("'", '"'),
        "arrival,hours\n 0 , 1 \n\n0,2",
    ],
    ids=["plain", "BOM and CRLF", "extra columns, duplicate ids, quoted newline", "spaces and blank lines"],
)
def test_b15_what_is_accepted(csv, tmp_path):
    (tmp_path / "world.yaml").write_text(TRACE)
    (tmp_path / "jobs.csv").write_bytes(csv.encode())
    frame = sim.run(load(tmp_path / "world.yaml"), replications=1).jobs("rent")
    assert (frame["arrival_h"].tolist(), frame["service_h"].tolist()) == ([0, 0], [1, 2])


def test_b15_faults_of_a_trace_all_at_once_up_to_a_limit(tmp_path):
    (tmp_path / "world.yaml").write_text(TRACE)
    (tmp_path / "jobs.csv").write_text("arrival,hours\n" + "x,y\n" * 1000)
    told = refused("run", tmp_path / "world.yaml", lines=21).splitlines()
    assert told[0].startswith(f"{tmp_path}/jobs.csv:2:1: arrival must be")
    assert told[1].startswith(f"{tmp_path}/jobs.csv:2:2: hours must be")
    assert told[-1] == f"{tmp_path}/jobs.csv: has more faults; the first 20 are shown"


def test_b15_a_trace_that_is_not_there(tmp_path):
    (tmp_path / "world.yaml").write_text(TRACE)
    assert "jobs.csv: cannot be read: No such file or directory" in refused("check", tmp_path / "world.yaml")


# B19, B20


def test_b19_a_grid_of_a_thousand_million_cells(article):
    began = time.monotonic()
    keys = (RATE, "horizon_days", "warm_up_days")
    told = refused("sweep", article, *(f"--vary={key}=1:2:1000" for key in keys))
    assert re.search(r"--vary: makes 1,000,000,000 cells, about [\d,.]+ h of work; at most 10,000 run at once", told)
    assert "1,000,000,000 cells" in refused("sweep", article, f"--vary={RATE}=1:2:1000000000")
    assert time.monotonic() - began < 10
    with pytest.raises(InputError, match="makes 1,000,000,000 cells"):
        sim.sweep(scenario(), {key: range(1, 1001) for key in keys})


@pytest.mark.parametrize(
    "vary",
    ["", "x", f"{RATE}", f"{RATE}=", f"{RATE}=1:2", f"{RATE}=2:1:3", f"{RATE}=0:1:3:log", f"{RATE}=1:2:3:lin", "=1"],
)
def test_b19_what_cannot_be_varied(vary, article):
    assert "--vary: must be key=lo:hi:n[:log] or key=1,2,4" in refused("sweep", article, f"--vary={vary}")


def test_b19_the_number_of_cells_is_told(article):
    few = ("--reps=2", "--format=csv")
    status, out, err = here("sweep", article, f"--vary={RATE}=1,2", "--vary=horizon_days=10,20", *few)
    assert status == 0
    assert "4 cells x 3 plans x 2 replications, about 0 s" in err
    assert len({tuple(line.split(",")[:2]) for line in out.splitlines()[1:]}) == 4


@pytest.mark.parametrize(
    ("seed", "shown"), [(-1, "-1"), (1.5, "1.5"), (2**200, str(2**200)), ("abc", "'abc'"), (True, "True")]
)
def test_b20_seeds(seed, shown, tmp_path):
    assert faults(ARTICLE, tmp_path, {"seed": seed})[0].startswith(
        f"--set: seed must be a whole number from 0 to 9223372036854775807, got {shown}"
    )


def test_b20_seeds_on_the_command_line(article):
    for seed in ("-1", "1.5", str(2**200), "abc", ""):
        told = refused("run", article, f"--seed={seed}")
        assert told == f"--seed: must be a whole number from 0 to 9223372036854775807, got {seed!r}\n"


def test_b20_a_missing_seed_is_drawn_and_recorded(article):
    article.write_text(ARTICLE.replace("seed: 2023\n", "").replace("365", "20"))
    told = [here("run", article, "--reps=2", "--format=json", "--out", article.parent / name)[1] for name in "ab"]
    seeds = [json.loads(each)["seed"] for each in told]
    assert seeds[0] != seeds[1]
    for name, seed in zip("ab", seeds, strict=True):
        assert json.loads((article.parent / name / "manifest.json").read_text())["seed"] == seed
        assert json.loads((article.parent / name / "result.json").read_text())["seed"] == seed
    assert here("run", article, "--reps=2", "--format=json", f"--seed={seeds[0]}")[1] == told[0]


# S01 to S04


def test_s01_nothing_is_executed(tmp_path):
    for text in (
        "name: !!python/object/apply:os.system ['touch owned']\n",
        "name: !!python/name:os.system x\n",
        "!!python/object/new:os.system [touch owned]\n",
        "%TAG ! tag:yaml.org,2002:python/\n---\nname: !object/apply:os.system ['touch owned']\n",
    ):
        (tmp_path / "f.yaml").write_text(text)
        assert "uses a tag (`!...`); write a plain value" in refused("run", "f.yaml", cwd=tmp_path)
    ran = cli("run", "f.yaml", cwd=tmp_path)
    assert (ran.returncode, ran.stdout, len(ran.stderr.splitlines())) == (2, "", 1)
    assert os.listdir(tmp_path) == ["f.yaml"]
    assert "uses a tag" in refused("check", "f.yaml", "--set", "seed=!!python/name:os.system x", cwd=tmp_path)


def test_s02_no_pickle_is_read_or_written(article):
    out = article.parent / "out"
    out.mkdir()
    bomb = b"cposix\nsystem\n(S'touch owned'\ntR."
    for name in ("result.pkl", "cache.pickle", "result.npy", "result.json", "manifest.json"):
        (out / name).write_bytes(bomb)
    article.write_text(ARTICLE.replace("365", "20"))
    assert "holds the results of another question" in refused("run", article, "--reps=2", "--out", out)
    (out / "manifest.json").unlink()
    assert here("run", article, "--reps=2", "--out", out, cwd=out)[0] == 0
    assert not (out / "owned").exists()
    assert json.loads((out / "result.json").read_text())["replications"] == 2
    source = "".join(file.read_text() for file in sorted((ROOT / "sim").rglob("*.py")))
    assert re.findall(r"\b(?:import (?:c?pickle|marshal|shelve|joblib)|allow_pickle=True|yaml\.unsafe)", source) == []


@pytest.mark.parametrize(
    ("key", "value", "refusal"),
    [
        (RATE, '__import__("os").system("touch owned")', "must be 0 or a number"),
        ("workload.tuning.arrivals", {"law": "os.system", "rate_per_day": 1}, "must have a known law"),
        ("workload.tuning.tokens_millions", {"law": "numpy.random.normal", "mean": 1}, "must have a known law"),
        ("workload.tuning._target_", "os.system", "workload.tuning._target_ is not a key here"),
        ("plans.api.api.offer", "${env:HOME}", "must have an offer of the price book"),
    ],
)
def test_s03_no_expression_is_evaluated(key, value, refusal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert any(refusal in line for line in faults(ARTICLE, tmp_path, {key: value}))
    assert os.listdir(tmp_path) == ["f.yaml"]


BAD_NAMES = [
    "../../x",
    "/etc/x",
    "a/b",
    "CON",
    "a\0b",
    "a\nb",
    "x" * 300,
    "\u202egnp",
    "",
    ".",
    "..",
    "a b",
    "Ä",
    "-x",
    "a.b",
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_s04_names(name):
    for parts in (
        {"name": name},
        {"workload": {name: EVERY_NUMBER["workload"]["a"]}},
        {"plans": {name: {"api": {"usd_per_job": 1}}}},
    ):
        with pytest.raises(InputError) as error:
            build(Tree(copy.deepcopy(EVERY_NUMBER | parts)))
        told = str(error.value)
        rule = "be at most 60 characters long" if len(name) > 60 else "be a slug of a-z, 0-9 and _, at most 60 long"
        assert f"must {rule}" in told
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u202a-\u202e]", told)
        assert len(told.splitlines()) == len(error.value.faults)
        assert len(told) < 300


def test_s04_names_of_the_command_line(tmp_path):
    for name in ("../x", "/etc/x", "a/b", "CON", "a\nb", "x" * 300):
        assert "NAME: must be a slug of a-z, 0-9 and _, at most 60 long, got " in refused("init", name, cwd=tmp_path)
    assert os.listdir(tmp_path) == []


def test_s04_nothing_is_written_outside_out(tmp_path):
    work, out, victim = tmp_path / "work", tmp_path / "out", tmp_path / "victim"
    work.mkdir()
    out.mkdir()
    victim.write_text("mine")
    for name in ("result.json", "scenario.yaml", "result.csv"):
        (out / name).symlink_to(victim)
    (out / "manifest.json").symlink_to(tmp_path / "nowhere")
    (work / "article.yaml").write_text(ARTICLE.replace("365", "20"))
    before = sorted(path for path in tmp_path.rglob("*") if out not in path.parents)
    assert here("run", "article.yaml", "--reps=2", "--out", out, cwd=work)[0] == 0
    assert sorted(path for path in tmp_path.rglob("*") if out not in path.parents) == before
    assert victim.read_text() == "mine"
    assert not (out / "result.json").is_symlink()
    assert not (out / "manifest.json").is_symlink()


# F08, F23, F24


def test_f08_an_output_folder_that_cannot_be_written(article):
    target = article.parent / "file"
    target.write_text("mine")
    for out in (target, target / "below"):
        told = refused("run", article, "--out", out)
        assert told == f"{out}: must be a folder to write into, but it is or lies under a file\n"
    assert refused("sweep", article, f"--vary={RATE}=1,2", "--out", target).startswith(f"{target}: must be a folder")
    assert target.read_text() == "mine"


def test_f08_a_folder_of_somebody_else_is_refused_before_any_work(tmp_path):
    program = """
import os, sys
from sim.files import output_folder
from sim.faults import InputError
if os.geteuid() == 0:
    os.setuid(65534)
for folder in sys.argv[1:]:
    try:
        output_folder(folder)
    except InputError as error:
        print(error)
"""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        locked = Path(folder) / "locked"
        locked.mkdir()
        locked.chmod(0o555)
        Path(folder).chmod(0o755)
        ran = subprocess.run(
            [sys.executable, "-c", program, locked, locked / "new"],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
    assert ran.stdout.splitlines() == [
        f"{locked}: must be a folder that can be written: Permission denied",
        f"{locked / 'new'}: must be a folder that can be written: Permission denied",
    ]


def test_f23_threads(article):
    for jobs in ("-1", "1000000", "abc", "1.5", ""):
        assert (
            refused("run", article, f"--jobs={jobs}")
            == f"--jobs: must be a whole number from 0 to 1024, got {jobs!r}\n"
        )
    article.write_text(ARTICLE.replace("365", "20"))
    told = {here("run", article, "--reps=3", "--format=json", f"--jobs={jobs}")[1] for jobs in ("0", "auto", "1")}
    assert len(told) == 1
    assert json.loads(told.pop())["replications"] == 3


def test_f24_a_closed_stdout_and_a_narrow_dumb_terminal(article):
    article.write_text(ARTICLE.replace("365", "20"))
    for command in (["schema"], ["run", str(article), "--reps=3", "--format=json"]):
        reading, writing = os.pipe()
        os.close(reading)
        ran = subprocess.run(
            [sys.executable, "-m", "sim", *command],
            stdout=writing,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            text=True,
            check=False,
        )
        os.close(writing)
        assert "Traceback" not in ran.stderr
        assert "BrokenPipe" not in ran.stderr
        assert ran.returncode == 0
    ran = cli("run", article, "--reps=3", TERM="dumb", COLUMNS="20")
    assert ran.returncode == 0
    assert "reserved" in ran.stdout
    assert not re.search(r"[\x1b\r\b]", ran.stdout + ran.stderr)
