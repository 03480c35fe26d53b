"""The ledger by window: when each USD of a bill was spent. A view that is asked for; its windows sum to the bill.

Capacity is spent evenly while it is paid: held nodes, staff and overhead by the length of a window, what a job uses of
nodes while it runs, a hire from when it is paid until when. An API takes its price at the hand-over. Waiting is spent
while somebody waits, a settlement when nobody is waited for any more: at the latest when the clock stops.
"""

from dataclasses import dataclass

import numpy as np

from sim.engine.money.billing import Billing, billed
from sim.engine.money.sharing import LINES, OVERHEAD, PENALTIES, STAFF
from sim.engine.money.waiting import left_queue
from sim.ground.compiled import inlined, kernel
from sim.ground.hires import Hires
from sim.ground.jobs import API, HELD, HIRED, Paths, Rows
from sim.ground.requests import RequestRows, Requests
from sim.ground.units import TICKS_PER_HOUR, Floats, Ticks


@inlined
def _window(instant: int, edges: Ticks) -> int:
    """Find the window that an instant lies in; before the first the first, after the last the last."""
    low, high = 0, len(edges) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if edges[middle] <= instant:
            low = middle
        else:
            high = middle
    return low


@kernel
def _spend(
    replication: Ticks, since: Ticks, until: Ticks, usd_per_h: Floats, line: int, off: int, edges: Ticks, usd: Floats
) -> None:
    """Add what is spent evenly over spans of time to the windows in which it is spent; take it off another line."""
    opens, closes = edges[0], edges[len(edges) - 1]
    for k in range(len(since)):
        begin, end = max(since[k], opens), min(until[k], closes)
        at = _window(begin, edges)
        while begin < end:
            stop = min(end, edges[at + 1])
            spent = (stop - begin) / TICKS_PER_HOUR * usd_per_h[k]
            usd[replication[k], at, line] += spent
            if off >= 0:
                usd[replication[k], at, off] -= spent
            begin, at = stop, at + 1


@kernel
def _book(replication: Ticks, instant: Ticks, paid: Floats, line: int, edges: Ticks, usd: Floats) -> None:
    """Add what is spent at instants to the windows in which they lie."""
    for k in range(len(instant)):
        usd[replication[k], _window(instant[k], edges), line] += paid[k]


@kernel
def _paid_spans(
    ordered: Ticks,
    ready: Ticks,
    left: Ticks,
    closes: int,
    from_order: bool,
    step: int,
    minimum: int,
    since: Ticks,
    until: Ticks,
) -> None:
    """Tell from when to when each hire is paid."""
    for h in range(len(ordered)):
        since[h], until[h] = billed(ordered[h], ready[h], left[h], closes, from_order, step, minimum)


def replications_of(offsets: Ticks) -> Ticks:
    """Tell the replication of each row."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


@dataclass(frozen=True)
class Calendar:
    """What is spent in each window of some replications.

    Attributes
    ----------
    edges : int64[windows + 1]
        Ticks at which the windows of the counted time begin and end.
    usd : float64[R, windows, len(LINES)]
        USD by line of the bill; what is entered is added to it.
    """

    edges: Ticks
    usd: Floats

    @classmethod
    def blank(cls, replications: int, edges: Ticks) -> "Calendar":
        """Begin with nothing spent."""
        return cls(edges, np.zeros((replications, len(edges) - 1, len(LINES))))

    @property
    def shares(self) -> Floats:
        """Share of the counted time that each window is."""
        return np.asarray(np.diff(self.edges) / (self.edges[-1] - self.edges[0]))

    def spend(self, line: int, replication: Ticks, since: Ticks, until: Ticks, usd_per_h: Floats) -> None:
        """Enter what is spent evenly over spans of time, as far as they lie in the counted time."""
        _spend(replication, since, until, usd_per_h, line, -1, self.edges, self.usd)

    def book(self, line: int, replication: Ticks, instant: Ticks, usd: Floats) -> None:
        """Enter what is spent at instants."""
        _book(replication, instant, usd, line, self.edges, self.usd)

    def use(self, idle: int, used: int, replication: Ticks, since: Ticks, until: Ticks, usd_per_h: Floats) -> None:
        """Enter use of nodes that are paid for in any case: off their idle line, onto the used one."""
        _spend(replication, since, until, usd_per_h, used, idle, self.edges, self.usd)

    def hire(self, billing: Billing, node_gpus: int, hires: Hires) -> None:
        """Enter what hires cost as idle money, from when to when they are paid."""
        since, until = np.empty_like(hires.ordered), np.empty_like(hires.ordered)
        closes, rules = int(self.edges[-1]), (billing.from_order, billing.step, billing.minimum)
        _paid_spans(hires.ordered, hires.ready, hires.left, closes, *rules, since, until)
        rate = np.full(len(hires), node_gpus * billing.usd_per_gpu_h)
        self.spend(billing.idle_line, replications_of(hires.offsets), since, until, rate)

    def fix(self, staff_usd: float, overhead_usd: float) -> None:
        """Enter what is spent evenly over all counted time."""
        self.usd[:, :, STAFF] += self.shares * staff_usd
        self.usd[:, :, OVERHEAD] += self.shares * overhead_usd

    def wait(self, usd_per_h: Floats, jobs: Paths | Requests, rows: Rows | RequestRows) -> None:
        """Enter what waiting costs the counted jobs, by class of the scenario."""
        if usd_per_h.any():
            mine = np.flatnonzero(jobs.arrival >= self.edges[0])
            until, rate = left_queue(rows, jobs, int(self.edges[-1])), usd_per_h[jobs.job_class]
            replication = replications_of(jobs.offsets)
            self.spend(PENALTIES, replication[mine], jobs.arrival[mine], until[mine], rate[mine])

    def settle(self, usd: float, jobs: Paths | Requests, rows: Rows | RequestRows) -> None:
        """Enter what the counted jobs are settled at that nobody served."""
        left = (rows.outcome != HELD) & (rows.outcome != HIRED) & (rows.outcome != API)
        mine = np.flatnonzero(left & (jobs.arrival >= self.edges[0])) if usd else np.empty(0, np.int64)
        instant = left_queue(rows, jobs, int(self.edges[-1]))[mine] if len(mine) else mine
        self.book(PENALTIES, replications_of(jobs.offsets)[mine], instant, np.full(len(mine), usd))
