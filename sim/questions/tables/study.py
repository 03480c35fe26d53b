"""A run as text: the verdict, the bill of each plan, what a job costs and waits, nodes and APIs, what to beware of."""

from collections.abc import Iterator

from sim.ground.estimate import replications_needed
from sim.questions.tables.api import api_blocks
from sim.questions.tables.blocks import Block, Table, Text, listed, note, table, title, warnings
from sim.questions.tables.classes import KINDS, Kind, busy_heads, busy_of, idle
from sim.questions.tables.nodes import nodes_blocks
from sim.questions.tables.plain import plain
from sim.questions.tables.precision import precision_blocks
from sim.questions.tables.sparks import spans
from sim.questions.tables.words import Json, counted, number, percent, percent_with_interval, with_interval
from sim.study.result import PERCENTILES

_SHARED = {
    "gpu_time": "the bill over all jobs; percentiles over jobs, idle time and staff shared by GPU time within",
    "equal": "the bill over all jobs; percentiles over jobs, idle time and staff shared equally within",
    "platform": "its own use and hired node; idle time, staff and overhead are shown apart, as unallocated",
}
_OF_JOBS = """\
USD a job, fully loaded: {cost}.
Wait: from arrival to start or hand-over to the API."""
_OF_TOKENS = """\
TTFT: from arrival to the first token. TPOT: from the first token to the last, over the tokens after the first (none \
for a request of one token). USD per million output tokens: {cost} over the tokens written.
Utilization of replicas: time with at least one request running; load: share of the requests that they can carry."""
_DEFINITIONS = """\
Utilization: of paid GPU time. Idle: GPUs without a job, held or hired, with boots and rounding.
Cheapest on: share of sample paths on which the plan has the lowest bill of all that do the same work.
Brackets: {confidence:g} % interval over {replications}."""
_OF_BILL = {"platform": "the cost of the requests without idle time, staff and overhead"}


def study_text(result: Json) -> str:
    """Tell a run in plain text, at most 80 columns wide."""
    return plain(study_blocks(result))


def study_blocks(result: Json) -> list[Block]:
    """Tell a run: the verdict, the bills, a table or two a job class, the bill's percentiles, what to beware of."""
    plans = result["plans"]
    days, paths = counted(result["horizon_days"], "day"), counted(result["replications"], "replication")
    first = title(f"{result['scenario']}: {days}, {paths}, seed {result['seed']}")
    parts: list[Block] = [first, Text(verdict(result), "verdict"), _bills(result)]
    for class_name in next(iter(plans.values()))["classes"]:
        parts += _class(result, class_name)
    if result["replications"] > 1:
        parts += _bill_percentiles(result)
    parts += nodes_blocks(plans)
    parts += _serving_lines(plans)
    parts += api_blocks(plans)
    parts.append(note("\n".join(_definitions(result))))
    if "precision" in result:
        parts += precision_blocks(result["precision"], result["replications"])
    return [*parts, *warnings(result["warnings"])]


def _best(result: Json) -> list[int]:
    """Tell the row of the cheapest plan."""
    return [k for k, name in enumerate(result["plans"]) if name == result["comparison"]["cheapest"]]


def _bills(result: Json) -> Table:
    """Lay out what each plan costs, how idle it is, and how often it is the cheapest."""
    kinds = _kinds(result)
    rows = [
        [
            name,
            with_interval(plan["bill_usd"]["total"]),
            chance_cell(result, name),
            number(idle(plan["bill_usd"])),
            *busy_of(plan, kinds),
        ]
        for name, plan in result["plans"].items()
    ]
    head = ("plan", "bill, USD", "cheapest on", "idle, USD", *busy_heads(kinds))
    return table(head, rows, parts=(3,), best=_best(result))


def _kinds(result: Json) -> list[str]:
    """Tell which kinds of work there are."""
    classes = next(iter(result["plans"].values()))["classes"].values()
    return list(dict.fromkeys(each["kind"] for each in classes))


def chance_cell(result: Json, name: str) -> str:
    """Write how often a plan is the cheapest."""
    chance = result["comparison"]["probability_cheapest"][name]
    return percent(chance.value) if result["plans"][name]["eligible"] else "not ranked"


def _class(result: Json, class_name: str) -> Iterator[Block]:
    """Tell of one class of jobs or requests: how many, what one costs, how long it waits."""
    classes = {name: plan["classes"][class_name] for name, plan in result["plans"].items()}
    first = next(iter(classes.values()))
    kind = KINDS[first["kind"]]
    yield title(f"class `{class_name}`: {with_interval(first['jobs'])} {kind.jobs} a replication")
    rows = [[name, *kind.row(each)] for name, each in classes.items()]
    yield table(("plan", *kind.head), rows, parts=(1 + kind.work,), best=_best(result))
    yield from _spread(kind, classes)


def _spread(kind: Kind, classes: Json) -> list[Block]:
    """Draw how the cost of a job is spread under each plan."""
    costs = {name: each["cost_per_job_usd"]["fully_loaded"] for name, each in classes.items()}
    ends = {name: [kind.times(cost[key].value) for key in ("p5", "p50", "p95")] for name, cost in costs.items()}
    return spans("plan", f"{kind.money}: p5 to p95, ┿ median", ends)


def _definitions(result: Json) -> Iterator[str]:
    """Say what the words of the tables mean."""
    kinds = _kinds(result)
    if "inference" in kinds:
        yield _OF_TOKENS.format(cost=_OF_BILL.get(result["allocation"]["rule"], "the fully loaded bill"))
    if "fine_tune" in kinds:
        yield _OF_JOBS.format(cost=cost_rule(result))
    yield _DEFINITIONS.format(
        confidence=100 * result["confidence"], replications=counted(result["replications"], "replication")
    )


def _serving_lines(plans: Json) -> list[Block]:
    """Tell of each group of nodes that serves how busy its replicas were and how many requests ran together."""
    lines = []
    for name, plan in plans.items():
        for group, each in plan["serving"].items():
            count, busy = each["replicas"], percent_with_interval(each["busy_share"])
            together = with_interval(each["batch_size"])
            load = "" if each["load"] is None else f", load about {percent(each['load'])}"
            what = f"{count} replica{'s' * (count != 1)}{load}, busy {busy} of the time"
            lines.append(f"plan `{name}`, `{group}`: {what}, {together} requests together while busy")
    return listed(lines)


def cost_rule(result: Json) -> str:
    """Say what the cost of a job holds, and the windows it is shared out in: the counted time, divided equally."""
    if (rule := result["allocation"]["rule"]) == "platform":
        return _SHARED[rule]
    days = result["horizon_days"] - result["warm_up_days"]
    count = max(1, round(days / result["allocation"]["window_days"]))
    return f"{_SHARED[rule]} {counted(count, 'window')} of {counted(float(f'{days / count:.4g}'), 'day')}"


def _bill_percentiles(result: Json) -> Iterator[Block]:
    """Lay out the percentiles of the bill over sample paths, intervals below them; say what an interval needs."""
    keys = list(next(iter(result["plans"].values()))["bill_percentiles_usd"])
    rows = []
    for name, plan in result["plans"].items():
        found = [plan["bill_percentiles_usd"][key] for key in keys]
        rows.append([name, *(number(each.value) for each in found)])
        if any(each.low is not None for each in found):
            rows.append(["  low", *(_blank_or(each.low) for each in found)])
            rows.append(["  high", *(_blank_or(each.high) for each in found)])
    yield table(("bill, USD", *keys), rows)
    lacking = [
        f"{key} (takes {replications_needed(PERCENTILES[key], result['confidence'])})"
        for key in keys
        if any(plan["bill_percentiles_usd"][key].low is None for plan in result["plans"].values())
    ]
    if lacking:
        yield note(f"too few replications for an interval of {', '.join(lacking)}")


def _blank_or(value: float | None) -> str:
    return "" if value is None else number(value)


def verdict(result: Json) -> str:
    """Say which plan is cheapest, how sure that is, and what service it gives; then who is not ranked."""
    best = result["comparison"]["cheapest"]
    lines = [
        f"`{name}` is not ranked: {plan['reason']}." for name, plan in result["plans"].items() if not plan["eligible"]
    ]
    if best is None:
        return "\n".join(["No plan does the work, so none is the cheapest.", *lines])
    chance = result["comparison"]["probability_cheapest"][best]
    bill = result["plans"][best]["bill_usd"]["total"]
    same = [name for name, plan in result["plans"].items() if plan["eligible"] and plan["bill_usd"]["total"] == bill]
    alike = "" if len(same) < 2 else f" (as `{'`, `'.join(name for name in same if name != best)}`)"
    paths = percent_with_interval(chance)
    served = service_level(result["plans"][best])
    first = f"Cheapest: `{best}`{alike}, {number(bill.value)} USD on average; on {paths} of the paths; {served}."
    return "\n".join([first, *lines])


def service_level(plan: Json) -> str:
    """Say how long 95 % of each class wait under a plan, requests for their first token."""
    return " and ".join(_served(name, each) for name, each in plan["classes"].items())


def _served(name: str, each: Json) -> str:
    """Say it of one class; of those that started, where more than 1 % did not."""
    requests = each["kind"] == "inference"
    late, unit = (each["ttft_s"]["all"]["p95"], "s") if requests else (each["wait_h"]["p95"], "h")
    if late.value is None:
        return f"no job of `{name}` started"
    who = f"95 % of {'those that started of ' if each['censored'] else ''}`{name}`"
    within = "at once" if late.value == 0 else f"within {number(late.value)} {unit}"
    return f"{who} {'have their first token' if requests else 'start'} {within}"
