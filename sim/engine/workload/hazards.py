"""Everything random that happens to the nodes of a plan, drawn before the clock starts.

Failures and repairs of held nodes, boots, lifetimes and refusals of hired ones, turns of supply, model loads of nodes
that serve. The streams are named by what they are of and not by the plan, so plans share their noise. Not here: what a
plan decides, windows in which serving lends its nodes (``study``).
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from sim.engine.workload.draws import Draws, Open
from sim.engine.workload.replays import Replay, replay_of
from sim.engine.workload.streams import stream
from sim.ground.hires import ExhaustedError
from sim.ground.jobs import Hazards
from sim.ground.scenario import Bought, Hired, Plan, Scenario
from sim.ground.scenario.laws import law_mean
from sim.ground.scenario.misfits import FIRST_SLOTS
from sim.ground.scenario.supply import Failures
from sim.ground.units import NEVER, Ticks, tick, to_ticks

MOST_SIZE = 2**26
"""Hires, or askings, of a replication: more would not fit into memory."""

_FEWEST, _MOST_FIRST = 64, 100_000
_RARE = 0.1
"""Share of orders granted below which most of the time is spent on asking."""


class Sizes(NamedTuple):
    """How much is drawn for one replication: hires, askings for a node, and hired nodes there can be at one time."""

    hires: int
    asks: int
    slots: int


def first_sizes(scenario: Scenario, plan: Plan, jobs: float | None = None) -> Sizes:
    """Guess how much a plan needs; whoever finds it too little enlarges it.

    Parameters
    ----------
    jobs : float, optional
        Mean number of fine-tunes of a replication; without it, that of the classes with an arrival law.
    """
    hired = plan.hired_tuning
    if hired is None or scenario.hires_at_once(plan):
        return Sizes(0, 0, 0)
    hours, nodes, work = scenario.horizon_hours, 0.0, 0.0
    for each in scenario.tunes.values():
        come = each.arrivals.jobs_expected(hours) if each.arrivals is not None else 0.0
        nodes += come * max(1.0, max(each.gpu_sizes) / plan.gpus_per_node)
        work += come * (each.mean_gpu_hours or 0.0) / plan.gpus_per_node
    nodes = max(nodes, jobs or 0.0)
    if hired.lifetime_hours is not None:
        nodes += work / law_mean(hired.lifetime_hours)
    hires = int(min(_FEWEST + 1.25 * nodes, _MOST_FIRST))
    asks = int(min(_FEWEST + 1.25 * nodes / max(hired.available_share, _RARE), _MOST_FIRST))
    slots = FIRST_SLOTS if hired.most_nodes is None else min(hired.most_nodes, FIRST_SLOTS)
    return Sizes(hires, asks, slots)


def numbers(scenario: Scenario, plan: Plan, replay: Replay | None = None) -> int:
    """Tell about how many numbers the hazards of one replication are, so that a piece of them fits into memory."""
    horizon, most = tick(scenario.horizon_hours), 2.0
    for group in plan.tuning.values():
        if group.failures is not None:
            most = max(most, 2.0 * horizon / max(1, tick(group.failures.cycle_hours)))
    hires, asks, _ = first_sizes(scenario, plan)
    hired = plan.hired_tuning
    if hired is not None and hired.available_share < _RARE:  # somebody asks all the time
        asks = max(asks, horizon // hired.retry_ticks)
    changes = 2.0 * horizon / max(1, tick(hired.supply.cycle_hours)) if hired is not None and hired.supply else 0.0
    logged = 0 if replay is None else replay.instants(horizon) * len(replay.slots)
    return int(plan.nodes * most + 2 * hires + asks + changes) + logged


def enlarged(sizes: Sizes, short: ExhaustedError, plan: Plan) -> Sizes:
    """Double what was too little.

    Raises
    ------
    ExhaustedError
        Where it is nothing that is drawn here, or there is no more of it.
    """
    hired = plan.hired_tuning
    fixed = hired is None or hired.trace is not None
    most_slots = sizes.slots if hired is None or fixed else hired.most_nodes or MOST_SIZE
    field, most = {
        "hires": ("hires", MOST_SIZE),
        "refused": ("asks", MOST_SIZE),
        "slots": ("slots", most_slots),
    }.get(short.what, ("", 0))
    now = getattr(sizes, field, most)
    if now >= most:
        raise short
    return sizes._replace(**{field: min(max(2 * now, _FEWEST), most)})


def _instants(even: Draws, odd: Draws, cycle: int, begins: list[int], horizon: int) -> Ticks:
    """Draw instants, an even and an odd duration in turns (each at least a tick), until they pass the horizon."""
    chunk = max(1, min(int(1.2 * horizon / max(cycle, 1)) + 8, 2**61 // (horizon + 1)))  # a sum stays below 2^62
    parts, last = [np.array(begins, np.int64)], begins[-1]
    while last < horizon:
        lasts = np.empty(2 * chunk, np.int64)
        lasts[::2], lasts[1::2] = to_ticks(even.take(chunk)), to_ticks(odd.take(chunk))
        parts.append(last + np.cumsum(np.clip(lasts, 1, horizon + 1)))
        last = int(parts[-1][-1])
    made = np.concatenate(parts)
    return made[: int(np.searchsorted(made, horizon)) + 1]


def packed(rows: list[list[Ticks]]) -> Ticks:
    """Put rows of instants of unequal length into one table, padded with ``NEVER``."""
    width = max((len(each) for row in rows for each in row), default=2)
    table = np.full((len(rows), len(rows[0]) if rows else 0, width + width % 2), NEVER)
    for row, made in zip(table, rows, strict=True):
        for place, each in zip(row, made, strict=True):
            place[: len(each)] = each
    return table


def _up_times(laws: Failures, node: int, open_stream: Open, horizon: int) -> Ticks:
    """Draw the windows of a node that fails and is repaired; it begins as new."""
    up = Draws(laws.up_hours, open_stream, f"held/{node}/up")
    repair = Draws(laws.repair_hours, open_stream, f"held/{node}/repair")
    return _instants(up, repair, tick(laws.cycle_hours), [0], horizon)


def _windows(plan: Plan, opens: Sequence[Open], horizon: int) -> Ticks:
    """Draw the windows of all held nodes that run fine-tunes."""
    always = Hazards.none(len(opens), plan.nodes).windows
    if not plan.fails:
        return always
    laws = [group.failures for group in plan.tuning.values() for _ in range(group.nodes)]
    steady = np.array([0, NEVER])
    return packed(
        [
            [steady if each is None else _up_times(each, node, open_stream, horizon) for node, each in enumerate(laws)]
            for open_stream in opens
        ]
    )


def turns(on_hours: Any, off_hours: Any, open_stream: Open, name: str, horizon: int) -> Ticks:
    """Draw when something goes on and off in turns: on at first with probability on / (on + off).

    Parameters
    ----------
    on_hours, off_hours : laws
        How long it is on, and off.
    name : str
        Of the stream that decides how it begins; ``/on`` and ``/off`` of it tell how long it lasts.

    Returns
    -------
    int64[n]
        Ticks, on first, beyond the horizon at last.
    """
    on, off = Draws(on_hours, open_stream, f"{name}/on"), Draws(off_hours, open_stream, f"{name}/off")
    mean_on, cycle_hours = law_mean(on_hours), law_mean(on_hours) + law_mean(off_hours)
    begins_on = open_stream(name).random() * cycle_hours < mean_on
    if begins_on:
        return _instants(on, off, tick(cycle_hours), [0], horizon)
    return _instants(off, on, tick(cycle_hours), [0], horizon)[1:]


def _supply(hired: Hired, replay: Replay | None, opens: Sequence[Open], horizon: int) -> Ticks:
    """Draw when there is something to hire: always (no row), in turns (one row), or as a log tells (a row a slot)."""
    if hired.supply is not None:
        laws = hired.supply.on_hours, hired.supply.off_hours
        return packed([[turns(*laws, open_stream, "hired/supply", horizon)] for open_stream in opens])
    if replay is None:
        return np.empty((len(opens), 0, 1), np.int64)
    begins = [int(open_stream("hired/trace").integers(replay.period)) for open_stream in opens]
    return packed(replay.over(begins, horizon))


def _by_hire(law: Any, opens: Sequence[Open], quantity: str, count: int, hours: float, least: int) -> Ticks:
    """Draw one duration for each hire of each replication; ``hours`` is how many the law's unit has."""
    table = np.empty((len(opens), count), np.int64)
    if law.law == "deterministic":
        table[:] = max(least, tick(law_mean(law) * hours))
        return table
    for row, open_stream in zip(table, opens, strict=True):
        row[:] = np.maximum(to_ticks(Draws(law, open_stream, quantity).take(count) * hours), least)
    return table


def _refused(share: float, opens: Sequence[Open], count: int) -> Ticks:
    """Draw which askings are refused; no columns where none is."""
    if share >= 1:
        return np.empty((len(opens), 0), np.int64)
    drawn = [open_stream("hired/refusals").random(count) >= share for open_stream in opens]
    return np.array(drawn, np.int64).reshape(len(opens), count)


def _with_lent(windows: Ticks, lent: Ticks | None) -> Ticks:
    """Put the windows of lent nodes behind those of held ones."""
    if lent is None or lent.shape[1] == 0:
        return windows
    width = max(windows.shape[2], lent.shape[2])
    both = np.full((len(windows), windows.shape[1] + lent.shape[1], width), NEVER)
    both[:, : windows.shape[1], : windows.shape[2]] = windows
    both[:, windows.shape[1] :, : lent.shape[2]] = lent
    return both


def hazards(
    scenario: Scenario,
    plan: Plan,
    seed: int,
    replications: Sequence[int],
    *,
    hires: int | None = None,
    asks: int | None = None,
    slots: int | None = None,
    lent: Ticks | None = None,
    replay: Replay | None = None,
) -> Hazards:
    """Draw what happens to the nodes of a plan that run fine-tunes.

    Parameters
    ----------
    scenario, plan : Scenario, Plan
        Their laws and horizon are used; the plan's name is not known.
    seed : int
        Seed of the study.
    replications : sequence of int
        Numbers of the replications wanted; each gives the same in whatever company it is drawn.
    hires, asks, slots : int, optional
        How much to draw for a replication (``first_sizes``); more begins with what less gave.
    lent : int64[R, nodes, k], optional
        Windows in which serving lends its nodes.
    replay : Replay, optional
        The log by which hired nodes come and go (``replay_of``), to read it once; a log brings its own slots.

    Returns
    -------
    Hazards
        Held nodes begin as new. A hire's lifetime and a node's turns are at least a tick long.
    """
    usual, horizon, hired = first_sizes(scenario, plan), tick(scenario.horizon_hours), plan.hired_tuning
    opens = [partial(stream, seed, replication) for replication in replications]
    windows = _with_lent(_windows(plan, opens, horizon), lent)
    if hired is None or scenario.hires_at_once(plan):
        bare = Hazards.none(len(opens), 0)
        return Hazards(windows, bare.supply, bare.boot, bare.lifetime, bare.refused)
    if hired.trace is not None and replay is None:
        replay = replay_of(scenario, plan)
    count = usual.hires if hires is None else hires
    lifetime = np.full((len(opens), count), NEVER)
    if hired.lifetime_hours is not None:
        lifetime = _by_hire(hired.lifetime_hours, opens, "hired/lifetime", count, 1.0, 1)
    return Hazards(
        windows,
        supply=_supply(hired, replay, opens, horizon),
        boot=_by_hire(hired.boot_minutes, opens, "hired/boot", count, 1 / 60, 0),
        lifetime=lifetime,
        refused=_refused(float(hired.available_share), opens, usual.asks if asks is None else asks),
        slots=len(replay.slots) if replay is not None else usual.slots if slots is None else slots,
    )


def loads(group: Bought, seed: int, replications: Sequence[int], count: int) -> Ticks:
    """Draw how long each node that begins to serve takes until it does: its boot, if it is hired, and the model's load.

    Returns
    -------
    int64[R, count]
        Ticks; of the k-th node that begins to serve, those that are there from the beginning not counted.
    """
    opens = [partial(stream, seed, replication) for replication in replications]
    if group.serve is None:
        raise LookupError("these nodes serve no inference")
    made = _by_hire(group.serve.load_law, opens, "serving/load", count, 1 / 60, 0)
    if isinstance(group, Hired):
        made += _by_hire(group.boot_minutes, opens, "serving/boot", count, 1 / 60, 0)
    else:
        made += tick(group.serve.switch_minutes / 60)
    return made
