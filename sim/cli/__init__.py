"""The command line. The only room that prints: tables on stdout, progress and refusals on stderr.

Exit status: 0 good, 1 a check failed, 2 usage or bad input, 130 interrupted.
"""

from sim.cli import init  # isort: skip (the order of imports is that of the commands in --help)
from sim.cli import scenarios  # isort: skip
from sim.cli import decides  # isort: skip
from sim.cli import matters  # isort: skip
from sim.cli import backtests, checks, fits, lives, prices, reports, searches, sizes, spares, steady
from sim.cli.app import app, main

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
    "sizes",
    "spares",
    "steady",
]
