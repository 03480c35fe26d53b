"""Every job as rows of Parquet files: the columns of ``Study.jobs``, the same bytes however they come, or no file."""

import contextlib
import resource
import sys

import numpy as np
import pandas as pd
import pytest
from refusals import here, refused
from stream_worlds import SHORT, WORLDS
from studies import CHAT
from worlds import scenario

from sim.ground.faults import CannotWriteError, InputError
from sim.study import parquet, run, stream
from sim.study.parquet import write_rows

KIND = {"chat": "requests", "mail": "requests", "tuning": "fine_tunes"}
SESSIONS = {"turns": {"law": "geometric", "mean": 3}, "think_s": 1}


def study(name, replications=2):
    return run(scenario(CHAT, SHORT | WORLDS[name]), replications, jobs=1)


def by_job(frame):
    """Rows in one order, whichever they came in; a column that only jobs of another kind have is left out."""
    filled = frame.dropna(axis=1, how="all").astype({"job_class": str, "outcome": str})
    return filled.sort_values(["arrival_h", "job_class", "end_h"], kind="stable", ignore_index=True)


@pytest.mark.parametrize("name", ["two groups", "fine-tunes beside", "waiting prices"])
def test_files_hold_the_rows_of_jobs(tmp_path, name):
    found = study(name)
    files = write_rows(found.experiment, found.replications, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(file.name for file in files)
    kinds = {KIND[each] for each in found.scenario.workload}
    assert len(files) == len(found.outcomes) * len(kinds)
    for plan in found.outcomes:
        for number in range(2):
            jobs = found.jobs(plan, number)
            for kind in kinds:
                rows = pd.read_parquet(tmp_path / f"rows-{plan}-{kind}.parquet")
                told = rows[rows.replication == number].drop(columns="replication")
                expected = jobs[[KIND[each] == kind for each in jobs.job_class]]
                assert len(expected) > 10
                pd.testing.assert_frame_equal(
                    by_job(told), by_job(expected), check_dtype=False, check_exact=True, check_like=True
                )


def test_what_is_not_known_is_null(tmp_path):
    world = scenario(CHAT, SHORT | {"workload.chat.arrivals.rate_per_second": 60})
    found = run(world, 1, jobs=1)
    write_rows(found.experiment, 1, tmp_path)
    arrow = parquet.arrow()
    table = arrow.parquet.read_table(tmp_path / "rows-own-requests.parquet")
    unserved = int((found.jobs("own").outcome == "not_started").sum())
    assert unserved > 10
    assert table["start_h"].null_count == table["ttft_s"].null_count == unserved
    assert not any(np.isnan(table[name].drop_null().to_numpy()).any() for name in ("start_h", "tpot_s", "sojourn_s"))
    about = arrow.parquet.read_metadata(tmp_path / "rows-own-requests.parquet").metadata
    assert {key: about[key] for key in (b"scenario", b"plan", b"seed", b"replications")} == {
        b"scenario": b"chat",
        b"plan": b"own",
        b"seed": b"7",
        b"replications": b"1",
    }


@pytest.mark.parametrize("name", ["two groups", "fine-tunes beside"])
def test_streamed_rows_are_those_of_the_whole_to_the_last_byte(tmp_path, monkeypatch, name):
    experiment = study(name).experiment
    monkeypatch.setattr(parquet, "_GROUP", 64)

    def written(folder):
        folder.mkdir()
        return {file.name: file.read_bytes() for file in write_rows(experiment, 2, folder)}

    whole = written(tmp_path / "whole")
    monkeypatch.setattr(stream, "AT_ONCE", 0)
    for chunk in (7, 100):
        monkeypatch.setattr(parquet, "Streamed", lambda *given, size=chunk: stream.Streamed(*given, chunk=size))
        assert written(tmp_path / f"{chunk}") == whole
    metadata = parquet.arrow().parquet.read_metadata(tmp_path / "whole" / "rows-own-requests.parquet")
    sizes = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    assert len(sizes) > 4
    assert set(sizes[:-1]) == {64}


def test_requests_with_and_without_sessions_are_in_one_file(tmp_path):
    world = scenario(CHAT, SHORT | WORLDS["two groups"] | {"workload.chat.sessions": SESSIONS})
    found = run(world, 1, jobs=1)
    write_rows(found.experiment, 1, tmp_path)
    rows = pd.read_parquet(tmp_path / "rows-own-requests.parquet")
    assert (rows.session[rows.job_class == "mail"] == -1).all()
    assert (rows.session[rows.job_class == "chat"] >= 0).all()
    assert rows.turn.max() > 0


@contextlib.contextmanager
def files_of_at_most(size):
    """No file can grow beyond a size, as on a disk that fills."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 30_000, "all but one byte"])
def test_a_disk_that_fills_is_told_in_one_line_and_leaves_no_file(tmp_path, size):
    experiment = study("two groups").experiment
    sizes = {file.name: file.stat().st_size for file in write_rows(experiment, 2, tmp_path)}
    largest = max(sizes, key=sizes.__getitem__)
    for file in tmp_path.iterdir():
        file.unlink()
    (tmp_path / largest).write_text("of an earlier run")
    with (
        files_of_at_most(sizes[largest] - 1 if isinstance(size, str) else size),
        pytest.raises(CannotWriteError) as told,
    ):
        write_rows(experiment, 2, tmp_path)
    text = str(told.value)
    assert text.startswith(f"{tmp_path}/rows-")
    assert "cannot be written: File too large" in text
    assert len(text.splitlines()) == 1
    if isinstance(size, str):
        assert largest in text
    assert [file.name for file in tmp_path.iterdir()] == [largest]
    assert (tmp_path / largest).read_text() == "of an earlier run"


def test_an_interrupt_leaves_no_file(tmp_path):
    experiment = study("two groups").experiment

    def interrupt(done, total):
        assert (done, total) == (1, 2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_rows(experiment, 2, tmp_path, interrupt)
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_rows(tmp_path):
    (tmp_path / "chat.yaml").write_text(CHAT)
    told = ("--set", "horizon_days=0.002", "--set", "warm_up_days=0.0002", "--reps", 2)
    status, _, err = here("run", "chat.yaml", *told, "--out", "results", "--rows", cwd=tmp_path)
    assert (status, "Traceback" in err) == (0, False)
    files = {file.name: file.read_bytes() for file in (tmp_path / "results").glob("rows-*")}
    assert sorted(files) == [f"rows-{plan}-requests.parquet" for plan in ("api", "hybrid", "own")]
    for jobs in (1, 3):  # again, all of it kept: the same rows
        assert here("run", "chat.yaml", *told, "--out", "results", "--rows", "--jobs", jobs, cwd=tmp_path)[0] == 0
        assert {file.name: file.read_bytes() for file in (tmp_path / "results").glob("rows-*")} == files


def test_rows_are_refused_before_any_work(tmp_path, monkeypatch):
    (tmp_path / "chat.yaml").write_text(CHAT)
    monkeypatch.setattr("sim.study.run", None)
    run_rows = ("run", "chat.yaml", "--rows")
    assert "--rows: are files in a folder; give --out DIR" in refused(*run_rows, cwd=tmp_path)
    shard = refused(*run_rows, "--out", "there", "--shard", "1/2", cwd=tmp_path)
    assert "--rows: and --shard exclude each other" in shard
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    without = refused(*run_rows, "--out", "there", cwd=tmp_path)
    assert "--rows: are written to Parquet files, which needs pyarrow; pip install 'fleetecon[parquet]'" in without


def test_a_table_of_too_many_jobs_is_refused_with_the_way_out(monkeypatch):
    found = run(scenario(CHAT, SHORT), 1, jobs=1)
    monkeypatch.setattr("sim.study.study._MOST_ROWS", found.experiment.jobs_expected)
    assert len(found.jobs("own")) > 10
    monkeypatch.setattr("sim.study.study._MOST_ROWS", found.experiment.jobs_expected - 1)
    for ask in (found.jobs, found.hires):
        with pytest.raises(
            InputError, match=r"replication: has about 346 jobs.*`run FILE --out DIR --rows` writes them"
        ):
            ask("own")
