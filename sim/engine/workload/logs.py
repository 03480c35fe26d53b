"""Inference requests listed one by one, in the scenario or in a log (``sim.ground.logs``). Not here: laws of chance.

Requests of 0 tokens are refused, for nothing can serve them, or left out where the scenario says so.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from sim.engine.workload.resample import Replayed, placed, resampling
from sim.ground.logs import Chunk, gather, open_log, readable, version
from sim.ground.scenario import InferenceClass, Scenario
from sim.ground.scenario.inference import RequestLog
from sim.ground.units import SECONDS_PER_HOUR, Ticks, tick, to_ticks


@dataclass(frozen=True)
class RequestList(Replayed):
    """The requests of a class that lists them.

    Attributes
    ----------
    prompt, output : int64[n]
        Tokens, at least 1 each.
    cached : int64[n], optional
        Tokens of the prompt that a prefix cache held; at most the prompt less 1 are taken. None where the log does not
        tell: then the class's ``cached_share`` counts.
    """

    prompt: Ticks
    output: Ticks
    cached: Ticks | None = None


@lru_cache(maxsize=8)
def _gathered(file: Path, _version: tuple[int, ...], trace: RequestLog) -> tuple[Chunk, bool, tuple[str, ...]]:
    """Read a log, and tell whether it has dates and what was left out; once for all futures and periods."""
    columns = None if trace.columns is None else trace.columns.model_dump(exclude_none=True)
    with (
        readable(file),
        open_log(
            file,
            trace.format,
            columns,
            trace.arrival_unit,
            trace.zone,
            kind="inference",
            skip_empty=trace.skip_empty,
            sort=trace.sort,
        ) as log,
    ):
        chunk = gather(log)
    return chunk, log.dated, tuple(log.missing)


def _from_log(scenario: Scenario, trace: RequestLog) -> RequestList:
    """Read a log as requests."""
    file = scenario.folder / trace.file
    chunk, dated, missing = _gathered(file, version(file), trace.as_it_stands)
    rows, arrival = placed(chunk, dated, trace)
    tokens = {name: chunk.columns[name][rows].astype(np.int64) for name in chunk.columns}
    columns = (tokens["prompt"], tokens["output"], tokens.get("cached"))
    return RequestList(arrival, *columns, missing=missing, resampling=resampling(file, trace, arrival))


def _from_rows(requests: InferenceClass) -> RequestList:
    """Take the requests that the scenario lists, in order of arrival."""
    rows = sorted(requests.requests or (), key=lambda row: row.arrival_s)
    return RequestList(
        to_ticks([row.arrival_s / SECONDS_PER_HOUR for row in rows]),
        np.array([row.prompt_tokens for row in rows], dtype=np.int64),
        np.array([row.output_tokens for row in rows], dtype=np.int64),
    )


def listed_requests(scenario: Scenario) -> dict[str, RequestList]:
    """Read the requests of every class that lists them.

    Returns
    -------
    dict
        By class name; classes with an arrival law are absent.

    Raises
    ------
    InputError
        When a log cannot be read; with all faults found in it, up to a limit.
    """
    horizon = tick(scenario.horizon_hours)
    found: dict[str, RequestList] = {}
    for name, requests in scenario.chats.items():
        if requests.arrivals is None:
            every = _from_rows(requests) if requests.trace is None else _from_log(scenario, requests.trace)
            found[name] = every.before(horizon)
    return found
