"""Nodes in SimPy: each job is a process that arrives and waits until it starts or gives up waiting.

What happens at one instant happens in this order, by the rank that each event carries as its SimPy priority (insertion
order would let a patience timer run before a completion): completions, nodes that fail or are reclaimed, lent nodes
that are taken back, nodes that come up, idle hired nodes that go back, one dispatch; ends of patience, one dispatch;
arrivals one by one in job order, a dispatch after each. What follows with no delay comes before the next arrival.

The life of a job: it joins the queue; a dispatch starts it, or it finds the queue full and goes to the API, or it
loses patience and goes to the API, or the clock stops first. A job that loses a node, or has to give way to a job of
higher priority, keeps what it has saved and goes back to its place in the queue; patience no longer counts for it.

The life of a node: a held one is up and down in windows of time; a hired one is ordered, boots, is up until it is
reclaimed or has been idle long enough while nobody waited.
"""

from bisect import insort
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import simpy

from sim.engine.reference.job import Job
from sim.engine.reference.market import GONE, UP, Hire, Market
from sim.engine.reference.moment import Moment
from sim.engine.reference.timeline import hires_of, stints_of
from sim.ground.jobs import API, HELD, HIRED, Fleet, Hazards, Paths, Rows, Terms, serve_at_once
from sim.ground.units import NEVER

COMPLETION, DOWN, TAKEN_BACK, READY, RELEASE, DISPATCH, DOOR = 10, 20, 25, 30, 40, 45, 46
PATIENCE_END, LATE_DISPATCH, ARRIVAL = 50, 55, 70
"""Ranks at one instant. SimPy's own bookkeeping has ranks 0 and 1, so it is done first."""


@dataclass
class Node:
    """One node: its free GPUs (none while it is down), when it will come up if that is known, its hire."""

    number: int
    free: int = 0
    back: int = NEVER
    idle_since: int = 0
    hire: int = -1


class Nodes:
    """Nodes of equal size with one queue in front of them."""

    def __init__(self, env: simpy.Environment, fleet: Fleet, rows: Rows, market: Market) -> None:
        self.env, self.fleet, self.rows, self.market = env, fleet, rows, market
        self.nodes = [Node(number) for number in range(market.first + market.slots)]
        self.waiting: list[Job] = []
        self.running: list[Job] = []
        self.asked: set[int] = set()
        self.quiet_since: int | None = 0
        self.stints: list[list[int]] = []

    @property
    def now(self) -> int:
        """Tick at which the clock stands."""
        return int(self.env.now)

    @property
    def size(self) -> int:
        """GPUs of a node."""
        return self.fleet.gpus_per_node

    def at(self, instant: int, rank: int) -> Moment:
        """Make the event of an instant."""
        return Moment(self.env, instant, rank)

    # Jobs

    def life(self, job: Job) -> Generator[simpy.Event, Any, None]:
        """Let a job arrive, wait and run."""
        yield self.at(job.arrival, ARRIVAL)
        self.wait(job)
        yield self.at(self.now, DOOR)
        if job.never_started and len(self.waiting) - 1 >= self.fleet.queue_limit:
            self.overflow(job)
            self.ask_for_dispatch(LATE_DISPATCH)
            return
        if job.never_started and job.patience < NEVER:
            yield job.started | self.at(job.arrival + job.patience, PATIENCE_END)
            if job.never_started:
                self.overflow(job)
                self.ask_for_dispatch(LATE_DISPATCH)

    def wait(self, job: Job) -> None:
        """Put a job at its place in the queue; in time it may call for a node."""
        insort(self.waiting, job, key=lambda other: other.place)
        job.waits_since = self.now
        self.ask_for_dispatch(DISPATCH)
        if self.fleet.hiring is not None and self.fleet.hiring.after > 0:
            self.dispatch_at(self.now + self.fleet.hiring.after)

    def overflow(self, job: Job) -> None:
        """Hand a waiting job to the API."""
        self.waiting.remove(job)
        self.write(job, self.now, self.now + job.api_time, -1, API)

    def start(self, job: Job) -> None:
        """Give a waiting job its nodes."""
        recovery, size = self.fleet.recovery, self.size
        job.nodes = self.fitting(job)
        job.ends = self.now + recovery.stint(job.work, job.interrupted > 0)
        restart = recovery.restart if job.interrupted else 0
        job.stints = []  # a list of its own for each stint
        for number in job.nodes:
            node = self.nodes[number]
            node.free -= min(job.gpus, size)
            job.stints.append(len(self.stints))
            writing = job.ends - self.now - restart - job.work
            self.stints.append([job.id, number, node.hire, self.now, job.ends, restart, writing, 0])
        self.waiting.remove(job)
        self.running.append(job)
        own = HELD if job.nodes[0] < self.market.first else HIRED
        self.write(job, self.now if job.never_started else int(self.rows.start[job.id]), job.ends, job.nodes[0], own)
        if job.never_started:
            job.started.succeed()
        job.began, stints = self.now, job.stints
        self.at(job.ends, COMPLETION).callbacks.append(lambda _: self.complete(job, stints))

    def complete(self, job: Job, stints: list[int]) -> None:
        """Let a job end, unless the stint was broken off."""
        if job.nodes and job.stints is stints:
            self.running.remove(job)
            self.give_back(job)
            self.ask_for_dispatch(DISPATCH)

    def interrupt(self, job: Job, gracefully: bool) -> None:
        """Take a running job off its nodes; it keeps what is saved and waits at its old place."""
        elapsed = self.now - job.began
        restart = min(elapsed, self.fleet.recovery.restart if job.interrupted else 0)
        saved, lost = self.fleet.recovery.kept(job.work, elapsed - restart, gracefully)
        for row in job.stints:
            self.stints[row][4:] = [self.now, restart, elapsed - restart - saved - lost, lost]
        job.work -= saved
        job.interrupted += 1
        self.rows.interrupted[job.id] = job.interrupted
        self.running.remove(job)
        self.give_back(job)
        self.wait(job)

    def give_back(self, job: Job) -> None:
        """Free the nodes of a job."""
        for number in job.nodes:
            node = self.nodes[number]
            node.free += min(job.gpus, self.size)
            if node.free == self.size:
                node.idle_since = self.now
        job.nodes = []

    def write(self, job: Job, start: int, end: int, node: int, outcome: int) -> None:
        """Fill in the job's row."""
        rows, row = self.rows, job.id
        rows.start[row], rows.end[row], rows.node[row], rows.outcome[row] = start, end, node, outcome

    # Dispatch

    def dispatch_at(self, instant: int) -> None:
        """Have a dispatch at an instant to come, before ends of patience."""
        self.at(instant, RELEASE).callbacks.append(lambda _: self.ask_for_dispatch(DISPATCH))

    def ask_for_dispatch(self, rank: int) -> None:
        """Have one dispatch at this instant, at its rank."""
        if rank not in self.asked:
            self.asked.add(rank)
            self.at(self.now, rank).callbacks.append(lambda _: self.dispatch(rank))

    def dispatch(self, rank: int) -> None:
        """Start who can start: the head of the queue while it fits or others give way, then whom backfill lets pass."""
        self.asked.discard(rank)
        while self.waiting:
            head = self.waiting[0]
            if self.fitting(head):
                self.start(head)
            elif victims := self.victims(head):
                for victim in victims:
                    self.interrupt(victim, gracefully=False)
            else:
                break
        if self.fleet.backfill and self.waiting:
            head_starts = self.earliest_start(self.waiting[0])
            for job in self.waiting[1:]:
                ends = self.now + self.fleet.recovery.stint(job.work, job.interrupted > 0)
                if ends <= head_starts and self.fitting(job):
                    self.start(job)
        self.hire()
        if self.waiting:
            self.quiet_since = None
        elif self.quiet_since is None:
            self.quiet_since = self.now
        self.look_for_idle()

    def fitting(self, job: Job, free: list[int] | None = None) -> list[int]:
        """Find nodes for a job: the tightest single node, or whole free nodes; lowest numbers first."""
        free = [node.free for node in self.nodes] if free is None else free
        size = self.size
        if job.gpus <= size:
            enough = [node for node in range(len(free)) if free[node] >= job.gpus]
            return [min(enough, key=lambda node: (free[node], node))] if enough else []
        empty = [node for node in range(len(free)) if free[node] == size]
        return empty[: job.gpus // size] if len(empty) >= job.gpus // size else []

    def victims(self, head: Job) -> list[Job]:
        """Choose who gives way to the head: of lower priority, as few as will do, the best placed spared first."""
        if not self.fleet.preempt:
            return []
        lower = sorted((job for job in self.running if job.priority > head.priority), key=lambda job: job.place)
        free = [node.free for node in self.nodes]
        for job in lower:
            self.shift(free, job, 1)
        if not self.fitting(head, free):
            return []
        victims = []
        for job in lower:
            self.shift(free, job, -1)
            if not self.fitting(head, free):
                self.shift(free, job, 1)
                victims.append(job)
        return victims

    def shift(self, free: list[int], job: Job, sign: int) -> None:
        """Count the GPUs of a running job as free, or as taken again."""
        for number in job.nodes:
            free[number] += sign * min(job.gpus, self.size)

    def earliest_start(self, head: Job) -> int:
        """Tell when the head can start at the latest, from the ends of the running jobs and the nodes on their way."""
        free = [node.free for node in self.nodes]
        ends: list[tuple[int, Job | Node]] = [(job.ends, job) for job in self.running]
        ends += [(node.back, node) for node in self.nodes if node.back < NEVER]
        for instant, who in sorted(ends, key=lambda pair: pair[0]):
            if isinstance(who, Job):
                self.shift(free, who, 1)
            else:
                free[who.number] += self.size
            if self.fitting(head, free):
                return instant
        return NEVER

    # Nodes that come and go

    def windows(self, number: int, switches: list[int], gracefully: bool) -> Generator[simpy.Event, Any, None]:
        """Let a held or lent node come up and go down."""
        node = self.nodes[number]
        for count, instant in enumerate(switches):
            if instant >= self.fleet.horizon:
                node.back = NEVER if count % 2 else instant
                return
            if count % 2:
                yield self.at(instant, TAKEN_BACK if gracefully else DOWN)
                self.take_down(node, gracefully)
            else:
                node.back = instant
                yield self.at(instant, READY)
                self.bring_up(node)

    def bring_up(self, node: Node) -> None:
        """Let a node take jobs."""
        node.free, node.back, node.idle_since = self.size, NEVER, self.now
        self.ask_for_dispatch(DISPATCH)

    def take_down(self, node: Node, gracefully: bool = False) -> None:
        """Take a node from its jobs."""
        for job in [job for job in self.running if node.number in job.nodes]:
            self.interrupt(job, gracefully)
        node.free = 0
        self.ask_for_dispatch(DISPATCH)

    def hire(self) -> None:
        """Order nodes, or cancel orders, until as many are on order as the waiting jobs call for."""
        market = self.market
        idle = sum(node.free == self.size for node in self.nodes)
        wanted = market.wanted(self.waiting, idle, self.now)
        while len(market.on_order) > wanted:
            self.dismiss(market.on_order[-1])
        while len(market.on_order) < wanted and self.now >= market.ask_again:
            if (hire := market.ask(self.now)) is None:
                self.dispatch_at(market.ask_again)
            else:
                self.expect(hire, len(market.hires) - 1)

    def expect(self, hire: Hire, number: int) -> None:
        """Let an order take its way."""
        node = self.nodes[hire.node]
        node.hire = number
        node.back = hire.ready if hire.ready < hire.dies else NEVER
        if hire.ready < hire.dies:
            self.at(hire.ready, READY).callbacks.append(lambda _: self.boot(node, hire, number))
        if hire.dies < NEVER:
            self.at(hire.dies, DOWN).callbacks.append(lambda _: self.lose(hire, number))

    def boot(self, node: Node, hire: Hire, number: int) -> None:
        """Let a hired node come up, unless its order was cancelled."""
        if hire.state != GONE:
            hire.state = UP
            self.market.on_order.remove(number)
            self.bring_up(node)

    def lose(self, hire: Hire, number: int) -> None:
        """Let a hired node, or an order, be taken away."""
        if hire.state != GONE:
            if hire.state == UP:
                self.take_down(self.nodes[hire.node])
            self.dismiss(number)
            self.ask_for_dispatch(DISPATCH)

    def dismiss(self, number: int) -> None:
        """Let go of a hired node or an order."""
        self.market.leave(number, self.now)
        node = self.nodes[self.market.hires[number].node]
        node.free, node.back, node.hire = 0, NEVER, -1

    def look_for_idle(self) -> None:
        """Have those hired nodes go back in time that are wholly free, if nobody waits until then."""
        if self.quiet_since is None or self.fleet.hiring is None:
            return
        for hire in self.market.present():
            if self.nodes[hire.node].free == self.size:
                self.release_at(self.due(hire), self.nodes[hire.node].hire)

    def release_at(self, instant: int, number: int) -> None:
        """See at an instant to come whether a hired node goes back."""
        self.at(instant, RELEASE).callbacks.append(lambda _: self.release(number))

    def due(self, hire: Hire) -> int:
        """Tell when an idle hired node goes back."""
        idle = self.market.rules.idle_release
        return max(self.nodes[hire.node].idle_since, self.quiet_since or 0) + idle

    def release(self, number: int) -> None:
        """Give a hired node back, if it is still idle and nobody waits."""
        hire = self.market.hires[number]
        idle = hire.state == UP and self.nodes[hire.node].free == self.size
        if idle and not self.waiting and self.quiet_since is not None and self.due(hire) <= self.now:
            self.dismiss(number)


def serve(fleet: Fleet, paths: Paths, terms: Terms, hazards: Hazards | None = None) -> Rows:
    """Serve the jobs of each replication on the plan's nodes, event by event.

    Parameters
    ----------
    fleet : Fleet
        The rules.
    paths : Paths
        The jobs of one or more replications.
    terms : Terms
        Their patience and API times under the plan.
    hazards : Hazards or None
        What happens to the nodes; may be missing where the fleet is steady.

    Returns
    -------
    Rows
        What became of each job.

    Raises
    ------
    ExhaustedError
        When more hires, askings or slots are needed than were drawn.
    """
    if fleet.no_queue:
        return serve_at_once(fleet, paths, terms)
    if hazards is None:
        hazards = Hazards.none(paths.replications, fleet.nodes + fleet.lent)
    rows = Rows.writable(len(paths))
    stints, hires = [], []
    for replication in range(paths.replications):
        nodes = _replication(fleet, paths, terms, hazards, replication, rows)
        stints.append(nodes.stints)
        hires.append(nodes.market.hires)
    return rows if fleet.steady else rows.with_timeline(stints_of(stints), hires_of(hires))


def _replication(fleet: Fleet, paths: Paths, terms: Terms, hazards: Hazards, replication: int, rows: Rows) -> Nodes:
    """Serve one replication and fill in its rows."""
    env = simpy.Environment(initial_time=0)
    nodes = Nodes(env, fleet, rows, Market(fleet, hazards, replication))
    for number, switches in enumerate(hazards.windows[replication]):
        gracefully = number >= fleet.nodes
        env.process(nodes.windows(number, [int(each) for each in switches], gracefully))
    jobs = [Job.of(row, paths, terms, env) for row in range(*(int(at) for at in paths.offsets[replication:][:2]))]
    for job in jobs:
        env.process(nodes.life(job))
    env.run(until=fleet.horizon)
    for job in nodes.waiting:
        if job.interrupted:
            rows.end[job.id] = fleet.horizon + fleet.recovery.stint(job.work, interrupted=True)
    return nodes
