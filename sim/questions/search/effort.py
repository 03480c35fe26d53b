"""How much work a look at a scenario is, told before it is done: by the jobs expected, never by the clock.

So whoever keeps to a budget of work finds the same, whatever the machine. Not here: who has which budget.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from sim.ground.scenario import Scenario
from sim.ground.units import HOURS_PER_DAY
from sim.study.simulate import Experiment

_TUNE, _REQUEST, _TURN = 0.5, 0.5, 0.4
"""Of one job under one plan, in microseconds of a processor of 2020 or so; of a turn, each time it is served again."""
_PASSES, _PASSES_AN_HOUR, _PASSES_IN_ALL = 10.0, 0.1, 2.0
"""How often turns of closed sessions are served again; fitted to counts of ``agents`` and ``startup_chat``."""
_WARM_PART: Final = 0.2
SHARES: Final = (1.0, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64)
"""Shares of a horizon that are tried, one after the other."""


@dataclass(frozen=True)
class Effort:
    """What one path under one plan takes.

    Attributes
    ----------
    jobs : float
        Jobs expected over the whole horizon.
    hours : float
        Length of the horizon.
    serves, closed : bool
        Whether requests are served; whether their sessions are closed.
    """

    jobs: float
    hours: float
    serves: bool
    closed: bool

    @classmethod
    def of(cls, scenario: Scenario, ready: Experiment | None = None) -> "Effort":
        """Estimate it for a scenario."""
        jobs = (Experiment.of(scenario.certain, 0) if ready is None else ready).jobs_expected
        closed = any(each.sessions is not None for each in scenario.chats.values())
        return cls(jobs, scenario.horizon_hours, bool(scenario.chats), closed)

    def work(self, share: float = 1.0, times: float = 1.0) -> float:
        """Tell the work of one path under one plan over a share of the horizon, with so many times as many jobs.

        Closed sessions are served again and again until their turns settle: more often the more of them are there
        together, so twice as many take about four times as long.
        """
        jobs = self.jobs * share * times
        if not self.closed:
            return jobs * (_REQUEST if self.serves else _TUNE)
        passes = _PASSES + _PASSES_AN_HOUR * self.jobs * times / self.hours
        return _TURN * jobs * min(passes, 1 + _PASSES_IN_ALL * math.sqrt(jobs))


def first_share(work: Callable[[float], float], most: float, shares: Iterable[float] = SHARES) -> float | None:
    """Find the largest share of a horizon whose work a budget allows; None where even the smallest is too much."""
    return next((share for share in shares if work(share) <= most), None)


def beginning(scenario: Scenario, share: float) -> Scenario:
    """Take the beginning of a scenario's horizon, of two digits in hours; at most a fifth of it is not counted."""
    if share == 1:
        return scenario
    hours = float(f"{scenario.horizon_hours * share:.1e}")
    days = hours / HOURS_PER_DAY
    warm = min(float(scenario.warm_up_days), _WARM_PART * days)
    return scenario.model_copy(update={"horizon_days": days, "warm_up_days": warm})


def shortened(whole: Scenario, part: Scenario) -> str | None:
    """Say how much of the horizon was looked at; nothing where it was all of it."""
    if part.horizon_days == whole.horizon_days:
        return None
    return f"first {_span(part.horizon_hours)} of {_span(whole.horizon_hours)}"


def _span(hours: float) -> str:
    """Tell a length of time in the unit that suits it."""
    if hours < 2:
        return f"{hours * 60:.3g} min"
    return f"{hours:.3g} h" if hours < 48 else f"{hours / HOURS_PER_DAY:.4g} days"
