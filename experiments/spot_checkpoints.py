"""How often must a run on spot nodes save its work, and does spot beat on-demand then?

    python experiments/spot_checkpoints.py [--data DIR] [--reps 20] [--jobs 0] [--quick] [--out DIR]

Sweeps the checkpoint interval of scenarios/spot.yaml for three mean lifetimes of a node, and for a log of spot nodes
replayed: spot/bamboo/p3-trace.csv below --data, FLEETECON_DATA or ../shared/data (MIT; Thorpe et al., Bamboo, NSDI
2023). All cells see the same arrivals, boots and lifetimes (in units of their mean). Held against it: the interval that
is best by formula (Daly 2006), for reclaims that come at a constant rate while a run works.
"""

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import sim
from sim.doors.cli.app import guarded
from sim.ground.estimate import Estimate, jackknife
from sim.ground.faults import InputError
from sim.ground.files import output_folder, shipped, write
from sim.ground.scenario import Scenario, Tree, as_values, build, load, with_settings
from sim.ground.units import Floats
from sim.questions.charts.checkpoints import Saving, cost_by_interval, saving_finding, span
from sim.questions.charts.words import around, provenance
from sim.questions.tables import as_csv, grid_text, number, percent, with_interval
from sim.study import run
from sim.study.elastic import best_interval_h
from sim.study.grid import Cell

HERE = Path(__file__).resolve().parent
LIFETIMES_H = (2.0, 10.0, 50.0)
INTERVALS_MIN = tuple(float(f"{2 * 2 ** (k / 2):.3g}") for k in range(17))  # 2 minutes to 8.5 h
LONGEST = 10.0  # times the work: a run that would take longer by formula is not simulated, for it hardly ever ends
UNDONE = 0.02  # share of the runs that may not have ended when the clock stops, beyond those that only came too late
WITHIN = 0.01  # of the least cost: how flat the curve is
KEY, LIFE, TRACE = "plans.spot.checkpoints", "plans.spot.hired.p4d.lifetime_hours", "plans.spot.hired.p4d.trace"


@dataclass
class Row:
    """One rate of reclaims: its scenario, and what each way to save gave."""

    name: str
    scenario: Scenario
    rate: float | None  # reclaims of a run in an hour; None until it is measured
    cells: dict[float, Cell] = field(default_factory=dict)  # by minutes; 0: at every instant, infinity: never

    def plan(self, minutes: float) -> Any:
        return self.cells[minutes].result["plans"]["spot"]

    def does_the_work(self, minutes: float) -> bool:
        each = self.plan(minutes)["classes"]["tuning"]
        late = work_h(self.scenario) / self.scenario.horizon_hours
        ended = each["unfinished"].value <= (UNDONE + late) * each["jobs"].value
        return bool(self.plan(minutes)["eligible"] and ended)

    def usd(self, minutes: float) -> Estimate:
        """Cost of a run; none where the work is not done or was not simulated."""
        if minutes not in self.cells or not self.does_the_work(minutes):
            return Estimate(None)
        found: Estimate = self.plan(minutes)["classes"]["tuning"]["cost_per_job_usd"]["fully_loaded"]["mean"]
        return found

    def share(self, minutes: float, what: str) -> float:
        """Part of the paid GPU time that went into something."""
        if not self.does_the_work(minutes):
            return math.nan
        return float(self.plan(minutes)["nodes"][what].value / self.plan(minutes)["gpu_hours"]["paid"].value)

    @property
    def swept(self) -> list[float]:
        """The intervals in minutes, without the two edges, ascending."""
        return sorted(minutes for minutes in self.cells if 0 < minutes < math.inf)

    @property
    def formula_min(self) -> tuple[float, ...]:
        """The best interval by formula, at least what a checkpoint takes; none where nothing is taken back."""
        cost = cost_min(self.scenario)
        return (max(cost, float(f"{60 * best_interval_h(cost / 60, self.rate):.4g}")),) if self.rate else ()

    @property
    def ends(self) -> bool:
        """Whether runs end at any interval but the formula's."""
        return any(self.does_the_work(minutes) for minutes in self.swept if minutes not in self.formula_min)

    @property
    def least(self) -> float:
        """The interval at which a run costs least; the formula's is left out, for it is judged by the others."""
        done = [minutes for minutes in self.swept if self.does_the_work(minutes) and minutes not in self.formula_min]
        return min(done, key=lambda minutes: self.usd(minutes).value or math.inf)


def find_log(data: Path | None) -> Path | None:
    """Look for the log of spot nodes where a user may keep it."""
    wish = data or Path(os.environ.get("FLEETECON_DATA") or HERE.parent.parent / "shared" / "data")
    file = wish / "spot" / "bamboo" / "p3-trace.csv"
    return file.resolve() if file.is_file() else None


def only(scenario: Scenario, plan: str, settings: dict[str, Any] | None = None) -> Scenario:
    """Keep one plan of a scenario, with other values."""
    values = as_values(scenario)
    values["plans"] = {plan: values["plans"][plan]}
    return build(with_settings(Tree(values, file=scenario.name), settings or {}), scenario.folder)


def rows_of(scenario: Scenario, log: Path | None) -> list[Row]:
    """State the rates of reclaims, the most frequent first."""
    found = [
        Row(f"after {hours:g} h", only(scenario, "spot", {f"{LIFE}.mean": hours}), 1 / hours) for hours in LIFETIMES_H
    ]
    if log is not None:
        settings = {LIFE: None, TRACE: {"file": str(log), "source": "measured: AWS p3 spot nodes (Bamboo, NSDI 2023)"}}
        found.insert(1, Row("as in the p3 log", only(scenario, "spot", settings), None))
    return found


def work_h(scenario: Scenario) -> float:
    """Hours of work of a run."""
    return float(scenario.tunes["tuning"].mean_service_hours or math.nan)


def saved(scenario: Scenario, minutes: float) -> Any:
    """State how a run saves its work: every so many minutes, at every instant (0) or never (infinity)."""
    if minutes == math.inf:
        return None
    if minutes == 0:
        return "continuous"
    return as_values(scenario)["plans"]["spot"]["checkpoints"] | {"interval_minutes": minutes}


def expected_h(rate: float, work: float, interval: float, cost: float) -> float:
    """Tell how long a run is on nodes, by formula: each stretch of work and its checkpoint until it succeeds once."""
    return math.ceil(work / interval) * math.expm1(min(700.0, rate * (interval + cost))) / rate


def feasible(row: Row, minutes: float) -> bool:
    """Tell whether a run saved so often has a fair chance to end."""
    work, cost = work_h(row.scenario), cost_min(row.scenario) / 60
    never = minutes == math.inf
    stretch = (work, 0.0) if never else (min(work, minutes / 60), cost)
    return not row.rate or expected_h(row.rate, work, *stretch) <= LONGEST * work


def cost_min(scenario: Scenario) -> float:
    """Minutes that a checkpoint takes."""
    checkpoints = scenario.plans["spot"].checkpoints
    return float(checkpoints.cost_minutes) if checkpoints is not None else 0.0


def fill(row: Row, minutes: Sequence[float], reps: int, jobs: int) -> None:
    """Simulate a rate with some ways to save."""
    wanted = [each for each in minutes if each not in row.cells]
    if wanted:
        settings = [saved(row.scenario, each) for each in wanted]
        grid = sim.sweep(row.scenario, {KEY: settings}, reps, jobs=jobs, progress=lambda d, n: tell(row.name, d, n))
        row.cells |= dict(zip(wanted, grid.cells, strict=True))


def tell(name: str, done: int, total: int) -> None:
    sys.stderr.write(f"\r{name}: {done} of {total}   " + "\n" * (done == total))
    sys.stderr.flush()


def simulate(row: Row, intervals: Sequence[float], reps: int, jobs: int) -> None:
    """Simulate a rate at all intervals at which runs can end, at the formula's, and at the edges."""
    if row.rate is None:
        middle = intervals[len(intervals) // 2]
        fill(row, [middle], reps, jobs)
        row.rate = float(row.plan(middle)["nodes"]["interruptions_per_job_hour"].value or 0.0)
    chosen = {*intervals, *row.formula_min, math.inf}
    fill(row, [0.0, *(each for each in sorted(chosen) if feasible(row, each))], reps, jobs)


def crossing(row: Row, on_demand: Floats) -> Estimate:
    """Find the interval in hours beyond which spot is dearer than on-demand, on straight lines over its logarithm."""
    done = [each for each in row.swept if row.does_the_work(each)]
    gaps = np.array([row.cells[each].bills["spot"] - on_demand for each in done])
    places = np.log([each / 60 for each in done])
    value, count = _first_rise(places, gaps.mean(axis=1)), len(on_demand)
    if math.isnan(value):
        return Estimate(None)
    rest = (gaps.sum(axis=1, keepdims=True) - gaps) / max(1, count - 1)
    without = np.exp([_first_rise(places, rest[:, r]) for r in range(count)])
    return (
        jackknife(math.exp(value), without, float(row.scenario.confidence))
        if count > 1
        else Estimate(math.exp(value), n=1)
    )


def _first_rise(places: Floats, gaps: Floats) -> float:
    """Find where a difference last goes from below zero to above; NaN where it does not."""
    rises = np.flatnonzero((gaps[:-1] < 0) & (gaps[1:] >= 0))
    if not len(rises):
        return math.nan
    k = int(rises[-1])
    return float(places[k] - gaps[k] / (gaps[k + 1] - gaps[k]) * (places[k + 1] - places[k]))


def curve_of(row: Row, on_demand: Floats) -> Saving:
    """Lay a rate out for the chart."""
    ends = [row.usd(each) for each in row.swept]
    table = [[math.nan if end is None else end for end in (each.value, each.low, each.high)] for each in ends]
    best = next(iter(row.formula_min), math.nan)
    return Saving(
        name=row.name,
        interval_h=np.array(row.swept) / 60,
        usd=np.array(table).T,
        lost=np.array([row.share(each, "lost_gpu_h") for each in row.swept]),
        saving=np.array([row.share(each, "recovery_gpu_h") for each in row.swept]),
        always=row.usd(0),
        never=row.usd(math.inf),
        best_h=best / 60,
        best_usd=row.usd(best).value or math.nan,
        limit=crossing(row, on_demand),
    )


def dearer(row: Row) -> Estimate:
    """Tell by which part a run is dearer at the formula's interval than at the cheapest one, on the same paths."""
    best, least = (row.cells[each].bills["spot"] for each in (row.formula_min[0], row.least))
    count, value = len(best), float(best.sum() / least.sum() - 1)
    without = (best.sum() - best) / np.maximum(least.sum() - least, 1e-300) - 1
    return jackknife(value, without, float(row.scenario.confidence)) if count > 1 else Estimate(value, n=1)


HEAD = ["nodes taken back", "saved every", "USD a run", "lost", "saving, loading", "booting", "taken back a run"]


def table(rows: Sequence[Row]) -> str:
    """Lay out the runs: for each rate every second interval, the formula's, and the edges."""
    found = []
    for row in rows:
        shown = {*row.swept[::2], row.least, *row.formula_min}
        for minutes in [0, *sorted(shown), math.inf]:
            mark = "=" * (minutes in row.formula_min) + "*" * (minutes == row.least)
            name = {0.0: "always, free", math.inf: "never"}.get(minutes, f"{minutes:.3g} min")
            found.append([row.name, f"{mark} {name}".strip(), *_cells(row, minutes)])
    note = "*: the cheapest interval simulated; =: the best by formula. Shares are of the paid GPU time.\n"
    undone = f"no end: more than {100 * UNDONE:g} % of the runs do not end before the clock stops"
    return grid_text([*HEAD, "h to the end, p95"], found) + f"\n{note}{undone}, or (not simulated) hardly ever would."


def _cells(row: Row, minutes: float) -> list[str]:
    """Write what came of one way to save."""
    if minutes not in row.cells or not row.does_the_work(minutes):
        return ["no end" if minutes in row.cells else "no end (not simulated)", *[""] * 5]
    plan, each = row.plan(minutes), row.plan(minutes)["classes"]["tuning"]
    booting = plan["nodes"]["boot_usd"].value / plan["bill_usd"]["total"].value
    shares = [row.share(minutes, "lost_gpu_h"), row.share(minutes, "recovery_gpu_h"), booting]
    ends = [number(each["interruptions_per_job"].value), number(each["sojourn_h"]["p95"].value)]
    return [with_interval(row.usd(minutes)), *map(percent, shares), *ends]


def verdict(rows: Sequence[Row], curves: Sequence[Saving], on_demand: Estimate, title: str) -> str:
    """Say for each rate how often to save, how far the formula is off, and when spot loses."""
    lines = [f"{title}.", f"On-demand: {with_interval(on_demand)} USD a run."]
    for row, curve in zip(rows, curves, strict=True):
        least = row.usd(row.least)
        flat = [each for each in row.swept if (row.usd(each).value or math.inf) <= (1 + WITHIN) * (least.value or 0.0)]
        text = f"Nodes taken back {row.name}: cheapest saved every {span(row.least / 60)}, {with_interval(least)} USD"
        text += f" ({percent((least.value or 0.0) / (on_demand.value or math.nan))} of on-demand)"
        text += f"; within {100 * WITHIN:g} % of that from {span(flat[0] / 60)} to {span(flat[-1] / 60)}"
        if row.formula_min:
            text += f".\n  By formula {span(curve.best_h)}, simulated {_apart(dearer(row))} than that"
        ends = number(row.plan(row.least)["classes"]["tuning"]["sojourn_h"]["p95"].value)
        text += f".\n  95 % of the runs have ended {ends} h after they came"
        lines.append(f"{text}.\n  {_loses(curve, on_demand)}")
    return "\n".join(lines)


def _apart(part: Estimate) -> str:
    """Say how much cheaper or dearer something is."""
    cheaper = (part.value or 0.0) < 0
    turned = Estimate(part.value and -part.value, part.high and -part.high, part.low and -part.low) if cheaper else part
    told = with_interval(turned, lambda share: f"{100 * share:.2g} %")
    return f"{told} {'cheaper' if cheaper else 'dearer'}"


def _loses(curve: Saving, on_demand: Estimate) -> str:
    """Say when a run on spot is dearer than on-demand."""
    never, other = curve.never, on_demand.value or math.nan
    if curve.limit.value is not None:
        at = around(curve.limit, " h")
        return f"On-demand is cheaper where it is saved less often than every {at}."
    if never.value is None:
        return "Saved at any interval that lets it end, spot is cheaper; saved never, it hardly ever ends."
    than = "still cheaper" if never.value < other else "dearer"
    return f"Saved at any interval compared, spot is cheaper; saved never ({with_interval(never)} USD), {than}."


CSV_HEAD = ["nodes_taken_back", "interval_min", "usd_a_run", "low", "high", "lost_share", "saving_share", "unfinished"]


def csv_rows(rows: Sequence[Row]) -> list[list[Any]]:
    """Lay out all cells; 0 minutes: at every instant, for nothing; inf: never."""
    found: list[list[Any]] = []
    for row in rows:
        for minutes in sorted(row.cells):
            each, usd = row.plan(minutes)["classes"]["tuning"], row.usd(minutes)
            shares = [row.share(minutes, what) for what in ("lost_gpu_h", "recovery_gpu_h")]
            known = [None if math.isnan(share) else share for share in shares]
            undone = each["unfinished"].value / each["jobs"].value
            found.append([row.name, minutes, usd.value, usd.low, usd.high, *known, undone])
    return found


def found(rows: Sequence[Row], curves: Sequence[Saving], on_demand: Estimate, title: str) -> dict[str, Any]:
    """Give what was found as plain values: hours and USD."""
    rates = {
        row.name: {
            "interruptions_per_job_hour": row.rate,
            "cheapest_interval_h": row.least / 60,
            "cheapest_usd": row.usd(row.least).as_json(),
            "formula_interval_h": curve.best_h if row.formula_min else None,
            "formula_dearer": dearer(row).as_json() if row.formula_min else None,
            "never_usd": curve.never.as_json(),
            "on_demand_cheaper_above_h": curve.limit.as_json(),
        }
        for row, curve in zip(rows, curves, strict=True)
    }
    return {"title": title, "on_demand_usd": on_demand.as_json(), "nodes_taken_back": rates}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds spot/bamboo")
    parser.add_argument("--reps", type=int, default=20, help="sample paths of each cell")
    parser.add_argument("--jobs", type=int, default=0, help="threads, 0 for one a processor")
    parser.add_argument("--quick", action="store_true", help="every second interval, 4 replications")
    parser.add_argument("--out", type=Path, default=Path("outputs/spot_checkpoints"))
    arguments = parser.parse_args()
    folder = output_folder(arguments.out)
    log = find_log(arguments.data)
    if arguments.data and log is None:
        raise InputError.one("--data", f"must be a folder that holds spot/bamboo/p3-trace.csv, got {arguments.data}")
    if log is None:
        print(
            "the log of spot nodes (Bamboo) is not here (see --help): only the three stated lifetimes are simulated\n"
        )
    intervals, reps = (INTERVALS_MIN[::2], 4) if arguments.quick else (INTERVALS_MIN, arguments.reps)
    scenario = load(shipped("scenarios") / "spot.yaml")
    study = run(only(scenario, "on_demand"), reps, jobs=arguments.jobs)
    plan = study.result["plans"]["on_demand"]
    on_demand: Estimate = plan["classes"]["tuning"]["cost_per_job_usd"]["fully_loaded"]["mean"]
    rows = rows_of(scenario, log)
    for row in rows:
        simulate(row, intervals, reps, arguments.jobs)
    for row in [row for row in rows if not row.ends]:
        print(f"nodes taken back {row.name}: runs do not end, however often they save their work\n")
    if not (rows := [row for row in rows if row.ends]):
        raise InputError.one("spot.yaml", "must have runs that end within horizon_days at some interval")
    bills = study.outcomes["on_demand"].bills
    curves = [curve_of(row, bills) for row in rows]
    title = saving_finding(curves, on_demand, work_h(scenario))
    told = verdict(rows, curves, on_demand, title)
    print(table(rows) + "\n\n" + told)
    write(folder / "spot_checkpoints.txt", told + "\n")
    write(folder / "spot_checkpoints.csv", as_csv(CSV_HEAD, iter(csv_rows(rows))))
    write(folder / "spot_checkpoints.json", json.dumps(found(rows, curves, on_demand, title), indent=1) + "\n")
    figure = cost_by_interval(curves, on_demand, work_h(scenario), provenance(study.result), title=title)
    files = sim.charts.save(figure, folder, "spot_checkpoints")
    print("\nwrote", *files, *(folder / f"spot_checkpoints.{form}" for form in ("csv", "json", "txt")))


if __name__ == "__main__":
    guarded(main)
