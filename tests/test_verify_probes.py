"""Probes: what theory states and no buyer asks for, in worlds by hand."""

import numpy as np
import pytest
from case_files import case

from sim.questions.verify.probes import OF_FLEET, OF_JOBS, OF_PAIR, OF_ROW, estimate, wish
from sim.questions.verify.theory import run_case, wanted_values


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
