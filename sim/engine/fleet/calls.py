"""Who calls for a node: a job that has waited long enough, since it came or since it was interrupted last.

Each fills a share of a node, and the shares of all who call add up to the demand. ``calling`` of a job: 1 while it
waits and calls, -1 while an interrupted one has an entry in the heap of ``recalls``.
"""

from typing import Final

from sim.engine.fleet.heap import drop, push
from sim.ground.compiled import inlined, kernel
from sim.ground.jobs import NOT_STARTED, SHARE
from sim.ground.units import Ticks

UP, ORDERS, HIRES, ASKED, ASK_AGAIN, ASK_NEXT, SUSPENDED, GOING, LOSING, DEMAND, RECALLS, RIPENING, TALLIES = range(13)
"""What is counted of a replication: hired nodes up, orders, hires so far, askings so far, when to ask again at the
earliest and at the latest, whether an idle node waits for the queue to be empty, nodes that go, jobs that lose theirs,
the demand, interrupted jobs that will call, the first job that has not yet waited long enough."""

ROWS: Final = 4
"""Rows of room for each job: instants and jobs of the heap, instant of the last interruption, whether it calls."""


@kernel
def share(shares: Ticks, gpus: int, size: int) -> int:
    """Tell how much of a node a job fills; as ``share_of_node``, of which ``shares`` is a table."""
    return shares[gpus] if gpus <= size else gpus // size * SHARE


@inlined
def call(tally: Ticks, of_calls: Ticks, at: int, filled: int) -> None:
    """Let a waiting job call for its share of a node."""
    tally[DEMAND] += filled
    of_calls[3, at] = 1


@inlined
def withdraw(tally: Ticks, of_calls: Ticks, at: int, filled: int) -> None:
    """Let a job that waits no longer call no longer."""
    of_calls[2, at] = -1
    if of_calls[3, at] > 0:
        tally[DEMAND] -= filled
        of_calls[3, at] = 0


@inlined
def call_later(tally: Ticks, of_calls: Ticks, at: int, now: int, after: int, filled: int) -> None:
    """Let an interrupted job call when it has waited anew."""
    of_calls[2, at] = now
    if after == 0:
        call(tally, of_calls, at, filled)
    elif of_calls[3, at] == 0:
        push(of_calls[0], of_calls[1], tally[RECALLS], now + after, at)
        tally[RECALLS] += 1
        of_calls[3, at] = -1


@inlined
def ripen(
    tally: Ticks,
    of_calls: Ticks,
    arrival: Ticks,
    outcome: Ticks,
    gpus: Ticks,
    shares: Ticks,
    size: int,
    first: int,
    arriving: int,
    now: int,
    after: int,
) -> None:
    """Let those call who have waited long enough."""
    while tally[RIPENING] < arriving and arrival[tally[RIPENING]] + after <= now:
        job = tally[RIPENING]
        if outcome[job] == NOT_STARTED:
            call(tally, of_calls, job - first, share(shares, gpus[job], size))
        tally[RIPENING] += 1
    while tally[RECALLS] > 0 and of_calls[0, 0] <= now:
        at = of_calls[1, 0]
        drop(of_calls[0], of_calls[1], tally[RECALLS])
        tally[RECALLS] -= 1
        of_calls[3, at] = 0
        if of_calls[2, at] < 0:
            continue  # it runs again, or is done
        if of_calls[2, at] + after <= now:
            call(tally, of_calls, at, share(shares, gpus[first + at], size))
        else:
            call_later(tally, of_calls, at, of_calls[2, at], after, 0)
