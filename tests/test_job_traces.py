"""Lists and traces of jobs: read, sorted, refused."""

import gzip
import math
import os
from pathlib import Path

import numpy as np
import pytest
from worlds import ARTICLE, scenario

from sim.engine.workload import listed_jobs, sample
from sim.ground.faults import InputError
from sim.ground.scenario import load
from sim.ground.units import tick

# Lists and traces


ONE_GPU_NODES = {"node": {"gpus": 1, "usd_per_node_h": 1, "nodes": 2490}}
HIRED_GPUS = {"node": {"gpus": 1, "usd_per_node_h": 1}}
RENT = {"rent": {"hired": {"n": {"gpus": 8, "usd_per_node_h": 1}}}}


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
