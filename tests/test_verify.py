"""The checks of the program, checked: they pass what is right and fail what is wrong."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from case_files import CASE, case, cases

import sim.questions.verify.run
from sim.ground.faults import InputError
from sim.ground.jobs import HIRED
from sim.ground.units import NEVER
from sim.questions.tables import verify_text
from sim.questions.tables.verification import verify_markdown
from sim.questions.verify import (
    api_worlds,
    controls,
    elastic_worlds,
    invariants,
    serving_worlds,
    timelines,
    verify,
    worlds,
)
from sim.questions.verify.cases import read_cases, shipped
from sim.questions.verify.rule import judge
from sim.questions.verify.theory import check_all, run_case

# The pass rule


@pytest.mark.parametrize(
    ("kind", "estimate", "se", "passes"),
    [
        ("mean", 1.0, 0.004, True),
        ("mean", 1.019, 0.004, True),
        ("mean", 1.021, 0.004, False),  # more than five standard errors away
        ("mean", 1.0, 0.006, False),  # not precise enough, however near
        ("quantile", 1.0, 0.009, True),
        ("quantile", 1.0, 0.011, False),
        ("rare", 1.0, 0.049, True),
        ("rare", 1.0, 0.051, False),
        ("exact", 1.0 + 5e-10, None, True),
        ("exact", 1.0 + 5e-9, 1.0, False),  # a wide interval does not help a computed value
        ("mean", None, None, False),
        ("mean", 1.0, None, False),
        ("mean", 1.0, 0.0, True),
        ("mean", 1.001, 0.0, False),
    ],
)
def test_the_rule(kind, estimate, se, passes):
    assert judge(kind, estimate, se, 1.0).passed is passes


def test_the_rule_grants_more_where_it_says_so():
    assert not judge("quantile", 1.0, 0.015, 1.0, load=0.94).passed
    assert judge("quantile", 1.0, 0.015, 1.0, load=0.95).passed
    assert not judge("mean", 1.0, 0.019, 1.0).passed
    assert judge("mean", 1.0, 0.019, 1.0, quick=True).passed
    assert not judge("mean", 1.006, 0.001, 1.0).passed
    assert judge("mean", 1.006, 0.001, 1.0, reference_se=0.001).passed  # the reference is not sure either
    assert judge("exact", None, None, None).passed
    assert judge("exact", "api", None, "api").passed
    assert not judge("exact", True, None, 1).passed


def test_a_tenth_more_fails_and_the_truth_passes(tmp_path):
    right = case(tmp_path)
    wrong = replace(right, expect=tuple(replace(row, value=1.1 * row.value) for row in right.expect))
    assert [row["pass"] for row in run_case(right)] == [True] * 4
    assert [row["pass"] for row in run_case(wrong)] == [False] * 4


def test_another_parameter_moves_the_estimate(tmp_path):
    slower = case(tmp_path, CASE.replace("mean: 2}", "mean: 2.2}"))
    rows = run_case(slower)
    assert rows[0]["estimate"] == pytest.approx(2.42 / (1 + 2.2 + 2.42), rel=0.01)  # Erlang B of 2 GPUs
    assert not rows[0]["pass"]


def test_a_report_has_the_contract(tmp_path, monkeypatch):
    monkeypatch.setattr(worlds, "QUICK", 20)
    monkeypatch.setattr(elastic_worlds, "QUICK", 8)
    monkeypatch.setattr(serving_worlds, "QUICK", 5)
    monkeypatch.setattr(api_worlds, "QUICK", 5)
    seen = []
    text = CASE + "- {id: later, not_covered: needs serving}\n"
    monkeypatch.setattr(sim.questions.verify.run, "shipped", lambda: [cases(tmp_path, text)])
    found = verify(quick=True, jobs=1, progress=lambda *done: seen.append(done))
    contract = ["id", "key", "estimate", "se", "reference", "z", "relative_se", "pass"]
    assert list(found["cases"][0]) == [*contract, "kind", "within", "most_relative_se"]
    assert (found["passed"], found["failed"]) == (4 + len(invariants.INVARIANTS) + len(controls.CONTROLS), 0)
    assert all(row["pass"] for row in found["controls"])
    assert found["theory"][0]["source"] == "Erlang (1917)"
    assert [row["worlds"] for row in found["reference"]] == [20, 8, 10, 5]
    assert sum(row["rows"] for row in found["reference"]) == found["reference_rows"]
    assert found["not_covered"] == [{"id": "later", "reason": "needs serving"}]
    kinds = ((worlds, 20), (elastic_worlds, 8), (serving_worlds, 5), (api_worlds, 5))
    assert found["reference_rows"] == sum(kind.compare(range(count))[0] for kind, count in kinds) > 800
    assert found["rows_differing"] == 0
    assert seen[-1][0] == seen[-1][1]
    json.dumps(found, allow_nan=False)


def test_own_cases_are_judged_alone(tmp_path):
    seen = []
    found = verify(cases(tmp_path, CASE), jobs=1, progress=lambda *done: seen.append(done))
    assert (found["passed"], found["failed"], found["reference_rows"], seen) == (4, 0, 0, [(1, 1)])
    assert found["invariants"] == found["controls"] == found["reference"] == []
    assert verify_text(found).endswith("\n\n4 passed, 0 failed")
    page = verify_markdown(found)
    assert "**4 of 4 checks pass.** This is the full form." in page
    assert re.findall("^## (.*)$", page, flags=re.MULTILINE) == ["Contents", "How large the errors are", "Theory cases"]


# Case files


@pytest.mark.parametrize(
    ("line", "old", "new", "refusal"),
    [
        (9, "kind: fine_tune", "kind: fine_tun", "workload.jobs must have a known kind; did you mean `fine_tune`?"),
        (18, "replications: 60", "replicas: 60", "replicas is not a key here; did you mean `replications`?"),
        (18, "replications: 60", "replications: 0", "replications must be a whole number from 1 to 10000000"),
        (18, "replications: 60", "replications: 1", "replications must be at least 2 (30 is wise) where a value is"),
        (21, "value: 0.6, kind: mean", "value: 0.6, kind: men", "kind 'men' is not known; did you mean `mean`?"),
        (21, "value: 0.6", "value: high", "value must be a number, got 'high'"),
        (21, "value: 0.6", "valu: 0.6", "valu is not a key here; did you mean `value`?"),
        (21, "value: 0.6", "value: 0.6, reference_se: -1", "reference_se must be a number >= 0, got -1"),
        (
            20,
            "jobs.api_share",
            "jobs.api_shares",
            "case `two_gpus`: plans.fleet.classes.jobs.api_shares is not a key of",
        ),
        (21, "fleet.utilization.allocated", "fleet.utilization", "holds several values; choose one: `allocated`"),
        (21, "plans.fleet.util", "plan.fleet.util", "plan is not a key of the result; did you mean `plans`?"),
        (22, "fleet.api_mean", "fleet.api_men", "probe 'api_men' is not known; did you mean `api_mean`?"),
        (22, "probes.fleet.fleet", "probes.flet.fleet", "plan 'flet' is not known; did you mean `fleet`?"),
        (22, "probes.fleet.fleet", "probes.fleet.classes.job", "class 'job' is not known; did you mean `jobs`?"),
        (2, "- id: two_gpus", "- name: two_gpus", "id is missing"),
        (6, "horizon_days: 500", "horizon_days: -1", "horizon_days must be"),
    ],
)
def test_faults_of_a_case_file_name_their_line(tmp_path, line, old, new, refusal):
    with pytest.raises(InputError) as refused:
        check_all(read_cases([cases(tmp_path, CASE.replace(old, new))]).cases)
    found = next(fault for fault in refused.value.faults if refusal in fault.text)
    assert found.where.endswith(f"cases.yaml:{line}")


def test_all_faults_at_once(tmp_path):
    text = CASE.replace("value: 0.6", "value: high").replace("kind: fine_tune", "kind: x").replace("s: 60", "s: many")
    with pytest.raises(InputError) as refused:
        read_cases([cases(tmp_path, text)])
    assert len(refused.value.faults) == 3


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("12", "must be a list of cases"),
        ("[]", "holds no case"),
        ("- 3", "must be a case with `id`, `scenario` and `expect`"),
        ("- id: [", "is not valid YAML"),
        ("- {id: a}", "case `a`: scenario is missing"),
        ("cases: []\nmore: 1", "more is not a key here; did you mean `cases`?"),
        (CASE + CASE, "id must be used once, got 'two_gpus' again"),
    ],
)
def test_what_is_no_case_file(tmp_path, text, refusal):
    with pytest.raises(InputError, match=r"cases\.yaml") as refused:
        read_cases([cases(tmp_path, text)])
    assert refusal in str(refused.value)


def test_three_forms_of_a_file(tmp_path):
    listed = case(tmp_path)
    rows = CASE.strip().splitlines()
    alone = "\n".join(line[2:] for line in rows)
    named = "cases:\n" + CASE
    assert case(tmp_path, alone).expect[1].value == case(tmp_path, named).expect[1].value == listed.expect[1].value


# Invariants


@pytest.mark.parametrize("check", invariants.INVARIANTS, ids=lambda check: check.__name__)
def test_invariants(check):
    assert invariants.run_invariant(check)["pass"]


def test_an_invariant_can_fail(monkeypatch):
    served = invariants._served

    def late(**settings):
        return [
            (ready, name, paths, terms, replace(rows, start=rows.start - 10**12))
            for ready, name, paths, terms, rows in served(**settings)
        ]

    monkeypatch.setattr(invariants, "_served", late)
    assert not invariants.run_invariant(invariants.waits_are_within_patience)["pass"]
    assert not invariants.run_invariant(invariants.fleet_is_never_over_full)["pass"]


@pytest.mark.parametrize(
    ("column", "check"),
    [
        ("start", invariants.every_request_has_one_outcome),
        ("replica", invariants.every_request_has_one_outcome),
        ("gpu_time", invariants.requests_share_the_busy_time),
        ("busy", invariants.busy_within_windows),
        ("batch_time", invariants.busy_within_windows),
    ],
)
def test_an_invariant_of_requests_can_fail(monkeypatch, column, check):
    served = invariants._requests_served()
    wrong = [
        (pool, requests, replace(rows, **{column: getattr(rows, column) * 9 + 9})) for pool, requests, rows in served
    ]
    monkeypatch.setattr(invariants, "_requests_served", lambda: wrong)
    assert not invariants.run_invariant(check)["pass"]


@pytest.mark.parametrize(
    ("table", "column", "off", "check"),
    [
        ("stints", "until", 1, "stints_never_overfill_a_node"),
        ("stints", "since", -1, "stints_lie_within_their_nodes_time"),
        ("stints", "until", 2, "no_job_runs_twice_at_once"),
        ("stints", "lost", 1, "saved_work_adds_up_to_the_service"),
        ("stints", "node", 1, "rows_agree_with_stints"),
        ("rows", "start", 1, "rows_agree_with_stints"),
        ("stints", "restart", 1, "losses_have_causes"),
        ("hires", "left", 1, "hires_of_one_slot_follow_each_other"),
        ("hires", "ready", 1, "hires_take_their_boot_and_lifetime_in_turn"),
        ("hires", "left", 2, "hires_take_their_boot_and_lifetime_in_turn"),
        ("hires", "ordered", -1, "hires_stay_within_the_maximum"),
        ("hires", "ready", NEVER, "orders_are_supplied_and_cancelled_ones_run_nobody"),
    ],
)
def test_a_check_of_timelines_can_fail(monkeypatch, table, column, off, check):
    check = getattr(timelines, check)
    assert invariants.run_invariant(check)["pass"]
    wrong = [
        replace(each, **{table: replace(getattr(each, table), **{column: getattr(getattr(each, table), column) + off})})
        for each in timelines.scenes()
    ]
    monkeypatch.setattr(timelines, "scenes", lambda: wrong)
    assert not invariants.run_invariant(check)["pass"]


def test_the_elastic_scenario_has_what_it_promises():
    scenes = timelines.scenes()[-3:]
    assert all(np.count_nonzero(each.rows.interrupted) for each in scenes[:2])  # frail, spot
    assert all(len(each.hires) > 50 for each in scenes)
    assert scenes[0].hazards.refused.any()
    assert scenes[1].hazards.supply.shape[1] == 1


def test_the_mixed_scenario_has_what_it_promises():
    counts = np.zeros(6, np.int64)
    for _, _, rows in invariants._requests_served():
        counts += np.bincount(rows.outcome, minlength=6)
        counts[HIRED] += np.count_nonzero(rows.preempted)  # no request is hired for
    assert (counts > 50).all()


def test_shipped_files_are_found_and_complete():
    found = read_cases(shipped())
    assert len(found.cases) >= 50
    assert all(case.source and case.formula for case in found.cases)
    assert [entry["id"] for entry in found.not_covered] == ["O-SJF"]
