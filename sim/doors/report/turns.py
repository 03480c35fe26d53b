"""What would change the verdict: as a chart, as a table, in a sentence. Not here: finding it (``search``)."""

from collections.abc import Sequence
from typing import Any, Final

from matplotlib.figure import Figure

from sim.doors.report.cells import Cell, Table, short, table, told
from sim.ground.estimate import Estimate
from sim.questions.charts import Move, flips
from sim.questions.charts.words import plain, plan_word, provenance, sentence
from sim.questions.search.turning import Turn

Json = dict[str, Any]

_WAY: Final = {"up": "higher", "down": "lower"}
_MOST_BARS: Final = 14


def turning_chart(turns: Sequence[Turn], result: Json) -> Figure:
    """Draw how far each number must move until another plan is the cheapest: the nearest first, the rest below."""
    found = sorted((each for each in turns if _times(each) is not None), key=lambda each: _times(each) or 0.0)
    moves = [Move(f"{each.lever.label}, {_WAY[each.side]}", _stated(each), each.times(), _flip(each)) for each in found]
    turned = {each.lever.name for each in found}
    idle = {each.lever.name: each for each in turns if each.lever.name not in turned}
    moves += [Move(each.lever.label, _stated(each), Estimate(None), _never(turns, each)) for each in idle.values()]
    left = len(moves) - _MOST_BARS
    note = f"{left} more that change nothing are in the table." if left > 0 else ""
    title = turning_finding(turns, result["comparison"]["cheapest"])
    return flips(moves[:_MOST_BARS], title, provenance(result), note)


def _times(turn: Turn) -> float | None:
    return None if turn.at.value is None else turn.times().value


def _never(turns: Sequence[Turn], turn: Turn) -> str:
    """Say of a number that changes nothing why, on both sides where they differ."""
    said = [(each.reason or _after(each)).replace("`", "") for each in turns if each.lever.name == turn.lever.name]
    return "; ".join(dict.fromkeys(said))


def turning_finding(turns: Sequence[Turn], best: str | None) -> str:
    """Say which number has to move least, and what happens then."""
    if best is None:
        return "No plan does the work, so there is no verdict to change"
    known = [(times, turn) for turn in turns if (times := _times(turn)) is not None]
    if not known:
        return f"No number that was moved alone within its range takes the first place from {plan_word(best)}"
    times, nearest = min(known, key=lambda each: each[0])
    lever, beyond = nearest.lever, "another plan" if nearest.to is None else plan_word(nearest.to)
    moves, than = ("rises", "as much") if nearest.side == "up" else ("falls", "less")
    over = "" if nearest.over is None else f", over {nearest.over}"
    at = f"{plain(float(nearest.at.value or 0.0))} {lever.unit}, {plain(times)} times {than}"
    return sentence(f"{plan_word(best)} stays the cheapest until {lever.label} {moves} to {at}; then {beyond} is{over}")


def turning_table(turns: Sequence[Turn]) -> Table:
    """Lay out every turning point, those that are one first."""
    return table(
        "turning",
        "How far each number must move, alone, until another plan is the cheapest",
        ("What is moved", "Way", "Stated", "Unit", "Label", "Turns at", "Times", "What happens there"),
        [_row(each) for each in sorted(turns, key=lambda each: each.at.value is None)],
        note="Turns at: where the mean bills are the same; small type: its interval. Label: what the stated value "
        "rests on. Every number is moved alone, within a range that is worth looking at. What takes long is looked at "
        "over the beginning of the horizon, or not at all, and that is said.",
        texts=5,
        last=True,
    )


def _row(turn: Turn) -> list[Cell]:
    lever, turns = turn.lever, turn.at.value is not None
    at, times = (told(turn.at, short), told(turn.times(), short)) if turns else ("none", "")
    return [lever.label, _WAY[turn.side], short(lever.value), lever.unit, lever.basis, at, times, _after(turn)]


def _after(turn: Turn) -> str:
    """Say who is the cheapest beyond a turning point, or why there is none; and what was looked at."""
    said = turn.reason or f"`{turn.to}` is the cheapest beyond"
    if turn.at.value is None:
        said = turn.reason or f"nothing changes from {short(turn.lever.low)} to {short(turn.lever.high)}"
    return sentence(said if turn.over is None else f"{said} (looked at over {turn.over})")


def _stated(turn: Turn) -> str:
    return f"{plain(turn.lever.value)} {turn.lever.unit} ({turn.lever.basis})"


def _flip(turn: Turn) -> str:
    """Write what stands in or behind a bar."""
    if turn.at.value is None:
        return _after(turn).replace("`", "")
    beyond = "" if turn.to is None else f", then {plan_word(turn.to)}"
    return f"{plain(turn.at.value)} {turn.lever.unit}{beyond}"
