"""A run as text: a table a job class, the verdict, the bill, nodes that serve or come and go, what to beware of."""

from sim.estimate import Estimate, replications_needed
from sim.study.result import PERCENTILES
from sim.tables.api import api_text
from sim.tables.nodes import nodes_text
from sim.tables.precision import precision_text
from sim.tables.words import Json, Row, grid_text, number, percent, with_interval

_SHARED = {
    "gpu_time": "the bill over all jobs; percentiles over jobs, idle time and staff shared by GPU time within",
    "equal": "the bill over all jobs; percentiles over jobs, idle time and staff shared equally within",
    "platform": "its own use and hired node; idle time, staff and overhead are shown apart, as unallocated",
}

_OF_JOBS = """\
USD a job, fully loaded: {cost}.
Wait: from arrival to start or hand-over to the API. Utilization: of paid GPU time. Idle: GPUs without a job,
held or hired, with boots and rounding."""
DEFINITIONS = """\
Cheapest on: share of sample paths on which the plan has the lowest bill of all that do the same work.
Brackets: {confidence:g} % interval over {replications} replications."""


OF_TOKENS = """\
TTFT: from arrival to the first token. TPOT: from the first token to the last, over the tokens after the first (none for
a request of one token). USD per million output tokens: {cost} over the tokens written.
Utilization of replicas: time with at least one request running; load: share of the requests that they can carry."""
_OF_BILL = {"platform": "the cost of the requests without idle time, staff and overhead"}


def _idle(bill: Json) -> float:
    """Add up what was paid for GPUs without a job, held and hired."""
    return float(sum(bill[line].value for line in ("held_idle", "on_demand_idle", "spot_idle")))


def _plan_row(name: str, plan: Json, each: Json, chance: Estimate) -> Row:
    cost, wait = each["cost_per_job_usd"]["fully_loaded"], each["wait_h"]
    star = "*" if each["censored"] else ""
    return [
        name,
        with_interval(plan["bill_usd"]["total"]),
        with_interval(cost["mean"]),
        *(number(cost[key].value) for key in ("p5", "p50", "p95")),
        f"{number(wait['mean'].value)}{star}",
        f"{number(wait['p95'].value)}{star}",
        percent(plan["utilization"]["allocated"].value),
        number(_idle(plan["bill_usd"])),
        percent(each["api_share"].value),
        percent(chance.value) if plan["eligible"] else "not ranked",
    ]


def _request_row(name: str, plan: Json, each: Json, chance: Estimate) -> Row:
    cost, ttft, tpot = each["cost_per_job_usd"]["fully_loaded"], each["ttft_s"]["all"], each["tpot_s"]["all"]
    star = "*" if each["censored"] else ""
    return [
        name,
        with_interval(plan["bill_usd"]["total"]),
        with_interval(each["usd_per_million_output_tokens"]),
        *(number(_times(cost[key].value, 1000)) for key in ("mean", "p50", "p95")),
        *(f"{number(ttft[key].value)}{star}" for key in ("p50", "p95")),
        *(number(_times(tpot[key].value, 1000)) for key in ("p50", "p95")),
        percent(plan["utilization"]["busy"].value),
        number(_idle(plan["bill_usd"])),
        percent(each["api_share"].value),
        percent(chance.value) if plan["eligible"] else "not ranked",
    ]


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


_OF_TUNES = (
    "plan",
    "bill, USD",
    "USD a job",
    "p5",
    "p50",
    "p95",
    "wait, h",
    "p95",
    "utilization",
    "idle, USD",
    "by API",
    "cheapest on",
)
_OF_REQUESTS = (
    "plan",
    "bill, USD",
    "USD/M output tokens",
    "USD/1000 requests",
    "p50",
    "p95",
    "TTFT, s: p50",
    "p95",
    "TPOT, ms: p50",
    "p95",
    "utilization",
    "idle, USD",
    "by API",
    "cheapest on",
)
KINDS = {"fine_tune": (_OF_TUNES, _plan_row), "inference": (_OF_REQUESTS, _request_row)}


def study_text(result: Json) -> str:
    """Tell a run: one table a job class, the verdict, the bill's percentiles, what to beware of."""
    plans, comparison = result["plans"], result["comparison"]
    parts = [
        f"{result['scenario']}: {result['horizon_days']:g} days, {result['replications']} replications, "
        f"seed {result['seed']}"
    ]
    for class_name in next(iter(plans.values()))["classes"]:
        first = next(iter(plans.values()))["classes"][class_name]
        head, row = KINDS[first["kind"]]
        rows = [
            row(name, plan, plan["classes"][class_name], comparison["probability_cheapest"][name])
            for name, plan in plans.items()
        ]
        jobs, kind = first["jobs"], "requests" if first["kind"] == "inference" else "jobs"
        parts.append(f"class `{class_name}`: {with_interval(jobs)} {kind} a replication\n\n{grid_text(head, rows)}")
    parts.append(verdict(result))
    if result["replications"] > 1:
        parts.append(_bill_table(result))
    parts += nodes_text(plans)
    parts += _serving_lines(plans)
    parts += api_text(plans)
    kinds = {each["kind"] for each in next(iter(plans.values()))["classes"].values()}
    if "inference" in kinds:
        parts.append(OF_TOKENS.format(cost=_OF_BILL.get(result["allocation"]["rule"], "the fully loaded bill")))
    words = DEFINITIONS.format(confidence=100 * result["confidence"], replications=result["replications"])
    parts.append("\n".join([_OF_JOBS.format(cost=cost_rule(result)), words] if "fine_tune" in kinds else [words]))
    if "precision" in result:
        parts.append(precision_text(result["precision"], result["replications"]))
    parts += [f"warning ({entry['code']}): {entry['text']}" for entry in result["warnings"]]
    return "\n\n".join(parts)


def _serving_lines(plans: Json) -> list[str]:
    """Tell of each group of nodes that serves how busy its replicas were and how many requests ran together."""
    lines = []
    for name, plan in plans.items():
        for group, each in plan["serving"].items():
            count, busy = each["replicas"], with_interval(each["busy_share"], percent)
            together = with_interval(each["batch_size"])
            load = "" if each["load"] is None else f", load about {percent(each['load'])}"
            what = f"{count} replica{'s' * (count != 1)}{load}, busy {busy} of the time"
            lines.append(f"plan `{name}`, `{group}`: {what}, {together} requests together while busy")
    return ["\n".join(lines)] if lines else []


def cost_rule(result: Json) -> str:
    """Say what the cost of a job holds, and the windows it is shared out in: the counted time, divided equally."""
    if (rule := result["allocation"]["rule"]) == "platform":
        return _SHARED[rule]
    counted = result["horizon_days"] - result["warm_up_days"]
    count = max(1, round(counted / result["allocation"]["window_days"]))
    return f"{_SHARED[rule]} {count} window{'s' * (count > 1)} of {counted / count:.4g} days"


def _bill_table(result: Json) -> str:
    """Lay out the percentiles of the bill over sample paths; say what an interval needs where there is none."""
    lacking = "interval not available"
    rows = []
    for name, plan in result["plans"].items():
        cells = []
        for key, estimate in plan["bill_percentiles_usd"].items():
            needed = replications_needed(PERCENTILES[key], result["confidence"])
            text = with_interval(estimate)
            cells.append(text if estimate.low is not None else f"{text} (needs n>={needed})")
        rows.append([name, *cells])
    table = grid_text(["bill, USD", *next(iter(result["plans"].values()))["bill_percentiles_usd"]], rows)
    note = f"\n(needs n>=...): {lacking} with fewer replications" if "(needs" in table else ""
    return table + note


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
    paths = with_interval(chance, percent)
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
