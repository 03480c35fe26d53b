"""What every fact of the catalog carries: who says so, and from when to when it is known to hold."""

from dataclasses import dataclass
from datetime import date
from typing import Final

BASES: Final = (
    "datasheet",
    "vendor page",
    "published",
    "list price",
    "list price, second-hand",
    "market price, second-hand",
    "quote, second-hand",
    "estimate, second-hand",
    "survey",
    "assumed",
)
"""On what a fact may rest. Second-hand: as quoted by somebody else, not read where it was said first."""

STALE_DAYS: Final = 366
"""A price last seen more than so many days before the day in question is stale: twelve months."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A statement that somebody made.

    Attributes
    ----------
    since : date
        First day on which it is known to hold; of prices the day they came into force, where anybody says.
    seen : date
        Last day on which it is known to have held; of a document that tells only its year, that year's last day.
    basis : str
        One of ``BASES``.
    source : str
        Who says so, and where.
    """

    since: date
    seen: date
    basis: str
    source: str

    def age_days(self, on: date) -> int:
        """Days from when it was last seen until a day; 0 where it was seen on that day or later."""
        return max(0, (on - self.seen).days)

    def stale(self, on: date) -> bool:
        """Whether it was last seen so long before a day that it may no longer hold."""
        return self.age_days(on) > STALE_DAYS


def day(text: str) -> date:
    """Read a day of the catalog: 2023-10-01."""
    return date.fromisoformat(text)
