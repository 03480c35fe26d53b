"""Arrivals whose rate changes: patterns, growth, states, superpositions. Theory, worked by hand, and refusals."""

import math
from functools import partial

import numpy as np
import pytest
from arrival_laws import CLIENT, CUT, RATE, RING, STAYS, law
from hypothesis import given
from hypothesis import strategies as st
from worlds import ARTICLE, examples, scenario

from sim.engine.workload.arrivals import _time_change, arrivals
from sim.engine.workload.states import states
from sim.engine.workload.streams import stream
from sim.ground.faults import InputError
from sim.ground.scenario.pattern import cumulated
from sim.ground.units import tick, to_hours
from sim.study import run
from sim.study.simulate import Experiment

WEEK = 168.0
SHOP = [0] * 8 + [1, 2, 4, 4, 3, 3, 4, 4, 3, 2, 1] + [0] * 5
WORKDAYS = [1, 1, 1, 1, 1, 0.4, 0.1]
SHOP_WEEK = {"hours": SHOP, "days": WORKDAYS, "starts": "wednesday", "starts_hour": 13.25}
LAWS = {
    "poisson": {"law": "poisson"},
    "deterministic": {"law": "deterministic"},
    "erlang": {"law": "erlang", "phases": 4},
    "gamma": {"law": "gamma", "cv": 2},
    "weibull": {"law": "weibull", "shape": 0.7},
    "hyperexponential": {"law": "hyperexponential", "weights": [0.5, 0.5], "means": [1, 5]},
    "mmpp": RING,
    "copies": CLIENT | {"copies": 3, "rate_per_day": RATE / 3},
    "superposition": {
        "law": "superposition",
        "parts": [
            RING | {"copies": 2},
            CLIENT | {"rate_per_day": 12, "pattern": {"sine": {"amplitude": 0.8, "peak_hour": 30, "period_hours": 56}}},
            {"law": "gamma", "cv": 1.5, "rate_per_day": 10},
        ],
    },
    **{
        f"on_off {name}": {
            "law": "on_off",
            "on_hours": {"law": name, "mean": 3} | more,
            "off_hours": {"law": name, "mean": 5} | more,
        }
        for name, more in STAYS.items()
    },
    "on_off cut": {"law": "on_off", "on_hours": CUT, "off_hours": 4},
}
EXCESS = {
    "deterministic": -0.5,
    "erlang": (1 / 4 - 1) / 2,
    "gamma": (2**2 - 1) / 2,
    "weibull": (math.gamma(1 + 2 / 0.7) / math.gamma(1 + 1 / 0.7) ** 2 - 2) / 2,
    "hyperexponential": (2 * 13 / 9 - 2) / 2,
}
"""Arrivals more than rate times time where a renewal process starts with a full gap: (cv^2 - 1) / 2.

Cox, Renewal Theory (1962), chapter 4.
"""


def counts(made, hours: float, replications: int, seed: int = 1):
    """Numbers of arrivals of some replications."""
    return np.array([len(arrivals(made, partial(stream, seed, r), "x", tick(hours))) for r in range(replications)])


# The mean rate is the stated one


def stated(name: str, pattern: dict | None):
    """A law of 24 arrivals a day, with a pattern or without."""
    rate = {} if "rate_per_day" in LAWS[name] else {"rate_per_day": RATE}
    return law(LAWS[name] | rate, **({"pattern": pattern} if pattern else {}))


@pytest.mark.parametrize("pattern", [None, SHOP_WEEK], ids=["steady", "shop"])
@pytest.mark.parametrize("name", LAWS)
def test_the_simulated_mean_rate_is_the_stated_one(name, pattern):
    # 24 a day over four weeks, within 5 standard errors; a pattern's operational time takes whole weeks as they are.
    made, hours, replications = stated(name, pattern), 4 * WEEK, 160
    found = counts(made, hours, replications)
    assert made.jobs_expected(hours) == pytest.approx(RATE / 24 * hours, rel=1e-12)
    error = found.std() / math.sqrt(replications) + 0.1 * (name == "deterministic")
    assert abs(found.mean() - RATE / 24 * hours - EXCESS.get(name, 0.0)) <= 5 * error
    assert error < 0.02 * RATE / 24 * hours  # so that 10 % off would be found


def test_copies_and_parts_have_gone_on_before_the_clock_starts():
    # 20 tenants, a job every two hours each: 30 in three hours, whatever the gaps. With whole first gaps equal
    # schedules would all come at hour 2, and bursts of cv 5 bring up to (cv^2 - 1) / 2 = 12 jobs too many a tenant.
    tenants = {"rate_per_day": 12, "copies": 20}
    erlang, gamma = {"law": "erlang", "phases": 9}, {"law": "gamma", "cv": 5}
    weibull, mixture = {"law": "weibull", "shape": 0.5}, {"law": "hyperexponential", "cv": 5}
    together = {"law": "superposition", "parts": [gamma | tenants], "pattern": {"hours": [1] * 24}}
    for settings in (*(each | tenants for each in (erlang, gamma, weibull, mixture)), together):
        found = counts(law(settings), 3.0, 60)
        error = found.std() / math.sqrt(60)
        assert abs(found.mean() - 30) < 5 * error < 15, settings
    schedules = law(tenants | {"law": "deterministic"})
    found = arrivals(schedules, partial(stream, 1, 0), "x", tick(24))
    assert len(found) == len(set(found.tolist())) == 240
    assert np.array_equal(found[20:] - found[:-20], np.full(220, tick(2)))


def test_modulated_arrivals_start_in_their_steady_state():
    # In the first hour alone as many come as in any: 1,500 replications, 5 standard errors. On from the start would be
    # 2.7 times as many, a full first stay 30 % off.
    for name in ("mmpp", "on_off lomax", "on_off gamma"):
        found = counts(stated(name, None), 1.0, 1500)
        assert abs(found.mean() - 1) < 5 * found.std() / math.sqrt(1500)
        assert found.std() / math.sqrt(1500) < 0.055


def test_growth_adds_up_to_its_integral():
    # 3 % a month over two years of 8760 h: rate (g^t - 1) / ln g, g = 1.03 a month of 730 h.
    made = law({"law": "poisson", "rate_per_day": RATE, "growth_percent_per_month": 3})
    grown = math.log(1.03) / 730
    expected = math.expm1(17520 * grown) / grown
    assert made.jobs_expected(17520) == pytest.approx(expected, rel=1e-12)
    found = counts(made, 17520, 20)
    assert abs(found.mean() - expected) < 5 * math.sqrt(expected / 20)
    shrinking = law({"law": "poisson", "rate_per_day": RATE, "growth_percent_per_month": -50})
    assert shrinking.jobs_expected(730) == pytest.approx(730 / 2 / math.log(2), rel=1e-12)


# Each arrival in its place


def schedule(hours: float, **more) -> list[float]:
    """Hours at which a schedule of 24 a day comes."""
    made = law({"law": "deterministic", "rate_per_day": RATE}, **more)
    return to_hours(arrivals(made, partial(stream, 1, 0), "x", tick(hours))).tolist()


def test_a_schedule_through_a_pattern_by_hand():
    # Closed until noon, twice the rate after it; from Saturday on only a fifth of what comes on other days.
    afternoons = {"hours": [0] * 12 + [1] * 12, "days": [10, 10, 10, 10, 10, 2, 2]}
    week = schedule(168, pattern=afternoons)
    friday = [24 * day + 12 + k * 54 / (7 * 20) for day in range(5) for k in range(1, 32)]
    assert week[:31] == pytest.approx(friday[:31], abs=1e-9)
    assert len(week) == 167  # the last falls on the horizon
    late = schedule(48, pattern={"hours": [0] * 12 + [1] * 12, "starts": "sunday", "starts_hour": 18.5})
    assert late[:11] == pytest.approx([k / 2 for k in range(1, 12)], abs=1e-9)  # until midnight
    assert late[11:14] == pytest.approx([18.0, 18.5, 19.0], abs=1e-9)  # noon is 17.5 h after the start


def test_a_schedule_along_a_sine_by_integration():
    # Cumulated: t + a / w (sin(w (t - 6)) + sin(6 w)); straight lines over a tenth of an hour are off by 4e-4 of it.
    found = np.array(schedule(96, pattern={"sine": {"amplitude": 0.9, "peak_hour": 6}}))
    turn = 2 * math.pi / 24
    total = found + 0.9 / turn * (np.sin(turn * (found - 6)) + math.sin(6 * turn))
    assert np.abs(total - np.arange(1, len(found) + 1)).max() < 4e-4
    assert len(found) == 95


def test_a_schedule_that_grows_by_integration():
    found = np.array(schedule(7300, growth_percent_per_month=40))
    grown = math.log(1.4) / 730
    assert np.abs(np.expm1(grown * found) / grown - np.arange(1, len(found) + 1)).max() < 2e-3


def test_jobs_come_in_the_hours_of_their_pattern():
    # Poisson, 30 a day over 4 years: each of the 168 hours of the week within 5 of its own standard errors, none where
    # the shop is closed.
    made = law({"law": "poisson", "rate_per_day": 30}, pattern=SHOP_WEEK)
    years = 208 * WEEK
    found = to_hours(arrivals(made, partial(stream, 1, 0), "x", tick(years)))
    hour = ((found + 48 + 13.25) % WEEK).astype(int)
    seen = np.bincount(hour, minlength=168)
    weights = np.outer(WORKDAYS, SHOP).ravel()
    expected = 30 * 7 * 208 * weights / weights.sum()
    assert (np.abs(seen - expected) <= 5 * np.sqrt(expected)).all()
    assert np.square((seen - expected)[expected > 0]).dot(1 / expected[expected > 0]) / (expected > 0).sum() < 1.5
    shifted = np.roll(expected, 1)
    assert (np.abs(seen - shifted) > 5 * np.sqrt(shifted)).any()


def test_a_pattern_of_the_whole_week_and_one_of_hours_and_days_are_the_same():
    made = [
        law({"law": "gamma", "cv": 2, "rate_per_day": 30}, pattern=pattern | {"starts_hour": 5})
        for pattern in ({"hours": SHOP, "days": WORKDAYS}, {"week": np.outer(WORKDAYS, SHOP).ravel().tolist()})
    ]
    hours, week = (arrivals(each, partial(stream, 1, 0), "x", tick(1000)).tolist() for each in made)
    assert hours == week


@examples(200)
@given(data=st.data())
def test_the_time_change_is_the_inverse_of_the_cumulated_rate(data):
    # Against a search of each sum in the whole table; small whole numbers, so that sums fall on knots and on pauses.
    steps = data.draw(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3)), min_size=1, max_size=8))
    gaps = np.array(data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=12)), float)
    at = np.cumsum([0, *(width for width, _ in steps)]).astype(float)
    total = np.cumsum([0, *(risen for _, risen in steps)]).astype(float)
    end, expected = at[-1] - 0.5, []
    for reached in np.cumsum(gaps):
        pieces = [k for k in range(len(steps)) if steps[k][1] and total[k + 1] >= reached]
        if not pieces:
            break
        k = pieces[0]
        instant = at[k] + (reached - total[k]) / steps[k][1] * steps[k][0]
        if instant >= end:
            break
        expected.append(tick(instant))
    first = data.draw(st.integers(0, len(gaps)))  # in two calls
    room = np.empty(len(gaps), np.int64)
    known, reached, knot = _time_change(gaps[:first], 0.0, 0, at, total, end, room)
    if knot < len(steps):
        known += _time_change(gaps[first:], reached, knot, at, total, end, room[known:])[0]
    assert room[:known].tolist() == expected


@pytest.mark.parametrize("name", LAWS)
def test_a_shorter_horizon_gives_the_first_of_the_same_arrivals(name):
    made = stated(name, SHOP_WEEK)
    whole = arrivals(made, partial(stream, 3, 0), "x", tick(1000))
    assert (np.diff(whole) >= 0).all()
    assert whole[0] >= 0
    for hours in (1000 / 3, 40):
        part = arrivals(made, partial(stream, 3, 0), "x", tick(hours))
        assert part.tolist() == whole[whole < tick(hours)].tolist()


def test_a_swept_rate_scales_the_same_noise():
    for name in ("gamma", "mmpp", "on_off lognormal"):
        slow, fast = (stated(name, SHOP_WEEK).model_copy(update={"rate_per_day": rate}) for rate in (24, 36))
        few, many = (arrivals(each, partial(stream, 1, 0), "x", tick(2000)) for each in (slow, fast))
        total = [_cumulated(each, hours, 2000) for each, hours in ((slow, few), (fast, many))]
        gaps = [np.diff(each, prepend=0)[: len(few)] for each in total]
        assert len(few) < len(many)
        assert np.abs(gaps[0] - gaps[1]).max() < 1e-6


def _cumulated(made, instants, hours: float):
    """Expected arrivals up to each instant, given the states."""
    at, total = cumulated(made.pattern, 0.0, hours)
    now = to_hours(instants)
    if made.law == "gamma":
        return np.interp(now, at, total) / made.mean_gap_hours
    until, rates = states(made, partial(stream, 1, 0), "x/states", hours)
    ends = np.interp(np.minimum(until, hours), at, total)
    risen = np.cumsum(np.diff(ends, prepend=0.0) * rates)
    turn = np.searchsorted(until, now)
    return risen[turn] - (ends[turn] - np.interp(now, at, total)) * rates[turn]


# The scenario


def test_expected_jobs_and_load_take_pattern_and_growth_into_account():
    # 6 a day that double within the year: 6 * 365 / ln 2 in all; each takes 8 GPUs for 2 h.
    grows = {"workload.tuning.arrivals.growth_percent_per_month": 100 * (2 ** (730 / 8760) - 1)}
    article = scenario(settings=grows)
    expected = 6 * 365 / math.log(2)
    assert Experiment.of(article, 0).jobs_expected == pytest.approx(expected, rel=1e-9)
    assert article.offered_gpus == pytest.approx(expected / 8760 * 16, rel=1e-9)
    jobs = run(article, replications=40).result["plans"]["api"]["classes"]["tuning"]["jobs"]
    assert abs(jobs.value - expected) < 5 * math.sqrt(expected / 40)


def test_a_peak_above_capacity_is_no_overload_but_a_mean_above_it_is():
    rate = "workload.tuning.arrivals.rate_per_day"
    night = {"workload.tuning.arrivals.pattern": {"hours": [1] * 6 + [0] * 18}, "horizon_days": 30}
    for per_day, codes in ((6, set()), (14, {"overload"})):
        found = run(scenario(settings=night | {rate: per_day}), replications=2).result["warnings"]
        assert {each["code"] for each in found} & {"overload"} == codes


POISSON = {"law": "poisson", "rate_per_day": 1}
MMPP = {"law": "mmpp", "rates": [1, 2], "stay_hours": [1, 1]}
ON_OFF = {"law": "on_off", "rate_per_day": 1}


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        (POISSON | {"pattern": {}}, "pattern must have `hours`, `days` or both, or `week`, or `sine`, got none"),
        (POISSON | {"pattern": {"hours": [1] * 24, "week": [1] * 168}}, "got hours and week"),
        (POISSON | {"pattern": {"hours": 24}}, "pattern.hours must be a list, got 24"),
        (POISSON | {"pattern": {"hours": [1] * 23}}, "pattern must have 24 `hours`, got 23"),
        (POISSON | {"pattern": {"days": [1] * 8}}, "pattern must have 7 `days`, got 8"),
        (POISSON | {"pattern": {"week": [1] * 24}}, "pattern must have 168 `week`, got 24"),
        (POISSON | {"pattern": {"days": [0] * 7}}, "pattern must have `days` of which one at least is above 0"),
        (POISSON | {"pattern": {"days": [-1] * 7}}, "pattern.days.0 must be 0 or a number from 1e-09 to 1e+12, got -1"),
        (
            POISSON | {"pattern": {"sine": {"amplitude": 1.1}}},
            "sine.amplitude must be 0 or a number from 1e-09 to 1, got 1.1",
        ),
        (POISSON | {"pattern": {"days": [1] * 7, "starts": "Monday"}}, "pattern.starts must be 'monday', 'tuesday'"),
        (
            POISSON | {"pattern": {"days": [1] * 7, "starts_hour": 24}},
            "starts_hour must be 0 or a number from 0.0001 to 23.9999",
        ),
        (POISSON | {"pattern": {"daily": [1] * 24}}, "pattern.daily is not a key here; did you mean `days`?"),
        (
            POISSON | {"growth_percent_per_month": -100},
            "growth_percent_per_month must be a number from -99.9 to 1000, got -100",
        ),
        (
            POISSON | {"pattern": {"sine": {"amplitude": 1, "period_hours": 1e-3}}},
            "must have at most 10,000,000 changes of its rate",
        ),
        (
            POISSON | {"growth_percent_per_month": 1000},
            "must bring at most 100,000,000 jobs within horizon_days, got 3.98e+13",
        ),
        (MMPP | {"stay_hours": None}, "must have exactly one of `stay_hours`, `stay_s`, got none"),
        (MMPP | {"stay_hours": [1]}, "stay_hours must have at least 2 entries"),
        (MMPP | {"stay_hours": [1, 2, 3]}, "must have a stay for each of the 2 rates, got 3"),
        (MMPP | {"rates": [0, 0]}, "must have `rates` of which one at least is above 0"),
        (MMPP | {"next": [[0, 1]]}, "next must have at least 2 entries"),
        (MMPP | {"next": [[0, 1, 0], [1, 0, 0]]}, "must have `next` of 2 rows with 2 chances each"),
        (MMPP | {"next": [[0.5, 0.5], [1, 0]]}, "must have a `next` that leaves state 0, got a chance of 0.5 to stay"),
        (MMPP | {"next": [[0, 1], [0.9, 0]]}, "must have rows of `next` that sum to 1, got 0.9 in row 1"),
        (
            {"law": "mmpp", "rates": [1, 2, 3], "stay_hours": [1] * 3, "next": [[0, 1, 0], [1, 0, 0], [0.5, 0.5, 0]]},
            "must have a `next` that leads from every state to every other, not from 0 to 2",
        ),
        (
            MMPP | {"stay_hours": [1e-6, 1e-6]},
            "must have at most 10,000,000 changes of its rate within horizon_days, got 8.76e+09",
        ),
        (ON_OFF, "must have `on_hours` and `off_hours`, or `on_s` and `off_s`, got none"),
        (ON_OFF | {"on_hours": 1, "off_s": 1}, "got on_hours and off_s"),
        (ON_OFF | {"on_hours": 0, "off_hours": 1}, "must have a mean of `on_hours` above 0"),
        (ON_OFF | {"on_hours": {"law": "geometric", "mean": 2}, "off_hours": 1}, "on_hours must have a known law"),
        ({"law": "on_off", "on_hours": 1, "off_hours": 1}, "must have exactly one of `rate_per_day`"),
        ({"law": "superposition", "parts": []}, "parts must have at least 1 entry"),
        ({"law": "superposition", "parts": [{"law": "superposition", "parts": []}]}, "parts.0 must have a known law"),
        ({"law": "superposition", "parts": [POISSON], "batch": 2}, "batch is not a key here"),
        (
            {"law": "superposition", "parts": [POISSON | {"rate_per_day": 0}], "rate_per_day": 5},
            "of which one at least has a rate",
        ),
        (POISSON | {"copies": 0}, "copies must be a whole number from 1 to 100000, got 0"),
        ({"law": "weibull", "rate_per_day": 1}, "shape is missing"),
    ],
    ids=lambda value: str(value)[:70],
)
def test_refusals(settings, refusal):
    with pytest.raises(InputError) as error:
        scenario(settings={"workload.tuning.arrivals": settings})
    assert any("workload.tuning.arrivals" in line and refusal in line for line in str(error.value).splitlines()), (
        error.value
    )


def test_keys_of_lists_are_addressed_by_number():
    made = scenario(
        ARTICLE.replace(
            "{law: poisson, rate_per_day: 6}",
            "{law: superposition, parts: [{law: poisson, rate_per_day: 6}], pattern: {days: [1, 1, 1, 1, 1, 1, 1]}}",
        ),
        {"workload.tuning.arrivals.parts.0.rate_per_day": 5, "workload.tuning.arrivals.pattern.days.6": 0},
    )
    assert made.workload["tuning"].arrivals.jobs_per_hour == pytest.approx(5 / 24)
    assert made.workload["tuning"].arrivals.pattern.days == (1, 1, 1, 1, 1, 1, 0)
