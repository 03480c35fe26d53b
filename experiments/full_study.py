"""The study of an article in full: 6 plans x 25 rates x 200 replications of a year, 132 million job-services; its pace.

    python experiments/full_study.py [--out outputs/full_study] [--reps 200] [--jobs 0]

The plans of the article, and two of them with a second reserved node; from 2 to 22 fine-tunes a day. Kernels are
compiled beforehand. A job-service is one fine-tune under one plan: drawn, served, charged and in all percentiles.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np

from sim.doors.cli.app import guarded
from sim.ground.files import output_folder, shipped, write
from sim.ground.scenario import Scenario, load
from sim.study import sweep
from sim.study.threads import threads

RATE, RATES = "workload.tuning.arrivals.rate_per_day", [float(rate) for rate in np.linspace(2, 22, 25)]


def study() -> Scenario:
    """Read the article, and give its reserved and its hybrid plan a second node."""
    article = load(shipped("scenarios") / "article.yaml")
    plans = dict(article.plans)
    for name in ("reserved", "hybrid"):
        held = {key: group.model_copy(update={"nodes": 2}) for key, group in plans[name].held.items()}
        plans[f"{name}_2"] = plans[name].model_copy(update={"held": held})
    return article.model_copy(update={"plans": plans})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("outputs/full_study"))
    parser.add_argument("--reps", type=int, default=200, help="sample paths of each rate")
    parser.add_argument("--jobs", type=int, default=0, help="threads, 0 for one a processor")
    asked = parser.parse_args()
    folder, scenario = output_folder(asked.out), study()
    sweep(scenario, {RATE: RATES[-1:]}, 2, 1, asked.jobs)  # compile, load, warm up
    wall, processor = time.perf_counter(), time.process_time()
    grid = sweep(scenario, {RATE: RATES}, asked.reps, 1, asked.jobs)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    plans = [plan for cell in grid.cells for plan in cell.result["plans"].values()]
    served = round(sum(plan["classes"]["tuning"]["jobs"].value * asked.reps for plan in plans)) / 1e6
    told = {"plans": len(scenario.plans), "rates": len(RATES), "replications": asked.reps}
    told |= {"threads": threads(asked.jobs), "job-services, M": served, "wall, s": wall, "processor, s": processor}
    told |= {"M job-services/s": served / wall}
    told |= {"peak, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6}
    for name, value in told.items():
        print(f"{name:20}{value:>10,}" if isinstance(value, int) else f"{name:20}{value:>10,.2f}")
    write(folder / "full_study.json", json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    guarded(main)
