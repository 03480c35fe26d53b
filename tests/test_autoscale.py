"""Replicas that come and go: worlds worked out by hand; plain loop, SimPy, kernel alike; what always holds; faults."""

from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import plain_serving
import pytest
from test_serving import SECOND, WITNESSED, arriving, faulty, fleet, table

from sim import reference
from sim.fleet import replicas as kernel
from sim.hires import ExhaustedError
from sim.jobs import API, HELD, NOT_STARTED, REFUSED
from sim.requests import ApiTimes, Scaling, by_adapter
from sim.units import FINE, NEVER
from sim.verify.serving_worlds import differences, scaled_world, world

ENGINES = [plain_serving.serve_requests, reference.serve_requests, kernel.serve_requests]
served = partial(pytest.mark.parametrize("serve", ENGINES, ids=["plain", "simpy", "kernel"]))


def scaled(nodes=1, edges=(0, 30), cool_down=0, tick=1, schedule=None, per_node=1, minimum=0, target=1, **rules):
    """A fleet whose nodes come and go, with every duration in seconds."""
    told = None if schedule is None else np.array([[round(instant * SECOND), wanted] for instant, wanted in schedule]).T
    scaling = Scaling(per_node, minimum, target, round(tick * SECOND), round(cool_down * SECOND), told)
    return replace(fleet(count=nodes * per_node, edges=edges, **rules), scaling=scaling)


def seconds(*loads) -> np.ndarray:
    """Times of loading of one replication."""
    return np.array([[round(load * SECOND) for load in loads]], np.int64).reshape(1, -1)


def hires(rows) -> list[tuple]:
    """Hires as (node, ordered, ready, left), in seconds; None for never."""
    columns = (rows.hires.ordered, rows.hires.ready, rows.hires.left)
    instants = [[None if instant == NEVER else instant / SECOND for instant in column.tolist()] for column in columns]
    return list(zip(rows.hires.node.tolist(), *instants, strict=True))


def spans(rows) -> list[tuple]:
    """Rows as (start, end, replica), in seconds."""
    return [(start, end, replica) for start, _, end, replica, *_ in table(rows)]


@served()
def test_to_zero_and_back(serve):
    # Nobody is up: the first orders a node, the second waits with it. At 5 one is left, at 10 nobody, 10 s long.
    rules = scaled(tick=5, cool_down=10)
    rows = serve(rules, arriving((1, 1, 3), (2, 1, 1), (21, 1, 1)), None, loads=seconds(3, 4))
    assert spans(rows) == [(4, 7, 0), (4, 5, 0), (25, 26, 0)]
    assert hires(rows) == [(0, 1, 4, 20), (0, 21, 25, None)]


@served()
def test_a_leaving_node_serves_whom_it_has(serve):
    # One seat a replica. At 2 node 1 has one running to 3 and one queued behind; both go to node 0 from then on. At 6
    # it is ordered again; at 8 it is up before the last arrives.
    rules = scaled(2, schedule=[(0, 2), (2, 1), (6, 2)], seats=1)
    requests = arriving((0, 1, 4), (0, 1, 3), (1, 1, 1), (1.5, 1, 2), (3, 1, 1), (8, 1, 2), (8, 1, 1))
    rows = serve(rules, requests, None, loads=seconds(2))
    assert spans(rows) == [(0, 4, 0), (0, 3, 1), (4, 5, 0), (3, 5, 1), (5, 6, 0), (8, 10, 0), (8, 9, 1)]
    assert hires(rows) == [(0, 0, 0, None), (1, 0, 0, 5), (1, 6, 8, None)]


@served()
@pytest.mark.parametrize(("minimum", "left"), [(0, 4), (1, None)])
def test_a_node_that_is_loading_is_cancelled_first(serve, minimum, left):
    # At 2 both are there, so a second node is ordered; at 4 nobody is.
    rules = scaled(2, tick=2, minimum=minimum)
    rows = serve(rules, arriving((1, 1, 3), (1, 1, 2)), None, loads=seconds(*[0] * (1 - minimum), 10))
    assert spans(rows) == [(1, 4, 0), (1, 3, 0)]
    first = (0, 0, 0) if minimum else (0, 1, 1)
    assert hires(rows) == [(*first, left), (1, 2, None, 4)]


@served()
def test_the_latest_order_is_cancelled_first(serve):
    # At 3 three are loading, of which nodes 1 and 2 go; who waits is let in by node 1, ordered anew.
    rules = scaled(4, edges=(0, 6), schedule=[(0, 0), (1, 1), (2, 3), (3, 1), (4, 2)])
    rows = serve(rules, arriving((0, 1, 1)), None, loads=seconds(9, 9, 9, 0.5))
    assert spans(rows) == [(4.5, 5.5, 1)]
    assert hires(rows) == [(0, 1, 10, None), (1, 2, None, 3), (2, 2, None, 3), (1, 4, 4.5, None)]


@served()
def test_fewer_must_be_enough_for_the_cool_down(serve):
    # At 1 three nodes. At 3 one would do, at 4 two, and at 5 still: two stay. From 6 on one would do, and at 8.
    rules = scaled(3, edges=(0, 10), cool_down=2, minimum=1)
    rows = serve(rules, arriving((0, 1, 3), (0, 1, 3), (0, 1, 8), (3.5, 1, 2)), None, loads=seconds(0, 0))
    assert spans(rows) == [(0, 3, 0), (0, 3, 0), (0, 8, 0), (3.5, 5.5, 1)]
    assert hires(rows) == [(0, 0, 0, None), (1, 1, 1, 8), (2, 1, 1, 5)]


@served()
def test_one_tick_at_which_all_are_needed_ends_the_run(serve):
    # One would do at 3 and at 5, but not at 4, when the third is there: at 5 the 2 seconds begin anew, and end at 7.
    rules = scaled(2, edges=(0, 10), cool_down=2, minimum=1)
    rows = serve(rules, arriving((0, 1, 3), (0, 1, 9), (3.5, 1, 1)), None, loads=seconds(0))
    assert spans(rows) == [(0, 3, 0), (0, 9, 0), (3.5, 4.5, 1)]
    assert hires(rows) == [(0, 0, 0, None), (1, 1, 1, 7)]


@served()
@pytest.mark.parametrize(("lag", "second"), [(0, 3), (1, 4)])
def test_a_leaving_node_stays_where_the_schedule_wants_it_again(serve, lag, second):
    # From 2 on it leaves, so the second waits at the door; at 3 it stays, and the second comes then, not before.
    rules = scaled(schedule=[(0, 1), (2, 0), (3, 1)], join_lag=lag)
    rows = serve(rules, arriving((0, 1, 6), (2.5, 1, 1)), None, loads=seconds())
    assert spans(rows) == [(0, 6, 0), (second, second + 1, 0)]
    assert hires(rows) == [(0, 0, 0, None)]


@served()
def test_who_waits_at_the_door_is_let_in_one_by_one(serve):
    # Nobody is ordered before 3. At 4 both are up, then the door opens, then the last arrives.
    rules = scaled(2, schedule=[(0, 0), (3, 2)])
    requests = arriving((0, 1, 9), (1, 1, 1), (2, 1, 1), (4, 1, 1))
    rows = serve(rules, requests, None, loads=seconds(1, 1))
    assert spans(rows) == [(4, 13, 0), (4, 5, 1), (4, 5, 0), (4, 5, 1)]
    assert hires(rows) == [(0, 3, 4, None), (1, 3, 4, None)]


@served()
def test_replicas_of_a_node_come_and_go_together(serve):
    # The first orders node 0, which is up before the second arrives. At 1 three are there: 2 nodes. At 3 they are done,
    # and the second node is up before the tick and before the next four. At 4 node 1 leaves, with both of its replicas.
    rules = scaled(2, edges=(0, 9), per_node=2, cool_down=1)
    early, late = [(0, 1, 3)] * 3, [(3, 1, 1), (3, 1, 1), (3, 1, 3), (3, 1, 1)]
    rows = serve(rules, arriving(*early, *late), None, loads=seconds(0, 2))
    assert spans(rows) == [(0, 3, 0), (0, 3, 1), (0, 3, 0), (3, 4, 0), (3, 4, 1), (3, 6, 2), (3, 4, 3)]
    assert hires(rows) == [(0, 0, 0, 6), (1, 1, 3, 6)]


@served()
def test_who_finds_nobody_up_goes_to_the_api_where_there_is_a_limit(serve):
    # The first orders a node all the same, the second no other. At 2.5 the limit is reached.
    api = ApiTimes(np.full(4, SECOND), np.full(4, SECOND))
    rules = scaled(2, edges=(0, 9), tick=10, overflow_above=1, has_api=True)
    rows = serve(rules, arriving((0, 1, 1), (1, 1, 1), (2, 1, 2), (2.5, 1, 1)), api, loads=seconds(2))
    assert [row[:5] for row in table(rows)] == [
        (0, 1, 2, -1, API),
        (1, 2, 3, -1, API),
        (2, 3, 4, 0, HELD),
        (2.5, 3.5, 4.5, -1, API),
    ]
    assert hires(rows) == [(0, 0, 2, None)]


@served()
def test_who_can_never_fit_orders_nothing(serve):
    rows = serve(scaled(room=10), arriving((0, 6, 6), (5, 6, 5)), None, loads=seconds(1))
    assert rows.outcome.tolist() == [REFUSED, HELD]
    assert hires(rows)[0][:3] == (0, 5, 6)


@served()
def test_a_node_that_has_gone_has_forgotten_its_adapters(serve):
    # Half a second to load the adapter, again for the second, for the third no more.
    rules = scaled(schedule=[(0, 1), (2, 0), (3, 1)], slots=1, load=0.5)
    rows = serve(rules, arriving((0, 1, 1, 0), (3, 1, 1, 0), (6, 1, 1, 0)), None, loads=seconds(0))
    assert spans(rows) == [(0, 1.5, 0), (3, 4.5, 0), (6, 7, 0)]
    assert hires(rows) == [(0, 0, 0, 2), (0, 3, 3, None)]


@served()
def test_the_clock_stops(serve):
    # Node 0 has work until 6, node 1 could begin at 5: both are still there, and nobody lets in who waits.
    rules = scaled(edges=(0, 5), schedule=[(0, 1), (1, 0)])
    rows = serve(rules, arriving((0, 1, 6), (3.5, 1, 1)), None, loads=seconds())
    assert spans(rows) == [(0, 6, 0), (-1, -1, -1)]
    assert hires(rows) == [(0, 0, 0, None)]
    rows = serve(scaled(edges=(0, 5)), arriving((1, 1, 1), (4, 1, 1)), None, loads=seconds(4))
    assert rows.outcome.tolist() == [NOT_STARTED] * 2
    assert hires(rows) == [(0, 1, 5, None)]


@served()
def test_nodes_go_at_the_microsecond_after(serve):
    # A tick more than a second an iteration: the second ends two ticks after 2, and the node is paid until then.
    rules = scaled(schedule=[(0, 1), (1, 0)], base=(SECOND * FINE + 1) / (SECOND * FINE))
    rows = serve(rules, arriving((0, 1, 2)), None, loads=seconds())
    assert rows.hires.left.tolist() == rows.end.tolist() == [2_000_001]


@served()
def test_too_few_times_of_loading(serve):
    for rules in (scaled(2), scaled(2, schedule=[(0, 0), (1, 1), (2, 2)]), scaled(2, minimum=1)):
        requests = arriving(*[(0.5, 1, 9)] * 3)
        with pytest.raises(ExhaustedError) as raised:
            serve(rules, requests, None, loads=seconds(*[1] * (1 - rules.scaling.minimum)))
        assert raised.value.what == "hires"
        assert len(serve(rules, requests, None, loads=seconds(1, 1)).hires) == 2


@pytest.mark.parametrize("serve", ENGINES[1:], ids=["simpy", "kernel"])
@pytest.mark.parametrize(
    ("scaling", "refusal"),
    [
        (Scaling(per_node=2), "3 replicas do not fill nodes of 2"),
        (Scaling(per_node=0), "3 replicas do not fill nodes of 0"),
        (Scaling(minimum=4), "a fleet of 3 nodes cannot have 4 at least"),
        (Scaling(target=0), "target and tick are at least 1"),
        (Scaling(tick=0), "target and tick are at least 1"),
        (Scaling(cool_down=-1), "the cool-down is not negative"),
        (Scaling(schedule=np.empty((2, 0), np.int64)), "a schedule begins at 0"),
        (Scaling(schedule=np.array([[1], [1]])), "a schedule begins at 0"),
        (Scaling(schedule=np.array([[0, 5, 5], [1, 1, 1]])), "later than the last"),
        (Scaling(schedule=np.array([[0], [4]])), r"wants from 0 to 3, got \[4\]"),
    ],
)
def test_what_makes_no_sense_is_refused(serve, scaling, refusal):
    with pytest.raises(ValueError, match=refusal):
        serve(replace(fleet(3), scaling=scaling), arriving((0, 1, 1)), None, loads=seconds(1))


def test_loads_belong_to_nodes_that_come_and_go():
    requests = arriving((0, 1, 1))
    with pytest.raises(ValueError, match="load nothing"):
        kernel.serve_requests(fleet(), requests, None, loads=seconds(1))
    for loads in (None, seconds(-1), np.zeros((2, 1), np.int64), np.zeros(1, np.int64)):
        with pytest.raises(ValueError, match="need times of loading"):
            reference.serve_requests(scaled(), requests, None, loads=loads)
    with pytest.raises(ValueError, match="do not come and go"):
        by_adapter(kernel.serve_requests, scaled(2), 2, requests, None)


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
