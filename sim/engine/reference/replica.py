"""A serving replica in SimPy: a process that lives through every iteration of its batch.

What happens at one instant happens in the order of the ranks below, which each event carries as its SimPy priority: the
ends of iterations; nodes become ready, their door opens, the scaler looks at the fleet; arrivals in row order; and then
every replica that stands between two iterations forms its next.

The life of a replica: it sleeps until a request is queued; it forms an iteration, by giving each running request its
tokens, taking back the youngest where the KV cache has no room for them, else admitting from the head of the queue; it
works; it hands out the tokens and lets go who has them all; it forms the next iteration, or sleeps. Past the horizon
it works on only while it owes tokens to somebody who started before.
"""

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import simpy

from sim.engine.reference.moment import Moment
from sim.ground.requests import NO_ADAPTER, Replicas, Requests
from sim.ground.units import FINE

END, READY, OPEN, LOOK, ARRIVAL, FORM = 10, 12, 13, 15, 20, 30
"""Ranks at one instant. SimPy's own bookkeeping has ranks 0 and 1, so it is done first."""


def microseconds(instant: int) -> int:
    """Round an instant in ticks up to whole microseconds."""
    return -(-instant // FINE)


@dataclass(eq=False)
class Request:
    """One request and what becomes of it; instants are in ticks."""

    id: int
    arrival: int
    prompt: int
    output: int
    adapter: int
    prefix: int
    came: int = 0
    cached: int = 0
    generated: int = 0
    decoding: bool = False
    granted: int = 0
    started: int | None = None
    first_token: int = -1
    end: int = -1
    replica: int = -1
    preempted: int = 0
    time: float = 0.0

    @classmethod
    def of(cls, row: int, requests: Requests) -> "Request":
        """Take a request from its row; SimPy wants plain integers, not numpy's."""
        columns = (requests.prompt, requests.output, requests.adapter, requests.cached)
        prompt, output, adapter, prefix = (int(column[row]) for column in columns)
        return cls(row, int(requests.arrival[row]) * FINE, prompt, output, adapter, prefix)

    @property
    def need(self) -> int:
        """Tokens that must be cached before it yields the next one."""
        return self.prompt + self.generated

    @property
    def largest_need(self) -> int:
        """Tokens cached when it yields its last one."""
        return self.prompt + self.output - 1

    def started_before(self, horizon: int) -> bool:
        """Tell whether it started in the time that counts."""
        return self.started is not None and self.started < horizon


class Sharing:
    """Time of a replica, split equally among who is running; looked at only when somebody joins or leaves."""

    def __init__(self, edges: list[int]) -> None:
        self.edges = edges
        self.each = 0.0
        self.last = 0
        self.batch_time = 0.0
        self.busy = [0] * (len(edges) - 1)

    def clipped(self, instant: int) -> int:
        """Move an instant into the counted time."""
        return min(max(instant, self.edges[0]), self.edges[-1])

    def settle(self, now: int, running: int) -> None:
        """Give each of the running its part of the time since somebody last joined or left."""
        begin, end = self.clipped(self.last), self.clipped(now)
        if running:
            self.each += float(end - begin) / running
            self.batch_time += float(end - begin) * running
            for window, (opens, closes) in enumerate(pairwise(self.edges)):
                self.busy[window] += max(0, min(end, closes) - max(begin, opens))
        self.last = now


class Adapters:
    """Slots of a replica for LoRA adapters, filled from the lowest; the least recently used gives way."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.held: list[int] = []
        self.used: list[int] = []

    def slot_for(self, adapter: int, in_use: set[int]) -> int | None:
        """Find the slot that holds an adapter or that can be given to it."""
        if adapter in self.held:
            return self.held.index(adapter)
        if len(self.held) < self.slots:
            return len(self.held)
        idle = [slot for slot in range(self.slots) if self.held[slot] not in in_use]
        return min(idle, key=lambda slot: (self.used[slot], slot), default=None)

    def use(self, adapter: int, slot: int, now: int) -> bool:
        """Use an adapter in a slot; tell whether it had to be loaded."""
        if slot == len(self.held):
            self.held.append(NO_ADAPTER)
            self.used.append(now)
        loaded = self.held[slot] != adapter
        self.held[slot], self.used[slot] = adapter, now
        return loaded


def _nothing() -> None:
    """Do nothing."""


class Replica:
    """One replica: its queue, its running requests in order of admission, its adapters and its time."""

    def __init__(self, env: simpy.Environment, number: int, rules: Replicas, edges: list[int]) -> None:
        self.env, self.number, self.rules = env, number, rules
        self.horizon = edges[-1]
        self.queue: deque[Request] = deque()
        self.running: list[Request] = []
        self.adapters = Adapters(rules.slots)
        self.sharing = Sharing(edges)
        self.called = env.event()
        self.boundaries: list[int] = []
        self.after_iteration: Callable[[], None] = _nothing

    @property
    def now(self) -> int:
        """Tick at which the clock stands."""
        return int(self.env.now)

    @property
    def outstanding(self) -> int:
        """Requests queued and running."""
        return len(self.queue) + len(self.running)

    @property
    def free(self) -> int:
        """Tokens for which the KV cache has room, were the granted ones cached already."""
        return self.rules.kv_tokens - sum(request.cached + request.granted for request in self.running)

    def add(self, request: Request) -> None:
        """Queue a request, and wake the replica if it sleeps."""
        request.came = self.now  # later than its arrival if it has waited at the door
        self.queue.append(request)
        if not self.called.triggered:
            self.called.succeed()

    def life(self) -> Generator[simpy.Event, Any, None]:
        """Sleep while nobody is there; else work through one iteration after the other."""
        while True:
            yield self.called
            began = self.now
            while self.outstanding:
                yield Moment(self.env, self.now, FORM)
                if self.now >= self.horizon and not self.owes():
                    return
                loads = self.form(began)
                began = self.now
                yield Moment(self.env, self.now + self.duration(loads), END)
                self.boundaries.append(self.now)
                self.hand_out()
                self.after_iteration()
            self.called = self.env.event()

    def owes(self) -> bool:
        """Tell whether somebody who started before the horizon still lacks tokens."""
        return any(request.started_before(self.horizon) for request in (*self.running, *self.queue))

    def form(self, began: int) -> int:
        """Form the next iteration after the one that began then; tell how many adapters must be loaded."""
        left = self.grant()
        if self.free >= 0:
            return self.admit(left, began)
        while self.free < 0:
            self.preempt()
            self.grant()
        return 0

    def grant(self) -> int:
        """Give the running their tokens: one to decode, or as much of a prefill as is left; tell what is left then."""
        left = self.rules.token_budget
        for request in self.running:
            request.granted = 1 if request.decoding else min(request.need - request.cached, left)
            left -= request.granted
        return left

    def preempt(self) -> None:
        """Send the youngest back to the head of the queue without its cache; what it generated is kept."""
        request = self.running[-1]
        self.leave(request)
        request.cached, request.decoding, request.granted = 0, False, 0
        request.preempted += 1
        self.queue.appendleft(request)

    def admit(self, left: int, began: int) -> int:
        """Admit from the head of the queue; tell how many adapters must be loaded."""
        loads = 0
        latest = began if self.rules.join_lag and self.running else self.now
        while self.queue and left and len(self.running) < self.rules.max_num_seqs:
            request = self.queue[0]
            if request.need > self.free or request.came > latest:
                break
            if self.rules.slots and request.adapter != NO_ADAPTER:
                slot = self.adapters.slot_for(request.adapter, {other.adapter for other in self.running})
                if slot is None:
                    break
                loads += self.adapters.use(request.adapter, slot, self.now)
            self.join(self.queue.popleft())
            request.granted = min(request.need - request.cached, left)
            left -= request.granted
        return loads

    def duration(self, loads: int) -> int:
        """Tell how long the iteration lasts that has been formed."""
        rules = self.rules
        decoding = sum(request.decoding for request in self.running)
        cached = sum(request.cached for request in self.running)
        prefilled = sum(request.granted for request in self.running if not request.decoding)
        work = rules.base + rules.per_request * decoding + rules.per_kv_token * cached
        work += rules.per_prefill_token * prefilled + (rules.prefill if prefilled else 0)
        return max(rules.floor, work) + rules.load * loads

    def hand_out(self) -> None:
        """End an iteration: cache what was granted; whoever has all it needs gets a token."""
        for request in list(self.running):
            request.cached += request.granted
            request.granted = 0
            if request.cached == request.need:
                self.give_token(request)

    def give_token(self, request: Request) -> None:
        """Give a request its next token; with the last one it leaves."""
        request.decoding = True
        request.generated += 1
        if request.generated == 1:
            request.first_token = self.now
        if request.generated == request.output:
            request.end = self.now
            self.leave(request)

    def join(self, request: Request) -> None:
        """Let a request run, with the beginning of its prompt from the prefix cache."""
        request.cached = request.prefix
        self.sharing.settle(self.now, len(self.running))
        request.time -= self.sharing.each
        self.running.append(request)
        if request.started is None:
            request.started, request.replica = self.now, self.number

    def leave(self, request: Request) -> None:
        """Let a request run no longer; an empty replica counts its time anew."""
        self.sharing.settle(self.now, len(self.running))
        request.time += self.sharing.each
        self.running.remove(request)
        if not self.running:
            self.sharing.each = 0.0
