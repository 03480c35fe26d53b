"""Numbers and rows as text for people."""

from collections.abc import Sequence
from typing import Any

from sim.ground.estimate import Estimate
from sim.ground.scenario import Input

Json = dict[str, Any]
Row = Sequence[str]


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


def percent_with_interval(estimate: Estimate) -> str:
    """Write a share as a percentage, with its interval where it has one: ``50 % [45.1, 54.9]``."""
    text = with_interval(estimate, lambda share: percent(share).removesuffix(" %"))
    return text.replace(" [", " % [") if "[" in text else percent(estimate.value)


def short_keys(keys: Sequence[str]) -> list[str]:
    """Name keys by their last parts, as few as tell them apart."""
    shown = []
    for key in keys:
        parts = key.split(".")
        ends = (".".join(parts[-count:]) for count in range(1, len(parts) + 1))
        shown.append(next((end for end in ends if _alone(end, key, keys)), key))
    return shown


def _alone(end: str, key: str, keys: Sequence[str]) -> bool:
    return not any(other != key and f".{other}".endswith(f".{end}") for other in keys)


def inputs_text(inputs: Sequence[Input]) -> str:
    """List what numbers rest on: value, unit, basis, date and source."""
    lines = []
    for entry in inputs:
        dates = f", from {entry.since}, seen {entry.seen}" if entry.since else ""
        lines.append(f"  {entry.what}: {entry.value:g} {entry.unit} ({entry.basis}{dates}: {entry.source})")
    return "\n".join(lines)


def counted(number: float, word: str) -> str:
    """Write so many of something: ``1 day``, ``0.5 days``, ``1,000 jobs``."""
    shown = f"{number:,}" if isinstance(number, int) else f"{number:g}"
    return f"{shown} {word}{'s' * (number != 1)}"
