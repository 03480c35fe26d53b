"""Other people's price lists: what is taken of each, hand-made and (where it is there) real; what is refused."""

import hashlib
import json
from datetime import date

import pytest
from refusals import here, refused
from studies import CHAT

from sim.ground.faults import InputError
from sim.ground.scenario import load
from sim.questions.prices import take_in

DAY = date(2026, 11, 1)
LITELLM = {
    "sample_spec": {"input_cost_per_token": "USD", "mode": "one of: chat"},
    "gpt-4o": {
        "litellm_provider": "openai",
        "mode": "chat",
        "input_cost_per_token": 2.5e-06,
        "output_cost_per_token": 1e-05,
        "cache_read_input_token_cost": 1.25e-06,
        "input_cost_per_token_batches": 1.25e-06,
        "output_cost_per_token_batches": 5e-06,
    },
    "deepseek/deepseek-chat": {
        "litellm_provider": "deepseek",
        "mode": "chat",
        "input_cost_per_token": 2.7e-07,
        "output_cost_per_token": 1.1e-06,
    },
    "free": {"mode": "chat", "input_cost_per_token": 0.0, "output_cost_per_token": 0},
    "ada": {"mode": "embedding", "input_cost_per_token": 1e-07},
    "half": {"mode": "chat", "input_cost_per_token": 1e-07},
}
SKYPILOT = """\
InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region,AvailabilityZone
p4d.24xlarge,A100,8.0,96.0,1152.0,,21.957642,2.4655,us-east-1,use1-az1
p4d.24xlarge,A100,8.0,96.0,1152.0,,21.957642,8.1915,us-east-1,use1-az2
p4d.24xlarge,A100,8.0,96.0,1152.0,,21.957642,8.1203,us-east-1,use1-az4
p4d.24xlarge,A100,8.0,96.0,1152.0,,25.25174,,ca-central-1,cac1-az2
m5.large,,,2.0,8.0,,0.096,0.03,us-east-1,use1-az1
NV6,A10,0.167,6.0,55.0,,0.454,,eastus,
"""
TIERED = {"base": 0.1, "tiers": [{"start": 9, "price": 1}]}
GENAI = [
    {
        "id": "openai",
        "models": [
            {
                "id": "o3",
                "prices_checked": "2026-10-14",
                "prices": [
                    {"prices": {"input_mtok": 10, "output_mtok": 40}},
                    {
                        "constraint": {"start_date": "2025-06-10"},
                        "prices": {"input_mtok": 2, "cache_read_mtok": 0.5, "output_mtok": 8},
                    },
                    {"constraint": {"start_date": "2026-12-01"}, "prices": {"input_mtok": 1, "output_mtok": 4}},
                ],
                "price_variants": [{"when": {"processing": "batch"}, "prices": {"input_mtok": 0.5, "output_mtok": 2}}],
            },
            {
                "id": "long",
                "prices": {"input_mtok": {"base": 0.1, "tiers": [{"start": 9, "price": 1}]}, "output_mtok": 3},
            },
            {"id": "ada", "prices": {"input_mtok": 0.1}},
        ],
    }
]


def prices(found):
    return {
        (each.name, each.since.isoformat(), each.seen.isoformat()): (
            each.usd_per_million_input_tokens,
            each.usd_per_million_cached_tokens,
            each.usd_per_million_output_tokens,
            each.usd_per_million_batch_input_tokens,
            each.usd_per_million_batch_output_tokens,
        )
        for each in found.entries
    }


def test_litellm_gives_exact_prices_a_million(tmp_path):
    text = json.dumps(LITELLM, indent=4)
    (tmp_path / "prices.json").write_text(text)
    found = take_in("litellm", tmp_path / "prices.json", DAY)
    assert prices(found) == {
        ("litellm/gpt-4o", "2026-11-01", "2026-11-01"): (2.5, 1.25, 10, 1.25, 5),
        ("litellm/deepseek/deepseek-chat", "2026-11-01", "2026-11-01"): (0.27, None, 1.1, None, None),
    }
    assert dict(found.skipped) == {
        "priced at 0": 1,
        "not priced by tokens read and written (images, sound, embeddings)": 1,
        "no price for tokens read and written": 1,
    }
    sha = hashlib.sha256(text.encode()).hexdigest()
    assert found.made_from.sha256 == sha
    assert found.entries[0].source == f"litellm: openai, gpt-4o; prices.json, sha256 {sha[:16]}"


def test_skypilot_takes_the_median_of_spot_zones_and_shadows_nothing(tmp_path):
    (tmp_path / "vms.csv").write_text("\ufeff" + SKYPILOT.replace("\n", "\r\n"))
    found = take_in("skypilot", tmp_path / "vms.csv", DAY)
    assert [(each.instance, each.rate, each.usd_per_node_h, each.gpus, each.gpu) for each in found.entries] == [
        ("skypilot/us-east-1/p4d.24xlarge", "on_demand", 21.957642, 8, "A100-40GB"),
        ("skypilot/us-east-1/p4d.24xlarge", "spot", 8.1203, 8, "A100-40GB"),
        ("skypilot/ca-central-1/p4d.24xlarge", "on_demand", 25.25174, 8, "A100-40GB"),
    ]
    assert "spot, median of 3 zones (2.4655 to 8.1915)" in found.entries[1].source
    assert dict(found.skipped) == {"instances without an accelerator": 1, "shares of an accelerator": 1}


def test_genai_tells_prices_over_time(tmp_path):
    (tmp_path / "data.json").write_text(json.dumps(GENAI))
    found = take_in("genai", tmp_path / "data.json", DAY)
    assert prices(found) == {
        ("genai/openai/o3", "2025-06-09", "2025-06-09"): (10, None, 40, None, None),
        ("genai/openai/o3", "2025-06-10", "2026-10-14"): (2, 0.5, 8, None, None),
        ("genai/openai/o3", "2026-12-01", "2026-12-01"): (1, None, 4, 0.5, 2),
        ("genai/openai/long", "2026-11-01", "2026-11-01"): (0.1, None, 3, None, None),
    }
    assert "openai/long, lowest tier" in found.entries[-1].source


def test_the_installed_snapshot_of_genai_prices():
    pytest.importorskip("genai_prices", reason="the extra `prices` is not installed")
    found = take_in("genai", None, DAY, find="OPENAI/gpt-4o-mini")
    (mini,) = [each for each in found.entries if each.name == "genai/openai/gpt-4o-mini"]
    assert (mini.usd_per_million_input_tokens, mini.usd_per_million_output_tokens) == (0.15, 0.6)
    assert found.made_from.file.startswith("genai-prices ")


def test_a_scenario_uses_a_list_that_was_taken_in(tmp_path):
    (tmp_path / "prices.json").write_text(json.dumps(LITELLM))
    (tmp_path / "vms.csv").write_text(SKYPILOT)
    for form, file in (("litellm", "prices.json"), ("skypilot", "vms.csv")):
        told = here("prices", "import", "--from", form, file, "--date", DAY, "--out", f"{form}.yaml", cwd=tmp_path)
        assert told[0] == 0
        assert f"wrote {form}.yaml: " in told[1]
    text = CHAT.replace("horizon_days", "price_book: [litellm.yaml, skypilot.yaml]\nhorizon_days", 1)
    (tmp_path / "world.yaml").write_text(text)
    node = {"instance": "skypilot/us-east-1/p4d.24xlarge", "rate": "on_demand", "nodes": 1}
    serve = {"model": "llama_3_1_8b", "max_num_seqs": 16}
    settings = {
        "plans.api.api.inference_offer": "litellm/gpt-4o",
        "plans.own.held": {"gpu": node | {"serve": serve}},
        "price_date": "2026-11-01",
    }
    found = load(tmp_path / "world.yaml", settings)
    assert [entry.value for entry in found.plans["api"].api.token_prices(DAY)] == [2.5, 1.25, 10]
    assert found.plans["own"].held["gpu"].price("gpu", DAY).value == 21.957642
    assert found.plans["own"].held["gpu"].replicas == 8


WRONG_LITELLM = """\
{
  "a": {"mode": "chat",
    "input_cost_per_token": -1e-06,
    "output_cost_per_token": NaN},
  "b": {"mode": "chat", "input_cost_per_token": 1e400, "output_cost_per_token": "cheap"},
  "c": 3
}
"""


def test_all_faults_at_once_each_with_its_line(tmp_path):
    (tmp_path / "x.json").write_text(WRONG_LITELLM)
    with pytest.raises(InputError) as error:
        take_in("litellm", tmp_path / "x.json", DAY)
    rule = "must be 0 or a number up to 1e+12 (USD), got"
    assert str(error.value).splitlines() == [
        f"x.json:3: a.input_cost_per_token {rule} -0.000001",
        f"x.json:4: a.output_cost_per_token {rule} 'NaN'",
        f"x.json:5: b.input_cost_per_token {rule} 1E+400",
        f"x.json:5: b.output_cost_per_token {rule} 'cheap'",
        "x.json:6: 'c' must be a mapping of keys",
    ]
    wrong = (
        SKYPILOT.replace("2.4655", "nan")
        .replace("8.1915", "-1")
        .replace("25.25174", "1e400")
        .replace("8.0,96", "x,96", 1)
    )
    (tmp_path / "x.csv").write_text(wrong + "too,short\n")
    with pytest.raises(InputError) as error:
        take_in("skypilot", tmp_path / "x.csv", DAY)
    assert str(error.value).splitlines() == [
        "x.csv:2: AcceleratorCount must be a number from 1 to 1024, got 'x'",
        f"x.csv:3: SpotPrice {rule} -1",
        f"x.csv:5: Price {rule} 1E+400",
        "x.csv:8: must have 10 cells, got 2",
    ]


@pytest.mark.parametrize(
    ("form", "data", "refusal"),
    [
        ("litellm", b'{"a": {', "x:1: is not valid JSON"),
        ("litellm", b"[" * 200_000, "x: is not a list of prices: it is nested too deep"),
        ("litellm", b"[1]", "x:1: is not LiteLLM's list"),
        ("litellm", b'{"a": {"b": 1}}', "x:1: is not LiteLLM's list"),
        ("litellm", b"\xff\xfe", "x:1: is not UTF-8 text"),
        ("litellm", b"{\n\0}", "x:2: holds a NUL byte"),
        ("litellm", b"", "x:1: is not valid JSON"),
        (
            "litellm",
            b'{"a":\n{"input_cost_per_token": 1,\n"input_cost_per_token": 2}}',
            "x:2: 'input_cost_per_token' stands twice with different values",
        ),
        ("skypilot", b"", "x:1: is empty"),
        ("skypilot", b"a;b\n1;2\n", "x:1: is not SkyPilot's catalog: it lacks the columns InstanceType, "),
        ("skypilot", SKYPILOT.split("\n")[0].encode(), "x: holds no price that a scenario could use"),
        ("skypilot", SKYPILOT.encode() + b'"open', "is not valid CSV: "),
        ("genai", b'{"a": 1}', "x:1: is not genai-prices' data.json"),
        ("genai", b'[{"id": "p", "models": [{"id": "m"}]}]', "x:1: p.m.prices is not as genai-prices has it: "),
        ("genai", b'[{"id": "p", "models": [7]}]', "x:1: p.None is not as genai-prices has it: "),
        (
            "genai",
            b'[{"id": "p",\n"models": [{"id": "m", "prices": [{"prices": {}, "constraint": {"start_date": "May"}}]}]}]',
            "start_date must be a date like 2026-10-14",
        ),
        (
            "genai",
            b'[{"id": "p", "models": [{"id": "m", "prices": {"input_mtok": [], "output_mtok": 1}}]}]',
            "p/m.input_mtok",
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_price_list_is_refused(form, data, refusal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").write_bytes(data)
    told = refused("prices", "import", "--from", form, "x", "--date", DAY, cwd=tmp_path)
    assert refusal in told


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (["--from", "litellm", "x.json"], "--date: must say of which day the list is, for litellm does not"),
        (["--from", "litellm", "x.json", "--date", "May"], "--date: must be a date like 2026-11-22, got 'May'"),
        (["--from", "infracost", "x.json"], "--from: must be one of litellm, skypilot, genai, got 'infracost'"),
        (["--from", "skypilot", "--date", "2026-01-01"], "FILE: must name the list of skypilot"),
        (["--from", "litellm", "y", "--date", "2026-01-01"], "y: cannot be read: No such file or directory"),
        (
            ["--from", "litellm", "x.json", "--date", "2026-01-01", "--out", "x.json"],
            "x.json: exists already and is kept",
        ),
        (["--from", "litellm", "x.json", "--date", "2026-01-01", "--find", "no"], "x.json: holds no price whose name"),
    ],
)
def test_what_an_import_refuses(arguments, refusal, tmp_path):
    (tmp_path / "x.json").write_text(json.dumps(LITELLM))
    assert refused("prices", "import", *arguments, cwd=tmp_path).startswith(refusal)


def test_a_huge_file_is_refused_unread(tmp_path):
    with (tmp_path / "x.json").open("wb") as file:
        file.truncate(64_000_001)
    with pytest.raises(InputError, match="is larger than 64,000,000 bytes, too large for a list of prices"):
        take_in("litellm", tmp_path / "x.json", DAY)
