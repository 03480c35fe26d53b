"""How long many iterations take together when each is longer than the last by the same amount; and the way back.

The i-th iteration lasts max(floor, first + i growth). ``low`` counts the leading ones that the floor lengthens; where
they do not grow, ``first`` is no shorter than the floor and ``low`` is 0.
"""

import math
from typing import Final

from sim.ground.compiled import inlined
from sim.ground.units import Ticks

LONGEST_SPAN: Final = 2**61
"""Serving ticks that a span may last; a longer one is taken in parts, so that integers do not overflow."""


@inlined
def span(count: int, first: int, growth: int, low: int, floor: int) -> int:
    """Add up ``count`` iterations."""
    if low > 0:
        if count <= low:
            return count * floor
        high = count - low
        return low * floor + high * (first + low * growth) + growth * ((high * (high - 1)) >> 1)
    return count * first + growth * ((count * (count - 1)) >> 1)


@inlined
def iterations(time: int, first: int, growth: int, low: int, floor: int) -> tuple[int, int]:
    """Find the first boundary at or after ``time`` > 0: its number and instant.

    A guess in floats, corrected in integers: of a series, or of the root where that is not enough.
    """
    passed = 0
    if low > 0:
        if low * floor >= time:
            count = (time + floor - 1) // floor
            return count, count * floor
        passed, first = low * floor, first + low * growth
        time -= passed
    pace = 1.0 / first
    guess = time * pace
    longer = guess * pace * growth
    if longer * longer * guess > 1.0:
        half = first - 0.5 * growth
        guess = 2.0 * time / (half + math.sqrt(half * half + 2.0 * growth * time))
    else:
        guess -= 0.5 * longer * (guess - 1.0)
    count = int(guess) + 1
    reach = count * first + growth * ((count * (count - 1)) >> 1)
    while reach < time:
        reach += first + count * growth
        count += 1
    while count > 1 and reach - first - (count - 1) * growth >= time:
        count -= 1
        reach -= first + count * growth
    return low + count, passed + reach


@inlined
def spread(busy: Ticks, edges: Ticks, window: int, since: int, until: int) -> int:
    """Add a busy time to the windows in which it lies; return the window of its end."""
    while until > edges[window + 1]:
        stop = max(since, edges[window + 1])
        busy[window] += stop - since
        since = stop
        window += 1
    busy[window] += until - since
    return window
