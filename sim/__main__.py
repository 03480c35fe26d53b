"""``python -m sim`` is the command ``fleetecon``."""

from sim.cli import main

main()
