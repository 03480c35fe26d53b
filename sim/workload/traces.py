"""Jobs that are listed one by one, in the scenario or in a CSV file (rules: ``columns``). Not here: laws of chance."""

from dataclasses import dataclass

import numpy as np

from sim.faults import InputError
from sim.scenario import JobClass, Scenario, misfit_gpus
from sim.scenario.work import Trace
from sim.units import Floats, Ticks, tick, to_ticks
from sim.workload.columns import HOURS, Wanted, in_order, instant, number, read_csv, readable, text_lines, whole

_MILLIONS = {"tokens": 1e-6, "thousands": 1e-3, "millions": 1.0}
_GPUS = whole("GPUs", 1_000_000)


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


def _wanted(trace: Trace) -> Wanted:
    """Name the columns of a trace that are stated, and how each is read."""
    readers = {"arrival": instant if trace.arrival_unit == "datetime" else number, "gpus": _GPUS}
    columns = trace.columns.model_dump()
    return {key: (name, readers.get(key, number)) for key, name in columns.items() if name is not None}


def _from_trace(scenario: Scenario, job_class: JobClass, trace: Trace) -> Listed:
    """Read a trace as jobs."""
    file = scenario.folder / trace.file
    with readable(file):
        table = read_csv(file, text_lines(file), lambda *_: _wanted(trace))
    rows, arrival = in_order(file, table, trace.arrival_unit, float(trace.skip_days), trace.sort)
    columns, count = table.values, len(table.lines)
    service = columns.get("service", np.full(count, np.nan)) * HOURS[trace.service_unit]
    tokens = columns.get("tokens", np.full(count, np.nan)) * _MILLIONS[trace.tokens_unit]
    gpus = columns.get("gpus", np.full(count, job_class.gpus)).astype(np.int64)
    return Listed(arrival, service[rows], tokens[rows], gpus[rows])


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
    for name, job_class in scenario.tunes.items():
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
