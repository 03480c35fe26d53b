"""Instants of arrival from gaps, changing rates and batches. Not here: what the jobs are."""

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from sim.engine.workload.draws import PIECE, Draws, Open
from sim.engine.workload.states import modulated, residual, states
from sim.ground.compiled import kernel
from sim.ground.scenario.arrivals import Superposition
from sim.ground.scenario.modulated import MmppArrivals, OnOffArrivals
from sim.ground.scenario.pattern import cumulated
from sim.ground.scenario.timed import rate_changes
from sim.ground.units import NEVER, TICKS_PER_HOUR, Floats, Ticks, to_ticks

Pieces = Iterator[Ticks]
"""Successive instants, drawn piece by piece."""

_FEWEST = 64


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
def _add_all_up(gaps: Floats, mean: float, end: float, instants: Ticks, counts: Ticks) -> int:
    """Do what ``_add_up`` does with the gaps of each replication; -1 where too few were drawn for one."""
    count = 0
    for r in range(len(gaps)):
        reached, first = 0.0, count
        for k in range(gaps.shape[1]):
            reached += gaps[r, k] * mean
            if reached >= end:
                break
            instants[count] = np.int64(np.rint(reached * TICKS_PER_HOUR))
            count += 1
        if reached < end:
            return -1
        counts[r] = count - first
    return count


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


def _rooms(expected: float, most: int) -> Iterator[Ticks]:
    """Make room for one piece after the other, for as many instants as there will hardly be more of, and then some."""
    left, known = int(expected + 5 * math.sqrt(expected)) + 16, 0
    while True:
        room = np.empty(min(left, most), np.int64)
        yield room
        left, known = left - len(room), known + len(room)
        left = left or max(64, known // 8)


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


def _at_a_steady_rate(gaps: _Gaps, end: float, most: int) -> Pieces:
    """Draw the instants of all batches before the end, in hours, where the rate never changes."""
    if gaps.equal:  # products, because a sum of equal gaps drifts
        first, count = gaps.take(1)[0] / gaps.mean, int(end / gaps.mean) + 1
        for number in range(0, count, most):
            schedule = (first + np.arange(float(number), min(number + most, count))) * gaps.mean
            yield to_ticks(schedule[schedule < end])
        return
    reached = 0.0
    for room in _rooms(end / gaps.mean, most):
        count, reached = _add_up(gaps.take(len(room)), reached, end, room)
        yield room[:count]
        if reached >= end:
            return


def _at_a_changing_rate(gaps: _Gaps, at: Floats, total: Floats, end: float, most: int) -> Pieces:
    """Draw the instants of all batches before the end from gaps of mean 1 and a cumulated rate.

    References
    ----------
    Gerhardt and Nelson, Transforming renewal processes for simulation of nonstationary arrival processes, INFORMS
    Journal on Computing 21 (2009) 630: by inversion of the cumulated rate.
    """
    reached, knot = 0.0, 0
    for room in _rooms(float(total[-1]), most):
        count, reached, knot = _time_change(gaps.take(len(room)), reached, knot, at, total, end, room)
        yield room[:count]
        if knot == len(at) - 1:
            return


def _source(law: Any, top: Superposition | None, open_stream: Open, quantity: str, horizon: int, most: int) -> Pieces:
    """Draw the instants of one copy of one source of work; ``top`` is the superposition that it is a part of."""
    hours, end = horizon / TICKS_PER_HOUR, (horizon - 0.5) / TICKS_PER_HOUR  # what rounds to the horizon lies outside
    scale = 1.0 if top is None else top.scale
    rate = scale / law.mean_gap_hours
    if not rate:
        return iter(())
    alone = top is None and law.copies == 1  # else the excess of each start would add up
    pattern, growth = rate_changes(law, top)
    at, total = cumulated(pattern, growth, hours)
    if isinstance(law, MmppArrivals | OnOffArrivals):
        until, rates = states(law, open_stream, f"{quantity}/states", hours)
        at, total = modulated(at, total, until, rates * scale)
    elif pattern is not None or growth:
        total = total * rate
    else:
        gaps = _Gaps(law, law.mean_gap_hours / scale, open_stream, quantity, whole=alone)
        return _at_a_steady_rate(gaps, end, most)
    return _at_a_changing_rate(_Gaps(law, 1.0, open_stream, quantity, whole=alone), at, total, end, most)


def _jobs(law: Any, top: Superposition | None, open_stream: Open, quantity: str, horizon: int, most: int) -> Pieces:
    """Draw the instants of the jobs of one copy of one source of work."""
    instants = _source(law, top, open_stream, quantity, horizon, most)
    return instants if law.batch is None else _batches(instants, Draws(law.batch, open_stream, f"{quantity}/batch"))


def _batches(instants: Pieces, sizes: Draws) -> Pieces:
    """Let several jobs come at each instant."""
    for piece in instants:
        yield np.repeat(piece, sizes.take(len(piece)).astype(np.int64))


def sources(law: Any, open_stream: Open, quantity: str, horizon: int, *, side_by_side: bool) -> list[Pieces]:
    """Draw the instants at which the jobs of a class arrive, source by source and piece by piece.

    Parameters
    ----------
    law, open_stream, quantity, horizon
        As of ``arrivals``.
    side_by_side : bool
        Whether pieces of all sources are held at once; then they are smaller. The instants are the same.

    Returns
    -------
    list of iterator of int64[n]
        Of each source: successive instants, never decreasing. There may be none in a piece.
    """
    top, named = None, [(law, f"{quantity}/copy{copy}" if copy else quantity) for copy in _copies(law)]
    if isinstance(law, Superposition):
        top, named = (
            law,
            [
                (part, f"{quantity}/part{number}/copy{copy}")
                for number, part in enumerate(law.parts)
                for copy in _copies(part)
            ],
        )
    most = max(_FEWEST, PIECE // len(named)) if side_by_side else PIECE
    return [_jobs(each, top, open_stream, name, horizon, most) for each, name in named]


def _copies(law: Any) -> range:
    """Count the copies of a source up."""
    return range(1 if isinstance(law, Superposition) else int(law.copies))


def joined(pieces: Sequence[Ticks]) -> Ticks:
    """Put pieces one after the other."""
    if len(pieces) == 1:
        return pieces[0]
    return np.concatenate(pieces) if pieces else np.empty(0, np.int64)


def _gathered(pieces: Pieces, law: Any, horizon: int) -> Ticks:
    """Put the pieces of a law's only source one after the other, each while it is in the processor's cache."""
    first, second = next(pieces, None), next(pieces, None)
    if first is None or second is None:
        return joined([each for each in (first, second) if each is not None])
    whole = next(_rooms(law.jobs_expected(horizon / TICKS_PER_HOUR), NEVER))
    known = 0
    for piece in chain((first, second), pieces):
        if known + len(piece) > len(whole):
            whole = np.concatenate([whole[:known], np.empty(max(len(piece), known // 8), np.int64)])
        whole[known : known + len(piece)] = piece
        known += len(piece)
    return whole[:known]


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
    drawn = sources(law, open_stream, quantity, horizon, side_by_side=False)
    if len(drawn) == 1:
        return _gathered(drawn[0], law, horizon)
    return np.sort(np.concatenate([joined(list(each)) for each in drawn]), kind="stable")


def all_arrivals(law: Any, opens: Sequence[Open], quantity: str, horizon: int) -> tuple[Ticks, Ticks]:
    """Draw the arrivals of a class in several replications, as ``arrivals`` does in one after the other.

    Returns
    -------
    instants, counts : int64[n], int64[R]
        Replication by replication, and how many each has.
    """
    if (found := _poisson(law, opens, quantity, horizon)) is not None:
        return found
    each = [arrivals(law, open_stream, quantity, horizon) for open_stream in opens]
    return joined(each), np.array([len(its) for its in each])


def _poisson(law: Any, opens: Sequence[Open], quantity: str, horizon: int) -> tuple[Ticks, Ticks] | None:
    """Draw a Poisson process of one rate, so few jobs that the interpreter would take longer than the drawing.

    None where it is another law, or more jobs came in a replication than there was room for.
    """
    one_by_one = law.law == "poisson" and law.steady and law.batch is None and law.copies == 1
    if not one_by_one or not math.isfinite(law.mean_gap_hours):
        return None
    mean, end = law.mean_gap_hours, (horizon - 0.5) / TICKS_PER_HOUR
    room = len(next(_rooms(end / mean, NEVER)))
    if room > PIECE:
        return None
    gaps, counts = np.empty((len(opens), room)), np.empty(len(opens), np.int64)
    for row, open_stream in zip(gaps, opens, strict=True):
        open_stream(quantity).standard_exponential(out=row)
    instants = np.empty(gaps.size, np.int64)
    total = _add_all_up(gaps, mean, end, instants, counts)
    return None if total < 0 else (instants[:total], counts)


class Arrivals:
    """Instants of arrival from several sources, merged up to one instant after the other."""

    def __init__(self, drawn: Sequence[Pieces]) -> None:
        self.sources = [_Source(pieces) for pieces in drawn]

    def reach(self, until: int, most: int) -> int:
        """Draw on until an instant; tell up to which the arrivals are known: earlier, where many come before it.

        Parameters
        ----------
        most : int
            Of no source more arrivals are held, a piece and those of one instant apart.
        """
        for each in self.sources:
            until = each.reach(until, most)
        return until

    def take(self, until: int) -> Ticks:
        """Take the arrivals before an instant up to which they are known."""
        taken = [each.take(until) for each in self.sources]
        return taken[0] if len(taken) == 1 else np.sort(np.concatenate(taken), kind="stable")


class _Source:
    """Instants of one source that are drawn and not yet taken."""

    def __init__(self, pieces: Pieces) -> None:
        self.pieces, self.over = pieces, False
        self.held: list[Ticks] = []

    def reach(self, until: int, most: int) -> int:
        """Draw on until an instant, or as far as it goes."""
        count = sum(map(len, self.held))
        while not self.over and not (count and self.held[-1][-1] >= until):
            if count > most and self.held[0][0] < self.held[-1][-1]:
                return int(self.held[-1][-1])
            piece = next(self.pieces, None)
            self.over = piece is None
            if piece is not None and len(piece):
                self.held.append(piece)
                count += len(piece)
        return until

    def take(self, until: int) -> Ticks:
        """Take the instants before one that was reached."""
        whole = joined(self.held)
        cut = int(np.searchsorted(whole, until))
        self.held = [whole[cut:]] if cut < len(whole) else []
        return whole[:cut]
