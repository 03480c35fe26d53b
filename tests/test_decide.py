"""Decisions carried through all futures: worlds worked out by hand, theory, and the same bytes every time."""

import json
import math

import numpy as np
import pytest
from decisions import RATE
from refusals import flat
from scipy.stats import norm
from worlds import ARTICLE, scenario

import sim
from sim.ground.faults import InputError
from sim.questions.decision import decide, decide_at
from sim.questions.decision.study import one_future
from sim.questions.tables import decisions_csv, decisions_text
from sim.study import as_json

_JOBS = 729  # a year of 8,760 h, a job every 12 h, the first after 12 h: the last comes with the end of the clock
_API, _RESERVED, _YEAR = 8.0, 19.22, 8760.0
_STEADY = {
    "workload.tuning.arrivals": {"law": "deterministic", "rate_per_day": 2},
    "plans": {
        "reserved": {"held": {"p4d": {"gpus": 8, "nodes": 1, "usd_per_node_h": _RESERVED}}},
        "api": {"api": {"usd_per_million_tokens": _API}},
    },
}
_UNSURE_PRICE = {"plans.api.api.usd_per_million_tokens": {"p10": 100, "p90": 500}, "decision.months": 1}
_OF_A_MONTH = 60  # jobs: the last after 720 of 730 h
_STRIKE = _RESERVED * 730 / _OF_A_MONTH  # the price at which the API costs what the node costs
_MIDDLE, _SIGMA = math.sqrt(100 * 500), math.log(5) / 2 / float(norm.ppf(0.9))


def _world(**settings):
    """Jobs at equal gaps on a held node or at an API: 729 a year, nothing waits."""
    return scenario(ARTICLE, {**_STEADY, **settings})


def _bytes(decided) -> str:
    return json.dumps(as_json(decided.result), allow_nan=False)


def test_what_two_plans_cost_by_hand():
    found = decide(_world(), futures=2, replications=2, jobs=1)
    assert found.strategies == ("reserved", "api")
    assert found.npv.shape == (2, 2, 2)
    assert (found.months, found.futures, found.replications) == (12, 2, 2)
    assert found.jobs.tolist() == np.full((2, 2, 2), _JOBS).tolist()
    assert found.npv[:, :, 0] == pytest.approx(np.full((2, 2), _RESERVED * _YEAR), rel=1e-9)
    assert found.npv[:, :, 1] == pytest.approx(np.full((2, 2), _API * _JOBS), rel=1e-9)
    assert found.cost.sum(axis=2) == pytest.approx(found.total.mean(axis=1), rel=1e-9)
    assert sum(found.parts.values()) == pytest.approx(found.cost, rel=1e-9)
    assert found.cash.sum(axis=2) == pytest.approx(found.paid.mean(axis=1), rel=1e-9)


def test_what_is_paid_later_is_discounted():
    found = decide(_world(**{"decision.discount_percent_a_year": 8}), futures=1, replications=1, jobs=1)
    monthly = [_RESERVED * 730 * 1.08 ** (-month / 12) for month in range(1, 13)]
    assert found.npv[0, 0, 0] == pytest.approx(math.fsum(monthly), rel=1e-9)
    assert found.paid[0, 0, 0] == pytest.approx(_RESERVED * _YEAR, rel=1e-9)


def test_the_probability_of_the_cheapest_is_that_of_its_price():
    found = decide(_world(**_UNSURE_PRICE), futures=400, replications=1, seed=5)
    truth = float(norm.cdf(math.log(_STRIKE / _MIDDLE) / _SIGMA))
    chance = found.result["strategies"]["api"]["probability_cheapest"]
    assert chance.low <= truth <= chance.high
    prices = found.values["plans.api.api.usd_per_million_tokens"].astype(float)
    assert found.npv[:, 0, 1] == pytest.approx(prices * _OF_A_MONTH, rel=1e-9)


def test_regret_of_an_uncertain_price_against_its_integral():
    """E max(0, price x jobs - K) of a lognormal price is a Black-Scholes call without interest: the API's regret."""
    found = decide(_world(**_UNSURE_PRICE), futures=400, replications=1, seed=6)
    place, forward = math.log(_MIDDLE / _STRIKE) / _SIGMA, _MIDDLE * math.exp(_SIGMA**2 / 2)
    truth = _OF_A_MONTH * (forward * float(norm.cdf(place + _SIGMA)) - _STRIKE * float(norm.cdf(place)))
    lost = found.result["strategies"]["api"]["expected_regret_usd"]
    assert lost.low <= truth <= lost.high
    assert lost.se < 0.15 * truth


def test_the_same_bytes_with_any_number_of_threads():
    settings = {RATE: {"p10": 4, "p90": 10}}
    one = decide(scenario(ARTICLE, settings), futures=12, replications=2, jobs=1)
    assert _bytes(one) == _bytes(decide(scenario(ARTICLE, settings), futures=12, replications=2, jobs=3))


def test_the_reference_engine_decides_the_same():
    asked = scenario(ARTICLE, {RATE: {"p10": 4, "p90": 10}, "decision.months": 1})
    kernel, reference = (decide(asked, futures=3, replications=2, engine=each) for each in ("kernel", "simpy"))
    assert kernel.npv == pytest.approx(reference.npv, rel=1e-12)
    assert np.array_equal(kernel.jobs, reference.jobs)


def test_a_future_does_not_depend_on_how_many_there_are():
    asked = scenario(ARTICLE, {RATE: {"p10": 4, "p90": 10}})
    few, many = (decide(asked, futures=count, replications=2, jobs=2) for count in (3, 6))
    assert np.array_equal(few.npv, many.npv[:3])
    names, alone = one_future(asked, few.seed, 2, 2, "kernel")
    assert names == few.strategies
    assert np.array_equal(alone.npv, few.npv[2])


def test_nothing_uncertain_is_decided_by_noise_alone():
    found = decide(scenario(ARTICLE), futures=40, replications=4, jobs=2).result
    assert [entry["code"] for entry in found["warnings"]] == ["nothing_uncertain"]
    assert found["verdict"]["choice"] == "api"
    assert found["strategies"]["api"]["variance_from_futures"].low == 0


def test_a_plan_that_fails_at_once_is_not_ranked():
    late = {"workload.tuning.arrivals.rate_per_day": {"p10": 14, "p90": 20}, "decision.unfit_share": 0.5}
    found = decide(scenario(ARTICLE, late), futures=12, replications=1, jobs=2).result
    reserved = found["strategies"]["reserved"]
    assert not reserved["ranked"]
    assert reserved["unfit"][0]["futures"] >= 11
    assert reserved["unfit"][0]["for_example"].startswith("plan `reserved`: ")


def test_progress_is_told_and_numbers_are_judged():
    told: list[tuple[int, int]] = []
    decide(_world(), futures=3, replications=1, jobs=1, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(InputError, match="--futures: must be a whole number from 1 to 100000, got 0"):
        decide(_world(), futures=0)
    with pytest.raises(InputError, match="--reps: must be a whole number"):
        decide(_world(), replications=0)
    assert sim.decide is decide


def test_a_refusal_in_a_future_names_it_and_its_values(monkeypatch):
    def refuse(*_):
        raise InputError.one("world.csv", "cannot be read")

    monkeypatch.setattr("sim.questions.decision.study.world", refuse)
    text = r"article: future 0 \(plans.api.api.usd_per_million_tokens=[\d.]+\): cannot be: world.csv: cannot be read"
    with pytest.raises(InputError, match=text):
        decide(_world(**_UNSURE_PRICE), futures=1, replications=1, jobs=1)


# Along a key


def test_decisions_along_a_key_share_futures_and_noise():
    key = "plans.reserved.held.p4d.usd_per_node_h"
    swept = decide_at(_world(**_UNSURE_PRICE), key, [10.0, 19.22, 40.0], futures=60, replications=1, seed=5)
    api = [decided.npv[:, :, 1] for decided in swept.decisions]
    assert np.array_equal(api[0], api[1])
    assert np.array_equal(api[0], api[2])
    chances = [each.result["strategies"]["api"]["probability_cheapest"].value for each in swept.decisions]
    assert chances == sorted(chances)
    assert chances[0] < chances[2]
    found = swept.as_result()
    assert found["vary"] == {key: [10.0, 19.22, 40.0]}
    text = flat(decisions_text(found))
    assert text.startswith("article: 1 month, 60 futures x 1 replication at each value, seed 5; share of paths")
    assert "usd_per_node_h" in text
    assert "least regret" in text
    assert "Brackets: 95 % interval. ?: not enough data to tell it from another one." in text
    assert decisions_csv(found).startswith(f"{key},strategy,measure,value,low,high,se,n,reason\n10.0,reserved,")


def test_a_value_of_an_uncertain_key_takes_the_place_of_its_law():
    key = "plans.api.api.usd_per_million_tokens"
    swept = decide_at(_world(**_UNSURE_PRICE), key, [8.0, 16.0], futures=3, replications=1, seed=5, jobs=1)
    assert [float(each.npv[0, 0, 1]) for each in swept.decisions] == pytest.approx(
        [8.0 * _OF_A_MONTH, 16.0 * _OF_A_MONTH]
    )


def test_progress_along_a_key_counts_all_futures():
    told: list[tuple[int, int]] = []
    key = "plans.reserved.held.p4d.nodes"
    decide_at(_world(), key, [1, 2], 2, 1, jobs=1, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
