"""Run until precise: replications are added until the intervals of some results are short enough.

Replications are numbered, so what comes of n of them is the same however they were added.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sim.ground.estimate import Estimate
from sim.ground.estimate.stopping import half_width, is_precise, next_look, relative_half_width
from sim.ground.faults import Fault, InputError, nearest
from sim.ground.scenario import Scenario
from sim.study.outcome import Outcome
from sim.study.pieces import run_all
from sim.study.result import Json, result
from sim.study.simulate import Experiment
from sim.study.study import MOST_REPLICATIONS, Study, check_how, chosen_seed, done_in_blocks, whole
from sim.study.threads import Progress, mapper, pool
from sim.study.units import NO_MEANS, Means

LEAST_REPLICATIONS: Final = 10
"""Below so many an interval says little about its own width."""

_HOPELESS = 100  # replications after which a result without a value, or of value 0, is given up


@dataclass(frozen=True)
class Goal:
    """What is to be precise, and how.

    Attributes
    ----------
    precision : float
        Half width of an interval, as a share of the value.
    keys : tuple of str
        Dotted keys of the result; none: the bill of every plan that is ranked.
    most : int
        Replications after which it is given up.
    """

    precision: float = 0.01
    keys: tuple[str, ...] = ()
    most: int = 100_000

    def check(self) -> None:
        """Refuse a precision and a number of replications that no run can have."""
        if not 0 < self.precision < 1:
            raise InputError.one("--precision", f"must be above 0 % and below 100 %, got {100 * self.precision:g} %")
        whole("--most-reps", self.most, LEAST_REPLICATIONS, MOST_REPLICATIONS)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Estimate]]:
    """Walk to every estimate of a result by its dotted key."""
    if isinstance(value, Estimate):
        yield path, value
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _leaves(entry, f"{path}.{key}" if path else key)


def chosen(found: Json, keys: Sequence[str]) -> dict[str, Estimate]:
    """Look up estimates of a result by their dotted keys, or by an end of a key that no other has.

    Parameters
    ----------
    found : dict
        Result of a run.
    keys : sequence of str
        Such as ``plans.reserved.bill_usd.total``; none: the bill of every plan that is ranked, or of all.

    Raises
    ------
    InputError
        For each key that the result has not, with the nearest that it has.
    """
    if not keys:
        plans = found["plans"]
        ranked = [name for name in plans if plans[name]["eligible"]] or list(plans)
        return {f"plans.{name}.bill_usd.total": plans[name]["bill_usd"]["total"] for name in ranked}
    leaves, picked, faults = dict(_leaves(found)), {}, []
    for key in keys:
        ends = [name for name in leaves if name == key or name.endswith(f".{key}")]
        if key in leaves or len(ends) == 1:
            name = key if key in leaves else ends[0]
            picked[name] = leaves[name]
        elif ends:
            faults.append(f"`{key}` is the end of {len(ends)} keys of the result; give one whole, such as `{ends[0]}`")
        else:
            hint = nearest(key, leaves)
            hint = hint if hint.startswith("did") else "--format json shows all"  # there are hundreds
            faults.append(f"`{key}` is no estimate of the result; {hint}")
    if faults:
        raise InputError([Fault("--on", text) for text in faults])
    return picked


def wanted(goal: Goal, estimates: list[Estimate], replications: int) -> int:
    """Tell how many replications it takes, as far as can be seen; as many as there are when it is done or hopeless."""
    short = [each for each in estimates if not is_precise(each, goal.precision, replications)]
    hopeless = replications >= _HOPELESS and any(not each.value for each in short)
    if not short or hopeless:
        return replications
    return min(goal.most, next_look(short, goal.precision, replications))


def _why_not(estimate: Estimate, replications: int) -> str | None:
    """Say why an interval is not short enough, where that is not just its width."""
    if estimate.value is None:
        return f"has no value after {replications} replications: nothing of the kind happened"
    if half_width(estimate) is None:
        return f"has no interval after {replications} replications: too few for this percentile"
    if not estimate.value and half_width(estimate):
        return f"is 0 after {replications} replications, and no share of 0 can be reached; name another key"
    return None


def _told(goal: Goal, estimates: dict[str, Estimate], replications: int) -> Json:
    """Tell how precise a run became: whether as asked, and of each key its half width as a share of the value."""
    keys = {}
    for key, estimate in estimates.items():
        relative = relative_half_width(estimate)
        reached = relative is not None and relative <= goal.precision
        keys[key] = {
            "reached": reached,
            "relative_half_width": relative,
            "reason": None if reached else _why_not(estimate, replications),
        }
    reached = all(each["reached"] for each in keys.values())
    return {"asked": goal.precision, "reached": reached, "most_replications": goal.most, "keys": keys}


def run_until(
    scenario: Scenario,
    goal: Goal,
    seed: int | None = None,
    jobs: int = 0,
    engine: str = "kernel",
    progress: Progress | None = None,
    means: Means = NO_MEANS,
) -> Study:
    """Run a scenario under all its plans until some results are precise.

    Parameters
    ----------
    scenario : Scenario
        What is asked.
    goal : Goal
        What is to be precise, and how.
    seed, jobs, engine, progress, means
        As of ``run``.

    Returns
    -------
    Study
        That of ``run`` with as many replications, to the last byte; its result also has ``precision``.

    Raises
    ------
    InputError
        When the goal names what the result has not, or cannot be reached by any run; and as ``run`` does.

    Notes
    -----
    An interval counts as short enough when it would be so with the largest spread that is likely (``spread_at_most``).
    """
    goal.check()
    check_how(seed, jobs, engine)
    experiment = Experiment.of(scenario, chosen_seed(scenario, seed), engine)
    done, enough, outcomes = 0, LEAST_REPLICATIONS, dict[str, Outcome]()
    with pool(jobs) as executor:
        while enough > done:
            if means is NO_MEANS:
                more = run_all(experiment, enough, mapper(executor, progress), first=done)
            else:
                more = done_in_blocks(experiment, enough, jobs, progress, means, first=done)
            outcomes = {name: Outcome.joined([outcomes[name], more[name]]) for name in more} if done else more
            done, found = enough, result(experiment, outcomes, mapper=mapper(executor))
            estimates = chosen(found, goal.keys)
            enough = wanted(goal, list(estimates.values()), done)
    told = _told(goal, estimates, done)
    return Study(scenario, done, experiment, outcomes, found | {"precision": told})
