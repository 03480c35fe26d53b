"""From rows of requests to sums of each replication and values of each request: durations in seconds.

``ttft``: from arrival to the first token. ``tpot``: from the first token to the last, over the tokens after the first;
a request of one token has none. ``wait``: from arrival until first scheduled, or handed over.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sim.engine.money import Shares
from sim.ground.compiled import inlined, kernel
from sim.ground.jobs import API, FAILED, HELD, NOT_STARTED, REFUSED
from sim.ground.requests import RequestRows, Requests
from sim.ground.units import NEVER, TICKS_PER_HOUR, TICKS_PER_SECOND, Floats, Ticks
from sim.study.fold import Fold, Layout, overlap

DURATIONS: Final = ("wait", "sojourn", "ttft", "tpot")
SERVERS: Final = ("held", "api")

_SUMS: Final = (
    "jobs",
    "tokens",
    "unfinished",
    "not_started",
    "overflow",
    "api",
    "in_system",
    "queue",
    "attributed",
    "fully_loaded",
    "refused",
    "preempted",
    "prompt_tokens",
    "output_tokens",
    "held",
    "tpots_held",
    "tpots_api",
    *(f"{duration}_{server}" for server in SERVERS for duration in DURATIONS),
    "failed",
    "handed",
    "attempts",
    "retried",
    "throttled",
    "late",
    "unfinished_api",
)
"""Summed over the counted requests of a class in a replication: numbers, hours (``in_system``, ``queue``), seconds (the
durations), USD. Tokens, in millions, are those read and written within the counted time, as the GPU time is: of a
request that straddles its ends the part inside, as if it went evenly; what the API takes is whole at hand-over.
Failed: given up at the API. Handed: handed over, and their attempts; retried: who tried more than once. Late: answered
after the deadline."""

(
    _JOBS,
    _TOKENS,
    _UNFINISHED,
    _NOT_STARTED,
    _OVERFLOW,
    _API,
    _IN_SYSTEM,
    _QUEUE,
    _ATTRIBUTED,
    _FULLY_LOADED,
    _REFUSED,
    _PREEMPTED,
    _PROMPT,
    _OUTPUT,
    _HELD,
    _TPOTS,
) = range(16)
_DURATION: Final = _TPOTS + len(SERVERS)

_COUNTS: Final = {
    f"{duration}_s.{server}": (f"tpots_{server}" if duration == "tpot" else server)
    for server in SERVERS
    for duration in DURATIONS
}
OF_REQUESTS: Final = Layout(_SUMS, _COUNTS | {"attributed": "jobs", "fully_loaded": "jobs"})


@inlined
def _within(since: int, until: int, opens: int, closes: int) -> float:
    """Share of a span that lies within the counted time; of an instant, whether it does."""
    if until > since:
        return overlap(since, until, opens, closes) / (until - since)
    return 1.0 if opens <= since < closes else 0.0


@kernel
def _fold(
    offsets: Ticks,
    arrival: Ticks,
    prompt: Ticks,
    output: Ticks,
    job_class: Ticks,
    start: Ticks,
    first_token: Ticks,
    end: Ticks,
    outcome: Ticks,
    preempted: Ticks,
    attributed: Floats,
    fully_loaded: Floats,
    wanted: int,
    overflows: bool,
    opens: int,
    closes: int,
    sums: Floats,
    held: Floats,
    api: Floats,
    costs: Floats,
    loaded: Floats,
    used: Ticks,
) -> None:
    """Add the rows of one class to the sums so far, in job order; ``in_system`` and ``queue`` in ticks, tokens as such.

    ``used`` counts the values: held, held with tpot, API, API with tpot, requests.
    """
    n_held, t_held, n_api, t_api, n_jobs = 0, 0, 0, 0, 0
    for r in range(len(offsets) - 1):
        mine = sums[r]
        in_system, queue = mine[_IN_SYSTEM], mine[_QUEUE]
        for j in range(offsets[r], offsets[r + 1]):
            if job_class[j] != wanted:
                continue
            at, what = arrival[j], outcome[j]
            served = what in (HELD, API)
            if what == HELD:
                queue += overlap(at, start[j], opens, closes)
                in_system += overlap(at, end[j], opens, closes)
                first = first_token[j]
                mine[_PROMPT] += prompt[j] * _within(start[j], first, opens, closes)
                mine[_OUTPUT] += (output[j] - 1) * _within(first, end[j], opens, closes)
                mine[_OUTPUT] += opens <= first < closes
            elif what == API:  # who tries again waits
                queue += overlap(at, start[j], opens, closes)
                in_system += overlap(at, start[j], opens, closes)
            elif what == NOT_STARTED:
                queue += overlap(at, closes, opens, closes)
                in_system += overlap(at, closes, opens, closes)
            if at < opens:
                continue
            mine[_JOBS] += 1
            mine[_ATTRIBUTED] += attributed[j]
            mine[_FULLY_LOADED] += fully_loaded[j]
            if len(costs) > 0:
                costs[n_jobs], loaded[n_jobs] = attributed[j], fully_loaded[j]
            n_jobs += 1
            if not served:
                mine[_NOT_STARTED] += 1
                mine[_UNFINISHED] += 1
                mine[_REFUSED] += what == REFUSED
                continue
            if end[j] > closes:
                mine[_UNFINISHED] += 1
            wait = (start[j] - at) / TICKS_PER_SECOND
            sojourn = (end[j] - at) / TICKS_PER_SECOND
            ttft = (first_token[j] - at) / TICKS_PER_SECOND
            tpot = 0.0
            if output[j] > 1:
                tpot = (end[j] - first_token[j]) / TICKS_PER_SECOND / (output[j] - 1)
            if what == HELD:
                mine[_HELD] += 1
                mine[_PREEMPTED] += preempted[j]
                mine[_DURATION] += wait
                mine[_DURATION + 1] += sojourn
                mine[_DURATION + 2] += ttft
                held[0, n_held], held[1, n_held], held[2, n_held] = wait, sojourn, ttft
                n_held += 1
                if output[j] > 1:
                    mine[_TPOTS] += 1
                    mine[_DURATION + 3] += tpot
                    held[3, t_held] = tpot
                    t_held += 1
            else:
                mine[_API] += 1
                mine[_PROMPT] += prompt[j]
                mine[_OUTPUT] += output[j]
                mine[_OVERFLOW] += overflows
                mine[_DURATION + 4] += wait
                mine[_DURATION + 5] += sojourn
                mine[_DURATION + 6] += ttft
                api[0, n_api], api[1, n_api], api[2, n_api] = wait, sojourn, ttft
                n_api += 1
                if output[j] > 1:
                    mine[_TPOTS + 1] += 1
                    mine[_DURATION + 7] += tpot
                    api[3, t_api] = tpot
                    t_api += 1
        mine[_IN_SYSTEM], mine[_QUEUE] = in_system, queue
    used[0], used[1], used[2], used[3], used[4] = n_held, t_held, n_api, t_api, n_jobs


@dataclass(frozen=True)
class Rules:
    """How one class of requests is folded under one plan.

    Attributes
    ----------
    wanted : int
        Number of the class.
    overflows : bool
        Whether a request at the API came there from replicas.
    opens, closes : int
        Microseconds between which things are counted.
    alone : bool
        Whether all requests are of this class; then their costs are not copied where all are counted.
    deadline : int
        Microseconds after which an answer is late.
    """

    wanted: int
    overflows: bool
    opens: int
    closes: int
    alone: bool = False
    deadline: int = NEVER


class Folding:
    """Sums of one class of requests under one plan, as its rows come: all at once or chunk by chunk.

    Every sum goes on where it stopped, so the cut into chunks changes no bit of it.
    """

    def __init__(self, rules: Rules, replications: int) -> None:
        self.rules, self._sums = rules, np.zeros((replications, len(_SUMS)))
        self._met_account = False

    def add(self, requests: Requests, rows: RequestRows, shares: Shares) -> dict[str, Floats]:
        """Add requests, what became of them and what they cost.

        Returns
        -------
        dict of float64[n]
            Each measure's values, in job order.
        """
        count, rules = len(requests), self.rules
        held, api = np.empty((4, count)), np.empty((4, count))
        copied = 0 if rules.alone and rules.opens == 0 else count
        costs, loaded, used = np.empty(copied), np.empty(copied), np.zeros(5, np.int64)
        _fold(
            requests.offsets,
            requests.arrival,
            requests.prompt,
            requests.output,
            requests.job_class,
            rows.start,
            rows.first_token,
            rows.end,
            rows.outcome,
            rows.preempted,
            shares.attributed,
            shares.fully_loaded,
            rules.wanted,
            rules.overflows,
            rules.opens,
            rules.closes,
            self._sums,
            held,
            api,
            costs,
            loaded,
            used,
        )
        self._add_tries(requests, rows)
        values = {"attributed": costs[: used[4]], "fully_loaded": loaded[: used[4]]}
        if not copied:
            values = {"attributed": shares.attributed, "fully_loaded": shares.fully_loaded}
        for server, table, (all_, with_rest) in (("held", held, used[:2]), ("api", api, used[2:4])):
            for k, duration in enumerate(DURATIONS):
                values[f"{duration}_s.{server}"] = table[k, : with_rest if duration == "tpot" else all_]
        return values

    def _add_tries(self, requests: Requests, rows: RequestRows) -> None:
        """Count what requests met at the API, and who was late."""
        tries, rules = rows.tries, self.rules
        self._met_account |= tries is not None
        if tries is None and rules.deadline == NEVER:
            return
        counted = (requests.job_class == rules.wanted) & (requests.arrival >= rules.opens)
        replication = np.repeat(np.arange(requests.replications), np.diff(requests.offsets))
        told: dict[str, Any] = {"late": (rows.start >= 0) & (rows.end - requests.arrival > rules.deadline)}
        if tries is not None:
            told |= {
                "failed": rows.outcome == FAILED,
                "handed": tries.attempts > 0,
                "attempts": tries.attempts,
                "retried": tries.attempts > 1,
                "throttled": tries.throttled,
                "unfinished_api": (rows.outcome == API) & (rows.end > rules.closes),
            }
        for name, values in told.items():  # whole numbers, whose sums are exact in any order
            self._sums[:, _SUMS.index(name)] += np.bincount(replication, values * counted, requests.replications)

    def sums(self) -> Floats:
        """Tell the sums of all that was added, in hours and millions of tokens."""
        sums = self._sums.copy()
        sums[:, [_IN_SYSTEM, _QUEUE]] /= TICKS_PER_HOUR
        sums[:, [_PROMPT, _OUTPUT]] *= 1e-6
        sums[:, _TOKENS] = sums[:, _PROMPT] + sums[:, _OUTPUT]
        if not self._met_account:  # the API takes everybody at the first attempt
            for name in ("handed", "attempts"):
                sums[:, _SUMS.index(name)] = sums[:, _API]
        return sums


def fold_requests(requests: Requests, rows: RequestRows, shares: Shares, rules: Rules) -> Fold:
    """Fold the rows of one class of requests under one plan.

    Parameters
    ----------
    requests, rows, shares : Requests, RequestRows, Shares
        The requests, what became of them and what they cost.
    rules : Rules
        Which class, and how.
    """
    folding = Folding(rules, requests.replications)
    values = folding.add(requests, rows, shares)
    return Fold.of(OF_REQUESTS, folding.sums(), values)
