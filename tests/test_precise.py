"""Run until precise: adding replications is exact, the rule that stops, keys that are wrong, no value."""

import json
import math

import pytest
from refusals import ROOT, flat, here, refused
from studies import bytes_of
from worlds import ARTICLE, scenario

import sim
from sim.ground.estimate import Estimate
from sim.ground.estimate.stopping import is_precise, next_look, relative_half_width, spread_at_most
from sim.ground.faults import InputError
from sim.questions.tables import study_text
from sim.study import Goal, run, run_until

ARTICLE_FILE = ROOT / "experiments" / "scenarios" / "article.yaml"
API, WAIT = "plans.api.bill_usd.total", "plans.reserved.classes.tuning.wait_h.mean"


@pytest.fixture(scope="module")
def world():
    return scenario(ARTICLE)


@pytest.fixture(scope="module")
def one_percent(world):
    return run_until(world, Goal(0.01, (API,)), jobs=1)


def without(found, key):
    return {name: value for name, value in found.items() if name != key}


class TestTheRule:
    def test_half_widths_as_shares(self):
        assert relative_half_width(Estimate(10, 9, 12)) == 0.2
        assert relative_half_width(Estimate(-10, -11, -9)) == 0.1
        assert relative_half_width(Estimate(0, 0, 0)) == 0
        assert relative_half_width(Estimate(0, 0, 0.1)) is None
        assert relative_half_width(Estimate(10)) is None
        assert relative_half_width(Estimate(None)) is None

    def test_the_spread_may_be_larger_than_it_looks(self):
        # Chi-square tables: 10 % of the law of 9 degrees of freedom lie below 4.168, of 99 below 81.449.
        assert spread_at_most(10) == pytest.approx(math.sqrt(9 / 4.168), rel=1e-4)
        assert spread_at_most(100) == pytest.approx(math.sqrt(99 / 81.449), rel=1e-4)
        assert 1 < spread_at_most(1_000_000) < 1.001

    def test_an_interval_just_short_enough_is_not_yet_sure(self):
        assert not is_precise(Estimate(100, 99, 101), 0.01, 10)
        assert not is_precise(Estimate(100, 99, 101), 0.01, 1000)
        assert is_precise(Estimate(100, 99, 101), 0.0111, 100)
        assert is_precise(Estimate(100, 100, 100), 0.01, 10)
        assert not is_precise(Estimate(100), 0.5, 10)

    def test_the_next_look_is_where_it_should_be_enough(self):
        wide = Estimate(100, 98, 102)  # 2 % at 1000: four times as many for 1 %, and some for not knowing
        assert 4000 * 0.99 < next_look([wide], 0.01, 1000) <= 4000
        assert next_look([Estimate(100, 99, 101)], 0.01, 1000) == 1250
        assert next_look([Estimate(100, 50, 150)], 0.01, 10) == 40
        assert next_look([Estimate(100)], 0.01, 30) == 60
        assert next_look([Estimate(100), wide], 0.01, 1000) > 3900


class TestARun:
    def test_adding_replications_is_exact(self, world, one_percent):
        # Three looks at least, in other pieces and by other threads than all at once.
        assert one_percent.replications > 10
        at_once = run(world, one_percent.replications, jobs=2)
        assert without(one_percent.result, "precision") == at_once.result
        study = type(at_once)(
            world,
            at_once.replications,
            at_once.experiment,
            one_percent.outcomes,
            without(one_percent.result, "precision"),
        )
        assert bytes_of(study) == bytes_of(at_once)

    def test_what_was_asked_is_reached(self, one_percent):
        told = one_percent.result["precision"]
        bill = one_percent.result["plans"]["api"]["bill_usd"]["total"]
        assert (bill.high - bill.low) / 2 / bill.value <= 0.01
        assert told["reached"]
        assert told["keys"][API]["relative_half_width"] == relative_half_width(bill)

    def test_a_tighter_goal_takes_more(self, world, one_percent):
        tighter = run_until(world, Goal(0.004, (API,)), jobs=1)
        assert tighter.replications > 3 * one_percent.replications
        assert tighter.result["precision"]["reached"]

    def test_by_default_the_bills_of_all_plans_that_are_ranked(self, world):
        told = run_until(world, Goal(0.05), jobs=1).result["precision"]
        assert list(told["keys"]) == [f"plans.{name}.bill_usd.total" for name in ("reserved", "on_demand", "api")]
        never = scenario(ARTICLE.replace("rate_per_day: 6", "rate_per_day: 14"))
        told = run_until(never, Goal(0.05), jobs=1).result["precision"]
        assert list(told["keys"]) == ["plans.on_demand.bill_usd.total", "plans.api.bill_usd.total"]

    def test_the_end_of_a_key_will_do_where_it_is_the_only_one(self, world):
        told = run_until(world, Goal(0.2, ("probability_cheapest.api",)), jobs=1).result["precision"]
        assert list(told["keys"]) == ["comparison.probability_cheapest.api"]

    def test_it_stops_at_most_replications_and_says_so(self, world):
        study = run_until(world, Goal(0.0001, (WAIT,), most=25), jobs=1)
        assert study.replications == 25
        assert not study.result["precision"]["reached"]
        text = flat(study_text(study.result))
        assert "% after 25 replications" in text
        assert f" {WAIT}: not reached: " in text
        assert "stopped at --most-reps 25" in text

    def test_a_value_that_is_0_or_missing_is_given_up_early(self, world):
        # A reserved node is never spot, so that line is 0 in all replications; nobody goes from a queue to the API.
        told = run_until(world, Goal(0.01, ("plans.reserved.bill_usd.spot_used",)), jobs=1)
        assert (told.replications, told.result["precision"]["reached"]) == (10, True)
        told = run_until(world, Goal(0.01, ("probability_cheapest.reserved",)), jobs=1)
        reason = told.result["precision"]["keys"]["comparison.probability_cheapest.reserved"]["reason"]
        assert 100 <= told.replications < 1000
        assert (
            reason == f"is 0 after {told.replications} replications, and no share of 0 can be reached; name another key"
        )
        told = run_until(world, Goal(0.01, ("plans.api.classes.tuning.wait_held_h.mean",)), jobs=1)
        assert "has no value after" in flat(study_text(told.result))

    def test_a_percentile_without_an_interval_yet(self, world):
        study = run_until(world, Goal(0.5, ("plans.api.bill_percentiles_usd.p95",), most=40), jobs=1)
        assert "has no interval after 40 replications: too few for this percentile" in flat(study_text(study.result))
        study = run_until(world, Goal(0.5, ("plans.api.bill_percentiles_usd.p95",)), jobs=1)
        assert study.result["precision"]["reached"]
        assert study.replications >= 72

    def test_the_names_of_the_library(self):
        assert sim.run_until is run_until
        assert sim.Goal is Goal


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (("--precision", "1"), "--precision: must be a percentage above 0% and below 100%, such as 1%, got '1'"),
            (("--precision", "0%"), "--precision: must be a percentage above 0% and below 100%, such as 1%, got '0%'"),
            (("--precision", "nan%"), "such as 1%, got 'nan%'"),
            (("--precision", "1%", "--reps", "5"), "--reps: and --precision exclude each other"),
            (("--on", API), "--on: tells what is to be precise; give --precision with it, such as 1%"),
            (("--most-reps", "50"), "--most-reps: tells what is to be precise; give --precision with it"),
            (("--precision", "1%", "--most-reps", "9"), "--most-reps: must be a whole number from 10 to"),
            (("--precision", "9%", "--on", "plans.api.bill.total"), "did you mean `plans.api.bill_usd.total`?"),
            (("--precision", "9%", "--on", "bill_usd.total"), "is the end of 4 keys of the result; give one whole"),
        ],
    )
    def test_on_the_command_line(self, arguments, text):
        assert text in refused("run", ARTICLE_FILE, *arguments)

    def test_all_wrong_keys_at_once(self):
        error = refused("run", ARTICLE_FILE, "--precision", "9%", "--on", "a.b", "--on", "x.y", lines=2)
        assert "`a.b` is no estimate of the result; --format json shows all" in error
        assert "`x.y` is no estimate of the result" in error

    @pytest.mark.parametrize(
        ("goal", "text"),
        [
            (Goal(0.0), "must be above 0 % and below 100 %, got 0 %"),
            (Goal(1.5), "must be above 0 % and below 100 %, got 150 %"),
            (Goal(float("nan")), "must be above 0 % and below 100 %, got nan %"),
            (Goal(most=9), "--most-reps: must be a whole number from 10 to 10000000, got 9"),
        ],
    )
    def test_in_the_library(self, world, goal, text):
        with pytest.raises(InputError, match=text):
            run_until(world, goal)


def test_the_command_line(tmp_path):
    status, out, _ = here("run", ARTICLE_FILE, "--precision", "2%", "--on", API, "--out", tmp_path / "o", "--jobs", "1")
    assert status == 0
    assert "precision asked: 2 % of the value, at" in out
    told = json.loads((tmp_path / "o" / "result.json").read_text())["precision"]
    assert told["reached"]
    assert told["asked"] == 0.02
