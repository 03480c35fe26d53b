"""Which plans may be ranked, which is cheapest and how sure that is; and what a reader must be warned of."""

from datetime import date

import numpy as np

from sim.estimate import Estimate, mean, replications_needed, share
from sim.scenario import Plan, Scenario
from sim.study.simulate import Experiment, Outcome
from sim.units import Floats

FAR_APART_DAYS = 366


def unfit(scenario: Scenario, outcome: Outcome, wait_p95: dict[str, float | None]) -> str | None:
    """Say why a plan does not do the work that the others do; None when it does.

    Parameters
    ----------
    scenario : Scenario
        Its rules of equal work.
    outcome : Outcome
        Of the plan.
    wait_p95 : dict
        95th percentile of the wait in hours, by class.
    """
    rules = scenario.equal_work
    jobs, left = float(outcome.total("jobs").sum()), float(outcome.total("not_started").sum())
    if jobs and left / jobs > rules.not_started_share and rules.settle_usd_per_job is None:
        limit = 100 * rules.not_started_share
        return f"{100 * left / jobs:.3g} % of its jobs had not started when the clock stopped (at most {limit:g} % may)"
    for name, wait in wait_p95.items():
        if rules.wait_p95_hours is not None and wait is not None and wait > rules.wait_p95_hours:
            return f"95 % of class `{name}` wait up to {wait:.3g} h (at most {rules.wait_p95_hours:g} h may pass)"
    return None


def cheapest_on_each_path(bills: dict[str, Floats]) -> dict[str, Floats]:
    """Mark for each plan the replications in which its bill is the least; a tie of k plans gives each 1/k."""
    table = np.array(list(bills.values()))
    least = table <= table.min(axis=0)
    credit = least / least.sum(axis=0)
    return dict(zip(bills, credit, strict=True))


def probability_cheapest(bills: dict[str, Floats], eligible: list[str], confidence: float) -> dict[str, Estimate]:
    """Estimate for each plan the probability that it is the cheapest of the eligible ones on a path."""
    nothing = {name: Estimate(None) for name in bills}
    if not eligible:
        return nothing
    credit = cheapest_on_each_path({name: bills[name] for name in eligible})
    return nothing | {name: share(float(each.sum()), len(each), confidence) for name, each in credit.items()}


def paired_differences(bills: dict[str, Floats], confidence: float) -> dict[str, Estimate]:
    """Estimate the difference of each pair of bills on the same paths."""
    names = list(bills)
    return {f"{a} - {b}": mean(bills[a] - bills[b], confidence) for i, a in enumerate(names) for b in names[i + 1 :]}


def capacity_reached(plan: Plan, load: float | None) -> bool:
    """Tell whether a plan's queue never settles: all its jobs wait for held nodes and these are too few."""
    waits_for_ever = plan.nodes > 0 and plan.patience_hours is None and plan.queue_limit is None
    return waits_for_ever and load is not None and load >= plan.gpus


def _price_dates(scenario: Scenario) -> list[tuple[date, date, str]]:
    """List from when to when each dated price is known to hold."""
    inputs = [entry for plan in scenario.plans.values() for entry in plan.inputs(scenario.price_date)]
    return [(entry.since, entry.seen, entry.what) for entry in inputs if entry.since and entry.seen]


def warnings(experiment: Experiment, replications: int) -> list[dict[str, str]]:
    """List what a reader must know before the numbers are used: pairs of a code and a text."""
    scenario = experiment.scenario
    found: list[tuple[str, str]] = []
    load = scenario.offered_gpus
    for name, plan in scenario.plans.items():
        if capacity_reached(plan, load):
            verb = "exceeds" if load and load > plan.gpus else "reaches"
            text = f"offered load {load:.3g} erlangs {verb} {plan.gpus} GPUs"
            advice = "add nodes, set patience_hours, or read the result as that of a finite horizon"
            found.append(("overload", f"plan `{name}`: {text}, so the queue never settles; {advice}"))
        if plan.nodes and plan.api is not None and plan.patience_hours is None and plan.queue_limit is None:
            found.append(("api_unused", f"plan `{name}` never uses its API; give patience_hours or queue_limit"))
        if plan.api is not None and plan.api.pace is None:
            found.append(
                (
                    "api_hours_assumed",
                    f"plan `{name}`: the API is assumed to take as long for a job as own nodes; "
                    "state hours_per_million_tokens",
                )
            )
    dates = _price_dates(scenario)
    if dates:
        newest, oldest = max(dates), min(dates, key=lambda entry: entry[1])
        if (newest[0] - oldest[1]).days > FAR_APART_DAYS:
            text = f"{oldest[2]} was last seen on {oldest[1]}, {newest[2]} holds since {newest[0]}"
            found.append(("prices_far_apart", f"prices more than 12 months apart are compared: {text}; set price_date"))
    for name, listed in experiment.listed.items():
        if listed.dropped:
            found.append(
                (
                    "jobs_beyond_horizon",
                    f"class `{name}`: {listed.dropped} jobs arrive after the horizon and are left out",
                )
            )
    if replications == 1:
        found.append(("one_replication", "one replication: no interval is available"))
    elif (needed := replications_needed(0.95, scenario.confidence)) > replications:
        found.append(
            (
                "few_replications",
                f"percentiles of the bill have no interval: p95 needs {needed} replications, got {replications}",
            )
        )
    return [{"code": code, "text": text} for code, text in found]
