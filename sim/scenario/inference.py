"""Inference in a scenario: classes of requests, by laws, listed one by one, or from a log. Not here: who serves."""

from typing import Literal, Self

from pydantic import model_validator

from sim.scenario.arrivals import ArrivalLaw
from sim.scenario.inputs import Input
from sim.scenario.joint import TokenPairs
from sim.scenario.laws import Part, TokenLaw, law_mean
from sim.scenario.quantity import Hours, NonNegative, PositiveCount, PositiveHours, Share, Text, Tokens
from sim.scenario.sessions import Sessions
from sim.scenario.traces import Flag, Logged


class RequestRow(Part):
    """One request of an explicit list."""

    arrival_s: Hours
    prompt_tokens: Tokens
    output_tokens: Tokens


class RequestColumns(Part):
    """Which columns of a log hold what."""

    arrival: Text = "TIMESTAMP"
    prompt: Text = "ContextTokens"
    output: Text = "GeneratedTokens"
    cached: Text | None = None


class RequestLog(Logged):
    """Requests read from a file; the columns, or keys, are those of a known log unless stated."""

    format: Literal["azure", "burstgpt", "mooncake", "vllm", "litellm"] | None = None
    columns: RequestColumns | None = None
    arrival_unit: Literal["datetime", "hours", "minutes", "seconds", "milliseconds"] | None = None
    skip_empty: Flag = False

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
    zipf: NonNegative = 0.0


class InferenceClass(Part):
    """A named source of inference requests; lengths are rounded to whole tokens, at least 1.

    With ``deadline_hours`` it can wait: its answers are due so long after they were asked for, and whoever has a batch
    tier may take it there. With ``wait_usd_per_hour`` each hour that a request waits for its start costs so much.
    """

    kind: Literal["inference"]
    arrivals: ArrivalLaw | None = None
    requests: tuple[RequestRow, ...] | None = None
    trace: RequestLog | None = None
    prompt_tokens: TokenLaw | None = None
    output_tokens: TokenLaw | None = None
    tokens: TokenPairs | None = None
    cached_share: Share = 0.0
    sessions: Sessions | None = None
    adapters: Adapters | None = None
    deadline_hours: PositiveHours | None = None
    wait_usd_per_hour: NonNegative = 0.0
    source: Text | None = None

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
