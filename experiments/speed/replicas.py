"""Replicas: requests under several loads by SimPy, by a plain loop and by the kernel; the whole way of requests."""

import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from sim.engine import fleet, reference
from sim.ground.requests import NO_ADAPTER, Replicas, Requests
from sim.ground.units import FINE, NEVER, Ticks
from speed import worlds
from speed.rounds import medians, one_core, page, seconds, spread, value, whole_way
from speed.work import Tell, Work

KERNEL = "kernel"
WORDS = {
    "load": "replicas, each a GPU of its own, x requests a second in all",
    "M/s": "millions of requests that the kernel serves in a second of one core, median of the rounds; best: the most",
    "x": "times as long as the kernel in the same round, medians",
    "stepping": "the kernel, one iteration of a replica after the other, none jumped over",
    "plain loop": "every iteration and every request in it, compiled: the witness of the tests",
    "SimPy": "our reference fleet",
    "drawing": "the random numbers of the requests, and nothing else",
    "whole way": "sample, serve, charge, percentiles; one replica, 5 requests a second",
}


@dataclass(frozen=True)
class Load:
    """Replicas of a Llama 3.1 8B on a GPU each, and the requests that come a second."""

    replicas: int
    per_second: float
    kv_tokens: int = 400_000

    def __str__(self) -> str:
        """Name the row of the table."""
        pressed = f", {self.kv_tokens:,} KV tokens" if self.kv_tokens < Load.kv_tokens else ""
        return f"{self.replicas} x, {self.per_second:g}/s{pressed}"

    def rules(self) -> Replicas:
        """Say how long iterations last: 12.77 ms, 13 us a request, 0.07 us a cached token, 41.8 us a prompt token."""
        return Replicas(
            count=self.replicas,
            gpus=1,
            base=12_770 * FINE,
            per_request=13 * FINE,
            per_kv_token=round(0.07 * FINE),
            per_prefill_token=round(41.8 * FINE),
            prefill=0,
            floor=0,
            kv_tokens=self.kv_tokens,
            max_num_seqs=256,
            token_budget=2048,
            edges=np.array([0, NEVER // FINE]),
        )

    def requests(self, count: int) -> Requests:
        """Draw Poisson arrivals with lognormal prompts and outputs, on average 500 and 250 tokens."""
        generator = np.random.default_rng(8)
        arrival = np.cumsum(generator.exponential(1e6 / self.per_second, count)).astype(np.int64)
        prompt, output = (tokens(generator, mean, count) for mean in (500, 250))
        offsets, zeros = np.array([0, count]), np.zeros(count, np.int64)
        return Requests(offsets, arrival, prompt, output, zeros, np.full(count, NO_ADAPTER), zeros)


LOADS = (Load(1, 1), Load(1, 5), Load(1, 14), Load(16, 80), Load(64, 320), Load(1, 10, kv_tokens=15_000))


def tokens(generator: np.random.Generator, mean: float, count: int) -> Ticks:
    """Draw lognormal numbers of tokens, the logarithm with a standard deviation of 1."""
    return np.maximum(1, generator.lognormal(np.log(mean) - 0.5, 1.0, count)).astype(np.int64)


def plain_loop() -> Any:
    """Load the witness of the tests: every iteration, every running request, compiled."""
    sys.path.append(str(Path(__file__).parents[2] / "tests"))
    return import_module("plain_serving")


def one_round(under: Load, count: int, plain: Any) -> dict[str, float]:
    """Serve a load by every contestant once: nanoseconds a request, the making of its rows with it."""
    rules, generator = under.rules(), np.random.Generator(np.random.Philox(8))
    all_, some, few = (under.requests(size) for size in (count, max(20, count // 10), max(20, count // 400)))

    def draw() -> None:
        generator.standard_exponential(count)
        generator.standard_normal(2 * count)

    rows = fleet.serve_requests(rules, all_, None)  # made beforehand, as for the loop of a study
    stepping = replace(rules, longest_jump=1)
    return {
        KERNEL: seconds(lambda: fleet.serve_requests(rules, all_, None, rows)) / count * 1e9,
        "stepping": seconds(lambda: fleet.serve_requests(stepping, all_, None, rows)) / count * 1e9,
        "plain loop": seconds(lambda: plain.serve_requests(rules, some, None)) / len(some) * 1e9,
        "SimPy": seconds(lambda: reference.serve_requests(rules, few, None)) / len(few) * 1e9,
        "drawing": seconds(draw) / count * 1e9,
    }


def measure(work: Work, tell: Tell) -> dict[str, Any]:
    """Time all contestants in turn under each load, round by round."""
    plain = plain_loop()
    rounds: list[dict[Load, dict[str, float]]] = []
    paces = []
    with one_core():
        one_round(LOADS[0], min(work.requests, 1_000), plain)  # compile, load, warm up
        whole_way(worlds.requests(), 2)
        for k in range(work.rounds):
            rounds.append({load: one_round(load, work.requests, plain) for load in LOADS})
            spent, served = whole_way(worlds.requests(), work.request_reps)
            paces.append(served / spent)
            tell(k + 1, work.rounds)
    serving = {str(load): medians([one[load] for one in rounds], "ns_per_request") for load in LOADS}
    kernel = {str(load): spread([1e9 / one[load][KERNEL] for one in rounds]) for load in LOADS}
    return {"serving": serving, "requests_per_s": kernel, "whole_way_of_requests_per_s": paces}


def text(told: Mapping[str, Any]) -> str:
    """Lay out the table: the kernel's speed, and how many times as long the others take."""
    serving, paces = told["serving"], told["requests_per_s"]
    names: Sequence[str] = [name for name in next(iter(serving.values())) if name != KERNEL]
    rows = []
    for load, row in serving.items():
        others = (f"{value(row[name], 'times_kernel'):,.1f}" for name in names)
        rows.append([load, f"{value(paces, load) / 1e6:.2f}", f"{paces[load][-1] / 1e6:.2f}", *others])
    head = ["one core, a load", "M/s", "best", *(f"x {name}" for name in names)]
    whole = told["whole_way_of_requests_per_s"]
    said = f"whole way: {statistics.median(whole) / 1e6:.2f} M requests/s, best {max(whole) / 1e6:.2f}"
    return f"{page('replicas', head, rows, WORDS)}\n{said}"
