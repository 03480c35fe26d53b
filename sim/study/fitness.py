"""Whether a plan does the work, and nothing else: for searches that ask it at many values and estimate no more."""

from typing import Any

import numpy as np

from sim.ground.estimate import Estimate, Pooled, plain
from sim.ground.scenario import Scenario
from sim.ground.units import SECONDS_PER_HOUR
from sim.study.compare import unfit
from sim.study.fold import Fold
from sim.study.fold_requests import SERVERS
from sim.study.outcome import Outcome

_P95 = np.array([0.95])


def why_unfit(scenario: Scenario, outcome: Outcome) -> str | None:
    """Say why a plan does not do the work that the others do, as a study says it; None when it does.

    Parameters
    ----------
    scenario : Scenario
        Its rules of equal work.
    outcome : Outcome
        Of the plan.
    """
    return reason_unfit(scenario, outcome.classes)


def reason_unfit(scenario: Scenario, folds: dict[str, Fold]) -> str | None:
    """Say the same of the folds of all classes, whoever made them."""
    return unfit(scenario, folds, {name: _asked(scenario, name, each) for name, each in folds.items()})


def _asked(scenario: Scenario, name: str, folded: Fold) -> dict[str, Any]:
    """Estimate of a class what the rules of equal work ask for; percentiles cost time, so none that no rule reads."""
    rules, kind = scenario.equal_work, scenario.workload[name].kind
    if name not in scenario.chats:
        wait = _p95(folded, ["wait_h"]) if rules.wait_p95_hours is not None else Estimate(None)
        return {"kind": kind, "wait_h": {"p95": wait}}
    wait = _of_servers(folded, "wait") if rules.wait_p95_hours is not None else Estimate(None)
    ttft = _of_servers(folded, "ttft") if rules.ttft_p95_s is not None else Estimate(None)
    return {"kind": kind, "wait_h": {"p95": wait.scaled(1 / SECONDS_PER_HOUR)}, "ttft_s": {"all": {"p95": ttft}}}


def _of_servers(folded: Fold, duration: str) -> Estimate:
    """Estimate the 95th percentile of a duration of requests, wherever they were served."""
    return _p95(folded, [f"{duration}_s.{server}" for server in SERVERS])


def _p95(folded: Fold, measures: list[str]) -> Estimate:
    """Estimate the 95th percentile of some measures together."""
    pooled = Pooled.union([folded.values[measure] for measure in measures])
    return Estimate(plain(float(pooled.quantiles(_P95)[-1, 0])))
