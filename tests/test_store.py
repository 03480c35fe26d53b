"""What is kept is given back to the last bit, or is told to be damaged; what is not ours is not touched."""

import os
import sqlite3
from contextlib import closing
from datetime import date

import numpy as np
import pytest

from sim.ground.estimate import Estimate
from sim.ground.faults import CannotWriteError, InputError
from sim.ground.store import FILE, LOCK, Store
from sim.study.packed import PackError, pack, unpack

EVERY_KIND = {
    "estimate": Estimate(1.5, 1.25, 1.75, 0.1, 20),
    "lists": [[1, 2.5, None, True, "words"], []],
    "tuple": (1, ("two", 0.1)),
    "day": date(2023, 10, 1),
    "floats": [0.1, 1e-320, 1.7976931348623157e308, -0.0],
    "beyond": [float("inf"), float("-inf")],
}
ARRAYS = [
    np.linspace(-1.0, 1.0, 7),
    np.array([[np.nan, np.inf], [-0.0, 5e-324]]),
    np.arange(12, dtype=np.int64).reshape(3, 4)[:, ::2],
    np.array([2**64 - 1, 0], np.uint64),
    np.array([True, False]),
    np.empty((0, 3), np.int32),
    np.arange(3, dtype=">i4"),
    np.float32([1.1]),
]


@pytest.fixture
def told():
    return []


@pytest.fixture
def store(tmp_path, told):
    with Store(tmp_path / "out", told.append) as opened:
        yield opened


def altered(file, order: str, *values: object) -> None:
    """Change a closed store as no store would."""
    with closing(sqlite3.connect(file)) as base, base:
        base.execute(order, values)


# Packing


def test_every_kind_of_value_is_taken_back():
    assert repr(unpack(pack(EVERY_KIND))) == repr(EVERY_KIND)


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_arrays_are_taken_back_to_the_last_bit(array):
    back = unpack(pack({"before": np.ones(3), "this": array, "after": np.zeros(2, np.int64)}))
    assert (back["before"].tolist(), back["after"].tolist()) == ([1.0] * 3, [0] * 2)
    assert (back["this"].shape, back["this"].dtype.itemsize) == (array.shape, array.dtype.itemsize)
    assert back["this"].tobytes() == np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"))).tobytes()
    back["this"][...] = 0  # its own, and can be written


def test_the_same_value_has_the_same_bytes():
    assert pack(EVERY_KIND) == pack(unpack(pack(EVERY_KIND)))


@pytest.mark.parametrize("value", [{1: 2}, {"\u2009is": 1}, object(), b"bytes", np.array(["word"]), {1, 2}])
def test_what_cannot_be_kept_is_refused(value):
    with pytest.raises(TypeError, match="result"):
        pack({"of": value} if not isinstance(value, dict) else value)


def test_bytes_that_are_cut_or_changed_are_no_result():
    whole = pack({"array": np.arange(100.0), "words": "some"})
    for damaged in (b"", whole[:5], whole[:12], whole[:-1], b"x" + whole[1:], whole[:20] + b"\0" * 8 + whole[28:]):
        with pytest.raises(PackError):
            unpack(damaged)


# Keeping


def test_what_is_put_is_given_back_by_the_next_store(store, tmp_path):
    store.put("k1", "cell 1", "me", b"one")
    store.put("k1", "cell 1", "me", b"another")  # the first stays
    store.put("k2", "cell 2", "you", b"")
    store.describe({"seed": 2**70, "words": "µ"})
    store.close()
    with Store(tmp_path / "out", pytest.fail) as again:
        assert (len(again), "k1" in again, "k3" in again) == (2, True, False)
        assert (again.get("k1"), again.get("k2"), again.get("k3")) == (b"one", b"", None)
        assert again.about == {"seed": 2**70, "words": "µ"}
        assert (again.made_by_others("me"), again.made_by_others("nobody")) == (1, 2)
    assert [file.name for file in (tmp_path / "out").iterdir()] == [FILE]


def test_a_store_that_was_not_closed_gives_what_was_committed(tmp_path, told):
    first = Store(tmp_path, told.append)
    first.put("k", "cell", "me", b"kept")
    (tmp_path / "copy").mkdir()
    for name in (FILE, f"{FILE}-wal"):  # as a machine without power leaves them
        (tmp_path / "copy" / name).write_bytes((tmp_path / name).read_bytes())
    first.close()
    with Store(tmp_path / "copy", told.append) as again:
        assert again.get("k") == b"kept"
    assert told == []


def test_tidy_forgets_what_nobody_asked_for(store):
    for name in ("asked", "extra"):
        store.put(name, name, "me", b"x")
    store.close()
    with Store(store.file.parent, pytest.fail) as again:
        assert again.get("asked") == b"x"
        again.put("new", "new", "me", b"y")
        again.tidy()
        assert sorted(again._places) == ["asked", "new"]
        assert (again.get("new"), again.get("extra")) == (b"y", None)


def test_take_adds_what_is_whole_and_not_there(store, tmp_path):
    store.put("both", "cell", "me", b"mine")
    with Store(tmp_path / "other", pytest.fail) as other:
        for key in ("both", "theirs", "damaged"):
            other.put(key, key, "me", b"theirs")
    altered(other.file, "UPDATE unit SET result = x'00' WHERE key = 'damaged'")
    with Store(tmp_path / "other", pytest.fail) as other:
        store.take(other)
    assert (store.get("both"), store.get("theirs"), store.get("damaged")) == (b"mine", b"theirs", None)


@pytest.mark.parametrize(
    "change",
    ["name = 'other'", "made_by = 'other'", "result = x'00'", "sha256 = 'no'", "key = x'6b'", "result = 'text'"],
)
def test_a_changed_row_is_told_and_dropped(store, told, change):
    store.put("k", "cell", "me", b"kept")
    store.close()
    altered(store.file, f"UPDATE unit SET {change}")  # noqa: S608 - the test's own words
    with Store(store.file.parent, told.append) as again:
        assert again.get("k") is None
        again.put("k", "cell", "me", b"anew")
        assert again.get("k") == b"anew"
    assert change.startswith("key") or told == [f"{store.file}: a result is damaged; it is computed again"]


def test_a_damaged_question_is_told_and_asked_anew(store, told):
    store.describe({"seed": 1})
    store.close()
    altered(store.file, "UPDATE about SET json = '{\"seed\": 2}'")
    with Store(store.file.parent, told.append) as again:
        assert again.about == {}
    assert told == [f"{store.file}: what was asked is damaged; it is written anew"]


# What is not ours


def test_another_programs_file_is_refused_and_stays_as_it_is(tmp_path):
    file = tmp_path / FILE
    altered(file, "CREATE TABLE notes (text)")
    before = file.read_bytes()
    with pytest.raises(InputError, match=f"{FILE}: is a file of another program; choose another folder"):
        Store(tmp_path, pytest.fail)
    with closing(sqlite3.connect(file)) as base:
        assert base.execute("SELECT name FROM sqlite_master").fetchall() == [("notes",)]
    assert len(before) == file.stat().st_size
    assert not (tmp_path / LOCK).exists()


def test_a_newer_layout_is_refused(store):
    store.close()
    altered(store.file, "PRAGMA user_version = 2")
    with pytest.raises(InputError, match="has layout 2, this program reads 1; choose another folder"):
        Store(store.file.parent, pytest.fail)


def test_a_folder_in_its_place_is_refused(tmp_path):
    (tmp_path / FILE).mkdir()
    with pytest.raises(InputError, match=f"{FILE}: must be a file, but a folder is there"):
        Store(tmp_path, pytest.fail)
    assert not (tmp_path / LOCK).exists()


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path):
    (tmp_path / LOCK).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=f"{LOCK}: cannot be opened"):
        Store(tmp_path, pytest.fail)
    assert not (tmp_path / "elsewhere").exists()


def test_two_of_one_process_exclude_each_other_too(store):
    with pytest.raises(InputError, match=f"out: is in use by process {os.getpid()} on "):
        Store(store.file.parent, pytest.fail)
    store.put("k", "cell", "me", b"still works")
    assert store.get("k") == b"still works"


def test_a_log_that_is_damaged_loses_no_more_than_its_commits(tmp_path, told):
    with Store(tmp_path, told.append) as first:
        first.put("k", "cell", "me", b"kept")
    (tmp_path / f"{FILE}-wal").write_bytes(b"\x55" * 5_000)
    with Store(tmp_path, told.append) as again:
        assert again.get("k") == b"kept"


def test_what_cannot_be_written_is_told_with_its_place(store):
    store.put("k", "cell", "me", b"kept")
    store._base.execute("PRAGMA query_only = ON")
    with pytest.raises(CannotWriteError, match=rf"{FILE}: cannot be written: .*readonly"):
        store.put("other", "cell", "me", b"lost")
    assert store.get("k") == b"kept"
    assert "other" not in store
