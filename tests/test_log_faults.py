"""The reader of logs: time zones, and every bad file with its place."""

import gzip
import os
import zlib
from datetime import UTC, datetime

import numpy as np
import pytest
from log_files import AZURE, KNOWN, NAMES, read, refused, rows

from sim.ground.faults import InputError
from sim.ground.logs import Limits, open_log, source, tables, text_lines, to_local, zone_named

# Time zones

DATED = {"columns": NAMES, "unit": "datetime"}


def seconds(tmp_path, *times, **told):
    """Instants of a log in seconds since 1970, rows in the order of the file."""
    text = "t,p,o\n" + "".join(f"{time},1,1\n" for time in times)
    return [k / 1e6 for k in rows(read(tmp_path, text, **DATED, **told))[0]]


def utc(*moment_of):
    """An instant of UTC in seconds since 1970."""
    return datetime(*moment_of, tzinfo=UTC).timestamp()


def test_offsets_and_zones(tmp_path):
    midnight = utc(2024, 5, 10)
    assert seconds(tmp_path, "2024-05-10 00:00:00") == [midnight]
    assert seconds(tmp_path, "2024-05-10T00:00:00Z", "2024-05-10 02:00:00+01:00", zone="Asia/Tokyo") == [
        midnight,
        midnight + 3600,
    ]
    assert seconds(tmp_path, "2024-05-10 00:00:00", "2024-12-10 00:00:00", zone="Europe/Berlin") == [
        midnight - 7200,
        utc(2024, 12, 9, 23),
    ]


def test_local_times_are_those_that_the_clocks_showed():
    utc_times = [utc(2024, 10, 27, 0, 59, 59), utc(2024, 10, 27, 1), utc(2024, 7, 1), utc(1970, 1, 1)]
    berlin = to_local(np.array(utc_times, np.int64) * 10**6, zone_named("Europe/Berlin"))
    assert (berlin // 10**6 - utc_times).tolist() == [7200, 3600, 7200, 3600]
    nepal = to_local(np.array([utc(2024, 7, 1, 0, 7)], np.int64) * 10**6, zone_named("Asia/Kathmandu"))
    assert nepal.tolist() == [utc(2024, 7, 1, 5, 52) * 10**6]


def test_the_hour_that_comes_twice_and_the_one_that_is_skipped(tmp_path):
    hours = ["01:59:59", "02:10:00", "02:50:00", "02:10:00", "02:50:00", "03:00:00"]
    one = utc(2024, 10, 27)
    found = seconds(tmp_path, *(f"2024-10-27 {hour}" for hour in hours), zone="Europe/Berlin")
    assert found == [one - 1, one + 600, one + 3000, one + 4200, one + 6600, one + 7200]
    with pytest.raises(
        InputError, match=r"log:2:1: t must be a time that there was in Europe/Berlin, .* '2024-03-31 02:30"
    ):
        seconds(tmp_path, "2024-03-31 02:30:00", zone="Europe/Berlin")
    with pytest.raises(InputError, match="zone: must be the name of a time zone like"):
        seconds(tmp_path, "2024-03-31 02:30:00", zone="Mars/../x")


def test_mixed_zones_are_refused(tmp_path):
    for times, must in ((("Z", ""), "an"), (("", "+01:00"), "no")):
        text = "t,p,o\n" + "".join(f"2024-01-01 00:00:00{each},1,1\n" for each in times)
        rule = f"t must carry {must} offset from UTC, as the rows above it; the times of the file are mixed, got '2024"
        assert refused(tmp_path, text, **DATED).startswith(f"log:3:1: {rule}")


# Bad files


def test_rows_out_of_order(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_MOST_ROWS", 2)
    text = "t,p,o\n2,1,9\n2,2,9\n1,3,9\n2,4,9\n"
    assert refused(tmp_path, text).startswith(
        "log:4: arrives before the row above it; put the rows in order or set `sort"
    )
    assert rows(read(tmp_path, text, columns=NAMES, unit="seconds", sort=True))[1] == [3, 1, 2, 4]


def test_all_faults_of_a_large_file_are_found_behind_good_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_MOST_ROWS", 3)
    text = "t,p,o\n" + "".join(f"{k},{'x' if k in (5, 50) else 1},1\n" for k in range(60))
    assert [line[:8] for line in refused(tmp_path, text).splitlines()] == ["log:7:2:", "log:52:2"]


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("t,p,o\n1,2,3\n1,2", "log:3: has 2 fields, the header has 3 (the file seems to be cut short)"),
        ('t,p,o\n1,"2,3\n', "log:2: is not a CSV file: a quote is never closed"),
        ('t,p,o\nx,2,3\n1,"2"3,4\n', "log:2:1: t must be a number"),
        ('t,p,o\n1,"x\n",3\n1,2,"3', "log:3:2: p must be a number from 0"),
        ('{"t": 1, "p": 2, "o": 3}\n{"t": 1, "p"', "log:2: is not a request in JSON: Expecting ':' delimiter"),
        ("t,p,o\n1,2,\xff\n".encode("latin-1"), "log: is not UTF-8 text"),
        ("t,p,o,x\n1,2,3,\xff\n".encode("latin-1"), "log: is not UTF-8 text"),
        (",".join(f"c{k}" for k in range(10**6)) + "\n", "log:1: has 1000000 columns; at most 1000 are read"),
        ("t,p,o\n2023-01-01,1,1\n", "log:2:1: t must be a number from 0 to 1e12"),
        ("", "log: is empty; its first line must name the columns t, p, o"),
        ("\n\n", "log: is empty; its first line must name the columns t, p, o"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_torn_and_wrong_files(tmp_path, text, refusal):
    assert refused(tmp_path, text).startswith(refusal)


def test_what_is_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path, "a folder"), ("/dev/zero", "a device"), (tmp_path / "pipe", "a device, a pipe")):
        with pytest.raises(InputError, match=f"must be a regular file, got {kind}"):
            open_log(path)


def zeros(size: int, begin: bytes = b"") -> bytes:
    """A gzip bomb of spaces."""
    squeeze = zlib.compressobj(9, wbits=31)
    block = b" " * (1 << 20)
    return b"".join([squeeze.compress(begin), *(squeeze.compress(block) for _ in range(size >> 20)), squeeze.flush()])


def test_bombs(tmp_path):
    limits = Limits(line_bytes=1 << 20, free_bytes=8 << 20)
    bomb = zeros(64 << 20, b"t,p,o\n1,1,1\n")
    told = {"columns": NAMES, "unit": "seconds", "limits": limits}
    assert refused(tmp_path, bomb, **told).startswith("log:3: is longer than 1 MiB; this is no row of a log")
    assert refused(tmp_path, zeros(64 << 20), **told).startswith("log:1: is longer than 1 MiB")
    many = gzip.compress(b"t,p,o\n" + b"0,1,1\n" * (4 << 20))
    assert refused(tmp_path, many, **told).startswith("log: unpacks to more than 100 times its size, ")
    (tmp_path / "log").write_bytes(bomb)
    with pytest.raises(InputError, match="log:3: is longer than 1 MiB"):
        list(text_lines(tmp_path / "log", limits))


def test_a_row_may_be_longer_than_a_block(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "BLOCK_BYTES", 16)
    assert rows(read(tmp_path, "t,p,o,x\n1,2,3," + "y" * 1000 + "\n4,5,6,\n")) == ([10**6, 4 * 10**6], [2, 5], [3, 6])
    lines = ['{"t": 1, "p": 2, "o": 3, "x": "' + "y" * 100 + '"}'] * 3
    assert rows(read(tmp_path, "\n".join(lines)))[1] == [2, 2, 2]


def test_what_a_log_may_not_tell_by_itself(tmp_path):
    assert (
        refused(tmp_path, "t,p,o\n1,1,1\n", columns=NAMES)
        == "log:1: column 't' holds numbers; state the unit of these times (`arrival_unit`)"
    )
    assert "is no known form of a log: 'asure'; did you mean `azure`?" in refused(tmp_path, AZURE, form="asure")
    assert np.array_equal(read(tmp_path, AZURE, columns={**KNOWN_COLUMNS})[0].arrival, KNOWN["azure"][1])


KNOWN_COLUMNS = {"arrival": "TIMESTAMP", "prompt": "ContextTokens", "output": "GeneratedTokens"}
