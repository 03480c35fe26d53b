"""Held nodes in SimPy: each job is a process that arrives, waits, runs and leaves, or gives up waiting.

What happens at one instant happens in this order, by the rank that each event carries as its SimPy priority (insertion
order would let a patience timer run before a completion): completions, one dispatch; ends of patience, one dispatch;
arrivals one by one in job order, a dispatch after each. What follows with no delay comes before the next arrival.

The life of a job: it joins the queue; a dispatch starts it, or it finds the queue full and goes to the API, or it
loses patience and goes to the API, or the clock stops first.
"""

from bisect import insort
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import simpy

from sim.jobs import API, HELD, Fleet, Paths, Rows, Terms, serve_at_once
from sim.reference.moment import Moment
from sim.units import NEVER

COMPLETION, DISPATCH, DOOR, PATIENCE_END, LATE_DISPATCH, ARRIVAL = 10, 45, 46, 50, 55, 70
"""Ranks at one instant. SimPy's own bookkeeping has ranks 0 and 1, so it is done first."""


@dataclass
class Job:
    """One job and what becomes of it; the clock of the fleet is in ticks."""

    id: int
    arrival: int
    service: int
    gpus: int
    priority: int
    patience: int
    api_time: int
    started: simpy.Event
    nodes: list[int] | None = None

    @classmethod
    def of(cls, row: int, paths: Paths, terms: Terms, started: simpy.Event) -> "Job":
        """Take a job from its row; SimPy wants plain integers, not numpy's."""
        columns = (paths.arrival, paths.service, paths.gpus, paths.priority, terms.patience, terms.api_time)
        arrival, service, gpus, priority, patience, api_time = (int(column[row]) for column in columns)
        return cls(row, arrival, service, gpus, priority, patience, api_time, started)

    @property
    def place(self) -> tuple[int, int, int]:
        """Order in the queue."""
        return self.priority, self.arrival, self.id


class Nodes:
    """Nodes of equal size with one queue in front of them."""

    def __init__(self, env: simpy.Environment, fleet: Fleet, rows: Rows) -> None:
        self.env, self.fleet, self.rows = env, fleet, rows
        self.free = [fleet.gpus_per_node] * fleet.nodes
        self.waiting: list[Job] = []
        self.running: list[Job] = []
        self.asked: set[int] = set()

    @property
    def now(self) -> int:
        """Tick at which the clock stands."""
        return int(self.env.now)

    def at(self, instant: int, rank: int) -> Moment:
        """Make the event of an instant."""
        return Moment(self.env, instant, rank)

    def life(self, job: Job) -> Generator[simpy.Event, Any, None]:
        """Let a job arrive, wait and run."""
        yield self.at(job.arrival, ARRIVAL)
        insort(self.waiting, job, key=lambda other: other.place)
        self.ask_for_dispatch(DISPATCH)
        yield self.at(self.now, DOOR)
        if job.nodes is None and len(self.waiting) - 1 >= self.fleet.queue_limit:
            self.overflow(job)
            return
        if job.nodes is None and job.patience < NEVER:
            yield job.started | self.at(job.arrival + job.patience, PATIENCE_END)
        elif job.nodes is None:
            yield job.started
        if job.nodes is None:
            self.overflow(job)
            self.ask_for_dispatch(LATE_DISPATCH)
            return
        yield self.at(int(self.rows.end[job.id]), COMPLETION)
        self.running.remove(job)
        self.give_back(self.free, job)
        self.ask_for_dispatch(DISPATCH)

    def overflow(self, job: Job) -> None:
        """Hand a waiting job to the API."""
        self.waiting.remove(job)
        self.write(job, self.now + job.api_time, -1, API)

    def ask_for_dispatch(self, rank: int) -> None:
        """Have one dispatch at this instant, at its rank."""
        if rank not in self.asked:
            self.asked.add(rank)
            self.at(self.now, rank).callbacks.append(lambda _: self.dispatch(rank))

    def dispatch(self, rank: int) -> None:
        """Start who can start: the head of the queue while it fits, then whom backfill lets pass."""
        self.asked.discard(rank)
        while self.waiting and self.fitting(self.waiting[0]):
            self.start(self.waiting[0])
        if self.fleet.backfill and self.waiting:
            head_starts = self.earliest_start(self.waiting[0])
            for job in self.waiting[1:]:
                if self.now + job.service <= head_starts and self.fitting(job):
                    self.start(job)

    def fitting(self, job: Job, free: list[int] | None = None) -> list[int]:
        """Find nodes for a job: the tightest single node, or whole free nodes; lowest numbers first."""
        free = self.free if free is None else free
        size = self.fleet.gpus_per_node
        if job.gpus <= size:
            enough = [node for node in range(len(free)) if free[node] >= job.gpus]
            return [min(enough, key=lambda node: (free[node], node))] if enough else []
        empty = [node for node in range(len(free)) if free[node] == size]
        return empty[: job.gpus // size] if len(empty) >= job.gpus // size else []

    def start(self, job: Job) -> None:
        """Give a waiting job its nodes."""
        job.nodes = self.fitting(job)
        for node in job.nodes:
            self.free[node] -= min(job.gpus, self.fleet.gpus_per_node)
        self.waiting.remove(job)
        self.running.append(job)
        self.write(job, self.now + job.service, job.nodes[0], HELD)
        job.started.succeed()

    def give_back(self, free: list[int], job: Job) -> None:
        """Free the nodes of a job."""
        for node in job.nodes or ():
            free[node] += min(job.gpus, self.fleet.gpus_per_node)

    def earliest_start(self, head: Job) -> int:
        """Tell when the head can start at the latest, from the ends of the running jobs."""
        free = list(self.free)
        for job in sorted(self.running, key=lambda running: int(self.rows.end[running.id])):
            self.give_back(free, job)
            if self.fitting(head, free):
                return int(self.rows.end[job.id])
        return NEVER

    def write(self, job: Job, end: int, node: int, outcome: int) -> None:
        """Fill in the job's row."""
        rows, row = self.rows, job.id
        rows.start[row], rows.end[row], rows.node[row], rows.outcome[row] = self.now, end, node, outcome


def serve(fleet: Fleet, paths: Paths, terms: Terms) -> Rows:
    """Serve the jobs of each replication on the plan's nodes, event by event.

    Parameters
    ----------
    fleet : Fleet
        The rules.
    paths : Paths
        The jobs of one or more replications.
    terms : Terms
        Their patience and API times under the plan.

    Returns
    -------
    Rows
        What became of each job.
    """
    if fleet.no_queue:
        return serve_at_once(fleet, paths, terms)
    rows = Rows.empty(len(paths))
    for first, last in zip(paths.offsets[:-1], paths.offsets[1:], strict=True):
        env = simpy.Environment(initial_time=0)
        nodes = Nodes(env, fleet, rows)
        for row in range(int(first), int(last)):
            env.process(nodes.life(Job.of(row, paths, terms, env.event())))
        env.run(until=fleet.horizon)
    return rows
