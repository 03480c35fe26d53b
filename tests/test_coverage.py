"""A nominal 95 % interval holds the true value in 95 % of studies: counted over 400 seeds of the article's year."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from worlds import scenario

from sim.ground.estimate import ratio
from sim.study import run
from sim.study.pieces import run_piece
from sim.study.simulate import Experiment

SEEDS, REPLICATIONS, LONG = 400, 20, 6000
RESERVED = {"held": {"p4d": {"instance": "p4d.24xlarge", "nodes": 1, "rate": "reserved_1y"}}}
BUSY = {"workload.tuning.arrivals.rate_per_day": 10.8, "plans": {"reserved": RESERVED}}


@pytest.fixture(scope="module")
def year():
    """A year at nine tenths of capacity."""
    return scenario(settings=BUSY)


@pytest.fixture(scope="module")
def truth(year):
    """The long-run mean wait of that year, from a seed of its own, to 0.5 %."""
    experiment = Experiment.of(year, seed=999_999)
    pieces = []
    for first in range(0, LONG, 100):
        outcome = run_piece(experiment, range(first, first + 100))["reserved"]
        pieces.append([outcome.total("wait"), outcome.total("waits")])
    found = ratio(*np.concatenate(pieces, axis=1), 0.95)
    assert found.n == LONG
    assert found.se < 0.005 * found.value
    return found.value


def test_intervals_hold_the_long_run_value_as_often_as_they_say(year, truth):
    held, naive = 0, 0
    z = NormalDist().inv_cdf(0.975)
    for seed in range(SEEDS):
        study = run(year, replications=REPLICATIONS, seed=seed, exact=True)
        mean = study.result["plans"]["reserved"]["classes"]["tuning"]["wait_h"]["mean"]
        held += mean.low <= truth <= mean.high
        waits = study.outcomes["reserved"].classes["tuning"].values["wait_h"].values
        assert np.mean(waits) == pytest.approx(mean.value, rel=1e-9)
        naive += abs(mean.value - truth) <= z * np.std(waits) / math.sqrt(len(waits))
    assert 0.92 * SEEDS <= held <= 0.98 * SEEDS
    assert naive < 0.4 * SEEDS  # negative control: an interval that takes jobs for independent
