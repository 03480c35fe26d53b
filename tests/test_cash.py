"""One strategy in one future: bills and payments by hand, what is left behind, sums that must agree."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import scenario

from sim.engine.money import LINES
from sim.ground.scenario.decision import PRICE_KINDS, Decision
from sim.questions.decision.cash import PARTS, flows
from sim.questions.decision.futures import Future
from sim.questions.decision.holdings import nodes_by_month
from sim.questions.decision.worlds import Months

MONTHS, R = 24, 3
HOURS = 730.0
OWN = {
    "usd": 24_000,
    "life_years": 2,
    "resale_share": 0.25,
    "power_kw": 10,
    "usd_per_kwh": 0.1,
    "pue": 1.2,
    "space_usd_per_kw_month": 100,
    "maintenance_share_per_year": 0.12,
    "load_share": 1,
}
TEXT = """\
name: choice
seed: 1
horizon_days: 730
workload:
  tuning: {kind: fine_tune, arrivals: {law: poisson, rate_per_day: 1}, service_hours: 1}
plans:
  year: {held: {n: {gpus: 1, nodes: 2, usd_per_node_h: 1, commitment: {term_months: 12, upfront_share: 0.5}}}}
  monthly: {held: {n: {gpus: 1, nodes: 2, usd_per_node_h: 1.5}}}
  api: {api: {usd_per_job: 1}}
  hired: {hired: {n: {gpus: 1, usd_per_node_h: 2}}}
"""
USE = {
    "on_demand_used": 10.0,
    "on_demand_idle": 1.0,
    "spot_used": 4.0,
    "spot_idle": 0.5,
    "api": 20.0,
    "staff": 5.0,
    "overhead": 3.0,
    "penalties": 2.0,
}
YEAR = 2 * HOURS


def world(made, **unfit) -> dict[str, Months]:
    """Every plan uses the same each month; held lines are told too, and must not count."""
    lines = np.zeros((R, MONTHS, len(LINES)))
    for name, usd in USE.items():
        lines[:, :, LINES.index(name)] = usd
    lines[:, :, :2] = 1e9
    lines += np.arange(R)[:, None, None] * (lines == USE["api"])
    jobs = np.tile(np.arange(MONTHS, dtype=float), (R, 1))
    return {name: Months(lines, jobs * (number + 1), unfit.get(name)) for number, name in enumerate(made.plans)}


@cache
def plain():
    """The world without a decision, read once."""
    return scenario(TEXT)


def future(decision=None, prices=None, events=None, settings=None) -> Future:
    made = scenario(TEXT, settings) if settings else plain()
    made = made.model_copy(update={"decision": Decision(months=MONTHS, **(decision or {}))})
    paths = {kind: np.ones(MONTHS) for kind in PRICE_KINDS} | (prices or {})
    return Future(0, made, {}, paths, paths, events or {})


def found(strategy=None, unfit=None, **more):
    """Follow one strategy, by default the plan held by the year."""
    decision = {"strategies": {"mine": strategy or {"plan": "year"}}, "events": {"new": {"after_months": 5}}}
    ahead = future(decision, **more)
    return flows(ahead, world(ahead.scenario, **(unfit or {})))["mine"]


def assert_adds_up(each) -> None:
    assert each.cost.sum(axis=1) == pytest.approx(each.cash.sum(axis=1), rel=1e-12)
    assert set(each.parts) == set(PARTS)
    assert np.sum(list(each.parts.values()), axis=0) == pytest.approx(each.cost.mean(axis=0), rel=1e-12)
    assert each.stranded_usd == pytest.approx(each.parts["stranded"].sum())


def test_a_plan_for_good_by_hand():
    """Two nodes at 730 a month, half a year's upfront twice; 45.5 by use, r more at the API in replication r."""
    each = found()
    assert_adds_up(each)
    assert each.cost[0] == pytest.approx([YEAR + 45.5] * MONTHS)
    assert each.cost[2] == pytest.approx([YEAR + 47.5] * MONTHS)
    assert each.cash[0, 0] == pytest.approx(0.5 * 12 * YEAR)
    assert each.cash[0, 1] == pytest.approx(0.5 * YEAR + 45.5)
    assert each.cash[0, 12] == pytest.approx(6.5 * YEAR + 45.5)
    assert each.parts["api"] == pytest.approx([21.0] * MONTHS)
    assert (each.stranded_usd, each.unfit) == (0, None)
    assert each.jobs[1].tolist() == list(range(MONTHS))


def test_each_line_follows_its_own_price():
    prices = {kind: np.full(MONTHS, float(k)) for k, kind in enumerate(PRICE_KINDS, 2)}
    each = found({"plan": "api"}, prices=prices)
    usual = found({"plan": "api"})
    for part, usd in usual.parts.items():
        factor = prices[part][0] if part in prices else 1.0
        assert each.parts[part] == pytest.approx(usd * factor), part
    assert not each.parts["held"].any()


def test_month_to_month_follows_held_or_on_demand():
    prices = {"held": np.linspace(1, 0.5, MONTHS), "on_demand": np.linspace(1, 0.2, MONTHS)}
    assert found({"plan": "monthly"}, prices=prices).parts["held"] == pytest.approx(1.5 * YEAR * prices["held"])
    group = {"n": {"instance": "p4d.24xlarge", "nodes": 1, "rate": "on_demand"}}
    each = found({"plan": "monthly"}, prices=prices, settings={"plans.monthly.held": group, "price_date": "2023-10-01"})
    assert each.parts["held"] == pytest.approx(32.7726 * HOURS * prices["on_demand"])


def test_the_name_of_a_rate_is_its_term():
    group = {"n": {"instance": "p4d.24xlarge", "nodes": 1, "rate": "reserved_1y"}}
    prices = {"held": np.linspace(1, 0, MONTHS + 1)[:-1]}
    each = found({"plan": "monthly"}, prices=prices, settings={"plans.monthly.held": group, "price_date": "2023-10-01"})
    assert each.parts["held"] == pytest.approx(19.22 * HOURS * np.repeat([1, 0.5], 12))


def test_a_move_leaves_a_commitment_behind():
    """New in month 5, done in month 7: five months of the year are stranded, and 600 paid for switching in month 5."""
    move = {"to": "api", "when": {"event": "new"}, "lead_months": 2, "switching_usd": 600}
    each = found({"plan": "year", "moves": [move]}, events={"new": 5.0})
    assert_adds_up(each)
    assert each.parts["held"] == pytest.approx([YEAR] * 7 + [0.0] * 17)
    assert each.parts["stranded"] == pytest.approx([0.0] * 7 + [YEAR] * 5 + [0.0] * 12)
    assert each.stranded_usd == pytest.approx(5 * YEAR)
    assert np.flatnonzero(each.parts["switching"]).tolist() == [5]
    assert each.cash[0, 5] == pytest.approx(0.5 * YEAR + 45.5 + 600)
    assert each.jobs[0, [6, 7]].tolist() == [6, 3 * 7]


def test_nodes_at_one_price_on_two_kinds_of_terms_are_apart():
    """One node for a year, three from month to month, all at 730 a month: from month 5 on the one alone is paid."""
    year = {"gpus": 1, "nodes": 1, "usd_per_node_h": 1, "commitment": {"term_months": 12}}
    both = {"a": year, "b": {"gpus": 1, "nodes": 3, "usd_per_node_h": 1}}
    move = {"to": "api", "when": {"event": "new"}}
    each = found({"plan": "year", "moves": [move]}, events={"new": 5.0}, settings={"plans.year.held": both})
    assert_adds_up(each)
    assert each.parts["held"] == pytest.approx([4 * HOURS] * 5 + [0.0] * 19)
    assert each.parts["stranded"] == pytest.approx([0.0] * 5 + [HOURS] * 7 + [0.0] * 12)


def test_a_plan_that_is_waited_for_is_bought_at_its_delivery():
    """In month 4 at 0.8 of today's price, and again in month 16; the last term runs four months beyond the span."""
    path = {"held": np.where(np.arange(MONTHS) < 4, 1.0, 0.8)}
    each = found({"plan": "year", "lead_months": 3.5, "meanwhile": "monthly", "switching_usd": 50}, prices=path)
    assert_adds_up(each)
    assert each.parts["held"] == pytest.approx([1.5 * YEAR] * 4 + [0.8 * YEAR] * 20)
    assert each.parts["stranded"][-1] == each.stranded_usd == pytest.approx(4 * 0.8 * YEAR)
    assert each.cash[0, 0] == 50
    assert each.cash[0, 4] == pytest.approx(1.5 * YEAR + 45.5 + 6 * 0.8 * YEAR)


def test_nodes_on_the_same_terms_go_on_under_the_next_plan():
    """One more node from month 6 on, in another plan: the two of the first plan are not bought again."""
    bigger = {
        "held": {
            "other": {
                "gpus": 1,
                "nodes": 3,
                "usd_per_node_h": 1,
                "commitment": {"term_months": 12, "upfront_share": 0.5},
            }
        }
    }
    strategy = {"plan": "year", "moves": [{"to": "bigger", "when": {"month": 6}}]}
    each = found(strategy, settings={"plans.bigger": bigger})
    assert_adds_up(each)
    assert each.parts["held"] == pytest.approx([YEAR] * 6 + [1.5 * YEAR] * 18)
    assert each.stranded_usd == pytest.approx(6 * HOURS)
    other = bigger["held"]["other"] | {"usd_per_node_h": 1.01}
    assert found(strategy, settings={"plans.bigger": {"held": {"other": other}}}).stranded_usd > 12 * HOURS


def test_owned_nodes_are_sold_when_they_are_left():
    """24,000 lose 750 a month; 876 of power, 1,000 of space, 240 of upkeep."""
    group = {"n": {"gpus": 1, "nodes": 1, "owned": OWN}}
    each = found(
        {"plan": "monthly", "moves": [{"to": "api", "when": {"month": 10}}]}, settings={"plans.monthly.held": group}
    )
    assert_adds_up(each)
    assert each.parts["held"] == pytest.approx([750 + 876 + 1000 + 240] * 10 + [0] * 14)
    assert each.cash[0, [0, 10]] == pytest.approx([24_000, 876 + 1000 + 240 + 45.5 - 16_500])
    assert each.stranded_usd == 0


def test_owned_for_its_life_costs_what_the_run_charges():
    """The price of a node hour times the hours, where life and span agree."""
    settings = {"plans.monthly.held": {"n": {"gpus": 1, "nodes": 3, "owned": OWN}}}
    each = found({"plan": "monthly"}, settings=settings)
    hour = scenario(TEXT, settings).plans["monthly"].held["n"].price("n", None).value
    assert each.parts["held"].sum() == pytest.approx(3 * hour * HOURS * MONTHS, rel=1e-12)
    assert_adds_up(each)


def test_stages_bring_nodes_from_their_month_on():
    group = {
        "n": {
            "gpus": 1,
            "nodes": 1,
            "usd_per_node_h": 1,
            "stages": [{"month": 6, "nodes": 2}, {"month": 9, "nodes": 1}],
        }
    }
    each = found({"plan": "monthly"}, settings={"plans.monthly.held": group})
    assert each.parts["held"] == pytest.approx(HOURS * np.array([1] * 6 + [3] * 3 + [4] * 15))
    assert (
        nodes_by_month(scenario(TEXT, {"plans.monthly.held": group}).plans["monthly"].held["n"], 12).tolist()
        == [1] * 6 + [3] * 3 + [4] * 3
    )


def test_reserved_units_follow_the_price_of_the_api():
    """Three units at 2 USD an hour, while the plan is in force."""
    units = {"units": 3, "tokens_per_minute_per_unit": 1000, "usd_per_unit_h": 2}
    chat = {
        "kind": "inference",
        "arrivals": {"law": "poisson", "rate_per_day": 1},
        "prompt_tokens": 1,
        "output_tokens": 1,
    }
    api = {
        "usd_per_million_input_tokens": 1,
        "usd_per_million_output_tokens": 1,
        "usd_per_job": 1,
        "reserved": units,
        "ttft_s": 1,
        "seconds_per_output_token": 1,
    }
    plans = {"api": {"api": api}, "other": {"api": {key: api[key] for key in api if key != "reserved"}}}
    path = {"api": np.linspace(1, 0.5, MONTHS)}
    strategy = {"plan": "api", "moves": [{"to": "other", "when": {"month": 9}}]}
    settings = {"workload": {"chat": chat}, "plans": plans, "horizon_days": 365}
    each = found(strategy, settings=settings, prices=path)
    assert each.parts["held"] == pytest.approx(np.where(np.arange(MONTHS) < 9, 6 * HOURS * path["api"], 0))


def test_a_strategy_is_as_unfit_as_the_plans_that_it_uses():
    move = {"to": "api", "when": {"month": 12}}
    reason = {"api": "too slow", "hired": "too few"}
    assert found({"plan": "year", "moves": [move]}, reason).unfit == "plan `api`: too slow"
    assert found({"plan": "year"}, reason).unfit is None
    both = {"plan": "hired", "moves": [move]}
    assert found(both, reason).unfit == "plan `hired`: too few; plan `api`: too slow"


def test_without_strategies_each_plan_is_one():
    ahead = future()
    each = flows(ahead, world(ahead.scenario))
    assert list(each) == ["year", "monthly", "api", "hired"]
    assert each["hired"].cost[0] == pytest.approx([45.5] * MONTHS)


PLANS = st.sampled_from(["year", "monthly", "api", "hired"])
CAUSES = st.one_of(
    st.builds(lambda month: {"month": month}, st.integers(1, 23)),
    st.just({"event": "new"}),
    st.builds(lambda times: {"price": "api", "times": times}, st.sampled_from([0.5, 0.9, 1.2, 2.0])),
)
MOVES = st.lists(
    st.fixed_dictionaries(
        {
            "to": PLANS,
            "when": CAUSES,
            "lead_months": st.integers(0, 24).map(lambda quarters: quarters / 4),
            "switching_usd": st.floats(1, 1e4),
        }
    ),
    max_size=4,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(PLANS, MOVES, st.one_of(st.none(), st.floats(0, 24)), st.floats(0.9, 1.1))
def test_whatever_happens_all_that_accrues_is_paid(plan, moves, event, monthly):
    path = monthly ** np.arange(MONTHS)
    each = found({"plan": plan, "moves": moves}, prices={"api": path, "held": path}, events={"new": event})
    assert_adds_up(each)
    assert (each.cost >= 0).all()
