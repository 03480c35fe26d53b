"""The price book of nodes: what an hour of an instance cost, from when, and who says so.

Not here: the entries, which lie by provider (``aws_prices``, ``cloud_prices``), and prices that a scenario states
itself. A price is in force from ``since`` until the next of the same instance and rate. A ``spot`` price buys a node
that may be taken back at any time; a ``capacity_block`` is booked ahead for days, a ``reserved`` term for years.
"""

from collections.abc import Iterable
from datetime import date
from typing import Final

from sim.ground.catalog.aws_prices import AWS_PRICES
from sim.ground.catalog.cloud_prices import CLOUD_PRICES
from sim.ground.catalog.rates import NodePrice

NODE_PRICES: Final = (*AWS_PRICES, *CLOUD_PRICES)


def in_force(known: Iterable[NodePrice], on: date | None) -> NodePrice | None:
    """Find which price of one instance and rate holds on a day: the newest that is not younger (the newest for none).

    Returns
    -------
    NodePrice or None
        None where none is as old as ``on``.
    """
    return max(
        (price for price in known if on is None or price.since <= on), key=lambda price: price.since, default=None
    )


def node_price(instance: str, rate: str, on: date | None) -> NodePrice | None:
    """Find the price of an instance at a rate that was in force on a day (the newest known for no day).

    Returns
    -------
    NodePrice or None
        None where the book holds no such price, or none as old as ``on``.
    """
    return in_force((price for price in NODE_PRICES if (price.instance, price.rate) == (instance, rate)), on)
