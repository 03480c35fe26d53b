"""The answer in one look: everything about a scenario as one HTML file. Text out; nothing is printed here."""

from sim.doors.report.findings import FUTURES, Findings, gather
from sim.doors.report.page import report
from sim.doors.report.swept import arrival_rate

__all__ = ["FUTURES", "Findings", "arrival_rate", "gather", "report"]
