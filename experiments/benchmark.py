"""How fast it is: kernel, SimPy, Ciw and plain Python side by side on M/M/8, then the whole way, on one core.

    python experiments/benchmark.py [--jobs 200000] [--rounds 5] [--out outputs/benchmark]

All contestants run in each round, one after the other, on the same work where they can take it. What counts is the
ratio within a round; medians over the rounds are shown with their least and greatest.
"""

import argparse
import heapq
import json
import os
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import simpy

from sim import fleet, reference
from sim.files import output_folder, shipped, write
from sim.jobs import Fleet, Paths, Terms
from sim.scenario import load
from sim.study.result import result
from sim.study.simulate import Experiment
from sim.units import NEVER, to_ticks

ARRIVALS_PER_H, SERVED_PER_H, SERVERS = 3.2, 0.5, 8


def mm8(jobs: int) -> tuple[Fleet, Paths, Terms]:
    """Draw an M/M/8 queue at 80 % load."""
    generator = np.random.default_rng(8)
    arrival = to_ticks(np.cumsum(generator.exponential(1 / ARRIVALS_PER_H, jobs)))
    service = to_ticks(generator.exponential(1 / SERVED_PER_H, jobs))
    zeros = np.zeros(jobs, np.int64)
    paths = Paths(np.array([0, jobs]), arrival, service, zeros + 1, zeros, zeros, np.zeros(jobs))
    return Fleet(SERVERS, 1, int(arrival[-1]) + 1), paths, Terms(np.full(jobs, NEVER), zeros)


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
    """Time a piece of work once."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def whole_way(reps: int) -> tuple[float, int]:
    """Sample, serve, charge and estimate the article at three plans; seconds and job-services."""
    scenario = load(shipped("scenarios") / "article.yaml")
    plans = {name: scenario.plans[name] for name in ("reserved", "on_demand", "api")}
    experiment = Experiment.of(scenario.model_copy(update={"plans": plans}), 1)
    began = time.perf_counter()
    outcomes = experiment.all(reps)
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
    return {
        "kernel": seconds(lambda: fleet.serve(fleet_, paths, terms)) / jobs * 1e9,
        "plain Python": seconds(lambda: plain_python(arrival, service)) / few * 1e9,
        "SimPy, Resource": seconds(lambda: simpy_resource(arrival, service)) / few * 1e9,
        "SimPy, reference fleet": seconds(lambda: reference.serve(*small)) / few * 1e9,
        "Ciw": seconds(lambda: ciw_network(few)) / few * 1e9,
        "drawing alone (2 exponentials)": seconds(lambda: generator.standard_exponential(2 * jobs)) / jobs * 1e9,
        "whole way (a job-service)": elapsed / served * 1e9,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--reps", type=int, default=200, help="replications of the whole way")
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmark"))
    arguments = parser.parse_args()
    folder = output_folder(arguments.out)
    random.seed(8)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    one_round(10_000, 5)  # compile, load, warm up
    rounds = [one_round(arguments.jobs, arguments.reps) for _ in range(arguments.rounds)]
    print(f"{'one core, M/M/8 at 80 % load':34}{'ns a job':>12}{'x kernel':>10}{'least':>9}{'most':>9}")
    rows = {}
    for name in rounds[0]:
        ratios = [each[name] / each["kernel"] for each in rounds]
        middle = statistics.median(each[name] for each in rounds)
        rows[name] = {"ns_per_job": middle, "times_kernel": [min(ratios), statistics.median(ratios), max(ratios)]}
        print(f"{name:34}{middle:12,.0f}{statistics.median(ratios):10.1f}{min(ratios):9.1f}{max(ratios):9.1f}")
    pace = 1e3 / statistics.median(each["whole way (a job-service)"] for each in rounds)
    memory = memory_per_job(arguments.reps)
    print(f"whole way: {pace:.2f} M job-services/s (sample, serve, charge, percentiles of wait, sojourn and two costs)")
    print(f"memory: {memory:.0f} bytes a job at the peak, 3 plans together")
    write(folder / "benchmark.json", json.dumps({"rows": rows, "bytes_per_job": memory}, indent=1) + "\n")


if __name__ == "__main__":
    main()
