"""The checks of the program, checked: they pass what is right and fail what is wrong."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import sim.verify.run
from sim import fleet
from sim.faults import InputError
from sim.jobs import API, HELD, HIRED
from sim.tables import verify_text
from sim.tables.verification import verify_markdown
from sim.units import NEVER
from sim.verify import api_worlds, controls, elastic_worlds, invariants, serving_worlds, timelines, verify, worlds
from sim.verify.cases import read_cases, shipped
from sim.verify.probes import OF_FLEET, OF_JOBS, OF_PAIR, OF_ROW, estimate, wish
from sim.verify.rule import judge
from sim.verify.theory import check_all, run_case, wanted_values

CASE = """
- id: two_gpus
  source: Erlang (1917)
  formula: 1/B(k) = 1 + k/(a B(k-1))
  scenario:
    horizon_days: 500
    warm_up_days: 5
    workload:
      jobs:
        kind: fine_tune
        arrivals: {law: poisson, rate_per_day: 24}
        service_hours: {law: exponential, mean: 2}
    plans:
      fleet:
        held: {gpu: {gpus: 1, nodes: 2, usd_per_node_h: 3}}
        api: {usd_per_job: 7}
        queue_limit: 0
  replications: 60
  expect:
    - {key: plans.fleet.classes.jobs.api_share, value: 0.4, kind: mean}
    - {key: plans.fleet.utilization.allocated, value: 0.6, kind: mean}
    - {key: probes.fleet.fleet.api_mean, value: 0.8, kind: mean}
    - {key: plans.fleet.gpu_hours.paid, value: 23760, kind: exact}
"""


def cases(tmp_path, text):
    """Write a file of cases."""
    file = tmp_path / "cases.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def case(tmp_path, text=CASE):
    """Read a file of one case."""
    return read_cases([cases(tmp_path, text)]).cases[0]


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
    monkeypatch.setattr(sim.verify.run, "shipped", lambda: [cases(tmp_path, text)])
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


def test_single_jobs_and_words_can_be_expected(tmp_path):
    text = """
id: tie
scenario:
  horizon_days: 1
  workload:
    jobs: {kind: fine_tune, jobs: [{arrival_hours: 0, service_hours: 2}, {arrival_hours: 1, service_hours: 2}]}
  plans:
    fleet: {held: {gpu: {gpus: 1, nodes: 1, usd_per_node_h: 1}}}
replications: 1
expect:
  - {key: probes.fleet.jobs.1.start_h, value: 2, kind: exact}
  - {key: probes.fleet.jobs.2.start_h, value: null, kind: exact}
  - {key: plans.fleet.eligible, value: true, kind: exact}
  - {key: comparison.cheapest, value: fleet, kind: exact}
"""
    assert [row["pass"] for row in run_case(case(tmp_path, text))] == [True] * 4


# Iterations: [0, 1.5] the first alone; [1.5, 3.5], [3.5, 5.5] and [5.5, 7.5] two, the longest; [7.5, 9] the third
# alone, then the fourth. Two requests find one there, with whom they slow each other.
REQUESTS = """
id: three
scenario:
  horizon_days: 0.001
  workload:
    chat:
      kind: inference
      requests:
        - {arrival_s: 0, prompt_tokens: 1, output_tokens: 4}
        - {arrival_s: 1, prompt_tokens: 1, output_tokens: 1}
        - {arrival_s: 1.2, prompt_tokens: 1, output_tokens: 3}
        - {arrival_s: 20, prompt_tokens: 1, output_tokens: 2}
  plans:
    fleet:
      held:
        gpu:
          gpus: 1
          nodes: 1
          usd_per_node_h: 1
          serve:
            {base_ms: 1000, per_request_ms: 500, per_prefill_token_us: 500000, floor_ms: 1500, kv_tokens: 99,
             max_num_seqs: 2, token_budget: 2}
    api:
      api: {usd_per_million_input_tokens: 1, usd_per_million_output_tokens: 1, ttft_s: 1}
replications: 1
expect:
  - {key: probes.fleet.jobs.2.start_h, value: 0.000972222222222222, kind: exact}
  - {key: probes.fleet.jobs.2.end_s, value: 9, kind: exact}
  - {key: probes.fleet.jobs.2.sojourn_h, value: 0.00216666666666667, kind: exact}
  - {key: probes.fleet.jobs.2.seconds_per_token, value: 2.6, kind: exact}
  - {key: probes.fleet.classes.chat.queued_share, value: 0.25, kind: exact}
  - {key: probes.fleet.classes.chat.crowded_share, value: 0.5, kind: exact}
  - {key: probes.fleet.all.held_service_s, value: 4.5, kind: exact}
  - {key: probes.fleet.classes.chat.held_ms_per_token, value: 1800, kind: exact}
  - {key: probes.fleet.classes.chat.us_per_token, value: 2118750, kind: exact}
  - {key: probes.fleet.classes.chat.held_sojourn_square_s2, value: 33.085, kind: exact}
  - {key: plans.fleet.classes.chat.wait_s.all.p95, value: 2.03, kind: exact}
  - {key: plans.fleet.classes.chat.ttft_s.held.p50, value: 2.0, kind: exact}
  - {key: probes.api.all.queued_share, value: null, kind: exact}
  - {key: probes.api.all.crowded_share, value: null, kind: exact}
"""


def test_probes_of_requests(tmp_path):
    assert [row for row in run_case(case(tmp_path, REQUESTS)) if not row["pass"]] == []


# Two jobs on one GPU that is hired when they come: a boot of a quarter of an hour each, kept for an hour; the second
# gives way at 5 h to an urgent one of half an hour, and begins anew.
NODES = """
id: nodes
scenario:
  horizon_days: 0.5
  workload:
    low:
      {kind: fine_tune, jobs: [{arrival_hours: 0, service_hours: 1}, {arrival_hours: 4, service_hours: 2}], priority: 1}
    high: {kind: fine_tune, jobs: [{arrival_hours: 5, service_hours: 0.5}]}
  plans:
    zero:
      hired: {gpu: {gpus: 1, usd_per_node_h: 2, maximum: 1, boot_minutes: 15, idle_release_minutes: 60}}
      preempt: true
    at_once: {hired: {gpu: {gpus: 1, usd_per_node_h: 2}}}
replications: 1
expect:
  - {key: probes.zero.classes.low.interruptions, value: 0.5, kind: exact}
  - {key: probes.zero.all.uninterrupted_share, value: 0.666666666666667, kind: exact}
  - {key: probes.zero.classes.low.run_h, value: 2.125, kind: exact}
  - {key: probes.zero.classes.low.run_sd_h, value: 1.125, kind: exact}
  - {key: probes.zero.jobs.1.run_h, value: 3.25, kind: exact}
  - {key: probes.zero.classes.low.gpu_hours, value: 1.875, kind: exact}
  - {key: probes.zero.classes.low.lost_gpu_hours, value: 0.375, kind: exact}
  - {key: probes.zero.all.gpu_hours, value: 1.41666666666667, kind: exact}
  - {key: probes.zero.fleet.orders, value: 2, kind: exact}
  - {key: probes.zero.fleet.cold_starts_per_hour, value: 0.166666666666667, kind: exact}
  - {key: probes.zero.fleet.cold_starts_per_job, value: 0.666666666666667, kind: exact}
  - {key: probes.zero.fleet.cold_period_share, value: 1, kind: exact}
  - {key: probes.zero.fleet.booting_nodes, value: 0.0416666666666667, kind: exact}
  - {key: probes.zero.fleet.warm_nodes, value: 0.166666666666667, kind: exact}
  - {key: probes.zero.fleet.none_up_share, value: 0.479166666666667, kind: exact}
  - {key: probes.zero.fleet.none_there_share, value: 0.4375, kind: exact}
  - {key: probes.zero.fleet.paid_gpus, value: 0.5625, kind: exact}
  - {key: probes.zero.fleet.paid_by_allocated, value: 1.58823529411765, kind: exact}
  - {key: probes.zero.fleet.paid_gpu_hours_per_job, value: 2.25, kind: exact}
  - {key: probes.zero.fleet.busy_variance, value: 0.228732638888889, kind: exact}
  - {key: probes.zero.fleet.busy_p50, value: 0, kind: exact}
  - {key: probes.zero.fleet.busy_p95, value: 1, kind: exact}
  - {key: probes.zero.jobs.0.attributed_usd, value: 2, kind: exact}
  - {key: probes.zero.jobs.0.fully_loaded_usd, value: 4.5, kind: exact}
  - {key: probes.at_once.classes.low.fully_loaded_sd_usd, value: 1, kind: exact}
  - {key: probes.at_once.against.zero.variance_apart, value: 8.02596975673899, kind: exact}
  - {key: probes.at_once.fleet.orders, value: null, kind: exact}
  - {key: probes.at_once.fleet.cold_period_share, value: null, kind: exact}
  - {key: probes.at_once.all.gpu_hours, value: null, kind: exact}
"""


def test_probes_of_nodes_that_come_and_go(tmp_path):
    assert [row for row in run_case(case(tmp_path, NODES)) if not row["pass"]] == []


def test_percentiles_of_requests_keep_the_values_they_need(tmp_path):
    found = case(tmp_path, REQUESTS)
    assert wanted_values(found) == {
        ("fleet", "chat", f"{duration}_s.{server}") for duration in ("wait", "ttft") for server in ("held", "api")
    }
    limited = REQUESTS.replace("  horizon", "  equal_work: {ttft_p95_s: 1}\n  horizon")
    assert ("api", "chat", "ttft_s.held") in wanted_values(case(tmp_path, limited))
    by_hours = REQUESTS.replace("wait_s.all.p95, value: 2.03", "wait_held_h.p95, value: 0.000563888888888889")
    assert run_case(case(tmp_path, by_hours))[10]["pass"]


def test_every_probe_has_its_words():
    for name, probe in (OF_JOBS | OF_FLEET | OF_PAIR).items():
        assert probe.text, name
    assert all(OF_ROW.values())
    assert wish("probes.a.all.wait_share", ["a"], ["x"]).job_class == -1
    with pytest.raises(LookupError, match="must name a job by its number"):
        wish("probes.a.jobs.x.start_h", ["a"], ["x"])


def test_a_probe_is_the_statistic_it_says():
    rng = np.random.default_rng(1)
    bills = rng.gamma(4.0, 10.0, 4000)
    sums = {"bill": bills, "bill2": bills**2, "bill3": bills**3}
    found = estimate(OF_FLEET["bill_skewness"].formula, sums, 0.95)
    assert found.value == pytest.approx(np.mean((bills - bills.mean()) ** 3) / bills.std() ** 3, rel=1e-9)
    assert abs(found.value - 1.0) < 5 * found.se  # 2/sqrt(4)


# Random worlds


def _passed_someone(world, rows):
    """Count jobs that started while one with a better place had arrived and was waiting."""
    paths, count = world.paths, 0
    for first, last in zip(paths.offsets[:-1], paths.offsets[1:], strict=True):
        place = [(paths.priority[j], paths.arrival[j], j) for j in range(first, last)]
        for j in range(first, last):
            if rows.outcome[j] == HELD:
                before = [i for i in range(first, last) if place[i - first] < place[j - first]]
                count += any(
                    paths.arrival[i] <= rows.start[j] and (rows.start[i] < 0 or rows.start[i] > rows.start[j])
                    for i in before
                )
    return count


def test_worlds_hold_what_they_promise():
    seen = dict.fromkeys(["ties", "overflows", "left waiting", "passed", "multi-node", "zero", "cut", "limit 0"], 0)
    for number in range(150):
        world = worlds.world(number)
        rows = fleet.serve(world.fleet, world.paths, world.terms)
        ends = rows.end[rows.outcome == HELD]
        patience_ends = rows.start[(rows.outcome == API) & (rows.start > world.paths.arrival)]
        seen["ties"] += len(np.intersect1d(ends, world.paths.arrival)) + len(np.intersect1d(ends, patience_ends))
        seen["overflows"] += np.count_nonzero(rows.outcome == API)
        seen["left waiting"] += len(patience_ends)
        seen["passed"] += _passed_someone(world, rows) if world.fleet.backfill else 0
        seen["multi-node"] += np.count_nonzero(world.paths.gpus > world.fleet.gpus_per_node)
        seen["zero"] += np.count_nonzero(world.paths.service == 0)
        seen["cut"] += np.count_nonzero(rows.start < 0) + np.count_nonzero(ends > world.fleet.horizon)
        seen["limit 0"] += world.fleet.queue_limit == 0
    assert min(seen.values()) >= 10, seen
    assert seen["ties"] > 500


def test_elastic_worlds_hold_what_they_promise():
    what = ["cancelled", "taken away", "given back", "interrupted", "twice", "several nodes", "lost", "writing", "cut"]
    words = ["refusing", "no nodes", "no maximum", "levels", "binding", "lent", "fails", "preempt", "backfill", "kept"]
    seen = dict.fromkeys([*what, *words, "hires", "refused", "slots"], 0)
    for each in map(elastic_worlds.world, range(150)):
        rows, short = each.served(fleet.serve)
        for name in set(short):
            seen[name] += 1
        if rows.stints is None:
            continue
        left = rows.hires.left[(rows.hires.ready < NEVER) & (rows.hires.left < NEVER)]
        busy = np.isin(left, rows.stints.until[rows.stints.lost > 0])
        rules, hiring = each.fleet, each.fleet.hiring
        for name, count in {
            "cancelled": np.count_nonzero(rows.hires.ready == NEVER),
            "taken away": np.count_nonzero(busy),
            "given back": np.count_nonzero(~busy),
            "interrupted": np.count_nonzero(rows.interrupted),
            "twice": np.count_nonzero(rows.interrupted > 1),
            "several nodes": np.count_nonzero(each.paths.gpus[rows.stints.job] > rules.gpus_per_node),
            "lost": np.count_nonzero(rows.stints.lost),
            "writing": np.count_nonzero(rows.stints.writing),
            "cut": np.count_nonzero(rows.end > rules.horizon),
            "refusing": each.hazards.refused.shape[1] > 0,
            "no nodes": rules.nodes == 0,
            "no maximum": hiring is not None and hiring.maximum == NEVER,
            "levels": len(np.unique(each.paths.priority)) > 3,
            "binding": hiring is not None and hiring.binding,
            "lent": rules.lent > 0,
            "fails": rules.fails,
            "preempt": rules.preempt,
            "backfill": rules.backfill,
            "kept": hiring is not None and hiring.idle_release > 0,
        }.items():
            seen[name] += int(count)
    assert min(seen.values()) >= 10, seen
    assert min(seen[name] for name in ("cancelled", "interrupted", "several nodes", "lost", "writing")) > 500, seen


@pytest.mark.slow
def test_a_thousand_elastic_worlds():
    assert elastic_worlds.FULL == 1000
    rows, differing = elastic_worlds.compare(range(elastic_worlds.FULL))
    assert rows > 50_000
    assert differing == 0


@pytest.mark.parametrize("column", ["lost", "node"])
def test_a_wrong_stint_or_hire_is_found(monkeypatch, column):
    right = fleet.serve

    def wrong(*world):
        rows = right(*world)
        name = "stints" if column == "lost" else "hires"
        if (told := getattr(rows, name)) is None:
            return rows
        return replace(rows, **{name: replace(told, **{column: getattr(told, column) + 1})})

    assert elastic_worlds.compare(range(10))[1] == 0
    monkeypatch.setattr(elastic_worlds.fleet, "serve", wrong)
    assert elastic_worlds.compare(range(10))[1] > 0


def test_a_wrong_row_is_found(monkeypatch):
    right = fleet.serve

    def wrong(*world):
        rows = right(*world)
        return replace(rows, end=rows.end + (rows.outcome == API))

    assert worlds.compare(range(20))[1] == 0
    monkeypatch.setattr(worlds.fleet, "serve", wrong)
    assert worlds.compare(range(20))[1] > 0


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


BY_THE_HOUR = """
- id: by_the_hour
  source: by hand
  formula: two days; one GPU
  scenario:
    horizon_days: 2
    workload:
      jobs:
        kind: fine_tune
        jobs:
          - {arrival_hours: 5, service_hours: 2}
          - {arrival_hours: 6, service_hours: 2}
          - {arrival_hours: 29.5, service_hours: 18}
          - {arrival_hours: 30, service_hours: 2}
    plans:
      fleet: {held: {gpu: {gpus: 1, nodes: 1, usd_per_node_h: 1}}}
  replications: 2
  expect:
    - {key: probes.fleet.fleet.in_system_at_4h, value: 0.0, kind: exact}
    - {key: probes.fleet.fleet.in_system_at_5h, value: 0.5, kind: exact}
    - {key: probes.fleet.fleet.in_system_at_6h, value: 2.0, kind: exact}
    - {key: probes.fleet.fleet.waiting_at_6h, value: 1.0, kind: exact}
    - {key: probes.fleet.fleet.in_system_at_7h, value: 1.5, kind: exact}
    - {key: probes.fleet.fleet.waiting_at_7h, value: 0.5, kind: exact}
    - {key: probes.fleet.fleet.in_system_at_9h, value: 1.0, kind: exact}
    - {key: probes.fleet.fleet.waiting_at_23h, value: 0.5, kind: exact}
    - {key: probes.fleet.fleet.in_system_at_23h, value: 1.0, kind: exact}
"""


def test_who_is_there_by_the_hour_by_hand(tmp_path):
    # First day: served from 5 to 7 and from 7 to 9. Second: from 5:30 to 23:30, and from then on beyond the end.
    right = case(tmp_path, BY_THE_HOUR)
    assert [row["estimate"] for row in run_case(right)] == [row.value for row in right.expect]


def test_the_swing_of_a_night_shift_by_hand(tmp_path):
    # One GPU busy from 0 to 12 h each day: mean 1/2; the first harmonic of such a square is 2 / pi, at its peak at 6 h.
    shifts = "[{arrival_hours: 0, service_hours: 12}, {arrival_hours: 24, service_hours: 12}]"
    text = BY_THE_HOUR[: BY_THE_HOUR.index("        jobs:")] + f"        jobs: {shifts}\n"
    text += BY_THE_HOUR[BY_THE_HOUR.index("    plans:") : BY_THE_HOUR.index("  expect:")] + "  expect:\n"
    wanted = {"amplitude": 2 / np.pi, "peak": 0.5 + 2 / np.pi, "trough": 0.5 - 2 / np.pi, "lag_h": 0.0}
    for name, value in wanted.items():
        text += f"    - {{key: probes.fleet.fleet.busy_{name}, value: {value}, kind: mean}}\n"
    found = [row["estimate"] for row in run_case(case(tmp_path, text))]
    assert found == pytest.approx(list(wanted.values()), abs=1e-11)
