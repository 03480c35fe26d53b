"""Settings put to the test: each simulated as far as it was asked for, all on the same sample paths.

Not here: where to look next (``race``).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sim.ground.faults import InputError
from sim.ground.scenario import Scenario
from sim.ground.units import Floats
from sim.questions.search.choices import Box, Point, Setting, scenario_at
from sim.questions.search.levels import Judged, Kept, Level, excess, judge
from sim.questions.search.neighbours import beside
from sim.study.compare import difference
from sim.study.outcome import Outcome
from sim.study.pieces import run_piece
from sim.study.simulate import Experiment
from sim.study.threads import Progress

Mapper = Callable[..., Iterable[Any]]
Order = tuple[int, float, float]

DOES, FAILS, CANNOT_BE = 0, 1, 2


@dataclass(frozen=True)
class Cell:
    """One setting of the plan, as far as it was simulated.

    Attributes
    ----------
    setting : dict
        The chosen keys and their values.
    ready : Experiment or None
        None where no plan can be like that.
    refusal : str
        Why it cannot be.
    floor_usd : float
        What it costs at least: what is paid whatever comes. No simulation is needed to know it.
    bills : float64[R]
        Of the replications simulated so far.
    kept : tuple of Kept
        What they tell of each level.
    """

    setting: Setting
    ready: Experiment | None
    refusal: str = ""
    floor_usd: float = 0.0
    bills: Floats = field(default_factory=lambda: np.empty(0), repr=False)
    kept: tuple[Kept, ...] = field(default=(), repr=False)

    @property
    def replications(self) -> int:
        """How many it was simulated for."""
        return len(self.bills)

    def order(self, levels: Sequence[Level], replications: int) -> Order:
        """Rank it by its first replications: what does the work by its bill, before what misses a level by how much.

        Of two that miss all, the one with more capacity comes first.
        """
        if self.ready is None:
            return CANNOT_BE, 0.0, 0.0
        off = sum(excess(level, kept.first(replications)) for level, kept in zip(levels, self.kept, strict=True))
        if off > 0:
            return FAILS, off, -self.floor_usd
        return DOES, float(self.bills[:replications].mean()), 0.0

    def judged(self, levels: Sequence[Level], replications: int, confidence: float) -> list[Judged]:
        """Judge every level by the first replications."""
        pairs = zip(levels, self.kept, strict=True)
        return [judge(level, kept.first(replications), confidence) for level, kept in pairs]

    def dearer(self, other: "Cell", replications: int) -> Floats:
        """Tell by how much its bill is above another's on each of the first paths."""
        return difference(self.bills[:replications], other.bills[:replications])

    def grown(self, parts: Sequence[Outcome], levels: Sequence[Level]) -> "Cell":
        """Add the outcomes of the next replications."""
        kept = []
        for number, level in enumerate(levels):
            before = [self.kept[number]] if self.kept else []
            kept.append(Kept.joined(before + [Kept.of(level, part.classes[level.job_class]) for part in parts]))
        bills = np.concatenate([self.bills, *(part.bills for part in parts)])
        return replace(self, bills=bills, kept=tuple(kept))


def floor_usd(ready: Experiment, plan: str) -> float:
    """Add up what a plan pays whatever comes: held nodes, staff, overhead, reserved units."""
    prices, account = ready.tariffs[plan], ready.accounts[plan]
    reserved = 0.0 if account is None else account.throughput.usd
    pools = sum(pool.tariff.held_usd for pool in ready.pools[plan])
    return prices.held_usd + prices.staff_usd + prices.overhead_usd + pools + reserved


@dataclass
class Bench:
    """Where settings are put to the test, and what that took so far.

    Attributes
    ----------
    scenario, plan : Scenario, str
        What is sized.
    box : Box
        The settings that are looked among.
    levels : tuple of Level
        What the plan must do.
    seed, engine : int, str
        As of a run.
    mapper : callable
        Makes a ``map``, maybe that of a thread pool, which tells how far it is.
    tell : callable
        Is told what is simulated; may give a ``progress`` back.
    rivals : tuple of tuple of int
        Settings further off that are compared with the best like those beside it.
    """

    scenario: Scenario
    plan: str
    box: Box
    levels: tuple[Level, ...]
    seed: int
    engine: str
    mapper: Callable[[Progress | None], Mapper]
    tell: Callable[[str], Progress | None]
    cells: dict[Point, Cell] = field(default_factory=dict)
    jobs_expected: float = 0.0
    rivals: tuple[Point, ...] = ()

    def cell(self, at: Point) -> Cell:
        """Give a setting as far as it was simulated; made ready when it is asked for first."""
        if at not in self.cells:
            self.cells[at] = self._made(self.box.setting(at))
        return self.cells[at]

    def _made(self, setting: Setting) -> Cell:
        """Make a setting ready; say why where no plan can be like that."""
        try:
            scenario = scenario_at(self.scenario, self.plan, setting)
        except InputError as error:
            return Cell(setting, None, error.faults[0].text)
        ready = Experiment.of(scenario, self.seed, self.engine)
        self.jobs_expected = max(self.jobs_expected, ready.jobs_expected)
        return Cell(setting, ready, floor_usd=floor_usd(ready, self.plan))

    def simulate(self, points: Iterable[Point], replications: int) -> None:
        """Simulate settings until each has so many replications."""
        asked = [at for at in dict.fromkeys(points) if self._lacks(self.cell(at), replications)]
        pieces = [(at, piece) for at in asked for piece in self._pieces(self.cell(at), replications)]
        if not pieces:
            return
        progress = self.tell(f"{replications} replications of {len(asked)} setting{'s' * (len(asked) != 1)}")
        done = list(self.mapper(progress)(self._piece, pieces))
        for at in asked:
            parts = [outcome for (place, _), outcome in zip(pieces, done, strict=True) if place == at]
            self.cells[at] = self.cells[at].grown(parts, self.levels)

    @staticmethod
    def _lacks(cell: Cell, replications: int) -> bool:
        return cell.ready is not None and cell.replications < replications

    @staticmethod
    def _pieces(cell: Cell, replications: int) -> list[range]:
        """Cut the replications that a setting lacks into pieces that suit the processor."""
        if cell.ready is None:
            return []
        first = cell.replications
        pieces = cell.ready.pieces(replications - first)
        return [range(first + piece.start, first + piece.stop) for piece in pieces]

    def _piece(self, piece: tuple[Point, range]) -> Outcome:
        """Run some replications of one setting."""
        at, replications = piece
        ready = self.cells[at].ready
        if ready is None:
            raise LookupError("a setting that cannot be is not simulated")
        return run_piece(ready, replications)[self.plan]

    def contenders(self, at: Point) -> list[Point]:
        """List the settings beside one, and the rivals further off."""
        around = beside(at, self.box)
        return [*around, *(each for each in self.rivals if each != at and each not in around)]

    def order(self, at: Point, replications: int) -> Order:
        """Rank a setting by its first replications."""
        return self.cell(at).order(self.levels, replications)

    def best(self, points: Sequence[Point], replications: int) -> Point:
        """Find the best of some settings by so many replications, the first of equals.

        A setting that costs at least more than another one that does the work is not simulated.
        """
        first, *others = points
        self.simulate([first], replications)
        kind, usd, _ = self.order(first, replications)
        wanted = [at for at in others if kind != DOES or self.cell(at).floor_usd <= usd]
        self.simulate(wanted, replications)
        return min([first, *wanted], key=lambda at: self.order(at, replications))

    @property
    def simulated(self) -> list[Cell]:
        """The settings that were simulated at all."""
        return [cell for cell in self.cells.values() if cell.replications]
