"""An hour of chat, replayed: GPUs of your own against three APIs that serve the same model.

    python experiments/chat_trace.py [--data DIR] [--out outputs/chat_trace]

Reads inference/azure_llm_2023/azure_llm_2023_conv.csv.gz (Azure, 2023-11-16, CC BY 4.0; Patel et al., Splitwise, ISCA
2024) below --data, FLEETECON_DATA or ../shared/data. Without it: a synthetic hour with the published rate, spread of
the gaps, and means and medians of the lengths. Arrivals and lengths are Azure's, of a model that it does not name; the
model served here is Llama-3.1-8B, because its weights can be held and are priced by the three APIs.
"""

import argparse
import math
import os
from pathlib import Path
from typing import Any

import sim
from sim.doors.cli.app import guarded
from sim.ground.faults import InputError
from sim.ground.files import output_folder, write
from sim.ground.scenario import Tree, build
from sim.questions.tables import grid_text, number, study_text

HERE = Path(__file__).resolve().parent
APIS = ("groq", "together", "bedrock")
LEVEL_S = 1.0  # assumed service level: 95 % of the first tokens within a second
# Published statistics of the log: requests a second and cv of their gaps; mean and median of tokens in and out.
RATE, GAP_CV = 5.53, 1.09
PROMPT, OUTPUT = (1155.0, 1020.0), (211.0, 129.0)
SYNTHETIC = "assumed: rate, cv of gaps, mean and median lengths as published of the Azure chat hour of 2023-11-16"
ASSUMED = "The APIs' times are assumed, alike for all three; the H100's are simulated, by physics from the catalog."
LATENCY: dict[str, Any] = {"ttft_s": {"law": "lognormal", "mean": 0.4, "cv": 0.5}, "seconds_per_output_token": 0.01}


def find_log(data: Path | None) -> Path | None:
    """Look for the log where a user may keep it."""
    wish = data or Path(os.environ.get("FLEETECON_DATA") or HERE.parent.parent / "shared" / "data")
    file = wish / "inference" / "azure_llm_2023" / "azure_llm_2023_conv.csv.gz"
    return file.resolve() if file.is_file() else None


def lognormal(mean: float, median: float) -> dict[str, Any]:
    """State the lognormal law that has this mean and median: their ratio is exp(sigma**2 / 2)."""
    return {"law": "lognormal", "mean": mean, "cv": round(math.sqrt((mean / median) ** 2 - 1), 4)}


def requests(log: Path | None) -> dict[str, Any]:
    """State the hour's requests: those of the log, or such as its published statistics allow."""
    if log is not None:
        source = "measured: Azure chat requests of 2023-11-16 (Splitwise, ISCA 2024), CC BY 4.0"
        return {"kind": "inference", "trace": {"file": str(log)}, "source": source}
    return {
        "kind": "inference",
        "arrivals": {"law": "gamma", "cv": GAP_CV, "rate_per_second": RATE},
        "prompt_tokens": lognormal(*PROMPT),
        "output_tokens": lognormal(*OUTPUT),
        "source": SYNTHETIC,
    }


def scenario(log: Path | None) -> sim.Scenario:
    """State the hour: one H100, two H100 (one may fail), and three APIs."""

    def held(nodes: int) -> dict[str, Any]:
        serve = {"model": "llama_3_1_8b", "max_num_seqs": 256, "token_budget": 8192}
        return {"h100": {"instance": "runpod.h100_80gb_x1", "rate": "on_demand", "nodes": nodes, "serve": serve}}

    apis = {name: {"inference_offer": f"{name}_llama_31_8b", **LATENCY} for name in APIS}
    plans = {
        "one_h100": {"held": held(1)},
        "two_h100": {"held": held(2)},
        **{name: {"api": api} for name, api in apis.items()},
    }
    values = {"name": "chat_trace", "seed": 16, "horizon_days": 1 / 24, "equal_work": {"ttft_p95_s": LEVEL_S}}
    return build(Tree({**values, "workload": {"chat": requests(log)}, "plans": plans}))


def rows(study: sim.Study) -> list[list[str]]:
    """Lay out bill, cost and latency, a row a plan."""
    found = []
    for name, plan in study.result["plans"].items():
        each = plan["classes"]["chat"]
        cost, ttft = each["cost_per_job_usd"]["fully_loaded"], each["ttft_s"]["all"]
        load = plan["serving"].get("h100", {}).get("batch_size")
        found.append(
            [
                name,
                number(plan["bill_usd"]["total"].value),
                *(number(1000 * cost[key].value) for key in ("mean", "p50", "p95", "p99")),
                number(each["usd_per_million_output_tokens"].value),
                *(number(ttft[key].value) for key in ("p50", "p95", "p99")),
                number(load.value) if load is not None else "n/a",
                f"{100 * (each['api_share'].value or 0.0):.3g} %",
                "yes" if plan["eligible"] else "no",
            ]
        )
    return found


HEAD = [
    "plan",
    "bill, USD",
    "USD/1000 requests",
    "p50",
    "p95",
    "p99",
    "USD/M output tokens",
    "TTFT, s: p50",
    "p95",
    "p99",
    "batch",
    "by API",
    "ranked",
]


def verdict(study: sim.Study) -> str:
    """Say which plan is the cheapest, at how many times these requests the node costs as much as each API."""
    plans, chat = study.result["plans"], study.result["plans"]["one_h100"]["classes"]["chat"]
    bills = {name: plan["bill_usd"]["total"].value or 0.0 for name, plan in plans.items()}
    jobs = chat["jobs"].value
    lengths = [1e6 * chat[f"{side}_tokens_millions"].value / jobs for side in ("input", "output")]
    most = study.scenario.plans["one_h100"].held["h100"].profile.rate_at_most(*lengths) * 3600 / jobs
    lines = [f"Cheapest of those that meet {LEVEL_S:g} s at p95: `{study.result['comparison']['cheapest']}`."]
    for name in APIS:
        times = bills["one_h100"] / bills[name]
        beyond = "; more than it can carry" if times > most else ""
        lines.append(f"  one H100 costs {times:.2f} times `{name}`: equal at {times:.2f} times these requests{beyond}")
    return "\n".join([*lines, f"  (it can carry about {most:.1f} times these requests, by their mean lengths)"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds inference/azure_llm_2023")
    parser.add_argument("--out", type=Path, default=Path("outputs/chat_trace"))
    arguments = parser.parse_args()
    folder = output_folder(arguments.out)
    log = find_log(arguments.data)
    if arguments.data and log is None:
        raise InputError.one("--data", f"must be a folder that holds inference/azure_llm_2023, got {arguments.data}")
    if log is None:
        print("the Azure log is not here (see --help): a synthetic hour stands for it, with its published rate, cv of")
        print("the gaps, and means and medians of the lengths; the longest prompts are shorter than in the log\n")
    study = sim.run(scenario(log), replications=1)
    chat = study.result["plans"]["groq"]["classes"]["chat"]
    print(f"{chat['jobs'].value:,.0f} requests in an hour, {chat['input_tokens_millions'].value:.1f} M tokens in,")
    print(f"{chat['output_tokens_millions'].value:.2f} M out; Llama-3.1-8B; the hour is billed whole\n")
    print(grid_text(HEAD, rows(study)) + "\n\n" + verdict(study))
    for warning in study.result["warnings"]:
        print(f"warning ({warning['code']}): {warning['text']}")
    write(folder / "study.txt", study_text(study.result) + "\n")
    paths = sim.charts.save(sim.charts.cost_distribution(study), folder, "request_cost")
    paths += sim.charts.save(sim.charts.first_token(study, note=ASSUMED), folder, "first_token")
    print("\nwrote", *paths, folder / "study.txt")


if __name__ == "__main__":
    guarded(main)
