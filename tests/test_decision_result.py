"""A decision's JSON contract, table and CSV, from futures written by hand."""

import csv
import io
import json

import numpy as np
import pytest
from decisions import LATE, RATE, alternating, asked, outcomes, told

from sim.ground.estimate import Lacking, share
from sim.questions.decision.result import result
from sim.questions.tables import decision_csv, decision_text, decision_verdict
from sim.study import as_json

TOP = [
    "schema",
    "scenario",
    "seed",
    "futures",
    "replications",
    "months",
    "discount_percent_a_year",
    "budget_usd",
    "confidence",
    "price_date",
    "inputs",
    "uncertain",
    "warnings",
    "verdict",
    "strategies",
    "regret_table",
    "difference_variance_from_futures",
]
OF_A_STRATEGY = [
    "ranked",
    "unfit_share",
    "unfit",
    "npv_usd",
    "cvar95_npv_usd",
    "total_cost_usd",
    "cost_per_job_usd",
    "jobs",
    "parts_usd",
    "stranded_usd",
    "probability_over_budget",
    "probability_cheapest",
    "expected_regret_usd",
    "p95_regret_usd",
    "variance_from_futures",
]
PERCENTILES = ["mean", "p5", "p50", "p90", "p95", "p99"]


def test_a_decision_keeps_the_json_contract():
    found = json.loads(json.dumps(as_json(told(alternating(400))), allow_nan=False))
    assert list(found) == TOP
    assert list(found["strategies"]) == ["reserved", "on_demand"]
    for each in found["strategies"].values():
        assert list(each) == OF_A_STRATEGY
        for key in ("npv_usd", "total_cost_usd", "cost_per_job_usd"):
            assert list(each[key]) == PERCENTILES
        for estimate in (*each["npv_usd"].values(), each["expected_regret_usd"], each["cvar95_npv_usd"]):
            assert list(estimate) == ["value", "low", "high", "se", "n"]
    assert list(found["verdict"]) == [
        "answer",
        "choice",
        "runner_up",
        "others_cost_more_usd",
        "alike",
        "undecided",
    ]
    assert [list(row) for row in found["regret_table"]] == [["cheapest", "probability", "futures", "regret_usd"]] * 2


def test_numbers_by_hand():
    found = told(alternating(400))
    reserved, other = found["strategies"].values()
    assert reserved["npv_usd"]["mean"].value == 10
    assert other["npv_usd"]["mean"].value == pytest.approx(8.5)
    assert (other["npv_usd"]["p5"].value, other["npv_usd"]["p95"].value) == (4, 13)
    assert other["cost_per_job_usd"]["mean"].value == pytest.approx(0.85)
    assert other["cvar95_npv_usd"].value == pytest.approx(13)
    assert other["parts_usd"]["held"].value == pytest.approx(8.5)
    assert other["probability_cheapest"] == share(200, 400, 0.95)
    assert other["expected_regret_usd"].value == pytest.approx(1.5)
    assert other["variance_from_futures"].value == 1
    assert other["probability_over_budget"].value == 0
    assert found["difference_variance_from_futures"].value == 1
    assert found["verdict"]["choice"] == "on_demand"


def test_over_budget_counts_paths_that_pay_more():
    npv = np.tile(np.array([[[60.0, 50.0]], [[40.0, 50.0]]]), (20, 1, 1))
    found = told(npv)["strategies"]
    assert found["reserved"]["probability_over_budget"].value == 0.5
    assert found["on_demand"]["probability_over_budget"].value == 0
    bare = told(npv, of=asked(**{"decision.budget_usd": None}))
    assert bare["budget_usd"] is None
    assert bare["strategies"]["reserved"]["probability_over_budget"] is None


def test_what_was_drawn_is_summed_up():
    assert told(alternating(101))["uncertain"] == {
        RATE: {"law": "p10 4 to p90 12, lognormal", "source": "our logs", "drawn": {"p10": 11, "p50": 51, "p90": 91}}
    }
    key = "allocation.rule"
    of = asked(**{key: {"cases": ["gpu_time", "equal"], "weights": [0.7, 0.3]}})
    made = outcomes(alternating(4), of=of)
    made.values[key][:] = ["gpu_time", "equal", "gpu_time", "gpu_time"]
    assert result(made, [])["uncertain"][key]["drawn"] == {"equal": 0.25, "gpu_time": 0.75}


def test_too_little_data_is_said_instead_of_a_number():
    found = told(alternating(8))
    other = found["strategies"]["on_demand"]
    assert other["npv_usd"]["p99"] == Lacking(None, n=8, reason="8 futures cannot bound the 99 % quantile")
    assert other["expected_regret_usd"].reason == "needs at least 10 such futures, got 8"
    assert other["cvar95_npv_usd"].reason == "needs at least 400 futures, got 8"
    assert as_json(other["cvar95_npv_usd"])["value"] is None
    one = told(alternating(1))
    assert one["strategies"]["reserved"]["npv_usd"]["mean"].reason == "needs at least 2 futures, got 1"
    assert "one_future" in {entry["code"] for entry in one["warnings"]}


def test_futures_without_jobs_have_no_cost_of_a_job():
    found = told(alternating(40), jobs=0.0)["strategies"]["reserved"]["cost_per_job_usd"]
    assert {each.value for each in found.values()} == {None}


def test_nothing_uncertain_is_warned_of():
    codes = [entry["code"] for entry in told(alternating(20), of=asked(**{RATE: 6}))["warnings"]]
    assert codes == ["nothing_uncertain"]
    moving = asked(**{RATE: 6, "decision.prices": {"api": {"steps": {"every_months": 6, "percent": -20}}}})
    assert told(alternating(20), of=moving)["warnings"] == []


def test_a_strategy_that_fails_too_often_is_not_ranked():
    found = told(alternating(40), unfit=[(2, 1), (5, 1), (6, 1)])
    other = found["strategies"]["on_demand"]
    assert (other["ranked"], other["probability_cheapest"], other["expected_regret_usd"]) == (False, None, None)
    assert other["unfit"] == [{"futures": 3, "for_example": LATE}]
    assert other["unfit_share"].value == pytest.approx(0.075)
    assert [row["cheapest"] for row in found["regret_table"]] == ["reserved"]


def test_a_ranked_strategy_is_not_the_cheapest_where_it_fails():
    found = told(alternating(40), unfit=[(2, 1), (4, 1)])
    assert found["strategies"]["on_demand"]["probability_cheapest"].value == pytest.approx(18 / 40)
    assert found["strategies"]["reserved"]["probability_cheapest"].value == pytest.approx(22 / 40)


# In words


def test_a_sure_verdict_in_words():
    said = decision_verdict(told(alternating(400)))
    assert said == (
        "`on_demand` has the least expected regret: 1.50 [1.35, 1.65] USD; it is the cheapest on 50 % [45.1, 54.9] "
        "of the paths of 400 futures. Choosing `reserved` costs 1.50 [1.06, 1.94] USD more on average."
    )


def test_an_unsure_verdict_in_words():
    assert decision_verdict(told(alternating(12))) == (
        "Not enough data to tell `on_demand` from `reserved` in 12 futures: on average `reserved` costs 1.50 "
        "[-1.49, 4.49] USD more. Raise --futures, or take either."
    )
    assert decision_verdict(told(alternating(8))) == (
        "Not enough data to tell `on_demand` from `reserved` in 8 futures: needs at least 10 futures, got 8."
    )


def test_who_is_the_cheapest_most_often_is_said_where_it_is_not_the_choice():
    npv = np.full((400, 2, 2), 10.0)
    npv[:, :, 1] = np.where(np.arange(400) % 4 == 0, 40.0, 8.0)[:, None]
    said = decision_verdict(told(npv))
    assert said.startswith("`reserved` has the least expected regret: 1.50 ")
    assert said.endswith("Most often the cheapest is `on_demand`: on 75 % [70.5, 79] of the paths.")


def test_verdicts_without_a_contest_in_words():
    same = np.tile(np.array([2.0, 2.0]), (20, 2, 1))
    assert decision_verdict(told(same)) == ("`reserved` and `on_demand` cost the same on every path.")
    alone = decision_verdict(told(same, unfit=[(each, 1) for each in range(20)]))
    assert alone == (
        "Only `reserved` is ranked: its present value is 2.00 USD on average.\n"
        f"`on_demand` is not ranked: in 100 % of the futures it does not do the work (for example: {LATE})."
    )
    nobody = decision_verdict(told(same, unfit=[(each, plan) for each in range(20) for plan in (0, 1)]))
    assert nobody.startswith(
        "No strategy does the work in enough of the futures, so none is the best.\n`reserved` is not"
    )


def test_the_text_of_a_decision_fits_a_page():
    npv = 1e6 * np.random.default_rng(5).lognormal(0, 0.3, (500, 4, 3))
    text = decision_text(told(npv, unfit=[(each, 1) for each in range(100)]))
    assert text.startswith("article: 2 months, 500 futures x 4 replications, seed 1\n")
    assert max(map(len, text.splitlines())) <= 80
    assert "present value, USD" in text
    assert "What each choice costs more, thousand USD:" in text
    assert f"  {RATE}: p10 4 to p90 12, lognormal (our logs)" in text
    assert "not ranked" in text


def test_a_regret_table_of_one_choice_is_left_out():
    text = decision_text(told(alternating(20), unfit=[(each, 1) for each in range(20)]))
    assert "What each choice costs more" not in text


def test_csv_has_a_row_an_estimate():
    rows = list(csv.DictReader(io.StringIO(decision_csv(told(alternating(8))))))
    measures = {(row["strategy"], row["measure"]): row for row in rows}
    assert measures["reserved", "npv_usd.mean"]["value"] == "10.0"
    assert measures["reserved", "cvar95_npv_usd"]["reason"] == "needs at least 400 futures, got 8"
    assert measures["reserved", "where_cheapest.regret_usd.on_demand"]["value"] == ""
    assert ("", "verdict.others_cost_more_usd.reserved") in measures
