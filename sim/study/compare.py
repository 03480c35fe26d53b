"""Which plans may be ranked, which is cheapest and how sure that is; and what a reader must be warned of."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from sim.ground.catalog import STALE_DAYS
from sim.ground.estimate import Estimate, mean, replications_needed, share
from sim.ground.scenario import Plan, Scenario
from sim.ground.scenario.arrivals import mean_rate
from sim.ground.scenario.tails import tail_warnings
from sim.ground.units import SECONDS_PER_HOUR, Floats
from sim.study.fold import Fold
from sim.study.outcome import Outcome
from sim.study.simulate import Experiment
from sim.study.waits import load_at_end, tail_of_waits, waits_for_ever

_LATE = 0.05
_CUT_ABOVE = 0.01
_PREEMPTED_ABOVE = 0.05
_LOPSIDED_ABOVE, _LOPSIDED_FROM = 0.5, 20
_ROUNDING = 1e-12  # relative: bills that differ by less differ by the rounding of floats


def unfit(scenario: Scenario, folds: dict[str, Fold], classes: dict[str, Any]) -> str | None:
    """Say why a plan does not do the work that the others do; None when it does.

    Parameters
    ----------
    scenario : Scenario
        Its rules of equal work.
    folds : dict of Fold
        Of each class under the plan.
    classes : dict
        What was estimated of each class.
    """
    rules = scenario.equal_work
    for name, each in folds.items():
        jobs, wait = float(each.total("jobs").sum()), classes[name]["wait_h"]["p95"].value
        refused = float(each.total("refused").sum()) if "refused" in each.layout.sums else 0.0
        left = float(each.total("not_started").sum()) / jobs if jobs else 0.0
        if left > rules.not_started_share and rules.settle_usd_per_job is None and 2 * refused > left * jobs:
            how = "were refused, for they fit no KV cache"
            return _mostly(name, 100 * left, 100 * refused / jobs, how, 100 * rules.not_started_share)
        if (lost := _unanswered(scenario, name, each, jobs)) is not None:
            return lost
        if left > rules.not_started_share and rules.settle_usd_per_job is None:
            limit = 100 * rules.not_started_share
            text = f"{100 * left:.3g} % of the {_work(classes[name])} of class `{name}` had not started"
            return f"{text} when the clock stopped (at most {limit:g} % may)"
        undone = float(each.total("undone").sum()) / jobs if jobs and "undone" in each.layout.sums else 0.0
        if undone > rules.not_started_share:  # whatever a job not started is settled at
            limit = 100 * rules.not_started_share
            text = f"{100 * undone:.3g} % of the jobs of class `{name}` were interrupted and had not ended"
            return f"{text} in twice the time they need (at most {limit:g} % may)"
        waits = name in scenario.chats and scenario.chats[name].deadline_hours is not None
        if "ttft_s" in classes[name] and rules.ttft_p95_s is not None and not waits:
            if left > _LATE:
                text = f"{100 * left:.3g} % of the requests of class `{name}` never had a first token"
                return f"{text} (95 % must have it within {rules.ttft_p95_s:g} s)"
            ttft = classes[name]["ttft_s"]["all"]["p95"].value
            if ttft is not None and ttft > rules.ttft_p95_s:
                first = f"95 % of class `{name}` have their first token within {ttft:.3g} s"
                return f"{first} (at most {rules.ttft_p95_s:g} s may pass)"
        if rules.wait_p95_hours is None:
            continue
        if left > _LATE:
            return f"{100 * left:.3g} % of class `{name}` still waited when the clock stopped (95 % must have started)"
        if wait is not None and wait > rules.wait_p95_hours:
            return f"95 % of class `{name}` wait up to {wait:.3g} h (at most {rules.wait_p95_hours:g} h may pass)"
    return None


def _unanswered(scenario: Scenario, name: str, each: Fold, requests: float) -> str | None:
    """Say whether too many requests of a class were given up at the API, or came after their deadline."""
    rules, limit = scenario.equal_work, 100 * scenario.equal_work.not_started_share
    if name not in scenario.chats or not requests:
        return None
    failed, late = (100 * float(each.total(what).sum()) / requests for what in ("failed", "late"))
    left = 100 * float(each.total("not_started").sum()) / requests
    if left > limit and 2 * failed > left and rules.settle_usd_per_job is None:
        return _mostly(name, left, failed, "were given up at the API", limit)
    if late > limit:
        hours = scenario.chats[name].deadline_hours
        text = f"{late:.3g} % of the requests of class `{name}` were answered later than {hours:g} h"
        return f"{text} (at most {limit:g} % may)"
    return None


def _mostly(name: str, left: float, part: float, how: str, limit: float) -> str:
    """Say what became of most requests that were left, and how many were left in all, where these are more (in %)."""
    text = f"{part:.3g} % of the requests of class `{name}` {how}"
    if f"{left:.3g}" == f"{part:.3g}":
        return f"{text} (at most {limit:g} % may be left)"
    return f"{text}, and {left:.3g} % were left in all (at most {limit:g} % may be)"


def _work(of_class: dict[str, Any]) -> str:
    """Name the jobs of a class."""
    return "requests" if of_class["kind"] == "inference" else "jobs"


def cheapest_on_each_path(bills: dict[str, Floats]) -> dict[str, Floats]:
    """Mark for each plan the replications in which its bill is the least; a tie of k plans gives each 1/k."""
    table = np.array(list(bills.values()))
    least = table <= table.min(axis=0) * (1 + _ROUNDING)
    credit = least / least.sum(axis=0)
    return dict(zip(bills, credit, strict=True))


def probability_cheapest(bills: dict[str, Floats], eligible: list[str], confidence: float) -> dict[str, Estimate]:
    """Estimate for each plan the probability that it is the cheapest of the eligible ones on a path."""
    nothing = {name: Estimate(None) for name in bills}
    if not eligible:
        return nothing
    credit = cheapest_on_each_path({name: bills[name] for name in eligible})
    return nothing | {name: share(float(each.sum()), len(each), confidence) for name, each in credit.items()}


def difference(a: Floats, b: Floats) -> Floats:
    """Take the difference of two bills on each path; what is only the rounding of floats is none."""
    apart = a - b
    return np.where(np.abs(apart) > _ROUNDING * np.abs(a), apart, 0.0)


def paired_differences(bills: dict[str, Floats], confidence: float) -> dict[str, Estimate]:
    """Estimate the difference of each pair of bills on the same paths."""
    names = list(bills)
    return {
        f"{a} - {b}": mean(difference(bills[a], bills[b]), confidence)
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    }


def overload(scenario: Scenario, plan: Plan) -> str | None:
    """Say by how much the fine-tunes of a plan whose jobs all wait are too many for its nodes; None where not."""
    load, usable = scenario.offered_gpus, scenario.reachable_gpus(plan)
    if not waits_for_ever(plan) or load is None or usable is None or load < usable:
        return None
    verb = "exceeds" if load > usable else "reaches"
    return f"offered load {load:.3g} erlangs {verb} {usable:.4g} GPUs, so the queue never settles"


def _plan_warnings(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Warn of plans whose queue never settles, whose API is never used, or whose API takes nobody knows how long."""
    for name, plan in scenario.plans.items():
        yield from _serving_warnings(scenario, name, plan)
        if (text := overload(scenario, plan)) is not None:
            hired = plan.hired_tuning
            never = hired is not None and hired.available_share == 0
            advice = "every order is refused: raise available_share, " if never else "add nodes, "
            advice += "set patience_hours, or read the result as that of a finite horizon"
            yield "overload", f"plan `{name}`: {text}; {advice}"
        yield from _wait_warnings(scenario, name, plan)
        yield from _spot_warnings(name, plan)
        if plan.api is not None and plan.api.trains and scenario.tunes:
            if plan.frictionless:
                yield "api_unused", f"plan `{name}` never uses its API, for every job gets hired nodes at once"
            elif waits_for_ever(plan):
                yield "api_unused", f"plan `{name}` never uses its API; give patience_hours or queue_limit"
        if scenario.tunes and plan.api is not None and plan.api.trains and plan.api.pace is None:
            text = "the API is assumed to take as long for a job as own nodes; state hours_per_million_tokens"
            yield "api_hours_assumed", f"plan `{name}`: {text}"


def _wait_warnings(scenario: Scenario, name: str, plan: Plan) -> Iterator[tuple[str, str]]:
    """Warn of waits that have no mean, or no variance, however long they are looked at; of a queue that outgrows."""
    usable, at_end = scenario.reachable_gpus(plan), load_at_end(scenario)
    if waits_for_ever(plan) and at_end and usable and overload(scenario, plan) is None and at_end >= usable:
        text = f"the load grows to {at_end:.3g} erlangs at the end of the horizon, {usable:.4g} GPUs are there"
        yield (
            "outgrown",
            f"plan `{name}`: {text}: waits are those of this horizon and no other; shorten it or add nodes",
        )
    found = tail_of_waits(scenario, plan)
    if found is None or found[1] > 2:
        return
    what = "mean, so it grows with the horizon" if found[1] <= 1 else "variance, so its intervals are too narrow"
    text = f"the wait has no finite {what}: P(wait > x) falls like x^-{found[1]:.3g}, by the service of `{found[0]}`"
    yield "heavy_wait", f"plan `{name}`: {text}; give `truncate` a `high`, set patience_hours, or compare medians"


def _spot_warnings(name: str, plan: Plan) -> Iterator[tuple[str, str]]:
    """Warn of spot nodes that nobody takes back, and of work that nobody saves."""
    hired = plan.hired_tuning
    if hired is None or not hired.is_spot:
        return
    if hired.lifetime_hours is None and hired.trace is None:
        text = "pays the spot rate for nodes that are never taken back; state lifetime_hours or a trace"
        yield "spot_for_ever", f"plan `{name}` {text}"
    elif plan.checkpoints is None:
        text = "saves nothing on nodes that are taken back, so its jobs begin anew; state checkpoints"
        yield "nothing_saved", f"plan `{name}` {text}"


def serving_load(scenario: Scenario, plan: Plan, group_name: str) -> float | None:
    """Estimate the load of a group's replicas: requests that come over requests that it can serve, 1 being all it can.

    None where a class lists its requests. An estimate from mean lengths; the simulation knows better.
    """
    group, load = plan.all_serving[group_name], 0.0
    if not group.replicas or group.serve is None:
        return None
    scheduled = group.serve.mean_scheduled * group.replicas_per_node
    replicas = scheduled if group.serve.schedule is not None else group.replicas
    if not replicas:
        return None
    for name, requests in scenario.chats.items():
        if plan.server(name) != group_name:
            continue
        if requests.arrivals is None or requests.mean_tokens is None:
            return None
        if sum(requests.mean_tokens) > group.profile.kv_tokens:
            return None  # most of its requests can never be served
        rate = mean_rate(requests.arrivals, scenario.horizon_hours) * requests.mean_turns / SECONDS_PER_HOUR
        rate_at_most = group.rate_at_most(requests)
        adapters, rules = requests.adapters, group.serve.adapters
        if adapters is not None and rules is not None and rules.placement == "dedicated":
            # the most wanted adapter has replicas of its own, and is the first that they cannot carry
            wants = [1 / k ** float(adapters.zipf) for k in range(1, int(adapters.count) + 1)]
            load += rate * wants[0] / sum(wants) / (len(range(0, group.replicas, int(adapters.count))) * rate_at_most)
        else:
            load += rate / (replicas * rate_at_most)
    return load


def account_load(scenario: Scenario, plan: Plan) -> float | None:
    """Estimate the load of a plan's API account: what is asked of it alone over what it lets pass, 1 being all of it.

    None where nothing is limited, or a class lists its requests. Retries are left out, and what replicas hand over.
    """
    api = plan.api
    if api is None or (api.limits is None and api.reserved is None):
        return None
    requests = tokens = 0.0
    for name, each in scenario.chats.items():
        if plan.server(name) is None and not api.batches(each.deadline_hours):
            if each.arrivals is None or each.mean_tokens is None:
                return None
            rate = mean_rate(each.arrivals, scenario.horizon_hours) / 60
            requests, tokens = requests + rate, tokens + rate * sum(each.mean_tokens)
    limits, units = api.limits, 0.0 if api.reserved is None else float(api.reserved.tokens_per_minute)
    if limits is None:
        only_units = api.reserved is not None and api.reserved.beyond == "wait"
        return tokens / units if only_units else None
    by_tokens = 0.0 if limits.tokens_per_minute is None else tokens / (units + limits.tokens_per_minute)
    by_requests = 0.0 if limits.requests_per_minute is None else requests / limits.requests_per_minute
    return by_tokens if units else max(by_tokens, by_requests)


def _serving_warnings(scenario: Scenario, name: str, plan: Plan) -> Iterator[tuple[str, str]]:
    """Warn of replicas that cannot carry their load, of an API that takes no time, of adapters for nothing."""
    for group_name, group in plan.all_serving.items():
        load, overflows = serving_load(scenario, plan, group_name), group.serve and group.serve.overflow_above
        if load is not None and load >= 1 and not overflows:
            text = f"requests come at {load:.3g} times the rate that `{group_name}` can serve: its queue never settles"
            advice = "add replicas, set overflow_above, or read the result as that of a finite horizon"
            yield "overload", f"plan `{name}`: {text}; {advice}"
        scale = group.serve.autoscale if group.serve else None
        if scale is not None and overflows and overflows <= scale.target:
            text = f"`{group_name}` hands requests over before it has enough of them to grow"
            yield "never_grows", f"plan `{name}`: {text}; raise serve.overflow_above or lower serve.autoscale.target"
    asked = account_load(scenario, plan)
    if asked is not None and asked >= 1:
        text = (
            f"requests come at {asked:.3g} times the rate that its API lets pass: many wait ever longer or are given up"
        )
        yield "overload", f"plan `{name}`: {text}; raise its limits or reserve more units"
    api = plan.api
    if (
        api is not None
        and api.serves
        and not all(api.batches(each.deadline_hours) for each in scenario.chats.values())
        and (api.ttft_s is None or api.seconds_per_output_token is None)
    ):
        text = "the API is taken to answer at once; state ttft_s and seconds_per_output_token"
        yield "api_seconds_assumed", f"plan `{name}`: {text}"


def _price_warnings(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Warn of prices of different years, and of prices that were last seen long before the day asked for."""
    dated = [(entry.since, entry.seen, entry.what) for entry in scenario.inputs() if entry.since and entry.seen]
    if not dated:
        return
    newest, oldest = max(dated), min(dated, key=lambda entry: entry[1])
    if (newest[0] - oldest[1]).days > STALE_DAYS:
        text = f"{oldest[2]} was last seen on {oldest[1]}, {newest[2]} holds since {newest[0]}"
        yield "prices_far_apart", f"prices more than 12 months apart are compared: {text}; set price_date"
    on = scenario.price_date
    stale = {} if on is None else {what: seen for _, seen, what in dated if (on - seen).days > STALE_DAYS}
    if stale:
        named = ", ".join(f"{what} was last seen on {seen}" for what, seen in sorted(stale.items(), key=lambda e: e[1]))
        yield "price_stale", f"{named}: more than 12 months before price_date {on}; look for a newer price"


def _decision_warnings(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Warn of what only a decision takes into account: uncertain numbers, and nodes that come later."""
    if count := len(scenario.uncertain):
        stand = "number is uncertain and stands at its central value"
        if count > 1:
            stand = "numbers are uncertain and stand at their central values"
        yield "uncertain", f"{count} {stand} here; `decide` draws them"
    for name, plan in scenario.plans.items():
        if staged := [group_name for group_name, group in plan.held.items() if group.stages]:
            text = f"plan `{name}`, `{staged[0]}`: nodes that come in stages are left out here; `decide` counts them"
            yield "stages", text


def warnings(experiment: Experiment, replications: int) -> list[dict[str, str]]:
    """List what a reader must know before the numbers are used: pairs of a code and a text."""
    scenario = experiment.scenario
    found = [*_plan_warnings(scenario), *_price_warnings(scenario), *tail_warnings(scenario)]
    found += _decision_warnings(scenario)
    for name, listed in (experiment.listed | experiment.logs).items():
        if listed.dropped:
            text = f"class `{name}`: {listed.dropped} jobs arrive after the horizon and are left out"
            found.append(("jobs_beyond_horizon", text))
        found += [("rows_left_out", f"class `{name}`: its log has {each} that are left out") for each in listed.missing]
    needed = replications_needed(0.95, scenario.confidence)
    if replications == 1:
        found.append(("one_replication", "one replication: no interval is available"))
    elif needed > replications:
        text = f"percentiles of the bill have no interval: p95 needs {needed} replications, got {replications}"
        found.append(("few_replications", text))
    return [{"code": code, "text": text} for code, text in found]


def _largest_share(values: Floats) -> float:
    """Tell how much of the sum of squares about the mean the largest part is; 0 where there are too few to tell."""
    squares = np.square(values - values.mean())
    total = float(squares.sum())
    if len(values) < _LOPSIDED_FROM or total <= (_ROUNDING * float(values.mean())) ** 2 * len(values):
        return 0.0
    return float(squares.max()) / total


def lopsided(outcomes: dict[str, Outcome]) -> list[dict[str, str]]:
    """Warn of bills and waits whose spread is that of one replication: the next such would move mean and interval."""
    found = []
    for name, outcome in outcomes.items():
        told = {"the bill": outcome.bills}
        for class_name, each in outcome.classes.items():
            if "wait" in each.layout.sums:
                told[f"the waits of class `{class_name}`"] = each.total("wait")
        for what, values in told.items():
            if (part := _largest_share(values)) > _LOPSIDED_ABOVE:
                text = f"one of {len(values)} replications makes {100 * part:.3g} % of the variance of {what}"
                advice = "so its interval is too narrow; give more --reps"
                found.append({"code": "lopsided", "text": f"plan `{name}`: {text}, {advice}"})
    return found


def cut_short(scenario: Scenario, outcomes: dict[str, Outcome]) -> list[dict[str, str]]:
    """Warn of jobs that the clock stopped: of those that had not started, and of those that had not ended."""
    found = []
    for name, outcome in outcomes.items():
        for class_name, each in outcome.classes.items():
            jobs, where = each.total("jobs").sum(), f"plan `{name}`, class `{class_name}`"
            left, undone = each.total("not_started").sum(), each.total("unfinished").sum()
            refused = each.total("refused").sum() if "refused" in each.layout.sums else 0
            failed = each.total("failed").sum() if "failed" in each.layout.sums else 0
            if left - refused - failed > _CUT_ABOVE * jobs:
                text = "more than 1 % of the jobs had not started, so waits are those of the lucky (censored)"
                found.append({"code": "censored", "text": f"{where}: {text}"})
            lost = each.total("preempted").sum() if "preempted" in each.layout.sums else 0
            if lost > _PREEMPTED_ABOVE * jobs:
                text = f"requests were preempted {lost / jobs:.2g} times each, for the KV cache was full"
                text += "; what is computed again slows all: a queue that forms may not clear"
                found.append({"code": "preempted", "text": f"{where}: {text}"})
            if refused:
                share_ = 100 * refused / jobs
                text = f"{share_:.3g} % of the requests fit no replica's KV cache and were refused"
                text += "; raise kv_tokens or give an API"
                found.append({"code": "refused", "text": f"{where}: {text}"})
            if failed:
                text = f"{100 * failed / jobs:.3g} % of the requests were given up at the API"
                found.append({"code": "failed", "text": f"{where}: {text}; raise its limits or its retries"})
            plan = scenario.plans[name]
            undone -= each.total("unfinished_api").sum() if "unfinished_api" in each.layout.sums else 0
            if undone - left > _CUT_ABOVE * jobs and (plan.all_gpus or plan.hired):
                share_ = 100 * (undone - left) / jobs
                text = f"{share_:.3g} % of the jobs had started and not ended, but nodes are charged only until then"
                found.append({"code": "unfinished", "text": f"{where}: {text}; lengthen horizon_days"})
    return found
