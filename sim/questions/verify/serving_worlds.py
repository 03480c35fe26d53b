"""Random serving worlds with planted ties, on which the kernel must give what the SimPy replicas give, row by row.

A world is run once to see when iterations end; then arrivals are moved onto such instants, and one microsecond beside
them, and the horizon onto one of them. Every fourth world has no such tie, to show what only ties find. Of each world
there is one in which nodes come and go, with ties of ticks, of nodes that are ready, and of nodes that are gone.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np

from sim.engine import fleet, reference
from sim.engine.reference.replicas import boundaries
from sim.ground.hires import Hires
from sim.ground.requests import NO_ADAPTER, ApiTimes, Replicas, RequestRows, Requests, Scaling
from sim.ground.units import FINE, NEVER, Ticks

FULL, QUICK = 300, 60
"""How many worlds; each is served twice, on replicas that are always there and on nodes that come and go."""

_SEED, _SEED_OF_SCALING, _SEED_OF_PREFIXES = 977, 978, 979
_MOST: Final = 40
"""Requests of a replication, at most."""
_ORDERS: Final = 1000
"""Times of loading drawn for a replication, more than are ever taken."""
_ROUNDS: Final = 2
"""How often ties are planted: one that is planted moves the boundaries after it."""


@dataclass(frozen=True)
class World:
    """A small serving fleet and the requests of a few replications."""

    replicas: Replicas
    requests: Requests
    api: ApiTimes
    loads: Ticks | None = None


def has_ties(number: int) -> bool:
    """Tell whether arrivals of a world meet each other and the ends of iterations."""
    return number % 4 != 3


def has_whole_terms(number: int) -> bool:
    """Tell whether the iterations of a world last whole microseconds."""
    return number % 4 < 2


def _sizes(rng: np.random.Generator, count: int) -> tuple[Ticks, Ticks]:
    """Draw tokens: prompts short to long, a few far longer, and outputs from one token up."""
    longest, most = rng.choice([1, 6, 15, 25, 80]), rng.choice([1, 6, 12, 12, 24, 24, 40, 90])
    prompt = rng.integers(1, longest + 1, count)
    prompt[rng.random(count) < rng.choice([0.0, 0.1])] *= 5
    return prompt, rng.integers(1, most + 1, count)


def _prefixes(number: int, prompt: Ticks) -> Ticks:
    """Draw how much of each prompt is in the prefix cache: in half of the worlds nothing, else nothing to all but 1."""
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(_SEED_OF_PREFIXES, spawn_key=(number,))))
    most = np.where(rng.random(len(prompt)) < rng.choice([0.0, 0.0, 0.5, 1.0]), prompt, 1)
    return np.where(rng.random(len(prompt)) < rng.choice([0.0, 0.5]), most - 1, rng.integers(0, most))


def _terms(rng: np.random.Generator, whole: bool) -> dict[str, Any]:
    """Draw how long iterations last, in whole microseconds or in odd ticks."""
    highest = {"base": 60, "per_request": 6, "per_kv_token": 2, "per_prefill_token": 3, "prefill": 30, "load": 40}
    drawn = {name: int(rng.integers(0, most + 1) * (rng.random() < 0.8)) for name, most in highest.items()}
    drawn["base"] = max(drawn["base"], 5)
    drawn["floor"] = int(rng.choice([0, 0, 0, 50, 150, 600]))
    if whole:
        return {name: value * FINE for name, value in drawn.items()}
    return {name: value * FINE + int(rng.integers(1, FINE)) for name, value in drawn.items()}


def _rules(rng: np.random.Generator, whole: bool, prompt: Ticks, output: Ticks) -> Replicas:
    """Draw a fleet, often with little room in its caches."""
    seats = int(rng.choice([1, 2, 4, 6, 8, 16]))
    largest = int((prompt + output - 1).max(initial=1))
    rules = Replicas(
        count=int(rng.choice([1, 1, 2, 2, 3, 4])),
        gpus=int(rng.choice([1, 2, 8])),
        kv_tokens=max(int(largest * rng.choice([0.7, 1.0, 1.3, 1.3, 1.6, 2.0, 2.0, 2.5, 8.0])), 1),
        max_num_seqs=seats,
        token_budget=seats + int(rng.choice([0, 1, 3, 10, 40, 1000])),
        edges=np.array([0, NEVER // FINE]),
        has_api=bool(rng.random() < 0.5),
        join_lag=int(rng.random() < 0.4),
        frontend=int(rng.choice([0, 0, 7])),
        slots=int(rng.choice([0, 0, 1, 2, 3])),
        **_terms(rng, whole),
    )
    overflow = int(rng.choice([0, 1, 2, 4, 8])) if rules.has_api and rng.random() < 0.4 else NEVER
    return replace(rules, overflow_above=overflow)


def _span(rng: np.random.Generator, rules: Replicas, prompt: Ticks, output: Ticks) -> int:
    """Draw the microseconds in which all arrive: from a crowd to hardly any at a time."""
    if not len(prompt):
        return _MOST
    steps = float(np.mean(output + prompt // rules.token_budget)) * _MOST / 2
    iteration = max(rules.floor, rules.base + rules.per_request + rules.per_kv_token * int(prompt.mean() + 1))
    alone = steps * iteration / FINE / rules.count
    return int(alone * rng.choice([0.05, 0.2, 0.3, 0.6, 1.0])) + 3 * _MOST


def _arrivals(rng: np.random.Generator, span: int, count: int, alike: bool) -> Ticks:
    """Draw instants, in batches of one instant or all apart."""
    if not alike:
        return np.sort(rng.choice(span, count, replace=False))
    instants = rng.integers(0, span, count)
    batch = int(rng.choice([1, 1, 2, 5]))
    return np.sort(np.repeat(instants, batch)[:count])


def _edges(rng: np.random.Generator, opens: int, horizon: int) -> Ticks:
    """Draw the windows of the counted time."""
    cuts = rng.integers(opens, horizon, int(rng.integers(0, 4)))
    return np.unique(np.concatenate(([opens, horizon], cuts)))


def _planted(rng: np.random.Generator, arrival: Ticks, ends: list[int], share: float) -> Ticks:
    """Move some arrivals onto ends of iterations and one microsecond beside them; more of the early ones, to crowd."""
    moved = rng.random(len(arrival)) < share
    places = (rng.random(len(arrival)) ** 2 * len(ends)).astype(np.int64)
    instants = np.asarray(ends)[places] // FINE
    beside = rng.choice([0, 0, 0, 1, -1], len(arrival))
    return np.sort(np.where(moved, np.maximum(instants + beside, 0), arrival))


def _with_ties(rng: np.random.Generator, rules: Replicas, requests: Requests, api: ApiTimes) -> Requests:
    """Let arrivals meet the ends of iterations, in every replication."""
    share = rng.choice([0.1, 0.4, 0.8])
    for _ in range(_ROUNDS):
        arrival = requests.arrival.copy()
        for number, ends in enumerate(boundaries(rules, requests, api)):
            rows = slice(requests.offsets[number], requests.offsets[number + 1])
            if ends:
                arrival[rows] = _planted(rng, arrival[rows], ends, share)
        requests = replace(requests, arrival=arrival)
    return requests


def _until(each: World) -> World:
    """Leave out who would arrive at or after the horizon."""
    kept = np.flatnonzero(each.requests.arrival < each.replicas.edges[-1])
    api = ApiTimes(each.api.first_token[kept], each.api.rest[kept])
    return replace(each, requests=each.requests.chosen(kept), api=api)


def _horizon(rng: np.random.Generator, ends: list[list[int]], ties: bool) -> int:
    """Draw where the counted time ends, in the middle of the work or long after it; with ties, as an iteration does."""
    instants = np.array(sorted({end // FINE for each in ends for end in each}) or [10], dtype=np.int64)
    if rng.random() < 0.4:
        return int(instants[-1]) + int(rng.choice([0, 1, 1000]))
    place = int(len(instants) * rng.uniform(0.3, 1.0))
    return max(int(instants[place]) + (0 if ties else 2), 4)


def world(number: int) -> World:
    """Make one of the random worlds.

    Parameters
    ----------
    number : int
        Which; each is the same on every machine.
    """
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(_SEED, spawn_key=(number,))))
    ties = has_ties(number)
    counts = rng.integers(0, _MOST + 1, int(rng.choice([1, 1, 2, 3])))
    size = int(counts.sum())
    prompt, output = _sizes(rng, size)
    rules = _rules(rng, has_whole_terms(number), prompt, output)
    span = _span(rng, rules, prompt, output)
    requests = Requests(
        offsets=np.concatenate(([0], np.cumsum(counts))),
        arrival=np.concatenate([_arrivals(rng, span, int(count), ties) for count in counts]),
        prompt=prompt,
        output=output,
        job_class=np.zeros(size, np.int64),
        adapter=rng.integers(NO_ADAPTER, 4, size),
        cached=_prefixes(number, prompt),
    )
    api = ApiTimes(rng.integers(0, 50, size), rng.integers(0, 200, size))
    if ties:
        requests = _with_ties(rng, rules, requests, api)
    horizon = _horizon(rng, boundaries(rules, requests, api), ties)
    opens = int(rng.integers(0, horizon)) if rng.random() < 0.4 else 0
    return _until(World(replace(rules, edges=_edges(rng, opens, horizon)), requests, api))


def _in_two_crowds(rng: np.random.Generator, each: World) -> World:
    """Let the later half come after a while, and the clock stop later, so that nodes go and come again."""
    horizon = int(each.replicas.edges[-1])
    gap, rest = (int(horizon * rng.choice([0, 0.3, 1, 2])) for _ in range(2))
    offsets, arrival = each.requests.offsets, each.requests.arrival.copy()
    for first, last in pairwise(offsets):
        arrival[(first + last) // 2 : last] += gap
    edges = np.append(each.replicas.edges[:-1], horizon + gap + rest)
    return replace(each, replicas=replace(each.replicas, edges=edges), requests=replace(each.requests, arrival=arrival))


def _schedule(rng: np.random.Generator, instants: list[int], nodes: int) -> Ticks:
    """Draw how many nodes are wanted when."""
    begins = np.unique([0, *rng.choice(instants, int(rng.integers(0, 7)))])
    return np.array([begins, rng.integers(0, nodes + 1, len(begins))])


def _scaling(rng: np.random.Generator, instants: list[int], horizon: int, nodes: int) -> Scaling:
    """Draw by what rules nodes come and go; a tick or an instant of the schedule may be that of something else."""
    tick = max(horizon // 150, int(rng.choice(instants)) // int(rng.integers(1, 40)), 1)
    return Scaling(
        per_node=int(rng.choice([1, 1, 2, 3])),
        minimum=int(rng.choice([0, 0, 0, 1, nodes])),
        target=int(rng.choice([1, 1, 2, 4])),
        tick=tick,
        cool_down=int(rng.choice([0, 0, tick, 3 * tick, tick // 2, 5 * tick + 1])),
        schedule=_schedule(rng, instants, nodes) if rng.random() < 0.3 else None,
    )


def _events(each: World, scaling: Scaling) -> tuple[list[list[int]], list[Ticks]]:
    """Serve a world by SimPy; tell of each replication at which microseconds something happens, and of orders."""
    served = (each.replicas, each.requests, each.api)
    hires = reference.serve_requests(*served, loads=each.loads).hires or Hires.none(each.requests.replications)
    horizon = int(each.replicas.edges[-1])
    looks = range(0, horizon, scaling.tick) if scaling.schedule is None else scaling.schedule[0].tolist()
    events, orders = [], []
    for number, ends in enumerate(boundaries(*served, loads=each.loads)):
        mine = slice(*hires.offsets[number : number + 2])
        instants = {0, *looks, *(end // FINE for end in ends), *hires.ready[mine].tolist(), *hires.left[mine].tolist()}
        events.append(sorted(instant for instant in instants if instant < horizon))
        orders.append(hires.ordered[mine][scaling.first :])
    return events, orders


def _with_ties_of_nodes(rng: np.random.Generator, each: World, scaling: Scaling, share: float) -> World:
    """Let arrivals meet what happens to nodes, and nodes be ready when something happens."""
    arrival, loads = each.requests.arrival.copy(), np.array(each.loads)
    for number, (instants, orders) in enumerate(zip(*_events(each, scaling), strict=True)):
        mine = slice(*each.requests.offsets[number : number + 2])
        planted = _planted(rng, arrival[mine], [instant * FINE for instant in instants], share)
        arrival[mine] = np.minimum(planted, each.replicas.edges[-1] - 1)
        moved = np.flatnonzero(rng.random(len(orders)) < share)
        loads[number, moved] = np.maximum(rng.choice(instants, len(moved)) - orders[moved], 0)
    return replace(each, requests=replace(each.requests, arrival=arrival), loads=loads)


def _stopped(rng: np.random.Generator, each: World) -> World:
    """Let the clock stop as a node is ready or has gone."""
    hires = reference.serve_requests(each.replicas, each.requests, each.api, loads=each.loads).hires
    edges = each.replicas.edges
    instants = np.empty(0, np.int64) if hires is None else np.concatenate((hires.ready, hires.left))
    instants = instants[(instants > edges[-2]) & (instants < edges[-1])]
    horizon = int(rng.choice(instants)) if len(instants) else int(edges[-1])
    return _until(replace(each, replicas=replace(each.replicas, edges=np.append(edges[:-1], horizon))))


def scaled_world(number: int) -> World:
    """Make one of the random worlds in which nodes come and go.

    Parameters
    ----------
    number : int
        Which; each is the same on every machine.
    """
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(_SEED_OF_SCALING, spawn_key=(number,))))
    each = _in_two_crowds(rng, world(number))
    horizon, nodes = int(each.replicas.edges[-1]), int(rng.integers(1, 5))
    ends = boundaries(each.replicas, each.requests, each.api)
    instants = [end // FINE for one in ends for end in one if end < horizon * FINE] or [horizon // 2]
    scaling = _scaling(rng, [*instants, *each.requests.arrival.tolist()], horizon, nodes)
    longest = max(1, int(rng.choice([0, 1, 2, 6]) * scaling.tick))
    loads = rng.integers(0, longest, (each.requests.replications, _ORDERS))
    each = replace(each, replicas=replace(each.replicas, count=nodes * scaling.per_node, scaling=scaling), loads=loads)
    if has_ties(number):
        share = float(rng.choice([0.1, 0.3, 0.6]))
        for _ in range(_ROUNDS):
            each = _with_ties_of_nodes(rng, each, scaling, share)
        if rng.random() < 0.4:
            each = _stopped(rng, each)
    return each


def differences(told: RequestRows, found: RequestRows) -> int:
    """Count the rows and the sums of replications in which two tables differ, to the last bit, and their hires."""
    sums = (told.busy != found.busy).any(axis=1) | (told.batch_time != found.batch_time)
    if told.hires is None or found.hires is None:
        return len(told.differing(found)) + int(sums.sum()) + (told.hires is not found.hires)
    return len(told.differing(found)) + int(sums.sum()) + (not told.hires.same(found.hires))


def compare(numbers: range) -> tuple[int, int]:
    """Serve some worlds by the kernel and by SimPy, each without and with nodes that come and go.

    Returns
    -------
    rows, differing : int
        Rows compared, and the rows and replications in which anything differs.
    """
    rows = differing = 0
    for each in (make(number) for make in (world, scaled_world) for number in numbers):
        served = (each.replicas, each.requests, each.api)
        told = reference.serve_requests(*served, loads=each.loads)
        rows += len(each.requests)
        differing += differences(told, fleet.serve_requests(*served, loads=each.loads))
    return rows, differing
