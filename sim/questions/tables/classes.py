"""Columns of each kind of work: what a job or a thousand requests cost, how long they wait, how busy the plan is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sim.questions.tables.words import Json, number, percent, with_interval


@dataclass(frozen=True)
class Kind:
    """How one kind of work is laid out.

    Attributes
    ----------
    head : tuple of str
        Columns of a class under a plan: money first, then work.
    work : int
        At which column work begins.
    row : callable
        Gives the cells.
    jobs, money : str
        What comes, and what the percentiles of cost are of.
    many : float
        Of so many jobs these costs are.
    """

    head: tuple[str, ...]
    work: int
    row: Callable[[Json], list[str]]
    jobs: str
    money: str
    many: float

    def times(self, usd: float | None) -> float | None:
        """Tell the cost of so many jobs from the cost of one."""
        return None if usd is None else usd * self.many


def idle(bill: Json) -> float:
    """Add up what was paid for GPUs without a job, held and hired."""
    return float(sum(bill[line].value for line in ("held_idle", "on_demand_idle", "spot_idle")))


def busy_heads(kinds: Sequence[str]) -> list[str]:
    """Name the columns that tell how busy a plan is: allocated GPUs for fine-tunes, busy replicas for requests."""
    return ["utilization"] if len(kinds) == 1 else ["allocated", "busy"]


def busy_of(plan: Json, kinds: Sequence[str]) -> list[str]:
    """Tell how busy a plan is."""
    named = {"fine_tune": "allocated", "inference": "busy"}
    order = [kind for kind in named if kind in kinds]
    return [percent(plan["utilization"][named[kind]].value) for kind in order]


def _tune(each: Json) -> list[str]:
    cost, wait = each["cost_per_job_usd"]["fully_loaded"], each["wait_h"]
    star = "*" if each["censored"] else ""
    return [
        with_interval(cost["mean"]),
        *(number(cost[key].value) for key in ("p5", "p50", "p95")),
        f"{number(wait['mean'].value)}{star}",
        f"{number(wait['p95'].value)}{star}",
        percent(each["api_share"].value),
    ]


def _request(each: Json) -> list[str]:
    cost, ttft, tpot = each["cost_per_job_usd"]["fully_loaded"], each["ttft_s"]["all"], each["tpot_s"]["all"]
    star = "*" if each["censored"] else ""
    return [
        with_interval(each["usd_per_million_output_tokens"]),
        *(number(KINDS["inference"].times(cost[key].value)) for key in ("mean", "p50", "p95")),
        *(f"{number(ttft[key].value)}{star}" for key in ("p50", "p95")),
        *(number(None if tpot[key].value is None else 1000 * tpot[key].value) for key in ("p50", "p95")),
        percent(each["api_share"].value),
    ]


KINDS = {
    "fine_tune": Kind(
        ("USD a job", "p5", "p50", "p95", "wait, h", "p95", "by API"), 4, _tune, "jobs", "USD a job", 1.0
    ),
    "inference": Kind(
        (
            "USD/M output tokens",
            "USD/1000 requests",
            "p50",
            "p95",
            "TTFT, s: p50",
            "p95",
            "TPOT, ms: p50",
            "p95",
            "by API",
        ),
        4,
        _request,
        "requests",
        "USD/1000 requests",
        1000.0,
    ),
}
