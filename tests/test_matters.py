"""One input at a time, and shares of the variance: on functions whose answers are known."""

import math

import numpy as np
import pytest
from scipy.special import ndtri

from sim.ground.estimate import Estimate
from sim.questions.decision.sobol import evaluations, sobol
from sim.questions.decision.tornado import End, Money, alone, difference, tornado

NOISE = np.array([-3.0, 1.0, 2.0])
ENDS = {key: (End(0.1, f"{key} low"), End(0.9, f"{key} high")) for key in ("price", "demand", "nothing")}


def linear(fit=(True, True)):
    """Two strategies: 100 + 10 price and 92 + 30 demand, quantiles, 0.5 in the middle; the same noise in both."""

    def evaluate(quantiles):
        at = {"price": 0.5, "demand": 0.5} | dict(quantiles)
        costs = np.array([100 + 10 * at["price"], 92 + 30 * at["demand"]])
        return Money(costs + NOISE[:, None], fit)

    return evaluate


def bars(measure, evaluate=None, ends=ENDS):
    found = tornado(evaluate or linear(), ends, measure, ["held", "api"], 0.95)
    return found, {bar.key: bar for bar in found.bars}


class TestTornado:
    def test_swings_are_exact_for_one_strategy_though_paths_differ(self):
        found, bar = bars(alone(0))
        assert found.central.value == pytest.approx(105)
        assert found.central.low < 100  # the noise of a path
        swing = bar["price"].swing
        assert (swing.value, swing.low, swing.high) == pytest.approx((8, 8, 8))  # 10 (0.9 - 0.1), paired
        assert bar["demand"].swing.value == bar["nothing"].swing.value == 0
        assert [leg.usd.value for leg in bar["price"].legs] == pytest.approx([101, 109])
        assert [leg.value for leg in bar["price"].legs] == ["price low", "price high"]

    def test_difference_of_two_and_the_longest_first(self):
        found, bar = bars(difference(0, 1))
        assert [each.key for each in found.bars] == ["demand", "price", "nothing"]
        assert found.central.value == pytest.approx(-2)
        assert bar["demand"].swing.value == pytest.approx(24)
        assert bar["demand"].swing.low == pytest.approx(24)

    def test_flips_where_another_is_the_cheapest(self):
        found, bar = bars(alone(0))
        assert found.cheapest == "held"
        assert [leg.cheapest for leg in bar["price"].legs] == ["held", "api"]
        assert [leg.cheapest for leg in bar["demand"].legs] == ["api", "held"]
        assert (bar["price"].flips, bar["demand"].flips, bar["nothing"].flips) == (True, True, False)

    def test_who_does_not_do_the_work_is_never_the_cheapest(self):
        found, bar = bars(alone(0), linear(fit=(False, True)))
        assert found.cheapest == "api"
        assert not any(each.flips for each in bar.values())
        assert bars(alone(0), linear(fit=(False, False)))[0].cheapest is None

    def test_cases_are_legs_each_and_the_swing_is_between_the_farthest(self):
        ends = {"price": (End(0.2, "a"), End(0.9, "b"), End(0.6, "c"))}
        (bar,) = bars(alone(0), ends=ends)[0].bars
        assert [leg.usd.value for leg in bar.legs] == pytest.approx([102, 109, 106])
        assert bar.swing.value == pytest.approx(7)

    def test_one_path_gives_no_interval(self):
        evaluate = linear()
        (bar, *_) = tornado(lambda at: Money(evaluate(at).npv[:1], (True, True)), ENDS, alone(0), ["a", "b"], 0.95).bars
        assert bar.swing == Estimate(pytest.approx(8), n=1)


def ishigami(quantiles):
    x, y, z = (math.pi * (2 * quantiles[key] - 1) for key in "xyz")
    return math.sin(x) + 7 * math.sin(y) ** 2 + 0.1 * z**4 * math.sin(x)


ISHIGAMI = {"x": (0.3139, 0.5576), "y": (0.4424, 0.4424), "z": (0.0, 0.2437)}
"""First and total order in closed form: Ishigami & Homma (1990), a = 7, b = 0.1."""

SLOPES = {"much": 4.0, "some": 2.0, "little": 1.0, "none": 0.0}


def sum_of_normals(quantiles):
    return 1e6 + sum(slope * float(ndtri(quantiles[key])) for key, slope in SLOPES.items())


LINEAR = {key: (slope**2 / 21, slope**2 / 21) for key, slope in SLOPES.items()}
CASES = [(ishigami, ISHIGAMI, 512), (sum_of_normals, LINEAR, 128)]


class TestSobol:
    @pytest.mark.parametrize(("cost", "truth", "points"), CASES, ids=["ishigami", "linear"])
    def test_intervals_hold_the_closed_form(self, cost, truth, points):
        """Nominal 95 %: at least 90 % of the indices of 8 seeds, each within 0.15."""
        hits = total = 0
        for seed in range(8):
            for share in sobol(cost, list(truth), points, seed, 0.95):
                for estimate, exact in zip((share.first, share.total), truth[share.key], strict=True):
                    hits, total = hits + (estimate.low - 1e-9 <= exact <= estimate.high + 1e-9), total + 1
                    assert estimate.value == pytest.approx(exact, abs=0.15)
        assert hits >= 0.9 * total

    def test_largest_total_first(self):
        assert [share.key for share in sobol(sum_of_normals, list(SLOPES), 64, 1, 0.95)] == list(SLOPES)

    def test_negative_control(self):
        """Interaction is seen: the first order of z does not hold its total order."""
        z = next(share for share in sobol(ishigami, list("xyz"), 256, 1, 0.95) if share.key == "z")
        assert z.first.high < 0.2437 < z.total.high

    def test_same_again_in_any_company_of_threads(self):
        once, again = (sobol(ishigami, list("xyz"), 32, 5, 0.95, mapper) for mapper in (map, _backwards))
        assert once == again != sobol(ishigami, list("xyz"), 32, 6, 0.95)

    def test_one_input_alone_makes_all_of_the_variance(self):
        (share,) = sobol(lambda at: at["x"] ** 2, ["x"], 64, 1, 0.95)
        for estimate in (share.first, share.total):
            assert estimate.value == pytest.approx(1, abs=0.1)
            assert estimate.low <= 1 <= estimate.high

    def test_what_never_changes_has_no_shares(self):
        (share,) = sobol(lambda _: 7.0, ["x"], 32, 1, 0.95)
        assert share.first.value is share.total.value is None

    def test_counts_its_evaluations(self):
        seen = []
        sobol(lambda at: seen.append(at) or float(len(seen)), list("ab"), 32, 1, 0.95)
        assert len(seen) == evaluations(2, 32) == 128
        assert all(0 < each[key] < 1 for each in seen for key in "ab")


def _backwards(work, pieces):
    """Do the last first, as threads may."""
    listed = list(pieces)
    return [work(each) for each in reversed(listed)][::-1]
