"""A scenario swept over some of its numbers, and where the cheapest plan changes."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.ground.estimate import Estimate, jackknife
from sim.ground.faults import InputError
from sim.ground.scenario import Scenario, Tree, as_values, build, with_settings
from sim.ground.scenario.levers.places import in_place
from sim.ground.units import Floats
from sim.study.compare import difference
from sim.study.no_crossing import changes_beyond, cost_the_same, never_alike, none_below_capacity, none_between
from sim.study.result import SCHEMA, Json
from sim.study.simulate import Experiment
from sim.study.study import check_how, check_replications, chosen_seed
from sim.study.threads import Progress, Threads
from sim.study.units import NO_MEANS, Means, Unit, all_done
from sim.study.waits import waits_for_ever

if TYPE_CHECKING:
    import pandas as pd

MOST_CELLS = 10_000
_JOBS_PER_SECOND = 2e6
"""Cautious pace of one thread, for the estimate of a sweep's length."""

Point = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """One point of a grid.

    Attributes
    ----------
    at : dict
        The swept keys and their values here.
    scenario : Scenario
        The scenario with these values.
    result : dict
        As of a study.
    bills : dict of float64[R]
        Total bill of each replication, by plan.
    """

    at: Point
    scenario: Scenario
    result: Json = field(repr=False)
    bills: dict[str, Floats] = field(repr=False)


def points(vary: Mapping[str, Sequence[Any]]) -> Iterator[Point]:
    """Walk through all combinations of the swept values, the last key fastest."""
    for values in itertools.product(*vary.values()):
        plain = (value.item() if isinstance(value, np.generic) else value for value in values)
        yield dict(zip(vary, plain, strict=True))


def check_cells(
    vary: Mapping[str, Sequence[Any]], seconds: Callable[[int], float] | None = None, most: int = MOST_CELLS
) -> int:
    """Count the cells of a grid without making them, and refuse too many.

    Parameters
    ----------
    vary : mapping
        Dotted keys and their values.
    seconds : callable, optional
        Estimates from the number of cells how long they would take; told in the refusal.
    most : int
        Cells allowed.

    Raises
    ------
    InputError
        With the number of cells and the time they would take.
    """
    count = math.prod(len(values) for values in vary.values())
    if count == 0:
        raise InputError.one("--vary", "must give every key at least one value")
    if count > most:
        time = "" if seconds is None else f", about {seconds(count) / 3600:,.1f} h of work"
        raise InputError.one(
            "--vary", f"makes {count:,} cells{time}; at most {most:,} run at once, so vary fewer values"
        )
    return count


def spaced(low: float, high: float, count: int, log: bool = False) -> Sequence[float]:
    """Space values from one end to the other, both included exactly; what lies between has 6 digits.

    Raises
    ------
    ValueError
        When the ends or the count make no such row.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high and count >= 2):
        raise ValueError("needs two ends, the lower first, and at least 2 values")
    if log and low <= 0:
        raise ValueError("a log scale needs ends above 0")
    if count > MOST_CELLS:
        return range(count)  # refused by its number alone, so no value is made
    values = np.geomspace(low, high, count) if log else np.linspace(low, high, count)
    return [float(low), *(float(f"{value:.6g}") for value in values[1:-1]), float(high)]


def cells_of(
    scenario: Scenario, vary: Mapping[str, Sequence[Any]], most: int = MOST_CELLS
) -> list[tuple[Point, Scenario]]:
    """Validate every cell of a grid before any work is done.

    Parameters
    ----------
    scenario : Scenario
        What is varied.
    vary : mapping
        Dotted keys and their values.
    most : int
        Cells allowed.

    Raises
    ------
    InputError
        When a key is wrong, a value is refused, or the grid is too large.
    """
    check_cells(vary, most=most)
    if "seed" in vary:
        raise InputError.one("--vary", "cannot vary seed: all cells share their noise; give it with --seed")
    if twice := [key for key, values in vary.items() if len(set(map(repr, values))) < len(values)]:
        raise InputError.one("--vary", f"{twice[0]} must have different values, got one of them twice")
    cells = []
    for point in points(vary):
        tree = with_settings(Tree(as_values(scenario), file=scenario.name, flag="--vary"), in_place(scenario, point))
        # the ends of uncertain numbers were judged when the scenario was read, but for those that a cell states itself
        cell = build(tree, scenario.folder, ends=any(isinstance(value, dict) for value in point.values()))
        if (list(cell.plans), list(cell.workload)) != (list(scenario.plans), list(scenario.workload)):
            raise InputError.one("--vary", f"must vary keys of plans and classes that exist, got {', '.join(point)}")
        cells.append((point, cell))
    return cells


def seconds_expected(scenario: Scenario, cells: int, replications: int, jobs: int) -> float:
    """Estimate how long a grid takes, from the mean number of jobs of its scenario."""
    ready = Experiment.of(scenario, 0)
    return ready.jobs_expected * cells * replications * len(scenario.plans) / (_JOBS_PER_SECOND * jobs)


def _crossing(places: Floats, differences: Floats) -> float:
    """Find where a difference first changes its sign, on straight lines between the places; NaN where it does not.

    To touch zero, or to be zero for a while, is no change; where it changes after a while at zero, it changed at its
    first zero.
    """
    apart = np.flatnonzero(differences)
    for before, after in itertools.pairwise(apart):
        y0, y1 = differences[before], differences[after]
        if y0 * y1 < 0:
            if after > before + 1:
                return float(places[before + 1])
            return float(places[before] + y0 / (y0 - y1) * (places[after] - places[before]))
    return math.nan


def _gap(cell: Cell, a: str, b: str) -> float:
    """Take the mean difference of two bills."""
    return float(difference(cell.bills[a], cell.bills[b]).mean())


def _left_out(key: str, ordered: list[Cell], cells: list[Cell], low: float = -math.inf, high: float = math.inf) -> str:
    """Name the values between those compared at which not both plans do the work."""
    low, high = max(low, float(cells[0].at[key])), min(high, float(cells[-1].at[key]))
    missing = [float(cell.at[key]) for cell in ordered if cell not in cells and low < float(cell.at[key]) < high]
    return f" (not both do the work at {', '.join(f'{value:.4g}' for value in missing)})" if missing else ""


def is_number(value: Any) -> bool:
    """Tell a number from a word or a yes."""
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class Grid:
    """A swept scenario: its cells and what they tell together."""

    scenario: Scenario
    vary: dict[str, list[Any]]
    cells: list[Cell] = field(repr=False)

    def table(self) -> "pd.DataFrame":
        """Lay out the grid in one frame.

        Returns
        -------
        DataFrame
            A row a cell, plan and class, with the swept keys in front; costs in USD, durations in hours (of
            requests also TTFT and TPOT in seconds).
        """
        import pandas as pd

        rows = []
        for cell in self.cells:
            for name, plan in cell.result["plans"].items():
                for class_name, each in plan["classes"].items():
                    cost = each["cost_per_job_usd"]["fully_loaded"]
                    row = {
                        **cell.at,
                        "plan": name,
                        "job_class": class_name,
                        "eligible": plan["eligible"],
                        "jobs": each["jobs"].value,
                        "bill_usd": plan["bill_usd"]["total"].value,
                        "held_idle_usd": plan["bill_usd"]["held_idle"].value,
                        "utilization": plan["utilization"]["allocated"].value,
                        "api_share": each["api_share"].value,
                        "wait_mean_h": each["wait_h"]["mean"].value,
                        "wait_p95_h": each["wait_h"]["p95"].value,
                    }
                    row |= {f"cost_{key}_usd": value.value for key, value in cost.items()}
                    row |= {"cost_mean_low_usd": cost["mean"].low, "cost_mean_high_usd": cost["mean"].high}
                    if each["kind"] == "inference":
                        row["usd_per_million_output_tokens"] = each["usd_per_million_output_tokens"].value
                        for name_ in ("ttft_s", "tpot_s"):
                            row |= {f"{name_[:-2]}_{key}_s": each[name_]["all"][key].value for key in ("p50", "p95")}
                    rows.append(row)
        return pd.DataFrame(rows)

    def break_even(self, a: str, b: str) -> Json:
        """Find where two plans cost the same, among the values at which both do the same work.

        Returns
        -------
        dict
            ``plans``, ``key``, ``at`` (an Estimate or None) and ``reason`` (why there is none, or None).
        """
        keys = [key for key, values in self.vary.items() if len(values) > 1]
        found: Json = {"plans": [a, b], "key": keys[0] if keys else None, "at": None, "reason": None}
        if len(keys) != 1 or not all(is_number(value) for value in self.vary[keys[0]]):
            return found | {"reason": "a break-even needs one swept number"}
        key = keys[0]
        ordered = sorted(self.cells, key=lambda cell: float(cell.at[key]))
        cells = [cell for cell in ordered if self._both_eligible(cell, a, b)]
        if not cells:
            return found | {"reason": never_alike(a, b)}
        places = np.array([float(cell.at[key]) for cell in cells])
        differences = np.array([difference(cell.bills[a], cell.bills[b]) for cell in cells])
        value = _crossing(places, differences.mean(axis=1))
        if math.isnan(value):
            return found | {"reason": self._none(key, ordered, cells, a, b) + _left_out(key, ordered, cells)}
        low, high = float(places[places <= value].max()), float(places[places >= value].min())
        if gap := _left_out(key, ordered, cells, low, high):
            return found | {"reason": f"it changes between {low:.4g} and {high:.4g}{gap}: give values there"}
        count = differences.shape[1]
        rest = (differences.sum(axis=1, keepdims=True) - differences) / max(1, count - 1)
        without = np.array([_crossing(places, rest[:, r]) for r in range(count if count > 1 else 0)])
        at = jackknife(value, without, float(self.scenario.confidence)) if count > 1 else Estimate(value, n=1)
        return found | {"at": at}

    @staticmethod
    def _both_eligible(cell: Cell, a: str, b: str) -> bool:
        return all(cell.result["plans"][name]["eligible"] for name in (a, b))

    def capacity(self, key: str, *plans: str) -> float | None:
        """Find the value of a swept key at which the load reaches the usable GPUs of the smallest of some plans."""
        loads = [(float(cell.at[key]), cell.scenario.offered_gpus) for cell in self.cells]
        known = sorted((at, load) for at, load in loads if load is not None)
        at_one = self.cells[0].scenario
        patient = [at_one.plans[name] for name in plans if waits_for_ever(at_one.plans[name])]
        waits = [gpus for plan in patient if (gpus := at_one.reachable_gpus(plan)) is not None]
        if not waits or len(known) < 2 or known[0][1] >= known[-1][1]:
            return None
        (x0, y0), (x1, y1) = known[0], known[-1]
        return x0 + (min(waits) - y0) * (x1 - x0) / (y1 - y0)

    def _none(self, key: str, ordered: list[Cell], cells: list[Cell], a: str, b: str) -> str:
        """Say within which bounds there is no break-even, and who is cheaper there.

        Between the last value compared and capacity the difference goes on along a straight line: to the next value of
        the grid where there is one (its bills are known, though not both plans do the work there), else as before.
        """
        first, last = float(cells[0].at[key]), float(cells[-1].at[key])
        if not any(difference(cell.bills[a], cell.bills[b]).any() for cell in cells):
            return cost_the_same(a, b, first, last)
        cheaper = a if sum(_gap(cell, a, b) for cell in cells) < 0 else b
        capacity = self.capacity(key, a, b) if key.endswith("rate_per_day") else None
        after = next((cell for cell in ordered if float(cell.at[key]) > last), None)
        ends = [cell for cell in (*cells[-2:], after) if cell is not None][-2:]
        line = [(float(cell.at[key]), _gap(cell, a, b)) for cell in ends]
        if capacity is None or len(ends) < 2 or last < capacity / 2:
            return none_between(cheaper, first, last, any(_gap(cell, a, b) == 0 for cell in cells))
        (x0, y0), (x1, y1) = line
        if y0 * (y0 + (y1 - y0) / (x1 - x0) * (capacity - x0)) < 0:
            changes = x0 - y0 * (x1 - x0) / (y1 - y0)
            return f"{changes_beyond(cheaper, last, changes)}: give values there"
        return none_below_capacity(cheaper, capacity, " a day", first, last)

    def as_result(self) -> Json:
        """Give the grid by the keys of the JSON contract."""
        names = list(self.scenario.plans)
        return {
            "schema": SCHEMA,
            "vary": self.vary,
            "cells": [{"at": cell.at, "result": cell.result} for cell in self.cells],
            "break_even": [self.break_even(a, b) for i, a in enumerate(names) for b in names[i + 1 :]],
        }


def sweep(
    scenario: Scenario,
    vary: Mapping[str, Sequence[Any]],
    replications: int = 200,
    seed: int | None = None,
    jobs: int = 0,
    engine: str = "kernel",
    progress: Progress | None = None,
    means: Means = NO_MEANS,
) -> Grid:
    """Run a scenario at every combination of some values; all cells and plans share their noise.

    Parameters
    ----------
    scenario : Scenario
        What is varied.
    vary : mapping
        Dotted keys of the scenario and the values to give them, for example
        ``{"workload.tuning.arrivals.rate_per_day": [0.5, 1, 2]}``.
    replications, seed, jobs, engine, progress
        As of ``run``; progress counts cells.
    means : Means
        Where cells are kept, and who does them in place of threads of this process.

    Returns
    -------
    Grid

    Raises
    ------
    InputError
        When a key or a value is refused, before any work is done.
    """
    check_how(seed, jobs, engine)
    ready = units_of(scenario, vary, replications, seed, engine)
    found = all_done([unit for _, unit in ready], Threads(jobs), means, progress)
    cells = [
        Cell(point, unit.experiment.scenario, each["result"], each["bills"])
        for (point, unit), each in zip(ready, found, strict=True)
    ]
    return Grid(scenario, {key: list(values) for key, values in vary.items()}, cells)


def units_of(
    scenario: Scenario,
    vary: Mapping[str, Sequence[Any]],
    replications: int,
    seed: int | None = None,
    engine: str = "kernel",
) -> list[tuple[Point, Unit]]:
    """Make the cells of a sweep ready, each a unit of work, as ``sweep`` does.

    Raises
    ------
    InputError
        As ``sweep`` does.
    """
    check_replications(replications)
    check_how(seed, 0, engine)
    chosen = chosen_seed(scenario, seed)
    cells = cells_of(scenario, vary)
    return [
        (point, Unit(_name(number, len(cells), point), Experiment.of(cell, chosen, engine), range(replications), True))
        for number, (point, cell) in enumerate(cells, 1)
    ]


def _name(number: int, total: int, point: Point) -> str:
    """Name a cell for people."""
    at = ", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in point.items())
    return f"cell {number} of {total} ({at})"
