"""Requests of one replication served piece by piece: to the last bit what they are when served at once."""

import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streams import only, pieces, replications, streamed

from sim.engine.fleet import RequestStream, serve_requests, stream
from sim.ground.jobs import NOT_STARTED, REFUSED
from sim.ground.requests import COLUMNS, NO_ADAPTER, ApiTimes, Replicas, Requests, Scaling
from sim.ground.units import FINE, NEVER
from sim.questions.verify.serving_worlds import differences, scaled_world, world

WORLDS = 10 if {"NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"} & set(os.environ) else 80
"""Of each kind; each has one to three replications, and each of these is a world."""
SIZES = (1, 2, 7, 1000)


def stream_of(each, made=RequestStream):
    """Make a stream for a world; at first so few loads are drawn that they run out."""
    if each.loads is None:
        return made(each.replicas)
    return made(each.replicas, lambda count: each.loads[:, :count], first_loads=1)


@pytest.fixture(scope="module")
def worlds():
    return [each for make in (world, scaled_world) for number in range(WORLDS) for each in replications(make(number))]


@pytest.fixture(scope="module")
def told(worlds):
    return [serve_requests(each.replicas, each.requests, each.api, loads=each.loads) for each in worlds]


def same_requests(told, found) -> bool:
    return all(np.array_equal(getattr(told, name), getattr(found, name)) for name in COLUMNS)


def differing(worlds, told, size, made=RequestStream) -> list[int]:
    """Numbers of the worlds that pieces of a size serve otherwise."""
    found = []
    for number, (each, its) in enumerate(zip(worlds, told, strict=True)):
        requests, rows = streamed(stream_of(each, made), each.requests, each.api, size)
        if differences(its, rows) or not same_requests(each.requests, requests):
            found.append(number)
    return found


@pytest.mark.parametrize("size", SIZES)
def test_pieces_give_the_rows_of_the_whole(worlds, told, size):
    assert differing(worlds, told, size) == []


def test_worlds_hold_what_they_should(worlds, told):
    edges = [np.arange(2, len(each.requests), 2) for each in worlds]
    arrivals = [each.requests.arrival for each in worlds]
    assert sum((a[cut] == a[cut - 1]).any() for a, cut in zip(arrivals, edges, strict=True)) > 50  # ties on the edges
    assert sum(int(its.preempted.sum()) for its in told) > 200
    assert sum(bool(((its.outcome == NOT_STARTED) & (its.gpu_time == 0)).any()) for its in told) > 20  # at the horizon
    assert sum(each.replicas.edges[0] > 0 for each in worlds) > 50
    assert sum(each.replicas.join_lag for each in worlds) > 50
    assert sum(each.replicas.slots > 0 for each in worlds) > 50
    scaled = [each for each in worlds if each.loads is not None]
    assert sum(each.replicas.scaling.schedule is not None for each in scaled) > 20
    grown, most = 0, []
    for each in worlds:
        it, seen = stream_of(each), []
        streamed(it, each.requests, each.api, 2, seen.append)
        most.append(max(seen, default=0))
        grown += it.kept["boots"].shape[1] > 1
    assert sum(count > 4 for count in most) > 100  # under way from piece to piece
    assert grown > 30  # more orders than loads, in the middle


# Faults of the stream, each as (what stands there, what stands there instead): only such as leave every number within
# its array, for the kernel is compiled and checks none.
FAULTS = {
    "the clock starts with each piece": ("begins=not self.begun", "begins=True"),
    "the clock stops with each piece": ("api, stops=False)", "api, stops=True)"),
    "rows are not as before where loads ran out": (
        "self.table.columns[name][head : head + len(column)] = column",
        "pass",
    ),
    "hires are not as before where loads ran out": (
        'hires = np.pad(state.pop("hires"),',
        'hires = np.pad(0 * state.pop("hires"),',
    ),
    "the sums are those of the last piece": (
        "requests, rows = self.table.taken(self.table.tail, busy, batch_time)",
        "requests, rows = self.table.taken(self.table.tail, *self._nothing())",
    ),
}


def faulty(old: str, new: str):
    """The stream with a fault; its own kernel uncompiled."""
    source = Path(stream.__file__).read_text()
    assert source.count(old) == 1
    source = source.replace(old, new).replace(
        "from sim.ground.compiled import kernel", "def kernel(function): return function"
    )
    room: dict = {"__name__": "faulty"}
    exec(compile(source, "faulty", "exec"), room)  # noqa: S102 - our own source with one fault
    return room["RequestStream"]


@pytest.mark.parametrize("fault", FAULTS)
def test_worlds_find_faults(worlds, told, fault):
    made = faulty(*FAULTS[fault])
    for each, its in zip(worlds, told, strict=True):
        try:
            _, rows = streamed(stream_of(each, made), each.requests, each.api, 2)
        except (AssertionError, IndexError, ValueError):
            return
        if len(rows.start) != len(its.start) or differences(its, rows):
            return
    pytest.fail(f"no world finds that {fault}")


def test_the_stream_without_a_fault_passes(worlds, told):  # negative control
    assert differing(worlds[:40], told[:40], 2, faulty("begins=not self.begun", "begins=not  self.begun")) == []


# Memory, and what is handed out


SECOND = 1_000_000


def busy_replica(**rules) -> Replicas:
    """A Llama 3.1 8B on one GPU."""
    return Replicas(
        count=rules.pop("count", 1),
        gpus=1,
        base=12_770 * FINE,
        per_request=13 * FINE,
        per_kv_token=4588,
        per_prefill_token=2_739_405,
        prefill=0,
        floor=0,
        kv_tokens=rules.pop("kv_tokens", 400_000),
        max_num_seqs=256,
        token_budget=2048,
        edges=np.array([0, NEVER // FINE]),
        **rules,
    )


def load(count: int, per_second: float, first: float = 0.0, seed: int = 8) -> Requests:
    """Poisson arrivals from an instant on."""
    rng = np.random.default_rng(seed)
    arrival = np.cumsum(rng.exponential(SECOND / per_second, count)).astype(np.int64) + int(first * SECOND)
    zeros = np.zeros(count, np.int64)
    tokens = [rng.integers(1, 2 * mean, count) for mean in (500, 250)]
    return Requests(np.array([0, count]), arrival, *tokens, zeros, np.full(count, NO_ADAPTER), zeros)


def peak_of(total: int, size: int = 10_000) -> int:
    """Bytes at the peak while so many requests are drawn and served in pieces."""
    it, served, seen = RequestStream(busy_replica()), 0, 0.0
    it.take(load(10, 5), None)  # compiled, and begun
    tracemalloc.start()
    for number in range(total // size):
        piece = load(size, 5, first=100 + seen, seed=number)
        seen = float(piece.arrival[-1]) / SECOND
        served += len(it.take(piece, None)[0])
    served += len(it.end()[0])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert served == total + 10
    return peak


def test_memory_does_not_grow_with_the_number_of_requests():
    # 2 M requests have 208 MB of columns.
    few, many = peak_of(200_000), peak_of(2_000_000)
    assert many < 1.02 * few < 8_000_000


def test_an_overloaded_fleet_holds_its_queue_and_moves_it_seldom(monkeypatch):
    # Twice as many come as it can take: half of them wait at the end. Tables double, so few are made.
    tables = []

    class Counted(stream._Table):
        def __init__(self, *given):
            tables.append(given)
            super().__init__(*given)

    monkeypatch.setattr(stream, "_Table", Counted)
    requests, rules = load(100_000, 60), busy_replica()
    seen = []
    _, rows = streamed(RequestStream(rules), requests, None, 500, seen.append)
    assert seen[-1] > 30_000
    assert len(tables) < 30
    assert differences(serve_requests(rules, requests, None), rows) == 0


def test_what_is_handed_out_is_never_written_again():
    requests, it = load(5_000, 14), RequestStream(busy_replica())
    parts = [it.take(*piece) for piece in pieces(requests, None, 100)]
    kept = [(rows.end.copy(), told.arrival.copy()) for told, rows in parts]
    it.end()
    for (told, rows), (end, arrival) in zip(parts, kept, strict=True):
        assert np.array_equal(rows.end, end)
        assert np.array_equal(told.arrival, arrival)


def test_without_a_prefix_cache_what_is_cached_is_only_handed_through():
    requests = replace(load(300, 14), cached=np.full(300, 5))
    requests = replace(requests, prompt=requests.prompt + 5)
    found, rows = streamed(RequestStream(busy_replica(), caches=False), requests, None, 7)
    told = serve_requests(busy_replica(), replace(requests, cached=np.zeros(300, np.int64)), None)
    assert differences(told, rows) == 0
    assert same_requests(requests, found)
    assert differences(serve_requests(busy_replica(), requests, None), rows)


def test_api_times_belong_to_their_requests():
    rng = np.random.default_rng(3)
    requests, rules = load(3_000, 60), busy_replica(overflow_above=100, has_api=True)
    api = ApiTimes(rng.integers(0, SECOND, 3_000), rng.integers(0, SECOND, 3_000))
    told = serve_requests(rules, requests, api)
    assert 300 < (told.replica < 0).sum() < 2_900
    assert differences(told, streamed(RequestStream(rules), requests, api, 64)[1]) == 0


def test_who_can_never_fit_is_handed_out_at_once():
    requests, rules, seen = load(2_000, 8), busy_replica(kv_tokens=900), []
    told = serve_requests(rules, requests, None)
    assert (told.outcome == REFUSED).sum() > 300
    assert told.preempted.sum() > 100
    assert differences(told, streamed(RequestStream(rules), requests, None, 9, seen.append)[1]) == 0
    large = replace(requests, prompt=requests.prompt + 900)
    assert len(RequestStream(rules).take(large, None)[0]) == 2_000


def test_no_requests_at_all():
    requests, rules = load(0, 1), busy_replica()
    assert differences(serve_requests(rules, requests, None), streamed(RequestStream(rules), requests, None, 5)[1]) == 0
    empty = RequestStream(rules).take(*only(requests, None, slice(0, 0)))
    assert len(empty[0]) == len(empty[1].start) == 0


def test_loads_belong_to_nodes_that_come_and_go():
    with pytest.raises(ValueError, match="times of loading"):
        RequestStream(busy_replica(), lambda count: np.zeros((1, count), np.int64))
    with pytest.raises(ValueError, match="times of loading"):
        RequestStream(busy_replica(scaling=Scaling()))
