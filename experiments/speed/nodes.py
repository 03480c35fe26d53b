"""Nodes: an M/M/8 queue by SimPy, Ciw, plain Python and the kernel; the whole way of fine-tunes."""

import heapq
import importlib.util
import random
import statistics
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import simpy

from sim.engine import fleet, reference
from sim.ground.jobs import Fleet, Hazards, Hiring, Paths, Recovery, Terms
from sim.ground.units import NEVER, to_ticks
from speed import worlds
from speed.rounds import medians, one_core, page, seconds, spelled, value, whole_way
from speed.work import Tell, Work

ARRIVALS_PER_H, SERVED_PER_H, SERVERS = 3.2, 0.5, 8
KERNEL, EVERYTHING, WHOLE_WAY = "kernel", "kernel, all that can happen on", "whole way (a job-service)"
CIW = "Ciw"
HEAD = ["one core, M/M/8 at 80 % load", "ns a job", "x kernel", "least", "most"]
WORDS = {
    "ns a job": "nanoseconds of processor time, median of the rounds",
    "x kernel": "times as long as the kernel in the same round: median, least, most",
    "all that can happen": "failures, spot nodes on top, refusals, preemption, checkpoints, patience",
    "SimPy, Resource": "as SimPy's manual teaches; reference fleet: our own in SimPy, with all rules and records",
    "drawing alone": "the random numbers of a job, and nothing else",
    "whole way": "sample, serve, charge, percentiles of wait, sojourn and two costs; a job under one plan",
}


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


def simpy_resource(arrival: list[float], service: list[float]) -> float:
    """Serve with SimPy as its manual teaches: a Resource, a process a job; return the mean wait."""
    env = simpy.Environment()
    servers = simpy.Resource(env, SERVERS)
    waits = 0.0

    def job(takes: float) -> Generator[simpy.Event]:
        nonlocal waits
        came = env.now
        with servers.request() as request:
            yield request
            waits += env.now - came
            yield env.timeout(takes)

    def source() -> Generator[simpy.Event]:
        for arrives, takes in zip(arrival, service, strict=True):
            yield env.timeout(arrives - env.now)
            env.process(job(takes))

    env.process(source())
    env.run()
    return waits / len(arrival)


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


@dataclass(frozen=True)
class Queue:
    """The same queue for all: whole for the kernel, its first part for the slow."""

    jobs: int

    @property
    def few(self) -> int:
        """How many jobs the slow ones serve."""
        return max(2_000, self.jobs // 50)

    def contestants(self) -> dict[str, tuple[Callable[[], object], int]]:
        """List who serves how many jobs."""
        whole, small, every = mm8(self.jobs), mm8(self.few), everything(self.jobs)
        arrival, service = ((each / 3.6e9).tolist() for each in (small[1].arrival, small[1].service))
        generator = np.random.Generator(np.random.Philox(8))
        found: dict[str, tuple[Callable[[], object], int]] = {
            KERNEL: (lambda: fleet.serve(*whole), self.jobs),
            EVERYTHING: (lambda: fleet.serve(*every), self.jobs),
            "plain Python": (lambda: plain_python(arrival, service), self.few),
            "SimPy, Resource": (lambda: simpy_resource(arrival, service), self.few),
            "SimPy, reference fleet": (lambda: reference.serve(*small), self.few),
            CIW: (lambda: ciw_network(self.few), self.few),
            "drawing alone (2 exponentials)": (lambda: generator.standard_exponential(2 * self.jobs), self.jobs),
        }
        if importlib.util.find_spec("ciw") is None:
            del found[CIW]
        return found


def one_round(queue: Queue, reps: int) -> dict[str, float]:
    """Run every contestant once: nanoseconds a job."""
    took = {name: seconds(work) / jobs * 1e9 for name, (work, jobs) in queue.contestants().items()}
    spent, served = whole_way(worlds.tunes(), reps)
    return took | {WHOLE_WAY: spent / served * 1e9}


def measure(work: Work, tell: Tell) -> dict[str, Any]:
    """Time all contestants in turn, round by round."""
    random.seed(8)
    with one_core():
        one_round(Queue(min(work.jobs, 10_000)), 5)  # compile, load, warm up
        rounds = []
        for k in range(work.rounds):
            rounds.append(one_round(Queue(work.jobs), work.reps))
            tell(k + 1, work.rounds)
    pace = 1e9 / statistics.median(each[WHOLE_WAY] for each in rounds)
    return {"rows": medians(rounds, "ns_per_job"), "whole_way_of_jobs_per_s": pace}


def text(told: dict[str, Any]) -> str:
    """Lay out the table."""
    rows = [
        [name, f"{value(row, 'ns_per_job'):,.0f}", *spelled(row["times_kernel"], 1)]
        for name, row in told["rows"].items()
    ]
    missing = {} if CIW in told["rows"] else {CIW: "left out, not installed: pip install 'fleetecon[test]'"}
    pace = f"whole way: {told['whole_way_of_jobs_per_s'] / 1e6:.2f} M job-services/s"
    return f"{page('nodes', HEAD, rows, WORDS | missing)}\n{pace}"
