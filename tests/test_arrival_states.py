"""Arrivals whose rate has states, or that have several sources, and how bursty they are: theory and worlds by hand."""

import math
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from arrival_laws import CLIENT, CUT, RATE, RING, STAYS, law, size

from sim.engine.workload.arrivals import arrivals
from sim.engine.workload.dispersion import idc
from sim.engine.workload.draws import Draws
from sim.engine.workload.states import residual, states
from sim.engine.workload.streams import stream
from sim.ground.scenario.chains import visits
from sim.ground.scenario.laws import law_mean
from sim.ground.units import tick, to_hours

# States


def test_visits_of_a_chain_by_hand():
    # From 0 always to 1, from 1 to 0 or 2 alike, from 2 always to 1: half of the visits go to 1.
    assert visits(((0, 1, 0), (0.5, 0, 0.5), (0, 1, 0))) == pytest.approx((0.25, 0.5, 0.25), rel=1e-15)
    ring = law(RING | {"rate_per_day": RATE})
    balance = np.array(ring.shares) / ring.stays @ (np.array(ring.chances) - np.eye(3))
    assert np.abs(balance).max() < 1e-15
    assert np.dot(ring.shares, ring.rates_per_hour) == pytest.approx(1, rel=1e-15)


def test_rates_of_states_are_jobs_an_hour_unless_a_rate_is_given():
    # In state 1 for two thirds of the time.
    burst = {"law": "mmpp", "rates": [1, 7], "stay_hours": [20, 10]}
    assert law(burst).jobs_per_hour == pytest.approx(3)
    assert law(burst | {"rate_per_day": 12}).rates_per_hour == pytest.approx((1 / 6, 7 / 6))
    assert law(burst | {"stay_hours": None, "stay_s": [72000, 36000]}).shares == pytest.approx((2 / 3, 1 / 3))


def test_states_last_as_long_as_stated_and_lead_where_they_should():
    # 200,000 h of the ring: shares of time and of the ways out of state 0, within 5 standard errors of some 14,000.
    ring = law(RING | {"rate_per_day": RATE})
    until, rates = states(ring, partial(stream, 5, 0), "x/states", 2e5)
    stays = np.diff(until, prepend=0.0)
    which = [int(np.argmin(np.abs(rate - np.array(ring.rates_per_hour)))) for rate in rates]
    for state, mean in enumerate(ring.stays):
        mine = stays[np.array(which) == state]
        assert abs(mine.mean() - mean) < 5 * mean / math.sqrt(len(mine))
        assert abs(mine.std() / mean - 1) < 5 * math.sqrt(2 / len(mine))
    after = [b for a, b in pairwise(which) if a == 0]
    assert abs(after.count(2) / len(after) - 0.75) < 5 * math.sqrt(0.75 * 0.25 / len(after))
    assert all(b == 0 for a, b in pairwise(which) if a == 1)


@pytest.mark.parametrize(
    "stay", [*({"law": name, "mean": 3} | more for name, more in STAYS.items()), CUT], ids=lambda stay: stay["law"]
)
def test_the_first_stay_is_the_rest_of_one_under_way(stay):
    # Kolmogorov-Smirnov at 6,400: the residual lasts at most x with chance (x P(X > x) + E[X; X <= x]) / E X.
    made = size(stay)
    generator = stream(9, 0, "x")
    values = np.sort([residual(made, generator) for _ in range(6_400)])
    share, part = np.array([made.up_to(value) for value in values]).T
    law_of_rest = (values * (1 - share) + part) / law_mean(made)
    assert np.abs(law_of_rest - (np.arange(6_400) + 0.5) / 6_400).max() < 1.95 / 80
    whole = np.sort(Draws(made, partial(stream, 9, 0), "y").take(6_400))  # control: a whole stay is found out
    if stay["law"] != "exponential":
        share, part = np.array([made.up_to(value) for value in whole]).T
        assert (
            np.abs((whole * (1 - share) + part) / law_mean(made) - (np.arange(6_400) + 0.5) / 6_400).max() > 1.95 / 80
        )


# How bursty


SCALES = (0.5, 5.0, 50.0)


@pytest.mark.parametrize(
    "settings",
    [
        {"law": "mmpp", "rates": [1, 7], "stay_hours": [20, 10]},
        RING,
        CLIENT | {"rate_per_day": 12},
        {
            "law": "superposition",
            "parts": [RING, CLIENT | {"rate_per_day": 12, "copies": 4}, {"law": "poisson", "rate_per_day": 9}],
        },
        {"law": "superposition", "rate_per_day": 60, "parts": [RING, {"law": "poisson", "rate_per_day": 9}]},
    ],
    ids=["two", "ring", "client", "tenants", "scaled"],
)
def test_counts_vary_as_theory_says(settings):
    # Variance over mean of the counts in windows of three lengths: 30 replications of 4,000 h, 5 standard errors.
    made, hours = law(settings), 4000.0
    found = [to_hours(arrivals(made, partial(stream, 2, r), "x", tick(hours))) for r in range(30)]
    for window in SCALES:
        mean = made.jobs_per_hour * window
        edges = np.arange(0, hours + window / 2, window)
        each = np.array([np.square(np.histogram(one, edges)[0] - mean).mean() / mean for one in found])
        error = each.std() / math.sqrt(len(each))
        assert abs(each.mean() - idc(made, window)) < 5 * error
        assert error < 0.07 * each.mean()


def two_state_idc(rates, switching, window):
    """IDC of a Poisson process whose rate switches between two values (Fischer and Meier-Hellstern 1993)."""
    both = sum(switching)
    first = switching[1] / both
    mean = first * rates[0] + (1 - first) * rates[1]
    variance = first * (1 - first) * (rates[0] - rates[1]) ** 2
    return 1 + 2 * variance / (mean * both) * (1 + math.expm1(-both * window) / (both * window))


def test_the_theory_of_two_states_is_that_of_any_number():
    # Rates 1 and 7 an hour, left at 0.05 and 0.1 an hour: variance of the rate 8, mean 3; in the end 1 + 2 * 8 / 0.45.
    made = law({"law": "mmpp", "rates": [1, 7], "stay_hours": [20, 10]})
    for window in (0.01, 1.0, 30.0, 1000.0):
        assert idc(made, window) == pytest.approx(two_state_idc((1, 7), (0.05, 0.1), window), rel=1e-9)
    assert two_state_idc((1, 7), (0.05, 0.1), 1e9) == pytest.approx(1 + 16 / 0.45, rel=1e-6)
    on_off = law(
        {
            "law": "on_off",
            "on_hours": {"law": "exponential", "mean": 10},
            "off_hours": {"law": "exponential", "mean": 20},
            "rate_per_second": 1 / 3600,
        }
    )
    assert idc(on_off, 5.0) == pytest.approx(two_state_idc((3, 0), (0.1, 0.05), 5.0), rel=1e-9)
    for unknown in ({"law": "gamma", "cv": 2, "rate_per_day": 1}, {"law": "poisson", "rate_per_day": 1, "batch": 2}):
        with pytest.raises(ValueError, match="no closed form"):
            idc(law(unknown), 1.0)


# Several sources


def test_parts_and_copies_have_streams_of_their_own():
    poisson = {"law": "poisson", "rate_per_day": 24}
    batches = {"law": "poisson", "rate_per_day": 6, "batch": 3}
    together = law({"law": "superposition", "parts": [poisson | {"copies": 2}, batches]})
    assert together.jobs_per_hour == pytest.approx(2 + 0.75)
    horizon, opened = tick(500), partial(stream, 4, 0)
    apart = [
        arrivals(law(one), opened, name, horizon)
        for one, name in ((poisson, "x/part0/copy0"), (poisson, "x/part0/copy1"), (batches, "x/part1/copy0"))
    ]
    assert arrivals(together, opened, "x", horizon).tolist() == sorted(np.concatenate(apart).tolist())
    twins = law(poisson | {"copies": 2})
    first, second = (arrivals(law(poisson), opened, name, horizon).tolist() for name in ("x", "x/copy1"))
    assert first != second
    assert arrivals(twins, opened, "x", horizon).tolist() == sorted(first + second)


def test_a_rate_of_all_parts_scales_each():
    parts = [
        {"law": "deterministic", "rate_per_day": 8},
        {"law": "deterministic", "rate_per_day": 4, "copies": 2, "batch": 5},
    ]
    doubled = law({"law": "superposition", "parts": parts, "rate_per_day": 32})
    assert (doubled.scale, doubled.jobs_per_hour * 24) == (pytest.approx(2), pytest.approx(16 + 16 * 5))
    found = arrivals(doubled, partial(stream, 1, 0), "x", tick(3))  # every 1.5 hours, and twice every 3 hours
    instants, together = np.unique(found, return_counts=True)
    assert sorted(together) == [1, 1, 5, 5]
    assert np.diff(instants[together == 1]) == tick(1.5)
    none = law({"law": "superposition", "parts": parts, "rate_per_day": 0})
    assert len(arrivals(none, partial(stream, 1, 0), "x", tick(99))) == 0


def test_a_part_follows_its_own_pattern_else_that_of_all():
    morning, evening = ({"hours": [1] * 12 + [0] * 12}, {"hours": [0] * 12 + [1] * 12})
    poisson = {"law": "poisson", "rate_per_day": 24}
    parts = [poisson, poisson | {"pattern": evening, "growth_percent_per_month": 20}]
    made = law({"law": "superposition", "parts": parts, "pattern": morning, "growth_percent_per_month": 20})
    found = to_hours(arrivals(made, partial(stream, 1, 0), "x", tick(7300)))
    early = found % 24 < 12
    month = math.log(1.2) / 730
    expected = [math.expm1(7300 * month) / month, math.expm1(7300 * 2 * month) / (2 * month)]
    assert made.jobs_expected(7300) == pytest.approx(sum(expected), rel=0.02)  # the hours of growing days are not alike
    assert abs(early.sum() / expected[0] - 1) < 0.02 + 5 / math.sqrt(expected[0])
    assert abs((~early).sum() / expected[1] - 1) < 0.02 + 5 / math.sqrt(expected[1])
