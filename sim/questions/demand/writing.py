"""A fitted workload as a scenario that loads and runs as it is written, with the file of sizes beside it.

Not here: the fit (``choose``), the plans (``plans``). The same log gives the same bytes: no date of today is written.
"""

import json
import math
import os
import re
import textwrap
from pathlib import Path
from typing import Any, Final

import numpy as np

from sim.ground.faults import InputError
from sim.ground.scenario.model import MOST_SERVING_DAYS
from sim.questions.demand.choose import Choice
from sim.questions.demand.findings import Findings, moment
from sim.questions.demand.plans import MOST_EXPECTED, fitting_widths, serving_plans, tuning_plans
from sim.questions.demand.rates import RateFit

_DAY_S: Final = 86_400.0
_WIDTH: Final = 110


def slug(text: str) -> str:
    """Make a name of a-z, 0-9 and _ out of any text."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:50] or "workload"


def shown(text: str) -> str:
    """Write a name in one line, whatever is in it."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:120]


def flow(value: Any) -> str:
    """Write a value as YAML in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:.10g}" if value == int(value) and abs(value) < 1e15 else _plain(float(value))
    return value if re.fullmatch(r"[a-z][a-z0-9_]*", value) and value not in _WORDS else json.dumps(value)


_WORDS: Final = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")


def _plain(value: float) -> str:
    """Write a number without an exponent that YAML would take for text."""
    text = f"{value:.10g}"
    return text if "e" not in text else np.format_float_positional(float(text), trim="-")


def block(key: str, value: Any, indent: int) -> str:
    """Write a key and its value, in one line where it is short and by its parts where it is long."""
    head = " " * indent + f"{key}:"
    line = f"{head} {flow(value)}"
    if len(line) <= _WIDTH:
        return line + "\n"
    if isinstance(value, dict):
        return head + "\n" + "".join(block(name, each, indent + 2) for name, each in value.items())
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return head + "\n" + "".join(_item(each, indent + 2) for each in value)
    rows = [value[k : k + 12] for k in range(0, len(value), 12)]
    inner = ",\n".join(" " * (indent + 2) + ", ".join(map(flow, row)) for row in rows)
    return f"{head} [\n{inner}]\n"


def _item(value: dict[str, Any], indent: int) -> str:
    line = " " * indent + f"- {flow(value)}"
    if len(line) <= _WIDTH:
        return line + "\n"
    inner = "".join(block(key, each, indent + 2) for key, each in value.items())
    return " " * indent + "- " + inner[indent + 2 :]


def horizon_days(found: Findings) -> tuple[float, str]:
    """Choose the horizon: the log's span, or as much of it as may be simulated; tell what cut it."""
    span = found.sketch.seconds / _DAY_S
    most = MOST_EXPECTED / (found.rate.value or 1.0) / _DAY_S
    if span > most:
        return _round(most), f"{MOST_EXPECTED:,} arrivals, the most that a replication should hold"
    if not found.read.is_jobs and span > MOST_SERVING_DAYS:
        return MOST_SERVING_DAYS, "serving runs at most so long"
    return _round(span), "the log's span"


def _round(days: float) -> float:
    return float(f"{days:.8g}")


def sizes_csv(found: Findings) -> str:
    """Write the sampled rows' sizes: prompt and output, or service, GPUs and tokens of jobs, together as they came."""
    rows = found.sketch.rows.table()
    if not found.read.is_jobs:
        head, columns = ["prompt", "output"], [rows["prompt"], rows["output"]]
    else:
        head = [name for name in ("service_hours", "tokens", "gpus") if name in rows]
        columns = [fitting_widths(rows[name]) if name == "gpus" else rows[name] for name in head]
    lines = (",".join(f"{value:.10g}" for value in row) for row in zip(*(c.tolist() for c in columns), strict=True))
    return "\n".join([",".join(head), *lines]) + "\n"


def _measured(found: Findings) -> str:
    """Say what was measured, when and where, for comments."""
    sketch, zone = found.sketch, found.read.zone
    when = f"{moment(sketch.first, zone)} to {moment(sketch.last, zone)}"
    return f"{shown(found.read.file.name)}, {sketch.count:,} rows, {when}" + (f" {zone.key}" if zone else "")


def _comments(found: Findings, told: list[str]) -> str:
    """Write what stands above the scenario."""
    idc = ", ".join(f"{each.value:.4g} at {scale} s" for scale, each in found.idc.items() if each.value is not None)
    lines = [
        f"Fitted by `fleetecon fit workload` to {_measured(found)}.",
        f"Measured: {found.rate.value:.6g} arrivals a second, cv of the gaps {found.gap_cv:.4g}, IDC {idc or 'n/a'}.",
        *told,
    ]
    return _comment(lines)


def _comment(texts: list[str]) -> str:
    """Write texts as comments of short lines."""
    return "".join(f"# {line}\n" for text in texts for line in textwrap.wrap(text, 112) or [""])


def arrivals_block(found: Findings, choice: Choice, name: str, folder: Path) -> str:
    """State how work arrives: by a process, or by blocks of the log."""
    process = choice.taken or (choice.nearest if choice.blocks is None else None)
    if process is not None:
        return block("arrivals", process.keys, 4)
    return block("trace", trace_keys(found, choice, name, folder), 4)


def trace_keys(found: Findings, choice: Choice, name: str, folder: Path) -> dict[str, Any]:
    """State the log as a trace, drawn by blocks."""
    read = found.read
    drawn = {"bootstrap": dict(choice.blocks.keys)} if choice.blocks else {}
    if misfits(found):
        columns = {role: column for role, column in _JOB_COLUMNS.items() if column in found.sketch.names}
        return {"file": sizes_file(found, name), "columns": {"arrival": "arrival_hours", **columns}, **drawn}
    keys: dict[str, Any] = {"file": os.path.relpath(read.file.resolve(), folder.resolve())}
    if read.told.columns is not None:
        keys["columns"] = {role: column for role, column in read.told.columns.items() if role != "tenant"}
        keys["arrival_unit"] = read.unit
        if read.is_jobs:
            keys["service_unit"] = read.form.service_unit
    else:
        keys["format"] = read.form.name
        if read.told.unit is not None:
            keys["arrival_unit"] = read.told.unit
    for key in ("zone", "skip_empty", "sort"):
        if (value := getattr(read.told, key)) and not (key == "skip_empty" and read.is_jobs):
            keys[key] = value
    return {**keys, **drawn}


def sizes_file(found: Findings, name: str) -> str:
    """Name the file of sizes."""
    return f"{name}_{'jobs' if found.read.is_jobs else 'lengths'}.csv"


def misfits(found: Findings) -> bool:
    """Tell whether jobs need more GPUs than a node has, and not whole nodes."""
    widths = np.array(list(found.read.widths.jobs), np.float64)
    return bool((fitting_widths(widths) != widths).any())


def source_line(measured: str) -> str:
    """Say on what the class rests."""
    return json.dumps(f"measured: fitted to {measured}"[:290], ensure_ascii=False)


def peak_per_second(found: Findings) -> float:
    """Rate of the busiest of a hundred stretches of five minutes or more; the mean rate where there are too few."""
    series = found.sketch.windows.series()
    rate = found.rate.value or 0.0
    if len(series) < 3:
        return rate
    return max(rate, float(np.quantile(series, 0.99)) / found.sketch.windows.block_seconds)


def refuse_existing(out: Path, name: str) -> None:
    """Refuse to write over a scenario that is there."""
    for file in (out / f"{name}.yaml", out / f"{name}_lengths.csv", out / f"{name}_jobs.csv"):
        if file.exists() or file.is_symlink():
            text = "exists already and is kept; choose another --name or --out, or move it away"
            raise InputError.one(str(file), text)


def scenario_text(found: Findings, choice: Choice, name: str, seed: int, told: list[str], folder: Path) -> str:
    """Write the scenario.

    Parameters
    ----------
    told : list of str
        Sentences on what the process is and how near it comes.
    folder : Path
        That it is written into: the log's place is told from there.
    """
    days, cut = horizon_days(found)
    kind = "  jobs:\n    kind: fine_tune\n" if found.read.is_jobs else "  requests:\n    kind: inference\n"
    drawn = choice.drawn_in_blocks
    return "".join(
        [
            _comments(found, told),
            f"\nname: {name}\nseed: {seed}\nhorizon_days: {_plain(days)}    # {cut}\n\nworkload:\n{kind}",
            arrivals_block(found, choice, name, folder),
            "" if drawn else sizes_block(found, name),
            "" if drawn else _cached(found),
            f"    source: {source_line(_measured(found))}\n\n",
            plans_text(found),
        ]
    )


def _cached(found: Findings) -> str:
    """State what share of the prompts was found in a prefix cache, where the log tells."""
    if "cached" not in found.sizes or found.read.is_jobs or not found.sizes["prompt"].mean:
        return ""
    share = found.sizes["cached"].mean / found.sizes["prompt"].mean
    return f"    cached_share: {share:.4g}    # of prompt tokens, measured\n" if share > 0 else ""


def sizes_block(found: Findings, name: str) -> str:
    """State the file of sizes."""
    count = min(found.sketch.count, found.sketch.rows.most)
    kept = "all rows" if count == found.sketch.count else f"{count:,} of {found.sketch.count:,} rows, alike likely"
    if not found.read.is_jobs:
        return f"    tokens: {{file: {name}_lengths.csv}}    # {kept}: prompt and output as they came together\n"
    columns = {role: name_ for role, name_ in _JOB_COLUMNS.items() if name_ in found.sketch.names}
    text = f"    # {kept}, drawn whole: GPUs and hours as they came together\n"
    text += block("sizes", {"file": f"{name}_jobs.csv", "columns": columns, "service_unit": "hours"}, 4)
    if "service" not in columns:
        text += f"    hours_per_million_tokens: {_ASSUMED_HOURS}    # assumed: the log tells no durations\n"
    return text


_ASSUMED_HOURS: Final = 2
_JOB_COLUMNS: Final = {"service": "service_hours", "tokens": "tokens", "gpus": "gpus"}


def plans_text(found: Findings) -> str:
    """State the starter plans."""
    if not found.read.is_jobs:
        prompt, output = found.sizes["prompt"], found.sizes["output"]
        longest = prompt.most + output.most
        return serving_plans(prompt.mean, output.mean, longest, peak_per_second(found))
    widths = found.read.widths
    hours = sum(widths.hours.values())
    if "tokens" in found.sizes and "service_hours" not in found.sketch.names:
        hours = (
            sum(gpus * jobs for gpus, jobs in widths.jobs.items()) * found.sizes["tokens"].mean / 1e6 * _ASSUMED_HOURS
        )
    busy = hours / (found.sketch.seconds / 3600) if found.sketch.seconds else math.nan
    if not math.isfinite(busy):
        busy = 0.0
    widest = int(fitting_widths(np.array([max(widths.jobs, default=1)], np.float64))[0])
    return tuning_plans(busy, widest)


def rates_text(fit: RateFit, name: str, seed: int, told: list[str]) -> str:
    """Write the scenario of a log of rates; lengths and plans are assumed."""
    log = fit.log
    rate = float(log.total.rate.mean())
    span = log.seconds / _DAY_S
    short = rate * log.seconds <= MOST_EXPECTED
    days, cut = (span, "the log's span") if short else (MOST_EXPECTED / rate / _DAY_S, _MOST)
    comments = _comment([f"Fitted by `fleetecon fit workload`: {shown(told[0])}", *told[1:]])
    prompt, output = 512, 256
    return "".join(
        [
            comments,
            f"\nname: {name}\nseed: {seed}\nhorizon_days: {_plain(_round(days))}    # {cut}\n\nworkload:\n",
            "  requests:\n    kind: inference\n",
            block("arrivals", fit.keys, 4),
            f"    tokens: {{pairs: [[{prompt}, {output}]]}}    # assumed: the log tells no lengths\n",
            f"    source: {source_line(shown(log.file.name))}\n\n",
            serving_plans(prompt, output, prompt + output, float(np.quantile(log.total.rate, 0.99))),
        ]
    )


_MOST: Final = f"{MOST_EXPECTED:,} arrivals, the most that a replication should hold"
