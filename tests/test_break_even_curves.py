"""The search along curves known by formula: every awkward shape, jumps, ties, noise, values that are not compared."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import stdtrit
from worlds import scenario

from sim.ground.estimate import mean
from sim.questions.search.crossing import Pair, Rules
from sim.questions.search.difference import Gap
from sim.questions.search.pairs import compare
from sim.questions.search.span import Span


class Curve:
    """A difference known by its formula, with noise of a known size, in the place of a simulation."""

    key, block = "x.rate_per_day", 10

    def __init__(self, f, noise=0.0, unfit=lambda _: None):
        self.f, self.noise, self.reason, self.looks = f, noise, unfit, 0
        self.scenario = scenario()

    def know(self, *_):
        pass

    def overload(self, value, name):
        return None

    def unfit(self, value, name):
        return self.reason(value) if name == "a" else None

    def gap(self, value, a, b, blocks=1):
        self.looks += 1
        n = self.block * blocks
        wave = self.noise * np.cos(math.pi * np.arange(n)) if self.noise else np.zeros(n)
        usd = self.f(value) + wave
        return Gap(value, mean(usd, 0.95), not usd.any())


def searched(f, low=0.0, high=10.0, most=1, precision=0.01, log=False, **more):
    curve = Curve(f, **more)
    pair = Pair(curve, Span(low, high, log), "a", "b", Rules(precision, most))
    return compare(pair, pair.span.first_look(9)), curve


class TestCurves:
    @pytest.mark.parametrize(
        ("f", "roots"),
        [
            (lambda x: x - 3.3, [3.3]),
            (lambda x: math.exp(x) - 100, [math.log(100)]),
            (lambda x: (x - 2.2) * (x - 7.7), [2.2, 7.7]),
            (lambda x: (x - 2.2) * (x - 2.9), [2.2, 2.9]),  # both between two values of the first look
            (lambda x: 1 / (x + 0.1) + x / 4 - 1.2, [0.934903, 3.765097]),
            (lambda x: (x - 1.1) * (x - 4.4) * (x - 8.8), [1.1, 4.4, 8.8]),
            (lambda x: 5 - x, [5]),  # at a value of the first look
            (lambda x: x * x - 1e-4, [0.01]),
            (lambda x: x + 1, []),
            (lambda x: (x - 5) ** 2, []),  # touches 0
            (lambda x: (x - 4.6) ** 2 + 0.01, []),
        ],
    )
    def test_all_crossings_and_no_others(self, f, roots):
        found, curve = searched(f)
        assert [each.at.value for each in found.crossings] == pytest.approx(roots, abs=1e-3)
        assert (found.reason is None) == bool(roots)
        assert curve.looks < 400
        signs = [each.cheaper for each in found.crossings]
        assert all(first[1] == second[0] for first, second in pairwise(signs))

    def test_a_step_is_a_jump_wherever_it_is(self):
        found, _ = searched(lambda x: -1.0 if x < 6.54321 else 2.0)
        (crossing,) = found.crossings
        assert (crossing.kind, crossing.cheaper) == ("jump", ("a", "b"))
        assert crossing.at.low <= 6.54321 <= crossing.at.high
        assert crossing.at.high - crossing.at.low < 1e-6

    def test_a_step_that_noise_hides_is_bounded_by_where_it_is_sure(self):
        found, _ = searched(lambda x: x - 5 + (0.01 if x > 5.005 else 0), noise=0.3, most=1)
        (crossing,) = found.crossings
        assert crossing.kind == "equal"
        assert crossing.at.low < 5 < crossing.at.high

    def test_noise_bounds_the_crossing(self):
        found, _ = searched(lambda x: 2 * (x - 4), noise=1.0)
        (crossing,) = found.crossings
        half = float(stdtrit(9, 0.975)) * math.sqrt(10 / 9) / math.sqrt(10) / 2
        assert crossing.at.value == pytest.approx(4, abs=0.01)
        assert crossing.at.low == pytest.approx(4 - half, abs=0.1 * half)
        assert crossing.at.high == pytest.approx(4 + half, abs=0.1 * half)

    def test_a_tie_in_between_is_told_from_end_to_end(self):
        found, _ = searched(lambda x: min(x - 3, 0) + max(x - 6, 0))
        (crossing,) = found.crossings
        assert (crossing.kind, crossing.cheaper) == ("tie", ("a", "b"))
        assert crossing.between == pytest.approx((3, 6), abs=2e-3)
        assert found.ties == (crossing.between,)

    def test_a_tie_throughout(self):
        found, _ = searched(lambda x: 0.0)
        assert (found.crossings, found.ties) == ((), ((0.0, 10.0),))
        assert found.reason == "`a` and `b` cost the same from 0 to 10"

    def test_what_noise_hides_is_not_called_a_crossing(self):
        found, _ = searched(lambda x: 0.01 * math.sin(3 * x), noise=1.0)
        assert (found.crossings, found.unsure) == ((), ((0.0, 10.0),))
        assert found.reason == "10 replications do not tell `a` and `b` apart from 0 to 10"
        more, _ = searched(lambda x: (x - 4.6) ** 2 + 0.3, noise=1.0, most=64)
        assert (more.crossings, more.unsure) == ((), ())  # more replications tell them apart
        assert more.reason == "none from 0 to 10: `b` is cheaper throughout"
        fewer, _ = searched(lambda x: (x - 5) ** 2 + 0.3, noise=1.0, most=1)
        assert fewer.unsure[0][0] <= 5 <= fewer.unsure[0][1]

    def test_nothing_is_found_where_a_plan_does_not_do_the_work(self):
        found, _ = searched(lambda x: x - 8, unfit=lambda x: "late" if x > 6 else None)
        assert found.crossings == ()
        assert found.reason == "none from 0 to 5.996: `a` is cheaper throughout; not compared: " + (
            "from 5.996 to 10 (plan `a`: late)"
        )
        assert found.stretches[0][1].at == pytest.approx(6, abs=0.011)
        hole, _ = searched(lambda x: x - 5, unfit=lambda x: "late" if 3 < x < 7 else None)
        assert hole.crossings == ()
        assert hole.reason.startswith("it changes where not both do the work; not compared: from 2.99")
        never, _ = searched(lambda x: x, unfit=lambda x: "late")
        assert never.reason == "at no value do `a` and `b` do the same work: plan `a`: late"

    def test_a_crossing_at_which_a_plan_is_not_ranked_is_none(self):
        found, _ = searched(lambda x: x - 5.2, unfit=lambda x: "late" if 5.1 < x < 5.3 else None)
        assert found.crossings == ()
        assert found.left_out[-1].low <= 5.2 <= found.left_out[-1].high
        assert found.reason.startswith("it changes where not both do the work")

    def test_a_crossing_just_before_the_edge_is_found(self):
        found, _ = searched(lambda x: x - 5.9, unfit=lambda x: "late" if x > 6 else None)
        assert found.crossings[0].at.value == pytest.approx(5.9)

    def test_by_factors(self):
        found, _ = searched(lambda x: x - 0.02, low=1e-3, high=1e3, log=True)
        assert found.crossings[0].at.value == pytest.approx(0.02)
