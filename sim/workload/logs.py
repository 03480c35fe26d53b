"""Inference requests that are listed one by one, in the scenario or in a log. Not here: laws of chance.

A log is a CSV file (rules: ``columns``) or holds one JSON object a line, each with a time, a prompt and an output; the
first character tells which. Requests of 0 tokens are refused: nothing can serve them.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from sim.faults import InputError
from sim.scenario import InferenceClass, Scenario
from sim.scenario.inference import KNOWN_LOGS, RequestColumns, RequestLog
from sim.scenario.inputs import nearest
from sim.units import SECONDS_PER_HOUR, Ticks, tick, to_ticks
from sim.workload.columns import (
    Sheet,
    Table,
    Wanted,
    in_order,
    instant,
    number,
    read_csv,
    readable,
    text_lines,
    whole,
)

_TOKENS = whole("tokens", 10**12, "take the rows of requests that read or wrote nothing out")


@dataclass(frozen=True)
class RequestList:
    """The requests of a class that lists them: the same in each replication.

    Attributes
    ----------
    arrival : int64[n]
        Microseconds, never decreasing, all before the horizon.
    prompt, output : int64[n]
        Tokens, at least 1 each.
    cached : int64[n], optional
        Tokens of the prompt that a prefix cache held; at most the prompt less 1 are taken. None where the log does not
        tell: then the class's ``cached_share`` counts.
    dropped : int
        Requests that were left out because they arrive at the horizon or later.
    """

    arrival: Ticks
    prompt: Ticks
    output: Ticks
    cached: Ticks | None = None
    dropped: int = 0


def _columns(log: RequestLog, names: list[str], where: str) -> RequestColumns:
    """Tell which columns to read: those stated, else those of the known log that shares most names."""
    if log.columns is not None:
        return log.columns
    shared = {columns: len(set(names).intersection(columns.model_dump().values())) for columns in KNOWN_LOGS}
    best = max(shared, key=lambda columns: shared[columns])
    if names and not shared[best]:
        known = "; ".join(", ".join(columns.model_dump().values()) for columns in KNOWN_LOGS)
        way_out = "it seems to use `;`, save it with commas" if ";" in names[0] else "name its own in `columns`"
        raise InputError.one(where, f"must have the columns of a known log ({known}), got {names[:5]}; {way_out}")
    return best


def _wanted(log: RequestLog, names: list[str], where: str) -> Wanted:
    """Name the columns of a log, and how each is read."""
    columns = _columns(log, names, where)
    time = instant if log.unit(columns.arrival) == "datetime" else number
    return {
        "arrival": (columns.arrival, time),
        "prompt": (columns.prompt, _TOKENS),
        "output": (columns.output, _TOKENS),
    }


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice in a JSON object."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _object(line: str) -> dict[str, Any]:
    """Read a line as a JSON object."""
    try:
        found = json.loads(line, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError("it is no object in braces")
    return found


def _read_json(file: Path, lines: Iterator[str], log: RequestLog) -> Table:
    """Read one JSON object a line; the first tells which keys are wanted."""
    sheet = Sheet(file, {})
    for line_number, line in enumerate(lines, 1):
        where = f"{file}:{line_number}"
        if not line.strip():
            continue
        try:
            found = _object(line)
        except ValueError as error:
            sheet.refuse(where, f"is not a request in JSON: {error}")
            continue
        if not sheet.wanted and not sheet.faults:
            sheet = Sheet(file, _wanted(log, list(found), where))
        sheet.lines.append(line_number)
        for key, (name, _) in sheet.wanted.items():
            if name in found:
                value = found[name]
                sheet.take(key, value if isinstance(value, str) else json.dumps(value), where)
            else:
                sheet.refuse(where, f"has no key {name!r} (for {key})" + (f"; {nearest(name, found)}" if found else ""))
    return sheet.table()


def _read(file: Path, log: RequestLog) -> Table:
    """Read a log, whichever its form."""
    lines = text_lines(file)
    begun: list[str] = []
    for line in lines:
        begun.append(line)
        if line.strip():
            break
    first = begun[-1].lstrip()[:1] if begun else ""
    if first == "[":
        raise InputError.one(f"{file}:{len(begun)}", "is one JSON list; write one request a line, each in braces")
    if first == "{":
        return _read_json(file, chain(begun, lines), log)
    return read_csv(file, chain(begun, lines), partial(_wanted, log))


def _from_log(scenario: Scenario, log: RequestLog) -> RequestList:
    """Read a log as requests."""
    file = scenario.folder / log.file
    with readable(file):
        table = _read(file, log)
    rows, arrival = in_order(file, table, log.unit(table.names["arrival"]), float(log.skip_days), log.sort)
    prompt, output = (table.values[key][rows].astype(np.int64) for key in ("prompt", "output"))
    return RequestList(arrival, prompt, output)


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
        if requests.arrivals is not None:
            continue
        every = _from_rows(requests) if requests.trace is None else _from_log(scenario, requests.trace)
        count = int(np.searchsorted(every.arrival, horizon))
        arrival, prompt, output = every.arrival[:count], every.prompt[:count], every.output[:count]
        cached = None if every.cached is None else every.cached[:count]
        found[name] = RequestList(arrival, prompt, output, cached, len(every.arrival) - count)
    return found
