"""F04, F06, F09, F11, F14 to F17: stopped, full, damaged, in use, another question; shares put together."""

import shutil
import sqlite3
import subprocess
from contextlib import closing

import pytest
from kept import BLOCK, CELLS, RUN, STORE, SWEEP, Copies, finals

NAMESPACE = ("unshare", "-rm")


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """A program of which copies are run."""
    made = Copies(tmp_path_factory.mktemp("resumed"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def files(copies):
    """What an uninterrupted sweep writes."""
    assert copies.run(*SWEEP, "--out", "whole")["status"] == 0
    return finals(copies.folder / "whole")


def ends(copies, files, folder: str) -> dict:
    ended = copies.run(*SWEEP, "--out", folder)
    assert ended["status"] == 0, ended["stderr"]
    assert finals(copies.folder / folder) == files
    return ended


@pytest.mark.parametrize(("sign", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.parametrize("times", [1, 2])
def test_f04_stopped_once_and_twice(copies, files, sign, status, times):
    folder = f"{sign}_{times}"
    stopped = copies.run(*SWEEP, "--out", folder, at=11, signal=sign, times=times)
    assert stopped["status"] == status, stopped["stderr"]
    assert stopped["stdout"] == ""
    assert "Traceback" not in stopped["stderr"]
    assert ("the same command goes on" in stopped["stderr"]) == (times == 1)
    assert len(ends(copies, files, folder)["done"]) < CELLS


def test_failed_cells_are_listed_and_the_others_kept(copies, files):
    failed = copies.run(*SWEEP, "--out", "failed", broken="cell 2 ")
    assert (failed["status"], len(failed["done"])) == (3, CELLS - 1)
    assert (
        "cell 2 of 6 (rate_per_day=1, gpus=8): failed, tried 1 x: RuntimeError: broken on purpose" in failed["stderr"]
    )
    assert list(finals(copies.folder / "failed")) == []
    assert len(ends(copies, files, "failed")["done"]) == 1


def damaged(file, damage: str) -> bytearray:
    """The bytes of a store of which a part is gone, or overwritten where the store uses them."""
    data = bytearray(file.read_bytes())
    if damage in ("half", "empty"):
        return data[: len(data) // 2 if damage == "half" else 0]
    with closing(sqlite3.connect(file)) as base:
        rows = [row for (row,) in base.execute("SELECT result FROM unit ORDER BY id")]
    at = {"header": 3, "first": data.index(rows[0][:80]), "last": data.index(rows[-1][-80:])}[damage]
    data[at : at + 40] = b"\x55" * 40
    return data


@pytest.mark.parametrize("damage", ["half", "empty", "header", "first", "last"])
def test_f09_f11_a_damaged_store_is_computed_again(copies, files, damage):
    folder = copies.folder / f"damaged_{damage}"
    shutil.copytree(copies.folder / "whole", folder)
    (folder / STORE).write_bytes(damaged(folder / STORE, damage))
    ended = copies.run(*SWEEP, "--out", folder.name)
    assert ended["status"] == 0, ended["stderr"]
    found = finals(folder)
    assert {name: text for name, text in found.items() if ".damaged-" not in name} == files
    assert damage == "empty" or "damaged" in ended["stderr"]
    assert 0 < len(ended["done"]) <= (CELLS if damage in ("half", "empty", "header") else 1)


def test_f14_f15_one_process_at_a_time(copies, files):
    import fcntl
    import json

    folder = copies.folder / "held"
    folder.mkdir()
    with open(folder / ".study.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        json.dump({"pid": 4711, "host": "elsewhere"}, lock)
        lock.flush()
        refused = copies.run(*SWEEP, "--out", "held")
    assert refused["status"] == 2
    assert "held: is in use by process 4711 on 'elsewhere'" in refused["stderr"]
    assert "process 4711 on 'elsewhere' ended before it was done" in ends(copies, files, "held")["stderr"]


def test_f16_f17_another_question_is_refused_though_none_was_answered(copies):
    assert copies.run(*SWEEP, "--out", "begun", at=12)["status"] == -9
    other = copies.run(*SWEEP, "--out", "begun", "--set", "horizon_days=5")
    assert other["status"] == 2
    assert "begun: holds the results of another question (scenario `article`)" in other["stderr"]


def test_shares_put_together_are_the_whole(copies, files):
    for number in (1, 2):
        assert copies.run(*SWEEP, "--out", f"share{number}", f"--shard={number}/2")["status"] == 0
    missing = copies.run("merge", "merged", "share1")
    assert missing["status"] == 2
    assert "3 of 6 cells are missing: cell " in missing["stderr"]
    merged = copies.run("merge", "merged", "share1", "share2")
    assert (merged["status"], merged["done"]) == (0, []), merged["stderr"]
    assert finals(copies.folder / "merged") == files


def test_shares_of_a_run_are_the_whole_whatever_their_order(copies):
    question = (*RUN, "--seed=5")
    assert copies.run(*question, "--out", "one_run")["status"] == 0
    for number in (3, 1, 2):
        how = {"block": BLOCK, "at": 14} if number == 3 else {"block": BLOCK}
        copies.run(*question, "--out", f"part{number}", f"--shard={number}/3", **how)
    killed = copies.run("merge", "joined", "part1", "part2", "part3")
    assert killed["status"] == 2
    assert "blocks of replications are missing" in killed["stderr"]
    assert copies.run(*question, "--out", "part3", "--shard=3/3", block=BLOCK)["status"] == 0
    merged = copies.run("merge", "joined", "part2", "part3", "part1", block=BLOCK)
    assert (merged["status"], merged["done"]) == (0, []), merged["stderr"]
    assert finals(copies.folder / "joined") == finals(copies.folder / "one_run")


def test_another_seed_and_a_share_without_work_are_told(copies):
    few = ("run", "small.yaml", "--reps=2")
    assert copies.run(*few, "--seed=1", "--out", "seeds")["status"] == 0
    told = copies.run(*few, "--seed=2", "--out", "seeds")
    assert (told["status"], len(told["done"])) == (0, 1)
    assert "seeds: what is there has seed 1; it gives way to the results of seed 2" in told["stderr"]
    assert "gives way" not in copies.run(*few, "--seed=2", "--out", "seeds")["stderr"]
    idle = copies.run(*few, "--out", "idle", "--shard=2/2")
    assert (idle["status"], idle["done"]) == (0, [])
    assert "share 2 has nothing to do: there are no more blocks of replications than 1" in idle["stderr"]


def test_a_run_until_it_is_precise_goes_on(copies):
    question = ("run", "small.yaml", "--precision=3%", "--jobs=2")
    whole = copies.run(*question, "--out", "precise", block=BLOCK)
    assert (whole["status"], len(whole["done"]) > 4) == (0, True), whole["stderr"]
    for at in (whole["steps"] // 4, whole["steps"] // 2, whole["steps"] - 12):
        assert copies.run(*question, "--out", f"precise_{at}", at=at, block=BLOCK)["status"] == -9
        ended = copies.run(*question, "--out", f"precise_{at}", block=BLOCK)
        assert (ended["status"], ended["stdout"]) == (0, whole["stdout"]), ended["stderr"]
        assert len(ended["done"]) < len(whole["done"])
        assert finals(copies.folder / f"precise_{at}") == finals(copies.folder / "precise")


def can_mount() -> bool:
    tried = subprocess.run([*NAMESPACE, "mount", "-t", "tmpfs", "x", "/mnt"], capture_output=True, check=False)
    return tried.returncode == 0


@pytest.mark.skipif(not shutil.which("unshare") or not can_mount(), reason="no room of its own can be mounted here")
@pytest.mark.parametrize("percent", [2, 10, 50, 95])
def test_f06_a_full_disk(copies, files, percent, tmp_path):
    need = sum(file.stat().st_size for file in (copies.folder / "whole").iterdir())
    room = tmp_path / "room"
    room.mkdir()
    size = max(4096, need * percent // 100 // 4096 * 4096)
    program = [*NAMESPACE, "sh", "-c", f'mount -t tmpfs -o size={size} x "$0" && exec "$@"', str(room)]
    own = Copies(tmp_path, *program)
    try:
        full = own.run(*SWEEP, "--out", room)
        assert full["status"] in (1, 2)
        line = full["stderr"].splitlines()[-1]
        assert str(room) in line
        assert "No space left on device" in line
        assert "Traceback" not in full["stderr"]
        assert own.shell(f"mount -o remount,size=100m {room}") == 0
        ended = own.run(*SWEEP, "--out", room)
        assert ended["status"] == 0, ended["stderr"]
        assert own.shell(f"cp -r {room} {tmp_path / 'copy'}") == 0
        assert finals(tmp_path / "copy") == files
    finally:
        own.close()
