"""The three forms of a benchmark table: percentiles by rate, a log of requests, times by batch. Not here: any fit."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from sim.ground.faults import Fault, InputError
from sim.ground.scenario.inputs import nearest
from sim.ground.units import Floats, Ticks
from sim.questions.fit.sheet import MOST_FAULTS, Sheet, instant, positive, read_sheet, whole

Rule = Callable[[float], str | None]
_RATE: Final[dict[str, Rule]] = {
    "rps": positive,
    "request_throughput": positive,
    "ttft_p50_ms": positive,
    "e2el_p50_ms": positive,
    "tpot_p50_ms": positive,
}
_MORE: Final = ("ttft_p90_ms", "e2el_p90_ms", "tpot_p90_ms")
_LOG: Final[dict[str, Rule]] = {
    "input_toks": whole,
    "output_toks": whole,
    "arrival_time": instant,
    "first_token_ts": instant,
    "last_token_ts": instant,
}
_BATCH: Final[dict[str, Rule]] = {
    "prompt_size": whole,
    "batch_size": whole,
    "token_size": whole,
    "prompt_time": positive,
    "token_time": positive,
}
_FORMS: Final = {"percentiles by rate": _RATE, "a log of requests": _LOG, "times by batch": _BATCH}
_SETTING: Final = ("config", "engine", "model", "precision", "hardware", "gpus", "tensor_parallel")
_EXTRA: Final[dict[str, Rule]] = {
    "input_tokens": whole,
    "output_tokens": whole,
    "num_prompts": whole,
    "tps_output": positive,
    "gpu_cost_hr": positive,
    "gpus": whole,
}


@dataclass(frozen=True)
class RateTable:
    """One row a rate: many equal requests with Poisson arrivals, and percentiles of what they saw.

    Attributes
    ----------
    rate, throughput : float64[rates]
        Requests a second: sent, and served over the whole run.
    latency : dict of float64[rates]
        Percentiles in seconds: ``ttft_p50``, ``e2e_p50``, ``tpot_p50``, and those of p90 where the table has them.
    prompt, output, requests : int or None
        Tokens of a request, requests of a run; None where the table does not say.
    usd_per_hour : float or None
        Price of what served them.
    """

    file: str
    setting: str
    rate: Floats
    throughput: Floats
    latency: dict[str, Floats]
    prompt: int | None
    output: int | None
    requests: int | None
    usd_per_hour: float | None


@dataclass(frozen=True)
class RequestLog:
    """One row a request of one run on one replica, in order of arrival.

    Attributes
    ----------
    arrival, first_token, last_token : float64[n]
        Seconds from the first arrival.
    prompt, output : int64[n]
        Tokens.
    max_num_seqs, token_budget, kv_tokens : int or None
        Limits of the engine, where a ``meta.json`` beside the log tells them.
    """

    file: str
    arrival: Floats
    first_token: Floats
    last_token: Floats
    prompt: Ticks
    output: Ticks
    max_num_seqs: int | None = None
    token_budget: int | None = None
    kv_tokens: int | None = None

    @property
    def e2e(self) -> Floats:
        """Seconds from arrival to the last token."""
        return self.last_token - self.arrival

    @property
    def ttft(self) -> Floats:
        """Seconds from arrival to the first token."""
        return self.first_token - self.arrival

    @property
    def tpot(self) -> Floats:
        """Seconds a token after the first; 0 where there is only one."""
        return (self.last_token - self.first_token) / np.maximum(self.output - 1, 1)


@dataclass(frozen=True)
class BatchTable:
    """One row a measurement of a whole batch that is prefilled together and decodes together.

    Attributes
    ----------
    prompt, batch, output : int64[n]
        Tokens a request, requests, and tokens that each yields.
    prompt_time, token_time : float64[n]
        Seconds: to prefill the batch, and of one token of each request on average.
    """

    file: str
    setting: str
    prompt: Ticks
    batch: Ticks
    output: Ticks
    prompt_time: Floats
    token_time: Floats


Table = RateTable | RequestLog | BatchTable


def read_table(file: str | Path, where: Mapping[str, str] | None = None) -> Table:
    """Read a benchmark table; its columns tell of which form it is.

    Parameters
    ----------
    file : path
        CSV, or one JSON object a line; plain or gzipped.
    where : mapping, optional
        Columns and what they must read, for files that hold several set-ups.

    Raises
    ------
    InputError
        When the file is refused, with all its faults.
    """
    file = Path(file)
    sheet = read_sheet(file).where(where or {})
    columns = _form(sheet)
    if columns is _RATE:
        return _rate_table(sheet)
    return _request_log(sheet, file) if columns is _LOG else _batch_table(sheet)


def _form(sheet: Sheet) -> dict[str, Rule]:
    """Find the form that has all its columns here, or say what the most likely one lacks."""
    have = set(sheet.columns)
    for columns in _FORMS.values():
        if have.issuperset(columns):
            return columns
    form, columns = max(_FORMS.items(), key=lambda entry: len(have & entry[1].keys()))
    if not have & columns.keys():
        forms = "; ".join(f"{name} ({', '.join(wanted)})" for name, wanted in _FORMS.items())
        raise InputError.one(f"{sheet.file}:1", f"must be a benchmark table of one of these forms: {forms}")
    raise InputError(
        [
            Fault(f"{sheet.file}:1", f"has no column {column!r}, which {form} needs; {nearest(column, sheet.columns)}")
            for column in columns
            if column not in have
        ]
    )


def _setting(sheet: Sheet) -> tuple[str, dict[str, list[str]]]:
    """Name the set-up that was measured, and the columns by which the rows differ."""
    values = {name: sorted(set(sheet.texts(name))) for name in _SETTING if name in sheet.columns}
    same = ", ".join(texts[0] for texts in values.values() if len(texts) == 1)
    return same, {name: texts for name, texts in values.items() if len(texts) > 1}


def _one_setting(sheet: Sheet) -> str:
    """Refuse rows of several set-ups."""
    same, several = _setting(sheet)
    if several:
        column, texts = next(iter(several.items()))
        shown = ", ".join(texts[:6])
        rule = f"must hold one set-up: {column} is {shown}; choose one with --where {column}={texts[0]}"
        raise InputError.one(sheet.file, rule)
    return same


def _rate_table(sheet: Sheet) -> RateTable:
    """Read percentiles by rate."""
    setting = _one_setting(sheet)
    extra = {name: rule for name, rule in _EXTRA.items() if name in sheet.columns}
    extra |= {name: positive for name in _MORE if name in sheet.columns}
    read = sheet.numbers(_RATE | extra)
    order = np.argsort(read["rps"], kind="stable")
    rate = read["rps"][order]
    if len(np.unique(rate)) < len(rate):
        row = int(order[np.flatnonzero(np.diff(rate) == 0)[0] + 1])
        raise InputError.one(f"{sheet.file}:{sheet.lines[row]}", "repeats a rate (rps); each may stand once")
    price = _constant(sheet, read, "gpu_cost_hr")
    tokens = _constant(sheet, read, "output_tokens")
    if tokens is None and "tps_output" in read:
        tokens = float(np.rint(np.median(read["tps_output"] / read["request_throughput"])))
    return RateTable(
        sheet.file,
        setting,
        rate,
        read["request_throughput"][order],
        {name.replace("e2el", "e2e")[:-3]: read[name][order] / 1000 for name in read if name.endswith("_ms")},
        prompt=_int(_constant(sheet, read, "input_tokens")),
        output=_int(tokens),
        requests=_int(_constant(sheet, read, "num_prompts")),
        usd_per_hour=None if price is None else price * (_constant(sheet, read, "gpus") or 1),
    )


def _constant(sheet: Sheet, read: Mapping[str, Floats], column: str) -> float | None:
    """Read a column that has the same value in each row."""
    if column not in read:
        return None
    if len(np.unique(read[column])) > 1:
        raise InputError.one(
            sheet.file, f"{column} must be the same in each row; choose rows with --where {column}=..."
        )
    return float(read[column][0])


def _int(value: float | None) -> int | None:
    return None if value is None else int(value)


def _request_log(sheet: Sheet, file: Path) -> RequestLog:
    """Read a log, on the clock of the server: arrivals get the least offset that anybody was queued after.

    The instants of queueing are often stamped only when an iteration ends, so each by itself would be late.
    """
    queued = {"queued_ts": instant} if "queued_ts" in sheet.columns else {}
    read = sheet.numbers(_LOG | queued)
    arrival = read["arrival_time"]
    if queued:
        arrival = arrival + (read["queued_ts"] - arrival).min()
    first, last = read["first_token_ts"], read["last_token_ts"]
    faults = [
        Fault(f"{sheet.file}:{sheet.lines[row]}", rule)
        for late, rule in (
            (first < arrival, _clock_rule(bool(queued))),
            (last < first, "last_token_ts must not be before first_token_ts"),
        )
        for row in np.flatnonzero(late)
    ]
    if not faults and (first - arrival).min() > 86_400:
        faults = [Fault(sheet.file, _clock_rule(False))]
    if faults:
        raise InputError(faults[:MOST_FAULTS])
    order = np.argsort(arrival, kind="stable")
    begin = arrival[order[0]]
    prompt, output = (read[name][order].astype(np.int64) for name in ("input_toks", "output_toks"))
    arrival, first, last = (each[order] - begin for each in (arrival, first, last))
    return RequestLog(sheet.file, arrival, first, last, prompt, output, **_engine(file))


def _clock_rule(queued: bool) -> str:
    if queued:
        return "first_token_ts must not be before arrival_time"
    return "arrival_time and first_token_ts must tell one clock; add queued_ts, by which the clocks are matched"


def _engine(file: Path) -> dict[str, Any]:
    """Read the limits of the engine from the ``meta.json`` beside a log, where there is one."""
    meta = file.parent / "meta.json"
    try:
        told: Any = json.loads(meta.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise InputError.one(str(meta), f"must be a JSON object that can be read: {error}") from None
    places: dict[str, Sequence[str]] = {
        "max_num_seqs": ("engine_kwargs", "max_num_seqs"),
        "token_budget": ("engine_kwargs", "max_num_batched_tokens"),
        "kv_tokens": ("kv_cache", "num_kv_tokens"),
    }
    found = {}
    for key, path in places.items():
        value = told
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if value is not None and not (type(value) is int and 1 <= value < 10**9):
            raise InputError.one(str(meta), f"{'.'.join(path)} must be a whole number from 1, got {str(value)[:40]!r}")
        found[key] = value
    return found


def _batch_table(sheet: Sheet) -> BatchTable:
    """Read times by batch, in milliseconds."""
    setting = _one_setting(sheet)
    read = sheet.numbers(_BATCH)
    prompt, batch, output = (read[name].astype(np.int64) for name in ("prompt_size", "batch_size", "token_size"))
    return BatchTable(sheet.file, setting, prompt, batch, output, read["prompt_time"] / 1000, read["token_time"] / 1000)
