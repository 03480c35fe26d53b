"""The values of a number at which two plans cost the same: all of them with their intervals, or why there are none."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final

from sim.ground.faults import InputError, nearest
from sim.ground.scenario import Scenario, as_values
from sim.questions.search.crossing import Rules
from sim.questions.search.difference import Along, is_whole
from sim.questions.search.effort import Effort
from sim.questions.search.pairs import Compared, compare_all
from sim.questions.search.scan import FIRST_LOOK
from sim.questions.search.span import Span
from sim.study.compare import warnings
from sim.study.result import SCHEMA, Json
from sim.study.simulate import Experiment
from sim.study.study import MOST_REPLICATIONS, check_how, check_replications, chosen_seed
from sim.study.threads import Progress, mapper, pool

MOST_PLANS: Final = 12
_LEAST_PRECISION, _MOST_PRECISION = 1e-6, 0.5
_LOOKS, _LEAST_WORK = 64, 60e6
"""How many times the work of its first look a search may take; and what it may take anyhow, a minute or so."""
_ENDED = "the search had done all the work it may, so some signs are not sure: give more --reps, or a narrower range"
_OF_RUNS: Final = ("few_replications", "one_replication", "overload")
"""Warnings that speak of percentiles, or of the one value that the scenario states."""


@dataclass(frozen=True)
class BreakEven:
    """What came of a search for the values at which plans cost the same.

    Attributes
    ----------
    scenario : Scenario
        What was varied.
    key : str
        The number.
    span : Span
        The range that was searched.
    pairs : tuple of Compared
        Each pair of plans.
    result : dict
        By the keys of the JSON contract.
    """

    scenario: Scenario
    key: str
    span: Span
    pairs: tuple[Compared, ...] = field(repr=False)
    result: Json = field(repr=False)

    def pair(self, a: str, b: str) -> Compared:
        """Take one pair of plans, whichever is named first.

        Raises
        ------
        InputError
            When these two were not compared.
        """
        for each in self.pairs:
            if set(each.plans) == {a, b}:
                return each
        named = ", ".join(f"{first} and {second}" for first, second in (each.plans for each in self.pairs))
        raise InputError.one("plans", f"`{a}` and `{b}` were not compared; there are {named}")


def break_even(
    scenario: Scenario,
    key: str,
    between: tuple[float, float],
    plans: Sequence[str] | None = None,
    log: bool = False,
    replications: int = 200,
    precision: float = 0.01,
    most_replications: int = 3200,
    seed: int | None = None,
    jobs: int = 0,
    engine: str = "kernel",
    progress: Progress | None = None,
) -> BreakEven:
    """Find the values of a number at which two plans cost the same.

    Parameters
    ----------
    scenario : Scenario
        What is varied.
    key : str
        Dotted key of the number.
    between : (float, float)
        The range to search, both ends included.
    plans : sequence of str, optional
        Who is compared, each pair of them; all if not given.
    log : bool
        Whether the range is walked by factors.
    replications : int
        Sample paths to begin with; whether a plan does the work is judged on these.
    precision : float
        Half the interval over the value, at most; replications are doubled until it is reached.
    most_replications : int
        Sample paths at most.
    seed, jobs, engine, progress
        As of ``run``; progress counts pairs of plans.

    Returns
    -------
    BreakEven

    Raises
    ------
    InputError
        When the key, an end, a plan or a number is refused, before any work is done.
    """
    chosen = check_search(scenario, plans, replications, precision, most_replications, seed, jobs, engine)
    span = span_of(scenario, key, between, log, "--between")
    drawn = chosen_seed(scenario, seed)
    with pool(jobs) as executor:
        along = Along(
            scenario,
            key,
            "--between",
            drawn,
            engine,
            replications,
            mapper(executor),
            _most(scenario, replications, len(chosen)),
        )
        rules = Rules(precision, max(1, most_replications // replications), along.room)
        found = compare_all(along, span, list(combinations(chosen, 2)), rules, progress)
    told = told_of(scenario, drawn, replications)
    if along.ended:
        told.append({"code": "search_ended", "text": _ENDED})
    return BreakEven(scenario, key, span, found, _result(along, span, found, rules, told))


def _most(scenario: Scenario, replications: int, plans: int) -> float:
    """Limit the work of a search: many times that of its first look.

    Few replications leave nearly every sign unsure, and each would be settled with as many as --most-reps allows.
    """
    look = FIRST_LOOK * plans * replications * Effort.of(scenario).work()
    return max(_LEAST_WORK, _LOOKS * look)


def told_of(scenario: Scenario, seed: int, replications: int) -> list[dict[str, str]]:
    """List what a reader must know of a scenario before its searches are used."""
    found = [each for each in warnings(Experiment.of(scenario, seed), replications) if each["code"] not in _OF_RUNS]
    if scenario.uncertain and all(each["code"] != "uncertain" for each in found):
        keys = ", ".join(scenario.uncertain)
        found.append({"code": "uncertain", "text": f"these numbers are uncertain and stand at central values: {keys}"})
    return found


def check_search(
    scenario: Scenario,
    plans: Sequence[str] | None,
    replications: int,
    precision: float,
    most_replications: int,
    seed: int | None,
    jobs: int,
    engine: str,
) -> list[str]:
    """Refuse what no search can have; give the plans to compare."""
    check_replications(replications)
    check_how(seed, jobs, engine)
    if not _LEAST_PRECISION <= precision <= _MOST_PRECISION:
        ends = f"{100 * _LEAST_PRECISION:g} % to {100 * _MOST_PRECISION:g} %"
        raise InputError.one("--precision", f"must be a share from {ends}, got {100 * precision:g} %")
    if not replications <= most_replications <= MOST_REPLICATIONS:
        rule = f"must be from --reps ({replications}) to {MOST_REPLICATIONS}"
        raise InputError.one("--most-reps", f"{rule}, got {most_replications}")
    return pick(scenario, plans)


def pick(scenario: Scenario, plans: Sequence[str] | None, flag: str = "--plans") -> list[str]:
    """Take the plans that are asked for, or all: at least two, none twice."""
    chosen = list(scenario.plans) if plans is None else list(plans)
    for name in chosen:
        if name not in scenario.plans:
            raise InputError.one(flag, f"`{name}` is not a plan here; {nearest(name, scenario.plans)}")
    if twice := [name for name in chosen if chosen.count(name) > 1]:
        raise InputError.one(flag, f"must be different plans, got `{twice[0]}` twice")
    if len(chosen) < 2:
        raise InputError.one(flag, f"must be two plans at least, got {len(chosen)}")
    if len(chosen) > MOST_PLANS:
        raise InputError.one(flag, f"must be at most {MOST_PLANS} plans, for each pair is compared, got {len(chosen)}")
    return chosen


def span_of(scenario: Scenario, key: str, between: tuple[float, float], log: bool, flag: str) -> Span:
    """Take a range of a key, both ends of which the scenario takes."""
    low, high = between
    if not low < high:
        raise InputError.one(flag, f"must be a range lo:hi with lo below hi, got {low:g}:{high:g}")
    if math.isinf(low) or math.isinf(high):
        raise InputError.one(flag, f"must be a range lo:hi of finite numbers, got {low:g}:{high:g}")
    if not key:
        raise InputError.one("--key", "must name a number of the scenario, got ''")
    if log and low <= 0:
        raise InputError.one(flag, f"must be above 0 for a log scale, got {low:g}")
    if key == "seed":
        raise InputError.one("--key", "cannot be seed: all values share their noise; give it with --seed")
    if isinstance(value := stated(scenario, key), bool | str):
        raise InputError.one("--key", f"must name a number; {key} is {value!r}")
    return Span(float(low), float(high), log, is_whole(scenario, key, low, high, flag))


def stated(scenario: Scenario, key: str) -> Any:
    """Look up what a scenario states at a key; None where it states nothing."""
    value = as_values(scenario)
    for step in key.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _result(along: Along, span: Span, found: Sequence[Compared], rules: Rules, told: Sequence[dict[str, str]]) -> Json:
    """Give a search by the keys of the JSON contract."""
    scenario = along.scenario
    return {
        "schema": SCHEMA,
        "scenario": scenario.name,
        "key": along.key,
        "between": [span.low, span.high],
        "log": span.log,
        "whole": span.whole,
        "stated": stated(scenario, along.key),
        "seed": along.seed,
        "replications": along.block,
        "most_replications": rules.most * along.block,
        "precision": rules.precision,
        "confidence": float(scenario.confidence),
        "horizon_days": float(scenario.horizon_days),
        "vary": {along.key: [span.low, span.high]},
        "pairs": [each.as_result() for each in found],
        "warnings": list(told),
    }
