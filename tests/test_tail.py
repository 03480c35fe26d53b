"""The bad end of a law: by hand, against exponential and normal laws, and how often the interval holds."""

import math

import numpy as np
import pytest
from scipy.special import ndtri

from sim.ground.estimate import Estimate, conditional_value_at_risk, probability_over, share

EXPONENTIAL = 1 - math.log(0.05)
"""Its quantile and its mean: an exponential law forgets."""
NORMAL = math.exp(-(ndtri(0.95) ** 2) / 2) / math.sqrt(2 * math.pi) / 0.05


def draws(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_the_worst_by_hand():
    """Of 1 to 400 the worst 5 % are 381 to 400."""
    found = conditional_value_at_risk(np.arange(400.0, 0.0, -1.0), 0.95, 0.95)
    assert found.value == pytest.approx(390.5, rel=1e-12)
    assert found.n == 400
    assert (found.high - found.value) / found.se == pytest.approx(2.093024054408263)  # t: 20 lie beyond, less one


def test_a_quantile_within_a_value_counts_with_what_fills_its_share():
    """Of 1 to 410 the worst 20.5: twenty whole ones and half of 390."""
    found = conditional_value_at_risk(np.arange(1.0, 411.0), 0.95, 0.95)
    assert found.value == pytest.approx((sum(range(391, 411)) + 390 / 2) / 20.5, rel=1e-12)


@pytest.mark.parametrize(("name", "exact"), [("standard_exponential", EXPONENTIAL), ("standard_normal", NORMAL)])
def test_the_worst_of_exact_laws(name, exact):
    found = conditional_value_at_risk(getattr(draws(1), name)(400_000), 0.95, 0.95)
    assert abs(found.value - exact) < 5 * found.se
    assert found.se < 0.01 * exact


def test_the_mean_is_not_the_mean_of_the_worst():
    """The negative control."""
    found = conditional_value_at_risk(draws(1).standard_exponential(400_000), 0.95, 0.95)
    assert abs(found.value - 1) > 100 * found.se


def test_the_interval_holds():
    values = draws(2).standard_exponential((2000, 500))
    found = [conditional_value_at_risk(row, 0.95, 0.95) for row in values]
    held = sum(each.low <= EXPONENTIAL <= each.high for each in found) / len(found)
    assert 0.915 < held < 0.98


def test_rows_are_what_is_independent():
    """A value told four times is known no better."""
    values = draws(3).standard_exponential(500)
    alone, often = (conditional_value_at_risk(each, 0.95, 0.95) for each in (values, np.tile(values[:, None], 4)))
    assert often == alone
    assert conditional_value_at_risk(np.tile(values, 4), 0.95, 0.95).se < 0.51 * alone.se


def test_too_few_rows_tell_nothing():
    assert conditional_value_at_risk(np.arange(399.0), 0.95, 0.95) == Estimate(None, n=399)
    assert conditional_value_at_risk(np.arange(400.0), 0.95, 0.95).value is not None


def test_how_likely_a_limit_is_passed():
    values = np.array([1.0, 2.0, 3.0, 4.0])
    assert probability_over(values, 3.0, 0.95) == share(1, 4, 0.95)
    assert probability_over(values, 4.0, 0.95).value == 0
    found = probability_over(np.array([[1.0, 5.0], [5.0, 5.0]]), 3.0, 0.95)
    assert (found.value, found.n) == (0.75, 2)
    assert probability_over(np.empty(0), 3.0, 0.95).value is None
