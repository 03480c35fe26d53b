"""Who loses its nodes, and what it keeps, for use inside the kernel."""

from sim.engine.fleet.calls import GOING, LOSING
from sim.engine.fleet.market import LEAVING, STATE, THERE, rest
from sim.engine.fleet.shelf import move
from sim.ground.compiled import inlined, kernel
from sim.ground.units import NEVER, Ticks

JOB, NODE, ON_HIRE, SINCE, UNTIL, RESTART, WRITING, LOST = range(8)
"""Rows of the table of stints, as the columns of ``Stints``."""


@kernel
def stint(work: int, interrupted: int, interval: int, cost: int, restart: int) -> int:
    """Tell how long so much work takes on a node; as ``Recovery.stint``."""
    written = (work + interval - 1) // interval * cost if 0 < interval < NEVER else 0
    return work + written + (restart if interrupted > 0 else 0)


@kernel
def kept(work: int, elapsed: int, gracefully: bool, interval: int, cost: int) -> tuple[int, int]:
    """Tell what is saved and what is lost of a stint that was broken off; as ``Recovery.kept``."""
    if interval == NEVER:
        return 0, elapsed
    if interval == 0:
        return elapsed, 0
    saved = elapsed // (interval + cost) * interval
    more = min(min(elapsed % (interval + cost), interval), work - saved)
    return (saved + more, 0) if gracefully else (saved, more)


@inlined
def losers(
    tally: Ticks,
    of_slots: Ticks,
    losing: Ticks,
    running: Ticks,
    n_running: int,
    first_node: Ticks,
    next_node: Ticks,
    gpus: Ticks,
    size: int,
    nodes: int,
    owned: int,
) -> None:
    """List the jobs on nodes that go, as -1 - job where only lent nodes are taken back, which may save first."""
    for k in range(n_running):
        job, lost, lent = running[k], False, False
        node, left = first_node[job], gpus[job]
        while left > 0:
            for at in range(tally[GOING]):
                if of_slots[LEAVING, at] == node:
                    lent = lent or nodes <= node < owned
                    lost = lost or not nodes <= node < owned
            left -= size
            node = next_node[node]
        if lost or lent:
            losing[tally[LOSING]] = job if lost else -1 - job
            tally[LOSING] += 1


@inlined
def break_off(
    stints: Ticks,
    row: int,
    now: int,
    work: int,
    interrupted: int,
    gracefully: bool,
    interval: int,
    cost: int,
    restart: int,
    node: int,
    next_node: Ticks,
    gpus: int,
    shelves: Ticks,
    low_word: Ticks,
    count: Ticks,
    free: Ticks,
    words: int,
    events: Ticks,
    of_slots: Ticks,
    owned: int,
    shift: int,
    idle_release: int,
    horizon: int,
) -> int:
    """Take a job off its nodes and write down how its stint ended; the work that is saved."""
    size = len(count) - 1
    elapsed = now - stints[SINCE, row]
    resumed = min(elapsed, restart) if interrupted > 0 else 0
    saved, lost = kept(work, elapsed - resumed, gracefully, interval, cost)
    while gpus > 0:
        stints[UNTIL, row], stints[RESTART, row], stints[LOST, row] = now, resumed, lost
        stints[WRITING, row] = elapsed - resumed - saved - lost
        row += 1
        move(shelves, low_word, count, free, words, node, min(gpus, size))
        if node >= owned and free[node] == size and of_slots[STATE, node] == THERE:
            rest(events, of_slots, shift, node, now, idle_release, horizon)
        gpus -= size
        node = next_node[node]
    return int(saved)
