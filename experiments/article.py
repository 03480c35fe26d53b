"""Every claim of "OpenAI is too cheap to beat" about cost: claimed, recomputed, simulated, judged.

    python experiments/article.py [--out outputs/article] [--reps 100]

Writes claims.md and claims.csv, the table speed x runs side by side x engineer x API price (speed.csv), and the picture
of it. Serving is simulated on a fixed fleet here; cost_per_token.py simulates an elastic one, provider_scale.py scale.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sim
from sim.doors.cli.app import guarded
from sim.ground.catalog import INFERENCE_OFFERS
from sim.ground.estimate import Estimate
from sim.ground.files import output_folder, shipped, write
from sim.ground.scenario import Scenario, build, load
from sim.ground.scenario.tree import Tree
from sim.questions.tables import as_csv, break_even_text, grid_text, number, with_interval

RESERVED, ON_DEMAND, ENGINEER, HOURS = 19.22, 32.7726, 200_000.0, 8760.0
NODE_USD, YEAR_USD = RESERVED * HOURS, RESERVED * HOURS + ENGINEER
RATE = "workload.tuning.arrivals.rate_per_day"
WAIT_P95_H = 8.0  # assumed service level: 95 % of the runs start within a working day
CHAT_RATE = "workload.chat.arrivals.rate_per_second"
CHAT_TOKENS = (512, 256)  # assumed: read and written by a request
TTFT_P95_S = 2.0  # assumed service level: 95 % of the first tokens within two seconds
ADAPTERS, ADAPTER_SLOWDOWN, ADAPTER_LOAD_MS = 8, 0.1, 50  # assumed: iterations last 10 % longer with LoRA
SWITCH_USD = 50_000.0  # assumed one-off cost of moving from the API to own nodes, charged to the first year


@dataclass(frozen=True)
class Claim:
    """One claim of the article, and what is left of it."""

    claim: str
    claimed: str
    recomputed: str
    simulated: str
    verdict: str


@dataclass(frozen=True)
class Speed:
    """One way to run fine-tunes on the node: GPUs of a run, tokens a second of a run, and where that is from."""

    name: str
    gpus: int
    tokens_per_second: float
    basis: str

    @property
    def runs_per_day(self) -> float:
        """Runs of a million tokens a day at full use of 8 GPUs."""
        return 8 / self.gpus * self.tokens_per_second * 86_400 / 1e6


SPEEDS = (
    Speed("the article: one run on 8 GPUs, 2 h", 8, 1e6 / 7200, "assumed by the article"),
    Speed("eight one-GPU runs side by side, 2 h each", 1, 1e6 / 7200, "assumed"),
    Speed("70B LoRA on 8 GPUs, 3,497 tokens/s", 8, 3497.0, "measured: torchtune README, 8x A100, Llama 3.1 70B"),
)


def scenario(speed: Speed, rate: float, law: dict[str, Any], days: float = 365, **more: Any) -> Scenario:
    """State one p4d with Poisson runs, with and without the engineer, and the API."""
    held = {"p4d": {"instance": "p4d.24xlarge", "nodes": 1, "rate": "reserved_1y"}}
    tuning = {
        "kind": "fine_tune",
        "arrivals": {"law": "poisson", "rate_per_day": rate},
        "gpus": speed.gpus,
        "tokens_millions": law,
        "tokens_per_second": speed.tokens_per_second,
    }
    plans = {
        "reserved": {"held": held, "staff": {"engineers": 1, "usd_per_year": ENGINEER}},
        "reserved_alone": {"held": held},
        "api": {"api": {"usd_per_million_tokens": 8, "hours_per_million_tokens": 1.25}},
    }
    values = {"name": "claims", "seed": 2023, "horizon_days": days, "price_date": "2023-10-01", **more}
    return build(Tree({**values, "workload": {"tuning": tuning}, "plans": plans}))


FIXED: dict[str, Any] = {"law": "deterministic", "mean": 1}
SPREAD: dict[str, Any] = {"law": "lognormal", "mean": 1, "cv": 0.5}


def mean_wait(rate: float, reps: int) -> Estimate:
    """Simulate the long-run mean wait of runs of exactly 2 h on one node."""
    study = sim.run(scenario(SPEEDS[0], rate, FIXED, days=20_000, warm_up_days=500), max(10, reps // 10))
    found: Estimate = study.result["plans"]["reserved"]["classes"]["tuning"]["wait_h"]["mean"]
    return found


def api_multiple(reps: int, switch_usd: float) -> str:
    """Find the API price, as a multiple of 8 USD, at which the reserved node costs the same at 10.8 runs a day."""
    article = scenario(SPEEDS[0], 10.8, SPREAD)
    dearer = article.plans["reserved"].model_copy(update={"overhead_usd_per_year": switch_usd})
    moved = article.model_copy(update={"plans": article.plans | {"reserved": dearer}})
    prices = [8.0 * k for k in (1, 2, 4, 6, 8, 10, 12, 14, 16, 20)]
    entry = sim.sweep(moved, {"plans.api.api.usd_per_million_tokens": prices}, reps).break_even("reserved", "api")
    if (at := entry["at"]) is None:
        return str(entry["reason"])
    return f"{at.value / 8:.1f} [{at.low / 8:.1f}, {at.high / 8:.1f}] times 8 USD"


def token_prices() -> Claim:
    """Hold the token prices of the fine-tuned model against its base model and GPT-4, on two days."""
    parts = []
    for day, tuned, base, large in (
        ("Aug to Nov 2023", "openai_ft_gpt_35_turbo_2023_08", "openai_gpt_35_turbo_2023_06", "openai_gpt_4_8k_2023_03"),
        ("from 2023-11-06", "openai_ft_gpt_35_turbo_2023_11", "openai_gpt_35_turbo_2023_11", "openai_gpt_4_8k_2023_03"),
    ):
        prices = [INFERENCE_OFFERS[key] for key in (tuned, base, large)]
        read, base_read, large_read = (each.usd_per_million_input_tokens for each in prices)
        wrote, base_wrote, large_wrote = (each.usd_per_million_output_tokens for each in prices)
        parts.append(f"{day}: {read / base_read:g}x GPT-3.5 (output {wrote / base_wrote:g}x),")
        parts[-1] += f" GPT-4 {large_read / read:g}x dearer (output {large_wrote / wrote:g}x)"
    return Claim(
        "fine-tuned GPT-3.5 costs 10x GPT-3.5 and a tenth of GPT-4 per token",
        "10 and 1/10",
        "; ".join(parts),
        "arithmetic",
        "never both on one day",
    )


def serving(rate: float, plans: dict[str, Any], **more: Any) -> Scenario:
    """State requests of Llama-2-70B for an hour."""
    pairs = {"pairs": [list(CHAT_TOKENS)]}
    chat = {"kind": "inference", "arrivals": {"law": "poisson", "rate_per_second": rate}, "tokens": pairs, **more}
    values: dict[str, Any] = {"name": "serving", "seed": 2023, "horizon_days": 0.05, "warm_up_days": 0.01}
    values |= {"price_date": "2023-10-01", "equal_work": {"ttft_p95_s": TTFT_P95_S}}
    return build(Tree({**values, "workload": {"chat": chat}, "plans": plans}))


def p4d(nodes: int, **serve: Any) -> dict[str, Any]:
    """State reserved p4d that serve Llama-2-70B, a replica a node."""
    pace = {"model": "llama_2_70b", "gpus_per_replica": 8, **serve}
    return {"held": {"p4d": {"instance": "p4d.24xlarge", "rate": "reserved_1y", "nodes": nodes, "serve": pace}}}


def per_million(cell: Any, plan: str) -> Estimate:
    """Take USD per million output tokens."""
    found: Estimate = cell.result["plans"][plan]["classes"]["chat"]["usd_per_million_output_tokens"]
    return found


def self_hosted(reps: int) -> Claim:
    """Simulate the node's cost of a token against load, beside GPT-3.5 and its fine-tuned form at the API."""
    offers = {"gpt_35": "openai_gpt_35_turbo_2023_06", "fine_tuned_gpt_35": "openai_ft_gpt_35_turbo_2023_08"}
    staffed = {**p4d(1), "staff": {"engineers": 1, "usd_per_year": ENGINEER}}
    plans: dict[str, Any] = {"reserved": p4d(1), "staffed": staffed}
    for api, offer in offers.items():
        plans[api] = {"api": {"inference_offer": offer, "ttft_s": 0.5, "seconds_per_output_token": 0.02}}
    most = serving(1, plans).plans["reserved"].held["p4d"].profile.rate_at_most(*CHAT_TOKENS)
    loads = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95)
    grid = sim.sweep(serving(1, plans), {CHAT_RATE: [round(load * most, 3) for load in loads]}, max(2, reps // 10))
    costs = [
        f"{with_interval(per_million(grid.cells[k], 'reserved'))} at {100 * loads[k]:.0f} % load" for k in (1, 3, 5)
    ]
    crossings = []
    for plan in ("reserved", "staffed"):
        for api in offers:
            at = grid.break_even(plan, api)["at"]
            where = (
                f"none below capacity {most:.1f}"
                if at is None
                else f"{with_interval(at)} ({100 * at.value / most:.0f} %)"
            )
            crossings.append(f"`{plan}` = `{api}`: {where}")
    exact = [number(per_million(grid.cells[0], api).value) for api in offers]
    return Claim(
        "self-hosted serving is far dearer unless hardware is fully used or scales elastically",
        "none given",
        f"GPT-3.5 at {CHAT_TOKENS[0]} tokens in, {CHAT_TOKENS[1]} out: {exact[0]} USD per million output"
        f" tokens, fine-tuned {exact[1]};"
        f" the node at its capacity of {most:.1f} requests/s: {RESERVED / 3600 / most / CHAT_TOKENS[1] * 1e6:.2f}",
        "Llama-2-70B on the reserved p4d (pace by physics, software of 2024), USD per million output tokens: "
        + ", ".join(costs)
        + "; equal at requests/s"
        " (share of capacity): " + "; ".join(crossings) + "; `staffed` pays the engineer. Elastic: cost_per_token.py",
        "right against GPT-3.5 below half load, with the engineer at any; hardly against fine-tuned GPT-3.5",
    )


def cheap_lora(reps: int) -> Claim:
    """Simulate adapters that share one base model beside a replica for each."""
    shared = {"placement": "shared", "slots": ADAPTERS, "load_ms": ADAPTER_LOAD_MS, "slowdown": ADAPTER_SLOWDOWN}
    plans = {"shared": p4d(1, adapters=shared), "dedicated": p4d(ADAPTERS, adapters={"placement": "dedicated"})}
    chat = serving(1, plans, adapters={"count": ADAPTERS})
    grid = sim.sweep(chat, {CHAT_RATE: [1.0, 4.0, 7.0]}, max(2, reps // 10))
    parts = []
    for cell in grid.cells:
        costs = [with_interval(per_million(cell, plan)) for plan in plans]
        late = [cell.result["plans"][plan]["classes"]["chat"]["ttft_s"]["all"]["p95"].value for plan in plans]
        what = f"{costs[0]} shared, {costs[1]} dedicated, TTFT p95 {late[0]:.2f} and {late[1]:.2f} s"
        parts.append(f"at {cell.at[CHAT_RATE]:g} requests/s {what}")
    return Claim(
        "the provider wins by scale and by cheap LoRA",
        "none given",
        f"{ADAPTERS} adapters on one node or on {ADAPTERS}: {ADAPTERS}x the bill for the same requests",
        f"{ADAPTERS} adapters of Llama-2-70B, USD per million output tokens: " + "; ".join(parts),
        f"right while one node carries all: {ADAPTERS}x cheaper, first token later. Scale: provider_scale.py",
    )


def of_the_node(reps: int) -> list[Claim]:
    """Judge what the article says of a node of one's own."""
    waits = {rate: with_interval(mean_wait(rate, reps)) for rate in (6.0, 9.6, 10.8)}
    full = sim.run(scenario(SPEEDS[0], 12, SPREAD), reps).result["plans"]["reserved"]
    busy = sim.run(scenario(SPEEDS[0], 10.8, SPREAD), reps).result["plans"]["reserved"]
    per_run = with_interval(busy["classes"]["tuning"]["cost_per_job_usd"]["fully_loaded"]["mean"])
    return [
        Claim(
            "p4d.24xlarge reserved costs 19.22 USD/h, 166K USD a year",
            "166,000 USD",
            f"{NODE_USD:,.2f} USD; 166K is 12 months of 30 days",
            "arithmetic",
            "1.4 % low",
        ),
        Claim(
            "2 h a run, so 12 a day, 4,380 a year",
            "4,380 runs",
            "24 / 2 x 365 = 4,380, at 100 % utilization",
            f"mean wait {waits[6.0]} h at 6 a day, {waits[9.6]} h at 9.6, {waits[10.8]} h at 10.8"
            f" (exact: 1.0, 4.0, 9.0); at 12 a day not ranked: {full['reason']}",
            "right only without randomness and without idle time",
        ),
        Claim(
            "166K + 200K (engineer) = 366K; about 80 USD a run",
            "80 USD",
            f"366,000 / 4,380 = {366_000 / 4380:.2f}; {YEAR_USD / 4380:.2f} with exact hours;"
            f" engineer {100 * ENGINEER / YEAR_USD:.0f} %",
            f"{per_run} USD at 10.8 a day (90 % utilization)",
            "5 % low at full use; more at any load that the node can carry",
        ),
    ]


def of_renting(reps: int) -> list[Claim]:
    """Judge what it says of the API, of renting, and of tokens."""
    rates, article = [4.0, 5.0, 6.0, 6.5, 7.0, 7.5, 8.0, 9.0, 10.0], load(shipped("scenarios") / "article.yaml")
    grid = sim.sweep(article, {RATE: rates}, reps)
    return [
        Claim(
            "8 to 20 times the API's 4 to 12 USD",
            "8 to 20",
            f"{YEAR_USD / 4380 / 12:.1f} to {YEAR_USD / 4380 / 4:.1f}",
            f"the API is cheaper up to {api_multiple(reps, 0)}, at 10.8 runs a day",
            "right in kind",
        ),
        Claim(
            "renting is 3 to 8 times the API",
            "3 to 8",
            f"on demand, exactly 1 h: {ON_DEMAND / 12:.1f} to {ON_DEMAND / 4:.1f}; over its own 1 to 1.5 h:"
            f" {ON_DEMAND / 12:.1f} to {ON_DEMAND * 1.5 / 4:.1f};"
            f" at the reserved rate {RESERVED / 12:.1f} to {RESERVED * 1.5 / 4:.1f}",
            "arithmetic",
            "right for 1 h, too narrow for its own 1 to 1.5 h",
        ),
        Claim(
            "AWS adds a premium over what the provider pays",
            "none given",
            f"reserved / on demand = {100 * RESERVED / ON_DEMAND:.2f} %: reserved wins above"
            f" {RESERVED * 24 / (ON_DEMAND * 2):.2f} runs a day of 2 h",
            break_even_text(grid.break_even("reserved", "on_demand")),
            "the premium pays for idle time below that rate",
        ),
        token_prices(),
    ]


def of_what_is_hidden(reps: int) -> list[Claim]:
    """Judge what it leaves unsaid, and what it says in a footnote."""
    rates, fast = [60, 100, 120, 140, 200, 280], SPEEDS[2]
    grid = sim.sweep(scenario(fast, 126, SPREAD), {RATE: rates}, max(2, reps // 4))
    return [
        Claim(
            "hidden: one run takes 8 GPUs for 2 h per million tokens",
            "139 tokens/s",
            f"eight one-GPU runs with the engineer: {YEAR_USD / 35_040:.2f} USD; at the measured 3,497 tokens/s: "
            f"{YEAR_USD / (fast.runs_per_day * 365):.2f} USD at full use, break-even at {YEAR_USD / 8 / 365:.0f} a day",
            f"at the measured speed: {break_even_text(grid.break_even('reserved', 'api'))}; see the table of speeds",
            "speed flips the verdict, packing alone does not",
        ),
        Claim(
            "footnote: today's price may be subsidised; switching costs keep customers after a rise",
            "none given",
            f"at full use the node costs {YEAR_USD / 4380 / 8:.1f} times 8 USD",
            f"reserved wins above {api_multiple(reps, 0)}; with {SWITCH_USD:,.0f} USD to switch (assumed, charged"
            f" to one year) above {api_multiple(reps, SWITCH_USD)}; at 10.8 runs a day",
            "a rise of that size would be needed; lead time is not simulated",
        ),
        self_hosted(reps),
        cheap_lora(reps),
        Claim("data flywheel, model quality, a 10-billion-dollar model", "", "", "not simulated", "not about cost"),
    ]


def claims(reps: int) -> list[Claim]:
    """Judge the claims one by one."""
    return [*of_the_node(reps), *of_renting(reps), *of_what_is_hidden(reps)]


@dataclass(frozen=True)
class Loaded:
    """What a run costs at the highest load that still meets the wait."""

    speed: Speed
    engineer: bool
    full_use_usd: float
    rate: float
    usd: Estimate
    wait_p95_h: float


def at_service_level(speed: Speed, reps: int) -> list[Loaded]:
    """Simulate rising loads; keep the highest at which 95 % of the runs start within the wait."""
    loads = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97]
    rates = [round(load * speed.runs_per_day, 4) for load in loads]
    grid = sim.sweep(scenario(speed, rates[0], SPREAD, equal_work={"wait_p95_hours": WAIT_P95_H}), {RATE: rates}, reps)
    best = [cell for cell in grid.cells if cell.result["plans"]["reserved"]["eligible"]][-1]  # rates rise
    found = []
    for plan, engineer in (("reserved", True), ("reserved_alone", False)):
        each = best.result["plans"][plan]["classes"]["tuning"]
        full = (NODE_USD + ENGINEER * engineer) / (speed.runs_per_day * 365)
        cost = each["cost_per_job_usd"]["fully_loaded"]["mean"]
        found.append(Loaded(speed, engineer, full, float(best.at[RATE]), cost, each["wait_h"]["p95"].value))
    return found


def speed_rows(loaded: list[Loaded]) -> list[list[str]]:
    """Lay out speed x runs side by side x engineer x API price."""
    rows = []
    for each in loaded:
        base = [each.speed.name, "with" if each.engineer else "without", number(each.full_use_usd), f"{each.rate:.4g}"]
        value = each.usd.value or 0.0
        ratios = [f"{value / price:.2f}" for price in (4, 8, 12)]
        rows.append([*base, with_interval(each.usd), number(each.wait_p95_h), *ratios, each.speed.basis])
    return rows


def title(loaded: list[Loaded]) -> str:
    """Say how far a run's cost moves with the engineer and with the speed."""
    cost = {(each.speed.name, each.engineer): each.usd.value or 0.0 for each in loaded}
    slow, fast = SPEEDS[0].name, SPEEDS[2].name
    return (
        f"Training speed decides: {number(cost[slow, True])} USD a run as the article trains, "
        f"{number(cost[fast, True])} at a measured speed; without the engineer {number(cost[slow, False])}"
    )


SPEED_HEAD = [
    "speed and packing", "engineer", "USD a run, full use", "runs a day", "USD a run, simulated", "wait p95, h",
    "x API at 4 USD", "x API at 8 USD", "x API at 12 USD", "speed is",
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("outputs/article"))
    parser.add_argument("--reps", type=int, default=100)
    arguments = parser.parse_args()
    folder = output_folder(arguments.out)
    judged = [[c.claim, c.claimed, c.recomputed, c.simulated, c.verdict] for c in claims(arguments.reps)]
    head = ["claim", "claimed", "recomputed", "simulated", "verdict"]
    for row in judged:
        print("\n".join(f"{key + ':':12}{cell}" for key, cell in zip(head, row, strict=True) if cell), end="\n\n")
    loaded = [each for speed in SPEEDS for each in at_service_level(speed, max(20, arguments.reps // 5))]
    rows = speed_rows(loaded)
    print(f"USD a run at the highest load at which 95 % start within {WAIT_P95_H:g} h (assumed service level):\n")
    print(grid_text(SPEED_HEAD, rows))
    write(folder / "claims.csv", as_csv(head, judged))
    table = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *judged)]
    write(folder / "claims.md", "\n".join(table) + "\n")
    write(folder / "speed.csv", as_csv(SPEED_HEAD, rows))
    dots = [
        (
            f"{each.speed.name}, {'with' if each.engineer else 'without'} engineer",
            each.full_use_usd,
            each.usd,
            each.speed.basis,
        )
        for each in loaded
    ]
    figure = sim.charts.cost_by_assumption(
        dots,
        strips=[(4.0, 12.0, "the article: 4 to 12 USD at the API")],
        title=title(loaded),
        load=f"simulated at the highest load at which 95 % of the runs start within {WAIT_P95_H:g} h",
        source="p4d.24xlarge reserved 19.22 USD/h (list price, 2023); engineer 200,000 USD/year (assumed)",
    )
    print("\nwrote", *sim.charts.save(figure, folder, "cost_by_assumption"), folder / "claims.md", folder / "speed.csv")


if __name__ == "__main__":
    guarded(main)
