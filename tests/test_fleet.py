"""Held nodes: worlds worked out by hand, judged on both engines; then kernel against SimPy row by row."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import API, HELD, HIRED, NOT_STARTED, examples, fleet, jobs, random_worlds, table, terms

from sim.engine import fleet as kernel
from sim.engine import reference
from sim.ground.jobs import Paths

served = partial(pytest.mark.parametrize("serve", [kernel.serve, reference.serve], ids=["kernel", "simpy"]))


@served()
def test_one_gpu_first_come_first_served(serve):  # oracle O-T1
    paths = jobs([0, 1, 2, 10], [2, 2, 2, 1])
    rows = serve(fleet(horizon=12), paths, terms(paths))
    assert table(rows) == [(0, 2, 0, HELD), (2, 4, 0, HELD), (4, 6, 0, HELD), (10, 11, 0, HELD)]
    waits = (rows.start - paths.arrival) / 3.6e9
    assert waits.mean() == 0.75
    assert np.quantile(waits, 0.95) == pytest.approx(1.85, abs=1e-12)


@served()
def test_two_gpus_without_a_queue_overflow(serve):  # oracle O-T2
    paths = jobs([0, 0.5, 1, 2.25], [2, 1, 1, 1])
    rows = serve(fleet(nodes=2, horizon=5, queue_limit=0), paths, terms(paths, api=0.25))
    assert table(rows) == [(0, 2, 0, HELD), (0.5, 1.5, 1, HELD), (1, 1.25, -1, API), (2.25, 3.25, 0, HELD)]


@served()
def test_a_completion_comes_before_an_arrival_of_the_same_instant(serve):  # oracle O-T3
    paths = jobs([0, 2, 4], 2)
    rows = serve(fleet(horizon=7, queue_limit=0), paths, terms(paths))
    assert table(rows) == [(0, 2, 0, HELD), (2, 4, 0, HELD), (4, 6, 0, HELD)]


@served()
def test_patience_exactly_met_is_served(serve):  # oracle O-T4
    paths = jobs([0, 0.5, 1, 1.2], [2, 1, 1, 1])
    rows = serve(fleet(), paths, terms(paths, patience=1, api=0.5))
    assert table(rows) == [(0, 2, 0, HELD), (1.5, 2, -1, API), (2, 3, 0, HELD), (2.2, 2.7, -1, API)]


@served()
@pytest.mark.parametrize(("backfill", "third"), [(False, 3), (True, 0.6)])
def test_the_head_blocks_and_backfill_passes_it(serve, backfill, third):  # oracle O-T7
    paths = jobs([0, 0.5, 0.6], [2, 1, 1], gpus=[3, 4, 1])
    rows = serve(fleet(gpus=4, horizon=5, backfill=backfill), paths, terms(paths))
    assert table(rows) == [(0, 2, 0, HELD), (2, 3, 0, HELD), (third, third + 1, 0, HELD)]


@served()
def test_backfill_never_delays_the_head(serve):
    # The head (4 GPUs) starts at 2. Job 2 would end at 2.1 and waits behind it; job 3 ends at 2 exactly and passes.
    paths = jobs([0, 0.5, 0.6, 1], [2, 1, 1.5, 1], gpus=[3, 4, 1, 1])
    rows = serve(fleet(gpus=4, backfill=True), paths, terms(paths))
    assert table(rows) == [(0, 2, 0, HELD), (2, 3, 0, HELD), (3, 4.5, 0, HELD), (1, 2, 0, HELD)]


@served()
def test_priorities_do_not_preempt(serve):  # oracle O-T11, non-preemptive
    paths = jobs([0, 0.5, 1], [2, 1, 1], priority=[1, 1, 0])
    rows = serve(fleet(), paths, terms(paths))
    assert table(rows) == [(0, 2, 0, HELD), (3, 4, 0, HELD), (2, 3, 0, HELD)]


@served()
def test_priorities_with_gaps_between_them(serve):
    paths = jobs([0, 1, 1, 1], 2, priority=[99, 7, 99, 3])
    rows = serve(fleet(), paths, terms(paths))
    assert [row[0] for row in table(rows)] == [0, 4, 6, 2]


@served()
def test_queue_limit_0_with_a_free_gpu_starts(serve):
    paths = jobs([0, 0, 0], 1)
    rows = serve(fleet(nodes=2, queue_limit=0), paths, terms(paths, api=3))
    assert table(rows) == [(0, 1, 0, HELD), (0, 1, 1, HELD), (0, 3, -1, API)]


@served()
def test_queue_limit_counts_who_waits_and_not_who_runs(serve):
    # One runs, two may wait; the fourth overflows; at 1 a place in the queue gets free, before the fifth comes.
    paths = jobs([0, 0.1, 0.2, 0.3, 1], 1)
    rows = serve(fleet(queue_limit=2), paths, terms(paths, api=0))
    assert table(rows) == [(0, 1, 0, HELD), (1, 2, 0, HELD), (2, 3, 0, HELD), (0.3, 0.3, -1, API), (3, 4, 0, HELD)]


@served()
def test_a_high_priority_finds_the_queue_full_like_anybody(serve):
    paths = jobs([0, 0, 0], 1, priority=[1, 1, 0])
    rows = serve(fleet(queue_limit=1), paths, terms(paths))
    assert [row[3] for row in table(rows)] == [HELD, HELD, API]


@served()
def test_patience_0_overflows_whoever_cannot_start_at_once(serve):
    paths = jobs([0, 0, 1], [1, 1, 1])
    rows = serve(fleet(), paths, terms(paths, patience=0, api=2))
    assert table(rows) == [(0, 1, 0, HELD), (0, 2, -1, API), (1, 2, 0, HELD)]


@served()
def test_who_loses_patience_frees_the_way_at_the_same_instant(serve):
    # 1 GPU of 2 is free; the head wants 2 and goes at 1; then the one behind it starts at 1.
    paths = jobs([0, 0.2, 0.4], [5, 1, 1], gpus=[1, 2, 1])
    rows = serve(fleet(gpus=2), paths, terms(paths, patience=[9, 0.8, 9], api=1))
    assert table(rows) == [(0, 5, 0, HELD), (1, 2, -1, API), (1, 2, 0, HELD)]


@served()
def test_patience_ends_before_an_arrival_of_the_same_instant(serve):
    # At 2 the second leaves the queue, so the third finds a place in it.
    paths = jobs([0, 0, 2], [10, 1, 1])
    rows = serve(fleet(queue_limit=1), paths, terms(paths, patience=[9, 2, 9], api=1))
    assert table(rows) == [(0, 10, 0, HELD), (2, 3, -1, API), (10, 11, 0, HELD)]


@served()
def test_a_large_job_takes_whole_free_nodes(serve):
    # Nodes of 2: job 0 (1 GPU) on node 0; job 1 (4 GPUs) takes nodes 1 and 2; job 2 (2) waits for a node of its own.
    paths = jobs([0, 0.5, 1, 1], [4, 2, 1, 1], gpus=[1, 4, 2, 1])
    rows = serve(fleet(nodes=3, gpus=2), paths, terms(paths))
    assert table(rows) == [(0, 4, 0, HELD), (0.5, 2.5, 1, HELD), (2.5, 3.5, 1, HELD), (2.5, 3.5, 0, HELD)]


@served()
def test_a_job_goes_where_fewest_gpus_are_left_over(serve):
    # Node 0 has 1 free, node 1 has 2 free, node 2 has 4: a job of 2 goes to node 1, a job of 1 to node 0.
    paths = jobs([0, 0, 0, 1, 1, 1], 9, gpus=[3, 2, 4, 2, 1, 4])
    rows = serve(fleet(nodes=3, gpus=4, horizon=8), paths, terms(paths))
    assert [row[2] for row in table(rows)] == [0, 1, 2, 1, 0, -1]


@served()
def test_a_job_of_no_length_takes_its_gpu_for_an_instant(serve):
    paths = jobs([0, 0, 0, 1], [0, 0, 1, 0])
    rows = serve(fleet(), paths, terms(paths))
    assert table(rows) == [(0, 0, 0, HELD), (0, 0, 0, HELD), (0, 1, 0, HELD), (1, 1, 0, HELD)]


@served()
def test_a_thousand_jobs_at_one_instant_in_their_order(serve):  # fault D01
    paths = jobs([1] * 1000, 1)
    rows = serve(fleet(nodes=10), paths, terms(paths))
    in_turn = [(1 + k // 10, 2 + k // 10, k % 10, HELD) for k in range(990)]
    assert table(rows) == in_turn + [(None, None, -1, NOT_STARTED)] * 10  # the last ten would start at the horizon


@served()
def test_regular_ties_never_find_a_server_busy_that_is_free(serve):
    # With a float clock 22 % of these found it busy: 0.1 + 0.1 + 0.1 is not 0.3.
    paths = jobs(np.arange(1000) * 0.1, 0.1)
    rows = serve(fleet(horizon=200, queue_limit=0), paths, terms(paths))
    assert (rows.outcome == HELD).all()
    assert (rows.start == paths.arrival).all()


@served()
def test_the_clock_stops_at_the_horizon(serve):
    # At 4 nothing happens any more: job 1's end, job 2's start and job 3's patience end lie at or after it.
    paths = jobs([0, 1, 2, 3], [1, 3, 1, 1])
    rows = serve(fleet(horizon=4), paths, terms(paths, patience=[9, 9, 9, 1], api=1))
    assert table(rows) == [(0, 1, 0, HELD), (1, 4, 0, HELD), (None, None, -1, 0), (None, None, -1, 0)]


@served()
def test_a_start_before_the_horizon_may_end_long_after_it(serve):
    paths = jobs([0], [1e8])
    rows = serve(fleet(horizon=1), paths, terms(paths))
    assert table(rows) == [(0, 1e8, 0, HELD)]


@served()
def test_replications_do_not_know_each_other(serve):
    one = jobs([0, 1], [5, 1])
    columns = (one.arrival, one.service, one.gpus, one.priority, one.job_class, one.tokens)
    two = Paths(np.array([0, 2, 2, 4]), *(np.tile(column, 2) for column in columns))
    rows = serve(fleet(), two, terms(two))
    assert table(rows) == [(0, 5, 0, HELD), (5, 6, 0, HELD)] * 2


@served()
def test_no_jobs(serve):
    paths = jobs([], [])
    assert table(serve(fleet(), paths, terms(paths))) == []


@served()
@pytest.mark.parametrize(("by", "end"), [(HIRED, 3), (API, 1.5)])
def test_a_plan_without_nodes_serves_at_once(serve, by, end):
    paths = jobs([1, 1], 2)
    rows = serve(fleet(nodes=0, gpus=0, no_queue=by), paths, terms(paths, api=0.5))
    assert table(rows) == [(1, end, -1, by)] * 2


@given(random_worlds())
@examples(1000)
def test_kernel_and_simpy_agree_row_by_row(world):
    rules, paths, wanted = world
    ours, told = kernel.serve(rules, paths, wanted), reference.serve(rules, paths, wanted)
    assert ours.differing(told).tolist() == []


def test_a_changed_row_is_seen():  # negative control of the comparison above
    paths = jobs([0, 0], 1)
    ours, told = (serve(fleet(), paths, terms(paths)) for serve in (kernel.serve, reference.serve))
    for column in (told.start, told.end, told.node, told.outcome):
        column[1] += 1
        assert ours.differing(told).tolist() == [1]
        column[1] -= 1
    assert ours.differing(told).tolist() == []


@given(random_worlds())
@examples(200)
def test_invariants_of_a_fleet(world):
    rules, paths, wanted = world
    rows = kernel.serve(rules, paths, wanted)
    started = rows.outcome == HELD
    gone = rows.outcome == API
    assert set(rows.outcome.tolist()) <= {NOT_STARTED, HELD, API}
    assert (rows.end[started] - rows.start[started] == paths.service[started]).all()
    assert (rows.start[started | gone] >= paths.arrival[started | gone]).all()
    assert (rows.start[started | gone] < rules.horizon).all()
    assert (rows.start[gone] - paths.arrival[gone] <= wanted.patience[gone]).all()
    for first, last in zip(paths.offsets[:-1], paths.offsets[1:], strict=True):
        mine = slice(first, last)
        for now in np.unique(rows.start[mine][started[mine]]):
            running = started[mine] & (rows.start[mine] <= now) & (now < rows.end[mine])
            assert paths.gpus[mine][running].sum() <= rules.nodes * rules.gpus_per_node


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9)), max_size=40), st.integers(1, 4))
@examples(200)
def test_one_more_server_never_makes_anybody_wait_longer(pairs, nodes):
    arrival, service = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2).T / 60
    paths = jobs(arrival, service)
    few, many = (kernel.serve(fleet(nodes=count), paths, terms(paths)) for count in (nodes, nodes + 1))
    assert (many.start <= few.start).all()


def test_many_nodes_fill_from_the_lowest():
    # More than 64 nodes: the shelves of the kernel then have several words.
    paths = jobs([0] * 200, 1 + np.arange(200) % 7, gpus=1 + np.arange(200) % 4)
    rules = fleet(nodes=100, gpus=4, horizon=50)
    ours, told = kernel.serve(rules, paths, terms(paths)), reference.serve(rules, paths, terms(paths))
    assert ours.differing(told).tolist() == []
    assert ours.node.max() == 99
