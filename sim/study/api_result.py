"""What requests met at an API, and what an answer cost: keys of the JSON contract."""

from typing import Any

import numpy as np

from sim.engine.money import UNITS_TOKENS, UNITS_USD, UNITS_USED
from sim.ground.estimate import Estimate, mean, ratio
from sim.ground.scenario import InferenceClass, Plan
from sim.ground.units import Floats
from sim.study.fold import Fold

Json = dict[str, Any]


def successful(folded: Fold) -> Floats:
    """Count the requests that were answered in each replication: by replicas or by the API, whenever it ended."""
    return folded.total("jobs") - folded.total("not_started")


def class_result(folded: Fold, requests: InferenceClass, loaded: Floats, confidence: float) -> Json:
    """Estimate what became of the requests of a class at the API.

    Parameters
    ----------
    folded : Fold
        Of the class.
    requests : InferenceClass
        The class.
    loaded : float64[R]
        Fully loaded USD of the class.
    confidence : float
        Of the intervals.

    Notes
    -----
    Shares of all requests: ``failed_share`` (given up at the API), ``late_share`` (of those with a deadline). Of those
    handed over to the API: ``attempts_per_request``, ``retried_share``.
    """
    total = folded.total
    return {
        "successful": mean(successful(folded), confidence),
        "failed_share": ratio(total("failed"), total("jobs"), confidence),
        "attempts_per_request": ratio(total("attempts"), total("handed"), confidence),
        "retried_share": ratio(total("retried"), total("handed"), confidence),
        "late_share": (
            Estimate(None) if requests.deadline_hours is None else ratio(total("late"), total("jobs"), confidence)
        ),
        "usd_per_successful_request": ratio(loaded, successful(folded), confidence),
    }


def plan_result(plan: Plan, folds: list[Fold], loaded: Floats, memo: Floats, confidence: float) -> Json:
    """Estimate what an answer costs under a plan, and what its requests met at its API.

    Parameters
    ----------
    plan : Plan
        Whose requests they are.
    folds : list of Fold
        Of each class of requests.
    loaded : float64[R]
        Fully loaded USD of all these classes.
    memo : float64[R, len(MEMO)]
        Of the plan's ledger.
    confidence : float
        Of the intervals.

    Returns
    -------
    dict
        ``usd_per_successful_request``: fully loaded money of all requests, answered or not, over those that were
        answered. ``api``: None where the API has nothing but prices and latencies; else ``throttled_share`` (of
        attempts), ``attempts_per_request``, ``retried_share`` (of requests handed over), ``failed_share`` (of all
        requests) and ``reserved`` (None without units).
    """
    total = {name: np.zeros(len(loaded)) for name in ("jobs", "failed", "handed", "attempts", "retried", "throttled")}
    for folded in folds:
        for name in total:
            total[name] += folded.total(name)
    answered = np.sum([np.zeros(len(loaded)), *(successful(folded) for folded in folds)], axis=0)
    found: Json = {"usd_per_successful_request": ratio(loaded, answered, confidence), "api": None}
    if folds and plan.api is not None and plan.api.metered:
        found["api"] = {
            "throttled_share": ratio(total["throttled"], total["attempts"], confidence),
            "attempts_per_request": ratio(total["attempts"], total["handed"], confidence),
            "retried_share": ratio(total["retried"], total["handed"], confidence),
            "failed_share": ratio(total["failed"], total["jobs"], confidence),
            "reserved": _reserved(plan, memo, confidence),
        }
    return found


def _reserved(plan: Plan, memo: Floats, confidence: float) -> Json | None:
    """Estimate how well reserved units were used."""
    if plan.api is None or plan.api.reserved is None:
        return None
    return {
        "units": int(plan.api.reserved.units),
        "usd": mean(memo[:, UNITS_USD], confidence),
        "utilization": ratio(memo[:, UNITS_USED], memo[:, UNITS_TOKENS], confidence),
        "tokens_millions": mean(memo[:, UNITS_USED] * 1e-6, confidence),
    }
