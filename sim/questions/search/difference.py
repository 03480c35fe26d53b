"""The difference of two plans' bills at any value of a key, on the same sample paths at every value.

All that is random is drawn from streams that no key enters (common random numbers), so over fixed paths the mean
difference is a plain function of the key, which a root finder may walk along.

References
----------
Glasserman & Yao, Some guidelines and guarantees for common random numbers, Management Science 38 (1992).
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np

from sim.ground.estimate import Estimate, mean
from sim.ground.faults import InputError
from sim.ground.scenario import Scenario
from sim.ground.scenario.levers.places import in_place
from sim.ground.scenario.make import with_values
from sim.ground.units import Floats
from sim.questions.search.effort import Effort
from sim.study.compare import difference, overload
from sim.study.fitness import why_unfit
from sim.study.outcome import Outcome
from sim.study.pieces import run_piece
from sim.study.simulate import Experiment

Mapper = Callable[..., Iterable[Any]]
Known = tuple[Floats, str | None]
"""The bills of a plan, and why it does not do the work."""


@dataclass(frozen=True)
class Gap:
    """By how much one bill is above another at one value.

    Attributes
    ----------
    at : float
        The value.
    usd : Estimate
        Mean over paths of the first bill less the second.
    tied : bool
        Whether both bills are the same on every path.
    """

    at: float
    usd: Estimate
    tied: bool

    @property
    def mean(self) -> float:
        """USD."""
        return float(self.usd.value or 0.0)

    @property
    def half(self) -> float:
        """Half the width of the interval; 0 where there is none."""
        return 0.0 if self.usd.high is None else self.usd.high - self.mean

    @property
    def sign(self) -> int:
        """1 where the first plan is surely dearer, -1 where it is surely cheaper, 0 where that is not sure."""
        return int(np.sign(self.mean)) if abs(self.mean) > self.half else 0


def is_whole(scenario: Scenario, key: str, low: float, high: float, flag: str) -> bool:
    """Tell whether a key takes whole numbers only: both ends, and nothing between two of them.

    Raises
    ------
    InputError
        When an end is refused, with the place and the rule.
    """
    for end in (low, high):
        placed(scenario, key, end, flag)
    try:
        placed(scenario, key, math.floor(low) + 0.5, flag)
    except InputError:
        return low == round(low) and high == round(high)
    return False


def placed(scenario: Scenario, key: str, value: float, flag: str) -> Scenario:
    """Give a scenario a value at a key."""
    number = int(value) if value == round(value) and abs(value) < 1e15 else value
    found = with_values(scenario.certain, in_place(scenario, {key: number}), flag)
    if (list(found.plans), list(found.workload)) != (list(scenario.plans), list(scenario.workload)):
        raise InputError.one(flag, f"must be about a key of plans and classes that exist, got {key}")
    return found


@dataclass(frozen=True)
class Along:
    """A scenario along one of its numbers: each plan's bills on the same paths, worked out once a value.

    Attributes
    ----------
    scenario : Scenario
        What is varied.
    key, flag : str
        The number, and the option that a refusal names.
    seed, engine : int, str
        As of a study.
    block : int
        Replications that are run at a time; whether a plan does the work is judged by the first of these.
    mapper : callable
        May be that of a pool of threads.
    most : float
        Work after which no more is done to make a sign or a crossing surer, in microseconds as ``effort`` estimates it.
    """

    scenario: Scenario
    key: str
    flag: str
    seed: int
    engine: str
    block: int
    mapper: Mapper
    most: float = math.inf
    _spent: list[float] = field(default_factory=list, repr=False)
    _refused: list[int] = field(default_factory=list, repr=False)
    _scenarios: dict[float, Scenario] = field(default_factory=dict, repr=False)
    _bills: dict[tuple[float, str], Floats] = field(default_factory=dict, repr=False)
    _unfit: dict[tuple[float, str], str | None] = field(default_factory=dict, repr=False)

    def at(self, value: float) -> Scenario:
        """Give the scenario with a value of the key."""
        if value not in self._scenarios:
            self._scenarios[value] = self._placed(value)
        return self._scenarios[value]

    @property
    def ended(self) -> bool:
        """Tell whether there was no room for more work where a search asked for it."""
        return bool(self._refused)

    def room(self, values: int, blocks: int) -> bool:
        """Tell whether two bills at so many new values, over so many blocks, are no more work than may be done."""
        if math.isinf(self.most):
            return True
        work = 2 * values * blocks * self.block * self._path
        fits = math.fsum(self._spent) + work <= self.most
        self._refused.extend([] if fits else [blocks])
        return fits

    @cached_property
    def _path(self) -> float:
        """Work of one path under one plan, where the scenario stands."""
        return Effort.of(self.scenario).work()

    def _placed(self, value: float) -> Scenario:
        """Put a value in its place."""
        return placed(self.scenario, self.key, value, self.flag)

    def places(self, value: float, name: str) -> tuple[float, ...]:
        """Tell the values at which a plan is simulated so that its bills at one are known; judged at the first."""
        del name
        return (value,)

    def overload(self, value: float, name: str) -> str | None:
        """Say whether a queue never settles, by arithmetic; None where jobs left over are settled at a price."""
        scenario = self.at(value)
        settled = scenario.equal_work.settle_usd_per_job is not None
        return None if settled else overload(scenario, scenario.plans[name])

    def unfit(self, value: float, name: str) -> str | None:
        """Say why a plan does not do the work at a value; None where it does."""
        if (text := self.overload(value, name)) is not None:
            return text
        self.know([value], [name])
        return self._unfit[self.places(value, name)[0], name]

    def bills(self, value: float, name: str, blocks: int = 1) -> Floats:
        """Take the bills of a plan at a value, over so many blocks of replications."""
        self.know([value], [name], blocks)
        return self._bills[value, name][: blocks * self.block]

    def gap(self, value: float, a: str, b: str, blocks: int = 1) -> Gap:
        """Take the difference of two bills at a value, over so many blocks of replications."""
        self.know([value], [a, b], blocks)
        apart = difference(self.bills(value, a, blocks), self.bills(value, b, blocks))
        return Gap(value, mean(apart, float(self.scenario.confidence)), not apart.any())

    def know(self, values: Sequence[float], names: Sequence[str], blocks: int = 1) -> None:
        """Work out the bills of some plans at some values, those that are not known yet; many values side by side."""
        by_value: dict[float, list[str]] = {}
        wanted = [(at, name) for value in values for name in names for at in self.places(value, name)]
        for place, plan in dict.fromkeys(wanted):
            by_value.setdefault(place, []).append(plan)
        for place in by_value:
            self.at(place)  # refusals come before any work, and threads find all scenarios made
        asked = [
            (place, missing, range(done, blocks * self.block))
            for place, named in by_value.items()
            for done, missing in self._missing(place, named, blocks * self.block).items()
        ]

        def alone(each: tuple[float, list[str], range]) -> dict[str, Known]:
            return self._run(*each, mapper=map)

        if len(asked) > 2:  # side by side; else the pieces of each are
            found = list(self.mapper(alone, asked))
        else:
            found = [self._run(*each, mapper=self.mapper) for each in asked]
        for (value, _, numbers), by_name in zip(asked, found, strict=True):
            for name, (bills, reason) in by_name.items():
                self._bills[value, name] = np.concatenate([self._bills.get((value, name), bills[:0]), bills])
                if numbers.start == 0:
                    self._unfit[value, name] = reason

    def _missing(self, value: float, names: Sequence[str], wanted: int) -> dict[int, list[str]]:
        """Sort the plans of which more replications are wanted at a value by how many are known."""
        found: dict[int, list[str]] = {}
        for name in names:
            if (done := len(self._bills.get((value, name), ()))) < wanted:
                found.setdefault(done, []).append(name)
        return found

    def _run(self, value: float, names: Sequence[str], numbers: range, mapper: Mapper) -> dict[str, Known]:
        """Simulate some replications under some plans; whether these do the work is judged by the first block."""
        whole = self.at(value)
        scenario = whole.model_copy(update={"plans": {name: whole.plans[name] for name in names}})
        experiment = Experiment.of(scenario, self.seed, self.engine)
        self._spent.append(len(names) * len(numbers) * Effort.of(scenario, experiment).work())

        def bills(piece: range) -> dict[str, Floats]:
            return {name: each.bills for name, each in run_piece(experiment, piece).items()}

        judged = numbers[: self.block] if numbers.start == 0 else numbers[:0]
        parts = list(mapper(partial(run_piece, experiment), _shifted(experiment, judged)))
        outcomes = {name: Outcome.joined([part[name] for part in parts]) for name in names if parts}
        reasons = {name: why_unfit(scenario, each) for name, each in outcomes.items()}
        rest = list(mapper(bills, _shifted(experiment, numbers[len(judged) :])))
        rest = [{name: each.bills for name, each in outcomes.items()}, *rest] if outcomes else rest
        return {name: (np.concatenate([part[name] for part in rest]), reasons.get(name)) for name in names}


def _shifted(experiment: Experiment, numbers: range) -> list[range]:
    """Cut replications into pieces of a size that suits the processor."""
    pieces = experiment.pieces(len(numbers)) if len(numbers) else []
    return [numbers[piece.start : piece.stop] for piece in pieces]
