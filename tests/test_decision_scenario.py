"""The decision section, terms and stages: what they default to, and each refusal."""

import pytest
from refusals import flat, here
from worlds import ARTICLE, scenario

from sim.ground.faults import InputError
from sim.ground.scenario import Tree, build, resolved_yaml, with_settings
from sim.ground.scenario.decision import Strategy
from sim.ground.scenario.decision_misfits import completed, whole_months
from sim.ground.scenario.tree import read_text

THREE_YEARS = ARTICLE.replace("horizon_days: 365", "horizon_days: 1095")
HELD = "plans.reserved.held.p4d"


def decided(text: str) -> str:
    """The article over 36 months, with a decision."""
    return f"{THREE_YEARS}decision: {{{text}}}\n"


def held(text: str) -> str:
    return THREE_YEARS.replace("rate: reserved_1y", text)


def strategy(text: str, more: str = "") -> str:
    return decided(f"strategies: {{s: {{{text}}}}}{more}")


def moved(when: str, more: str = "") -> str:
    return strategy(f"plan: api, moves: [{{to: reserved, when: {{{when}}}}}]", more)


def group(text: str):
    return scenario(held(text)).plans["reserved"].held["p4d"]


def test_the_span_is_the_horizon_in_months_of_730_hours():
    assert whole_months(scenario(THREE_YEARS)) == 36
    assert whole_months(scenario(ARTICLE)) == 12
    assert whole_months(scenario(settings={"horizon_days": 400})) is None
    assert whole_months(scenario(settings={"horizon_days": 365 * 51})) is None


def test_nothing_is_left_unsaid_in_a_completed_decision():
    found = completed(scenario(THREE_YEARS))
    assert (found.months, found.step_months, found.budget_usd, found.unfit_share) == (36, None, None, 0.05)
    assert found.strategies == {name: Strategy(plan=name) for name in ("reserved", "on_demand", "api")}
    assert completed(scenario(decided("months: 12"))).step_months is None
    own = scenario(strategy("plan: api"))
    assert list(completed(own).strategies) == ["s"]


@pytest.mark.parametrize(
    ("text", "step"),
    [
        (decided("months: 60"), 3),
        (decided("months: 40"), 1),
        (decided("months: 48, step_months: 12"), 12),
        (held("rate: reserved_1y, stages: [{month: 12, nodes: 2}]"), 3),
    ],
)
def test_periods_are_needed_where_one_simulation_cannot_do(text, step):
    assert completed(scenario(text)).step_months == step


def test_a_span_that_nobody_states_is_refused_where_the_horizon_is_none():
    with pytest.raises(LookupError, match=r"horizon_days .400. is no whole number of months.*months: 3"):
        completed(scenario(settings={"horizon_days": 400}))


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("rate: reserved_1y", 12),
        ("rate: on_demand", 0),
        ("usd_per_node_h: 9", 0),
        ("usd_per_node_h: 9, commitment: {term_months: 36, upfront_share: 0.5}", 36),
        ("rate: reserved_1y, commitment: {upfront_share: 1, beyond: pro_rata}", 12),
        ("rate: reserved_1y, commitment: {term_months: 12}", 12),
    ],
)
def test_a_term_is_stated_or_named_by_the_rate(text, term):
    assert group(text).term_months == term


def test_a_decision_is_written_out_and_read_again():
    text = moved(
        "price: api, times: 0.5",
        ", prices: {api: {percent_a_year: {p10: -60, p90: -20, shape: normal}}}, events: {e: {after_months: 3}}",
    )
    first = scenario(text.replace("nodes: 1", "nodes: 1, stages: [{month: 3, nodes: {cases: [1, 2]}}]"))
    assert scenario(resolved_yaml(first)) == first
    assert "decision" not in resolved_yaml(scenario())
    assert "stages" not in resolved_yaml(scenario())


def test_strategies_name_the_plans_they_may_use():
    made = scenario(strategy("plan: api, moves: [{to: reserved, when: {month: 3}}, {to: api, when: {month: 9}}]"))
    assert made.decision.strategies["s"].plans == ["api", "reserved"]


PRICES = ", prices: {api: {}}"
FAULTS = {
    "span": (THREE_YEARS.replace("1095", "400") + "decision: {}\n", "decision.months must be stated, because horizon_"),
    "step": (decided("step_months: 5"), "decision.step_months must divide the 36 months decided about, got 5"),
    "kind": (decided("prices: {apis: {}}"), "the name 'apis' must be 'api', 'on_demand', 'spot', 'held', 'server' or"),
    "rise": (decided("prices: {api: {rise: {times: 3}}}"), "rise must have exactly one of `event`, `after_months`"),
    "event": (
        decided("prices: {api: {rise: {event: x, times: 3}}}, events: {ends: {after_months: 3}}"),
        "decision.prices.api.rise.event must be an event of the scenario, got 'x'; choose from `ends`",
    ),
    "free": (decided("prices: {api: {percent_a_year: -100}}"), "percent_a_year must be a number from -99.9 to 1000"),
    "plan": (strategy("plan: apy"), "strategies.s.plan must be a plan of the scenario, got 'apy'; did you mean `api`?"),
    "lead": (
        strategy("plan: api, lead_months: 2"),
        "s must have `meanwhile`: the plan that does the work for 2 months",
    ),
    "bridge": (
        strategy("plan: api, lead_months: 2, meanwhile: api"),
        "must have another plan `meanwhile` than its own",
    ),
    "between": (
        strategy("plan: api, lead_months: 2, meanwhile: ap"),
        "meanwhile must be a plan of the scenario, got 'a",
    ),
    "target": (
        strategy("plan: api, moves: [{to: x, when: {month: 3}}]"),
        "strategies.s.moves.0.to must be a plan of the scenario, got 'x'",
    ),
    "no events": (moved("event: x"), "when.event must be an event of the scenario, got 'x'; decision has no events"),
    "still": (moved("price: api, times: 2"), "when.price must be a price that moves: give decision.prices.api"),
    "late": (moved("month: 36"), "moves.0.when.month must be less than the 36 months decided about, got 36"),
    "cause": (moved("month: 3, event: x"), "when must have exactly one of `event`, `price`, `month`, got event and"),
    "times": (moved("price: api", PRICES), "when must have `price` and `times` together"),
    "same": (moved("price: api, times: 1", PRICES), "when must have `times` other than 1"),
    "hourly": (
        held("rate: on_demand, commitment: {term_months: 12}"),
        f"{HELD} must have no `commitment` with rate on",
    ),
    "other": (held("rate: reserved_1y, commitment: {term_months: 36}"), "must have commitment.term_months 12, as its"),
    "no term": (held("usd_per_node_h: 3, commitment: {upfront_share: 1}"), "must have commitment.term_months, because"),
    "owned": (
        THREE_YEARS.replace(
            "instance: p4d.24xlarge, nodes: 1, rate: reserved_1y",
            "gpus: 8, nodes: 1, owned: {usd: 9, life_years: 4, power_kw: 3, usd_per_kwh: 1}, commitment: {}",
        ),
        "must have no `commitment` with `owned`, because what is owned is paid when it is bought",
    ),
    "order": (held("rate: reserved_1y, stages: [{month: 3, nodes: 1}, {month: 3, nodes: 1}]"), "got months [3, 3]"),
    "stage": (
        held("rate: reserved_1y, stages: [{month: 36, nodes: 1}]"),
        f"{HELD}.stages.0.month must be less than the 36 months decided about, got 36",
    ),
}


@pytest.mark.parametrize(("text", "told"), FAULTS.values(), ids=FAULTS)
def test_each_fault_of_a_decision_is_refused_once_with_its_place(text, told):
    with pytest.raises(InputError) as error:
        build(read_text(text, "w.yaml"))
    assert [told in str(fault) for fault in error.value.faults] == [True]
    assert str(error.value.faults[0]).startswith("w.yaml:")


def test_all_faults_of_a_decision_come_at_once():
    text = strategy("plan: a, moves: [{to: b, when: {event: c}}]", ", step_months: 7")
    with pytest.raises(InputError) as error:
        build(with_settings(read_text(text, "w.yaml"), {f"{HELD}.stages": [{"month": 99, "nodes": 1}]}))
    assert len(error.value.faults) == 5


def test_a_case_of_a_plan_is_judged_with_its_strategy():
    with pytest.raises(InputError, match=r"plan may be 'nope', its case 'nope': decision.strategies.s.plan must be"):
        scenario(strategy("plan: {cases: [api, nope]}"))


def test_run_and_sweep_say_what_only_a_decision_counts(tmp_path):
    text = held("rate: reserved_1y, stages: [{month: 12, nodes: 2}]").replace("6}", "{p10: 4, p90: 9}}")
    (tmp_path / "a.yaml").write_text(text)
    status, out, _ = here("run", tmp_path / "a.yaml", "--reps", "2")
    assert status == 0
    out = flat(out)
    assert "warning (uncertain): 1 number is uncertain and stands at its central value here; `decide` draws them" in out
    assert "warning (stages): plan `reserved`, `p4d`: nodes that come in stages are left out here" in out
    rate = "workload.tuning.arrivals.rate_per_day"
    assert "uncertain" not in here("sweep", tmp_path / "a.yaml", "--vary", f"{rate}=2,3", "--reps", "2")[1]
    other = "plans.reserved.staff.usd_per_year"
    assert "(uncertain)" in here("sweep", tmp_path / "a.yaml", "--vary", f"{other}=2,3", "--reps", "2")[1]
    law = "{p10: 1e5, p90: 3e5}"
    assert "2 numbers are uncertain" in flat(here("check", tmp_path / "a.yaml", "--set", f"{other}={law}")[1])


def test_check_lists_uncertain_numbers_and_refuses_the_wrong_ones(tmp_path):
    (tmp_path / "a.yaml").write_text(ARTICLE.replace("rate_per_day: 6", "rate_per_day: {p10: 9, p90: 4}"))
    status, _, err = here("check", tmp_path / "a.yaml")
    assert (status, err.count("\n")) == (2, 1)
    assert "a.yaml:8: workload.tuning.arrivals.rate_per_day must have p10 below p90, got 9 and 4" in err


def test_a_plain_tree_builds_as_before():
    assert build(Tree(read_text(ARTICLE, "x").values)) == scenario()
