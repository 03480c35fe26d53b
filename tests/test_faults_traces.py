"""Faults in the CSV file of a trace (B15)."""

import os
import re

import pytest
from refusals import refused

import sim
from sim.ground.faults import InputError
from sim.ground.scenario import load

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
    "open quote": ('arrival,hours\n0,"1\n', r":2: is not a CSV file: a quote is never closed"),
    "torn": ("arrival,hours\n0,1\n0", r":3: has 1 fields, the header has 2 \(the file seems to be cut short\)"),
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
