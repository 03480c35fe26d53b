"""Futures: draws against theory, price paths worked by hand, and what may not change them."""

import math

import numpy as np
import pytest
from scipy.stats import kstest, norm, poisson
from worlds import ARTICLE, scenario

from sim.ground.faults import InputError
from sim.ground.scenario import Tree, as_values, build, with_settings
from sim.ground.scenario.decision import PRICE_KINDS
from sim.ground.scenario.uncertain import Cases, Spread
from sim.questions.decision.futures import at, central, draw

STAFF, RATE = "plans.reserved.staff.usd_per_year", "workload.tuning.arrivals.rate_per_day"
WINDOW, HOURS = "allocation.window_days", "workload.tuning.hours_per_million_tokens"
LAWS = {
    STAFF: {"p10": 1e5, "p90": 3e5},
    RATE: {"p10": 4, "p90": 8, "shape": "normal"},
    WINDOW: {"p10": 20, "p90": 40, "shape": "triangular"},
    HOURS: {"cases": [1, 2, 4], "weights": [0.2, 0.5, 0.3]},
}
MANY = 1_000


def world(settings=None, **decision):
    """The article over a year, to be decided about."""
    return scenario(ARTICLE, {**(settings or {}), "decision": {"months": 12, **decision}})


def drawn(question, count=MANY, seed=1) -> dict[str, np.ndarray]:
    """Values of many futures, by key; the draws alone, not the scenarios."""
    from sim.questions.decision.futures import _scores

    scores = [_scores(question, seed, number) for number in range(count)]
    return {key: np.array([law.at(each[key]) for each in scores], float) for key, law in question.uncertain.items()}


def test_a_future_is_a_plain_scenario_with_its_values_in_their_places():
    question = world(LAWS)
    future = draw(question, 1, 3)
    assert future.number == 3
    assert (future.scenario.uncertain, future.scenario.correlations) == ({}, ())
    assert future.scenario.plans["reserved"].staff.usd_per_year == future.values[STAFF]
    assert future.scenario.allocation.window_days == future.values[WINDOW]
    assert list(future.values) == list(question.uncertain)
    assert (future.scenario.decision.months, list(future.scenario.decision.strategies)) == (12, list(question.plans))
    assert list(future.prices) == list(PRICE_KINDS)
    assert all(np.array_equal(path, np.ones(12)) for path in future.prices.values())


def test_a_future_without_anything_uncertain_is_the_scenario_itself():
    plain = scenario()
    assert draw(plain, 1, 0).scenario.model_copy(update={"decision": None}) == plain
    assert draw(plain, 1, 0).values == {}


def test_a_future_is_the_same_again_and_others_are_not():
    question = world(LAWS, prices={"api": {"steps": {"every_months": 2, "percent": -10}}})
    one, again = draw(question, 1, 3), draw(question, 1, 3)
    assert one.values == again.values
    assert one.prices["api"].tolist() == again.prices["api"].tolist()
    others = {draw(question, seed, number).values[STAFF] for seed in (1, 2) for number in (0, 1)}
    assert len(others) == 4


def test_draws_do_not_depend_on_order_or_company():
    turned = dict(reversed(LAWS.items()))
    alone = draw(world({STAFF: LAWS[STAFF]}), 5, 7).values[STAFF]
    assert draw(world(LAWS), 5, 7).values[STAFF] == draw(world(turned), 5, 7).values[STAFF] == alone


def test_correlated_draws_do_not_depend_on_order_either():
    entries = [{"between": [STAFF, RATE], "value": 0.6}, {"between": [WINDOW, RATE], "value": -0.5}]
    turned = [{"between": entry["between"][::-1], "value": entry["value"]} for entry in reversed(entries)]
    one = draw(world(LAWS | {"correlations": entries}), 5, 7)
    other = draw(world(dict(reversed(LAWS.items())) | {"correlations": turned}), 5, 7)
    assert one.values == other.values
    assert one.values[HOURS] == draw(world(LAWS), 5, 7).values[HOURS]
    assert one.values[RATE] != draw(world(LAWS), 5, 7).values[RATE]


def cut_mean(law) -> float:
    """Mean of a law whose tails stand at its 0.1 % quantiles, by adding up its quantiles."""
    shares = (np.arange(20_000) + 0.5) / 20_000
    return float(np.mean([law.quantile(share) for share in shares]))


@pytest.mark.parametrize("key", LAWS)
def test_means_and_quantiles_of_many_draws_are_those_of_the_law(key):
    question = world({key: LAWS[key]})
    law, values = question.uncertain[key], drawn(question, 20_000)[key]
    assert abs(values.mean() - cut_mean(law)) < 5 * values.std() / math.sqrt(len(values))
    if isinstance(law, Cases):
        return
    for share in (0.1, 0.5, 0.9):
        below = float(np.mean(values < law.quantile(share)))
        assert abs(below - share) < 5 * math.sqrt(share * (1 - share) / len(values))
    assert values.min() >= law.ends[0][1]
    assert values.max() <= law.ends[1][1]


def test_the_mean_of_a_lognormal_is_that_of_theory():
    sigma = math.log(3) / (2 * 1.2815515655446004)
    far = norm.ppf(0.999)
    inside = math.exp(sigma**2 / 2) * (norm.cdf(far - sigma) - norm.cdf(-far - sigma))
    ends = 0.001 * (math.exp(-sigma * far) + math.exp(sigma * far))
    assert cut_mean(Spread(p10=1, p90=3)) == pytest.approx(math.sqrt(3) * (inside + ends), rel=1e-4)


def test_correlation_is_that_of_the_normal_scores():
    count, laws = 5_000, {key: LAWS[key] for key in (STAFF, RATE, WINDOW)}
    values = drawn(world(laws | {"correlations": [{"between": [STAFF, RATE], "value": 0.6}]}), count)
    found = np.corrcoef(np.log(values[STAFF]), values[RATE])[0, 1]
    assert found == pytest.approx(0.6, abs=5 * (1 - 0.6**2) / math.sqrt(count) + 0.005)  # tails are cut off
    assert abs(np.corrcoef(values[STAFF], values[WINDOW])[0, 1]) < 5 / math.sqrt(count)
    for key in (STAFF, RATE):  # a copula leaves each law as it is
        assert abs(np.mean(values[key] < LAWS[key]["p90"]) - 0.9) < 5 * math.sqrt(0.09 / count)
    free = drawn(world(laws), count)
    assert abs(np.corrcoef(free[STAFF], free[RATE])[0, 1]) < 5 / math.sqrt(count)  # negative control


def test_the_central_future_has_the_centres():
    question = world(
        LAWS,
        events={"likely": {"after_months": 3, "probability": 0.5}, "rare": {"after_months": 3, "probability": 0.4}},
    )
    future = central(question, 1)
    assert future.values == {key: law.center for key, law in question.uncertain.items()}
    assert future.events == {"likely": 3.0, "rare": None}
    assert future.scenario.plans == question.plans


def test_at_puts_single_numbers_at_quantiles():
    question = world(LAWS)
    future = at(question, 1, {STAFF: 0.9, HOURS: 0.1})
    assert future.values[STAFF] == pytest.approx(3e5)
    assert future.values[HOURS] == 1
    assert future.values[RATE] == question.uncertain[RATE].center
    assert at(question, 1, {STAFF: 1e-9}).values[STAFF] == question.uncertain[STAFF].ends[0][1]


def test_at_takes_the_course_of_a_numbered_future():
    steps = {"api": {"steps": {"every_months": 2, "percent": -10}}}
    question = world(LAWS, prices=steps, events={"e": {"after_months": 3, "probability": 0.5}})
    for number in range(20):
        one, other = draw(question, 1, number), at(question, 1, {STAFF: 0.3}, number)
        assert one.prices["api"].tolist() == other.prices["api"].tolist()
        assert one.events == other.events


def test_at_refuses_what_is_not_uncertain_or_no_quantile():
    question = world(LAWS)
    with pytest.raises(InputError, match=f"`{STAFF}s` is not uncertain; did you mean `{STAFF}`?"):
        at(question, 1, {f"{STAFF}s": 0.5})
    for share in (0, 1, math.nan):
        with pytest.raises(InputError, match="must be between 0 and 1, got"):
            at(question, 1, {STAFF: share})


def test_a_price_path_by_hand():
    api = {"percent_a_year": -40, "steps": {"every_months": 5, "percent": -30}, "rise": {"event": "e", "times": 3}}
    future = central(
        world(
            prices={"api": api, "held": {"rise": {"after_months": 2, "times": 2}}}, events={"e": {"after_months": 7.9}}
        ),
        1,
    )
    drift = [0.6 ** ((month + 0.5) / 12) for month in range(12)]  # steps at months 5 and 10: in force by mid month
    factors = [1] * 5 + [0.7] * 2 + [0.7 * 3] * 3 + [0.49 * 3] * 2
    np.testing.assert_allclose(future.prices["api"], np.multiply(drift, factors), rtol=1e-13)
    np.testing.assert_array_equal(future.prices["held"], [1, 1] + [2] * 10)
    np.testing.assert_array_equal(future.prices["staff"], np.ones(12))
    assert future.events == {"e": 7.9}


def test_prices_at_the_beginnings_of_months_by_hand():
    """Today's price is today's; a step or a rise within a month is known to who buys a month later."""
    api = {"percent_a_year": -40, "steps": {"every_months": 5, "percent": -30}, "rise": {"event": "e", "times": 3}}
    paths = {"api": api, "held": {"rise": {"after_months": 2, "times": 2}}, "server": {"percent_a_year": -99.9}}
    future = central(world(prices=paths, events={"e": {"after_months": 7.9}}), 1)
    factors = [1] * 5 + [0.7] * 3 + [0.7 * 3] * 2 + [0.49 * 3] * 2
    drift = [0.6 ** (month / 12) for month in range(12)]
    np.testing.assert_allclose(future.openings["api"], np.multiply(drift, factors), rtol=1e-13)
    np.testing.assert_array_equal(future.openings["held"], [1, 1] + [2] * 10)
    np.testing.assert_array_equal(future.openings["staff"], np.ones(12))
    assert {kind: path[0] for kind, path in future.openings.items()} == dict.fromkeys(PRICE_KINDS, 1.0)


@pytest.mark.parametrize(("cause", "opens"), [(0, 3), (0.0001, 1), (0.9, 1)])
def test_a_rise_within_the_first_month_is_paid_by_use_but_not_by_who_signs_today(cause, opens):
    future = central(world(prices={"held": {"rise": {"after_months": cause, "times": 3}}}), 1)
    np.testing.assert_array_equal(future.prices["held"], [3.0] * 12)
    np.testing.assert_array_equal(future.openings["held"], [opens] + [3.0] * 11)


def test_an_event_beyond_the_span_does_not_happen():
    events = {"last": {"after_months": 11.99}, "late": {"after_months": 12}, "now": {"after_months": 0}}
    future = draw(world(prices={"api": {"rise": {"event": "late", "times": 2}}}, events=events), 1, 0)
    assert future.events == {"last": 11.99, "late": None, "now": 0.0}
    np.testing.assert_array_equal(future.prices["api"], np.ones(12))


def steps_in(path) -> np.ndarray:
    """Count the steps of -50 % that a price has taken by each month."""
    return np.rint(-np.log2(path))


def test_steps_are_told_apart_from_drift_and_rise():
    drift = {"p10": -60, "p90": -20, "shape": "normal"}
    path = {
        "percent_a_year": drift,
        "steps": {"every_months": 4, "percent": -50},
        "rise": {"after_months": 3, "times": 2},
    }
    moved = {draw(world(prices={"api": path}), 1, number).stepped("api") for number in range(40)}
    assert {1.0, 0.5, 0.25, 0.125} <= moved
    assert all(math.log2(each).is_integer() for each in moved)  # a number of halvings, whatever the drift


def test_steps_are_a_poisson_process():
    question = world(prices={"api": {"steps": {"every_months": 4, "percent": -50}}})
    counts = np.array([steps_in(draw(question, 1, number).prices["api"]) for number in range(MANY)])
    expected = (np.arange(12) + 0.5) / 4
    assert np.all(np.abs(counts.mean(axis=0) - expected) < 5 * np.sqrt(expected / MANY))
    last = counts[:, -1]
    for count in range(7):
        chance = poisson.pmf(count, expected[-1])
        assert abs(np.mean(last == count) - chance) < 5 * math.sqrt(chance * (1 - chance) / MANY)
    assert abs(np.cov(counts[:, 3], last - counts[:, 3])[0, 1]) < 5 * math.sqrt(expected[3] * 2 / MANY)
    assert abs(last.mean() - 3 * expected[-1]) > 5 * math.sqrt(expected[-1] / MANY)  # negative control


def test_events_happen_as_often_as_stated_at_times_of_their_law():
    law = {"p10": 2, "p90": 9, "shape": "uniform"}
    question = world(events={"e": {"after_months": law, "probability": 0.6}, "sure": {"after_months": 3}})
    futures = [draw(question, 1, number) for number in range(MANY)]
    months = np.array([future.events["e"] for future in futures if future.events["e"] is not None])
    assert abs(len(months) / MANY - 0.6) < 5 * math.sqrt(0.24 / MANY)
    assert kstest(months, "uniform", (2 - 0.875, 8.75)).pvalue > 1e-4
    assert {future.events["sure"] for future in futures} == {3.0}


def test_prices_stay_within_a_factor_of_a_thousand_millions():
    steps = {"every_months": 0.5, "percent": 1000}
    question = world({"horizon_days": 365 * 50}, months=600, prices={"api": {"percent_a_year": 1000, "steps": steps}})
    path = draw(question, 1, 0).prices["api"]
    assert path.max() == pytest.approx(1e9)
    assert np.isfinite(path).all()


def test_numbers_that_make_no_scenario_together_are_refused_with_the_future():
    both = {"p10": 0.4, "p90": 0.6, "shape": "uniform"}
    weights = {"workload.tuning.tokens_millions": {"law": "empirical", "values": [1, 2], "weights": [both, 0.5]}}
    with pytest.raises(InputError, match=r"weights.*sum to 1"):
        world(weights)
    saving = {
        "interval_minutes": {"p10": 5, "p90": 20, "shape": "uniform"},
        "cost_minutes": {"p10": 0.7, "p90": 5, "shape": "uniform"},
    }
    question = world({"plans.reserved.checkpoints": saving})
    told = r"future \d+: .* cost_minutes of at most .* these uncertain numbers make no scenario together; narrow them"
    with pytest.raises(InputError, match=told):
        [draw(question, 1, number) for number in range(200)]


def test_a_future_needs_a_span():
    with pytest.raises(InputError, match=r"article: decision\.months must be stated, because horizon_days \(400\)"):
        draw(scenario(settings={"horizon_days": 400}), 1, 0)


def test_a_varied_key_is_certain_in_all_futures():
    varied = build(with_settings(Tree(as_values(world(LAWS)), flag="--vary"), {STAFF: 7}), ends=False)
    assert draw(varied, 1, 0).scenario.plans["reserved"].staff.usd_per_year == 7
    assert draw(varied, 1, 0).values[RATE] == draw(world(LAWS), 1, 0).values[RATE]
