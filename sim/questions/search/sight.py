"""How closely a number is looked at within a budget of work: paths, range, and how much of the horizon.

What does not fit is looked at with fewer paths; then in a narrower range; then over the beginning of the horizon; and
else not at all, which is said. Not here: what is found.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from sim.ground.scenario.levers import Lever
from sim.questions.search.effort import SHARES, Effort, beginning, shortened
from sim.questions.search.moving import MONEY
from sim.questions.search.scan import FIRST_LOOK
from sim.study.study import Study, run

_FEWEST: Final = 4
"""Paths with which a lever is looked at, at least; all there are where the study has fewer."""
_SHARES: Final = SHARES[:5]
"""Less of a horizon than its sixteenth tells little of it."""
_SHORT = ("rate", "burstiness", "speed", "nodes")
"""Kinds that can be looked at over less than the horizon: a price costs next to nothing, patience hangs on it."""
_TIMES: Final = (float("inf"), 4.0, 2.0)
"""How far a rate is followed at most, upward, one after the other."""
_LOOKS, _EDGES = 2.0, 6.0
"""How many times its first look a search takes until it ends, about; and values at an edge or a crossing."""
_MOST_BLOCKS: Final = 4


@dataclass(frozen=True)
class Sight:
    """How one lever is looked at.

    Attributes
    ----------
    lever : Lever
        Its range may be narrower.
    study : Study
        Over the horizon or its beginning.
    replications, blocks : int
        Paths to begin with, and how many times as many at most.
    over : str or None
        How much of the horizon; None where it is all of it.
    """

    lever: Lever
    study: Study
    replications: int
    blocks: int
    over: str | None


@dataclass(frozen=True)
class Budget:
    """The work that may be done for each lever of a study.

    Attributes
    ----------
    study : Study
        Whose verdict is followed.
    replications, jobs : int
        Paths to begin with where there is room for them; threads.
    most : float or None
        Work for one lever, in microseconds; no limit if None.
    """

    study: Study
    replications: int
    jobs: int
    most: float | None
    _parts: dict[float, Study] = field(default_factory=dict, repr=False)

    def sight(self, lever: Lever) -> Sight | str:
        """Choose how a lever is looked at, or say why it is not; a price always is, for that is no more than a run."""
        if self.most is None:
            return Sight(lever, self.study, self.replications, _MOST_BLOCKS, None)
        effort, few = Effort.of(self.study.scenario, self.study.experiment), min(_FEWEST, self.replications)
        for share, narrower in _choices(lever):
            each = _work(effort, narrower, share)
            if few * each <= self.most or lever.kind in MONEY:
                count = min(self.replications, max(few, int(self.most / each))) if each else self.replications
                blocks = _MOST_BLOCKS if _MOST_BLOCKS * count * each <= self.most else 1
                return self._seen(narrower, share, count, blocks)
        return "not looked at, for that takes more work than there is for one number"

    def _seen(self, lever: Lever, share: float, count: int, blocks: int) -> Sight | str:
        """Take the study over a share of the horizon, if its verdict is the same."""
        if share == 1:
            return Sight(lever, self.study, count, blocks, None)
        whole, part = self.study, self._part(share)
        over = f"the {shortened(whole.scenario, part.scenario)}"
        best, wanted = (each.result["comparison"]["cheapest"] for each in (part, whole))
        if best != wanted:
            other = "no plan does the work" if best is None else f"`{best}` is the cheapest"
            return f"not looked at, for that takes too much work, and over {over} {other}"
        return Sight(lever, part, min(count, part.replications), blocks, over)

    def _part(self, share: float) -> Study:
        """Run the study over the beginning of its horizon, once."""
        if share not in self._parts:
            whole = self.study
            short = beginning(whole.scenario, share)
            self._parts[share] = run(short, self.replications, whole.seed, self.jobs, whole.experiment.engine)
        return self._parts[share]


def _choices(lever: Lever) -> Iterator[tuple[float, Lever]]:
    """Give shares of the horizon, each with the ranges of a lever, the best first."""
    for share in _SHARES if lever.kind in _SHORT else _SHARES[:1]:
        for times in _TIMES if lever.kind == "rate" else _TIMES[:1]:
            high = min(lever.high, times * lever.value)
            yield share, lever if high == lever.high else replace(lever, high=high)


def _work(effort: Effort, lever: Lever, share: float) -> float:
    """Estimate the work of following a verdict along a lever on one path."""
    here = effort.work(share)
    if lever.kind in MONEY:
        return len(lever.plans) * here
    if lever.kind != "rate":
        return len(lever.plans) * here * (FIRST_LOOK * _LOOKS + _EDGES)
    along = _mean(lambda place: effort.work(share, (lever.high / lever.value) ** place))
    return len(lever.plans) * (FIRST_LOOK * along * _LOOKS + FIRST_LOOK * here)


def _mean(of: Callable[[float], float]) -> float:
    """Take the mean over the places of a first look."""
    return sum(of(k / (FIRST_LOOK - 1)) for k in range(FIRST_LOOK)) / FIRST_LOOK
