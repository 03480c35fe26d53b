"""A table played again: what each request of it would see under some terms. Not here: which terms are the best."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.engine.fleet import serve_requests
from sim.ground.requests import NO_ADAPTER, Requests
from sim.ground.units import Floats, Ticks
from sim.questions.fit.terms import Terms

_MICRO: Final = 1e-6


@dataclass(frozen=True)
class Seen:
    """What requests see, in seconds.

    Attributes
    ----------
    ttft, e2e, tpot : float64[n]
        From arrival to the first token and to the last; between tokens on average (0 where there is only one).
    end : float64[n]
        Instant of the last token.
    preempted : int64[n]
        How often each lost its place.
    """

    ttft: Floats
    e2e: Floats
    tpot: Floats
    end: Floats
    preempted: Ticks


def requests_of(arrival_s: Floats, prompt: Ticks, output: Ticks, runs: int = 1) -> Requests:
    """Make the requests of equally long runs, one after the other, from arrivals in seconds."""
    count = len(arrival_s)
    none = np.zeros(count, np.int64)
    offsets = np.arange(runs + 1, dtype=np.int64) * (count // runs)
    arrival = np.rint(arrival_s / _MICRO).astype(np.int64)
    return Requests(offsets, arrival, prompt, output, none, none + NO_ADAPTER, none)


def replay(terms: Terms, requests: Requests) -> Seen:
    """Serve the requests on one replica with these terms."""
    rows = serve_requests(terms.replicas(), requests, None)
    ttft = np.asarray((rows.first_token - requests.arrival) * _MICRO, np.float64)
    e2e = np.asarray((rows.end - requests.arrival) * _MICRO, np.float64)
    tpot = (e2e - ttft) / np.maximum(requests.output - 1, 1)
    return Seen(ttft, e2e, tpot, np.asarray(rows.end * _MICRO, np.float64), rows.preempted)


def poisson_runs(requests: int, runs: int, seed: int) -> Floats:
    """Draw Poisson arrivals at 1 request a second, each run scaled to last exactly as many seconds as it has requests.

    So does the load generator of vLLM, and runs of a low rate show it: they last that time and one request's latency.
    Every second run is the mirror of the one before it (its short gaps are long ones there), which makes means over a
    few runs steadier.

    Returns
    -------
    float64[runs, requests]
        Instants in seconds; divide by a rate.
    """
    shares = np.array([np.random.default_rng([seed, run]).random(requests) for run in range((runs + 1) // 2)])
    mirrored = np.stack([shares, 1 - shares], axis=1).reshape(-1, requests)[:runs]
    arrivals = np.cumsum(-np.log1p(-np.clip(mirrored, 0, 1 - 1e-12)), axis=1)
    return np.asarray(arrivals * (requests / arrivals[:, -1:]))
