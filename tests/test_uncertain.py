"""Uncertain numbers: their laws against theory, how they are lifted out of a scenario, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import lognorm, norm, triang, uniform
from worlds import ARTICLE, examples, scenario

from sim.ground.faults import InputError
from sim.ground.scenario import Tree, as_values, build, read_list, resolved_yaml, with_settings
from sim.ground.scenario.lift import is_uncertain
from sim.ground.scenario.tree import read_text
from sim.ground.scenario.uncertain import Cases, Correlation, Spread, factor, groups, pairs_of

STAFF, RATE = "plans.reserved.staff.usd_per_year", "workload.tuning.arrivals.rate_per_day"
TOKENS = "workload.tuning.tokens_millions"
SHAPES = ("lognormal", "normal", "uniform", "triangular")
BETWEEN = f"{{between: [{STAFF}, {RATE}], value: 0.5}}"


def staff(text: str) -> str:
    """The article with another salary of the engineer of the reserved node."""
    return ARTICLE.replace("usd_per_year: 200000", f"usd_per_year: {text}")


def collected(key: str, law: str) -> str:
    return f"{ARTICLE}uncertain: {{'{key}': {law}}}\n"


BOTH = staff("{p10: 100000, p90: 400000}").replace("rate_per_day: 6", "rate_per_day: {p10: 4, p90: 9}")
THREE = BOTH.replace("tokens_millions: 1", "tokens_millions: {p10: 1, p90: 2}")


def refused(text: str, settings=None) -> str:
    with pytest.raises(InputError) as error:
        scenario(text, settings)
    return str(error.value)


def theory(law: Spread):
    """The law by scipy, from its deciles alone."""
    low, high, middle = law.p10, law.p90, (law.p10 + law.p90) / 2
    match law.shape:
        case "lognormal":
            return lognorm(math.log(high / low) / (2 * 1.2815515655446004), scale=math.sqrt(low * high))
        case "normal":
            return norm(middle, (high - low) / (2 * 1.2815515655446004))
        case "uniform":
            return uniform(low - (high - low) / 8, (high - low) / 0.8)
    half = (high - low) / 2 / (1 - math.sqrt(0.2))
    return triang(0.5, middle - half, 2 * half)


@pytest.mark.parametrize("shape", SHAPES)
@given(low=st.floats(0.01, 1e6), ratio=st.floats(1.01, 1e3), share=st.floats(1e-4, 0.9999))
@examples(25)
def test_quantiles_are_those_of_the_law_by_scipy_and_the_deciles_are_exact(shape, low, ratio, share):
    law = Spread(p10=low, p90=low * ratio, shape=shape)
    width = law.p90 - law.p10
    assert law.quantile(0.1) == pytest.approx(law.p10, rel=1e-12, abs=1e-12 * width)
    assert law.quantile(0.9) == pytest.approx(law.p90, rel=1e-12)
    assert law.center == pytest.approx(theory(law).median(), rel=1e-12)
    expected = theory(law).ppf(min(max(share, 0.001), 0.999))
    assert law.quantile(share) == pytest.approx(expected, rel=1e-9, abs=1e-9 * width)


def test_negative_control_another_shape_has_other_quantiles():
    laws = [Spread(p10=4, p90=12, shape=shape) for shape in SHAPES]
    assert len({round(law.quantile(0.25), 6) for law in laws}) == len(SHAPES)
    assert len({round(law.quantile(0.1), 9) for law in laws}) == 1


def test_tails_are_cut_off_at_the_ends():
    law = Spread(p10=4, p90=12, shape="normal")
    assert law.at(50) == law.at(3.1) == law.ends[1][1] == pytest.approx(theory(law).ppf(0.999))
    assert law.at(-50) == law.quantile(1e-9) == law.ends[0][1]


def test_cases_come_by_their_weights_numbers_in_order_words_as_they_stand():
    law = Cases(cases=(12, 8, 10), weights=(0.3, 0.5, 0.2))
    assert [law.quantile(share) for share in (0.01, 0.5, 0.51, 0.7, 0.71, 0.999)] == [8, 8, 10, 10, 12, 12]
    assert law.center == 8
    words = Cases(cases=("on_demand", "reserved_1y"))
    assert (words.center, words.quantile(0.5), words.quantile(0.51)) == ("on_demand", "on_demand", "reserved_1y")
    never = Cases(cases=(1, 2), weights=(0, 1))
    assert {never.quantile(share) for share in (1e-12, 0.5, 1 - 1e-12)} == {2}
    assert Cases(cases=(True, False)).center is True


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        ({"p10": 1, "p90": 2}, True),
        ({"p90": 2}, True),
        ({"cases": [1, 2]}, True),
        ({"law": "empirical", "p10": 1}, False),
        ({"p10": {"held": {}}, "p90": {"api": {}}}, False),
        ({"cases": {"kind": "fine_tune"}}, False),
        ({"mean": 1}, False),
        ([1, 2], False),
        (3, False),
    ],
)
def test_a_mapping_is_uncertain_by_its_keys_and_plans_may_have_these_names(value, is_one):
    assert is_uncertain(value) == is_one


def test_a_plan_and_a_class_may_be_called_p90_and_cases():
    named = scenario(ARTICLE.replace("tuning:", "cases:").replace("reserved:\n", "p90:\n"))
    assert (list(named.workload), next(iter(named.plans)), named.uncertain) == (["cases"], "p90", {})


def test_inline_numbers_are_lifted_and_their_places_get_the_centre():
    found = scenario(THREE.replace("gpus: 8", "gpus: {cases: [4, 8], weights: [0.2, 0.8]}"))
    assert found.plans["reserved"].staff.usd_per_year == pytest.approx(200_000)
    assert found.workload["tuning"].arrivals.rate_per_day == pytest.approx(6)
    assert found.workload["tuning"].gpus == 8
    assert found.uncertain[STAFF] == Spread(p10=100_000, p90=400_000)
    assert list(found.uncertain) == [RATE, "workload.tuning.gpus", TOKENS, STAFF]


def test_collected_inline_and_set_say_the_same():
    law = {"p10": 200_000, "p90": 300_000, "shape": "normal"}
    bare = ARTICLE.replace(", usd_per_year: 200000", "")
    ways = [
        scenario(staff("{p10: 200000, p90: 300000, shape: normal}")),
        scenario(f"{bare}uncertain: {{{STAFF}: {{p10: 200000, p90: 300000, shape: normal}}}}\n"),
        scenario(settings={STAFF: law}),
    ]
    assert ways[0] == ways[1] == ways[2]
    assert ways[0].plans["reserved"].staff.usd_per_year == 250_000


def test_the_resolved_scenario_runs_again_with_all_that_is_uncertain():
    text = f"{THREE}correlations: [{BETWEEN}]\n"
    first = scenario(text)
    resolved = resolved_yaml(first)
    assert scenario(resolved) == first
    assert resolved_yaml(scenario(resolved)) == resolved
    assert first.uncertain == scenario(resolved).uncertain != {}


def test_what_a_flag_states_is_certain_also_in_correlations():
    text = f"{THREE}correlations: [{BETWEEN}]\n"
    for settings in ({STAFF: 7}, {"plans.reserved.staff": {"engineers": 1, "usd_per_year": 7}}):
        found = scenario(text, settings)
        assert list(found.uncertain) == [RATE, TOKENS]
        assert (found.correlations, found.plans["reserved"].staff.usd_per_year) == ((), 7)
    varied = with_settings(Tree(as_values(scenario(text)), flag="--vary"), {STAFF: 7})
    assert build(varied) == scenario(text, {STAFF: 7})
    wider = with_settings(Tree(as_values(scenario(text)), flag="--vary"), {STAFF: {"p10": 1, "p90": 2}})
    assert build(wider).uncertain[STAFF].p90 == 2


def test_a_setting_may_change_one_end_of_an_uncertain_number():
    assert scenario(BOTH, {f"{STAFF}.p90": 500_000}).uncertain[STAFF].p90 == 500_000


def test_the_tree_that_was_given_is_left_as_it_was():
    tree = read_text(THREE, "x.yaml")
    before = str(tree.values)
    assert build(tree) == build(tree)
    assert str(tree.values) == before


def test_a_default_section_may_be_uncertain_without_being_stated():
    found = scenario(collected("allocation.window_days", "{p10: 10, p90: 40}"))
    assert found.allocation.window_days == pytest.approx(20)


def test_certain_leaves_the_centres():
    found = scenario(THREE).certain
    assert (found.uncertain, found.plans) == ({}, scenario(THREE).plans)


def test_inputs_list_law_and_source():
    found = scenario(
        staff("{p10: 100000, p90: 400000, source: 'assumed: HR'}").replace(
            "rate: on_demand", "rate: {cases: [on_demand, spot]}"
        )
    )
    told = {each.what: each for each in found.inputs()}[f"uncertain `{STAFF}`"]
    assert (told.value, told.unit) == (pytest.approx(200_000), "at the centre of p10 100000 to p90 400000, lognormal")
    assert (told.basis, told.source) == ("assumed", "HR")
    word = {each.what: each for each in found.inputs()}["uncertain `plans.on_demand.hired.p4d.rate`"]
    assert (word.value, word.unit) == (0.5, "likely `on_demand` of cases on_demand (0.5), spot (0.5)")


def correlated(*entries: str, text: str = BOTH) -> str:
    return f"{text}correlations: [{', '.join(entries)}]\n"


def between(one: str, other: str, value: float = 0.5) -> str:
    return f"{{between: [{one}, {other}], value: {value}}}"


UNKNOWN = "{p10: 1, p90: 2}"
VALUES = f"{{law: empirical, values: [{', '.join([UNKNOWN] * 61)}]}}"
FAULTS = {
    "p90": (staff("{p10: 1}"), f"w.yaml:15: {STAFF}.p90 is missing"),
    "order": (staff("{p10: 3, p90: 3}"), f"15: {STAFF} must have p10 below p90, got 3 and 3"),
    "zero": (staff("{p10: 0, p90: 3}"), f"{STAFF} must have p10 above 0 with shape lognormal, got 0; give `shape"),
    "key": (staff("{p10: 1, p90: 3, shap: normal}"), f"{STAFF}.shap is not a key here; did you mean `shape`?"),
    "shape": (staff("{p10: 1, p90: 3, shape: beta}"), f"{STAFF}.shape must be 'lognormal', 'normal', 'uniform' or"),
    "nan": (staff("{p10: .nan, p90: 3}"), f"{STAFF}.p10 must be a number from -1e+12 to 1e+12, got nan"),
    "unit": (staff("{p10: 1k, p90: 3}"), f"{STAFF}.p10 must be a number from -1e+12 to 1e+12, got '1k'; write the"),
    "nested": (staff("{p10: {p10: 1, p90: 2}, p90: 3}"), f"{STAFF}.p10 must be a number"),
    "weights": (staff("{cases: [1, 2], weights: [0.5, 0.6]}"), f"{STAFF} must have weights that sum to 1, got 1.1"),
    "count": (staff("{cases: [1, 2], weights: [0.3, 0.3, 0.4]}"), "as many weights as values, got 3 and 2"),
    "one": (staff("{cases: [1]}"), f"{STAFF}.cases must have at least 2 entries"),
    "many": (staff(f"{{cases: {list(range(21))}}}"), f"{STAFF}.cases must have at most 20 entries"),
    "twice": (staff("{cases: [1, 1]}"), f"{STAFF} must have different cases, got one of them twice"),
    "mixed": (staff("{cases: [1, 2], p10: 1}"), f"{STAFF}.p10 is not a key here"),
    "mapping": (staff("{cases: [1, {a: 2}]}"), f"{STAFF}.cases.1 must be a number from"),
    "whole": (
        ARTICLE.replace("nodes: 1", "nodes: {p10: 1, p90: 3}"),
        "central value; uncertain whole numbers are `cases`",
    ),
    "no plan": (collected("plans.reserve.staff.usd_per_year", UNKNOWN), "no `reserve`; did you mean `reserved`?"),
    "no key": (collected("plans.reserved.staff.usd", UNKNOWN), "20: plans.reserved.staff.usd is not a key here; did"),
    "no top": (collected("foo", UNKNOWN), "20: foo is not a key here"),
    "empty": (collected("plans..x", UNKNOWN), "uncertain.plans..x must be a key like plans."),
    "below": (collected(f"{STAFF}.mean", UNKNOWN), "leads into a value that has no keys, 200000"),
    "a plan": (collected("plans.reserved", UNKNOWN), "must lead to one value, not to a mapping"),
    "stated": (
        collected(STAFF, "{p10: 1, p90: 4}"),
        "has the central value 2.0, but its place states 200000; leave that out",
    ),
    "no law": (collected("allocation.window_days", "3"), "uncertain.allocation.window_days must be a mapping of keys"),
    "no mapping": (f"{ARTICLE}uncertain: 3\n", "w.yaml:20: uncertain must be a mapping of keys, got 3"),
    "both": (f"{staff(UNKNOWN)}uncertain: {{{STAFF}: {UNKNOWN}}}\n", f"uncertain.{STAFF} stands twice"),
    "values": (ARTICLE.replace("millions: 1", f"millions: {VALUES}"), "at most 60 numbers may be uncertain, got 61"),
    "unknown": (correlated(between(STAFF, f"{RATE}s")), f"got `{RATE}s`; did you mean `{RATE}`?"),
    "certain": (
        correlated(BETWEEN, text=staff(UNKNOWN)),
        f"correlations.0.between must name uncertain numbers, got `{RATE}`",
    ),
    "itself": (correlated(between(STAFF, STAFF)), f"two different keys in `between`, got `{STAFF}`"),
    "range": (correlated(between(STAFF, RATE, 1)), "value must be a number from -0.999 to 0.999, got 1"),
    "again": (correlated(BETWEEN, between(RATE, STAFF)), "correlations.1.between must not be stated twice"),
    "definite": (
        correlated(between(STAFF, RATE, 0.9), between(STAFF, TOKENS, 0.9), between(RATE, TOKENS, -0.9), text=THREE),
        "w.yaml:20: correlations must be possible together (positive definite)",
    ),
}


@pytest.mark.parametrize(("text", "told"), FAULTS.values(), ids=FAULTS)
def test_each_wrong_uncertain_number_is_refused_once_with_its_place(text, told):
    with pytest.raises(InputError) as error:
        build(read_text(text, "w.yaml"))
    assert [told in str(fault) for fault in error.value.faults] == [True]
    assert str(error.value.faults[0]).startswith("w.yaml")


FIXED = {"name": "ab", "seed": (1, 2), "horizon_days": (9, 99), "warm_up_days": (1, 2), "confidence": (0.9, 0.95)}


@pytest.mark.parametrize("key", [*FIXED, "decision.months", "decision.step_months", "decision.unfit_share"])
def test_what_all_futures_share_cannot_be_uncertain(key):
    cases = {"cases": list(FIXED.get(key, (0.5, 1)))}
    assert f"--set: {key} must be the same in every future, so it cannot be uncertain" in refused(ARTICLE, {key: cases})


def test_all_faults_come_at_once():
    told = refused(BOTH.replace("p90: 400000", "p90: 4").replace("gpus: 8", "gpus: 0") + "plan: 3\n").splitlines()
    assert [line.split(": ")[1].split(" ")[0] for line in told] == ["workload.tuning.gpus", STAFF, "plan"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (staff("{p10: 100, p90: 200000, shape: normal}"), f"{STAFF} may be -140962, its 0.1 % quantile"),
        (staff("{cases: [1, much]}"), "may be 'much', its case 'much'"),
        (ARTICLE.replace("gpus: 8", "gpus: {cases: [8, 12]}"), "may be 12, its case 12: workload.tuning.gpus must fit"),
        (
            ARTICLE.replace("rate: on_demand", "rate: {cases: [on_demand, dear]}"),
            "may be 'dear', its case 'dear': plans",
        ),
    ],
)
def test_a_scenario_is_judged_at_the_ends_of_each_number(text, told):
    assert told in refused(text)


def test_groups_of_correlated_numbers_and_their_factor_by_hand():
    pairs = pairs_of([Correlation(between=(a, b), value=0.6) for a, b in ("ba", "dc", "cb")])
    assert groups(pairs) == (("a", "b", "c", "d"),)
    assert groups(pairs[:2]) == (("a", "b"), ("c", "d"))
    assert factor(("a", "b"), pairs) == ((1.0,), (0.6, pytest.approx(0.8)))
    whole = factor(("a", "b", "c", "d"), (*pairs[:2], (("b", "c"), 0.3)))
    lower = np.array([[*row, *[0.0] * (4 - len(row))] for row in whole])
    expected = np.eye(4)
    for (i, j), value in {(0, 1): 0.6, (2, 3): 0.6, (1, 2): 0.3}.items():
        expected[i, j] = expected[j, i] = value
    np.testing.assert_allclose(lower @ lower.T, expected, atol=1e-14)
    np.testing.assert_allclose(lower, np.linalg.cholesky(expected), atol=1e-14)
    assert factor(("a", "b", "c", "d"), pairs) is not None
    tight = (*((pair, 0.95) for pair, _ in pairs), (("a", "c"), -0.9))
    assert factor(("a", "b", "c", "d"), tight) is None


def test_lists_of_a_file_know_nothing_of_uncertain_numbers(tmp_path):
    (tmp_path / "a.yaml").write_text("- {p10: 1, p90: 2}\n")
    assert read_list(tmp_path / "a.yaml").values == [{"p10": 1, "p90": 2}]
