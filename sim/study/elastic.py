"""What is told of nodes that come and go: hires, losses, what commitments did, how often it pays to save."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import lambertw

from sim.engine.money import MEMO, node_usd
from sim.ground.estimate import Estimate, mean, ratio
from sim.ground.jobs import Fleet, Paths, Rows
from sim.ground.scenario import Plan
from sim.ground.units import NEVER, SECONDS_PER_HOUR, TICKS_PER_HOUR, Floats

Json = dict[str, Any]

_ROUNDING = 1e-12
_MEANS = ("hires", "hires_ready", "boot_usd", "recovery_gpu_h", "recovery_usd", "lost_gpu_h", "lost_usd")


def wear(paths: Paths, rows: Rows, fleet: Fleet) -> Floats:
    """Tell how often jobs were interrupted in each replication, for how many hours they ran, and how often in vain.

    Returns
    -------
    float64[R, 3]
        Over the whole horizon, warm-up and all. In vain: all interruptions but those on lent nodes, where a job may
        save its work first.
    """
    found = np.zeros((paths.replications, 3))
    stints = rows.stints
    if stints is None:
        return found
    jobs = np.repeat(np.arange(paths.replications), np.diff(paths.offsets))
    found[:, 0] = np.bincount(jobs, rows.interrupted, paths.replications)
    parts = np.maximum(1, paths.gpus[stints.job] // fleet.gpus_per_node)  # a job on several nodes has a row for each
    hours = (np.minimum(stints.until, fleet.horizon) - stints.since) / TICKS_PER_HOUR / parts
    found[:, 1] = np.bincount(jobs[stints.job], hours, paths.replications)
    found[:, 2] = found[:, 0]
    if fleet.lent and fleet.recovery.interval < NEVER:
        last = np.zeros(len(paths), np.int64)
        last[stints.job] = np.arange(len(stints))
        broken = np.arange(len(stints)) <= last[stints.job] - parts
        lent = (stints.node >= fleet.nodes) & (stints.node < fleet.nodes + fleet.lent) & (stints.lost == 0)
        found[:, 2] -= np.bincount(jobs[stints.job], broken * lent / parts, paths.replications)
    return found


def best_interval_h(cost_h: float, rate_per_h: float) -> float:
    """Tell after how much work a job had best save it, where interruptions come at a rate.

    Parameters
    ----------
    cost_h : float
        Hours that a checkpoint takes.
    rate_per_h : float
        Interruptions of a job in an hour that it runs.

    References
    ----------
    Daly, A higher order estimate of the optimum checkpoint interval for restart dumps (2006): for exponential times
    between interruptions, (1 + W(-exp(-rate cost - 1))) / rate, with W the principal branch of Lambert's function.
    """
    if cost_h == 0:
        return 0.0  # what costs nothing is best done all the time
    return float((1 + lambertw(-math.exp(-rate_per_h * cost_h - 1)).real) / rate_per_h)


def _best_interval(cost_h: float, rate: Estimate) -> Estimate:
    """Carry the estimate of a rate over to the best interval; the more interruptions, the shorter."""
    if not rate.value:
        return Estimate(None)
    at = [None if each is None or each <= 0 else best_interval_h(cost_h, each) for each in (rate.high, rate.low)]
    low, high = at if None not in at else (None, None)
    value = best_interval_h(cost_h, rate.value)
    se = None if rate.se is None or low is None else rate.se * (value / rate.value) / 2  # it goes with 1 / sqrt(rate)
    return replace(rate, value=value, low=low, high=high, se=se)


def _saved(spent: Floats, list_usd: Floats, confidence: float) -> Estimate:
    """Estimate the part of the list price of all useful work that was not spent."""
    if np.isnan(list_usd).any():
        return Estimate(None)
    found = ratio(spent, list_usd, confidence)
    if found.value is None:
        return found
    value, low, high = (None if each is None else _rest(each) for each in (found.value, found.high, found.low))
    return replace(found, value=value, low=low, high=high)


def _rest(share: float) -> float:
    """Tell what is left of 1; what is only the rounding of floats is nothing."""
    return 1 - share if abs(1 - share) > _ROUNDING else 0.0


def nodes_result(plan: Plan, memo: Floats, lines: Floats, worn: Floats, confidence: float) -> Json:
    """Estimate what became of the nodes of a plan and of the work that ran on them.

    Parameters
    ----------
    plan : Plan
        Whose they are.
    memo, lines : float64[R, len(MEMO)], float64[R, len(LINES)]
        Of its ledger.
    worn : float64[R, 3]
        Interruptions, hours that jobs ran, interruptions in vain.
    """
    of = {name: memo[:, column] for column, name in enumerate(MEMO)}
    with np.errstate(divide="ignore", invalid="ignore"):
        useful = of["productive_gpu_h"] / (of["held_used_gpu_h"] + of["hired_used_gpu_h"])
    worth = np.where(of["list_usd"] == 0, 0.0, of["list_usd"] * useful)
    found: Json = {
        "held": plan.nodes,
        "lent": plan.lent,
        "maximum": plan.maximum_nodes,
        **{name: mean(of[name], confidence) for name in _MEANS},
        "interruptions_per_job_hour": ratio(worn[:, 0], worn[:, 1], confidence),
        "coverage": ratio(of["held_used_gpu_h"], of["held_used_gpu_h"] + of["hired_used_gpu_h"], confidence),
        "commitment_utilization": ratio(of["held_used_gpu_h"], of["held_paid_gpu_h"], confidence),
        "effective_savings_rate": _saved(node_usd(lines, memo), worth, confidence),
        "checkpoints": None,
    }
    if plan.checkpoints is not None:
        cost_h = float(plan.checkpoints.cost_minutes) * 60 / SECONDS_PER_HOUR
        found["checkpoints"] = {
            "interval_h": float(plan.checkpoints.interval_minutes) * 60 / SECONDS_PER_HOUR,
            "cost_h": cost_h,
            "best_interval_h": _best_interval(cost_h, ratio(worn[:, 2], worn[:, 1], confidence)),
        }
    return found
