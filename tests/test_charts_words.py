"""Words, places and looks of charts."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from sim.ground.estimate import Estimate
from sim.questions.charts import place, style, words


def test_a_long_name_is_broken_once():
    assert words.two_lines("on-demand") == "on-demand"
    assert words.two_lines("held by the month in the cheapest region") == "held by the month in\nthe cheapest region"
    assert words.two_lines("x" * 60) == "x" * 30 + "\n" + "x" * 30


def test_whole_numbers_on_every_axis():
    assert [words.plain(value) for value in (0.5, 1, 2, 10, 1000, 12.04, 0.001, 161366)] == [
        "0.5", "1", "2", "10", "1,000", "12", "0.001", "161,366",
    ]  # fmt: skip
    assert style.log_ticks(0.5, 12, 9) == [0.5, 1, 2, 5, 10]
    assert style.log_ticks(1, 4.2, 9) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(7.031, 7.012, 7.048, 0.01, 40), "7.03 a day (7.01 to 7.05)"),
        (Estimate(7.031, n=1), "7.03 a day"),
        (Estimate(1234.5, 1000.0, 1500.0, 100.0, 9), "1,234 a day (1,000 to 1,500)"),
        (Estimate(None), "n/a"),
    ],
)
def test_an_estimate_is_written_in_the_digits_it_bears(estimate, text):
    assert words.around(estimate, " a day") == text


def test_labels_are_moved_apart_as_little_as_may_be():
    np.testing.assert_allclose(place.spread(np.array([0.5, 0.5, 0.1]), 0.1, 0, 1), [0.45, 0.55, 0.1])
    np.testing.assert_allclose(place.spread(np.array([0.99, 0.98]), 0.1, 0, 1), [1.0, 0.9])
    np.testing.assert_allclose(place.spread(np.array([0.2, 0.8]), 0.1, 0, 1), [0.2, 0.8])


def test_neighbouring_plans_differ_in_grey():
    found = list(style.looks([f"plan_{k}" for k in range(8)]).values())
    grey = [np.dot(to_rgb(each.colour), (0.299, 0.587, 0.114)) for each in found]
    assert min(abs(a - b) for a, b in pairwise(grey)) > 0.08
    assert len({each.marker for each in found}) == 8
