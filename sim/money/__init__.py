"""What the served jobs cost: tariffs, the ledger that adds up to the bill, the share of each job."""

from sim.money.billing import Billing
from sim.money.ledger import LINES, Bill, Charges, Shares, charge, settle, window_edges
from sim.money.memo import BUSY, MEMO, PRODUCTIVE, node_usd
from sim.money.nodes import use_of_nodes
from sim.money.requests import TokenTariff, use_of_requests
from sim.money.sharing import Use
from sim.money.tariff import Lender, Tariff, tariff, token_tariff

__all__ = [
    "BUSY",
    "LINES",
    "MEMO",
    "PRODUCTIVE",
    "Bill",
    "Billing",
    "Charges",
    "Lender",
    "Shares",
    "Tariff",
    "TokenTariff",
    "Use",
    "charge",
    "node_usd",
    "settle",
    "tariff",
    "token_tariff",
    "use_of_nodes",
    "use_of_requests",
    "window_edges",
]
