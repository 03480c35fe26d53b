"""Jobs that are listed one by one, in the scenario or in a file (``sim.ground.logs``). Not here: laws of chance."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from sim.engine.workload.resample import Replayed, placed, resampling
from sim.ground.faults import InputError
from sim.ground.logs import Chunk, Form, gather, open_log, readable, version
from sim.ground.scenario import JobClass, Scenario, misfit_gpus
from sim.ground.scenario.work import Trace
from sim.ground.units import Floats, Ticks, tick, to_ticks


@dataclass(frozen=True)
class Listed(Replayed):
    """The jobs of a class that lists them.

    Attributes
    ----------
    service_hours, tokens_millions : float64[n]
        NaN where not stated.
    gpus : int64[n]
        GPUs needed at once.
    """

    service_hours: Floats
    tokens_millions: Floats
    gpus: Ticks


def _form(trace: Trace) -> Form | str:
    """Tell what the columns of a trace hold."""
    if trace.format is not None:
        return trace.format
    columns = trace.columns.model_dump(exclude_none=True)
    units = (trace.service_unit, trace.tokens_unit)
    return Form("columns", "fine_tune", columns, trace.arrival_unit, {}, {}, *units)


@lru_cache(maxsize=8)
def _gathered(file: Path, _version: tuple[int, ...], trace: Trace) -> tuple[Chunk, bool]:
    """Read a trace, and tell whether it has dates; once for all futures and periods of a decision."""
    with readable(file), open_log(file, _form(trace), zone=trace.zone, kind="fine_tune", sort=trace.sort) as log:
        return gather(log), log.dated


def _from_trace(scenario: Scenario, job_class: JobClass, trace: Trace) -> Listed:
    """Read a trace as jobs."""
    file = scenario.folder / trace.file
    chunk, dated = _gathered(file, version(file), trace.as_it_stands)
    rows, arrival = placed(chunk, dated, trace)
    columns, count = chunk.columns, len(chunk)
    service = columns.get("service_hours", np.full(count, np.nan))
    tokens = columns.get("tokens", np.full(count, np.nan)) * 1e-6
    gpus = columns.get("gpus", np.full(count, job_class.gpus)).astype(np.int64)
    return Listed(arrival, service[rows], tokens[rows], gpus[rows], resampling=resampling(file, trace, arrival))


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
        every = _from_rows(job_class) if job_class.trace is None else _from_trace(scenario, job_class, job_class.trace)
        found[name] = listed = every.before(horizon)
        for plan_name, plan in scenario.plans.items() if len(listed.gpus) else ():
            if misfit := misfit_gpus(plan, int(listed.gpus.max()), set(np.unique(listed.gpus).tolist())):
                raise InputError.one(f"workload.{name}", f"must fit plan `{plan_name}`: {misfit}")
    return found
