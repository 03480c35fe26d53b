"""What a fit finds: the terms of an iteration's length, and the limits of the replica they hold for."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.ground.requests import Replicas
from sim.ground.units import FINE

UNBOUND: Final = 100_000_000
"""Tokens of a cache whose size is not stated: more than any run of a table fills."""

_HORIZON_US: Final = 2**44  # half a year: no measured run lasts longer, and in serving ticks it fits 64 bits


@dataclass(frozen=True)
class Terms:
    """The ``serve`` block of a plan.

    An iteration with n decoding requests, kv cached and x prefill tokens lasts
    max(floor, base + per_request n + per_kv_token kv + per_prefill_token x, + prefill where x > 0).

    Attributes
    ----------
    base_ms, per_request_ms, per_kv_token_us, per_prefill_token_us, prefill_ms, floor_ms : float
        The terms, in the unit of their names.
    kv_tokens : int or None
        Tokens that the cache holds; None where the table does not say.
    max_num_seqs, token_budget : int
        Seats; tokens of an iteration.
    join_lag : int
        1: a request joins only an iteration that begins after the one during which it arrived.
    frontend_ms : float
        What the server in front of the engine adds to first token and end.
    """

    base_ms: float = 0.0
    per_request_ms: float = 0.0
    per_kv_token_us: float = 0.0
    per_prefill_token_us: float = 0.0
    prefill_ms: float = 0.0
    floor_ms: float = 0.0
    kv_tokens: int | None = None
    max_num_seqs: int = 256
    token_budget: int = 2048
    join_lag: int = 0
    frontend_ms: float = 0.0

    def replicas(self) -> Replicas:
        """Make one replica with these terms, in serving ticks."""
        return Replicas(
            count=1,
            gpus=1,
            base=_ticks(1000 * self.base_ms),
            per_request=_ticks(1000 * self.per_request_ms),
            per_kv_token=_ticks(self.per_kv_token_us),
            per_prefill_token=_ticks(self.per_prefill_token_us),
            prefill=_ticks(1000 * self.prefill_ms),
            floor=max(1, _ticks(1000 * self.floor_ms)),
            kv_tokens=UNBOUND if self.kv_tokens is None else self.kv_tokens,
            max_num_seqs=self.max_num_seqs,
            token_budget=self.token_budget,
            edges=np.array([0, _HORIZON_US]),
            join_lag=self.join_lag,
            frontend=round(1000 * self.frontend_ms),
        )


def _ticks(microseconds: float) -> int:
    return round(microseconds * FINE)
