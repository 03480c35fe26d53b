"""One crossing of two bills: found over fixed paths, bounded by the test of their difference, more paths until precise.

The interval holds every value at which a paired t test does not tell the two bills apart. It covers the true crossing
whenever that test does not err there, whatever the slope and however the difference bends or steps: Fieller's interval,
without its straight line.

References
----------
Fieller, Some problems in interval estimation, Journal of the Royal Statistical Society B 16 (1954); Casella & Berger,
Statistical Inference (2002), section 9.2.1 (inverting a test).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from scipy.special import stdtrit

from sim.ground.estimate import Estimate
from sim.ground.estimate.stopping import spread_at_most
from sim.questions.search.difference import Along, Gap
from sim.questions.search.roots import enclose, on_line
from sim.questions.search.span import FINE, Span

Kind = Literal["equal", "jump", "between", "tie"]

_SHARE: Final = 0.02
"""Width to which a crossing is found, as a share of half its interval."""
_LIMIT: Final = 0.1
"""Width to which an end of an interval is found, as a share of half of it, before a straight line is drawn."""
_VALUES: Final = 12
"""Values that it takes to find a crossing and both ends of its interval, about."""
_STEP: Final = 0.01
"""Share of the rise over the whole segment that makes a jump of what happens at one place."""


@dataclass(frozen=True)
class Crossing:
    """Where two plans change places.

    Attributes
    ----------
    at : Estimate
        The value at which they cost the same; of whole numbers the first at which the other plan is cheaper.
    kind : {"equal", "jump", "between", "tie"}
        Equal there; the difference jumps over 0 there; it changes between two whole numbers; equal from one value to
        another.
    between : (float, float)
        The values next to it on either side; of a tie its ends.
    cheaper : (str, str)
        Who is cheaper below and above.
    precise : bool
        Whether the interval is as narrow as was asked for.
    """

    at: Estimate
    kind: Kind
    between: tuple[float, float]
    cheaper: tuple[str, str]
    precise: bool


@dataclass(frozen=True)
class Rules:
    """How sure a crossing must be.

    Attributes
    ----------
    precision : float
        Half the interval over the value, at most.
    most : int
        Blocks of replications, at most.
    room : callable
        Tells whether so many values over so many blocks may still be looked at; what is not sure else stays so.
    """

    precision: float
    most: int
    room: Callable[[int, int], bool] = lambda values, blocks: True

    def precise(self, at: Estimate) -> bool:
        """Tell whether an interval is narrow enough."""
        return self.times(at) <= 1

    def times(self, at: Estimate) -> float:
        """Say how many times the width that is asked for half an interval is."""
        if at.value is None or at.low is None or at.high is None:
            return math.inf
        wanted, half = self.precision * abs(at.value), (at.high - at.low) / 2
        return 0.0 if half == 0 else half / wanted if wanted else math.inf

    def need(self, at: Estimate) -> float:
        """Say how many times as many replications it takes, even if the spread is larger than it looks."""
        return (self.times(at) * spread_at_most(at.n)) ** 2 if at.n > 1 else math.inf

    def more(self, at: Estimate, blocks: int) -> int:
        """Double as often as the interval asks for, once at least."""
        need = self.need(at)
        doublings = max(1, math.ceil(math.log2(need))) if math.isfinite(need) else 1
        return min(self.most, blocks << min(doublings, 40))


@dataclass(frozen=True)
class Pair:
    """Two plans held against each other along a key."""

    along: Along
    span: Span
    a: str
    b: str
    rules: Rules

    def gap(self, value: float, blocks: int = 1) -> Gap:
        """Take the difference of their bills."""
        return self.along.gap(value, self.a, self.b, blocks)

    def cheaper(self, sign: int) -> str:
        """Name the cheaper plan by the sign of the difference."""
        return self.a if sign < 0 else self.b

    def crossing(self, left: Gap, right: Gap, blocks: int) -> Crossing:
        """Find the crossing between two values of which each is sure, with as many replications as it takes."""
        found = self._once(left, right, (left.at, right.at), blocks)
        while self.rules.need(found.at) > 1 and blocks < self.rules.most:
            if (more := self._more(found.at, blocks)) == blocks:
                return found
            blocks = more
            low, high = self._around(left, right, found, blocks)
            if self.gap(low, blocks).mean * self.gap(high, blocks).mean >= 0:
                return found
            found = self._once(left, right, (low, high), blocks)
        return found

    def _more(self, at: Estimate, blocks: int) -> int:
        """Take as many blocks as an interval asks for, or as there is room for; where there is none, no more."""
        more = self.rules.more(at, blocks)
        while more > blocks and not self.rules.room(_VALUES, more):
            more //= 2
        return max(more, blocks)

    def _around(self, left: Gap, right: Gap, found: Crossing, blocks: int) -> tuple[float, float]:
        """Bracket a crossing by more paths: its interval by fewer ones, widened while the signs are not opposite."""
        ends = []
        known = (found.at.low, found.at.high)
        for gap, start in zip((left, right), known, strict=True):
            at = gap.at if start is None or self.span.whole else start
            while at != gap.at and self.gap(at, blocks).mean * gap.sign <= 0:
                further = self.span.middle(at, gap.at)
                at = gap.at if further is None or abs(further - at) < FINE * self.span.width else further
            ends.append(at)
        return ends[0], ends[1]

    def _once(self, left: Gap, right: Gap, bracket: tuple[float, float], blocks: int) -> Crossing:
        """Find the crossing with so many replications."""
        cheaper = (self.cheaper(left.sign), self.cheaper(right.sign))
        kind: Kind = "between"
        if self.span.whole:
            low, high = self._neighbours(*bracket, left.sign, blocks)
            at = self._first_of(low, high, left, right, blocks)
        else:
            low, high, kind, value = self._place(*bracket, blocks)
            at = self._interval(value, low, high, left, right, blocks)
        return Crossing(at, kind, (low, high), cheaper, self.rules.precise(at))

    def _place(self, low: float, high: float, blocks: int) -> tuple[float, float, Kind, float]:
        """Enclose the change of sign of the mean difference: its bracket, its kind, its value."""
        span = self.span
        first, last = self.gap(low, blocks), self.gap(high, blocks)
        rise, width = abs(last.mean - first.mean), span.seen(high) - span.seen(low)
        tolerance = max(FINE * span.width, _SHARE * max(first.half, last.half) / rise * width)
        while True:
            ends = enclose(
                lambda seen: self.gap(span.value(seen), blocks).mean,
                span.seen(first.at),
                span.seen(last.at),
                first.mean,
                last.mean,
                tolerance,
            )
            if ends[0] == ends[1]:
                at = span.value(ends[0])
                return at, at, "equal", at
            first, last = (self.gap(at, blocks) for at in self._known(ends, first, last))
            if first.sign * last.sign >= 0 or tolerance <= FINE * span.width:
                break
            tolerance = max(FINE * span.width, tolerance / 16)
        jump = first.sign * last.sign < 0 and abs(last.mean - first.mean) > _STEP * rise
        seen = on_line(span.seen(first.at), span.seen(last.at), first.mean, last.mean)
        return first.at, last.at, "jump" if jump else "equal", span.value(seen)

    def _known(self, ends: tuple[float, float], first: Gap, last: Gap) -> tuple[float, float]:
        """Turn a bracket on the scale into values; an end that did not move is the value it was."""
        seen, value = self.span.seen, self.span.value
        low = first.at if ends[0] == seen(first.at) else value(ends[0])
        return low, last.at if ends[1] == seen(last.at) else value(ends[1])

    def _interval(self, value: float, low: float, high: float, left: Gap, right: Gap, blocks: int) -> Estimate:
        """Bound a crossing by the nearest values on either side at which the difference is sure."""
        n = blocks * self.along.block
        if n == 1:
            return Estimate(value, n=1)
        step = self._guess(value, left, right, blocks)
        lower = self._sure_from(low, left, step, blocks)
        step = self.span.seen(value) - self.span.seen(lower) or step
        upper = self._sure_from(high, right, step, blocks)
        quantile = self._quantile(blocks)
        return Estimate(value, lower, upper, (upper - lower) / (2 * quantile) if quantile else 0.0, n)

    def _quantile(self, blocks: int) -> float:
        """Half a t interval over its standard error, by the replications there are."""
        return float(stdtrit(blocks * self.along.block - 1, (1 + float(self.along.scenario.confidence)) / 2))

    def _guess(self, value: float, left: Gap, right: Gap, blocks: int) -> float:
        """Guess half the width of the interval on the scale, from the slope over the whole segment."""
        slope = abs(right.mean - left.mean) / (self.span.seen(right.at) - self.span.seen(left.at))
        return 1.1 * self.gap(value, blocks).half / slope

    def _sure_from(self, start: float, end: Gap, step: float, blocks: int) -> float:
        """Walk outward from a crossing to where the sign of one side is sure, in steps that double."""
        span = self.span

        def unsure(at: float) -> float:
            gap = self.gap(at, blocks)
            return gap.half - end.sign * gap.mean

        inside, doubt = start, unsure(start)
        if doubt <= 0 or step == 0:
            return start
        way = 1.0 if end.at > start else -1.0
        while inside != end.at:
            seen = span.seen(inside) + way * step
            outside = end.at if way * (seen - span.seen(end.at)) >= 0 else span.value(seen)
            beyond = unsure(outside)
            if beyond <= 0:
                return self._limit(unsure, (inside, doubt), (outside, beyond), _LIMIT * step)
            inside, doubt, step = outside, beyond, 2 * step
        return inside

    def _limit(
        self,
        unsure: Callable[[float], float],
        inside: tuple[float, float],
        outside: tuple[float, float],
        tolerance: float,
    ) -> float:
        """Find where a difference becomes sure, between a value at which it is not and one at which it is."""
        span = self.span
        known = {span.seen(value): doubt for value, doubt in (inside, outside)}

        def doubt_at(seen: float) -> float:
            known[seen] = unsure(span.value(seen))
            return known[seen]

        low, high = sorted(known)
        if known[low] * known[high] < 0:
            low, high = enclose(doubt_at, low, high, known[low], known[high], tolerance)
        return span.value(low if low == high else on_line(low, high, known[low], known[high]))

    def _neighbours(self, low: float, high: float, sign: int, blocks: int) -> tuple[float, float]:
        """Find by halving the two whole numbers between which the mean difference changes its sign."""
        below, above = round(low), round(high)
        while above - below > 1:
            middle = (below + above) // 2
            if self.gap(float(middle), blocks).mean * sign > 0:
                below = middle
            else:
                above = middle
        return float(below), float(above)

    def _first_of(self, low: float, high: float, left: Gap, right: Gap, blocks: int) -> Estimate:
        """Bound the first whole number at which the other plan is cheaper, by those at which that is sure."""
        n = blocks * self.along.block
        if n == 1:
            return Estimate(high, n=1)
        below, above = low, high
        while below > left.at and self.gap(below, blocks).sign != left.sign:
            below -= 1
        while above < right.at and self.gap(above, blocks).sign != right.sign:
            above += 1
        quantile = self._quantile(blocks)
        return Estimate(high, below + 1, above, (above - below - 1) / (2 * quantile), n)
