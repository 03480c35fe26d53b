"""Units of work: what is computed, kept and tried again as one. A cell of a sweep, or a block of replications of a run.

Not here: where they are kept (``sim.store``), and who does them (``threads``, ``sim.cluster``).
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from sim.faults import Failure, UnfinishedError
from sim.files import made_by
from sim.scenario.read import values_used
from sim.scenario.reads import files_sha256
from sim.study.packed import pack, unpack
from sim.study.result import result
from sim.study.simulate import Experiment
from sim.study.threads import Progress


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
        outcomes = self.experiment.all(self.replications.stop, first=self.replications.start)
        if not self.estimated:
            return outcomes
        bills = {name: outcome.bills for name, outcome in outcomes.items()}
        return {"result": result(self.experiment, outcomes), "bills": bills}


def effort(experiment: Experiment) -> float:
    """Tell the expected number of jobs and requests of a replication, under all plans."""
    return (experiment.jobs_expected + 1) * len(experiment.tunings)


def compute(unit: Unit) -> bytes:
    """Do the work of a unit, and lay out what came of it: what is kept and what travels."""
    return pack(unit.computed())


def computed(unit: Unit) -> Any:
    """Do the work of a unit."""
    return unit.computed()


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
        """Do the work of all units, in the order of which they are given as far as that can be."""


def never() -> bool:
    """Tell that nobody asked to stop."""
    return False


def all_done(
    units: Sequence[Unit], runner: Runner, progress: Progress | None = None, stopped: Callable[[], bool] = never
) -> list[Any]:
    """Do all units, the largest first, and give what came of each, in their order.

    Raises
    ------
    UnfinishedError
        When some failed; the others were done first.
    """
    found: dict[int, Any] = {}
    numbers = {id(unit): number for number, unit in enumerate(units)}
    failed: dict[str, Failure] = {}
    largest_first = sorted(units, key=lambda unit: -unit.effort)
    for done, (unit, came) in enumerate(runner(compute if runner.packs else computed, largest_first, stopped), 1):
        if isinstance(came, Failure):
            failed[unit.name] = came
        else:
            found[numbers[id(unit)]] = unpack(came) if runner.packs else came
        if progress is not None:
            progress(done, len(units))
    if failed:
        raise UnfinishedError(failed, len(units))
    return [found[number] for number in range(len(units))]
