"""The log itself in blocks of time, where no process comes near it. Not here: the drawing (``workload.resample``)."""

from collections.abc import Iterator
from functools import partial
from typing import Final

import numpy as np

from sim.engine.workload.resample import Resampling, span_of
from sim.engine.workload.streams import stream
from sim.ground.logs import gather
from sim.ground.units import TICKS_PER_HOUR, TICKS_PER_SECOND, Ticks
from sim.questions.demand.choose import Judged
from sim.questions.demand.plans import fitting_widths
from sim.questions.demand.reading import Read, opened
from sim.questions.demand.report import MOST_DRAWN
from sim.questions.demand.stretch import OperationalTime, Stretch
from sim.questions.demand.trial import distance, lengths, measure, scales_of

MINUTES: Final = (5.0, 10.0, 20.0, 60.0, 240.0, 1440.0, 10080.0)
_OF_SPAN: Final = 3
_TICKS_A_MINUTE: Final = 60 * TICKS_PER_SECOND


def instants(log: Read) -> Ticks:
    """Read the arrivals of a log again, in order."""
    with opened(log.file, log.told) as rows:
        if log.told.sort:
            return gather(rows).arrival
        return np.concatenate([chunk.arrival for chunk in rows])


def _paths(arrival: Ticks, minutes: float, seconds: float, replications: int, seed: int) -> Iterator[Ticks]:
    """Draw paths in blocks, as a study would."""
    drawn = Resampling(1.0, span_of(arrival), round(minutes * _TICKS_A_MINUTE))
    horizon = int(seconds * TICKS_PER_SECOND)
    for replication in range(replications):
        yield drawn.draw(arrival, partial(stream, seed, replication), "workload.log/trace", horizon)[0]


def choose_blocks(log: Read, seed: int) -> Judged | None:
    """Find the shortest blocks that keep the log's dispersion at all scales.

    Returns
    -------
    Judged or None
        The nearest where none does; None where the log is shorter than two of the shortest blocks, or too long to hold.
    """
    if log.sketch.count > MOST_DRAWN:
        return None
    whole = Stretch.whole(log.sketch)
    arrival = instants(log)
    arrival = arrival - arrival[0]
    seconds, replications = lengths(whole)
    scales = scales_of(whole, seconds)
    clock = OperationalTime(0, None)
    best: Judged | None = None
    for minutes in MINUTES:
        if minutes * 60 * (2 if best is None else _OF_SPAN) > log.sketch.seconds:
            break
        trial = measure(_paths(arrival, minutes, seconds, replications, seed), seconds, clock, scales)
        keys = {"block_minutes": minutes}
        judged = Judged(f"blocks of {minutes:g} minutes", keys, trial, distance(whole, trial, memoryless=False), None)
        if judged.distance.passes:
            return judged
        if best is None or judged.distance.worst < best.distance.worst:
            best = judged
    return best


def fitted_jobs(log: Read) -> str:
    """Write all jobs of a log anew, in hours from the first, with GPUs that fit whole nodes."""
    names = [name for name in ("service_hours", "tokens", "gpus") if name in log.sketch.names]
    lines = [",".join(["arrival_hours", *names])]
    with opened(log.file, log.told) as rows:
        for chunk in (gather(rows),) if log.told.sort else rows:
            hours = (chunk.arrival - log.sketch.first) / TICKS_PER_HOUR
            sizes = [fitting_widths(chunk.columns[name]) if name == "gpus" else chunk.columns[name] for name in names]
            lines += [",".join(f"{value:.12g}" for value in row) for row in np.stack([hours, *sizes], 1).tolist()]
    return "\n".join(lines) + "\n"
