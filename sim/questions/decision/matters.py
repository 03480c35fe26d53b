"""What matters in a decision: each input moved alone, its share of the spread, and what knowing it is worth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from sim.ground.faults import InputError, nearest
from sim.ground.scenario import Scenario
from sim.questions.decision.information import Information, information
from sim.questions.decision.places import Places, chances, ends
from sim.questions.decision.sobol import Share, sobol
from sim.questions.decision.study import Decided, check_decision, decide
from sim.questions.decision.tornado import Bar, Leg, Mapper, Measure, Quantiles, Tornado, alone, difference, tornado
from sim.study.study import chosen_seed
from sim.study.threads import Progress, mapper, pool

SCHEMA: Final = 1
LEAST_POINTS, MOST_POINTS = 16, 2**16

Json = dict[str, Any]
Teller = Callable[[str], Progress | None]
"""From what is being done to who is told how far it is."""

_CORRELATED: Final = "inputs are correlated, so the variance cannot be shared out among them"


@dataclass(frozen=True)
class Mattered:
    """What matters in a decision.

    Attributes
    ----------
    decided : Decided
        The decision, on whose futures the worth of information rests.
    measured : tuple of str
        The strategy whose present value is measured; or two, and it is what the first costs more than the second.
    tornado : Tornado
        Each input moved alone.
    shares : tuple of Share
        Of the variance of the measure; empty where they were not asked for or cannot be told.
    information : Information
        What knowing each input is worth.
    result : dict
        All of it, by the keys of the JSON contract.
    """

    decided: Decided = field(repr=False)
    measured: tuple[str, ...]
    tornado: Tornado
    shares: tuple[Share, ...]
    information: Information
    result: Json = field(repr=False)


def strategies_of(scenario: Scenario) -> tuple[str, ...]:
    """Name the strategies of a scenario: those of its decision, or its plans."""
    stated = () if scenario.decision is None else tuple(scenario.decision.strategies)
    return stated or tuple(scenario.plans)


def check_matters(scenario: Scenario, measured: Sequence[str], points: int) -> None:
    """Refuse what cannot be asked: nothing uncertain, strategies that are not known, a number of points that is none.

    Raises
    ------
    InputError
        With what to do.
    """
    if not scenario.uncertain:
        text = "holds nothing uncertain, so no input can matter; give {p10: .., p90: ..} to a number"
        raise InputError.one(scenario.name, text)
    names = strategies_of(scenario)
    for name in measured:
        if name not in names:
            raise InputError.one("--strategies", f"`{name}` is not known here; {nearest(name, names)}")
    if len(set(measured)) != len(measured) or len(measured) > 2:
        raise InputError.one("--strategies", f"must be one strategy, or two different ones, got {','.join(measured)}")
    if points and not (LEAST_POINTS <= points <= MOST_POINTS and points & (points - 1) == 0):
        rule = f"must be 0 or a power of two from {LEAST_POINTS} to {MOST_POINTS}"
        raise InputError.one("--sobol", f"{rule}, got {points}")


def matters(
    scenario: Scenario,
    measured: Sequence[str] = (),
    futures: int = 500,
    replications: int = 4,
    points: int = 128,
    seed: int | None = None,
    jobs: int = 0,
    engine: str = "kernel",
    tell: Teller = lambda _: None,
) -> Mattered:
    """Find which uncertain inputs matter to a decision, and which one is best measured first.

    Parameters
    ----------
    scenario : Scenario
        With something uncertain.
    measured : sequence of str
        A strategy, to measure its present value; or two, to measure what the first costs more than the second. By
        default the two with the least expected regret.
    futures : int
        How many are drawn for the worth of information.
    replications : int
        How often each future, and each place that an input is moved to, is simulated.
    points : int
        Base points of Sobol's indices, a power of two; 0: none are told.
    seed, jobs, engine
        As of ``decide``.
    tell : callable
        Gives, for each part of the work, who is told how far it is.

    Raises
    ------
    InputError
        As of ``check_matters`` and ``decide``.
    """
    check_decision(futures, replications, seed, jobs, engine)
    check_matters(scenario, measured, points)
    chosen = chosen_seed(scenario, seed)
    decided = decide(scenario, futures, replications, chosen, jobs, engine, tell("futures"))
    shown = tuple(measured) or _leading(decided)
    measure, money = _measure(decided.strategies, shown), Places(scenario, chosen, replications, engine)
    with pool(jobs) as executor:
        moved = mapper(executor, tell("places of single inputs"))
        swings = tornado(money, ends(scenario), measure, decided.strategies, float(scenario.confidence), moved)
        every = mapper(executor, tell("points of Sobol's indices"))
        shares = _shares(money, measure, points, every)
    known = worth(decided)
    return Mattered(decided, shown, swings, shares, known, _result(decided, shown, swings, shares, known, points))


def _shares(money: Places, measure: Measure, points: int, mapped: Mapper) -> tuple[Share, ...]:
    """Share out the variance of the measure's mean over paths; not where inputs are correlated."""
    scenario = money.scenario
    if not points or scenario.correlations:
        return ()

    def cost(quantiles: Quantiles) -> float:
        return float(measure(money(quantiles).npv).mean())

    return sobol(cost, list(scenario.uncertain), points, money.seed, float(scenario.confidence), mapped)


def _leading(decided: Decided) -> tuple[str, ...]:
    """Choose the strategy that is regretted least, and the next one that costs something else."""
    verdict = decided.result["verdict"]
    found = tuple(name for name in (verdict["choice"], verdict["runner_up"]) if name is not None)
    return found or decided.strategies[:1]


def _measure(strategies: Sequence[str], measured: Sequence[str]) -> Measure:
    places = [strategies.index(name) for name in measured]
    return alone(places[0]) if len(places) == 1 else difference(places[0], places[1])


def worth(decided: Decided) -> Information:
    """Tell what knowing each input, each chance of an event and each run of price steps is worth.

    Among strategies that are ranked, in futures in which all of them do the work; queueing noise is averaged out, for
    nobody can know it beforehand, so knowing all is worth at most the expected regret of the best choice.
    """
    ranked = [decided.result["strategies"][name]["ranked"] for name in decided.strategies]
    kept = np.asarray(~decided.unfit[:, ranked].any(axis=1))
    npv = decided.npv.mean(axis=1)[:, ranked][kept]
    by_chance = chances(decided.scenario, decided.seed, decided.futures)
    every = {key: list(values) for key, values in decided.values.items()} | by_chance
    values = {key: [value for value, keep in zip(each, kept, strict=True) if keep] for key, each in every.items()}
    return information(values, npv, decided.seed, float(decided.scenario.confidence))


def _result(
    decided: Decided,
    measured: tuple[str, ...],
    swings: Tornado,
    shares: tuple[Share, ...],
    known: Information,
    points: int,
) -> Json:
    """Tell what matters by the keys of the JSON contract; estimates are ``Estimate`` objects until made plain."""
    scenario, worths = decided.scenario, {each.key: each.usd for each in known.inputs}
    bars, share_of = {bar.key: bar for bar in swings.bars}, {share.key: share for share in shares}
    kept = ("scenario", "seed", "futures", "replications", "months", "discount_percent_a_year", "confidence")
    return {
        "schema": SCHEMA,
        **{key: decided.result[key] for key in kept},
        "points": points if shares else 0,
        "no_indices": _CORRELATED if points and scenario.correlations else None,
        "measured": list(measured),
        "central_usd": swings.central,
        "cheapest_at_centre": swings.cheapest,
        "worth_of_knowing_all_usd": known.perfect,
        "expected_regret_usd": _regret(decided),
        "inputs": {
            key: {
                "law": scenario.uncertain[key].words if key in scenario.uncertain else None,
                **_of_bar(bars.get(key)),
                "first_order": share_of[key].first if key in share_of else None,
                "total_order": share_of[key].total if key in share_of else None,
                "worth_usd": worths[key],
            }
            for key in [*bars, *(key for key in worths if key not in bars)]
        },
        "warnings": decided.result["warnings"],
    }


def _regret(decided: Decided) -> Any:
    """Take the expected regret of the choice that is regretted least."""
    choice = decided.result["verdict"]["choice"]
    return None if choice is None else decided.result["strategies"][choice]["expected_regret_usd"]


def _of_bar(bar: Bar | None) -> Json:
    """Tell what moving an input alone does; nothing of what chance alone decides."""
    if bar is None:
        return {"swing_usd": None, "flips": None, "places": []}
    return {"swing_usd": bar.swing, "flips": bar.flips, "places": [_of_leg(leg) for leg in bar.legs]}


def _of_leg(leg: Leg) -> Json:
    return {"value": leg.value, "usd": leg.usd, "cheapest": leg.cheapest}
