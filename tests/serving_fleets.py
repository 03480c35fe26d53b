"""Serving fleets and requests written down by hand."""

from functools import partial

import numpy as np
import plain_serving
import pytest

from sim.engine import reference
from sim.engine.fleet import replicas as kernel
from sim.ground.requests import NO_ADAPTER, Replicas, Requests
from sim.ground.units import FINE

SECOND = 1_000_000


def fleet(count=1, edges=(0, 100), room=1000, seats=8, budget=1000, base=1.0, **rules) -> Replicas:
    """A fleet with every duration in seconds."""
    durations = {"per_request": 0, "per_kv_token": 0, "per_prefill_token": 0, "prefill": 0, "floor": 0, "load": 0}
    ticks = {name: round(rules.pop(name, 0) * SECOND * FINE) for name in durations}
    return Replicas(
        count=count,
        gpus=rules.pop("gpus", 1),
        base=round(base * SECOND * FINE),
        kv_tokens=room,
        max_num_seqs=seats,
        token_budget=budget,
        edges=np.array([round(edge * SECOND) for edge in edges]),
        **ticks,
        **rules,
    )


def arriving(*rows, cached=None) -> Requests:
    """Requests of one replication, each (seconds of arrival, prompt, output[, adapter])."""
    arrival, prompt, output, adapter = zip(*[(*row, NO_ADAPTER)[:4] for row in rows], strict=True)
    return Requests(
        offsets=np.array([0, len(rows)]),
        arrival=np.array([round(instant * SECOND) for instant in arrival]),
        prompt=np.array(prompt),
        output=np.array(output),
        job_class=np.zeros(len(rows), np.int64),
        adapter=np.array(adapter),
        cached=np.array([0] * len(rows) if cached is None else cached),
    )


def table(rows) -> list[tuple]:
    """Rows as (start, first token, end, replica, outcome, preempted, GPU time), in seconds."""
    columns = [rows.start, rows.first_token, rows.end]
    instants = [[-1 if instant < 0 else instant / SECOND for instant in column] for column in columns]
    others = [rows.replica.tolist(), rows.outcome.tolist(), rows.preempted.tolist(), (rows.gpu_time / SECOND).tolist()]
    return list(zip(*instants, *others, strict=True))


ENGINES = [plain_serving.serve_requests, reference.serve_requests, kernel.serve_requests]


served = partial(pytest.mark.parametrize("serve", ENGINES, ids=["plain", "simpy", "kernel"]))
