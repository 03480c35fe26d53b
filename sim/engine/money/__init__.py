"""What the served jobs cost: tariffs, the ledger that adds up to the bill, the share of each job."""

from sim.engine.money.account import Throughput, enter_account, with_account
from sim.engine.money.billing import Billing
from sim.engine.money.calendar import Calendar
from sim.engine.money.ledger import LINES, Bill, Charges, Shares, charge, settle, settle_sides, window_edges
from sim.engine.money.memo import BUSY, MEMO, PRODUCTIVE, UNITS_TOKENS, UNITS_USD, UNITS_USED, node_usd
from sim.engine.money.nodes import use_of_nodes
from sim.engine.money.requests import (
    Tally,
    TokenTariff,
    charge_requests,
    charge_waiting,
    side_of_requests,
    use_of_requests,
)
from sim.engine.money.sharing import Rates, Use
from sim.engine.money.tariff import Lender, Tariff, tariff, throughput, token_tariff
from sim.engine.money.waiting import waiting_prices, waiting_usd, with_waiting
from sim.engine.money.windows import enter_requests, enter_tunes

__all__ = [
    "BUSY",
    "LINES",
    "MEMO",
    "PRODUCTIVE",
    "UNITS_TOKENS",
    "UNITS_USD",
    "UNITS_USED",
    "Bill",
    "Billing",
    "Calendar",
    "Charges",
    "Lender",
    "Rates",
    "Shares",
    "Tally",
    "Tariff",
    "Throughput",
    "TokenTariff",
    "Use",
    "charge",
    "charge_requests",
    "charge_waiting",
    "enter_account",
    "enter_requests",
    "enter_tunes",
    "node_usd",
    "settle",
    "settle_sides",
    "side_of_requests",
    "tariff",
    "throughput",
    "token_tariff",
    "use_of_nodes",
    "use_of_requests",
    "waiting_prices",
    "waiting_usd",
    "window_edges",
    "with_account",
    "with_waiting",
]
