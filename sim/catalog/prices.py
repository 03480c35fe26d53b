"""The price book: what a node hour or a trained token cost, from when, and who says so.

Not here: prices that a scenario states itself. A price is in force from ``since``; ``seen`` is the last day on which
it is known to have been asked, so the age of a figure can be told.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final


@dataclass(frozen=True)
class NodePrice:
    """One price of one instance: USD for a node hour at a rate (a way to pay)."""

    instance: str
    rate: str
    usd_per_node_h: float
    since: date
    seen: date
    basis: str
    source: str


@dataclass(frozen=True)
class ApiOffer:
    """One pay-per-use offer of training: USD for a million trained tokens, and how long it takes."""

    usd_per_million_tokens: float
    hours_per_million_tokens: float
    since: date
    seen: date
    basis: str
    source: str
    hours_source: str


NODE_PRICES: Final = (
    NodePrice(
        "p4d.24xlarge",
        "on_demand",
        32.7726,
        since=date(2020, 11, 2),
        seen=date(2023, 10, 31),
        basis="list price",
        source="AWS EC2 on-demand list, us-east-1, as in SkyPilot catalog v3 of early 2023",
    ),
    NodePrice(
        "p4d.24xlarge",
        "on_demand",
        21.957642,
        since=date(2025, 6, 1),
        seen=date(2026, 3, 1),
        basis="list price",
        source="AWS EC2 on-demand list, us-east-1, as in SkyPilot catalog v8 (late 2025 to 2026)",
    ),
    NodePrice(
        "p4d.24xlarge",
        "reserved_1y",
        19.22,
        since=date(2020, 11, 2),
        seen=date(2023, 10, 31),
        basis="list price",
        source="the article's 1-year reserved price of p4d.24xlarge, 2023",
    ),
)

_ARTICLE_HOURS = "the article: 1 to 1.5 h a run of a million tokens; midpoint (assumed)"

API_OFFERS: Final = {
    "openai_2023_08": ApiOffer(
        8.0,
        1.25,
        since=date(2023, 8, 22),
        seen=date(2024, 7, 22),
        basis="list price",
        source="OpenAI blog, 2023-08-22: gpt-3.5-turbo fine-tuning, 0.008 USD per 1K trained tokens",
        hours_source=_ARTICLE_HOURS,
    ),
    "openai_4o_mini_2024_07": ApiOffer(
        3.0,
        1.25,
        since=date(2024, 7, 23),
        seen=date(2026, 4, 30),
        basis="list price, second-hand",
        source="training price of gpt-4o-mini-2024-07-18 as quoted by tokenmix.ai, April 2026; not verified first-hand",
        hours_source=_ARTICLE_HOURS,
    ),
    "openai_4o_2024_08": ApiOffer(
        25.0,
        1.25,
        since=date(2024, 8, 20),
        seen=date(2026, 4, 30),
        basis="list price, second-hand",
        source="training price of gpt-4o-2024-08-06 as quoted by two others, April 2026; not verified first-hand",
        hours_source=_ARTICLE_HOURS,
    ),
}


def node_price(instance: str, rate: str, on: date | None) -> NodePrice | None:
    """Find the price of an instance at a rate that was in force on a day (the newest known for no day).

    Returns
    -------
    NodePrice or None
        None where the book holds no such price, or none as old as ``on``.
    """
    known = [price for price in NODE_PRICES if (price.instance, price.rate) == (instance, rate)]
    in_force = [price for price in known if on is None or price.since <= on]
    return max(in_force, key=lambda price: price.since, default=None)
