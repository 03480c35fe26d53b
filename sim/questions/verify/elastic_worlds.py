"""Random worlds in which nodes come and go, with planted ties: the kernel must give what the SimPy fleet gives.

Every instant lies on a coarse grid, so that completions, boots, reclaims, repairs, releases, ends of patience and
arrivals meet all the time. Compared are all columns of the jobs, every stint, every hire, and what ran out on the way
of what is drawn beforehand.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from sim.engine import fleet, reference
from sim.ground.hires import ExhaustedError
from sim.ground.jobs import Fleet, Hazards, Hiring, Paths, Recovery, Rows, Terms
from sim.ground.units import NEVER, Ticks
from sim.questions.verify import worlds

FULL, QUICK = 1000, 100
"""How many worlds."""

_SEED: Final = 732
_LONGEST: Final = 400
"""Grid steps until the clock stops, at most."""

_HIRES: Final = 4000
"""Hires and askings drawn for each replication: more than any of these worlds needs."""

Serve = Callable[[Fleet, Paths, Terms, Hazards | None], Rows]


@dataclass(frozen=True)
class ElasticWorld:
    """A small fleet of nodes that come and go, the jobs of a few replications, and what happens to the nodes.

    ``first`` is how many hires and askings there are of a replication before more are drawn.
    """

    fleet: Fleet
    paths: Paths
    terms: Terms
    hazards: Hazards
    first: int = _HIRES

    def served(self, serve: Serve) -> tuple[Rows, list[str]]:
        """Serve it, with twice as much drawn whenever that was too little; tell what ran out on the way."""
        whole, short = self.hazards, list[str]()
        hires = asks = self.first
        slots = whole.slots
        while True:
            cut = replace(
                whole,
                boot=whole.boot[:, :hires],
                lifetime=whole.lifetime[:, :hires],
                refused=whole.refused[:, :asks],
                slots=slots,
            )
            try:
                return serve(self.fleet, self.paths, self.terms, cut), short
            except ExhaustedError as error:
                short.append(error.what)
                hires *= 1 + (error.what == "hires")
                asks *= 1 + (error.what == "refused")
                slots *= 1 + (error.what == "slots")
                if hires > 2 * _HIRES or asks > 2 * _HIRES:
                    raise


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
    shape = (replications, _HIRES)
    boot = rng.integers(0, int(rng.choice([1, 2, 5, 20])), shape)
    kept = rng.random(shape) < rng.choice([0.0, 0.5, 1.0])
    lifetime = np.where(kept, NEVER, rng.integers(1, int(rng.choice([3, 8, 30])), shape))
    refused = (rng.random(shape) < rng.choice([0.1, 0.4, 0.8])).astype(np.int64)[:, : int(rng.choice([0, _HIRES]))]
    hiring = rules.hiring or Hiring()
    rows = slots if hiring.binding else int(rng.choice([0, 1] if hiring.maximum == NEVER else [0, 1, slots]))
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
    if rng.random() < 0.3:
        horizon = int(rng.integers(3, max(4, horizon)))
    hiring, slots = _hiring(rng) if rng.random() < 0.8 else (None, 0)
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
    paths = plain.paths
    if rng.random() < 0.3:
        paths = replace(paths, priority=rng.integers(0, 7, len(paths)))
    largest = paths.gpus.max(initial=0)
    if hiring is not None and largest <= min(hiring.maximum, 99) * rules.gpus_per_node and rng.random() < 0.4:
        rules = replace(rules, nodes=0)
    first = int(rng.choice([1, 3, 20, _HIRES]))
    return ElasticWorld(rules, paths, plain.terms, _hazards(rng, rules, paths.replications, slots), first)


def _hiring(rng: np.random.Generator) -> tuple[Hiring, int]:
    """Draw the rules by which nodes are hired, and how many there can be before more are drawn."""
    slots, binding = int(rng.integers(1, 5)), bool(rng.random() < 0.3)
    slots += 32 * int(rng.random() < 0.2)  # so many that the kernel marks them in more than one word
    endless = not binding and rng.random() < 0.4
    return Hiring(
        maximum=NEVER if endless else slots,
        after=int(rng.choice([0, 0, 1, 4])),
        idle_release=int(rng.choice([0, 0, 1, 5])),
        retry=int(rng.integers(1, 6)),
        binding=binding,
    ), slots


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
        Rows compared, and those in which anything differs; a world in which stints, hires or what ran out differ counts
        as one row.
    """
    rows = differing = 0
    for number in numbers:
        each = world(number)
        told, short = each.served(reference.serve)
        found, its_short = each.served(fleet.serve)
        rows += len(each.paths)
        differing += len(told.differing(found))
        differing += not _same_timelines(told, found)
        differing += short != its_short
    return rows, differing
