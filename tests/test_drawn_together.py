"""Jobs of several replications drawn at once are those of drawing one replication after the other."""

import itertools
from functools import partial

import numpy as np
import pytest
from arrival_laws import law, size

from sim.engine.workload import arrivals
from sim.engine.workload.draws import Draws, drawn, lognormal, lognormals
from sim.engine.workload.streams import stream
from sim.ground.units import TICKS_PER_HOUR

HORIZON = 1000 * TICKS_PER_HOUR
OPENS = [partial(stream, 7, replication) for replication in (0, 3, 4, 9)]
COUNTS = np.array([5, 0, 300, 1])


@pytest.mark.parametrize(
    "settings",
    [
        {"law": "poisson", "rate_per_day": 9},
        {"law": "poisson", "rate_per_day": 0.01},
        {"law": "poisson", "rate_per_day": 0},
        {"law": "poisson", "rate_per_day": 9, "copies": 2},
        {"law": "poisson", "rate_per_day": 9, "batch": {"law": "geometric", "mean": 3}},
        {"law": "poisson", "rate_per_day": 9, "growth_percent_per_month": 20},
        {"law": "poisson", "rate_per_day": 9000},
        {"law": "gamma", "rate_per_day": 9, "cv": 2},
    ],
    ids=str,
)
def test_arrivals_drawn_at_once(settings):
    ready = law(settings)
    instants, counts = arrivals.all_arrivals(ready, OPENS, "a", HORIZON)
    each = [arrivals.arrivals(ready, its, "a", HORIZON) for its in OPENS]
    assert counts.tolist() == [len(its) for its in each]
    assert np.array_equal(instants, np.concatenate(each))


def test_more_arrivals_than_there_was_room_for(monkeypatch):
    ready = law({"law": "poisson", "rate_per_day": 9})
    assert arrivals._poisson(ready, OPENS, "a", HORIZON) is not None
    before = arrivals.all_arrivals(ready, OPENS, "a", HORIZON)
    monkeypatch.setattr(arrivals, "_rooms", lambda *_: (np.empty(350, np.int64) for _ in itertools.count()))
    assert arrivals._poisson(ready, OPENS, "a", HORIZON) is None
    after = arrivals.all_arrivals(ready, OPENS, "a", HORIZON)
    assert all(np.array_equal(mine, its) for mine, its in zip(before, after, strict=True))


@pytest.mark.parametrize(
    "settings",
    [
        {"law": "lognormal", "mean": 3, "cv": 0.5},
        {"law": "lognormal", "mean": 3, "cv": 0.5, "truncate": {"high": 4}},
        {"law": "exponential", "mean": 3},
        {"law": "deterministic", "mean": 3},
    ],
    ids=str,
)
def test_values_drawn_at_once(settings):
    ready = size(settings)
    each = [Draws(ready, its, "a").take(count) for its, count in zip(OPENS, COUNTS.tolist(), strict=True)]
    assert np.array_equal(drawn(ready, OPENS, "a", COUNTS), np.concatenate(each))


def test_noise_drawn_at_once():
    each = [lognormal(its("a"), 0.7, count) for its, count in zip(OPENS, COUNTS.tolist(), strict=True)]
    assert np.array_equal(lognormals(OPENS, "a", 0.7, COUNTS), np.concatenate(each))
