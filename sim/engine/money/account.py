"""What requests pay at an API account that has more than prices: retried errors, the batch tier, reserved units.

Reserved units are paid busy or idle. A token that they take costs what they cost at full use; the rest is idle money,
which is shared among the requests that used them, within windows, by the rule that shares all idle money.
"""

from dataclasses import dataclass, replace

import numpy as np

from sim.engine.money.calendar import Calendar
from sim.engine.money.memo import UNITS_TOKENS, UNITS_USD, UNITS_USED
from sim.engine.money.requests import TokenTariff
from sim.engine.money.sharing import API_LINE, EQUALLY, HELD_IDLE, HELD_USED, LINES, RULES, Use, share_out
from sim.ground.requests import RequestRows, Requests
from sim.ground.units import Floats, Ticks


@dataclass(frozen=True)
class Throughput:
    """Reserved throughput of a plan's API over all counted time.

    Attributes
    ----------
    usd : float
        What it costs, busy or idle.
    tokens : float
        What it takes at most.
    """

    usd: float = 0.0
    tokens: float = 0.0


@dataclass(frozen=True)
class _Paid:
    """What the requests of one pool pay at the account, by row: for tokens, and the tokens that units took."""

    replication: Ticks
    counted: Ticks
    by_use: Floats
    tokens: Floats
    window: Ticks

    @classmethod
    def of(cls, prices: TokenTariff, requests: Requests, rows: RequestRows, edges: Ticks) -> "_Paid":
        """Book all that a request pays at its last attempt."""
        if rows.tries is None:
            raise ValueError("rows that an account has not answered pay nothing there")
        booked = rows.tries.last >= edges[0]
        tokens = (requests.prompt + requests.output) * rows.tries.by_units * booked
        return cls(
            np.repeat(np.arange(requests.replications), np.diff(requests.offsets)),
            requests.arrival >= edges[0],
            prices.by_tokens(requests) * rows.tries.charged * booked,
            tokens.astype(np.float64),
            np.clip(np.searchsorted(edges, rows.tries.last, side="right") - 1, 0, len(edges) - 2),
        )

    def total(self, values: Floats, replications: int) -> Floats:
        """Sum values of the rows in each replication."""
        return np.asarray(np.bincount(self.replication, values, replications), np.float64)

    def by_window(self, values: Floats, replications: int, windows: int) -> Floats:
        """Sum values of the rows in each window of each replication."""
        cell = self.replication * windows + self.window
        found = np.asarray(np.bincount(cell, values, replications * windows), np.float64)
        return found.reshape(replications, windows)


def _units(throughput: Throughput, paid: list[_Paid], replications: int, windows: int) -> tuple[Floats, Floats]:
    """Tell what a token costs that reserved units take, in each replication, and how many they take in each window."""
    used = np.sum([each.total(each.tokens, replications) for each in paid], axis=0)
    capacity = np.maximum(throughput.tokens, used)
    with np.errstate(invalid="ignore"):
        rate = np.where(capacity > 0, throughput.usd / capacity, 0.0)
    return rate, np.sum([each.by_window(each.tokens, replications, windows) for each in paid], axis=0)


def _idle_shares(paid: list[_Paid], arrivals: list[Ticks], loose: Floats, edges: Ticks, rule: str) -> list[Floats]:
    """Share the idle money of reserved units among the counted requests that used them."""
    replications = len(loose)
    users = [np.flatnonzero(each.counted & (each.tokens > 0)) for each in paid]
    replication, arrival, tokens = (
        np.concatenate([column[mine] for column, mine in zip(columns, users, strict=True)])
        for columns in ([each.replication for each in paid], arrivals, [each.tokens for each in paid])
    )
    order = np.lexsort((arrival, replication))
    nothing = np.zeros(replications)
    weight = np.ones(len(order)) if RULES[rule] == EQUALLY else tokens[order]
    offsets = np.searchsorted(replication[order], np.arange(replications + 1))
    lines = np.zeros((replications, len(LINES)))
    side = Use(
        offsets, arrival[order], lines, nothing, nothing, np.zeros(len(order)), None, weight, loose, np.zeros((0, 0))
    )
    shares = np.empty(len(order))
    shares[order] = share_out([side], np.zeros(len(edges) - 1), edges, rule)[0]
    found = [np.zeros(len(arrival)) for arrival in arrivals]
    for rest, mine, part in zip(
        found, users, np.split(shares, np.cumsum([len(mine) for mine in users])[:-1]), strict=True
    ):
        rest[mine] = part
    return found


def with_account(
    throughput: Throughput,
    pools: list[tuple[TokenTariff, Requests, RequestRows]],
    uses: list[Use],
    edges: Ticks,
    rule: str,
) -> list[Use]:
    """Add what requests pay at the one account of a plan to what they use of its nodes.

    Parameters
    ----------
    throughput : Throughput
        What is reserved.
    pools : list of (TokenTariff, Requests, RequestRows)
        All pools of the plan.
    uses : list of Use
        Of each of them, without the API.
    edges : int64[windows + 1]
        Microseconds at which the windows of the counted time begin and end.
    rule : str
        How loose money will be shared: one of ``RULES``.

    Notes
    -----
    A full bucket at the start may let reserved units take more than they are paid for; then a token costs less, and
    nothing is idle. Idle money of a replication in which nobody used them is shared like that of the first pool.
    """
    replications = len(uses[0].lines)
    paid = [_Paid.of(*pool, edges) for pool in pools]
    used = np.sum([each.total(each.tokens, replications) for each in paid], axis=0)
    rate, in_window = _units(throughput, paid, replications, len(edges) - 1)
    idle = throughput.usd * np.diff(edges) / (edges[-1] - edges[0]) - in_window * rate[:, None]
    shares = _idle_shares(paid, [requests.arrival for _, requests, _ in pools], idle, edges, rule)
    anybody = np.sum([each.total(each.counted * each.tokens, replications) for each in paid], axis=0) > 0
    found = []
    for number, (use, each, rest) in enumerate(zip(uses, paid, shares, strict=True)):
        by_units = each.tokens * rate[each.replication]
        lines, loose, memo = use.lines.copy(), use.loose.copy(), use.memo.copy()
        lines[:, API_LINE] += each.total(each.by_use, replications)
        lines[:, HELD_USED] += each.total(by_units, replications)
        loose[:, 0] += each.total((each.by_use + by_units) * ~each.counted, replications)
        if number == 0:
            lines[:, HELD_IDLE] += np.maximum(throughput.usd - used * rate, 0.0)
            loose += np.where(anybody[:, None], 0.0, idle)
            memo[:, UNITS_USD], memo[:, UNITS_USED], memo[:, UNITS_TOKENS] = throughput.usd, used, throughput.tokens
        attributed = use.attributed + (each.by_use + by_units) * each.counted
        found.append(replace(use, lines=lines, loose=loose, memo=memo, attributed=attributed, rest=rest))
    return found


def enter_account(
    calendar: Calendar, throughput: Throughput, pools: list[tuple[TokenTariff, Requests, RequestRows]]
) -> None:
    """Enter what requests pay at the one account of a plan by window: at their last attempt, units all the time.

    Parameters
    ----------
    calendar : Calendar
        Where it is entered.
    throughput, pools
        As for ``with_account``.
    """
    edges, (replications, windows, _) = calendar.edges, calendar.usd.shape
    paid = [_Paid.of(*pool, edges) for pool in pools]
    rate, tokens = _units(throughput, paid, replications, windows)
    by_units = tokens * rate[:, None]
    for each in paid:
        calendar.usd[:, :, API_LINE] += each.by_window(each.by_use, replications, windows)
    calendar.usd[:, :, HELD_USED] += by_units
    calendar.usd[:, :, HELD_IDLE] += calendar.shares * throughput.usd - by_units
