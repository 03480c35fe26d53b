"""The ledger: every USD of a plan's bill on one line, and every USD shared out to the jobs by a named rule.

A job is charged for the GPU time it had inside the counted time, or the API's price at hand-over (attributed). Fully
loaded, it also carries what its own hired node cost beyond that, and its share of what no single job caused (held idle
time, staff, overhead), within windows of time. Both add up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim.engine.money.nodes import use_of_nodes
from sim.engine.money.sharing import HELD_IDLE, HELD_USED, LINES, OVERHEAD, STAFF, Rates, Side, Use, rates
from sim.engine.money.tariff import Tariff
from sim.ground.jobs import Fleet, Paths, Rows
from sim.ground.units import Floats, Ticks


@dataclass(frozen=True)
class Shares:
    """What each job of one side of a plan cost.

    Attributes
    ----------
    attributed, fully_loaded : float64[n]
        USD of each job; 0 for jobs that arrived before the warm-up ended.
    """

    attributed: Floats
    fully_loaded: Floats

    @classmethod
    def none(cls, jobs: int) -> "Shares":
        """Make shares of jobs of which nobody asks what they cost."""
        return cls(np.zeros(jobs), np.zeros(jobs))


@dataclass(frozen=True)
class Bill:
    """What each replication cost under one plan.

    Attributes
    ----------
    lines : float64[replications, len(LINES)]
        USD.
    paid, allocated : float64[replications]
        GPU hours paid for, and given to jobs, inside the counted time.
    memo : float64[replications, len(MEMO)]
        What is told beside the bill, and is no summand of it (``memo``).
    """

    lines: Floats
    paid: Floats
    allocated: Floats
    memo: Floats


@dataclass(frozen=True)
class Charges(Shares, Bill):
    """What each replication and each job of it cost, where fine-tunes are all the work."""


def window_edges(opens: int, closes: int, window: float) -> Ticks:
    """Divide the counted time equally, as near to the wanted window as fits."""
    count = max(1, round((closes - opens) / window))
    steps = np.arange(count + 1, dtype=np.int64)
    whole, rest = divmod(closes - opens, count)
    return opens + steps * whole + steps * rest // count


def _repaid(lender: Side, lent: Floats) -> Side:
    """Take what others used of a side's idle nodes off its idle money."""
    lines = lender.lines.copy()
    lines[:, HELD_IDLE] -= lent.sum(axis=1)
    return replace(lender, lines=lines, loose=lender.loose - lent)


def settle_sides(
    sides: Sequence[Side], staff_usd: float, overhead_usd: float, edges: Ticks, rule: str, lenders: Sequence[int] = ()
) -> tuple[Bill, list[Rates]]:
    """Add up the sides of a plan and find what their jobs carry of what no single job caused.

    Parameters
    ----------
    sides : sequence of Side
        At least one.
    staff_usd, overhead_usd : float
        Over all counted time.
    edges : int64[windows + 1]
        Ticks at which the windows of the counted time begin and end.
    rule : {"gpu_time", "equal", "platform"}
        Shared by GPU time (API jobs carry none), alike for every job, or not at all.
    lenders : sequence of int
        Which sides hold the nodes that another one borrows, in the order of the lenders of its tariff.

    Returns
    -------
    Bill, list of Rates
        The lines sum to the bill; unless the rule is ``platform`` the jobs' fully loaded costs do too, where there
        are jobs.
    """
    sides = list(sides)
    for borrower in [side for side in sides if side.lent]:
        for number, lent in zip(lenders, borrower.lent, strict=True):
            sides[number] = _repaid(sides[number], lent)
    lines = np.sum([side.lines for side in sides], axis=0)
    held = lines[:, HELD_IDLE] + lines[:, HELD_USED]
    full = np.abs(lines[:, HELD_IDLE]) < 1e-12 * held
    lines[full, HELD_IDLE] = 0.0  # not -0.00 for a full fleet
    lines[:, STAFF], lines[:, OVERHEAD] = staff_usd, overhead_usd
    fixed = np.diff(edges) / (edges[-1] - edges[0]) * (staff_usd + overhead_usd)
    found = rates(sides, fixed, edges, rule)
    paid, allocated, memo = (
        np.sum([getattr(side, name) for side in sides], axis=0) for name in ("paid", "allocated", "memo")
    )
    return Bill(lines, paid, allocated, memo), found


def settle(
    uses: Sequence[Use], staff_usd: float, overhead_usd: float, edges: Ticks, rule: str, lenders: Sequence[int] = ()
) -> tuple[Bill, list[Shares]]:
    """Add up the sides of a plan, all of whose jobs are at hand, and share out what no single job caused.

    Parameters are those of ``settle_sides``, and so is the bill.
    """
    sides = [use.side(edges) for use in uses]
    bill, found = settle_sides(sides, staff_usd, overhead_usd, edges, rule, lenders)
    return bill, [Shares(use.attributed, each.loaded(use, edges)) for use, each in zip(uses, found, strict=True)]


def charge(prices: Tariff, fleet: Fleet, paths: Paths, rows: Rows, opens: int, window: int, rule: str) -> Charges:
    """Charge the jobs of some replications under one plan that runs nothing but fine-tunes.

    Parameters
    ----------
    prices : Tariff
        Of the plan.
    fleet : Fleet
        Its nodes, with the horizon.
    paths, rows : Paths, Rows
        The jobs and what became of them.
    opens : int
        Tick at which counting begins (the end of the warm-up).
    window : int
        Ticks; the length within which loose money is shared.
    rule : {"gpu_time", "equal", "platform"}
        As for ``settle``.
    """
    edges = window_edges(opens, fleet.horizon, window)
    use = use_of_nodes(prices, fleet, paths, rows, edges, rule)
    bill, (shares,) = settle([use], prices.staff_usd, prices.overhead_usd, edges, rule)
    return Charges(
        attributed=shares.attributed,
        fully_loaded=shares.fully_loaded,
        lines=bill.lines,
        paid=bill.paid,
        allocated=bill.allocated,
        memo=bill.memo,
    )


__all__ = ["LINES", "Bill", "Charges", "Shares", "charge", "settle", "window_edges"]
