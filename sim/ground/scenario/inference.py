"""Inference in a scenario: classes of requests, by laws, listed one by one, or from a log. Not here: who serves."""

from typing import Literal, Self

from pydantic import model_validator

from sim.ground.scenario.arrivals import ArrivalLaw
from sim.ground.scenario.inputs import Input
from sim.ground.scenario.joint import TokenPairs
from sim.ground.scenario.laws import Part, TokenLaw, law_mean
from sim.ground.scenario.quantity import Hours, NonNegative, PositiveCount, PositiveHours, Share, Text, Tokens
from sim.ground.scenario.sessions import Sessions
from sim.ground.scenario.traces import Flag, Logged


class RequestRow(Part):
    """One request of an explicit list."""

    arrival_s: Hours
    """Arrival, in seconds from the start of the clock."""
    prompt_tokens: Tokens
    """Tokens of the prompt."""
    output_tokens: Tokens
    """Tokens of the answer."""


class RequestColumns(Part):
    """Which columns of a log hold what."""

    arrival: Text = "TIMESTAMP"
    """Column of the time of arrival; left out: ``TIMESTAMP``."""
    prompt: Text = "ContextTokens"
    """Column of the prompt's tokens; left out: ``ContextTokens``."""
    output: Text = "GeneratedTokens"
    """Column of the answer's tokens; left out: ``GeneratedTokens``."""
    cached: Text | None = None
    """Column of the prompt's tokens found in a prefix cache; left out: the class's ``cached_share`` counts."""


class RequestLog(Logged):
    """Requests read from a file; the columns, or keys, are those of a known log unless stated."""

    format: Literal["azure", "burstgpt", "mooncake", "vllm", "litellm"] | None = None
    """Known form of log: azure, burstgpt, mooncake, vllm or litellm; left out: found by the columns, unless ``columns``
    tells them."""
    columns: RequestColumns | None = None
    """Columns of a log of your own, instead of a ``format``; left out: those of a known form."""
    arrival_unit: Literal["datetime", "hours", "minutes", "seconds", "milliseconds"] | None = None
    """Unit of the times of arrival, ``datetime`` for dates; left out: that of the form; numbers in ``columns`` of your
    own need one."""
    skip_empty: Flag = False
    """Whether requests without prompt or answer are left out and counted; left out: false, they are refused."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.format is not None and self.columns is not None:
            raise ValueError("must have either `format` or `columns`, got both")
        return self


class Adapters(Part):
    """LoRA adapters that the requests of a class name: how many, and how unequally they are wanted.

    Adapter k is wanted in proportion to 1/k^zipf; 0 wants all alike.
    """

    count: PositiveCount
    """Number of LoRA adapters that requests of the class name."""
    zipf: NonNegative = 0.0
    """How unequally they are wanted: adapter k in proportion to 1/k^zipf; left out: 0, all alike."""


class InferenceClass(Part):
    """A named source of inference requests; lengths are rounded to whole tokens, at least 1.

    With ``deadline_hours`` it can wait: its answers are due so long after they were asked for, and whoever has a batch
    tier may take it there. With ``wait_usd_per_hour`` each hour that a request waits for its start costs so much.
    """

    kind: Literal["inference"]
    """``inference``: requests that are served token by token."""
    arrivals: ArrivalLaw | None = None
    """Law by which requests (or sessions) come; or ``requests``, or ``trace``."""
    requests: tuple[RequestRow, ...] | None = None
    """Requests listed one by one; or ``arrivals``, or ``trace``."""
    trace: RequestLog | None = None
    """Log that requests are read from; or ``arrivals``, or ``requests``."""
    prompt_tokens: TokenLaw | None = None
    """Length of the prompt in tokens, rounded, at least 1: a number or a law; with ``arrivals``, together with
    ``output_tokens``."""
    output_tokens: TokenLaw | None = None
    """Length of the answer in tokens, rounded, at least 1: a number or a law; with ``arrivals``, together with
    ``prompt_tokens``."""
    tokens: TokenPairs | None = None
    """Prompt and answer drawn together, instead of two laws; with ``arrivals``."""
    cached_share: Share = 0.0
    """Share of each prompt that a prefix cache holds, from 0 to 1: cheaper at the API, no prefill on own replicas; left
    out: 0."""
    sessions: Sessions | None = None
    """Makes each arrival a session of several turns; left out: each arrival is one request."""
    adapters: Adapters | None = None
    """LoRA adapters that requests name; left out: none."""
    deadline_hours: PositiveHours | None = None
    """Hours after arrival at which the answer is due; long enough ones may take a batch tier; left out: at once, no
    batch tier."""
    wait_usd_per_hour: NonNegative = 0.0
    """What an hour of waiting for the start costs you, in USD a request; left out: 0."""
    source: Text | None = None
    """Who says what the class rests on, such as ``measured: our gateway, 2026-10``; left out: no source is named."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        self.exactly_one("arrivals", "requests", "trace")
        lengths = self.given("prompt_tokens", "output_tokens", "tokens")
        if self.arrivals is None and lengths:
            raise ValueError(f"must have no `{lengths[0]}`, because its requests are listed one by one")
        if self.arrivals is not None and lengths not in (["tokens"], ["prompt_tokens", "output_tokens"]):
            raise ValueError("must have `prompt_tokens` and `output_tokens`, or `tokens` (pairs or a file)")
        if self.sessions is not None and self.arrivals is None:
            raise ValueError("must have `arrivals` of its sessions, because requests that are listed are no turns")
        return self

    @property
    def mean_turns(self) -> float:
        """Mean number of requests that an arrival brings."""
        return 1.0 if self.sessions is None else self.sessions.mean_turns

    @property
    def _asked(self) -> tuple[float, float] | None:
        """Mean tokens that are newly asked and answered; None where the requests are listed."""
        if self.tokens is not None:
            return self.tokens.mean("prompt"), self.tokens.mean("output")
        if self.prompt_tokens is None or self.output_tokens is None:
            return None
        return law_mean(self.prompt_tokens), law_mean(self.output_tokens)

    @property
    def _remembered(self) -> float:
        """Mean tokens of the conversation before a request."""
        if self.sessions is None or not self.sessions.history or self._asked is None:
            return 0.0
        return self.sessions.mean_before * sum(self._asked)

    @property
    def mean_tokens(self) -> tuple[float, float] | None:
        """Mean prompt and output in tokens; None where the requests are listed."""
        return None if self._asked is None else (self._asked[0] + self._remembered, self._asked[1])

    @property
    def mean_cached(self) -> float:
        """Mean tokens of a prompt that a prefix cache holds; 0 where the requests are listed."""
        if self._asked is None:
            return 0.0
        alone = 1 / self.mean_turns if self.sessions is not None and self.sessions.history else 1.0
        return self._remembered + alone * self._asked[0] * float(self.cached_share)

    @property
    def longest_listed(self) -> int:
        """Most tokens that a listed or fixed request keeps in the cache; 0 where chance decides."""
        if self.tokens is not None:
            return self.tokens.longest - 1
        return max((int(row.prompt_tokens) + int(row.output_tokens) - 1 for row in self.requests or ()), default=0)

    @property
    def most_tokens(self) -> int:
        """Most tokens, prompt and output, of a listed or fixed request; 0 where chance decides."""
        laws = [law for law in (self.prompt_tokens, self.output_tokens) if law is not None]
        if len(laws) == 2 and all(law.law == "deterministic" for law in laws):
            return sum(max(1, round(law_mean(law))) for law in laws)
        return self.longest_listed + 1 if self.longest_listed else 0

    def inputs(self, name: str) -> list[Input]:
        """List what the class rests on besides its own laws: nothing."""
        del name
        return []
