"""Replay a log of GPU jobs: a held fleet first come first served, with backfill, and nodes hired by the job.

    python experiments/trace_replay.py [--data DIR] [--days 28] [--nodes 100] [--out outputs/trace_replay]

Reads jobs/philly/philly_jobs.csv.gz (Microsoft Philly, CC BY 4.0; Jeon et al., ATC 2019) below --data, FLEETECON_DATA
or ../shared/data. Without it: traces/small_lab.csv, 400 jobs of two weeks on 3 nodes, which this project made itself
(by `python experiments/trace_replay.py --make`).
"""

import argparse
import csv
import gzip
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

import sim
from sim.doors.cli.app import guarded
from sim.ground.files import output_folder, write
from sim.ground.scenario import build
from sim.ground.scenario.tree import Tree
from sim.questions.tables import as_csv, study_text

HERE = Path(__file__).resolve().parent
SMALL = HERE / "traces" / "small_lab.csv"
GPUS_PER_NODE = 8
PRICES: dict[str, Any] = {
    "held": {
        "usd_per_node_h": 12.8775,
        "source": "assumed: on-demand list of 2026 x 58.65 %, what reserved cost of it in 2023",
    },
    "one_gpu": {"usd_per_node_h": 1.99, "source": "list price: Lambda 1x A100 40 GB, seen 2026-09-25"},
}


def find_philly(data: Path | None) -> Path | None:
    """Look for the Philly log where a user may keep it."""
    wish = data or Path(os.environ.get("FLEETECON_DATA") or HERE.parent.parent / "shared" / "data")
    file = wish / "jobs" / "philly" / "philly_jobs.csv.gz"
    return file if file.is_file() else None


def as_trace(file: Path, days: float) -> str:
    """Turn the first days of the log into this program's columns; what needs more than a node gets whole nodes."""
    rows = ["submitted,seconds,gpus"]
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        first = None
        for job in csv.DictReader(lines):
            when = datetime.fromisoformat(job["timestamp"])
            first = first or when
            if (when - first).total_seconds() >= days * 86_400:
                break
            gpus = int(job["num_gpus"])
            if gpus > GPUS_PER_NODE:
                gpus = -(-gpus // GPUS_PER_NODE) * GPUS_PER_NODE
            rows.append(f"{when.isoformat()},{float(job['duration']):g},{gpus}")
    return "\n".join(rows) + "\n"


def make_small(jobs: int = 400) -> str:
    """Make a small log: two weeks, busier by day, mostly short one-GPU jobs, a few of whole nodes."""
    generator = np.random.default_rng(20260)
    hours = np.sort(generator.uniform(0, 14 * 24, 3 * jobs))
    kept = hours[generator.random(len(hours)) < np.where((hours % 24 > 9) & (hours % 24 < 19), 0.6, 0.15)][:jobs]
    gpus = generator.choice([1, 1, 1, 1, 2, 4, 8, 16], len(kept))
    seconds = np.minimum(generator.lognormal(8.3, 1.3, len(kept)), 2 * 86_400).round()
    rows = [f"{hour:.4f},{second:.0f},{gpu}" for hour, second, gpu in zip(kept, seconds, gpus, strict=True)]
    return "\n".join(["submitted,seconds,gpus", *rows]) + "\n"


def scenario(trace: Path, unit: str, days: float, nodes: int) -> sim.Scenario:
    """State the replay: the log's jobs, one held fleet under two disciplines, two ways to hire."""
    held = {"a100": {"gpus": GPUS_PER_NODE, "nodes": nodes, **PRICES["held"]}}
    jobs = {
        "kind": "fine_tune",
        "trace": {
            "file": trace.name,
            "columns": {"arrival": "submitted", "service": "seconds", "gpus": "gpus"},
            "arrival_unit": unit,
            "service_unit": "seconds",
        },
    }
    plans = {
        "first_come": {"held": held},
        "backfill": {"held": held, "backfill": True},
        "hired_node": {"hired": {"p4d": {"instance": "p4d.24xlarge", "rate": "on_demand"}}},
        "hired_gpus": {"hired": {"a100": {"gpus": 1, **PRICES["one_gpu"]}}},
    }
    values = {"name": "trace_replay", "seed": 0, "horizon_days": days, "price_date": "2026-03-01"}
    return build(Tree({**values, "workload": {"jobs": jobs}, "plans": plans}), trace.parent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds jobs/philly")
    parser.add_argument("--days", type=float, default=28)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("outputs/trace_replay"))
    parser.add_argument("--make", action="store_true", help="write traces/small_lab.csv again")
    arguments = parser.parse_args()
    if arguments.make:
        write(SMALL, make_small())
        return
    folder = output_folder(arguments.out)
    if philly := find_philly(arguments.data):
        trace = write(folder / "trace.csv", as_trace(philly, arguments.days))
        ready = scenario(trace, "datetime", arguments.days, arguments.nodes)
    else:
        print("the Philly log is not here (see --help): replaying the small log that comes with the project\n")
        ready = scenario(SMALL, "hours", 14, 3)
    study = sim.run(ready, replications=1)
    print(study_text(study.result))
    jobs = study.jobs("backfill")
    known = jobs.astype(object).where(jobs.notna(), None)
    write(folder / "jobs_backfill.csv", as_csv(list(jobs.columns), known.itertuples(index=False)))
    paths = sim.charts.save(sim.charts.cost_distribution(study), folder, "cost_distribution")
    print("\nwrote", folder / "jobs_backfill.csv", *paths)


if __name__ == "__main__":
    guarded(main)
