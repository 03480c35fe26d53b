"""What tests of decisions share: futures written by hand instead of simulated."""

from typing import Any

import numpy as np
from worlds import ARTICLE, scenario

from sim.ground.scenario import Scenario
from sim.ground.units import Floats
from sim.questions.decision.outcomes import Outcomes
from sim.questions.decision.result import result

RATE = "workload.tuning.arrivals.rate_per_day"
UNCERTAIN = {RATE: {"p10": 4, "p90": 12, "source": "our logs"}, "decision.budget_usd": 50}
LATE = "3 % of the jobs of class `tuning` had not started when the clock stopped (at most 1 % may)"


def asked(**settings: Any) -> Scenario:
    """The article's plans as strategies, with an uncertain rate of jobs and a budget of 50 USD."""
    return scenario(ARTICLE, {**UNCERTAIN, **settings})


def outcomes(npv: Floats, of: Scenario | None = None, unfit: Any = (), jobs: float = 10.0, months: int = 2) -> Outcomes:
    """Futures of which all that is known is what each path costs: npv[F, R, S]; spread evenly over the months."""
    futures, _, count = npv.shape
    names = ("reserved", "on_demand", "api")[:count]
    monthly = np.repeat(npv.mean(axis=1)[:, :, None] / months, months, axis=2)
    reasons = [[None] * count for _ in range(futures)]
    for future, strategy in unfit:
        reasons[future][strategy] = LATE
    of = asked() if of is None else of
    decision = of.decision
    return Outcomes(
        scenario=of,
        seed=1,
        strategies=names,
        npv=npv,
        total=npv,
        paid=npv,
        jobs=np.full(npv.shape, jobs),
        cost=monthly,
        cash=np.concatenate([np.zeros((futures, count, 1)), monthly], axis=2),
        parts={"held": monthly, "api": 0 * monthly},
        stranded=np.zeros((futures, count)),
        budget=np.full(futures, np.nan if decision is None or decision.budget_usd is None else decision.budget_usd),
        reasons=tuple(map(tuple, reasons)),
        events={},
        values={key: np.arange(1.0, futures + 1).astype(object) for key in of.uncertain},
    )


def told(npv: Floats, **more: Any) -> dict[str, Any]:
    """The result of futures written by hand."""
    return result(outcomes(npv, **more), [])


def alternating(futures: int) -> Floats:
    """What two strategies cost: the first 10 always, the second 4 in even futures and 13 in odd ones."""
    npv = np.full((futures, 2, 2), 10.0)
    npv[:, :, 1] = np.where(np.arange(futures) % 2 == 0, 4.0, 13.0)[:, None]
    return npv
