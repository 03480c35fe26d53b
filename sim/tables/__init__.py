"""Results as text for people and as rows for spreadsheets. Strings out; nothing is printed here."""

from sim.tables.backtest import BACKTEST_HEAD, backtest_rows, backtest_text
from sim.tables.decision import decision_csv, decision_text, decision_verdict, decisions_csv, decisions_text
from sim.tables.prices import PRICE_HEAD, prices_text
from sim.tables.rows import as_csv, study_csv, sweep_csv
from sim.tables.search import break_even_csv, break_even_table, frontier_csv, frontier_table
from sim.tables.size import size_csv, size_text
from sim.tables.steady import steady_text
from sim.tables.study import study_text, verdict
from sim.tables.sweep import break_even_text, sweep_text
from sim.tables.verify import verify_text
from sim.tables.words import grid_text, inputs_text, number, percent, with_interval

__all__ = [
    "BACKTEST_HEAD",
    "PRICE_HEAD",
    "as_csv",
    "backtest_rows",
    "backtest_text",
    "break_even_csv",
    "break_even_table",
    "break_even_text",
    "decision_csv",
    "decision_text",
    "decision_verdict",
    "decisions_csv",
    "decisions_text",
    "frontier_csv",
    "frontier_table",
    "grid_text",
    "inputs_text",
    "number",
    "percent",
    "prices_text",
    "size_csv",
    "size_text",
    "steady_text",
    "study_csv",
    "study_text",
    "sweep_csv",
    "sweep_text",
    "verdict",
    "verify_text",
    "with_interval",
]
