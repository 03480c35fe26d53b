"""Prices at work: what there is (``listing``), other people's lists taken in (``sources``). Nothing is printed here."""

from sim.questions.prices.listing import KINDS, Row, listed, rows_of
from sim.questions.prices.sources import FORMS, Found, take_in

__all__ = ["FORMS", "KINDS", "Found", "Row", "listed", "rows_of", "take_in"]
