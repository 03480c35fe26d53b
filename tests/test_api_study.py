"""APIs in a study: what becomes of requests, what they pay, how a plan is judged; refusals of scenarios."""

import numpy as np
import pytest
from refusals import faults
from studies import plain
from worlds import scenario

from sim.engine.workload import api_chance
from sim.questions.tables import study_text
from sim.questions.verify.samples import METERED
from sim.questions.verify.samples import scenario as sample
from sim.study import run
from sim.study.simulate import Experiment

LISTED = """\
name: listed
seed: 1
horizon_days: 0.01
workload:
  chat:
    kind: inference
    requests:
      - {arrival_s: 0, prompt_tokens: 600, output_tokens: 400}
      - {arrival_s: 0, prompt_tokens: 600, output_tokens: 400}
      - {arrival_s: 1, prompt_tokens: 100, output_tokens: 100}
plans:
  api:
    api:
      usd_per_million_input_tokens: 1000
      usd_per_million_output_tokens: 10000
      ttft_s: 1
      seconds_per_output_token: 0.01
"""
"""Requests of 4.6, 4.6 and 1.1 USD; the horizon is 864 s."""

API = "plans.api.api"
LIMITS = {"requests_per_minute": 60, "burst_s": 1}
STEADY = {"most": 1, "first_s": 3, "jitter": False}


def one(**keys):
    """The listed world with keys put into its API, run once."""
    return run(scenario(LISTED, {f"{API}.{key}": value for key, value in keys.items()}), 1, jobs=1)


def rows(study, *columns) -> list[list]:
    """Some columns of the jobs, rounded to what a person reads."""
    frame = study.jobs("api")[list(columns)].replace({np.nan: None})
    return [[round(each, 6) if isinstance(each, float) else each for each in row] for row in frame.to_numpy().tolist()]


def bill(study) -> dict:
    """The lines of the bill that are not 0."""
    found = {line: each.value for line, each in study.result["plans"]["api"]["bill_usd"].items()}
    return {line: pytest.approx(usd) for line, usd in found.items() if usd and line != "total"}


def test_a_retry_is_in_every_duration():
    # The second of two at 0 s comes again at 3 s; the third finds the request of its second.
    study = one(limits=LIMITS, retries=STEADY)
    found = rows(study, "wait_h", "ttft_s", "sojourn_s", "outcome", "attempts", "throttled", "attributed_usd")
    assert found == [
        [0, 1, 1 + 3.99, "api", 1, 0, 4.6],
        [round(3 / 3600, 6), 4, 4 + 3.99, "api", 2, 1, 4.6],
        [0, 1, 1 + 0.99, "api", 1, 0, 1.1],
    ]
    assert bill(study) == {"api": 10.3}
    plan = study.result["plans"]["api"]
    each = plan["classes"]["chat"]
    assert (each["attempts_per_request"].value, each["retried_share"].value) == (pytest.approx(4 / 3), 1 / 3)
    assert (plan["api"]["throttled_share"].value, plan["api"]["failed_share"].value) == (0.25, 0)
    assert plan["api"]["reserved"] is None
    assert plan["usd_per_successful_request"].value == pytest.approx(10.3 / 3)
    assert each["queue"].value == pytest.approx(3 / 864)


def test_a_plan_tells_who_was_given_up_and_how_many_were_left_in_all():
    # Four at 0 s: one passes, one of the three that try again at 3 s does. Of two at 862 s one would try at 865 s.
    again = [{"arrival_s": at, "prompt_tokens": 600, "output_tokens": 400} for at in (0, 0, 0, 0, 862, 862)]
    asked = {"workload.chat.requests": again, f"{API}.limits": LIMITS, f"{API}.retries": STEADY}
    reason = run(scenario(LISTED, asked), 1, jobs=1).result["plans"]["api"]["reason"]
    given_up = "33.3 % of the requests of class `chat` were given up at the API"
    assert reason == f"{given_up}, and 50 % were left in all (at most 1 % may be)"


def test_who_is_given_up_is_not_answered_and_pays_nothing():
    study = one(limits=LIMITS, retries={"most": 0})
    assert rows(study, "outcome", "start_h", "attributed_usd", "last_attempt_h")[1] == ["failed", None, 0, 0]
    plan = study.result["plans"]["api"]
    each = plan["classes"]["chat"]
    assert (each["successful"].value, each["failed_share"].value) == (2, pytest.approx(1 / 3))
    assert plan["usd_per_successful_request"].value == pytest.approx(5.7 / 2)
    assert plan["reason"] == "33.3 % of the requests of class `chat` were given up at the API (at most 1 % may be left)"
    assert not each["censored"]
    assert [entry["code"] for entry in study.result["warnings"]] == ["one_replication", "failed"]
    settled = run(
        scenario(LISTED, {f"{API}.limits": LIMITS, f"{API}.retries.most": 0, "equal_work.settle_usd_per_job": 9}), 1
    )
    assert settled.result["plans"]["api"]["bill_usd"]["total"].value == pytest.approx(5.7 + 9)


def test_who_still_waits_when_the_clock_stops_has_not_started():
    world = {"limits": LIMITS, "retries": {"most": 1, "first_s": 1000, "longest_s": 1000, "jitter": False}}
    assert rows(one(**world), "outcome", "attempts")[1] == ["not_started", 1]


@pytest.mark.parametrize(("charged", "usd"), [(False, 0), (True, 3 * 10.3)])
def test_errors_are_charged_where_the_api_says_so(charged, usd):
    study = one(error_share=1, errors_charged=charged, retries={"most": 2, "first_s": 1})
    assert study.result["plans"]["api"]["bill_usd"]["api"].value == pytest.approx(usd)
    assert study.result["plans"]["api"]["usd_per_successful_request"].value is None


def test_reserved_units_are_paid_busy_or_idle():
    # 60,000 tokens a minute are 864,000 over the horizon for 2.4 USD; 2,200 of them are used, all by units.
    units = {"units": 2, "tokens_per_minute_per_unit": 30_000, "usd_per_unit_h": 5}
    study = one(reserved=units)
    used = 2.4 * 2200 / 864_000
    assert bill(study) == {"held_used": used, "held_idle": 2.4 - used}
    found = study.result["plans"]["api"]["api"]["reserved"]
    assert (found["utilization"].value, found["usd"].value) == (pytest.approx(2200 / 864_000), pytest.approx(2.4))
    loaded = study.jobs("api")["fully_loaded_usd"]
    assert loaded.to_list() == pytest.approx([2.4 * 10 / 22, 2.4 * 10 / 22, 2.4 * 2 / 22])  # idle money by tokens


def test_who_is_answered_as_a_window_begins_uses_the_units_of_that_window():
    # Two windows of 432 s at 1.2 USD, one request at the beginning of each: it carries the whole window.
    twice = [{"arrival_s": at, "prompt_tokens": 600, "output_tokens": 400} for at in (0, 432)]
    units = {"units": 1, "tokens_per_minute_per_unit": 60_000, "usd_per_unit_h": 10}
    asked = {"workload.chat.requests": twice, f"{API}.reserved": units, "allocation.window_days": 0.005}
    study = run(scenario(LISTED, asked), 1, jobs=1)
    assert study.jobs("api")["fully_loaded_usd"].to_list() == pytest.approx([1.2, 1.2])


def test_what_exceeds_the_units_is_paid_per_use():
    units = {"units": 1, "tokens_per_minute_per_unit": 60_000, "usd_per_unit_h": 10, "burst_s": 1}
    study = one(reserved=units)  # 1,000 tokens are saved up: the second request is paid for by its tokens
    used = 2.4 * 1200 / 864_000
    assert bill(study) == {"api": 4.6, "held_used": used, "held_idle": 2.4 - used}
    patient = one(reserved=units | {"beyond": "wait"}, retries=STEADY)
    assert rows(patient, "attempts", "outcome") == [[1, "api"], [2, "api"], [1, "api"]]
    assert "api" not in bill(patient)


def test_idle_units_that_nobody_used_are_still_paid():
    # Half the clock is warm-up, and all requests come before.
    units = {"units": 1, "tokens_per_minute_per_unit": 60_000, "usd_per_unit_h": 10}
    study = run(scenario(LISTED, {f"{API}.reserved": units, "warm_up_days": 0.005}), 1)
    assert bill(study) == {"held_idle": 1.2}


def test_units_that_a_request_of_the_warm_up_took_are_paid_by_those_that_count():
    # Of two at 431 s the second finds 1,000 tokens again at 434 s, 2 s after counting began: 432 s of units at 1.2 USD.
    asked = [{"arrival_s": at, "prompt_tokens": 600, "output_tokens": 400} for at in (431, 431, 600)]
    units = {"units": 1, "tokens_per_minute_per_unit": 60_000, "usd_per_unit_h": 10, "burst_s": 1, "beyond": "wait"}
    account = {f"{API}.reserved": units, f"{API}.retries": STEADY, "workload.chat.requests": asked}
    study = run(scenario(LISTED, account | {"warm_up_days": 0.005}), 1, jobs=1)
    assert bill(study) == {"held_used": 1.2 * 2000 / 432_000, "held_idle": 1.2 * 430_000 / 432_000}
    assert study.jobs("api").query("fully_loaded_usd > 0")["fully_loaded_usd"].to_list() == pytest.approx([1.2])


def test_the_batch_tier_takes_the_classes_that_can_wait():
    batch = {"discount": 0.5, "turnaround_hours": 2}
    late = {"workload.chat.deadline_hours": 24, f"{API}.batch": batch, f"{API}.limits": LIMITS}
    study = run(scenario(LISTED, late), 1)
    assert rows(study, "attempts", "ttft_s", "sojourn_s", "tpot_s") == [[1, 7200, 7200, 0]] * 3
    assert bill(study) == {"api": 10.3 / 2}
    assert study.result["plans"]["api"]["classes"]["chat"]["late_share"].value == 0
    assert study.result["plans"]["api"]["eligible"]
    assert not [entry for entry in study.result["warnings"] if entry["code"] == "unfinished"]
    none_taken_at_once = {f"{API}.{key}": None for key in ("ttft_s", "seconds_per_output_token", "limits")}
    told = run(scenario(LISTED, late | none_taken_at_once), 1).result["warnings"]
    assert "api_seconds_assumed" not in [entry["code"] for entry in told]


@pytest.mark.parametrize(("retries", "basis", "most"), [(None, "assumed", 5), ({"most": 2}, "stated", 2)])
def test_how_often_a_caller_tries_again_is_told(retries, basis, most):
    told = one(limits=LIMITS, retries=retries).result["plans"]["api"]["inputs"]
    (each,) = [entry for entry in told if entry["what"] == "API retries"]
    assert (each["basis"], each["value"]) == (basis, most)


OFFER = {"inference_offer": "together_llama_31_8b", "batch": {"turnaround_hours": 2}}


def test_batch_prices_are_those_of_the_offer():
    study = run(scenario(LISTED, {"workload.chat.deadline_hours": 24, API: OFFER}), 1)
    assert bill(study) == {"api": 2200 * 0.09e-6}  # half of 0.18 USD a million
    told = [entry for entry in study.result["plans"]["api"]["inputs"] if "batch (together" in entry["what"]]
    assert [entry["value"] for entry in told] == [0.09] * 3
    assert all("Batch API" in entry["source"] for entry in told)


def test_batch_prices_are_refused_before_there_was_a_tier(tmp_path):
    older = {API: OFFER | {"inference_offer": "openai_gpt_4_8k_2023_03"}, "price_date": "2024-01-01"}
    (line,) = faults(LISTED, tmp_path, {"workload.chat.deadline_hours": 24, **older})
    assert "no batch price of openai_gpt_4_8k_2023_03 is known as early as 2024-01-01" in line


def test_a_unit_of_the_price_book():
    units = {"units": 1, "tokens_per_minute_per_unit": 60_000, "unit": "azure_ptu", "rate": "hourly"}
    assert one(reserved=units).result["plans"]["api"]["api"]["reserved"]["usd"].value == pytest.approx(2 * 0.24)


def test_a_deadline_is_judged_and_a_shorter_one_is_not_batched():
    batch = {"discount": 0.5, "turnaround_hours": 25}
    other = {
        "workload.other": {
            "kind": "inference",
            "deadline_hours": 1,
            "requests": [{"arrival_s": 5, "prompt_tokens": 1, "output_tokens": 1}],
        }
    }
    study = run(scenario(LISTED, {"workload.chat.deadline_hours": 24, f"{API}.batch": batch, **other}), 1)
    plan = study.result["plans"]["api"]
    assert plan["reason"] == "100 % of the requests of class `chat` were answered later than 24 h (at most 1 % may)"
    assert plan["classes"]["other"]["late_share"].value == 0
    assert plan["classes"]["other"]["ttft_s"]["all"]["mean"].value == 1


def test_a_price_of_ttft_does_not_judge_what_can_wait():
    world = {"workload.chat.deadline_hours": 24, "equal_work.ttft_p95_s": 0.5}
    assert run(scenario(LISTED, world), 1).result["plans"]["api"]["eligible"]
    assert not run(scenario(LISTED, {"equal_work.ttft_p95_s": 0.5}), 1).result["plans"]["api"]["eligible"]


def test_an_api_with_nothing_but_prices_is_as_it_was():
    bare, wide = one(), one(limits={"requests_per_minute": 10**6}, error_share=0)
    assert bare.experiment.accounts == {"api": None}
    assert bare.result["plans"]["api"]["api"] is None
    columns = ["start_h", "end_h", "ttft_s", "outcome", "attributed_usd", "fully_loaded_usd"]
    assert rows(bare, *columns) == rows(wide, *columns)
    assert "attempts" not in bare.jobs("api")
    assert bare.result["plans"]["api"]["classes"]["chat"]["attempts_per_request"].value == 1
    assert "given up" not in study_text(bare.result)
    assert "given up" in study_text(wide.result)


def test_both_engines_give_the_same_study():
    world = sample(METERED, horizon_days=0.012)
    kernel, simpy = (run(world, 1, engine=engine, jobs=1) for engine in ("kernel", "simpy"))
    assert plain(kernel.result) == plain(simpy.result)


def test_the_account_does_not_mind_which_classes_make_a_pool():
    # A group that hands everything over makes two pools of one account; the same requests fail and wait as from one.
    api = METERED["plans"]["limited"]["api"]
    serve = {"gpus": 1, "nodes": 1, "usd_per_node_h": 0, "serve": {"base_ms": 1, "kv_tokens": 1, "classes": ["code"]}}
    plans = {"one": {"api": api}, "two": {"held": {"door": serve}, "api": api}}
    ready = Experiment.of(sample(METERED | {"plans": plans}, horizon_days=0.02), 5)
    work = ready.work([0, 1])
    seen = []
    for plan in plans:
        served = ready.served(plan, work).requests
        keys = [
            np.column_stack([requests.job_class, requests.arrival, rows.start, rows.end, rows.outcome])
            for _, requests, rows in served
        ]
        table = np.concatenate(keys)
        seen.append(table[np.lexsort(table.T[::-1])])
    assert len(seen[0]) > 500
    assert np.array_equal(*seen)


@pytest.mark.parametrize(
    ("keys", "load"),
    [
        ({"limits": {"requests_per_minute": 60}}, 2),
        ({"limits": {"tokens_per_minute": 60_000}}, 4),
        ({"limits": {"requests_per_minute": 10**4, "tokens_per_minute": 240_000}}, 1),
        ({"limits": {"tokens_per_minute": 400_000}}, None),
        ({"limits": {"tokens_per_minute": 60_000}, "reserved": {"units": 6}}, None),
        ({"reserved": {"units": 1}}, None),
        ({"reserved": {"units": 3, "beyond": "wait"}}, 4 / 3),
    ],
)
def test_an_account_that_is_asked_for_more_than_it_lets_pass_is_warned_of(keys, load):
    # 2 requests a second of 2,000 tokens are 120 and 240,000 a minute; what goes to the batch tier does not count.
    law = {"kind": "inference", "arrivals": {"law": "poisson", "rate_per_second": 2}}
    law |= {"prompt_tokens": 1500, "output_tokens": 500}
    if "reserved" in keys:
        keys = keys | {"reserved": {"tokens_per_minute_per_unit": 60_000, "usd_per_unit_h": 1} | keys["reserved"]}
    settings = {f"{API}.{key}": value for key, value in keys.items()}
    batch = {f"{API}.batch": {"discount": 0.5, "turnaround_hours": 1}}
    late = {"workload": {"chat": law, "late": law | {"deadline_hours": 24}}} | batch
    told = [entry["text"] for entry in run(scenario(LISTED, settings | late), 1).result["warnings"]]
    found = [text for text in told if "the rate that its API lets pass" in text]
    assert len(found) == (load is not None)
    assert all(f"requests come at {load:.3g} times" in text for text in found)


def test_chance_hangs_on_no_key_of_the_plan():
    worlds = [
        sample(METERED, **{f"plans__limited__api__{key}": value})
        for key, value in (("retries__most", 9), ("error_share", 0.5))
    ]
    drawn = []
    for world in worlds:
        work = Experiment.of(world, 5).work([3])
        requests = next(iter(work.requests.values()))
        drawn.append(api_chance(world, world.plans["limited"], 5, [3], requests))
    for column in ("jitter", "luck", "turnaround"):
        assert np.array_equal(*(getattr(each, column) for each in drawn))
    assert len(np.unique(drawn[0].jitter)) == len(drawn[0].jitter)
    assert not np.array_equal(drawn[0].jitter, drawn[0].luck)


def test_the_api_is_there_for_its_share_of_the_time():
    # Attempts meet an outage with probability down / (up + down) = 0.2, n = 400 independent instants.
    outages = {"up_hours": {"law": "exponential", "mean": 0.08}, "down_hours": {"law": "exponential", "mean": 0.02}}
    world = scenario(LISTED, {f"{API}.outages": outages, f"{API}.retries.most": 0})
    ready = Experiment.of(world, 2)
    windows = ready.accounts["api"].windows(2, range(400))
    for instant in (0, 400_000_000):
        down = (np.sum(windows <= instant, axis=1) % 2 == 0).mean()
        assert abs(down - 0.2) < 5 * (0.16 / 400) ** 0.5


@pytest.mark.parametrize(
    ("key", "value", "refusal"),
    [
        ("limits", {"requests_per_minute": 0}, "requests_per_minute must be a whole number from 1 to 10000000000"),
        ("limits", {"burst_s": 5}, "must have `requests_per_minute`, `tokens_per_minute` or both"),
        ("limits", {"request_per_minute": 5}, "did you mean `requests_per_minute`?"),
        ("limits", {"requests_per_minute": 30, "burst_s": 1}, "must have a burst_s of at least 2"),
        ("limits", {"tokens_per_minute": 10**10, "burst_s": 1000}, "must have a burst_s of at most 231"),
        (
            "limits",
            {"tokens_per_minute": 900},
            "must hold the 1,000 tokens of a request of `chat` at one time, got 900",
        ),
        ("retries", {"most": 3}, "something that makes a caller try again"),
        ("errors_charged", True, "must have `error_share`, because it has `errors_charged`"),
        ("error_share", 1.5, "error_share must be 0 or a number from 1e-09 to 1"),
        ("batch", {"turnaround_hours": 3}, "must have `discount` in its `batch`"),
        ("batch", {"turnaround_hours": 3, "discount": 0.5}, "must have a class that can wait"),
        ("reserved", {"units": 1, "tokens_per_minute_per_unit": 5}, "usd_per_unit_h"),
        (
            "reserved",
            {"units": 0, "tokens_per_minute_per_unit": 5, "usd_per_unit_h": 1, "beyond": "wait"},
            "must have 1 unit or more",
        ),
        (
            "reserved",
            {"units": 1, "tokens_per_minute_per_unit": 5, "usd_per_unit_h": 1, "beyond": "wait"},
            "must hold the 1,000 tokens of a request of `chat` at one time, got 5",
        ),
        (
            "reserved",
            {"units": 1, "tokens_per_minute_per_unit": 60_000, "unit": "azure_ptu", "rate": "weekly"},
            "choose from unit: azure_ptu, rate: hourly",
        ),
        ("outages", {"up_hours": 0, "down_hours": 0}, "must bring fewer turns within horizon_days"),
    ],
)
def test_an_account_that_makes_no_sense_is_refused(tmp_path, key, value, refusal):
    (line,) = faults(LISTED, tmp_path, {f"{API}.{key}": value})
    assert refusal in line


def test_pairs_of_keys_that_make_no_sense_are_refused(tmp_path):
    units = {"units": 1, "tokens_per_minute_per_unit": 5000, "usd_per_unit_h": 1, "beyond": "wait"}
    (line,) = faults(LISTED, tmp_path, {f"{API}.reserved": units, f"{API}.limits": LIMITS})
    assert "must have no `limits`, because nothing is paid per use" in line
    retries = {"first_s": 5, "longest_s": 1}
    (line,) = faults(LISTED, tmp_path, {f"{API}.limits": LIMITS, f"{API}.retries": retries})
    assert "must have a longest_s of at least first_s (5), got 1" in line
    training = {"plans.api.api": {"offer": "openai_2023_08", "limits": LIMITS}}
    assert any("because it has `limits`" in line for line in faults(LISTED, tmp_path, training))


@pytest.mark.parametrize(
    ("serve", "lines"), [({}, 0), ({"overflow_above": 5}, 1), ({"kv_tokens": 990}, 1)], ids=["alone", "overflow", "kv"]
)
def test_a_limit_is_not_held_to_requests_that_never_come_to_it(serve, lines, tmp_path):
    node = {"gpus": 1, "nodes": 1, "usd_per_node_h": 1, "serve": {"base_ms": 1, "kv_tokens": 1000} | serve}
    world = {"plans.api.held": {"node": node}, f"{API}.limits": {"tokens_per_minute": 900, "burst_s": 60}}
    if not lines:
        assert run(scenario(LISTED, world), 1).result["plans"]["api"]["eligible"]
        return
    (line,) = faults(LISTED, tmp_path, world)
    assert "must hold the 1,000 tokens of a request of `chat` at one time, got 900" in line
