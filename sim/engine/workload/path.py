"""From a scenario to sample paths: the jobs of each replication, the same for all plans."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from sim.engine.workload.arrivals import all_arrivals
from sim.engine.workload.draws import Draws, Open, drawn, lognormals, picked
from sim.engine.workload.streams import stream
from sim.engine.workload.traces import Listed
from sim.ground.jobs import Paths, Terms
from sim.ground.scenario import JobClass, Plan, Scenario
from sim.ground.scenario.joint import JobSizes
from sim.ground.units import NEVER, Floats, Ticks, tick, to_ticks

Drawn = tuple[Floats, Floats | None, Ticks]
"""Sizes of jobs: service (hours), tokens (millions, if any), GPUs."""


def _from_laws(job_class: JobClass, opens: Sequence[Open], source: str, counts: Ticks) -> Drawn:
    """Draw the sizes of jobs from laws."""
    gpus, tokens = np.full(int(counts.sum()), job_class.gpus), None
    if job_class.tokens_millions is not None:
        tokens = drawn(job_class.tokens_millions, opens, f"{source}/tokens", counts)
    if tokens is not None and job_class.hours_per_million is not None:
        return tokens * job_class.hours_per_million, tokens, gpus
    return drawn(job_class.service_hours, opens, f"{source}/service", counts), tokens, gpus


def _from_rows(job_class: JobClass, sizes: JobSizes, opens: Sequence[Open], source: str, counts: Ticks) -> Drawn:
    """Draw the sizes of jobs from the rows of a file, each row whole."""
    table = sizes.table
    uniform = [open_stream(f"{source}/row").random(count) for open_stream, count in zip(opens, counts, strict=True)]
    rows = picked(np.concatenate(uniform), len(table), table.weights)
    columns = {role: values[rows] for role, values in table.columns.items()}
    gpus = columns["gpus"].astype(np.int64) if "gpus" in columns else np.full(len(rows), job_class.gpus)
    return job_class.row_hours(sizes)[rows], columns.get("tokens"), gpus


def _from_list(
    job_class: JobClass, listed: Listed, opens: Sequence[Open], source: str, horizon: int
) -> tuple[Ticks, Ticks, Drawn]:
    """Take jobs that are listed, or drawn from a list: arrivals (ticks), how many in each replication, their sizes."""
    each = [listed.drawn(open_stream, source, horizon) for open_stream in opens]
    arrival, service, tokens, gpus = (
        np.concatenate([getattr(jobs, column) for jobs in each])
        for column in ("arrival", "service_hours", "tokens_millions", "gpus")
    )
    if job_class.hours_per_million is not None:
        service = np.where(np.isnan(service), tokens * job_class.hours_per_million, service)
    return arrival, np.array([len(jobs.arrival) for jobs in each]), (service, tokens, gpus)


def _whole_class(
    scenario: Scenario, number: int, name: str, seed: int, replications: Sequence[int], listed: Listed | None
) -> tuple[Ticks, Paths]:
    """Draw one class in all replications: how many jobs each has, and the jobs."""
    job_class, source, horizon = scenario.tunes[name], f"workload.{name}", tick(scenario.horizon_hours)
    opens = [partial(stream, seed, replication) for replication in replications]
    if listed is not None:
        arrival, counts, sizes = _from_list(job_class, listed, opens, source, horizon)
    else:
        arrival, counts = all_arrivals(job_class.arrivals, opens, f"{source}/arrivals", horizon)
        if job_class.sizes is not None:
            sizes = _from_rows(job_class, job_class.sizes, opens, source, counts)
        else:
            sizes = _from_laws(job_class, opens, source, counts)
    service, tokens, gpus = sizes
    if job_class.setup_hours > 0:
        service = service + job_class.setup_hours
    if job_class.noise_cv > 0:
        service = service * lognormals(opens, f"{source}/noise", job_class.noise_cv, counts)
    count = len(arrival)
    jobs = Paths(
        offsets=np.concatenate(([0], np.cumsum(counts))),
        arrival=arrival,
        service=to_ticks(service),
        gpus=gpus,
        priority=np.full(count, job_class.priority),
        job_class=np.full(count, number),
        tokens=np.full(count, np.nan) if tokens is None else tokens,
    )
    return counts, jobs


def sample(scenario: Scenario, seed: int, replications: Sequence[int], listed: dict[str, Listed]) -> Paths:
    """Draw the fine-tune jobs of some replications.

    Parameters
    ----------
    scenario : Scenario
        Its workload and horizon are used, its plans are not.
    seed : int
        Seed of the study.
    replications : sequence of int
        Numbers of the replications wanted; each gives the same jobs in whatever company it is drawn.
    listed : dict
        Jobs of the classes that list them, by class name.

    Returns
    -------
    Paths
        By replication, then by (arrival, class, number in class).
    """
    classes = [
        _whole_class(scenario, number, name, seed, replications, listed.get(name))
        for number, name in enumerate(scenario.workload)
        if name in scenario.tunes
    ]
    if not classes:
        none = np.empty(0, np.int64)
        return Paths(np.zeros(len(replications) + 1, np.int64), none, none, none, none, none, np.empty(0))
    if len(classes) == 1:
        return classes[0][1]
    columns = ("arrival", "service", "gpus", "priority", "job_class", "tokens")
    merged = {column: np.concatenate([getattr(jobs, column) for _, jobs in classes]) for column in columns}
    replication = [np.repeat(np.arange(len(replications)), counts) for counts, _ in classes]
    order = np.lexsort((merged["arrival"], np.concatenate(replication)))
    offsets = np.sum([jobs.offsets for _, jobs in classes], axis=0)
    return Paths(offsets, **{column: values[order] for column, values in merged.items()})


def terms(scenario: Scenario, plan: Plan, seed: int, replications: Sequence[int], paths: Paths) -> Terms:
    """Draw how long the jobs of a path would wait under a plan, and work out their time at its API.

    Patience comes from the class's own stream, so plans that differ in patience alone share their noise.

    Returns
    -------
    Terms
        In the order of the path.
    """
    patience = np.full(len(paths), NEVER)
    law = plan.patience_hours
    if law is not None and law.law == "deterministic":
        patience = np.full(len(paths), tick(law.mean))
    elif law is not None:
        for replication, first, last in zip(replications, paths.offsets[:-1], paths.offsets[1:], strict=True):
            for number, name in enumerate(scenario.workload):
                mine = first + np.flatnonzero(paths.job_class[first:last] == number)
                draws = Draws(law, partial(stream, seed, replication), f"workload.{name}/patience")
                patience[mine] = to_ticks(draws.take(len(mine)))
    pace = None if plan.api is None else plan.api.pace
    if pace is None:
        return Terms(patience, paths.service)
    api_time = np.where(np.isnan(paths.tokens), paths.service, to_ticks(np.nan_to_num(paths.tokens) * pace))
    return Terms(patience, api_time)
