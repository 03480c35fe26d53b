"""What an API account is given and what it gives back: requests handed over, the provider's rules, what became of them.

Not here: how chance is drawn (``workload``), who answers by these rules (``fleet``, ``reference``), what it costs
(``money``). All instants and durations are microseconds.
"""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from sim.ground.units import Ticks

TICKS_PER_MINUTE: Final = 60_000_000

FAILED_AT_API, BY_USE, BY_UNITS, CUT_OFF = 0, 1, 2, 3
"""Fate of a call: given up after its last retry; answered and paid per use; answered by reserved units; still retrying
when the clock stopped."""

DOWN, THROTTLED, BROKEN, ANSWERED = 0, 1, 2, 3
"""What came of one attempt: the API was down; a limit refused it; it was taken and failed; it was taken."""

MOST_LEVEL: Final = 2**61
"""The most that a bucket holds, or owes, in tokens times microseconds of a minute."""

MOST_TOKENS: Final = MOST_LEVEL // TICKS_PER_MINUTE
"""A request of more tokens than this (38 thousand million) counts as one of so many."""


@dataclass(frozen=True)
class Bucket:
    """A limit: what flows in evenly may be saved up, to what flows in within ``burst``. It is full at the start.

    Attributes
    ----------
    per_minute : int
        Tokens, or requests, at least 1.
    burst : int
        Microseconds, at least 1.
    """

    per_minute: int
    burst: int


@dataclass(frozen=True)
class Account:
    """The rules of one API account; they are told in ``reference.api``.

    Attributes
    ----------
    horizon : int
        Nobody tries at it or after it.
    requests, tokens : Bucket, optional
        Limits of what is paid per use.
    units : Bucket, optional
        Tokens that reserved units of throughput take; who finds too few of them there is paid per use.
    only_units : bool
        Whether who finds too few is refused instead.
    delays : int64[most]
        The longest time before each retry; as many retries as there are.
    jitter : bool
        Whether the time before a retry is uniform from 0 to the longest; else it is the longest.
    error_share : float
        Share of the attempts taken that fail.
    """

    horizon: int
    delays: Ticks
    requests: Bucket | None = None
    tokens: Bucket | None = None
    units: Bucket | None = None
    only_units: bool = False
    jitter: bool = True
    error_share: float = 0.0


@dataclass(frozen=True)
class Calls:
    """The requests handed to one account in several replications, one after the other.

    Attributes
    ----------
    offsets : int64[replications + 1]
        Calls of replication r are rows ``offsets[r]`` to ``offsets[r + 1]``.
    handed : int64[n]
        Instant of the first attempt, before the horizon, never decreasing within a replication.
    tokens : int64[n]
        Prompt and output together.
    jitter, luck : int64[n]
        63 random bits each: what decides on the times before retries, and on errors (``uniform``).
    """

    offsets: Ticks
    handed: Ticks
    tokens: Ticks
    jitter: Ticks
    luck: Ticks

    def __len__(self) -> int:
        """Count the calls."""
        return len(self.handed)

    @property
    def replications(self) -> int:
        """Number of replications."""
        return len(self.offsets) - 1


@dataclass(frozen=True)
class Answers:
    """What became of each call.

    Attributes
    ----------
    instant : int64[n]
        Of the last attempt: the one that was answered, if any was.
    attempts, throttled, broken : int64[n]
        Attempts; those that a limit refused; those that were taken and failed. The others met an outage, but for one.
    by_use, by_units : int64[n]
        Attempts taken, answered or failed: paid per use, by reserved units.
    fate : int64[n]
        ``FAILED_AT_API``, ``BY_USE``, ``BY_UNITS`` or ``CUT_OFF``.
    """

    instant: Ticks
    attempts: Ticks
    throttled: Ticks
    broken: Ticks
    by_use: Ticks
    by_units: Ticks
    fate: Ticks

    @classmethod
    def blank(cls, count: int) -> "Answers":
        """Make a table that nothing is written in."""
        return cls(*(np.zeros(count, np.int64) for _ in range(7)))

    def differing(self, other: "Answers") -> Ticks:
        """Find the rows in which two tables differ."""
        names = ("instant", "attempts", "throttled", "broken", "by_use", "by_units", "fate")
        return np.flatnonzero(np.any([getattr(self, name) != getattr(other, name) for name in names], axis=0))


@dataclass(frozen=True)
class Attempts:
    """Every attempt at an account, in the order of time.

    Attributes
    ----------
    call : int64[n]
        Row among the calls.
    instant : int64[n]
        When.
    result : int64[n]
        ``DOWN``, ``THROTTLED``, ``BROKEN`` or ``ANSWERED``.
    units : int64[n]
        1 where reserved units took it.
    """

    call: Ticks
    instant: Ticks
    result: Ticks
    units: Ticks

    def same(self, other: "Attempts") -> bool:
        """Tell whether two tables say the same."""
        return all(np.array_equal(getattr(self, name), getattr(other, name)) for name in self.__dataclass_fields__)


class Answer(Protocol):
    """Answers the calls of each replication by the rules of an account: the kernel, or the reference."""

    def __call__(self, account: Account, calls: Calls, windows: Ticks) -> Answers:
        """Answer; ``windows[r]`` are the instants at which the API goes up and down in turns, up first."""


@dataclass(frozen=True)
class Tries:
    """What requests of a pool met at the API; all 0 for those that were not handed over.

    Attributes
    ----------
    attempts, throttled, broken : int64[n]
        As of ``Answers``.
    last : int64[n]
        Microsecond of the last attempt, when all that the request pays is charged; -1 for those not handed over.
    charged : int64[n]
        How often its price by tokens is due.
    by_units : int64[n]
        How often reserved units took its tokens.
    """

    attempts: Ticks
    throttled: Ticks
    broken: Ticks
    last: Ticks
    charged: Ticks
    by_units: Ticks

    @classmethod
    def none(cls, count: int) -> "Tries":
        """Make the tries of requests that were not handed over."""
        tries = [np.zeros(count, np.int64) for _ in range(6)]
        tries[3][:] = -1
        return cls(*tries)


_GOLDEN, _WORD = 0x9E3779B9, 0xFFFFFFFF
_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B


def _stirred(word: int) -> int:
    """Stir 32 bits, so that neighbours have nothing in common any more."""
    word = (word ^ word >> 16) * _FIRST & _WORD
    word = (word ^ word >> 15) * _SECOND & _WORD
    return word ^ word >> 16


def uniform(bits: int, number: int) -> float:
    """Take one of the uniform numbers that random bits stand for: as many as one likes from one draw a request.

    Parameters
    ----------
    bits : int
        63 random bits, of one request.
    number : int
        Which number, from 0; the attempt.

    Returns
    -------
    float
        In [0, 1), a multiple of 2^-32.

    Notes
    -----
    A table of draws would hold as many numbers a request as there may be retries, nearly all of them unused. The low
    word counts the attempts in steps of the golden ratio (a Weyl sequence), the high word keys what comes out.

    References
    ----------
    Steele, Lea, Flood, Fast splittable pseudorandom number generators (OOPSLA 2014), for the construction; the stirring
    of 32 bits is the one found by C. Wellons' search (hash-prospector, 2018).
    """
    low, high = bits & _WORD, bits >> 32
    return _stirred(_stirred(low + number * _GOLDEN & _WORD) ^ high) * 2.0**-32
