"""Memory: the most that a run holds at once, in a process of its own, for little and for much of the same work."""

import json
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sim.ground.files import shipped_scenarios, write
from speed.processes import Ran, alone, sim_run
from speed.rounds import page, whole_way
from speed.work import Tell, Work
from speed.worlds import long_requests, tunes

THREADS, LONG_REPS = 2, 2
HEAD = ["`run`, two threads", "jobs, M", "peak, MB", "x jobs", "x peak", "wall, s", "processor, s", "M jobs/s"]
WORDS = {
    "jobs": "fine-tunes or requests served, all plans and replications together, as the run tells them",
    "peak": "resident memory of the process at its most (1 MB is a million bytes), the program itself with it",
    "x": "times that of the smaller run of the same work",
    "M jobs/s": "millions of jobs in a second on the clock, the start of the program with it",
}


def measure(work: Work, tell: Tell) -> dict[str, Any]:
    """Run each size once in a process of its own."""
    told: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        runs = list(_runs(work, Path(folder)))
        for done, (kind, size, command) in enumerate(runs, 1):
            told.setdefault(kind, {})[size] = _row(alone(command))
            tell(done, len(runs) + 1)
    each = memory_per_job(work.reps)
    tell(len(runs) + 1, len(runs) + 1)
    return {"bytes_per_job": each, "memory": told}


def _runs(work: Work, folder: Path) -> Iterator[tuple[str, str, list[str]]]:
    """List what is run: kind of work, size, command."""
    how = ("--jobs", str(THREADS), "--seed", "1", "--format", "json")
    article = str(shipped_scenarios()["article"])
    for years in work.years:
        yield "fine-tunes", f"{years:,} years", sim_run(article, "--reps", str(years), *how)
    for count in work.streamed:
        file = write(folder / f"{count}.yaml", long_requests(count))
        yield "requests", f"{LONG_REPS} x {count / 1e6:g} M", sim_run(str(file), "--reps", str(LONG_REPS), *how)


def _row(ran: Ran) -> dict[str, float]:
    """Tell what a run took."""
    jobs = served(json.loads(ran.said))
    return {
        "jobs": jobs,
        "peak_bytes": ran.peak_bytes,
        "wall_s": ran.elapsed.wall,
        "processor_s": ran.elapsed.processor,
        "jobs_per_s": jobs / ran.elapsed.wall,
    }


def served(result: dict[str, Any]) -> float:
    """Count the jobs of a result: all plans, classes, replications."""
    classes = [each for plan in result["plans"].values() for each in plan["classes"].values()]
    return float(result["replications"] * sum(each["jobs"]["value"] for each in classes))


def memory_per_job(years: int) -> float:
    """Bytes that Python and numpy hold at the peak of one long replication, for each of its jobs, 3 plans together.

    The fine-tunes of a replication are held at once, however many replications there are.
    """
    long = tunes().model_copy(update={"horizon_days": 365.0 * years})
    whole_way(tunes(), 1)  # load, compile
    tracemalloc.start()
    try:
        _, jobs = whole_way(long, 1)
        return tracemalloc.get_traced_memory()[1] / (jobs / len(long.plans))
    finally:
        tracemalloc.stop()


def text(told: dict[str, Any]) -> str:
    """Lay out the table."""
    rows = []
    for kind, sizes in told["memory"].items():
        first = next(iter(sizes.values()))
        for size, row in sizes.items():
            rows.append(
                [
                    f"{kind}, {size}",
                    f"{row['jobs'] / 1e6:.2f}",
                    f"{row['peak_bytes'] / 1e6:.0f}",
                    f"{row['jobs'] / first['jobs']:.1f}",
                    f"{row['peak_bytes'] / first['peak_bytes']:.2f}",
                    f"{row['wall_s']:.1f}",
                    f"{row['processor_s']:.1f}",
                    f"{row['jobs_per_s'] / 1e6:.2f}",
                ]
            )
    each = {"bytes a job": f"{told['bytes_per_job']:.0f} for each fine-tune of one replication, which are held at once"}
    return page("memory of a run in a process of its own", HEAD, rows, WORDS | each)
