"""What a report sweeps unless it is told: how often the jobs of the first class come."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from sim.scenario import Scenario
from sim.study.waits import waits_for_ever

Vary = Mapping[str, Sequence[Any]]

_EACH_SIDE: Final = 6
"""Values below the one stated, and above it."""
_DOWN, _UP, _ROOM = 12.0, 6.0, 0.96
"""How many times lower and higher; the share of a plan's capacity up to which its queue is looked at."""


def arrival_rate(scenario: Scenario) -> dict[str, list[float]]:
    """Choose values of the arrival rate of the first class that has one, the stated value among them.

    Parameters
    ----------
    scenario : Scenario
        What is asked.

    Returns
    -------
    dict
        One dotted key with its values, by factors; empty where all arrivals are listed.
    """
    for name, each in scenario.workload.items():
        for unit in ("rate_per_day", "rate_per_second"):
            rate = getattr(each.arrivals, unit, None)
            if rate:
                return {f"workload.{name}.arrivals.{unit}": _around(float(rate), _most(scenario))}
    return {}


def _most(scenario: Scenario) -> float:
    """Find how many times more may come before the queue of a plan, that now settles, settles no more."""
    load = scenario.offered_gpus
    waiting = [scenario.reachable_gpus(plan) for plan in scenario.plans.values() if waits_for_ever(plan)]
    ends = [_ROOM * gpus / load for gpus in waiting if gpus and load]
    return min([_UP, *(end for end in ends if end > 1.1)])


def _around(value: float, most: float) -> list[float]:
    """Space values by factors around one that is kept to the last digit."""
    below = np.geomspace(value / _DOWN, value, _EACH_SIDE + 1)[:-1]
    above = np.geomspace(value, value * most, _EACH_SIDE + 1)[1:]
    return [*(float(f"{each:.3g}") for each in below), value, *(float(f"{each:.3g}") for each in above)]
