"""Long replications chunk by chunk: the same bytes as all at once, whatever the cut, and memory that does not grow."""

import json
import subprocess
import sys
import time
from concurrent.futures import CancelledError
from pathlib import Path

import pytest
from stream_worlds import NODES, SCALED, SERVE, SHORT, WORLDS
from studies import CHAT
from worlds import scenario

from sim.engine.money import LINES
from sim.study import as_json, run, stream
from sim.study.gathered import Gathered
from sim.study.pieces import run_all, run_piece
from sim.study.result import result
from sim.study.serving import held_whole
from sim.study.simulate import Experiment
from sim.study.stream import Streamed
from sim.study.threads import mapper, pool

REPLICATIONS = 2
CUTS = (4, 90)


def autoscaled():
    text = CHAT[: CHAT.index("  hybrid:")].replace("    held:", "    hired:").replace("        nodes: 1\n", "")
    serve = SERVE | SCALED
    return scenario(text, SHORT | {"plans.own.hired.gpu": {"gpus": 1, "usd_per_node_h": 3, "serve": serve}})


def ready(name):
    made = autoscaled() if name == "autoscaled" else scenario(CHAT, SHORT | WORLDS[name])
    return Experiment.of(made, 7)


def in_chunks(experiment, size, keep=False):
    gathered = Gathered(0, REPLICATIONS, keep)
    for number in range(REPLICATIONS):
        gathered.add([number], Streamed(experiment, number, keep, size).outcomes())
    return gathered.outcomes()


def text_of(experiment, outcomes):
    return json.dumps(as_json(result(experiment, outcomes)), indent=1)


@pytest.mark.parametrize("name", [*WORLDS, "autoscaled"])
def test_chunks_of_any_size_give_the_bytes_of_the_whole(name):
    experiment = ready(name)
    assert held_whole(experiment) is None
    whole = run_all(experiment, REPLICATIONS)
    expected = text_of(experiment, whole)
    for size in CUTS:
        told = in_chunks(experiment, size)
        assert text_of(experiment, told) == expected, size
        for plan, outcome in whole.items():
            for kind in ("lines", "paid", "allocated", "memo", "worn"):
                assert getattr(told[plan], kind).tobytes() == getattr(outcome, kind).tobytes(), (plan, kind)
            for each, folded in outcome.classes.items():
                assert told[plan].classes[each].sums.tobytes() == folded.sums.tobytes(), (plan, each)


@pytest.mark.parametrize("name", ["two groups", "fine-tunes beside", "waiting prices"])
def test_a_streamed_bill_adds_up(name):
    experiment = ready(name)
    for plan, outcome in in_chunks(experiment, 40).items():
        assert outcome.total("fully_loaded") == pytest.approx(outcome.bills, rel=1e-12), plan
        assert outcome.lines.shape == (REPLICATIONS, len(LINES))
        assert outcome.bills.min() > 0


def test_values_that_are_kept_are_those_of_the_whole():
    experiment = ready("two classes")
    whole, told = run_all(experiment, REPLICATIONS, keep=True), in_chunks(experiment, 40, keep=True)
    for plan, outcome in whole.items():
        for each, folded in outcome.classes.items():
            for measure, values in folded.values.items():
                assert told[plan].classes[each].values[measure].values.tobytes() == values.values.tobytes(), measure


def test_long_replications_are_streamed_and_short_ones_are_not(monkeypatch):
    experiment = ready("held, overflow, API")
    assert not stream.is_streamed(experiment)
    monkeypatch.setattr(stream, "AT_ONCE", experiment.requests_expected - 1)
    assert stream.is_streamed(experiment)
    monkeypatch.setattr(stream, "AT_ONCE", experiment.requests_expected)
    assert not stream.is_streamed(experiment)


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_study_of_streamed_replications_is_the_study_of_whole_ones(monkeypatch, jobs):
    world = scenario(CHAT, SHORT | WORLDS["two classes"])
    whole = json.dumps(as_json(run(world, 3, jobs=1).result))
    monkeypatch.setattr(stream, "AT_ONCE", 0)
    monkeypatch.setattr(Experiment, "work", None)  # nothing is served whole
    assert json.dumps(as_json(run(world, 3, jobs=jobs).result)) == whole


def test_histograms_of_streamed_replications_merge_into_those_of_whole_ones(monkeypatch):
    monkeypatch.setattr("sim.ground.estimate.pooled.EXACT", 200)
    experiment = ready("two classes")
    expected = text_of(experiment, run_all(experiment, REPLICATIONS))
    told = in_chunks(experiment, 100)
    assert not told["own"].classes["chat"].values["ttft_s.held"].is_exact
    assert text_of(experiment, told) == expected


def test_what_needs_all_requests_at_once_is_served_whole():
    reasons = {
        "sessions": {"workload.chat.sessions": {"turns": {"law": "geometric", "mean": 3}, "think_s": 10}},
        "API account": {"plans.api.api.limits": {"requests_per_minute": 60}},
        "replicas of their own": {
            "workload.chat.adapters": {"count": 2},
            f"{NODES}.nodes": 2,
            f"{NODES}.serve.adapters": {"placement": "dedicated"},
            "plans.hybrid.held.gpu.serve.adapters": {"slots": 2},
        },
    }
    for reason, settings in reasons.items():
        assert reason in str(held_whole(Experiment.of(scenario(CHAT, settings), 7))), reason
    assert "simpy" in str(held_whole(Experiment.of(scenario(CHAT), 7, "simpy")))


def test_progress_is_told_within_a_long_replication(monkeypatch):
    monkeypatch.setattr(stream, "AT_ONCE", 0)
    experiment, told = ready("held, overflow, API"), []
    chunked = Streamed.__init__
    monkeypatch.setattr(Streamed, "__init__", lambda self, *given: chunked(self, *given, chunk=10))
    with pool(2) as executor:
        list(
            mapper(executor, lambda *now: told.append(now))(
                lambda part: run_piece(experiment, part), [range(1), range(1, 2)]
            )
        )
    assert told[-1] == (200, 200)
    assert len(told) > 50
    assert all(done <= total == 200 for done, total in told)
    assert told == sorted(told)


def test_a_long_replication_ends_soon_when_nobody_waits_for_it(monkeypatch):
    experiment, chunks = ready("held, overflow, API"), []
    served = Streamed._served

    def watched(self, before):
        for each in served(self, before):
            chunks.append(each)
            yield each

    monkeypatch.setattr(Streamed, "_served", watched)

    with pytest.raises(KeyboardInterrupt), pool(1) as executor:  # noqa: PT012 - what interrupts is in its block
        future = executor.submit(Streamed(experiment, 0, False, 1).outcomes)
        while not chunks:
            time.sleep(0.001)
        raise KeyboardInterrupt
    assert isinstance(future.exception(timeout=30), CancelledError)
    assert len(chunks) < experiment.requests_expected


_PEAK = """
import resource, sys
sys.path.insert(0, sys.argv[2])
from studies import CHAT
from worlds import scenario
from sim.study import run, stream
from sim.study.pieces import run_all, run_piece
stream.AT_ONCE = 0
rate, count = 50, float(sys.argv[1])
settings = {"workload.chat.arrivals.rate_per_second": rate, "horizon_days": count / rate / 86400, "warm_up_days": 0}
held = {"gpus": 1, "nodes": 9, "usd_per_node_h": 3, "serve": %r}
usd = {"usd_per_million_input_tokens": 1, "usd_per_million_output_tokens": 2}
settings["plans"] = {"own": {"held": {"gpu": held}}, "api": {"api": usd}}
found = run(scenario(CHAT, settings), 1, jobs=1)
jobs = found.result["plans"]["own"]["classes"]["chat"]["jobs"].value
print(jobs, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_length_of_a_replication():
    peaks = []
    for count in (200_000, 2_000_000):
        command = [sys.executable, "-c", _PEAK % (SERVE,), str(count), str(Path(__file__).parent)]
        jobs, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        assert float(jobs) == pytest.approx(count, rel=0.02)
        peaks.append(int(peak) / 1024)
    assert peaks[1] - peaks[0] < 30, peaks  # MB; whole it takes 300 B a request, 540 MB more
