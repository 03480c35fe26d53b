"""Replicas with continuous batching, compiled: the door to the kernel.

It takes the rules, makes the scratch arrays, and gives the rows; the serving itself is in ``batches``.
"""

from dataclasses import replace
from operator import attrgetter
from typing import Any

import numpy as np

from sim.engine.fleet.batches import FIELDS, serve
from sim.engine.fleet.contest import players_for
from sim.engine.fleet.scaler import AWAY, BOOTED, LEFT, MOMENTS, NODE, OF_NODE, ORDERED
from sim.engine.fleet.spans import LONGEST_SPAN
from sim.ground.hires import ExhaustedError, Hires
from sim.ground.requests import ApiTimes, Replicas, RequestRows, Requests, checked_loads
from sim.ground.units import FINE, NEVER, Ticks

# The rules as they are handed to the kernel.
_TERMS = attrgetter("base", "per_request", "per_kv_token", "per_prefill_token", "prefill", "floor", "load", "frontend")
_LIMITS = attrgetter("count", "gpus", "kv_tokens", "max_num_seqs", "token_budget", "join_lag", "longest_jump")
_POLICY = attrgetter("per_node", "minimum", "target", "tick", "cool_down")


def _safe_count(rules: Replicas) -> int:
    """Count the iterations that last no longer than the clock can tell, whatever is in them."""
    fullest = rules.per_request * rules.max_num_seqs + rules.per_kv_token * rules.kv_tokens
    longest = rules.base + fullest + rules.per_prefill_token * rules.token_budget + rules.prefill
    return max(1, LONGEST_SPAN // max(1, longest, rules.floor))


def _scaler(replicas: Replicas, replications: int, times: Ticks) -> dict[str, Any]:
    """Put together what the kernel needs to know of nodes that come and go."""
    rules = replicas.scaling
    if rules is None:
        shapes = {"moments": 0, "nodes": (0, 0), "schedule": (0, 0), "boots": (0, 0), "hires": (0, 0, 0), "hired": 0}
        return {"policy": None} | {name: np.empty(shape, np.int64) for name, shape in shapes.items()}
    nodes = rules.nodes(replicas.count)
    policy = (*_POLICY(rules), rules.first, rules.schedule is not None)
    return {
        "policy": np.array(policy, np.int64),
        "moments": np.empty(MOMENTS, np.int64),
        "nodes": np.empty((OF_NODE, nodes), np.int64),
        "schedule": np.empty((2, 0), np.int64) if rules.schedule is None else np.ascontiguousarray(rules.schedule),
        "boots": np.ascontiguousarray(times),
        "hires": np.empty((replications, 4, nodes + times.shape[1]), np.int64),
        "hired": np.empty(replications, np.int64),
    }


def rules_of(replicas: Replicas, has_times: bool, *, begins: bool = True, stops: bool = True) -> Ticks:
    """Lay out the rules for the kernel; ``begins`` and ``stops``: whether the clock starts and stops in this call."""
    if not 0 < replicas.count <= FINE:
        raise ValueError("a serving fleet has at least one replica, and at most 65,536")
    players, places = players_for(replicas.count), players_for(replicas.max_num_seqs)
    overflow_above = replicas.overflow_above  # as the router's contest has it
    overflow_above = NEVER if overflow_above >= NEVER else min(overflow_above, AWAY // players) * players
    has_api = has_times and replicas.has_api
    others = (has_api, overflow_above, _safe_count(replicas), places.bit_length() - 1, begins, stops)
    return np.array((*_TERMS(replicas), *_LIMITS(replicas), *others), np.int64)


def scratch(replicas: Replicas, replications: int, times: Ticks) -> dict[str, Any]:
    """Make the arrays in which the kernel keeps what it knows of replicas and nodes, by its names for them."""
    seats, windows = replicas.max_num_seqs, len(replicas.edges) - 1
    players, places = players_for(replicas.count), players_for(seats)
    return {
        "state": np.empty((replicas.count, FIELDS), np.int64),
        "clocks": np.empty((replicas.count, 2)),
        "busy_ticks": np.empty((replicas.count, windows), np.int64),
        "finish": np.empty((replicas.count, 2 * places), np.int64),
        "of_seats": np.empty((2, replicas.count, seats), np.int64),
        "of_router": np.empty((2, 2 * players), np.int64),
        "slots": np.empty((replicas.count, 3, replicas.slots), np.int64),
    } | _scaler(replicas, replications, times)


def of_requests(replicas: Replicas, count: int) -> Ticks:
    """Make the array in which the kernel keeps what it knows of each request."""
    return np.empty((2 if replicas.scaling is None else 3, count), np.int64)


def hires_of(table: Ticks, hired: Ticks) -> Hires:
    """Take the hires from the kernel's table."""
    if (hired < 0).any():
        raise ExhaustedError("hires")
    return Hires.packed(hired, table[:, NODE], table[:, ORDERED], table[:, BOOTED], table[:, LEFT])


def serve_requests(
    replicas: Replicas,
    requests: Requests,
    api: ApiTimes | None,
    out: RequestRows | None = None,
    *,
    loads: Ticks | None = None,
) -> RequestRows:
    """Serve the requests of each replication on a fleet of replicas.

    Parameters
    ----------
    replicas : Replicas
        The rules.
    requests : Requests
        The requests of one or more replications.
    api : ApiTimes or None
        How long the API takes for each; None where the plan has none.
    out : RequestRows, optional
        Rows to write into, made for as many.
    loads : int64[replications, n], optional
        Microseconds that each order of a node takes to be ready; where nodes come and go.

    Raises
    ------
    ExhaustedError
        Of ``hires`` where there are more orders than loads.

    Notes
    -----
    Cost O(log(replicas) + log(seats)) a request, whatever the number of its tokens, but for chunks of prompts and
    preemptions; with shared adapters O(slots) besides. A float looks up the length of a cut span, integers correct it.
    """
    count, windows = len(requests), len(replicas.edges) - 1
    rows = RequestRows.unwritten(count, requests.replications, windows) if out is None else out
    rules = rules_of(replicas, api is not None)
    at_api = (np.empty(0, np.int64),) * 2 if api is None else (api.first_token, api.rest)
    kept = scratch(replicas, requests.replications, checked_loads(replicas, requests, loads))
    columns = {name: column for name, column in vars(rows).items() if name not in ("hires", "tries")}
    serve(
        requests.offsets,
        requests.arrival,
        requests.prompt,
        requests.output,
        requests.adapter,
        requests.cached,
        *at_api,
        rules,
        replicas.edges * FINE,
        **columns | kept,
        of_requests=of_requests(replicas, count),
    )
    return rows if replicas.scaling is None else replace(rows, hires=hires_of(kept["hires"], kept["hired"]))
