"""What a scenario is: work, plans to buy capacity for it, and the rules of comparison. Frozen and validated.

Not here: reading YAML (``read``), and anything that happens on a clock.
"""

import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr

from sim.ground.scenario.book import Entry
from sim.ground.scenario.decision import Decision
from sim.ground.scenario.decision_misfits import misdecided
from sim.ground.scenario.inference import InferenceClass
from sim.ground.scenario.inputs import Input
from sim.ground.scenario.laws import Part
from sim.ground.scenario.misfits import Refusals, restless, strange_servers, unmet, unserved, untrained
from sim.ground.scenario.plans import Plan
from sim.ground.scenario.quantity import (
    Confidence,
    Day,
    Days,
    NonNegative,
    NonNegativeDays,
    PositiveHours,
    Seed,
    Share,
    Slug,
)
from sim.ground.scenario.tails import redrawn
from sim.ground.scenario.uncertain import Correlation, Uncertain, uncorrelated
from sim.ground.scenario.work import JobClass
from sim.ground.units import HOURS_PER_DAY, tick

MOST_SERVING_DAYS = 370.0
"""Replicas count in 2^-16 microseconds, of which 2^61 are a little more than a year."""

MOST_WINDOWS, MOST_JOBS, MOST_CHANGES = 100_000, 100_000_000, 10_000_000
"""Windows, expected jobs and changes of a rate of one replication: more would not fit into memory."""


class Allocation(Part):
    """How money that no single job caused is shared among jobs, and within which window of time."""

    rule: Literal["gpu_time", "equal", "platform"] = "gpu_time"
    """How shared money goes to jobs: ``gpu_time``, ``equal`` for each job, or ``platform``: not shared out; left out:
    ``gpu_time``."""
    window_days: Days = 30.0
    """Days within which shared money stays: a job carries that of its own window; it moves percentiles, never the bill;
    left out: 30."""


class EqualWork(Part):
    """What a plan must do to be ranked beside others."""

    not_started_share: Share = 0.01
    """Largest share of a class, from 0 to 1, that may be left undone by a plan that is ranked; left out: 0.01."""
    wait_p95_hours: PositiveHours | None = None
    """Hours within which 95 % of each class must start, for a plan to be ranked; left out: any wait will do."""
    ttft_p95_s: PositiveHours | None = None
    """Seconds within which 95 % of the requests without a deadline must have their first token, for a plan to be
    ranked; left out: any time will do."""
    settle_usd_per_job: NonNegative | None = None
    """What each job not started when the clock stops costs instead, in USD, so that its plan is ranked; left out:
    ``not_started_share`` judges."""


def _or_files(schema: dict[str, Any]) -> None:
    """Let the schema also take what a file may hold: names of price books, whose entries take their place."""
    entries = schema["items"]
    schema["items"] = {"anyOf": [{"type": "string"}, entries]}
    whole = dict(schema)
    schema.clear()
    schema["anyOf"] = [{"type": "string"}, whole]


class Scenario(Part):
    """One question: this work, these plans, over this horizon."""

    name: Slug
    """Name of the scenario, in results and pictures."""
    seed: Seed | None = None
    """Seed of all chance: the same seed gives the same numbers; left out: drawn anew, and told in the result."""
    horizon_days: Days
    """Days that are simulated; the clock stops then."""
    warm_up_days: NonNegativeDays = 0.0
    """Days at the beginning that are simulated and not counted; left out: 0."""
    confidence: Confidence = 0.95
    """Confidence of all intervals, such as 0.95; left out: 0.95."""
    price_date: Day | None = None
    """Day whose prices of the price book count, such as 2023-10-01; left out: the newest."""
    price_book: Annotated[tuple[Entry, ...], Field(json_schema_extra=_or_files)] | None = None
    """Price books of your own, files in the scenario's folder or entries, beside the built-in one; left out: the
    built-in book alone."""
    workload: Annotated[
        dict[Slug, Annotated[JobClass | InferenceClass, Field(discriminator="kind")]],
        Field(min_length=1, max_length=100),
    ]
    """The work, by class name: classes of fine-tunes and of requests; every plan does the same work."""
    plans: Annotated[dict[Slug, Plan], Field(min_length=1, max_length=100)]
    """The ways to buy capacity that are compared, by name."""
    allocation: Allocation = Allocation()
    """How shared money (idle time, staff, overhead) is allocated to jobs; left out: by GPU time in windows of 30
    days."""
    equal_work: EqualWork = EqualWork()
    """What a plan must do to be ranked; left out: all but 1 % of each class started."""
    uncertain: dict[str, Uncertain] = Field(default_factory=dict)
    """Uncertain numbers by dotted key, such as ``plans.api.api.usd_per_job: {p10: 5, p90: 9}``; they may as well stand
    in their places; left out: none."""
    correlations: Annotated[tuple[Correlation, ...], Field(max_length=200)] = ()
    """Uncertain numbers that go together; left out: all are independent."""
    decision: Decision | None = None
    """The decision that the scenario is about, for ``decide``; left out: each plan for the horizon at today's
    prices."""
    _folder: Path = PrivateAttr(default=Path())

    @property
    def folder(self) -> Path:
        """The folder that file names in the scenario start from."""
        return self._folder

    @property
    def certain(self) -> "Scenario":
        """The same with nothing uncertain: every number at its central value."""
        return self.model_copy(update={"uncertain": {}, "correlations": ()})

    @property
    def horizon_hours(self) -> float:
        """End of the clock."""
        return float(self.horizon_days) * HOURS_PER_DAY

    @property
    def warm_up_hours(self) -> float:
        """Start of what is counted."""
        return float(self.warm_up_days) * HOURS_PER_DAY

    @property
    def counted_hours(self) -> float:
        """Length of what is counted."""
        return self.horizon_hours - self.warm_up_hours

    @property
    def tunes(self) -> dict[str, JobClass]:
        """The classes of fine-tune jobs."""
        return {name: each for name, each in self.workload.items() if isinstance(each, JobClass)}

    def mean_turns(self, class_name: str) -> float:
        """Mean number of jobs or requests that an arrival of a class brings."""
        return self.chats[class_name].mean_turns if class_name in self.chats else 1.0

    @property
    def chats(self) -> dict[str, InferenceClass]:
        """The classes of inference requests."""
        return {name: each for name, each in self.workload.items() if isinstance(each, InferenceClass)}

    @property
    def offered_gpus(self) -> float | None:
        """Offered load of all fine-tunes in GPUs, mean over the horizon; None without any, or where any are listed."""
        loads = [job_class.offered_gpus(self.horizon_hours) for job_class in self.tunes.values()]
        return None if None in loads or not loads else math.fsum(load for load in loads if load is not None)

    def hires_at_once(self, plan: Plan) -> bool:
        """Tell whether each fine-tune gets hired nodes of its own at once: no friction, no node to share."""
        size = plan.gpus_per_node
        fits = all(job_class.trace is None or job_class.trace.roles.gpus is None for job_class in self.tunes.values())
        sizes = {gpus for each in self.tunes.values() for gpus in each.gpu_sizes}
        return plan.frictionless and fits and all(gpus % size == 0 for gpus in sizes)

    def usable_gpus(self, plan: Plan) -> int:
        """Count the held GPUs that jobs can use at once: where all need the same number, what is left over is none."""
        return int(self._usable(plan, plan.nodes))

    def reachable_gpus(self, plan: Plan) -> float | None:
        """Count the GPUs that jobs can use at once when all is hired that may be; None for no limit.

        Lent nodes count by their share of the day, hired ones of which every order is refused not at all.
        """
        hired, nodes = plan.hired_tuning, float(plan.nodes)
        nodes += math.fsum(group.mean_lent for group in plan.lenders.values())
        if hired is not None and hired.available_share > 0:
            if hired.most_nodes is None:
                return None
            nodes += hired.most_nodes
        return self._usable(plan, nodes)

    def _usable(self, plan: Plan, nodes: float) -> float:
        """Count the GPUs of so many nodes that jobs can use."""
        gpus = nodes * plan.gpus_per_node
        sizes = {size for job_class in self.tunes.values() for size in job_class.gpu_sizes}
        if len(sizes) != 1 or not nodes:
            return gpus
        (size,) = sizes
        if size > plan.gpus_per_node:
            return float(gpus // size * size)
        return nodes * (plan.gpus_per_node // int(size) * int(size))

    def inputs(self) -> list[Input]:
        """List what the numbers rest on, each once: paces of the work, prices of the plans, what laws leave out."""
        paces = [entry for name, each in self.workload.items() for entry in each.inputs(name)]
        prices = [entry for plan in self.plans.values() for entry in plan.inputs(self.price_date)]
        unknown = [law.input(key) for key, law in self.uncertain.items()]
        return list(dict.fromkeys([*paces, *prices, *redrawn(self), *unknown]))

    def impossible(self) -> Refusals:
        """Find what no single key shows to be wrong: pairs of a key's path and the refusal."""
        if tick(self.warm_up_hours) >= tick(self.horizon_hours):
            yield (
                ("warm_up_days",),
                f"must be less than horizon_days ({self.horizon_days:g}), got {self.warm_up_days:g}",
            )
        yield from self._too_much()
        if (windows := self.counted_hours / HOURS_PER_DAY / self.allocation.window_days) > MOST_WINDOWS:
            yield (
                ("allocation", "window_days"),
                f"must make at most {MOST_WINDOWS} windows of the horizon, got {windows:.3g}",
            )
        if self.chats and self.horizon_days > MOST_SERVING_DAYS:
            yield (
                ("horizon_days",),
                f"must be at most {MOST_SERVING_DAYS:g} where requests are served, got {self.horizon_days:g}",
            )
        yield from self._impossible_plans()
        yield from uncorrelated(self.uncertain, self.correlations)
        yield from misdecided(self)

    def _too_much(self) -> Refusals:
        """Find arrivals that are too many, or that change too often."""
        for class_name, job_class in self.workload.items():
            if (law := job_class.arrivals) is None:
                continue
            if (changes := law.changes_expected(self.horizon_hours)) > MOST_CHANGES:
                text = f"must have at most {MOST_CHANGES:,} changes of its rate within horizon_days, got {changes:.3g}"
                yield ("workload", class_name, "arrivals"), text
            elif (jobs := law.jobs_expected(self.horizon_hours) * self.mean_turns(class_name)) > MOST_JOBS:
                text = f"must bring at most {MOST_JOBS:,} jobs within horizon_days, got {jobs:.3g}"
                yield ("workload", class_name, "arrivals"), text

    def _impossible_plans(self) -> Refusals:
        """Find plans without a price, or that cannot do the work of this scenario."""
        for plan_name, plan in self.plans.items():
            path = ("plans", plan_name)
            try:
                plan.inputs(self.price_date)
            except LookupError as missing:
                yield (
                    path,
                    f"must have prices for price_date {self.price_date}: {missing}; state the price or change the date",
                )
            for class_name, job_class in self.tunes.items():
                yield from untrained(path, plan, class_name, job_class)
            for class_name, requests in self.chats.items():
                yield from unserved(path, plan, class_name, requests)
            yield from strange_servers(path, plan, self.chats)
            yield from restless(path, plan, self.horizon_hours)
            yield from unmet(path, plan, self.chats, self.horizon_hours)
