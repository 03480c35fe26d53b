"""A log streamed into a sketch. Not here: the log's form and faults (``sim.ground.logs``), what the sketch means."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from sim.ground.faults import InputError
from sim.ground.logs import Chunk, Form, Log, gather, open_log
from sim.ground.units import Floats, Ticks
from sim.questions.demand.sketch import Sketch

_TELL_EVERY_S: Final = 3.0
SIZES: Final = ("prompt", "output", "cached", "service_hours", "tokens", "gpus")


@dataclass(frozen=True)
class Told:
    """What a user says of a log, as ``sim.ground.logs.open_log`` takes it."""

    form: str | None = None
    columns: Mapping[str, str] | None = None
    unit: str | None = None
    zone: str | None = None
    skip_empty: bool = False
    sort: bool = False
    service_unit: str = "seconds"


@dataclass
class Widths:
    """GPU time of jobs by the GPUs they need."""

    hours: dict[int, float] = field(default_factory=dict)
    jobs: dict[int, int] = field(default_factory=dict)

    def add(self, gpus: Floats, service_hours: Floats | None) -> None:
        """Add jobs up; where no service is known their number alone."""
        widths, place = np.unique(gpus, return_inverse=True)
        counts = np.bincount(place)
        hours = counts * 0.0 if service_hours is None else np.bincount(place, gpus * service_hours)
        for width, count, time_ in zip(widths.tolist(), counts.tolist(), hours.tolist(), strict=True):
            self.jobs[int(width)] = self.jobs.get(int(width), 0) + count
            self.hours[int(width)] = self.hours.get(int(width), 0.0) + time_

    @property
    def shares(self) -> dict[int, float]:
        """Share of the GPU time of each width, the narrowest first."""
        total = sum(self.hours.values())
        return {width: hours / total if total else 0.0 for width, hours in sorted(self.hours.items())}


@dataclass(frozen=True)
class Read:
    """A log, read.

    Attributes
    ----------
    file : Path
        Where it is.
    told : Told
        How it was to be read.
    form : Form
        What was found, or told.
    unit : str
        Of its arrivals.
    sketch : Sketch
        What is kept of it.
    widths : Widths
        Of its jobs.
    notes : tuple of str
        What was taken for granted or left out.
    tenants : tuple of str
        Names of the tenants, where the log has such a column.
    seconds : float
        How long reading took.
    """

    file: Path
    told: Told
    form: Form
    unit: str
    sketch: Sketch
    widths: Widths
    notes: tuple[str, ...]
    tenants: tuple[str, ...]
    seconds: float

    @property
    def zone(self) -> ZoneInfo | None:
        """Time zone whose hours its users keep, as far as it was told."""
        return ZoneInfo(self.told.zone) if self.told.zone else None

    @property
    def is_jobs(self) -> bool:
        """Tell whether it lists jobs, not requests."""
        return self.form.kind == "fine_tune"


def opened(file: Path, told: Told) -> Log:
    """Open a log as it was told."""
    return open_log(
        file,
        told.form,
        told.columns,
        told.unit,
        told.zone,
        skip_empty=told.skip_empty,
        sort=told.sort,
        service_unit=told.service_unit,
        texts=True,
    )


def read(file: Path, told: Told, seed: int = 0, tell: Callable[[str], None] = lambda _: None) -> Read:
    """Read a log of requests or jobs in one pass.

    Parameters
    ----------
    file : path
        Of the log.
    told : Told
        How to read it; ``sort`` holds all of it in memory.
    seed : int
        Of the sample of its rows.
    tell : callable
        Is told every few seconds how far it has come.

    Raises
    ------
    InputError
        With all its faults, each with its place; or where it has no rows.
    """
    began = told_at = time.monotonic()
    sketch, widths = None, Widths()
    with opened(file, told) as log:
        for chunk in (gather(log),) if told.sort else log:
            sketch = sketch or Sketch([name for name in SIZES if name in chunk.columns], seed)
            _take(sketch, widths, chunk)
            if time.monotonic() - told_at > _TELL_EVERY_S:
                told_at = time.monotonic()
                tell(f"read {sketch.count:,} rows in {told_at - began:.0f} s")
        if sketch is None or not sketch.count:
            raise InputError.one(str(file), "has no rows to learn from" + "; ".join(["", *log.notes]))
        names = log.names("tenant")
        return Read(
            file,
            told,
            log.form,
            log.unit,
            sketch,
            widths,
            tuple(log.notes),
            tuple(names),
            time.monotonic() - began,
        )


def _take(sketch: Sketch, widths: Widths, chunk: Chunk) -> None:
    """Take some rows in."""
    tenant: Ticks | None = None
    if "tenant" in chunk.columns:
        tenant = chunk.columns["tenant"].astype(np.int64)
    sketch.add(chunk.arrival, {name: chunk.columns[name] for name in sketch.names}, tenant)
    if "gpus" in chunk.columns:
        widths.add(chunk.columns["gpus"], chunk.columns.get("service_hours"))
