"""Faults on the command line: grids, seeds, threads, output folders, a closed stdout."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from refusals import ROOT, cli, faults, here, refused
from studies import RATE
from worlds import ARTICLE, scenario

import sim
from sim.ground.faults import InputError


def test_b19_a_grid_of_a_thousand_million_cells(article_file):
    began = time.monotonic()
    keys = (RATE, "horizon_days", "warm_up_days")
    told = refused("sweep", article_file, *(f"--vary={key}=1:2:1000" for key in keys))
    assert re.search(r"--vary: makes 1,000,000,000 cells, about [\d,.]+ h of work; at most 10,000 run at once", told)
    assert "1,000,000,000 cells" in refused("sweep", article_file, f"--vary={RATE}=1:2:1000000000")
    assert time.monotonic() - began < 10
    with pytest.raises(InputError, match="makes 1,000,000,000 cells"):
        sim.sweep(scenario(), {key: range(1, 1001) for key in keys})


@pytest.mark.parametrize(
    "vary",
    ["", "x", f"{RATE}", f"{RATE}=", f"{RATE}=1:2", f"{RATE}=2:1:3", f"{RATE}=0:1:3:log", f"{RATE}=1:2:3:lin", "=1"],
)
def test_b19_what_cannot_be_varied(vary, article_file):
    assert "--vary: must be key=lo:hi:n[:log] or key=1,2,4" in refused("sweep", article_file, f"--vary={vary}")


def test_b19_the_number_of_cells_is_told(article_file):
    few = ("--reps=2", "--format=csv")
    status, out, err = here("sweep", article_file, f"--vary={RATE}=1,2", "--vary=horizon_days=10,20", *few)
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


def test_b03_what_is_given_twice(article_file, tmp_path):
    for arguments, name in (
        (("check", article_file, "--set=seed=1", "--set=seed=2"), "--set: seed"),
        (("backtest", article_file, "--invoice=none", "--map=EC2=held", "--map=ec2=spot"), "--map: ec2"),
        (
            ("fit", "profile", tmp_path / "none.csv", "--where=batch_size=1", "--where=batch_size=8"),
            "--where: batch_size",
        ),
        (("fit", "workload", tmp_path / "none.csv", "--column=arrival=a", "--column=arrival=b"), "--column: arrival"),
    ):
        assert refused(*arguments) == f"{name} is given twice; give it once\n"


def test_b20_what_is_given_empty_is_not_left_out(article_file, tmp_path):
    for flags in (["--reps="], ["--precision=5%", "--most-reps="]):
        assert refused("run", article_file, *flags).startswith(f"{flags[-1][:-1]}: must be a whole number from ")
    assert refused("fit", "profile", tmp_path / "none.csv", "--gpus=-7").startswith("--gpus: must be a whole number")


def test_b20_seeds_on_the_command_line(article_file):
    for seed in ("-1", "1.5", str(2**200), "abc", ""):
        told = refused("run", article_file, f"--seed={seed}")
        assert told == f"--seed: must be a whole number from 0 to 9223372036854775807, got {seed!r}\n"


def test_b20_a_missing_seed_is_drawn_and_recorded(article_file):
    article_file.write_text(ARTICLE.replace("seed: 2023\n", "").replace("365", "20"))
    told = [
        here("run", article_file, "--reps=2", "--format=json", "--out", article_file.parent / name)[1] for name in "ab"
    ]
    seeds = [json.loads(each)["seed"] for each in told]
    assert seeds[0] != seeds[1]
    for name, seed in zip("ab", seeds, strict=True):
        assert json.loads((article_file.parent / name / "manifest.json").read_text())["seed"] == seed
        assert json.loads((article_file.parent / name / "result.json").read_text())["seed"] == seed
    assert here("run", article_file, "--reps=2", "--format=json", f"--seed={seeds[0]}")[1] == told[0]


def test_f08_an_output_folder_that_cannot_be_written(article_file):
    target = article_file.parent / "file"
    target.write_text("mine")
    for out in (target, target / "below"):
        told = refused("run", article_file, "--out", out)
        assert told == f"{out}: must be a folder to write into, but it is or lies under a file\n"
    assert refused("sweep", article_file, f"--vary={RATE}=1,2", "--out", target).startswith(
        f"{target}: must be a folder"
    )
    assert target.read_text() == "mine"


def test_f08_a_folder_of_somebody_else_is_refused_before_any_work(tmp_path):
    program = """
import os, sys
from sim.ground.files import output_folder
from sim.ground.faults import InputError
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


def test_f23_threads(article_file):
    for jobs in ("-1", "1000000", "abc", "1.5", ""):
        assert (
            refused("run", article_file, f"--jobs={jobs}")
            == f"--jobs: must be a whole number from 0 to 1024, got {jobs!r}\n"
        )
    article_file.write_text(ARTICLE.replace("365", "20"))
    told = {here("run", article_file, "--reps=3", "--format=json", f"--jobs={jobs}")[1] for jobs in ("0", "auto", "1")}
    assert len(told) == 1
    assert json.loads(told.pop())["replications"] == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_f06_a_stdout_that_is_full(article_file):
    with open("/dev/full", "w") as full:
        told = subprocess.run(
            [sys.executable, "-m", "sim", "check", article_file],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (told.returncode, told.stderr) == (1, "stdout: cannot be written: No space left on device\n")


def test_f24_a_closed_stdout_and_a_narrow_dumb_terminal(article_file):
    article_file.write_text(ARTICLE.replace("365", "20"))
    for command in (["schema"], ["run", str(article_file), "--reps=3", "--format=json"]):
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
    ran = cli("run", article_file, "--reps=3", TERM="dumb", COLUMNS="20")
    assert ran.returncode == 0
    assert "reserved" in ran.stdout
    assert not re.search(r"[\x1b\r\b]", ran.stdout + ran.stderr)


@pytest.mark.parametrize(
    "wrong", [("--shard=3/2",), ("--reps=none",), ("--seed=-1",), ("--engine=steam",), ("--on=x",)]
)
def test_what_is_refused_leaves_no_folder(wrong, article_file):
    refused("run", article_file, *wrong, "--out", article_file.parent / "a" / "b")
    assert not (article_file.parent / "a").exists()
