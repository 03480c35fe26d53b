"""One scenario under all its plans, as far as it was simulated: what was served and charged before is used again.

Not here: estimates (``shown``), and how many paths are wanted (``budget``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sim.doors.live.budget import CUTS, MOST_PATHS, work
from sim.doors.live.desk import SupersededError as SupersededError
from sim.doors.live.physics import physics_key, price_key, world_key
from sim.doors.live.shown import measures
from sim.doors.live.store import Store
from sim.ground.scenario import Scenario
from sim.study.at_api import AtApi
from sim.study.fold import Fold
from sim.study.outcome import Outcome
from sim.study.simulate import Experiment, Served, Work

Cancelled = Callable[[], bool]


def never() -> bool:
    """Say that nobody asked anew."""
    return False


@dataclass(frozen=True)
class Cell:
    """A scenario made ready, with the keys by which its parts are kept.

    Attributes
    ----------
    ready : Experiment
        The scenario made ready.
    world : str
        Key of what comes: the work, the horizon, the seed.
    plans : dict of (str, str)
        Of each plan what decides what happens under it, and that with its prices.
    """

    ready: Experiment
    world: str
    plans: dict[str, tuple[str, str]]

    @classmethod
    def of(cls, owner: str, scenario: Scenario, seed: int, store: Store) -> "Cell":
        """Make a scenario ready; its owner is the look that it belongs to, which has one price book and one folder."""
        world = f"{owner} {world_key(scenario, seed)}"
        plans = {name: (physics_key(scenario, plan), price_key(plan)) for name, plan in scenario.plans.items()}
        ready = store.made(("ready", world, *plans.values()), lambda: Experiment.of(scenario, seed))
        return cls(ready, world, plans)

    def with_work(self, owner: str, scenario: Scenario, store: Store) -> "Cell":
        """Make the same plans ready for other work: what they pay does not hang on it."""
        world = f"{owner} {world_key(scenario, self.ready.seed)}"
        happens = [physics for physics, _ in self.plans.values()]

        def rules() -> tuple[Any, ...]:
            made = Experiment.of(scenario, self.ready.seed)
            return made.listed, made.logs, made.tunings

        listed, logs, tunings = store.made(("rules", world, *happens), rules)
        accounts = {name: AtApi.of(scenario, plan) for name, plan in scenario.plans.items()}
        ready = replace(self.ready, scenario=scenario, listed=listed, logs=logs, tunings=tunings, accounts=accounts)
        return Cell(ready, world, self.plans)

    @property
    def scenario(self) -> Scenario:
        """The scenario."""
        return self.ready.scenario

    @cached_property
    def work(self) -> float:
        """The work of one path under all plans."""
        return work(self.ready)

    def charged(self, plan: str) -> str:
        """Give the key of what the work costs under a plan."""
        return f"{self.world} {plan} {self.plans[plan][1]}"

    def outcome(self, plan: str, paths: int, store: Store, cancelled: Cancelled = never) -> Outcome:
        """Simulate one plan on the first paths, or take what was simulated before.

        Raises
        ------
        SupersededError
            When the question has been given up; looked at before every piece.
        """
        return Outcome.joined([self._charged(plan, piece, store, cancelled) for piece in self.pieces(paths)])

    def pieces(self, paths: int) -> list[range]:
        """Cut the first paths into pieces that do not depend on how many there are, but for the last."""
        step = self._step
        ends = [*(cut for cut in CUTS if cut < paths), paths]
        spans = zip([0, *ends[:-1]], ends, strict=True)
        return [range(at, min(at + step, last)) for first, last in spans for at in range(first, last, step)]

    @cached_property
    def _step(self) -> int:
        """Most replications of a piece that suits the processor."""
        return len(next(self.ready.pieces(MOST_PATHS)))

    def _charged(self, plan: str, piece: range, store: Store, cancelled: Cancelled) -> Outcome:
        """Charge one piece of the work under one plan."""
        key = ("charged", self.charged(plan), piece.start, piece.stop)
        found: Outcome | None = store.get(key)
        if found is None:
            if cancelled():
                raise SupersededError
            charged, _ = self.ready.charged(plan, self._served(plan, piece, store))
            found = _lean(charged, measures(self.scenario))
            store.put(key, found)
        return found

    def _served(self, plan: str, piece: range, store: Store) -> Served:
        """Serve one piece of the work under one plan."""
        key = ("served", self.world, plan, self.plans[plan][0], piece.start, piece.stop)
        return store.made(key, lambda: self.ready.served(plan, self._work(piece, store)))

    def _work(self, piece: range, store: Store) -> Work:
        """Draw one piece of the work; all plans see the same."""
        pools = repr(sorted({pool.classes for its in self.ready.pools.values() for pool in its}))
        key = ("work", self.world, pools, piece.start, piece.stop)
        return store.made(key, lambda: self.ready.work(piece))


def _lean(outcome: Outcome, kept: Sequence[str]) -> Outcome:
    """Leave out the values of jobs that no answer shows."""
    return replace(outcome, classes={name: _lean_fold(each, kept) for name, each in outcome.classes.items()})


def _lean_fold(folded: Fold, kept: Sequence[str]) -> Fold:
    """Keep all sums of a class, and the values that are shown."""
    return replace(folded, values={name: folded.values[name] for name in kept if name in folded.values})
