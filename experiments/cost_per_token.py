"""What a million tokens cost against load: an H100 of your own, hired H100s that come and go, an API, and both.

    python experiments/cost_per_token.py [--data DIR] [--serve FILE] [--reps 10] [--out outputs/cost_per_token]

Sweeps scenarios/chat.yaml from a request every few minutes to more than two nodes can carry. Beside its plans:
`autoscaled`, up to 4 hired nodes by the number of requests, none where none come, each billed from its order; and
`scarce`, the same where only 2 can be had: who finds none ready, or all full, goes to the API.

Below --data, FLEETECON_DATA or ../shared/data it looks for perf/vllm_cost_meter/chat_512_256.csv (vllm-cost-meter, MIT;
arXiv 2606.11690): the same model, GPU, price and requests, measured. Each of its runs is simulated as it was measured,
as one short run, and the errors are told. --serve takes another pace: a YAML file with a `serve` block, as `fleetecon
fit` prints it.
"""

import argparse
import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import sim
from sim.doors.cli.app import guarded
from sim.ground.catalog import INFERENCE_OFFERS
from sim.ground.faults import InputError
from sim.ground.files import output_folder, shipped, write
from sim.ground.scenario import Scenario, Tree, as_values, build, load, read_tree
from sim.questions.charts import Benchmark
from sim.questions.tables import break_even_text, grid_text, number, sweep_csv, with_interval
from sim.study.grid import Cell, Grid

HERE = Path(__file__).resolve().parent
RATE = "workload.chat.arrivals.rate_per_second"
LOADS = (0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.4, 0.56, 0.7, 0.8, 0.88, 0.93, 0.96, 0.98, 1.02, 1.1, 1.4, 1.9, 2.4)
FEW = (
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
)  # requests a second at which an autoscaler can go down to no node at all
FEW_DAYS = 2.0  # horizon of their replications: enough requests to see them come and go
MOST_NODES, SCARCE_NODES, OVERFLOW = 4, 2, 500
AUTOSCALE: dict[str, Any] = {
    "target": 100,
    "load_minutes": {"law": "lognormal", "mean": 2, "cv": 0.3},
    "cool_down_minutes": 5,
    "source": "assumed: 2 minutes from the order until 16 GB of weights are loaded and the engine is warm",
}
FITTED_AT = (1.0, 10.0, 50.0, 200.0)  # rates that chat.yaml's pace was fitted to; the others are held out
RUN_REQUESTS, RUNS = 500, 40  # of a measured run (not stated; its throughput at 1/s fits 500), and simulated of each
NOTE = (
    f"Autoscaled: 0 to {MOST_NODES} hired nodes, priced as the held one, billed from the order, ready after 2 minutes"
    f" (assumed). Scarce: at most {SCARCE_NODES}; who finds none ready goes to the API."
)
OFFERS = {
    "Groq": "groq_llama_31_8b",
    "Together": "together_llama_31_8b",
    "Bedrock": "bedrock_llama_31_8b",
}


@dataclass(frozen=True)
class Run:
    """One run of the benchmark: as measured, and what the same run gives when it is simulated."""

    rate: float
    usd: float
    tpot_ms: float
    ttft_ms: dict[str, float]
    simulated_usd: float
    simulated_tpot_ms: float
    simulated_ttft_ms: float

    @property
    def errors(self) -> tuple[float, float, float]:
        """Relative errors of cost, TTFT p50 and TPOT p50."""
        return (
            self.simulated_usd / self.usd - 1,
            self.simulated_ttft_ms / self.ttft_ms["p50"] - 1,
            self.simulated_tpot_ms / self.tpot_ms - 1,
        )


def find_table(data: Path | None) -> Path | None:
    """Look for the benchmark's table where a user may keep it."""
    wish = data or Path(os.environ.get("FLEETECON_DATA") or HERE.parent.parent / "shared" / "data")
    file = wish / "perf" / "vllm_cost_meter" / "chat_512_256.csv"
    return file if file.is_file() else None


def short_runs(chat: sim.Scenario, rate: float) -> tuple[float, float, float]:
    """Simulate runs as the benchmark has them: USD per million output tokens, TPOT p50 and TTFT p50 in milliseconds.

    The runs follow each other on one node, each after the last has ended; what a run costs is its own length.
    """
    generator = np.random.default_rng(0)
    tokens = chat.chats["chat"].tokens
    prompt, output = tokens.pairs[0] if tokens is not None and tokens.pairs else (512, 256)
    apart = RUN_REQUESTS / rate * 1.5 + 600
    starts = [
        run * apart + np.cumsum(generator.exponential(1 / rate, RUN_REQUESTS)).clip(0, apart - 300)
        for run in range(RUNS)
    ]
    rows = [{"arrival_s": float(at), "prompt_tokens": prompt, "output_tokens": output} for at in np.concatenate(starts)]
    values = as_values(chat)
    values["workload"]["chat"] = {"kind": "inference", "requests": rows}
    values |= {"horizon_days": RUNS * apart / 86_400, "warm_up_days": 0, "plans": {"own": values["plans"]["own"]}}
    frame = sim.run(build(Tree(values)), 1).jobs("own")
    frames = frame.groupby(frame.index.to_numpy() // RUN_REQUESTS)
    seconds = float((frames["end_h"].max() * 3600 - apart * np.arange(RUNS)).mean())
    price = float(chat.plans["own"].held["h100"].usd_per_node_h or 0.0)
    usd = price * seconds / 3600 / (RUN_REQUESTS * output / 1e6)
    medians = [float(frames[key].median().mean()) * 1000 for key in ("tpot_s", "ttft_s")]
    return usd, medians[0], medians[1]


def read_runs(file: Path, chat: sim.Scenario) -> list[Run]:
    """Read the benchmark's runs on one H100, and simulate each."""
    found = []
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["config"] != "C1":
                continue
            rate = float(row["rps"])
            ttft = {key: float(row[f"ttft_{key}_ms"]) for key in ("p50", "p90", "p99")}
            measured = (rate, float(row["c_eff_per_mtok"]), float(row["tpot_p50_ms"]), ttft)
            found.append(Run(*measured, *short_runs(chat, rate)))
    return sorted(found, key=lambda run: run.rate)


def errors_text(runs: list[Run], fitted_at: tuple[float, ...]) -> str:
    """Tell the mean size of the errors, in-sample and held-out."""
    parts = []
    for name, kept in (("held-out", False), ("in-sample", True)):
        chosen = [run for run in runs if (run.rate in fitted_at) == kept]
        if chosen:
            sizes = 100 * np.abs([run.errors for run in chosen])
            named = zip(("cost", "TTFT p50", "TPOT p50"), sizes.mean(axis=0), sizes.max(axis=0), strict=True)
            errors = ", ".join(f"{what} {mean:.1f} % ({worst:.1f} %)" for what, mean, worst in named)
            rates = ", ".join(f"{run.rate:g}" for run in chosen)
            parts.append(f"{name} ({rates}/s) {errors}")
    return "Mean (worst) error, simulated against measured: " + "; ".join(parts) + "."


def runs_text(runs: list[Run], fitted_at: tuple[float, ...]) -> str:
    """Lay out the runs, measured beside simulated."""
    head = ["requests/s", "USD/M measured", "simulated", "error", "TTFT p50, ms", "simulated", "TPOT p50, ms"]
    rows = [
        [
            f"{run.rate:g}",
            number(run.usd),
            number(run.simulated_usd),
            f"{100 * run.errors[0]:+.1f} %",
            number(run.ttft_ms["p50"]),
            number(run.simulated_ttft_ms),
            number(run.tpot_ms),
            number(run.simulated_tpot_ms),
            "in-sample" if run.rate in fitted_at else "held-out",
        ]
        for run in runs
    ]
    return grid_text([*head, "simulated", "sample"], rows)


def grid_rows(cells: Sequence[Cell]) -> str:
    """Lay out the sweeps, a row a rate; ! where the first token comes too late, or work is left."""
    names = list(cells[0].scenario.plans)
    head = ["requests/s", *(f"{name}: USD/M" for name in names), "own: TTFT p95, s", "autoscaled", "scarce: by API"]
    rows = []
    for cell in cells:
        plans = cell.result["plans"]
        each = {name: plan["classes"]["chat"] for name, plan in plans.items()}
        costs = [
            with_interval(each[name]["usd_per_million_output_tokens"]) + " !" * (not plans[name]["eligible"])
            for name in names
        ]
        first = [number(each[name]["ttft_s"]["all"]["p95"].value) for name in ("own", "autoscaled")]
        share = f"{100 * (each['scarce']['api_share'].value or 0.0):.1f} %"
        rows.append([f"{cell.at[RATE]:.4g}", *costs, *first, share])
    return grid_text(head, rows)


def elastic_text(cells: Sequence[Cell]) -> str:
    """Say what hired nodes that come and go cost beside the held one and the API: where few come, and beyond a node."""
    costs: dict[str, dict[float, float]] = {name: {} for name in cells[0].scenario.plans}
    late: dict[float, tuple[float, float]] = {}
    for cell in cells:
        for name, plan in cell.result["plans"].items():
            usd = plan["classes"]["chat"]["usd_per_million_output_tokens"].value
            if plan["eligible"]:
                costs[name][cell.at[RATE]] = usd
            elif name == "autoscaled":
                late[cell.at[RATE]] = usd, plan["classes"]["chat"]["ttft_s"]["all"]["p95"].value
    told = []
    if rates := [rate for rate in late if rate in costs["own"]]:
        usd, seconds = late[min(rates)]
        times, where = costs["own"][min(rates)] / usd, f"`autoscaled` at {min(rates):g} requests/s"
        told.append(f"{where}: {times:.1f} times cheaper than `own`, but TTFT p95 {seconds:.0f} s")
    most = max(costs["own"], default=0.0)
    for name in ("autoscaled", "scarce"):
        if beyond := [costs[name][rate] / costs["api"][rate] for rate in costs[name] if rate > most]:
            reach = f"{min(beyond):.2f} to {max(beyond):.2f} times the API's price"
            told.append(f"`{name}` beyond what `own` can carry: {reach}")
    return "\n".join(told)


def api_prices(chat: sim.Scenario) -> dict[str, float]:
    """Price the same requests at APIs that run the same model: USD per million output tokens, prompts included."""
    prompt, output = chat.chats["chat"].mean_tokens or (512.0, 256.0)
    offers = {name: INFERENCE_OFFERS[key] for name, key in OFFERS.items()}
    return {
        name: offer.usd_per_million_output_tokens + offer.usd_per_million_input_tokens * prompt / output
        for name, offer in offers.items()
    }


def against_each(grid: sim.Grid, chat: sim.Scenario) -> str:
    """Say what own tokens cost at best, and from which rate on that beats each API."""
    own = {cell.at[RATE]: cell.result["plans"]["own"] for cell in grid.cells}
    costs = {
        rate: plan["classes"]["chat"]["usd_per_million_output_tokens"].value
        for rate, plan in own.items()
        if plan["eligible"]
    }
    best = min(costs, key=costs.__getitem__)
    told = [f"`own` at best: {costs[best]:.3f} USD per million output tokens, at {best:.4g} requests/s"]
    for name, price in api_prices(chat).items():
        where = f"above {best * costs[best] / price:.3g} requests/s" if price > costs[best] else "nowhere"
        told.append(f"  {name}, same model, {price:.2f} USD: `own` is cheaper {where}")
    return "\n".join(told)


def api_strip(chat: sim.Scenario) -> tuple[float, float, str]:
    """Give the range of the APIs' prices."""
    costs = api_prices(chat)
    low, high = min(costs, key=costs.__getitem__), max(costs, key=costs.__getitem__)
    text = f"three APIs, same model: {costs[low]:.2f} ({low}) to {costs[high]:.2f} USD ({high})"
    return costs[low], costs[high], text


def scenario(serve: Path | None) -> sim.Scenario:
    """Load the shipped scenario, with another pace if one is given, and with the plans that come and go."""
    settings: dict[str, Any] = {}
    if serve is not None:
        values = read_tree(serve).values
        block = values.get("serve", values)
        settings = {
            "plans.own.held.h100.serve": block,
            "plans.hybrid.held.h100.serve": block | {"overflow_above": OVERFLOW},
        }
    values = as_values(load(shipped("scenarios") / "chat.yaml", settings))
    plans = values["plans"]
    node = {key: value for key, value in plans["own"]["held"]["h100"].items() if key != "nodes"}

    def hired(most: int, **more: Any) -> dict[str, Any]:
        return {"h100": node | {"serve": node["serve"] | more | {"autoscale": AUTOSCALE | {"maximum": most}}}}

    values["plans"] = {
        "own": plans["own"],
        "hybrid": plans["hybrid"],
        "api": plans["api"],
        "autoscaled": {"hired": hired(MOST_NODES)},
        "scarce": {"hired": hired(SCARCE_NODES, overflow_above=OVERFLOW), "api": plans["api"]["api"]},
    }
    return build(Tree(values))


def swept(chat: sim.Scenario, reps: int) -> tuple[sim.Grid, sim.Grid]:
    """Sweep the rate: few requests over days, many over an hour."""
    capacity = chat.plans["own"].held["h100"].profile.rate_at_most(*(chat.chats["chat"].mean_tokens or (512, 256)))
    many = [float(f"{load * capacity:.{3 if load > 0.9 else 2}g}") for load in LOADS]
    values = as_values(chat) | {"horizon_days": FEW_DAYS, "warm_up_days": FEW_DAYS / 20}
    few = sim.sweep(build(Tree(values)), {RATE: list(FEW)}, reps)
    return few, sim.sweep(chat, {RATE: many}, reps)


def asked() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds perf/vllm_cost_meter")
    parser.add_argument("--serve", type=Path, help="YAML file with the `serve` block of another pace")
    parser.add_argument("--fitted-at", default=None, help="rates that this pace was fitted to: 1,10,50")
    parser.add_argument("--reps", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("outputs/cost_per_token"))
    arguments = parser.parse_args()
    if arguments.data and find_table(arguments.data) is None:
        raise InputError.one("--data", f"must be a folder that holds perf/vllm_cost_meter, got {arguments.data}")
    return arguments


def drawn(grid: Grid, few: Grid, chat: Scenario, runs: list[Run], note: str, folder: Path) -> list[Path]:
    """Draw cost along the rate, and at rates near nothing; write the tables of both."""
    most = max(grid.vary[RATE])
    dots = [
        Benchmark(run.rate, run.usd, run.simulated_usd, (run.ttft_ms["p90"] / 1e3, run.ttft_ms["p99"] / 1e3))
        for run in runs
        if run.rate <= most
    ]
    if beyond := [f"{run.rate:g}" for run in runs if run.rate > most]:
        note += f" Not drawn: {' and '.join(beyond)}/s."
    figure = sim.charts.cost_per_token(grid, measured=dots, strips=[api_strip(chat)], note=note)
    idle = sim.charts.cost_per_token(few, strips=[api_strip(chat)], note=NOTE)
    files = [*sim.charts.save(figure, folder, "cost_per_token"), *sim.charts.save(idle, folder, "scale_to_zero")]
    tables = (("cost_per_token", grid), ("scale_to_zero", few))
    return files + [write(folder / f"{name}.csv", sweep_csv(each.as_result())) for name, each in tables]


def main() -> None:
    arguments = asked()
    folder = output_folder(arguments.out)
    chat = scenario(arguments.serve)
    fitted_at: tuple[float, ...] = FITTED_AT if arguments.serve is None else ()
    if arguments.fitted_at is not None:
        fitted_at = tuple(float(rate) for rate in arguments.fitted_at.split(",") if rate)
    few, grid = swept(chat, arguments.reps)
    print(grid_rows([*few.cells, *grid.cells]) + "\n")
    for other in ("api", "hybrid"):
        print(break_even_text(grid.break_even("own", other)))
    print(against_each(grid, chat))
    print(elastic_text([*few.cells, *grid.cells]))
    runs, note = list[Run](), NOTE
    if table := find_table(arguments.data):
        runs = read_runs(table, chat)
        note += f"\n{errors_text(runs, fitted_at)}"
        print(f"\nmeasured by vllm-cost-meter, {RUN_REQUESTS} requests a run (taken from its throughput):\n")
        print(runs_text(runs, fitted_at))
        print(errors_text(runs, fitted_at))
        print("Below saturation the rate alone fixes the cost: there only the latencies test the pace.")
    else:
        print("\nthe measured runs of vllm-cost-meter are not here (see --help): the picture has no dots")
    print("\nwrote", *drawn(grid, few, chat, runs, note, folder))


if __name__ == "__main__":
    guarded(main)
