"""Units of work: what is computed, kept and tried again as one. A cell of a sweep, or a block of replications of a run.

Not here: where they are kept (``sim.ground.store``), and who does them (``threads``, ``sim.ground.cluster``).
"""

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Protocol

from sim.ground.faults import Failure, StoppedError, UnfinishedError
from sim.ground.files import made_by
from sim.ground.scenario.read import values_used
from sim.ground.scenario.reads import files_sha256
from sim.ground.store import Store
from sim.study.gathered import Gathered, packed, unpacked
from sim.study.outcome import Outcome
from sim.study.packed import PackError, pack, unpack
from sim.study.pieces import run_all, run_piece
from sim.study.result import result
from sim.study.simulate import Experiment
from sim.study.threads import Progress, Threads, Told

_EFFORT_A_BLOCK: Final = 2**24
_MOST_BLOCKS: Final = 64


@dataclass(frozen=True, eq=False)
class Unit:
    """What is computed, kept and tried again as one.

    It can be sent to another machine: all that its scenario reads from files is in it.

    Attributes
    ----------
    name : str
        For people.
    experiment : Experiment
        The scenario made ready.
    replications : range
        Which replications.
    estimated : bool
        Whether estimates and bills are asked for (a cell), or what the replications gave (a block).
    """

    name: str
    experiment: Experiment = field(repr=False)
    replications: range
    estimated: bool

    @property
    def effort(self) -> float:
        """Expected number of jobs and requests to serve, under all plans."""
        return effort(self.experiment) * len(self.replications)

    @cached_property
    def key(self) -> str:
        """Hash of all that the results hang on: program, scenario, its files, seed, engine, replications."""
        experiment = self.experiment
        asked = {
            "program": made_by(),
            "scenario": values_used(experiment.scenario),
            "files": files_sha256(experiment.scenario),
            "seed": experiment.seed,
            "engine": experiment.engine,
            "replications": [self.replications.start, self.replications.stop],
            "estimated": self.estimated,
        }
        return hashlib.sha256(json.dumps(asked, default=str).encode()).hexdigest()

    def computed(self) -> Any:
        """Do the work."""
        return self.told(run_all(self.experiment, self.replications.stop, first=self.replications.start))

    def pieces(self) -> list[range]:
        """Cut the replications into pieces of a size that suits the processor."""
        return list(self.experiment.pieces(self.replications.stop, self.replications.start))

    def told(self, outcomes: dict[str, Outcome]) -> Any:
        """Give of what the replications gave what is asked for."""
        if not self.estimated:
            return outcomes
        bills = {name: outcome.bills for name, outcome in outcomes.items()}
        return {"result": result(self.experiment, outcomes), "bills": bills}

    def packed(self, found: Any) -> bytes:
        """Lay out what came of the work: what is kept and what travels."""
        return pack(found if self.estimated else {name: packed(outcome) for name, outcome in found.items()})

    def unpacked(self, kept: bytes) -> Any:
        """Take back what came of the work."""
        found = unpack(kept)
        return found if self.estimated else {name: unpacked(arrays) for name, arrays in found.items()}


def effort(experiment: Experiment) -> float:
    """Tell the expected number of jobs and requests of a replication, under all plans."""
    return (experiment.jobs_expected + 1) * len(experiment.tunings)


def compute(unit: Unit) -> bytes:
    """Do the work of a unit, and lay out what came of it: what is kept and what travels."""
    return unit.packed(unit.computed())


def computed(unit: Unit) -> Any:
    """Do the work of a unit."""
    return unit.computed()


def blocks(experiment: Experiment, replications: int, first: int = 0, ends: Sequence[int] = ()) -> list[Unit]:
    """Cut the replications of a run into units of some seconds, or longer ones where those would be many.

    They are also cut where earlier runs ``ended``, so that what those kept is found.
    """
    length = max(1, math.ceil(_EFFORT_A_BLOCK / effort(experiment)))
    while math.ceil((replications - first) / length) > _MOST_BLOCKS:
        length *= 2
    inside = {*range((first // length + 1) * length, replications, length), *ends}
    cuts = [first, *sorted(cut for cut in inside if first < cut < replications), replications]
    pieces = [range(begin, end) for begin, end in itertools.pairwise(cuts)]
    return [Unit(f"replications {each.start} to {each.stop - 1}", experiment, each, False) for each in pieces]


class Runner(Protocol):
    """Who does units of work, and gives each with its result, or with a ``Failure``, as they are done.

    When ``stopped`` says so no other unit is begun; those under way are still given. ``packs``: results travel, so they
    are laid out as bytes.
    """

    @property
    def packs(self) -> bool:
        """Whether results have to be bytes."""

    def __call__(
        self, work: Callable[[Unit], Any], units: Sequence[Unit], stopped: Callable[[], bool], /
    ) -> Iterator[tuple[Unit, Any]]:
        """Do the work of all units, in the order in which they are given as far as that can be."""


class InPieces:
    """Does blocks by threads of this process that share each block's replications."""

    packs = False

    def __init__(self, jobs: int = 0, progress: Progress | None = None) -> None:
        self.jobs, self.progress = jobs, progress

    def __call__(
        self, work: Callable[[Unit], Any], units: Sequence[Unit], stopped: Callable[[], bool]
    ) -> Iterator[tuple[Unit, Any]]:
        """Do all blocks, the next one's replications while the last of the one before are under way."""
        pieces = {
            id(unit): list(unit.experiment.pieces(unit.replications.stop, unit.replications.start)) for unit in units
        }
        left = {id(unit): len(pieces[id(unit)]) for unit in units}
        gathered = {id(unit): Gathered(unit.replications.start, len(unit.replications)) for unit in units}
        told, failed = Told(self.progress, sum(left.values())), dict[int, Failure]()

        def tasks() -> Iterator[tuple[Unit, range]]:
            for unit in units:
                if stopped():
                    return
                for piece in pieces[id(unit)]:
                    yield unit, piece

        def one(task: tuple[Unit, range]) -> None:
            with told.within((id(task[0]), task[1])):
                gathered[id(task[0])].add(task[1], run_piece(task[0].experiment, task[1]))

        for (unit, piece), came in Threads(self.jobs)(one, tasks(), never):
            number = id(unit)
            left[number] -= 1
            if isinstance(came, Failure):
                failed[number] = came
            told.done((number, piece))
            if not left[number]:
                outcomes = gathered.pop(number)
                yield unit, failed.get(number) or unit.told(outcomes.outcomes())


def never() -> bool:
    """Tell that nobody asked to stop."""
    return False


def unwatched() -> AbstractContextManager[Callable[[], bool]]:
    """Let nobody ask to stop."""
    return nullcontext(never)


@dataclass(frozen=True)
class Means:
    """By what means units are done.

    Attributes
    ----------
    store : Store, optional
        Where results are kept as they come, and looked for first.
    runner : Runner, optional
        Who does the units, in place of threads of this process.
    watch : callable
        Gives, while units are done, what tells whether somebody asked to stop.
    tell : callable
        Takes a line about what was there already.
    what : str
        What the units are, in such lines.
    ends : sequence of int
        Numbers of replications of earlier runs whose blocks may be there.
    """

    store: Store | None = None
    runner: Runner | None = None
    watch: Callable[[], AbstractContextManager[Callable[[], bool]]] = unwatched
    tell: Callable[[str], None] = lambda _: None
    what: str = "units"
    ends: Sequence[int] = ()


NO_MEANS: Final = Means()


def share_of(units: Sequence[Unit], share: tuple[int, int]) -> list[Unit]:
    """Take the i-th of n shares of some units; each has of the large and of the small ones."""
    largest_first = sorted(units, key=lambda unit: -unit.effort)
    return largest_first[share[0] - 1 :: share[1]]


def all_done(
    units: Sequence[Unit], runner: Runner, means: Means = NO_MEANS, progress: Progress | None = None
) -> list[Any]:
    """Do all units, the largest first, and give what came of each, in their order; what is kept is not done again.

    Raises
    ------
    UnfinishedError
        When some failed; the others were done first.
    StoppedError
        When somebody asked to stop before all were done.
    """
    found = {id(unit): came for unit, came in _kept(units, means)}
    missing = sorted((unit for unit in units if id(unit) not in found), key=lambda unit: -unit.effort)
    if means.store is not None and found:
        means.tell(f"{len(found)} of {len(units)} {means.what} are there already; {len(missing) or 'nothing'} to do")
    failed: dict[str, Failure] = {}
    with means.watch() as stopped:
        for done, (unit, came) in enumerate(_done(missing, means.runner or runner, means.store, stopped), 1):
            if isinstance(came, Failure):
                failed[unit.name] = came
            else:
                found[id(unit)] = came
            if progress is not None:
                progress(done, len(missing))
        if len(found) + len(failed) < len(units):
            raise StoppedError(len(found), len(units), means.what)
    if failed:
        raise UnfinishedError(failed, len(units), means.what)
    return [found[id(unit)] for unit in units]


def _kept(units: Iterable[Unit], means: Means) -> Iterator[tuple[Unit, Any]]:
    """Give the units that are in the store, with what came of them."""
    if means.store is None:
        return
    others = means.store.made_by_others(made_by())
    if others:
        means.tell(f"{others} {means.what} were computed by another version of the program; they are computed again")
    for unit in units:
        kept = means.store.get(unit.key)
        if kept is None:
            continue
        try:
            yield unit, unit.unpacked(kept)
        except (PackError, KeyError, ValueError):  # right by its checksum, so written wrong
            means.store.drop(unit.key)


def _done(
    units: Sequence[Unit], runner: Runner, store: Store | None, stopped: Callable[[], bool]
) -> Iterator[tuple[Unit, Any]]:
    """Do units, and keep each as soon as it is done."""
    for unit, came in runner(compute if runner.packs else computed, units, stopped):
        if isinstance(came, Failure):
            yield unit, came
            continue
        if store is not None:
            store.put(unit.key, unit.name, made_by(), came if runner.packs else unit.packed(came))
        yield unit, unit.unpacked(came) if runner.packs else came
