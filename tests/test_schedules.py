"""What is held by the month: worlds worked out to the cent, sums that must agree, annuities in closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.questions.decision.owned import Purchase, Stay, owned_schedule, stays
from sim.questions.decision.schedule import Schedule, present_value
from sim.questions.decision.terms import Lot, lots, monthly_schedule, term_schedule

FLAT = np.ones(60)


def need(*stretches: tuple[int, int]) -> np.ndarray:
    """So many nodes for so many months, one stretch after the other."""
    return np.concatenate([np.full(months, nodes) for nodes, months in stretches])


def assert_adds_up(found: Schedule) -> None:
    assert found.cost.sum() + found.stranded.sum() == pytest.approx(found.cash.sum(), rel=1e-12, abs=1e-6)


# ---- terms


def test_month_to_month_follows_the_price_and_is_paid_at_the_end_of_each_month():
    found = monthly_schedule(need((2, 3)), 100.0, np.array([1.0, 0.9, 0.8]))
    assert found.cost == pytest.approx([200, 180, 160])
    assert found.cash == pytest.approx([0, 200, 180, 160])
    assert not found.stranded.any()


def test_month_to_month_is_a_term_of_one_month():
    needed, factors = need((2, 3), (0, 2), (1, 4)), np.linspace(1, 0.5, 9)
    found, term = monthly_schedule(needed, 7.0, factors), term_schedule(needed, 7.0, factors, 1, 0.0, True)
    assert found.cost == pytest.approx(term.cost)
    assert found.cash == pytest.approx(term.cash)


def test_a_term_keeps_its_price_and_is_renewed_at_that_of_the_day():
    """Twelve months at 100, then at 70, then at 40, whatever the price does in between."""
    factors = np.linspace(1.0, 0.0, 41)[:36]
    found = term_schedule(need((1, 36)), 100.0, factors, 12, 0.0, True)
    assert found.cost == pytest.approx([100.0] * 12 + [70.0] * 12 + [40.0] * 12)
    assert found.cash[1:] == pytest.approx(found.cost)
    assert found.cash[0] == 0


def test_an_upfront_part_is_paid_at_once_and_accrued_over_the_term():
    """A fifth of 12 x 100 at once, then 80 a month."""
    found = term_schedule(need((1, 12)), 100.0, FLAT, 12, 0.2, True)
    assert found.cost == pytest.approx([100.0] * 12)
    assert found.cash == pytest.approx([240.0] + [80.0] * 12)


def test_all_upfront():
    found = term_schedule(need((1, 24)), 100.0, FLAT, 12, 1.0, True)
    assert found.cash[[0, 12]] == pytest.approx([1200, 1200])
    assert np.count_nonzero(found.cash) == 2


@pytest.mark.parametrize(("upfront", "beyond", "last", "stranded"), [
    (0.0, True, 100 + 600, 600), (0.5, True, 50 + 300, 600), (1.0, True, 0, 600),
    (0.0, False, 100, 0), (0.5, False, 50 - 300, 0), (1.0, False, -600, 0),
])  # fmt: skip
def test_what_a_term_runs_beyond_the_span_is_owed_or_not(upfront, beyond, last, stranded):
    """18 months in terms of 12: the second runs 6 months on."""
    found = term_schedule(need((1, 18)), 100.0, FLAT, 12, upfront, beyond)
    assert found.cost == pytest.approx([100.0] * 18)
    assert found.cash[-1] == pytest.approx(last)
    assert found.stranded[-1] == pytest.approx(stranded)
    assert_adds_up(found)


def test_what_is_left_is_paid_to_its_end_and_not_renewed():
    """Left after 5 of 12 months: 7 stranded ones, then nothing."""
    found = term_schedule(need((1, 5), (0, 15)), 100.0, FLAT, 12, 0.25, False)
    assert found.cost == pytest.approx([100.0] * 5 + [0.0] * 15)
    assert found.stranded == pytest.approx([0.0] * 5 + [100.0] * 7 + [0.0] * 8)
    assert found.cash == pytest.approx([300.0] + [75.0] * 12 + [0.0] * 8)


def test_what_was_left_is_owed_beyond_the_span_even_pro_rata():
    """Two nodes for 12 months, one left after 2, the span ends after 8: one is owed 4 months more, one is not."""
    found = term_schedule(need((2, 2), (1, 6)), 100.0, FLAT, 12, 0.0, False)
    assert found.stranded == pytest.approx([0, 0, 100, 100, 100, 100, 100, 100 + 400])
    assert found.cash[-1] == pytest.approx(200 + 400)
    assert_adds_up(found)


def test_who_comes_back_takes_up_the_running_term():
    assert lots(need((1, 3), (0, 3), (1, 8)), 12) == [Lot(0, 1), Lot(12, 1)]


def test_no_term_is_renewed_while_another_one_is_idle():
    """One node, two from month 6 on, one again from month 12 on: the second's term carries the first's work."""
    assert lots(need((1, 6), (2, 6), (1, 8)), 12) == [Lot(0, 1), Lot(6, 1), Lot(18, 1)]


def test_nodes_added_in_stages_have_terms_of_their_own():
    found = term_schedule(need((1, 6), (3, 12)), 100.0, np.where(np.arange(18) < 6, 1.0, 0.5), 12, 0.0, True)
    assert found.cost == pytest.approx([100.0] * 6 + [200.0] * 6 + [150.0] * 6)
    assert found.stranded[-1] == pytest.approx(6 * 50.0)


# ---- purchases


NODE = Purchase(usd=3600.0, resale_share=0.5, life=36, upkeep_share=0.01, running_usd=20.0)


def test_a_node_for_its_life_costs_the_straight_line():
    """1,800 over 36 months, 36 of upkeep and 20 of power a month; 1,800 come back."""
    found = owned_schedule(need((1, 36)), NODE, FLAT)
    assert found.cost == pytest.approx([50 + 36 + 20] * 36)
    assert found.cash == pytest.approx([3600.0] + [56.0] * 35 + [56.0 - 1800.0])
    assert_adds_up(found)


def test_a_node_left_early_is_sold_at_book_value():
    """After 12 of 36 months a third of the 1,800 is gone."""
    found = owned_schedule(need((2, 12), (0, 12)), NODE, FLAT)
    assert found.cash[12] == pytest.approx(2 * (56.0 - 3000.0))
    assert not found.cash[13:].any()
    assert not found.stranded.any()
    assert_adds_up(found)


def test_a_node_is_bought_anew_at_the_end_of_its_life_at_the_price_of_that_day():
    factors = np.where(np.arange(48) < 36, 1.0, 0.5)
    found = owned_schedule(need((1, 48)), NODE, factors)
    assert found.cash[36] == pytest.approx(56.0 - 1800.0 + 1800.0)
    assert found.cost[36:] == pytest.approx([25 + 18 + 20] * 12)
    assert found.cash[48] == pytest.approx(38.0 - (1800.0 - 12 * 25.0))


def test_stages_are_bought_when_they_come():
    assert list(stays(need((2, 6), (5, 6)))) == [Stay(2, 0, 12), Stay(3, 6, 12)]
    assert list(stays(need((0, 3), (1, 2), (0, 3), (1, 4)))) == [Stay(1, 3, 5), Stay(1, 8, 12)]
    assert list(stays(need((0, 3)))) == []


# ---- sums that must agree


NEEDS = st.lists(st.integers(0, 4), min_size=1, max_size=40).map(np.array)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(NEEDS, st.integers(1, 40), st.floats(0, 1), st.booleans(), st.floats(0, 50), st.floats(0, 1))
def test_all_that_accrues_is_paid_and_what_is_needed_is_there(needed, life, share, beyond, usd, fall):
    factors = fall ** np.arange(len(needed))
    rented = term_schedule(needed, usd, factors, life, share, beyond)
    assert_adds_up(rented)
    assert (rented.cost >= -1e-9).all()
    assert (rented.stranded >= -1e-9).all()
    assert not rented.cost[needed == 0].any()
    assert_adds_up(owned_schedule(needed, Purchase(usd, share, life, 0.01, 3.0), factors))
    running = np.zeros(len(needed) + life)
    for begin, nodes in lots(needed, life):
        running[begin : begin + life] += nodes
    assert (running[: len(needed)] >= needed).all()
    assert running.max() == needed.max()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(NEEDS, st.integers(1, 40), st.floats(0, 1))
def test_at_one_price_without_a_rest_all_ways_to_pay_cost_the_nodes_needed(needed, term, upfront):
    """The sum of cost is nodes x months x price, however long the terms and however much upfront."""
    found = term_schedule(needed, 7.0, FLAT, term, upfront, True)
    assert found.cost.sum() == pytest.approx(7.0 * needed.sum(), rel=1e-12)


# ---- discount


def test_an_annuity_in_closed_form():
    """100 at the end of each of 36 months: 100 (1 - v ** 36) / i, with v = 1.08 ** (-1 / 12) and i = 1 / v - 1."""
    cash = np.concatenate(([0.0], np.full(36, 100.0)))
    v = 1.08 ** (-1 / 12)
    assert present_value(cash, 8.0) == pytest.approx(100 * (1 - v**36) / (1 / v - 1), rel=1e-12)


def test_a_year_is_discounted_by_the_rate_of_a_year():
    cash = np.zeros((2, 25))
    cash[0, 0], cash[1, 12], cash[1, 24] = 5.0, 108.0, 116.64
    assert present_value(cash, 8.0) == pytest.approx([5.0, 200.0], rel=1e-12)
    assert present_value(cash, 0.0) == pytest.approx([5.0, 224.64], rel=1e-12)


def test_paying_upfront_is_dearer_where_money_has_a_price():
    """The negative control of a discount: by nothing where it has none."""
    late, early = (term_schedule(need((1, 36)), 100.0, FLAT, 12, share, True).cash for share in (0.0, 1.0))
    assert present_value(early, 8.0) > 1.03 * present_value(late, 8.0)
    assert present_value(early, 0.0) == pytest.approx(present_value(late, 0.0), rel=1e-12)


def test_two_things_held_are_held_side_by_side():
    both = Schedule.nothing(3) + term_schedule(need((2, 3)), 100.0, FLAT, 1, 0.0, True)
    assert both.cash == pytest.approx([0, 200, 200, 200])
