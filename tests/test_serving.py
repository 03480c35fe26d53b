"""Serving replicas: worlds worked out by hand, by the plain loop, SimPy and the kernel alike to the last bit."""

import numpy as np
import pytest
from serving_fleets import SECOND, arriving, fleet, served, table

from sim.ground.jobs import API, HELD, NOT_STARTED, REFUSED
from sim.ground.requests import ApiTimes
from sim.ground.units import FINE


def sums(rows) -> tuple[list[float], float]:
    """Busy seconds by window and batch time of the one replication."""
    return (rows.busy[0] / SECOND).tolist(), rows.batch_time[0] / SECOND


@served()
def test_an_arrival_on_a_boundary_joins_there(serve):
    # 1 + 0.5 n + 0.5 x: prefill 1.5 to 1.5, alone 1.5 to 3, prefill beside one 2 to 5, both 2 to 7.
    rules = fleet(per_request=0.5, per_prefill_token=0.5)
    rows = serve(rules, arriving((0, 1, 4), (3, 1, 2)), None)
    assert table(rows) == [(0, 1.5, 7, 0, HELD, 0, 3 + 4 / 2), (3, 5, 7, 0, HELD, 0, 4 / 2)]
    assert sums(rows) == ([7], 3 * 1 + 4 * 2)


@served()
def test_processor_sharing(serve):
    # n + x seconds an iteration: 1 to 1, then 2 each to 3 and 5. A token costs a GPU second, whoever is beside.
    rules = fleet(base=0, per_request=1, per_prefill_token=1, gpus=4)
    rows = serve(rules, arriving((0, 1, 3), (1, 1, 2)), None)
    assert table(rows) == [(0, 1, 5, 0, HELD, 0, 4 * 3), (1, 3, 5, 0, HELD, 0, 4 * 2)]


@served()
def test_below_the_floor_nobody_slows_another(serve):
    # 2 seconds an iteration until five run: an arrival waits for the boundary, then takes 2 seconds a token.
    rules = fleet(base=0, per_request=0.4, per_prefill_token=0.4, floor=2)
    rows = serve(rules, arriving((0, 1, 4), (1, 1, 2), (2, 1, 1)), None)
    assert table(rows) == [
        (0, 2, 8, 0, HELD, 0, 2 + 2 / 3 + 2 / 2 + 2),
        (2, 4, 6, 0, HELD, 0, pytest.approx(2 / 3 + 2 / 2)),
        (2, 4, 4, 0, HELD, 0, pytest.approx(2 / 3)),
    ]


@served()
def test_cached_tokens_slow_an_iteration(serve):
    # 1 + 0.5 kv: prompt 2, so kv is 0, 2, 3 at the starts: 1, 2, 2.5 seconds.
    rows = serve(fleet(per_kv_token=0.5), arriving((0, 2, 3)), None)
    assert table(rows) == [(0, 1, 5.5, 0, HELD, 0, 5.5)]


@served()
def test_the_youngest_is_preempted_and_recomputed(serve):
    # 1 + 0.25 x, room for 6. Both prompts of 2: 0 to 2. Both decode with 4 cached: to 3. Now 6 are cached and 2 more do
    # not fit: the second goes, with 2 of its 3 tokens. The first decodes to 4 and, as 2 + 2 > 6 - 4 - 1, alone to 5,
    # where it ends. The second recomputes 2 + 2 tokens in 2 seconds; that yields its third: 7.
    rows = serve(fleet(room=6, per_prefill_token=0.25), arriving((0, 2, 4), (0, 2, 3)), None)
    assert table(rows) == [(0, 2, 5, 0, HELD, 0, 3 / 2 + 2), (0, 2, 7, 0, HELD, 1, 3 / 2 + 2)]
    assert sums(rows) == ([7], 3 * 2 + 4 * 1)


@served()
def test_a_long_prompt_is_prefilled_in_chunks(serve):
    # 1 + 0.5 x + 1 where x > 0, budget 4. Chunks of 4: to 4, to 8, and 2 left: the second, there since 1, finds no
    # budget before; now 2 + 1 tokens take 3.5 to 11.5. A last decode to 12.5.
    rules = fleet(budget=4, seats=4, per_prefill_token=0.5, prefill=1)
    rows = serve(rules, arriving((0, 10, 2), (1, 1, 1)), None)
    assert table(rows) == [(0, 11.5, 12.5, 0, HELD, 0, 8 + 3.5 / 2 + 1), (8, 11.5, 11.5, 0, HELD, 0, 3.5 / 2)]


@served()
def test_those_who_decode_take_of_the_budget_first(serve):
    # 1 + 0.5 x, budget 3: 1 + 2 prefilled to 2.5; then one decodes and leaves 2 of 3 for the chunk: to 4.5, to 6.5.
    rules = fleet(budget=3, seats=2, per_prefill_token=0.5)
    rows = serve(rules, arriving((0, 1, 4), (0, 6, 1)), None)
    assert table(rows) == [(0, 2.5, 7.5, 0, HELD, 0, 6.5 / 2 + 1), (0, 6.5, 6.5, 0, HELD, 0, 6.5 / 2)]


@served()
def test_a_cached_prefix_is_read_and_not_prefilled(serve):
    # 1 + 0.5 kv + 0.25 x, 3 of 4 tokens cached: 1 + 1.5 + 0.25 to 2.75; then 4 are cached, 3 s, and 5, 3.5 s.
    rows = serve(fleet(per_kv_token=0.5, per_prefill_token=0.25), arriving((0, 4, 3), cached=[3]), None)
    assert table(rows) == [(0, 2.75, 9.25, 0, HELD, 0, 9.25)]


@served()
def test_a_prefix_is_still_cached_after_a_preemption(serve):
    # As where the youngest is recomputed, with 1 of 2 tokens cached: 0 to 1.5, both decode to 2.5, the second goes, the
    # first ends at 4.5. The second recomputes 2 + 2 - 1 tokens in 1.75 seconds.
    requests = arriving((0, 2, 4), (0, 2, 3), cached=[1, 1])
    rows = serve(fleet(room=6, per_prefill_token=0.25), requests, None)
    assert table(rows) == [(0, 1.5, 4.5, 0, HELD, 0, 2.5 / 2 + 2), (0, 1.5, 6.25, 0, HELD, 1, 2.5 / 2 + 1.75)]


@served()
def test_chunks_begin_behind_the_prefix(serve):
    # As in chunks of 4, with 5 of 10 tokens cached: to 4; then 1 is left and the second joins: 3 s to 7.
    rules = fleet(budget=4, seats=4, per_prefill_token=0.5, prefill=1)
    rows = serve(rules, arriving((0, 10, 2), (1, 1, 1), cached=[5, 0]), None)
    assert table(rows) == [(0, 7, 8, 0, HELD, 0, 4 + 3 / 2 + 1), (4, 7, 7, 0, HELD, 0, 3 / 2)]


@served()
@pytest.mark.parametrize("cached", [(0, 0, 0), (3, 1, 0)])
def test_the_head_blocks_all_behind_it(serve, cached):
    # Room for 6: the first holds 4 and takes 1 more, so the second (2) does not fit, and the third (1) waits behind it.
    # What is cached takes room like any token.
    rows = serve(fleet(room=6), arriving((0, 4, 2), (1, 2, 1), (1, 1, 1), cached=cached), None)
    assert table(rows) == [(0, 1, 2, 0, HELD, 0, 2), (2, 3, 3, 0, HELD, 0, 0.5), (2, 3, 3, 0, HELD, 0, 0.5)]


@served()
def test_a_full_fleet_overflows_to_the_api(serve):
    # At 1 the first is still there; at 2 it has just ended, for ends come before arrivals.
    api = ApiTimes(np.full(3, 3 * SECOND), np.full(3, 4 * SECOND))
    rules = fleet(overflow_above=1, has_api=True, frontend=SECOND // 2)
    rows = serve(rules, arriving((0, 1, 2), (1, 1, 9), (2, 1, 1)), api)
    assert table(rows) == [
        (0, 1.5, 2.5, 0, HELD, 0, 2),
        (1, 4, 8, -1, API, 0, 0),
        (2, 3.5, 3.5, 0, HELD, 0, 1),
    ]


@served()
@pytest.mark.parametrize("has_api", [False, True])
def test_who_can_never_fit_is_turned_away(serve, has_api):
    # The last token is never cached: 6 + 5 - 1 tokens fit in 10, one more does not.
    api = ApiTimes(np.array([2, 2]) * SECOND, np.array([3, 3]) * SECOND)
    rows = serve(fleet(room=10, has_api=has_api), arriving((0, 6, 5), (1, 6, 6)), api)
    turned_away = (1, 3, 6, -1, API, 0, 0) if has_api else (-1, -1, -1, -1, REFUSED, 0, 0)
    assert table(rows) == [(0, 1, 5, 0, HELD, 0, 5), turned_away]


@served()
@pytest.mark.parametrize(("horizon", "second"), [(2, None), (3, None), (4, 3)])
def test_the_clock_stops_in_the_middle(serve, horizon, second):
    # One seat. The first works on to 3 whenever the clock stops; the second starts at 3, if that is before the horizon.
    rows = serve(fleet(seats=1, edges=(0, horizon)), arriving((0, 1, 3), (1, 1, 2)), None)
    not_started = (-1, -1, -1, -1, NOT_STARTED, 0, 0)
    waiting = (3, 4, 5, 0, HELD, 0, 1) if second else not_started
    assert table(rows) == [(0, 1, 3, 0, HELD, 0, min(horizon, 3)), waiting]
    assert sums(rows) == ([horizon], horizon)


@served()
def test_who_started_in_time_is_served_out_beside_those_who_did_not(serve):
    # Room for 6, horizon 2.5: the second is preempted at 2 and starts again at 4 together with the third, which has not
    # started when the clock stops. All three take part, but only what lies before 2.5 counts.
    rows = serve(fleet(room=6, edges=(0, 2.5)), arriving((0, 2, 4), (0, 2, 4), (1, 1, 1)), None)
    assert table(rows) == [
        (0, 1, 4, 0, HELD, 0, 2 / 2 + 0.5),
        (0, 1, 6, 0, HELD, 1, 2 / 2),
        (-1, -1, -1, -1, NOT_STARTED, 0, 0),
    ]
    assert sums(rows) == ([2.5], 2 * 2 + 0.5)


@served()
def test_busy_time_by_window(serve):
    # Busy from 1 to 3 and from 6 to 7; counted from 2, in windows to 2.5, 6.5 and 8.
    rows = serve(fleet(edges=(2, 2.5, 6.5, 8)), arriving((1, 1, 2), (6, 1, 1)), None)
    assert table(rows) == [(1, 2, 3, 0, HELD, 0, 1), (6, 7, 7, 0, HELD, 0, 1)]
    assert sums(rows) == ([0.5, 1, 0.5], 2)


@served()
@pytest.mark.parametrize(("lag", "second", "third"), [(0, 1, 1), (1, 2, 2)])
def test_asynchronous_scheduling_joins_a_boundary_later(serve, lag, second, third):
    # At 1 the iteration has ended that began at 0, before both; at 2 the one that began at 1, when both were there.
    rows = serve(fleet(join_lag=lag), arriving((0, 1, 4), (0.5, 1, 1), (1, 1, 1)), None)
    assert [row[:5] for row in table(rows)] == [
        (0, 1, 4, 0, HELD),
        (second, second + 1, second + 1, 0, HELD),
        (third, third + 1, third + 1, 0, HELD),
    ]


@served()
def test_an_empty_replica_asks_for_no_lag(serve):
    # The first ends at 1, where the second, there since 0.5, finds nobody running.
    rows = serve(fleet(join_lag=1), arriving((0, 1, 1), (0.5, 1, 1), (0.75, 1, 1)), None)
    assert table(rows) == [(0, 1, 1, 0, HELD, 0, 1), (1, 2, 2, 0, HELD, 0, 0.5), (1, 2, 2, 0, HELD, 0, 0.5)]


@served()
def test_adapters_take_turns_in_one_slot(serve):
    # Each load takes half a second. The second waits for the slot, and the third, whose adapter is there, behind it.
    rules = fleet(slots=1, load=0.5)
    rows = serve(rules, arriving((0, 1, 2, 0), (0, 1, 1, 1), (0, 1, 1, 0)), None)
    assert table(rows) == [
        (0, 1.5, 2.5, 0, HELD, 0, 2.5),
        (2.5, 4, 4, 0, HELD, 0, 1.5),
        (4, 5.5, 5.5, 0, HELD, 0, 1.5),
    ]


@served()
def test_the_least_recently_used_adapter_gives_way(serve):
    # Adapters 0 and 1 are loaded, 0 is used again at 6, so 2 takes the place of 1 at 9; 0 is still there at 12.
    rules = fleet(slots=2, load=0.5)
    rows = serve(rules, arriving((0, 1, 1, 0), (3, 1, 1, 1), (6, 1, 1, 0), (9, 1, 1, 2), (12, 1, 1, 0)), None)
    assert [row[2] for row in table(rows)] == [1.5, 4.5, 7, 10.5, 13]


@served()
def test_an_adapter_is_loaded_on_top_of_the_floor(serve):
    rows = serve(fleet(slots=1, load=0.5, floor=2), arriving((0, 1, 2, 0)), None)
    assert table(rows) == [(0, 2.5, 4.5, 0, HELD, 0, 4.5)]


@served()
def test_the_router_takes_where_fewest_are_outstanding(serve):
    # Two at once go apart. At 1 the first replica has just become empty. At 1.5 both have one: the lower number.
    rows = serve(fleet(count=2), arriving((0, 1, 1), (0, 1, 3), (1, 1, 2), (1.5, 1, 1)), None)
    assert [(row[0], row[2], row[3]) for row in table(rows)] == [(0, 1, 0), (0, 3, 1), (1, 3, 0), (2, 3, 0)]
    assert sums(rows)[0] == [3 + 3]


@served()
def test_instants_are_rounded_up(serve):
    # A tick more than a second: the next microsecond, and from there the frontend.
    rules = fleet(base=(SECOND * FINE + 1) / (SECOND * FINE), frontend=5)
    rows = serve(rules, arriving((0, 1, 2), (0.5, 1, 1)), None)
    assert rows.start.tolist() == [0, 1_000_001]
    assert rows.first_token.tolist() == [1_000_006, 2_000_006]
    assert rows.end.tolist() == [2_000_006, 2_000_006]
