"""Nodes of replicas that come and go, in SimPy: by how many requests there are, or by the time of day.

A node is gone, loading, up, or leaving. An order takes the lowest node that is gone, and the next of the times of
loading drawn beforehand; when that has passed the node is up, its replicas empty, without any adapter. A leaving node
gets no new request, serves those that it has, queued ones too, and is gone with the last token of the last. Present are
the nodes that are up or loading. From the horizon on nobody comes, goes or is cancelled; who is served is served out.

By requests: at 0 the ``minimum`` is up. At each multiple of the tick, outstanding are the requests queued and running
on replicas that are up, and those at the door; desired is ceil(ceil(outstanding / target) / per_node), at least the
minimum and at most all nodes.

- More desired than present: so many are ordered, as far as any are gone.
- Fewer desired than present: a run of such ticks begins or goes on. When it has lasted the cool-down, as many leave as
  exceed the largest number desired in it, and it is over. Any other tick ends it too.
- Those loading go first, the latest ordered first: their order is cancelled. Then the highest number that is up.

A request that comes when nobody is up goes to the API if the plan has a limit for it (``overflow_above``), else it
waits at the door; either way it orders a node if none is loading. Who waits is let in, one by one, when a node is up.

By the time of day: at 0 the first number of the schedule is up, and at each of its instants as many are ordered or
leave, at once, as are wanted. Nodes that are still leaving stay then, the lowest first, before any is ordered. Nobody
else orders: a request may wait at the door until the schedule wants a node.

At one instant, after the ends of iterations: all nodes that are ready, the door, the tick or the schedule, the door for
nodes that stay, arrivals. What is ordered with a time of 0 is ready before the next arrival.
"""

from collections.abc import Callable, Generator, Sized
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Any

import simpy

from sim.engine.reference.moment import Moment
from sim.engine.reference.replica import LOOK, OPEN, READY, Adapters, Replica, microseconds
from sim.ground.hires import ExhaustedError
from sim.ground.requests import Scaling
from sim.ground.units import FINE, NEVER


class State(Enum):
    """What a node is doing."""

    GONE = auto()
    LOADING = auto()
    UP = auto()
    LEAVING = auto()


@dataclass(eq=False)
class Hire:
    """An order of a node and what came of it; microseconds."""

    node: int
    ordered: int
    ready: int
    left: int = NEVER


class Node:
    """Replicas that come and go together."""

    def __init__(self, number: int, replicas: list[Replica]) -> None:
        self.number, self.replicas = number, replicas
        self.state = State.GONE
        self.hire = Hire(number, 0, 0)

    @property
    def outstanding(self) -> int:
        """Requests queued and running."""
        return sum(replica.outstanding for replica in self.replicas)


class Scaler:
    """Who orders nodes and lets them go."""

    def __init__(
        self,
        env: simpy.Environment,
        rules: Scaling,
        replicas: list[Replica],
        loads: list[int],
        door: Sized,
        horizon: int,
        open_door: Callable[[], None],
    ) -> None:
        self.env, self.rules, self.door, self.open_door = env, rules, door, open_door
        self.horizon = horizon // FINE
        each = rules.per_node
        self.nodes = [
            Node(number, replicas[number * each : (number + 1) * each]) for number in range(rules.nodes(len(replicas)))
        ]
        self.loads = iter(loads)
        self.run: list[tuple[int, int]] = []
        self.hires: list[Hire] = []
        for node in self.nodes[: rules.first]:
            node.state = State.UP
            self.hires.append(node.hire)
        for node in self.nodes:
            for replica in node.replicas:
                replica.after_iteration = partial(self.after_iteration, node)

    @property
    def now(self) -> int:
        """Microsecond at which the clock stands, rounded up."""
        return microseconds(int(self.env.now))

    @property
    def taking(self) -> list[Replica]:
        """Replicas that take requests, lowest number first."""
        return [replica for node in self.in_state(State.UP) for replica in node.replicas]

    @property
    def present(self) -> int:
        """Count the nodes that are up or loading."""
        return len(self.in_state(State.UP, State.LOADING))

    def in_state(self, *states: State) -> list[Node]:
        """List the nodes in one of some states, lowest number first."""
        return [node for node in self.nodes if node.state in states]

    def life(self) -> Generator[simpy.Event, Any, None]:
        """Look at the fleet at each tick, or at the instants of the schedule, until the clock stops."""
        if self.rules.schedule is None:
            for instant in range(self.rules.tick, self.horizon, self.rules.tick):
                yield Moment(self.env, instant * FINE, LOOK)
                self.look()
            return
        for instant, wanted in self.rules.schedule[:, 1:].T.tolist():
            if instant >= self.horizon:
                return
            yield Moment(self.env, instant * FINE, LOOK)
            for node in self.in_state(State.LEAVING)[: max(0, wanted - self.present)]:
                node.state = State.UP
            self.order(wanted - self.present)
            self.dismiss(self.present - wanted)
            self.open_door()

    def desired(self) -> int:
        """Tell how many nodes there should be for the requests that there are."""
        outstanding = len(self.door) + sum(replica.outstanding for replica in self.taking)
        replicas = -(-outstanding // self.rules.target)
        return min(max(-(-replicas // self.rules.per_node), self.rules.minimum), len(self.nodes))

    def look(self) -> None:
        """Order what is missing; let go what has not been needed for the time of the cool-down."""
        desired, present = self.desired(), self.present
        if desired >= present:
            self.run.clear()
            self.order(desired - present)
            return
        self.run.append((self.now, desired))
        if self.now - self.run[0][0] >= self.rules.cool_down:
            self.dismiss(present - max(desired for _, desired in self.run))
            self.run.clear()

    def call(self) -> None:
        """Order a node for somebody who finds nobody up, if none is loading."""
        if self.rules.schedule is None and self.present == 0 and self.now < self.horizon:
            self.order(1)

    def order(self, count: int) -> None:
        """Order so many nodes, or as many as are gone."""
        for node in self.in_state(State.GONE)[: max(0, count)]:
            load = next(self.loads, None)
            if load is None:
                raise ExhaustedError("hires")
            node.state, node.hire = State.LOADING, Hire(node.number, self.now, self.now + load)
            self.hires.append(node.hire)
            if node.hire.ready < self.horizon:
                self.env.process(self.boot(node, node.hire))

    def boot(self, node: Node, hire: Hire) -> Generator[simpy.Event, Any, None]:
        """Load a node; unless its order is cancelled meanwhile, it is up then."""
        yield Moment(self.env, hire.ready * FINE, READY)
        if hire.left < NEVER:
            return
        node.state = State.UP
        for replica in node.replicas:
            replica.adapters = Adapters(replica.rules.slots)
        yield Moment(self.env, int(self.env.now), OPEN)
        self.open_door()

    def dismiss(self, count: int) -> None:
        """Let so many nodes go: cancel orders, latest first, then the highest numbers."""
        loading = sorted(self.in_state(State.LOADING), key=lambda node: self.hires.index(node.hire))
        leaving = [*reversed(loading), *reversed(self.in_state(State.UP))][: max(0, count)]
        for node in leaving:
            if node.state is State.LOADING:
                node.state, node.hire.ready, node.hire.left = State.GONE, NEVER, self.now
            else:
                node.state = State.LEAVING
                self.after_iteration(node)

    def after_iteration(self, node: Node) -> None:
        """Let a leaving node be gone if it has nothing left to do."""
        if node.state is State.LEAVING and node.outstanding == 0 and self.env.now < self.horizon * FINE:
            node.state, node.hire.left = State.GONE, self.now
