"""Terms from percentiles by rate: runs of equal requests with Poisson arrivals, simulated whole.

A run is short, so its ramp and its drain weigh; they are simulated as well. The arrivals that were measured are not
known: the mean over simulated runs is compared, and what a single run scatters widens the weight of each quantity.
Not here: the search.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from sim.ground.faults import InputError
from sim.ground.units import SECONDS_PER_HOUR, Floats
from sim.questions.fit.fitted import HELD_OUT, IN_SAMPLE, Comparison, Fitted, Options
from sim.questions.fit.loose import loose
from sim.questions.fit.replay import poisson_runs, replay, requests_of
from sim.questions.fit.search import Found, search
from sim.questions.fit.tables import RateTable
from sim.questions.fit.terms import Terms

LEAST_RATES: Final = 3
_FEW, _MANY, _JUDGED_RUNS = 8, 32, 64
_SPREAD: Final = {"throughput": 0.02, "ttft": 0.25, "e2e": 0.08, "tpot": 0.08}
"""What the form can hope to reach, relative: the scale on which errors of unlike quantities are added up."""
_TERM_GAINS: Final = 0.1
"""What a further term must lower the loss by; a single error as large as its spread is a loss of 1.

Chosen with the held-out rates of vllm-cost-meter in sight, so those are not blind for it: there the H100 needs neither
further term (they gain 0.09), the A100 both (0.4 for the floor).
"""
_THREADS: Final = 4  # one a form; each finds the same whoever runs beside it
_SHOWN: Final = {"ttft_p50": "TTFT p50, ms", "e2e_p50": "end-to-end p50, ms", "tpot_p50": "TPOT p50, ms"}


@dataclass(frozen=True)
class _Runs:
    """The runs of a table, and the limits under which they are simulated."""

    quantities: tuple[str, ...]
    start: Terms
    prompt: int
    output: int
    requests: int

    def simulate(self, terms: Terms, rates: Floats, arrivals: Floats) -> Floats:
        """Simulate the runs: float64[rates, runs, quantities], requests a second and seconds."""
        shape = (len(rates), *arrivals.shape)
        instants = (arrivals / rates[:, None, None]).ravel()
        prompt, output = (np.full(len(instants), tokens) for tokens in (self.prompt, self.output))
        seen = replay(terms, requests_of(instants, prompt, output, len(rates) * len(arrivals)))
        found = {"throughput": self.requests / seen.end.reshape(shape).max(axis=2)}
        for name in ("ttft", "e2e", "tpot"):
            values = getattr(seen, name).reshape(shape)
            shares = [0.5, 0.9] if f"{name}_p90" in self.quantities else [0.5]
            values.sort(axis=2)  # several times faster than a quantile
            for share in shares:
                found[f"{name}_p{round(100 * share)}"] = _sorted_quantile(values, share)
        return np.stack([found[name] for name in self.quantities], axis=2)


def _sorted_quantile(values: Floats, share: float) -> Floats:
    """Interpolate a quantile of values that are sorted along the last axis."""
    place = share * (values.shape[-1] - 1)
    below = int(place)
    above = min(below + 1, values.shape[-1] - 1)
    return np.asarray(values[..., below] * (below + 1 - place) + values[..., above] * (place - below))


def fit_rates(table: RateTable, options: Options) -> Fitted:
    """Find the terms of a table of percentiles by rate.

    Raises
    ------
    InputError
        When the table cannot tell them.
    """
    runs, warnings = _runs(table, options)
    fitted = _fitted_rates(table, options)
    measured = np.stack([table.throughput, *(table.latency[name] for name in runs.quantities[1:])], axis=1)
    lags = (0, 1) if options.join_lag is None else (options.join_lag,)
    forms = [_Form(runs, lag, more, measured[fitted]) for lag in lags for more in (0, 1, 2)]
    form, found = _best(forms, table.rate[fitted], options.seed)
    terms = form.terms(found.point)
    warnings += loose(terms, [form.terms(end) for end in found.nearly])
    judged = runs.simulate(terms, table.rate, poisson_runs(runs.requests, _JUDGED_RUNS, options.seed + 1_000_000))
    if len(fitted) == len(table.rate):
        warnings.append("no rate is held out, so how well the terms foretell another rate is not known")
    rows = _comparisons(table, runs, fitted, measured, judged.mean(axis=1))
    return Fitted(table.file, terms, found.loss, tuple(rows), tuple(warnings))


def _runs(table: RateTable, options: Options) -> tuple[_Runs, list[str]]:
    """Settle what a run is: from the table, else from what is stated, else refuse."""
    if len(table.rate) < LEAST_RATES:
        rule = f"must have at least {LEAST_RATES} rates to tell the terms apart, got {len(table.rate)}"
        raise InputError.one(table.file, f"{rule}; measure a low, a middle and a saturating one")
    if options.kv_us is None:
        raise InputError.one(
            table.file,
            "holds requests of one shape, from which the time a request and the time a cached token cannot be told "
            "apart; state the latter with --kv-us, or --model and --accelerator",
        )
    prompt = options.prompt or table.prompt
    output = options.output or table.output
    if prompt is None or output is None:
        lacking = "--prompt" if prompt is None else "--output"
        raise InputError.one(table.file, f"does not say how many tokens a request has; state {lacking}")
    warnings = []
    requests = options.requests or table.requests
    if requests is None:
        requests = _requests_by_shortfall(table)
        warnings.append(
            f"the table does not say how many requests a run has: taken as {requests}, by the throughput that the "
            "lowest rate falls short of; state it with --requests"
        )
    if options.kv_tokens is None:
        warnings.append("the size of the KV cache is not stated, so no run is bound by it; state --kv-tokens")
    elif options.kv_tokens < prompt + output:
        raise InputError.one("--kv-tokens", f"must hold one request of {prompt + output} tokens")
    if options.max_num_seqs is None or options.token_budget is None:
        warnings.append("--max-num-seqs and --token-budget not both stated: 256 and 2,048 stand for what is not")
    start = Terms(
        per_kv_token_us=options.kv_us,
        kv_tokens=options.kv_tokens,
        max_num_seqs=options.max_num_seqs or 256,
        token_budget=max(options.token_budget or 2048, options.max_num_seqs or 256),
    )
    return _Runs(("throughput", *table.latency), start, prompt, output, requests), warnings


def _requests_by_shortfall(table: RateTable) -> int:
    """Tell the requests of a run: it lasts requests / rate and one latency, and throughput is requests over that."""
    rate, throughput = float(table.rate[0]), float(table.throughput[0])
    drained = float(table.latency["e2e_p50"][0])
    estimate = throughput * drained / max(1 - throughput / rate, 1e-9)
    if not 10 <= estimate <= 100_000:
        raise InputError.one(table.file, "does not say how many requests a run has; state --requests")
    return int(float(f"{estimate:.1g}")) if estimate < 1000 else int(float(f"{estimate:.2g}"))


def _fitted_rates(table: RateTable, options: Options) -> list[int]:
    """Choose the rows to fit on."""
    if not options.fit_at:
        return list(range(0, len(table.rate), 2)) if len(table.rate) > LEAST_RATES else list(range(len(table.rate)))
    missing = [rate for rate in options.fit_at if rate not in table.rate]
    if missing:
        have = ", ".join(f"{rate:g}" for rate in table.rate)
        raise InputError.one("--fit-at", f"{missing[0]:g} is not a rate of the table; it has {have}")
    if len(set(options.fit_at)) < LEAST_RATES:
        raise InputError.one("--fit-at", f"must name at least {LEAST_RATES} rates, got {len(set(options.fit_at))}")
    return sorted(int(np.flatnonzero(table.rate == rate)[0]) for rate in set(options.fit_at))


@dataclass(frozen=True)
class _Form:
    """A rule of joining and the terms that are free beside the four of every form; maps the unit box to terms.

    Attributes
    ----------
    more : int
        0: none; 1: ``prefill_ms``; 2: that, and a floor above the base.
    """

    runs: _Runs
    lag: int
    more: int
    measured: Floats

    @property
    def dimensions(self) -> int:
        """Terms that are free."""
        return 4 + self.more

    def terms(self, point: Floats) -> Terms:
        """Give the terms at a point; none is larger than the table allows: no iteration is longer than a token took.

        The base is a share of the floor; were they free of each other, a floor below the base would have no slope.
        """
        low, high = (dict(zip(self.runs.quantities, map(float, edge), strict=True)) for edge in self._edges())
        given = [*map(float, point), 0.0, 1.0] if self.more == 0 else [*map(float, point), 1.0]
        least, request, prefill_token, frontend, prefill, share = given[:6]
        least *= 1000 * low["tpot_p50"]
        values: dict[str, Any] = {
            "base_ms": least * share,
            "per_request_ms": request * 1000 * high["tpot_p50"] / 16,
            "per_prefill_token_us": prefill_token * 1.5e6 * low["ttft_p50"] / self.runs.prompt,
            "prefill_ms": prefill * 1000 * low["ttft_p50"],
            "frontend_ms": frontend * 1000 * low["ttft_p50"],
            "floor_ms": least if self.more == 2 else 0.0,
        }
        return replace(self.runs.start, join_lag=self.lag, **values)

    def _edges(self) -> tuple[Floats, Floats]:
        return self.measured.min(axis=0), self.measured.max(axis=0)

    def search(self, rates: Floats, arrivals: Floats, weight: Floats, begin: Floats | None = None) -> Found:
        """Find the best terms of this form."""

        def residuals(point: Floats) -> Floats:
            mean = self.runs.simulate(self.terms(point), rates, arrivals).mean(axis=1)
            return np.asarray((np.log(mean / self.measured) / weight).ravel())

        return search(residuals, self.dimensions, begin, polish=100 if begin is None else 300)


def _best(forms: list[_Form], rates: Floats, seed: int) -> tuple[_Form, Found]:
    """Fit every form on few runs, then those with the better rule of joining on many, from where the first fits ended.

    The weights of the second fit know how much single runs scatter: as in the best form, and the same for all, as each
    could else widen its own. A further term is kept only where it gains enough.
    """
    runs = forms[0].runs
    few, many = (poisson_runs(runs.requests, count, seed) for count in (_FEW, _MANY))
    spread = np.array([_SPREAD[name.split("_")[0]] for name in runs.quantities])
    with ThreadPoolExecutor(_THREADS) as threads:
        first = list(threads.map(lambda form: form.search(rates, few, spread), forms))
        best, found = min(zip(forms, first, strict=True), key=lambda pair: pair[1].loss)
        scatter = np.log(runs.simulate(best.terms(found.point), rates, many)).std(axis=1)
        weight = np.sqrt(spread**2 + scatter**2)
        kept = [(form, ended) for form, ended in zip(forms, first, strict=True) if form.lag == best.lag]
        last = list(threads.map(lambda pair: pair[0].search(rates, many, weight, pair[1].best), kept))
    judged = [end.loss + _TERM_GAINS * form.more for (form, _), end in zip(kept, last, strict=True)]
    chosen = int(np.argmin(judged))
    return kept[chosen][0], last[chosen]


def _comparisons(
    table: RateTable, runs: _Runs, fitted: list[int], measured: Floats, simulated: Floats
) -> list[Comparison]:
    """Set measured beside simulated, rate by rate."""
    rows = []
    for row, rate in enumerate(table.rate):
        sample = IN_SAMPLE if row in fitted else HELD_OUT
        pairs = dict(zip(runs.quantities, zip(measured[row], simulated[row], strict=True), strict=True))
        served = pairs["throughput"]
        shown = [("throughput, requests/s", *served)]
        if table.usd_per_hour is not None:
            usd = [table.usd_per_hour * 1e6 / (SECONDS_PER_HOUR * each * runs.output) for each in served]
            shown = [("USD per million output tokens", *usd)]
        shown += [(label, 1000 * pairs[name][0], 1000 * pairs[name][1]) for name, label in _SHOWN.items()]
        rows += [
            Comparison(label, f"{rate:g} requests/s", float(was), float(now), float(now / was - 1), sample)
            for label, was, now in shown
        ]
    return rows
