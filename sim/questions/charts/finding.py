"""What a swept grid says in one sentence: the titles of charts, computed from the results."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.ground.estimate import Estimate
from sim.questions.charts.reading import Sweep, focus, waits_only
from sim.questions.charts.words import job_words, key_words, listed, plain, plan_word, priced_by, sentence, usd

_MOST_LETTERS = 150
"""About two lines of a title."""


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


def crossing(sweep: Sweep, a: str, b: str) -> Estimate | None:
    """Find where two plans change places: both must somewhere be the cheaper, a touch is no change."""
    both = sweep.eligible(a) & sweep.eligible(b)
    difference = (sweep.bill(a) - sweep.bill(b))[both]
    if not len(difference) or not difference.min() < 0 < difference.max():
        return None
    at: Estimate | None = sweep.grid.break_even(a, b)["at"]
    return None if at is None or at.value is None else at


def standing(sweep: Sweep, plan: str, other: str) -> Standing:
    """Hold one plan against another by their mean bills and their break-even."""
    both = sweep.eligible(plan) & sweep.eligible(other)
    difference = (sweep.bill(plan) - sweep.bill(other))[both]
    if not len(difference) or np.isnan(difference).any():
        return Standing(other, "nowhere")
    at = crossing(sweep, plan, other)
    if at is not None and at.value is not None:
        later = difference[sweep.x[both] > at.value]
        return Standing(other, "above" if later[0] < 0 else "below", float(at.value))
    if not difference.any() or _alike(sweep, plan, other):
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
    capacity = sweep.capacity(plan)
    if capacity is not None and waits_only(sweep.grid.scenario, plan) and capacity / 2 <= places[-1]:
        return f"below its capacity of {plain(capacity)}{unit}"
    if len(places) == 1:
        return f"at {sweep.place(int(np.flatnonzero(sweep.eligible(plan))[0]))}"
    return "at any value compared" if sweep.names else f"from {plain(places[0])} to {plain(places[-1])}{unit}"


def _joined(found: Sequence[Standing], how: str) -> str:
    return listed([plan_word(each.other) for each in found if each.how == how], "or" if how == "never" else "and")


def _crossings(sweep: Sweep, found: Sequence[Standing]) -> str:
    """Say where a plan begins or ceases to be the cheaper one; the unit is said once."""
    crossed = [each for each in found if each.how in ("above", "below")]
    unit = "" if any(each.how == "never" for each in found) else key_words(sweep.grid.scenario, sweep.key)[1]
    return listed([f"{plan_word(each.other)} {each.how} {plain(each.at)}" for each in crossed], "and") + unit


def sweep_finding(sweep: Sweep, plans: Sequence[str], job_class: str) -> str:
    """Say where one plan beats the others, or which is cheapest where none changes place.

    The plan spoken of is the first whose jobs all wait for held nodes.
    """
    subject = focus(sweep.grid.scenario, plans)
    if len(plans) == 1:
        return _alone(sweep, subject, job_class)
    found = [standing(sweep, subject, other) for other in plans if other != subject]
    found = [each for each in found if each.how != "nowhere"]
    if not found:
        reason = next((each["plans"][subject]["reason"] for each in sweep.results), None)
        return sentence(f"{plan_word(subject)} does nowhere the same work as another plan: {reason or 'no number'}")
    if not {each.how for each in found} & {"above", "below"}:
        return _no_change(sweep, plans, subject)
    return sentence(_shortened(f"{plan_word(subject)} ", _clauses(sweep, subject, found)))


def _clauses(sweep: Sweep, subject: str, found: Sequence[Standing]) -> list[str]:
    """Say how a plan does against the others, the most telling first."""
    hows = {each.how for each in found}
    clauses = []
    if "never" in hows:
        clauses.append(f"never beats {_joined(found, 'never')} {_bounds(sweep, subject)}; it ")
    clauses.append(f"beats {_crossings(sweep, found)}")
    if "always" in hows:
        clauses.append(f", and {_joined(found, 'always')} throughout")
    if "alike" in hows:
        clauses.append(f"; it costs as much as {_joined(found, 'alike')}")
    return clauses


def _shortened(start: str, clauses: list[str]) -> str:
    """Join clauses, and leave out the last ones where all would not fit on two lines."""
    while len(clauses) > 1 and len(start + "".join(clauses)) > _MOST_LETTERS:
        clauses = clauses[:-1]
    return (start + "".join(clauses)).removesuffix("; it ")


def _alone(sweep: Sweep, plan: str, job_class: str) -> str:
    """Say what a job costs at the ends of the axis, where there is but one plan."""
    mean = np.where(sweep.eligible(plan), sweep.cost(plan, job_class, "mean"), np.nan)
    known = np.flatnonzero(np.isfinite(mean))
    name, run = plan_word(plan), job_words(sweep.grid.scenario, job_class)[1]
    jobs, many = priced_by(sweep.grid.scenario, job_class)
    if not len(known):
        return sentence(f"{name}: no {run} whose cost is known")
    ends = [f"{usd(mean[k])} USD at {sweep.place(int(k))}" for k in sorted({int(known[0]), int(known[-1])})]
    what = f"the mean {run} costs" if jobs == 1 else f"{many} cost"
    return sentence(f"under {name} {what} {' and '.join(ends)}")


def _no_change(sweep: Sweep, plans: Sequence[str], subject: str) -> str:
    """Say which plan is cheapest where the one spoken of changes place with none."""
    least: list[str] = []
    for k in range(len(sweep.x)):
        bills = {plan: sweep.bill(plan)[k] for plan in plans if sweep.eligible(plan)[k]}
        if bills and (best := min(bills, key=lambda plan: float(bills[plan]))) not in least:
            least.append(best)
    if len(least) != 1:
        return sentence(f"the cheapest plan changes from {plan_word(least[0])} to {plan_word(least[-1])}")
    if least[0] == subject or len(sweep.x) == 1:
        return sentence(f"{plan_word(least[0])} is the cheapest plan {_bounds(sweep, least[0])}")
    return sentence(
        f"{plan_word(least[0])} is the cheapest plan: {plan_word(subject)} never beats it {_bounds(sweep, subject)}"
    )
