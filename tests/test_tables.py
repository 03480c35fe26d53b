"""Tables: what stands in the text and the CSV of a run and of a sweep."""

import csv
import io

import pytest
from refusals import flat
from worlds import scenario

from sim.questions.tables import as_csv, study_csv, study_text, sweep_csv, sweep_text
from sim.study import run, sweep

SMALL = {"kind": "fine_tune", "arrivals": {"law": "poisson", "rate_per_day": 2}, "gpus": 1, "service_hours": 1}
DAYS = "horizon_days"
API = {"plans.api": {"api": {"usd_per_job": 5}}}


def world(**settings):
    return scenario(settings={DAYS: 20, **settings})


def test_a_sweep_names_classes_only_where_there_are_several():
    one = sweep(world(), {DAYS: [10, 20]}, replications=2).as_result()
    two = sweep(world(**{"workload.small": SMALL}, **API), {DAYS: [10, 20]}, replications=2).as_result()
    assert sweep_text(one).splitlines()[0].split()[:3] == [DAYS, "plan", "USD"]
    lines = sweep_text(two).splitlines()
    assert lines[0].split()[:3] == [DAYS, "plan", "class"]
    assert [line.split()[:3] for line in lines[2:6]] == [
        ["10", "reserved", "tuning"], ["10", "reserved", "small"],
        ["10", "on_demand", "tuning"], ["10", "on_demand", "small"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "shared by GPU time within 1 window of 20 days."),
        ({DAYS: 365}, "shared by GPU time within 12 windows of 30.42 days."),
        ({DAYS: 50, "warm_up_days": 8, "allocation.window_days": 10}, "within 4 windows of 10.5 days."),
        ({"allocation.rule": "equal", "allocation.window_days": 5}, "shared equally within 4 windows of 5 days."),
    ],
)
def test_definitions_name_the_windows_there_are(settings, told):
    text = flat(study_text(run(world(**settings), replications=2).result))
    assert "USD a job, fully loaded: the bill over all jobs; " in text
    assert told in text


def test_definitions_of_what_is_not_shared_out():
    text = flat(study_text(run(world(**{"allocation.rule": "platform"}), replications=2).result))
    assert "the bill over all jobs" not in text
    assert "staff and overhead are shown apart, as unallocated. " in text


def test_no_text_in_a_csv_is_a_formula():
    cells = ["=1+1", "+1", "-1", "@a", "\ta", "a=1", -1, -1.5, None, ""]
    read = list(csv.reader(io.StringIO(as_csv(["=a"], iter([cells])), newline="")))
    quoted = [f"'{cell}" for cell in cells[:5]]
    assert read == [["'=a"], [*quoted, "a=1", "-1", "-1.5", "", ""]]


def test_a_sweep_over_text_that_looks_like_a_formula():
    key = "workload.tuning.source"
    found = sweep(world(), {key: ["=cmd()", "-2", "measured"]}, replications=2).as_result()
    assert {line.split(",")[0] for line in sweep_csv(found).splitlines()[1:]} == {"'=cmd()", "'-2", "measured"}


def test_a_negative_number_in_a_csv_is_a_number():
    few = {"workload.tuning.arrivals.rate_per_day": 0.1}  # so few jobs that the interval of a difference holds 0
    rows = csv.DictReader(io.StringIO(study_csv(run(world(**few), replications=2).result)))
    lows = [row["low"] for row in rows if row["measure"] == "paired_difference_usd.on_demand - api"]
    assert [low[0] for low in lows] == ["-"]
    assert float(lows[0]) < 0
