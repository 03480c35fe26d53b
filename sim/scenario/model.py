"""What a scenario is: work, plans to buy capacity for it, and the rules of comparison. Frozen and validated.

Not here: reading YAML (``read``), and anything that happens on a clock.
"""

import math
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr

from sim.scenario.inference import InferenceClass
from sim.scenario.inputs import Input, nearest
from sim.scenario.laws import Part
from sim.scenario.plans import Plan, misfit_gpus
from sim.scenario.quantity import (
    Confidence,
    Days,
    NonNegative,
    NonNegativeDays,
    PositiveHours,
    Seed,
    Share,
    Slug,
)
from sim.scenario.work import JobClass
from sim.units import HOURS_PER_DAY, tick

LONGEST_REQUEST_S = 30 * 86_400.0
MOST_REPLICAS, MOST_SEATS = 65_536, 4_000_000
"""Replicas of a group, and seats of all of them: more would not fit into memory."""

MOST_SERVING_DAYS = 370.0
"""Replicas count in 2^-16 microseconds, of which 2^61 are a little more than a year."""

MOST_WINDOWS, MOST_JOBS = 100_000, 100_000_000
"""Windows and expected jobs of one replication: more would not fit into memory."""


class Allocation(Part):
    """How money that no single job caused is shared among jobs, and within which window of time."""

    rule: Literal["gpu_time", "equal", "platform"] = "gpu_time"
    window_days: Days = 30.0


class EqualWork(Part):
    """What a plan must do to be ranked beside others."""

    not_started_share: Share = 0.01
    wait_p95_hours: PositiveHours | None = None
    ttft_p95_s: PositiveHours | None = None
    settle_usd_per_job: NonNegative | None = None


def _as_date(value: Any) -> Any:
    """Let only a whole date pass: 2023-10-01."""
    if isinstance(value, date) or value is None:
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("must be a date like 2023-10-01") from None


def _unserved(
    path: tuple[str, ...], plan: Plan, class_name: str, requests: InferenceClass
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Find what keeps a plan from serving a class of requests."""
    by_api = plan.api is not None and plan.api.serves
    server = plan.server(class_name)
    if server is None:
        if not by_api:
            text = f"must have something that serves class `{class_name}`"
            yield path, f"{text}: held nodes (1 or more) with `serve`, or an `api` with token prices"
        return
    group = plan.held[server]
    serve, where = group.serve, (*path, "held", server, "serve")
    if serve is None:
        return
    if serve.overflow_above is not None and not by_api:
        yield (*where, "overflow_above"), "must have an `api` with token prices to overflow to"
    made, mean_tokens = group.profile, requests.mean_tokens
    alone = max(made.floor_s, made.base_s + made.per_request_s)
    if mean_tokens is not None and mean_tokens[1] * alone > LONGEST_REQUEST_S:
        text = f"must have a pace at which a request of `{class_name}` takes at most 30 days"
        yield where, f"{text}, but {mean_tokens[1]:.3g} tokens of {alone:.3g} s each take longer"
    room, longest = made.kv_tokens, requests.longest_listed
    if longest > room and not by_api:
        yield (
            where,
            f"must have room for {longest} tokens of a request of `{class_name}` in KV cache, got kv_tokens {room}",
        )
    rules, wanted = serve.adapters, requests.adapters
    if wanted is not None and rules is None:
        yield where, f"must have `adapters`, because class `{class_name}` names {wanted.count} of them"
    if rules is None or rules.placement != "dedicated":
        return
    if wanted is None:
        yield (
            where,
            f"must have `classes` without `{class_name}`, which names no adapters to have replicas of their own",
        )
    elif group.replicas < wanted.count:
        text = f"must have a replica for each of the {wanted.count} adapters of `{class_name}`"
        yield where, f"{text}, got {group.replicas}"


class Scenario(Part):
    """One question: this work, these plans, over this horizon."""

    name: Slug
    seed: Seed | None = None
    horizon_days: Days
    warm_up_days: NonNegativeDays = 0.0
    confidence: Confidence = 0.95
    price_date: Annotated[date | None, BeforeValidator(_as_date)] = None
    workload: Annotated[
        dict[Slug, Annotated[JobClass | InferenceClass, Field(discriminator="kind")]],
        Field(min_length=1, max_length=100),
    ]
    plans: Annotated[dict[Slug, Plan], Field(min_length=1, max_length=100)]
    allocation: Allocation = Allocation()
    equal_work: EqualWork = EqualWork()
    _folder: Path = PrivateAttr(default=Path())

    @property
    def folder(self) -> Path:
        """The folder that file names in the scenario start from."""
        return self._folder

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

    @property
    def chats(self) -> dict[str, InferenceClass]:
        """The classes of inference requests."""
        return {name: each for name, each in self.workload.items() if isinstance(each, InferenceClass)}

    @property
    def offered_gpus(self) -> float | None:
        """Offered load of all fine-tunes in GPUs; None where there are none, or any class lists its jobs."""
        loads = [job_class.offered_gpus for job_class in self.tunes.values()]
        return None if None in loads or not loads else math.fsum(load for load in loads if load is not None)

    def usable_gpus(self, plan: Plan) -> int:
        """Count the held GPUs that jobs can use at once: where all need the same number, what is left over is none."""
        sizes = {job_class.gpus for job_class in self.tunes.values()}
        if len(sizes) != 1 or not plan.nodes:
            return plan.gpus
        (size,) = sizes
        if size > plan.gpus_per_node:
            return int(plan.gpus // size * size)
        return int(plan.nodes * (plan.gpus_per_node // size * size))

    def inputs(self) -> list[Input]:
        """List everything that the numbers rest on, each once: paces of the work, prices of the plans."""
        paces = [entry for name, each in self.workload.items() for entry in each.inputs(name)]
        prices = [entry for plan in self.plans.values() for entry in plan.inputs(self.price_date)]
        return list(dict.fromkeys(paces + prices))

    def impossible(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Find what no single key shows to be wrong: pairs of a key's path and the refusal."""
        if tick(self.warm_up_hours) >= tick(self.horizon_hours):
            yield (
                ("warm_up_days",),
                f"must be less than horizon_days ({self.horizon_days:g}), got {self.warm_up_days:g}",
            )
        for class_name, job_class in self.workload.items():
            jobs = job_class.arrivals.jobs_per_hour * self.horizon_hours if job_class.arrivals else 0.0
            if jobs > MOST_JOBS:
                text = f"must bring at most {MOST_JOBS:,} jobs within horizon_days, got {jobs:.3g}"
                yield ("workload", class_name, "arrivals"), text
        if (windows := self.counted_hours / HOURS_PER_DAY / self.allocation.window_days) > MOST_WINDOWS:
            yield (
                ("allocation", "window_days"),
                f"must make at most {MOST_WINDOWS} windows of the horizon, got {windows:.3g}",
            )
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
                yield from self._misfits(path, plan, class_name, job_class)
            for class_name, requests in self.chats.items():
                yield from _unserved(path, plan, class_name, requests)
            yield from self._strange_servers(path, plan)
        if self.chats and self.horizon_days > MOST_SERVING_DAYS:
            yield (
                ("horizon_days",),
                f"must be at most {MOST_SERVING_DAYS:g} where requests are served, got {self.horizon_days:g}",
            )

    def _strange_servers(self, path: tuple[str, ...], plan: Plan) -> Iterator[tuple[tuple[str, ...], str]]:
        """Find groups that serve what is no class of requests, what another serves, or nothing."""
        taken: dict[str, str] = {}
        for group_name, group in plan.serving.items():
            where = (*path, "held", group_name, "serve")
            seats = group.replicas * int(group.serve.max_num_seqs) if group.serve else 0
            if group.replicas > MOST_REPLICAS or seats > MOST_SEATS:
                text = f"must make at most {MOST_REPLICAS:,} replicas and {MOST_SEATS:,} seats (max_num_seqs of each)"
                yield where, f"{text}, got {group.replicas:,} and {seats:,}"
            wanted = group.serve.classes if group.serve and group.serve.classes is not None else tuple(self.chats)
            if not wanted:
                yield where, "must have a class of kind inference to serve, but the workload has none"
            for class_name in dict.fromkeys(wanted):
                if class_name not in self.chats:
                    yield (
                        where,
                        f"must name classes of kind inference, got `{class_name}`; {nearest(class_name, self.chats)}",
                    )
                elif class_name in taken:
                    text = (
                        f"must not serve class `{class_name}`, which `{taken[class_name]}` serves; give both `classes`"
                    )
                    yield where, text
                taken[class_name] = group_name

    def _misfits(
        self, path: tuple[str, ...], plan: Plan, class_name: str, job_class: JobClass
    ) -> Iterator[tuple[tuple[str, ...], str]]:
        """Find what keeps a plan from running a class of fine-tunes."""
        if not plan.trains:
            yield (
                path,
                f"must have something that runs class `{class_name}`: held nodes, `hired`, or an `api` that trains",
            )
            return
        sizes = {job.gpus or job_class.gpus for job in job_class.jobs or ()} or {job_class.gpus}
        if (misfit := misfit_gpus(plan, max(sizes), sizes)) is not None:
            yield ("workload", class_name, "gpus"), f"must fit plan `{path[1]}`: {misfit}"
        if plan.api is not None and plan.api.trains and plan.api.prices_tokens:
            unsized = any(job.tokens_millions is None for job in job_class.jobs or ())
            unsized |= job_class.arrivals is not None and job_class.tokens_millions is None
            unsized |= job_class.trace is not None and job_class.trace.columns.tokens is None
            if unsized:
                yield (
                    (*path, "api"),
                    f"must be priced by job or service hour, because class `{class_name}` has no tokens",
                )
