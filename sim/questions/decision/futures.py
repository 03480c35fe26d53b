"""Futures: what a scenario may turn out to be, each a plain scenario with its prices and events by the month.

A future does not depend on how many are drawn, nor on the order of uncertain numbers: each has a stream of its own.
Not here: what plans cost in one (``worlds``, ``cash``).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, takewhile
from typing import Final, cast

import numpy as np

from sim.engine.workload.streams import stream
from sim.ground.faults import Fault, InputError, nearest
from sim.ground.scenario import Scenario, Tree, build, with_settings
from sim.ground.scenario.decision import PRICE_KINDS, Decision, Event, PriceKind, PricePath, Steps
from sim.ground.scenario.decision_misfits import completed
from sim.ground.scenario.read import values_used
from sim.ground.scenario.uncertain import Scalar, factor, groups, pairs_of
from sim.ground.units import Floats

MONTHS_PER_YEAR: Final = 12
_MOST_LOG: Final = math.log(1e9)
"""Prices move by a factor of 1e9 at most, so that no sum of them overflows."""


@dataclass(frozen=True)
class Future:
    """One way in which what is uncertain may turn out.

    Attributes
    ----------
    number : int
        Which one; its replications have numbers of their own. The central future and those at quantiles have 0.
    scenario : Scenario
        With this future's numbers; nothing in it is uncertain, and nothing of its ``decision`` is left unsaid.
    values : dict
        By dotted key, what each uncertain number turns out to be.
    prices : dict of float64[months]
        By kind, the factor on today's price in each month, for what is paid by use; month 0 is the first. 1 where no
        path is stated.
    openings : dict of float64[months]
        The same at the beginning of each month, for what is bought then and for who decides then; month 0 is today.
    events : dict
        By name, the month (from 0, fractions count) at which it happens; None: not within the span.
    """

    number: int
    scenario: Scenario
    values: dict[str, Scalar]
    prices: dict[str, Floats] = field(repr=False)
    openings: dict[str, Floats] = field(repr=False)
    events: dict[str, float | None]

    def stepped(self, kind: str) -> float:
        """Tell by how many times steps alone have moved a price by the last month: over its factor without them."""
        path = _decision(self.scenario)[0].prices[cast(PriceKind, kind)]
        months = len(self.prices[kind])
        without = _factors(path, [months - 0.5], [], math.floor(_rises(path, self.events, months)))
        return float(f"{self.prices[kind][-1] / without[0]:.12g}")  # alike for the same number of steps


@dataclass(frozen=True)
class Course:
    """What happens of itself in one future: instants of price steps, and which events come."""

    steps: Callable[[str, Steps, int], list[float]]
    happens: Callable[[str, Event], bool]


def _poisson(seed: int, number: int) -> Course:
    """Draw the course of a future: gaps of price steps of mean 1, scaled; a uniform number for each event."""

    def steps(kind: str, each: Steps, months: int) -> list[float]:
        draws, gap = stream(seed, number, f"future/steps/{kind}"), float(each.every_months)
        instants = accumulate(iter(lambda: gap * float(draws.standard_exponential()), None))
        return list(takewhile(lambda instant: instant < months, instants))

    def happens(name: str, event: Event) -> bool:
        return float(stream(seed, number, f"future/event/{name}").random()) < float(event.probability)

    return Course(steps, happens)


def _regular() -> Course:
    """Give the central course: price steps at equal gaps, events that come with a probability of a half or more."""

    def steps(kind: str, each: Steps, months: int) -> list[float]:
        gap = float(each.every_months)
        return [gap * number for number in range(1, math.ceil(months / gap))]

    return Course(steps, lambda name, event: float(event.probability) >= 0.5)


def _scores(scenario: Scenario, seed: int, number: int) -> dict[str, float]:
    """Draw a standard normal score for each uncertain number, correlated as stated (Gaussian copula)."""
    scores = {key: float(stream(seed, number, f"future/{key}").standard_normal()) for key in scenario.uncertain}
    pairs = pairs_of(scenario.correlations)
    for keys in groups(pairs):
        own = [scores[key] for key in keys]
        rows = factor(keys, pairs) or ()  # judged at the door
        scores |= {
            key: math.fsum(weight * score for weight, score in zip(row, own[: len(row)], strict=True))
            for key, row in zip(keys, rows, strict=True)
        }
    return scores


def draw(scenario: Scenario, seed: int, number: int) -> Future:
    """Draw one future.

    Parameters
    ----------
    scenario : Scenario
        With its uncertain numbers.
    seed : int
        Of all streams.
    number : int
        Which future, from 0; it is the same however many are drawn.

    Raises
    ------
    InputError
        When the numbers drawn make no scenario together, or the span is not known.

    References
    ----------
    Nelsen, An Introduction to Copulas (2nd ed., 2006), 2.9: the Gaussian copula.
    """
    scores = _scores(scenario, seed, number)
    values = {key: law.at(scores[key]) for key, law in scenario.uncertain.items()}
    return _made(scenario, values, _poisson(seed, number), number)


def central(scenario: Scenario, seed: int) -> Future:
    """Give the future in which every number is its central value.

    Price steps come at equal gaps of ``every_months``; events happen where their probability is a half or more.
    """
    return at(scenario, seed, {})


def at(scenario: Scenario, seed: int, quantiles: Mapping[str, float], number: int | None = None) -> Future:
    """Give the future in which some uncertain numbers are at quantiles and the others central.

    Parameters
    ----------
    scenario, seed
        As of ``draw``.
    quantiles : mapping
        Dotted keys and probabilities in (0, 1); below 0.001 and above 0.999 it is those.
    number : int, optional
        Whose price steps and events come; without it, the central course.

    Raises
    ------
    InputError
        For a key that is not uncertain or a quantile outside (0, 1), and as of ``draw``.
    """
    for key, share in quantiles.items():
        if key not in scenario.uncertain:
            raise InputError.one("quantiles", f"`{key}` is not uncertain; {nearest(key, scenario.uncertain)}")
        if not 0 < share < 1:
            raise InputError.one("quantiles", f"{key} must be between 0 and 1, got {share!r}")
    values = {
        key: law.quantile(quantiles[key]) if key in quantiles else law.center for key, law in scenario.uncertain.items()
    }
    course = _regular() if number is None else _poisson(seed, number)
    return _made(scenario, values, course, number or 0)


def _made(scenario: Scenario, values: dict[str, Scalar], course: Course, number: int) -> Future:
    """Put values into a scenario, and let its events and prices take their course."""
    plain = _with(scenario, values, number)
    decision, months = _decision(plain)
    events = {
        name: month if (month := float(event.after_months)) < months and course.happens(name, event) else None
        for name, event in decision.events.items()
    }
    prices: dict[str, Floats] = {kind: np.ones(months) for kind in PRICE_KINDS}
    openings = dict(prices)
    for kind, path in decision.prices.items():
        steps = [] if path.steps is None else course.steps(kind, path.steps, months)
        rises = _rises(path, events, months)
        prices[kind] = _factors(path, [month + 0.5 for month in range(months)], steps, math.floor(rises))
        openings[kind] = _factors(path, range(months), steps, rises)
    return Future(number, plain.model_copy(update={"decision": decision}), values, prices, openings, events)


def _with(scenario: Scenario, values: dict[str, Scalar], number: int) -> Scenario:
    """Put values into the places of uncertain numbers."""
    words = [str(case) for law in scenario.uncertain.values() for _, case in law.ends]
    tree = Tree(values_used(scenario.certain, words), file=scenario.name, flag=f"future {number}")
    try:
        return build(with_settings(tree, values), scenario.folder, ends=False)
    except InputError as refused:
        way_out = "these uncertain numbers make no scenario together; narrow them"
        raise InputError([Fault(fault.where, f"{fault.text}; {way_out}") for fault in refused.faults]) from None


def _decision(scenario: Scenario) -> tuple[Decision, int]:
    """Complete the decision of a scenario; give its span too."""
    try:
        decision = completed(scenario)
    except LookupError as missing:
        raise InputError.one(scenario.name, f"decision.months {missing}") from None
    return decision, int(decision.months or 0)


def _factors(path: PricePath, instants: Sequence[float], steps: list[float], rises: float) -> Floats:
    """Give the factor on a price at instants, in months: its drift, the steps up to there, its rise from then on."""
    drift = math.log1p(float(path.percent_a_year) / 100) / MONTHS_PER_YEAR
    jump = 0.0 if path.steps is None else math.log1p(float(path.steps.percent) / 100)
    times = 1.0 if path.rise is None else float(path.rise.times)
    found = []
    for instant in instants:
        moved = drift * instant + jump * sum(step <= instant for step in steps)
        risen = times if instant >= rises else 1.0
        found.append(math.exp(min(max(moved, -_MOST_LOG), _MOST_LOG)) * risen)
    return np.array(found)


def _rises(path: PricePath, events: dict[str, float | None], months: int) -> float:
    """Tell from which instant on a price has risen, in months; the span's end where it does not."""
    if path.rise is None:
        return float(months)
    begins = path.rise.after_months if path.rise.event is None else events[path.rise.event]
    return float(months if begins is None else begins)
