"""Work told before it is done: budgets of searches and reports are kept, and what was left out is said."""

import math

import pytest
from test_turning import WORLD
from worlds import scenario

from sim.doors.report import arrival_rate, gather, report
from sim.doors.report import swept as report_swept
from sim.doors.report.swept import replications, to_sweep
from sim.ground.files import shipped
from sim.ground.scenario import load
from sim.ground.scenario.levers import levers
from sim.questions.search.break_even import break_even
from sim.questions.search.effort import SHARES, Effort, beginning, first_share, shortened
from sim.questions.search.moving import MONEY
from sim.questions.search.turning import turning_points
from sim.study import run

SHIPPED = [path for path in shipped("scenarios").iterdir() if path.suffix == ".yaml"]


def test_work_is_that_of_jobs_and_of_sessions_more_than_that():
    open_ended, closed = (Effort(1200, 10, serves=True, closed=each) for each in (False, True))
    assert open_ended.work(0.5, 3) == pytest.approx(1.5 * open_ended.work())
    assert closed.work(1, 2) > 2.5 * closed.work()
    assert closed.work(0.5) <= closed.work() / 2
    assert Effort(1200, 10, serves=False, closed=False).work() == 600  # half a microsecond a fine-tune


def test_the_beginning_of_a_horizon_is_told():
    whole = load(next(path for path in SHIPPED if path.stem == "agents"))
    part = beginning(whole, 1 / 8)
    assert (part.horizon_hours, shortened(whole, part)) == (pytest.approx(1.2), "first 72 min of 9.6 h")
    assert part.warm_up_days == pytest.approx(0.2 * part.horizon_days)
    assert (beginning(whole, 1), shortened(whole, whole)) == (whole, None)
    assert first_share(lambda share: share, 0.3) == SHARES[2]
    assert first_share(lambda _: math.inf, 1) is None


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_sweep_of_every_shipped_scenario_is_within_what_a_report_may_take(path):
    asked = load(path)
    vary = arrival_rate(asked)
    part, count = to_sweep(asked, vary)
    least = 5 * len(asked.plans) * Effort.of(part).work()  # the stated rate alone; the values above it take more
    assert 5 <= count <= replications(asked)
    assert least < 24e6
    assert (part is asked) == (shortened(asked, part) is None)
    if path.stem in ("article", "elastic", "chat", "night", "shared"):
        assert part is asked


def test_what_is_beyond_the_budget_is_not_looked_at_and_said():
    study = run(scenario(WORLD), 2, jobs=1)
    chosen = levers(study.scenario)
    free, ample, none = (turning_points(study, None, 2, 1, most_work=most) for most in (None, 1e9, 1e-6))
    assert ample == free
    money = [turn for turn in none if turn.lever.kind in MONEY]
    assert money == [turn for turn in free if turn.lever.kind in MONEY]  # a price is no more work than a run
    others = [turn for turn in none if turn not in money]
    assert [turn.lever for turn in others] == [lever for lever in chosen if lever.kind not in MONEY]
    assert all(turn.at.value is None and "more work than" in turn.reason for turn in others)


def test_a_budget_in_between_shortens_the_horizon_and_says_so():
    """39 runs of half a microsecond under two plans; a millisecond is allowed for."""
    study = run(scenario(WORLD, {"plans.api.api.usd_per_million_tokens": 3}), 4, jobs=1)
    lever = next(each for each in levers(study.scenario) if each.name == "tuning_speed")
    whole = turning_points(study, [lever], 4, 1, most_work=1e9)
    short = turning_points(study, [lever], 4, 1, most_work=1e3)
    assert {turn.over for turn in whole} == {None}
    assert {turn.over for turn in short} == {"the first 2.5 days of 10 days"}
    assert all(turn.as_result()["over"] == turn.over for turn in short)


def test_a_beginning_of_another_verdict_tells_nothing_of_the_whole():
    """In ten days 39 runs cost 507 USD, the node 504; in the first 60 hours nine cost 117 USD, the node 126."""
    settings = {"plans.api.api.usd_per_million_tokens": 13}
    study = run(scenario(WORLD, settings), 4, jobs=1)
    assert study.result["comparison"]["cheapest"] == "own"
    lever = next(each for each in levers(study.scenario) if each.name == "tuning_speed")
    (turn,) = turning_points(study, [lever], 4, 1, most_work=1e3)
    assert turn.at.value is None
    assert turn.reason == (
        "not looked at, for that takes too much work, and over the first 2.5 days of 10 days `api` is the cheapest"
    )


def test_the_page_says_what_was_swept_over_less_than_the_horizon(monkeypatch):
    asked = scenario(WORLD)
    monkeypatch.setattr(report_swept, "_MOST_OF_A_SWEEP", 500.0)
    found = gather(asked, replications=2, jobs=1)
    assert found.swept_over == shortened(asked, found.grid.scenario) is not None
    assert f"the sweep goes over the {found.swept_over}" in (page := report(found))
    assert f"Swept over the {found.swept_over} alone" in page
    monkeypatch.undo()
    assert "Swept over the" not in report(gather(asked, replications=2, jobs=1))  # negative control


def test_a_search_that_few_replications_leave_unsure_ends(monkeypatch):
    """A node and an API of about the same bill at the rate stated, with jobs of very different sizes."""
    settings = {
        "plans.api.api.usd_per_million_tokens": 504 / 39,
        "workload.tuning.arrivals.law": "poisson",
        "workload.tuning.tokens_millions": {"law": "lognormal", "mean": 1, "cv": 4},
    }
    asked = scenario(WORLD, settings)
    monkeypatch.setitem(break_even.__globals__, "_LEAST_WORK", 0.0)
    monkeypatch.setitem(break_even.__globals__, "_LOOKS", 1)
    place = "workload.tuning.arrivals.rate_per_day"
    found = break_even(asked, place, (3.5, 4.5), replications=2, most_replications=10_000, jobs=1)
    assert [each["code"] for each in found.result["warnings"]][-1:] == ["search_ended"]
