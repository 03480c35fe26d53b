"""What can be moved in a scenario: rates, bursts, nodes, patience, prices, staff, speed. Not here: what comes of it."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from sim.ground.faults import InputError, nearest
from sim.ground.scenario.levers.api_prices import api_levers
from sim.ground.scenario.levers.capacity import capacity_levers
from sim.ground.scenario.levers.lever import Draft as Draft
from sim.ground.scenario.levers.lever import Kind as Kind
from sim.ground.scenario.levers.lever import Lever as Lever
from sim.ground.scenario.levers.names import settled
from sim.ground.scenario.levers.node_prices import node_levers
from sim.ground.scenario.levers.staff import staff_levers
from sim.ground.scenario.levers.work import work_levers
from sim.ground.scenario.make import with_values
from sim.ground.scenario.model import Scenario

_LONGEST_NAME, _LONGEST_LABEL = 120, 40
_HALVINGS: Final = 12


def levers(scenario: Scenario) -> tuple[Lever, ...]:
    """List what can be moved in a scenario: only what it gives a meaning, and only as far as it stays a scenario.

    Returns
    -------
    tuple of Lever
        The work first, then capacity, prices, people; in the order of the scenario.
    """
    parts = (work_levers, capacity_levers, node_levers, api_levers, staff_levers)
    reach = [(draft, _ends(scenario, draft)) for draft in chain.from_iterable(part(scenario) for part in parts)]
    kept = [(draft, ends) for draft, ends in reach if ends[0] < ends[1]]
    names = settled([[_slug(name) for name in draft.names] for draft, _ in kept], _LONGEST_NAME)
    labels = settled([draft.labels for draft, _ in kept], _LONGEST_LABEL)
    return tuple(
        Lever(
            name,
            draft.kind,
            label,
            draft.unit,
            draft.value,
            *ends,
            draft.log,
            draft.whole,
            _basis(scenario, draft),
            draft.keys,
            draft.plans,
            draft.put,
        )
        for name, label, (draft, ends) in zip(names, labels, kept, strict=True)
    )


def moved(scenario: Scenario, values: Mapping[str, float], known: Sequence[Lever] | None = None) -> Scenario:
    """Move levers of a scenario.

    Parameters
    ----------
    scenario : Scenario
        Is not changed.
    values : mapping of str to float
        By the names of levers; what is not named stays.
    known : sequence of Lever, optional
        Those of this scenario, where they were listed before: listing takes longer than moving.

    Returns
    -------
    Scenario
        The same one where nothing moves.

    Raises
    ------
    InputError
        When there is no such lever, with the nearest; when a value is outside its range, with the range.
    """
    if not values:
        return scenario
    by_name = {lever.name: lever for lever in (levers(scenario) if known is None else known)}
    settings: dict[str, Any] = {}
    for name, value in values.items():
        if name not in by_name:
            raise InputError.one(str(name)[:80], f"is no lever of `{scenario.name}`; {nearest(name, by_name)}")
        settings |= by_name[name].settings(checked(by_name[name], value))
    return with_values(scenario, settings) if settings else scenario


def checked(lever: Lever, value: Any) -> float:
    """Take a value that a lever can have.

    Raises
    ------
    InputError
        With its range.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    inside = number and (lever.low <= value <= lever.high or value == lever.value)
    if not inside or (lever.whole and value != round(value)):
        kind = "a whole number" if lever.whole else "a number"
        raise InputError.one(
            lever.name, f"must be {kind} from {lever.low:.10g} to {lever.high:.10g}, got {value!r:.80}"
        )
    return float(value)


def _slug(name: str) -> str:
    """Write a name in the letters of a slug."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _basis(scenario: Scenario, draft: Draft) -> str:
    """Tell what a number rests on: of an uncertain one what its law says."""
    law = scenario.uncertain.get(draft.keys[0])
    return draft.basis if law is None else law.input(draft.keys[0]).basis


def _ends(scenario: Scenario, draft: Draft) -> tuple[float, float]:
    """Find how far a lever may be moved at most within the range that is worth looking at."""
    low, high = (_end(scenario, draft, end) for end in (draft.low, draft.high))
    return low, high


def _end(scenario: Scenario, draft: Draft, end: float) -> float:
    """Take an end of the range, or the last value before it at which the scenario still is one."""
    if end == draft.value or _holds(scenario, draft, end):
        return end
    last = draft.value
    for middle in _halves(draft, last, end):
        if _holds(scenario, draft, middle):
            return middle
    return last


def _halves(draft: Draft, value: float, end: float) -> Iterator[float]:
    """Walk from an end back to a value: one by one where there are few whole numbers between, else by halves."""
    if draft.whole:
        step = 1 if value > end else -1
        yield from (float(each) for each in range(int(end) + step, int(value), step))
        return
    for _ in range(_HALVINGS):
        end = math.sqrt(value * end) if draft.log else (value + end) / 2
        yield end


def _holds(scenario: Scenario, draft: Draft, value: float) -> bool:
    """Tell whether a scenario is one with a value."""
    try:
        with_values(scenario, draft.put(round(value) if draft.whole else value))
    except InputError:
        return False
    return True
