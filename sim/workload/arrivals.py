"""Instants of arrival from gaps and batches. Not here: what the jobs are."""

import math
from typing import Any

import numpy as np

from sim.units import TICKS_PER_HOUR, Floats, Ticks, to_ticks
from sim.workload.draws import Draws, Open


def _batches(law: Any, open_stream: Open, quantity: str, horizon: int) -> Floats:
    """Draw the instants of all batches before the horizon, in hours, never decreasing."""
    end = (horizon - 0.5) / TICKS_PER_HOUR  # what rounds to the horizon lies outside
    gap = float(law.mean_gap_hours)
    if math.isinf(gap):
        return np.empty(0)
    if law.law == "deterministic":  # a product, because a sum of equal gaps drifts
        instants = np.arange(1.0, int(end / gap) + 2.0) * np.float64(gap)
        return instants[instants < end]
    gaps = Draws(law, open_stream, quantity, mean=gap)
    expected = end / gap
    pieces: list[Floats] = []
    reached, count = 0.0, int(expected + 5 * math.sqrt(expected)) + 16
    while reached < end:
        piece = gaps.take(count)
        piece[0] += reached
        np.cumsum(piece, out=piece)  # strictly in order: pieces give the same instants as the whole
        pieces.append(piece)
        reached, count = float(piece[-1]), max(64, count // 8)
    instants = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    return instants[: np.searchsorted(instants, end)]


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
    instants = to_ticks(_batches(law, open_stream, quantity, horizon))
    if law.batch is None:
        return instants
    sizes = Draws(law.batch, open_stream, f"{quantity}/batch").take(len(instants))
    return np.repeat(instants, sizes.astype(np.int64))
