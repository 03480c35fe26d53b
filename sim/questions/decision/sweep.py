"""A decision made anew at several values of one key, each with the same futures and the same noise."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sim.ground.scenario import Scenario
from sim.questions.decision.result import SCHEMA
from sim.questions.decision.study import Decided, check_decision, decide
from sim.study.grid import cells_of
from sim.study.study import chosen_seed
from sim.study.threads import Progress


@dataclass(frozen=True)
class Swept:
    """Decisions along one key.

    Attributes
    ----------
    scenario : Scenario
        What is varied.
    key : str
        The dotted key.
    values : list
        Its values.
    decisions : list of Decided
        At each value.
    """

    scenario: Scenario
    key: str
    values: list[Any]
    decisions: list[Decided] = field(repr=False)

    def as_result(self) -> dict[str, Any]:
        """Give all decisions by the keys of the JSON contract."""
        cells = [
            {"at": {self.key: value}, "result": decided.result}
            for value, decided in zip(self.values, self.decisions, strict=True)
        ]
        return {"schema": SCHEMA, "vary": {self.key: self.values}, "cells": cells}


def decide_at(
    scenario: Scenario,
    key: str,
    values: Sequence[Any],
    futures: int = 500,
    replications: int = 4,
    seed: int | None = None,
    jobs: int = 0,
    engine: str = "kernel",
    progress: Progress | None = None,
) -> Swept:
    """Decide at each value of one key; everything else, futures and noise too, stays the same.

    Parameters
    ----------
    scenario : Scenario
        What is varied.
    key : str
        Dotted key.
    values : sequence
        Its values, each once.
    futures, replications, seed, jobs, engine
        As of ``decide``.
    progress : callable, optional
        Called with futures done and futures in all, over all values.

    Raises
    ------
    InputError
        As of ``decide``; and for a wrong key or value, before any work is done.
    """
    check_decision(futures, replications, seed, jobs, engine)
    chosen = chosen_seed(scenario, seed)
    cells = cells_of(scenario, {key: values})
    total = futures * len(cells)

    def from_cell(number: int) -> Progress | None:
        return None if progress is None else lambda done, _: progress(number * futures + done, total)

    decisions = [
        decide(cell, futures, replications, chosen, jobs, engine, from_cell(number))
        for number, (_, cell) in enumerate(cells)
    ]
    return Swept(scenario, key, [point[key] for point, _ in cells], decisions)
