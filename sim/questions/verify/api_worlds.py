"""Random API accounts, on which the kernel must give what SimPy gives, attempt by attempt; and what must always hold.

Every instant lies on a coarse grid and the buckets fill in whole steps of it, so hand-overs, retries, outages and
buckets that just suffice meet all the time; every fourth world is off the grid.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.engine import fleet, reference
from sim.ground.account import ANSWERED, BROKEN, DOWN, TICKS_PER_MINUTE, Account, Attempts, Bucket, Calls
from sim.ground.units import NEVER, Ticks

FULL, QUICK = 400, 80
"""How many worlds."""

_SEED: Final = 983
_MOST: Final = 40
"""Calls of a replication, at most."""
_CHECKED: Final = range(120)
_LOGGED: Final = 3


@dataclass(frozen=True)
class World:
    """An account and what is handed to it in a few replications."""

    account: Account
    calls: Calls
    windows: Ticks


def _bucket(rng: np.random.Generator, grid: int) -> Bucket | None:
    """Draw a limit: none, or one that fills in whole steps of the grid, or in odd ones."""
    if rng.random() < 0.4:
        return None
    whole = TICKS_PER_MINUTE // grid
    per_minute = int(rng.choice([whole, 2 * whole, 5 * whole, 7, 1_000_003]))
    return Bucket(per_minute, int(rng.integers(1, 25)) * grid)


def _account(rng: np.random.Generator, grid: int, horizon: int) -> Account:
    """Draw the rules of an account."""
    units = _bucket(rng, grid)
    return Account(
        horizon,
        delays=np.sort(rng.integers(0, 9, int(rng.integers(0, 6)))) * grid,
        requests=_bucket(rng, grid),
        tokens=_bucket(rng, grid),
        units=units,
        only_units=units is not None and bool(rng.random() < 0.4),
        jitter=bool(rng.random() < 0.5),
        error_share=float(rng.choice([0, 0, 0.3, 1])),
    )


def _windows(rng: np.random.Generator, grid: int, replications: int) -> Ticks:
    """Draw when the API is there: always, or in turns on the grid."""
    if rng.random() < 0.5:
        return np.tile(np.array([0, NEVER]), (replications, 1))
    turns = np.cumsum(rng.integers(1, 9, (replications, 7)), axis=1) * grid
    return turns - turns[:, :1] * (rng.random((replications, 1)) < 0.7)


def world(number: int) -> World:
    """Make one of the random worlds.

    Parameters
    ----------
    number : int
        Which; each is the same on every machine.
    """
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(_SEED, spawn_key=(number,))))
    grid = int(rng.choice([1, 10, 1_000_000]))
    horizon = int(rng.choice([12, 40, 1000])) * grid
    sizes = rng.integers(0, _MOST, int(rng.integers(1, 4)))
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    step = 1 if number % 4 == 3 else grid
    span = min(horizon, int(rng.integers(1, 60)) * grid)
    handed = [np.sort(rng.integers(0, span, size)) // step * step for size in sizes]
    count = int(offsets[-1])
    bits = rng.integers(0, 2**63, (2, count), dtype=np.int64)
    calls = Calls(offsets, np.concatenate(handed), rng.integers(1, int(rng.choice([2, 6, 40])), count), *bits)
    return World(_account(rng, grid, horizon), calls, _windows(rng, grid, len(sizes)))


def compare(numbers: range) -> tuple[int, int]:
    """Answer some worlds by the kernel and by SimPy.

    Returns
    -------
    rows, differing : int
        Calls compared, and those in which anything differs; of every third world the log too, which counts as one.
    """
    rows = differing = 0
    for number in numbers:
        each = world(number)
        told = reference.answer(each.account, each.calls, each.windows)
        found = fleet.answer(each.account, each.calls, each.windows)
        rows += len(each.calls)
        differing += len(told.differing(found))
        if number % _LOGGED:
            continue
        log = reference.attempts(each.account, each.calls, each.windows)
        differing += not log.same(fleet.attempts(each.account, each.calls, each.windows))
    return rows, differing


def _logs() -> list[tuple[World, Ticks, Attempts]]:
    """Let the kernel tell every attempt of some worlds, with the replication of each."""
    found = []
    for each in map(world, _CHECKED):
        log = fleet.attempts(each.account, each.calls, each.windows)
        found.append((each, np.searchsorted(each.calls.offsets, log.call, side="right") - 1, log))
    return found


def _overdrawn(bucket: Bucket, instant: Ticks, amount: Ticks) -> int:
    """Count the spans from one attempt to another in which more passed than was saved up and flowed in.

    What is more than a bucket ever holds passes when it is full, so the last request of a span may exceed it.
    """
    size, drawn = bucket.per_minute * bucket.burst, np.cumsum(amount) * TICKS_PER_MINUTE
    before = drawn - amount * TICKS_PER_MINUTE
    passed = drawn[None, :] - before[:, None]
    room = size + bucket.per_minute * (instant[None, :] - instant[:, None])
    over = passed > room + np.maximum(amount * TICKS_PER_MINUTE - size, 0)[None, :]
    return int(np.count_nonzero(np.triu(over)))


def limits_hold_in_every_span() -> tuple[int, int]:
    """In no span of time do more requests or tokens pass a limit than its bucket holds and takes in."""
    looked = broken = 0
    for each, replication, log in _logs():
        taken = (log.result == ANSWERED) | (log.result == BROKEN)
        tokens = each.calls.tokens[log.call]
        for number in range(each.calls.replications):
            mine, rules = taken & (replication == number), each.account
            for bucket, amount, units in (
                (rules.requests, np.ones_like(tokens), 0),
                (rules.tokens, tokens, 0),
                (rules.units, tokens, 1),
            ):
                here = mine & (log.units == units)
                if bucket is not None:
                    looked += int(np.count_nonzero(here))
                    broken += _overdrawn(bucket, log.instant[here], amount[here])
    return looked, broken


def outages_answer_nobody() -> tuple[int, int]:
    """Nobody meets an outage unless the API is down at that instant, nor passes one; nobody tries at the horizon."""
    looked = broken = 0
    for each, replication, log in _logs():
        down = np.sum(each.windows[replication] <= log.instant[:, None], axis=1) % 2 == 0
        late = log.instant >= each.account.horizon
        looked += len(down)
        broken += int(np.count_nonzero((down != (log.result == DOWN)) | late))
    return looked, broken


def retries_are_as_many_and_as_late_as_they_may() -> tuple[int, int]:
    """Every call tries first when it is handed over, again within the delay of each retry, no more once answered."""
    looked = broken = 0
    for each, _, log in _logs():
        delays, jitter = each.account.delays, each.account.jitter
        for call in range(len(each.calls)):
            mine = log.call == call
            gaps = np.diff(log.instant[mine])
            allowed = delays[: len(gaps)]
            wrong = len(gaps) > len(delays) or not mine.any() or log.instant[mine][0] != each.calls.handed[call]
            wrong = wrong or (ANSWERED in log.result[mine][:-1])
            wrong = wrong or bool(((gaps > allowed) | ((gaps != allowed) & (not jitter))).any())
            looked, broken = looked + 1, broken + wrong
    return looked, broken


CHECKS: Final = (
    limits_hold_in_every_span,
    outages_answer_nobody,
    retries_are_as_many_and_as_late_as_they_may,
)
