"""Cases run: the scenario simulated, its estimates looked up by their keys, each judged.

Values of single jobs are kept only where a case asks for their percentiles, so that tens of millions of jobs fit.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from sim.engine.money import Shares
from sim.ground.estimate import Estimate, Pooled
from sim.ground.estimate.interval import plain
from sim.ground.faults import Fault, InputError
from sim.ground.jobs import Paths
from sim.ground.scenario.inputs import nearest
from sim.ground.units import Floats
from sim.questions.verify.cases import Case, Expectation
from sim.questions.verify.node_sums import of_pair
from sim.questions.verify.probes import Wish, estimate, of_row, wish
from sim.questions.verify.rule import judge
from sim.questions.verify.sums import Served, Sums
from sim.study.fold_requests import DURATIONS, SERVERS
from sim.study.outcome import Outcome
from sim.study.pieces import run_piece
from sim.study.result import Json, result
from sim.study.simulate import Experiment
from sim.study.simulate import Served as PlanServed

_COSTS = "cost_per_job_usd"
_A_MOMENT_DAYS = 1e-3

SumKey = tuple[str, str, int]
Piece = tuple[dict[str, Outcome], dict[SumKey, Sums], dict[Wish, float | None]]


def lookup(found: Json, key: str) -> Any:
    """Walk a dotted key through a result.

    Raises
    ------
    LookupError
        With the nearest right word.
    """
    value: Any = found
    steps = key.split(".")
    for at, step in enumerate(steps):
        if isinstance(value, Estimate) and steps[at:] == ["value"]:
            return value
        if not isinstance(value, dict):
            raise LookupError(f"{'.'.join(steps[:at])} is one value and has no keys")
        if step not in value:
            words = [*value, "probes"] if at == 0 else list(value)
            raise LookupError(f"{'.'.join(steps[: at + 1])} is not a key of the result; {nearest(step, words)}")
        value = value[step]
    if isinstance(value, dict | list):
        choice = ", ".join(f"`{word}`" for word in value) if isinstance(value, dict) else "none of them has a key"
        raise LookupError(f"{key} holds several values; choose one: {choice}")
    return value


def wishes(case: Case) -> dict[str, Wish]:
    """Find the probes that a case asks for, by key."""
    plans, classes = list(case.scenario.plans), list(case.scenario.workload)
    return {row.key: wish(row.key, plans, classes) for row in case.expect if row.key.split(".")[0] == "probes"}


def check(case: Case) -> list[Fault]:
    """Find the keys of a case that its result will not have, on a clock that stops at once."""
    brief = case.scenario.model_copy(update={"horizon_days": _A_MOMENT_DAYS, "warm_up_days": 0.0})
    ready = Experiment.of(brief, 0)
    found = result(ready, run_piece(ready, range(1)))
    plans, classes = list(brief.plans), list(brief.workload)
    faults = []
    for row in case.expect:
        try:
            if row.key.split(".")[0] == "probes":
                wish(row.key, plans, classes)
            else:
                lookup(found, row.key)
        except LookupError as error:
            faults.append(Fault(row.where, f"case `{case.id}`: {error.args[0]}"))
    return faults


def check_all(cases: Iterable[Case]) -> None:
    """Refuse cases that ask for what no result has.

    Raises
    ------
    InputError
        With all faults.
    """
    if faults := [fault for case in cases for fault in check(case)]:
        raise InputError(faults)


def wanted_values(case: Case) -> set[tuple[str, str, str]]:
    """Find of which plan, class and measure the values of single jobs are needed."""
    scenario, rules = case.scenario, case.scenario.equal_work
    limits = {"wait_h": rules.wait_p95_hours, "ttft_s": rules.ttft_p95_s}
    asked = {
        (plan, name, measure)
        for measure, limit in limits.items()
        for plan in scenario.plans
        for name in scenario.workload
        if limit is not None
    }
    for row in case.expect:
        steps = [step for step in row.key.split(".") if step != _COSTS]
        if steps[0] == "plans" and len(steps) >= 6 and any(step.startswith("p") for step in steps[5:]):
            asked.add((steps[1], steps[3], steps[4]))
    return {(plan, name, each) for plan, name, measure in asked for each in _values_of(name in scenario.chats, measure)}


def _values_of(requests: bool, measure: str) -> list[str]:
    """Name the values from which percentiles of a measure are taken: of requests by server, in seconds."""
    duration = measure.rpartition("_")[0]
    if requests and (duration in DURATIONS or measure == "wait_held_h"):
        return [f"{duration.removesuffix('_held')}_s.{server}" for server in SERVERS]
    return [measure]


def _slim(outcome: Outcome, plan: str, wanted: set[tuple[str, str, str]]) -> Outcome:
    """Drop the values of single jobs that no one asks for."""
    classes = {}
    for name, each in outcome.classes.items():
        nothing = Pooled(len(each.sums))
        values = {key: value if (plan, name, key) in wanted else nothing for key, value in each.values.items()}
        classes[name] = replace(each, values=values)
    return replace(outcome, classes=classes)


def _piece(ready: Experiment, asked: list[Wish], wanted: set[tuple[str, str, str]], replications: range) -> Piece:
    """Run some replications under all plans; keep outcomes, the sums that the probes need, and the rows asked for."""
    work = ready.work(replications)
    outcomes: dict[str, Outcome] = {}
    sums: dict[SumKey, Sums] = {}
    cells: dict[Wish, float | None] = {}
    loaded: dict[str, Floats] = {}
    for plan in ready.fleets:
        done = ready.served(plan, work)
        outcome, shares = ready.charged(plan, done)
        outcomes[plan] = _slim(outcome, plan, wanted)
        loaded[plan] = shares[0].fully_loaded
        for each in (each for each in asked if each.plan == plan and not each.other):
            served = _side(ready, plan, done, outcome, shares, each.job_class)
            if each.row >= 0:
                cells[each] = of_row(each, served)
                continue
            if each.sums not in sums:
                sums[each.sums] = each.probe.collect(served, each.job_class)
    return outcomes, sums | _pairs(ready, asked, work.paths, loaded), cells


def _pairs(ready: Experiment, asked: list[Wish], paths: Paths, loaded: dict[str, Floats]) -> dict[SumKey, Sums]:
    """Sum what fine-tunes cost under two plans, for the probes that compare them."""
    counted = paths.arrival >= ready.opens
    return {
        each.sums: of_pair(counted, paths.offsets, loaded[each.plan], loaded[each.other])
        for each in asked
        if each.other
    }


def _side(
    ready: Experiment, plan: str, done: PlanServed, outcome: Outcome, shares: list[Shares], job_class: int
) -> Served:
    """Take the table in which a class stands: the fine-tunes, or the requests of its pool (-1: the first table)."""
    its_fleet, opens = ready.fleets[plan], ready.opens
    name = None if job_class < 0 else list(ready.scenario.workload)[job_class]
    first = len(shares) - len(done.requests)
    for (pool, requests, rows), each in zip(done.requests, shares[first:], strict=True):
        if name in pool.classes or (name is None and not ready.scenario.tunes):
            return Served(its_fleet, requests, rows, outcome, each.attributed, each.fully_loaded, opens, pool.replicas)
    tunes = shares[0]
    return Served(its_fleet, done.paths, done.rows, outcome, tunes.attributed, tunes.fully_loaded, opens)


def _joined(parts: list[Sums]) -> Sums:
    """Put sums of successive replications together."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def run_case(case: Case, quick: bool = False) -> list[Json]:
    """Run one case.

    Parameters
    ----------
    case : Case
        What is simulated and what is expected.
    quick : bool
        Whether to run its few replications and ask for less precision.

    Returns
    -------
    list of dict
        A row an expectation, by the keys of the JSON contract.
    """
    scenario = case.scenario
    asked, confidence = wishes(case), float(scenario.confidence)
    ready = Experiment.of(scenario, int(scenario.seed or 0))
    work = partial(_piece, ready, list(dict.fromkeys(asked.values())), wanted_values(case))
    parts = [work(piece) for piece in ready.pieces(case.quick_replications if quick else case.replications)]
    sums = {key: _joined([part[1][key] for part in parts]) for key in parts[0][1]}
    cells = parts[0][2]
    outcomes = {plan: Outcome.joined([part[0][plan] for part in parts]) for plan in ready.fleets}
    del parts  # frees the values before they are sorted
    found = result(ready, outcomes, exact=True)

    def value(row: Expectation) -> Any:
        if (each := asked.get(row.key)) is None:
            return lookup(found, row.key)
        if each.row >= 0:
            return Estimate(cells[each], se=0.0, n=1)
        return estimate(each.formula, sums[each.sums], confidence)

    return [_judged(case, row, value(row), quick) for row in case.expect]


def _judged(case: Case, row: Expectation, value: Any, quick: bool) -> Json:
    """Write one row of the report."""
    se = None
    if isinstance(value, Estimate):
        value, se = value.value, value.se
    verdict = judge(row.kind, value, se, row.value, row.reference_se, _load(case, row.key), quick)
    number = isinstance(value, float)
    return {
        "id": case.id,
        "key": row.key,
        "estimate": plain(value) if number else value,
        "se": plain(se),
        "reference": row.value,
        "z": plain(verdict.z),
        "relative_se": plain(verdict.relative_se),
        "pass": verdict.passed,
        "kind": row.kind,
        "within": plain(verdict.within),
        "most_relative_se": verdict.most_relative_se,
    }


def _load(case: Case, key: str) -> float | None:
    """Offered load of one GPU under the plan that a key names."""
    steps = key.split(".")
    plan = case.scenario.plans.get(steps[1]) if len(steps) > 1 else None
    load = case.scenario.offered_gpus
    return None if plan is None or load is None or not plan.gpus else load / plan.gpus
