"""Outcomes of pieces of replications put together as they come, in any order; and laid out in plain arrays.

Sums and bills of each replication are kept; values of jobs only as ``Pooled`` keeps them. So memory grows with the
replications by some hundred bytes each, and not with the jobs.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from threading import Lock
from typing import Any, Final

import numpy as np

from sim.ground.estimate import Pooled
from sim.study.fold import OF_TUNES, Fold
from sim.study.fold_requests import OF_REQUESTS
from sim.study.outcome import Outcome

Arrays = dict[str, np.ndarray[Any, Any]]

_LAYOUTS: Final = (OF_TUNES, OF_REQUESTS)
_OF_BILLS: Final = ("lines", "paid", "allocated", "memo", "worn")


class Gathered:
    """What successive replications gave under all plans, filled by threads piece by piece.

    Parameters
    ----------
    first, replications : int
        Number of the first replication, and how many there will be.
    keep : bool
        Whether the values of all jobs are kept, however many there are.
    """

    def __init__(self, first: int, replications: int, keep: bool = False) -> None:
        self._first, self._replications, self._keep = first, replications, keep
        self._locks: dict[str, Lock] = {}  # of plans: their tables are filled side by side
        self._parts: dict[int, dict[str, Outcome]] = {}
        self._pooled: dict[tuple[str, str, str], Pooled] = {}

    def add(self, numbers: Sequence[int], outcomes: dict[str, Outcome]) -> None:
        """Add what successive replications gave."""
        bare = {name: _bare(outcome) for name, outcome in outcomes.items()}
        self._parts[numbers[0]] = bare
        for plan, outcome in outcomes.items():
            with self._locks.setdefault(plan, Lock()):
                for name, folded in outcome.classes.items():
                    for measure, values in folded.values.items():
                        mine = self._of((plan, name, measure))
                        if values.is_exact:
                            mine.add(values.values, values.offsets, numbers[0])
                        else:  # of a streamed replication, which knows its number
                            mine.merge(values)

    def _of(self, key: tuple[str, str, str]) -> Pooled:
        if key not in self._pooled:
            self._pooled[key] = Pooled(self._replications, self._first, self._keep)
        return self._pooled[key]

    def outcomes(self) -> dict[str, Outcome]:
        """Give what all replications gave, by plan."""
        parts = [self._parts[number] for number in sorted(self._parts)]
        whole = {name: Outcome.joined([part[name] for part in parts]) for name in parts[0]}
        return {plan: replace(each, classes=self._classes(plan, each)) for plan, each in whole.items()}

    def _classes(self, plan: str, outcome: Outcome) -> dict[str, Fold]:
        return {
            name: replace(each, values={measure: self._of((plan, name, measure)) for measure in each.layout.measures})
            for name, each in outcome.classes.items()
        }


def _bare(outcome: Outcome) -> Outcome:
    """Leave out the values of jobs."""
    return replace(outcome, classes={name: replace(each, values={}) for name, each in outcome.classes.items()})


def packed(outcome: Outcome) -> Arrays:
    """Lay an outcome out in plain arrays, by keys that are plain text."""
    arrays: Arrays = {name: getattr(outcome, name) for name in _OF_BILLS}
    kinds = [_LAYOUTS.index(each.layout) for each in outcome.classes.values()]
    about = {"classes": list(outcome.classes), "layouts": kinds, "serving": list(outcome.serving)}
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    for number, folded in enumerate(outcome.classes.values()):
        arrays[f"class {number}"] = folded.sums
        for measure, pooled in folded.values.items():
            for part, array in pooled.pack().items():
                arrays[f"class {number} {measure} {part}"] = array
    for number, hours in enumerate(outcome.serving.values()):
        arrays[f"serving {number}"] = hours
    return arrays


def unpacked(arrays: Arrays) -> Outcome:
    """Take an outcome back from what ``packed`` gave."""
    about, classes = json.loads(bytes(arrays["about"])), dict[str, Fold]()
    for number, (name, kind) in enumerate(zip(about["classes"], about["layouts"], strict=True)):
        layout = _LAYOUTS[kind]
        values = {measure: _pooled(arrays, f"class {number} {measure} ") for measure in layout.measures}
        classes[name] = Fold(layout, arrays[f"class {number}"], values)
    serving = {name: arrays[f"serving {number}"] for number, name in enumerate(about["serving"])}
    bills: dict[str, Any] = {name: arrays[name] for name in _OF_BILLS}
    return Outcome(**bills, classes=classes, serving=serving)


def _pooled(arrays: Arrays, prefix: str) -> Pooled:
    """Take the values of one measure back."""
    mine = {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}
    return Pooled.unpack(mine)
