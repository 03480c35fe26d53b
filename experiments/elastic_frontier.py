"""When does elastic capacity beat a node of one's own? A map over arrival rate and burstiness.

    python experiments/elastic_frontier.py [--wait 8] [--reps 20] [--out outputs/elastic_frontier]

The article's year of fine-tunes (scenarios/elastic.yaml) with gamma gaps: their cv is 0.25 where runs come almost by a
timetable, 1 at random, 8 in bursts with weeks of nothing. Compared are plans that start 95 % of the runs within --wait
hours: one or two reserved nodes, alone or with hired nodes on top, and nodes hired by the run. All pay one engineer.
The API and spot nodes win every cell at the prices of 2023, so they are kept out of the map (--plans puts any plan in);
the script tells how many times dearer each could be and still win.
"""

import argparse
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

import sim
from sim.doors.cli.app import guarded
from sim.ground.faults import InputError
from sim.ground.files import output_folder, shipped, write
from sim.ground.scenario import Scenario, Tree, as_values, build, load
from sim.questions.charts.frontier import SURE, Frontier
from sim.questions.charts.words import plan_word
from sim.questions.tables import as_csv, grid_text, with_interval

RATE = "workload.tuning.arrivals.rate_per_day"
CV = "workload.tuning.arrivals.cv"
RATES = tuple(range(1, 21))
CVS = (0.25, 0.5, 0.7, 1, 1.4, 2, 4, 8)
MAPPED = ("reserved", "on_demand", "autoscaled", "hybrid_on_demand", "two_reserved", "two_hybrid")
BESIDE = ("spot", "api")
KEY = "cv of the gaps between runs"
LATER = 0.05  # of the runs may be left undone in a year: those that came in its last bursts
NOTE = "A cv of 1: at random; below it gaps are even, above it there are bursts and lulls."


def scenario(wait: float) -> Scenario:
    """Load the year, with gamma gaps, a second node, and the wait that is asked for."""
    values = as_values(load(shipped("scenarios") / "elastic.yaml"))
    plans: dict[str, Any] = {name: values["plans"][name] for name in (*MAPPED[:4], *BESIDE)}
    for name, of in (("two_reserved", "reserved"), ("two_hybrid", "hybrid_on_demand")):
        plans[name] = deepcopy(plans[of])
        plans[name]["held"]["p4d"]["nodes"] = 2
    values["plans"] = plans
    values["workload"]["tuning"]["arrivals"] = {"law": "gamma", "rate_per_day": 6, "cv": 1}
    values["equal_work"] = {"not_started_share": LATER, "wait_p95_hours": wait}
    values["name"] = "elastic_frontier"
    return build(Tree(values))


def rows_of(grid: sim.Grid) -> dict[float, sim.Grid]:
    """Cut a grid over rate and cv into one along the rate for each cv."""
    rates = grid.vary[RATE]
    return {
        float(cv): sim.Grid(grid.scenario, {RATE: rates}, [cell for cell in grid.cells if cell.at[CV] == cv])
        for cv in grid.vary[CV]
    }


def winners_text(found: Frontier) -> str:
    """Lay the map out, burstiest row on top: from which rate on which plan wins, and where that is in doubt."""
    rows = []
    for i in reversed(range(len(found.y))):
        told: list[str] = []
        for j in range(len(found.x)):
            name = found.plans[found.winner[i, j]] if found.winner[i, j] >= 0 else "none"
            if j == 0 or found.winner[i, j] != found.winner[i, j - 1]:
                told.append(f"{name} from {found.x[j]:g}")
        doubts = ", ".join(f"{found.x[j]:g}" for j in np.flatnonzero(found.probability[i] < SURE))
        rows.append([f"{found.y[i]:g}", ", ".join(told), doubts or "-"])
    return grid_text(["cv of the gaps", "cheapest, by runs a day", "in doubt at"], rows)


def borders_text(found: Frontier) -> str:
    """Tell where neighbours cost the same."""
    told = []
    for border in found.borders():
        places = [f"{with_interval(at)} (cv {found.y[i]:g})" for i, at in zip(border.rows, border.at, strict=True)]
        told.append(f"`{border.plans[0]}` = `{border.plans[1]}` at {', '.join(places)} runs a day")
    return "\n".join(told)


def beside_text(found: Frontier, plan: str) -> str:
    """Tell where a plan that is not on the map would win, and how much dearer, its staff paid as it is."""
    staff = found.sweeps[0].results[0]["plans"][plan]["bill_usd"]["staff"].value or 0.0
    times, fit = found.times(plan, staff), ~found.unfit(plan)
    won, known = fit & ~(times <= 1), times[fit & np.isfinite(times)]
    reach = f", all up to {known.min():.1f} times its price, some up to {known.max():.1f} times" if len(known) else ""
    return f"{plan_word(plan)} would win {won.sum()} of {fit.size} cells{reach}"


def csv_text(found: Frontier) -> str:
    """Write the map as CSV: a row a cell."""
    best, beside = found.best(), [found.times(plan) for plan in BESIDE]
    rows = list[list[str]]()
    for i, j in np.ndindex(found.winner.shape):
        name = found.plans[found.winner[i, j]] if found.winner[i, j] >= 0 else ""
        numbers = (found.probability[i, j], best[i, j], *(each[i, j] for each in beside))
        rows.append([f"{found.y[i]:g}", f"{found.x[j]:g}", name, *(f"{each:.6g}" for each in numbers)])
    return as_csv(["cv", "rate_per_day", "cheapest", "probability", "usd", *(f"{plan}_x" for plan in BESIDE)], rows)


def progress(done: int, total: int) -> None:
    """Tell on stderr how far the sweep is."""
    sys.stderr.write(f"\r{done}/{total} cells" + "\n" * (done == total))
    sys.stderr.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wait", type=float, default=8.0, help="hours within which 95 %% of the runs must start")
    parser.add_argument("--plans", nargs="+", default=list(MAPPED), help="plans that are compared on the map")
    parser.add_argument("--reps", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=0, help="threads, 0 for one a processor")
    parser.add_argument("--out", type=Path, default=Path("outputs/elastic_frontier"))
    arguments = parser.parse_args()
    folder = output_folder(arguments.out)
    year = scenario(arguments.wait)
    if wrong := [plan for plan in arguments.plans if plan not in year.plans]:
        raise InputError.one("--plans", f"must be among {', '.join(year.plans)}, got {', '.join(wrong)}")
    vary: dict[str, list[Any]] = {RATE: list(RATES), CV: list(CVS)}
    rows = rows_of(sim.sweep(year, vary, arguments.reps, jobs=arguments.jobs, progress=progress))
    found = Frontier.of(rows, arguments.plans)
    print(
        f"the cheapest plan that starts 95 % of the runs within {arguments.wait:g} h; in doubt where it is so on less"
    )
    print(f"than {100 * SURE:.0f} % of the paths:\n\n{winners_text(found)}\n")
    print(borders_text(found))
    left_out = [plan for plan in BESIDE if plan not in arguments.plans]
    beside = "; ".join(beside_text(found, plan) for plan in left_out)
    print(f"left out: {beside}" if beside else "nothing is left out")
    figure = sim.charts.frontier(
        rows,
        KEY,
        plans=arguments.plans,
        api="api" if "api" in left_out else None,
        note=NOTE + (f" Left out: {beside}." if beside else ""),
    )
    write(folder / "elastic_frontier.csv", csv_text(found))
    print("\nwrote", *sim.charts.save(figure, folder, "elastic_frontier"), folder / "elastic_frontier.csv")


if __name__ == "__main__":
    guarded(main)
