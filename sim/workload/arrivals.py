"""Instants of arrival from gaps and batches. Not here: what the jobs are."""

import math
from typing import Any

import numpy as np

from sim.compiled import kernel
from sim.units import TICKS_PER_HOUR, Floats, Ticks, to_ticks
from sim.workload.draws import PIECE, Draws, Open


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


def _batches(law: Any, open_stream: Open, quantity: str, horizon: int) -> Ticks:
    """Draw the instants of all batches before the horizon, never decreasing."""
    end = (horizon - 0.5) / TICKS_PER_HOUR  # what rounds to the horizon lies outside
    gap = float(law.mean_gap_hours)
    if math.isinf(gap):
        return np.empty(0, np.int64)
    if law.law == "deterministic":  # a product, because a sum of equal gaps drifts
        schedule = np.arange(1.0, int(end / gap) + 2.0) * np.float64(gap)
        return to_ticks(schedule[schedule < end])
    gaps = Draws(law, open_stream, quantity, mean=gap)
    expected = end / gap
    instants = np.empty(int(expected + 5 * math.sqrt(expected)) + 16, np.int64)
    known, reached = 0, 0.0
    while reached < end:  # pieces that stay in the processor's cache: half the time of the whole at once
        if known == len(instants):
            instants = np.concatenate([instants, np.empty(max(64, known // 8), np.int64)])
        room = instants[known : known + PIECE]
        count, reached = _add_up(gaps.take(len(room)), reached, end, room)
        known += count
    return instants[:known]


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
        Ticks, never decreasing; the jobs of a batch share an instant.
    """
    instants = _batches(law, open_stream, quantity, horizon)
    if law.batch is None:
        return instants
    sizes = Draws(law.batch, open_stream, f"{quantity}/batch").take(len(instants))
    return np.repeat(instants, sizes.astype(np.int64))
