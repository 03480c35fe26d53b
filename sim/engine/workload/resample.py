"""A trace as it was, with more or less work, or drawn anew in blocks. Not here: reading it (``sim.ground.logs``).

Rows are moved whole, so the sizes of a job stay together; within a block, so do the gaps between jobs.
"""

import math
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from sim.engine.workload.draws import Open
from sim.ground.faults import InputError
from sim.ground.logs import Chunk
from sim.ground.scenario.traces import Logged
from sim.ground.units import HOURS_PER_DAY, LONGEST, TICKS_PER_HOUR, Ticks, tick


@dataclass(frozen=True)
class Resampling:
    """How the rows of a trace become those of a replication.

    Attributes
    ----------
    rate : float
        Mean number of jobs made of one: below 1 each is kept with that chance, above 1 there are copies.
    span : int
        Ticks that the trace stands for. Its n instants (those that differ) have n - 1 gaps between them, and one more
        of their mean length follows the last: so each instant has one gap, and jobs over span is the mean rate. From
        the first to the last alone, a trace of two batches would come twice as often as it did.
    block : int or None
        Ticks of a block; None where the trace is not drawn anew.
    """

    rate: float
    span: int
    block: int | None

    def expected(self, count: int, horizon: int) -> float:
        """Mean number of jobs of a replication, from a trace of so many."""
        return self.rate * count * (1.0 if self.block is None else horizon / self.span)

    def draw(self, arrival: Ticks, open_stream: Open, source: str, horizon: int) -> tuple[Ticks, Ticks]:
        """Draw one replication.

        Parameters
        ----------
        arrival : int64[n]
            Ticks at which the jobs of the trace arrived, never decreasing.

        Returns
        -------
        instants, rows : int64[m]
            Ticks, never decreasing, all before the horizon, and which job of the trace each is. Those of one instant
            come in the order of the trace, originals before copies.

        Notes
        -----
        Streams: ``<source>/blocks``, ``/kept``, and ``/copy1``, ``/copy2`` and so on.
        """
        rows = np.arange(len(arrival))
        end = min(int(arrival[0]) + self.span, horizon) if len(arrival) else horizon
        if self.block is not None:
            arrival, rows = self._blocks(arrival, open_stream, source, horizon)
            end = horizon
        if self.rate != 1.0:
            arrival, chosen = self._scaled(arrival, open_stream, source, end)
            rows = rows[chosen]
        return arrival, rows

    def _blocks(self, arrival: Ticks, open_stream: Open, source: str, horizon: int) -> tuple[Ticks, Ticks]:
        """Lay blocks end to end; each begins anywhere on the trace, whose end is followed by its beginning.

        References
        ----------
        Politis and Romano, A circular block-resampling procedure for stationary data (1992).
        """
        block = self.block or self.span
        starts = open_stream(f"{source}/blocks").integers(0, self.span, -(-horizon // block))
        circle = np.concatenate((arrival, arrival + self.span)) - (arrival[0] if len(arrival) else 0)
        first, last = np.searchsorted(circle, starts), np.searchsorted(circle, starts + block)
        counts = last - first
        rows = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
        shift = np.arange(len(starts)) * block - starts
        instants = circle[rows] + np.repeat(shift, counts)
        inside = int(np.searchsorted(instants, horizon))
        return instants[:inside], rows[:inside] % max(len(arrival), 1)

    def _scaled(self, arrival: Ticks, open_stream: Open, source: str, end: int) -> tuple[Ticks, Ticks]:
        """Keep each job with a chance, or put copies of it anywhere before the next one arrives."""
        most = int(self.rate)
        chance = open_stream(f"{source}/kept").random(len(arrival))
        copies = most + (chance < self.rate - most)
        rows = [np.flatnonzero(copies > 0)]
        instants = [arrival[rows[0]]]
        gaps = np.diff(arrival, append=end)
        for number in range(1, math.ceil(self.rate)):
            chosen = np.flatnonzero(copies > number)
            later = open_stream(f"{source}/copy{number}").random(len(arrival)) * gaps
            rows.append(chosen)
            instants.append((arrival + later.astype(np.int64))[chosen])
        every = np.concatenate(instants)
        order = np.argsort(every, kind="stable")
        return every[order], np.concatenate(rows)[order]


@dataclass(frozen=True)
class Replayed:
    """What a log lists, a row each: as it was, or drawn anew for each replication.

    Attributes
    ----------
    arrival : int64[n]
        Ticks, never decreasing; all before the horizon, unless they are drawn from in blocks. Whatever else is an array
        is a column too.
    dropped : int
        Rows that were left out because they arrive at the horizon or later.
    missing : tuple of str
        Rows that the log has and that were left out, such as failures.
    resampling : Resampling, optional
        How those of a replication are drawn; None where they are the same in each.
    """

    arrival: Ticks
    dropped: int = field(default=0, kw_only=True)
    missing: tuple[str, ...] = field(default=(), kw_only=True)
    resampling: Resampling | None = field(default=None, kw_only=True)

    def expected(self, horizon: int) -> float:
        """Mean number of rows of a replication."""
        count = len(self.arrival)
        return float(count) if self.resampling is None else self.resampling.expected(count, horizon)

    def drawn(self, open_stream: Open, source: str, horizon: int) -> Self:
        """Draw the rows of one replication."""
        if self.resampling is None:
            return self
        arrival, rows = self.resampling.draw(self.arrival, open_stream, source, horizon)
        return replace(self._taken(rows), arrival=arrival, dropped=0)

    def before(self, horizon: int) -> Self:
        """Leave out what comes too late to be replayed."""
        if self.resampling is not None and self.resampling.block is not None:
            return self
        count = int(np.searchsorted(self.arrival, horizon))
        return replace(self._taken(np.arange(count)), dropped=len(self.arrival) - count)

    def _taken(self, rows: Ticks) -> Self:
        """Take some rows of every column."""
        named = {each.name: getattr(self, each.name) for each in fields(self)}
        columns: dict[str, Any] = {name: each[rows] for name, each in named.items() if isinstance(each, np.ndarray)}
        return replace(self, **columns)


def placed(chunk: Chunk, dated: bool, trace: Logged) -> tuple[Ticks, Ticks]:
    """Put the rows of a log on the clock: dates start it at the first of them, numbers at 0, ``skip_days`` later.

    Returns
    -------
    rows, arrival : int64[n]
        Numbers of the rows that do not come before the start, and their ticks.
    """
    arrival = chunk.arrival - (chunk.arrival[0] if dated and len(chunk) else 0) - tick(trace.skip_days * HOURS_PER_DAY)
    rows = np.flatnonzero(arrival >= 0)
    arrival = arrival[rows]
    if trace.time_scale != 1.0:
        arrival = np.minimum(np.rint(arrival * float(trace.time_scale)), float(LONGEST)).astype(np.int64)
    return rows, arrival


def resampling(file: Path, trace: Logged, arrival: Ticks) -> Resampling | None:
    """Tell how a trace is drawn; None where it is replayed as it was.

    Raises
    ------
    InputError
        When it is too short to be drawn from.
    """
    if trace.bootstrap is None and trace.rate_scale == 1.0:
        return None
    span = span_of(arrival)
    if trace.bootstrap is None:
        return Resampling(float(trace.rate_scale), span or 1, None)
    if not span:
        raise InputError.one(f"{file}", "must have jobs at two instants or more for `bootstrap`")
    block = round(float(trace.bootstrap.block_minutes) * TICKS_PER_HOUR / 60)
    if not 0 < block <= span:
        minutes = span / TICKS_PER_HOUR * 60
        text = f"stands for {minutes:.6g} minutes; bootstrap.block_minutes must be at most that"
        raise InputError.one(f"{file}", f"{text}, got {float(trace.bootstrap.block_minutes):g}")
    return Resampling(float(trace.rate_scale), span, block)


def span_of(arrival: Ticks) -> int:
    """Ticks that a trace stands for (``Resampling``); 0 where all its jobs arrive at once."""
    if not len(arrival):
        return 0
    instants = 1 + int(np.count_nonzero(np.diff(arrival)))
    lasted = int(arrival[-1]) - int(arrival[0])
    return 0 if instants == 1 else -(-lasted * instants // (instants - 1))
