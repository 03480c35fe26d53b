"""API accounts: worlds worked out by hand, the kernel against SimPy, planted faults, theory. Seconds throughout."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import examples

from sim.engine import fleet, reference
from sim.engine.fleet.api import uniform
from sim.ground import account
from sim.ground.account import (
    ANSWERED,
    BROKEN,
    BY_UNITS,
    BY_USE,
    CUT_OFF,
    DOWN,
    FAILED_AT_API,
    MOST_LEVEL,
    THROTTLED,
    Account,
    Bucket,
    Calls,
)
from sim.ground.units import NEVER
from sim.questions.verify import api_worlds

S = 1_000_000
ALWAYS = (0,)
ENGINES = pytest.mark.parametrize("engine", [fleet, reference], ids=["kernel", "simpy"])


def a_second(amount: float, burst_s: float = 1) -> Bucket:
    """A limit of so much a second, saved up over so many seconds."""
    return Bucket(round(60 * amount), round(burst_s * S))


def rules(delays=(), horizon=1000, **more) -> Account:
    """An account; without jitter unless stated."""
    made = np.array([round(each * S) for each in delays], np.int64)
    return Account(horizon * S, made, **{"jitter": False, **more})


def calls(*handed, tokens=1, bits=0) -> Calls:
    """Calls of one replication."""
    n = len(handed)
    instants = np.array([round(each * S) for each in handed], np.int64)
    whole = (np.broadcast_to(np.asarray(column, np.int64), n).copy() for column in (tokens, bits, bits))
    return Calls(np.array([0, n]), instants, *whole)


def table(engine, world: Account, handed: Calls, windows=ALWAYS) -> list[tuple]:
    """Every call as (second of the last attempt, attempts, throttled, fate)."""
    turns = np.array([[*(round(each * S) for each in windows), NEVER]])
    found = engine.answer(world, handed, turns)
    rows = zip(found.instant, found.attempts, found.throttled, found.fate, strict=True)
    return [(int(at) / S, int(tried), int(refused), int(fate)) for at, tried, refused, fate in rows]


@ENGINES
def test_a_limit_refuses_and_the_retry_comes_after_its_delay(engine):
    # One request a second, one saved up: the second finds none, and 2 s later one is there again.
    found = table(engine, rules([2], requests=a_second(1)), calls(0, 0, 1))
    assert found == [(0, 1, 0, BY_USE), (2, 2, 1, BY_USE), (1, 1, 0, BY_USE)]


@ENGINES
def test_who_was_handed_over_first_goes_first(engine):
    # The retry of the first call meets a new one at 2 s, and takes the only request that may pass.
    found = table(engine, rules([1, 5], requests=a_second(0.5, 2)), calls(0, 1, 2))
    assert found == [(0, 1, 0, BY_USE), (2, 2, 1, BY_USE), (8, 3, 2, BY_USE)]


@ENGINES
def test_who_may_not_try_again_is_given_up(engine):
    assert table(engine, rules([], requests=a_second(1)), calls(0, 0)) == [(0, 1, 0, BY_USE), (0, 1, 1, FAILED_AT_API)]
    found = table(engine, rules([0.25, 0.5], requests=a_second(1)), calls(0, 0))
    assert found[1] == (0.75, 3, 3, FAILED_AT_API)


@ENGINES
def test_tokens_are_counted_and_a_refusal_takes_nothing(engine):
    # 10 tokens a second, 20 saved up: 15 pass, 8 do not and take no request either; at 1 s there are 15 again.
    world = rules([1], tokens=a_second(10, 2), requests=a_second(1 / 60, 120))
    assert table(engine, world, calls(0, 0, tokens=[15, 8])) == [(0, 1, 0, BY_USE), (1, 2, 1, BY_USE)]


@ENGINES
def test_a_bucket_fills_to_the_tick(engine):
    # 7 tokens a minute: one is there after 60/7 s = 8,571,428.57 ticks, not a tick earlier.
    world = rules([], tokens=Bucket(7, 60 * S // 7 + 1))
    early, late = (table(engine, world, calls(0, each * 1e-6)) for each in (8_571_428, 8_571_429))
    assert (early[1][3], late[1][3]) == (FAILED_AT_API, BY_USE)


@ENGINES
def test_what_is_saved_up_has_an_end(engine):
    # Full at the start with 2; after an hour there are 2 again, not 3,600.
    found = table(engine, rules([], horizon=5000, requests=a_second(1, 2)), calls(0, 0, 0, 3600, 3600, 3600))
    assert [fate for *_, fate in found] == [BY_USE, BY_USE, FAILED_AT_API] * 2


@ENGINES
def test_a_request_larger_than_the_bucket_goes_when_it_is_full_and_leaves_it_owing(engine):
    # 10 a second, 10 saved up: 30 pass when it is full, and it takes 2 s to pay what is owed, 2.5 s until 5 are there.
    world = rules([], tokens=a_second(10))
    found = table(engine, world, calls(0.5, 0.5, 2.5, 3, tokens=[30, 1, 5, 5]))
    assert [fate for *_, fate in found] == [BY_USE, FAILED_AT_API, FAILED_AT_API, BY_USE]
    assert table(engine, world, calls(0, 0.9, tokens=[1, 10**12]))[1][3] == BY_USE
    assert table(engine, world, calls(0, 0.05, tokens=[1, 30]))[1][3] == FAILED_AT_API


@ENGINES
def test_an_outage_answers_nobody_from_its_first_tick_to_its_last(engine):
    found = table(engine, rules([2, 2]), calls(1, 2, 4, 5), windows=(0, 2, 5))
    assert found == [(1, 1, 0, BY_USE), (6, 3, 0, BY_USE), (6, 2, 0, BY_USE), (5, 1, 0, BY_USE)]
    assert table(engine, rules([1]), calls(0), windows=(3,)) == [(1, 2, 0, FAILED_AT_API)]


@ENGINES
def test_units_take_what_they_can_and_the_rest_is_paid_per_use(engine):
    # 10 tokens a second, 10 saved up; beyond them one request a second.
    world = rules([], units=a_second(10), requests=a_second(1))
    found = table(engine, world, calls(0, 0, 0, 0, 0, tokens=[6, 6, 4, 1, 1]))
    assert [fate for *_, fate in found] == [BY_UNITS, BY_USE, BY_UNITS, FAILED_AT_API, FAILED_AT_API]


@ENGINES
def test_where_only_units_answer_who_finds_too_few_waits(engine):
    found = table(engine, rules([0.5], units=a_second(10), only_units=True), calls(0, 0, tokens=[10, 5]))
    assert found == [(0, 1, 0, BY_UNITS), (0.5, 2, 1, BY_UNITS)]


@ENGINES
def test_nobody_tries_once_the_clock_has_stopped(engine):
    found = table(engine, rules([1], horizon=2), calls(0.5, 1), windows=(3,))
    assert found == [(1.5, 2, 0, FAILED_AT_API), (1, 1, 0, CUT_OFF)]


@ENGINES
def test_an_error_takes_from_the_limits_and_is_tried_again(engine):
    world = rules([0.25], error_share=1.0, requests=a_second(1, 2))
    found = engine.answer(world, calls(0), np.array([[0, NEVER]]))
    assert (found.broken[0], found.by_use[0], found.fate[0]) == (2, 2, FAILED_AT_API)
    log = engine.attempts(world, calls(0, 0), np.array([[0, NEVER]]))
    assert log.result.tolist() == [BROKEN, BROKEN, THROTTLED, THROTTLED]
    assert log.instant.tolist() == [0, 0, S // 4, S // 4]


@ENGINES
def test_full_jitter_draws_from_nothing_to_the_delay(engine):
    bits = np.random.default_rng(3).integers(0, 2**63, 50)
    world = rules([4, 8], jitter=True)
    log = engine.attempts(world, calls(*[0] * 50, bits=bits), np.array([[NEVER, NEVER]]))
    assert set(log.result) == {DOWN}
    first, second, third = (np.array([log.instant[log.call == call][k] for call in range(50)]) for k in range(3))
    assert (first == 0).all()
    expected = [[int(account.uniform(int(each), k) * delay * S) for each in bits] for k, delay in ((0, 4), (1, 8))]
    assert (second - first).tolist() == expected[0]
    assert (third - second).tolist() == expected[1]


def test_the_stirred_bits_are_uniform_and_independent():
    # Means of u and u^2, and products of neighbours in attempt and in call: five standard errors, n = 20,000.
    rng = np.random.default_rng(11)
    bits = rng.integers(0, 2**63, 20_000)
    drawn = np.array([[uniform(each, k) for k in range(3)] for each in bits])
    assert (drawn[:50] == [[account.uniform(int(each), k) for k in range(3)] for each in bits[:50]]).all()
    assert (drawn >= 0).all()
    assert (drawn < 1).all()
    n, centred = len(bits), drawn - 0.5
    for values, mean, deviation in (
        *((column, 0.5, 12**-0.5) for column in drawn.T),
        *((column**2, 1 / 3, (4 / 45) ** 0.5) for column in drawn.T),
        (centred[:, 0] * centred[:, 1], 0, 1 / 12),
        (centred[:, 1] * centred[:, 2], 0, 1 / 12),
        (centred[:-1, 0] * centred[1:, 0], 0, 1 / 12),
    ):
        assert abs(values.mean() - mean) < 5 * deviation / n**0.5
    counts = np.bincount((drawn[:, 0] * 16).astype(int) * 16 + (drawn[:, 1] * 16).astype(int), minlength=256)
    assert abs(((counts - n / 256) ** 2).sum() / (n / 256) - 255) < 5 * (2 * 255) ** 0.5
    near = np.array([uniform(each, 0) for each in range(20_000)])  # and of neighbouring bits
    assert abs(near.mean() - 0.5) < 5 * (12 * n) ** -0.5


def test_attempts_are_geometric_until_they_end():
    # With errors alone the mean number of attempts is (1 - e^(m + 1)) / (1 - e): n = 40,000, five standard errors.
    share, most, n = 0.3, 2, 40_000
    bits = np.random.default_rng(5).integers(0, 2**63, n)
    found = fleet.answer(rules([1] * most, error_share=share), calls(*[0] * n, bits=bits), np.array([[0, NEVER]]))
    expected = (1 - share ** (most + 1)) / (1 - share)
    assert abs(found.attempts.mean() - expected) < 5 * found.attempts.std() / n**0.5
    failed = (found.fate == FAILED_AT_API).mean()
    assert abs(failed - share**3) < 5 * (share**3 / n) ** 0.5


@pytest.mark.parametrize("bucket", [Bucket(0, 1), Bucket(1, 0), Bucket(2**31, 2**31)])
def test_what_is_no_bucket_is_refused(bucket):
    assert MOST_LEVEL < 2**62
    with pytest.raises(ValueError, match="no bucket"):
        fleet.answer(rules(tokens=bucket), calls(0), np.array([[0, NEVER]]))


def test_windows_belong_to_replications():
    with pytest.raises(ValueError, match="windows of 2 replications"):
        fleet.answer(rules(), calls(0), np.array([[0], [0]]))


def test_a_year_of_a_large_limit_overflows_nowhere():
    day = 86_400
    world = rules([], horizon=370 * day, tokens=Bucket(10**10, 200 * S))
    found = table(fleet, world, calls(0, 369 * day, 369 * day, tokens=[10**10, 10**12, 1]))
    assert found == table(reference, world, calls(0, 369 * day, 369 * day, tokens=[10**10, 10**12, 1]))
    assert [fate for *_, fate in found] == [BY_USE, BY_USE, FAILED_AT_API]


@st.composite
def accounts(draw) -> tuple[Account, Calls, np.ndarray]:
    """Few ticks, so that hand-overs, retries, outages and buckets that just suffice meet all the time."""
    per_tick = st.integers(1, 3).map(lambda each: each * 60_000_000)
    bucket = st.none() | st.builds(Bucket, per_tick | st.just(25_000_000), st.integers(1, 6))
    instants = st.lists(st.integers(0, draw(st.sampled_from([0, 3, 12]))), max_size=12).map(sorted)
    runs = draw(st.lists(instants, min_size=1, max_size=2))
    n = sum(map(len, runs))
    columns = (
        draw(st.lists(each, min_size=n, max_size=n)) for each in (st.integers(1, 9), *[st.integers(0, 2**63 - 1)] * 2)
    )
    handed = Calls(
        np.cumsum([0, *map(len, runs)]),
        np.array([each for run in runs for each in run], np.int64),
        *(np.array(each, np.int64) for each in columns),
    )
    world = Account(
        draw(st.sampled_from([13, 20])),
        np.array(draw(st.lists(st.integers(0, 4), max_size=4)), np.int64),
        draw(bucket),
        draw(bucket),
        draw(bucket),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.sampled_from([0.0, 0.5])),
    )
    turns = [np.cumsum(draw(st.lists(st.integers(0, 5), min_size=5, max_size=5))) for _ in runs]
    return world, handed, np.array(turns)


@given(accounts())
@examples(200)
def test_the_kernel_gives_what_simpy_gives(world):
    assert not len(reference.answer(*world).differing(fleet.answer(*world)))
    assert reference.attempts(*world).same(fleet.attempts(*world))


FAULTS = {
    "a new call goes before a retry of its instant": ("instants[0] <= handed[new]", "instants[0] < handed[new]"),
    "retries of an instant go in any order": (" or (instant == other_instant and call < other)", ""),
    "a bucket that just suffices does not": ("level >= min(amount", "level > min(amount"),
    "what is larger than the bucket never passes": (
        "min(amount * TICKS_PER_MINUTE, size))",
        "amount * TICKS_PER_MINUTE)",
    ),
    "a bucket never fills up": ("level += passed * per_minute", "pass"),
    "a bucket has no end": ("if passed > (size - level) // per_minute:", "if passed < 0:"),
    "a refusal takes a request": (
        "    if not _holds(buckets, _REQUESTS, 1, now) or",
        "    if _holds(buckets, _REQUESTS, 1, now): _take(buckets, _REQUESTS, 1)\n"
        "    if not _holds(buckets, _REQUESTS, 1, now) or",
    ),
    "units are free": ("_take(buckets, _UNITS, tokens)", "pass"),
    "an outage begins a tick late": ("windows[r, switch] <= now", "windows[r, switch] < now"),
    "an error needs no retry": ("result = BROKEN", "pass"),
    "one retry too many": ("elif number == most:", "elif number > most:"),
    "the last tick is the horizon": ("now + delay >= horizon", "now + delay > horizon"),
    "every retry waits as the first": ("delay = delays[number]", "delay = delays[0]"),
    "every retry draws the same": ("uniform(jitter[call], number)", "uniform(jitter[call], 0)"),
    "buckets are not filled for the next replication": (
        "buckets[which, _LEVEL], buckets[which, _SINCE] = buckets[which, _SIZE], 0",
        "buckets[which, _SINCE] = 0",
    ),
}


def faulty(old: str, new: str):
    """The kernel with a fault, uncompiled."""
    source = Path(fleet.api.__file__).read_text()
    assert source.count(old) == 1
    source = source.replace(old, new).replace(
        "from sim.ground.compiled import inlined, kernel", "inlined = kernel = lambda function: function"
    )
    room: dict = {}
    exec(compile(source, "faulty", "exec"), room)  # noqa: S102 - our own source with one fault
    return room["answer"]


@pytest.fixture(scope="module")
def told() -> list:
    """Random worlds, and what SimPy tells of them."""
    made = [api_worlds.world(number) for number in range(80)]
    return [(each, reference.answer(each.account, each.calls, each.windows)) for each in made]


def found(answer, told) -> bool:
    """Whether any world is answered otherwise than told."""
    for each, right in told:
        try:
            if len(right.differing(answer(each.account, each.calls, each.windows))):
                return True
        except IndexError:  # a retry too many has no delay
            return True
    return False


@pytest.mark.parametrize("fault", FAULTS)
def test_worlds_find_faults(told, fault):
    assert found(faulty(*FAULTS[fault]), told)


def test_the_kernel_without_a_fault_passes(told):  # negative control
    assert not found(faulty("elif number == most:", "elif number == most :"), told)


def test_worlds_hold_what_they_promise(told):
    fates = np.concatenate([right.fate for _, right in told])
    assert {FAILED_AT_API, BY_USE, BY_UNITS, CUT_OFF} == set(fates.tolist())
    log = [fleet.attempts(each.account, each.calls, each.windows) for each, _ in told]
    assert {DOWN, THROTTLED, BROKEN, ANSWERED} == set(np.concatenate([each.result for each in log]).tolist())
    assert sum(len(np.unique(each.instant)) < len(each.instant) for each in log) > 60


@pytest.mark.parametrize("check", api_worlds.CHECKS, ids=lambda check: check.__name__)
def test_an_invariant_of_accounts_can_fail(monkeypatch, check):
    right = fleet.attempts

    def wrong(account, calls, windows):
        log = right(account, calls, windows)
        shifted = np.maximum(log.instant[:1], 0)
        return replace(log, instant=np.broadcast_to(shifted, len(log.instant)), result=log.result * 0 + ANSWERED)

    monkeypatch.setattr(fleet, "attempts", wrong)
    looked, broken = check()
    assert looked > 100
    assert broken > 0
