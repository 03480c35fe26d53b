"""What strategies cost where inputs are moved to: the places, the money there, and chances that futures drew."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sim.ground.faults import InputError
from sim.ground.scenario import Scenario
from sim.ground.scenario.uncertain import Cases, Spread
from sim.questions.decision.cash import flows
from sim.questions.decision.futures import at, draw
from sim.questions.decision.information import Value
from sim.questions.decision.outcomes import Outcome
from sim.questions.decision.sobol import evaluations
from sim.questions.decision.tornado import End, Money, Quantiles
from sim.questions.decision.worlds import world

DECILES: Final = (0.1, 0.9)


@dataclass(frozen=True)
class Places:
    """Tells what strategies cost with inputs at some quantiles, all others central, on the same paths each time.

    Attributes
    ----------
    scenario : Scenario
        With what is uncertain.
    seed, replications, engine
        As of ``decide``; the replications are those of its first future.
    """

    scenario: Scenario
    seed: int
    replications: int
    engine: str

    def __call__(self, quantiles: Quantiles) -> Money:
        """Carry the future at these quantiles through.

        Raises
        ------
        InputError
            Where the inputs there make a scenario that is refused: with the quantiles.
        """
        try:
            future = at(self.scenario, self.seed, dict(quantiles))
            found = flows(future, world(future.scenario, self.seed, range(self.replications), self.engine))
        except InputError as refused:
            moved = ", ".join(f"{key} at its {100 * share:.3g} % quantile" for key, share in quantiles.items())
            where = f"{self.scenario.name}: {moved or 'all inputs central'}"
            raise InputError.one(where, f"cannot be: {refused.faults[0]}") from refused
        outcome = Outcome.of(future, found)
        return Money(outcome.npv, tuple(reason is None for reason in outcome.reasons))


def ends(scenario: Scenario) -> dict[str, tuple[End, ...]]:
    """List the places that each uncertain input is moved to: its deciles, or the middle of each case."""
    return {key: tuple(_ends(law)) for key, law in scenario.uncertain.items()}


def _ends(law: Spread | Cases) -> Iterable[End]:
    if isinstance(law, Spread):
        return (End(share, law.quantile(share)) for share in DECILES)
    return (End(share, case) for share, case in law.middles)


def announced(scenario: Scenario, points: int) -> str:
    """Say how many times a decision is carried through besides its futures."""
    places = 1 + sum(len(each) for each in ends(scenario).values())
    told = f"{places} places of single inputs"
    if not points or scenario.correlations:
        return told
    return f"{told}, {evaluations(len(scenario.uncertain), points)} points of Sobol's indices"


def chances(scenario: Scenario, seed: int, futures: int) -> dict[str, list[Value]]:
    """Tell of each future what chance alone decided: when an event comes, and how far steps moved a price by the end.

    Parameters
    ----------
    scenario : Scenario
        With what is uncertain.
    seed : int
        Of the futures.
    futures : int
        How many were drawn.

    Returns
    -------
    dict of lists
        By dotted key: the month of an event that may not come (None: it does not), by how many times steps alone have
        moved a price in the last month.
    """
    decision = scenario.decision
    if decision is None:
        return {}
    steps = [kind for kind, path in decision.prices.items() if path.steps is not None]
    events = [name for name, each in decision.events.items() if each.probability < 1]
    if not steps and not events:
        return {}
    drawn = [draw(scenario, seed, number) for number in range(futures)]
    months: dict[str, list[Value]] = {
        f"decision.events.{name}": [each.events[name] for each in drawn] for name in events
    }
    return months | {f"decision.prices.{kind}.steps": [each.stepped(kind) for each in drawn] for kind in steps}
