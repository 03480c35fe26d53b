"""What charts read: a swept grid laid along one axis, as plain arrays. Not here: simulating and drawing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from sim.ground.estimate import Estimate
from sim.ground.faults import InputError
from sim.ground.scenario import Scenario
from sim.ground.units import HOURS_PER_YEAR, Floats
from sim.questions.charts.words import key_words, plain, priced_by

Bools = np.ndarray[Any, np.dtype[np.bool_]]


class CellLike(Protocol):
    """One point of a grid: the swept keys with their values, and the result there."""

    @property
    def at(self) -> dict[str, Any]: ...  # noqa: D102
    @property
    def result(self) -> dict[str, Any]: ...  # noqa: D102


class GridLike(Protocol):
    """A swept scenario, as ``sim.sweep`` returns it."""

    @property
    def scenario(self) -> Scenario: ...  # noqa: D102
    @property
    def vary(self) -> Mapping[str, Sequence[Any]]: ...  # noqa: D102
    @property
    def cells(self) -> Sequence[CellLike]: ...  # noqa: D102
    def break_even(self, a: str, b: str) -> dict[str, Any]: ...  # noqa: D102
    def capacity(self, key: str, *plans: str) -> float | None: ...  # noqa: D102


class StudyLike(Protocol):
    """One scenario that was run, as ``sim.run`` returns it."""

    @property
    def scenario(self) -> Scenario: ...  # noqa: D102
    @property
    def outcomes(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def result(self) -> dict[str, Any]: ...  # noqa: D102


def pick_class(scenario: Scenario, job_class: str | None) -> str:
    """Take the class that is asked for, or the scenario's first."""
    if job_class is None:
        return next(iter(scenario.workload))
    if job_class not in scenario.workload:
        raise InputError.one("chart", f"`{job_class}` is not a class here; choose from {', '.join(scenario.workload)}")
    return job_class


def pick_plans(scenario: Scenario, plans: Sequence[str] | None) -> list[str]:
    """Take the plans that are asked for, or all of them."""
    for plan in plans or ():
        if plan not in scenario.plans:
            raise InputError.one("chart", f"`{plan}` is not a plan here; choose from {', '.join(scenario.plans)}")
    return list(plans or scenario.plans)


def number(estimate: Estimate) -> float:
    """Take an estimate's value; NaN where it has none."""
    return np.nan if estimate.value is None else float(estimate.value)


@dataclass(frozen=True)
class Sweep:
    """A grid along one swept key.

    Attributes
    ----------
    grid : GridLike
        Where it comes from.
    key : str
        The swept key.
    x : float64[n]
        Its values in ascending order; 0, 1, 2, ... where they are not numbers.
    names : tuple of str
        The values as text, where they are not numbers; else empty.
    results : tuple of dict
        The results there.
    """

    grid: GridLike
    key: str
    x: Floats
    names: tuple[str, ...]
    results: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, grid: GridLike) -> "Sweep":
        """Lay a grid along its one swept key.

        Raises
        ------
        InputError
            When several keys are swept.
        """
        keys = [key for key, values in grid.vary.items() if len(values) > 1] or list(grid.vary)[:1]
        if len(keys) != 1:
            raise InputError.one("chart", f"must have one swept key on its axis, got {', '.join(keys) or 'none'}")
        key = keys[0]
        values = [cell.at[key] for cell in grid.cells]
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            order = sorted(range(len(values)), key=lambda k: float(values[k]))
            x = np.array([float(values[k]) for k in order])
            return cls(grid, key, x, (), tuple(grid.cells[k].result for k in order))
        names = tuple(str(value) for value in values)
        return cls(grid, key, np.arange(len(values), dtype=np.float64), names, tuple(c.result for c in grid.cells))

    def cost(self, plan: str, job_class: str, which: str) -> Floats:
        """USD of a job (of 1,000 requests), fully loaded: ``mean`` or a percentile."""
        jobs = priced_by(self.grid.scenario, job_class)[0]
        values: Floats = jobs * self.of_class(plan, job_class, "cost_per_job_usd", "fully_loaded", which)[0]
        return values

    def wait(self, plan: str, job_class: str, which: str) -> Floats:
        """Hours of wait: ``mean`` or a percentile."""
        return np.array([number(self._class(r, plan, job_class)["wait_h"][which]) for r in self.results])

    def of_class(self, plan: str, job_class: str, *keys: str) -> Floats:
        """Any estimate of a class under a plan by its keys: values and the ends of their intervals, float64[3, n]."""
        found = np.full((3, len(self.x)), np.nan)
        for k, each in enumerate(self.results):
            place: Any = self._class(each, plan, job_class)
            for key in keys:
                place = place[key]
            found[:, k] = [np.nan if end is None else end for end in (place.value, place.low, place.high)]
        return found

    def utilization(self, plan: str) -> Floats:
        """Share of the paid GPU time that is given to jobs."""
        return np.array([number(r["plans"][plan]["utilization"]["allocated"]) for r in self.results])

    def eligible(self, plan: str) -> Bools:
        """Where a plan does the work that the others do."""
        return np.array([bool(r["plans"][plan]["eligible"]) for r in self.results], dtype=np.bool_)

    def bill(self, plan: str) -> Floats:
        """USD of the whole bill."""
        return np.array([number(r["plans"][plan]["bill_usd"]["total"]) for r in self.results])

    def yearly(self, plan: str, lines: Sequence[str]) -> tuple[Floats, Floats, Floats]:
        """USD a year (of 8,760 h) of some lines of the bill together; ends of the interval if one line has it all."""
        years = self.grid.scenario.counted_hours / HOURS_PER_YEAR
        found = np.full((3, len(self.x)), np.nan)
        for k, each in enumerate(self.results):
            parts = [each["plans"][plan]["bill_usd"][line] for line in lines]
            found[0, k] = sum(number(part) for part in parts) / years
            paid = [part for part in parts if part.value] or parts[:1]
            if len(paid) == 1 and paid[0].low is not None:
                found[1:, k] = paid[0].low / years, paid[0].high / years
        return found[0], found[1], found[2]

    def place(self, k: int) -> str:
        """Write one value of the key with its unit: "6 a day"."""
        unit = key_words(self.grid.scenario, self.key)[1]
        unit = unit.removesuffix("s") if self.x[k] == 1 else unit
        return self.names[k] if self.names else f"{plain(self.x[k])}{unit}"

    def capacity(self, plan: str) -> float | None:
        """Value of the key at which the offered load reaches a plan's GPUs; None where no queue can be overrun."""
        return None if self.names else self.grid.capacity(self.key, plan)

    @staticmethod
    def _class(result: dict[str, Any], plan: str, job_class: str) -> dict[str, Any]:
        found: dict[str, Any] = result["plans"][plan]["classes"][job_class]
        return found


def waits_only(scenario: Scenario, plan: str) -> bool:
    """Tell whether all jobs of a plan wait for held nodes."""
    return scenario.plans[plan].nodes > 0 and scenario.plans[plan].api is None


def focus(scenario: Scenario, plans: Sequence[str]) -> str:
    """Pick the plan that others are held against: the first whose jobs all wait, else the first with held nodes."""
    waiting = [plan for plan in plans if waits_only(scenario, plan)]
    holding = [plan for plan in plans if scenario.plans[plan].nodes]
    return (waiting or holding or list(plans))[0]
