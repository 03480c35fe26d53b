"""Traces that are stretched, thinned, copied or drawn anew in blocks: by hand, exactly on average, and in a study."""

import json
import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from test_job_traces import listed
from test_requests import CHAT

from sim.engine.workload import listed_jobs, listed_requests, sample, sample_requests
from sim.engine.workload.resample import Resampling, span_of
from sim.ground.faults import InputError
from sim.ground.logs.forms import known
from sim.ground.scenario import load
from sim.ground.scenario.work import PHILLY
from sim.ground.units import TICKS_PER_HOUR, tick
from sim.study.simulate import Experiment

HOUR = TICKS_PER_HOUR


class Told:
    """A stream that gives what it is told."""

    def __init__(self, values):
        self.values = np.array(values)

    def integers(self, low, high, count):
        assert (low, len(self.values)) == (0, count)
        assert (self.values < high).all()
        return self.values

    def random(self, count):
        assert len(self.values) == count
        return self.values


def told(**streams):
    """Streams by the end of their name."""
    return lambda name: Told(streams[name.rpartition("/")[2]])


def lists(drawn):
    return tuple(each.tolist() for each in drawn)


# By hand

TRACE = np.array([10, 10, 30, 70])


def test_the_span_has_one_gap_for_each_instant():
    assert span_of(TRACE) == 90  # 60 ticks hold 2 gaps; a third of their mean length follows
    assert span_of(np.array([0, 0, 60, 60])) == 120
    assert [span_of(np.array(each, np.int64)) for each in ([], [5], [5, 5])] == [0, 0, 0]


def test_blocks_by_hand():
    rule = Resampling(1.0, 90, 40)
    # from 50: the job at 60 of the circle; from 80: over its end to those at 0 and 20; from 0: cut at the horizon
    found = rule.draw(TRACE, told(blocks=[50, 80, 0]), "x", 100)
    assert lists(found) == ([10, 50, 50, 70, 80, 80], [3, 0, 1, 2, 0, 1])
    assert rule.expected(4, 100) == 4 * 100 / 90


def test_copies_and_thinning_by_hand():
    streams = {"kept": [0.4, 0.6, 0.4, 0.4], "copy1": [0.5, 0.5, 0.25, 0.5], "copy2": [0.9, 0.1, 0.5, 0.95]}
    # gaps to the next: 0, 20, 40, 30 (to the end of the trace at 100); 2.5 of each job: a third one where below 0.5
    found = Resampling(2.5, 90, None).draw(TRACE, told(**streams), "x", 1000)
    assert lists(found) == ([10, 10, 10, 10, 20, 30, 40, 50, 70, 85, 98], [0, 1, 0, 0, 1, 2, 2, 2, 3, 3, 3])
    assert lists(Resampling(0.5, 90, None).draw(TRACE, told(**streams), "x", 1000)) == ([10, 30, 70], [0, 2, 3])
    assert Resampling(2.5, 90, None).expected(4, 10**9) == 10


def test_copies_stay_before_the_horizon():
    streams = {"kept": [0.9] * 4, "copy1": [0.999] * 4}
    found = Resampling(2.0, 90, None).draw(TRACE, told(**streams), "x", 75)
    assert lists(found) == ([10, 10, 10, 29, 30, 69, 70, 74], [0, 1, 0, 1, 2, 2, 3, 3])


def test_a_trace_without_jobs_stays_empty():
    none = np.empty(0, np.int64)
    assert lists(Resampling(2.5, 1, None).draw(none, told(kept=[], copy1=[], copy2=[]), "x", 9)) == ([], [])


# Exactly on average: over all places at which a block may begin

BURSTY = np.cumsum(np.array([0, 0, 1, 1, 1, 30, 0, 0, 0, 2, 1, 40, 5, 1, 1, 0, 1, 25]))


def test_the_mean_rate_and_the_counts_of_windows_are_those_of_the_trace():
    span, block, window = span_of(BURSTY), 20, 8
    rule = Resampling(1.0, span, block)
    each = [rule.draw(BURSTY, told(blocks=[start]), "x", block)[0] for start in range(span)]
    assert sum(map(len, each)) == len(BURSTY) * block  # on average jobs / span x block
    at = BURSTY - BURSTY[0]
    around = Counter(int((((at - start) % span) < window).sum()) for start in range(span))
    for begin in (0, 5, block - window):
        inside = Counter(int(((found >= begin) & (found < begin + window)).sum()) for found in each)
        assert inside == around
    counts = np.repeat(list(around), list(around.values()))
    assert counts.var() / counts.mean() > 2  # bursts that a Poisson process has not


# In scenarios

ROWS = "t,p,o,c\n" + "".join(
    f"{t},{10 * k},{k},{3 * k}\n" for k, t in enumerate([3, 3, 4, 9, 9.5, 9.5, 17, 20, 28, 31], 1)
)
COLUMNS = {"arrival": "t", "prompt": "p", "output": "o", "cached": "c"}


def world(tmp_path, text=ROWS, days=0.5, **trace):
    """A scenario whose one class is read from a log with times in minutes."""
    (tmp_path / "log.csv").write_text(text)
    stated = json.dumps({"file": "log.csv", "columns": COLUMNS, "arrival_unit": "minutes", **trace})
    before, after = CHAT.split("    arrivals:")[0], CHAT[CHAT.index("plans:") :]
    (tmp_path / "world.yaml").write_text(f"{before}    trace: {stated}\n{after}")
    return load(tmp_path / "world.yaml", {"horizon_days": days})


def requests(scenario, replications=(0,), seed=1):
    """The requests of some replications."""
    return sample_requests(scenario, seed, replications, listed_requests(scenario))


@pytest.mark.parametrize("trace", [{"bootstrap": {"block_minutes": 7}}, {"rate_scale": 2.5}, {"rate_scale": 0.4}])
def test_replications_differ_and_do_not_depend_on_their_company(tmp_path, trace):
    scenario = world(tmp_path, **trace)
    together = requests(scenario, range(4))
    assert (together.prompt == 10 * together.output).all()  # rows are moved whole
    assert (together.cached == 3 * together.output).all()
    alone = [requests(scenario, [number]) for number in range(4)]
    for column in ("arrival", "prompt", "output"):
        assert getattr(together, column).tolist() == [x for each in alone for x in getattr(each, column).tolist()]
    assert len({each.arrival.tobytes() for each in alone}) == 4
    assert all((np.diff(each.arrival) >= 0).all() and each.arrival[-1] < tick(12) for each in alone)
    assert requests(scenario, [0]).arrival.tolist() != requests(scenario, [0], seed=2).arrival.tolist()


@pytest.mark.parametrize(
    ("trace", "expected"),
    [
        ({"bootstrap": {"block_minutes": 7}}, 10 * 720 / 32),  # 8 instants from 3 to 31 minutes: 28 x 8 / 7
        ({"bootstrap": {"block_minutes": 7}, "time_scale": 2, "rate_scale": 3.5}, 3.5 * 10 * 720 / 64),
        ({"rate_scale": 2.5}, 25),
        ({"rate_scale": 0.4}, 4),
        ({"rate_scale": 0.4, "time_scale": 40}, 0.4 * 7),  # what comes within 18 of 720 minutes
    ],
)
def test_as_many_jobs_as_expected(tmp_path, trace, expected):
    scenario = world(tmp_path, **trace)
    assert Experiment.of(scenario, 1).jobs_expected == pytest.approx(expected, rel=1e-9)
    counts = np.diff(requests(scenario, range(500)).offsets)
    assert abs(counts.mean() - expected) < 5 * counts.std() / math.sqrt(len(counts)) + 1e-9


def test_a_plain_trace_in_blocks_would_not_have_jobs_that_it_has_not(tmp_path):  # negative control of the span
    scenario = world(tmp_path, bootstrap={"block_minutes": 7})
    counts = np.diff(requests(scenario, range(500)).offsets)
    from_first_to_last = 10 * 720 / 28
    assert abs(counts.mean() - from_first_to_last) > 5 * counts.std() / math.sqrt(len(counts))


def test_the_clock_is_stretched(tmp_path):
    found = requests(world(tmp_path, time_scale=1.5, skip_days=4 / 1440))
    assert found.arrival.tolist() == [round(minute * 1.5 * HOUR / 60) for minute in [0, 5, 5.5, 5.5, 13, 16, 24, 27]]


def test_a_higher_rate_keeps_the_jobs_of_a_lower_one(tmp_path):
    drawn = [requests(world(tmp_path, rate_scale=rate)) for rate in (0.3, 0.8, 1.4, 2.7, 3.3)]
    rows = [Counter(zip(each.arrival.tolist(), each.output.tolist(), strict=True)) for each in drawn]
    assert all(not fewer - more for fewer, more in pairwise(rows))


def test_jobs_are_moved_whole(tmp_path):
    csv = "arrival,hours,g\n" + "".join(f"{k * k / 10},{k},{1 + k % 8}\n" for k in range(1, 20))
    trace = "columns: {service: hours, gpus: g}, bootstrap: {block_minutes: 600}, rate_scale: 1.5"
    found = listed(tmp_path, csv, trace=trace)
    assert (len(found.arrival), found.dropped) == (19, 0)
    scenario = load(tmp_path / "world.yaml")
    paths = sample(scenario, 1, range(2), listed_jobs(scenario))
    hours = np.rint(paths.service / HOUR).astype(int)
    assert (paths.gpus == 1 + hours % 8).all()
    assert set(hours.tolist()) == set(range(1, 20))
    assert len(paths) == pytest.approx(2 * found.expected(tick(365 * 24)), rel=0.2)


def test_the_format_philly(tmp_path):
    csv = "timestamp,duration,num_gpus,cluster\n2017-09-04 10:30:41,5400,8,a\n2017-09-04 11:30:41,7200.0,1,b\n"
    found = listed(tmp_path, csv, trace="format: philly")
    assert (found.arrival.tolist(), found.service_hours.tolist(), found.gpus.tolist()) == ([0, HOUR], [1.5, 2], [8, 1])
    assert PHILLY.model_dump(exclude_none=True) == known("philly")[0].columns
    with pytest.raises(InputError, match=r"trace must have either `format` or `service_unit`, got both"):
        listed(tmp_path, csv, trace="format: philly, service_unit: minutes")


@pytest.mark.parametrize(
    ("text", "block", "refusal"),
    [
        (ROWS, 33, r"log\.csv: stands for 32 minutes; bootstrap\.block_minutes must be at most that, got 33"),
        ("t,p,o,c\n1,1,1,0\n1,1,1,0\n", 1, r"log\.csv: must have jobs at two instants or more for `bootstrap`"),
        ("t,p,o,c\n", 1, r"log\.csv: must have jobs at two instants or more for `bootstrap`"),
    ],
)
def test_a_trace_too_short_for_its_blocks(tmp_path, text, block, refusal):
    with pytest.raises(InputError, match=refusal):
        requests(world(tmp_path, text, bootstrap={"block_minutes": block}))
