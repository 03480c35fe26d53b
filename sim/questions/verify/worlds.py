"""Random worlds with planted ties, on which the kernel must give what the SimPy fleet gives, row by row.

Every instant lies on a coarse grid, so completions, ends of patience and arrivals meet all the time.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sim.engine import fleet, reference
from sim.ground.jobs import Fleet, Paths, Terms
from sim.ground.units import NEVER, Ticks

FULL, QUICK = 1200, 150
"""How many worlds."""

_SEED: Final = 731
_SPAN: Final = 60
"""Grid steps from the first arrival to the last, at most."""


@dataclass(frozen=True)
class World:
    """A small fleet and the jobs of a few replications."""

    fleet: Fleet
    paths: Paths
    terms: Terms


def _arrivals(rng: np.random.Generator, horizon: int) -> Ticks:
    """Draw instants on the grid, in batches, many of them alike."""
    instants = rng.integers(0, min(horizon, int(rng.integers(10, _SPAN))), int(rng.integers(0, 26)))
    return np.sort(np.repeat(instants, rng.choice([1, 1, 1, 2, 4], len(instants))))


def _sizes(rng: np.random.Generator, size: int, nodes: int, count: int) -> Ticks:
    """Draw GPUs a job: parts of a node, whole nodes, several nodes."""
    whole = size * rng.integers(1, nodes + 1, count)
    part = rng.integers(1, size + 1, count)
    return np.where(rng.random(count) < rng.choice([0.0, 0.2, 0.5]), whole, part)


def _patience(rng: np.random.Generator, count: int) -> Ticks:
    """Draw how long jobs wait: not at all, a fixed time, by chance, for ever, or each in its own way."""
    ways = [
        np.zeros(count, np.int64),
        np.full(count, rng.integers(1, 8)),
        np.rint(rng.exponential(4.0, count)).astype(np.int64),
        np.full(count, NEVER),
    ]
    choice = rng.integers(0, 5)
    return ways[choice] if choice < 4 else np.choose(rng.integers(0, 4, count), ways)


def world(number: int) -> World:
    """Make one of the random worlds.

    Parameters
    ----------
    number : int
        Which; each is the same on every machine.
    """
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(_SEED, spawn_key=(number,))))
    size, nodes = int(rng.choice([1, 2, 4, 8])), int(rng.integers(1, 6))
    horizon = int(rng.choice([20, 40, 90, 100_000]))
    parts = [_arrivals(rng, horizon) for _ in range(int(rng.integers(1, 5)))]
    arrival = np.concatenate(parts)
    count = len(arrival)
    rules = Fleet(
        nodes,
        size,
        horizon,
        queue_limit=int(rng.choice([0, 1, 3, 8, NEVER, NEVER, NEVER])),
        backfill=bool(rng.random() < 0.5),
    )
    levels = rng.choice([[0, 0, 0], [0, 1, 2], [0, 5, 99]])
    paths = Paths(
        offsets=np.concatenate(([0], np.cumsum([len(part) for part in parts]))),
        arrival=arrival,
        service=rng.integers(0, int(rng.choice([2, 6, 12])), count),
        gpus=_sizes(rng, size, nodes, count),
        priority=levels[rng.integers(0, 3, count)],
        job_class=np.zeros(count, np.int64),
        tokens=np.ones(count),
    )
    return World(rules, paths, Terms(_patience(rng, count), rng.integers(0, 9, count)))


def compare(numbers: range) -> tuple[int, int]:
    """Serve some worlds by the kernel and by SimPy.

    Returns
    -------
    rows, differing : int
        Rows compared, and those in which start, end, node or outcome differ.
    """
    rows = differing = 0
    for number in numbers:
        each = world(number)
        told: Any = reference.serve(each.fleet, each.paths, each.terms)
        found = fleet.serve(each.fleet, each.paths, each.terms)
        rows += len(each.paths)
        differing += len(told.differing(found))
    return rows, differing
