"""What a report tells of: a run, a sweep, what would turn its verdict, and the decision where there is one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from sim.decision import Decided, decide
from sim.decision.matters import Mattered, matters
from sim.report.swept import Vary, arrival_rate
from sim.report.turns import Turn
from sim.scenario import Scenario
from sim.study import Grid, Study, run, sweep
from sim.study.study import Progress, chosen_seed

FUTURES: Final = 200
"""Futures that a decision in a report draws unless it is told; ``decide`` by itself draws more."""
_REPLICATIONS = 4
"""Of each future."""

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


def gather(
    scenario: Scenario,
    vary: Vary | None = None,
    replications: int = 200,
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
    replications : int
        Of the run and of each value of the sweep.
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
    study = run(scenario, replications, *how, progress=tell("replications, in pieces"))
    grid = sweep(scenario, varied, replications, *how, progress=tell("values of the sweep")) if varied else None
    turns: tuple[Turn, ...] = ()
    mattered = matters(scenario, (), futures, _REPLICATIONS, 0, *how, tell) if scenario.uncertain else None
    decided = None if mattered is None else mattered.decided
    if mattered is None and scenario.decision is not None:
        decided = decide(scenario, futures, _REPLICATIONS, *how, progress=tell("futures"))
    return Findings(study, varied, grid, turns, decided, mattered)
