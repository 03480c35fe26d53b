"""The demo: reserved node, rented nodes, API and hybrid, swept over the arrival rate; percentile cost chart.

    python experiments/sweep_arrival_rate.py [--out outputs/sweep_arrival_rate] [--reps 80] [--jobs 0]

The same as `fleetecon demo`. For another scenario or key: `fleetecon sweep FILE --vary KEY=LO:HI:N:log --out DIR`.
"""

import argparse
import sys
from pathlib import Path

from sim.doors.cli.app import guarded
from sim.doors.demo import demo
from sim.ground.files import output_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("outputs/sweep_arrival_rate"))
    parser.add_argument("--reps", type=int, default=80, help="sample paths of each rate")
    parser.add_argument("--jobs", type=int, default=0, help="threads, 0 for one a processor")
    arguments = parser.parse_args()
    demo(output_folder(arguments.out), arguments.reps, arguments.jobs, print, lambda _done, _total: sys.stderr.flush())


if __name__ == "__main__":
    guarded(main)
