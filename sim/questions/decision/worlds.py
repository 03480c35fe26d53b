"""What each plan costs month by month in one future. Not here: which strategy pays it, and when (``cash``)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.ground.scenario import Scenario
from sim.ground.units import Floats
from sim.questions.decision.periods import Period, during, periods
from sim.study.fitness import reason_unfit
from sim.study.fold import Fold
from sim.study.simulate import Experiment
from sim.study.windows import Windows, by_window


@dataclass(frozen=True)
class Months:
    """One plan in one future.

    Attributes
    ----------
    lines : float64[R, months, len(LINES)]
        USD at the scenario's prices.
    jobs : float64[R, months]
        Counted jobs and requests, by the month they came in.
    unfit : str or None
        Why it does not do the work of the others.
    """

    lines: Floats
    jobs: Floats
    unfit: str | None


Told = tuple[Windows, dict[str, Fold]]
"""Of a plan, its money by window, and what became of the jobs of each class."""


def world(scenario: Scenario, seed: int, replications: Sequence[int], engine: str = "kernel") -> dict[str, Months]:
    """Simulate the months of a decision under each plan that a strategy may take.

    Parameters
    ----------
    scenario : Scenario
        Nothing in it is uncertain.
    seed : int
        Of all streams.
    replications : sequence of int
        Their numbers; each is the same in whatever company. Plans share their noise, periods do not.
    engine : {"kernel", "simpy"}
        Who serves.

    Returns
    -------
    dict of Months
        By plan.

    Raises
    ------
    InputError
        When a trace is refused, or growth brings more jobs than can be simulated.
    LookupError
        When the span is not known.

    Notes
    -----
    The span begins when the warm-up of the first period ends. Where all of a period is simulated, its months are those
    of the clock. Of a sample, money and jobs are scaled up by hours and spread evenly over the months of the period:
    the demand of the sample is the mean demand of the period, growth within it included, so the sum has no bias where
    money is in proportion to demand. Fitness is that of all simulated jobs together.
    """
    asked = [(period, during(scenario, period)) for period in periods(scenario)]
    parts = [(period, _simulated(made, period, seed, replications, engine)) for period, made in asked]
    return {name: _joined(scenario, [(period, part[name]) for period, part in parts]) for name in parts[0][1]}


def _simulated(
    scenario: Scenario, period: Period, seed: int, replications: Sequence[int], engine: str
) -> dict[str, Told]:
    """Run a period under all its plans."""
    ready = Experiment.of(scenario, period.seed(seed), engine)
    pieces = [_piece(ready, [replications[place] for place in piece]) for piece in ready.pieces(len(replications))]
    return {name: _together([piece[name] for piece in pieces]) for name in scenario.plans}


def _piece(ready: Experiment, replications: Sequence[int]) -> dict[str, Told]:
    """Run some replications under all plans: one path, every plan."""
    work, found = ready.work(replications), {}
    for name in ready.scenario.plans:
        served = ready.served(name, work)
        found[name] = by_window(ready, name, served), ready.unpriced(name, served)
    return found


def _together(pieces: Sequence[Told]) -> Told:
    """Put successive replications together."""
    windows = [each for each, _ in pieces]
    joined = Windows(*(np.concatenate([getattr(each, name) for each in windows]) for name in ("lines", "jobs")))
    return joined, _all_folds([folds for _, folds in pieces])


def _all_folds(parts: Sequence[dict[str, Fold]]) -> dict[str, Fold]:
    """Put the folds of each class together."""
    return {name: Fold.joined([part[name] for part in parts]) for name in parts[0]}


def _joined(scenario: Scenario, parts: Sequence[tuple[Period, Told]]) -> Months:
    """Put the periods of a plan one after the other."""
    lines = [_by_month(period, windows.lines) for period, (windows, _) in parts]
    jobs = [_by_month(period, windows.jobs) for period, (windows, _) in parts]
    folds = _all_folds([folds for _, (_, folds) in parts])
    return Months(np.concatenate(lines, axis=1), np.concatenate(jobs, axis=1), reason_unfit(scenario, folds))


def _by_month(period: Period, values: Floats) -> Floats:
    """Scale the one window of a sample up to its period, in equal months; where all is simulated windows are months."""
    if period.whole:
        return values
    return np.repeat(values * (period.hours / period.sampled_hours / period.months), period.months, axis=1)
