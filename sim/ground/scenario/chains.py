"""Chains of states by the chances of the next one. Not here: what a state means, how long it lasts."""

import math
from collections.abc import Sequence

Chances = Sequence[Sequence[float]]


def unreached(chances: Chances) -> tuple[int, int] | None:
    """Name a state and another that is never reached from it; None where every state leads to every other."""
    for first in range(len(chances)):
        seen, todo = {first}, [first]
        while todo:
            reached = {state for state, chance in enumerate(chances[todo.pop()]) if chance} - seen
            seen |= reached
            todo += reached
        if len(seen) < len(chances):
            return first, min(set(range(len(chances))) - seen)
    return None


def visits(chances: Chances) -> tuple[float, ...]:
    """Share of the visits that each state of an irreducible chain gets, by chances of the next state.

    Sums and products of numbers above 0 alone, so nothing cancels.

    References: Grassmann, Taksar, Heyman, Operations Research 33 (1985) 1107.
    """
    left = [list(row) for row in chances]
    count = len(left)
    for last in range(count - 1, 0, -1):
        away = math.fsum(left[last][:last])
        for row in left[:last]:
            row[last] /= away
            for place in range(last):
                row[place] += row[last] * left[last][place]
    found = [1.0]
    for place in range(1, count):
        found.append(math.fsum(found[k] * left[k][place] for k in range(place)))
    return tuple(each / math.fsum(found) for each in found)
