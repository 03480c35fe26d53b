"""A study along one of its levers: only what the lever moves is simulated again.

Not here: where to look (``turning``), what a lever is (``scenario.levers``).
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from sim.ground.faults import InputError
from sim.ground.scenario import Scenario
from sim.ground.scenario.levers import Lever
from sim.ground.scenario.make import with_values
from sim.ground.units import Floats
from sim.questions.search.difference import Along, Mapper
from sim.study import Study

MONEY: Final = ("node_price", "api_price", "staff")
"""Kinds of which bills are straight lines: what nodes, APIs and people ask moves no job."""


@dataclass(frozen=True)
class Moving(Along):
    """A scenario along one of its levers, which may put values at several keys.

    A plan that the lever does not move is as it stands now. Under a plan of which only a price moves all that happens
    stays the same, so its bill is a straight line on every path, known from two values.

    Attributes
    ----------
    lever : Lever
        What is moved.
    """

    lever: Lever = field(kw_only=True)

    @classmethod
    def of(cls, study: Study, lever: Lever, block: int, mapper: Mapper) -> "Moving":
        """Move a lever of a study on its own paths; what the study found is known where the lever stands now."""
        now, engine = lever.value, study.experiment.engine
        found = cls(study.scenario, lever.name, "lever", study.seed, engine, block, mapper, lever=lever)
        found._bills.update({(now, name): each.bills for name, each in study.outcomes.items()})
        found._unfit.update({(now, name): each["reason"] for name, each in study.result["plans"].items()})
        return found

    @cached_property
    def least(self) -> float:
        """The least value that the scenario takes: of a price nothing at all, else the low end of the range."""
        if self.lever.kind not in MONEY:
            return self.lever.low
        try:
            self.at(0.0)
        except InputError:
            return self.lever.low
        return 0.0

    def _placed(self, value: float) -> Scenario:
        return with_values(self.scenario.certain, self.lever.settings(value), self.flag)

    def overload(self, value: float, name: str) -> str | None:
        """Leave arithmetic aside: a study ranks by what was simulated, and so must those who follow its verdict."""
        del value, name
        return None

    def places(self, value: float, name: str) -> tuple[float, ...]:
        """Tell the values at which a plan is simulated so that its bills at one are known; judged at the first."""
        now = self.lever.value
        if value == now or name not in self.lever.plans:
            return (now,)
        return (now, self._other) if self.lever.kind in MONEY else (value,)

    @property
    def _other(self) -> float:
        """The second value from which straight lines are known."""
        return self.least if self.least < self.lever.value else self.lever.high

    def bills(self, value: float, name: str, blocks: int = 1) -> Floats:
        """Take the bills of a plan at a value, over so many blocks of replications."""
        self.know([value], [name], blocks)
        first, *second = (self._bills[place, name][: blocks * self.block] for place in self.places(value, name))
        if not second:
            return first
        if value == self._other:
            return second[0]
        share = (value - self._other) / (self.lever.value - self._other)
        return second[0] + share * (first - second[0])
