"""Random worlds in which nodes come and go, with planted ties: the kernel must give what the SimPy fleet gives.

Every instant lies on a coarse grid, so that completions, boots, reclaims, repairs, releases, ends of patience and
arrivals meet all the time. Compared are all columns of the jobs, every stint, and every hire.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from sim import fleet, reference
from sim.jobs import Fleet, Hazards, Hiring, Paths, Recovery, Rows, Terms
from sim.units import NEVER, Ticks
from sim.verify import worlds

FULL, QUICK = 1000, 150
"""How many worlds."""

_SEED: Final = 732
_LONGEST: Final = 400
"""Grid steps until the clock stops, at most."""

_HIRES: Final = 4000
"""Hires and askings drawn for each replication: more than any of these worlds needs."""


@dataclass(frozen=True)
class ElasticWorld:
    """A small fleet of nodes that come and go, the jobs of a few replications, and what happens to the nodes."""

    fleet: Fleet
    paths: Paths
    terms: Terms
    hazards: Hazards


def _windows(rng: np.random.Generator, shape: tuple[int, int], longest: tuple[int, int], horizon: int) -> Ticks:
    """Draw windows: each node up and down in turn, from the beginning or not."""
    count = 2 * max(1, min(60, horizon // 3))
    steps = rng.integers(1, longest, (*shape, count // 2, 2)).reshape(*shape, count)
    steps[:, :, 0] = rng.integers(0, 2, shape) * rng.integers(0, 6, shape)
    switches = np.cumsum(steps, axis=2)
    return np.where(switches > horizon, NEVER, switches)


def _hazards(rng: np.random.Generator, rules: Fleet, replications: int, slots: int) -> Hazards:
    """Draw what happens to the nodes."""
    owned, hours = rules.nodes + rules.lent, rules.horizon
    found = Hazards.none(replications, owned, _HIRES, slots)
    if rules.fails or rules.lent:
        windows = _windows(rng, (replications, owned), (int(rng.choice([3, 12, 40])), 4), hours)
        if not rules.fails:
            windows[:, : rules.nodes] = NEVER
            windows[:, : rules.nodes, 0] = 0
        found = replace(found, windows=windows)
    if not slots:
        return found
    boot = rng.integers(0, int(rng.choice([1, 2, 5])), (replications, _HIRES))
    lifetime = np.where(rng.random((replications, _HIRES)) < rng.choice([0.0, 0.5, 1.0]), NEVER, 1)
    lifetime = np.where(lifetime == NEVER, NEVER, rng.integers(1, 30, lifetime.shape))
    refused = (rng.random((replications, _HIRES)) < 0.4).astype(np.int64)[:, : int(rng.choice([0, _HIRES]))]
    rows = int(rng.choice([0, 1, slots] if rules.hiring is not None and not rules.hiring.binding else [slots]))
    supply = _windows(rng, (replications, rows), (12, 6), hours)
    return replace(found, boot=boot, lifetime=lifetime, refused=refused, supply=supply)


def world(number: int) -> ElasticWorld:
    """Make one of the random worlds.

    Parameters
    ----------
    number : int
        Which; each is the same on every machine.
    """
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(_SEED, spawn_key=(number,))))
    plain = worlds.world(number)
    horizon = min(plain.fleet.horizon, _LONGEST)
    hiring, slots = None, 0
    if rng.random() < 0.8:
        slots = int(rng.integers(1, 5))
        binding = bool(rng.random() < 0.3)
        hiring = Hiring(
            maximum=slots,
            after=int(rng.choice([0, 0, 1, 4])),
            idle_release=int(rng.choice([0, 0, 1, 5])),
            retry=int(rng.integers(1, 6)),
            binding=binding,
        )
    interval = int(rng.choice([NEVER, 0, 1, 2, 5]))
    rules = replace(
        plain.fleet,
        horizon=horizon,
        lent=int(rng.choice([0, 0, 1, 2])),
        fails=bool(rng.random() < 0.5),
        preempt=bool(rng.random() < 0.5),
        hiring=hiring,
        recovery=Recovery(interval, int(rng.integers(0, 3)) if 0 < interval < NEVER else 0, int(rng.integers(0, 3))),
    )
    if hiring is not None and plain.paths.gpus.max(initial=0) <= slots * rules.gpus_per_node and rng.random() < 0.3:
        rules = replace(rules, nodes=0)
    return ElasticWorld(rules, plain.paths, plain.terms, _hazards(rng, rules, plain.paths.replications, slots))


def _same_timelines(told: Rows, found: Rows) -> bool:
    """Tell whether stints and hires are the same."""
    if told.stints is None or found.stints is None or told.hires is None or found.hires is None:
        return told.stints is found.stints and told.hires is found.hires
    return told.stints.same(found.stints) and told.hires.same(found.hires)


def compare(numbers: range) -> tuple[int, int]:
    """Serve some worlds by the kernel and by SimPy.

    Returns
    -------
    rows, differing : int
        Rows compared, and those in which anything differs; a world whose stints or hires differ counts as one row.
    """
    rows = differing = 0
    for number in numbers:
        each = world(number)
        told = reference.serve(each.fleet, each.paths, each.terms, each.hazards)
        found = fleet.serve(each.fleet, each.paths, each.terms, each.hazards)
        rows += len(each.paths)
        differing += len(told.differing(found))
        differing += not _same_timelines(told, found)
    return rows, differing
