"""Random worlds of replicas that come and go: plain loop, SimPy and kernel alike; what always holds."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import plain_serving
import pytest
from plain_faults import WITNESSED, faulty

from sim.engine import reference
from sim.engine.fleet import replicas as kernel
from sim.ground.jobs import API, HELD, NOT_STARTED, REFUSED
from sim.ground.requests import Scaling
from sim.ground.units import NEVER
from sim.questions.verify.serving_worlds import differences, scaled_world, world


@pytest.fixture(scope="module")
def worlds():
    """The random worlds."""
    return [scaled_world(number) for number in range(WITNESSED)]


@pytest.fixture(scope="module")
def told(worlds):
    """What SimPy tells of them."""
    return [serving(reference.serve_requests, each) for each in worlds]


def serving(serve, each, **rules):
    """What becomes of a world."""
    return serve(replace(each.replicas, **rules), each.requests, each.api, loads=each.loads)


def differing(serve, worlds, told, **rules) -> list[int]:
    """Numbers of the worlds that are served otherwise than told."""
    found = (serving(serve, each, **rules) for each in worlds)
    return [number for number, rows in enumerate(found) if differences(told[number], rows)]


def test_the_plain_loop_is_simpy(worlds, told):
    assert differing(plain_serving.serve_requests, worlds, told) == []


@pytest.mark.parametrize("longest_jump", [NEVER, 1, 3])
def test_the_kernel_is_simpy_however_far_it_jumps(worlds, told, longest_jump):
    assert differing(kernel.serve_requests, worlds, told, longest_jump=longest_jump) == []


def test_worlds_hold_what_they_should(worlds, told):
    tables = [rows.hires for rows in told]
    cancelled = sum((table.ready == NEVER).any() for table in tables)
    drained = sum(
        bool(np.isin(rows.hires.left, rows.end - each.replicas.frontend).any())
        for each, rows in zip(worlds, told, strict=True)
    )
    again = sum(len(np.unique(table.node)) < len(table) for table in tables)
    scheduled = sum(each.replicas.scaling.schedule is not None for each in worlds)
    assert min(cancelled, drained, again, scheduled) > WITNESSED // 10
    assert {API, HELD, NOT_STARTED, REFUSED} == {kind for rows in told for kind in rows.outcome.tolist()}


def by_replication(each, rows):
    """Rows of requests and of hires of each replication."""
    requests = pairwise(each.requests.offsets.tolist())
    return zip(requests, pairwise(rows.hires.offsets.tolist()), strict=True)


def test_a_node_is_hired_once_at_a_time_and_serves_only_then(worlds, told):
    for each, rows in zip(worlds, told, strict=True):
        per_node, horizon = each.replicas.scaling.per_node, int(each.replicas.edges[-1])
        for (first, last), (begin, end) in by_replication(each, rows):
            table = [
                column[begin:end].tolist()
                for column in (rows.hires.node, rows.hires.ordered, rows.hires.ready, rows.hires.left)
            ]
            for node in set(table[0]):
                mine = [hire for hire in zip(*table, strict=True) if hire[0] == node]
                assert all(earlier[3] <= later[1] for earlier, later in pairwise(mine))
                replicas = range(node * per_node, (node + 1) * per_node)
                for row in np.flatnonzero(np.isin(rows.replica[first:last], replicas)) + first:
                    ended = rows.end[row] - each.replicas.frontend
                    hire = [hire for hire in mine if hire[2] <= rows.start[row] <= min(hire[3], horizon)][-1]
                    assert ended <= hire[3] or hire[3] == NEVER
            assert all(
                ordered <= min(ready, left) <= max(ready, left) for _, ordered, ready, left in zip(*table, strict=True)
            )
            assert all(left <= horizon or left == NEVER for left in table[3])


def test_the_kth_order_takes_the_kth_time_of_loading(worlds, told):
    for each, rows in zip(worlds, told, strict=True):
        for number, (_, (begin, end)) in enumerate(by_replication(each, rows)):
            orders = slice(begin + each.replicas.scaling.first, end)
            took = rows.hires.ready[orders] - rows.hires.ordered[orders]
            kept = rows.hires.ready[orders] < NEVER
            assert (np.diff(rows.hires.ordered[begin:end]) >= 0).all()
            assert took[kept].tolist() == each.loads[number][: len(took)][kept].tolist()


def test_there_are_never_fewer_than_the_minimum(worlds, told):
    for each, rows in zip(worlds, told, strict=True):
        scaling, horizon = each.replicas.scaling, int(each.replicas.edges[-1])
        if scaling.schedule is None:
            for _, (begin, end) in by_replication(each, rows):
                ready, left = rows.hires.ready[begin:end], rows.hires.left[begin:end]
                for instant in [0, *ready[ready < horizon], *left[left < horizon]]:
                    assert np.count_nonzero((ready <= instant) & (left > instant)) >= scaling.minimum


def test_nobody_is_lost(worlds, told):
    # Who has come is served, has gone to the API, was refused, or has not started; with an endless clock all start.
    for each, rows in zip(worlds, told, strict=True):
        largest = each.requests.prompt + each.requests.output - 1
        fits = largest <= each.replicas.kv_tokens
        assert (fits | np.isin(rows.outcome, [API, REFUSED])).all()
        assert ((rows.outcome == HELD) == (rows.replica >= 0)).all()
        if each.replicas.overflow_above == NEVER:
            assert np.isin(rows.outcome[fits], [HELD, NOT_STARTED]).all()
            if each.replicas.scaling.schedule is None:
                edges = each.replicas.edges.copy()
                edges[-1] += 10**6
                looks = replace(each.replicas.scaling, tick=max(each.replicas.scaling.tick, 5_000))
                assert (serving(kernel.serve_requests, each, edges=edges, scaling=looks).outcome[fits] == HELD).all()


@pytest.mark.parametrize("scheduled", [False, True])
def test_nodes_that_never_go_are_replicas_that_are_always_there(scheduled):
    for number in range(WITNESSED):
        each = world(number)
        horizon = int(each.replicas.edges[-1])
        nodes = each.replicas.count
        always = Scaling(minimum=nodes, tick=max(1, horizon // 50))
        if scheduled:
            always = Scaling(schedule=np.array([[0, horizon // 2], [nodes, nodes]]))
        steady = kernel.serve_requests(each.replicas, each.requests, each.api)
        found = serving(
            kernel.serve_requests,
            replace(each, loads=np.empty((each.requests.replications, 0), np.int64)),
            scaling=always,
        )
        assert differences(steady, replace(found, hires=None)) == 0
        assert found.hires.node.tolist() == list(range(nodes)) * each.requests.replications
        assert (found.hires.left == NEVER).all()


FAULTS = {
    "who is loading is not present": ("or status[node] == LOADING\n", "\n"),
    "who waits at the door is not outstanding": ("requests = waiting", "requests = 0"),
    "a node that is just full is one too few": ("* target < requests", "* target <= requests"),
    "there may be fewer than the minimum": ("wanted < minimum or ", ""),
    "the highest is ordered": (
        "range(len(status)):\n        if wanted > 0",
        "range(len(status) - 1, -1, -1):\n        if wanted > 0",
    ),
    "the first order is cancelled": ("hire[node] > hire[chosen]", "hire[node] < hire[chosen]"),
    "no order is cancelled": ("if status[node] == LOADING and (chosen", "if status[node] == NEVER and (chosen"),
    "the lowest leaves": (
        "if status[node] == UP:\n                    chosen",
        "if status[node] == UP and chosen == NOBODY:\n                    chosen",
    ),
    "the cool-down must be exceeded": ("now - run_began >= cool_down", "now - run_began > cool_down"),
    "the last tick decides how many leave": ("largest = max(largest, wanted)", "largest = wanted"),
    "a run goes on when some have left": (
        "hire, leaves, log)\n                        run_began = NOBODY",
        "hire, leaves, log)",
    ),
    "a run goes on when all are needed": (
        "run_began = NOBODY\n                    order(wanted",
        "order(wanted",
    ),
    "a leaving node breaks off": ("empty = empty and outstanding[r] == 0", "empty = True"),
    "one replica is a node": ("left = max(left, finished[r])", "left = finished[r]"),
    "who ends with the clock has gone": ("if empty and left < horizon:", "if empty and left <= horizon:"),
    "a leaving node takes requests": ("status[other // per_node] == UP", "status[other // per_node] >= UP"),
    "adapters outlast their node": (
        "for s in range(slots):\n                            slot_adapter[r, s] = NOBODY",
        "for s in range(0):\n                            slot_adapter[r, s] = NOBODY",
    ),
    "everybody who finds nobody orders": ("called = called and status[node] != LOADING", "pass"),
    "who goes to the API orders nothing": (
        "called = r == NOBODY and tick > 0",
        "called = r == NOBODY and tick > 0 and overflow_above == NEVER",
    ),
    "the lag counts from the arrival": ("    came[j] = now\n", ""),
    "a leaving node never stays": ("== LEAVING and present < wanted", "== LEAVING and present < 0"),
    "a tick comes before who is ready": (
        "if stepped and now == next_ready:",
        "if stepped and now == next_ready and now != next_look:",
    ),
    "an arrival comes before a tick": (
        "now in (next_ready, next_look)",
        "now in (next_ready, next_look) and not (row < last_row and arrival[row] == now)",
    ),
}
"""Faults of the plain loop."""


@pytest.mark.parametrize("fault", FAULTS)
def test_worlds_find_faults(worlds, told, fault):
    serve = faulty(*FAULTS[fault])
    assert any(differences(each_told, serving(serve, each)) for each, each_told in zip(worlds, told, strict=True))


def test_the_loop_without_a_fault_passes(worlds, told):  # negative control
    assert differing(faulty("        if stepped:\n", "        if stepped :\n"), worlds[:30], told) == []
