"""Service levels: which share of the jobs may miss which promise, and what some replications tell of it.

Every level is a share of jobs that miss it, so one ratio of sums over replications judges them all: 95 % wait at most
so long where at most 5 % wait longer.
"""

from dataclasses import dataclass
from functools import reduce
from typing import Final

import numpy as np

from sim.ground.estimate import Estimate, ratio, share
from sim.ground.scenario import Scenario
from sim.ground.units import SECONDS_PER_HOUR, Floats, Ticks
from sim.study.fold import Fold

_LATE: Final = 0.05
MET, MISSED, UNSURE = "met", "missed", "not sure"


@dataclass(frozen=True)
class Level:
    """A promise to the jobs of one class.

    Attributes
    ----------
    job_class : str
        Whose.
    what : str
        ``wait_p95_h``: of those that started or went to the API. ``ttft_p95_s``: of requests. ``availability``: of all
        that came, those that start, or go to the API, within the limit; who still waits when the clock stops did not.
        ``not_started, undone, late``: as in the rules of equal work.
    limit : float or None
        Hours; seconds of ``ttft_p95_s``. None: there is none.
    most : float
        Share of the jobs that may miss it.
    """

    job_class: str
    what: str
    limit: float | None
    most: float

    @property
    def measures(self) -> dict[str, float]:
        """The measures of a fold that tell it, with how many of their unit make one of the limit's."""
        if self.what == "ttft_p95_s":
            return {"ttft_s.held": 1.0, "ttft_s.api": 1.0}
        return {"wait_h": 1.0, "wait_s.held": SECONDS_PER_HOUR, "wait_s.api": SECONDS_PER_HOUR}

    @property
    def is_quantile(self) -> bool:
        """Whether it is about a percentile."""
        return self.what.endswith(("_p95_h", "_p95_s"))


@dataclass(frozen=True)
class Availability:
    """A promise to all jobs: at least ``share`` of them start within ``within_hours``; None: before the clock stops."""

    share: float
    within_hours: float | None = None


def levels(scenario: Scenario, availability: Availability | None = None) -> tuple[Level, ...]:
    """List what a plan must do: the rules of equal work, and availability where it is asked for."""
    rules, found = scenario.equal_work, list[Level]()
    stated = rules.wait_p95_hours is not None or rules.ttft_p95_s is not None
    for name in scenario.workload:
        chat = scenario.chats.get(name)
        if rules.settle_usd_per_job is None:
            found.append(Level(name, "not_started", None, float(rules.not_started_share)))
        elif stated:
            found.append(Level(name, "not_started", None, _LATE))
        if chat is None:
            found.append(Level(name, "undone", None, float(rules.not_started_share)))
        elif chat.deadline_hours is not None:
            found.append(Level(name, "late", float(chat.deadline_hours), float(rules.not_started_share)))
        if rules.wait_p95_hours is not None:
            found.append(Level(name, "wait_p95_h", float(rules.wait_p95_hours), _LATE))
        if rules.ttft_p95_s is not None and chat is not None and chat.deadline_hours is None:
            found.append(Level(name, "ttft_p95_s", float(rules.ttft_p95_s), _LATE))
        if availability is not None:
            found.append(Level(name, "availability", availability.within_hours, 1 - availability.share))
    return tuple(found)


@dataclass(frozen=True)
class Kept:
    """What some replications tell of a level.

    Attributes
    ----------
    missed, counted : float64[R]
        Jobs that miss it, and jobs that it is about.
    values : float64[n]
        Of a percentile: each job's, one replication after the other; else empty.
    offsets : int64[R + 1]
        Where the values of each replication begin and end.
    """

    missed: Floats
    counted: Floats
    values: Floats
    offsets: Ticks

    @classmethod
    def of(cls, level: Level, fold: Fold) -> "Kept":
        """Count the jobs of a fold that miss a level."""
        replications = len(fold.sums)
        nothing, jobs = (np.empty(0), np.zeros(replications + 1, np.int64)), fold.total("jobs")
        if level.what in ("not_started", "undone", "late"):
            missed = fold.total(level.what) if level.what in fold.layout.sums else np.zeros(replications)
            return cls(missed, jobs, *nothing)
        values, offsets = _values(level, fold)
        limit = np.inf if level.limit is None else level.limit
        late = _above(values, offsets, limit)
        if level.what == "availability":
            return cls(late + jobs - np.diff(offsets), jobs, *nothing)
        return cls(late, np.diff(offsets).astype(np.float64), values, offsets)

    @classmethod
    def joined(cls, parts: list["Kept"]) -> "Kept":
        """Put successive replications together."""
        offsets = [parts[0].offsets]
        for part in parts[1:]:
            offsets.append(part.offsets[1:] + offsets[-1][-1])
        missed, counted, values = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("missed", "counted", "values")
        )
        return cls(missed, counted, values, np.concatenate(offsets))

    def first(self, replications: int) -> "Kept":
        """Take the first replications."""
        offsets = self.offsets[: replications + 1]
        return Kept(self.missed[:replications], self.counted[:replications], self.values[: offsets[-1]], offsets)

    def share(self, confidence: float) -> Estimate:
        """Estimate the share of jobs that miss the level.

        A jackknife over replications; never narrower than if all jobs were independent (Wilson), for where no job
        missed it in a few replications they do not differ, and yet nothing is certain.
        """
        found = ratio(self.missed, self.counted, confidence)
        if found.value is None or found.low is None or found.high is None:
            return found
        wide = share(float(self.missed.sum()), int(self.counted.sum()), confidence)
        low, high = float(wide.low or 0.0), float(1.0 if wide.high is None else wide.high)
        return Estimate(found.value, max(0.0, min(found.low, low)), min(1.0, max(found.high, high)), found.se, found.n)

    def percentile(self, confidence: float) -> Estimate:
        """Estimate the 95th percentile by carrying the interval of the share above it over to the values.

        References
        ----------
        Woodruff, Confidence intervals for medians and other position measures, JASA 47 (1952).
        """
        if not len(self.values):
            return Estimate(None)
        value = float(np.quantile(self.values, 1 - _LATE))
        above = Kept(_above(self.values, self.offsets, value), self.counted, self.values, self.offsets)
        around = above.share(confidence)
        if around.low is None or around.high is None or around.value is None:
            return Estimate(value, n=len(self.missed))
        widths = (_LATE + around.high - around.value, _LATE - around.value + around.low)
        ends = [float(np.quantile(self.values, 1 - min(1.0, max(0.0, width)))) for width in widths]
        return Estimate(value, min(value, ends[0]), max(value, ends[1]), n=len(self.missed))


@dataclass(frozen=True)
class Judged:
    """A level, the share of jobs that miss it, its percentile where it is about one, and the verdict."""

    level: Level
    share: Estimate
    percentile: Estimate
    verdict: str


def judge(level: Level, kept: Kept, confidence: float) -> Judged:
    """Say whether a level is met, for sure or not."""
    found = kept.share(confidence)
    percentile = kept.percentile(confidence) if level.is_quantile else Estimate(None)
    if found.value is None:
        verdict = MET  # it is about nobody
    elif found.low is None or found.high is None or found.low <= level.most < found.high:
        verdict = UNSURE
    else:
        verdict = MISSED if found.low > level.most else MET
    return Judged(level, found, percentile, verdict)


def excess(level: Level, kept: Kept) -> float:
    """Tell by how many times its share a level is missed, as far as the replications tell; 0 where it is met."""
    counted = float(kept.counted.sum())
    if not counted:
        return 0.0
    return max(0.0, float(kept.missed.sum()) / counted - level.most) / max(level.most, 1e-6)


def _values(level: Level, fold: Fold) -> tuple[Floats, Ticks]:
    """Take the values that a level is about, replication after replication, in its unit."""
    found = [
        (fold.values[name].values / per, fold.offsets(name))
        for name, per in level.measures.items()
        if name in fold.values
    ]
    offsets = reduce(np.add, [at for _, at in found])
    if len(found) == 1:
        return found[0]
    pairs = [values[at[r] : at[r + 1]] for r in range(len(offsets) - 1) for values, at in found]
    return np.concatenate(pairs), offsets


def _above(values: Floats, offsets: Ticks, limit: float) -> Floats:
    """Count in each replication the values above a limit."""
    return np.diff(np.concatenate(([0], np.cumsum(values > limit)))[offsets]).astype(np.float64)
