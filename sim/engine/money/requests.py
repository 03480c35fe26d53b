"""What inference requests use of a plan: an equal share of each iteration they ran in, or the API's price by tokens."""

from dataclasses import dataclass, replace

import numpy as np

from sim.engine.money.billing import Billing, pay
from sim.engine.money.memo import MEMO, note_use
from sim.engine.money.sharing import (
    API_LINE,
    EQUALLY,
    HELD_IDLE,
    HELD_USED,
    LINES,
    PENALTIES,
    RULES,
    Side,
    Use,
    add_up,
    weigh,
)
from sim.ground.compiled import kernel
from sim.ground.jobs import API, HELD
from sim.ground.requests import RequestRows, Requests
from sim.ground.units import TICKS_PER_HOUR, Floats, Ticks


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


_API, _USED, _SETTLED, _WAITED, _UNCOUNTED = range(5)


@dataclass(frozen=True)
class Tally:
    """What the requests of a pool used and paid so far: added up in job order, chunk by chunk or all at once.

    Every sum goes on where it stopped, so the cut into chunks changes no bit of it.

    Attributes
    ----------
    sums : float64[R, 5]
        USD: at the API, of used nodes, of settlements, of waiting; what uncounted requests used of the first two.
    weights, jobs : float64[R, windows], float64[R]
        As of a ``Side``.
    """

    sums: Floats
    weights: Floats
    jobs: Floats

    @classmethod
    def of_none(cls, replications: int, windows: int) -> "Tally":
        """Begin with no request."""
        return cls(np.zeros((replications, 5)), np.zeros((replications, windows)), np.zeros(replications))

    def weigh(self, requests: Requests, weight: Floats, edges: Ticks) -> None:
        """Add the weights of requests."""
        weigh(requests.offsets, requests.arrival, edges, weight, self.weights, self.jobs)


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
    opens: int,
    held_rate: float,
    per_prompt: Floats,
    per_cached: Floats,
    per_output: Floats,
    settle: float,
    attributed: Floats,
    sums: Floats,
) -> None:
    """Charge requests, and add up what they are charged."""
    for r in range(len(offsets) - 1):
        mine = sums[r]
        for j in range(offsets[r], offsets[r + 1]):
            own, counted = 0.0, arrival[j] >= opens
            if outcome[j] == HELD:
                own = gpu_time[j] / TICKS_PER_HOUR * held_rate
                mine[_USED] += own
            elif outcome[j] == API:
                if start[j] >= opens:
                    of, found = job_class[j], cached[j]
                    own = (prompt[j] - found) * per_prompt[of] + found * per_cached[of] + output[j] * per_output[of]
                    mine[_API] += own
            elif counted:
                own = settle
                mine[_SETTLED] += own
            attributed[j] = own if counted else 0.0
            if not counted:
                mine[_UNCOUNTED] += own


def charge_requests(
    prices: TokenTariff, requests: Requests, rows: RequestRows, opens: int, rule: str, tally: Tally
) -> tuple[Floats, Floats]:
    """Charge requests of each replication, or the next ones of one, and add what they are charged to a tally.

    Parameters
    ----------
    prices, requests, rows, rule
        As for ``use_of_requests``; of the rows nothing is read that is known only at the end.
    opens : int
        Microsecond at which counting begins.
    tally : Tally
        Of the requests so far.

    Returns
    -------
    attributed, weight : float64[n]
        USD that a request caused, without its wait; its part when loose money is shared.
    """
    attributed = np.empty(len(requests))
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
        opens,
        prices.usd_per_gpu_h,
        prices.usd_per_prompt_token,
        prices.usd_per_cached_token,
        prices.usd_per_output_token,
        prices.settle_usd,
        attributed,
        tally.sums,
    )
    # gpu_time is 0 for whom no replica served
    return attributed, np.ones(len(requests)) if RULES[rule] == EQUALLY else rows.gpu_time


def charge_waiting(usd: Floats, requests: Requests, tally: Tally) -> None:
    """Add what the waits of requests cost to a tally."""
    waited = tally.sums[:, _WAITED].copy()
    add_up(requests.offsets, usd, waited)
    tally.sums[:, _WAITED] = waited


def _paid(
    prices: TokenTariff, rows: RequestRows, replications: int, edges: Ticks, memo: Floats
) -> tuple[float, Floats, Floats]:
    """Tell the GPU hours paid for of held and of hired nodes, and the money of both by window."""
    counted, hired_paid = edges[-1] - edges[0], np.zeros(replications)
    usd = np.tile(np.diff(edges) / counted * prices.held_usd, (replications, 1))
    if prices.hired is not None and rows.hires is not None:
        hired_paid = pay(prices.hired, prices.node_gpus, rows.hires, edges, usd, memo)
    return prices.held_gpus * (counted / TICKS_PER_HOUR), hired_paid, usd


def side_of_requests(prices: TokenTariff, tally: Tally, rows: RequestRows, edges: Ticks) -> Side:
    """Close the account of all requests of some replications: what their nodes cost, busy or idle, comes to the tally.

    Parameters
    ----------
    prices : TokenTariff
        As for ``use_of_requests``.
    tally : Tally
        Of all requests.
    rows : RequestRows
        Of which the busy time and the hires are read.
    edges : int64[windows + 1]
        Microseconds at which the windows of the counted time begin and end.
    """
    replications, hired, sums = len(tally.sums), prices.hired, tally.sums
    lines, memo = np.zeros((replications, len(LINES))), np.zeros((replications, len(MEMO)))
    held_paid, hired_paid, nodes_usd = _paid(prices, rows, replications, edges, memo)
    busy = rows.busy * prices.replica_gpus / TICKS_PER_HOUR
    loose = nodes_usd - busy * prices.usd_per_gpu_h
    loose[:, 0] += sums[:, _UNCOUNTED]
    lines[:, API_LINE], lines[:, PENALTIES] = sums[:, _API], sums[:, _SETTLED] + sums[:, _WAITED]
    if hired is None:
        lines[:, HELD_USED] = sums[:, _USED]
        lines[:, HELD_IDLE] = prices.held_usd - lines[:, HELD_USED]
    else:
        lines[:, hired.used_line] = sums[:, _USED]
        lines[:, hired.idle_line] = np.maximum(nodes_usd.sum(axis=1) - lines[:, hired.used_line], 0.0)
    allocated = busy.sum(axis=1)
    nobody, price = np.zeros(replications), prices.list_usd_per_gpu_h
    on_held, on_hired = (allocated, nobody) if hired is None else (nobody, allocated)
    note_use(memo, [(on_held, price)], (on_hired, price), held_paid, hired_paid)
    return Side(lines, held_paid + hired_paid, allocated, loose, memo, (), tally.weights, tally.jobs)


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
    tally = Tally.of_none(requests.replications, len(edges) - 1)
    attributed, weight = charge_requests(prices, requests, rows, int(edges[0]), rule, tally)
    side = side_of_requests(prices, tally, rows, edges)
    return Use(
        requests.offsets,
        requests.arrival,
        side.lines,
        paid=side.paid,
        allocated=side.allocated,
        attributed=attributed,
        rest=None,
        weight=weight,
        loose=side.loose,
        memo=side.memo,
    )
