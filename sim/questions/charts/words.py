"""The words and numbers that charts print: plans, keys, units, estimates. Not here: where they stand."""

import math
import textwrap
from typing import Any, Final

from sim.ground.estimate import Estimate
from sim.ground.scenario import Scenario

_CAPITALS: Final = {
    "api": "API",
    "gpu": "GPU",
    "gpus": "GPUs",
    "usd": "USD",
    "a100": "A100",
    "h100": "H100",
    "h200": "H200",
}
_JOBS: Final = {"fine_tune": ("fine-tune run", "run"), "inference": ("request", "request")}
_PER: Final = {"rate_per_day": " a day", "rate_per_second": " a second"}
_RULES: Final = {"gpu_time": "by GPU time", "equal": "equally", "platform": "not shared out"}


def words(slug: str) -> str:
    """Turn a slug into words: ``api_eu`` is "API eu"."""
    return " ".join(_CAPITALS.get(part, part) for part in slug.split("_") if part) or slug


def plan_word(plan: str) -> str:
    """Name a plan in running text: ``on_demand`` is "on-demand"."""
    return "on-demand" if plan == "on_demand" else words(plan)


def listed(names: list[str], joint: str = "or") -> str:
    """Join names: a, b or c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {joint} {names[-1]}"


def sentence(text: str) -> str:
    """Begin with a capital."""
    return text[:1].upper() + text[1:]


def plain(value: float, digits: int = 3) -> str:
    """Write a number with so many significant digits, whole part kept, no exponent where it can be read without."""
    if not math.isfinite(value):
        return "n/a"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size < -5 or size > 11:
        return f"{value:.{digits}g}"
    decimals = max(0, digits - 1 - size)
    rounded = round(value, digits - 1 - size) if size >= digits + 3 else value
    text = f"{rounded:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def usd(value: float, cents_below: float = 20.0) -> str:
    """Write money: with cents where it is little and not whole, with two digits where it is less than that."""
    if 0 < abs(value) < 0.095:
        return plain(value, 2)
    return f"{value:,.2f}" if abs(value) < cents_below and value != round(value) else f"{value:,.0f}"


def rough(value: float, digits: int = 3) -> str:
    """Write a large number by its first digits: 161,366 is "161,000"."""
    return plain(float(f"{value:.{digits}g}"), digits)


def around(estimate: Estimate, unit: str = "") -> str:
    """Write an estimate with its interval, in digits that the interval can bear: "7.03 a day (7.01 to 7.05)"."""
    value = estimate.value
    if value is None:
        return "n/a"
    if estimate.low is None or estimate.high is None:
        return f"{plain(value)}{unit}"
    half = (estimate.high - estimate.low) / 2
    decimals = min(6, max(0, -math.floor(math.log10(half)))) if half > 0 else 3
    ends = f"{estimate.low:,.{decimals}f} to {estimate.high:,.{decimals}f}"
    return f"{value:,.{decimals}f}{unit} ({ends})"


def wrapped(text: str, letters: int, lines: int = 2) -> str:
    """Break text into lines of much the same length, at most so many letters; what does not fit ends in dots."""
    for kept in (" a day", " a second", " %", " USD", " h", " GPUs"):  # a number stays with its unit
        text = text.replace(kept, kept.replace(" ", "\xa0"))
    rows = textwrap.wrap(text, letters, max_lines=lines, placeholder=" …", break_on_hyphens=False)
    for narrower in range(letters - 1, letters // 2, -1):
        tried = textwrap.wrap(text, narrower, break_on_hyphens=False)
        if len(tried) > len(rows) or len(rows) < 2 or rows[-1].endswith("…"):
            break
        rows = tried
    return "\n".join(rows).replace("\xa0", " ")


def two_lines(name: str, letters: int = 34) -> str:
    """Break a long name into two lines of much the same length, at a space where one is near the middle."""
    if len(name) <= letters:
        return name
    half = len(name) // 2
    spaces = [k for k, letter in enumerate(name) if letter == " " and max(k, len(name) - k - 1) <= letters]
    cut = min(spaces, key=lambda k: abs(k - half), default=half)
    return f"{name[:cut]}\n{name[cut:].lstrip()}"


def job_words(scenario: Scenario, job_class: str) -> tuple[str, str]:
    """Name a job of a class, in full and short: ("fine-tune run", "run")."""
    kind = scenario.workload[job_class].kind
    full, short = _JOBS.get(kind, (words(kind), "job"))
    return (full if len(scenario.workload) == 1 else f"{words(job_class)} {short}"), short


def priced_by(scenario: Scenario, job_class: str) -> tuple[float, str]:
    """Tell of how many jobs a cost is written: a request costs far less than a cent, so of 1,000 of them."""
    short = job_words(scenario, job_class)[1]
    return (1000.0, f"1,000 {short}s") if scenario.workload[job_class].kind == "inference" else (1.0, short)


def key_words(scenario: Scenario, key: str) -> tuple[str, str]:
    """Name a swept key for the axis and behind its values: ("fine-tune runs a day", " a day")."""
    *path, last = key.split(".")
    if last in _PER and len(path) == 3 and path[1] in scenario.workload:
        job_class = scenario.workload[path[1]]
        batched = getattr(job_class.arrivals, "batch", None) is not None
        plural = f"{job_words(scenario, path[1])[0]}s"
        return (f"batches of {plural}{_PER[last]}" if batched else f"{plural}{_PER[last]}"), _PER[last]
    where = ": ".join(words(part) for part in path)
    return (f"{words(last)} ({where})" if where else words(last)), f" {words(last)}"


def provenance(result: dict[str, Any], reads: str = "") -> str:
    """Say where the numbers of a result come from: scenario, seed, size, interval, allocation, price date."""
    rule, wanted = result["allocation"]["rule"], result["allocation"]["window_days"]
    counted = result["horizon_days"] - result["warm_up_days"]
    window = counted / max(1, round(counted / wanted))  # windows divide the counted time equally
    how = f"allocation: {_RULES.get(rule, rule)}" + (f" within {window:.4g} days" if rule != "platform" else "")
    count = result["replications"]
    size = f"{count} replication{'s' * (count != 1)} of {result['horizon_days']:.4g} days"
    interval = f"interval: {100 * result['confidence']:g} %, {size}" if count > 1 else f"{size}, so no interval"
    parts = [f"scenario {result['scenario']}, seed {result['seed']}", interval, how]
    if result.get("price_date"):
        parts.append(f"prices of {result['price_date']}")
    return "; ".join([*parts, reads] if reads else parts)
