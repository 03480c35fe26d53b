"""A month simulated and a month billed, line by line. Nothing is printed here."""

from sim.questions.backtest.compare import backtest
from sim.questions.backtest.focus import Invoice, read_invoice
from sim.questions.backtest.lines import COMPARED

__all__ = ["COMPARED", "Invoice", "backtest", "read_invoice"]
