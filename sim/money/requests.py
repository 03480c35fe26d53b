"""What inference requests use of a plan: an equal share of each iteration they ran in, or the API's price by tokens."""

from dataclasses import dataclass, replace

import numpy as np

from sim.compiled import kernel
from sim.jobs import API, HELD
from sim.money.billing import Billing, pay
from sim.money.memo import MEMO, note_use
from sim.money.sharing import API_LINE, EQUALLY, HELD_IDLE, HELD_USED, LINES, PENALTIES, RULES, Use
from sim.requests import RequestRows, Requests
from sim.units import TICKS_PER_HOUR, Floats, Ticks


@dataclass(frozen=True)
class TokenTariff:
    """What requests pay, in USD.

    Attributes
    ----------
    held_usd : float
        The serving nodes over all counted time, busy or idle.
    held_gpus, replica_gpus : int
        GPUs of all serving nodes; GPUs of one replica.
    usd_per_gpu_h : float
        Rate of the nodes over their GPUs, held or hired.
    usd_per_prompt_token, usd_per_cached_token, usd_per_output_token : float64[classes]
        The API's price for each class of the scenario: of a token read, read from its cache, and written.
    settle_usd : float
        For each request not started when the clock stops.
    node_gpus : int
        GPUs of one node.
    hired : Billing or None
        How nodes are billed that come and go with the load; None for held ones, which are paid all the time.
    list_usd_per_gpu_h : float or None
        On-demand list price of the same instance, where the book has one.
    """

    held_usd: float
    held_gpus: int
    replica_gpus: int
    usd_per_gpu_h: float
    usd_per_prompt_token: Floats
    usd_per_cached_token: Floats
    usd_per_output_token: Floats
    settle_usd: float
    node_gpus: int = 0
    hired: Billing | None = None
    list_usd_per_gpu_h: float | None = None

    def by_tokens(self, requests: Requests) -> Floats:
        """Tell what the API takes for each request: USD by its tokens."""
        of = requests.job_class
        read = (requests.prompt - requests.cached) * self.usd_per_prompt_token[of]
        return read + requests.cached * self.usd_per_cached_token[of] + requests.output * self.usd_per_output_token[of]

    @property
    def without_api(self) -> "TokenTariff":
        """The tariff of requests whose API charges are added by its account (``money.account``)."""
        free = np.zeros_like(self.usd_per_prompt_token)
        return replace(self, usd_per_prompt_token=free, usd_per_cached_token=free, usd_per_output_token=free)


@kernel
def _use(
    offsets: Ticks,
    arrival: Ticks,
    prompt: Ticks,
    cached: Ticks,
    output: Ticks,
    job_class: Ticks,
    start: Ticks,
    outcome: Ticks,
    gpu_time: Floats,
    edges: Ticks,
    held_rate: float,
    per_prompt: Floats,
    per_cached: Floats,
    per_output: Floats,
    settle: float,
    used_line: int,
    lines: Floats,
    attributed: Floats,
    loose: Floats,
) -> None:
    """Charge the requests of each replication; what uncounted ones used is added to ``loose``."""
    opens = edges[0]
    for r in range(len(offsets) - 1):
        api = used = 0.0
        for j in range(offsets[r], offsets[r + 1]):
            own, counted = 0.0, arrival[j] >= opens
            if outcome[j] == HELD:
                own = gpu_time[j] / TICKS_PER_HOUR * held_rate
                used += own
            elif outcome[j] == API:
                if start[j] >= opens:
                    of, found = job_class[j], cached[j]
                    own = (prompt[j] - found) * per_prompt[of] + found * per_cached[of] + output[j] * per_output[of]
                    api += own
            elif counted:
                own = settle
                lines[r, PENALTIES] += own
            attributed[j] = own if counted else 0.0
            if not counted:
                loose[r, 0] += own
        lines[r, API_LINE], lines[r, used_line] = api, used


def _paid(
    prices: TokenTariff, rows: RequestRows, replications: int, edges: Ticks, memo: Floats
) -> tuple[float, Floats, Floats]:
    """Tell the GPU hours paid for of held and of hired nodes, and the money of both by window."""
    counted, hired_paid = edges[-1] - edges[0], np.zeros(replications)
    usd = np.tile(np.diff(edges) / counted * prices.held_usd, (replications, 1))
    if prices.hired is not None and rows.hires is not None:
        hired_paid = pay(prices.hired, prices.node_gpus, rows.hires, edges, usd, memo)
    return prices.held_gpus * (counted / TICKS_PER_HOUR), hired_paid, usd


def use_of_requests(prices: TokenTariff, requests: Requests, rows: RequestRows, edges: Ticks, rule: str) -> Use:
    """Tell what the requests of some replications use under one plan.

    Parameters
    ----------
    prices : TokenTariff
        Of the group of nodes that serves them, and of the plan's API.
    requests, rows : Requests, RequestRows
        The requests and what became of them.
    edges : int64[windows + 1]
        Microseconds at which the windows of the counted time begin and end.
    rule : str
        How loose money will be shared: one of ``RULES``.

    Notes
    -----
    A window's idle money is that of its nodes less what ran in it, to the tick: busy time, not the jobs' arrivals. What
    an API account charges, whose rows have ``tries``, is not here: ``money.account`` adds it.
    """
    if rows.tries is not None:
        prices = prices.without_api
    replications, count, hired = requests.replications, len(requests), prices.hired
    lines, memo = np.zeros((replications, len(LINES))), np.zeros((replications, len(MEMO)))
    held_paid, hired_paid, nodes_usd = _paid(prices, rows, replications, edges, memo)
    attributed = np.empty(count)
    weight = np.ones(count) if RULES[rule] == EQUALLY else rows.gpu_time  # which is 0 for whom no replica served
    busy = rows.busy * prices.replica_gpus / TICKS_PER_HOUR
    loose = nodes_usd - busy * prices.usd_per_gpu_h
    _use(
        requests.offsets,
        requests.arrival,
        requests.prompt,
        requests.cached,
        requests.output,
        requests.job_class,
        rows.start,
        rows.outcome,
        rows.gpu_time,
        edges,
        prices.usd_per_gpu_h,
        prices.usd_per_prompt_token,
        prices.usd_per_cached_token,
        prices.usd_per_output_token,
        prices.settle_usd,
        HELD_USED if hired is None else hired.used_line,
        lines,
        attributed,
        loose,
    )
    if hired is None:
        lines[:, HELD_IDLE] = prices.held_usd - lines[:, HELD_USED]
    else:
        lines[:, hired.idle_line] = np.maximum(nodes_usd.sum(axis=1) - lines[:, hired.used_line], 0.0)
    allocated = busy.sum(axis=1)
    nobody, price = np.zeros(replications), prices.list_usd_per_gpu_h
    on_held, on_hired = (allocated, nobody) if hired is None else (nobody, allocated)
    note_use(memo, [(on_held, price)], (on_hired, price), held_paid, hired_paid)
    return Use(
        requests.offsets,
        requests.arrival,
        lines,
        paid=held_paid + hired_paid,
        allocated=allocated,
        attributed=attributed,
        rest=None,
        weight=weight,
        loose=loose,
        memo=memo,
    )
