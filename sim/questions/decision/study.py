"""A decision, carried through all futures: each is drawn, simulated, paid for; then all of them are judged."""

from dataclasses import dataclass, field
from typing import Any

from sim.ground.faults import InputError
from sim.ground.scenario import Scenario
from sim.questions.decision.cash import flows
from sim.questions.decision.futures import Future, draw
from sim.questions.decision.outcomes import Outcome, Outcomes
from sim.questions.decision.result import result
from sim.questions.decision.worlds import world
from sim.study.compare import warnings
from sim.study.simulate import Experiment
from sim.study.study import check_futures, check_how, check_replications, chosen_seed
from sim.study.threads import Progress, mapper, pool

_NO_WARNING = 10**6  # replications: that percentiles of a bill need more of them is no matter here
_OF_RUNS = ("uncertain", "stages")  # what a run leaves out, and a decision does not


@dataclass(frozen=True)
class Decided(Outcomes):
    """What every strategy came to in every future, and what that says.

    Attributes
    ----------
    result : dict
        Everything estimated, by the keys of the JSON contract.
    """

    result: dict[str, Any] = field(repr=False)


def check_decision(futures: int, replications: int, seed: int | None, jobs: int, engine: str) -> None:
    """Refuse numbers that no decision can have."""
    check_futures(futures)
    check_replications(replications)
    check_how(seed, jobs, engine)


def one_future(
    scenario: Scenario, seed: int, number: int, replications: int, engine: str
) -> tuple[tuple[str, ...], Outcome]:
    """Carry one future through: draw it, simulate it, pay for it. Its replications are its own, the same for all plans.

    Raises
    ------
    InputError
        Where what was drawn makes a scenario that is refused: with the future and its values.
    """
    future = draw(scenario, seed, number)
    numbers = range(number * replications, (number + 1) * replications)
    try:
        found = flows(future, world(future.scenario, seed, numbers, engine))
    except InputError as refused:
        raise InputError.one(_which(future), f"cannot be: {refused.faults[0]}") from refused
    return tuple(found), Outcome.of(future, found)


def _which(future: Future) -> str:
    """Name a future and what was drawn for it."""
    drawn = ", ".join(f"{key}={_short(value)}" for key, value in future.values.items())
    return f"{future.scenario.name}: future {future.number}" + (f" ({drawn})" if drawn else "")


def _short(value: float | str | bool | None) -> str:
    """Write a drawn value."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def decide(
    scenario: Scenario,
    futures: int = 500,
    replications: int = 4,
    seed: int | None = None,
    jobs: int = 0,
    engine: str = "kernel",
    progress: Progress | None = None,
) -> Decided:
    """Decide among the strategies of a scenario: what each costs in every future, and which is regretted least.

    Parameters
    ----------
    scenario : Scenario
        With what is uncertain; without a decision of its own each plan is a strategy over the horizon.
    futures : int
        How many are drawn.
    replications : int
        How often each future is simulated; all strategies see the same noise.
    seed : int, optional
        Overrides the scenario's; where neither states one it is drawn and recorded.
    jobs : int
        Threads; 0 for one a processor. The results do not depend on it.
    engine : {"kernel", "simpy"}
        The product, or the reference it is held to.
    progress : callable, optional
        Called with futures done and futures in all.

    Returns
    -------
    Decided

    Raises
    ------
    InputError
        When a future's values are refused, or futures, replications, seed, jobs or engine are none that can be.
    """
    check_decision(futures, replications, seed, jobs, engine)
    chosen = chosen_seed(scenario, seed)

    def carried(number: int) -> tuple[tuple[str, ...], Outcome]:
        return one_future(scenario, chosen, number, replications, engine)

    with pool(jobs) as executor:
        found = list(mapper(executor, progress)(carried, range(futures)))
    strategies, outcomes = found[0][0], [outcome for _, outcome in found]
    known = Outcomes.joined(scenario, chosen, strategies, outcomes)
    told = warnings(Experiment.of(scenario, chosen, engine), _NO_WARNING)
    warned = [each for each in told if each["code"] not in _OF_RUNS]
    return Decided(**vars(known), result=result(known, warned))
