"""Estimates over futures of several paths each: worked by hand, and how often their intervals hold known answers."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from sim.ground.estimate import (
    Estimate,
    Lacking,
    clustered_mean,
    clustered_quantile,
    clustered_share,
    mean,
    quantile,
    share,
    share_between,
)
from sim.ground.units import Floats

_REPETITIONS = 2000


def test_shares_of_one_path_a_cluster_are_plain_shares():
    hits = np.array([[1.0], [0.0], [1.0], [1.0], [0.5]])
    assert clustered_share(hits, 0.95) == share(3.5, 5, 0.95)


def test_paths_that_are_all_alike_within_a_cluster_count_once():
    hits = np.repeat(np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0])[:, None], 4, axis=1)
    alike, plain = clustered_share(hits, 0.95), share(4, 6, 0.95)
    assert alike.value == pytest.approx(plain.value)
    assert (alike.low, alike.high) == (pytest.approx(plain.low, rel=1e-3), pytest.approx(plain.high, rel=1e-3))
    assert alike.n == 6


def test_independent_paths_count_each():
    hits = (np.random.default_rng(3).random((4000, 4)) < 0.3).astype(float)
    found, plain = clustered_share(hits, 0.95), share(hits.sum(), hits.size, 0.95)
    assert found.high - found.low == pytest.approx(plain.high - plain.low, rel=0.05)


def test_the_effective_number_of_paths_by_hand():
    """0, 2, 2, 2 and 4 hits in 5 clusters of 4: the variance of 0.5 is 5/4 * 8 / 20^2, as that of 10 paths."""
    hits = np.array([[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 1, 1]], np.float64)
    assert clustered_share(hits, 0.95) == replace(share(5, 10, 0.95), n=5)


def test_a_path_that_tells_nothing_is_left_out():
    hits = np.array([[1.0, np.nan], [np.nan, np.nan], [0.0, 0.0]])
    found = clustered_share(hits, 0.95)
    assert found.value == pytest.approx(1 / 3)
    assert found.n == 2
    assert clustered_share(np.full((2, 2), np.nan), 0.95).value is None


def test_never_and_always_keep_an_interval_of_as_many_clusters():
    assert clustered_share(np.zeros((50, 4)), 0.95) == share(0, 50, 0.95)
    assert clustered_share(np.ones((50, 4)), 0.95) == share(50, 50, 0.95)


def test_means_are_over_the_means_of_clusters():
    values = np.array([[1.0, 3.0], [5.0, 7.0], [np.nan, np.nan]])
    assert clustered_mean(values, 0.9) == mean(np.array([2.0, 6.0]), 0.9)


def test_quantiles_of_one_path_a_cluster_are_plain_quantiles():
    values = np.random.default_rng(1).random(200)
    found, plain = clustered_quantile(values[:, None], 0.9, 0.95), quantile(values, 0.9, 0.95)
    assert found == plain


def test_ranks_are_carried_over_outwards():
    """Ranks 3 and 10 of 12 futures, three of which have two paths: 3.75 and 12.5 of 15 paths are 3 and 13."""
    values = np.tile(np.arange(12.0)[:, None], 2)
    values[3:, 1] = np.nan
    found = clustered_quantile(values, 0.5, 0.95)
    assert (found.value, found.low, found.high) == (4, 1, 9)


def test_a_quantile_that_so_few_cannot_bound_is_lacking():
    found = clustered_quantile(np.arange(20.0)[:, None], 0.99, 0.95)
    assert isinstance(found, Lacking)
    assert found.as_json() == {
        "value": None,
        "low": None,
        "high": None,
        "se": None,
        "n": 20,
        "reason": "20 futures cannot bound the 99 % quantile",
    }
    assert found.scaled(1000) is found
    assert clustered_quantile(np.full((3, 2), np.nan), 0.5, 0.95) == Estimate(None)


def test_the_share_between_clusters_by_hand():
    """Ten clusters of 2: mean squares 2 * var(0..9) = 55/3 and 0.5, so (55/3 - 0.5) / (55/3 + 0.5)."""
    values = np.arange(10.0)[:, None] + np.array([-0.5, 0.5])
    assert share_between(values, 0.95).value == pytest.approx((55 / 3 - 0.5) / (55 / 3 + 0.5))


def test_the_interval_of_a_share_of_variance_by_the_tables_of_f():
    """The same ten clusters of 2: 9 and 10 degrees. F(9, 10) is above 3.779, and F(10, 9) above 3.964, in 1 of 40."""
    found, ratio = share_between(np.arange(10.0)[:, None] + np.array([-0.5, 0.5]), 0.95), 110 / 3
    assert found.low == pytest.approx((ratio / 3.779 - 1) / (ratio / 3.779 + 1), rel=1e-3)
    assert found.high == pytest.approx((ratio * 3.964 - 1) / (ratio * 3.964 + 1), rel=1e-3)


def test_nothing_between_clusters_is_a_share_of_zero():
    values = np.tile([1.0, 2.0], (12, 1))
    found = share_between(values, 0.95)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_nothing_within_clusters_is_a_share_of_one():
    values = np.tile(np.arange(12.0)[:, None], 3)
    assert share_between(values, 0.95) == Estimate(1.0, 1.0, 1.0, 0.0, 12)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.ones((9, 4)), "needs at least 10 futures, got 9"),
        (np.ones((10, 1)), "needs at least 2 replications a future"),
        (np.ones((10, 4)), "it is the same on every path"),
    ],
)
def test_a_share_of_variance_says_what_it_lacks(values: Floats, reason: str):
    found = share_between(values, 0.95)
    assert isinstance(found, Lacking)
    assert (found.value, found.reason) == (None, reason)


def _holds(truth: float, estimate: Callable[[Floats], Estimate], worlds: Floats) -> float:
    """Count the share of worlds in which an interval holds the truth."""
    found = [estimate(world) for world in worlds]
    return float(np.mean([each.low is not None and each.low <= truth <= each.high for each in found]))


def _worlds(futures: int, replications: int, between: float, within: float, shift: float = 0.0) -> Floats:
    """Draw worlds of normal values with a known spread between futures and within them."""
    random = np.random.default_rng(20261123)
    of_future = random.normal(shift, between, (_REPETITIONS, futures, 1))
    return of_future + random.normal(0, within, (_REPETITIONS, futures, replications))


_SPREADS = [(1.0, 0.1), (1.0, 1.0), (0.1, 1.0)]


@pytest.mark.parametrize(("between", "within"), _SPREADS)
@pytest.mark.parametrize("chance", [0.05, 0.7])
def test_intervals_of_a_probability_hold(between: float, within: float, chance: float):
    shift = -float(norm.ppf(chance)) * math.hypot(between, within)
    worlds = (_worlds(200, 4, between, within, shift) < 0).astype(float)
    assert 0.92 <= _holds(chance, lambda hits: clustered_share(hits, 0.95), worlds) <= 0.98


def test_an_interval_that_takes_all_paths_for_independent_does_not_hold():
    """The negative control: paths of one future are alike, so counting them all makes the interval too narrow."""
    worlds = (_worlds(200, 4, 1.0, 0.1) < 0).astype(float)
    assert _holds(0.5, lambda hits: share(float(hits.sum()), hits.size, 0.95), worlds) < 0.8


@pytest.mark.parametrize(("between", "within"), _SPREADS)
@pytest.mark.parametrize("p", [0.5, 0.95])
def test_intervals_of_a_quantile_hold(between: float, within: float, p: float):
    truth = float(norm.ppf(p)) * math.hypot(between, within)
    worlds = _worlds(200, 4, between, within)
    assert 0.92 <= _holds(truth, lambda values: clustered_quantile(values, p, 0.95), worlds) <= 0.99


@pytest.mark.parametrize(("between", "within"), [*_SPREADS, (0.0, 1.0)])
def test_intervals_of_a_share_of_variance_hold(between: float, within: float):
    truth = between**2 / (between**2 + within**2)
    worlds = _worlds(100, 4, between, within)
    assert 0.93 <= _holds(truth, lambda values: share_between(values, 0.95), worlds) <= 0.98
