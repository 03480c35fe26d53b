"""A month simulated and a month billed, line by line. Nothing is printed here."""

from sim.backtest.compare import backtest
from sim.backtest.focus import Invoice, read_invoice
from sim.backtest.lines import COMPARED

__all__ = ["COMPARED", "Invoice", "backtest", "read_invoice"]
