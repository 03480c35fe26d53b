"""How far each lever must be moved, alone, until another plan is the cheapest.

The verdict is that of the study: the plan of the least mean bill among those that do the work. It is followed outward
from where a lever stands, on both sides, over the study's own sample paths. It turns where another plan's bill crosses
its own, where a cheaper plan begins to do the work, or where it ceases to do the work itself.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final, Literal

from sim.ground.estimate import Estimate
from sim.ground.scenario.levers import Lever
from sim.ground.scenario.levers import levers as levers_of
from sim.questions.search.crossing import Pair, Rules
from sim.questions.search.moving import MONEY, Moving
from sim.questions.search.pairs import crossing_in
from sim.questions.search.scan import FIRST_LOOK, Stretch, halved, look
from sim.questions.search.sight import Budget, Sight
from sim.questions.search.span import Span
from sim.study.result import SCHEMA, Json
from sim.study.study import Study, check_how, check_replications
from sim.study.threads import Progress, mapper, pool

Side = Literal["up", "down"]

_PRECISION: Final = 0.02
_LINE_LOOK: Final = 3
_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class Turn:
    """Where the verdict turns when a lever is moved alone to one side.

    Attributes
    ----------
    lever : Lever
        What is moved.
    at : Estimate
        The value at which the verdict changes, with its interval; no value where none in the range changes it.
    to : str or None
        The plan that is cheapest beyond.
    side : {"up", "down"}
        Which way it is moved.
    reason : str or None
        Why it never turns; or what happens there other than two bills that cross.
    still : float or None
        Where it never turns: how many times the least bill the next one is at the end of the range.
    over : str or None
        Over how much of the horizon it was looked at, where that is not all of it.
    """

    lever: Lever
    at: Estimate
    to: str | None
    side: Side
    reason: str | None
    still: float | None = None
    over: str | None = None

    def times(self) -> Estimate:
        """Tell how many times as much, or as little, the lever must be; no value where that has no meaning."""
        now, at = self.lever.value, self.at
        if at.value is None or not now:
            return Estimate(None)
        if self.side == "up":
            return at.scaled(1 / now)
        if not at.value or at.low == 0:
            return Estimate(None if not at.value else now / at.value, n=at.n)
        low, high = (None if each is None else now / each for each in (at.high, at.low))
        return Estimate(now / at.value, low, high, None if at.se is None else at.se * now / at.value**2, at.n)

    def as_result(self) -> Json:
        """Give it by the keys of the JSON contract."""
        lever = self.lever
        return {
            "lever": lever.name,
            "kind": lever.kind,
            "label": lever.label,
            "unit": lever.unit,
            "value": lever.value,
            "basis": lever.basis,
            "keys": list(lever.keys),
            "plans": list(lever.plans),
            "side": self.side,
            "at": self.at,
            "times": self.times(),
            "to": self.to,
            "reason": self.reason,
            "still": self.still,
            "over": self.over,
        }


def turning_points(
    study: Study,
    levers: Sequence[Lever] | None = None,
    replications: int = 20,
    jobs: int = 0,
    progress: Progress | None = None,
    most_work: float | None = None,
) -> tuple[Turn, ...]:
    """Find how far each lever must be moved, alone, until another plan is the cheapest.

    Parameters
    ----------
    study : Study
        Whose verdict is followed.
    levers : sequence of Lever, optional
        Those of its scenario that are moved; all if not given.
    replications : int
        Sample paths to begin with, the study's first ones; up to four times as many where a turn is not precise.
    jobs : int
        Threads; 0 is one for each processor. Results do not depend on it.
    progress : callable, optional
        Counts levers.
    most_work : float, optional
        Work for all levers together, in microseconds of a processor as ``effort`` estimates them: what takes more is
        looked at with fewer paths, in a narrower range, over the beginning of the horizon, or not at all.

    Returns
    -------
    tuple of Turn
        For each lever the nearest turn above and below where it stands, as far as it can be moved there.

    Raises
    ------
    InputError
        When a number is refused.
    """
    check_replications(replications)
    check_how(None, jobs, study.experiment.engine)
    chosen = levers_of(study.scenario) if levers is None else tuple(levers)
    found: list[Turn] = []
    budget = Budget(study, replications, jobs, None if most_work is None else most_work / max(1, len(chosen)))
    with pool(jobs) as executor:
        for done, lever in enumerate(chosen, 1):
            sight = budget.sight(lever)
            if isinstance(sight, str):
                found.append(Turn(lever, Estimate(None), None, "up", sight))
            else:
                found += (replace(turn, over=sight.over) for turn in _turns(sight, executor))
            if progress is not None:
                progress(done, len(chosen))
    return tuple(found)


def turning_result(study: Study, turns: Sequence[Turn], replications: int) -> Json:
    """Give turning points by the keys of the JSON contract."""
    return {
        "schema": SCHEMA,
        "scenario": study.scenario.name,
        "seed": study.seed,
        "replications": replications,
        "confidence": float(study.scenario.confidence),
        "verdict": study.result["comparison"]["cheapest"],
        "turns": [each.as_result() for each in turns],
    }


def _turns(sight: Sight, executor: ThreadPoolExecutor) -> Iterator[Turn]:
    """Follow the verdict to both sides of where a lever stands."""
    study, lever = sight.study, sight.lever
    best = study.result["comparison"]["cheapest"]
    along = Moving.of(study, lever, sight.replications, mapper(executor))
    for side, span in _sides(along, lever):
        if best is None:
            yield Turn(lever, Estimate(None), None, side, "no plan does the work now")
        elif len(study.scenario.plans) < 2:
            yield Turn(lever, Estimate(None), None, side, "there is no other plan")
        else:
            yield _Outward(along, lever, span, side, best, Rules(_PRECISION, sight.blocks)).turn()


def _sides(along: Moving, lever: Lever) -> Iterator[tuple[Side, Span]]:
    """Give the ranges above and below where a lever stands; a price is followed down to nothing."""
    now = lever.value
    if now < lever.high:
        yield "up", Span(now, lever.high, lever.log, lever.whole)
    if (least := along.least) < now:
        yield "down", Span(least, now, lever.log and least > 0, lever.whole)


@dataclass(frozen=True)
class _Event:
    """What may turn the verdict to a rival: where its bill crosses, or where it stands from the first.

    Attributes
    ----------
    near, far : float
        It turns between these values, the first nearer to where the lever stands; the same where that is known.
    pair : Pair
        The best plan and its rival.
    crossing : (Stretch, int, int) or None
        The two values between which their bills cross.
    reason : str or None
        What happens other than that.
    """

    near: float
    far: float
    pair: Pair
    crossing: tuple[Stretch, int, int] | None
    reason: str | None


@dataclass(frozen=True)
class _Outward:
    """The verdict followed from where a lever stands to one end of its range."""

    along: Moving
    lever: Lever
    span: Span
    side: Side
    best: str
    rules: Rules

    def turn(self) -> Turn:
        """Find the nearest value at which the verdict changes."""
        last, reason = self._last_fit()
        span = self.span if reason is None else self._up_to(last)
        found = self._nearest(span) if span.low < span.high else None
        if found is not None:
            at, event = found
            return Turn(self.lever, at, event.pair.b, self.side, event.reason)
        if reason is not None:
            text = f"`{self.best}` does the work no further: {reason}"
            return Turn(self.lever, Estimate(self._next(last)), self._cheapest_other(last), self.side, text)
        return self._none()

    @property
    def _end(self) -> float:
        """The value farthest from where the lever stands."""
        return self.span.high if self.side == "up" else self.span.low

    def _away(self, value: float) -> float:
        """Tell how far a value is from where the lever stands."""
        return abs(value - self.lever.value)

    def _up_to(self, last: float) -> Span:
        """Narrow the range to what lies between where the lever stands and a value."""
        low, high = sorted((self.lever.value, last))
        return replace(self.span, low=low, high=high)

    def _next(self, value: float) -> float:
        """Take the first value beyond one: the next whole number, or the same where there is no next."""
        return value + (1 if self.side == "up" else -1) if self.span.whole else value

    def _values(self, span: Span) -> list[float]:
        """Space the values to look at first: few where bills are straight lines."""
        return span.first_look(_LINE_LOOK if self.lever.kind in MONEY else FIRST_LOOK)

    def _last_fit(self) -> tuple[float, str | None]:
        """Find the last value at which the best plan does the work, and why it does not beyond; None where it does."""
        if self.best not in self.lever.plans or self.lever.kind in MONEY:
            return self._end, None
        last = self.lever.value
        for value in sorted(self._values(self.span), key=self._away):  # no farther than it takes: overload is slow
            if self.along.unfit(value, self.best) is not None:
                inside, outside = (self.span.value(seen) for seen in halved(self.span, self._fits, last, value))
                return inside, self.along.unfit(outside, self.best)
            last = value
        return last, None

    def _fits(self, seen: float) -> bool:
        """Tell whether the best plan does the work at a place of the scale."""
        return self.along.unfit(self.span.value(seen), self.best) is None

    def _nearest(self, span: Span) -> tuple[Estimate, _Event] | None:
        """Find the nearest value at which a rival is cheaper; those that can only be farther are not looked for."""
        events = [event for pair in self._pairs(span) if (event := self._event(pair)) is not None]
        found: tuple[Estimate, _Event] | None = None
        for event in sorted(events, key=lambda each: (self._away(each.near), self._away(each.far))):
            if found is not None and self._away(event.near) >= self._away(_value(found[0])):
                break
            at = self._at(event)
            if found is None or self._away(_value(at)) < self._away(_value(found[0])):
                found = at, event
        return found

    def _pairs(self, span: Span) -> list[Pair]:
        """Hold the best plan against each other one of which the lever moves either."""
        names = list(self.along.scenario.plans)
        rivals = [name for name in names if name != self.best and {name, self.best} & set(self.lever.plans)]
        self.along.know(self._values(span), [self.best, *rivals])
        return [Pair(self.along, span, self.best, name, self.rules) for name in rivals]

    def _event(self, pair: Pair) -> _Event | None:
        """Find the first thing that turns the verdict to a rival, outward."""
        stretches, _ = look(pair, self._values(pair.span))
        for stretch in stretches if self.side == "up" else reversed(stretches):
            order = list(range(len(stretch.gaps)))
            if self.side == "down":
                order.reverse()
            turned = next((k for k in order if stretch.gaps[k].sign > 0), None)
            if turned is not None:
                return self._in_stretch(pair, stretch, order, turned)
        return None

    def _in_stretch(self, pair: Pair, stretch: Stretch, order: Sequence[int], turned: int) -> _Event:
        """Tell what happens up to the first value at which the rival is surely cheaper."""
        gaps, nearer = stretch.gaps, order[: order.index(turned)]
        sure = [k for k in nearer if gaps[k].sign < 0]
        start = gaps[order[0]]
        reason = None
        if not sure:
            reason = f"`{pair.a}` and `{pair.b}` are not told apart now"
            if start.at != self.lever.value:
                reason = f"`{pair.b}` begins to do the work there"
        before = sure[-1] if sure else order[0] if start.mean < 0 else None
        if before is None:
            return _Event(start.at, start.at, pair, None, reason)
        i, j = sorted((before, turned))
        return _Event(gaps[before].at, gaps[turned].at, pair, (stretch, i, j), reason)

    def _at(self, event: _Event) -> Estimate:
        """Find where an event is, with its interval where bills cross there."""
        if event.crossing is None:
            return Estimate(event.near)
        at = crossing_in(event.pair, *event.crossing).at
        if not self.span.whole or self.side == "up" or at.value is None:
            return at
        low, high = (None if each is None else each - 1 for each in (at.low, at.high))
        return Estimate(at.value - 1, low, high, at.se, at.n)  # downward it is the last before the first above

    def _means(self, value: float) -> dict[str, float]:
        """Tell the mean bill of each plan that does the work at a value."""
        names = [name for name in self.along.scenario.plans if self.along.unfit(value, name) is None]
        return {name: float(self.along.bills(value, name).mean()) for name in names}

    def _cheapest_other(self, value: float) -> str | None:
        """Name the cheapest of the other plans at a value; None where none does the work."""
        others = self._means(value)
        others.pop(self.best, None)
        return min(others, key=others.__getitem__, default=None)

    def _none(self) -> Turn:
        """Say how far the next plan still is where the lever is moved to the end of its range."""
        end, unit = self._end, self.lever.unit
        where = f"at a cv of {_shown(end)}" if unit == "cv" else f"at {_shown(end)} {unit}"
        rival, means = self._cheapest_other(end), self._means(end)
        still = None
        if rival is None:
            said = f"no other plan does the work {where}"
        elif not means[self.best]:
            said = f"{where} `{rival}` still costs {means[rival]:,.0f} USD more than `{self.best}`"
        else:
            still = means[rival] / means[self.best]
            said = f"{where} `{rival}` still costs {still:.3g} times what `{self.best}` does"
            if abs(still - 1) < _ROUNDING:
                said = f"{where} `{rival}` costs the same as `{self.best}`"
        return Turn(self.lever, Estimate(None), None, self.side, said, still)


def _shown(value: float) -> str:
    """Write a value in few digits, thousands separated."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _value(at: Estimate) -> float:
    """Take the value of where a verdict turns."""
    return float(at.value or 0.0)
