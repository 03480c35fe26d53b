"""Random worlds of replicas: plain loop, SimPy and kernel alike; planted faults of the plain loop are found."""

from dataclasses import replace

import numpy as np
import plain_serving
import pytest
from plain_faults import MANY, WITNESSED, faulty

from sim.engine import reference
from sim.engine.fleet import replicas as kernel
from sim.ground.jobs import API, HELD, NOT_STARTED, REFUSED
from sim.ground.units import FINE, NEVER
from sim.questions.verify.serving_worlds import boundaries, compare, differences, has_ties, scaled_world, world


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
