"""A Dask cluster on this machine: the results of threads, whoever dies meanwhile."""

import ctypes
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from unittest import mock

import farm_work
import farms
import pytest
from farm_work import Piece, done
from kept import STORE, finals
from refusals import cli, here
from studies import RATE
from worlds import scenario

from sim.ground.cluster import Cluster, alike, farm, join, joined
from sim.ground.faults import Failure, HaltedError, InputError
from sim.study import as_json, run, sweep
from sim.study.clustered import clustered
from sim.study.units import Means

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The file of a scheduler with two workers."""
    folder = tmp_path_factory.mktemp("cluster")
    with farms.scheduler(folder) as (_, file), farms.workers(folder, file):
        with joined(str(file), print) as client:
            client.wait_for_workers(2, timeout=60)
        yield file


@pytest.fixture
def told():
    """What was told."""
    return []


@pytest.fixture
def client(file, told):
    with joined(str(file), told.append) as client:
        client.wait_for_workers(2, timeout=60)  # one may have died in another test
        yield client


def refusal(file, told=None, **how):
    with pytest.raises(InputError) as refused, joined(str(file), ([] if told is None else told).append, **how):
        raise AssertionError
    assert "\n" not in str(refused.value)
    return str(refused.value)


def keys_held(client):
    """The tasks that the scheduler knows of; it lets go of them a moment after its clients."""
    until = time.monotonic() + 10
    while (held := client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks))) and (
        time.monotonic() < until
    ):
        time.sleep(0.05)
    return held


def all_of(cluster, pieces, **how):
    found = dict(cluster(done, pieces, **how))
    return {piece.name: came for piece, came in found.items()}


def test_a_study_by_a_cluster_is_that_of_threads_to_the_last_bit(file, told):
    vary = {RATE: [1.0, 4.0, 11.0]}
    with clustered(str(file), told.append) as runner:
        swept = sweep(scenario(), vary, 30, means=Means(runner=runner))
        ran = run(scenario(), 70, means=Means(runner=runner))
    assert told == [told[0]]
    assert told[0].startswith("cluster tcp://127.0.0.1:")
    by_threads = sweep(scenario(), vary, 30)
    assert as_json(swept.as_result()) == as_json(by_threads.as_result())
    for ours, theirs in zip(swept.cells, by_threads.cells, strict=True):
        assert {name: bills.tobytes() for name, bills in ours.bills.items()} == {
            name: bills.tobytes() for name, bills in theirs.bills.items()
        }
    assert as_json(ran.result) == as_json(run(scenario(), 70).result)


def test_a_sweep_with_a_cluster_writes_what_it_writes_with_threads(file, article_file, tmp_path):
    asked = ("sweep", article_file, "--vary", f"{RATE}=1,4,11", "--reps", "30", "--format", "json")
    by_threads = cli(*asked, "--out", tmp_path / "threads")
    by_cluster = cli(*asked, "--out", tmp_path / "cluster", "--cluster", file)
    assert (by_cluster.returncode, by_cluster.stdout) == (0, by_threads.stdout)
    told = "\n".join(without_progress(by_cluster.stderr))
    assert re.fullmatch(r".*, about \d+ s\ncluster tcp://127.0.0.1:\d+: 2 workers, 2 threads", told)
    assert finals(tmp_path / "cluster") == finals(tmp_path / "threads")
    assert "result.json" in finals(tmp_path / "cluster")


def test_the_address_may_stand_in_the_environment(file, article_file):
    address = json.loads(file.read_text())["address"]
    answer = cli("run", article_file, "--reps", "20", DASK_SCHEDULER_ADDRESS=address)
    assert answer.returncode == 0
    assert without_progress(answer.stderr) == [f"cluster {address}: 2 workers, 2 threads"]
    assert answer.stdout == here("run", article_file, "--reps", "20")[1]


def test_a_sweep_whose_process_is_killed_goes_on_with_the_cluster(file, article_file, tmp_path):
    asked = ("sweep", article_file, "--vary", f"{RATE}=1:6:12", "--reps", "60", "--out", tmp_path / "out")
    command = [sys.executable, "-m", "sim", *map(str, asked), "--cluster", str(file)]
    log = tmp_path / "out" / f"{STORE}-wal"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(farms.ROOT)}, **quiet) as killed:
        while not log.exists() or log.stat().st_size < 40_000:  # a cell or two
            assert killed.poll() is None
            time.sleep(0.01)
        killed.kill()
    again = cli(*asked, "--cluster", file)
    assert again.returncode == 0
    there = int(re.search(r"(\d+) of 12 cells are there already; \d+ to do", again.stderr)[1])
    assert 0 < there < 12
    whole = cli(*asked[:-1], tmp_path / "whole")
    assert again.stdout == whole.stdout
    assert finals(tmp_path / "out") == finals(tmp_path / "whole")


def without_progress(told):
    """What was told on stderr, but how far the work is: that is told where it takes ten seconds."""
    return [line for line in told.splitlines() if not re.match(r"(cells|replications, in pieces): \d", line)]


def test_a_task_whose_worker_is_killed_is_done_by_another(client, told, tmp_path):
    unlucky = Piece("unlucky", 0.2, str(tmp_path / "begun"))
    pieces = [Piece(f"plain {number}", 0.1) for number in range(20)]
    found = all_of(Cluster(client, told.append), [unlucky, *pieces])
    assert found == {piece.name: piece.key.encode() for piece in [unlucky, *pieces]}
    assert (tmp_path / "begun").read_text().count("unlucky") == 2


def test_work_that_kills_its_workers_is_failed_and_the_rest_is_done(client, told):
    pieces = [Piece(f"plain {number}", 0.02) for number in range(50)]
    found = all_of(Cluster(client, told.append), [*pieces[:25], Piece("deadly", 0.02), *pieces[25:]])
    assert found.pop("deadly") == Failure("killed every worker that tried it (2 of them)", 2)
    assert found == {piece.name: piece.key.encode() for piece in pieces}
    assert any("has gone, its work goes on elsewhere" in line for line in told)


def test_small_pieces_go_together_and_one_that_is_wrong_costs_no_other(client, told):
    pieces = [Piece(f"plain {number}") for number in range(300)]
    with mock.patch.object(farm._Farm, "_submit", autospec=True, side_effect=farm._Farm._submit) as submit:
        found = all_of(Cluster(client, told.append), [*pieces, Piece("wrong")])
    assert found.pop("wrong") == Failure("ValueError: nothing", 3)
    assert found == {piece.name: piece.key.encode() for piece in pieces}
    assert submit.call_count < 150


def test_the_largest_goes_first_and_few_are_under_way(client, told):
    pieces = [Piece(f"plain {number}", number / 100) for number in range(1, 30)]
    under_way = []
    hand_out = farm._Farm._hand_out

    def watched(self):
        hand_out(self)
        under_way.append([group[0].effort for _, group in self.running.values()])

    with mock.patch.object(farm._Farm, "_hand_out", watched):
        assert len(all_of(Cluster(client, told.append), pieces)) == 29
    assert under_way[0] == [0.29, 0.28, 0.27, 0.26]
    assert max(map(len, under_way)) == 4  # two tasks a thread


def test_what_is_refused_is_refused_as_here_and_not_tried_again(client, told, tmp_path):
    with pytest.raises(InputError) as refused:
        all_of(Cluster(client, told.append), [Piece("refused", place=str(tmp_path / "begun"))])
    assert [(fault.where, fault.text) for fault in refused.value.faults] == [("here", "is not to be")]
    assert (tmp_path / "begun").read_text() == "refused\n"


def test_pieces_may_be_large_and_nothing_is_said_of_it(client, told):
    large = Piece("plain" + " " * 11_000_000)
    assert all_of(Cluster(client, told.append), [large]) == {large.name: large.key.encode()}


def test_pieces_with_one_key_are_done_once_and_all_given(client, told, tmp_path):
    twins = [Piece("plain", place=str(tmp_path / "begun")) for _ in range(3)]
    found = list(Cluster(client, told.append)(done, twins))
    assert {id(piece) for piece, _ in found} == set(map(id, twins))
    assert (tmp_path / "begun").read_text() == "plain\n"


def test_whoever_leaves_early_leaves_nothing_behind(client, told):
    pieces = [Piece(f"plain {number}", 0.3) for number in range(20)]
    running = Cluster(client, told.append)(done, pieces)
    assert len(list(itertools.islice(running, 2))) == 2
    assert client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
    running.close()
    assert keys_held(client) == []


def test_when_asked_to_stop_what_is_under_way_is_given_and_no_more(client, told):
    pieces = [Piece(f"plain {number}", 0.3) for number in range(20)]
    found = []
    for piece, came in Cluster(client, told.append)(done, pieces, stopped=lambda: len(found) > 0):
        found.append(came)
        assert came == piece.key.encode()
    assert 1 <= len(found) <= 3


def test_kernels_are_compiled_by_one_worker_of_a_machine_first(client, told, tmp_path):
    pieces = [Piece("plain", 0.3, str(tmp_path / "begun")), Piece("plain small", 0.01, str(tmp_path / "begun"))]
    found = all_of(Cluster(client, told.append, warm=farm_work.done), pieces)
    assert len(found) == 2
    first, *others = (tmp_path / "begun").read_text().splitlines()
    assert (first, sorted(others)) == ("plain small", ["plain", "plain small"])


def test_a_worker_with_other_versions_is_refused_before_any_work(file, told):
    def other(here, there):
        return alike.difference(here | {"numpy": "0.0.1"}, there)

    with mock.patch.object(join, "difference", other):
        text = refusal(file)
    assert text.startswith("--cluster: worker tcp://127.0.0.1:")
    assert f"has numpy {alike.made_by()['numpy']} (here 0.0.1)" in text
    assert "\n" not in text


def test_a_worker_that_comes_later_is_checked_too(client, told):
    other = alike.made_by() | {"numpy": "0.0.1"}
    with (
        mock.patch.object(farm, "made_by", return_value=other),
        pytest.raises(InputError, match="a worker that came later"),
    ):
        all_of(Cluster(client, told.append), [Piece("plain")])


def test_a_worker_without_this_program_is_refused(file, told, tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("def made_by():\n    return {}\n")
    monkeypatch.syspath_prepend(tmp_path)
    import only_here

    monkeypatch.setattr(join, "made_by", only_here.made_by)
    assert "worker tcp://127.0.0.1:" in (text := refusal(file))
    assert text.endswith("that knows no clusters (and 1 more); install there what is installed here")


def test_a_driver_that_is_killed_leaves_the_cluster_to_the_next(file, client, told, tmp_path):
    script = (
        "import sys; from farm_work import Piece, done; from sim.ground.cluster import Cluster, joined\n"
        "with joined(sys.argv[1], print) as client:\n"
        "    for _ in Cluster(client, print)(done, [Piece(f'plain {k}', 0.3) for k in range(100)]):\n"
        "        print('one', flush=True)\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{farms.ROOT}{os.pathsep}{farms.ROOT / 'tests'}"}
    driver = subprocess.Popen([sys.executable, "-c", script, file], stdout=subprocess.PIPE, env=environment)
    with driver, driver.stdout:
        assert any(line == b"one\n" for line in driver.stdout)
        driver.kill()
    pieces = [Piece(f"plain {number}", 0.1) for number in range(4)]
    assert len(all_of(Cluster(client, told.append), pieces)) == 4
    assert keys_held(client) == []


def test_without_workers_it_waits_and_says_so_and_without_its_scheduler_it_stops(tmp_path, told, monkeypatch):
    monkeypatch.setattr(join, "CONNECT", 2.0)
    monkeypatch.setattr(farm, "CONNECT", 2.0)
    with farms.scheduler(tmp_path) as (process, file):
        assert "`dask worker tcp://127.0.0.1:" in refusal(file, told, wait=0.2)
        assert told == [f"{told[0].partition(': no')[0]}: no worker is there yet; waiting for one, at most 0 s"]
        with farms.workers(tmp_path, file, 1), joined(str(file), told.append) as client:
            pieces = [Piece(f"plain {number}", 0.2) for number in range(50)]
            found = itertools.islice(Cluster(client, told.append)(done, pieces), 3)
            assert len(list(found)) == 3
            os.kill(process.pid, signal.SIGKILL)
            with pytest.raises(HaltedError, match="the scheduler has gone and did not come back within 2 s"):
                list(Cluster(client, told.append)(done, pieces))
            assert told[-1] == "the scheduler has gone; waiting"


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc")
def test_memory_that_was_freed_is_kept_by_a_worker():
    script = (
        "import numpy as np; from resource import getrusage; from sim.ground.memory import keep_freed\n"
        "def pages():\n"
        "    before = getrusage(0).ru_minflt\n"
        "    for _ in range(50): np.ones(100_000)\n"
        "    return getrusage(0).ru_minflt - before\n"
        "first = pages(); keep_freed(); pages(); print(first, pages())\n"
    )
    own = {"PYTHONPATH": str(farms.ROOT), "MALLOC_TRIM_THRESHOLD_": "65536"}  # as Dask sets it
    told = subprocess.run([sys.executable, "-c", script], env=os.environ | own, capture_output=True, check=True)
    before, after = map(int, told.stdout.split())
    assert before > 50 * 100  # 195 pages an array
    assert after < 50
