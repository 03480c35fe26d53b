"""A Dask cluster that cannot be joined is refused in one line, with the way out; no cluster is needed for that."""

import importlib.util
import pickle
import sys

import pytest
from refusals import refused
from studies import RATE

from sim.doors.cli.app import status_of
from sim.doors.cli.keeping import Asked, keeping
from sim.ground.cluster import alike, join, joined
from sim.ground.faults import Fault, HaltedError, InputError
from sim.ground.scenario import load

HAVE = importlib.util.find_spec("distributed") is not None


def refusal(address, told=None):
    with pytest.raises(InputError) as refused, joined(str(address), (told or []).append):
        raise AssertionError
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert refusal("tcp://127.0.0.1:1") == "--cluster: needs the extra `cluster`: pip install 'fleetecon[cluster]'"


@pytest.mark.skipif(not HAVE, reason="the extra `cluster` is not installed")
def test_where_nobody_answers_that_is_said_in_a_moment(monkeypatch):
    monkeypatch.setattr(join, "CONNECT", 0.3)
    told = refusal("127.0.0.1:1")  # where nobody listens
    assert "no Dask scheduler answers at 127.0.0.1:1" in told
    assert "is `dask scheduler` running there?" in told


@pytest.mark.skipif(not HAVE, reason="the extra `cluster` is not installed")
def test_a_protocol_that_is_none_is_refused():
    assert "no Dask scheduler answers at abc://127.0.0.1:1" in refusal("abc://127.0.0.1:1")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"address":', "[" * 100_000])
def test_a_file_that_is_no_scheduler_file_is_refused(tmp_path, text):
    (tmp_path / "scheduler.json").write_text(text)
    file = tmp_path / "scheduler.json"
    assert (
        refusal(file) == f"--cluster: {file} is no scheduler file: `dask scheduler --scheduler-file {file}` writes one"
    )


def test_what_is_neither_an_address_nor_a_file_is_refused(tmp_path):
    told = refusal(tmp_path / "none.json")
    assert told.startswith("--cluster: must be tcp://HOST:PORT or a scheduler file, got")
    assert "No such file" in told
    assert "Is a directory" in refusal(tmp_path)


def test_a_machine_is_like_itself_and_every_difference_is_named():
    here = alike.made_by()
    assert alike.difference(here, dict(here)) == ""
    for key in set(here) - {"arithmetic"}:
        assert alike.difference(here, here | {key: "x"}) == f"{key} x (here {here[key]})"
    assert "exp, log or pow" in alike.difference(here, here | {"arithmetic": "x"})
    assert alike.difference(here, here | {"numba": "1", "sources": "x", "arithmetic": "x"}) == (
        f"numba 1 (here {here['numba']})"
    )
    without = {key: value for key, value in here.items() if key != "numba"}
    assert alike.difference(here, without) == f"numba missing (here {here['numba']})"


def test_another_last_digit_is_another_arithmetic(monkeypatch):
    once = alike._arithmetic()
    assert once == alike._arithmetic()
    exp = alike.math.exp
    monkeypatch.setattr(alike.math, "exp", lambda x: alike.np.nextafter(exp(x), 0) if x == 1.0 else exp(x))
    assert once != alike._arithmetic()


def test_without_its_cluster_a_study_ends_with_1_and_says_what_is_kept(article_file, tmp_path):
    asked = Asked(load(article_file), {RATE: [1, 2]}, 3, "kernel")
    with pytest.raises(HaltedError) as halted, keeping(tmp_path, asked, None):
        raise HaltedError("--cluster: the scheduler has gone")
    assert str(halted.value) == "--cluster: the scheduler has gone; 0 cells are kept, the same command goes on"
    assert status_of(halted.value) == 1


@pytest.mark.skipif(not HAVE, reason="the extra `cluster` is not installed")
def test_the_command_refuses_in_one_line(article_file, tmp_path):
    for verb in (("run",), ("sweep", "--vary", f"{RATE}=1,2"), ("run", "--shard", "1/2", "--out", tmp_path / "out")):
        told = refused(*verb, article_file, "--cluster", tmp_path / "none", lines=None)
        assert told.splitlines()[-1].startswith("--cluster: must be tcp://HOST:PORT or a scheduler file, got")
    assert not (tmp_path / "out" / "study.sqlite").exists()


def test_a_refusal_comes_whole_from_another_process():
    whole = pickle.loads(pickle.dumps(InputError([Fault("a", "is wrong"), Fault("b", "too")])))  # noqa: S301 - of this line
    assert str(whole) == "a: is wrong\nb: too"
    assert whole.faults == [Fault("a", "is wrong"), Fault("b", "too")]
