"""Nodes rented for terms: when a term begins, what it costs while it is needed, and what it costs when it is not.

A term is bought when running ones do not cover the need, at the price of that day, and its price holds to its
end. It is renewed when it ends, as far as nodes are still needed then. Not here: nodes that are bought (``owned``).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.ground.units import Floats, Ticks
from sim.questions.decision.schedule import Schedule


def monthly_schedule(needed: Ticks, usd_per_node_month: float, factors: Floats) -> Schedule:
    """Lay out what nodes cost that are rented from month to month: each month at its price, paid at its end.

    Parameters
    ----------
    needed : int64[months]
        Nodes needed in each month of the span.
    usd_per_node_month : float
        At today's price.
    factors : float64[months]
        On today's price.
    """
    cost = needed * usd_per_node_month * factors
    return Schedule(cost, np.zeros(len(needed)), np.concatenate(([0.0], cost)))


class Lot(NamedTuple):
    """Nodes whose term begins in the same month."""

    begin: int
    nodes: int


def lots(needed: Sequence[int] | Ticks, term: int) -> list[Lot]:
    """Buy what running terms do not cover, month by month.

    Parameters
    ----------
    needed : int64[months]
        Nodes needed in each month.
    term : int
        Months that a lot runs.

    Examples
    --------
    >>> lots([1, 1, 3, 3, 0, 2], 2)
    [Lot(begin=0, nodes=1), Lot(begin=2, nodes=3), Lot(begin=5, nodes=2)]
    """
    found: list[Lot] = []
    running, ending = 0, [0] * (len(needed) + term)
    for month, wanted in enumerate(needed):
        running -= ending[month]
        if (more := int(wanted) - running) > 0:
            found.append(Lot(month, more))
            running += more
            ending[month + term] = more
    return found


def term_schedule(
    needed: Ticks, usd_per_node_month: float, factors: Floats, term: int, upfront: float, paid_beyond: bool
) -> Schedule:
    """Lay out what nodes rented for terms cost and when they are paid.

    Parameters
    ----------
    needed : int64[months]
        Nodes needed in each month of the span.
    usd_per_node_month : float
        At today's price.
    factors : float64[months]
        On today's price at the beginning of each month, which is that of a term that begins then.
    term : int
        Months of a term.
    upfront : float
        Share of a term that is paid when it begins, and accrued over it; the rest is paid at the end of each month.
    paid_beyond : bool
        Whether what a term runs beyond the span is owed at its end, and stranded; else only what is not needed any
        more is, and of the rest what was paid upfront comes back.
    """
    months = len(needed)
    paid, running, cash, rest = np.zeros(months), np.zeros(months), np.zeros(months + 1), 0.0
    for begin, nodes in lots(needed, term):
        monthly, end = nodes * usd_per_node_month * float(factors[begin]), min(begin + term, months)
        paid[begin:end] += monthly
        running[begin:end] += nodes
        cash[begin] += upfront * monthly * term
        cash[begin + 1 : end + 1] += (1 - upfront) * monthly
        rest += (begin + term - end) * monthly
    idle = 1 - np.divide(needed, running, out=np.ones(months), where=running > 0)
    owed = 1.0 if paid_beyond else float(idle[-1])
    stranded = paid * idle
    cost = paid - stranded
    stranded[-1] += rest * owed
    cash[-1] += rest * (owed - upfront)
    return Schedule(cost, stranded, cash)
