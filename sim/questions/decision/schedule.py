"""What something held costs month by month, and when it is paid. Not here: what is held (``terms``, ``owned``)."""

import math
from dataclasses import dataclass

import numpy as np

from sim.ground.units import Floats


@dataclass(frozen=True)
class Schedule:
    """Cost and cash of what is held, alike in every replication.

    Over the span the sum of ``cost`` and ``stranded`` is the sum of ``cash``.

    Attributes
    ----------
    cost : float64[months]
        USD accrued in each month for what is needed in it.
    stranded : float64[months]
        USD accrued for what is paid and needed no more; the last month also carries what is owed beyond the span.
    cash : float64[months + 1]
        USD paid: column k at the end of month k, 0 today. What comes in is negative.
    """

    cost: Floats
    stranded: Floats
    cash: Floats

    @classmethod
    def nothing(cls, months: int) -> "Schedule":
        """Hold nothing."""
        return cls(np.zeros(months), np.zeros(months), np.zeros(months + 1))

    def __add__(self, other: "Schedule") -> "Schedule":
        """Hold both."""
        return Schedule(self.cost + other.cost, self.stranded + other.stranded, self.cash + other.cash)


def present_value(cash: Floats, percent_a_year: float) -> Floats:
    """Discount payments to today: the sum of cash[k] (1 + percent / 100) ** (-k / 12).

    Parameters
    ----------
    cash : float64[..., months + 1]
        USD paid at the end of month k; column 0 is today.
    percent_a_year : float
        Effective rate of discount a year, above -100.

    Returns
    -------
    float64[...]

    References
    ----------
    Brealey, Myers & Allen, Principles of Corporate Finance, ch. 2.
    """
    growth = 1.0 + percent_a_year / 100.0
    factors = np.array([math.pow(growth, -k / 12.0) for k in range(cash.shape[-1])])
    found: Floats = (cash * factors).sum(axis=-1)
    return found
