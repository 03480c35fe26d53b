"""Rounds: every contestant once in each. What counts is the ratio within a round. Not here: what is measured."""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sim.ground.scenario import Scenario
from sim.questions.tables import grid_text
from sim.study import run

Rows = dict[str, dict[str, float | list[float]]]
"""By contestant: medians by unit, and ratios as least, median, most."""


@dataclass(frozen=True)
class Elapsed:
    """What a piece of work took: seconds on the clock, and seconds of all processors."""

    wall: float
    processor: float


def processors() -> int:
    """Count the processors that this process may use."""
    return len(os.sched_getaffinity(0))


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this thread on one processor."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def seconds(work: Callable[[], object]) -> float:
    """Time a piece of work once, in seconds of this thread: others on the machine disturb that less."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


def whole_way(scenario: Scenario, reps: int) -> tuple[float, float]:
    """Sample, serve, charge and estimate by one thread; seconds of processor time, and jobs under all plans."""
    began = time.process_time()
    study = run(scenario, reps, seed=1, jobs=1)
    spent = time.process_time() - began
    return spent, float(sum(outcome.total("jobs").sum() for outcome in study.outcomes.values()))


def spread(values: Sequence[float]) -> list[float]:
    """Sum up rounds: least, median, most."""
    return [min(values), statistics.median(values), max(values)]


def ratios(rounds: Sequence[Mapping[str, float]], name: str, base: str) -> list[float]:
    """Compare two contestants round by round: least, median, most."""
    return spread([each[name] / each[base] for each in rounds])


def medians(rounds: Sequence[Mapping[str, float]], unit: str) -> Rows:
    """Sum up rounds: the median of each contestant, and its ratio to the kernel."""
    return {
        name: {
            unit: statistics.median(each[name] for each in rounds),
            "times_kernel": ratios(rounds, name, "kernel"),
        }
        for name in rounds[0]
    }


def elapsed(rounds: Sequence[Mapping[str, Elapsed]], base: str) -> Rows:
    """Sum up rounds: the medians of each contestant, and how many times as long as another it took."""
    walls = [{name: each.wall for name, each in one.items()} for one in rounds]
    times = [{name: each.processor for name, each in one.items()} for one in rounds]
    return {
        name: {
            "wall_s": statistics.median(each[name] for each in walls),
            "processor_s": statistics.median(each[name] for each in times),
            "wall_ratio": ratios(walls, name, base),
            "processor_ratio": ratios(times, name, base),
        }
        for name in rounds[0]
    }


def value(row: Mapping[str, float | list[float]], key: str) -> float:
    """Take a number of a row; of a ratio the median."""
    found = row[key]
    return found[1] if isinstance(found, list) else found


def page(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], words: Mapping[str, str]) -> str:
    """Lay out a table under its title, with what its words mean, a line each."""
    said = [f"  {word}: {meaning}" for word, meaning in words.items()]
    return "\n".join([title, grid_text(head, rows), *said])


def spelled(found: object, digits: int = 2) -> list[str]:
    """Write a ratio in three cells: median, least, most."""
    if not isinstance(found, list):
        raise TypeError(found)
    least, middle, most = (f"{each:,.{digits}f}" for each in found)
    return [middle, least, most]
