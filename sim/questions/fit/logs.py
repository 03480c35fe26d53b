"""Terms from a log of requests: the run is simulated whole, with its own arrivals and lengths.

It is judged request by request: fitted on the first half of them, held out on the second. Not here: the search.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from sim.ground.faults import InputError
from sim.ground.requests import Requests
from sim.ground.units import Floats
from sim.questions.fit.fitted import HELD_OUT, IN_SAMPLE, Comparison, Fitted, Options
from sim.questions.fit.loose import loose
from sim.questions.fit.replay import Seen, replay, requests_of
from sim.questions.fit.search import Found, evolve
from sim.questions.fit.tables import RequestLog
from sim.questions.fit.terms import UNBOUND, Terms

LEAST_REQUESTS: Final = 40
_TPOT_WEIGHT: Final = 0.5
_SLOWEST_FRONTEND_MS: Final = 50.0  # where prefill is long, latencies alone would allow an absurd one
_THREADS: Final = 2


@dataclass(frozen=True)
class _Form:
    """A rule of joining; maps the unit box to terms and terms to errors."""

    log: RequestLog
    requests: Requests
    start: Terms
    kv_free: bool

    def terms(self, point: Floats) -> Terms:
        """Give the terms at a point; none larger than the log allows: no iteration is longer than a token took."""
        log = self.log
        several = log.output > 1
        fast, slow = 1000 * float(log.tpot[several].min()), 1000 * float(log.tpot[several].max())
        first = 1000 * float(log.ttft.min())
        base, request, prefill_token, prefill, frontend = (float(each) for each in point[:5])
        values: dict[str, Any] = {
            "base_ms": 1.2 * base * fast,
            "per_request_ms": request * slow / 32,
            "per_prefill_token_us": prefill_token * 2000 * float((log.ttft / log.prompt).min()) * 1000,
            "prefill_ms": prefill * first,
            "frontend_ms": frontend * min(first, _SLOWEST_FRONTEND_MS),
        }
        if self.kv_free:
            mean_length = float(np.mean(log.prompt + log.output / 2))
            values["per_kv_token_us"] = float(point[5]) * 1000 * slow / (16 * mean_length)
        return replace(self.start, **values)

    def seen(self, terms: Terms) -> Seen:
        """Simulate the whole log."""
        return replay(terms, self.requests)

    def search(self, half: slice) -> Found:
        """Find the best terms for a half of the requests: the least mean size of the errors."""

        def loss(point: Floats) -> float:
            latency, token = _errors(self.log, self.seen(self.terms(point)))
            return float(np.abs(latency[half]).mean() + _TPOT_WEIGHT * np.abs(token[half]).mean())

        return evolve(loss, 6 if self.kv_free else 5)


def _errors(log: RequestLog, seen: Seen) -> tuple[Floats, Floats]:
    """Relative errors of end-to-end latency and of the time between tokens (0 where there is but one token)."""
    token = np.where(log.output > 1, log.tpot, 1.0)
    return seen.e2e / log.e2e - 1, np.where(log.output > 1, seen.tpot / token - 1, 0.0)


def fit_log(log: RequestLog, options: Options) -> Fitted:
    """Find the terms of a log of requests.

    Raises
    ------
    InputError
        When the log cannot tell them.
    """
    warnings: list[str] = []
    start = _start(log, options, warnings)
    count = len(log.arrival)
    requests = requests_of(log.arrival, log.prompt, log.output)
    lags = (0, 1) if options.join_lag is None else (options.join_lag,)
    forms = [_Form(log, requests, replace(start, join_lag=lag), options.kv_us is None) for lag in lags]
    first, second = slice(0, count // 2), slice(count // 2, count)
    with ThreadPoolExecutor(_THREADS) as threads:
        found = list(threads.map(lambda form: form.search(first), forms))
    form, best = min(zip(forms, found, strict=True), key=lambda pair: pair[1].loss)
    terms = form.terms(best.point)
    warnings += loose(terms, [form.terms(end) for end in best.nearly])
    seen = form.seen(terms)
    if seen.preempted.any():
        warnings.append(
            f"{int(seen.preempted.sum())} preemptions: the run is bound by its cache; the cache is counted in tokens, "
            "not in blocks, and a preempted request prefills anew, prefix caching or not"
        )
    rows = [*_comparisons(log, seen, first, IN_SAMPLE), *_comparisons(log, seen, second, HELD_OUT)]
    return Fitted(log.file, terms, best.loss, tuple(rows), tuple(warnings))


def _start(log: RequestLog, options: Options, warnings: list[str]) -> Terms:
    """Settle the limits, and refuse a log that cannot tell the terms."""
    count = len(log.arrival)
    if count < LEAST_REQUESTS:
        raise InputError.one(log.file, f"must have at least {LEAST_REQUESTS} requests to fit and hold out, got {count}")
    if not (log.output > 1).any():
        raise InputError.one(
            log.file, "must have requests of more than one output token: the pace of decoding is in them"
        )
    lengths = log.prompt + log.output / 2
    if options.kv_us is None and lengths.std() < 0.05 * lengths.mean():
        raise InputError.one(
            log.file,
            "holds requests of one shape, from which the time a request and the time a cached token cannot be told "
            "apart; state the latter with --kv-us, or --model and --accelerator",
        )
    if options.kv_us is None and _alone(log):
        raise InputError.one(
            log.file,
            "holds requests that never ran beside each other, so what a further one costs is not in it; log a run with "
            "more load",
        )
    seats = options.max_num_seqs or log.max_num_seqs
    budget = options.token_budget or log.token_budget
    room = options.kv_tokens or log.kv_tokens
    if seats is None or budget is None:
        warnings.append("max_num_seqs and token_budget not both stated: 256 and 2,048 stand for what is not")
    if room is None:
        warnings.append("the size of the KV cache is not stated, so the run is not bound by it; state --kv-tokens")
    most = int((log.prompt + log.output).max()) - 1
    if most > (room or UNBOUND):
        raise InputError.one(log.file, f"holds a request of {most} tokens, the KV cache only {room}; state --kv-tokens")
    seats = seats or 256
    return Terms(
        per_kv_token_us=options.kv_us or 0.0,
        kv_tokens=room,
        max_num_seqs=seats,
        token_budget=max(budget or 2048, seats),
    )


def _alone(log: RequestLog) -> bool:
    """Tell whether hardly any request overlaps with another."""
    open_until = np.maximum.accumulate(log.last_token)[:-1]
    return bool((log.arrival[1:] < open_until).mean() < 0.1)


def _comparisons(log: RequestLog, seen: Seen, half: slice, sample: str) -> list[Comparison]:
    """Set means beside means; the error is the mean of its size over the requests."""
    latency, token = (np.abs(each[half]).mean() for each in _errors(log, seen))
    wait = np.abs(seen.ttft[half] - log.ttft[half]).mean() / log.ttft[half].mean()
    at = f"requests {half.start + 1} to {half.stop}"
    pairs = (
        ("end-to-end mean, ms (MAPE)", log.e2e, seen.e2e, latency),
        ("TPOT mean, ms (MAPE)", log.tpot, seen.tpot, token),
        ("TTFT mean, ms (mean size of error over mean)", log.ttft, seen.ttft, wait),
    )
    return [
        Comparison(name, at, 1000 * float(was[half].mean()), 1000 * float(now[half].mean()), float(error), sample)
        for name, was, now, error in pairs
    ]
