"""Serving replicas: worlds worked out by hand; plain loop, SimPy and kernel alike to the last bit; planted faults."""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import plain_serving
import pytest

from sim import reference
from sim.fleet import replicas as kernel
from sim.jobs import API, HELD, NOT_STARTED, REFUSED
from sim.requests import NO_ADAPTER, ApiTimes, Replicas, Requests
from sim.units import FINE, NEVER
from sim.verify.serving_worlds import boundaries, compare, differences, has_ties, scaled_world, world

SECOND = 1_000_000
WITNESSED = 300
"""Worlds that SimPy serves too."""
MANY = WITNESSED if {"NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"} & set(os.environ) else 1000
"""All worlds."""

ENGINES = [plain_serving.serve_requests, reference.serve_requests, kernel.serve_requests]
served = partial(pytest.mark.parametrize("serve", ENGINES, ids=["plain", "simpy", "kernel"]))


def fleet(count=1, edges=(0, 100), room=1000, seats=8, budget=1000, base=1.0, **rules) -> Replicas:
    """A fleet with every duration in seconds."""
    durations = {"per_request": 0, "per_kv_token": 0, "per_prefill_token": 0, "prefill": 0, "floor": 0, "load": 0}
    ticks = {name: round(rules.pop(name, 0) * SECOND * FINE) for name in durations}
    return Replicas(
        count=count,
        gpus=rules.pop("gpus", 1),
        base=round(base * SECOND * FINE),
        kv_tokens=room,
        max_num_seqs=seats,
        token_budget=budget,
        edges=np.array([round(edge * SECOND) for edge in edges]),
        **ticks,
        **rules,
    )


def arriving(*rows, cached=None) -> Requests:
    """Requests of one replication, each (seconds of arrival, prompt, output[, adapter])."""
    arrival, prompt, output, adapter = zip(*[(*row, NO_ADAPTER)[:4] for row in rows], strict=True)
    return Requests(
        offsets=np.array([0, len(rows)]),
        arrival=np.array([round(instant * SECOND) for instant in arrival]),
        prompt=np.array(prompt),
        output=np.array(output),
        job_class=np.zeros(len(rows), np.int64),
        adapter=np.array(adapter),
        cached=np.array([0] * len(rows) if cached is None else cached),
    )


def table(rows) -> list[tuple]:
    """Rows as (start, first token, end, replica, outcome, preempted, GPU time), in seconds."""
    columns = [rows.start, rows.first_token, rows.end]
    instants = [[-1 if instant < 0 else instant / SECOND for instant in column] for column in columns]
    others = [rows.replica.tolist(), rows.outcome.tolist(), rows.preempted.tolist(), (rows.gpu_time / SECOND).tolist()]
    return list(zip(*instants, *others, strict=True))


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


@pytest.fixture(scope="module")
def worlds():
    """The random worlds."""
    return [world(number) for number in range(MANY)]


@pytest.fixture(scope="module")
def told(worlds):
    """What SimPy tells of the first of them."""
    return [reference.serve_requests(each.replicas, each.requests, each.api) for each in worlds[:WITNESSED]]


def differing(serve, worlds, told) -> list[int]:
    """Numbers of the worlds that are served otherwise than told."""
    found = (serve(each.replicas, each.requests, each.api) for each in worlds)
    return [number for number, rows in enumerate(found) if differences(told[number], rows)]


def test_worlds_hold_what_they_should(worlds, told):
    rows = [np.concatenate([getattr(each, name) for each in told]) for name in ("outcome", "preempted")]
    assert {API, HELD, NOT_STARTED, REFUSED} == set(rows[0])
    crowded = sum((each.preempted > 0).any() for each in told)
    chunked = sum((each.requests.prompt > each.replicas.token_budget).any() for each in worlds[:WITNESSED])
    tied = 0
    for number, each in enumerate(worlds[:WITNESSED]):
        ends = boundaries(each.replicas, each.requests, each.api)
        spans = zip(each.requests.offsets[:-1], each.requests.offsets[1:], strict=True)
        arrivals = [each.requests.arrival[first:last] * FINE for first, last in spans]
        met = sum(np.isin(*pair).sum() for pair in zip(arrivals, ends, strict=True))
        assert has_ties(number) or met == 0
        tied += met > 0
    assert crowded > WITNESSED // 5
    assert chunked > WITNESSED // 5
    assert tied > WITNESSED // 3


def test_the_plain_loop_is_simpy(worlds, told):
    assert differing(plain_serving.serve_requests, worlds[:WITNESSED], told) == []


def test_the_kernel_is_simpy(worlds, told):
    assert differing(kernel.serve_requests, worlds[:WITNESSED], told) == []


def test_rows_are_compared():
    rows, different = compare(range(10))
    assert rows == sum(len(make(number).requests) for make in (world, scaled_world) for number in range(10)) > 200
    assert different == 0


def test_a_difference_in_the_sums_alone_counts(told):  # negative control
    busier = replace(told[0], busy=np.nextafter(told[0].busy, np.inf))
    assert differences(told[0], busier) == len(busier.busy)


@pytest.fixture(scope="module")
def plain(worlds):
    """What the plain loop tells of all of them."""
    return [plain_serving.serve_requests(each.replicas, each.requests, each.api) for each in worlds]


@pytest.mark.parametrize("longest_jump", [NEVER, 1, 3])
def test_the_kernel_is_the_plain_loop_however_far_it_jumps(worlds, plain, longest_jump):
    def serve(replicas, requests, api):
        return kernel.serve_requests(replace(replicas, longest_jump=longest_jump), requests, api)

    assert differing(serve, worlds, plain) == []


FAULTS = {
    "a prompt that just fits is kept waiting": ("if need > room:", "if need >= room:"),
    "tokens of this iteration are not counted as cached": (
        "room = kv_tokens - kv - n - x",
        "room = kv_tokens - kv - x",
    ),
    "those admitted just now are not counted as cached": ("room -= need", "room -= 0"),
    "room is looked at for decodes alone": ("if kv + n + x <= kv_tokens:", "if kv + n <= kv_tokens:"),
    "the oldest is preempted": (
        "                        j = running[r, taken[r]]\n",
        "                        j = running[r, 0]\n"
        "                        for k in range(taken[r]):\n"
        "                            running[r, k] = running[r, k + 1]\n",
    ),
    "who is preempted loses what it generated": ("cached[j] = 0\n", "cached[j] = 0; generated[j] = 0\n"),
    "a recomputed prefill yields no token": (
        "yields = cached[j] == prompt[j] + generated[j]\n                        unfinished[j] = not yields",
        "unfinished[j] = cached[j] < prompt[j] + generated[j]; yields = not unfinished[j] and generated[j] == 0",
    ),
    "a chunk takes no account of decodes": ("- cached[j], token_budget - n)", "- cached[j], token_budget)"),
    "admission takes no account of decodes": ("- known, token_budget - n - x)", "- known, token_budget - x)"),
    "every iteration pays for a prefill": ("if x > 0:", "if x >= 0:"),
    "the floor is above the load": ("max(floor, work) + load * loads", "max(floor, work + load * loads)"),
    "the lag is asked of an empty replica": ("join_lag == 1 and taken[r] > 0", "join_lag == 1"),
    "an adapter that is used again is not noted": (
        "loads += 1\n                                slot_stamp[r, slot] = t",
        "loads += 1; slot_stamp[r, slot] = t",
    ),
    "an adapter in use gives way": ("slot_users[r, s] == 0", "slot_users[r, s] >= 0"),
    "the router takes the highest number": (
        "outstanding[other] < outstanding[r]",
        "outstanding[other] <= outstanding[r]",
    ),
    "one more is queued before the API": ("outstanding[r] >= overflow_above", "outstanding[r] > overflow_above"),
    "the last token is cached": ("prompt[j] + output[j] - 1 > kv_tokens", "prompt[j] + output[j] > kv_tokens"),
    "instants are rounded down": ("-(-ticks[held] // FINE)", "ticks[held] // FINE"),
    "a cached prefix is not read": ("kv += known", "kv += 0"),
    "a cached prefix is prefilled after all": ("cached[j] = known", "cached[j] = 0"),
    "a prefix is lost with the rest of the cache": (
        "known = prefix[j]",
        "known = prefix[j] if preempted[j] == 0 else 0",
    ),
    "shares are never counted anew": ("share[r] = 0.0", "pass"),
    "a replica stops with the clock": ("t >= horizon and owed[r] == 0", "t >= horizon"),
}
"""Faults of the plain loop that worlds without a tie find too.

That an iteration which preempted admits nobody is no rule of its own: the head is then the one preempted last, and it
went because its tokens did not fit.
"""

FAULTS_AT_TIES = {
    "an arrival on a boundary comes after forming": ("if t == now:", "if t > now:"),
    "an arrival comes before the ends of its instant": ("if ends[r] > now:", "if ends[r] >= now:"),
    "who arrives as an iteration begins has not been there": ("came[j] > began[r]", "came[j] >= began[r]"),
    "who starts as the clock stops has started": ("if t < horizon:", "if t <= horizon:"),
}
"""Faults that only planted ties find."""


def faulty(old: str, new: str):
    """The plain loop with a fault, uncompiled."""
    source = Path(plain_serving.__file__).read_text()
    assert source.count(old) == 1
    source = source.replace(old, new).replace(
        "from sim.compiled import kernel", "def kernel(function): return function"
    )
    room: dict = {}
    exec(compile(source, "faulty", "exec"), room)  # noqa: S102 - our own source with one fault
    return room["serve_requests"]


def found(serve, worlds, told, numbers) -> bool:
    """Whether any of these worlds is served otherwise than told."""
    for number in numbers:
        each = worlds[number]
        if differences(told[number], serve(each.replicas, each.requests, each.api)):
            return True
    return False


@pytest.mark.parametrize("fault", FAULTS)
def test_worlds_find_faults(worlds, told, fault):
    quiet = [number for number in range(WITNESSED) if not has_ties(number)]
    assert found(faulty(*FAULTS[fault]), worlds, told, quiet)


@pytest.mark.parametrize("fault", FAULTS_AT_TIES)
def test_only_planted_ties_find_these_faults(worlds, told, fault):
    serve = faulty(*FAULTS_AT_TIES[fault])
    quiet = [number for number in range(WITNESSED) if not has_ties(number)]
    assert not found(serve, worlds, told, quiet)
    assert found(serve, worlds, told, range(WITNESSED))


def test_the_loop_without_a_fault_passes(worlds, told):  # negative control
    assert not found(faulty("if t == now:", "if t == now :"), worlds, told, range(0, WITNESSED, 10))
