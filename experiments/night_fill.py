"""What do fine-tunes in the serving fleet's nights do to the break-even?

    python experiments/night_fill.py [--reps 60] [--jobs 0] [--quick] [--out outputs/night_fill]

Sweeps the runs a day of scenarios/night.yaml. Every plan serves chat by the same two nodes, so what the fine-tunes add
to the bill is all that differs: a node of their own, the nights of one serving node, the nights and then the API, a
node by the run, the API alone. A sixth plan prices the nights: at what the node costs held for good beyond hired by the
hour for its day. This work has no time of day: runs come at any hour alike, and chat is light, for its nodes are
held by a timetable and not by its load.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import sim
from sim.doors.cli.app import guarded
from sim.ground import catalog
from sim.ground.estimate import Estimate, ratio
from sim.ground.files import output_folder, shipped, write
from sim.ground.scenario import Scenario, Tree, as_values, build, load, with_settings
from sim.ground.units import Floats
from sim.questions.charts.nights import Meeting, Way, nights_finding, runs_beside_serving
from sim.questions.charts.words import provenance
from sim.questions.tables import as_csv, break_even_text, grid_text, number, percent, with_interval
from sim.study import run
from sim.study.grid import Cell, Grid

RATE = "workload.tuning.arrivals.rate_per_day"
RATES = (0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0)
NAMES = {
    "separate": ("a node of its own", ""),
    "shared": ("serving's nights", ""),
    "shared_priced": ("nights, priced", ""),
    "shared_then_api": ("nights, then API", "after 20 h"),
    "on_demand": ("on-demand", ""),
    "api": ("the API", ""),
}
TIMELESS = "Runs come at any hour alike: this work has no time of day."


@dataclass
class Swept:
    """The sweep, and for each plan and rate what a run added to the bill of serving."""

    grid: Grid
    added: dict[str, list[Estimate]]

    @property
    def per_day(self) -> Floats:
        return np.array([float(cell.at[RATE]) for cell in self.grid.cells])

    def way(self, plan: str) -> Way:
        """Lay a plan out for the chart."""
        plans = [cell.result["plans"][plan] for cell in self.grid.cells]
        ends = [[np.nan if end is None else end for end in (e.value, e.low, e.high)] for e in self.added[plan]]
        waits = [plan["classes"]["tuning"]["wait_h"]["p95"].value for plan in plans]
        name, note = NAMES[plan]
        hours = np.array([np.nan if wait is None else wait for wait in waits])
        return Way(name, np.array(ends).T, hours, np.array([bool(plan["eligible"]) for plan in plans]), note)

    def meeting(self, a: str, b: str) -> Meeting:
        """Find where two plans cost the same."""
        return Meeting(NAMES[a][0], NAMES[b][0], self.grid.break_even(a, b)["at"])


def node_usd_h(scenario: Scenario, rate: str) -> float:
    """Look up what an hour of a serving node costs."""
    price = catalog.node_price("p4d.24xlarge", rate, scenario.price_date)
    return price.usd_per_node_h if price is not None else float("nan")


def night_usd_per_day(scenario: Scenario) -> float:
    """Tell what the lent node costs a day, held for good, beyond hired on demand for the hours that it serves."""
    group = scenario.plans["shared"].held["chat"]
    lent_h = 24 * group.mean_lent / group.lends
    return 24 * node_usd_h(scenario, "reserved_1y") - (24 - lent_h) * node_usd_h(scenario, "on_demand")


def priced(scenario: Scenario) -> Scenario:
    """Add the plan that pays for its nights."""
    values = as_values(scenario)
    shared, plans = values["plans"]["shared"], {}
    for name, plan in values["plans"].items():
        plans[name] = plan
        if name == "shared":
            plans["shared_priced"] = shared | {"overhead_usd_per_year": max(0.0, 365 * night_usd_per_day(scenario))}
    return build(Tree(values | {"plans": plans}, file=scenario.name), scenario.folder)


def serving_usd(scenario: Scenario) -> float:
    """Tell what the serving fleet costs alone in the counted time: it is held, busy or idle."""
    group = scenario.plans["shared"].held["chat"]
    return float(group.nodes) * scenario.counted_hours * group.price("chat", scenario.price_date).value


def sweep(scenario: Scenario, rates: Sequence[float], reps: int, jobs: int) -> Swept:
    """Run all plans at all rates on the same paths."""
    alone, confidence = serving_usd(scenario), float(scenario.confidence)
    cells, added = [], {name: list[Estimate]() for name in scenario.plans}
    for k, rate in enumerate(rates, 1):
        cell = build(with_settings(Tree(as_values(scenario), file=scenario.name), {RATE: rate}), scenario.folder)
        study = run(cell, reps, jobs=jobs)
        bills = {name: outcome.bills for name, outcome in study.outcomes.items()}
        for name, outcome in study.outcomes.items():
            extra = bills[name] - alone
            extra[np.abs(extra) < 1e-9 * alone] = 0.0  # what only the rounding of floats left
            added[name].append(ratio(extra, outcome.classes["tuning"].total("jobs"), confidence))
        cells.append(Cell({RATE: rate}, cell, study.result, bills))
        sys.stderr.write(f"\r{k} of {len(rates)} rates" + "\n" * (k == len(rates)))
        sys.stderr.flush()
    return Swept(Grid(scenario, {RATE: list(rates)}, cells), added)


HEAD = [
    "runs a day",
    "plan",
    "added USD a run",
    "fully loaded",
    "wait, h",
    "p95",
    "by API",
    "taken back a run",
    "ranked",
]


def table(swept: Swept) -> str:
    """Lay out every second rate, a row a plan."""
    found = []
    for k in range(0, len(swept.grid.cells), 2):
        cell = swept.grid.cells[k]
        for name, plan in cell.result["plans"].items():
            each = plan["classes"]["tuning"]
            measures = [number(each["wait_h"]["mean"].value), number(each["wait_h"]["p95"].value)]
            measures += [percent(each["api_share"].value), number(each["interruptions_per_job"].value or 0.0)]
            loaded = number(each["cost_per_job_usd"]["fully_loaded"]["mean"].value)
            ranked = "yes" if plan["eligible"] else "no"
            row = [f"{cell.at[RATE]:g}", name, with_interval(swept.added[name][k]), loaded, *measures, ranked]
            found.append(row)
    note = (
        "added: to the bill of the serving fleet, which every plan holds. fully loaded: with the lent GPU time that it"
    )
    return grid_text(HEAD, found) + f"\n{note}\nuses, at the rate of the node; that much is taken off what chat pays."


PAIRS = (
    ("separate", "on_demand"),
    ("separate", "api"),
    ("shared", "on_demand"),
    ("shared", "api"),
    ("shared_priced", "on_demand"),
    ("shared_priced", "api"),
    ("shared_then_api", "api"),
)


def title_of(swept: Swept) -> str:
    return nights_finding(
        swept.per_day,
        swept.way("shared"),
        swept.way("separate"),
        swept.meeting("separate", "on_demand"),
        swept.meeting("separate", "api"),
    )


def moved(swept: Swept) -> str:
    """Say how far the nights move the break-even against on-demand."""
    own, free, paid = (swept.meeting(a, "on_demand").at for a in ("separate", "shared", "shared_priced"))
    shared = swept.way("shared")
    if own is None or not shared.does.any():
        return "The break-even against on-demand does not move: there is none."
    first = f"{swept.per_day[shared.does][0]:g}"
    to = f"to {with_interval(free)}" if free is not None else f"to below {first} (the first run saves money already)"
    more = f"; to {with_interval(paid)} where the nights are priced" if paid is not None else ""
    return f"Against on-demand the nights move the break-even from {with_interval(own)} runs a day {to}{more}."


def reach(swept: Swept) -> str:
    """Say up to how many runs a day the nights suffice, and why not beyond."""
    shared = swept.way("shared")
    last = np.flatnonzero(shared.does)
    if not len(last):
        return "The nights nowhere suffice."
    k = int(last[-1])
    told = f"The nights suffice up to {swept.per_day[k]:g} runs a day: 95 % start within {shared.wait_p95_h[k]:.3g} h"
    if k + 1 < len(swept.grid.cells):
        told += f"; at {swept.per_day[k + 1]:g} {swept.grid.cells[k + 1].result['plans']['shared']['reason']}"
    loaded = swept.grid.cells[k].result["plans"]["shared"]["classes"]["tuning"]["cost_per_job_usd"]["fully_loaded"]
    cost = with_interval(loaded["mean"])
    return (
        f"{told}.\nFully loaded, a run costs {cost} USD there: the use of the node that chat is spared, no new money."
    )


def paid_nights(scenario: Scenario) -> str:
    """Say what priced nights pay."""
    usd = night_usd_per_day(scenario)
    return f"Priced nights pay {usd:.0f} USD a day: what the lent node costs held for good beyond hired by day."


def verdict(swept: Swept) -> str:
    """Say what was found."""
    lines = [f"{title_of(swept)}."]
    lines += [break_even_text(swept.grid.break_even(a, b)) for a, b in PAIRS]
    lines += [moved(swept), reach(swept)]
    night = night_usd_per_day(swept.grid.scenario)
    lines.append(
        f"Nights are free only where the fleet is held for its peak anyway: held for good, the lent node costs "
        f"{night:.2f} USD\na day more than hired on demand for the hours that it serves; `shared_priced` pays that."
    )
    return "\n".join([*lines, TIMELESS])


CSV_HEAD = ["runs_a_day", "plan", "added_usd_a_run", "low", "high", "fully_loaded_usd", "wait_p95_h", "eligible"]


def csv_rows(swept: Swept) -> list[list[Any]]:
    """Lay out all cells."""
    found: list[list[Any]] = []
    for k, cell in enumerate(swept.grid.cells):
        for name, plan in cell.result["plans"].items():
            each, extra = plan["classes"]["tuning"], swept.added[name][k]
            loaded = each["cost_per_job_usd"]["fully_loaded"]["mean"].value
            wait = each["wait_h"]["p95"].value
            row = [cell.at[RATE], name, extra.value, extra.low, extra.high, loaded, wait, int(plan["eligible"])]
            found.append(row)
    return found


def found(swept: Swept) -> dict[str, Any]:
    """Give what was found as plain values."""
    evens = [swept.grid.break_even(a, b) for a, b in PAIRS]
    plain = [even | {"at": None if even["at"] is None else even["at"].as_json()} for even in evens]
    return {
        "title": title_of(swept),
        "break_even_runs_a_day": plain,
        "night_usd_a_day": night_usd_per_day(swept.grid.scenario),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=60, help="sample paths of each rate")
    parser.add_argument("--jobs", type=int, default=0, help="threads, 0 for one a processor")
    parser.add_argument("--quick", action="store_true", help="every second rate, 4 replications")
    parser.add_argument("--out", type=Path, default=Path("outputs/night_fill"))
    arguments = parser.parse_args()
    folder = output_folder(arguments.out)
    rates, reps = (RATES[::2], 4) if arguments.quick else (RATES, arguments.reps)
    swept = sweep(priced(load(shipped("scenarios") / "night.yaml")), rates, reps, arguments.jobs)
    told = verdict(swept)
    print(table(swept) + "\n\n" + told)
    write(folder / "night_fill.txt", told + "\n")
    write(folder / "night_fill.csv", as_csv(CSV_HEAD, iter(csv_rows(swept))))
    write(folder / "night_fill.json", json.dumps(found(swept), indent=1) + "\n")
    figure = runs_beside_serving(
        swept.per_day,
        [swept.way(plan) for plan in NAMES],
        [swept.meeting("separate", "on_demand"), swept.meeting("shared_priced", "on_demand")],
        swept.grid.scenario.equal_work.wait_p95_hours,
        provenance(swept.grid.cells[0].result),
        note=f"{paid_nights(swept.grid.scenario)}\n{TIMELESS}",
        title=title_of(swept),
    )
    files = sim.charts.save(figure, folder, "night_fill")
    print("\nwrote", *files, *(folder / f"night_fill.{form}" for form in ("csv", "json", "txt")))


if __name__ == "__main__":
    guarded(main)
