"""Sums by the hour of the day: who is there at whole hours, and how the number of busy GPUs swings from day to night.

The day begins when the clock does. Not here: what is made of the sums (``probes``).
"""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np

from sim.ground.compiled import kernel
from sim.ground.jobs import API, HELD, HIRED, NOT_STARTED
from sim.ground.units import HOURS_PER_DAY, NEVER, TICKS_PER_HOUR, Floats, Ticks
from sim.questions.verify.sums import Served, Sums

HOURS: Final = int(HOURS_PER_DAY)
_TURN: Final = 2 * math.pi / HOURS_PER_DAY


def _at_hours(instants: Ticks, opens: int, closes: int) -> Floats:
    """Count how many of some instants lie at or before each whole hour of the counted time, by hour of the day."""
    hours = np.arange(-(-opens // TICKS_PER_HOUR), -(-closes // TICKS_PER_HOUR))
    before = np.searchsorted(np.sort(instants), hours * TICKS_PER_HOUR, side="right")
    counts = np.zeros(HOURS)
    np.add.at(counts, hours % HOURS, before)
    return counts


def of_hours(served: Served, wanted: int) -> Sums:
    """Count the jobs in the system and those that wait at each whole hour of the day, and the days."""
    del wanted
    rows, paths, opens, closes = served.rows, served.paths, served.opens, served.fleet.horizon
    starts = np.where(rows.outcome == NOT_STARTED, NEVER, rows.start)
    leaves = np.where(rows.outcome == API, rows.start, np.where(rows.outcome == NOT_STARTED, NEVER, rows.end))
    table = np.array(
        [
            [_at_hours(instants[a:b], opens, closes) for instants in (paths.arrival, starts, leaves)]
            for a, b in pairwise(paths.offsets)
        ]
    )
    come, started, left = table.transpose(1, 2, 0)
    hours = np.arange(-(-opens // TICKS_PER_HOUR), -(-closes // TICKS_PER_HOUR))
    days = np.bincount(hours % HOURS, minlength=HOURS).astype(np.float64)
    sums: Sums = {}
    for hour in range(HOURS):
        sums[f"days{hour}"] = np.full(len(table), days[hour])
        sums[f"there{hour}"], sums[f"waiting{hour}"] = come[hour] - left[hour], come[hour] - started[hour]
    return sums


@kernel
def _swings(offsets: Ticks, start: Ticks, end: Ticks, gpus: Ticks, opens: int, closes: int, sums: Floats) -> None:
    """Integrate busy GPUs over the counted time: as they are, and times sine and cosine of the time of day."""
    for r in range(len(offsets) - 1):
        for j in range(offsets[r], offsets[r + 1]):
            if gpus[j] == 0 or end[j] <= opens or start[j] >= closes:
                continue
            since, until = max(start[j], opens) / TICKS_PER_HOUR, min(end[j], closes) / TICKS_PER_HOUR
            sums[r, 0] += gpus[j] * (until - since)
            sums[r, 1] += gpus[j] * (math.cos(_TURN * since) - math.cos(_TURN * until)) / _TURN
            sums[r, 2] += gpus[j] * (math.sin(_TURN * until) - math.sin(_TURN * since)) / _TURN


def of_swings(served: Served, wanted: int) -> Sums:
    """Take the mean and the first harmonic of the day of the number of busy GPUs; counted are whole days."""
    del wanted
    rows, paths = served.rows, served.paths
    gpus = served.wanted_gpus * ((rows.outcome == HELD) | (rows.outcome == HIRED))
    sums = np.zeros((paths.replications, 3))
    _swings(paths.offsets, rows.start, rows.end, gpus, served.opens, served.fleet.horizon, sums)
    hours = np.full(paths.replications, served.hours)
    return dict(zip(("busy", "sine", "cosine"), sums.T, strict=True)) | {"hours": hours}


def mean(total: Mapping[str, Any]) -> Any:
    """Mean number of busy GPUs."""
    return total["busy"] / total["hours"]


def amplitude(total: Mapping[str, Any]) -> Any:
    """Amplitude of the first harmonic of the day of the number of busy GPUs."""
    return 2 * np.hypot(total["sine"], total["cosine"]) / total["hours"]


def lag(total: Mapping[str, Any]) -> Any:
    """Hours by which that harmonic lags behind one that peaks six hours into the day."""
    return np.arctan2(-total["cosine"], total["sine"]) / _TURN
