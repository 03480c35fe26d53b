"""Does `size` find what trying everything finds, and at which share of its work? 50 random fleets, drawn from a seed.

    python experiments/size_brute_force.py [--fleets 50] [--quick] [--out outputs/size_brute_force]

Fine-tunes on held nodes under a level of wait, with overflow to an API, with a price of waiting; requests under a level
of TTFT. Brute force is every setting of the same bounds at as many replications as `size` ended with, on the same
sample paths. Its work is counted in full; settings that cost more than the best whatever comes are not simulated.
"""

import argparse
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import sim
from sim.doors.cli.app import guarded
from sim.ground.files import output_folder, write
from sim.ground.scenario import Scenario, Tree, build
from sim.questions.search.cells import Bench
from sim.questions.search.choices import Point
from sim.questions.search.levels import levels
from sim.questions.tables import as_csv, grid_text, number, percent
from sim.study.threads import mapper, pool

JOBS, REQUESTS = 1000, 2500  # of a replication, about
PATIENCE = (0.25, 0.5, 1, 2, 4, 8, 16)
KINDS = ("level", "overflow", "patience", "price of waiting", "chat")
HEAD = [
    "fleet",
    "load",
    "found",
    "best",
    "lost, USD",
    "a node, USD",
    "settings",
    "replications",
    "share of work",
    "sure",
]


@dataclass(frozen=True)
class Fleet:
    """A random fleet and what is chosen of it."""

    number: int
    kind: str
    scenario: Scenario
    choose: dict[str, list[Any]] | None
    load: float


@dataclass(frozen=True)
class Trial:
    """What `size` found of a fleet, beside the best of all settings."""

    fleet: Fleet
    found: sim.Sized
    best: dict[str, Any] | None
    lost_usd: float
    node_usd: float

    @property
    def share(self) -> float:
        """Work of `size` over that of brute force."""
        return float(self.found.result["work"]["share"])

    @property
    def same(self) -> bool:
        """Whether both found the same setting, or none."""
        return self.found.setting == self.best

    @property
    def near(self) -> bool:
        """Whether what `size` found costs at most a node more than the best."""
        return (self.found.setting is None) == (self.best is None) and self.lost_usd <= self.node_usd

    def row(self) -> list[str]:
        work = self.found.result["work"]
        told = [
            ", ".join(f"{value:.4g}" for value in each.values()) if each else "none"
            for each in (self.found.setting, self.best)
        ]
        usd = [number(self.lost_usd), number(self.node_usd)]
        sizes = [str(work["brute_force"]["settings"]), str(self.found.result["replications"])]
        name = f"{self.fleet.number} {self.fleet.kind}"
        sure = "yes" if self.found.sure else "no"
        return [name, number(self.fleet.load), *told, *usd, *sizes, percent(self.share), sure]


def _base(draw: np.random.Generator, name: int, days: float) -> dict[str, Any]:
    return {"name": f"fleet_{name}", "seed": int(draw.integers(2**31)), "horizon_days": days}


def tunes(draw: np.random.Generator, number: int, kind: str) -> Fleet:
    """Draw a fleet for fine-tunes: load, burstiness, sizes, prices, level."""
    load, hours = float(np.exp(draw.uniform(np.log(3), np.log(90)))), float(draw.choice([0.5, 2, 6]))
    rate, usd = 24 * load / hours, float(draw.uniform(1, 5))
    size = {"law": "lognormal", "mean": hours, "cv": float(draw.choice([0.5, 1, 2]))}
    job_class: dict[str, Any] = {
        "kind": "fine_tune",
        "arrivals": {"law": "gamma", "rate_per_day": rate, "cv": float(draw.choice([0.5, 1, 2]))},
        "service_hours": size,
    }
    plan: dict[str, Any] = {"held": {"gpu": {"gpus": 1, "nodes": 1, "usd_per_node_h": usd}}}
    values = _base(draw, number, JOBS / rate)
    values |= {"workload": {"jobs": job_class}, "plans": {"own": plan}, "warm_up_days": values["horizon_days"] / 10}
    wait = hours * float(draw.choice([0.1, 0.5, 1, 4]))
    choose: dict[str, list[Any]] | None = None
    if kind in ("overflow", "patience"):
        plan["api"] = {"usd_per_service_hour": usd * float(draw.uniform(1.1, 4))}
        plan["patience_hours"] = wait
    if kind == "patience":
        choose = {"held.gpu.nodes": list(range(int(2 * load) + 4)), "patience_hours": [hours * p for p in PATIENCE]}
    if kind in ("level", "patience"):
        values["equal_work"] = {"wait_p95_hours": wait, "not_started_share": 0.05}
    elif kind == "price of waiting":
        job_class["wait_usd_per_hour"] = usd * float(draw.uniform(0.2, 10))
        values["equal_work"] = {"not_started_share": 0.05}
    return Fleet(number, kind, build(Tree(values)), choose, load)


def chat(draw: np.random.Generator, number: int) -> Fleet:
    """Draw a fleet for requests: rate, lengths, level of TTFT."""
    prompt, output = float(draw.choice([200, 800])), float(draw.choice([50, 200]))
    load = float(np.exp(draw.uniform(np.log(1), np.log(12))))
    serve = {"base_ms": 10, "per_request_ms": 0.3, "per_kv_token_us": 0.05, "per_prefill_token_us": 60}
    serve |= {"kv_tokens": 100_000, "max_num_seqs": 32}
    rate = load * 1000 / (output * (10 / 32 + 0.3) + 0.06 * prompt)  # of a replica with all its seats taken
    arrivals = {"law": "gamma", "rate_per_second": rate, "cv": float(draw.choice([1, 2]))}
    lengths = {
        "prompt_tokens": {"law": "lognormal", "mean": prompt, "cv": 1},
        "output_tokens": {"law": "lognormal", "mean": output, "cv": 1},
    }
    group = {"gpus": 1, "nodes": 1, "usd_per_node_h": float(draw.uniform(2, 7)), "serve": serve}
    values = _base(draw, number, REQUESTS / rate / 86_400)
    values |= {"workload": {"chat": {"kind": "inference", "arrivals": arrivals, **lengths}}}
    values |= {"plans": {"own": {"held": {"gpu": group}}}, "warm_up_days": values["horizon_days"] / 10}
    values["equal_work"] = {"ttft_p95_s": float(draw.choice([0.1, 0.2, 0.5, 2])), "not_started_share": 0.05}
    return Fleet(number, "chat", build(Tree(values)), None, load)


def fleets(count: int) -> Iterator[Fleet]:
    """Draw so many fleets; the first of them do not depend on how many."""
    for k in range(count):
        draw, kind = np.random.default_rng([2026, k]), KINDS[k % len(KINDS)]
        yield chat(draw, k) if kind == "chat" else tunes(draw, k, kind)


def trial(fleet: Fleet, most: int, jobs: int) -> Trial:
    """Size a fleet, and try everything."""
    found = sim.size(fleet.scenario, "own", fleet.choose, most_replications=most, jobs=jobs)
    count = int(found.result["replications"])
    with pool(jobs) as executor:
        rules, seed = levels(found.scenario), int(found.result["seed"])
        bench = Bench(
            found.scenario, "own", found.box, rules, seed, "kernel", partial(mapper, executor), lambda _text: None
        )
        at = next(each for each in places(bench) if bench.box.setting(each) == found.nearest)
        best = bench.best([at, *(each for each in places(bench) if each != at)], count)
    does = bench.order(best, count)[0] == 0
    lost = float(bench.cell(at).bills.mean() - bench.cell(best).bills.mean())
    return Trial(fleet, found, bench.box.setting(best) if does else None, lost, node_usd(found.scenario))


def places(bench: Bench) -> Iterator[Point]:
    """Walk through all settings of the bounds."""
    return itertools.product(*(range(len(each.values)) for each in bench.box.choices))


def node_usd(scenario: Scenario) -> float:
    """Tell what one node costs over the counted time."""
    return scenario.counted_hours * scenario.plans["own"].held["gpu"].price("gpu", scenario.price_date).value


def summary(trials: list[Trial]) -> str:
    """Say how often it was right, and which share of the work it took."""
    same = sum(each.found.setting == each.best for each in trials)
    within = sum(
        (each.found.setting is None) == (each.best is None) and each.lost_usd <= each.node_usd for each in trials
    )
    sure = [each for each in trials if each.found.sure]
    wrong = sum(not each.same for each in sure)
    done, all_ = ([_work(each, part) for each in trials] for part in ("", "brute_force"))
    replications, jobs = (sum(each[k] for each in done) / sum(each[k] for each in all_) for k in (0, 1))
    tenth = sum(each.share <= 0.1 for each in trials)
    lines = (
        f"{same} of {len(trials)} found the setting that brute force found, {within} one within a node's cost of it;",
        f"{len(sure)} were sure, of which {wrong} found another setting than brute force.",
        f"work: {percent(replications)} of the replications of brute force, {percent(jobs)} of its jobs, all fleets",
        f"together; by itself at most a tenth in {tenth} of {len(trials)} (a certificate alone is 2 settings or 3).",
    )
    return "\n".join(lines)


def _work(each: Trial, part: str) -> tuple[float, float]:
    work = each.found.result["work"]
    work = work[part] if part else work
    return float(work["replications"]), float(work["jobs"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fleets", type=int, default=50)
    parser.add_argument("--most-reps", type=int, default=160)
    parser.add_argument("--quick", action="store_true", help="the first 5 fleets, at most 20 replications")
    parser.add_argument("--jobs", type=int, default=0, help="threads, 0 for one a processor")
    parser.add_argument("--out", type=Path, default=Path("outputs/size_brute_force"))
    arguments = parser.parse_args()
    folder, trials = output_folder(arguments.out), []
    count, most = (5, 20) if arguments.quick else (arguments.fleets, arguments.most_reps)
    for fleet in fleets(count):
        trials.append(trial(fleet, most, arguments.jobs))
        sys.stderr.write("  ".join(trials[-1].row()) + "\n")
    print(grid_text(HEAD, [each.row() for each in trials]), summary(trials), sep="\n\n")
    write(folder / "size_brute_force.csv", as_csv(HEAD, iter([list[Any](each.row()) for each in trials])))


if __name__ == "__main__":
    guarded(main)
