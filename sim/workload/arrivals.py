"""Instants of arrival from gaps, changing rates and batches. Not here: what the jobs are."""

import math
from typing import Any

import numpy as np

from sim.compiled import kernel
from sim.scenario.arrivals import MmppArrivals, OnOffArrivals, Superposition, rate_changes
from sim.scenario.pattern import cumulated
from sim.units import TICKS_PER_HOUR, Floats, Ticks, to_ticks
from sim.workload.draws import PIECE, Draws, Open
from sim.workload.states import modulated, states


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


def _at_a_steady_rate(law: Any, gap: float, open_stream: Open, quantity: str, end: float) -> Ticks:
    """Draw the instants of all batches before the end, in hours, where the rate never changes."""
    if law.law == "deterministic":  # a product, because a sum of equal gaps drifts
        schedule = np.arange(1.0, int(end / gap) + 2.0) * np.float64(gap)
        return to_ticks(schedule[schedule < end])
    gaps = Draws(law, open_stream, quantity, mean=gap)
    instants = _expected_room(end / gap)
    known, reached = 0, 0.0
    while reached < end:  # pieces that stay in the processor's cache: half the time of the whole at once
        instants = _more_room(instants, known)
        room = instants[known : known + PIECE]
        count, reached = _add_up(gaps.take(len(room)), reached, end, room)
        known += count
    return instants[:known]


def _at_a_changing_rate(law: Any, at: Floats, total: Floats, open_stream: Open, quantity: str, end: float) -> Ticks:
    """Draw the instants of all batches before the end from gaps of mean 1 and a cumulated rate.

    References
    ----------
    Gerhardt and Nelson, Transforming renewal processes for simulation of nonstationary arrival processes, INFORMS
    Journal on Computing 21 (2009) 630: by inversion of the cumulated rate.
    """
    gaps = Draws(law, open_stream, quantity, mean=1.0)
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
    if not scale / law.mean_gap_hours > 0:
        return np.empty(0, np.int64)
    pattern, growth = rate_changes(law, top)
    at, total = cumulated(pattern, growth, hours)
    if isinstance(law, MmppArrivals | OnOffArrivals):
        until, rates = states(law, open_stream, f"{quantity}/states", hours)
        at, total = modulated(at, total, until, rates * scale)
    elif pattern is not None or growth:
        total = total * (scale / law.mean_gap_hours)
    else:
        return _at_a_steady_rate(law, law.mean_gap_hours / scale, open_stream, quantity, end)
    return _at_a_changing_rate(law, at, total, open_stream, quantity, end)


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
    Streams: ``<quantity>``, ``/batch``, ``/phase``, ``/states`` and what lies below it; the copies of a law after the
    first have ``<quantity>/copy1`` and so on, those of a superposition ``<quantity>/part0/copy0`` and so on.
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
