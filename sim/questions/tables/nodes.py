"""Nodes that come and go as text: hires, what reclaims undid, what commitments did, how often it pays to save."""

from sim.questions.tables.blocks import Block, listed, note, table
from sim.questions.tables.words import Json, number, percent, with_interval

_HEAD = (
    "plan",
    "boot, USD",
    "lost, USD",
    "productive",
    "coverage",
    "commitment used",
    "savings rate",
    "hires",
    "interruptions a job",
    "to the end, h: p50",
    "p95",
    "lost, GPU h",
    "save + restart, GPU h",
)
_WORK = 7
"""The column at which money ends and work begins."""
_WORDS = """\
Means of a replication; classes apart by a slash. To the end: from arrival, interruptions and all. Lost: work done \
again, inside the lines of the bill; save + restart: checkpoints and restarts. Productive: share of paid GPU time that \
was neither idle, lost, nor spent so. Coverage: share of used GPU time on held nodes. Commitment used: share of held \
GPU time that was used. Savings rate: 1 - node money over the productive GPU time at the on-demand list price."""


def nodes_blocks(plans: Json) -> list[Block]:
    """Tell of nodes that come and go, where any do; else nothing."""
    if not any(_changes(plan) for plan in plans.values()):
        return []
    rows = [_row(name, plan) for name, plan in plans.items() if plan["gpu_hours"]["paid"].value]
    lines = [line for name, plan in plans.items() if (line := _checkpoints(name, plan["nodes"]["checkpoints"]))]
    return [table(_HEAD, rows, parts=(_WORK,)), *listed(lines), note(_WORDS)]


def _changes(plan: Json) -> bool:
    """Tell whether nodes of a plan come and go (other than one for each job at once), or its jobs are interrupted."""
    nodes = plan["nodes"]
    mixed = nodes["hires"].value and nodes["coverage"].value
    return bool(mixed or nodes["lent"] or nodes["boot_usd"].value or nodes["interruptions_per_job_hour"].value)


def _row(name: str, plan: Json) -> list[str]:
    """Lay out one plan."""
    nodes = plan["nodes"]
    tunes = [each for each in plan["classes"].values() if each["kind"] == "fine_tune"]
    often = " / ".join(number(each["interruptions_per_job"].value) for each in tunes)
    return [
        name,
        number(nodes["boot_usd"].value),
        number(nodes["lost_usd"].value),
        percent(plan["utilization"]["productive"].value),
        percent(nodes["coverage"].value),
        percent(nodes["commitment_utilization"].value),
        _saved(nodes["effective_savings_rate"].value),
        number(nodes["hires"].value),
        often or "n/a",
        *(" / ".join(number(each["sojourn_h"][key].value) for each in tunes) or "n/a" for key in ("p50", "p95")),
        number(nodes["lost_gpu_h"].value),
        number(nodes["recovery_gpu_h"].value),
    ]


def _saved(share: float | None) -> str:
    """Write a savings rate; far below zero it says no more than that."""
    return "below -1,000 %" if share is not None and share < -10 else percent(share)


def _checkpoints(name: str, saves: Json | None) -> str:
    """Say how often the jobs of a plan save their work, and how often would be best."""
    if saves is None or saves["best_interval_h"].value is None:
        return ""
    often = f"every {number(saves['interval_h'])} h" if saves["interval_h"] else "all the time"
    best = with_interval(saves["best_interval_h"])
    return f"plan `{name}` saves its work {often}; best for its interruptions: every {best} h of work"
