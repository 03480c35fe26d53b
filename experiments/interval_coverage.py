"""How often intervals hold: the whole way of a study repeated on worlds whose answers are known exactly.

    python experiments/interval_coverage.py [--repetitions 2000] [--quick] [--out DIR]

A nominal 95 % interval should hold the truth in 95 of 100 studies. Each line is one kind of interval that fleetecon
tells: the truth and where it comes from, how often the interval held it in so many independent studies (with Wilson's
interval), how wide it was, and whether the coverage lies within what is asked: 93 to 97 % for means, 92 to 98 % for
percentiles, at least 92 % for break-even and the probability to be cheapest. The last line must fail: the interval that
takes the jobs of one run for independent.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammainc, pdtr

from sim.ground.estimate import Estimate, mean, share
from sim.ground.files import output_folder, write
from sim.ground.scenario import Scenario, Tree, build
from sim.questions.search.break_even import break_even
from sim.questions.tables import as_csv, grid_text, number
from sim.study.fold import Fold
from sim.study.outcome import Outcome
from sim.study.pieces import run_all
from sim.study.precise import LEAST_REPLICATIONS, Goal, chosen, wanted
from sim.study.result import result
from sim.study.simulate import Experiment
from sim.study.steady import bins_of, lengthened, means, of_blocks, warm_ups
from sim.study.threads import threads

CONFIDENCE, SEED = 0.95, 20261123
OF_MEANS, OF_PERCENTILES, AT_LEAST, MUST_FAIL = (0.93, 0.97), (0.92, 0.98), (0.92, 1.0), (0.0, 0.5)

_ON_A_BENCH = 10
"""Studies whose replications are in memory at one time, for each thread."""

_ENOUGH = 1000
"""Studies of which a coverage is known to +- 1.5 %."""

HOURS, RATE, USD = 100.0, 0.5, 8.0
JOBS = HOURS * RATE  # of a replication of the world of the API
"""Jobs come at random, and each costs 8 USD a million tokens of which it has 1 on average, exponential."""

LOAD, SERVICE, WARM_UP, COUNTED = 0.5, 2.0, 200.0, 1000.0
"""One node with exponential gaps and services; waits are known in closed form."""


@dataclass(frozen=True)
class Claim:
    """One kind of interval: what it is of, the truth and its source, the intervals of all studies, what is asked."""

    what: str
    truth: float
    source: str
    found: list[Estimate]
    asked: tuple[float, float]

    @property
    def held(self) -> int:
        """Studies whose interval holds the truth."""
        return sum(low <= self.truth <= high for _, low, high in self._ends())

    def _ends(self) -> Iterator[tuple[float, float, float]]:
        for each in self.found:
            if each.value is not None and each.low is not None and each.high is not None:
                yield each.value, each.low, each.high

    @property
    def half_width(self) -> float:
        """Mean half width of the intervals."""
        return float(np.mean([(high - low) / 2 for _, low, high in self._ends()]))

    @property
    def coverage(self) -> Estimate:
        """Share of all studies whose interval holds the truth; one without an interval does not."""
        return share(self.held, len(self.found), CONFIDENCE)

    @property
    def verdict(self) -> str:
        """Whether the coverage lies within what is asked, as far as so many studies tell."""
        (least, most), found = self.asked, self.coverage
        if least <= (found.value or 0.0) <= most:
            return "as asked"
        maybe = (found.low or 0.0) <= most and least <= (found.high or 0.0)
        return "too few studies to tell" if maybe and len(self.found) < _ENOUGH else "NOT AS ASKED"


def world(name: str, plans: dict[str, Any], work: dict[str, Any], hours: float, warm_up: float = 0.0) -> Scenario:
    """State a world of one class of fine-tunes."""
    job_class = {"kind": "fine_tune", **work}
    days = {"horizon_days": hours / 24, "warm_up_days": warm_up / 24}
    return build(Tree({"name": name, "seed": SEED, **days, "workload": {"jobs": job_class}, "plans": plans}))


def api_world(held_usd: float = 1.0) -> Scenario:
    """Jobs at an API, beside a node that costs the same however many there are."""
    tokens = {"law": "exponential", "mean": 1}
    work = {"arrivals": {"law": "poisson", "mean_hours": 1 / RATE}, "tokens_millions": tokens}
    held = {"box": {"gpus": 1, "nodes": 1, "usd_per_node_h": held_usd / HOURS}}
    plans = {"api": {"api": {"usd_per_million_tokens": USD}}, "own": {"held": held}}
    return world("api", plans, work | {"hours_per_million_tokens": 0.001}, HOURS)


def queue_world(load: float = LOAD) -> Scenario:
    """One node of one's own, or nodes hired by the job."""
    service = {"law": "exponential", "mean": SERVICE}
    work = {"arrivals": {"law": "poisson", "mean_hours": SERVICE / load}, "service_hours": service}
    plans = {
        "own": {"held": {"box": {"gpus": 1, "nodes": 1, "usd_per_node_h": 3}}},
        "rent": {"hired": {"box": {"gpus": 1, "usd_per_node_h": 3}}},
    }
    return world("queue", plans, work, WARM_UP + COUNTED, WARM_UP)


def bill_up_to(usd: float) -> float:
    """Probability that a bill of the API is at most so much: Poisson many exponential charges."""
    counts = np.arange(1, int(JOBS + 12 * math.sqrt(JOBS)))
    law = np.diff(pdtr(np.append(counts - 1, counts[-1]), JOBS))
    return math.exp(-JOBS) + float((law * gammainc(counts, usd / USD)).sum())


def waits_of_the_started() -> tuple[float, float]:
    """Mean and 95th percentile of the waits told: of jobs that come within the counted time and start within it.

    An M/M/1 queue in its steady state: a job waits with probability LOAD, then exponentially. Who comes u hours before
    the clock stops is told if it waits less; that takes 0.6 % off the mean.
    """
    pace = (1 - LOAD) / SERVICE

    def up_to(wait: float) -> float:  # hours of arrivals that are told with at most this wait
        early = (COUNTED - wait) * (1 - LOAD * math.exp(-pace * wait))
        return early + wait - LOAD / pace * -math.expm1(-pace * wait)

    told = up_to(COUNTED)
    mean_wait = LOAD * (COUNTED / pace - 2 / pace**2) / told
    return mean_wait, brentq(lambda wait: up_to(wait) - 0.95 * told, 0.0, 100 / pace)


def part(outcome: Outcome, first: int, last: int) -> Outcome:
    """Take some replications of an outcome: a study of its own."""
    folds = {}
    for name, fold in outcome.classes.items():
        at = {measure: fold.offsets(measure) for measure in fold.values}
        values = {name: all_.values[at[name][first] : at[name][last]] for name, all_ in fold.values.items()}
        folds[name] = Fold.of(fold.layout, fold.sums[first:last], values)
    arrays = {name: getattr(outcome, name)[first:last] for name in ("lines", "paid", "allocated", "memo", "worn")}
    serving = {name: each[first:last] for name, each in outcome.serving.items()}
    return replace(outcome, **arrays, classes=folds, serving=serving)


@dataclass(frozen=True)
class Bench:
    """Some studies of one world, drawn at once and cut apart: each has replications of its own."""

    ready: Experiment
    outcomes: dict[str, Outcome]
    each: int

    @classmethod
    def some(cls, ready: Experiment, studies: range, each: int) -> "Bench":
        """Run so many replications for each of some studies."""
        outcomes = run_all(ready, studies.stop * each, first=studies.start * each, keep=True)
        return cls(ready, outcomes, each)

    def study(self, number: int, replications: int) -> dict[str, Any]:
        """Give the whole result of one study, of its first replications."""
        first = number * self.each
        parts = {name: part(each, first, first + replications) for name, each in self.outcomes.items()}
        return result(self.ready, parts)

    def estimates(self, number: int, replications: int, keys: tuple[str, ...]) -> list[Estimate]:
        """Look up some estimates of one study."""
        return list(chosen(self.study(number, replications), keys).values())

    def until(self, number: int, plan: str, precision: float) -> Estimate:
        """Estimate a plan's mean bill as ``run_until`` does, with the replications of one study."""
        bills = self.outcomes[plan].bills[number * self.each : (number + 1) * self.each]
        done, enough, goal = 0, LEAST_REPLICATIONS, Goal(precision, most=self.each)
        while enough > done:
            done, found = enough, mean(bills[:enough], CONFIDENCE)
            enough = wanted(goal, [found], done)
        return found


Each = Callable[[Callable[[int], Any], Sequence[int]], list[Any]]
"""Does something with each of some numbers, on all processors."""


def studied(
    scenario: Scenario, studies: int, replications: int, each: Each, work: Callable[[Bench, int], list[Estimate]]
) -> list[tuple[Estimate, ...]]:
    """Do something with each study of a world, a bench of them at a time; give each kind of estimate by itself."""
    ready = Experiment.of(scenario, SEED)
    starts = range(0, studies, _ON_A_BENCH)

    def on_a_bench(start: int) -> list[list[Estimate]]:
        mine = range(start, min(start + _ON_A_BENCH, studies))
        bench = Bench.some(ready, mine, replications)
        return [work(bench, place) for place in range(len(mine))]

    return list(zip(*(row for rows in each(on_a_bench, starts) for row in rows), strict=True))


def of_bills(studies: int, each: Each) -> Iterator[Claim]:
    """Check intervals of bills: their mean, their percentiles, who is cheapest, and means run until precise."""
    fixed, truth = (brentq(lambda usd, p=p: bill_up_to(usd) - p, 1.0, 3 * JOBS * USD) for p in (0.7, 0.95))
    bill, p95, chance = "plans.api.bill_usd.total", "plans.api.bill_percentiles_usd.p95", "probability_cheapest.api"

    def work(bench: Bench, number: int) -> list[Estimate]:
        until = [bench.until(number, "api", precision) for precision in (0.1, 0.05)]
        return [*bench.estimates(number, 20, (bill,)), *bench.estimates(number, 200, (p95, chance)), *until]

    found = studied(api_world(fixed), studies, 320, each, work)
    rows = (
        ("mean bill, 20 replications: t", JOBS * USD, OF_MEANS),
        ("p95 of bills, 200 replications: order statistics", truth, OF_PERCENTILES),
        ("P(cheapest), 200 replications: Wilson", 0.7, AT_LEAST),
        ("mean bill, run until 10 %", JOBS * USD, OF_MEANS),
        ("mean bill, run until 5 %", JOBS * USD, OF_MEANS),
    )
    for (what, value, asked), estimates in zip(rows, found, strict=True):
        yield Claim(what, value, "compound Poisson", list(estimates), asked)


def of_jobs(studies: int, each: Each) -> Iterator[Claim]:
    """Check intervals over jobs: waits in a queue, costs of jobs."""
    own, rent = "plans.own.classes.jobs.wait_h", "plans.rent.classes.jobs.cost_per_job_usd.fully_loaded"
    keys = (f"{own}.mean", f"{own}.p95", f"{rent}.mean", f"{rent}.p95")
    found = studied(queue_world(), studies, 100, each, lambda bench, number: bench.estimates(number, 100, keys))
    wait, p95 = waits_of_the_started()
    rows = (
        ("mean wait, 100 replications: jackknife", wait, "M/M/1", OF_MEANS),
        ("p95 of waits over jobs, 100 replications: groups", p95, "M/M/1", OF_PERCENTILES),
        ("mean cost of a job, 100 replications: jackknife", 3 * SERVICE, "exponential charge", OF_MEANS),
        (
            "p95 of costs over jobs, 100 replications: groups",
            3 * SERVICE * math.log(20),
            "exponential charge",
            OF_PERCENTILES,
        ),
    )
    for (what, truth, source, asked), estimates in zip(rows, found, strict=True):
        yield Claim(what, truth, source, list(estimates), asked)


def of_break_even(studies: int, each: Each) -> Iterator[Claim]:
    """Check intervals of the price of a node at which it costs what the API does."""
    scenario, truth = api_world(), JOBS * USD / HOURS
    key, between = "plans.own.held.box.usd_per_node_h", (truth / 3, truth * 3)

    def study(number: int) -> Estimate:
        found = break_even(scenario, key, between, replications=20, most_replications=20, seed=number, jobs=1)
        crossings = found.pairs[0].crossings
        return crossings[0].at if len(crossings) == 1 else Estimate(None)

    what = "break-even of a node's price, 20 replications"
    yield Claim(what, truth, "mean of a compound Poisson bill", each(study, range(studies)), AT_LEAST)


def of_long_runs(studies: int, each: Each) -> Iterator[Claim]:
    """Check intervals of the steady state at a load of 0.8, by the default design; and the naive interval beside."""
    load, runs = 0.8, 5
    long = lengthened(queue_world(load), 20_000)
    ready, hours = Experiment.of(long, SEED), long.horizon_hours / 40

    def study(number: int) -> list[Estimate]:
        bins = bins_of(ready, ["own"], range(number * runs, (number + 1) * runs))["own"]["jobs"]
        blocks = of_blocks(bins, warm_ups(bins[:, :, 2]))
        found = means(blocks, hours, CONFIDENCE)
        _, _, _, _, _, count, total, squares = np.concatenate(blocks).sum(axis=0)
        half = 1.96 * math.sqrt((squares - total**2 / count) / count / count)
        naive = Estimate(total / count, total / count - half, total / count + half)
        keys = ("wait_h", "in_system", "busy_gpus", "cost_per_job_usd")
        return [*(found[key].estimate for key in keys), naive]

    found = each(study, range(studies))
    wait, rate = load * SERVICE / (1 - load), load / SERVICE
    design = "5 x 20,000 jobs"
    names = (("wait", wait), ("number in system", rate * (wait + SERVICE)), ("busy GPUs", load), ("cost", 3 / rate))
    for k, (name, truth) in enumerate(names):
        what = f"steady state, {name}, {design}: batch means"
        yield Claim(what, truth, "M/M/1", [row[k] for row in found], OF_MEANS)
    what = f"control: wait, {design}, jobs as independent"
    yield Claim(what, wait, "M/M/1", [row[4] for row in found], MUST_FAIL)


def claims(studies: int, jobs: int = 0) -> Iterator[Claim]:
    """Check all kinds of intervals on so many studies each."""
    with ThreadPoolExecutor(threads(jobs)) as executor:

        def each(work: Callable[[int], Any], numbers: Sequence[int]) -> list[Any]:
            return list(executor.map(work, numbers))

        yield from of_bills(studies, each)
        yield from of_jobs(studies, each)
        yield from of_break_even(studies, each)
        yield from of_long_runs(studies, each)


HEAD = ("interval", "truth", "source", "studies", "coverage", "95 % of it", "half width", "asked", "verdict")


def row(claim: Claim) -> list[str]:
    """Lay out a claim."""
    coverage = claim.coverage
    low, high = claim.asked
    asked = {AT_LEAST: f"at least {low:.0%}", MUST_FAIL: "must fail"}.get(claim.asked, f"{low:.0%} to {high:.0%}")
    return [
        claim.what,
        number(claim.truth, 4),
        claim.source,
        str(len(claim.found)),
        f"{100 * (coverage.value or 0):.1f} %",
        f"{100 * (coverage.low or 0):.1f} to {100 * (coverage.high or 0):.1f} %",
        f"{claim.half_width / abs(claim.truth):.1%}",
        asked,
        claim.verdict,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=2000, help="studies of each kind")
    parser.add_argument("--quick", action="store_true", help="100 studies of each kind")
    parser.add_argument("--out", type=Path, default=Path("outputs/interval_coverage"))
    arguments = parser.parse_args()
    rows = []
    for claim in claims(100 if arguments.quick else arguments.repetitions):
        rows.append(row(claim))
        print(f"{rows[-1][0]}: {rows[-1][4]}", flush=True)
    print(f"\n{grid_text(HEAD, rows)}")
    write(output_folder(arguments.out) / "coverage.csv", as_csv(HEAD, iter(rows)))


if __name__ == "__main__":
    main()
