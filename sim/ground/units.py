"""Ticks end here: the one place where hours become integer microseconds. No clock arithmetic on floats."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

TICKS_PER_HOUR: Final = 3_600_000_000
"""The node clock ticks in microseconds; all its arithmetic is on 64-bit integers, so ties are exact."""

FINE: Final = 2**16
"""Serving ticks in a microsecond: replicas count finer, because a cached token takes some 0.1 microseconds."""

NEVER: Final = 2**62
"""An instant after every horizon (146,000 years), with room to add a duration without overflow."""

LONGEST: Final = 2**61
"""The longest duration that is told apart from a longer one (73,000 years)."""

HOURS_PER_DAY: Final = 24.0
HOURS_PER_YEAR: Final = 8760.0
SECONDS_PER_HOUR: Final = 3600.0
TICKS_PER_SECOND: Final = 1_000_000

Ticks = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def to_ticks(hours: npt.ArrayLike) -> Ticks:
    """Turn hours into ticks, to the nearest microsecond.

    Parameters
    ----------
    hours : float or float64[n]
        Instants or durations in hours, not negative.

    Returns
    -------
    int64[n]
        Microseconds, at most ``LONGEST``.
    """
    scaled = np.rint(np.asarray(hours, dtype=np.float64) * TICKS_PER_HOUR)
    return np.minimum(scaled, float(LONGEST)).astype(np.int64)


def fine(seconds: float) -> int:
    """Turn seconds into serving ticks, to the nearest 2^-16 microseconds."""
    return round(seconds * 1e6 * FINE)


def tick(hours: float) -> int:
    """Turn one number of hours into ticks."""
    return int(to_ticks(hours))


def to_hours(ticks: Any) -> Any:
    """Turn ticks (a number or an array) into hours."""
    return ticks / TICKS_PER_HOUR
