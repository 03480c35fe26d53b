"""What would change the verdict: as a chart, as a table, in a sentence. Not here: finding it (``search``)."""

from collections.abc import Sequence
from typing import Any, Protocol

from matplotlib.figure import Figure

from sim.charts import Move, flips
from sim.charts.words import plain, plan_word, provenance, sentence
from sim.estimate import Estimate
from sim.report.cells import Cell, Table, short, table, told


class LeverLike(Protocol):
    """What was moved."""

    label: str
    unit: str
    value: float
    low: float
    high: float
    basis: str


class Turn(Protocol):
    """How far it must move until another plan is the cheapest."""

    lever: LeverLike
    at: Estimate
    to: str | None
    side: str
    reason: str | None

    def times(self) -> Estimate: ...  # noqa: D102
    def as_json(self) -> dict[str, Any]: ...  # noqa: D102


_WAY = {"up": "higher", "down": "lower"}


def turning_chart(turns: Sequence[Turn], result: dict[str, Any]) -> Figure:
    """Draw how far each number must move until another plan is the cheapest."""
    best = result["comparison"]["cheapest"]
    moves = [Move(f"{each.lever.label}, {_WAY[each.side]}", _stated(each), each.times(), _flip(each)) for each in turns]
    return flips(moves, turning_finding(turns, best), provenance(result))


def turning_finding(turns: Sequence[Turn], best: str | None) -> str:
    """Say which number has to move least, and what happens then."""
    if best is None:
        return "No plan does the work, so there is no verdict to change"
    found = [(turn.times().value, turn) for turn in turns if turn.at.value is not None]
    known = [(times, turn) for times, turn in found if times is not None]
    if not known:
        return f"No number that was moved alone within its range takes the first place from {plan_word(best)}"
    times, nearest = min(known, key=lambda each: each[0])
    beyond = "another plan" if nearest.to is None else plan_word(nearest.to)
    at = f"{plain(float(nearest.at.value or 0.0))} {nearest.lever.unit}"
    text = f"{plan_word(best)} stays the cheapest until {nearest.lever.label} is {at}, {plain(times)} times"
    return sentence(f"{text} {_WAY[nearest.side]}; then {beyond} is")


def turning_table(turns: Sequence[Turn]) -> Table:
    """Lay out every turning point."""
    return table(
        "turning",
        "How far each number must move, alone, until another plan is the cheapest",
        ("What is moved", "Rests on", "Stated", "Turns at", "Times", "What happens there"),
        [_row(each) for each in turns],
        texts=2,
        last=True,
        note="Brackets: interval of the value at which the mean bills are the same. Every number is moved alone.",
    )


def _row(turn: Turn) -> list[Cell]:
    lever = turn.lever
    at = told(turn.at, short) if turn.at.value is not None else "none"
    return [
        f"{lever.label} ({lever.unit}), {_WAY[turn.side]}",
        lever.basis,
        short(lever.value),
        at,
        told(turn.times(), short) if turn.at.value is not None else "",
        _after(turn),
    ]


def _after(turn: Turn) -> str:
    """Say who is the cheapest beyond a turning point, or why there is none."""
    if turn.at.value is None:
        return sentence(turn.reason or f"nothing changes from {short(turn.lever.low)} to {short(turn.lever.high)}")
    return sentence(turn.reason or f"`{turn.to}` is the cheapest beyond")


def _stated(turn: Turn) -> str:
    return f"{plain(turn.lever.value)} {turn.lever.unit} ({turn.lever.basis})"


def _flip(turn: Turn) -> str:
    """Write what stands in or behind a bar."""
    if turn.at.value is None:
        return _after(turn).replace("`", "")
    beyond = "" if turn.to is None else f", then {plan_word(turn.to)}"
    return f"{plain(turn.at.value)} {turn.lever.unit}{beyond}"
