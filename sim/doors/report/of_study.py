"""A run as tables of a report: the bill, costs of jobs, waits, utilization. Not here: the sweep."""

from collections.abc import Iterator
from typing import Any

from sim.doors.report.cells import Cell, Table, Told, Write, share, short, table, told, usd_of
from sim.engine.money import LINES
from sim.ground.estimate import replications_needed
from sim.questions.tables import number, percent
from sim.questions.tables.study import cost_rule
from sim.study.result import PERCENTILES

Json = dict[str, Any]

LINE_WORDS = {
    "held_used": "held nodes, used",
    "held_idle": "held nodes, idle",
    "on_demand_used": "on-demand nodes, used",
    "on_demand_idle": "on-demand nodes, idle",
    "spot_used": "spot nodes, used",
    "spot_idle": "spot nodes, idle",
    "api": "API",
    "staff": "staff",
    "overhead": "overhead",
    "penalties": "penalties",
}
_COSTS, _WAITS = ("mean", "p5", "p50", "p90", "p95", "p99"), ("mean", "p50", "p90", "p95", "p99")
_MANY = 1000.0


def of_kind(result: Json, kind: str) -> list[str]:
    """Name the classes of one kind."""
    return [name for name, each in _first(result)["classes"].items() if each["kind"] == kind]


def _first(result: Json) -> Json:
    found: Json = next(iter(result["plans"].values()))
    return found


def money(result: Json) -> Write:
    """Choose how bills are written: all of a report alike."""
    return usd_of(max(float(plan["bill_usd"]["total"].value) for plan in result["plans"].values()))


def glance(result: Json) -> Table:
    """Lay out what decides: the bill, how often it is the lowest, and the service, of each plan."""
    names = list(_first(result)["classes"])
    head = ["Plan", "Bill, USD", "Cheapest on", *(_service_head(result, name, len(names) > 1) for name in names)]
    rows = []
    for plan, each in result["plans"].items():
        chance = share(result["comparison"]["probability_cheapest"][plan]) if each["eligible"] else "not ranked"
        served = [_service(each["classes"][name]) for name in names]
        rows.append([plan, told(each["bill_usd"]["total"], money(result)), chance, *served])
    days = f"{result['horizon_days'] - result['warm_up_days']:g} days"
    return table(
        "glance",
        f"Every plan at a glance, over {days}",
        head,
        rows,
        note="Cheapest on: share of the sample paths on which the plan has the lowest bill of all that do the same "
        f"work. Small type: {100 * result['confidence']:g} % interval over {result['replications']} replications.",
    )


def _service_head(result: Json, name: str, several: bool) -> str:
    request = _first(result)["classes"][name]["kind"] == "inference"
    return f"{'TTFT p95, s' if request else 'Wait p95, h'}{f' ({name})' if several else ''}"


def _service(each: Json) -> Cell:
    return _waited(each, told(each["ttft_s"]["all"]["p95"] if each["kind"] == "inference" else each["wait_h"]["p95"]))


def _waited(each: Json, cell: Cell) -> Cell:
    """Mark a duration of those that started, where more than 1 % did not."""
    if not each["censored"]:
        return cell
    return Told(f"{cell.value}*", cell.interval) if isinstance(cell, Told) else f"{cell}*"


def bill_lines(result: Json) -> Table:
    """Lay out every line of every bill; the last row is what they add up to."""
    plans, write = result["plans"], money(result)
    rows: list[list[Cell]] = [
        [LINE_WORDS[line], *(told(plan["bill_usd"][line], write) for plan in plans.values())] for line in LINES
    ]
    rows.append(["total", *(told(plan["bill_usd"]["total"], write) for plan in plans.values())])
    return table(
        "bill",
        f"Lines of the bill over {result['horizon_days'] - result['warm_up_days']:g} days, USD, mean over sample paths",
        ["Line", *plans],
        rows,
        note="The lines add up to the total. Each is rounded here, and unrounded in result.json.",
    )


def bill_percentiles(result: Json) -> Table:
    """Lay out the percentiles of the bill over sample paths; say how many an interval needs."""
    rows = []
    for name, plan in result["plans"].items():
        cells: list[Cell] = []
        for key, estimate in plan["bill_percentiles_usd"].items():
            cell = told(estimate, money(result))
            lacking = f"needs {replications_needed(PERCENTILES[key], result['confidence'])} replications"
            unknown = estimate.low is None and estimate.value is not None
            cells.append(Told(str(cell), lacking) if unknown else cell)
        rows.append([name, *cells])
    head = [*_first(result)["bill_percentiles_usd"]]
    note = "How far one path may differ from another by chance alone: p95 is exceeded on one path in 20."
    return table(
        "bills",
        "Percentiles of the bill over sample paths, USD",
        ["Plan", *head],
        rows,
        note=note.replace("year", "path"),
    )


def costs(result: Json, name: str) -> Table:
    """Lay out what a job of a class costs: mean and percentiles over jobs, fully loaded; the attributed mean."""
    requests = _first(result)["classes"][name]["kind"] == "inference"
    many = _MANY if requests else 1.0
    unit = "USD per 1,000 requests" if requests else "USD a job"
    rows = []
    for plan, each in result["plans"].items():
        known = each["classes"][name]
        cost = known["cost_per_job_usd"]
        cells = [told(cost["fully_loaded"][key], number, many) for key in _COSTS]
        cells.append(told(cost["attributed"]["mean"], number, many))
        rows.append([plan, *cells, *([told(known["usd_per_million_output_tokens"])] if requests else [])])
    head = ["Plan", *_COSTS, "attributed, mean", *(["USD/M output tokens"] if requests else [])]
    return table(
        f"cost-{name}",
        f"Cost of a job of class {name}, {unit}, fully loaded",
        head,
        rows,
        note=f"Fully loaded: {cost_rule(result)}. Attributed: without the share of idle time, staff and overhead. "
        "Percentiles are over jobs: how one job differs from another, not an error; their intervals are errors.",
    )


def waits(result: Json, name: str) -> list[Table]:
    """Lay out how long jobs of a class wait, requests also for their tokens."""
    first = _first(result)["classes"][name]
    star = any(plan["classes"][name]["censored"] for plan in result["plans"].values())
    note = "From arrival to start, or to the hand-over to the API."
    note += " *: more than 1 % never started; of those that did." if star else ""
    if first["kind"] == "inference":
        return [_tokens(result, name, note)]
    rows = []
    for plan, each in result["plans"].items():
        known = each["classes"][name]
        cells = [_waited(known, told(known["wait_h"][key])) for key in _WAITS]
        rows.append([plan, *cells, share(known["api_share"]), told(known["not_started"])])
    head = ["Plan", *_WAITS, "by API", "never started"]
    return [table(f"wait-{name}", f"Wait of class {name}, hours", head, rows, note=note)]


def _tokens(result: Json, name: str, note: str) -> Table:
    """Lay out how long requests wait for their first token, and from one token to the next."""
    rows = []
    for plan, each in result["plans"].items():
        known = each["classes"][name]
        ttft, tpot = known["ttft_s"]["all"], known["tpot_s"]["all"]
        cells = [_waited(known, told(ttft[key])) for key in ("p50", "p95", "p99")]
        cells += [told(tpot[key], number, _MANY) for key in ("p50", "p95")]
        rows.append([plan, *cells, share(known["api_share"]), told(known["not_started"])])
    head = ["Plan", "TTFT, s: p50", "p95", "p99", "TPOT, ms: p50", "p95", "by API", "never started"]
    words = "TTFT: from arrival to the first token. TPOT: time per token after the first."
    return table(f"wait-{name}", f"Service of class {name}", head, rows, note=words + note.partition("API.")[2])


def utilization(result: Json) -> Table:
    """Lay out how well paid GPUs are used, and what idle ones cost."""
    rows = []
    for name, plan in result["plans"].items():
        used, bill = plan["utilization"], plan["bill_usd"]
        idle = [bill[line].value for line in ("held_idle", "on_demand_idle", "spot_idle")]
        hours = told(plan["gpu_hours"]["paid"], short)
        shares = [share(used[key]) for key in ("allocated", "busy", "productive")]
        rows.append([name, hours, *shares, money(result)(sum(idle))])
    return table(
        "utilization",
        "Use of the GPUs that are paid for",
        ["Plan", "paid, GPU h", "allocated", "busy", "productive", "idle, USD"],
        rows,
        note="Shares of paid GPU time. Allocated: given to jobs; busy: less restarts and checkpoints; productive: less "
        "work that was lost. n/a: no GPU is paid for.",
    )


def replicas(result: Json) -> Iterator[Table]:
    """Lay out how busy replicas are, where any serve."""
    rows = [
        [
            f"{name}, {group}",
            str(each["replicas"]),
            "n/a" if each["load"] is None else percent(each["load"]),
            share(each["busy_share"]),
            told(each["batch_size"]),
        ]
        for name, plan in result["plans"].items()
        for group, each in plan["serving"].items()
    ]
    if rows:
        head = ["Plan, group", "replicas", "load", "busy", "requests together"]
        note = "Load: share of the requests that they can carry. Busy: time with at least one request running."
        yield table("replicas", "Replicas that serve", head, rows, note=note)
