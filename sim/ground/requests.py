"""What replicas are given and what they give back: inference requests, the rules of a serving fleet, its rows.

Not here: how requests are drawn (``workload``), how they are served (``fleet``, ``reference``), what they cost
(``money``). Instants at this door are microseconds; inside, replicas count in serving ticks of 2^-16 microseconds.
"""

from dataclasses import dataclass, fields, replace
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from sim.ground.account import Tries
from sim.ground.hires import Hires
from sim.ground.jobs import API, HELD, NOT_STARTED
from sim.ground.units import NEVER, Floats, Ticks

NO_ADAPTER: Final = -1
"""Adapter of a request that runs on the base model."""

LATEST: Final = 2**45
"""Microseconds (407 days): the latest instant that replicas tell; what ends later is told as this."""


@dataclass(frozen=True)
class Turns:
    """Which turn of which session each request is.

    Attributes
    ----------
    session : int64[n]
        Number of the session in its class and replication; -1 for a request of no session.
    turn : int64[n]
        From 0.
    think : int64[n]
        Microseconds from the end of the turn before until this one comes; 0 for the first.
    """

    session: Ticks
    turn: Ticks
    think: Ticks

    @classmethod
    def none(cls, count: int) -> "Turns":
        """Make requests of no session."""
        return cls(np.full(count, -1), np.zeros(count, np.int64), np.zeros(count, np.int64))

    def at(self, rows: npt.NDArray[np.int64]) -> "Turns":
        """Take some rows, by their numbers."""
        return Turns(self.session[rows], self.turn[rows], self.think[rows])


@dataclass(frozen=True)
class Requests:
    """The requests of several replications, one after the other: everything random, drawn before the clock starts.

    Attributes
    ----------
    offsets : int64[replications + 1]
        Requests of replication r are rows ``offsets[r]`` to ``offsets[r + 1]``, by (arrival, class, number in class).
    arrival : int64[n]
        Microseconds. Of a later turn of a session, as drawn, the instant at which its session began.
    prompt, output : int64[n]
        Tokens, at least 1 each.
    job_class : int64[n]
        Number of the class in the scenario's order.
    adapter : int64[n]
        Number of the LoRA adapter; ``NO_ADAPTER`` for the base model.
    cached : int64[n]
        Tokens at the beginning of the prompt that a prefix cache holds; at least 0 and less than the prompt, for the
        last token is computed in any case.
    turns : Turns, optional
        Of sessions; None where no class has any.
    """

    offsets: Ticks
    arrival: Ticks
    prompt: Ticks
    output: Ticks
    job_class: Ticks
    adapter: Ticks
    cached: Ticks
    turns: Turns | None = None

    def __len__(self) -> int:
        """Count the requests."""
        return len(self.arrival)

    @property
    def replications(self) -> int:
        """Number of replications."""
        return len(self.offsets) - 1

    def chosen(self, rows: npt.NDArray[np.int64]) -> "Requests":
        """Take some rows, by their numbers in ascending order."""
        return self.at(rows, np.searchsorted(rows, self.offsets), self.arrival[rows])

    def at(self, rows: npt.NDArray[np.int64], offsets: Ticks, arrival: Ticks) -> "Requests":
        """Take some rows, in any order that the offsets and arrivals are of."""
        taken = {column: getattr(self, column)[rows] for column in COLUMNS}
        turns = None if self.turns is None else self.turns.at(rows)
        return Requests(offsets, **taken | {"arrival": arrival}, turns=turns)


COLUMNS: Final = tuple(field.name for field in fields(Requests) if field.name not in ("offsets", "turns"))
"""What is told of each request, row by row."""


@dataclass(frozen=True)
class ApiTimes:
    """How long the API takes for each request, were it handed over.

    Attributes
    ----------
    first_token, rest : int64[n]
        Microseconds from hand-over to the first token, and from there to the last.
    """

    first_token: Ticks
    rest: Ticks


@dataclass(frozen=True)
class Scaling:
    """How the nodes of a serving fleet come and go; the rules are told in ``reference.scaler``.

    Replica i is on node i // ``per_node``; all nodes there may be are ``Replicas.count`` replicas together. All
    instants and durations are microseconds.

    Attributes
    ----------
    per_node : int
        Replicas of a node; they come and go together.
    minimum : int
        Nodes that are there from the beginning and always.
    target : int
        Requests queued and running that a replica is meant to have.
    tick : int
        From one look at the fleet to the next.
    cool_down : int
        How long fewer nodes must have been enough before any leaves.
    schedule : int64[2, n], optional
        Instants, the first 0, each later than the last, and the nodes that are wanted from then on. It takes the place
        of all but ``per_node``.
    """

    per_node: int = 1
    minimum: int = 0
    target: int = 1
    tick: int = 15_000_000
    cool_down: int = 0
    schedule: Ticks | None = None

    def nodes(self, replicas: int) -> int:
        """Count the nodes that so many replicas make, and refuse what makes no sense."""
        nodes = replicas // max(self.per_node, 1)
        if self.per_node < 1 or replicas != nodes * self.per_node:
            raise ValueError(f"{replicas} replicas do not fill nodes of {self.per_node}")
        if self.schedule is None:
            if not 0 <= self.minimum <= nodes:
                raise ValueError(f"a fleet of {nodes} nodes cannot have {self.minimum} at least")
            if min(self.target, self.tick) < 1 or self.cool_down < 0:
                raise ValueError("target and tick are at least 1, the cool-down is not negative")
            return nodes
        instants, wanted = self.schedule
        if len(instants) == 0 or instants[0] != 0 or (np.diff(instants) <= 0).any():
            raise ValueError("a schedule begins at 0 and each of its instants is later than the last")
        if wanted.min() < 0 or wanted.max() > nodes:
            raise ValueError(f"a schedule for {nodes} nodes wants from 0 to {nodes}, got {wanted.tolist()}")
        return nodes

    @property
    def first(self) -> int:
        """Nodes that are there at 0."""
        return self.minimum if self.schedule is None else int(self.schedule[1, 0])


@dataclass(frozen=True)
class Replicas:
    """The rules of a serving fleet: equal replicas of one model behind one router.

    An iteration with n decoding requests and kv cached tokens at its start and x prefill tokens lasts
    max(floor, base + per_request n + per_kv_token kv + per_prefill_token x (+ prefill where x > 0)), and load longer
    for each adapter that it loads. A request whose prompt begins with ``cached`` tokens is served as if an earlier
    iteration had prefilled them: they take room and are read like any others, from the iteration that it joins on, and
    only the others are prefilled, after a preemption again.

    Attributes
    ----------
    count, gpus : int
        Replicas, and GPUs of each.
    base, per_request, per_kv_token, per_prefill_token, prefill, floor : int
        Serving ticks (2^-16 microseconds).
    kv_tokens : int
        Tokens that the KV cache of a replica holds.
    max_num_seqs, token_budget : int
        Seats of a replica; tokens of an iteration, at least as many as seats.
    edges : int64[windows + 1]
        Microseconds; counted time goes from the first to the last (the horizon), busy time is told by window.
    overflow_above : int
        A request goes to the API on arrival where every replica has that many queued and running.
    has_api : bool
        Whether a request that can never fit goes to the API; else it is refused.
    join_lag : int
        1: a request joins a running batch only if the replica had it when the iteration just ended began.
    frontend : int
        Microseconds added to the reported first token and end.
    slots, load : int
        Adapters that a replica holds at once (0: adapters take no slot); serving ticks to load one.
    longest_jump : int
        Most iterations taken at once; 1 steps through each.
    scaling : Scaling, optional
        How nodes come and go; without it all are always there.
    """

    count: int
    gpus: int
    base: int
    per_request: int
    per_kv_token: int
    per_prefill_token: int
    prefill: int
    floor: int
    kv_tokens: int
    max_num_seqs: int
    token_budget: int
    edges: Ticks
    overflow_above: int = NEVER
    has_api: bool = False
    join_lag: int = 0
    frontend: int = 0
    slots: int = 0
    load: int = 0
    longest_jump: int = NEVER
    scaling: Scaling | None = None


@dataclass(frozen=True)
class RequestRows:
    """What became of each request, row by row, and of the fleet in each replication.

    Attributes
    ----------
    start, first_token, end : int64[n]
        Microseconds, rounded up: first scheduled or handed over, first token, last token; -1 where not started.
    replica : int64[n]
        Who served it; -1 for none.
    outcome : int64[n]
        ``NOT_STARTED``, ``HELD``, ``API``, ``REFUSED`` or ``FAILED``.
    preempted : int64[n]
        How often it lost its place and its cache.
    gpu_time : float64[n]
        GPU microseconds within the counted time: each iteration split equally among those running in it.
    busy : float64[replications, windows]
        Replica microseconds with somebody running, by window of the counted time.
    batch_time : float64[replications]
        Integral over the counted time of the number running, in request microseconds.
    hires : Hires, optional
        When each node was ordered, ready and gone, in microseconds; None where nodes do not come and go.
    tries : Tries, optional
        What requests met at an API that has more than prices and latencies; ``start`` of those that it answered is the
        instant of the attempt that it took.
    """

    start: Ticks
    first_token: Ticks
    end: Ticks
    replica: Ticks
    outcome: Ticks
    preempted: Ticks
    gpu_time: Floats
    busy: Floats
    batch_time: Floats
    hires: Hires | None = None
    tries: Tries | None = None

    @classmethod
    def unwritten(cls, requests: int, replications: int, windows: int) -> "RequestRows":
        """Make rows for somebody who writes every one of them: to fill them first took 20 ns a request."""
        instants = (np.empty(requests, np.int64) for _ in range(4))
        start, first_token, end, replica = instants
        return cls(
            start,
            first_token,
            end,
            replica,
            outcome=np.empty(requests, np.int64),
            preempted=np.empty(requests, np.int64),
            gpu_time=np.empty(requests),
            busy=np.zeros((replications, windows)),
            batch_time=np.zeros(replications),
        )

    @classmethod
    def empty(cls, requests: int, replications: int, windows: int) -> "RequestRows":
        """Make rows of requests of which nothing is known yet."""
        return cls(
            start=np.full(requests, -1),
            first_token=np.full(requests, -1),
            end=np.full(requests, -1),
            replica=np.full(requests, -1),
            outcome=np.full(requests, NOT_STARTED),
            preempted=np.zeros(requests, np.int64),
            gpu_time=np.zeros(requests),
            busy=np.zeros((replications, windows)),
            batch_time=np.zeros(replications),
        )

    def differing(self, other: "RequestRows") -> npt.NDArray[np.int64]:
        """Find the rows in which two tables differ, in anything, to the last bit."""
        columns = ("start", "first_token", "end", "replica", "outcome", "preempted", "gpu_time")
        return np.flatnonzero(
            np.logical_or.reduce([getattr(self, column) != getattr(other, column) for column in columns])
        )


class Serve(Protocol):
    """Serves the requests of each replication on a fleet of replicas: the kernel, or the reference."""

    def __call__(
        self, replicas: Replicas, requests: Requests, api: ApiTimes | None, *, loads: Ticks | None = None
    ) -> RequestRows:
        """Serve; ``loads[r, k]`` is the time in microseconds that the k-th order in replication r takes to be ready.

        Raises
        ------
        ExhaustedError
            Of ``hires`` where there are more orders than loads.
        """


def checked_loads(replicas: Replicas, requests: Requests, loads: Ticks | None) -> Ticks:
    """Check the times of loading that a fleet with nodes that come and go is given."""
    if replicas.scaling is None:
        if loads is not None:
            raise ValueError("replicas that do not come and go load nothing, got times of loading")
        return np.empty((requests.replications, 0), np.int64)
    if loads is None or loads.ndim != 2 or len(loads) != requests.replications or (loads < 0).any():
        raise ValueError("nodes that come and go need times of loading: a row a replication, none negative")
    return loads


def all_by_api(requests: Requests, api: ApiTimes, windows: int) -> RequestRows:
    """Hand every request to the API on arrival. No queue, so no clock is needed."""
    rows = RequestRows.empty(len(requests), requests.replications, windows)
    first_token = requests.arrival + api.first_token
    return replace(
        rows,
        start=requests.arrival.copy(),
        first_token=first_token,
        end=first_token + api.rest,
        outcome=np.full(len(requests), API),
    )


def by_adapter(
    serve: Serve, replicas: Replicas, adapters: int, requests: Requests, api: ApiTimes | None
) -> RequestRows:
    """Serve each adapter's requests on replicas of its own: adapter k on every ``adapters``-th replica from k on.

    Parameters
    ----------
    serve : callable
        Serves requests on replicas.
    replicas : Replicas
        The rules; at least as many replicas as adapters.
    adapters : int
        Requests of the base model are served with those of adapter 0.
    """
    if replicas.scaling is not None:
        raise ValueError("nodes whose replicas belong to one adapter each do not come and go")
    rows = RequestRows.empty(len(requests), requests.replications, len(replicas.edges) - 1)
    mine = np.maximum(requests.adapter, 0) % adapters
    for adapter in range(adapters):
        chosen = np.flatnonzero(mine == adapter)
        times = None if api is None else ApiTimes(api.first_token[chosen], api.rest[chosen])
        count = len(range(adapter, replicas.count, adapters))
        found = serve(replace(replicas, count=count), requests.chosen(chosen), times)
        for column in ("start", "first_token", "end", "outcome", "preempted", "gpu_time"):
            getattr(rows, column)[chosen] = getattr(found, column)
        rows.replica[chosen] = np.where(found.outcome == HELD, found.replica * adapters + adapter, -1)
        rows.busy[:] += found.busy
        rows.batch_time[:] += found.batch_time
    return rows
