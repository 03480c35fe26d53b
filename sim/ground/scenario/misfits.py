"""What no single key of a plan shows to be wrong: pairs of a key's path and the refusal. Not here: single parts."""

from collections.abc import Iterator, Mapping

from sim.ground.scenario.buying import Bought
from sim.ground.scenario.inference import InferenceClass
from sim.ground.scenario.inputs import nearest
from sim.ground.scenario.laws import law_mean
from sim.ground.scenario.plans import Plan, misfit_gpus
from sim.ground.scenario.tree import Path_
from sim.ground.scenario.work import JobClass
from sim.ground.units import HOURS_PER_DAY, tick

Place = Path_
Refusals = Iterator[tuple[Place, str]]

LONGEST_REQUEST_S = 30 * 86_400.0
MOST_REPLICAS, MOST_SEATS = 65_536, 4_000_000
"""Replicas of a group, and seats of all of them: more would not fit into memory."""

MOST_TURNS = 1_000_000
"""Failures of all held nodes, turns of a supply, lifetimes of one hired node: more would not fit into memory."""

FIRST_SLOTS = 64
"""Hired nodes that there is room for at first, where there may be any number."""

MOST_TICKS = 40_000_000
"""Looks of an autoscaler, and askings for a node, within a horizon: more would take hours."""

MOST_NODE_TICKS = 2**61
"""Ticks of the clock times nodes: together they must fit into a 64-bit number."""


def _place(path: Place, plan: Plan, group_name: str) -> Place:
    """Tell where a group that serves stands."""
    return (*path, "held" if group_name in plan.serving else "hired", group_name, "serve")


def unserved(path: Place, plan: Plan, class_name: str, requests: InferenceClass) -> Refusals:
    """Find what keeps a plan from serving a class of requests."""
    by_api = plan.api is not None and plan.api.serves
    server = plan.server(class_name)
    if server is None:
        if not by_api:
            text = f"must have something that serves class `{class_name}`"
            yield path, f"{text}: held nodes (1 or more) with `serve`, or an `api` with token prices"
        return
    group = plan.all_serving[server]
    serve, where = group.serve, _place(path, plan, server)
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
    yield from _unadapted(where, group, class_name, requests)


def _unadapted(where: Place, group: Bought, class_name: str, requests: InferenceClass) -> Refusals:
    """Find what keeps a group from serving the adapters of a class."""
    rules, wanted = None if group.serve is None else group.serve.adapters, requests.adapters
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


def strange_servers(path: Place, plan: Plan, chats: Mapping[str, InferenceClass]) -> Refusals:
    """Find groups that serve what is no class of requests, what another serves, or nothing."""
    taken: dict[str, str] = {}
    for group_name, group in plan.all_serving.items():
        where = _place(path, plan, group_name)
        seats = group.replicas * int(group.serve.max_num_seqs) if group.serve else 0
        if group.replicas > MOST_REPLICAS or seats > MOST_SEATS:
            text = f"must make at most {MOST_REPLICAS:,} replicas and {MOST_SEATS:,} seats (max_num_seqs of each)"
            yield where, f"{text}, got {group.replicas:,} and {seats:,}"
        wanted = group.serve.classes if group.serve and group.serve.classes is not None else tuple(chats)
        if not wanted:
            yield where, "must have a class of kind inference to serve, but the workload has none"
        for class_name in dict.fromkeys(wanted):
            if class_name not in chats:
                yield where, f"must name classes of kind inference, got `{class_name}`; {nearest(class_name, chats)}"
            elif class_name in taken:
                text = f"must not serve class `{class_name}`, which `{taken[class_name]}` serves; give both `classes`"
                yield where, text
            taken[class_name] = group_name


def unmet(path: Place, plan: Plan, chats: Mapping[str, InferenceClass], hours: float) -> Refusals:
    """Find rules of an API account that nothing can meet, or that come to bear on nothing."""
    api = plan.api
    if api is None or not api.metered:
        return
    where = (*path, "api")
    if api.batch is not None and not any(api.batches(each.deadline_hours) for each in chats.values()):
        text = (
            f"must have a class that can wait: one of kind inference with deadline_hours {api.batch.promised_hours:g}"
        )
        yield (*where, "batch"), f"{text} or more"
    if api.outages is not None and (turns := _turns(hours, api.outages.cycle_hours)):
        text = f"must bring fewer turns within horizon_days, got {turns:.3g}; give longer ones (at most {MOST_TURNS:,})"
        yield (*where, "outages"), text
    for name, each in chats.items():
        beyond = api.reserved is None or api.reserved.beyond == "pay_per_use"
        fits = float("inf") if beyond and api.limits is None else api.limits.most_tokens if api.limits else 0.0
        if api.reserved is not None:
            fits = max(fits, api.reserved.most_tokens)
        asked = _hands_over(plan, name, each) and not api.batches(each.deadline_hours)
        if asked and each.most_tokens > fits:
            key = "limits" if beyond else "reserved"
            text = f"must hold the {each.most_tokens:,} tokens of a request of `{name}` at one time, got {fits:,.5g}"
            yield (*where, key), f"{text}; raise its tokens a minute or burst_s"


def _hands_over(plan: Plan, name: str, requests: InferenceClass) -> bool:
    """Tell whether requests of a class may come to the API: none serves them, or who does cannot or will not always."""
    server = plan.server(name)
    if server is None:
        return True
    group = plan.all_serving[server]
    overflows = group.serve is not None and group.serve.overflow_above is not None
    return overflows or requests.most_tokens - 1 > group.profile.kv_tokens


def untrained(path: Place, plan: Plan, class_name: str, job_class: JobClass) -> Refusals:
    """Find what keeps a plan from running a class of fine-tunes."""
    if not plan.trains:
        yield (
            path,
            f"must have something that runs class `{class_name}`: held nodes, `hired`, or an `api` that trains",
        )
        return
    sizes, key = job_class.gpu_sizes, "gpus" if job_class.sizes is None else "sizes"
    if sizes and (misfit := misfit_gpus(plan, max(sizes), sizes)) is not None:
        yield ("workload", class_name, key), f"must fit plan `{path[1]}`: {misfit}"
    if plan.api is not None and plan.api.trains and plan.api.prices_tokens:
        unsized = any(job.tokens_millions is None for job in job_class.jobs or ())
        by_law = job_class.arrivals is not None and job_class.tokens_millions is None
        unsized |= by_law and (job_class.sizes is None or job_class.sizes.columns.tokens is None)
        unsized |= job_class.trace is not None and job_class.trace.roles.tokens is None
        if unsized:
            yield (
                (*path, "api"),
                f"must be priced by job or service hour, because class `{class_name}` has no tokens",
            )


def restless(path: Place, plan: Plan, hours: float) -> Refusals:
    """Find nodes that come and go too often, or are too many, for the clock."""
    rule = f"within horizon_days, got {{:.3g}}; give longer ones (at most {MOST_TURNS:,})"
    for name, group in plan.tuning.items():
        if group.failures is not None and (turns := _turns(hours * group.nodes, group.failures.cycle_hours)):
            text = "must bring fewer failures and repairs of its nodes "
            yield (*path, "held", name, "failures"), text + rule.format(turns)
    for name, hired in plan.hired.items():
        where = (*path, "hired", name)
        if hired.scarce and (asks := hours * 60 / hired.retry_minutes) > MOST_TICKS:
            text = f"must be longer, for at most {MOST_TICKS:,} askings fit within horizon_days, got {asks:.3g}"
            yield (*where, "retry_minutes"), text
        scale = hired.serve.autoscale if hired.serve is not None else None
        if scale is not None and (looks := hours * 3600 / scale.tick_s) > MOST_TICKS:
            text = f"must be longer, for at most {MOST_TICKS:,} ticks fit within horizon_days, got {looks:.3g}"
            yield (*where, "serve", "autoscale", "tick_s"), text
        if hired.supply is not None and (turns := _turns(hours, hired.supply.cycle_hours)):
            yield (*where, "supply"), "must bring fewer turns " + rule.format(turns)
        if hired.lifetime_hours is not None and (turns := _turns(hours, law_mean(hired.lifetime_hours))):
            yield (*where, "lifetime_hours"), "must bring fewer lifetimes of a node " + rule.format(turns)
    steady = not (plan.fails or plan.lent or plan.hired_tuning or plan.preempt or plan.checkpoints)
    if steady or plan.frictionless:
        return
    most, power = plan.maximum_nodes or plan.nodes + plan.lent + FIRST_SLOTS, 1
    while power < most:
        power *= 4
    if power * tick(hours) >= MOST_NODE_TICKS:
        text = f"must have fewer nodes or a shorter horizon_days: {most:,} nodes, as the next power of four, times the "
        text += f"horizon in microseconds must stay below 2^61, got {power:,} times {tick(hours):.3g}"
        yield path, f"{text} ({hours / HOURS_PER_DAY:g} days)"


def _turns(hours: float, cycle: float) -> float:
    """Count the turns if they are too many; else 0."""
    turns = hours / cycle if cycle > 0 else float("inf")
    return turns if hours and turns > MOST_TURNS else 0.0
