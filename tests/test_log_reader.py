"""The reader of logs: every form, every bad file with its place, and the compiled grammar against Python's own."""

import csv
import gzip
import io
import json
import sys
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from log_files import KNOWN, NAMES, read, refused, rows

from sim.ground.faults import InputError
from sim.ground.logs import open_log, source, tables
from sim.ground.logs.cells import moment, number, whole

# The compiled grammar and the plain cells against Python's csv and the slow rules

PLAIN = st.sampled_from(
    ["0", "7", "12.5", "1e3", "007", "3.", ".5", " 4 ", "1_0", "-1", "NaN", "inf", "", "9" * 20, "\u0661"]
)
DATES = st.sampled_from(
    [
        "2024-02-29 12:30:00",
        "2023-02-29 12:30:00",
        "2024-12-31T23:59:59.1234567",
        "2024-01-01 00:00:00Z",
        "2024-01-01 00:00:00.5+05:30",
        "2024-01-01 00:00:00-23:59",
        "2024-01-01",
        "20240101T000000",
        "2024-01-01 24:00:00",
        "2024-01-01 00:00:60",
        "2024-01-01 00:00:00.",
        "2024-01-01x00:00:00",
        "1969-12-31 23:59:59",
        "1970-01-01 00:00:00+00:01",
        "2200-01-01 00:00:00",
    ]
)
FIELD = st.one_of(
    PLAIN,
    DATES,
    st.integers(0, 10**17).map(str),
    st.floats(0, 1e13).map(repr),
    st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 31)).map(str),
    st.text('ab",\n\r 1é', max_size=5),
)


@st.composite
def cells(draw):
    """A cell as it stands in a file: bare, or in quotes with quotes doubled."""
    text = draw(FIELD)
    bare = draw(st.integers(0, 3)) > 0 and not set(text) & set(',\n\r"')
    return text if bare else '"' + text.replace('"', '""') + '"'


@st.composite
def files(draw):
    """The text of a file of three columns, mostly of as many cells, mostly ended by one kind of line."""
    width = st.sampled_from([3, 3, 3, 3, 3, 2, 4])
    lines = draw(st.lists(width.flatmap(lambda k: st.lists(cells(), min_size=k, max_size=k)), max_size=8))
    ends = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    tail = draw(st.sampled_from(["", ends, ends + ends, '"', '"a"b']))
    return "t,p,o" + ends + ends.join(",".join(line) for line in lines) + tail


def plainly(text: str) -> list[list[str]] | None:
    """The rows of a file by Python's csv, each with the line on which it ends; None where it refuses the file."""
    found = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return [[str(found.line_num), *row] for row in found if row]
    except csv.Error:
        return None


def by_rule(rule, cell: str):
    """What a slow rule makes of a cell."""
    try:
        return rule(cell.strip())
    except ValueError:
        return None


def scanned(file, dates):
    """The rows of a file as they are before any rule: line, whether whole, texts, states and numbers."""
    with open_log(file, columns=NAMES, unit="datetime" if dates else "seconds", sort=True) as log:
        return [
            (
                int(raw.lines[row]),
                bool(raw.good[row]),
                [raw.text(role, row) for role in NAMES] if raw.good[row] else [],
                [(raw.states[role][row], raw.values[role][row]) for role in NAMES],
            )
            for raw in log._rows.read(log._judge.columns)
            for row in range(len(raw.lines))
        ]


@given(files(), st.integers(1, 4), st.booleans())
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example('t,p,o\n1,"2"3,4\n', 1, False)
@example('t,p,o\r1,"1\r\n2",4\r\n', 1, False)
def test_the_compiled_grammar_is_that_of_python(tmp_path, monkeypatch, text, most_rows, dates):
    monkeypatch.setattr(tables, "_MOST_ROWS", most_rows)
    monkeypatch.setattr(source, "BLOCK_BYTES", 16)
    (tmp_path / "log").write_bytes(text.encode())
    expected = plainly(text)
    if expected is None:
        with pytest.raises(InputError, match="is not a CSV file"):
            scanned(tmp_path / "log", dates)
        return
    found = scanned(tmp_path / "log", dates)
    body = expected[1:]
    assert [line for line, *_ in found] == [int(row[0]) for row in body]
    for (_, good, texts, numbers), (_, *row) in zip(found, body, strict=True):
        assert good == (len(row) == 3)
        if not good:
            continue
        assert texts == row
        for place, ((state, value), cell) in enumerate(zip(numbers, row, strict=True)):
            told = by_rule(moment if dates and place == 0 else number, cell)
            if state != 0:  # what is read without the slow rules is what they would make of it
                if dates and place == 0:
                    assert (value, state == 2) == told
                else:
                    assert value == float(cell) == (value if value > 1e12 else told)


@given(
    st.lists(st.tuples(*[st.sampled_from(["1", "2.0", "1e1", '"3"', " 4", "0", "x", "1.5", "1e13"])] * 3), max_size=6)
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_accepted_and_refused_is_what_the_slow_rules_say(tmp_path, lines):
    text = "t,p,o\n" + "".join(",".join(line) + "\n" for line in lines)
    tokens = whole("tokens", 1e12)
    told = [
        [by_rule(rule, cell.strip('"')) for rule, cell in zip((number, tokens, tokens), line, strict=True)]
        for line in lines
    ]
    wrong = [
        f"log:{row + 2}:{at + 1}" for row, line in enumerate(told) for at, value in enumerate(line) if value is None
    ]
    if wrong:
        text = refused(tmp_path, text, columns=NAMES, unit="seconds", sort=True)
        assert [line.split(": ")[0] for line in text.splitlines()] == wrong
    else:
        found = read(tmp_path, text, columns=NAMES, unit="seconds", sort=True)
        kept = sorted(told, key=lambda line: line[0])
        assert rows(found) == tuple([row[k] * scale for row in kept] for k, scale in enumerate((1e6, 1, 1)))


# Forms


@pytest.mark.parametrize("name", KNOWN)
def test_forms_are_known_by_their_header_and_by_name(tmp_path, name):
    text, *expected = KNOWN[name]
    for told in ({"form": name}, {"kind": "inference"}):
        found = read(tmp_path, text, **told)
        assert found[1].form.name == name
        assert rows(found) == tuple(expected)
    assert rows(read(tmp_path, gzip.compress(text.encode()), "no-suffix", form=name)) == tuple(expected)


def test_jobs_and_rates(tmp_path):
    text = "timestamp,duration,num_gpus,cluster\n2017-09-04 10:30:41,5400.0,8,7f04ca\n"
    chunk, log = read(tmp_path, text, texts=True, form=None)
    assert (log.form.name, log.form.kind, log.names("tenant")) == ("philly", "fine_tune", ["7f04ca"])
    assert {name: column.tolist() for name, column in chunk.columns.items()} == {
        "service_hours": [1.5],
        "gpus": [8],
        "tenant": [0],
    }
    chunk, log = read(tmp_path, "model,t,rate\nm,600,1.5\nn,0,0\n", form=None)
    assert (log.form.kind, chunk.arrival.tolist()) == ("rates", [0, 6 * 10**8])
    assert chunk.columns["rate"].tolist() == [0, 1.5]  # in any order, for clients stand one after the other


def test_cached_tokens_leave_one_to_compute(tmp_path):
    header = "timestamp_ms,input_tokens,output_tokens,n_prefix_blocks_512,n_leading_blocks_seen_before\n"
    chunk, _ = read(tmp_path, header + "0,6758,500,14,3\n0,512,1,1,1\n0,100,1,1,0\n", form=None)
    assert chunk.columns["cached"].tolist() == [1536, 511, 0]
    line = '{"arrival_time": 1, "num_prompt_tokens": 9, "num_generation_tokens": 2, "num_cached_tokens": 8}\n'
    without = line.replace(', "num_cached_tokens": 8', "")
    assert read(tmp_path, line + without, form="vllm")[0].columns["cached"].tolist() == [8, 0]
    assert "cached" not in read(tmp_path, without, form="vllm")[0].columns


def test_litellm_in_seconds_and_its_failures(tmp_path):
    lines = [{"startTime": 1.5, "prompt_tokens": 3, "completion_tokens": 4, "cache_hit": None, "status": "success"}]
    lines += [{"startTime": 2.0, "prompt_tokens": 3, "completion_tokens": 4, "cache_hit": True, "status": "success"}]
    lines += [{"startTime": 2.5, "prompt_tokens": None, "completion_tokens": 0, "status": "failure"}]
    found = read(tmp_path, "\n".join(map(json.dumps, lines)), form="litellm")
    assert rows(found) == ([1_500_000], [3], [4])
    assert found[1].notes == ["1 rows of status failure were left out", "1 rows of cache_hit true were left out"]


def test_empty_requests_are_counted_where_asked(tmp_path):
    text = (
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n1,a,5,0,5,x\n2,b,0,0,0,x\n3,a,1,2,3,x\n"
    )
    assert "Response tokens must be a whole number of tokens from 1, got '0'; take" in refused(
        tmp_path, text, form=None
    )
    chunk, log = read(tmp_path, text, form=None, skip_empty=True)
    assert (log.rows, log.empty, chunk.arrival.tolist()) == (1, 2, [3_000_000])


def test_texts_keep_their_numbers_through_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_MOST_ROWS", 2)
    models = ["b", "é", "b", '"q,""x"', "a", "é"]
    text = "Timestamp,Model,Request tokens,Response tokens\n" + "".join(f"{k},{m},1,1\n" for k, m in enumerate(models))
    chunk, log = read(tmp_path, text, form=None, texts=True)
    names = log.names("tenant")
    assert [names[int(code)] for code in chunk.columns["tenant"]] == ["b", "é", "b", 'q,"x', "a", "é"]


def test_the_same_rows_in_every_form_give_the_same_numbers(tmp_path):
    arrival = [0, 0.1, 1787267980.0827403, 2**33 + 0.5]
    table = {"t": arrival, "p": [1, 2**39, 3, 999_999_999_999], "o": [5, 6, 7, 8], "x": ["a", "b,", 'c"', "é"]}
    lines = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    cells = "\n".join(",".join(f'"{cell}"'.replace('c"', 'c""') for cell in line.values()) for line in lines)
    found = [
        rows(read(tmp_path, data))
        for data in ("t,p,o,x\n" + cells, "\n".join(map(json.dumps, lines)), parquet(tmp_path, **table))
    ]
    assert found[0] == found[1] == found[2] == ([round(each * 1e6) for each in arrival], table["p"], table["o"])


# Parquet


def parquet(tmp_path, **columns):
    """A Parquet file with three row groups, as bytes."""
    pq.write_table(pa.table(columns), tmp_path / "made", row_group_size=1)
    return (tmp_path / "made").read_bytes()


def test_parquet_by_its_content(tmp_path):
    times = pa.array([0, 10**6], pa.timestamp("us"))
    data = parquet(tmp_path, TIMESTAMP=times, ContextTokens=pa.array([3, 4], pa.int32()), GeneratedTokens=["5", "6.0"])
    assert rows(read(tmp_path, data, "log.csv", form=None)) == ([0, 10**6], [3, 4], [5, 6])
    zoned = pa.array([datetime(2024, 1, 1, tzinfo=UTC)], pa.timestamp("ns", "Europe/Berlin"))
    data = parquet(tmp_path, TIMESTAMP=zoned, ContextTokens=[3], GeneratedTokens=[5])
    assert rows(read(tmp_path, data, form=None, zone="Asia/Tokyo"))[0] == [1_704_067_200_000_000]
    assert refused(tmp_path, data[:-20]) == "log: is no whole Parquet file: " + refused(tmp_path, data[:-20])[31:]


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    data = parquet(tmp_path, t=[1], p=[1], o=[1])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert refused(tmp_path, data) == (
        "log: is a Parquet file, which needs pyarrow; pip install 'fleetecon[parquet]', or save it as CSV"
    )


def test_faults_of_parquet_have_row_and_column(tmp_path):
    data = parquet(tmp_path, t=[0.0, 1.0, 2.0], p=[1, None, -3], o=[1.0, float("nan"), 1.5])
    assert refused(tmp_path, data).splitlines() == [
        "log: row 2: p: p must be a number from 0 to 1e12, with a decimal point and no unit or separator, got ''",
        "log: row 2: o: o must be a number from 0 to 1e12, with a decimal point and no unit or separator, got 'nan'",
        "log: row 3: p: p must be a number from 0 to 1e12, with a decimal point and no unit or separator, got '-3'",
        "log: row 3: o: o must be a whole number of tokens from 1, got '1.5'",
    ]
