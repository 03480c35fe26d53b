"""What a report tells of: a run, a sweep, what would turn its verdict, and the decision where there is one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from sim.doors.report.swept import Vary, arrival_rate, to_sweep
from sim.doors.report.swept import replications as default_replications
from sim.ground.scenario import Scenario
from sim.ground.scenario.decision_misfits import completed
from sim.questions.decision import Decided, decide
from sim.questions.decision.matters import Mattered, matters
from sim.questions.search.effort import shortened
from sim.questions.search.turning import Turn, turning_points, turning_result
from sim.study import Grid, Study, run, sweep
from sim.study.study import chosen_seed
from sim.study.threads import Progress

FUTURES: Final = 500
"""Futures that a decision in a report draws unless it is told: as many as ``decide`` does."""
_REPLICATIONS = 4
"""Of each future."""
_OF_TURNS = 20
"""Replications that the search for turning points begins with, at most."""
_MOST_OF_TURNS = 24e6
"""Work of that search, in microseconds as ``sim.questions.search.effort`` estimates them."""

Teller = Callable[[str], Progress | None]
"""From what is being done to who is told how far it is."""


@dataclass(frozen=True)
class Findings:
    """Everything that a report tells.

    Attributes
    ----------
    study : Study
        The scenario as it stands.
    vary : dict
        The key that was swept, with its values; empty where nothing can be.
    grid : Grid or None
        The sweep.
    turns : tuple of Turn
        How far each number must move, alone, until another plan is the cheapest.
    decided : Decided or None
        Where something is uncertain or decided over months.
    mattered : Mattered or None
        Where something is uncertain.
    """

    study: Study
    vary: dict[str, list[Any]]
    grid: Grid | None = field(repr=False)
    turns: tuple[Turn, ...] = field(repr=False)
    decided: Decided | None = field(default=None, repr=False)
    mattered: Mattered | None = field(default=None, repr=False)

    @property
    def scenario(self) -> Scenario:
        """What was asked."""
        return self.study.scenario

    @property
    def swept_over(self) -> str | None:
        """Over how much of the horizon the sweep goes; None where it is all of it."""
        return None if self.grid is None else shortened(self.scenario, self.grid.scenario)

    @property
    def turning(self) -> dict[str, Any]:
        """The turning points by the keys of the JSON contract."""
        return turning_result(self.study, self.turns, min(_OF_TURNS, self.study.replications))


def undecided(scenario: Scenario) -> str | None:
    """Say why nothing can be decided over months though something is uncertain; None where it can, or nothing is."""
    if not scenario.uncertain and scenario.decision is None:
        return None
    try:
        completed(scenario)
    except LookupError as missing:
        return f"nothing is decided over months: decision.months {missing}"
    return None


def gather(
    scenario: Scenario,
    vary: Vary | None = None,
    replications: int | None = None,
    seed: int | None = None,
    jobs: int = 0,
    engine: str = "kernel",
    futures: int = FUTURES,
    tell: Teller = lambda _: None,
) -> Findings:
    """Do all the work of a report.

    Parameters
    ----------
    scenario : Scenario
        What is asked.
    vary : mapping, optional
        One dotted key with its values; the arrival rate of the first class if not given.
    replications : int, optional
        Of the run and of each value of the sweep; if not given as many as ``swept`` says, which may be fewer in the
        sweep. What is too much work for a report is swept over the beginning of the horizon.
    seed, jobs, engine
        As of ``run``.
    futures : int
        Of the decision, where there is one.
    tell : callable
        Gives, for each part of the work, who is told how far it is.

    Raises
    ------
    InputError
        As of ``run``, ``sweep`` and ``matters``.
    """
    how = chosen_seed(scenario, seed), jobs, engine
    varied = {key: list(values) for key, values in (arrival_rate(scenario) if vary is None else vary).items()}
    count = default_replications(scenario) if replications is None else replications
    study = run(scenario, count, *how, progress=tell("replications, in pieces"))
    grid = None
    if varied:
        swept, fitting = to_sweep(scenario, varied)
        grid = sweep(swept, varied, replications or fitting, *how, progress=tell("values of the sweep"))
    told = tell("turning points, by number moved")
    turns = turning_points(study, None, min(_OF_TURNS, count), jobs, told, _MOST_OF_TURNS)
    decides = undecided(scenario) is None
    mattered = matters(scenario, (), futures, _REPLICATIONS, 0, *how, tell) if decides and scenario.uncertain else None
    decided = None if mattered is None else mattered.decided
    if mattered is None and decides and scenario.decision is not None:
        decided = decide(scenario, futures, _REPLICATIONS, *how, progress=tell("futures"))
    return Findings(study, varied, grid, turns, decided, mattered)
