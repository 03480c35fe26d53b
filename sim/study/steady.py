"""The long run: means of the steady state of each plan, from a few long runs, with intervals that hold."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np

from sim.ground.estimate import Estimate, mser5
from sim.ground.estimate.batch import LongRun, batch_means, count_for, naive
from sim.ground.faults import Fault, InputError
from sim.ground.scenario import Scenario
from sim.ground.units import HOURS_PER_DAY, TICKS_PER_HOUR, Floats, tick
from sim.study.bins import COLUMNS, in_bins
from sim.study.result import SCHEMA, Json
from sim.study.simulate import Experiment
from sim.study.steadiness import check_unchanging, unstable
from sim.study.study import check_how, chosen_seed, whole
from sim.study.threads import Progress, mapper, pool
from sim.study.waits import tail_of_waits

LEAST_JOBS, MOST_JOBS_A_RUN, MOST_RUNS = 1000, 50_000_000, 100_000
BLOCKS: Final = 40
"""Parts of a run within which idle money is shared, and of which batches are made."""
BINS: Final = 25 * BLOCKS
"""Parts of a run among which the end of the warm-up is looked for."""

_JOBS, _QUEUE, _SYSTEM, _BUSY, _USD, _WAITS, _WAIT, _SQUARE = range(len(COLUMNS))
_LEAST_EFFECTIVE = 5.0  # independent jobs that a batch should be worth
_ONE_PERCENT = 0.01


@dataclass(frozen=True)
class Steady:
    """The long run of a scenario.

    Attributes
    ----------
    scenario : Scenario
        What was asked.
    experiment : Experiment
        Its long runs made ready.
    result : dict
        Everything estimated.
    """

    scenario: Scenario
    experiment: Experiment = field(repr=False)
    result: Json = field(repr=False)


def lengthened(scenario: Scenario, jobs: int) -> Scenario:
    """Make a scenario run until about so many jobs and requests have come, without warm-up.

    Raises
    ------
    InputError
        When its laws change with time, nothing comes, or that takes too long.
    """
    check_unchanging(scenario)
    rate = sum(
        job_class.arrivals.jobs_per_hour * scenario.mean_turns(name)
        for name, job_class in scenario.workload.items()
        if job_class.arrivals is not None
    )
    if not rate:
        raise InputError.one(scenario.name, "no job ever comes, so there is no steady state to estimate")
    days = -(-tick(jobs / rate) // BINS) * BINS / TICKS_PER_HOUR / HOURS_PER_DAY
    # Its windows of shared money are the blocks, so that what a block cost is paid by the jobs that came in it.
    shared = scenario.allocation.model_copy(update={"window_days": days / BLOCKS})
    long = scenario.model_copy(update={"horizon_days": days, "warm_up_days": 0.0, "allocation": shared})
    faults = [f"{'.'.join(map(str, path))} {text}" for path, text in long.impossible()]
    if faults:
        told = f"in a run of {jobs:,} jobs, which takes {days:.4g} days, "
        raise InputError([Fault(scenario.name, f"{told}{text}; give a smaller --length") for text in faults])
    return long


def _warm_up(series: Floats) -> int:
    """Find how many blocks to cut off, by MSER-5 on the mean of some runs: float64[runs, BINS] hours in system."""
    cut, _ = mser5(series.mean(axis=0))
    return -(-cut * BLOCKS // BINS)


def warm_ups(series: Floats) -> list[int]:
    """Find how many blocks to cut off from each run: what the other runs say.

    Were a run asked itself, a run that happened to begin with a long queue would be cut and one that began with none
    would not: means would come out too low (by 0.5 % at a load of 0.8, and 95 % intervals would hold in 91.5 %).

    Parameters
    ----------
    series : float64[runs, BINS]
        Hours in system.
    """
    runs = len(series)
    if runs == 1:
        return [_warm_up(series)]
    return [_warm_up(np.delete(series, run, axis=0)) for run in range(runs)]


Blocks = list[Floats]
"""Of each run float64[blocks kept, columns]."""


def of_blocks(bins: Floats, cuts: Sequence[int]) -> Blocks:
    """Add up the bins of each block that is kept."""
    runs, _, columns = bins.shape
    blocks = bins.reshape(runs, BLOCKS, BINS // BLOCKS, columns).sum(axis=2)
    return [each[cut:] for each, cut in zip(blocks, cuts, strict=True)]


def _told_of_waits(found: LongRun, blocks: Blocks, confidence: float) -> Json:
    """Tell how much the jobs of a run hang on each other, and what an interval that forgot it would be worth."""
    sums = np.concatenate(blocks).sum(axis=0)
    jobs, count, total, squares = (float(sums[k]) for k in (_JOBS, _WAITS, _WAIT, _SQUARE))
    told: Json = {"jobs": jobs, "jobs_for_1_percent": count_for(found.estimate, jobs, _ONE_PERCENT)}
    variance = (squares - total * total / count) / (count - 1) if count > 1 else 0.0
    if not found.estimate.se or variance <= 0:
        return told | {"inflation": None, "effective_jobs": None, "naive_coverage": None}
    plain = naive(variance, found.estimate.se**2 * jobs, confidence)
    return told | {
        "inflation": plain.inflation,
        "effective_jobs": plain.effective(jobs),
        "naive_coverage": plain.coverage,
    }


def means(blocks: Blocks, hours: float, confidence: float) -> dict[str, LongRun]:
    """Estimate the long-run means of a class, or of all; a block has so many hours."""
    of, time = partial(batch_means, confidence=confidence), [np.full(len(each), hours) for each in blocks]
    columns = [[each[:, k] for each in blocks] for k in range(len(COLUMNS))]
    return {
        "jobs_per_hour": of(columns[_JOBS], time),
        "wait_h": of(columns[_QUEUE], columns[_JOBS]),  # Little's law: hours in the queue over jobs that came
        "sojourn_h": of(columns[_SYSTEM], columns[_JOBS]),
        "queue": of(columns[_QUEUE], time),
        "in_system": of(columns[_SYSTEM], time),
        "busy_gpus": of(columns[_BUSY], time),
        "usd_per_hour": of(columns[_USD], time),
        "cost_per_job_usd": of(columns[_USD], columns[_JOBS]),
    }


def _class_result(found: dict[str, LongRun], blocks: Blocks, confidence: float) -> Json:
    """Tell the long run of a class, and what its waits are worth."""
    estimates: Json = {name: each.estimate for name, each in found.items()}
    correlations = {name: each.correlation for name, each in found.items()}
    told = _told_of_waits(found["wait_h"], blocks, confidence)
    return estimates | {"of_waits": told, "correlation_of_batches": correlations}


def _plan_warnings(name: str, whole: Json, found: LongRun, half: bool) -> list[dict[str, str]]:
    """Warn of a run that is too short for its intervals, or that saw no steady state."""
    warned, batches = [], whole["in_system"].n
    effective, jobs = whole["of_waits"]["effective_jobs"], whole["of_waits"]["jobs"]
    if half:
        text = "its number of jobs in the system was still drifting halfway: no steady state was seen"
        warned.append(("no_steady_state", f"{text}; give a larger --length, or read run at your horizon"))
    if found.correlated:
        text = f"successive batches hang on each other (correlation {found.correlation:.2g})"
        warned.append(("correlated_batches", f"{text}, so the runs are too short; give a larger --length"))
    elif effective is not None and effective < _LEAST_EFFECTIVE * batches:
        text = f"a batch of {jobs / batches:,.0f} jobs is worth {effective / batches:.2g} independent ones"
        warned.append(("too_short", f"{text}, so intervals may be too narrow; give a larger --length"))
    return [{"code": code, "text": f"plan `{name}`: {text}"} for code, text in warned]


def _tail_warning(scenario: Scenario, name: str) -> tuple[list[dict[str, str]], bool]:
    """Warn of waits whose mean over a long run has no variance, or that have no mean; tell whether they have one."""
    found = tail_of_waits(scenario, scenario.plans[name])
    if found is None or found[1] > 3:
        return [], True
    what = "no finite mean, so none is told" if found[1] <= 1 else "a mean whose error has no finite variance"
    text = f"P(wait > x) falls like x^-{found[1]:.3g} (service of `{found[0]}`): the wait has {what}"
    text += "; give `truncate` a `high`" if found[1] <= 1 else ", so intervals are too narrow; give `truncate` a `high`"
    return [{"code": "infinite_variance", "text": f"plan `{name}`: {text}"}], found[1] > 1


_OF_WAITING = ("wait_h", "sojourn_h", "queue", "in_system")


def _without_mean(told: Json) -> Json:
    """Leave out the means that are infinite."""
    return told | {name: Estimate(None) for name in _OF_WAITING}


def plan_result(scenario: Scenario, name: str, bins: dict[str, Floats]) -> tuple[Json, list[dict[str, str]]]:
    """Estimate the long run of one plan.

    Parameters
    ----------
    scenario : Scenario
        The lengthened one.
    name : str
        Of the plan.
    bins : dict of float64[runs, BINS, columns]
        By class.

    Returns
    -------
    result : dict
        Of the plan.
    warnings : list of dict
        What a reader must know before.
    """
    all_bins, confidence, plan = np.sum(list(bins.values()), axis=0), float(scenario.confidence), scenario.plans[name]
    series, hours = all_bins[:, :, _SYSTEM], scenario.horizon_hours / BLOCKS
    cuts = warm_ups(series)

    def told_of(part: Floats) -> tuple[Json, dict[str, LongRun]]:
        blocks = of_blocks(part, cuts)
        found = means(blocks, hours, confidence)
        return _class_result(found, blocks, confidence), found

    told, found = told_of(all_bins)
    warned, has_mean = _tail_warning(scenario, name)
    warned += _plan_warnings(name, told, found["in_system"], half=_warm_up(series) >= BLOCKS // 2)
    classes = {key: told_of(each)[0] for key, each in bins.items()}
    if not has_mean:
        told, classes = _without_mean(told), {key: _without_mean(each) for key, each in classes.items()}
    comes_and_goes = any(hired.most_nodes != 0 for hired in plan.hired.values()) or not plan.all_gpus
    share = None if comes_and_goes else told["busy_gpus"].scaled(1 / plan.all_gpus)
    design = {"warm_up_hours": max(cuts) * hours, "batches": told["queue"].n, "utilization": share or Estimate(None)}
    return {"steady": True, "reason": None} | design | told | {"classes": classes}, warned


def bins_of(experiment: Experiment, plans: Sequence[str], runs: Sequence[int]) -> dict[str, dict[str, Floats]]:
    """Run some long runs under some plans: their bins by plan and class."""
    work, found = experiment.work(runs), {}
    for name in plans:
        served = experiment.served(name, work)
        found[name] = in_bins(experiment, name, served, experiment.charged(name, served)[1], BINS)
    return found


def steady(
    scenario: Scenario,
    length: int = 20_000,
    runs: int = 5,
    seed: int | None = None,
    jobs: int = 0,
    engine: str = "kernel",
    progress: Progress | None = None,
) -> Steady:
    """Estimate the long-run means of each plan of a scenario.

    Parameters
    ----------
    scenario : Scenario
        What is asked; its horizon and warm-up play no part.
    length : int
        Jobs and requests of a run, at least 1000.
    runs : int
        Independent runs. A few long ones tell more than many short ones, for each must first forget how it began.
    seed, jobs, engine, progress
        As of ``run``.

    Returns
    -------
    Steady
        A plan that cannot carry its load has no steady state: it has a reason instead of means.

    Raises
    ------
    InputError
        When the laws of the scenario change with time, or a number is none that a run can have.

    Notes
    -----
    The wait is that of all jobs that come: the hours in the queue over the jobs (Little's law), to the end of the
    clock. Money of no single job is shared by the scenario's rule within 40ths of a run.
    """
    whole("--length", length, LEAST_JOBS, MOST_JOBS_A_RUN)
    whole("--runs", runs, 1, MOST_RUNS)
    check_how(seed, jobs, engine)
    long = lengthened(scenario, length)
    experiment = Experiment.of(long, chosen_seed(scenario, seed), engine)
    reasons = {name: unstable(long, plan) for name, plan in long.plans.items()}
    settled = [name for name, reason in reasons.items() if reason is None]
    with pool(jobs) as executor:
        parts = list(mapper(executor, progress)(partial(bins_of, experiment, settled), experiment.pieces(runs)))
    plans: Json = {}
    warned: list[dict[str, str]] = []
    for name, reason in reasons.items():
        if reason is not None:
            plans[name] = {"steady": False, "reason": f"unstable: {reason}"}
            warned.append({"code": "unstable", "text": f"plan `{name}` has no steady state: {reason}"})
            continue
        joined = {key: np.concatenate([part[name][key] for part in parts]) for key in long.workload}
        plans[name], its = plan_result(long, name, joined)
        warned += its
    design = {"runs": runs, "jobs_a_run": length, "hours_a_run": long.horizon_hours}
    head = {"schema": SCHEMA, "scenario": scenario.name, "seed": experiment.seed, "confidence": float(long.confidence)}
    return Steady(scenario, experiment, head | design | {"warnings": warned, "plans": plans})
