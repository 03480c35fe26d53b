"""Requests served piece by piece, for tests: cut into pieces, and the rows of the pieces joined."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from sim.engine.fleet.stream import RequestStream, Told
from sim.ground.requests import COLUMNS, ApiTimes, RequestRows, Requests

ROWS = ("start", "first_token", "end", "replica", "outcome", "preempted", "gpu_time")


def only(requests: Requests, api: ApiTimes | None, rows: slice) -> tuple[Requests, ApiTimes | None]:
    """Take some successive rows of one replication, as one replication."""
    cut = {name: getattr(requests, name)[rows] for name in COLUMNS}
    times = None if api is None else ApiTimes(api.first_token[rows], api.rest[rows])
    return Requests(np.array([0, len(cut["arrival"])]), **cut), times


def pieces(requests: Requests, api: ApiTimes | None, size: int) -> Iterator[tuple[Requests, ApiTimes | None]]:
    """Cut one replication into pieces of so many requests."""
    for first in range(0, len(requests), size):
        yield only(requests, api, slice(first, first + size))


def joined(parts: list[Told]) -> Told:
    """Put the requests and rows of successive pieces together; the sums are those of the last."""
    found = {name: np.concatenate([getattr(each, name) for each, _ in parts]) for name in COLUMNS}
    rows = {name: np.concatenate([getattr(its, name) for _, its in parts]) for name in ROWS}
    last = parts[-1][1]
    assert not any(its.busy.any() or its.batch_time.any() or its.hires for _, its in parts[:-1])
    requests = Requests(np.array([0, len(found["arrival"])]), **found)
    return requests, RequestRows(**rows, busy=last.busy, batch_time=last.batch_time, hires=last.hires)


def streamed(
    stream: RequestStream,
    requests: Requests,
    api: ApiTimes | None,
    size: int,
    seen: Callable[[int], None] | None = None,
) -> Told:
    """Serve one replication in pieces of so many requests; ``seen`` is told how many are under way after each."""
    parts = []
    for piece in pieces(requests, api, size):
        parts.append(stream.take(*piece))
        if seen is not None:
            seen(stream.waiting)
    return joined([*parts, stream.end()])


def replications(each) -> Iterator:
    """Cut a world into its replications."""
    for r in range(each.requests.replications):
        requests, api = only(each.requests, each.api, slice(*each.requests.offsets[r : r + 2]))
        yield replace(each, requests=requests, api=api, loads=None if each.loads is None else each.loads[r : r + 1])
