"""What a swept grid says in one sentence: the titles of charts, computed from the results."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.charts.reading import Sweep, focus, waits_only
from sim.charts.words import key_words, listed, plain, plan_word, sentence


@dataclass(frozen=True)
class Standing:
    """How one plan does against another along the axis: where they do the same work.

    Attributes
    ----------
    other : str
        The other plan.
    how : {"above", "below", "always", "never", "alike", "nowhere"}
        Where the one is cheaper than the other; alike within the error, or nowhere comparable.
    at : float
        The break-even, for above and below; else NaN.
    """

    other: str
    how: str
    at: float = np.nan


def standing(sweep: Sweep, plan: str, other: str) -> Standing:
    """Hold one plan against another by their mean bills and their break-even."""
    both = sweep.eligible(plan) & sweep.eligible(other)
    difference = (sweep.bill(plan) - sweep.bill(other))[both]
    if not len(difference) or np.isnan(difference).any():
        return Standing(other, "nowhere")
    at = sweep.grid.break_even(plan, other)["at"]
    if at is not None and at.value is not None:
        later = difference[sweep.x[both] > at.value]
        cheaper_later = later[0] < 0 if len(later) else difference[0] > 0
        return Standing(other, "above" if cheaper_later else "below", float(at.value))
    if _alike(sweep, plan, other):
        return Standing(other, "alike")
    if difference.min() < 0 < difference.max():
        return Standing(other, "nowhere")
    return Standing(other, "always" if difference.mean() < 0 else "never")


def _alike(sweep: Sweep, plan: str, other: str) -> bool:
    """Tell whether two plans nowhere differ by more than the error; without intervals they are taken to differ."""
    both = np.flatnonzero(sweep.eligible(plan) & sweep.eligible(other))
    for k in both:
        pairs = sweep.results[k]["comparison"]["paired_difference_usd"]
        gap = pairs.get(f"{plan} - {other}") or pairs[f"{other} - {plan}"]
        if gap.low is None or gap.high is None or not gap.low <= 0 <= gap.high:
            return False
    return True


def _bounds(sweep: Sweep, plan: str) -> str:
    """Name the values within which a plan was compared."""
    unit = key_words(sweep.grid.scenario, sweep.key)[1]
    places = sweep.x[sweep.eligible(plan)]
    capacity = sweep.capacity(plan) if unit else None
    if capacity is not None and waits_only(sweep.grid.scenario, plan) and places[-1] >= capacity / 2:
        return f"below its capacity of {plain(capacity)}{unit}"
    if sweep.names or len(places) == 1:
        return (
            f"at {sweep.names[0] if sweep.names else plain(places[0])}{unit}"
            if len(places) == 1
            else "at any value compared"
        )
    return f"from {plain(places[0])} to {plain(places[-1])}{unit}"


def _joined(found: Sequence[Standing], how: str) -> str:
    return listed([plan_word(each.other) for each in found if each.how == how], "or" if how == "never" else "and")


def _crossings(found: Sequence[Standing]) -> str:
    """Say where a plan begins or ceases to be the cheaper one."""
    parts = [f"{plan_word(each.other)} {each.how} {plain(each.at)}" for each in found if each.how in ("above", "below")]
    return listed(parts, "and")


def sweep_finding(sweep: Sweep, plans: Sequence[str]) -> str:
    """Say where one plan beats the others, or which is cheapest where none changes place.

    The plan spoken of is the first whose jobs all wait for held nodes.
    """
    subject = focus(sweep.grid.scenario, plans)
    found = [standing(sweep, subject, other) for other in plans if other != subject]
    found = [each for each in found if each.how != "nowhere"]
    hows = {each.how for each in found}
    if not found:
        reason = sweep.results[-1]["plans"][subject]["reason"]
        return sentence(f"{plan_word(subject)}: {reason}" if reason else f"{plan_word(subject)}: USD per job")
    if not hows & {"above", "below"}:
        return _no_change(sweep, plans, subject)
    clauses = []
    if "never" in hows:
        clauses.append(f"never beats {_joined(found, 'never')} {_bounds(sweep, subject)}")
    clauses.append(f"{'it ' if clauses else ''}beats {_crossings(found)}")
    if "always" in hows:
        clauses[-1] += f", and {_joined(found, 'always')} throughout"
    if "alike" in hows:
        clauses.append(f"it costs as much as {_joined(found, 'alike')}")
    return sentence(f"{plan_word(subject)} " + "; ".join(clauses))


def _no_change(sweep: Sweep, plans: Sequence[str], subject: str) -> str:
    """Say which plan is cheapest where the one spoken of changes place with none."""
    least: list[str] = []
    for k in range(len(sweep.x)):
        bills = {plan: sweep.bill(plan)[k] for plan in plans if sweep.eligible(plan)[k]}
        if bills and (best := min(bills, key=lambda plan: float(bills[plan]))) not in least:
            least.append(best)
    if len(least) != 1:
        return sentence(f"the cheapest plan changes from {plan_word(least[0])} to {plan_word(least[-1])}")
    if least[0] == subject:
        return sentence(f"{plan_word(least[0])} is the cheapest plan {_bounds(sweep, subject)}")
    return sentence(
        f"{plan_word(least[0])} is the cheapest plan: {plan_word(subject)} never beats it {_bounds(sweep, subject)}"
    )
