"""One scenario under all its plans, as far as it was simulated: what was served and charged before is used again.

Not here: estimates (``shown``), and how many paths are wanted (``budget``).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from sim.live.budget import CUTS
from sim.live.desk import SupersededError as SupersededError
from sim.live.physics import physics_key, price_key, world_key
from sim.live.shown import measures
from sim.live.store import Store
from sim.scenario import Scenario
from sim.study.fold import Fold
from sim.study.simulate import Experiment, Outcome, Served, Work

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
    served, charged : dict of str
        By plan: the key of what becomes of the work, and of what that costs.
    """

    ready: Experiment
    world: str
    served: dict[str, str]
    charged: dict[str, str]

    @classmethod
    def of(cls, owner: str, scenario: Scenario, seed: int, store: Store) -> "Cell":
        """Make a scenario ready; its owner is the look that it belongs to, which has one price book and one folder."""
        world = f"{owner} {world_key(scenario, seed)}"
        physics = {name: physics_key(scenario, plan) for name, plan in scenario.plans.items()}
        prices = {name: price_key(plan) for name, plan in scenario.plans.items()}
        ready = store.made(("ready", world, *prices.values()), lambda: Experiment.of(scenario, seed))
        served = {name: f"{world} {name} {physics[name]}" for name in physics}
        charged = {name: f"{world} {name} {prices[name]}" for name in prices}
        return cls(ready, world, served, charged)

    @property
    def scenario(self) -> Scenario:
        """The scenario."""
        return self.ready.scenario

    def outcome(self, plan: str, paths: int, store: Store, cancelled: Cancelled = never) -> Outcome:
        """Simulate one plan on the first paths, or take what was simulated before.

        Raises
        ------
        SupersededError
            When the question has been given up; looked at before every piece.
        """
        parts = [self._charged(plan, piece, store, cancelled) for piece in self._pieces(paths)]
        return Outcome.joined(parts)

    def _pieces(self, paths: int) -> Iterator[range]:
        """Cut the first paths into pieces that do not depend on how many there are, but for the last."""
        ends = [*(cut for cut in CUTS if cut < paths), paths]
        for first, last in zip([0, *ends[:-1]], ends, strict=True):
            yield from self.ready.pieces(last, first)

    def _charged(self, plan: str, piece: range, store: Store, cancelled: Cancelled) -> Outcome:
        """Charge one piece of the work under one plan."""
        key = ("charged", self.charged[plan], piece.start, piece.stop)
        found: Outcome | None = store.get(key)
        if found is None:
            if cancelled():
                raise SupersededError
            outcome, _ = self.ready.charged(plan, self._served(plan, piece, store))
            found = _lean(outcome, measures(self.scenario))
            store.put(key, found)
        return found

    def _served(self, plan: str, piece: range, store: Store) -> Served:
        """Serve one piece of the work under one plan."""
        key = ("served", self.served[plan], piece.start, piece.stop)
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
