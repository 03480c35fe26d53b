"""Statistics that theory states and no buyer asks for: each a formula over sums of the replications.

A case asks for one by ``probes.<plan>.<scope>.<name>``. Scopes: ``classes.<class>`` and ``all`` (jobs that arrived
after the warm-up), ``fleet`` (the plan as a process in time), ``jobs.<number>`` (one row of the first replication),
``against.<plan>`` (two plans on the same jobs).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sim.ground.estimate import Estimate, jackknife
from sim.ground.jobs import API
from sim.ground.requests import Requests
from sim.ground.scenario.inputs import nearest
from sim.ground.units import TICKS_PER_SECOND, to_hours
from sim.questions.verify.clock_sums import HOURS, amplitude, lag, mean, of_hours, of_swings
from sim.questions.verify.node_sums import LEVELS, of_cold_periods, of_interruptions, of_levels, of_nodes, of_stints
from sim.questions.verify.sums import (
    Served,
    Sums,
    of_api,
    of_busy_periods,
    of_crowds,
    of_end,
    of_jobs,
    of_money,
    of_queue,
    of_requests,
)

Formula = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Probe:
    """What a statistic is, over which sums, by which formula of their totals."""

    text: str
    collect: Callable[[Served, int], Sums]
    formula: Formula


@dataclass(frozen=True)
class Contrast:
    """What a statistic of two plans on the same jobs is, by which formula of the totals of ``of_pair``."""

    text: str
    formula: Formula


def _ratio(above: str, below: str) -> Formula:
    """Divide one total by another."""
    return lambda total: total[above] / total[below]


def _variance(square: str, first: str, count: str) -> Formula:
    """Mean of the square less the square of the mean."""
    return lambda total: np.maximum(0.0, total[square] / total[count] - (total[first] / total[count]) ** 2)


def _root(formula: Formula) -> Formula:
    """Square root of another formula."""
    return lambda total: np.sqrt(formula(total))


def _over_replications(formula: Formula) -> Formula:
    """Scale a variance over replications to be unbiased."""
    return lambda total: formula(total) * total["replications"] / (total["replications"] - 1)


def _skewness(total: Mapping[str, Any]) -> Any:
    """Third central moment of the bill over its standard deviation cubed."""
    n = total["replications"]
    mean, square, cube = total["bill"] / n, total["bill2"] / n, total["bill3"] / n
    return (cube - 3 * mean * square + 2 * mean**3) / np.maximum(1e-300, square - mean**2) ** 1.5


def _peakedness(total: Mapping[str, Any]) -> Any:
    """Variance of the jobs at the API over their mean."""
    return _variance("api2", "api", "hours")(total) / (total["api"] / total["hours"])


def _busy_share(total: Mapping[str, Any]) -> Any:
    """Shares of time in which so many GPUs are busy, from 0 on."""
    hours = np.array([total[f"busy{level}"] for level in range(LEVELS)])
    return hours / hours.sum(axis=0)


def _busy_quantile(share: float) -> Formula:
    """Least number of GPUs of which at most so many are busy in at least a share of the time."""
    return lambda total: (np.cumsum(_busy_share(total), axis=0) < share).sum(axis=0)


def _busy_variance(total: Mapping[str, Any]) -> Any:
    """Variance in time of the number of busy GPUs."""
    share, levels = _busy_share(total), np.arange(LEVELS)
    return np.tensordot(levels**2, share, 1) - np.tensordot(levels, share, 1) ** 2


def _apart(total: Mapping[str, Any]) -> Any:
    """Sum of the variances of what a job costs under two plans."""
    return _variance("one2", "one", "jobs")(total) + _variance("other2", "other", "jobs")(total)


OF_JOBS: Final = {
    "wait_share": Probe("share of jobs that cannot start at once", of_jobs, _ratio("waited", "jobs")),
    "no_wait_share": Probe(
        "share of jobs that start at once", of_jobs, lambda total: 1 - total["waited"] / total["jobs"]
    ),
    "held_wait_share": Probe("share of those served on own nodes that waited", of_jobs, _ratio("held_waited", "held")),
    "wait_mean_h": Probe("mean wait of jobs that started or overflowed", of_jobs, _ratio("wait", "known")),
    "wait_sd_h": Probe("standard deviation of that wait", of_jobs, _root(_variance("wait2", "wait", "known"))),
    "wait_of_waiting_h": Probe("mean wait of those who wait", of_jobs, _ratio("wait", "waited_known")),
    "held_wait_per_job_h": Probe(
        "wait on own nodes over all jobs: overflow at once", of_jobs, _ratio("held_wait", "jobs")
    ),
    "held_sojourn_h": Probe("mean sojourn of jobs served on own nodes", of_jobs, _ratio("held_sojourn", "held")),
    "held_sojourn_sd_s": Probe(
        "standard deviation of the sojourn of requests on own replicas",
        of_requests,
        _root(_variance("sojourn2", "sojourn", "held")),
    ),
    "held_sojourn_square_s2": Probe("mean square of that sojourn", of_requests, _ratio("sojourn2", "held")),
    "queued_share": Probe(
        "share of requests on own replicas that waited longer than the longest iteration",
        of_requests,
        _ratio("queued", "held"),
    ),
    "crowded_share": Probe(
        "share of requests on own replicas that find so many there that one more makes iterations longer",
        of_crowds,
        _ratio("crowded", "held"),
    ),
    "held_service_s": Probe(
        "mean time of requests on own replicas from start to end", of_requests, _ratio("service", "held")
    ),
    "held_ms_per_token": Probe(
        "that time over the tokens written, in all",
        of_requests,
        lambda total: 1e3 * total["service"] / total["output"],
    ),
    "us_per_token": Probe(
        "mean over requests on own replicas of microseconds from arrival to end by tokens written",
        of_requests,
        lambda total: 1e6 * total["per_token"] / total["held"],
    ),
    "overflow_of_waiting_share": Probe(
        "share of those who wait that leave for the API", of_jobs, _ratio("left_waiting", "waited")
    ),
    "held_per_hour": Probe("jobs an hour that start on own nodes", of_jobs, _ratio("held", "hours")),
    "not_held_per_hour": Probe("jobs an hour that do not", of_jobs, _ratio("not_held", "hours")),
    "not_held_sd": Probe(
        "standard deviation over replications of the number that does not",
        of_jobs,
        _root(_over_replications(_variance("not_held2", "not_held", "replications"))),
    ),
    "attributed_sd_usd": Probe(
        "standard deviation of a job's attributed cost", of_jobs, _root(_variance("cost2", "cost", "jobs"))
    ),
    "fully_loaded_sd_usd": Probe(
        "standard deviation of a job's fully loaded cost", of_jobs, _root(_variance("loaded2", "loaded", "jobs"))
    ),
    "interruptions": Probe("how often a job loses its nodes", of_interruptions, _ratio("interrupted", "jobs")),
    "uninterrupted_share": Probe("share of jobs that never lose them", of_interruptions, _ratio("spared", "jobs")),
    "run_h": Probe("mean time of jobs on nodes from first start to end", of_interruptions, _ratio("run", "jobs")),
    "run_sd_h": Probe("standard deviation of that time", of_interruptions, _root(_variance("run2", "run", "jobs"))),
    "gpu_hours": Probe("GPU hours of all stints of a job", of_stints, _ratio("gpu_hours", "jobs")),
    "lost_gpu_hours": Probe("GPU hours of a job's work that is done again", of_stints, _ratio("lost", "jobs")),
}
OF_FLEET: Final = {
    "busy_gpus": Probe("mean number of GPUs given to jobs", of_money, _ratio("allocated", "hours")),
    "idle_gpus": Probe(
        "mean number of paid GPUs given to none",
        of_money,
        lambda total: (total["paid"] - total["allocated"]) / total["hours"],
    ),
    "idle_gpu_hours": Probe(
        "paid GPU hours given to no job",
        of_money,
        lambda total: (total["paid"] - total["allocated"]) / total["replications"],
    ),
    "usd_per_hour": Probe("bill over the counted hours", of_money, _ratio("bill", "hours")),
    "bill_skewness": Probe("skewness of the bill over replications", of_money, _skewness),
    "api_mean": Probe("mean number of jobs in service at the API", of_api, _ratio("api", "hours")),
    "api_variance": Probe("variance in time of that number", of_api, _variance("api2", "api", "hours")),
    "api_peakedness": Probe("that variance over that mean", of_api, _peakedness),
    "busy_period_h": Probe("mean length of a busy period of own nodes", of_busy_periods, _ratio("length", "periods")),
    "busy_period_variance_h2": Probe(
        "variance of that length", of_busy_periods, _variance("length2", "length", "periods")
    ),
    "busy_period_jobs": Probe("mean number of jobs served in one", of_busy_periods, _ratio("served", "periods")),
    "queue_empty_share": Probe("share of time in which no job waits", of_queue, _ratio("queue_empty", "hours")),
    "waiting": Probe("mean number of jobs of all classes that wait", of_money, _ratio("waiting", "hours")),
    "all_idle_share": Probe("share of time in which every GPU is free", of_queue, _ratio("all_idle", "hours")),
    "blocked_gpus": Probe("mean number of GPUs that are free while a job waits", of_queue, _ratio("blocked", "hours")),
    "in_system_at_end": Probe(
        "mean number of jobs at own nodes when the clock stops", of_end, _ratio("in_system", "replications")
    ),
    "completed": Probe("mean number of jobs completed on own nodes", of_end, _ratio("completed", "replications")),
    "all_busy_at_end": Probe(
        "probability that all GPUs are busy when the clock stops", of_end, _ratio("all_busy", "replications")
    ),
    "paid_gpus": Probe("mean number of GPUs paid", of_money, _ratio("paid", "hours")),
    "paid_by_allocated": Probe("GPU hours paid over GPU hours given to jobs", of_money, _ratio("paid", "allocated")),
    "paid_gpu_hours_per_job": Probe("GPU hours paid over jobs that arrived", of_money, _ratio("paid", "jobs")),
    "busy_variance": Probe("variance in time of the number of busy GPUs", of_levels, _busy_variance),
    **{
        f"busy_p{each}": Probe(f"{each}th percentile in time of that number", of_levels, _busy_quantile(each / 100))
        for each in (50, 95, 99)
    },
    **{
        f"{what}_at_{hour}h": Probe(
            f"mean number of jobs {text} {hour} hours into the day", of_hours, _ratio(f"{name}{hour}", f"days{hour}")
        )
        for what, name, text in (("in_system", "there", "in the system"), ("waiting", "waiting", "that wait"))
        for hour in range(HOURS)
    },
    "busy_amplitude": Probe("amplitude of the daily swing of the number of busy GPUs", of_swings, amplitude),
    "busy_lag_h": Probe("hours by which it peaks later than six hours into the day", of_swings, lag),
    "busy_peak": Probe("its mean and amplitude", of_swings, lambda total: mean(total) + amplitude(total)),
    "busy_trough": Probe("its mean less its amplitude", of_swings, lambda total: mean(total) - amplitude(total)),
    "booting_nodes": Probe("mean number of nodes on order", of_nodes, _ratio("boot", "hours")),
    "warm_nodes": Probe("mean number of hired nodes that are up and wholly free", of_nodes, _ratio("warm", "hours")),
    "none_up_share": Probe("share of time in which no hired node is up", of_nodes, _ratio("none_up", "hours")),
    "none_there_share": Probe("share of time in which none is up or on order", of_nodes, _ratio("none_there", "hours")),
    "orders": Probe("mean number of nodes ordered", of_nodes, _ratio("hires", "replications")),
    "cold_starts_per_hour": Probe("nodes an hour that become ready", of_nodes, _ratio("ready", "hours")),
    "cold_starts_per_job": Probe("nodes that become ready over jobs that arrived", of_nodes, _ratio("ready", "jobs")),
    "cold_period_share": Probe(
        "share of busy periods that begin with an order", of_cold_periods, _ratio("cold", "periods")
    ),
}
OF_PAIR: Final = {
    "variance": Contrast(
        "variance of the difference of a job's fully loaded cost under two plans", _variance("less2", "less", "jobs")
    ),
    "variance_apart": Contrast("what it would be if each plan drew jobs of its own", _apart),
    "variance_reduction": Contrast(
        "the second over the first", lambda total: _apart(total) / _variance("less2", "less", "jobs")(total)
    ),
}
OF_ROW: Final = {
    "start_h": "when it started or was handed over",
    "end_h": "when it ended",
    "wait_h": "how long it waited",
    "sojourn_h": "from its arrival to its end",
    "end_s": "when it ended, in seconds",
    "seconds_per_token": "from its arrival to its end by tokens written; of a request",
    "run_h": "from its first start to its end",
    "attributed_usd": "what it cost by its own use",
    "fully_loaded_usd": "what it cost in all",
    "overflowed": "1 where it went to the API, else 0",
}


@dataclass(frozen=True)
class Wish:
    """A probe that a case asks for: of which plan, of which class (-1: none or all), which row, against which plan."""

    plan: str
    name: str
    job_class: int = -1
    row: int = -1
    other: str = ""

    @property
    def probe(self) -> Probe:
        """The probe, where it is one over replications and of one plan."""
        return (OF_JOBS | OF_FLEET)[self.name]

    @property
    def sums(self) -> tuple[str, str, int]:
        """The name of the sums that it is made of."""
        collect = f"against {self.other}" if self.other else self.probe.collect.__name__
        return self.plan, collect, self.job_class

    @property
    def formula(self) -> Formula:
        """What is made of the sums."""
        return OF_PAIR[self.name].formula if self.other else self.probe.formula


def wish(key: str, plans: list[str], classes: list[str]) -> Wish:
    """Read ``probes.<plan>.<scope>.<name>``.

    Raises
    ------
    LookupError
        With the nearest right word.
    """
    _, plan, scope, *rest = [*key.split("."), "", ""]
    rest = [word for word in rest if word]
    _choose(plan, plans, "plan")
    _choose(scope, ["classes", "all", "fleet", "jobs", "against"], "scope")
    if scope in ("classes", "jobs", "against"):
        which, rest = (rest[0] if rest else ""), rest[1:]
        if scope == "classes":
            _choose(which, classes, "class")
        elif scope == "against":
            _choose(which, plans, "plan")
        elif not which.isdigit():
            raise LookupError(f"{key} must name a job by its number, from 0")
    known: dict[str, Any] = {"classes": OF_JOBS, "all": OF_JOBS, "fleet": OF_FLEET, "jobs": OF_ROW, "against": OF_PAIR}
    name = ".".join(rest)
    _choose(name, list(known[scope]), "probe")
    if scope == "jobs":
        return Wish(plan, name, row=int(which))
    if scope == "against":
        return Wish(plan, name, other=which)
    return Wish(plan, name, job_class=classes.index(which) if scope == "classes" else -1)


def _choose(word: str, words: list[str], what: str) -> None:
    """Refuse a word that is not among those known."""
    if word not in words:
        raise LookupError(f"{what} {word!r} is not known; {nearest(word, words)}")


def estimate(formula: Formula, sums: Sums, confidence: float) -> Estimate:
    """Put an interval around a formula of totals, by leaving out each replication in turn."""
    count = len(next(iter(sums.values())))
    sums = sums | {"replications": np.ones(count)}
    totals = {name: float(each.sum()) for name, each in sums.items()}
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(formula({name: np.float64(total) for name, total in totals.items()}))
        without = np.asarray(formula({name: totals[name] - each for name, each in sums.items()}), dtype=np.float64)
    return jackknife(value, without, confidence)


def of_row(wished: Wish, served: Served) -> float | None:
    """Look up one row of the first replication; None where the job has none of that."""
    row, rows = wished.row, served.rows
    if row >= served.paths.offsets[1]:
        return None
    start, end, arrival = rows.start[row], rows.end[row], served.paths.arrival[row]
    if wished.name == "overflowed":
        return float(rows.outcome[row] == API)
    if wished.name.endswith("_usd"):
        return float((served.attributed if wished.name == "attributed_usd" else served.fully_loaded)[row])
    if start < 0:
        return None
    if wished.name == "end_s":
        return float(end / TICKS_PER_SECOND)
    if wished.name == "seconds_per_token":
        if not isinstance(served.paths, Requests):
            return None
        return float((end - arrival) / TICKS_PER_SECOND / served.paths.output[row])
    ticks = {
        "start_h": start, "end_h": end, "wait_h": start - arrival, "sojourn_h": end - arrival, "run_h": end - start,
    }  # fmt: skip
    return float(to_hours(ticks[wished.name]))
