"""How fast it is, on one core: nodes on M/M/8, steady and with all that can happen to them, then replicas under loads.

    python experiments/benchmark.py [--jobs 200000] [--requests 100000] [--rounds 5] [--out outputs/benchmark]

All contestants run in each round, one after the other, on the same work where they can take it; the slow ones on its
first part. What counts is the ratio within a round; medians over the rounds are shown with their least and greatest.
"""

import argparse
import heapq
import json
import os
import random
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import simpy

from sim import fleet, reference
from sim.cli.app import guarded
from sim.files import output_folder, shipped, write
from sim.jobs import Fleet, Hazards, Hiring, Paths, Recovery, Terms
from sim.requests import NO_ADAPTER, Replicas, Requests
from sim.scenario import Tree, build, load
from sim.study.outcome import Outcome
from sim.study.pieces import run_all
from sim.study.result import result
from sim.study.simulate import Experiment
from sim.units import FINE, NEVER, Ticks, to_ticks

ARRIVALS_PER_H, SERVED_PER_H, SERVERS = 3.2, 0.5, 8


def mm8(jobs: int) -> tuple[Fleet, Paths, Terms]:
    """Draw an M/M/8 queue at 80 % load."""
    generator = np.random.default_rng(8)
    arrival = to_ticks(np.cumsum(generator.exponential(1 / ARRIVALS_PER_H, jobs)))
    service = to_ticks(generator.exponential(1 / SERVED_PER_H, jobs))
    zeros = np.zeros(jobs, np.int64)
    paths = Paths(np.array([0, jobs]), arrival, service, zeros + 1, zeros, zeros, np.zeros(jobs))
    return Fleet(SERVERS, 1, int(arrival[-1]) + 1), paths, Terms(np.full(jobs, NEVER), zeros)


def everything(jobs: int) -> tuple[Fleet, Paths, Terms, Hazards]:
    """Draw M/M/8 at 80 % load with all that can happen to nodes, as a user would meet it.

    Eight held nodes fail every 500 h and are repaired in 2 h; who has waited an hour calls for one of up to eight spot
    nodes, which boot in 6 minutes, are reclaimed after 100 h and refused one time in ten; every tenth job is urgent and
    may interrupt others; work is saved every half hour in 36 s; half of the jobs go to the API after 8 h.
    """
    fleet_, paths, terms = mm8(jobs)
    generator, horizon = np.random.default_rng(9), fleet_.horizon
    turns = int(1.3 * horizon / 3.6e9 / 502) + 20
    up_down = generator.exponential([500.0, 2.0], (1, SERVERS, turns, 2)).reshape(1, SERVERS, -1)
    windows = to_ticks(np.cumsum(np.concatenate((np.zeros((1, SERVERS, 1)), up_down), axis=2), axis=2))
    drawn = (1, jobs // 4 + 64)
    hazards = Hazards(
        windows,
        supply=np.empty((1, 0, 1), np.int64),
        boot=to_ticks(generator.exponential(0.1, drawn)),
        lifetime=to_ticks(generator.exponential(100.0, drawn)),
        refused=(generator.random(drawn) < 0.1).astype(np.int64),
        slots=SERVERS,
    )
    hour = 3_600_000_000
    rules = replace(
        fleet_,
        fails=True,
        preempt=True,
        hiring=Hiring(maximum=SERVERS, after=hour, idle_release=hour // 4),
        recovery=Recovery(hour // 2, hour // 100, hour // 20),
    )
    urgent = (generator.random(jobs) >= 0.1).astype(np.int64)
    patience = np.where(generator.random(jobs) < 0.5, 8 * hour, NEVER)
    return rules, replace(paths, priority=urgent), replace(terms, patience=patience), hazards


def plain_python(arrival: list[float], service: list[float]) -> float:
    """Serve first come, first served, with a heap of the servers' free times; return the mean wait."""
    free = [0.0] * SERVERS
    waits = 0.0
    for arrives, takes in zip(arrival, service, strict=True):
        begins = max(arrives, free[0])
        heapq.heapreplace(free, begins + takes)
        waits += begins - arrives
    return waits / len(arrival)


def simpy_resource(arrival: list[float], service: list[float]) -> None:
    """Serve with SimPy as its manual teaches: a Resource, a process a job."""
    env = simpy.Environment()
    servers = simpy.Resource(env, SERVERS)

    def job(takes: float) -> Generator[simpy.Event]:
        with servers.request() as request:
            yield request
            yield env.timeout(takes)

    def source() -> Generator[simpy.Event]:
        for arrives, takes in zip(arrival, service, strict=True):
            yield env.timeout(arrives - env.now)
            env.process(job(takes))

    env.process(source())
    env.run()


def ciw_network(jobs: int) -> None:
    """Serve with Ciw."""
    import ciw

    ciw.seed(8)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(ARRIVALS_PER_H)],
        service_distributions=[ciw.dists.Exponential(SERVED_PER_H)],
        number_of_servers=[SERVERS],
    )
    ciw.Simulation(network).simulate_until_max_customers(jobs, method="Finish")


def seconds(work: Callable[[], object]) -> float:
    """Time a piece of work once, in seconds of this thread: others on the machine disturb that less."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


def whole_way(reps: int) -> tuple[float, int]:
    """Sample, serve, charge and estimate the article at three plans; seconds and job-services."""
    scenario = load(shipped("scenarios") / "article.yaml")
    plans = {name: scenario.plans[name] for name in ("reserved", "on_demand", "api")}
    experiment = Experiment.of(scenario.model_copy(update={"plans": plans}), 1)
    began = time.perf_counter()
    outcomes = run_all(experiment, reps)
    result(experiment, outcomes)
    served = sum(int(outcome.total("jobs").sum()) for outcome in outcomes.values())
    return time.perf_counter() - began, served


def memory_per_job(reps: int) -> float:
    """Bytes at the peak of a whole way, for each job of one path (all plans together)."""
    tracemalloc.start()
    _, served = whole_way(reps)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / (served / 3)


def one_round(jobs: int, reps: int) -> dict[str, float]:
    """Run every contestant once: nanoseconds a job."""
    few = max(2_000, jobs // 50)
    fleet_, paths, terms = mm8(jobs)
    small = mm8(few)
    hours = 3.6e9
    arrival, service = (small[1].arrival / hours).tolist(), (small[1].service / hours).tolist()
    generator = np.random.Generator(np.random.Philox(8))
    elapsed, served = whole_way(reps)
    every = everything(jobs)
    return {
        "kernel": seconds(lambda: fleet.serve(fleet_, paths, terms)) / jobs * 1e9,
        "kernel, all that can happen on": seconds(lambda: fleet.serve(*every)) / jobs * 1e9,
        "plain Python": seconds(lambda: plain_python(arrival, service)) / few * 1e9,
        "SimPy, Resource": seconds(lambda: simpy_resource(arrival, service)) / few * 1e9,
        "SimPy, reference fleet": seconds(lambda: reference.serve(*small)) / few * 1e9,
        "Ciw": seconds(lambda: ciw_network(few)) / few * 1e9,
        "drawing alone (2 exponentials)": seconds(lambda: generator.standard_exponential(2 * jobs)) / jobs * 1e9,
        "whole way (a job-service)": elapsed / served * 1e9,
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
    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    return import_module("plain_serving")


def serving_round(under: Load, count: int, plain: Any) -> dict[str, float]:
    """Serve a load by every contestant once: nanoseconds a request, the making of its rows with it."""
    rules, generator = under.rules(), np.random.Generator(np.random.Philox(8))
    all_, some, few = (under.requests(size) for size in (count, count // 10, max(20, count // 400)))

    def draw() -> None:
        generator.standard_exponential(count)
        generator.standard_normal(2 * count)

    rows = fleet.serve_requests(rules, all_, None)  # made beforehand, as for the loop of a study
    stepping = replace(rules, longest_jump=1)
    return {
        "kernel": seconds(lambda: fleet.serve_requests(rules, all_, None, rows)) / count * 1e9,
        "stepping": seconds(lambda: fleet.serve_requests(stepping, all_, None, rows)) / count * 1e9,
        "plain loop": seconds(lambda: plain.serve_requests(rules, some, None)) / len(some) * 1e9,
        "SimPy": seconds(lambda: reference.serve_requests(rules, few, None)) / len(few) * 1e9,
        "drawing": seconds(draw) / count * 1e9,
    }


def requests_a_second(replications: int = 60) -> float:
    """Go the whole way with the requests of one replica: sample, serve, charge, percentiles. Requests a second."""
    pace = {"base_ms": 12.77, "per_request_ms": 0.013, "per_kv_token_us": 0.07, "per_prefill_token_us": 41.8}
    node = {"gpus": 1, "usd_per_node_h": 3.49, "nodes": 1, "serve": pace | {"kv_tokens": 400_000}}
    chat = {
        "kind": "inference",
        "arrivals": {"law": "poisson", "rate_per_second": 5},
        "prompt_tokens": {"law": "lognormal", "mean": 500, "cv": 1},
        "output_tokens": {"law": "lognormal", "mean": 250, "cv": 1},
    }
    plans = {"own": {"held": {"gpu": node}}}
    values = {"name": "whole_way", "horizon_days": 0.05, "workload": {"chat": chat}, "plans": plans}
    experiment = Experiment.of(build(Tree(values)), 1)
    outcomes: dict[str, Outcome] = {}

    def go() -> None:
        outcomes.update(run_all(experiment, replications))
        result(experiment, outcomes)

    elapsed = seconds(go)
    return float(outcomes["own"].total("jobs").sum()) / elapsed


Rows = dict[str, dict[str, float | list[float]]]


def medians(rounds: list[dict[str, float]], unit: str) -> Rows:
    """Sum up rounds: the median of each contestant, and its ratio to the kernel: least, median, most."""
    rows: Rows = {}
    for name in rounds[0]:
        ratios = [each[name] / each["kernel"] for each in rounds]
        middle = statistics.median(each[name] for each in rounds)
        rows[name] = {unit: middle, "times_kernel": [min(ratios), statistics.median(ratios), max(ratios)]}
    return rows


def show_nodes(rounds: list[dict[str, float]]) -> Rows:
    """Print the table of nodes and of the whole way of jobs."""
    rows = medians(rounds, "ns_per_job")
    print(f"{'one core, M/M/8 at 80 % load':34}{'ns a job':>12}{'x kernel':>10}{'least':>9}{'most':>9}")
    for name, row in rows.items():
        least, middle, most = np.atleast_1d(row["times_kernel"])
        print(f"{name:34}{row['ns_per_job']:12,.0f}{middle:10.1f}{least:9.1f}{most:9.1f}")
    pace = 1e3 / statistics.median(each["whole way (a job-service)"] for each in rounds)
    print(f"whole way: {pace:.2f} M job-services/s (sample, serve, charge, percentiles of wait, sojourn and two costs)")
    return rows


def show_serving(rounds: list[dict[Load, dict[str, float]]]) -> dict[str, Rows]:
    """Print the table of replicas: the kernel's speed, and how many times as long the others take."""
    told = {}
    names = [name for name in rounds[0][LOADS[0]] if name != "kernel"]
    heads = "".join(f"{f'x {name}':>14}" for name in names)
    print(f"\n{'one core, replicas under a load':34}{'M/s':>7}{'best':>7}{heads}")
    for each in LOADS:
        rows = medians([one[each] for one in rounds], "ns_per_request")
        middles = [np.atleast_1d(rows[name]["times_kernel"])[1] for name in names]
        paces = [1e3 / one[each]["kernel"] for one in rounds]
        ratios = "".join(f"{middle:14,.1f}" for middle in middles)
        print(f"{each!s:34}{statistics.median(paces):7.2f}{max(paces):7.2f}{ratios}")
        told[str(each)] = rows
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=200_000)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--reps", type=int, default=200, help="replications of the whole way")
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmark"))
    arguments = parser.parse_args()
    folder = output_folder(arguments.out)
    random.seed(8)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    plain = plain_loop()
    one_round(10_000, 5)  # compile, load, warm up
    serving_round(LOADS[0], 1_000, plain)
    nodes, serving = [], []
    for _ in range(arguments.rounds):
        nodes.append(one_round(arguments.jobs, arguments.reps))
        serving.append({each: serving_round(each, arguments.requests, plain) for each in LOADS})
    told = {"rows": show_nodes(nodes), "bytes_per_job": memory_per_job(arguments.reps)}
    print(f"memory: {told['bytes_per_job']:.0f} bytes a job at the peak, 3 plans together")
    told["serving"] = show_serving(serving)
    told["whole_way_of_requests_per_s"] = paces = [requests_a_second() for _ in range(arguments.rounds)]
    median, best = statistics.median(paces) / 1e6, max(paces) / 1e6
    print(f"whole way: {median:.2f} M requests/s, best {best:.2f} (1 x, 5/s: sample, serve, charge, percentiles)")
    print("best: of the rounds; the rest of the machine's work slows the others")
    write(folder / "benchmark.json", json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    guarded(main)
