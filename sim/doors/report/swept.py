"""What a report does unless it is told: which number it sweeps, and how many replications it runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sim.ground.scenario import Scenario
from sim.ground.scenario.levers import levers
from sim.ground.scenario.make import with_values
from sim.questions.search.effort import SHARES, Effort, beginning, first_share
from sim.study.waits import waits_for_ever

Vary = Mapping[str, Sequence[Any]]

_DOWN, _ROOM = 12.0, 0.96
"""How many times lower; the share of a plan's capacity up to which its queue is looked at."""
_UP, _EACH_SIDE, _UP_SERVING, _EACH_SIDE_SERVING = 6.0, 6, 4.0, 3
"""How many times higher, and values on each side; less where requests are served, for that takes longer."""
_MOST_OF_A_PLAN, _MOST_OF_A_SWEEP = 400_000.0, 24e6
"""Work of a run under one plan, where requests are served, and of a sweep under all; in microseconds."""
_REPLICATIONS, _FEWEST = 200, 5


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
    rates = [lever for lever in levers(scenario) if lever.kind == "rate" and len(lever.keys) == 1 and lever.value > 0]
    if not rates:
        return {}
    first, most = rates[0], _most(scenario)
    (key,) = first.keys
    low, high = max(first.low, first.value / _DOWN), min(first.high, first.value * most)
    count = _EACH_SIDE_SERVING if scenario.chats else _EACH_SIDE
    return {key: [float(first.put(each)[key]) for each in _around(first.value, low, high, count)]}


def replications(scenario: Scenario) -> int:
    """Choose how many replications a report runs: 200, and fewer where many requests are served in each."""
    if not scenario.chats:
        return _REPLICATIONS
    return int(min(_REPLICATIONS, max(_FEWEST, _MOST_OF_A_PLAN / max(1.0, Effort.of(scenario).work()))))


def to_sweep(scenario: Scenario, vary: Vary) -> tuple[Scenario, int]:
    """Choose over how much of the horizon a sweep goes, and with how many replications.

    The horizon is the longest over which a few replications at all values are no more work than a report may take.
    """
    ((key, values),) = vary.items()
    efforts = [Effort.of(with_values(scenario, {key: value})) for value in values]

    def work(share: float) -> float:
        return len(scenario.plans) * sum(each.work(share) for each in efforts)

    share = first_share(lambda share: _FEWEST * work(share), _MOST_OF_A_SWEEP) or SHARES[-1]
    count = int(min(replications(scenario), max(_FEWEST, _MOST_OF_A_SWEEP / max(1.0, work(share)))))
    return beginning(scenario, share), count


def _most(scenario: Scenario) -> float:
    """Find how many times more may come before the queue of a plan, that now settles, settles no more."""
    load = scenario.offered_gpus
    waiting = [scenario.reachable_gpus(plan) for plan in scenario.plans.values() if waits_for_ever(plan)]
    ends = [_ROOM * gpus / load for gpus in waiting if gpus and load]
    return min([_UP_SERVING if scenario.chats else _UP, *(end for end in ends if end > 1.1)])


def _around(value: float, low: float, high: float, count: int) -> list[float]:
    """Space values by factors from the lower end to one that is kept to the last digit, and on to the higher end."""
    below: Any = np.geomspace(low, value, count + 1)[:-1] if low < value else []
    above: Any = np.geomspace(value, high, count + 1)[1:] if value < high else []
    return [*(float(f"{each:.3g}") for each in below), value, *(float(f"{each:.3g}") for each in above)]
