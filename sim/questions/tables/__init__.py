"""Results as text for people and as rows for spreadsheets. Strings out; nothing is printed here.

``x_blocks(result)`` tells a result as tables and paragraphs, ``x_text(result)`` the same as plain text of 80 columns.
"""

from sim.questions.tables.backtest import BACKTEST_HEAD, backtest_blocks, backtest_rows, backtest_text
from sim.questions.tables.blocks import Block, Table, Text, listed, note, table, title, warnings
from sim.questions.tables.decision import (
    decision_blocks,
    decision_csv,
    decision_text,
    decision_verdict,
    decisions_blocks,
    decisions_csv,
    decisions_text,
)
from sim.questions.tables.matters import matters_blocks, matters_csv, matters_text
from sim.questions.tables.plain import grid_text, plain
from sim.questions.tables.prices import PRICE_HEAD, prices_blocks, prices_text
from sim.questions.tables.rows import as_csv, study_csv, sweep_csv
from sim.questions.tables.search import (
    break_even_blocks,
    break_even_csv,
    break_even_table,
    frontier_blocks,
    frontier_csv,
    frontier_table,
)
from sim.questions.tables.size import size_blocks, size_csv, size_text
from sim.questions.tables.spares import SPARES_HEAD, spares_blocks, spares_rows, spares_text
from sim.questions.tables.steady import STEADY_HEAD, steady_blocks, steady_rows, steady_text
from sim.questions.tables.study import study_blocks, study_text, verdict
from sim.questions.tables.sweep import break_even_text, sweep_blocks, sweep_text
from sim.questions.tables.turning import turning_blocks, turning_csv, turning_text
from sim.questions.tables.verify import verify_blocks, verify_text
from sim.questions.tables.words import counted, inputs_text, number, percent, with_interval

__all__ = [
    "BACKTEST_HEAD",
    "PRICE_HEAD",
    "SPARES_HEAD",
    "STEADY_HEAD",
    "Block",
    "Table",
    "Text",
    "as_csv",
    "backtest_blocks",
    "backtest_rows",
    "backtest_text",
    "break_even_blocks",
    "break_even_csv",
    "break_even_table",
    "break_even_text",
    "counted",
    "decision_blocks",
    "decision_csv",
    "decision_text",
    "decision_verdict",
    "decisions_blocks",
    "decisions_csv",
    "decisions_text",
    "frontier_blocks",
    "frontier_csv",
    "frontier_table",
    "grid_text",
    "inputs_text",
    "listed",
    "matters_blocks",
    "matters_csv",
    "matters_text",
    "note",
    "number",
    "percent",
    "plain",
    "prices_blocks",
    "prices_text",
    "size_blocks",
    "size_csv",
    "size_text",
    "spares_blocks",
    "spares_rows",
    "spares_text",
    "steady_blocks",
    "steady_rows",
    "steady_text",
    "study_blocks",
    "study_csv",
    "study_text",
    "sweep_blocks",
    "sweep_csv",
    "sweep_text",
    "table",
    "title",
    "turning_blocks",
    "turning_csv",
    "turning_text",
    "verdict",
    "verify_blocks",
    "verify_text",
    "warnings",
    "with_interval",
]
