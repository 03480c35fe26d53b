"""APIs that are more than prices as text: who was refused, who was given up, what reserved units took."""

from sim.questions.tables.blocks import Block, note, table
from sim.questions.tables.words import Json, number, percent, with_interval

_HEAD = (
    "plan",
    "class",
    "USD/1000 answered",
    "answered",
    "given up",
    "late",
    "TTFT, s: p99",
    "attempts a request",
    "retried",
    "throttled",
    "reserved used",
)
_OF_THE_API = 7
"""The column from which the API's side is told."""
_WORDS = """\
Answered: share of all requests, by replicas or the API; given up: after their last retry; late: after their deadline. \
Attempts and retried: of requests handed to the API. TTFT: of those answered, retries and all. Throttled: share of the \
plan's attempts that a limit refused. USD/1000 answered: the cost of all requests over those answered. Reserved used: \
share of the tokens that reserved units could take."""


def api_blocks(plans: Json) -> list[Block]:
    """Tell of APIs with limits, outages, batch tiers or reserved units, where a plan has one; else nothing."""
    if all(plan["api"] is None for plan in plans.values()):
        return []
    rows = [
        _row(plan_name, class_name, plan, each)
        for plan_name, plan in plans.items()
        for class_name, each in plan["classes"].items()
        if each["kind"] == "inference"
    ]
    return [table(_HEAD, rows, keys=2, parts=(_OF_THE_API,)), note(_WORDS)]


def _row(plan_name: str, class_name: str, plan: Json, each: Json) -> list[str]:
    """Lay out one class under one plan."""
    api, jobs = plan["api"], each["jobs"].value
    cost = each["usd_per_successful_request"]
    return [
        plan_name,
        class_name,
        with_interval(cost, lambda usd: number(None if usd is None else 1000 * usd)),
        percent(each["successful"].value / jobs if jobs else None),
        percent(each["failed_share"].value),
        percent(each["late_share"].value),
        number(each["ttft_s"]["all"]["p99"].value),
        number(each["attempts_per_request"].value),
        percent(each["retried_share"].value),
        "n/a" if api is None else percent(api["throttled_share"].value),
        "n/a" if api is None or api["reserved"] is None else percent(api["reserved"]["utilization"].value),
    ]
