"""Requests that are listed: in the scenario, in CSV files and in lines of JSON; every refusal with its place."""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
from test_requests import CHAT

from sim.engine.workload import listed_requests, sample_requests
from sim.ground.faults import InputError
from sim.ground.scenario import load
from sim.ground.units import tick
from sim.study.compare import warnings
from sim.study.simulate import Experiment

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
DATA = Path(os.environ.get("FLEETECON_DATA", Path(__file__).parents[2] / "shared" / "data")) / "inference"


def world(tmp_path, text: str | bytes, name="log.csv", **log):
    """A scenario whose one class is read from a log."""
    (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
    stated = json.dumps({"file": name, **log})
    before, after = CHAT.split("    arrivals:")[0], CHAT[CHAT.index("plans:") :]
    (tmp_path / "world.yaml").write_text(f"{before}    trace: {stated}\n{after}")
    return load(tmp_path / "world.yaml")


def read(tmp_path, text, name="log.csv", **log):
    """The requests of a log."""
    return listed_requests(world(tmp_path, text, name, **log))["chat"]


def lists(found):
    """A list of requests as plain lists."""
    return found.arrival.tolist(), found.prompt.tolist(), found.output.tolist()


def test_azure_as_published(tmp_path):
    # 100 ns digits: what is finer than a microsecond is cut off.
    rows = "2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951699,396,109\n2023-11-16 18:15:51,879,55\n"
    assert lists(read(tmp_path, AZURE + rows)) == ([0, 4_314_579, 4_319_410], [374, 396, 879], [44, 109, 55])


def test_mooncake_as_csv_and_as_lines_of_json(tmp_path):
    csv = "timestamp_ms,input_tokens,output_tokens,n\n0,6758,500,14\n3001,7322,490,15\n"
    lines = [{"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [1, 2]}]
    lines += [{"timestamp": 3001, "input_length": 7322, "output_length": 490.0, "hash_ids": []}]
    expected = ([0, 3_001_000], [6758, 7322], [500, 490])
    assert lists(read(tmp_path, csv)) == expected
    text = "\n".join(json.dumps(line) for line in lines)
    assert lists(read(tmp_path, text, "log.jsonl")) == expected
    assert lists(read(tmp_path, gzip.compress(text.encode()), "log.jsonl.gz")) == expected
    assert lists(read(tmp_path, "\ufeff\r\n" + text.replace("\n", "\r\n\r\n"), "any.name")) == expected


def test_columns_and_units_as_stated(tmp_path):
    names = {"arrival": "t", "prompt": "p", "output": "o"}
    csv = "o,x,t,p\n5,,1.5,7\n6,,2,8\n"
    for unit, second in {"seconds": 10**6, "minutes": 6 * 10**7, "hours": 36 * 10**8}.items():
        expected = ([second * 3 // 2, second * 2], [7, 8], [5, 6])
        assert lists(read(tmp_path, csv, columns=names, arrival_unit=unit)) == expected
    text = '{"t": "2023-01-01T00:00:00Z", "p": "7", "o": 5}\n{"t": "2023-01-01T01:00:01+01:00", "p": 8, "o": 6}'
    assert lists(read(tmp_path, text, columns=names, arrival_unit="datetime")) == ([0, 10**6], [7, 8], [5, 6])


def test_the_horizon_the_skipped_days_and_the_order(tmp_path):
    csv = AZURE + "7,1,1\n2,20,1\n30,30,1\n2,21,1\n"
    found = read(tmp_path, csv, arrival_unit="hours", sort=True, skip_days=0.125)
    assert lists(found) == ([tick(4)], [1], [1])
    assert found.dropped == 1
    assert lists(read(tmp_path, csv, arrival_unit="hours", sort=True))[1] == [20, 21, 1]


def test_failures_are_left_out_where_asked_and_told(tmp_path):
    text = "Timestamp,Model,Request tokens,Response tokens\n1,a,5,0\n2,b,4,3\n"
    with pytest.raises(InputError, match=r"log\.csv:2:4: Response tokens must be .* or set `skip_empty: true`"):
        read(tmp_path, text)
    scenario = world(tmp_path, text, skip_empty=True, format="burstgpt")
    assert lists(listed_requests(scenario)["chat"]) == ([2_000_000], [4], [3])
    told = [each["text"] for each in warnings(Experiment.of(scenario, 1), 100) if each["code"] == "rows_left_out"]
    assert told == ["class `chat`: its log has 1 rows that read or wrote no token that are left out"]


def test_a_log_with_a_header_alone_has_no_requests(tmp_path):
    assert lists(read(tmp_path, AZURE)) == ([], [], [])


def test_a_listed_class_is_the_same_in_each_replication(tmp_path):
    rows = [{"arrival_s": 3.5, "prompt_tokens": 2, "output_tokens": 9}]
    rows += [{"arrival_s": 0.1, "prompt_tokens": 4, "output_tokens": 1}]
    before, after = CHAT.split("    arrivals:")[0], CHAT[CHAT.index("plans:") :]
    text = f"{before}    requests: {json.dumps(rows)}\n    adapters: {{count: 3}}\n{after}"
    (tmp_path / "world.yaml").write_text(text)
    scenario = load(tmp_path / "world.yaml")
    requests = sample_requests(scenario, 1, range(50), listed_requests(scenario))
    assert requests.offsets.tolist() == list(range(0, 101, 2))
    assert requests.arrival.tolist() == [100_000, 3_500_000] * 50
    assert requests.prompt.tolist() == [4, 2] * 50
    assert requests.output.tolist() == [1, 9] * 50
    assert set(requests.adapter.tolist()) == {0, 1, 2}


NAMES = {"columns": {"arrival": "t", "prompt": "p", "output": "o"}, "arrival_unit": "seconds"}
ROW = '{"timestamp": 0, "input_length": 1, "output_length": 1}\n'


@pytest.mark.parametrize(
    ("text", "log", "refusal"),
    [
        ("", {}, r"log: is empty; its first line must name the columns TIMESTAMP, ContextTokens, GeneratedTokens$"),
        ("a,b\n1,2\n", {}, r"log:1: must have the columns of a known log .*; name its own in `columns` .*of jobs"),
        (AZURE.replace(",", ";"), {}, r"log:1: must have the columns of a known log .* use `;`, save it with commas"),
        ("TIMESTAMP,Context,GeneratedTokens\n", {}, r"log:1: has no column 'ContextTokens' \(for prompt\); did you"),
        ("t;p;o\n1;2;3\n", NAMES, r"log:1: has no column 't' \(for arrival\); it seems to use `;`"),
        ("t,p,o,t\n", NAMES, r"log:1: has two columns named 't'"),
        ("t,p,o" + ",x" * 1000 + "\n", NAMES, r"log:1: has 1003 columns; at most 1000 are read"),
        ("t,p,o\n1,2\n", NAMES, r"log:2: has 2 fields, the header has 3"),
        ("t,p,o\n1,1,234,5\n", NAMES, r"log:2: has 4 fields, the header has 3 \(a comma inside a number\?\)"),
        ('t,p,o\n1,"1,234",5\n', NAMES, r"log:2:2: p must be a number from 0 to 1e12.*, got '1,234'"),
        ('t,p,o\n1,"1\n2",5\n', NAMES, r"log:3:2: p must be a number from 0"),
        ("t,p,o\n-1,1,1\n", NAMES, r"log:2:1: t must be a number from 0 to 1e12"),
        ("t,p,o\n1,NaN,1\n", NAMES, r"log:2:2: p must be a number .*, got 'NaN'"),
        ("t,p,o\n1,NA,1\n", NAMES, r"log:2:2: p must be a number .*, got 'NA'"),
        ("t,p,o\n1,1.5,1\n", NAMES, r"log:2:2: p must be a whole number of tokens from 1, got '1.5'$"),
        ("t,p,o\n1,1,0\n", NAMES, r"log:2:3: o must be a whole number of tokens from 1, got '0'; take the rows of"),
        ("t,p,o\n2,1,1\n\n1,1,1\n", NAMES, r"log:4: arrives before the row above it; put the rows in order or set"),
        (AZURE + "noon,1,1\n", {}, r"log:2:1: TIMESTAMP must be a date and time like 2023-10-01 12:30:00, got 'noon'"),
        (AZURE + "0,1,1\n", {}, r"log:2:1: TIMESTAMP must be a date and time"),
        (AZURE.encode("utf-16"), {}, r"log: is not UTF-8 text"),
        ('t,p,o\n1,"2"3,4\n', NAMES, r"log:2: is not a CSV file: `,` expected after"),
        ("[" + ROW + "]", {}, r"log:1: is one JSON list; write one request a line, each in braces"),
        ("{", {}, r"log:1: is not a request in JSON: Expecting property name"),
        ("{}", {}, r"log:1: has no key 'TIMESTAMP' \(for arrival\)\n"),
        (ROW + "[1]\n", {}, r"log:2: is not a request in JSON: it is no object in braces"),
        (ROW + '{"a": 1, "a": 1}\n', {}, r"log:2: is not a request in JSON: a key stands twice"),
        (ROW + '{"a": ' + "[" * 100_000 + "\n", {}, r"log:2: is not a request in JSON: it is nested too deep"),
        (ROW + ROW.replace("input_l", "inputl"), {}, r"log:2: has no key 'input_length' \(for prompt\); did you mean"),
        (ROW.replace("1}", "0}"), {}, r"log:1: output_length must be a whole number of tokens from 1, got '0'; take"),
        (ROW.replace("1}", "true}"), {}, r"log:1: output_length must be a number .*, got 'true'"),
        (ROW.replace("1}", "NaN}"), {}, r"log:1: output_length must be a number .*, got 'NaN'"),
        (ROW.replace("1}", "1e13}"), {}, r"log:1: output_length must be a number from 0 to 1e12"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_refusals(tmp_path, text, log, refusal):
    with pytest.raises(InputError, match=refusal):
        read(tmp_path, text, "log", **log)


def test_all_faults_at_once_up_to_a_limit(tmp_path):
    with pytest.raises(InputError) as refused:
        read(tmp_path, "t,p,o\n" + "x,0,0\n" * 6 + "x,0,1\n", **NAMES)
    assert len(refused.value.faults) == 20
    with pytest.raises(InputError, match="has more faults; the first 20 are shown") as refused:
        read(tmp_path, "t,p,o\n" + "x,0,0\n" * 7, **NAMES)
    assert len(refused.value.faults) == 21


def test_what_cannot_be_read_is_named(tmp_path):
    data = gzip.compress(b"t,p,o\n" + b"".join(b"%d,1,1\n" % k for k in range(1000)))
    for each in (data[:200], b"not gzip"):
        with pytest.raises(InputError, match=r"log\.csv\.gz: cannot be read: "):
            read(tmp_path, each, "log.csv.gz", **NAMES)
    gone = world(tmp_path, AZURE)
    (tmp_path / "log.csv").unlink()
    with pytest.raises(InputError, match=r"log\.csv: cannot be read: No such file or directory"):
        listed_requests(gone)


def published(name: str) -> Path:
    """A published log, where the data lies beside the project."""
    file = DATA / name
    if not file.exists():
        pytest.skip(f"needs {file}; set FLEETECON_DATA")
    return file


def rows_of(file: Path) -> list[list[str]]:
    """The rows of a published log, read in the plainest way."""
    with gzip.open(file, "rt") as text:
        return [line.split(",") for line in text.read().splitlines()[1:]]


def test_the_azure_log_is_read_whole(tmp_path):
    file = published("azure_llm_2023/azure_llm_2023_conv.csv.gz")
    rows, found = rows_of(file), read(tmp_path, file.read_bytes(), "azure.csv.gz")
    assert len(rows) == len(found.arrival) == 19_366
    assert found.prompt.tolist() == [int(row[1]) for row in rows]
    assert found.output.tolist() == [int(row[2]) for row in rows]
    clock = [row[0].split()[1].split(":") for row in rows]
    micro = [(int(h) * 3600 + int(m) * 60) * 10**6 + int(s[:2]) * 10**6 + int(s[3:9]) for h, m, s in clock]
    assert found.arrival.tolist() == [instant - micro[0] for instant in micro]
    assert found.dropped == 0


@pytest.mark.parametrize(("name", "count"), [("conversation", 12_031), ("synthetic", 3_993)])
def test_the_mooncake_logs_are_read_whole(tmp_path, name, count):
    file = published(f"mooncake/mooncake_{name}.csv.gz")
    rows, found = rows_of(file), read(tmp_path, file.read_bytes(), "mooncake.csv.gz")
    assert lists(found) == tuple([int(row[k]) * scale for row in rows] for k, scale in enumerate((1000, 1, 1)))
    assert (np.diff(found.arrival) >= 0).all()
    assert len(rows) == count
