"""Which plan of a strategy is in force in which month, and what changing costs. Not here: what a plan costs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sim.ground.scenario.decision import Strategy, When
from sim.ground.units import Floats

_ROUNDING = 1e-9


class Stretch(NamedTuple):
    """Months in which a plan is in force: from the first to before the last."""

    plan: str
    begin: int
    end: int


@dataclass(frozen=True)
class Course:
    """What a strategy does in one future.

    Attributes
    ----------
    stretches : tuple of Stretch
        One after the other, over the whole span.
    switching : float64[months]
        USD paid once, at the beginning of the month in which a change is begun.
    """

    stretches: tuple[Stretch, ...]
    switching: Floats

    @property
    def plans(self) -> list[str]:
        """Every plan that is in force at some time, each once."""
        return list(dict.fromkeys(stretch.plan for stretch in self.stretches))


def _whole(months: float) -> int:
    """Round up to whole months, but for the rounding of floats."""
    return math.ceil(months - _ROUNDING)


def _begun(
    when: When, prices: Mapping[str, Floats], events: Mapping[str, float | None], armed: int, months: int
) -> int | None:
    """Find the month at whose beginning a change is begun that is waited for since ``armed``; None where it never is.

    What has come before counts at once; a price with ``times`` above 1 must have risen so far, else fallen.
    """
    if when.price is not None and when.times is not None:
        path = prices[when.price][armed:]
        reached = np.flatnonzero(path >= when.times if when.times > 1 else path <= when.times)
        return armed + int(reached[0]) if len(reached) else None
    at = when.month if when.event is None else events[when.event]
    return None if at is None or at > months else max(armed, _whole(at))


def course(strategy: Strategy, prices: Mapping[str, Floats], events: Mapping[str, float | None], months: int) -> Course:
    """Follow a strategy through one future.

    A change is begun at the first whole month at or after its cause, which is when its switching cost is paid, and
    done ``lead_months`` later, rounded up to whole months. A change that would not be done within the span is not
    begun. Moves come in their order: each waits for its cause only after the one before it is done.

    Parameters
    ----------
    strategy : Strategy
        Of the scenario's decision.
    prices : dict of float64[months]
        Factor on today's price at the beginning of each month, by kind: who decides then knows no later one.
    events : dict of float
        Month in which each event happens; None for never.
    months : int
        Length of the span.
    """
    switching, begin = np.zeros(months), min(months, _whole(strategy.lead_months))
    switching[0] = strategy.switching_usd
    found = [Stretch(str(strategy.meanwhile), 0, begin)]
    plan = strategy.plan
    for move in strategy.moves:
        begun = _begun(move.when, prices, events, begin, months)
        done = months if begun is None else begun + _whole(move.lead_months)
        if begun is None or done >= months:
            break
        switching[begun] += move.switching_usd
        found.append(Stretch(plan, begin, done))
        plan, begin = move.to, done
    found.append(Stretch(plan, begin, months))
    return Course(tuple(stretch for stretch in found if stretch.begin < stretch.end), switching)
