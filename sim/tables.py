"""Results as text for people and as rows for spreadsheets. Strings out; nothing is printed here."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from sim.estimate import Estimate, replications_needed
from sim.scenario import Input
from sim.study.result import PERCENTILES

Json = dict[str, Any]
Row = Sequence[str]

_SHARED = {
    "gpu_time": "the bill over all jobs; percentiles over jobs, idle time and staff shared by GPU time within",
    "equal": "the bill over all jobs; percentiles over jobs, idle time and staff shared equally within",
    "platform": "its own use and hired node; idle time, staff and overhead are shown apart, as unallocated",
}

_OF_JOBS = """\
USD a job, fully loaded: {cost}.
Wait: from arrival to start or hand-over to the API. Utilization: of paid GPU time. Idle: held GPUs without a job."""
DEFINITIONS = """\
Cheapest on: share of sample paths on which the plan has the lowest bill of all that do the same work.
Brackets: {confidence:g} % interval over {replications} replications."""


OF_TOKENS = """\
TTFT: from arrival to the first token. TPOT: from the first token to the last, over the tokens after the first (none for
a request of one token). USD per million output tokens: {cost} over the tokens written.
Utilization of replicas: time with at least one request running; load: share of the requests that they can carry."""
_OF_BILL = {"platform": "the cost of the requests without idle time, staff and overhead"}


def number(value: float | None, digits: int = 3) -> str:
    """Write a number for people: thousands separated, cents from 100 down, ``digits`` significant below 1."""
    if value is None:
        return "n/a"
    size = abs(value)
    if size >= 1e9:
        return f"{value:.{digits}e}"
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 1:
        return f"{value:,.2f}"
    return f"{value:.{digits}g}" if size >= 1e-12 else "0"


def percent(value: float | None) -> str:
    """Write a share as a percentage."""
    return "n/a" if value is None else f"{100 * value:.3g} %"


def with_interval(estimate: Estimate, write: Any = number) -> str:
    """Write an estimate with its interval where it has one."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return str(write(estimate.value))
    return f"{write(estimate.value)} [{write(estimate.low)}, {write(estimate.high)}]"


def grid_text(head: Row, rows: Sequence[Row]) -> str:
    """Lay out rows in columns, the first to the left, the others to the right."""
    widths = [max(len(row[k]) for row in (head, *rows)) for k in range(len(head))]
    lines = []
    for row in (head, ["-" * width for width in widths], *rows):
        cells = [
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


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
        number(plan["bill_usd"]["held_idle"].value),
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
        number(plan["bill_usd"]["held_idle"].value),
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
_KINDS = {"fine_tune": (_OF_TUNES, _plan_row), "inference": (_OF_REQUESTS, _request_row)}


def study_text(result: Json) -> str:
    """Tell a run: one table a job class, the verdict, the bill's percentiles, what to beware of."""
    plans, comparison = result["plans"], result["comparison"]
    parts = [
        f"{result['scenario']}: {result['horizon_days']:g} days, {result['replications']} replications, "
        f"seed {result['seed']}"
    ]
    for class_name in next(iter(plans.values()))["classes"]:
        first = next(iter(plans.values()))["classes"][class_name]
        head, row = _KINDS[first["kind"]]
        rows = [
            row(name, plan, plan["classes"][class_name], comparison["probability_cheapest"][name])
            for name, plan in plans.items()
        ]
        jobs, kind = first["jobs"], "requests" if first["kind"] == "inference" else "jobs"
        parts.append(f"class `{class_name}`: {with_interval(jobs)} {kind} a replication\n\n{grid_text(head, rows)}")
    parts.append(verdict(result))
    if result["replications"] > 1:
        parts.append(_bill_table(result))
    parts += _serving_lines(plans)
    kinds = {each["kind"] for each in next(iter(plans.values()))["classes"].values()}
    if "inference" in kinds:
        parts.append(OF_TOKENS.format(cost=_OF_BILL.get(result["allocation"]["rule"], "the fully loaded bill")))
    words = DEFINITIONS.format(confidence=100 * result["confidence"], replications=result["replications"])
    parts.append("\n".join([_OF_JOBS.format(cost=_shared(result)), words] if "fine_tune" in kinds else [words]))
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


def _shared(result: Json) -> str:
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
    """Say in one or two sentences which plan is cheapest, how sure that is, and who is not ranked."""
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
    first = f"Cheapest: `{best}`{alike}, {number(bill.value)} USD on average; on {paths} of the paths."
    return "\n".join([first, *lines])


def _sweep_table(grid: Json, kind: str) -> str:
    """Lay out a sweep for the classes of one kind: a row a cell, plan and class; the bill and who is cheapest last."""
    keys = list(grid["vary"])
    head, row_of = _KINDS[kind]
    rows = []
    for cell in grid["cells"]:
        result = cell["result"]
        for name, plan in result["plans"].items():
            classes = {key: each for key, each in plan["classes"].items() if each["kind"] == kind}
            for class_name, each in classes.items():
                row = row_of(name, plan, each, result["comparison"]["probability_cheapest"][name])
                named = [name, class_name] if len(plan["classes"]) > 1 else [name]
                rows.append([*(_plain(cell["at"][key]) for key in keys), *named, *row[2:-3], row[1], row[-1]])
    several = rows and len(rows[0]) > len(keys) + len(head) - 2
    swept = [key.rsplit(".", 1)[-1] for key in keys]
    return grid_text([*swept, "plan", *["class"] * bool(several), *head[2:-3], head[1], head[-1]], rows)


def sweep_text(grid: Json) -> str:
    """Tell a sweep: a table for each kind of work, then every break-even."""
    plans = grid["cells"][0]["result"]["plans"].values()
    work = dict.fromkeys(each["kind"] for plan in plans for each in plan["classes"].values())
    tables = [_sweep_table(grid, kind) for kind in work]
    lines = [break_even_text(entry) for entry in grid["break_even"]]
    warned = dict.fromkeys(
        (entry["code"], entry["text"]) for cell in grid["cells"] for entry in cell["result"]["warnings"]
    )
    kinds: dict[str, list[str]] = {}
    for code, text in warned:
        kinds.setdefault(code, []).append(text)
    notes = [
        f"warning ({code}): {texts[0]}" + (f" (and {len(texts) - 1} like it)" if len(texts) > 1 else "")
        for code, texts in kinds.items()
    ]
    return "\n\n".join([*tables, "\n".join(lines), *notes])


def break_even_text(entry: Json) -> str:
    """Tell one break-even, or why there is none."""
    a, b = entry["plans"]
    if entry["at"] is None:
        return f"`{a}` against `{b}`: {entry['reason']}"
    return f"`{a}` against `{b}`: equal at {entry['key'].rsplit('.', 1)[-1]} = {with_interval(entry['at'])}"


def _plain(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Estimate]]:
    """Walk to every estimate of a result."""
    if isinstance(value, Estimate):
        yield path, value
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _leaves(entry, (*path, key))


def csv_rows(result: Json) -> Iterator[list[Any]]:
    """Give every estimate of a run as a row: plan, class, measure, value, low, high, se, n."""
    for name, plan in result["plans"].items():
        for path, estimate in _leaves(plan):
            in_class = path[0] == "classes"
            measure = ".".join(path[2:] if in_class else path)
            yield [name, path[1] if in_class else "", measure, *estimate.as_json().values()]
    for path, estimate in _leaves(result["comparison"]):
        yield ["", "", ".".join(path), *estimate.as_json().values()]


CSV_HEAD = ["plan", "job_class", "measure", "value", "low", "high", "se", "n"]


def inputs_text(inputs: Sequence[Input]) -> str:
    """List what numbers rest on: value, unit, basis, date and source."""
    lines = []
    for entry in inputs:
        dates = f", from {entry.since}, seen {entry.seen}" if entry.since else ""
        lines.append(f"  {entry.what}: {entry.value:g} {entry.unit} ({entry.basis}{dates}: {entry.source})")
    return "\n".join(lines)


def _inert(cell: Any) -> Any:
    """Put a quote before text that a spreadsheet would take for a formula; numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def as_csv(head: Sequence[str], rows: Iterator[list[Any]]) -> str:
    """Write rows as CSV with LF line ends; what is not available is an empty cell, no text is a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows(map(_inert, row) for row in (head, *rows))
    return out.getvalue()


def study_csv(result: Json) -> str:
    """Write a run as CSV, a row an estimate."""
    return as_csv(CSV_HEAD, csv_rows(result))


def sweep_csv(grid: Json) -> str:
    """Write a sweep as CSV, a row an estimate, the swept keys in front."""
    keys = list(grid["vary"])
    rows = ([*(cell["at"][key] for key in keys), *row] for cell in grid["cells"] for row in csv_rows(cell["result"]))
    return as_csv([*keys, *CSV_HEAD], rows)


def _value(value: Any) -> str:
    """Show what a case expects or gets: a number, or a word such as the name of a plan."""
    if value is None:
        return "n/a"
    return f"{value:.6g}" if isinstance(value, float | int) and not isinstance(value, bool) else str(value)


def verify_text(found: Json) -> str:
    """Tell a verification: every expectation, then the counts."""
    head = ("case", "key", "estimate", "reference", "z", "relative se", "")
    rows = [
        (
            case["id"],
            case["key"],
            _value(case["estimate"]),
            _value(case["reference"]),
            f"{case['z']:.2f}" if case["z"] is not None else "exact",
            percent(case["relative_se"]) if case["relative_se"] is not None else "",
            "pass" if case["pass"] else "FAIL",
        )
        for case in found["cases"]
    ]
    lines = [grid_text(head, rows)] if rows else []
    lines += [f"not covered: {entry['id']}: {entry['reason']}" for entry in found["not_covered"]]
    lines += [
        f"{'pass' if entry['pass'] else 'FAIL'}: {entry['name']} ({entry['checked']} checked)"
        for entry in found.get("invariants", [])
    ]
    lines.append(f"SimPy reference: {found['reference_rows']:,} rows compared, {found['rows_differing']} differ")
    lines.append(f"{found['passed']} passed, {found['failed']} failed")
    return "\n".join(lines)
