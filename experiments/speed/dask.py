"""Dask: the same sweep by two threads of this process, and by a cluster of two workers of one thread each."""

import importlib.util
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sim.ground.scenario import Scenario
from sim.study import sweep
from sim.study.clustered import clustered
from sim.study.grid import spaced
from sim.study.units import Means
from speed import worlds
from speed.rounds import Elapsed, elapsed, page, spelled, value
from speed.work import Tell, Work

RATE = "workload.tuning.arrivals.rate_per_day"
THREADS, WORKERS = "2 threads", "2 workers of 1 thread"
SKIPPED = "`distributed` is not installed: pip install 'fleetecon[cluster]'"
HEAD = ["a sweep by", "wall, s", "processor, s", "x wall", "least", "most", "x processor"]
WORDS = {
    "threads": "of this process, which share the cells of the sweep",
    "workers": "of a Dask cluster on this machine, its scheduler in this process; start and warming up are not timed",
    "processor": "of this process and of all workers",
    "x": "times that of the threads of the same round: median, least, most",
}


def measure(work: Work, tell: Tell) -> dict[str, Any]:
    """Time both on the same cells."""
    if importlib.util.find_spec("distributed") is None:
        return {"dask": {"skipped": SKIPPED}}
    scenario, vary = worlds.tunes(), {RATE: spaced(0.5, 11.0, work.cells)}
    rounds = []
    with cluster() as address, clustered(address, lambda _: None) as runner:
        runner.client.wait_for_workers(2, timeout=60)
        contestants: dict[str, dict[str, Any]] = {THREADS: {"jobs": 2}, WORKERS: {"means": Means(runner=runner)}}
        for how in contestants.values():
            sweep(scenario, vary, 2, seed=1, **how)  # load, compile, warm up
        for k in range(work.rounds):
            rounds.append(one_round(scenario, vary, work.cell_reps, contestants, lambda: processor(runner.client)))
            tell(k + 1, work.rounds)
    return {"dask": elapsed(rounds, THREADS)}


@contextmanager
def cluster() -> Iterator[str]:
    """Start a cluster on this machine; gives its address."""
    import distributed

    start: Any = distributed.LocalCluster
    with (
        tempfile.TemporaryDirectory() as folder,
        start(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            worker_dashboard_address=None,
            local_directory=folder,
            silence_logs=50,
        ) as started,
    ):
        yield str(started.scheduler_address)


def processor(client: Any) -> float:
    """Tell the processor time so far of this process and of all workers."""
    return float(sum(client.run(time.process_time).values())) + time.process_time()


def one_round(
    scenario: Scenario,
    vary: dict[str, Any],
    reps: int,
    contestants: dict[str, dict[str, Any]],
    spent: Callable[[], float],
) -> dict[str, Elapsed]:
    """Let every contestant do the sweep once."""
    took = {}
    for name, how in contestants.items():
        before, began = spent(), time.perf_counter()
        sweep(scenario, vary, reps, seed=1, **how)
        wall = time.perf_counter() - began
        took[name] = Elapsed(wall, spent() - before)
    return took


def text(told: dict[str, Any]) -> str:
    """Lay out the table, or say why there is none."""
    if "skipped" in told["dask"]:
        return f"Dask: skipped, {told['dask']['skipped']}"
    rows = [
        [
            name,
            *(f"{value(row, key):.2f}" for key in ("wall_s", "processor_s")),
            *spelled(row["wall_ratio"]),
            f"{value(row, 'processor_ratio'):.2f}",
        ]
        for name, row in told["dask"].items()
    ]
    return page("Dask", HEAD, rows, WORDS)
