"""Faults in what serves inference: what is refused before any work, and what runs but is not ranked."""

import re
import time

import numpy as np
import pytest
from refusals import faults, here, refused
from studies import CHAT
from worlds import scenario

from sim.study import run

CLASS, GROUP = "workload.chat", "plans.own.held.gpu"
SERVE = f"{GROUP}.serve"
RATE = f"{CLASS}.arrivals.rate_per_second"
NODE = {"gpus": 1, "nodes": 1, "usd_per_node_h": 1}
TERMS = {"base_ms": 1, "kv_tokens": 1000}
DEDICATED = {"placement": "dedicated"}
BY_DAY = {"law": "poisson", "rate_per_day": 1}
TUNING = {"kind": "fine_tune", "arrivals": BY_DAY, "service_hours": 1}
PAIRS = {"kind": "inference", "arrivals": BY_DAY, "tokens": {"pairs": [[1, 2], [99_999, 3]]}}
"""The second needs 100,001 tokens of cache, one more than there are."""


def listed(*sizes) -> dict:
    """A class whose requests are listed: prompt and output of each, one a second."""
    rows = [{"arrival_s": k, "prompt_tokens": p, "output_tokens": o} for k, (p, o) in enumerate(sizes)]
    return {"kind": "inference", "requests": rows}


NOBODY = (
    "plans.own must have something that serves class `chat`: held nodes (1 or more) with `serve`, "
    "or an `api` with token prices"
)
NO_PACE = (
    f"{SERVE} must have a pace in which a token takes time: give base_ms, per_request_ms or floor_ms",
    f"{GROUP} must have a pace in which no iteration lasts longer than a day; a full one would last 1e+05 s",
)
NO_ROOM = f"{SERVE} must have room for 100001 tokens of a request of `chat` in KV cache, got kv_tokens 100000"
NO_MODEL = f"{GROUP} must have a replica that can run its model: "
NO_API = f"{SERVE}.overflow_above must have an `api` with token prices to overflow to"
NO_RULES = "plans.hybrid.held.gpu.serve must have `adapters`, because class `chat` names 3 of them"
TAKEN = "plans.own.held.other.serve must not serve class `chat`, which `gpu` serves; give both `classes`"
REFUSED = {
    "a model larger than its GPU": (
        {SERVE: {"model": "llama_3_1_70b", "accelerator": "H100-80GB"}},
        [
            f"{NO_MODEL}llama_3_1_70b needs 141.1 GB for weights, has 74.5 GB on 1 x H100-80GB; "
            "take more GPUs or larger ones"
        ],
    ),
    "a model on three GPUs": (
        {f"{GROUP}.gpus": 4, SERVE: {"model": "llama_3_1_70b", "accelerator": "H100-80GB", "gpus_per_replica": 3}},
        [f"{NO_MODEL}gpus_per_replica must be 1, 2, 4 or 8, got 3"],
    ),
    "a model on nobody knows what": (
        {SERVE: {"model": "llama_3_1_8b"}},
        [f"{GROUP} must have `accelerator`, because the node names no instance"],
    ),
    "a replica larger than a node": (
        {f"{SERVE}.gpus_per_replica": 2},
        [
            f"{GROUP} must have nodes of at least serve.gpus_per_replica (2) GPUs, "
            "because a replica lies on one node; they have 1"
        ],
    ),
    "a budget below the seats": (
        {f"{SERVE}.token_budget": 255},
        [f"{SERVE} must have a token_budget of at least max_num_seqs (256), got 255"],
    ),
    "seats above the usual budget": (
        {f"{SERVE}.max_num_seqs": 4096},
        [f"{SERVE} must have a token_budget of at least max_num_seqs (4096), got 2048"],
    ),
    "a listed request beyond the cache": ({CLASS: listed((1, 1), (100_000, 2))}, [NO_ROOM]),
    "a pair beyond the cache": ({CLASS: PAIRS}, [NO_ROOM]),
    "overflow to no API": ({f"{SERVE}.overflow_above": 4}, [NO_API]),
    "overflow to an API that trains": ({f"{SERVE}.overflow_above": 4, "plans.own.api": {"usd_per_job": 1}}, [NO_API]),
    "nodes that do not serve": ({SERVE: None}, [NOBODY]),
    "no nodes": ({f"{GROUP}.nodes": 0}, [NOBODY]),
    "a class that no group names": ({f"{SERVE}.classes": ["other"], "workload.other": listed((1, 1))}, [NOBODY]),
    "an API without token prices": ({"plans.api.api": {"usd_per_job": 1}}, [NOBODY.replace("own", "api")]),
    "two groups for one class": ({"plans.own.held.other": NODE | {"serve": TERMS}}, [TAKEN]),
    "two groups that name one class": (
        {f"{SERVE}.classes": ["chat"], "plans.own.held.other": NODE | {"serve": TERMS | {"classes": ["chat"]}}},
        [TAKEN],
    ),
    "a class that is none": (
        {f"{SERVE}.classes": ["chat", "chad"]},
        [f"{SERVE} must name classes of kind inference, got `chad`; did you mean `chat`?"],
    ),
    "a class of fine-tunes": (
        {"workload.tuning": TUNING, f"{SERVE}.classes": ["chat", "tuning"]},
        [
            f"{SERVE} must name classes of kind inference, got `tuning`; choose from `chat`",
            *(
                f"plans.{plan} must have something that runs class `tuning`: "
                "held nodes, `hired`, or an `api` that trains"
                for plan in ("own", "hybrid", "api")
            ),
        ],
    ),
    "adapters without rules": (
        {f"{CLASS}.adapters": {"count": 3}},
        [f"{SERVE} must have `adapters`, because class `chat` names 3 of them", NO_RULES],
    ),
    "adapters of their own, too few replicas": (
        {f"{CLASS}.adapters": {"count": 3}, f"{SERVE}.adapters": DEDICATED},
        [f"{SERVE} must have a replica for each of the 3 adapters of `chat`, got 1", NO_RULES],
    ),
    "replicas for adapters that nobody names": (
        {f"{SERVE}.adapters": DEDICATED},
        [f"{SERVE} must have `classes` without `chat`, which names no adapters to have replicas of their own"],
    ),
    "more than a year": (
        {"horizon_days": 371},
        ["horizon_days must be at most 370 where requests are served, got 371"],
    ),
    "more requests than fit into memory": (
        {RATE: 1e9},
        [f"{CLASS}.arrivals must bring at most 100,000,000 jobs within horizon_days, got 1.73e+12"],
    ),
    "no pace": ({f"{SERVE}.base_ms": 0}, NO_PACE[:1]),
    "a pace of prefill only": ({SERVE: {"per_prefill_token_us": 1, "per_kv_token_us": 1, "kv_tokens": 9}}, NO_PACE[:1]),
    "a pace of days": ({f"{SERVE}.base_ms": 1e8}, NO_PACE[1:]),
    "an offer that is none": (
        {"plans.api.api.inference_offer": "together_llama_31_8"},
        [
            "plans.api.api must have an inference_offer of the price book, got 'together_llama_31_8'; "
            "did you mean `together_llama_31_8b`? or state `usd_per_million_input_tokens` "
            "and `usd_per_million_output_tokens`"
        ],
    ),
    "an offer before its day": (
        {"price_date": "2025-08-30"},
        [
            "plans.api must have prices for price_date 2025-08-30: the inference offer together_llama_31_8b "
            "began on 2025-08-31; in force on 2025-08-30: `openai_4o_2024_08`, `openai_ft_4o_2024_08`, "
            "`openai_gpt_35_turbo_2024_01`, `openai_5_mini_2025_08`, `openai_41_nano_2025_04` and 6 more; "
            "state the price or change the date"
        ],
    ),
}


@pytest.mark.parametrize(("settings", "refusals"), list(REFUSED.values()), ids=list(REFUSED))
def test_what_cannot_serve_is_refused(settings, refusals, tmp_path):
    told = faults(CHAT, tmp_path, settings)
    assert all(re.match(r"(--set|f\.yaml:\d+): ", line) for line in told)
    assert sorted(line.split(": ", 1)[1] for line in told) == sorted(refusals)


def test_a_refusal_of_the_command_line(tmp_path):
    (tmp_path / "chat.yaml").write_text(CHAT.replace("llama_3_1_8b, accel", "llama_3_1_70b, accel"))
    for command in ("check", "run"):
        told = refused(command, "chat.yaml", cwd=tmp_path)
        assert re.match(r"chat\.yaml:\d+: plans\.hybrid\.held\.gpu must have .*: llama_3_1_70b needs 141\.1 GB", told)


def codes(found) -> dict[str, str]:
    """The warnings of a result by their codes, those of one code together."""
    told: dict[str, str] = {}
    for each in found["warnings"]:
        told[each["code"]] = f"{told.get(each['code'], '')}{each['text']}\n"
    return told


def test_a_load_that_no_replica_can_carry_is_told_and_not_ranked():
    began = time.monotonic()
    found = run(scenario(CHAT, {RATE: 1000}), replications=2).result
    assert time.monotonic() - began < 60
    own = found["plans"]["own"]
    assert "of the requests of class `chat` had not started when the clock stopped (at most 1 % may)" in own["reason"]
    assert not own["eligible"]
    assert re.search(
        r"^plan `own`: requests come at [\d.]+ times the rate that `gpu` can serve: its queue never settles; "
        "add replicas, set overflow_above, or read the result as that of a finite horizon$",
        codes(found)["overload"],
        flags=re.MULTILINE,
    )
    assert found["comparison"]["cheapest"] == "api"
    assert found["comparison"]["probability_cheapest"]["own"].value is None
    carried = run(scenario(CHAT), replications=2).result
    assert carried["plans"]["own"]["eligible"]
    assert "overload" not in codes(carried)


def test_replicas_that_overflow_are_never_overloaded():
    found = run(scenario(CHAT, {RATE: 1000, "plans.hybrid.held.gpu.serve.overflow_above": 20}), replications=2).result
    assert "plan `hybrid`" not in codes(found)["overload"]
    assert found["plans"]["hybrid"]["eligible"]


def test_a_request_that_can_never_fit_is_refused_at_the_door():
    # Half of the requests keep 49 + 52 - 1 = 100 tokens, which fit, and half 50 + 52 - 1 = 101, which never do.
    settings = {
        f"{CLASS}.prompt_tokens": {"law": "empirical", "values": [49, 50]},
        f"{CLASS}.output_tokens": 52,
        f"{SERVE}.kv_tokens": 100,
        "plans.hybrid.held.gpu.serve.kv_tokens": 100,
    }
    study = run(scenario(CHAT, settings), replications=2)
    own, hybrid = study.jobs("own"), study.jobs("hybrid")
    long = own["prompt_tokens"] == 50
    assert set(own["outcome"][long]) == {"refused"}
    assert set(own["outcome"][~long]) <= {"held", "not_started"}
    assert own["start_h"][long].isna().all()
    assert own["attributed_usd"][long].eq(0).all()
    assert set(hybrid["outcome"][long]) == {"api"}
    assert set(hybrid["outcome"][~long]) == {"held"}
    told = codes(study.result)["refused"]
    share = 100 * np.mean([job.prompt_tokens == 50 for each in (0, 1) for job in counted(study, each)])
    assert told == (
        f"plan `own`, class `chat`: {share:.3g} % of the requests fit no replica's KV cache and were refused; "
        "raise kv_tokens or give an API\n"
    )
    assert not study.result["plans"]["own"]["eligible"]
    assert study.result["plans"]["hybrid"]["eligible"]


def counted(study, replication):
    """The requests of a replication that arrive after the warm-up."""
    frame = study.jobs("own", replication)
    return list(frame[frame["arrival_h"] >= study.scenario.warm_up_hours].itertuples())


def test_no_requests_cost_nothing_known(tmp_path):
    found = run(scenario(CHAT, {RATE: 0}), replications=2).result
    for plan in found["plans"].values():
        chat = plan["classes"]["chat"]
        assert chat["jobs"].value == 0
        assert chat["cost_per_job_usd"]["fully_loaded"]["mean"].value is None
        assert chat["ttft_s"]["all"]["p95"].value is None
    assert found["plans"]["own"]["bill_usd"]["total"].value == pytest.approx(3 * 24 * 0.018)
    assert found["plans"]["api"]["bill_usd"]["total"].value == 0
    (tmp_path / "chat.yaml").write_text(CHAT.replace("rate_per_second: 2", "rate_per_second: 0"))
    status, out, err = here("run", "chat.yaml", "--reps=2", cwd=tmp_path)
    assert (status, err) == (0, "")
    assert "n/a" in out
    assert "nan" not in out.lower()
