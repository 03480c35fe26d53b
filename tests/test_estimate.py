"""Estimates against hand values, brute force and scipy."""

import math

import numpy as np
import pytest
from scipy import stats

from sim.ground.estimate import (
    Estimate,
    deviation,
    jackknife,
    mean,
    mser5,
    order_statistic_ranks,
    quantile,
    ratio,
    replications_needed,
    share,
)
from sim.ground.estimate.interval import plain

NONE = Estimate(None)
PROBABILITIES = np.array([0.05, 0.5, 0.9, 0.95, 0.99])


def random(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


# Means


def test_mean_by_hand():
    # 1, 2, 3, 4: mean 2.5, sd sqrt(5/3), se sqrt(5/12); t(3) at 97.5 % is 3.182446305...
    found = mean(np.array([1.0, 2, 3, 4]), 0.95)
    assert (found.value, found.n) == (2.5, 4)
    assert found.se == pytest.approx(math.sqrt(5 / 12), rel=1e-14)
    assert found.high - 2.5 == pytest.approx(3.182446305284263 * math.sqrt(5 / 12), rel=1e-12)
    assert 2.5 - found.low == pytest.approx(found.high - 2.5, rel=1e-12)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
def test_mean_is_scipys_t_interval(confidence):
    values = random(1).normal(3, 2, 57)
    low, high = stats.t.interval(confidence, 56, values.mean(), stats.sem(values))
    found = mean(values, confidence)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12)


def test_mean_leaves_out_what_is_not_known():
    assert mean(np.array([np.nan, 1, np.nan, 3]), 0.95) == mean(np.array([1.0, 3]), 0.95)
    assert mean(np.array([np.nan, 5.0]), 0.95) == Estimate(5.0, n=1)
    assert mean(np.array([np.nan]), 0.95) == NONE
    assert mean(np.array([]), 0.95) == NONE


def test_equal_values_have_no_width():  # fault D04; the sum of a hundred 0.1 is not 10
    assert mean(np.full(100, 0.1), 0.95) == Estimate(
        pytest.approx(0.1), pytest.approx(0.1), pytest.approx(0.1), 0.0, 100
    )
    assert deviation(np.full(100, 0.1), 0.95) == Estimate(0.0, 0.0, 0.0, 0.0, 100)
    assert quantile(np.full(100, 0.1), 0.5, 0.95) == Estimate(0.1, 0.1, 0.1, 0.0, 100)
    assert ratio(np.full(9, 0.3), np.full(9, 0.1), 0.95).se == pytest.approx(0, abs=1e-15)


# Ratios


def test_ratio_by_hand():
    # Bills 10, 20, 60 over jobs 1, 2, 3: 90/6 = 15. Without each: 80/5, 70/4, 30/3 = 16, 17.5, 10, mean 14.5;
    # deviations 1.5, 3, -4.5: squares 31.5; se = sqrt(2/3 * 31.5) = sqrt(21).
    found = ratio(np.array([10.0, 20, 60]), np.array([1.0, 2, 3]), 0.95)
    assert (found.value, found.n) == (15, 3)
    assert found.se == pytest.approx(math.sqrt(21), rel=1e-14)
    assert found.high - 15 == pytest.approx(4.302652729749464 * math.sqrt(21), rel=1e-10)


def test_ratio_is_not_the_mean_of_ratios():
    above, below = np.array([10.0, 20, 60]), np.array([1.0, 2, 3])
    assert mean(above / below, 0.95).value == pytest.approx(40 / 3)
    assert ratio(above, below, 0.95).value == 15


def test_ratios_over_nothing():
    assert ratio(np.array([5.0, 5]), np.array([0.0, 0]), 0.95) == NONE
    # All jobs are in one replication: without it there is no ratio, so there is a value and no interval.
    assert ratio(np.array([5.0, 5, 5]), np.array([0.0, 2, 0]), 0.95) == Estimate(7.5, n=3)
    assert ratio(np.array([0.0, 5, 0]), np.array([0.0, 2, 0]), 0.95) == Estimate(2.5, n=1)
    assert ratio(np.array([5.0]), np.array([2.0]), 0.95) == Estimate(2.5, n=1)


# Jackknife and deviation


def test_jackknife_of_a_mean_is_its_standard_error():
    values = random(2).exponential(1, 40)
    without = (values.sum() - values) / 39
    found = jackknife(values.mean(), without, 0.95)
    assert found.se == pytest.approx(stats.sem(values), rel=1e-12)
    assert (found.low, found.high) == pytest.approx(
        stats.t.interval(0.95, 39, values.mean(), stats.sem(values)), rel=1e-12
    )


def test_deviation_against_leaving_out_one_by_one():
    values = random(3).lognormal(0, 1, 30)
    without = np.array([np.delete(values, r).std(ddof=1) for r in range(30)])
    found = deviation(values, 0.95)
    assert found.value == pytest.approx(values.std(ddof=1), rel=1e-13)
    assert found.se == pytest.approx(math.sqrt(29 / 30 * np.square(without - without.mean()).sum()), rel=1e-9)
    assert deviation(values[:2], 0.95) == NONE


# Shares


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (137, 200), (1, 1)])
def test_share_is_scipys_wilson_interval(hits, n):
    found = share(hits, n, 0.95)
    expected = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert (found.value, found.n) == (hits / n, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_by_hand():
    # 0 of 10: from 0 to z2/(n + z2) = 3.8415/13.8415 with z = 1.96.
    assert share(0, 10, 0.95).high == pytest.approx(3.841458820694124 / 13.841458820694124, rel=1e-12)
    assert share(0, 0, 0.95) == NONE
    for n in range(1, 200):  # the interval holds the value, to the last bit
        assert share(0, n, 0.95).low == 0
        assert share(n, n, 0.95).high == 1
    assert share(0.5, 4, 0.95).value == 0.125


# Quantiles over replications


def test_order_statistic_ranks_by_hand():
    # Of 10 values, P(Bin(10, 1/2) <= 1) = 11/1024 = 1.07 % <= 2.5 % < P(<= 2) = 5.47 %: the median lies between the
    # second and the ninth with 1 - 22/1024 = 97.85 %.
    assert order_statistic_ranks(10, 0.5, 0.95) == (2, 9)
    assert order_statistic_ranks(5, 0.5, 0.95) is None
    assert order_statistic_ranks(6, 0.5, 0.95) == (1, 6)  # 1 - 2/64 = 96.9 %


@pytest.mark.parametrize(("p", "needed"), [(0.5, 6), (0.95, 72), (0.05, 72), (0.99, 368)])
def test_replications_needed(p, needed):  # fault D05
    assert replications_needed(p, 0.95) == needed
    assert order_statistic_ranks(needed - 1, p, 0.95) is None
    assert order_statistic_ranks(needed, p, 0.95) is not None


@pytest.mark.parametrize("p", [0.05, 0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("n", [72, 100, 368, 1000])
def test_ranks_hold_the_quantile_often_enough(n, p):
    ranks = order_statistic_ranks(n, p, 0.95)
    if ranks is None:
        assert n < replications_needed(p, 0.95)
        return
    low, high = ranks
    binomial = stats.binom(n, p)
    assert binomial.cdf(low - 1) <= 0.025 < binomial.cdf(low)  # no rank closer would do
    assert binomial.sf(high - 1) <= 0.025 < binomial.sf(high - 2)


def test_quantile_by_hand():
    values = np.array([10.0, 1, 2, 9, 3, 8, 4, 7, 5, 6])
    found = quantile(values, 0.5, 0.95)
    assert (found.value, found.low, found.high, found.n) == (5.5, 2, 9, 10)


def test_a_quantile_beyond_the_data_has_a_value_and_no_interval():  # fault D05
    values = np.arange(1.0, 21)
    assert quantile(values, 0.99, 0.95) == Estimate(pytest.approx(19.81), n=20)
    assert quantile(np.array([]), 0.5, 0.95) == NONE
    assert quantile(np.array([3.0]), 0.5, 0.95) == Estimate(3.0, n=1)


# MSER-5


def test_mser5_by_hand():
    # Batches of five: means 10, 1, 1, 2. The statistic is the tail's squared deviations over its size squared:
    # cut 0: mean 3.5, (42.25 + 6.25 + 6.25 + 2.25)/16 = 3.5625; cut 1: mean 4/3, (2/3)/9 = 0.0741; cut 2: mean 1.5,
    # 0.5/4 = 0.125.
    series = np.repeat([10.0, 1, 1, 2], 5)
    cut, statistic = mser5(series)
    assert cut == 5
    assert statistic == pytest.approx(2 / 27, rel=1e-12)


def test_mser5_cuts_at_most_half_and_drops_an_incomplete_batch():
    cut, _ = mser5(np.concatenate([np.full(20, 9.0), np.zeros(20), [1000.0] * 4]))
    assert cut == 20
    assert mser5(np.concatenate([np.full(30, 9.0), np.zeros(10)]))[0] <= 20
    assert mser5(np.ones(10)) == (0, 0.0)


def test_mser5_against_brute_force():
    values = random(6).normal(0, 1, 203) + 5 * np.exp(-np.arange(203) / 20)
    batches = values[:200].reshape(40, 5).mean(axis=1)
    tails = [batches[k:] for k in range(21)]
    brute = [np.square(tail - tail.mean()).sum() / len(tail) ** 2 for tail in tails]
    cut, statistic = mser5(values)
    assert cut == 5 * int(np.argmin(brute)) > 0
    assert statistic == pytest.approx(min(brute), rel=1e-9)


def test_mser5_needs_ten():
    with pytest.raises(ValueError, match="must have at least 10 observations, got 9"):
        mser5(np.zeros(9))


# JSON


def test_plain_numbers():
    assert plain(0.1 + 0.2) == 0.3
    assert str(plain(-0.0)) == "0.0"
    assert [plain(value) for value in (None, math.nan, math.inf, -math.inf)] == [None] * 4
    assert plain(368367.2000000001) == 368367.2
    assert Estimate(1 / 3, n=2).as_json() == {"value": 0.333333333333, "low": None, "high": None, "se": None, "n": 2}
