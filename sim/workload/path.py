"""From a scenario to sample paths: the jobs of each replication, the same for all plans."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from sim.jobs import Paths, Terms
from sim.scenario import JobClass, Plan, Scenario
from sim.scenario.joint import JobSizes
from sim.units import NEVER, Floats, Ticks, tick, to_ticks
from sim.workload.arrivals import arrivals
from sim.workload.draws import Draws, Open, lognormal, picked
from sim.workload.streams import stream
from sim.workload.traces import Listed


def _from_laws(job_class: JobClass, open_stream: Open, source: str, count: int) -> tuple[Floats, Floats | None, Ticks]:
    """Draw the sizes of jobs from laws: service (hours), tokens (millions, if any), GPUs."""
    gpus = np.full(count, job_class.gpus)
    tokens = None
    if job_class.tokens_millions is not None:
        tokens = Draws(job_class.tokens_millions, open_stream, f"{source}/tokens").take(count)
    if tokens is not None and job_class.hours_per_million is not None:
        return tokens * job_class.hours_per_million, tokens, gpus
    return Draws(job_class.service_hours, open_stream, f"{source}/service").take(count), tokens, gpus


def _from_rows(
    job_class: JobClass, sizes: JobSizes, open_stream: Open, source: str, count: int
) -> tuple[Floats, Floats | None, Ticks]:
    """Draw the sizes of jobs from the rows of a file, each row whole."""
    table = sizes.table
    rows = picked(open_stream(f"{source}/row").random(count), len(table), table.weights)
    columns = {role: values[rows] for role, values in table.columns.items()}
    gpus = columns["gpus"].astype(np.int64) if "gpus" in columns else np.full(count, job_class.gpus)
    return job_class.row_hours(sizes)[rows], columns.get("tokens"), gpus


def _drawn(
    name: str, job_class: JobClass, listed: Listed | None, open_stream: Open, horizon: int
) -> tuple[Ticks, Floats, Floats | None, Ticks]:
    """Draw one class in one replication: arrival (ticks), service (hours), tokens (millions, if any), GPUs."""
    source = f"workload.{name}"
    tokens: Floats | None
    if listed is not None:
        listed = listed.drawn(open_stream, source, horizon)
        arrival, service, tokens, gpus = listed.arrival, listed.service_hours, listed.tokens_millions, listed.gpus
        if job_class.hours_per_million is not None:
            service = np.where(np.isnan(service), tokens * job_class.hours_per_million, service)
    else:
        arrival = arrivals(job_class.arrivals, open_stream, f"{source}/arrivals", horizon)
        if job_class.sizes is not None:
            service, tokens, gpus = _from_rows(job_class, job_class.sizes, open_stream, source, len(arrival))
        else:
            service, tokens, gpus = _from_laws(job_class, open_stream, source, len(arrival))
    if job_class.setup_hours > 0:
        service = service + job_class.setup_hours
    if job_class.noise_cv > 0:
        service = service * lognormal(open_stream(f"{source}/noise"), job_class.noise_cv, len(service))
    return arrival, service, tokens, gpus


def _whole_class(
    scenario: Scenario, number: int, name: str, seed: int, replications: Sequence[int], listed: Listed | None
) -> tuple[Ticks, Paths]:
    """Draw one class in all replications: the replication of each of its jobs, and the jobs."""
    job_class = scenario.tunes[name]
    horizon = tick(scenario.horizon_hours)
    drawn = [_drawn(name, job_class, listed, partial(stream, seed, r), horizon) for r in replications]
    lengths = [len(arrival) for arrival, *_ in drawn]
    count = sum(lengths)
    tokens = [each for _, _, each, _ in drawn if each is not None]
    jobs = Paths(
        offsets=np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        arrival=np.concatenate([arrival for arrival, *_ in drawn]),
        service=to_ticks(np.concatenate([service for _, service, *_ in drawn])),
        gpus=np.concatenate([gpus for *_, gpus in drawn]),
        priority=np.full(count, job_class.priority),
        job_class=np.full(count, number),
        tokens=np.concatenate(tokens) if tokens else np.full(count, np.nan),
    )
    return np.repeat(np.arange(len(drawn)), lengths), jobs


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
    order = np.lexsort((merged["arrival"], np.concatenate([replication for replication, _ in classes])))
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
