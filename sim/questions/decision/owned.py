"""Nodes that are bought: capital by the straight line, sold at book value when they are needed no more.

Not here: interest (``present_value`` discounts the cash), taxes, a market for used nodes other than book value.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from sim.ground.units import Floats, Ticks
from sim.questions.decision.schedule import Schedule


class Stay(NamedTuple):
    """Nodes needed from the first month to before the last."""

    nodes: int
    begin: int
    end: int


def stays(needed: Ticks) -> Iterator[Stay]:
    """Divide a need into nodes that come and go together; who came last leaves first.

    Parameters
    ----------
    needed : int64[months]
        Nodes needed in each month.

    Examples
    --------
    >>> [tuple(each) for each in stays(np.array([1, 3, 3, 1]))]
    [(1, 0, 4), (2, 1, 3)]
    """
    for below, level in pairwise(sorted({0, *needed.tolist()})):
        edges = np.flatnonzero(np.diff(needed >= level, prepend=False, append=False)).tolist()
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            yield Stay(level - below, begin, end)


class Purchase(NamedTuple):
    """What a node costs that is bought.

    Attributes
    ----------
    usd : float
        Price today.
    resale_share : float
        Of the price, at the end of its life.
    life : int
        Months until it is bought anew.
    upkeep_share : float
        Of the price, paid each month.
    running_usd : float
        Power and space of a month, whatever the price.
    """

    usd: float
    resale_share: float
    life: int
    upkeep_share: float
    running_usd: float


def owned_schedule(needed: Ticks, purchase: Purchase, factors: Floats) -> Schedule:
    """Lay out what owned nodes cost and when they are paid.

    Parameters
    ----------
    needed : int64[months]
        Nodes needed in each month of the span.
    purchase : Purchase
        Of one node. It loses (1 - resale_share) / life of its price each month; what is needed no more, and all at
        the span's end, is sold for what is left.
    factors : float64[months]
        On today's price, of nodes bought at the beginning of each month.
    """
    months = len(needed)
    running = needed * purchase.running_usd
    cost, cash = running.astype(np.float64), np.concatenate(([0.0], running))
    for nodes, begin, end in stays(needed):
        for bought in range(begin, end, purchase.life):
            sold = min(bought + purchase.life, end)
            price = nodes * purchase.usd * float(factors[bought])
            wear, upkeep = price * (1 - purchase.resale_share) / purchase.life, price * purchase.upkeep_share
            cost[bought:sold] += wear + upkeep
            cash[bought] += price
            cash[bought + 1 : sold + 1] += upkeep
            cash[sold] -= price - wear * (sold - bought)
    return Schedule(cost, np.zeros(months), cash)
