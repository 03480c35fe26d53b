"""Does a replica of your own still pay once requests come as they really do? Poisson demand against days and bursts.

    python experiments/bursts.py [--reps 6] [--jobs 0] [--quick] [--out outputs/bursts]

Llama-3.1-70B on replicas of 4 H100s, and the same model at an API. For each demand, at the same mean rates: how many
requests a second 1, 2, 3, .. replicas carry while 95 % of the first tokens come within a second (searched by
simulation); so how many a rate needs, what a million output tokens cost then, and where that beats the API. Then every
demand goes to the fleet that Poisson demand asks for, alone and with the API behind it.

The bursts are those of a few clients: ten hold 93 % of the load (ServeGen, m-small), each on and off by chance. How
long is set so that counts vary as in Azure's hour of chat; `dispersion_text` shows how well. The clients are the same
at every rate: more requests a second are more of each. Growth does not smooth them, by these traces: rates of ten
minutes swing by 17 % within Azure's hour (5.5 requests/s), by 24 % beyond hour and day in ServeGen's (1,174/s).

The API takes whatever comes. A break-even lies where another replica pays, so prices fix it, unless errors move it.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import sim
from sim.doors.cli.app import guarded
from sim.engine.workload.dispersion import idc
from sim.ground import catalog
from sim.ground.estimate import Estimate, jackknife, plain
from sim.ground.files import output_folder, write
from sim.ground.scenario import Scenario, Tree, build
from sim.ground.units import HOURS_PER_YEAR, SECONDS_PER_HOUR, Floats
from sim.questions.charts.demand import Carried, Late, demand_finding, demand_verdicts, duration, for_good, needed, won
from sim.questions.tables import as_csv, grid_text, number, percent, with_interval

SEED = 11
LEVEL_S = 1.0  # assumed: 95 % of the first tokens within a second
MOST_RATE, QUICK_RATE = 20.0, 4.0  # requests a second up to which fleets are sized
FLEET = 3  # replicas of the fleet that is sized by Poisson demand and then meets the others
OVERFLOW = 60  # requests on a replica from which on the API takes over (assumed: keeps TTFT within the level)
STEP = 1.04  # of the search; between two steps the TTFT is taken to grow evenly on logarithmic scales
GPUS, INSTANCE, OFFER = 4, "lambda.h100_80gb_x8", "together_llama_31_70b"
PROMPT_TOKENS, OUTPUT_TOKENS = 1155.0, 211.0
PROMPT = {"law": "lognormal", "mean": PROMPT_TOKENS, "cv": 0.96}
OUTPUT = {"law": "lognormal", "mean": OUTPUT_TOKENS, "cv": 0.77}
TOKENS_SOURCE = "measured: mean and cv of tokens, Azure LLM 2023 chat; the law is assumed"

# Mean rate by the hour of the trace's clock over 14 days of m-small, ServeGen (arXiv 2505.09999).
DAY = {
    "hours": [
        *(0.84, 0.71, 0.73, 0.68, 0.71, 0.66, 0.68, 0.85, 1.02, 1.05, 1.13, 1.09),
        *(1.06, 1.07, 1.06, 1.05, 1.09, 1.08, 1.01, 1.23, 1.46, 1.40, 1.27, 1.06),
    ]
}
PEAK_TO_VALLEY = 11.72  # by hour of the day, BurstGPT; that it swings like a sine is assumed
DEEP_DAY = {"sine": {"amplitude": round((PEAK_TO_VALLEY - 1) / (PEAK_TO_VALLEY + 1), 4), "peak_hour": 15}}

CLIENTS = (0.299, 0.219, 0.107, 0.088, 0.057, 0.053, 0.042, 0.035, 0.016, 0.012)  # ServeGen, m-small: shares of load
ON_S, OFF_S = 1300.0, 390.0  # fitted: with them counts vary as in AZURE_IDC
AZURE_RATE, AZURE_IDC = 5.53, {1: 1.4, 10: 3.9, 60: 16.0, 300: 56.0}  # Azure LLM 2023 chat: requests/s; IDC by seconds

POISSON: dict[str, Any] = {"law": "poisson"}
STAYS = {key: {"law": "exponential", "mean": mean} for key, mean in (("on_s", ON_S), ("off_s", OFF_S))}
BURSTS: dict[str, Any] = {
    "law": "superposition",
    "parts": [
        *({"law": "on_off", "rate_per_second": share, **STAYS} for share in CLIENTS),
        {"law": "poisson", "rate_per_second": round(1 - math.fsum(CLIENTS), 6)},
    ],
}


@dataclass(frozen=True)
class Demand:
    """Requests that come by a law, at any mean rate, and perhaps by the hour."""

    name: str
    law: dict[str, Any]
    pattern: dict[str, Any] | None = None

    @property
    def days(self) -> float:
        """Counted days of a replication: a whole one where the hour matters."""
        return 0.25 if self.pattern is None else 1.0

    def arrivals(self, rate: float) -> dict[str, Any]:
        """State it at a mean rate."""
        timed = {} if self.pattern is None else {"pattern": self.pattern}
        return {**self.law, "rate_per_second": rate, **timed}


DEMANDS = (
    Demand("Poisson", POISSON),
    Demand("bursts", BURSTS),
    Demand("a day", POISSON, DAY),
    Demand("day and bursts", BURSTS, DAY),
    Demand("deep day and bursts", BURSTS, DEEP_DAY),
)


def usd_per_replica_h() -> float:
    """Look up what an hour of a replica costs: its share of the node."""
    price = catalog.node_price(INSTANCE, "on_demand", None)
    return price.usd_per_node_h * GPUS / catalog.INSTANCES[INSTANCE].gpus if price is not None else math.nan


def scenario(demand: Demand, rate: float, replicas: int, hybrid: bool = False) -> Scenario:
    """State a demand and a fleet, alone or also with the API behind it."""
    serve = {"model": "llama_3_1_70b", "accelerator": catalog.INSTANCES[INSTANCE].gpu, "gpus_per_replica": GPUS}
    source = f"list price: {GPUS} of the 8 GPUs of {INSTANCE}, 2026-09-25"
    node = {"gpus": GPUS, "usd_per_node_h": usd_per_replica_h(), "nodes": replicas, "source": source}
    times = {"ttft_s": {"law": "lognormal", "mean": 0.4, "cv": 0.5}, "seconds_per_output_token": 0.02}  # assumed
    tokens = {"prompt_tokens": PROMPT, "output_tokens": OUTPUT, "source": TOKENS_SOURCE}
    values: dict[str, Any] = {
        "name": "bursts",
        "seed": SEED,
        "horizon_days": demand.days + 0.01,  # the first quarter of an hour fills the batch and is not counted
        "warm_up_days": 0.01,
        "workload": {"chat": {"kind": "inference", "arrivals": demand.arrivals(rate), **tokens}},
        "plans": {"own": {"held": {"h100": node | {"serve": serve}}}},
        "equal_work": {"not_started_share": 0.01, "ttft_p95_s": LEVEL_S},
    }
    if hybrid:
        filled = serve | {"overflow_above": OVERFLOW}
        behind = {"api": {"inference_offer": OFFER, **times}}
        values["plans"]["hybrid"] = {"held": {"h100": node | {"serve": filled}}, **behind}
    return build(Tree(values, file="bursts"))


def token_prices() -> tuple[float, float]:
    """Tell what the API asks for a request, and for a million output tokens, prompts included."""
    offer = catalog.INFERENCE_OFFERS[OFFER]
    read, written = offer.usd_per_million_input_tokens, offer.usd_per_million_output_tokens
    usd = (read * PROMPT_TOKENS + written * OUTPUT_TOKENS) / 1e6
    return usd, usd / OUTPUT_TOKENS * 1e6


def usd_per_million(replicas: int, rate: float) -> float:
    """Tell what a million output tokens cost on so many replicas."""
    return replicas * usd_per_replica_h() / SECONDS_PER_HOUR / (rate * OUTPUT_TOKENS) * 1e6


def even_rate() -> float:
    """Find the requests a second from which on a replica is cheaper than the API."""
    return usd_per_replica_h() / SECONDS_PER_HOUR / token_prices()[0]


def first_tokens(demand: Demand, replicas: int, rate: float, reps: int, jobs: int) -> Floats:
    """Simulate within how many seconds 95 % have their first token: without each replication in turn, then of all."""
    fold = sim.run(scenario(demand, rate, replicas), reps, jobs=jobs).outcomes["own"].classes["chat"]
    pooled = fold.values["ttft_s.held"]
    return pooled.quantiles(np.array([0.95]), pooled.groups)[:, 0]


def crossing(rates: tuple[float, float], seconds: tuple[Floats, Floats]) -> Floats:
    """Find the rates at which TTFTs reach the level, straight on logarithmic scales through two measured ones."""
    low, high = (np.log(each / LEVEL_S) for each in seconds)
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(high > low, -low / (high - low), 0.5)
    return rates[0] * (rates[1] / rates[0]) ** np.clip(part, -1.0, 2.0)


def carried(demand: Demand, replicas: int, start: float, reps: int, jobs: int) -> Estimate:
    """Find the mean rate up to which so many replicas meet the level, from a start on."""
    seconds: Callable[[float], Floats] = cache(partial(first_tokens, demand, replicas, reps=reps, jobs=jobs))
    low = high = start
    while not seconds(low)[-1] <= LEVEL_S:
        low, high = low / STEP, low
    while high == low or seconds(high)[-1] <= LEVEL_S:
        low, high = high, high * STEP
    found = crossing((low, high), (seconds(low), seconds(high)))
    return jackknife(float(found[-1]), found[:-1], 0.95)


def most_of_one() -> float:
    """Tell the requests a second that keep a replica busy all the time."""
    profile = scenario(DEMANDS[0], 1.0, 1).plans["own"].held["h100"].profile
    return profile.rate_at_most(PROMPT_TOKENS, OUTPUT_TOKENS)


def sized(demand: Demand, most: float, reps: int, jobs: int) -> Carried:
    """Find what 1, 2, .. replicas carry, up to a rate."""
    each = 0.5 * most_of_one()
    found: list[Estimate] = []
    while not found or (found[-1].value or math.inf) < most:
        replicas = len(found) + 1
        found.append(carried(demand, replicas, each * replicas, reps, jobs))
        each = (found[-1].value or math.nan) / replicas
        sys.stderr.write(f"{demand.name}: {each * replicas:.3g} requests/s on {replicas}\n")
    return Carried(demand.name, tuple(found))


def met(demand: Demand, rate: float, fleet: int, reps: int, jobs: int) -> Late:
    """Send a demand to the fleet that Poisson demand asks for, alone and with the API behind it."""
    plans = sim.run(scenario(demand, rate, fleet, hybrid=True), reps, jobs=jobs).result["plans"]
    first = [plan["classes"]["chat"]["ttft_s"]["all"]["p95"] for plan in plans.values()]
    both = plans["hybrid"]["classes"]["chat"]
    sys.stderr.write(f"{demand.name}: sent to the fleet of Poisson demand\n")
    return Late(demand.name, first[0], first[1], both["usd_per_million_output_tokens"], both["api_share"])


@dataclass(frozen=True)
class Found:
    """What was found.

    carried: what replicas carry of each demand; late: each demand on the fleet of so many replicas that Poisson demand
    asks for; most: requests a second up to which fleets are sized.
    """

    carried: list[Carried]
    late: list[Late]
    fleet: int
    most: float

    @property
    def rate(self) -> float:
        """Requests a second that the fleet carries by Poisson demand."""
        return self.carried[0].ends()[self.fleet - 1]

    @property
    def title(self) -> str:
        return demand_finding(self.carried, self.late, even=even_rate(), most=self.most)

    def break_even(self, each: Carried) -> Estimate:
        """Find the rate from which on own replicas stay cheaper than the API; its interval by what they carry."""
        value, low, high = (for_good(each.ends(which), even_rate(), self.most) for which in ("value", "high", "low"))
        return Estimate(value, low, high)

    def usd_a_year(self, each: Carried) -> float:
        """Tell what the replicas that the rate of Poisson's fleet needs cost a year beyond the API."""
        count = needed(each.ends(), self.rate)
        if count is None:
            return math.nan
        return (count * usd_per_replica_h() - self.rate * SECONDS_PER_HOUR * token_prices()[0]) * HOURS_PER_YEAR


def explore(reps: int, most: float, jobs: int) -> Found:
    """Size fleets for all demands, then send each to the fleet of the first."""
    carried_ = [sized(demand, most, reps, jobs) for demand in DEMANDS]
    ends = carried_[0].ends()[:FLEET]
    fleet, rate = len(ends), ends[-1]
    return Found(carried_, [met(demand, rate, fleet, reps, jobs) for demand in DEMANDS], fleet, most)


def sizes_text(found: Found) -> str:
    """Lay out what fleets carry and cost, a row a fleet."""
    head = ["demand", "replicas", "carry, requests/s", "of a replica's most", "USD per million output tokens"]
    rows = []
    for each in found.carried:
        for count, rate in enumerate(each.rates, 1):
            load = percent((rate.value or 0.0) / (count * most_of_one()))
            rows.append([each.name, str(count), with_interval(rate), load, with_interval(cost_of(count, rate))])
    return grid_text(head, rows)


def late_text(found: Found) -> str:
    """Lay out what the fleet of Poisson demand makes of each demand."""
    head = ["demand", "TTFT p95, s", "replicas needed", "USD/M", "USD a year beyond the API"]
    head, rows = [*head, "API behind: TTFT p95, s", "by API", "USD/M"], []
    for each, late in zip(found.carried, found.late, strict=True):
        count = needed(each.ends(), found.rate)
        usd = "" if count is None else number(usd_per_million(count, found.rate))
        row = [each.name, number(late.own_s.value), "more" if count is None else str(count), usd]
        row += ["" if count is None else f"{found.usd_a_year(each):+,.0f}", number(late.hybrid_s.value)]
        rows.append([*row, percent(late.api_share.value), with_interval(late.hybrid_usd)])
    return grid_text(head, rows)


def break_even_lines(found: Found) -> list[str]:
    """Say for each demand where own replicas are cheaper than the API."""
    lines = []
    for each in found.carried:
        at, share = found.break_even(each), won(each.ends(), even_rate(), found.most)
        told = "nowhere for good"
        if at.value is not None:
            ends = [number(end) if end is not None else "nowhere" for end in (at.low, at.high)]
            error = "" if ends[0] == ends[1] else f" ({ends[0]} to {ends[1]} by the error of what they carry)"
            told = f"from {number(at.value)} requests/s on{error}"
        lines.append(f"- {each.name}: {told}; at {100 * share:.0f} % of the rates up to {found.most:g}")
    return lines


def dispersion_text() -> str:
    """Hold the bursts against the hour that they were fitted to."""
    law = scenario(DEMANDS[1], AZURE_RATE, 1).chats["chat"].arrivals
    pairs = [f"{idc(law, s / SECONDS_PER_HOUR):.1f} ({told:g}) at {s} s" for s, told in AZURE_IDC.items()]
    return f"Bursts: IDC at {AZURE_RATE:g} requests/s by theory (measured: Azure LLM 2023 chat): {', '.join(pairs)}."


def verdict(found: Found) -> str:
    """Say what was found."""
    worst, late = found.carried[-2], found.late[-2]
    count = needed(worst.ends(), found.rate)
    usd = "more than was tried" if count is None else f"{number(usd_per_million(count, found.rate))} USD"
    return "\n".join(
        [
            f"{found.title}.",
            f"The API asks {number(token_prices()[1])} USD per million output tokens, prompts included; a replica "
            f"costs less from {even_rate():.2f} requests/s on.",
            "Own replicas, the fewest that meet the level, are cheaper than the API:",
            *break_even_lines(found),
            f"Who sizes by Poisson demand holds {found.fleet} replicas for {found.rate:.3g} requests/s, at "
            f"{number(usd_per_million(found.fleet, found.rate))} USD per million output tokens, and counts on saving "
            f"{-found.usd_a_year(found.carried[0]):,.0f} USD a year.",
            f"With {worst.name} 95 % of the first tokens come within {duration(late.own_s.value or math.nan)}; within "
            f"{LEVEL_S:g} s takes {count or 'more'} replicas, at {usd}: {found.usd_a_year(worst):+,.0f} USD a year "
            "beyond the API.",
            f"With the API behind the same {found.fleet} they come within {number(late.hybrid_s.value)} s, "
            f"{percent(late.api_share.value)} of the requests at the API, for {with_interval(late.hybrid_usd)} USD.",
            dispersion_text(),
        ]
    )


def cost_of(replicas: int, rate: Estimate) -> Estimate:
    """Tell what a million output tokens cost at the most that replicas carry."""
    ends = (rate.value, rate.high, rate.low)
    value, low, high = (None if end is None else usd_per_million(replicas, end) for end in ends)
    return Estimate(value, low, high, n=rate.n)


CSV_HEAD = ["demand", "replicas", "rate_per_second", "rate_low", "rate_high", "usd_per_million", "usd_low", "usd_high"]


def csv_rows(found: Found) -> list[list[Any]]:
    """Lay out what all fleets carry and cost."""
    rows: list[list[Any]] = []
    for each in found.carried:
        for count, rate in enumerate(each.rates, 1):
            usd = cost_of(count, rate)
            rows.append([each.name, count, rate.value, rate.low, rate.high, usd.value, usd.low, usd.high])
    return rows


def plain_values(found: Found) -> dict[str, Any]:
    """Give what was found as plain values."""
    told = {}
    for each, late in zip(found.carried, found.late, strict=True):
        told[each.name] = {
            "carried_requests_a_second": [rate.as_json() for rate in each.rates],
            "break_even_requests_a_second": found.break_even(each).as_json(),
            "share_of_rates_won": won(each.ends(), even_rate(), found.most),
            "ttft_p95_s": late.own_s.as_json(),
            "usd_a_year_beyond_api": plain(found.usd_a_year(each)),
            "hybrid_ttft_p95_s": late.hybrid_s.as_json(),
            "hybrid_usd_per_million_output_tokens": late.hybrid_usd.as_json(),
            "hybrid_api_share": late.api_share.as_json(),
        }
    fleet = {"replicas": found.fleet, "requests_a_second": found.rate}
    return {"title": found.title, "fleet": fleet, "api_usd": token_prices()[1], "demands": told}


def picture(found: Found, reps: int) -> Figure:
    """Draw what was found."""
    return demand_verdicts(
        found.carried,
        found.late,
        usd_per_replica=usd_per_million(1, 1.0),
        api_usd=token_prices()[1],
        most=found.most,
        rate=found.rate,
        fleet=found.fleet,
        level_s=LEVEL_S,
        note=f"Day: ServeGen m-small's hours; deep day: a sine with BurstGPT's peak to valley of {PEAK_TO_VALLEY:g}. "
        "Bursts: ten clients with ServeGen's shares, each on and off, as uneven as Azure's hour of chat.",
        source=f"Llama-3.1-70B, {GPUS} H100s a replica by physics, {usd_per_replica_h():g} USD/h ({INSTANCE}, list "
        f"price 2026-09-25); API {OFFER}; prompts {PROMPT_TOKENS:g}, outputs {OUTPUT_TOKENS:g} tokens on average; "
        f"{reps} replications of 6 h, with a day of 24 h, seed {SEED}; interval: 95 %",
        title=found.title,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=6, help="sample paths of each fleet and rate")
    parser.add_argument("--jobs", type=int, default=0, help="threads, 0 for one a processor")
    parser.add_argument("--quick", action="store_true", help=f"up to {QUICK_RATE:g} requests/s, 2 replications")
    parser.add_argument("--out", type=Path, default=Path("outputs/bursts"))
    arguments = parser.parse_args()
    folder = output_folder(arguments.out)
    most, reps = (QUICK_RATE, 2) if arguments.quick else (MOST_RATE, arguments.reps)
    found = explore(reps, most, arguments.jobs)
    told = verdict(found)
    at = f"{found.fleet} replicas, {found.rate:.3g} requests/s:"
    print(f"{sizes_text(found)}\n\n{at}\n\n{late_text(found)}\n\n{told}")
    write(folder / "bursts.txt", told + "\n")
    write(folder / "bursts.csv", as_csv(CSV_HEAD, iter(csv_rows(found))))
    write(folder / "bursts.json", json.dumps(plain_values(found), indent=1) + "\n")
    files = sim.charts.save(picture(found, reps), folder, "bursts")
    print("\nwrote", *files, *(folder / f"bursts.{form}" for form in ("csv", "json", "txt")))


if __name__ == "__main__":
    guarded(main)
