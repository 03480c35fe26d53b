"""A trace is read once for all futures and periods of a decision, and again when its file changes."""

import pytest

from sim.engine.workload import listed_jobs, listed_requests, logs, traces
from sim.ground.faults import InputError
from sim.ground.scenario import load
from sim.questions.decision import decide

JOBS = """\
name: traced
seed: 3
horizon_days: 30
workload:
  tuning:
    kind: fine_tune
    trace:
      {file: jobs.csv, columns: {arrival: at, service: hours}, arrival_unit: hours, rate_scale: {p10: 0.8, p90: 9}}
plans:
  held: {held: {n: {gpus: 1, nodes: 1, usd_per_node_h: 1}}}
  api: {api: {usd_per_job: 1}}
decision: {months: 6, step_months: 1}
"""
CHATS = """\
name: traced
horizon_days: 1
workload:
  chat:
    kind: inference
    trace: {file: jobs.csv, columns: {arrival: at, prompt: asked, output: told}, arrival_unit: seconds}
plans:
  api: {api: {usd_per_million_input_tokens: 1, usd_per_million_output_tokens: 1}}
"""


def write(folder, *hours, head="at,hours", more="1"):
    (folder / "jobs.csv").write_text("".join(f"{line}\n" for line in (head, *(f"{hour},{more}" for hour in hours))))


@pytest.fixture
def opened(monkeypatch):
    """Which files have been opened."""
    found = []
    for module in (traces, logs):
        monkeypatch.setattr(module, "open_log", noted(found, module.open_log))
    return found


def noted(found, open_log):
    """Open logs as before, and note which."""

    def opening(file, *form, **how):
        found.append(file)
        return open_log(file, *form, **how)

    return opening


def test_a_decision_reads_a_trace_once(tmp_path, opened):
    write(tmp_path, 1, 2, 300)
    (tmp_path / "x.yaml").write_text(JOBS)
    decided = decide(load(tmp_path / "x.yaml"), futures=3, replications=1, jobs=1)
    assert opened == [tmp_path / "jobs.csv"]
    assert decided.jobs.min() < decided.jobs.max()  # each future has its own scales


def test_a_trace_that_has_changed_is_read_again(tmp_path, opened):
    (tmp_path / "x.yaml").write_text(JOBS)
    found = load(tmp_path / "x.yaml")
    for hours in ((1, 2), (1, 3), (1, 2, 4)):
        write(tmp_path, *hours)
        assert (listed_jobs(found)["tuning"].arrival / 3.6e9).tolist() == list(hours)
    (tmp_path / "jobs.csv").unlink()
    with pytest.raises(InputError, match=r"jobs\.csv: cannot be read: No such file"):
        listed_jobs(found)
    assert len(opened) == 3


def test_a_log_of_requests_that_has_changed_is_read_again(tmp_path, opened):
    (tmp_path / "x.yaml").write_text(CHATS)
    found = load(tmp_path / "x.yaml")
    for seconds in ((1, 2), (1, 3), (1, 3)):
        write(tmp_path, *seconds, head="at,asked,told", more="7,5")
        for _ in range(2):
            assert (listed_requests(found)["chat"].arrival / 1e6).tolist() == list(seconds)
    assert len(opened) == 3
