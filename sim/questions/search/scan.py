"""A range looked over: where both plans do the work, whose sign is sure where, what lies between two sure signs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final

import numpy as np

from sim.questions.search.crossing import Pair
from sim.questions.search.difference import Gap
from sim.questions.search.roots import edge, worth_a_look
from sim.questions.search.span import FINE, Span

FIRST_LOOK: Final = 9
"""Values looked at first, evenly over the range."""
_ROUNDS, _NARROWEST = 4, 1 / 130
_EDGE: Final = 1e-3
"""Width to which the edge of doing the work is found by simulation, as a share of the range."""


@dataclass(frozen=True)
class LeftOut:
    """Values that are not compared: one plan does not do the work there.

    Attributes
    ----------
    low, high : float
        From which value to which.
    plan, reason : str
        Who does not, and why.
    capacity : float or None
        The value at which its queue ceases to settle, where that is why.
    """

    low: float
    high: float
    plan: str
    reason: str
    capacity: float | None


@dataclass(frozen=True)
class Edge:
    """Two neighbouring values: at one both plans do the work, at the other not."""

    inside: float
    outside: float


@dataclass(frozen=True)
class Stretch:
    """Neighbouring values at which both plans do the work, and how sure each sign is.

    Attributes
    ----------
    gaps : tuple of Gap
        In ascending order.
    blocks : tuple of int
        Blocks of replications that each rests on.
    """

    gaps: tuple[Gap, ...]
    blocks: tuple[int, ...]


def misfit(pair: Pair, value: float) -> tuple[str, str] | None:
    """Name the plan that does not do the work at a value, and why; None where both do."""
    for name in (pair.a, pair.b):
        if (reason := pair.along.unfit(value, name)) is not None:
            return name, reason
    return None


def look(pair: Pair, values: Sequence[float]) -> tuple[list[Stretch], list[LeftOut]]:
    """Look over a range: stretches where both plans do the work, from edge to edge, and what is left out.

    Parameters
    ----------
    pair : Pair
        Who is compared.
    values : sequence of float
        Where to look first, in ascending order.
    """
    runs = [(fit, list(group)) for fit, group in groupby(values, lambda value: misfit(pair, value) is None)]
    edges = [
        _edge(pair, one[-1], two[0]) if fit else _edge(pair, two[0], one[-1]) for (fit, one), (_, two) in pairwise(runs)
    ]
    stretches, left_out = [], []
    for k, (fit, run) in enumerate(runs):
        before, after = (edges[k - 1] if k else None), (edges[k] if k < len(edges) else None)
        if fit:
            ends = {run[0] if before is None else before.inside, run[-1] if after is None else after.inside}
            stretches.append(_sure(pair, _refined(pair, sorted({*run, *ends}))))
        else:
            low, high = (run[0] if before is None else before.inside), (run[-1] if after is None else after.inside)
            near = before or after
            why = misfit(pair, run[0] if near is None else near.outside) or ("", "")
            left_out.append(LeftOut(low, high, *why, _capacity(pair, before, run)))
    return stretches, left_out


def _capacity(pair: Pair, before: Edge | None, run: Sequence[float]) -> float | None:
    """Find from which value on the queue of a plan never settles, above values at which both plans do the work."""
    over = next((value for value in run if not _carried(pair, value)), None)
    if before is None or over is None:
        return None
    span = pair.span
    return span.value(halved(span, lambda seen: _carried(pair, span.value(seen)), before.inside, over, FINE)[1])


def _carried(pair: Pair, value: float) -> bool:
    """Tell by arithmetic whether the queues of both plans settle."""
    return all(pair.along.overload(value, name) is None for name in (pair.a, pair.b))


def _edge(pair: Pair, inside: float, outside: float) -> Edge:
    """Find the last value before another at which both plans still do the work: by arithmetic first, then simulated."""
    span = pair.span
    if not _carried(pair, outside):
        ends = halved(span, lambda seen: _carried(pair, span.value(seen)), inside, outside, FINE)
        last, outside = span.value(ends[0]), span.value(ends[1])
        if last == inside or misfit(pair, last) is None:
            return Edge(last, outside)
        outside = last
    ends = halved(span, lambda seen: misfit(pair, span.value(seen)) is None, inside, outside, _EDGE)
    return Edge(span.value(ends[0]), span.value(ends[1]))


def halved(
    span: Span, holds: Callable[[float], bool], inside: float, outside: float, share: float = _EDGE
) -> tuple[float, float]:
    """Halve towards the edge on the scale; between whole numbers until they are neighbours."""
    low, high = inside, outside
    if not span.whole:
        return edge(holds, span.seen(inside), span.seen(outside), share * span.width)
    while (middle := span.middle(low, high)) is not None:
        low, high = (middle, high) if holds(span.seen(middle)) else (low, middle)
    return span.seen(low), span.seen(high)


def _refined(pair: Pair, values: list[float]) -> list[float]:
    """Add values in between where the difference bends towards 0, or is not told apart from it."""
    for _ in range(_ROUNDS):
        pair.along.know(values, (pair.a, pair.b))
        if not pair.rules.room(len(values), 1):
            break
        gaps = [pair.gap(value) for value in values]
        x = np.array([pair.span.seen(value) for value in values])
        y, doubt = np.array([gap.mean for gap in gaps]), np.array([gap.half for gap in gaps])
        found = worth_a_look(x, y, doubt)
        wide = [k for k in found if x[k + 1] - x[k] > _NARROWEST * pair.span.width]
        new = [pair.span.middle(values[k], values[k + 1]) for k in wide]
        added = [value for value in new if value is not None and misfit(pair, value) is None]
        if not added:
            break
        values = sorted({*values, *added})
    return values


def _sure(pair: Pair, values: list[float]) -> Stretch:
    """Take more replications where a sign is not sure and that is not because the plans change places there."""
    gaps, blocks = [pair.gap(value) for value in values], [1] * len(values)
    for k in doubtful([gap.sign for gap in gaps]):
        while not gaps[k].sign and not gaps[k].tied and blocks[k] < pair.rules.most:
            more = min(pair.rules.most, 2 * blocks[k])
            if not pair.rules.room(1, more):
                break
            blocks[k] = more
            gaps[k] = pair.gap(values[k], blocks[k])
    return Stretch(tuple(gaps), tuple(blocks))


def doubtful(signs: Sequence[int]) -> list[int]:
    """List the places whose sign is not sure, but for those between two sure signs that are opposite."""
    sure = [k for k, sign in enumerate(signs) if sign]
    crossed = {j for a, b in pairwise(sure) if signs[a] != signs[b] for j in range(a + 1, b)}
    return [k for k, sign in enumerate(signs) if not sign and k not in crossed]
