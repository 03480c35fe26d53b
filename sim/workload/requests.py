"""Inference requests of the replications, the same for all plans, and the time an API takes for each.

Not here: replicas, prices; the requests of a log (``logs``).
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from sim.compiled import kernel
from sim.requests import COLUMNS, NO_ADAPTER, Requests, Turns
from sim.scenario import InferenceClass, Scenario
from sim.scenario.inference import Adapters
from sim.units import Floats, Ticks, tick
from sim.workload.arrivals import arrivals
from sim.workload.draws import PIECE, Draws, Open, picked
from sim.workload.logs import RequestList
from sim.workload.sessions import continue_sessions, drawn_turns, joined_turns
from sim.workload.streams import stream

MOST_TOKENS = 1e12
"""No prompt and no output is longer, whatever a law says: so much can be added up without overflow."""

_HAIR: Final = 1e-9
"""Tokens that make up for a share which floats cannot tell: 0.29 of 100 tokens would be 28."""


@kernel
def _round(values: Floats, tokens: Ticks) -> None:
    """Round lengths to whole tokens, at least 1."""
    for k in range(len(values)):
        tokens[k] = np.int64(min(max(np.rint(values[k]), 1.0), MOST_TOKENS))


def _tokens(law: Any, open_stream: Open, quantity: str, tokens: Ticks) -> None:
    """Draw lengths into place, in pieces that stay in the processor's cache."""
    draws = Draws(law, open_stream, quantity)
    for first in range(0, len(tokens), PIECE):
        piece = tokens[first : first + PIECE]
        _round(draws.take(len(piece)), piece)


def _popularity(adapters: Adapters) -> Floats:
    """Share of the requests that each adapter gets (not a vector power: it differs between processors)."""
    wanted = [(1 + k) ** -float(adapters.zipf) for k in range(int(adapters.count))]
    return np.array(wanted) / math.fsum(wanted)


def _lengths(
    requests: InferenceClass, listed: RequestList | None, open_stream: Open, source: str, prompt: Ticks, output: Ticks
) -> None:
    """Fill in the lengths of one class in one replication."""
    if listed is not None:
        prompt[:], output[:] = listed.prompt, listed.output
    elif requests.tokens is not None:
        table = requests.tokens.table
        which = picked(open_stream(f"{source}/pair").random(len(prompt)), len(table), table.weights)
        prompt[:], output[:] = table.columns["prompt"][which], table.columns["output"][which]
    else:
        _tokens(requests.prompt_tokens, open_stream, f"{source}/prompt", prompt)
        _tokens(requests.output_tokens, open_stream, f"{source}/output", output)


@kernel
def _prefixes(prompt: Ticks, share: float, cached: Ticks) -> None:
    """Take a share of each prompt, in whole tokens and never the last one."""
    for k in range(len(prompt)):
        cached[k] = min(np.int64(prompt[k] * share + _HAIR), prompt[k] - 1)


def _cached(requests: InferenceClass, lists: Sequence[RequestList | None], prompt: Ticks) -> Ticks:
    """Tell how many tokens of each prompt a prefix cache holds: as the log does, else by the class's share."""
    told = [each.cached for each in lists if each is not None and each.cached is not None]
    if told:
        return np.minimum(np.concatenate(told), prompt - 1)
    cached = np.zeros(len(prompt), np.int64)
    if requests.cached_share > 0:
        _prefixes(prompt, float(requests.cached_share), cached)
    return cached


def _whole_class(
    scenario: Scenario, number: int, name: str, seed: int, replications: Sequence[int], listed: RequestList | None
) -> Requests:
    """Draw one class in all replications."""
    requests, source, horizon = scenario.chats[name], f"workload.{name}", tick(scenario.horizon_hours)
    streams: list[Open] = [partial(stream, seed, replication) for replication in replications]
    lists = [None if listed is None else listed.drawn(opened, source, horizon) for opened in streams]
    arrived = [
        arrivals(requests.arrivals, opened, f"{source}/arrivals", horizon) if mine is None else mine.arrival
        for opened, mine in zip(streams, lists, strict=True)
    ]
    turns: list[Turns] = []
    if requests.sessions is not None:
        turns = [drawn_turns(requests.sessions, *each, source) for each in zip(arrived, streams, strict=True)]
        arrived = [begun[each.session] for begun, each in zip(arrived, turns, strict=True)]
    offsets = np.cumsum([0, *map(len, arrived)])
    count = int(offsets[-1])
    prompt, output, adapter = np.empty(count, np.int64), np.empty(count, np.int64), np.full(count, NO_ADAPTER)
    shares = None if requests.adapters is None else _popularity(requests.adapters)
    for opened, mine, first, last in zip(streams, lists, offsets[:-1], offsets[1:], strict=True):
        _lengths(requests, mine, opened, source, prompt[first:last], output[first:last])
        if shares is not None:
            adapter[first:last] = picked(opened(f"{source}/adapter").random(last - first), len(shares), shares)
    together = joined_turns(turns) if turns else None
    arrival = arrived[0] if len(arrived) == 1 else np.concatenate(arrived)
    cached = _cached(requests, lists, prompt)
    if together is not None and requests.sessions is not None:
        continue_sessions(requests.sessions, together, prompt, output, adapter, cached)
    return Requests(offsets, arrival, prompt, output, np.full(count, number), adapter, cached, together)


def _merged(classes: list[Requests], replications: int) -> Requests:
    """Put the requests of several classes into the order of their arrival, replication by replication."""
    whole = {column: np.concatenate([getattr(each, column) for each in classes]) for column in COLUMNS}
    some = any(each.turns is not None for each in classes)
    turns = joined_turns([each.turns or Turns.none(len(each)) for each in classes]) if some else None
    offsets = np.sum([each.offsets for each in classes], axis=0)
    before = np.cumsum([0, *map(len, classes)])
    order = np.empty(len(whole["arrival"]), np.int64)
    for r in range(replications):
        rows = np.concatenate(
            [np.arange(start + each.offsets[r], start + each.offsets[r + 1]) for start, each in zip(before, classes)]  # noqa: B905 - the last sum starts no class
        )
        order[offsets[r] : offsets[r + 1]] = rows[np.argsort(whole["arrival"][rows], kind="stable")]
    return Requests(offsets, **whole, turns=turns).at(order, offsets, whole["arrival"][order])


def sample_requests(
    scenario: Scenario,
    seed: int,
    replications: Sequence[int],
    logs: dict[str, RequestList],
    classes: Sequence[str] | None = None,
) -> Requests:
    """Draw the inference requests of some replications.

    Parameters
    ----------
    scenario : Scenario
        Its workload and horizon are used, its plans are not.
    seed : int
        Seed of the study.
    replications : sequence of int
        Numbers of the replications wanted; each gives the same requests in whatever company it is drawn.
    logs : dict
        Requests of the classes that list them, by class name.
    classes : sequence of str, optional
        Only these classes; their requests are the same in whatever company they are drawn.

    Returns
    -------
    Requests
        By replication, then by (arrival, class, number in class). Adapters are numbered from 0 in each class: number 3
        is the same adapter in all of them. Of sessions that begin before the horizon all turns are told, each at the
        instant at which its session begins: when it comes is the plan's matter.

    Notes
    -----
    One stream a quantity: ``workload.<class>/arrivals``, ``/turns`` and ``/think``, ``/prompt`` and ``/output`` or
    ``/pair``, ``/adapter``.
    """
    drawn = [
        _whole_class(scenario, number, name, seed, replications, logs.get(name))
        for number, name in enumerate(scenario.workload)
        if name in scenario.chats and (classes is None or name in classes)
    ]
    if not drawn:
        none = np.empty(0, np.int64)
        return Requests(np.zeros(len(replications) + 1, np.int64), none, none, none, none, none, none)
    return drawn[0] if len(drawn) == 1 else _merged(drawn, len(replications))
