"""Small worlds written by hand: jobs in hours, scenarios in YAML. What a test expects stands in the test."""

import os

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from sim.ground.jobs import API, HELD, HIRED, NOT_STARTED, Fleet, Paths, Rows, Terms
from sim.ground.scenario import Scenario, build, with_settings
from sim.ground.scenario.tree import read_text
from sim.ground.units import NEVER, tick, to_hours, to_ticks

__all__ = [
    "API",
    "ARTICLE",
    "HELD",
    "HIRED",
    "NOT_STARTED",
    "examples",
    "fleet",
    "jobs",
    "random_worlds",
    "scenario",
    "table",
    "terms",
]

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


def examples(count: int) -> settings:
    """So many examples of hypothesis; a tenth where the kernels are slowed down to be checked (test_kernels)."""
    slow = {"NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"} & set(os.environ)
    return settings(max_examples=count // 10 if slow else count)


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


@st.composite
def random_worlds(draw) -> tuple[Fleet, Paths, Terms]:
    """Few ticks, so that many things fall on one instant; every rule of a fleet is drawn."""
    size, nodes = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    sizes = [*range(1, size + 1), *(size * k for k in range(2, nodes + 1))]
    instants = st.integers(0, draw(st.sampled_from([0, 5, 30])))
    job = st.tuples(instants, st.integers(0, 8), st.sampled_from(sizes), st.integers(0, 2), st.integers(0, 9))
    run = st.lists(job, max_size=25).map(lambda rows: sorted(rows, key=lambda row: row[0]))
    runs = draw(st.lists(run, min_size=1, max_size=3))
    rows = np.array([row for run in runs for row in run], dtype=np.int64).reshape(-1, 5)
    offsets = np.cumsum([0, *map(len, runs)])
    arrival, service, gpus, priority, patience = (column.copy() for column in rows.T)
    patience = patience if draw(st.booleans()) else np.full(len(rows), NEVER)
    limit = draw(st.sampled_from([NEVER, NEVER, 0, 1, 3]))
    rules = Fleet(nodes, size, draw(st.sampled_from([31, 60, 10**6])), limit, draw(st.booleans()))
    tokens = np.ones(len(rows))
    return (
        rules,
        Paths(offsets, arrival, service, gpus, priority, np.zeros_like(arrival), tokens),
        Terms(patience, service),
    )
