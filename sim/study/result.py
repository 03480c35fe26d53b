"""A study as the JSON contract states it. Keys are added, never renamed; what is not available is null, never NaN."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from typing import Any, Final

import numpy as np

from sim.engine.money import BUSY, LINES, PRODUCTIVE
from sim.ground.estimate import Estimate, Pooled, deviation, jackknife, mean, plain, quantile, ratio
from sim.ground.scenario import Scenario
from sim.ground.units import SECONDS_PER_HOUR, Floats, Ticks
from sim.study.api_result import class_result, plan_result
from sim.study.compare import (
    cut_short,
    lopsided,
    paired_differences,
    probability_cheapest,
    serving_load,
    unfit,
    warnings,
)
from sim.study.elastic import nodes_result
from sim.study.fold import Fold
from sim.study.fold_requests import DURATIONS, SERVERS
from sim.study.outcome import Outcome
from sim.study.simulate import Experiment

SCHEMA: Final = 1
PERCENTILES: Final = {"p5": 0.05, "p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
_OF_WAIT, _OF_COST = ("p50", "p90", "p95", "p99"), ("p5", "p50", "p90", "p95", "p99")
_CENSORED_ABOVE = 0.01
_BEYOND_A_GROUP, _LEAST_GROUPS = 10, 10

Json = dict[str, Any]


def _groups(values: Pooled, probability: float) -> int:
    """Choose how many groups of replications a jackknife leaves out in turn: each has jobs enough beyond the quantile.

    Left out one by one, replications of few jobs gave intervals that held in 60 to 85 % instead of 95 %.
    """
    beyond = values.count * min(probability, 1 - probability)
    return min(values.groups, int(beyond / _BEYOND_A_GROUP))


def percentiles(
    values: Pooled, offsets: Ticks, names: tuple[str, ...], confidence: float, exact: bool
) -> dict[str, Estimate]:
    """Estimate percentiles over the jobs of all replications, with intervals over (groups of) replications."""
    contributing = int(np.count_nonzero(np.diff(offsets)))
    if (ends := values.ends) is not None and ends[0] == ends[1]:
        alike = np.full(len(offsets) - 1, ends[0])
        return {name: jackknife(ends[0], alike, confidence, contributing) for name in names}
    counts = {name: _groups(values, PERCENTILES[name]) for name in names}
    found: dict[str, Estimate] = {}
    for count in sorted(set(counts.values())):
        mine = [name for name in names if counts[name] == count]
        groups = count if count >= _LEAST_GROUPS else 1
        rows = values.quantiles(np.array([PERCENTILES[name] for name in mine]), groups, exact)
        for k, name in enumerate(mine):
            value = float(rows[-1, k])
            found[name] = (
                jackknife(value, rows[:-1, k], confidence, contributing)
                if groups > 1
                else Estimate(plain(value), n=contributing)
            )
    return {name: found[name] for name in names}


def _durations(
    folded: Fold, measure: str, total: str, count: str, confidence: float, exact: bool
) -> dict[str, Estimate]:
    """Estimate the mean and percentiles of a duration."""
    average = ratio(folded.total(total), folded.total(count), confidence)
    return {"mean": average} | percentiles(folded.values[measure], folded.offsets(measure), _OF_WAIT, confidence, exact)


def _costs(folded: Fold, measure: str, usd: Any, confidence: float, exact: bool) -> dict[str, Estimate]:
    """Estimate the mean and percentiles of the cost of a job."""
    jobs = folded.total("jobs")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(jobs > 0, usd / jobs, np.nan)
    means = {"mean": ratio(usd, jobs, confidence), "mean_of_ratios": mean(ratios, confidence)}
    return means | percentiles(folded.values[measure], folded.offsets(measure), _OF_COST, confidence, exact)


def censored(folded: Fold) -> bool:
    """Tell whether so many jobs of a class had not started when the clock stopped that waits are those of the lucky."""
    jobs, total = folded.total("jobs"), folded.total
    turned_away = sum(float(total(name).sum()) for name in ("refused", "failed") if name in folded.layout.sums)
    started = jobs.sum() - total("not_started").sum() + turned_away
    return bool(jobs.sum() and started / jobs.sum() < 1 - _CENSORED_ABOVE)


def _common(folded: Fold, loaded: Any, hours: float, confidence: float, exact: bool) -> Json:
    """Estimate what is asked of every class, whatever its kind."""
    total, average = folded.total, partial(mean, confidence=confidence)
    jobs = total("jobs")
    tokens = total("tokens")
    no_tokens = bool(np.isnan(tokens).any())
    return {
        "jobs": average(jobs),
        "unfinished": average(total("unfinished")),
        "not_started": average(total("not_started")),
        "overflow": average(total("overflow")),
        "api_share": ratio(total("api"), jobs, confidence),
        "censored": censored(folded),
        "in_system": average(total("in_system") / hours),
        "queue": average(total("queue") / hours),
        "cost_per_job_usd": {
            "attributed": _costs(folded, "attributed", total("attributed"), confidence, exact),
            "fully_loaded": _costs(folded, "fully_loaded", loaded, confidence, exact),
        },
        "usd_per_million_tokens": Estimate(None) if no_tokens else ratio(loaded, tokens, confidence),
    }


def _tune_result(folded: Fold, confidence: float, exact: bool) -> Json:
    """Estimate the waits of a class of fine-tunes."""
    total = folded.total
    wait = _durations(folded, "wait_h", "wait", "waits", confidence, exact)
    all_held = np.array_equal(total("waits"), total("waits_held"))
    wait_held = wait if all_held else _durations(folded, "wait_held_h", "wait_held", "waits_held", confidence, exact)
    return {
        "wait_h": wait,
        "wait_held_h": wait_held,
        "sojourn_h": _durations(folded, "sojourn_h", "sojourn", "waits", confidence, exact),
        "interruptions_per_job": ratio(total("interruptions"), total("jobs"), confidence),
    }


def interleaved(folded: Fold, measures: list[str]) -> tuple[Pooled, Ticks]:
    """Put the values of several measures together, replication by replication."""
    offsets = np.sum([folded.offsets(measure) for measure in measures], axis=0)
    return Pooled.union([folded.values[measure] for measure in measures]), offsets


def _by_server(folded: Fold, duration: str, confidence: float, exact: bool) -> Json:
    """Estimate a duration of requests in seconds: of all, of those on own replicas, of those at the API."""
    found: Json = {}
    counts = {server: folded.layout.measures[f"{duration}_s.{server}"] for server in SERVERS}
    only = [server for server in SERVERS if folded.total(counts[server]).any()]
    for scope, servers in (("all", SERVERS), ("held", ("held",)), ("api", ("api",))):
        if scope != "all" and [scope] == only:
            found[scope] = found["all"]
            continue
        total = np.sum([folded.total(f"{duration}_{server}") for server in servers], axis=0)
        count = np.sum([folded.total(counts[server]) for server in servers], axis=0)
        values, offsets = interleaved(folded, [f"{duration}_s.{server}" for server in servers])
        found[scope] = {"mean": ratio(total, count, confidence)} | percentiles(
            values, offsets, _OF_WAIT, confidence, exact
        )
    return found


def _in_hours(durations: Json) -> Json:
    """Tell durations in hours."""
    return {name: each.scaled(1 / SECONDS_PER_HOUR) for name, each in durations.items()}


def _request_result(folded: Fold, loaded: Any, confidence: float, exact: bool) -> Json:
    """Estimate the durations of a class of requests, and what a million tokens written cost."""
    total, average = folded.total, partial(mean, confidence=confidence)
    durations = {f"{duration}_s": _by_server(folded, duration, confidence, exact) for duration in DURATIONS}
    return {
        "wait_h": _in_hours(durations["wait_s"]["all"]),
        "wait_held_h": _in_hours(durations["wait_s"]["held"]),
        "sojourn_h": _in_hours(durations["sojourn_s"]["all"]),
        **durations,
        "usd_per_million_output_tokens": ratio(loaded, total("output_tokens"), confidence),
        "input_tokens_millions": average(total("prompt_tokens")),
        "output_tokens_millions": average(total("output_tokens")),
        "refused": average(total("refused")),
        "preempted": average(total("preempted")),
    }


def _serving_result(experiment: Experiment, plan_name: str, outcome: Outcome, confidence: float) -> Json:
    """Estimate how busy each group of nodes was that serves, and how many requests ran together."""
    found: Json = {}
    for pool in experiment.pools[plan_name]:
        if pool.replicas is None or pool.name is None:
            continue
        busy, batch, paid = outcome.serving[pool.name].T
        found[pool.name] = {
            "replicas": pool.replicas.count,
            "load": serving_load(experiment.scenario, experiment.scenario.plans[plan_name], pool.name),
            "busy_share": ratio(busy, paid, confidence),
            "paid_replica_hours": mean(paid, confidence),
            "busy_replica_hours": mean(busy, confidence),
            "idle_replica_hours": mean(paid - busy, confidence),
            "batch_size": ratio(batch, busy, confidence),
        }
    return found


def orphaned_usd(scenario: Scenario, outcome: Outcome) -> Floats:
    """Tell what each class carries of the bills of replications without any job.

    Such a bill is on nobody; it belongs to the mean cost of the work all the same.
    """
    shares_all = scenario.allocation.rule != "platform"
    nobody = outcome.total("jobs") == 0
    rest = outcome.bills - outcome.total("fully_loaded")
    return np.asarray(rest * nobody * shares_all / len(scenario.workload))


def _plan_result(experiment: Experiment, name: str, outcome: Outcome, exact: bool) -> Json:
    """Estimate everything about one plan; eligibility is filled in from it."""
    scenario = experiment.scenario
    confidence = float(scenario.confidence)
    bills, orphaned = outcome.bills, orphaned_usd(scenario, outcome)
    classes: dict[str, Json] = {}
    usd_of_requests = np.zeros(len(bills))
    for class_name, folded in outcome.classes.items():
        loaded, kind = folded.total("fully_loaded") + orphaned, scenario.workload[class_name].kind
        common = _common(folded, loaded, scenario.counted_hours, confidence, exact)
        if class_name in scenario.chats:
            usd_of_requests = usd_of_requests + loaded
            of_kind = _request_result(folded, loaded, confidence, exact)
            of_kind |= class_result(folded, scenario.chats[class_name], loaded, confidence)
        else:
            of_kind = _tune_result(folded, confidence, exact)
        classes[class_name] = Json(kind=kind) | common | of_kind
    reason = unfit(scenario, outcome.classes, classes)
    lines = {line: mean(outcome.lines[:, k], confidence) for k, line in enumerate(LINES)}
    hours = {"allocated": outcome.allocated, "busy": outcome.memo[:, BUSY], "productive": outcome.memo[:, PRODUCTIVE]}
    return {
        "eligible": reason is None,
        "reason": reason,
        "bill_usd": {"total": mean(bills, confidence)} | lines,
        "bill_percentiles_usd": {key: quantile(bills, PERCENTILES[key], confidence) for key in _OF_COST},
        "bill_sd_usd": deviation(bills, confidence),
        "unallocated_usd": mean(bills - outcome.total("attributed"), confidence),
        "gpu_hours": {"paid": mean(outcome.paid, confidence)}
        | {key: mean(each, confidence) for key, each in hours.items()},
        "utilization": {key: ratio(each, outcome.paid, confidence) for key, each in hours.items()},
        "nodes": nodes_result(scenario.plans[name], outcome.memo, outcome.lines, outcome.worn, confidence),
        **plan_result(
            scenario.plans[name],
            [outcome.classes[each] for each in scenario.chats],
            usd_of_requests,
            outcome.memo,
            confidence,
        ),
        "serving": _serving_result(experiment, name, outcome, confidence),
        "inputs": [asdict(entry) for entry in scenario.plans[name].inputs(scenario.price_date)],
        "classes": classes,
    }


def result(
    experiment: Experiment,
    outcomes: dict[str, Outcome],
    exact: bool = False,
    mapper: Callable[..., Iterable[Any]] = map,
) -> Json:
    """Estimate everything about a study.

    Parameters
    ----------
    experiment : Experiment
        What was run.
    outcomes : dict
        What each plan gave.
    exact : bool
        Whether to sort for quantiles however many jobs there are.
    mapper : callable
        May be that of a thread pool.

    Returns
    -------
    dict
        The contract's keys; estimates are ``Estimate`` objects until ``as_json`` makes them plain.
    """
    scenario = experiment.scenario
    names = list(outcomes)
    plans = dict(
        zip(names, mapper(lambda name: _plan_result(experiment, name, outcomes[name], exact), names), strict=True)
    )
    eligible = [name for name in names if plans[name]["eligible"]]
    bills = {name: outcome.bills for name, outcome in outcomes.items()}
    replications = len(next(iter(bills.values())))
    return {
        "schema": SCHEMA,
        "scenario": scenario.name,
        "seed": experiment.seed,
        "replications": replications,
        "horizon_days": float(scenario.horizon_days),
        "warm_up_days": float(scenario.warm_up_days),
        "confidence": float(scenario.confidence),
        "price_date": scenario.price_date,
        "allocation": {"rule": scenario.allocation.rule, "window_days": float(scenario.allocation.window_days)},
        "inputs": [asdict(entry) for entry in scenario.inputs()],
        "warnings": warnings(experiment, replications) + cut_short(scenario, outcomes) + lopsided(outcomes),
        "plans": plans,
        "comparison": {
            "cheapest": min(eligible, key=lambda name: float(bills[name].mean()), default=None),
            "probability_cheapest": probability_cheapest(bills, eligible, float(scenario.confidence)),
            "paired_difference_usd": paired_differences(bills, float(scenario.confidence)),
        },
    }


def as_json(value: Any) -> Any:
    """Turn a result into plain JSON values."""
    if isinstance(value, Estimate):
        return value.as_json()
    if isinstance(value, dict):
        return {key: as_json(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(entry) for entry in value]
    return value.isoformat() if hasattr(value, "isoformat") else value
