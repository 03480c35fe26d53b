"""Facts that must fit each other, and profiles against hand arithmetic and published measurements."""

from collections import Counter
from dataclasses import fields, replace
from datetime import date

import pytest

from sim.ground import catalog
from sim.ground.catalog import (
    ACCELERATORS,
    API_OFFERS,
    BASES,
    BATCH_TIERS,
    INFERENCE_OFFERS,
    INSTANCES,
    MODELS,
    NODE_PRICES,
    SERVERS,
    SITE_COSTS,
    UNIT_PRICES,
    Accelerator,
    Fact,
    node_price,
    unit_price,
)
from sim.ground.profile import EFFICIENCIES, Efficiency, Profile, from_physics

OFFERS = [*API_OFFERS.values(), *INFERENCE_OFFERS.values()]
OF_THINGS = (ACCELERATORS, INSTANCES, MODELS, SERVERS, SITE_COSTS, BATCH_TIERS)
EVERY = [*NODE_PRICES, *UNIT_PRICES, *OFFERS, *(fact for table in OF_THINGS for fact in table.values())]
NO_FACTS = ("BASES", "LIFE_SOURCE", "STALE_DAYS")
DAY = {"since": date(2026, 1, 1), "seen": date(2026, 1, 1), "basis": "assumed", "source": "none: a test's toy"}
LOSSLESS = Efficiency(1, "assumed", measured=False, memory=1, layer_s=0, layer_parallel_s=0, communication=0)


def test_every_instance_holds_known_gpus_and_is_priced():
    assert {instance.gpu for instance in INSTANCES.values()} <= set(ACCELERATORS)
    assert {price.instance for price in NODE_PRICES} == set(INSTANCES)
    assert all(instance.gpus in (1, 8) for instance in INSTANCES.values())
    assert {server.gpu for server in SERVERS.values()} <= set(ACCELERATORS)
    assert all(name.endswith(f"_x{server.gpus}") for name, server in SERVERS.items())


def test_names_are_keys():
    assert all(key == accelerator.name for key, accelerator in ACCELERATORS.items())
    assert all(key == model.name for key, model in MODELS.items())
    assert set(EFFICIENCIES) == set(ACCELERATORS)


def test_every_fact_is_dated_and_has_a_source():
    assert {fact.basis for fact in EVERY} <= set(BASES)
    for fact in EVERY:
        assert isinstance(fact, Fact)
        assert date(2020, 1, 1) < fact.since <= fact.seen < date(2026, 12, 31), fact
        assert len(fact.source) > 10, fact
    assert all(offer.hours_source for offer in API_OFFERS.values())
    assert all(server.power_source for server in SERVERS.values())
    assert all("price" in fact.basis for fact in [*NODE_PRICES, *OFFERS, *BATCH_TIERS.values(), *UNIT_PRICES])
    assert all(
        fact.instance.startswith("neocloud.") for fact in NODE_PRICES if _of_market(fact) and fact.rate != "spot"
    )


def _of_market(fact):
    return fact.basis.startswith("market")


def test_no_catalog_is_left_out_of_these_tests():
    """Whatever the catalog's room offers as a table of facts is among those looked at above."""
    tables = [getattr(catalog, name) for name in catalog.__all__ if name.isupper() and name not in NO_FACTS]
    listed = [fact for table in tables for fact in (table.values() if isinstance(table, dict) else table)]
    assert {id(fact) for fact in listed} == {id(fact) for fact in EVERY}


def test_a_fact_without_its_source_cannot_be_written_down():
    with pytest.raises(TypeError, match="source"):
        catalog.Instance(8, "H100-80GB", since=date(2023, 1, 1), seen=date(2023, 1, 1), basis="list price")


def test_one_price_at_a_time():
    begins = Counter((price.instance, price.rate, price.since) for price in NODE_PRICES)
    assert max(begins.values()) == 1
    for price in NODE_PRICES:
        later = [
            p for p in NODE_PRICES if (p.instance, p.rate) == (price.instance, price.rate) and p.since > price.since
        ]
        assert all(price.seen < follower.since for follower in later), price


def test_spot_costs_less_than_on_demand_of_its_day():
    spot = [price for price in NODE_PRICES if price.rate == "spot"]
    assert {price.instance for price in spot} >= {"p4d.24xlarge", "p5.48xlarge", "nebius.h100_80gb_x1"}
    for price in spot:
        usual = node_price(price.instance, "on_demand", price.since)
        assert usual is not None
        assert 0.1 < price.usd_per_node_h / usual.usd_per_node_h < 0.6, price
    assert node_price("p4d.24xlarge", "spot", date(2023, 10, 1)).usd_per_node_h == 9.8318
    assert node_price("p4d.24xlarge", "spot", date(2022, 10, 1)) is None


def test_reserved_costs_less_than_on_demand_and_batch_less_than_at_once():
    reserved = [price for price in NODE_PRICES if price.rate in ("reserved_1y", "capacity_block")]
    assert len(reserved) >= 5
    for price in reserved:
        usual = node_price(price.instance, "on_demand", price.since)
        assert usual is None or price.usd_per_node_h < 0.7 * usual.usd_per_node_h
    assert {offer.batch for offer in INFERENCE_OFFERS.values()} - {None} <= set(BATCH_TIERS)
    assert {tier.share_of_price for tier in BATCH_TIERS.values()} == {0.5}
    hourly, month, year = (unit_price("azure_ptu", rate, None) for rate in ("hourly", "reserved_1m", "reserved_1y"))
    assert hourly.usd_per_unit_h > month.usd_per_unit_h > year.usd_per_unit_h
    assert (month.usd_per_unit_h * 730, year.usd_per_unit_h * 730) == pytest.approx((260, 221))
    assert unit_price("azure_ptu", "hourly", date(2024, 1, 1)) is None


def test_servers_cost_what_their_gpus_may():
    for server in SERVERS.values():
        assert 20_000 < server.usd / server.gpus < 70_000
        assert 0.7 < server.power_kw / server.gpus < 2
        assert server.life_years == 5


def test_prices_are_positive_and_a_cached_token_costs_less():
    assert all(price.usd_per_node_h > 0 for price in NODE_PRICES)
    for offer in INFERENCE_OFFERS.values():
        assert 0 < offer.usd_per_million_input_tokens <= offer.usd_per_million_output_tokens
        cached = offer.usd_per_million_cached_tokens
        assert cached is None or 0 < cached < offer.usd_per_million_input_tokens


@pytest.mark.parametrize(
    ("instance", "on", "usd"),
    [
        ("p4d.24xlarge", date(2023, 10, 1), 32.7726),
        ("p5.48xlarge", date(2024, 1, 1), 98.32),
        ("p5.48xlarge", date(2025, 6, 1), 55.04),
        ("nebius.h100_80gb_x1", date(2026, 5, 31), 2.95),
        ("nebius.h100_80gb_x1", None, 3.85),
        ("p5.48xlarge", date(2023, 1, 1), None),
    ],
)
def test_the_price_of_a_day(instance, on, usd):
    found = node_price(instance, "on_demand", on)
    assert (found and found.usd_per_node_h) == usd


def test_the_article_on_fine_tuned_gpt():
    """Aug to Nov 2023: 8 times GPT-3.5, and GPT-4 2.5 and 3.75 times dearer; from 6 Nov 2023: 3 times, and 10 times."""
    gpt_4 = INFERENCE_OFFERS["openai_gpt_4_8k_2023_03"]
    for month, over_gpt_35, gpt_4_in, gpt_4_out in (("2023_08", 8, 2.5, 3.75), ("2023_11", 3, 10, 10)):
        tuned = INFERENCE_OFFERS[f"openai_ft_gpt_35_turbo_{month}"]
        plain = INFERENCE_OFFERS[f"openai_gpt_35_turbo_{'2023_06' if month == '2023_08' else month}"]
        assert tuned.usd_per_million_input_tokens / plain.usd_per_million_input_tokens == over_gpt_35
        assert gpt_4.usd_per_million_input_tokens / tuned.usd_per_million_input_tokens == gpt_4_in
        assert gpt_4.usd_per_million_output_tokens / tuned.usd_per_million_output_tokens == gpt_4_out


# Hidden size, width of the feed-forward layers, heads, vocabulary, experts, active experts, numbers in each norm of
# queries and keys: the published config.json of each model. Embedding and output are apart in all of them.
CONFIGS = {
    "llama_2_70b": (8192, 28672, 64, 32000, 1, 1, 0),
    "llama_3_1_8b": (4096, 14336, 32, 128256, 1, 1, 0),
    "llama_3_1_70b": (8192, 28672, 64, 128256, 1, 1, 0),
    "qwen3_8b": (4096, 12288, 32, 151936, 1, 1, 128),
    "qwen3_32b": (5120, 25600, 64, 151936, 1, 1, 128),
    "mixtral_8x7b": (4096, 14336, 32, 32000, 8, 2, 0),
}


@pytest.mark.parametrize("name", MODELS)
def test_parameters_follow_from_the_shape(name):
    model = MODELS[name]
    hidden, width, heads, vocabulary, experts, active, norm = CONFIGS[name]
    attention = 2 * hidden * heads * model.head_dim + 2 * hidden * model.kv_heads * model.head_dim + 2 * norm
    router = hidden * experts if experts > 1 else 0
    shared = 2 * vocabulary * hidden + hidden + model.layers * (attention + 2 * hidden + router)
    expert = model.layers * 3 * hidden * width
    assert model.parameters == shared + experts * expert
    assert model.active_parameters == shared + active * expert


def test_bytes_by_hand():
    model = MODELS["llama_3_1_8b"]
    assert model.kv_bytes_per_token == 2 * 32 * 8 * 128 * 2 == 131_072
    assert model.weight_bytes == 2 * 8_030_261_248 == pytest.approx(16.06e9, rel=1e-4)
    assert MODELS["llama_2_70b"].kv_bytes_per_token == 327_680


def test_a_lossless_profile_by_hand():
    gpu = Accelerator("toy", memory_gb=40, bandwidth_gb_per_s=1000, bf16_dense_tflops=100, **DAY)
    profile = from_physics(MODELS["llama_3_1_8b"], gpu, 2, efficiency=LOSSLESS, max_num_seqs=7, token_budget=512)
    assert profile.base_s == pytest.approx(16.060522496e9 / 2e12)
    assert profile.per_kv_token_s == pytest.approx(131_072 / 2e12)
    assert profile.per_request_s == profile.per_prefill_token_s == pytest.approx(16.060522496e9 / 200e12)
    assert profile.kv_tokens == int((2 * (0.882 * 40 * 2**30 - 1.24e9) - 16_060_522_496) / 131_072)
    assert (profile.max_num_seqs, profile.token_budget, profile.prefill_s) == (7, 512, 0)


def test_losses_add_up():
    model, gpu = MODELS["llama_3_1_8b"], ACCELERATORS["H100-80GB"]
    lossless = from_physics(model, gpu, 4, efficiency=LOSSLESS)
    lossy = from_physics(
        model, gpu, 4, efficiency=replace(LOSSLESS, layer_s=1e-3, layer_parallel_s=1e-4, communication=0.1, compute=0.5)
    )
    assert lossy.base_s - lossless.base_s == pytest.approx(32 * 1.1e-3)
    assert lossy.per_request_s / lossless.per_request_s == pytest.approx(2 * 1.3)
    assert lossy.per_kv_token_s == lossless.per_kv_token_s


# Measured with 128 tokens in and out (LLM-Inference-Bench, vLLM): seconds of the whole / 128, at so many requests.
# The bound is the error that the module states, rounded up.
@pytest.mark.parametrize(
    ("model", "gpu", "gpus", "requests", "tokens", "measured_ms", "bound"),
    [
        ("llama_3_1_8b", "A100-40GB", 1, 1, 128, 14.27, 0.03),
        ("llama_3_1_8b", "H100-80GB", 1, 1, 128, 7.77, 0.03),
        ("llama_3_1_8b", "A100-40GB", 2, 1, 128, 9.82, 0.10),
        ("llama_3_1_8b", "H100-80GB", 2, 1, 128, 6.65, 0.10),
        ("llama_3_1_8b", "H100-80GB", 4, 1, 128, 5.94, 0.03),
        ("llama_2_70b", "A100-40GB", 4, 1, 128, 33.48, 0.03),
        ("llama_2_70b", "H100-80GB", 4, 1, 128, 18.52, 0.10),
        ("llama_3_1_70b", "H100-80GB", 4, 1, 128, 19.24, 0.10),
        ("mixtral_8x7b", "A100-40GB", 4, 16, 128, 21.05, 0.03),
        ("mixtral_8x7b", "A100-40GB", 4, 64, 128, 30.31, 0.20),
        ("llama_3_1_8b", "H100-80GB", 1, 64, 128, 13.19, 0.10),
        ("llama_3_1_8b", "A100-40GB", 1, 64, 128, 25.69, 0.10),
        ("llama_2_70b", "H100-80GB", 4, 64, 128, 29.36, 0.10),
        ("llama_3_1_8b", "H100-80GB", 1, 64, 2048, 23.54, 0.15),
        ("llama_2_70b", "H100-80GB", 4, 64, 2048, 38.40, 0.10),
    ],
)
def test_batches_take_as_long_as_measured(model, gpu, gpus, requests, tokens, measured_ms, bound):
    profile = from_physics(MODELS[model], ACCELERATORS[gpu], gpus)
    # As many tokens in as out: each iteration carries its share of one prefilled token a request; the cache holds the
    # prompt and half of the output.
    decode = profile.base_s + requests * (profile.per_request_s + 1.5 * tokens * profile.per_kv_token_s)
    seconds = max(profile.floor_s, decode + requests * profile.per_prefill_token_s)
    assert seconds * 1e3 == pytest.approx(measured_ms, rel=bound)


@pytest.mark.parametrize(
    ("gpu", "gpus", "measured_ms"),
    [
        ("H100-80GB", 2, 310.3),
        ("H100-80GB", 4, 200.7),
        ("H100-80GB", 8, 136.8),
        ("A100-80GB", 2, 688.1),
        ("A100-80GB", 4, 403.3),
        ("A100-80GB", 8, 274.2),
    ],
)
def test_a_prompt_takes_as_long_as_measured(gpu, gpus, measured_ms):
    """2,048 tokens of Llama-2-70B in splitwise-sim."""
    profile = from_physics(MODELS["llama_2_70b"], ACCELERATORS[gpu], gpus)
    assert (profile.base_s + 2048 * profile.per_prefill_token_s) * 1e3 == pytest.approx(measured_ms, rel=0.09)


def test_the_cache_is_as_large_as_measured():
    profile = from_physics(MODELS["llama_3_1_8b"], ACCELERATORS["RTX-4090-24GB"], 1)
    # vLLM 0.19 in LLMServingSim; the reserve of memory was taken from this run, so only its bookkeeping is tested.
    assert profile.kv_tokens == pytest.approx(41_408, rel=1e-3)


def test_mixture_of_experts_reads_all_and_computes_two():
    profile = from_physics(MODELS["mixtral_8x7b"], ACCELERATORS["H100-80GB"], 2, efficiency=LOSSLESS)
    assert profile.base_s == pytest.approx(2 * 46_702_792_704 / 6.7e12)
    assert profile.per_request_s == pytest.approx(2 * 12_879_925_248 / (2 * 989.4e12))


@pytest.mark.parametrize("gpus", [1, 2, 4, 8])
@pytest.mark.parametrize("gpu", ACCELERATORS)
def test_every_profile_is_positive_and_says_on_what_it_rests(gpu, gpus):
    profile = from_physics(MODELS["llama_3_1_8b"], ACCELERATORS[gpu], gpus)
    values = [getattr(profile, field.name) for field in fields(Profile) if field.type is int or field.type is float]
    assert len(values) == 9
    assert all(value >= 0 for value in values)
    assert f"{gpus} x {gpu}" in profile.source
    assert profile.basis.removeprefix("physics, efficiencies ") in ("measured", "assumed")


def test_a_model_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"llama_2_70b needs 138\.0 GB for weights, has 74\.5 GB on 1 x H100-80GB"):
        from_physics(MODELS["llama_2_70b"], ACCELERATORS["H100-80GB"], 1)


@pytest.mark.parametrize("gpus", [0, -1, 3, 16])
def test_other_numbers_of_gpus_are_refused(gpus):
    with pytest.raises(ValueError, match=f"must be 1, 2, 4 or 8, got {gpus}"):
        from_physics(MODELS["llama_3_1_8b"], ACCELERATORS["H100-80GB"], gpus)


def test_an_unknown_accelerator_needs_an_efficiency():
    gpu = replace(ACCELERATORS["H100-80GB"], name="other")
    with pytest.raises(ValueError, match="no efficiency is known for other; give one"):
        from_physics(MODELS["llama_3_1_8b"], gpu, 1)
    assert from_physics(MODELS["llama_3_1_8b"], gpu, 1, efficiency=LOSSLESS).kv_tokens > 0
