"""One long replication of requests, served piece by piece in the memory of the requests that are under way.

The kernel of ``batches`` is called for each piece and goes on where it stopped. Its state lives in arrays; of requests
it knows row numbers. Rows stand in a table with room for some pieces. Where it is full, those under way go over into
another, and their numbers change; so what was handed out of the old table stays as it was. Rows in, rows out: whatever
the pieces, their rows joined are those of ``serve_requests`` to the last bit.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from sim.engine.fleet.batches import QUEUE, QUEUE_END, serve
from sim.engine.fleet.replicas import hires_of, of_requests, rules_of, scratch
from sim.engine.fleet.scaler import DOOR, DOOR_END
from sim.ground.compiled import kernel
from sim.ground.jobs import REFUSED
from sim.ground.requests import COLUMNS, ApiTimes, Replicas, RequestRows, Requests
from sim.ground.units import FINE, Floats, Ticks

Told = tuple[Requests, RequestRows]
"""Requests in their order, and what became of them for good."""

Loads = Callable[[int], Ticks]
"""Draws times of loading: ``loads(n)[0, k]`` is that of the k-th order, however many are drawn."""

_OF_ROWS = ("start", "first_token", "end", "replica", "outcome", "preempted", "gpu_time")
_SERVED = ("arrival", "prompt", "output", "adapter", *_OF_ROWS)
_STATE = ("state", "clocks", "busy_ticks", "finish", "of_seats", "of_router", "slots", "moments", "nodes", "hires")
_NONE = np.empty(0, np.int64)


@kernel
def _first_open(end: Ticks, outcome: Ticks, first: int, last: int) -> int:
    """Find the first row of which not everything is known, before the clock stops."""
    while first < last and (end[first] >= 0 or outcome[first] == REFUSED):
        first += 1
    return first


class _Table:
    """Rows of requests, with room for more.

    Attributes
    ----------
    columns : dict
        Of each request and of each row, by name.
    known : int64[2 or 3, room]
        What the kernel keeps of each request.
    head, tail : int
        Rows from ``head`` on are not handed out yet; from ``tail`` on there is room.
    """

    def __init__(self, replicas: Replicas, room: int) -> None:
        self.columns: dict[str, Any] = {name: np.empty(room, np.int64) for name in (*COLUMNS, *_OF_ROWS)}
        self.columns["gpu_time"] = np.empty(room)
        self.known = of_requests(replicas, room)
        self.room, self.head, self.tail = room, 0, 0

    def add(self, requests: Requests) -> None:
        """Write requests behind the others."""
        last = self.tail + len(requests)
        for name in COLUMNS:
            self.columns[name][self.tail : last] = getattr(requests, name)
        self.tail = last

    def moved(self, replicas: Replicas, room: int) -> "_Table":
        """Take the rows that are not handed out over into a table with so much room."""
        other, count = _Table(replicas, room), self.tail - self.head
        for name, column in self.columns.items():
            other.columns[name][:count] = column[self.head : self.tail]
        other.known[:, :count] = self.known[:, self.head : self.tail]
        behind = other.known[1, :count]
        behind[behind >= 0] -= self.head
        other.tail = count
        return other

    def taken(self, last: int, busy: Floats, batch_time: Floats) -> Told:
        """Hand out the rows up to ``last``."""
        first, self.head = self.head, last
        cut = {name: column[first:last] for name, column in self.columns.items()}
        requests = Requests(np.array([0, last - first]), **{name: cut[name] for name in COLUMNS})
        return requests, RequestRows(**{name: cut[name] for name in _OF_ROWS}, busy=busy, batch_time=batch_time)


class RequestStream:
    """Serves the requests of one replication as they come, in pieces.

    Parameters
    ----------
    replicas : Replicas
        The rules.
    loads : callable, optional
        Draws times of loading; where nodes come and go.
    first_loads : int
        How many to draw at first; where they run out, twice as many are drawn.
    caches : bool
        Whether replicas keep prefixes; else every token of a prompt is computed, and ``cached`` is only handed through.

    Notes
    -----
    Memory: the requests that are under way, those that came after them, and a piece.
    """

    def __init__(
        self, replicas: Replicas, loads: Loads | None = None, first_loads: int = 64, *, caches: bool = True
    ) -> None:
        if (replicas.scaling is None) != (loads is None):
            raise ValueError("nodes that come and go need times of loading, and no others")
        self.replicas, self.loads = replicas, loads
        self.kept = scratch(replicas, 1, self._drawn_loads(first_loads))
        self.table, self.begun, self.caches = _Table(replicas, 0), False, caches

    @property
    def waiting(self) -> int:
        """Requests that came and are not handed out."""
        return self.table.tail - self.table.head

    def take(self, requests: Requests, api: ApiTimes | None) -> Told:
        """Serve the next requests up to the arrival of the last.

        Parameters
        ----------
        requests : Requests
            Of one replication, in the order of arrival, none earlier than one that came before.
        api : ApiTimes or None
            How long the API takes for each; None where the plan has none.

        Returns
        -------
        Requests, RequestRows
            All requests not yet handed out up to the first of which something is open; ``busy`` and ``batch_time`` are
            0, for they are known at the end.
        """
        if len(requests):
            self._serve(requests, api, stops=False)
        table = self.table
        done = _first_open(table.columns["end"], table.columns["outcome"], table.head, table.tail)
        return table.taken(done, *self._nothing())

    def end(self) -> Told:
        """Let the clock run until all have ended, or until it stops.

        Returns
        -------
        Requests, RequestRows
            All others, with the busy time, batch time and hires of the whole replication.
        """
        nobody = Requests(np.zeros(2, np.int64), _NONE, _NONE, _NONE, _NONE, _NONE, _NONE)
        busy, batch_time = self._serve(nobody, None, stops=True)
        requests, rows = self.table.taken(self.table.tail, busy, batch_time)
        if self.loads is not None:
            rows = replace(rows, hires=hires_of(self.kept["hires"], self.kept["hired"]))
        return requests, rows

    def _nothing(self) -> tuple[Floats, Floats]:
        """Make sums of nothing."""
        return np.zeros((1, len(self.replicas.edges) - 1)), np.zeros(1)

    def _make_room(self, count: int) -> None:
        """Make room for so many requests; those under way move seldom enough that it costs nothing."""
        if self.table.tail + count <= self.table.room:
            return
        head, under_way = self.table.head, self.waiting
        self.table = self.table.moved(self.replicas, 2 * under_way + count)
        if not self.begun:
            return
        for rows in (self.kept["of_seats"][0], self.kept["state"][:, QUEUE], self.kept["state"][:, QUEUE_END]):
            rows[rows >= 0] -= head
        if self.loads is not None:
            self.kept["moments"][[DOOR, DOOR_END]] -= head

    def _serve(self, requests: Requests, api: ApiTimes | None, *, stops: bool) -> tuple[Floats, Floats]:
        """Let the kernel go on with further requests."""
        self._make_room(len(requests))
        table, first, (busy, batch_time) = self.table, self.table.tail, self._nothing()
        table.add(requests)
        while True:
            before = None if self.loads is None else self._copied(first)
            serve(
                offsets=np.array([first, table.tail]),
                api_first=_NONE if api is None else api.first_token,
                api_rest=_NONE if api is None else api.rest,
                rules=rules_of(self.replicas, api is not None, begins=not self.begun, stops=stops),
                edges=self.replicas.edges * FINE,
                busy=busy,
                batch_time=batch_time,
                of_requests=table.known,
                cached=table.columns["cached"] if self.caches else np.zeros(table.room, np.int64),
                **{name: table.columns[name] for name in _SERVED},
                **self.kept,
            )
            if before is None or self.kept["hired"][0] >= 0:
                self.begun = True
                return busy, batch_time
            self._restore(before)

    def _copied(self, first: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Copy all that the kernel may change, for the case that there are more orders than loads."""
        under_way = slice(self.table.head, first)
        of_rows = {name: self.table.columns[name][under_way].copy() for name in _OF_ROWS}
        of_rows["known"] = self.table.known[:, under_way].copy()
        return {name: self.kept[name].copy() for name in _STATE}, of_rows

    def _restore(self, before: tuple[dict[str, Any], dict[str, Any]]) -> None:
        """Go back to what was copied, with twice the loads: the same ones, and as many more."""
        state, of_rows = before
        known, head = of_rows.pop("known"), self.table.head
        self.table.known[:, head : head + known.shape[1]] = known
        for name, column in of_rows.items():
            self.table.columns[name][head : head + len(column)] = column
        boots = self._drawn_loads(2 * self.kept["boots"].shape[1])
        more = boots.shape[1] - self.kept["boots"].shape[1]
        hires = np.pad(state.pop("hires"), ((0, 0), (0, 0), (0, more)))
        self.kept |= state | {"boots": boots, "hires": hires}

    def _drawn_loads(self, count: int) -> Ticks:
        """Draw the times of loading of so many orders."""
        if self.loads is None:
            return np.empty((1, 0), np.int64)
        return np.ascontiguousarray(self.loads(count))
