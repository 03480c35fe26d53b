"""Experiments of serving: what they state, how they read the measured runs, what they tell without data."""

import sys

import numpy as np
import pytest
from scripts import script

import sim
from sim.ground.faults import InputError
from sim.questions.charts import Benchmark

HEAD = "config,rps,c_eff_per_mtok,tpot_p50_ms,ttft_p50_ms,ttft_p90_ms,ttft_p99_ms"


@pytest.fixture(scope="module")
def cost():
    return script("cost_per_token")


@pytest.fixture(scope="module")
def trace():
    return script("chat_trace")


@pytest.fixture(scope="module")
def article():
    return script("article")


class TestCostPerToken:
    def test_a_short_run_of_a_nearly_idle_node_costs_its_length(self, cost):
        usd, tpot, ttft = cost.short_runs(cost.scenario(None), 1.0)
        # 500 gaps of a second and the end of the last request, over 128,000 tokens; 20,000 gaps tell that to 2 %.
        assert usd == pytest.approx(6.98 * (500 + 1.7) / 3600 / 0.128, rel=0.02)
        assert 6.2647 < tpot < 7.5
        assert 5.6844 < ttft < 60

    def test_a_run_that_swamps_the_node_costs_its_capacity(self, cost):
        chat = cost.scenario(None)
        usd, _, _ = cost.short_runs(chat, 200.0)
        most = chat.plans["own"].held["h100"].profile.rate_at_most(512, 256)
        assert usd == pytest.approx(6.98 / 3600 / most / 256 * 1e6, rel=0.1)

    def test_rows_of_one_gpu_are_read_and_errors_are_told_apart(self, cost, tmp_path):
        file = tmp_path / "table.csv"
        file.write_text(f"{HEAD}\nA1,1,9,9,9,9,9\nC1,10,0.8,10,50,66,84\nC1,5,1.5,8,44,57,713\n")
        runs = cost.read_runs(file, cost.scenario(None))
        assert [(run.rate, run.usd, run.tpot_ms) for run in runs] == [(5, 1.5, 8), (10, 0.8, 10)]
        assert runs[0].ttft_ms == {"p50": 44, "p90": 57, "p99": 713}
        told = cost.errors_text(runs, (10.0,))
        held = np.abs(runs[0].errors) * 100
        assert f"held-out (5/s) cost {held[0]:.1f} % ({held[0]:.1f} %), TTFT p50 {held[1]:.1f} % (" in told
        assert "in-sample (10/s) cost " in told
        words = cost.runs_text(runs, (10.0,)).split()
        assert [word for word in words if word in ("held-out", "in-sample")] == ["held-out", "in-sample"]

    def test_hired_nodes_cost_what_the_held_one_does_and_few_requests_pay_for_their_boot(self, cost):
        chat = cost.scenario(None)
        own, hired = chat.plans["own"].held["h100"], chat.plans["autoscaled"].hired["h100"]
        assert (hired.usd_per_node_h, hired.profile) == (own.usd_per_node_h, own.profile)
        assert hired.bill_from == "order"
        assert chat.plans["scarce"].hired["h100"].most_nodes < hired.most_nodes
        (cell,) = sim.sweep(
            chat.model_copy(update={"horizon_days": 2.0, "warm_up_days": 0.5}), {cost.RATE: [0.001]}, 40
        ).cells
        plans = cell.result["plans"]
        spent, requests = (
            plans["autoscaled"]["bill_usd"]["total"].value,
            plans["autoscaled"]["classes"]["chat"]["jobs"].value,
        )
        # Away for a gap, then 2 minutes of boot and until there is a gap of 5 minutes: the Poisson gaps of 1,000 s.
        gap = 1000 / 60
        there = 2 + (np.exp(5 / gap) - 1) * gap
        assert spent / requests / 6.98 * 60 == pytest.approx(there * gap / (there + gap), rel=0.05)
        told = cost.elastic_text([cell])
        per = [plans[name]["classes"]["chat"]["usd_per_million_output_tokens"].value for name in ("own", "autoscaled")]
        times = per[0] / per[1]
        assert told.startswith(
            f"`autoscaled` at 0.001 requests/s: {times:.1f} times cheaper than `own`, but TTFT p95 1"
        )

    def test_another_pace_takes_the_place_of_both(self, cost, tmp_path):
        file = tmp_path / "serve.yaml"
        file.write_text("serve:\n  model: llama_3_1_8b\n  accelerator: H100-80GB\n  max_num_seqs: 1024\n")
        chat = cost.scenario(file)
        own, hybrid = (chat.plans[name].held["h100"] for name in ("own", "hybrid"))
        assert own.profile == hybrid.profile
        assert own.profile.basis.startswith("physics")
        assert hybrid.serve.overflow_above == 500
        file.write_text("serve:\n  modl: llama_3_1_8b\n")
        with pytest.raises(InputError, match="modl"):
            cost.scenario(file)

    def test_apis_are_priced_for_these_requests(self, cost):
        chat = cost.scenario(None)
        assert cost.api_prices(chat) == pytest.approx({"Groq": 0.18, "Together": 0.54, "Bedrock": 0.66})
        low, high, text = cost.api_strip(chat)
        assert (low, high) == pytest.approx((0.18, 0.66))
        assert text == "three APIs, same model: 0.18 (Groq) to 0.66 USD (Bedrock)"

    def test_without_data_there_are_no_dots_and_it_says_so(self, cost, tmp_path, monkeypatch, capsys):
        drawn = []
        monkeypatch.setattr(sim.charts, "cost_per_token", lambda grid, **given: drawn.append(given))
        monkeypatch.setattr(sim.charts, "save", lambda *_: [])
        monkeypatch.setattr(cost, "LOADS", (0.1, 0.5, 0.9, 1.2))
        monkeypatch.setattr(cost, "FEW", (0.01, 0.1))
        monkeypatch.setattr(cost, "FEW_DAYS", 0.5)
        monkeypatch.setenv("FLEETECON_DATA", str(tmp_path))
        monkeypatch.setattr(sys, "argv", ["x", "--reps", "2", "--out", str(tmp_path)])
        cost.main()
        told = capsys.readouterr().out
        assert "the measured runs of vllm-cost-meter are not here" in told
        assert "`own` against `api`: equal at rate_per_second = 1" in told
        assert (drawn[0]["measured"], drawn[0]["note"]) == ([], cost.NOTE)
        assert "ready after 2 minutes (assumed)" in drawn[1]["note"]
        assert "own,chat,usd_per_million_output_tokens" in (tmp_path / "cost_per_token.csv").read_text()

    def test_with_data_there_are(self, cost, tmp_path, monkeypatch, capsys):
        drawn = []
        folder = tmp_path / "perf" / "vllm_cost_meter"
        folder.mkdir(parents=True)
        rows = "C1,10,0.8,10,50,66,84\nC1,100,0.31,60,2500,4000,5000\n"
        (folder / "chat_512_256.csv").write_text(f"{HEAD}\n{rows}")
        monkeypatch.setattr(sim.charts, "cost_per_token", lambda grid, **given: drawn.append(given))
        monkeypatch.setattr(sim.charts, "save", lambda *_: [])
        monkeypatch.setattr(cost, "LOADS", (0.1, 0.9))
        monkeypatch.setattr(cost, "FEW", (0.1, 0.5))
        monkeypatch.setattr(cost, "FEW_DAYS", 0.1)
        monkeypatch.setenv("FLEETECON_DATA", str(tmp_path))
        monkeypatch.setattr(sys, "argv", ["x", "--reps", "2", "--out", str(tmp_path)])
        cost.main()
        (dot,) = drawn[0]["measured"]
        assert isinstance(dot, Benchmark)
        assert (dot.x, dot.usd, dot.ttft_s) == (10, 0.8, (0.066, 0.084))
        assert drawn[0]["note"].endswith("Not drawn: 100/s.")
        assert "Mean (worst) error, simulated against measured: held-out (100/s)" in capsys.readouterr().out


class TestChatTrace:
    def test_the_synthetic_hour_has_the_published_statistics(self, trace):
        chat = trace.scenario(None).chats["chat"]
        assert chat.mean_tokens == (1155, 211)
        assert chat.arrivals.jobs_per_hour == pytest.approx(5.53 * 3600)
        for law, median in ((chat.prompt_tokens, 1020), (chat.output_tokens, 129)):
            sigma2 = np.log(1 + law.cv**2)
            assert law.mean * np.exp(-sigma2 / 2) == pytest.approx(median, rel=1e-3)

    def test_a_log_is_replayed_and_billed_by_the_hour(self, trace, tmp_path, monkeypatch, capsys):
        folder = tmp_path / "inference" / "azure_llm_2023"
        folder.mkdir(parents=True)
        import gzip

        lines = ["TIMESTAMP,ContextTokens,GeneratedTokens"]
        lines += [f"2023-11-16 18:{k // 60:02}:{k % 60:02}.1234567,1000,{100 + k % 7}" for k in range(600)]
        with gzip.open(folder / "azure_llm_2023_conv.csv.gz", "wt") as file:
            file.write("\n".join(lines) + "\n")
        monkeypatch.setattr(sys, "argv", ["x", "--data", str(tmp_path), "--out", str(tmp_path / "out")])
        trace.main()
        told = capsys.readouterr().out
        assert told.startswith("600 requests in an hour, 0.6 M tokens in")
        rows = {line.split()[0]: line.split() for line in reversed(told.splitlines()) if line.split()[:1]}  # first ones
        assert rows["one_h100"][1] == "3.49"
        groq = 0.05 * 0.6 + 0.08 * sum(100 + k % 7 for k in range(600)) / 1e6
        assert float(rows["groq"][1]) == pytest.approx(groq, rel=0.01)
        assert "equal at " in told
        assert {file.name for file in (tmp_path / "out").iterdir()} == {
            "request_cost.png", "request_cost.svg", "first_token.png", "first_token.svg", "study.txt",
        }  # fmt: skip

    def test_without_the_log_it_says_so(self, trace, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(trace, "RATE", 0.2)
        monkeypatch.setenv("FLEETECON_DATA", str(tmp_path))
        monkeypatch.setattr(sys, "argv", ["x", "--out", str(tmp_path)])
        trace.main()
        assert capsys.readouterr().out.startswith("the Azure log is not here (see --help): a synthetic hour")

    def test_a_folder_that_is_stated_must_hold_it(self, trace, cost, tmp_path, monkeypatch):
        monkeypatch.setattr(sys, "argv", ["x", "--data", str(tmp_path), "--out", str(tmp_path)])
        for each, wanted in ((trace, "inference/azure_llm_2023"), (cost, "perf/vllm_cost_meter")):
            with pytest.raises(sim.InputError, match=f"--data: must be a folder that holds {wanted}"):
                each.main()


class TestArticle:
    def test_token_prices_are_those_of_the_price_book(self, article):
        claim = article.token_prices()
        assert claim.recomputed == (
            "Aug to Nov 2023: 8x GPT-3.5 (output 8x), GPT-4 2.5x dearer (output 3.75x); "
            "from 2023-11-06: 3x GPT-3.5 (output 3x), GPT-4 10x dearer (output 10x)"
        )
        assert claim.verdict == "never both on one day"

    def test_self_hosted_serving_crosses_where_arithmetic_says(self, article):
        claim = article.self_hosted(20)
        # 19.22 USD/h buys as many requests at 5 USD a million output tokens, 256 each, as 4.17 a second.
        assert "GPT-3.5 at 512 tokens in, 256 out: 5.00 USD" in claim.recomputed
        crossing = claim.simulated.split("`reserved` = `gpt_35`: ")[1].split()[0]
        assert float(crossing) == pytest.approx(19.22 / 3600 / (5e-6 * 256), rel=0.02)
        assert "`staffed` = `gpt_35`: none below capacity 8.6" in claim.simulated
        assert "Elastic: cost_per_token.py" in claim.simulated

    def test_dedicated_adapters_cost_as_many_times_as_there_are(self, article):
        claim = article.cheap_lora(20)
        for part in claim.simulated.split("requests/s ")[1:]:
            shared, dedicated = (float(text.split(" [")[0]) for text in part.split(" shared, "))
            assert dedicated == pytest.approx(8 * shared, rel=0.01)
