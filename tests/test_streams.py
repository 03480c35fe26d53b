"""Requests of one replication served piece by piece: to the last bit what they are when served at once."""

import numpy as np
import pytest
from streams import replications, streamed

from sim.fleet import serve_requests
from sim.fleet.stream import RequestStream
from sim.requests import COLUMNS
from sim.verify.serving_worlds import differences, scaled_world, world

WORLDS = 60
SIZES = (1, 2, 7, 1000)


def stream_of(each) -> RequestStream:
    """Make a stream for a world; at first so few loads are drawn that they run out."""
    if each.loads is None:
        return RequestStream(each.replicas)
    return RequestStream(each.replicas, lambda count: each.loads[:, :count], first_loads=1)


@pytest.fixture(scope="module")
def worlds():
    return [each for make in (world, scaled_world) for number in range(WORLDS) for each in replications(make(number))]


@pytest.fixture(scope="module")
def told(worlds):
    return [serve_requests(each.replicas, each.requests, each.api, loads=each.loads) for each in worlds]


def differing(worlds, told, size, make=stream_of) -> list[int]:
    found = []
    for number, (each, its) in enumerate(zip(worlds, told, strict=True)):
        requests, rows = streamed(make(each), each.requests, each.api, size)
        same = all(np.array_equal(getattr(requests, name), getattr(each.requests, name)) for name in COLUMNS)
        if not same or differences(its, rows):
            found.append(number)
    return found


@pytest.mark.parametrize("size", SIZES)
def test_pieces_give_the_rows_of_the_whole(worlds, told, size):
    assert differing(worlds, told, size) == []
