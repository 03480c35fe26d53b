"""What can be moved in a scenario: every lever of every shipped scenario, and what each puts where."""

from functools import partial

import numpy as np
import pytest
from studies import CHAT, RATE
from worlds import ARTICLE, scenario

from sim.engine.workload.arrivals import arrivals
from sim.engine.workload.streams import stream
from sim.ground.faults import InputError
from sim.ground.files import shipped
from sim.ground.scenario import as_values, load
from sim.ground.scenario.levers import levers, moved
from sim.ground.scenario.levers.names import settled
from sim.ground.scenario.levers.places import in_place
from sim.ground.scenario.make import with_values
from sim.ground.units import TICKS_PER_HOUR, tick
from sim.questions.search import break_even
from sim.study import run, sweep

SHIPPED = sorted(shipped("scenarios").glob("*.yaml"))
HYBRID = {
    "plans.hybrid": {
        "held": {"p4d": {"instance": "p4d.24xlarge", "nodes": 1, "rate": "reserved_1y"}},
        "patience_hours": 4,
        "api": {"offer": "openai_2023_08"},
        "staff": {"engineers": 2, "usd_per_year": 200_000},
    }
}

RESERVED_PRICE = "plans.reserved.held.p4d.usd_per_node_h"
HIRED_PRICE = "plans.on_demand.hired.p4d.usd_per_node_h"


def by_name(found) -> dict:
    return {each.name: each for each in levers(found)}


@pytest.fixture(scope="module")
def article():
    return load(shipped("scenarios") / "article.yaml")


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_lever_of_a_shipped_scenario_can_be_moved(file):
    found = load(file)
    known = levers(found)
    assert known
    assert len({each.name for each in known}) == len({each.label for each in known}) == len(known)
    for each in known:
        assert each.name == each.name.lower()
        assert len(each.label) <= 40
        assert each.low <= each.value <= each.high
        assert each.low < each.high
        assert each.low > 0 or not each.log
        assert set(each.plans) <= set(found.plans)
        assert each.settings(each.value) == {}
        assert moved(found, {each.name: each.value}, known) is found
        for end in {each.low, each.high} - {each.value}:
            other = moved(found, {each.name: end}, known)
            assert other != found
            for key in set(found.plans) - set(each.plans):
                assert other.plans[key] == found.plans[key]
            again = by_name(other).get(each.name)
            if again is not None and each.kind in ("rate", "speed", "nodes", "patience", "staff"):
                assert again.value == pytest.approx(end, rel=1e-12)


def test_a_price_of_the_book_moves_in_all_plans_that_pay_it(article):
    price = by_name(article)["p4d_reserved_price"]
    assert (price.value, price.basis, price.plans) == (19.22, "list price", ("reserved", "hybrid"))
    other = moved(article, {"p4d_reserved_price": 15.0})
    for plan in ("reserved", "hybrid"):
        group = other.plans[plan].held["p4d"]
        told = group.price("", other.price_date)
        assert (told.value, told.basis, told.source) == (15.0, "assumed", "moved by hand")
        assert group.term_months == 12  # as the rate's name said
        assert group.gpus_per_node == 8
    assert other.plans["on_demand"] == article.plans["on_demand"]


def test_two_stated_prices_of_different_sources_are_two_levers():
    node = {"gpus": 8, "nodes": 1, "usd_per_node_h": 10}
    plans = {"a": {"held": {"n": node}}, "b": {"held": {"n": node | {"source": "another offer"}}}}
    found = by_name(scenario(settings={"plans": plans}))
    assert found["a_n_price"].plans == ("a",)
    assert found["b_n_price"].plans == ("b",)
    same = by_name(scenario(settings={"plans": plans | {"b": plans["a"]}}))
    assert same["n_price"].plans == ("a", "b")


def test_a_moved_spot_price_is_of_spot_nodes_still():
    found = load(shipped("scenarios") / "spot.yaml")
    other = moved(found, {"p4d_spot_price": 20.0})
    assert other.plans["spot"].spot
    assert other.plans["spot"].hired["p4d"].price("", None).value == 20.0
    assert not moved(found, {"p4d_on_demand_price": 20.0}).plans["on_demand"].spot


def test_token_prices_move_by_one_factor():
    found = scenario(CHAT)
    lever = by_name(found)["together_llama_31_8b_price"]
    before = found.plans["api"].api.token_prices(None)
    after = moved(found, {lever.name: 3 * lever.value}).plans["api"].api.token_prices(None)
    assert [b.value for b in after] == pytest.approx([3 * a.value for a in before])
    stated = by_name(found)["token_price"]
    assert (stated.value, stated.plans) == (2.0, ("hybrid",))
    put = moved(found, {"token_price": 4.0}).plans["hybrid"].api
    assert (put.usd_per_million_input_tokens, put.usd_per_million_output_tokens) == (2.0, 4.0)
    assert put.usd_per_million_cached_tokens == 2.0  # cached ones cost as much as others, as before


def test_a_batch_tier_keeps_its_discount():
    found = load(shipped("scenarios") / "limits.yaml")
    before = found.plans["api"].api.batch_prices(None)
    other = moved(found, {"together_llama_31_8b_price": 0.36}).plans["api"].api.batch_prices(None)
    assert [each.value for each in other] == pytest.approx([2 * each.value for each in before])


def test_a_moved_price_keeps_the_pace_of_the_offer():
    for file in SHIPPED:
        found = load(file)
        for lever in levers(found):
            if lever.kind == "api_price":
                other = moved(found, {lever.name: lever.high})
                for name in lever.plans:
                    assert other.plans[name].api.pace == found.plans[name].api.pace


def test_a_price_at_a_key_takes_the_place_of_the_books(article):
    prices = [18.0, 30.0]
    for name, key in (("p4d_reserved_price", RESERVED_PRICE), ("p4d_on_demand_price", HIRED_PRICE)):
        for price, cell in zip(prices, sweep(article, {key: prices}, replications=1).cells, strict=True):
            by_hand = {key: price, f"{key.rpartition('.')[0]}.rate": None}
            with pytest.raises(InputError, match="must have exactly one of `rate`, `usd_per_node_h`"):
                with_values(article, {key: price})
            assert cell.at == {key: price}
            plan = key.split(".")[1]
            once = run(with_values(article, by_hand), replications=1).result
            assert cell.result["plans"][plan]["bill_usd"] == once["plans"][plan]["bill_usd"]
            assert cell.scenario.plans[plan] == moved(article, {name: price}).plans[plan]
    (found,) = break_even(article, HIRED_PRICE, (15, 60), ["reserved", "on_demand"], replications=2).result["pairs"]
    assert found["crossings"]


def test_a_price_at_a_key_takes_the_place_of_the_offer_and_keeps_its_pace():
    found = load(shipped("scenarios") / "article.yaml")
    key = "plans.api.api.usd_per_million_tokens"
    cell = sweep(found, {key: [16.0]}, replications=1).cells[0]
    assert cell.scenario.plans["api"] == moved(found, {"openai_2023_08_price": 16.0}).plans["api"]
    assert in_place(found, {key: 16.0, "plans.api.api.offer": "x"})["plans.api.api.offer"] == "x"
    other = {RATE: 3, "plans.no.held.x.usd_per_node_h": 1}
    assert in_place(found, other) == other


def test_bursts_of_poisson_arrivals_have_the_cv_and_keep_the_rate(article):
    horizon = 20_000.0
    assert by_name(article)["tuning_burstiness"].value == 1.0
    for cv in (0.25, 2.0, 4.0):
        law = moved(article, {"tuning_burstiness": cv}).workload["tuning"].arrivals
        assert (law.law, law.rate_per_day) == ("weibull", 6.0)
        gaps = np.diff(instants(law, horizon))
        assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.12)
        assert len(gaps) == pytest.approx(horizon / 4, rel=0.2)


def instants(law, hours: float) -> np.ndarray:
    """Draw the arrivals of one replication, in hours."""
    return arrivals(law, partial(stream, 5, 0), "workload.tuning/arrivals", tick(hours)) / TICKS_PER_HOUR


def test_bursts_change_what_poisson_draws_do_and_not_the_draws(article):
    """A cv next to 1 moves each arrival a little: paths of all cvs share their draws."""
    law, near = (moved(article, {"tuning_burstiness": cv}).workload["tuning"].arrivals for cv in (1.0, 1.001))
    first, second = instants(law, 2000.0), instants(near, 2000.0)
    both = min(len(first), len(second))
    assert both > 400
    assert np.abs(first[:both] - second[:both]).max() < 1.0
    other = instants(law.model_copy(update={"rate_per_day": 5.0}), 2000.0)[:both]  # negative control
    assert np.abs(first[: len(other)] - other).max() > 50.0


@pytest.mark.parametrize(
    ("law", "value", "to", "becomes"),
    [
        ({"law": "deterministic"}, 0.0, 2.0, {"law": "gamma", "cv": 2.0}),
        ({"law": "erlang", "phases": 4}, 0.5, 2.0, {"law": "gamma", "cv": 2.0}),
        ({"law": "gamma", "cv": 2}, 2.0, 3.0, {"law": "gamma", "cv": 3.0}),
        ({"law": "hyperexponential", "cv": 2}, 2.0, 3.0, {"law": "hyperexponential", "cv": 3.0}),
    ],
)
def test_bursts_of_other_laws(law, value, to, becomes):
    found = scenario(settings={"workload.tuning.arrivals": {"rate_per_day": 6, "copies": 2, **law}})
    assert by_name(found)["tuning_burstiness"].value == value
    # the rate that is moved too stays moved, though an Erlang law is written anew
    for values in ({"tuning_rate": 7.0, "tuning_burstiness": to}, {"tuning_burstiness": to, "tuning_rate": 7.0}):
        put = as_values(moved(found, values).workload["tuning"].arrivals)
        assert put == {"rate_per_day": 7.0, "copies": 2, "growth_percent_per_month": 0.0, **becomes}


def test_a_weibull_law_of_shape_1_has_the_cv_of_poisson_arrivals():
    found = scenario(settings={"workload.tuning.arrivals": {"law": "weibull", "shape": 1, "rate_per_day": 6}})
    assert by_name(found)["tuning_burstiness"].value == pytest.approx(1.0)
    half = moved(found, {"tuning_burstiness": 5**0.5}).workload["tuning"].arrivals
    assert half.shape == pytest.approx(0.5)  # a Weibull law of shape 1/2 has the variance 20, the mean 2


@pytest.mark.parametrize(
    "arrivals",
    [
        {"law": "mmpp", "rate_per_day": 6, "rates": [1, 6], "stay_hours": [10, 10]},
        {"law": "on_off", "rate_per_day": 6, "on_hours": 1, "off_hours": 2},
        {"law": "superposition", "rate_per_day": 6, "parts": [{"law": "poisson", "rate_per_day": 1}]},
        {"law": "hyperexponential", "rate_per_day": 6, "weights": [0.5, 0.5], "means": [1, 9]},
    ],
)
def test_arrivals_whose_gaps_have_no_cv_to_set_have_no_lever_for_it(arrivals):
    found = scenario(settings={"workload.tuning.arrivals": arrivals})
    assert "tuning_burstiness" not in by_name(found)
    assert moved(found, {"tuning_rate": 12.0}).workload["tuning"].arrivals.jobs_per_hour == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("arrivals", "value"),
    [
        ({"law": "mmpp", "rates": [1, 3], "stay_hours": [10, 10]}, 48.0),
        ({"law": "superposition", "parts": [{"law": "poisson", "rate_per_day": 1, "copies": 3}]}, 3.0),
        ({"law": "poisson", "mean_hours": 2}, 12.0),
    ],
)
def test_a_rate_that_is_not_stated_is_the_mean(arrivals, value):
    found = scenario(settings={"workload.tuning.arrivals": arrivals})
    lever = by_name(found)["tuning_rate"]
    assert (lever.value, lever.unit) == (pytest.approx(value), "a day")
    assert moved(found, {"tuning_rate": 24.0}).workload["tuning"].arrivals.jobs_per_hour == pytest.approx(1.0)


def test_listed_jobs_have_no_rate_and_traces_a_scale(tmp_path):
    own = {"own": {"held": {"n": {"gpus": 8, "nodes": 1, "usd_per_node_h": 10}}}}
    listed = {"kind": "fine_tune", "gpus": 8, "jobs": [{"arrival_hours": 1, "service_hours": 2}]}
    assert not [
        each
        for each in levers(scenario(settings={"workload": {"tuning": listed}, "plans": own}))
        if each.kind == "rate"
    ]
    (tmp_path / "log.csv").write_text("arrival,hours\n1,2\n3,2\n")
    trace = {"file": str(tmp_path / "log.csv"), "columns": {"service": "hours"}}
    found = scenario(settings={"workload": {"tuning": {"kind": "fine_tune", "gpus": 8, "trace": trace}}, "plans": own})
    kinds = {each.kind for each in levers(found)}
    assert "rate" in kinds
    assert not {"burstiness", "speed"} & kinds
    assert moved(found, {"tuning_rate": 3.0}).workload["tuning"].trace.rate_scale == 3.0


def test_patience_is_a_lever_where_there_is_an_api_to_go_to(article):
    found = scenario(settings=HYBRID)
    patience = by_name(found)["hybrid_patience"]
    assert (patience.value, patience.low, patience.high) == (4.0, 0.0, 40.0)
    assert moved(found, {"hybrid_patience": 0.0}).plans["hybrid"].patience_hours.mean == 0.0
    for_ever = scenario(settings=HYBRID | {"plans.hybrid.patience_hours": None, "horizon_days": 30})
    assert by_name(for_ever)["hybrid_patience"].value == 720.0
    assert "reserved_patience" not in by_name(found)
    law = {"law": "exponential", "mean": 3}
    random = scenario(settings=HYBRID | {"plans.hybrid.patience_hours": law})
    put = moved(random, {"hybrid_patience": 5.0}).plans["hybrid"].patience_hours
    assert (put.law, put.mean) == ("exponential", 5.0)


def test_waiting_for_ever_is_waiting_until_the_horizon():
    """The value that stands for "for ever" gives the very bills of for ever."""
    for_ever = scenario(settings=HYBRID | {"plans.hybrid.patience_hours": None, "horizon_days": 20})
    stated = scenario(settings=HYBRID | {"plans.hybrid.patience_hours": 480, "horizon_days": 20})
    first, second = (run(each, 3, jobs=1).outcomes["hybrid"].bills.tolist() for each in (for_ever, stated))
    assert first == second


def test_speed_is_told_in_tokens_a_second(article):
    assert by_name(article)["tuning_speed"].value == pytest.approx(1e6 / 7200)
    assert moved(article, {"tuning_speed": 1000.0}).workload["tuning"].hours_per_million == pytest.approx(1 / 3.6)
    by_second = scenario(
        settings={"workload.tuning.hours_per_million_tokens": None, "workload.tuning.tokens_per_second": 139}
    )
    assert moved(by_second, {"tuning_speed": 1000.0}).workload["tuning"].tokens_per_second == 1000.0
    assert moved(article, {"tuning_speed": 1000.0}).workload["tuning"].source == "assumed: moved by hand"


def test_people_are_paid_the_same_and_counted_by_plan():
    found = scenario(settings=HYBRID)
    known = by_name(found)
    assert known["staff_pay"].plans == ("reserved", "hybrid")
    assert (known["reserved_engineers"].value, known["hybrid_engineers"].value) == (1.0, 2.0)
    other = moved(found, {"staff_pay": 0.0, "hybrid_engineers": 3.0})
    assert [other.plans[name].staff.usd_per_year for name in ("reserved", "hybrid")] == [0.0, 0.0]
    assert (other.plans["reserved"].staff.engineers, other.plans["hybrid"].staff.engineers) == (1.0, 3.0)


def test_an_owned_server_has_the_price_it_was_bought_for():
    owned = {"usd": 100_000, "life_years": 5, "power_kw": 5, "usd_per_kwh": 0.1}
    held = {"gpus": 8, "nodes": 1, "owned": owned}
    found = scenario(settings={"plans": {"own": {"held": {"box": held}}}})
    lever = by_name(found)["box_price"]
    assert (lever.value, lever.unit) == (100_000.0, "USD a node")
    dearer = moved(found, {"box_price": 200_000.0}).plans["own"].held["box"]
    apart = dearer.price("", None).value - found.plans["own"].held["box"].price("", None).value
    assert apart == pytest.approx(100_000 / 5 / 8760)


def test_nodes_reach_down_to_where_the_plan_is_one():
    found = by_name(scenario(settings=HYBRID))
    assert (found["reserved_nodes"].low, found["hybrid_nodes"].low) == (1.0, 0.0)
    wide = by_name(scenario(settings={"plans.reserved.held.p4d.nodes": 4, "workload.tuning.gpus": 24}))
    assert wide["reserved_nodes"].low == 3.0


def test_an_uncertain_number_that_is_moved_is_certain():
    found = load(shipped("scenarios") / "commitment.yaml")
    rate = by_name(found)["tuning_rate"]
    assert rate.value == pytest.approx((60 * 120) ** 0.5)
    other = moved(found, {"tuning_rate": 100.0})
    assert other.workload["tuning"].arrivals.rate_per_day == 100.0
    assert set(found.uncertain) - set(other.uncertain) == set(rate.keys)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"tuning_rte": 3.0}, "tuning_rte: is no lever of `article`; did you mean `tuning_rate`?"),
        ({"tuning_rate": 1e9}, "tuning_rate: must be a number from 0.5 to 72, got 1000000000.0"),
        ({"tuning_rate": float("nan")}, "tuning_rate: must be a number from 0.5 to 72, got nan"),
        ({"tuning_rate": "6"}, "tuning_rate: must be a number from 0.5 to 72, got '6'"),
        ({"reserved_nodes": 1.5}, "reserved_nodes: must be a whole number from 1 to 4, got 1.5"),
        ({"reserved_nodes": True}, "reserved_nodes: must be a whole number from 1 to 4, got True"),
    ],
)
def test_what_is_no_lever_or_outside_its_range_is_refused(article, values, text):
    with pytest.raises(InputError) as refused:
        moved(article, values)
    assert str(refused.value) == text


def test_names_that_meet_give_way():
    assert settled([["a", "b"], ["a", "c"]], 9) == ["b", "c"]
    assert settled([["a"], ["a"], ["a"]], 9) == ["a", "a_2", "a_3"]
    assert settled([["too long", "short"], ["alone and long"]], 6) == ["short", "alone "]
    twins = scenario(ARTICLE.replace("  api:\n", "  api_:\n", 1))
    assert len(by_name(twins)) == len(levers(twins))
