"""Queues as doubly linked lists in flat arrays, one a priority level: join at the tail, leave from anywhere.

Links hold job numbers, -1 for none. A job's place in the link arrays is its number in its replication, ``job - first``.
"""

from sim.ground.compiled import kernel
from sim.ground.units import Ticks


@kernel
def join(head: Ticks, tail: Ticks, later: Ticks, earlier: Ticks, queue: int, job: int, first: int) -> None:
    """Put a job at the end of a queue."""
    last = tail[queue] if head[queue] >= 0 else -1
    later[job - first] = -1
    earlier[job - first] = last
    if last >= 0:
        later[last - first] = job
    else:
        head[queue] = job
    tail[queue] = job


@kernel
def leave(head: Ticks, tail: Ticks, later: Ticks, earlier: Ticks, queue: int, job: int, first: int) -> None:
    """Take a job out of a queue, wherever it stands."""
    before, after = earlier[job - first], later[job - first]
    if before >= 0:
        later[before - first] = after
    else:
        head[queue] = after
    if after >= 0:
        earlier[after - first] = before
    else:
        tail[queue] = before


@kernel
def rejoin(head: Ticks, tail: Ticks, later: Ticks, earlier: Ticks, queue: int, job: int, first: int) -> None:
    """Put a job back at its place in a queue, which is in the order of rows."""
    before, after = -1, head[queue]
    while 0 <= after < job:
        before, after = after, later[after - first]
    later[job - first], earlier[job - first] = after, before
    if before >= 0:
        later[before - first] = job
    else:
        head[queue] = job
    if after >= 0:
        earlier[after - first] = job
    else:
        tail[queue] = job
