"""Jobs that are listed one by one, in the scenario or in a CSV file. Not here: laws of chance.

The rules of a CSV trace: UTF-8 (a byte order mark and CRLF are fine), a header, commas between fields, decimal points,
no thousands separators, every wanted cell a number (or a date and time, where the unit is ``datetime``), arrivals in
order unless ``sort: true``. Columns that are not asked for are ignored. Anything else is refused with its place.
"""

import csv
import gzip
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from sim.faults import Fault, InputError
from sim.scenario import JobClass, Scenario, misfit_gpus
from sim.scenario.inputs import nearest
from sim.scenario.work import Trace
from sim.units import HOURS_PER_DAY, Floats, Ticks, tick, to_ticks

MOST_COLUMNS, MOST_FAULTS = 1000, 20
_HOURS = {"hours": 1.0, "minutes": 1 / 60, "seconds": 1 / 3600, "days": HOURS_PER_DAY}
_MILLIONS = {"tokens": 1e-6, "thousands": 1e-3, "millions": 1.0}


@dataclass(frozen=True)
class Listed:
    """The jobs of a class that lists them: the same in each replication.

    Attributes
    ----------
    arrival : int64[n]
        Ticks, never decreasing, all before the horizon.
    service_hours, tokens_millions : float64[n]
        NaN where not stated.
    gpus : int64[n]
        GPUs needed at once.
    dropped : int
        Jobs that were left out because they arrive at the horizon or later.
    """

    arrival: Ticks
    service_hours: Floats
    tokens_millions: Floats
    gpus: Ticks
    dropped: int = 0


def _lines(file: Path) -> Iterator[str]:
    """Open a plain or gzipped CSV file as text."""
    if file.suffix == ".gz":
        with gzip.open(file, "rt", encoding="utf-8-sig", newline="") as text:
            yield from text
    else:
        with file.open(encoding="utf-8-sig", newline="") as text:
            yield from text


def _number(cell: str) -> float:
    """Read a number of at least 0, written with a decimal point."""
    try:
        value = float(cell) if "_" not in cell else math.nan
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1e12:
        raise ValueError("must be a number from 0 to 1e12, with a decimal point and no unit or separator")
    return value


def _instant(cell: str) -> float:
    """Read a date and time as hours; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        raise ValueError("must be a date and time like 2023-10-01 12:30:00") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() / 3600


def _whole(cell: str) -> float:
    """Read a whole number of GPUs."""
    value = _number(cell)
    if value < 1 or value != int(value) or value > 1_000_000:
        raise ValueError("must be a whole number of GPUs from 1")
    return value


def _read_columns(file: Path, trace: Trace) -> dict[str, Floats]:
    """Read the wanted columns of a trace; all faults at once, up to a limit."""
    wanted = {key: column for key, column in trace.columns.model_dump().items() if column is not None}
    readers = dict.fromkeys(wanted, _number)
    readers |= {"arrival": _instant} if trace.arrival_unit == "datetime" else {}
    readers |= {"gpus": _whole} if "gpus" in wanted else {}
    values: dict[str, list[float]] = {key: [] for key in wanted}
    faults: list[Fault] = []
    rows = csv.reader(_lines(file), strict=True)
    header = next((row for row in rows if row), None)
    if header is None:
        raise InputError.one(f"{file}", f"is empty; its first line must name the columns {', '.join(wanted.values())}")
    top = f"{file}:{rows.line_num}"
    if len(header) > MOST_COLUMNS:
        raise InputError.one(top, f"has {len(header)} columns; at most {MOST_COLUMNS} are read")
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise InputError.one(top, f"has two columns named {twice!r}")
    for key, column in wanted.items():
        if column not in header:
            hint = "it seems to use `;`, save it with commas" if ";" in "".join(header) else nearest(column, header)
            faults.append(Fault(top, f"has no column {column!r} (for {key}); {hint}"))
    if faults:
        raise InputError(faults)
    places = {key: header.index(column) for key, column in wanted.items()}
    for row in rows:
        if not row:
            continue
        where = f"{file}:{rows.line_num}"
        if len(row) != len(header):
            faults.append(
                Fault(where, f"has {len(row)} fields, the header has {len(header)} (a comma inside a number?)")
            )
        for key, place in places.items() if len(row) == len(header) else ():
            try:
                values[key].append(readers[key](row[place].strip()))
            except ValueError as rule:
                faults.append(Fault(f"{where}:{place + 1}", f"{wanted[key]} {rule}, got {row[place][:40]!r}"))
        if len(faults) >= MOST_FAULTS:
            faults.append(Fault(f"{file}", f"has more faults; the first {MOST_FAULTS} are shown"))
            break
    if faults:
        raise InputError(faults)
    return {key: np.array(column) for key, column in values.items()}


def _from_trace(scenario: Scenario, job_class: JobClass, trace: Trace) -> Listed:
    """Read a trace as jobs that start the clock at their first arrival (numbers: at 0)."""
    file = scenario.folder / trace.file
    try:
        columns = _read_columns(file, trace)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError.one(str(file), f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except UnicodeDecodeError as error:
        raise InputError.one(str(file), f"is not UTF-8 text ({error.reason})") from None
    except csv.Error as error:
        raise InputError.one(str(file), f"is not a CSV file: {error}") from None
    arrival = columns["arrival"] * _HOURS.get(trace.arrival_unit, 1.0)
    late = np.flatnonzero(np.diff(arrival) < 0)
    if len(late) and not trace.sort:
        row = int(late[0]) + 3
        raise InputError.one(
            f"{file}:{row}", "arrives before the row above it; put the rows in order or set `sort: true`"
        )
    order = np.argsort(arrival, kind="stable")
    count = len(arrival)
    if trace.arrival_unit == "datetime" and count:
        arrival = arrival - arrival.min()
    arrival = arrival - trace.skip_days * HOURS_PER_DAY
    service = columns.get("service", np.full(count, np.nan)) * _HOURS[trace.service_unit]
    tokens = columns.get("tokens", np.full(count, np.nan)) * _MILLIONS[trace.tokens_unit]
    gpus = columns.get("gpus", np.full(count, job_class.gpus)).astype(np.int64)
    order = order[arrival[order] >= 0]
    return Listed(to_ticks(arrival[order]), service[order], tokens[order], gpus[order])


def _from_rows(job_class: JobClass) -> Listed:
    """Take the jobs that the scenario lists, in order of arrival."""
    jobs = sorted(job_class.jobs or (), key=lambda job: job.arrival_hours)
    return Listed(
        to_ticks([job.arrival_hours for job in jobs]),
        np.array([np.nan if job.service_hours is None else job.service_hours for job in jobs], dtype=np.float64),
        np.array([np.nan if job.tokens_millions is None else job.tokens_millions for job in jobs], dtype=np.float64),
        np.array([job.gpus or job_class.gpus for job in jobs], dtype=np.int64),
    )


def listed_jobs(scenario: Scenario) -> dict[str, Listed]:
    """Read the jobs of every class that lists them.

    Returns
    -------
    dict
        By class name; classes with an arrival law are absent.

    Raises
    ------
    InputError
        When a trace cannot be read, or holds a job that fits no node of a plan.
    """
    horizon = tick(scenario.horizon_hours)
    found: dict[str, Listed] = {}
    for name, job_class in scenario.workload.items():
        if job_class.arrivals is not None:
            continue
        listed = _from_rows(job_class) if job_class.trace is None else _from_trace(scenario, job_class, job_class.trace)
        inside = listed.arrival < horizon
        gpus = listed.gpus[inside]
        for plan_name, plan in scenario.plans.items() if len(gpus) else ():
            if misfit := misfit_gpus(plan, int(gpus.max()), set(np.unique(gpus).tolist())):
                raise InputError.one(f"workload.{name}", f"must fit plan `{plan_name}`: {misfit}")
        found[name] = Listed(
            listed.arrival[inside],
            listed.service_hours[inside],
            listed.tokens_millions[inside],
            gpus,
            int((~inside).sum()),
        )
    return found
