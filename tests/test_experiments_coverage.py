"""The experiment of coverage: its exact answers, how studies are cut from a bench, its verdicts."""

import math

import numpy as np
import pytest
from scripts import script

from sim.ground.estimate import Estimate
from sim.study import run, run_until
from sim.study.precise import Goal
from sim.study.simulate import Experiment


@pytest.fixture(scope="module")
def coverage():
    return script("interval_coverage")


def claim(coverage, held, studies, asked=(0.93, 0.97)):
    found = [Estimate(1.0, 0.5, 1.5)] * held + [Estimate(3.0, 2.5, 3.5)] * (studies - held)
    return coverage.Claim("mean", 1.0, "by hand", found, asked)


def test_verdicts(coverage):
    assert claim(coverage, 1900, 2000).verdict == "as asked"
    assert claim(coverage, 1850, 2000).verdict == "NOT AS ASKED"
    assert claim(coverage, 1990, 2000).verdict == "NOT AS ASKED"
    assert claim(coverage, 91, 100).verdict == "too few studies to tell"
    assert claim(coverage, 70, 100).verdict == "NOT AS ASKED"
    assert claim(coverage, 95, 100).half_width == 0.5
    without = coverage.Claim("mean", 1.0, "by hand", [Estimate(1.0), Estimate(1.0, 0.0, 2.0)], (0.9, 1))
    assert without.coverage.value == 0.5


def test_the_law_of_a_bill(coverage):
    drawn = np.random.default_rng(1).poisson(coverage.JOBS, 200_000)
    bills = np.random.default_rng(2).gamma(np.maximum(drawn, 1e-9), coverage.USD)
    for usd in (300, 400, 538):
        assert coverage.bill_up_to(usd) == pytest.approx(np.mean(bills <= usd), abs=0.005)
    assert coverage.bill_up_to(1e-9) == pytest.approx(math.exp(-coverage.JOBS), rel=1e-6)


def test_the_waits_that_are_told(coverage):
    # Drawn: who comes u before the end is told if it waits less. Without an end it were 2 h and 9.21 h.
    rng = np.random.default_rng(3)
    waits = np.where(rng.random(4_000_000) < 0.5, rng.exponential(4, 4_000_000), 0.0)
    told = waits[waits < rng.uniform(0, coverage.COUNTED, len(waits))]
    mean, p95 = coverage.waits_of_the_started()
    assert mean == pytest.approx(told.mean(), abs=0.006)
    assert mean == pytest.approx(1984 / 998, rel=1e-9)
    assert p95 == pytest.approx(np.quantile(told, 0.95), abs=0.04)
    assert 9.0 < p95 < math.log(10) * 4


def test_a_study_cut_from_a_bench_is_a_study(coverage):
    world = coverage.queue_world()
    bench = coverage.Bench.some(Experiment.of(world, coverage.SEED), range(2), 12)
    assert bench.study(0, 12) == run(world, 12, jobs=1).result
    assert bench.study(1, 12) != bench.study(0, 12)


def test_a_bench_runs_until_precise_as_a_run_does(coverage):
    world, goal = coverage.api_world(), Goal(0.1, ("plans.api.bill_usd.total",), most=320)
    bench = coverage.Bench.some(Experiment.of(world, coverage.SEED), range(1), 320)
    assert bench.until(0, "api", 0.1) == run_until(world, goal, jobs=1).result["plans"]["api"]["bill_usd"]["total"]


@pytest.mark.slow
def test_all_kinds_of_intervals_hold_about_as_often_as_they_say(coverage):
    found = list(coverage.claims(30))
    assert len(found) == 15
    assert [each.verdict for each in found if each.verdict == "NOT AS ASKED"] == []
    assert found[-1].coverage.value < 0.5
