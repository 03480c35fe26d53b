"""What knowing an input is worth: against closed forms of choices between two actions, and where it is nothing."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from sim.engine.workload.streams import stream
from sim.ground.estimate import Lacking
from sim.questions.decision.information import LEAST_FUTURES, information, partial, perfect


def unit_normal_loss(gap, slope):
    """E[max(0, -(gap + slope z))]: what knowing z spares (Raiffa & Schlaifer 1961, table of the unit normal loss)."""
    return slope * (norm.pdf(gap / slope) - gap / slope * norm.cdf(-gap / slope)) if slope else 0.0


def world(seed, futures, gap, slope, noise=1.0):
    """Two actions: one costs 0, the other gap + slope z + noise e; z and e are standard normal."""
    draws = stream(seed, 0, "test").standard_normal((2, futures))
    return draws, np.column_stack([np.zeros(futures), gap + slope * draws[0] + noise * draws[1]])


def weights(seed, futures, draws=200):
    return stream(seed, 1, "test").exponential(size=(draws, futures))


def holds(estimate, truth):
    return estimate.low <= truth <= estimate.high


class TestPerfect:
    def test_by_hand(self):
        npv = np.array([[1.0, 3.0], [5.0, 2.0], [1.0, 2.0], [1.0, 2.0]])  # first: mean 2, second: 2.25
        found = perfect(npv, 0.95)
        assert found.value == 0.75  # only in the second future another choice would spare, 3 of 4 futures' means
        assert found.n == 4

    @pytest.mark.parametrize(("gap", "slope", "noise"), [(0.5, 1, 1), (1, 2, 0), (0.1, 0.3, 0.4)])
    def test_is_the_unit_normal_loss_of_all_that_is_unknown(self, gap, slope, noise):
        truth = unit_normal_loss(gap, math.hypot(slope, noise))
        found = perfect(world(3, 4000, gap, slope, noise)[1], 0.95)
        assert found.value == pytest.approx(truth, abs=4 * found.se)
        assert found.se < 0.06 * truth

    def test_one_strategy_has_nothing_to_learn(self):
        found = information({"x": [1.0, 2.0] * 60}, np.arange(120.0)[:, None], 1, 0.95)
        assert found.perfect.value == 0
        assert found.inputs[0].usd.high == 0


class TestPartial:
    @pytest.mark.parametrize(("gap", "slope"), [(0, 0.3), (0, 1), (0.2, 0.3), (0.5, 1), (1, 1)])
    def test_interval_holds_the_closed_form(self, gap, slope):
        """Nominal 95 %: at least 90 % of 40 intervals hold the truth, also in a tie (gap 0)."""
        truth, futures = unit_normal_loss(gap, slope), 200
        hits = 0
        for seed in range(40):
            (known, _), npv = world(seed, futures, gap, slope)
            hits += holds(partial(known, npv, weights(seed, futures), 0.95), truth)
        assert hits >= 36

    def test_narrows_to_the_closed_form(self):
        (known, _), npv = world(1, 5000, 0.5, 1)
        found = partial(known, npv, weights(1, 5000), 0.95)
        assert found.value == pytest.approx(unit_normal_loss(0.5, 1), rel=0.1)
        assert found.high - found.low < 0.4 * found.value

    @pytest.mark.parametrize("gap", [0.1, 0.5])
    def test_what_does_not_matter_is_worth_nothing(self, gap):
        """Nominal 95 %: the interval begins at 0 in at least 90 % of 40 worlds, and the value is small beside EVPI."""
        found = []
        for seed in range(40):
            (_, _), npv = world(seed, 200, gap, 1)
            other = stream(seed, 2, "test").standard_normal(200)
            found.append(partial(other, npv, weights(seed, 200), 0.95))
        assert sum(each.low == 0 for each in found) >= 36
        assert np.mean([each.value for each in found]) < 0.1 * unit_normal_loss(gap, math.sqrt(2))

    def test_negative_control(self):
        """The closed form of another slope is not held."""
        (known, _), npv = world(2, 1000, 0.5, 1)
        assert not holds(partial(known, npv, weights(2, 1000), 0.95), unit_normal_loss(0.5, 1.8))

    def test_scale_of_the_input_does_not_matter(self):
        (known, _), npv = world(5, 300, 0.3, 1)
        wider = np.array([math.exp(3 * z) for z in known])
        of = [partial(each, npv, weights(5, 300), 0.95) for each in (known, 1e9 + 1e3 * known, wider)]
        assert of[0].value == pytest.approx(of[1].value) == pytest.approx(of[2].value)

    def test_cases_by_hand(self):
        """By turns one or the other action is better by 2, and by 1 on the mean: words, numbers, truths alike."""
        npv = np.tile([[0.0, 3.0], [1.0, 0.0]], (100, 1))  # means 0.5 and 1.5; knowing spares 0.5
        for one, two in (("new", "old"), (1, 2), (True, False), (None, 3.0)):
            found = partial([one, two] * 100, npv, weights(7, 200), 0.95)
            assert found.value == pytest.approx(0.5, abs=0.02)
            assert holds(found, 0.5)

    def test_what_may_never_happen_stands_apart(self):
        """An event that never comes in half of the futures: only then the other action is better, by 1."""
        months = stream(9, 0, "test").uniform(0, 36, 400)
        never = np.arange(400) % 2 == 0
        values = [None if gone else float(month) for gone, month in zip(never, months, strict=True)]
        npv = np.column_stack([np.zeros(400), np.where(never, -1.0, 1.5)])
        assert partial(values, npv, weights(9, 400), 0.95).value == pytest.approx(0.5, abs=0.05)

    def test_values_that_pile_up_at_the_tails(self):
        known = np.clip(world(4, 300, 0, 1)[0][0], -0.3, 0.3)
        npv = np.column_stack([np.zeros(300), known])
        assert partial(known, npv, weights(4, 300), 0.95).value > 0


class TestInformation:
    def test_the_most_worth_measuring_comes_first(self):
        draws, npv = world(6, 500, 0.4, 1, 0.3)
        found = information({"weak": draws[1], "strong": draws[0]}, npv, 6, 0.95)
        assert [each.key for each in found.inputs] == ["strong", "weak"]
        assert found.inputs[0].usd.value <= found.perfect.high
        assert holds(found.perfect, unit_normal_loss(0.4, math.hypot(1, 0.3)))

    def test_three_strategies(self):
        """z tells which of two is better, the third never is."""
        z = stream(8, 0, "test").standard_normal(2000)
        npv = np.column_stack([z, -z, np.full(2000, 9.0)])
        found = information({"z": z}, npv, 8, 0.95).inputs[0].usd
        assert holds(found, 2 * norm.pdf(0))

    def test_same_again_and_other_keys_do_not_matter(self):
        draws, npv = world(6, 200, 0.4, 1)
        both = information({"a": draws[0], "b": draws[1]}, npv, 6, 0.95)
        alone = information({"a": draws[0]}, npv, 6, 0.95)
        assert next(each for each in both.inputs if each.key == "a") == alone.inputs[0]

    def test_too_few_futures_give_no_number(self):
        draws, npv = world(6, LEAST_FUTURES - 1, 0.4, 1)
        found = information({"a": draws[0]}, npv, 6, 0.95)
        assert found.inputs[0].usd == found.perfect
        assert found.perfect == Lacking(None, n=99, reason="needs at least 100 futures, got 99")

    def test_nothing_ranked_gives_no_number(self):
        found = information({"a": [1.0] * 200}, np.empty((200, 0)), 6, 0.95)
        assert found.perfect == Lacking(None, n=200, reason="no strategy is ranked")
