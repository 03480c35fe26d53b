"""Replicas that come and go: worlds worked out by hand, by the plain loop, SimPy and the kernel alike."""

from dataclasses import replace

import numpy as np
import pytest
from serving_fleets import ENGINES, SECOND, arriving, fleet, served, table

from sim.engine import reference
from sim.engine.fleet import replicas as kernel
from sim.ground.hires import ExhaustedError
from sim.ground.jobs import API, HELD, NOT_STARTED, REFUSED
from sim.ground.requests import ApiTimes, Scaling, by_adapter
from sim.ground.units import FINE, NEVER


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
def test_the_latest_order_may_be_that_of_a_lower_number(serve):
    # From 2 to 5 node 1 leaves, so at 3 node 2 is ordered, at 6 node 1 again; at 7 four are left, and two nodes do.
    rules = scaled(3, edges=(0, 8), minimum=1, target=2)
    requests = [(0, 1, 2), (0, 1, 2), (0, 1, 12), (1, 1, 4), (2.5, 1, 9), (2.5, 1, 9), (5.5, 1, 1), (5.5, 1, 9)]
    rows = serve(rules, arriving(*requests), None, loads=seconds(0, 9, 9))
    assert hires(rows) == [(0, 0, 0, None), (1, 1, 1, 5), (2, 3, 12, None), (1, 6, None, 7)]


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
