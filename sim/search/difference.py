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
from typing import Any

import numpy as np

from sim.estimate import Estimate, mean
from sim.faults import InputError
from sim.scenario import Scenario, Tree, as_values, build, with_settings
from sim.study.compare import difference, overload
from sim.study.fitness import why_unfit
from sim.study.simulate import Experiment, Outcome
from sim.units import Floats

Mapper = Callable[..., Iterable[Any]]


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
    tree = with_settings(Tree(as_values(scenario), file=scenario.name, flag=flag), {key: number})
    found = build(tree, scenario.folder)
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
    """

    scenario: Scenario
    key: str
    flag: str
    seed: int
    engine: str
    block: int
    mapper: Mapper
    _scenarios: dict[float, Scenario] = field(default_factory=dict, repr=False)
    _bills: dict[tuple[float, str], list[Floats]] = field(default_factory=dict, repr=False)
    _unfit: dict[tuple[float, str], str | None] = field(default_factory=dict, repr=False)

    def at(self, value: float) -> Scenario:
        """Give the scenario with a value of the key."""
        if value not in self._scenarios:
            self._scenarios[value] = placed(self.scenario, self.key, value, self.flag)
        return self._scenarios[value]

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
        return self._unfit[value, name]

    def gap(self, value: float, a: str, b: str, blocks: int = 1) -> Gap:
        """Take the difference of two bills at a value, over so many blocks of replications."""
        self.know([value], [a, b], blocks)
        first, second = (np.concatenate(self._bills[value, name][:blocks]) for name in (a, b))
        apart = difference(first, second)
        return Gap(value, mean(apart, float(self.scenario.confidence)), not apart.any())

    def know(self, values: Sequence[float], names: Sequence[str], blocks: int = 1) -> None:
        """Work out the bills of some plans at some values, those that are not known yet; many values side by side."""
        asked = [
            (value, missing, number)
            for value in values
            for number in range(blocks)
            if (missing := [name for name in names if len(self._bills.get((value, name), ())) <= number])
        ]
        for value in values:
            self.at(value)  # refusals come before any work, and threads find all scenarios made

        def alone(each: tuple[float, list[str], int]) -> dict[str, tuple[Floats, str | None]]:
            return self._run(*each, mapper=map)

        if len(asked) > 2:  # side by side; else the pieces of each are
            done = list(self.mapper(alone, asked))
        else:
            done = [self._run(*each, mapper=self.mapper) for each in asked]
        for (value, missing, number), found in zip(asked, done, strict=True):
            for name in missing:
                self._bills.setdefault((value, name), []).append(found[name][0])
                if number == 0:
                    self._unfit[value, name] = found[name][1]

    def _run(
        self, value: float, names: Sequence[str], number: int, mapper: Mapper
    ) -> dict[str, tuple[Floats, str | None]]:
        """Simulate one block of replications under some plans."""
        whole = self.at(value)
        scenario = whole.model_copy(update={"plans": {name: whole.plans[name] for name in names}})
        experiment = Experiment.of(scenario, self.seed, self.engine)
        pieces = [
            range(number * self.block + piece.start, number * self.block + piece.stop)
            for piece in experiment.pieces(self.block)
        ]
        parts = list(mapper(experiment.piece, pieces))
        outcomes = {name: Outcome.joined([part[name] for part in parts]) for name in names}
        return {name: (each.bills, why_unfit(scenario, each)) for name, each in outcomes.items()}
