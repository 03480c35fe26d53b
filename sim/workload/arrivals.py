"""Instants of arrival from gaps, changing rates and batches. Not here: what the jobs are."""

import math
from typing import Any

import numpy as np

from sim.compiled import kernel
from sim.scenario.arrivals import Superposition
from sim.scenario.modulated import MmppArrivals, OnOffArrivals
from sim.scenario.pattern import cumulated
from sim.scenario.timed import rate_changes
from sim.units import TICKS_PER_HOUR, Floats, Ticks, to_ticks
from sim.workload.draws import PIECE, Draws, Open
from sim.workload.states import modulated, residual, states


@kernel
def _add_up(gaps: Floats, reached: float, end: float, instants: Ticks) -> tuple[int, float]:
    """Add gaps up to instants, strictly in order, in whole ticks; tell how many lie before the end, and the last."""
    count = 0
    for k in range(len(gaps)):
        reached += gaps[k]
        if reached >= end:
            break
        instants[k] = np.int64(np.rint(reached * TICKS_PER_HOUR))
        count += 1
    return count, reached


@kernel
def _time_change(
    gaps: Floats, reached: float, knot: int, at: Floats, total: Floats, end: float, instants: Ticks
) -> tuple[int, float, int]:
    """Add gaps of mean 1 up and find when the cumulated rate reaches the sum, which no piece without a rate can.

    Tells how many instants lie before the end, the sum, and the piece it lies in.
    """
    count, last = 0, len(at) - 1
    for k in range(len(gaps)):
        reached += gaps[k]
        while knot < last and (total[knot + 1] < reached or total[knot + 1] <= total[knot]):
            knot += 1
        if knot == last:
            break
        share = (reached - total[knot]) / (total[knot + 1] - total[knot])
        instant = at[knot] + share * (at[knot + 1] - at[knot])
        if instant >= end:
            return count, reached, last
        instants[k] = np.int64(np.rint(instant * TICKS_PER_HOUR))
        count += 1
    return count, reached, knot


def _expected_room(expected: float) -> Ticks:
    """Make room for as many instants as there will hardly be more of."""
    return np.empty(int(expected + 5 * math.sqrt(expected)) + 16, np.int64)


def _more_room(instants: Ticks, known: int) -> Ticks:
    """Make more room where it is used up."""
    if known < len(instants):
        return instants
    return np.concatenate([instants, np.empty(max(64, known // 8), np.int64)])


class _Gaps:
    """The gaps of one source: the first whole, or what is left of the one that was under way in the steady state."""

    def __init__(self, law: Any, mean: float, open_stream: Open, quantity: str, *, whole: bool) -> None:
        self.mean, self.equal = mean, law.law == "deterministic"
        self.draws = Draws(law, open_stream, quantity, mean=mean)
        forgets = whole or law.law in ("poisson", "mmpp", "on_off")
        self.first = None if forgets else residual(law, open_stream(f"{quantity}/first"), mean)

    def take(self, count: int) -> Floats:
        """Draw the next gaps."""
        gaps = self.draws.take(count)
        if self.first is not None:
            gaps[0], self.first = self.first, None
        return gaps


def _at_a_steady_rate(gaps: _Gaps, end: float) -> Ticks:
    """Draw the instants of all batches before the end, in hours, where the rate never changes."""
    if gaps.equal:  # products, because a sum of equal gaps drifts
        first = gaps.take(1)[0] / gaps.mean
        schedule = (first + np.arange(int(end / gaps.mean) + 1.0)) * gaps.mean
        return to_ticks(schedule[schedule < end])
    instants = _expected_room(end / gaps.mean)
    known, reached = 0, 0.0
    while reached < end:  # pieces that stay in the processor's cache: half the time of the whole at once
        instants = _more_room(instants, known)
        room = instants[known : known + PIECE]
        count, reached = _add_up(gaps.take(len(room)), reached, end, room)
        known += count
    return instants[:known]


def _at_a_changing_rate(gaps: _Gaps, at: Floats, total: Floats, end: float) -> Ticks:
    """Draw the instants of all batches before the end from gaps of mean 1 and a cumulated rate.

    References
    ----------
    Gerhardt and Nelson, Transforming renewal processes for simulation of nonstationary arrival processes, INFORMS
    Journal on Computing 21 (2009) 630: by inversion of the cumulated rate.
    """
    instants = _expected_room(float(total[-1]))
    known, reached, knot = 0, 0.0, 0
    while knot < len(at) - 1:
        instants = _more_room(instants, known)
        room = instants[known : known + PIECE]
        count, reached, knot = _time_change(gaps.take(len(room)), reached, knot, at, total, end, room)
        known += count
    return instants[:known]


def _source(law: Any, top: Superposition | None, open_stream: Open, quantity: str, horizon: int) -> Ticks:
    """Draw the instants of one copy of one source of work; ``top`` is the superposition that it is a part of."""
    hours, end = horizon / TICKS_PER_HOUR, (horizon - 0.5) / TICKS_PER_HOUR  # what rounds to the horizon lies outside
    scale = 1.0 if top is None else top.scale
    rate = scale / law.mean_gap_hours
    if not rate:
        return np.empty(0, np.int64)
    alone = top is None and law.copies == 1  # else the excess of each start would add up
    pattern, growth = rate_changes(law, top)
    at, total = cumulated(pattern, growth, hours)
    if isinstance(law, MmppArrivals | OnOffArrivals):
        until, rates = states(law, open_stream, f"{quantity}/states", hours)
        at, total = modulated(at, total, until, rates * scale)
    elif pattern is not None or growth:
        total = total * rate
    else:
        return _at_a_steady_rate(_Gaps(law, law.mean_gap_hours / scale, open_stream, quantity, whole=alone), end)
    return _at_a_changing_rate(_Gaps(law, 1.0, open_stream, quantity, whole=alone), at, total, end)


def _jobs(law: Any, top: Superposition | None, open_stream: Open, quantity: str, horizon: int) -> Ticks:
    """Draw the instants of the jobs of one copy of one source of work."""
    instants = _source(law, top, open_stream, quantity, horizon)
    if law.batch is None:
        return instants
    sizes = Draws(law.batch, open_stream, f"{quantity}/batch").take(len(instants))
    return np.repeat(instants, sizes.astype(np.int64))


def arrivals(law: Any, open_stream: Open, quantity: str, horizon: int) -> Ticks:
    """Draw the instants at which the jobs of a class arrive in one replication.

    Parameters
    ----------
    law : arrival law
        Of the scenario.
    open_stream : callable
        Opens a random stream by name.
    quantity : str
        Name of the arrivals, ``workload.<class>/arrivals``.
    horizon : int
        Ticks; arrivals lie in [0, horizon).

    Returns
    -------
    int64[n]
        Ticks, never decreasing; the jobs of a batch share an instant. Those of parts and copies that fall on one
        instant come by part, then by copy.

    Notes
    -----
    A renewal process of its own starts with a whole gap; copies, and parts of a superposition, have gone on before the
    clock starts. Else equal schedules would all come at one instant, and a thousand bursty tenants bring a thousand
    times the (cv^2 - 1) / 2 jobs too many that one start brings.

    Streams: ``<quantity>``, ``/batch``, ``/phase``, ``/first``, ``/states`` and what lies below it; the copies of a law
    after the first have ``<quantity>/copy1`` and so on, those of a superposition ``<quantity>/part0/copy0`` and so on.
    """
    if isinstance(law, Superposition):
        top, sources = (
            law,
            [
                (part, f"{quantity}/part{number}/copy{copy}")
                for number, part in enumerate(law.parts)
                for copy in range(int(part.copies))
            ],
        )
    else:
        top, sources = None, [(law, f"{quantity}/copy{copy}" if copy else quantity) for copy in range(int(law.copies))]
    drawn = [_jobs(each, top, open_stream, name, horizon) for each, name in sources]
    return drawn[0] if len(drawn) == 1 else np.sort(np.concatenate(drawn), kind="stable")
