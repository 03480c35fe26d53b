"""Other ways to buy an API: at a discount where the answer can wait, and by the unit of throughput held.

Not here: how requests wait or fit into a unit. Sources by short name: `genai-prices` = pydantic/genai-prices (MIT).
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from sim.ground.catalog.facts import Fact, day


@dataclass(frozen=True)
class BatchTier(Fact):
    """A tier for requests that can wait.

    Attributes
    ----------
    share_of_price : float
        What a token costs, read, cached or written, as a share of its usual price.
    within_hours : float
        By when the answer is there, as the provider says.
    """

    share_of_price: float
    within_hours: float


@dataclass(frozen=True)
class UnitPrice(Fact):
    """What a unit of reserved throughput costs an hour at a rate (a way to pay)."""

    unit: str
    rate: str
    usd_per_unit_h: float


BATCH_TIERS: Final = {
    "openai": BatchTier(
        0.5,
        24,
        since=day("2024-04-15"),
        seen=day("2026-10-14"),
        basis="list price, second-hand",
        source="Batch API, first in openai-node 4.34.0 of 2024-04-15; half price in genai-prices 0.2.3, 2026-10-14",
    ),
    "anthropic": BatchTier(
        0.5,
        24,
        since=day("2024-10-08"),
        seen=day("2026-10-14"),
        basis="list price",
        source="Anthropic, Introducing the Message Batches API, 2024-10-08; genai-prices 0.2.3, 2026-10-14",
    ),
    "together": BatchTier(
        0.5,
        24,
        since=day("2025-06-11"),
        seen=day("2025-06-11"),
        basis="list price",
        source="Together AI, Batch API, 2025-06-11: introductory, within 24 h as far as it can",
    ),
    "azure_openai": BatchTier(
        0.5,
        24,
        since=day("2026-10-07"),
        seen=day("2026-10-07"),
        basis="list price, second-hand",
        source="Azure OpenAI pricing page of 2026-10-07, as read by api-evangelist: 50 % off Global Standard",
    ),
}

_BOOK = "Azure OpenAI Essentials (Packt, 2025), as the book says at its writing; regional"
_HOURS_PER_MONTH = 730

UNIT_PRICES: Final = tuple(
    UnitPrice(
        "azure_ptu",
        rate,
        usd,
        since=day("2025-03-01"),
        seen=day("2025-03-01"),
        basis="list price, second-hand",
        source=f"{text}: {_BOOK}",
    )
    for rate, usd, text in (
        ("hourly", 2.0, "2 USD a unit and hour"),
        ("reserved_1m", 260 / _HOURS_PER_MONTH, "260 USD a unit and month, 730 h"),
        ("reserved_1y", 221 / _HOURS_PER_MONTH, "221 USD a unit and month for a year, 730 h"),
    )
)


def unit_price(unit: str, rate: str, on: date | None) -> UnitPrice | None:
    """Find the price of a unit of throughput at a rate that was in force on a day (the newest known for no day).

    Returns
    -------
    UnitPrice or None
        None where the book holds no such price, or none as old as ``on``.
    """
    known = [price for price in UNIT_PRICES if (price.unit, price.rate) == (unit, rate)]
    return max((each for each in known if on is None or each.since <= on), key=lambda each: each.since, default=None)
