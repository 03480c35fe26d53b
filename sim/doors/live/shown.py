"""The estimates that an answer shows, by the keys of a run's result and equal to it; the others are not made.

Not here: what is asked of them in words or pictures (``answer``).
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sim.engine.money import BUSY, LINES
from sim.ground.estimate import Estimate, Pooled, mean, plain, ratio
from sim.ground.scenario import Scenario
from sim.ground.units import SECONDS_PER_HOUR, Floats, Ticks
from sim.study.compare import unfit
from sim.study.fold import Fold
from sim.study.fold_requests import SERVERS
from sim.study.outcome import Outcome
from sim.study.result import PERCENTILES, censored, interleaved, orphaned_usd, percentiles

Json = dict[str, Any]

COSTS: Final = ("p5", "p50", "p95")
_IDLE: Final = [LINES.index(line) for line in ("held_idle", "on_demand_idle", "spot_idle")]


@dataclass(frozen=True)
class _Waits:
    """How long the jobs of a class waited: sums and numbers of each replication, values of each job."""

    total: Floats
    count: Floats
    values: Pooled
    offsets: Ticks

    @classmethod
    def of(cls, folded: Fold, measure: str) -> "_Waits":
        """Take the waits of fine-tunes (``wait_h``), or a duration of requests on own replicas and at the API."""
        if measure == "wait_h":
            total = folded.total
            return cls(total("wait"), total("waits"), folded.values["wait_h"], folded.offsets("wait_h"))
        names = [f"{measure}.{server}" for server in SERVERS]
        counts = np.sum([folded.total(folded.layout.measures[name]) for name in names], axis=0)
        totals = np.sum([folded.total(name.replace("_s.", "_")) for name in names], axis=0)
        return cls(totals, counts, *interleaved(folded, names))

    def estimates(self, confidence: float) -> dict[str, Estimate]:
        """Estimate mean and 95th percentile."""
        last = percentiles(self.values, self.offsets, ("p95",), confidence, False)
        return {"mean": ratio(self.total, self.count, confidence)} | last

    def p95(self) -> Estimate:
        """Give the 95th percentile without an interval."""
        return Estimate(_quantiles(self.values, ("p95",))[0])


def _quantiles(values: Pooled, names: tuple[str, ...]) -> list[float | None]:
    """Give percentiles of pooled values without intervals: the same numbers as with them, at a part of the time."""
    row = values.quantiles(np.array([PERCENTILES[name] for name in names]))[-1]
    return [plain(float(each)) for each in row]


def _for_rules(scenario: Scenario, name: str, folded: Fold, late: Estimate) -> Json:
    """Give what the rules of equal work look at in one class."""
    kind = scenario.workload[name].kind
    if name not in scenario.chats:
        return {"kind": kind, "wait_h": {"p95": late}}
    waits = Estimate(None)
    if scenario.equal_work.wait_p95_hours is not None:
        waits = _Waits.of(folded, "wait_s").p95().scaled(1 / SECONDS_PER_HOUR)
    return {"kind": kind, "wait_h": {"p95": waits}, "ttft_s": {"all": {"p95": late}}}


def measures(scenario: Scenario) -> tuple[str, ...]:
    """Name the values of jobs that an answer needs."""
    asked = scenario.equal_work.wait_p95_hours is not None
    return ("wait_h", "fully_loaded", "ttft_s.held", "ttft_s.api", *(("wait_s.held", "wait_s.api") if asked else ()))


def plan_part(scenario: Scenario, outcome: Outcome) -> Json:
    """Estimate what is shown of one plan: a part of its place in a run's result, and its idle money in one number."""
    confidence, orphaned = float(scenario.confidence), orphaned_usd(scenario, outcome)
    classes: dict[str, Json] = {}
    rules: dict[str, Json] = {}
    for name, folded in outcome.classes.items():
        measure = "ttft_s" if name in scenario.chats else "wait_h"
        waits = _Waits.of(folded, measure).estimates(confidence)
        loaded, jobs = folded.total("fully_loaded") + orphaned, folded.total("jobs")
        costs = percentiles(
            folded.values["fully_loaded"], folded.offsets("fully_loaded"), COSTS, confidence, exact=False
        )
        classes[name] = {
            "kind": scenario.workload[name].kind,
            "censored": censored(folded),
            "cost_per_job_usd": {"fully_loaded": {"mean": ratio(loaded, jobs, confidence)} | costs},
            measure: {"all": waits} if measure == "ttft_s" else waits,
        }
        if measure == "ttft_s":
            tokens = folded.total("output_tokens")
            classes[name]["usd_per_million_output_tokens"] = ratio(loaded, tokens, confidence)
        rules[name] = _for_rules(scenario, name, folded, waits["p95"])
    reason = unfit(scenario, outcome.classes, rules)
    busy = ("allocated", outcome.allocated) if scenario.tunes else ("busy", outcome.memo[:, BUSY])
    return {
        "eligible": reason is None,
        "reason": reason,
        "bill_usd": {"total": mean(outcome.bills, confidence)},
        "idle_usd": mean(outcome.lines[:, _IDLE].sum(axis=1), confidence),
        "utilization": {busy[0]: ratio(busy[1], outcome.paid, confidence)},
        "classes": classes,
    }


def plan_point(scenario: Scenario, outcome: Outcome) -> Json:
    """Give what a curve shows of one plan at one of its points: values without intervals."""
    orphaned, classes, rules = orphaned_usd(scenario, outcome), {}, {}
    for name, folded in outcome.classes.items():
        late = _Waits.of(folded, "ttft_s" if name in scenario.chats else "wait_h").p95()
        usd, jobs = float((folded.total("fully_loaded") + orphaned).sum()), float(folded.total("jobs").sum())
        costs = dict(zip(COSTS, _quantiles(folded.values["fully_loaded"], COSTS), strict=True))
        classes[name] = {"mean": plain(usd / jobs) if jobs else None, **costs, "wait_p95": late.value}
        rules[name] = _for_rules(scenario, name, folded, late)
    reason = unfit(scenario, outcome.classes, rules)
    return {"eligible": reason is None, "bill": float(outcome.bills.mean()), "classes": classes}
