"""Which plan of a strategy is in force when: worked out by hand over a span of 24 months."""

import numpy as np
import pytest

from sim.ground.scenario.decision import PRICE_KINDS, Strategy
from sim.questions.decision.moves import Stretch, course

MONTHS = 24
RISING = 2 ** (np.arange(MONTHS) / 12)


def way(events=None, api=None, **strategy):
    """Follow a strategy that begins with plan `a`."""
    prices = {kind: np.ones(MONTHS) for kind in PRICE_KINDS} | ({} if api is None else {"api": api})
    return course(Strategy(plan="a", **strategy), prices, events or {}, MONTHS)


def test_a_plan_for_good():
    found = way(switching_usd=500)
    assert found.stretches == (Stretch("a", 0, 24),)
    assert found.switching[0] == found.switching.sum() == 500
    assert found.plans == ["a"]


@pytest.mark.parametrize(("lead", "first"), [(2, 2), (2.1, 3), (0.5, 1), (3 * 0.1 * 10, 3)])
def test_another_plan_does_the_work_until_it_is_delivered(lead, first):
    found = way(lead_months=lead, meanwhile="b", switching_usd=7)
    assert found.stretches == (Stretch("b", 0, first), Stretch("a", first, 24))
    assert found.switching[0] == 7


def test_a_plan_that_comes_after_the_span_is_never_in_force():
    assert way(lead_months=24, meanwhile="b").stretches == (Stretch("b", 0, 24),)


TO_B = {"to": "b", "switching_usd": 30, "lead_months": 3}


@pytest.mark.parametrize(("at", "begun"), [(4.0, 4), (4.2, 5), (0.0, 0), (20.0, 20)])
def test_an_event_begins_a_move_at_the_next_whole_month(at, begun):
    found = way({"new": at}, moves=[TO_B | {"when": {"event": "new"}}])
    assert found.stretches[-2:] == (Stretch("a", 0, begun + 3), Stretch("b", begun + 3, 24))
    assert np.flatnonzero(found.switching).tolist() == [begun]
    assert found.switching.sum() == 30


@pytest.mark.parametrize("at", [None, 20.5, 23.0])
def test_a_move_that_would_not_be_done_within_the_span_is_not_begun(at):
    found = way({"new": at}, moves=[TO_B | {"when": {"event": "new"}}])
    assert found.stretches == (Stretch("a", 0, 24),)
    assert not found.switching.any()


def test_a_month_begins_a_move():
    found = way(moves=[TO_B | {"when": {"month": 12}, "lead_months": 0}])
    assert found.stretches == (Stretch("a", 0, 12), Stretch("b", 12, 24))


def test_a_price_begins_a_move_when_it_has_risen_so_far():
    """Twice today's after 12 months: the move is done three later."""
    found = way(api=RISING, moves=[TO_B | {"when": {"price": "api", "times": 2}}])
    assert found.stretches == (Stretch("a", 0, 15), Stretch("b", 15, 24))


def test_a_price_begins_a_move_when_it_has_fallen_so_far():
    found = way(api=1 / RISING, moves=[TO_B | {"when": {"price": "api", "times": 0.7}, "lead_months": 0}])
    assert found.stretches[0] == Stretch("a", 0, 7)
    assert way(api=RISING, moves=[TO_B | {"when": {"price": "api", "times": 0.7}}]).plans == ["a"]


def test_moves_come_in_their_order_each_after_the_one_before():
    """The event comes in month 2, while the first move waits for month 5: it sets off the second one at once, at 6."""
    moves = [
        {"to": "b", "when": {"month": 5}, "lead_months": 1},
        {"to": "c", "when": {"event": "new"}, "lead_months": 2, "switching_usd": 9},
        {"to": "a", "when": {"price": "api", "times": 2}},
    ]
    found = way({"new": 2.0}, RISING, moves=moves)
    assert found.stretches == (Stretch("a", 0, 6), Stretch("b", 6, 8), Stretch("c", 8, 12), Stretch("a", 12, 24))
    assert np.flatnonzero(found.switching).tolist() == [6]
    assert found.plans == ["a", "b", "c"]


def test_who_waits_for_what_never_comes_makes_no_later_move():
    moves = [{"to": "b", "when": {"event": "new"}}, {"to": "c", "when": {"month": 3}}]
    assert way({"new": None}, moves=moves).plans == ["a"]


def test_a_plan_that_is_left_at_once_is_never_in_force():
    moves = [{"to": "b", "when": {"event": "new"}, "switching_usd": 4}]
    found = way({"new": 0.0}, moves=moves)
    assert found.stretches == (Stretch("b", 0, 24),)
    assert found.switching[0] == 4


def test_a_price_before_the_move_is_armed_does_not_count_when_it_has_come_back():
    dip = np.where(np.arange(MONTHS) == 1, 0.5, 1.0)
    move = {"to": "b", "when": {"price": "api", "times": 0.6}}
    assert way(api=dip, moves=[move]).stretches[0].end == 1
    assert way(api=dip, lead_months=3, meanwhile="c", moves=[move]).plans == ["c", "a"]
