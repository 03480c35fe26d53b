"""From a scenario to sample paths: the jobs of each replication, the same for all plans."""

from collections.abc import Iterable
from functools import partial

import numpy as np

from sim.jobs import Paths, Terms
from sim.scenario import JobClass, Plan, Scenario
from sim.units import NEVER, Floats, Ticks, tick, to_ticks
from sim.workload.arrivals import arrivals
from sim.workload.draws import Draws, Open, lognormal
from sim.workload.streams import stream
from sim.workload.traces import Listed


def _class_jobs(
    name: str, job_class: JobClass, listed: Listed | None, open_stream: Open, horizon: int
) -> tuple[Ticks, Floats, Floats, Ticks]:
    """Draw one class in one replication: arrival (ticks), service (hours), tokens (millions), GPUs."""
    source = f"workload.{name}"
    if listed is not None:
        arrival, service, tokens, gpus = listed.arrival, listed.service_hours, listed.tokens_millions, listed.gpus
    else:
        arrival = arrivals(job_class.arrivals, open_stream, f"{source}/arrivals", horizon)
        count = len(arrival)
        gpus = np.full(count, job_class.gpus)
        tokens, service = np.full(count, np.nan), np.full(count, np.nan)
        if job_class.tokens_millions is not None:
            tokens = Draws(job_class.tokens_millions, open_stream, f"{source}/tokens").take(count)
        if job_class.service_hours is not None:
            service = Draws(job_class.service_hours, open_stream, f"{source}/service").take(count)
    if job_class.hours_per_million is not None:
        service = np.where(np.isnan(service), tokens * job_class.hours_per_million, service)
    service = service + job_class.setup_hours
    if job_class.noise_cv > 0:
        service = service * lognormal(open_stream(f"{source}/noise"), job_class.noise_cv, len(service))
    return arrival, service, tokens, gpus


def sample(scenario: Scenario, seed: int, replications: Iterable[int], listed: dict[str, Listed]) -> Paths:
    """Draw the jobs of some replications.

    Parameters
    ----------
    scenario : Scenario
        Its workload and horizon are used, its plans are not.
    seed : int
        Seed of the study.
    replications : iterable of int
        Numbers of the replications wanted; each gives the same jobs in whatever company it is drawn.
    listed : dict
        Jobs of the classes that list them, by class name.

    Returns
    -------
    Paths
        By replication, then by (arrival, class, number in class).
    """
    horizon = tick(scenario.horizon_hours)
    columns: list[list[np.ndarray]] = [[] for _ in range(6)]
    lengths = [0]
    for replication in replications:
        open_stream = partial(stream, seed, replication)
        parts: list[list[np.ndarray]] = [[] for _ in range(6)]
        for number, (name, job_class) in enumerate(scenario.workload.items()):
            drawn = _class_jobs(name, job_class, listed.get(name), open_stream, horizon)
            count = len(drawn[0])
            for part, column in zip(parts, (*drawn, np.full(count, number), np.full(count, job_class.priority)), strict=True):
                part.append(column)
        if len(scenario.workload) > 1:
            merged = [np.concatenate(part) for part in parts]
            order = np.argsort(merged[0], kind="stable")
            parts = [[column[order]] for column in merged]
        for column, part in zip(columns, parts, strict=True):
            column.append(part[0])
        lengths.append(len(parts[0][0]))
    arrival, service, tokens, gpus, job_class_, priority = (np.concatenate(column) for column in columns)
    return Paths(np.cumsum(lengths), arrival, to_ticks(service), gpus, priority, job_class_, tokens)


def terms(scenario: Scenario, plan: Plan, seed: int, replications: Iterable[int], paths: Paths) -> Terms:
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
