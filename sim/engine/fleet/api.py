"""An API account, compiled: what ``reference.api`` tells, in the order of time. All arithmetic is on integers.

A bucket holds tokens times microseconds of a minute, so a tick fills it by the tokens of a minute: no rounding, ever.
A row of ``buckets`` is (per minute, size, level, since); of size 0 there is none. Retries stand in a heap ordered by
(instant, call); a call that is new comes after every retry of its instant, for those were handed over before.
"""

from typing import Final

import numpy as np

from sim.ground.account import (
    ANSWERED,
    BROKEN,
    BY_UNITS,
    BY_USE,
    CUT_OFF,
    DOWN,
    FAILED_AT_API,
    MOST_LEVEL,
    MOST_TOKENS,
    THROTTLED,
    TICKS_PER_MINUTE,
    Account,
    Answers,
    Attempts,
    Bucket,
    Calls,
)
from sim.ground.compiled import inlined, kernel
from sim.ground.units import Ticks

_REQUESTS, _TOKENS, _UNITS = 0, 1, 2
_PER_MINUTE, _SIZE, _LEVEL, _SINCE = range(4)
_INSTANT, _ATTEMPTS, _THROTTLED, _BROKEN, _BY_USE, _BY_UNITS, _FATE = range(7)
_WORD: Final = 0xFFFFFFFF
_HALF: Final = 0xFFFF


@inlined
def _times(word: int, factor: int) -> int:
    """Multiply modulo 2^32, in two halves, for the whole product would not fit."""
    return (((word * (factor >> 16)) & _HALF) << 16) + word * (factor & _HALF) & _WORD


@inlined
def _stirred(word: int) -> int:
    """Stir 32 bits as ``account.uniform`` does."""
    word = _times(word ^ (word >> 16), 0x7FEB352D)
    word = _times(word ^ (word >> 15), 0x846CA68B)
    return word ^ (word >> 16)


@kernel
def uniform(bits: int, number: int) -> float:
    """Take one of the uniform numbers that random bits stand for (``account.uniform``)."""
    low = ((bits & _WORD) + _times(number, 0x9E3779B9)) & _WORD
    return _stirred(_stirred(low) ^ (bits >> 32)) * 2.0**-32


@inlined
def _earlier(instant: int, call: int, other_instant: int, other: int) -> bool:
    """Tell who tries first."""
    return instant < other_instant or (instant == other_instant and call < other)


@inlined
def _push(instants: Ticks, calls: Ticks, size: int, instant: int, call: int) -> None:
    """Add a retry to a heap of ``size`` of them."""
    hole = size
    while hole > 0:
        parent = (hole - 1) >> 1
        if not _earlier(instant, call, instants[parent], calls[parent]):
            break
        instants[hole], calls[hole] = instants[parent], calls[parent]
        hole = parent
    instants[hole], calls[hole] = instant, call


@inlined
def _drop(instants: Ticks, calls: Ticks, size: int) -> None:
    """Remove the first retry of a heap of ``size`` of them."""
    last = size - 1
    instant, call = instants[last], calls[last]
    hole, child = 0, 1
    while child < last:
        if child + 1 < last and _earlier(instants[child + 1], calls[child + 1], instants[child], calls[child]):
            child += 1
        if not _earlier(instants[child], calls[child], instant, call):
            break
        instants[hole], calls[hole] = instants[child], calls[child]
        hole, child = child, 2 * child + 1
    instants[hole], calls[hole] = instant, call


@inlined
def _holds(buckets: Ticks, which: int, amount: int, now: int) -> bool:
    """Tell whether a bucket holds so much; of what is more than it ever holds, whether it is full."""
    size = buckets[which, _SIZE]
    if size == 0:
        return True
    per_minute, level = buckets[which, _PER_MINUTE], buckets[which, _LEVEL]
    passed = now - buckets[which, _SINCE]
    if passed > (size - level) // per_minute:  # the product might not fit
        level = size
    else:
        level += passed * per_minute
    buckets[which, _LEVEL], buckets[which, _SINCE] = level, now
    return bool(level >= min(amount * TICKS_PER_MINUTE, size))


@inlined
def _take(buckets: Ticks, which: int, amount: int) -> None:
    """Take so much out of a bucket; it may owe."""
    if buckets[which, _SIZE] > 0:
        buckets[which, _LEVEL] -= amount * TICKS_PER_MINUTE


@inlined
def _entry(buckets: Ticks, only_units: bool, tokens: int, now: int) -> int:
    """Tell who takes an attempt: ``BY_UNITS``, ``BY_USE``, or nobody (0)."""
    if buckets[_UNITS, _SIZE] > 0:
        if _holds(buckets, _UNITS, tokens, now):
            _take(buckets, _UNITS, tokens)
            return BY_UNITS
        if only_units:
            return 0
    if not _holds(buckets, _REQUESTS, 1, now) or not _holds(buckets, _TOKENS, tokens, now):
        return 0
    _take(buckets, _REQUESTS, 1)
    _take(buckets, _TOKENS, tokens)
    return BY_USE


@kernel
def _answer(
    offsets: Ticks,
    handed: Ticks,
    tokens: Ticks,
    jitter: Ticks,
    luck: Ticks,
    windows: Ticks,
    buckets: Ticks,
    delays: Ticks,
    only_units: bool,
    jitters: bool,
    error_share: float,
    horizon: int,
    instants: Ticks,
    waiting: Ticks,
    found: Ticks,
    log: Ticks,
) -> None:
    """Let the calls of each replication try; ``instants`` and ``waiting`` are the heap, ``log`` may have no columns."""
    most, logged = len(delays), 0
    for r in range(len(offsets) - 1):
        new, last, size, switch = offsets[r], offsets[r + 1], 0, 0
        for which in range(len(buckets)):
            buckets[which, _LEVEL], buckets[which, _SINCE] = buckets[which, _SIZE], 0
        while new < last or size > 0:
            if size > 0 and (new == last or instants[0] <= handed[new]):
                now, call = instants[0], waiting[0]
                _drop(instants, waiting, size)
                size -= 1
            else:
                now, call = handed[new], new
                new += 1
            while switch < windows.shape[1] and windows[r, switch] <= now:
                switch += 1
            result, by = DOWN, 0
            if switch & 1:
                by = _entry(buckets, only_units, min(tokens[call], MOST_TOKENS), now)
                result = ANSWERED if by != 0 else THROTTLED
            number = found[_ATTEMPTS, call]
            if by != 0 and error_share > 0 and uniform(luck[call], number) < error_share:
                result = BROKEN
            found[_INSTANT, call], found[_ATTEMPTS, call] = now, number + 1
            found[_THROTTLED, call] += result == THROTTLED
            found[_BROKEN, call] += result == BROKEN
            found[_BY_USE, call] += by == BY_USE
            found[_BY_UNITS, call] += by == BY_UNITS
            if logged < log.shape[1]:
                log[0, logged], log[1, logged], log[2, logged], log[3, logged] = call, now, result, by == BY_UNITS
                logged += 1
            if result == ANSWERED:
                found[_FATE, call] = by
            elif number == most:
                found[_FATE, call] = FAILED_AT_API
            else:
                delay = delays[number]
                if jitters:
                    delay = int(uniform(jitter[call], number) * delay)
                if now + delay >= horizon:
                    found[_FATE, call] = CUT_OFF
                else:
                    _push(instants, waiting, size, now + delay, call)
                    size += 1


def _row(bucket: Bucket | None) -> list[int]:
    """Lay out a bucket."""
    if bucket is None:
        return [0, 0, 0, 0]
    if min(bucket.per_minute, bucket.burst) < 1 or bucket.per_minute * bucket.burst > MOST_LEVEL:
        raise ValueError(
            f"{bucket.per_minute} a minute, of {bucket.burst} microseconds, is no bucket that can be filled"
        )
    size = bucket.per_minute * bucket.burst
    return [bucket.per_minute, size, size, 0]


def _run(account: Account, calls: Calls, windows: Ticks, entries: int) -> tuple[Answers, Ticks]:
    """Let all calls try, and log as many attempts."""
    if len(windows) != calls.replications:
        raise ValueError(f"there are windows of {len(windows)} replications and calls of {calls.replications}")
    buckets = np.array([_row(each) for each in (account.requests, account.tokens, account.units)])
    found, log = np.zeros((7, len(calls)), np.int64), np.empty((4, entries), np.int64)
    crowd = int(np.diff(calls.offsets).max(initial=0))
    _answer(
        calls.offsets,
        calls.handed,
        calls.tokens,
        calls.jitter,
        calls.luck,
        windows,
        buckets,
        account.delays,
        account.only_units,
        account.jitter,
        account.error_share,
        account.horizon,
        np.empty(crowd, np.int64),
        np.empty(crowd, np.int64),
        found,
        log,
    )
    return Answers(*found), log


def answer(account: Account, calls: Calls, windows: Ticks) -> Answers:
    """Answer the calls of each replication by the rules of an account; as ``reference.answer``.

    Notes
    -----
    O(attempts log(calls that wait)).
    """
    return _run(account, calls, windows, 0)[0]


def attempts(account: Account, calls: Calls, windows: Ticks) -> Attempts:
    """Tell every attempt that ``answer`` lets happen, in the order of time, replication by replication."""
    count = int(answer(account, calls, windows).attempts.sum())
    return Attempts(*_run(account, calls, windows, count)[1])
