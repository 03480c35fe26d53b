"""Everything random that happens to requests at an API, drawn before the clock starts.

Latencies, and of an account that is not always there: what decides on back-off and errors, turns of outages, the
turnaround of the batch tier. A request keeps its draws whichever plan hands it over. Not here: the provider's rules.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sim.engine.workload.draws import Draws, Open
from sim.engine.workload.hazards import packed, turns
from sim.engine.workload.streams import stream
from sim.ground.requests import ApiTimes, Requests
from sim.ground.scenario import Plan, Scenario
from sim.ground.units import NEVER, SECONDS_PER_HOUR, Floats, Ticks, tick, to_ticks


@dataclass(frozen=True)
class ApiChance:
    """What chance decides for each request of some classes, were it handed to an account.

    Attributes
    ----------
    jitter, luck : int64[n]
        63 random bits each: back-off and errors (``account.uniform``).
    turnaround : int64[n]
        Microseconds that the batch tier takes for it; 0 where there is no such tier.
    """

    jitter: Ticks
    luck: Ticks
    turnaround: Ticks


def _filled(
    values: Any,
    scenario: Scenario,
    seed: int,
    replications: Sequence[int],
    requests: Requests,
    take: Callable[[Open, str, int], Any],
) -> None:
    """Fill in a value for each request, from streams of its class in its replication."""
    for replication, first, last in zip(replications, requests.offsets[:-1], requests.offsets[1:], strict=True):
        for number, name in enumerate(scenario.workload):
            if name in scenario.chats:
                mine = first + np.flatnonzero(requests.job_class[first:last] == number)
                values[mine] = take(partial(stream, seed, replication), f"workload.{name}", len(mine))


def _by_request(
    law: Any,
    scenario: Scenario,
    seed: int,
    replications: Sequence[int],
    requests: Requests,
    what: str,
    under_way: dict[str, Draws] | None = None,
) -> Floats:
    """Draw a value for each request; one for all where nothing is left to chance."""
    if law is None or law.law == "deterministic":
        return np.array(0.0 if law is None else float(law.mean))
    values = np.empty(len(requests))

    def take(opened: Open, source: str, count: int) -> Floats:
        name = f"{source}/{what}"
        if under_way is None:
            return Draws(law, opened, name).take(count)
        if name not in under_way:
            under_way[name] = Draws(law, opened, name)
        return under_way[name].take(count)

    _filled(values, scenario, seed, replications, requests, take)
    return values


def api_times(
    scenario: Scenario,
    plan: Plan,
    seed: int,
    replications: Sequence[int],
    requests: Requests,
    under_way: dict[str, Draws] | None = None,
) -> ApiTimes | None:
    """Draw how long the API of a plan would take for each request; None where it serves no inference.

    A request keeps its times whichever plan hands it over, and whatever the plan's means are. What is not stated takes
    no time.

    Parameters
    ----------
    replications : sequence of int
        Those that the requests were drawn for.
    requests : Requests
        All requests of some classes, as ``sample_requests`` gives them.
    under_way : dict of Draws, optional
        Where the requests of one replication come in pieces: what was drawn from for those before, empty at first.

    Notes
    -----
    Streams: ``workload.<class>/api_ttft`` and ``/api_token``; the last token comes (output - 1) times the drawn time
    of a token after the first.
    """
    if plan.api is None or not plan.api.serves:
        return None
    ttft = _by_request(plan.api.ttft_s, scenario, seed, replications, requests, "api_ttft", under_way)
    token = _by_request(
        plan.api.seconds_per_output_token, scenario, seed, replications, requests, "api_token", under_way
    )
    first_token = np.broadcast_to(to_ticks(ttft / SECONDS_PER_HOUR), len(requests)).copy()
    return ApiTimes(first_token, to_ticks(token / SECONDS_PER_HOUR * (requests.output - 1)))


def _bits(what: str, scenario: Scenario, seed: int, replications: Sequence[int], requests: Requests) -> Ticks:
    """Draw 63 random bits for each request."""
    values = np.empty(len(requests), np.int64)

    def take(opened: Open, source: str, count: int) -> Ticks:
        return opened(f"{source}/{what}").integers(0, 2**63, count, dtype=np.int64)

    _filled(values, scenario, seed, replications, requests, take)
    return values


def api_chance(scenario: Scenario, plan: Plan, seed: int, replications: Sequence[int], requests: Requests) -> ApiChance:
    """Draw what chance decides for each request at the account of a plan.

    Parameters
    ----------
    replications, requests
        As of ``api_times``.

    Notes
    -----
    Streams: ``workload.<class>/api_jitter``, ``/api_errors`` and ``/api_turnaround``. They hang on no key of the plan:
    another limit, share or number of retries draws nothing anew.
    """
    batch = None if plan.api is None else plan.api.batch
    law = None if batch is None else batch.turnaround_hours
    hours = _by_request(law, scenario, seed, replications, requests, "api_turnaround")
    return ApiChance(
        _bits("api_jitter", scenario, seed, replications, requests),
        _bits("api_errors", scenario, seed, replications, requests),
        np.broadcast_to(to_ticks(hours), len(requests)),
    )


def api_windows(scenario: Scenario, plan: Plan, seed: int, replications: Sequence[int]) -> Ticks:
    """Draw when the API of a plan is there.

    Returns
    -------
    int64[R, k]
        Ticks at which it goes up and down in turns, up first; each row padded with ``NEVER``. Streams: ``api/outages``,
        and ``/on`` and ``/off`` of it.
    """
    outages = None if plan.api is None else plan.api.outages
    if outages is None:
        return np.tile(np.array([0, NEVER]), (len(replications), 1))
    horizon = tick(scenario.horizon_hours)
    rows = [
        [turns(outages.up_hours, outages.down_hours, partial(stream, seed, replication), "api/outages", horizon)]
        for replication in replications
    ]
    return packed(rows)[:, 0]
