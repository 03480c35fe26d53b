"""Fleets whose nodes come and go, written by hand in hours, and what became of them as tables in hours."""

import numpy as np

from sim.ground.jobs import Fleet, Hazards, Hiring, Recovery, Rows
from sim.ground.units import NEVER, tick, to_hours, to_ticks


def hiring(maximum=NEVER, after=0.0, idle_release=0.0, retry=0.5, binding=False) -> Hiring:
    """Rules of hiring, in hours."""
    return Hiring(maximum, tick(after), tick(idle_release), tick(retry), binding)


def recovery(interval=None, cost=0.0, restart=0.0) -> Recovery:
    """What an interrupted job keeps, in hours; no interval: nothing."""
    return Recovery(NEVER if interval is None else tick(interval), tick(cost), tick(restart))


def elastic(nodes=0, gpus=1, horizon=100.0, **rules) -> Fleet:
    """Nodes that come and go; horizon in hours."""
    return Fleet(nodes, gpus, tick(horizon), **rules)


def happens(rules: Fleet, boots=(), lifetimes=(), refused=(), windows=None, slots=4) -> Hazards:
    """What happens to the nodes of one replication, in hours; a lifetime that is not stated never ends."""
    calm = Hazards.none(1, rules.nodes + rules.lent, max(len(boots), 8), slots if rules.hiring else 0)
    calm.boot[0, : len(boots)] = to_ticks(boots)
    calm.lifetime[0, : len(lifetimes)] = [NEVER if each is None else tick(each) for each in lifetimes]
    told = calm.windows
    if windows is not None:
        width = max(len(row) for row in windows) + 1
        told = np.full((1, len(windows), width + width % 2), NEVER)
        for row, instants in zip(told[0], windows, strict=True):
            row[: len(instants)] = to_ticks(instants)
    asked = np.array([refused], np.int64) if refused else calm.refused
    return Hazards(told, calm.supply, calm.boot, calm.lifetime, asked, calm.slots)


def hours(instant: int) -> float | None:
    """An instant in hours; None for never."""
    return None if instant >= NEVER else round(float(to_hours(instant)), 9)


def stints(rows: Rows) -> list[tuple]:
    """Every stint as (job, node, hire, since, until, restart, writing, lost), the last five in hours."""
    table = rows.stints
    columns = zip(*(getattr(table, name).tolist() for name in table.COLUMNS), strict=True)
    return [(*row[:3], *(hours(each) for each in row[3:])) for row in columns]


def hires(rows: Rows) -> list[tuple]:
    """Every hire as (node, ordered, ready, left), the last three in hours."""
    table = rows.hires
    columns = zip(table.node.tolist(), table.ordered.tolist(), table.ready.tolist(), table.left.tolist(), strict=True)
    return [(node, *(hours(each) for each in instants)) for node, *instants in columns]
