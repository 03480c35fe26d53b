"""Small worlds written by hand: jobs in hours, scenarios in YAML. What a test expects stands in the test."""

import numpy as np

from sim.jobs import API, HELD, HIRED, NOT_STARTED, Fleet, Paths, Rows, Terms
from sim.scenario import Scenario, build, with_settings
from sim.scenario.tree import read_text
from sim.units import NEVER, tick, to_hours, to_ticks

__all__ = ["API", "ARTICLE", "HELD", "HIRED", "NOT_STARTED", "fleet", "jobs", "scenario", "table", "terms"]

ARTICLE = """\
name: article
seed: 2023
horizon_days: 365
price_date: 2023-10-01
workload:
  tuning:
    kind: fine_tune
    arrivals: {law: poisson, rate_per_day: 6}
    gpus: 8
    tokens_millions: 1
    hours_per_million_tokens: 2
plans:
  reserved:
    held: {p4d: {instance: p4d.24xlarge, nodes: 1, rate: reserved_1y}}
    staff: {engineers: 1, usd_per_year: 200000}
  on_demand:
    hired: {p4d: {instance: p4d.24xlarge, rate: on_demand}}
  api:
    api: {offer: openai_2023_08}
"""
"""The article's three plans; a reserved p4d serves at most 12 runs a day."""


def jobs(arrival, service, gpus=1, priority=0, tokens=1.0, job_class=0) -> Paths:
    """Jobs of one replication; arrivals and services in hours."""
    n = len(arrival)
    whole = (np.broadcast_to(np.asarray(column, dtype=np.int64), n).copy() for column in (gpus, priority, job_class))
    sizes = np.broadcast_to(np.asarray(tokens, dtype=float), n).copy()
    return Paths(np.array([0, n]), to_ticks(arrival), to_ticks(np.broadcast_to(service, n)), *whole, sizes)


def terms(paths: Paths, patience=None, api=None) -> Terms:
    """Each job's patience and its time at the API, in hours; no patience: it waits for ever."""
    n = len(paths)
    waits = np.full(n, NEVER) if patience is None else to_ticks(np.broadcast_to(patience, n).astype(float))
    return Terms(waits, paths.service if api is None else to_ticks(np.broadcast_to(api, n).astype(float)))


def fleet(nodes=1, gpus=1, horizon=100.0, queue_limit=NEVER, backfill=False, no_queue=NOT_STARTED) -> Fleet:
    """Nodes of so many GPUs; horizon in hours."""
    return Fleet(nodes, gpus, tick(horizon), queue_limit, backfill, no_queue)


def table(rows: Rows) -> list[tuple[float | None, float | None, int, int]]:
    """Every row as (start, end, node, outcome), instants in hours; None for a job not started."""
    columns = (rows.start, rows.end, rows.node, rows.outcome)
    return [
        (None if start < 0 else to_hours(start), None if end < 0 else to_hours(end), node, outcome)
        for start, end, node, outcome in zip(*(column.tolist() for column in columns), strict=True)
    ]


def scenario(text: str = ARTICLE, settings: dict | None = None) -> Scenario:
    """Build a scenario from YAML text, with values put in at dotted keys."""
    return build(with_settings(read_text(text, "world.yaml"), settings or {}))
