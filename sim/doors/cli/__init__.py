"""The command line. The only room that prints: tables on stdout, progress and refusals on stderr.

Exit status: 0 good, 1 a check failed or a file cannot be written, 2 usage or bad input, 3 some of the work failed, 130
interrupted, 143 asked to end.
"""

from sim.doors.cli import init  # isort: skip (the order of imports is that of the commands in --help)
from sim.doors.cli import scenarios  # isort: skip
from sim.doors.cli import shards  # isort: skip
from sim.doors.cli import decides  # isort: skip
from sim.doors.cli import matters  # isort: skip
from sim.doors.cli import backtests, checks, fits, lives, prices, reports, searches, sizes, spares, steady
from sim.doors.cli.app import app, main

__all__ = [
    "app",
    "backtests",
    "checks",
    "decides",
    "fits",
    "init",
    "lives",
    "main",
    "matters",
    "prices",
    "reports",
    "scenarios",
    "searches",
    "shards",
    "sizes",
    "spares",
    "steady",
]
