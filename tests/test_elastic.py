"""Nodes that come and go: worlds by hand on both engines, and what one plan must have in common with another."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from elastic_tables import elastic, happens, hires, hiring, recovery, stints
from worlds import API, HELD, HIRED, jobs, table, terms

from sim.engine import fleet as kernel
from sim.engine import reference
from sim.ground.hires import ExhaustedError
from sim.ground.units import NEVER, tick

served = partial(pytest.mark.parametrize("serve", [kernel.serve, reference.serve], ids=["kernel", "simpy"]))


# By hand: nodes hired and given back


@served()
def test_scale_to_zero(serve):
    # On from 0 to 2.25 (boot, job, an hour kept), then from 2.5 on; the third job finds the node warm.
    rules, paths = elastic(horizon=10, hiring=hiring(idle_release=1)), jobs([0, 2.5, 4], 1)
    rows = serve(rules, paths, terms(paths), happens(rules, [0.25] * 3))
    assert table(rows) == [(0.25, 1.25, 0, HIRED), (2.75, 3.75, 0, HIRED), (4, 5, 0, HIRED)]
    assert hires(rows) == [(0, 0, 0.25, 2.25), (0, 2.5, 2.75, 6)]


@served()
def test_a_node_goes_back_at_the_instant_at_which_somebody_comes(serve):
    # Given back at 2; who comes at 2 finds none and orders.
    rules, paths = elastic(hiring=hiring(idle_release=1)), jobs([0, 2], 1)
    rows = serve(rules, paths, terms(paths), happens(rules, [0, 0.5]))
    assert table(rows) == [(0, 1, 0, HIRED), (2.5, 3.5, 0, HIRED)]
    assert hires(rows) == [(0, 0, 0, 2), (0, 2, 2.5, 4.5)]


@served()
def test_who_has_waited_long_enough_calls_for_a_node(serve):
    # The second has waited 2 h at 3 and orders; the third waits a quarter of an hour for the held node, and never does.
    rules, paths = elastic(1, hiring=hiring(after=2)), jobs([0, 1, 3.75], [4, 2, 1])
    rows = serve(rules, paths, terms(paths), happens(rules, [0.5]))
    assert table(rows) == [(0, 4, 0, HELD), (3.5, 5.5, 1, HIRED), (4, 5, 0, HELD)]
    assert hires(rows) == [(1, 3, 3.5, 5.5)]


@served()
def test_the_latest_of_two_orders_is_cancelled(serve):
    # Orders at 0.5 and 1; at 2 the second job gets the held node, so one order is too many.
    rules, paths = elastic(1, hiring=hiring()), jobs([0, 0.5, 1], [2, 3, 1])
    rows = serve(rules, paths, terms(paths), happens(rules, [3, 3]))
    assert table(rows) == [(0, 2, 0, HELD), (2, 5, 0, HELD), (3.5, 4.5, 1, HIRED)]
    assert hires(rows) == [(1, 0.5, 3.5, 4.5), (2, 1, None, 2)]


@served()
def test_a_refusal_stops_all_asking_for_a_while(serve):
    # Refused at 1. At 1.5 the first is granted and the second refused; at 2 the second is granted.
    rules, paths = elastic(hiring=hiring(retry=0.5)), jobs([1, 1.2], 1)
    rows = serve(rules, paths, terms(paths), happens(rules, [0.25] * 2, refused=[1, 0, 1, 0]))
    assert table(rows) == [(1.75, 2.75, 0, HIRED), (2.25, 3.25, 1, HIRED)]
    assert hires(rows) == [(0, 1.5, 1.75, 2.75), (1, 2, 2.25, 3.25)]


@served()
def test_no_node_goes_back_while_somebody_waits(serve):
    # The second job needs both nodes. The first node is free from 1 on, and is kept past 1.5 until the other is ready.
    rules = elastic(gpus=2, hiring=hiring(maximum=2, idle_release=0.5))
    paths = jobs([0, 0.5], 1, gpus=[2, 4])
    rows = serve(rules, paths, terms(paths), happens(rules, [0, 3]))
    assert table(rows) == [(0, 1, 0, HIRED), (3.5, 4.5, 0, HIRED)]
    assert hires(rows) == [(0, 0, 0, 5), (1, 0.5, 3.5, 5)]


@served()
def test_a_node_is_kept_from_when_nobody_waits_any_more(serve):
    # As above, but the second loses patience at 2: its order is cancelled, and the first node goes half an hour later.
    rules = elastic(gpus=2, hiring=hiring(maximum=2, idle_release=0.5))
    paths = jobs([0, 0.5], 1, gpus=[2, 4])
    rows = serve(rules, paths, terms(paths, patience=1.5), happens(rules, [0, 3]))
    assert table(rows) == [(0, 1, 0, HIRED), (2, 3, -1, API)]
    assert hires(rows) == [(0, 0, 0, 2.5), (1, 0.5, None, 2)]


@served()
def test_small_jobs_call_for_one_node_together(serve):
    # Four jobs of a GPU fill one node of four; the fifth calls for another.
    rules, paths = elastic(gpus=4, hiring=hiring()), jobs([0, 0, 0, 0, 0.25], 1)
    rows = serve(rules, paths, terms(paths), happens(rules, [0.5] * 2))
    assert table(rows) == [(0.5, 1.5, 0, HIRED)] * 4 + [(0.75, 1.75, 1, HIRED)]
    assert hires(rows) == [(0, 0, 0.5, 1.5), (1, 0.25, 0.75, 1.75)]


@served()
def test_who_loses_patience_takes_the_order_away(serve):
    rules, paths = elastic(hiring=hiring()), jobs([0, 1], 1)
    rows = serve(rules, paths, terms(paths, patience=[1, 3], api=2), happens(rules, [2, 2]))
    # At 1 the first leaves and its order with it (patience ends before arrivals); the second orders its own.
    assert table(rows) == [(1, 3, -1, API), (3, 4, 0, HIRED)]
    assert hires(rows) == [(0, 0, None, 1), (0, 1, 3, 4)]


@served()
@pytest.mark.parametrize(
    ("what", "drawn"), [("hires", {"boots": 1}), ("refused", {"asks": 1}), ("slots", {"slots": 1})]
)
def test_what_runs_out_is_named(serve, what, drawn):
    rules, paths = elastic(hiring=hiring()), jobs([0, 0, 0], 1)
    given = happens(rules, [1] * 4, refused=[0] * 4, slots=drawn.get("slots", 4))
    boots, asks = drawn.get("boots", 4), drawn.get("asks", 4)
    given = replace(
        given, boot=given.boot[:, :boots], lifetime=given.lifetime[:, :boots], refused=given.refused[:, :asks]
    )
    with pytest.raises(ExhaustedError) as short:
        serve(rules, paths, terms(paths), given)
    assert short.value.what == what


@served()
def test_who_finds_the_queue_full_takes_no_order_along(serve):
    # The held node is busy until 2 and one may wait. The third goes to the API at once; its order is cancelled.
    rules, paths = elastic(1, queue_limit=1, hiring=hiring()), jobs([0, 0.5, 1], [2, 1, 1])
    rows = serve(rules, paths, terms(paths, api=5), happens(rules, [4, 4]))
    assert table(rows) == [(0, 2, 0, HELD), (2, 3, 0, HELD), (1, 6, -1, API)]
    assert hires(rows) == [(1, 0.5, None, 2), (2, 1, None, 1)]


# By hand: nodes taken away


@served()
def test_an_order_is_lost_when_its_supply_ends(serve):
    # Ordered at 0, lost at 1 before it is ready; refused until the supply is back, ready at 4.5.
    rules, paths = elastic(hiring=hiring(1, binding=True)), jobs([0], 2)
    given = replace(happens(rules, [2, 2], slots=1), supply=np.array([[[0, tick(1), tick(2.25), NEVER]]]))
    rows = serve(rules, paths, terms(paths), given)
    assert table(rows) == [(4.5, 6.5, 0, HIRED)]
    assert hires(rows) == [(0, 0, None, 1), (0, 2.5, 4.5, 6.5)]
    assert rows.interrupted.tolist() == [0]


@served()
def test_a_lifetime_counts_from_ready(serve):
    # Ready at 2, taken back at 3; the next one at 5, for ever.
    rules, paths = elastic(hiring=hiring(), recovery=recovery(0)), jobs([0], 1.5)
    rows = serve(rules, paths, terms(paths), happens(rules, [2, 2], lifetimes=[1]))
    assert table(rows) == [(2, 5.5, 0, HIRED)]
    assert hires(rows) == [(0, 0, 2, 3), (0, 3, 5, 5.5)]


@served()
@pytest.mark.parametrize("binding", [True, False])
def test_a_supply_that_ends(serve, binding):
    # Supplied until 1 and from 2.25 on. A binding one takes the node at 1; asked at 1 and at 1.5, 2 and 2.5.
    rules, paths = elastic(hiring=hiring(1, binding=binding), recovery=recovery(0)), jobs([0], 2)
    given = replace(happens(rules, [0, 0], slots=1), supply=np.array([[[0, tick(1), tick(2.25), NEVER]]]))
    rows = serve(rules, paths, terms(paths), given)
    end = 3.5 if binding else 2
    assert table(rows) == [(0, end, 0, HIRED)]
    assert hires(rows) == ([(0, 0, 0, 1), (0, 2.5, 2.5, 3.5)] if binding else [(0, 0, 0, 2)])


@served()
def test_a_reclaim_of_one_of_two_nodes(serve):
    # Of the first hour, 0.5 h are saved (0.25 h written) and 0.25 h lost. The other node is kept, the lost one ordered
    # again; from 1.5 on 0.1 h to restart, 2.5 h of work and five checkpoints.
    rules = elastic(gpus=2, hiring=hiring(maximum=2), recovery=recovery(0.5, 0.25, 0.1))
    paths = jobs([0], 3, gpus=4)
    rows = serve(rules, paths, terms(paths), happens(rules, [0, 0, 0.5], lifetimes=[1]))
    assert table(rows) == [(0, 5.35, 0, HIRED)]
    assert stints(rows) == [
        (0, 0, 0, 0, 1, 0, 0.25, 0.25),
        (0, 1, 1, 0, 1, 0, 0.25, 0.25),
        (0, 0, 2, 1.5, 5.35, 0.1, 1.25, 0),
        (0, 1, 1, 1.5, 5.35, 0.1, 1.25, 0),
    ]
    assert hires(rows) == [(0, 0, 0, 1), (1, 0, 0, 5.35), (0, 1, 1.5, 5.35)]
    assert rows.interrupted.tolist() == [1]


@served()
@pytest.mark.parametrize(
    ("lent", "keeps", "end", "lost"),
    [
        (True, recovery(0.5, 0.1), 3.4, 0),  # taken back: one more checkpoint; 1.1 h and three checkpoints are left
        (False, recovery(0.5, 0.1), 3.8, 0.4),  # failed: 0.4 h are lost; 1.5 h and three checkpoints are left
        (True, recovery(0.6, 0.5), 4.9, 0),  # while it wrote: 0.6 h are saved; 1.4 h and three checkpoints are left
        (False, recovery(0.6, 0.5), 6, 0.6),  # while it wrote: 0.6 h are lost, no more; all 2 h and four are left
        (True, recovery(), 4, 1),  # who writes no checkpoints saves nothing
        (True, recovery(0, restart=0.3), 3.3, 0),
        (False, recovery(0, restart=0.3), 3.3, 0),
    ],
    ids=["lent", "fails", "lent writing", "fails writing", "lent without", "lent continuous", "fails continuous"],
)
def test_a_node_that_goes_for_an_hour(serve, lent, keeps, end, lost):
    rules = elastic(int(not lent), lent=int(lent), fails=not lent, recovery=keeps)
    paths = jobs([0], 2)
    rows = serve(rules, paths, terms(paths), happens(rules, windows=[[0, 1, 2]]))
    assert table(rows) == [(0, end, 0, HELD)]
    assert [row[3:5] for row in stints(rows)] == [(0, 1), (2, end)]
    assert stints(rows)[0][7] == lost


@served()
def test_idle_nodes_fail_too(serve):
    # At 1 the first node is down, so the job goes to the second; at 2 the first is up again.
    rules, paths = elastic(2, fails=True), jobs([1, 1.5, 1.6], [2, 1, 1])
    rows = serve(rules, paths, terms(paths), happens(rules, windows=[[0, 0.5, 2], [0]]))
    assert table(rows) == [(1, 3, 1, HELD), (2, 3, 0, HELD), (3, 4, 0, HELD)]


@served()
def test_who_was_interrupted_goes_on_first_and_out_of_patience(serve):
    # The first loses its node at 1 and takes it again at 3, though its patience was 1 h and others came meanwhile.
    rules, paths = elastic(1, fails=True, recovery=recovery(0)), jobs([0, 0.5, 1.5], [2, 1, 1])
    rows = serve(rules, paths, terms(paths, patience=[1, 9, 9]), happens(rules, windows=[[0, 1, 3]]))
    assert table(rows) == [(0, 4, 0, HELD), (4, 5, 0, HELD), (5, 6, 0, HELD)]
    assert rows.interrupted.tolist() == [1, 0, 0]


@served()
@pytest.mark.parametrize(("gpus", "victims"), [(2, [2]), (3, [1, 2]), (4, [0, 1, 2])])
def test_as_few_as_will_do_give_way_the_best_placed_spared(serve, gpus, victims):
    # One node of four: two jobs of a GPU and one of two. Two GPUs: the last alone; three: the last two.
    rules = elastic(gpus=4, nodes=1, preempt=True, recovery=recovery(0))
    paths = jobs([0, 0.1, 0.2, 1], [5, 5, 5, 1], gpus=[1, 1, 2, gpus], priority=[1, 1, 1, 0])
    rows = serve(rules, paths, terms(paths), happens(rules))
    assert np.flatnonzero(rows.interrupted).tolist() == victims
    assert table(rows)[3] == (1, 2, 0, HELD)
    assert [row[4] for row in stints(rows)[-len(victims) :]] == [5 + 0.1 * job + 1 for job in victims]


@served()
def test_nobody_gives_way_in_vain(serve):
    # The urgent job needs both nodes, and one runs an equally urgent one: it waits, and then takes both at once.
    rules = elastic(2, 2, preempt=True, recovery=recovery())
    paths = jobs([0, 0, 1], [2, 9, 1], gpus=[2, 2, 4], priority=[0, 1, 0])
    rows = serve(rules, paths, terms(paths), happens(rules))
    assert table(rows) == [(0, 2, 0, HELD), (0, 12, 0, HELD), (2, 3, 0, HELD)]
    assert [row[7] for row in stints(rows) if row[0] == 1] == [2, 0]
