"""What the served jobs cost: tariffs, the ledger that adds up to the bill, the share of each job."""

from sim.money.ledger import LINES, Charges, charge
from sim.money.tariff import Tariff, tariff

__all__ = ["LINES", "Charges", "Tariff", "charge", "tariff"]
