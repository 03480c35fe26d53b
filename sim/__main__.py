"""``python -m sim`` is the command ``fleetecon``."""

from sim.doors.cli import main

main()
