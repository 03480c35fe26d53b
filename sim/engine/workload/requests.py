"""Inference requests of the replications, the same for all plans, and the time an API takes for each.

Not here: replicas, prices; the requests of a log (``logs``).
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Final

import numpy as np

from sim.engine.workload.arrivals import Arrivals, arrivals, joined, sources
from sim.engine.workload.draws import PIECE, Draws, picked
from sim.engine.workload.logs import RequestList
from sim.engine.workload.sessions import continue_sessions, drawn_turns, joined_turns
from sim.engine.workload.streams import stream
from sim.ground.compiled import kernel
from sim.ground.requests import COLUMNS, NO_ADAPTER, Requests, Turns
from sim.ground.scenario import Scenario
from sim.ground.scenario.inference import Adapters
from sim.ground.units import Floats, Ticks, tick

MOST_TOKENS = 1e12
"""No prompt and no output is longer, whatever a law says: so much can be added up without overflow."""

_HAIR: Final = 1e-9
"""Tokens that make up for a share which floats cannot tell: 0.29 of 100 tokens would be 28."""

_AHEAD: Final = 4
"""Pieces of arrivals that a source may be ahead, so that a burst does not fill the memory."""


@kernel
def _round(values: Floats, tokens: Ticks) -> None:
    """Round lengths to whole tokens, at least 1."""
    for k in range(len(values)):
        tokens[k] = np.int64(min(max(np.rint(values[k]), 1.0), MOST_TOKENS))


def _tokens(draws: Draws, tokens: Ticks) -> None:
    """Draw lengths into place, in pieces that stay in the processor's cache."""
    for first in range(0, len(tokens), PIECE):
        piece = tokens[first : first + PIECE]
        _round(draws.take(len(piece)), piece)


def _popularity(adapters: Adapters) -> Floats:
    """Share of the requests that each adapter gets (not a vector power: it differs between processors)."""
    wanted = [(1 + k) ** -float(adapters.zipf) for k in range(int(adapters.count))]
    return np.array(wanted) / math.fsum(wanted)


@kernel
def _prefixes(prompt: Ticks, share: float, cached: Ticks) -> None:
    """Take a share of each prompt, in whole tokens and never the last one."""
    for k in range(len(prompt)):
        cached[k] = min(np.int64(prompt[k] * share + _HAIR), prompt[k] - 1)


class Drawing:
    """The requests of one class in one replication, drawn in as many pieces as one likes.

    Attributes
    ----------
    requests : InferenceClass
        The class.
    source : str
        Name of its streams.
    number : int
        Of the class in the scenario's order.
    """

    def __init__(
        self, scenario: Scenario, name: str, seed: int, replication: int, listed: RequestList | None = None
    ) -> None:
        self.requests, self.source, self.number = (
            scenario.chats[name],
            f"workload.{name}",
            [*scenario.workload].index(name),
        )
        self.horizon, self.open_stream = tick(scenario.horizon_hours), partial(stream, seed, replication)
        self.listed = None if listed is None else listed.drawn(self.open_stream, self.source, self.horizon)
        self.filled = 0
        adapters = self.requests.adapters
        self.shares = None if adapters is None else _popularity(adapters)
        self.adapters = None if adapters is None else self.open_stream(f"{self.source}/adapter")
        self.table = None if self.requests.tokens is None else self.requests.tokens.table
        if self.listed is None and self.table is not None:
            self.pairs = self.open_stream(f"{self.source}/pair")
        elif self.listed is None:
            self.prompts = Draws(self.requests.prompt_tokens, self.open_stream, f"{self.source}/prompt")
            self.outputs = Draws(self.requests.output_tokens, self.open_stream, f"{self.source}/output")

    def whole(self) -> Ticks:
        """Draw all arrivals."""
        if self.listed is not None:
            return self.listed.arrival
        return arrivals(self.requests.arrivals, self.open_stream, f"{self.source}/arrivals", self.horizon)

    def arrivals(self) -> Arrivals:
        """Draw arrivals as time goes by."""
        if self.listed is not None:
            return Arrivals([iter([self.listed.arrival])])
        what = (self.requests.arrivals, self.open_stream, f"{self.source}/arrivals", self.horizon)
        return Arrivals(sources(*what, side_by_side=True))

    def fill(self, prompt: Ticks, output: Ticks, adapter: Ticks, cached: Ticks) -> None:
        """Fill in what the next requests are; ``cached`` holds zeros, ``adapter`` nobody."""
        rows = slice(self.filled, self.filled + len(prompt))
        self.filled = rows.stop
        self._lengths(prompt, output, rows)
        if self.adapters is not None and self.shares is not None:
            adapter[:] = picked(self.adapters.random(len(adapter)), len(self.shares), self.shares)
        if self.listed is not None and self.listed.cached is not None:
            cached[:] = np.minimum(self.listed.cached[rows], prompt - 1)
        elif self.requests.cached_share > 0:
            _prefixes(prompt, float(self.requests.cached_share), cached)

    def _lengths(self, prompt: Ticks, output: Ticks, rows: slice) -> None:
        """Fill in prompts and outputs; ``rows`` are those of a list."""
        if self.listed is not None:
            prompt[:], output[:] = self.listed.prompt[rows], self.listed.output[rows]
        elif self.table is not None:
            which = picked(self.pairs.random(len(prompt)), len(self.table), self.table.weights)
            prompt[:], output[:] = self.table.columns["prompt"][which], self.table.columns["output"][which]
        else:
            _tokens(self.prompts, prompt)
            _tokens(self.outputs, output)


def _whole_class(drawings: Sequence[Drawing]) -> Requests:
    """Draw one class in all replications."""
    requests, source = drawings[0].requests, drawings[0].source
    arrived = [each.whole() for each in drawings]
    turns: list[Turns] = []
    if requests.sessions is not None:
        law = requests.sessions
        turns = [drawn_turns(law, begun, its.open_stream, source) for begun, its in zip(arrived, drawings, strict=True)]
        arrived = [begun[each.session] for begun, each in zip(arrived, turns, strict=True)]
    offsets = np.cumsum([0, *map(len, arrived)])
    columns = _columns(int(offsets[-1]))
    for each, first, last in zip(drawings, offsets[:-1], offsets[1:], strict=True):
        each.fill(*(column[first:last] for column in columns))
    together = joined_turns(turns) if turns else None
    if together is not None and requests.sessions is not None:
        continue_sessions(requests.sessions, together, *columns)
    return _made(drawings[0].number, offsets, joined(arrived), columns, together)


def _columns(count: int) -> tuple[Ticks, Ticks, Ticks, Ticks]:
    """Make room for prompts, outputs, adapters and cached tokens."""
    whole = np.int64
    return np.empty(count, whole), np.empty(count, whole), np.full(count, NO_ADAPTER), np.zeros(count, whole)


def _made(
    number: int, offsets: Ticks, arrival: Ticks, columns: Sequence[Ticks], turns: Turns | None = None
) -> Requests:
    """Make requests of one class of its columns."""
    prompt, output, adapter, cached = columns
    return Requests(offsets, arrival, prompt, output, np.full(len(arrival), number), adapter, cached, turns)


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
        _whole_class([Drawing(scenario, name, seed, replication, logs.get(name)) for replication in replications])
        for name in _names(scenario, classes)
    ]
    if not drawn:
        none = np.empty(0, np.int64)
        return Requests(np.zeros(len(replications) + 1, np.int64), none, none, none, none, none, none)
    return drawn[0] if len(drawn) == 1 else _merged(drawn, len(replications))


def _names(scenario: Scenario, classes: Sequence[str] | None) -> list[str]:
    """List the classes of requests, in the scenario's order."""
    return [name for name in scenario.workload if name in scenario.chats and (classes is None or name in classes)]


def request_pieces(
    scenario: Scenario,
    seed: int,
    replication: int,
    logs: dict[str, RequestList],
    classes: Sequence[str] | None = None,
    size: int = 20_000,
) -> Iterator[Requests]:
    """Draw the inference requests of one replication piece by piece; joined, they are what ``sample_requests`` gives.

    Parameters
    ----------
    scenario, seed, logs, classes
        As of ``sample_requests``; no class has sessions, for when their turns come is known when they have been served.
    replication : int
        Its number.
    size : int
        Requests of a piece, about; none is empty, and none has twice as many.

    Notes
    -----
    Memory: a few pieces; of each copy of a source of work a few numbers; the requests that are listed; and the states
    of modulated arrivals.
    """
    names = _names(scenario, classes)
    if any(scenario.chats[name].sessions is not None for name in names):
        raise ValueError("the later turns of sessions come as they are served, and not in pieces")
    drawings = [Drawing(scenario, name, seed, replication, logs.get(name)) for name in names]
    coming = [each.arrivals() for each in drawings]
    horizon = tick(scenario.horizon_hours)
    expected = math.fsum(_expected(scenario, name, logs.get(name)) for name in names)
    step = max(1, int(horizon * min(1.0, size / max(expected, 1.0))))
    known = 0
    while known < horizon:
        known = min(known + step, horizon)
        for each in coming:
            known = each.reach(known, _AHEAD * size)
        drawn = [_next(*each, known) for each in zip(drawings, coming, strict=True)]
        yield from _cut(drawn[0] if len(drawn) == 1 else _merged(drawn, 1), size)


def _expected(scenario: Scenario, name: str, listed: RequestList | None) -> float:
    """Mean number of requests of a class in a replication."""
    law = scenario.chats[name].arrivals
    if law is not None:
        return law.jobs_expected(scenario.horizon_hours)
    return 0.0 if listed is None else listed.expected(tick(scenario.horizon_hours))


def _next(drawing: Drawing, coming: Arrivals, known: int) -> Requests:
    """Draw the requests of a class that arrive before an instant."""
    arrival = coming.take(known)
    columns = _columns(len(arrival))
    drawing.fill(*columns)
    return _made(drawing.number, np.array([0, len(arrival)]), arrival, columns)


def _cut(requests: Requests, size: int) -> Iterator[Requests]:
    """Cut requests of one replication into equal parts of about a size; none is empty."""
    parts = min(len(requests), max(1, round(len(requests) / size)))
    for first, last in pairwise(len(requests) * part // parts for part in range(parts + 1) if parts):
        columns = {name: getattr(requests, name)[first:last] for name in COLUMNS}
        yield Requests(np.array([0, last - first]), **columns)
