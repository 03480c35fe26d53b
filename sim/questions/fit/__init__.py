"""From measured tables to the profile of a replica, and how well simulation agrees with what was measured.

Not here: profiles from physics (``sim.ground.profile``), theory and the SimPy reference (``sim.questions.verify``).
"""

from sim.questions.fit.fitted import Comparison, Fitted, Options, kv_us_of
from sim.questions.fit.profile import fit
from sim.questions.fit.report import (
    fitted_blocks,
    fitted_json,
    fitted_rows,
    fitted_text,
    serve_block,
    validate_blocks,
    validate_text,
)
from sim.questions.fit.tables import BatchTable, RateTable, RequestLog, read_table
from sim.questions.fit.terms import Terms
from sim.questions.fit.validate import validate

__all__ = [
    "BatchTable",
    "Comparison",
    "Fitted",
    "Options",
    "RateTable",
    "RequestLog",
    "Terms",
    "fit",
    "fitted_blocks",
    "fitted_json",
    "fitted_rows",
    "fitted_text",
    "kv_us_of",
    "read_table",
    "serve_block",
    "validate",
    "validate_blocks",
    "validate_text",
]
