"""A serving fleet in SimPy: a router before replicas, each of which lives through every iteration of its batch."""

from collections import deque
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np
import simpy

from sim.engine.reference.moment import Moment
from sim.engine.reference.replica import ARRIVAL, Replica, Request, microseconds
from sim.engine.reference.scaler import Scaler
from sim.ground.hires import ExhaustedError, Hires
from sim.ground.jobs import API, HELD, REFUSED
from sim.ground.requests import LATEST, ApiTimes, Replicas, RequestRows, Requests, checked_loads
from sim.ground.units import FINE, NEVER, Ticks


class Router:
    """The door of the fleet: who can never fit is turned away, the others go where fewest are outstanding."""

    def __init__(self, rules: Replicas, api: ApiTimes | None, loads: list[int], rows: RequestRows) -> None:
        self.env = simpy.Environment(initial_time=0)
        self.rules, self.api, self.rows = rules, api, rows
        self.edges = [int(edge) * FINE for edge in rules.edges]
        self.replicas = [Replica(self.env, number, rules, self.edges) for number in range(rules.count)]
        self.door: deque[Request] = deque()
        self.scaler: Scaler | None = None
        if rules.scaling is not None:
            self.scaler = Scaler(self.env, rules.scaling, self.replicas, loads, self.door, self.edges[-1], self.open)

    def run(self, requests: list[Request]) -> None:
        """Let the requests of one replication arrive, and wait until the last replica is done."""
        self.env.process(self.arrivals(requests))
        for replica in self.replicas:
            self.env.process(replica.life())
        if self.scaler is not None:
            self.env.process(self.scaler.life())
        try:
            self.env.run()
        except ExhaustedError as error:  # SimPy raises a copy of it that is made from its text
            raise ExhaustedError("hires") from error

    def arrivals(self, requests: list[Request]) -> Generator[simpy.Event, Any, None]:
        """Let each request arrive."""
        for request in requests:
            yield Moment(self.env, request.arrival, ARRIVAL)
            self.route(request)

    @property
    def least(self) -> Replica | None:
        """Find the replica with the fewest requests among those that take any."""
        taking = self.replicas if self.scaler is None else self.scaler.taking
        return min(taking, key=lambda replica: (replica.outstanding, replica.number), default=None)

    def route(self, request: Request) -> None:
        """Send a request to a replica or to the API, refuse it, or let it wait at the door."""
        if request.largest_need > self.rules.kv_tokens:
            self.turn_away(request)
            return
        least = self.least
        if least is None and self.scaler is not None:
            self.scaler.call()
        if self.rules.overflow_above < NEVER and (least is None or least.outstanding >= self.rules.overflow_above):
            self.hand_over(request, self.api)
        elif least is None:
            self.door.append(request)
        else:
            least.add(request)

    def open(self) -> None:
        """Let in who waits at the door, for a node has become ready."""
        while self.door and (least := self.least) is not None:
            least.add(self.door.popleft())

    def turn_away(self, request: Request) -> None:
        """Send a request to the API where there is one, else refuse it."""
        if self.rules.has_api:
            self.hand_over(request, self.api)
        else:
            self.rows.outcome[request.id] = REFUSED

    def hand_over(self, request: Request, api: ApiTimes | None) -> None:
        """Send a request to the API."""
        if api is None:
            raise ValueError("a fleet that hands requests to the API must be given the API's times, got None")
        rows, row = self.rows, request.id
        rows.start[row] = request.arrival // FINE
        rows.first_token[row] = rows.start[row] + api.first_token[row]
        rows.end[row] = rows.first_token[row] + api.rest[row]
        rows.outcome[row] = API

    def write(self, request: Request) -> None:
        """Fill in the row of a request that a replica started before the horizon."""
        rows, row = self.rows, request.id
        if request.started is None or not request.started_before(self.edges[-1]):
            return
        rows.start[row] = microseconds(request.started)
        rows.first_token[row] = min(microseconds(request.first_token) + self.rules.frontend, LATEST)
        rows.end[row] = min(microseconds(request.end) + self.rules.frontend, LATEST)
        rows.replica[row], rows.outcome[row], rows.preempted[row] = request.replica, HELD, request.preempted
        rows.gpu_time[row] = request.time / FINE * self.rules.gpus


def _replication(
    replicas: Replicas, requests: Requests, api: ApiTimes | None, loads: Ticks, number: int, rows: RequestRows
) -> Router:
    """Serve one replication and fill in its rows."""
    first, last = (int(offset) for offset in requests.offsets[number : number + 2])
    router = Router(replicas, api, loads[number].tolist(), rows)
    arriving = [Request.of(row, requests) for row in range(first, last)]
    router.run(arriving)
    for request in arriving:
        router.write(request)
    for replica in router.replicas:
        rows.batch_time[number] += replica.sharing.batch_time / FINE
        for window, busy in enumerate(replica.sharing.busy):
            rows.busy[number, window] += busy / FINE
    return router


def _hires(scalers: list[Scaler]) -> Hires:
    """Put the hires of all replications into one table."""
    hires = [hire for scaler in scalers for hire in scaler.hires]
    columns = ([getattr(hire, name) for hire in hires] for name in ("node", "ordered", "ready", "left"))
    offsets = np.cumsum([0, *(len(scaler.hires) for scaler in scalers)])
    return Hires(offsets, *(np.array(column, np.int64) for column in columns))


def serve_requests(
    replicas: Replicas, requests: Requests, api: ApiTimes | None, *, loads: Ticks | None = None
) -> RequestRows:
    """Serve the requests of each replication on the plan's replicas, iteration by iteration.

    Parameters
    ----------
    replicas : Replicas
        The rules.
    requests : Requests
        The requests of one or more replications.
    api : ApiTimes or None
        How long the API takes for each, were it handed over; may be missing where none ever is.
    loads : int64[replications, n], optional
        Microseconds that each order of a node takes to be ready; where nodes come and go.

    Returns
    -------
    RequestRows
        What became of each request, and how busy the replicas were.

    Raises
    ------
    ExhaustedError
        Of ``hires`` where there are more orders than loads.
    """
    rows = RequestRows.empty(len(requests), requests.replications, len(replicas.edges) - 1)
    routers = _replications(replicas, requests, api, loads, rows)
    scalers = [router.scaler for router in routers if router.scaler is not None]
    return rows if replicas.scaling is None else replace(rows, hires=_hires(scalers))


def _replications(
    replicas: Replicas, requests: Requests, api: ApiTimes | None, loads: Ticks | None, rows: RequestRows
) -> list[Router]:
    """Serve all replications and fill in their rows."""
    times = checked_loads(replicas, requests, loads)
    return [_replication(replicas, requests, api, times, number, rows) for number in range(requests.replications)]


def boundaries(
    replicas: Replicas, requests: Requests, api: ApiTimes | None, *, loads: Ticks | None = None
) -> list[list[int]]:
    """Tell when iterations end, so that worlds can be made in which other things happen just then.

    Returns
    -------
    list of list of int
        Of each replication, the distinct instants in serving ticks, in order.
    """
    rows = RequestRows.empty(len(requests), requests.replications, len(replicas.edges) - 1)
    routers = _replications(replicas, requests, api, loads, rows)
    return [sorted({end for replica in router.replicas for end in replica.boundaries}) for router in routers]
