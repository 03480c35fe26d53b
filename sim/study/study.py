"""One scenario, run: the study that holds what came of it."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np

from sim.engine.money import LINES, Shares
from sim.ground.estimate import Estimate, share
from sim.ground.faults import InputError
from sim.ground.scenario import Scenario
from sim.ground.scenario.inputs import nearest
from sim.study.compare import cheapest_on_each_path
from sim.study.frames import hires_frame, requests_frame, stints_frame, tunes_frame
from sim.study.outcome import Outcome
from sim.study.pieces import run_all
from sim.study.result import Json, result
from sim.study.simulate import ENGINES, Experiment, Served
from sim.study.threads import Progress, mapper, pool
from sim.study.units import NO_MEANS, InPieces, Means, Unit, all_done, blocks

if TYPE_CHECKING:
    import pandas as pd

_MOST_ROWS, _BYTES_A_ROW = 5_000_000, 700
MOST_REPLICATIONS = 10_000_000
MOST_FUTURES = 100_000
MOST_SEED, MOST_THREADS = 2**63 - 1, 1024


def draw_seed() -> int:
    """Draw a seed for a scenario that states none; it is recorded with the results."""
    return secrets.randbits(63)


def chosen_seed(scenario: Scenario, seed: int | None) -> int:
    """Take the seed that is given, else the scenario's, else draw one."""
    return int(next(value for value in (seed, scenario.seed, draw_seed()) if value is not None))


def whole(where: str, value: object, low: int, high: int) -> int:
    """Take a whole number, numpy's too, within its range."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not low <= int(value) <= high:
        raise InputError.one(where, f"must be a whole number from {low} to {high}, got {value!r}")
    return int(value)


def _known(where: str, name: str, names: Iterable[str]) -> str:
    """Take a name that is among others; refuse it with the nearest."""
    options = list(names)
    if name not in options:
        raise InputError.one(where, f"`{name}` is not known here; {nearest(name, options)}")
    return name


def check_replications(replications: int) -> None:
    """Refuse a number of replications that no run can have."""
    whole("--reps", replications, 1, MOST_REPLICATIONS)


def check_futures(futures: int) -> None:
    """Refuse a number of futures that no decision can have."""
    whole("--futures", futures, 1, MOST_FUTURES)


def check_how(seed: int | None, jobs: int, engine: str) -> None:
    """Refuse a seed, a number of threads or an engine that no run can have."""
    if seed is not None:
        whole("--seed", seed, 0, MOST_SEED)
    whole("--jobs", jobs, 0, MOST_THREADS)
    if engine not in ENGINES:
        raise InputError.one("--engine", f"must be one of {', '.join(ENGINES)}, got {engine!r}")


@dataclass(frozen=True)
class Study:
    """What came of a scenario.

    Attributes
    ----------
    scenario : Scenario
        What was asked.
    replications : int
        How often it was run.
    experiment : Experiment
        The scenario made ready; it can run any replication again.
    outcomes : dict of Outcome
        By plan: bills and sums of each replication, values of each job.
    result : dict
        Everything estimated, by the keys of the JSON contract.
    """

    scenario: Scenario
    replications: int
    experiment: Experiment
    outcomes: dict[str, Outcome] = field(repr=False)
    result: Json = field(repr=False)

    @property
    def seed(self) -> int:
        """Seed of all random streams."""
        return self.experiment.seed

    def bill(self) -> "pd.DataFrame":
        """Lay out the bill of every plan.

        Returns
        -------
        DataFrame
            A row a plan and line: ``plan, line, usd, low_usd, high_usd``.
        """
        import pandas as pd

        rows = [
            (name, line, each.value, each.low, each.high)
            for name, plan in self.result["plans"].items()
            for line, each in plan["bill_usd"].items()
        ]
        return pd.DataFrame(rows, columns=["plan", "line", "usd", "low_usd", "high_usd"])

    def cost_per_job(self, plan: str, job_class: str, kind: str = "fully_loaded") -> "pd.DataFrame":
        """Lay out the cost of a job of one class under one plan.

        Parameters
        ----------
        plan, job_class : str
            Names of the scenario.
        kind : {"fully_loaded", "attributed"}
            With or without the share of idle time, staff and overhead.

        Returns
        -------
        DataFrame
            ``percentile, usd, low_usd, high_usd``; the first row is the mean.

        Raises
        ------
        InputError
            When the scenario has no such plan or class, or there is no such kind.
        """
        import pandas as pd

        classes = self.result["plans"][_known("plan", plan, self.outcomes)]["classes"]
        costs = classes[_known("job_class", job_class, classes)]["cost_per_job_usd"]
        found = costs[_known("kind", kind, costs)]
        rows = [(key, each.value, each.low, each.high) for key, each in found.items()]
        return pd.DataFrame(rows, columns=["percentile", "usd", "low_usd", "high_usd"])

    def probability_cheaper(self, a: str, b: str) -> Estimate:
        """Estimate the probability that plan ``a`` has a lower bill than plan ``b`` on a path.

        Raises
        ------
        InputError
            When the scenario has no such plan.
        """
        for name in (a, b):
            _known("plan", name, self.outcomes)
        credit = cheapest_on_each_path({name: self.outcomes[name].bills for name in (a, b)})[a]
        return share(float(credit.sum()), len(credit), float(self.scenario.confidence))

    def jobs(self, plan: str, replication: int = 0) -> "pd.DataFrame":
        """Lay out what became of each job of one replication under one plan.

        Returns
        -------
        DataFrame
            A row a job, instants in hours from the start of the clock, costs in USD; no value where there is none.

        Raises
        ------
        InputError
            When the scenario has no such plan, or the study no such replication.
        """
        import pandas as pd

        _known("plan", plan, self.outcomes)
        replication = whole("replication", replication, 0, self.replications - 1)
        served, shares = self._again(plan, replication)
        names = np.array(list(self.scenario.workload))
        frames = []
        if self.scenario.tunes:
            frames.append(tunes_frame(served.paths, served.rows, shares[0], names))
        for (_, requests, rows), each in zip(
            served.requests, shares[len(shares) - len(served.requests) :], strict=True
        ):
            frames.append(requests_frame(requests, rows, each, names))
        filled = [frame for frame in frames if len(frame)] or frames[:1]
        if len(filled) == 1:
            return filled[0]
        return pd.concat(filled).sort_values("arrival_h", kind="stable", ignore_index=True)

    def stints(self, plan: str, replication: int = 0) -> "pd.DataFrame":
        """Lay out who ran when and where in one replication.

        Returns
        -------
        DataFrame
            A row for each node of each uninterrupted run of a fine-tune: ``job`` (its row among the fine-tunes),
            ``node, hire`` (-1: not hired), ``since_h, until_h, restart_h, writing_h, lost_h``. Empty for a plan whose
            nodes neither come nor go: there each row of ``jobs`` is one.
        """
        _known("plan", plan, self.outcomes)
        replication = whole("replication", replication, 0, self.replications - 1)
        return stints_frame(self._again(plan, replication)[0].rows)

    def hires(self, plan: str, replication: int = 0) -> "pd.DataFrame":
        """Lay out which nodes came and went in one replication.

        Returns
        -------
        DataFrame
            A row for each order of a node: ``group`` (that serves; empty for fine-tunes), ``node, ordered_h, ready_h``
            (missing where it never was), ``left_h`` (missing where it was there to the end).
        """
        _known("plan", plan, self.outcomes)
        replication = whole("replication", replication, 0, self.replications - 1)
        served, _ = self._again(plan, replication)
        tables = [("", served.rows.hires), *((str(pool.name), rows.hires) for pool, _, rows in served.requests)]
        return hires_frame([(group, hires) for group, hires in tables if hires is not None])

    def _again(self, plan: str, replication: int) -> tuple[Served, list[Shares]]:
        """Serve and charge one replication again, all of it at once."""
        ready = self.experiment
        if (expected := ready.jobs_expected) > _MOST_ROWS:
            text = (
                f"has about {expected:,.0f} jobs, a table of {expected * _BYTES_A_ROW / 2**30:,.0f} GB; "
                "`run FILE --out DIR --rows` writes them to Parquet files in little memory"
            )
            raise InputError.one("replication", text)
        served = ready.served(plan, ready.work([replication]))
        return served, ready.charged(plan, served)[1]

    def bills(self) -> "pd.DataFrame":
        """Lay out every line of every bill.

        Returns
        -------
        DataFrame
            A row a replication and plan: ``replication, plan, total_usd`` and each line with ``_usd``.
        """
        import pandas as pd

        frames = []
        for name, outcome in self.outcomes.items():
            frame = pd.DataFrame(outcome.lines, columns=[f"{line}_usd" for line in LINES])
            frame.insert(0, "total_usd", outcome.bills)
            frame.insert(0, "plan", name)
            frame.insert(0, "replication", np.arange(len(frame)))
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)


def run(
    scenario: Scenario,
    replications: int = 200,
    seed: int | None = None,
    jobs: int = 0,
    engine: str = "kernel",
    exact: bool = False,
    progress: Progress | None = None,
    means: Means = NO_MEANS,
) -> Study:
    """Run a scenario under all its plans.

    Parameters
    ----------
    scenario : Scenario
        What is asked.
    replications : int
        How many sample paths; all plans see the same.
    seed : int, optional
        Overrides the scenario's; where neither states one it is drawn and recorded.
    jobs : int
        Threads; 0 for one a processor. The results do not depend on it.
    engine : {"kernel", "simpy"}
        The product, or the reference it is held to.
    exact : bool
        Whether the values of all jobs are kept, and quantiles over them sorted, however many there are.
    progress : callable, optional
        Called with pieces done and pieces in all.
    means : Means
        Where blocks of replications are kept, and who does them in place of threads of this process; not with
        ``exact``.

    Returns
    -------
    Study

    Raises
    ------
    InputError
        When a trace is refused, or replications, seed, jobs or engine are none that a run can have.
    """
    check_replications(replications)
    check_how(seed, jobs, engine)
    experiment = Experiment.of(scenario, chosen_seed(scenario, seed), engine)
    with pool(jobs) as executor:
        if means is NO_MEANS or exact:
            outcomes = run_all(experiment, replications, mapper(executor, progress), keep=exact)
        else:
            outcomes = done_in_blocks(experiment, replications, jobs, progress, means)
        found = result(experiment, outcomes, exact, mapper(executor))
    return Study(scenario, replications, experiment, outcomes, found)


def units_of(scenario: Scenario, replications: int, seed: int | None = None, engine: str = "kernel") -> list[Unit]:
    """Make the blocks of a run ready, as ``run`` does where nothing was kept before.

    Raises
    ------
    InputError
        As ``run`` does.
    """
    check_replications(replications)
    check_how(seed, 0, engine)
    return blocks(Experiment.of(scenario, chosen_seed(scenario, seed), engine), replications)


def done_in_blocks(
    experiment: Experiment, replications: int, jobs: int, progress: Progress | None, means: Means, first: int = 0
) -> dict[str, Outcome]:
    """Run replications block by block, by what means there are."""
    units = blocks(experiment, replications, first, means.ends)
    by_pieces = means.runner is None
    parts = all_done(units, InPieces(jobs, progress), means, None if by_pieces else progress)
    return {name: Outcome.joined([part[name] for part in parts]) for name in experiment.tunings}
