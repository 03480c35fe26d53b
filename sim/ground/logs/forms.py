"""Forms of logs that are known by name, and how one is recognised by its columns. Not here: reading.

Sources of the names: Azure LLM inference traces (AzurePublicDataset), BurstGPT (HPMLL), Mooncake (FAST '25), ServeGen
(Alibaba), Philly (msr-fiddle, as processed by Sia), vLLM (RequestStateStats and FinishedRequestStats of its v1 metrics,
written a line a request) and LiteLLM (the table LiteLLM_SpendLogs and its StandardLoggingPayload).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from sim.ground.faults import InputError, nearest
from sim.ground.units import TICKS_PER_HOUR, TICKS_PER_SECOND

Kind = Literal["inference", "fine_tune", "rates"]

TICKS = {
    "milliseconds": TICKS_PER_SECOND // 1000,
    "seconds": TICKS_PER_SECOND,
    "minutes": TICKS_PER_HOUR // 60,
    "hours": TICKS_PER_HOUR,
    "days": 24 * TICKS_PER_HOUR,
    "datetime": 1,
}
"""Microseconds in a unit of arrivals."""

TOKENS = {"tokens": 1.0, "thousands": 1e3, "millions": 1e6}
BLOCK_TOKENS = 512
"""Tokens of a block of Mooncake's traces."""


@dataclass(frozen=True)
class Form:
    """What the columns of a log hold.

    Attributes
    ----------
    name : str
        As ``format`` says it; ``columns`` where the columns were told.
    kind : str
        Requests (arrival, prompt, output), jobs (arrival, service or tokens, gpus) or rates (arrival, rate).
    columns : dict of str
        By role: the name in the file.
    optional : dict of str
        The same, of columns that may be absent.
    unit : str
        Of arrivals; ``time`` if that of the first row tells (seconds since 1970, or a date and time), empty if it must
        be told.
    dated : bool
        Whether arrivals in seconds are those since 1970, so that a clock starts at the first of them.
    left_out : dict of tuple of str
        By role of a text: the value, in lower case, of rows that are left out and counted, such as failures.
    """

    name: str
    kind: Kind
    columns: dict[str, str]
    unit: str
    optional: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, tuple[str, ...]] = field(default_factory=dict)
    service_unit: str = "seconds"
    tokens_unit: str = "tokens"
    dated: bool = False

    def within(self, header: Sequence[str]) -> bool:
        """Tell whether a header has all columns."""
        return set(self.columns.values()) <= set(header)


def _requests(
    name: str, unit: str, arrival: str, prompt: str, output: str, dated: bool = False, **optional: str
) -> Form:
    """Make the form of a log of requests."""
    columns = {"arrival": arrival, "prompt": prompt, "output": output}
    return Form(name, "inference", columns, unit, optional, dated=dated)


_LITELLM = _requests("litellm", "time", "startTime", "prompt_tokens", "completion_tokens", dated=True)
_LEFT_OUT: dict[str, tuple[str, ...]] = {"status": ("failure",), "cache_hit": ("true",)}

KNOWN: tuple[Form, ...] = (
    _requests("azure", "datetime", "TIMESTAMP", "ContextTokens", "GeneratedTokens"),
    _requests("mooncake", "milliseconds", "timestamp", "input_length", "output_length"),
    _requests(
        "mooncake",
        "milliseconds",
        "timestamp_ms",
        "input_tokens",
        "output_tokens",
        cached_blocks="n_leading_blocks_seen_before",
    ),
    _requests("burstgpt", "seconds", "Timestamp", "Request tokens", "Response tokens", tenant="Model"),
    replace(
        _LITELLM,
        optional={"status": "status", "cache_hit": "cache_hit", "tenant": "model"},
        left_out=_LEFT_OUT,
    ),
    _requests(
        "vllm",
        "seconds",
        "arrival_time",
        "num_prompt_tokens",
        "num_generation_tokens",
        dated=True,
        cached="num_cached_tokens",
        tenant="model_name",
    ),
    _requests("vllm", "seconds", "arrival_time", "prompt_tokens", "completion_tokens", True, cached="cached_tokens"),
    _requests("vllm", "seconds", "arrival_time", "input_toks", "output_toks", True, cached="cached_toks"),
    Form(
        "philly",
        "fine_tune",
        {"arrival": "timestamp", "service": "duration", "gpus": "num_gpus"},
        "datetime",
        {"tenant": "cluster"},
    ),
    Form(
        "servegen",
        "rates",
        {"arrival": "t", "rate": "rate"},
        "seconds",
        {"cv": "cv", "model": "model", "client": "client"},
    ),
)
"""The first that has all its columns in a header is taken."""

NAMES = tuple(dict.fromkeys(form.name for form in KNOWN))


def known(name: str) -> tuple[Form, ...]:
    """Give the variants of a form that is known by name.

    Raises
    ------
    InputError
        When there is none of that name.
    """
    found = tuple(form for form in KNOWN if form.name == name)
    if not found:
        raise InputError.one("format", f"is no known form of a log: {name!r}; {nearest(name, NAMES)}")
    return found


def detect(header: Sequence[str], where: str, forms: Sequence[Form]) -> Form:
    """Find the form of a log by its header: one that has all its columns, else the one that shares most.

    Raises
    ------
    InputError
        When it shares a column with none.
    """
    for form in forms:
        if form.within(header):
            return form
    shared = [len(set(form.columns.values()).intersection(header)) for form in forms]
    if header and not max(shared):
        names = "; ".join(", ".join(form.columns.values()) for form in forms)
        way_out = (
            "it seems to use `;`, save it with commas"
            if ";" in header[0]
            else "name its own in `columns` (`--column arrival=.. --column prompt=.. --column output=..`;"
            " of jobs arrival and service)"
        )
        text = f"must have the columns of a known log ({names}), got {list(header)[:5]}; {way_out}"
        raise InputError.one(where, text)
    return forms[shared.index(max(shared))]


def hint(name: str, header: Sequence[str]) -> str:
    """Say what may be wrong where a column is missing."""
    return "it seems to use `;`, save it with commas" if ";" in "".join(header) else nearest(name, header)
