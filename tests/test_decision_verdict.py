"""Regret and verdict on arrays worked out by hand, and how often a verdict is right."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from sim.ground.estimate import Lacking
from sim.ground.units import Floats
from sim.questions.decision.regret import (
    cheapest,
    expected_regret,
    late_regret,
    probability_cheapest,
    regret,
    regret_where,
)
from sim.questions.decision.verdict import dearer, judge, rankable

_REPETITIONS = 2000


def _all(npv: Floats) -> np.ndarray:
    return np.ones((npv.shape[0], npv.shape[2]), bool)


def test_regret_is_what_a_choice_costs_more_than_the_best_on_the_same_path():
    npv = np.array([[[3.0, 5.0, 4.0], [7.0, 6.0, 9.0]]])
    assert regret(npv, _all(npv)).tolist() == [[[0.0, 2.0, 1.0], [1.0, 0.0, 3.0]]]


def test_a_strategy_that_does_not_do_the_work_is_neither_best_nor_regretted():
    npv = np.array([[[3.0, 5.0]], [[3.0, 5.0]]])
    found = regret(npv, np.array([[False, True], [True, True]]))
    assert np.isnan(found[0, 0, 0])
    assert found[0, 0, 1] == 0
    assert found[1, 0].tolist() == [0.0, 2.0]


def test_a_tie_is_shared_and_rounding_is_a_tie():
    npv = np.array([[[3.0, 3.0 * (1 + 1e-15), 4.0]]])
    credit = cheapest(regret(npv, _all(npv)))
    assert credit.tolist() == [[[0.5, 0.5, 0.0]]]


def test_a_cost_below_zero_keeps_its_order():
    npv = np.array([[[-3.0, -5.0]]])
    assert regret(npv, _all(npv)).tolist() == [[[2.0, 0.0]]]


def test_where_nobody_does_the_work_nobody_is_cheapest():
    npv = np.array([[[3.0, 5.0]]])
    found = regret(npv, np.zeros((1, 2), bool))
    assert np.isnan(found).all()
    assert cheapest(found).tolist() == [[[0.0, 0.0]]]


def _alternating(futures: int) -> Floats:
    """Strategy 0 costs 10 always; strategy 1 costs 4 in even futures and 13 in odd ones."""
    npv = np.full((futures, 2, 2), 10.0)
    npv[:, :, 1] = np.where(np.arange(futures) % 2 == 0, 4.0, 13.0)[:, None]
    return npv


def test_expected_regret_by_hand():
    regrets = regret(_alternating(40), _all(_alternating(40)))
    assert expected_regret(regrets[:, :, 0], 0.95).value == pytest.approx(3.0)
    assert expected_regret(regrets[:, :, 1], 0.95).value == pytest.approx(1.5)
    assert expected_regret(regrets[:4, :, 1], 0.95) == Lacking(
        None, n=4, reason="needs at least 10 such futures, got 4"
    )


def test_late_regret_is_what_a_choice_exceeds_on_one_path_in_twenty():
    regrets = np.arange(400.0).reshape(400, 1)
    assert late_regret(regrets, 0.95).value == pytest.approx(399 * 0.95)


def test_the_regret_table_by_hand():
    npv = _alternating(40)
    regrets = regret(npv, _all(npv))
    credit = cheapest(regrets)
    assert regret_where(credit[:, :, 1], regrets[:, :, 0], 0.95).value == pytest.approx(6.0)
    assert regret_where(credit[:, :, 0], regrets[:, :, 1], 0.95).value == pytest.approx(3.0)
    assert regret_where(credit[:, :, 0], regrets[:, :, 0], 0.95).value == 0
    assert regret_where(credit[:, :, 0], regrets[:, :, 1], 0.95).n == 20


def test_a_row_of_the_regret_table_with_few_futures_says_so():
    npv = _alternating(18)
    regrets = regret(npv, _all(npv))
    found = regret_where(cheapest(regrets)[:, :, 0], regrets[:, :, 1], 0.95)
    assert found == Lacking(None, n=9, reason="needs at least 10 such futures, got 9")


def test_a_row_of_the_regret_table_weighs_paths_by_their_credit():
    """In each future strategy 0 is cheapest on the first path (the other costs 6 more), tied on the second."""
    regrets = np.tile(np.array([[0.0, 6.0], [0.0, 0.0]]), (20, 1, 1))
    credit = cheapest(regrets)
    assert regret_where(credit[:, :, 0], regrets[:, :, 1], 0.95).value == pytest.approx(4.0)


def test_strategies_that_fail_too_often_are_not_ranked():
    unfit = np.zeros((100, 3), bool)
    unfit[:5, 1], unfit[:6, 2] = True, True
    assert rankable(unfit, 0.05).tolist() == [True, True, False]


def test_the_dearer_strategy_is_compared_where_both_do_the_work():
    npv = _alternating(40)
    allowed = _all(npv)
    allowed[1::2, 0] = False
    assert dearer(npv, allowed, 0, 1, 0.95).value == pytest.approx(6.0)


def _judged(npv: Floats, allowed: np.ndarray | None = None):
    allowed = _all(npv) if allowed is None else allowed
    return judge(npv, allowed, regret(npv, allowed), 0.95)


def test_a_clear_choice_is_sure():
    found = _judged(_alternating(400))
    assert (found.answer, found.choice, found.runner_up, found.undecided) == ("sure", 1, 0, ())
    assert found.more[0].value == pytest.approx(1.5)


def test_a_choice_that_could_be_chance_is_not_enough_data():
    found = _judged(_alternating(12))
    assert (found.answer, found.choice, found.undecided) == ("not enough data", 1, (0,))


def test_all_comparisons_hold_together():
    """Two others are each compared at 97.5 %, so that the two intervals hold together in 95 %."""
    npv = np.random.default_rng(2).normal([10, 11, 12], 1, (50, 2, 3))
    found = _judged(npv)
    assert found.more[2] == dearer(npv, _all(npv), 2, 0, 1 - 0.05 / 2)


def test_few_futures_are_never_enough():
    found = _judged(np.tile(np.array([1.0, 2.0]), (9, 2, 1)))
    assert found.answer == "not enough data"
    assert isinstance(found.more[1], Lacking)


def test_one_none_and_equals_are_answered():
    npv = np.tile(np.array([2.0, 2.0]), (20, 2, 1)) * np.arange(1.0, 21.0)[:, None, None]
    assert _judged(npv, np.zeros((20, 2), bool)).answer == "none ranked"
    assert _judged(npv, np.tile([False, True], (20, 1))).answer == "one ranked"
    same = _judged(npv)
    assert (same.answer, same.choice, same.alike) == ("all the same", 0, (1,))


def test_an_equal_of_the_choice_does_not_make_it_unsure():
    npv = np.tile(np.array([2.0, 3.0, 2.0]), (20, 2, 1))
    found = _judged(npv)
    assert (found.answer, found.choice, found.runner_up, found.alike) == ("sure", 0, 1, (2,))


def _two_plans(gap: float, futures: int, replications: int = 4) -> Floats:
    """Draw repetitions of two plans with normal costs: the second costs ``gap`` more on average, the spread is 1."""
    random = np.random.default_rng(7)
    npv = np.zeros((_REPETITIONS, futures, replications, 2))
    npv[..., 1] = gap + random.normal(0, 0.8, (_REPETITIONS, futures, 1))
    npv[..., 1] += random.normal(0, 0.6, (_REPETITIONS, futures, replications))
    return npv


def test_the_probability_and_the_regret_of_two_normal_plans_hold():
    """With a difference N(gap, 1): P(first cheapest) is Phi(gap), its regret phi(gap) - gap Phi(-gap)."""
    gap, hits = 0.3, np.zeros(2)
    chance = float(norm.cdf(gap))
    lost = float(norm.pdf(gap)) - gap * float(norm.cdf(-gap))
    for npv in _two_plans(gap, 100):
        regrets = regret(npv, _all(npv))
        p = probability_cheapest(cheapest(regrets)[:, :, 0], 0.95)
        r = expected_regret(regrets[:, :, 0], 0.95)
        hits += [p.low <= chance <= p.high, r.low <= lost <= r.high]
    assert 0.92 <= hits[0] / _REPETITIONS <= 0.98
    assert 0.92 <= hits[1] / _REPETITIONS <= 0.98


def test_a_verdict_on_equal_plans_is_seldom_sure():
    sure = [_judged(npv).answer == "sure" for npv in _two_plans(0.0, 50)]
    bound = 0.05 + 4 * math.sqrt(0.05 * 0.95 / _REPETITIONS)
    assert 0 < np.mean(sure) <= bound
