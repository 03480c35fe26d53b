"""An API account in SimPy: every request tries, is refused, waits and tries again; one process a request.

An attempt meets, in this order: an outage (it fails at once); the reserved units (they take it if they hold its
tokens); the limits of what is paid per use (both must hold it; a refusal takes nothing from either); an error (what it
took is gone). Whoever is turned away tries again after a back-off, as often as the rules allow. Attempts at one instant
go in the order of the calls: who was handed over first is first, so retries go before what is new.

A bucket is full at the start. A request of more tokens than it ever holds goes when it is full, and leaves it owing.
"""

from collections.abc import Generator
from fractions import Fraction
from typing import Any

import numpy as np
import simpy

from sim.engine.reference.market import switches_at
from sim.engine.reference.moment import Moment
from sim.ground.account import (
    ANSWERED,
    BROKEN,
    BY_UNITS,
    BY_USE,
    CUT_OFF,
    DOWN,
    FAILED_AT_API,
    MOST_TOKENS,
    THROTTLED,
    TICKS_PER_MINUTE,
    Account,
    Answers,
    Attempts,
    Bucket,
    Calls,
    uniform,
)
from sim.ground.units import Ticks


class Level:
    """What a bucket holds, as an exact fraction; without a bucket there is no limit."""

    def __init__(self, bucket: Bucket | None) -> None:
        self.bucket, self.since = bucket, 0
        if bucket is not None:
            self.per_tick = Fraction(bucket.per_minute, TICKS_PER_MINUTE)
            self.size = self.level = self.per_tick * bucket.burst

    def holds(self, amount: int, now: int) -> bool:
        """Tell whether it holds so much; of what is more than it ever holds, whether it is full."""
        if self.bucket is None:
            return True
        self.level = min(self.size, self.level + self.per_tick * (now - self.since))
        self.since = now
        return self.level >= min(Fraction(amount), self.size)

    def take(self, amount: int) -> None:
        """Take so much out of it; it may owe."""
        if self.bucket is not None:
            self.level -= amount


class Desk:
    """One account in one replication."""

    def __init__(self, account: Account, windows: list[int], calls: Calls, found: Answers) -> None:
        self.env = simpy.Environment(initial_time=0)
        self.account, self.windows, self.calls, self.found = account, windows, calls, found
        self.requests, self.tokens, self.units = (
            Level(bucket) for bucket in (account.requests, account.tokens, account.units)
        )
        self.log: list[tuple[int, int, int, int]] = []

    def run(self, rows: range) -> None:
        """Let all calls of the replication try, until none tries any more."""
        for rank, row in enumerate(rows):
            self.env.process(self.life(rank, row))
        self.env.run()

    def life(self, rank: int, row: int) -> Generator[simpy.Event, Any, None]:
        """Let a call try until it is answered, may try no more, or the clock stops."""
        found, instant = self.found, int(self.calls.handed[row])
        for retry in range(len(self.account.delays) + 1):
            yield Moment(self.env, instant, rank)
            found.instant[row] = instant
            if self.attempt(row) == ANSWERED:
                return
            if retry == len(self.account.delays):
                found.fate[row] = FAILED_AT_API
                return
            instant += self.delay(row, retry)
            if instant >= self.account.horizon:
                found.fate[row] = CUT_OFF
                return

    def delay(self, row: int, retry: int) -> int:
        """Tell how long a call waits before a retry."""
        longest = int(self.account.delays[retry])
        return int(uniform(int(self.calls.jitter[row]), retry) * longest) if self.account.jitter else longest

    def attempt(self, row: int) -> int:
        """Let a call try once, and note what comes of it."""
        found = self.found
        result, units = self.entry(int(self.calls.tokens[row]), int(self.env.now))
        if result == ANSWERED:
            found.fate[row] = BY_UNITS if units else BY_USE
            found.by_units[row] += units
            found.by_use[row] += not units
            if uniform(int(self.calls.luck[row]), int(found.attempts[row])) < self.account.error_share:
                result = BROKEN
        found.attempts[row] += 1
        found.throttled[row] += result == THROTTLED
        found.broken[row] += result == BROKEN
        self.log.append((row, int(self.env.now), result, int(units)))
        return result

    def entry(self, tokens: int, now: int) -> tuple[int, bool]:
        """Tell whether an attempt is taken or why not, and whether reserved units take it."""
        tokens = min(tokens, MOST_TOKENS)
        if switches_at(self.windows, now) % 2 == 0:
            return DOWN, False
        if self.account.units is not None:
            if self.units.holds(tokens, now):
                self.units.take(tokens)
                return ANSWERED, True
            if self.account.only_units:
                return THROTTLED, False
        if not (self.requests.holds(1, now) and self.tokens.holds(tokens, now)):
            return THROTTLED, False
        self.requests.take(1)
        self.tokens.take(tokens)
        return ANSWERED, False


def _told(account: Account, calls: Calls, windows: Ticks) -> tuple[Answers, Attempts]:
    """Let each replication's calls try."""
    found, log = Answers.blank(len(calls)), []
    for number, (first, last) in enumerate(zip(calls.offsets[:-1], calls.offsets[1:], strict=True)):
        desk = Desk(account, [int(each) for each in windows[number]], calls, found)
        desk.run(range(int(first), int(last)))
        log += desk.log
    return found, Attempts(*np.array(log, np.int64).reshape(-1, 4).T)


def answer(account: Account, calls: Calls, windows: Ticks) -> Answers:
    """Answer the calls of each replication by the rules of an account, attempt by attempt.

    Parameters
    ----------
    account : Account
        The rules.
    calls : Calls
        What is handed over in one or more replications.
    windows : int64[replications, n]
        Microseconds at which the API goes up and down in turns, up first, each row padded with ``NEVER``.
    """
    return _told(account, calls, windows)[0]


def attempts(account: Account, calls: Calls, windows: Ticks) -> Attempts:
    """Tell every attempt that ``answer`` lets happen, in the order of time, replication by replication."""
    return _told(account, calls, windows)[1]
