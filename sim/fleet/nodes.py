"""Held nodes, compiled: the kernel that does in one pass over integers what ``reference.nodes`` tells in words.

The order at one instant is the reference's: completions, one dispatch; ends of patience, one dispatch; arrivals one
by one, a dispatch after each.
"""

import numpy as np

from sim.compiled import kernel
from sim.fleet.heap import drop, push
from sim.fleet.line import join, leave
from sim.fleet.shelf import fill, lowest, move
from sim.jobs import API, HELD, NOT_STARTED, Fleet, Paths, Rows, Terms, serve_at_once
from sim.units import NEVER, Ticks

_NOTHING, _ARRIVAL, _PATIENCE_END, _COMPLETION = 0, 1, 2, 3


@kernel
def _tightest(count: Ticks, gpus: int) -> int:
    """Find the least number of free GPUs that suffices and that some node has; -1 for none."""
    size = len(count) - 1
    if gpus > size:
        return size if count[size] >= gpus // size else -1
    for shelf in range(gpus, size + 1):
        if count[shelf] > 0:
            return shelf
    return -1


@kernel
def _earliest_start(
    job: int, size: int, gpus: Ticks, first_node: Ticks, of_nodes: Ticks, of_running: Ticks, n_running: int
) -> int:
    """Tell when a job that does not fit now can start, from the ends of the running jobs (on copies of both)."""
    free, next_node, ends, running = of_nodes[2], of_nodes[1], of_running[2], of_running[3]
    empty = 0
    for node in range(len(free)):
        free[node] = of_nodes[0, node]
        empty += free[node] == size
    for k in range(n_running):
        ends[k], running[k] = of_running[0, k], of_running[1, k]
    while n_running > 0:
        node, left = first_node[running[0]], gpus[running[0]]
        while left > 0:
            free[node] += min(left, size)
            empty += free[node] == size
            if free[node] >= gpus[job] or empty * size >= gpus[job] > size:
                return int(ends[0])
            left -= size
            node = next_node[node]
        drop(ends, running, n_running)
        n_running -= 1
    return NEVER


@kernel
def _serve(
    offsets: Ticks,
    arrival: Ticks,
    service: Ticks,
    gpus: Ticks,
    level: Ticks,
    patience: Ticks,
    api_time: Ticks,
    levels: int,
    nodes: int,
    size: int,
    queue_limit: int,
    backfill: bool,
    horizon: int,
    start: Ticks,
    end: Ticks,
    first_node: Ticks,
    outcome: Ticks,
    of_jobs: Ticks,
    of_running: Ticks,
    of_levels: Ticks,
    of_sizes: Ticks,
    of_nodes: Ticks,
    shelves: Ticks,
) -> None:
    """Serve each replication in turn, on nodes that are all free at its beginning.

    One long body on purpose: as functions that hand some twenty arrays to each other, the same steps took five times
    as long. Its parts are marked. Queue: one doubly linked list a priority level (``head``, ``tail``, ``later``,
    ``earlier``). Whoever leaves it sets its outcome; a patience timer of such a job is dropped when it comes up.
    """
    timers, timed, later, earlier = of_jobs[0], of_jobs[1], of_jobs[2], of_jobs[3]
    ends, running = of_running[0], of_running[1]
    head, tail = of_levels[0], of_levels[1]
    low_word, count = of_sizes[0], of_sizes[1]
    free, next_node = of_nodes[0], of_nodes[1]
    words = (nodes + 31) >> 5
    for r in range(len(offsets) - 1):
        first, last = offsets[r], offsets[r + 1]
        fill(shelves, low_word, count, free, words)
        for queue in range(levels):
            head[queue] = -1
        n_running = n_timers = n_waiting = 0
        arriving = first
        while True:
            # The next event, the latest of the ranks at one instant first so that an earlier rank overrules it.
            now, event = horizon, _NOTHING
            if arriving < last and arrival[arriving] < now:
                now, event = arrival[arriving], _ARRIVAL
            while n_timers > 0 and outcome[timed[0]] != NOT_STARTED:
                drop(timers, timed, n_timers)
                n_timers -= 1
            if n_timers > 0 and timers[0] < horizon and timers[0] <= now:
                now, event = timers[0], _PATIENCE_END
            if n_running > 0 and ends[0] < horizon and ends[0] <= now:
                now, event = ends[0], _COMPLETION
            if event == _NOTHING:
                break

            # What happens at it.
            newcomer = -1
            if event == _COMPLETION:
                while n_running > 0 and ends[0] == now:
                    job = running[0]
                    drop(ends, running, n_running)
                    n_running -= 1
                    node, left = first_node[job], gpus[job]
                    while left > 0:
                        move(shelves, low_word, count, free, words, node, min(left, size))
                        left -= size
                        node = next_node[node]
            elif event == _PATIENCE_END:
                while n_timers > 0 and timers[0] == now:
                    job = timed[0]
                    drop(timers, timed, n_timers)
                    n_timers -= 1
                    if outcome[job] == NOT_STARTED:
                        start[job], end[job], outcome[job] = now, now + api_time[job], API
                        n_waiting -= 1
                        leave(head, tail, later, earlier, level[job], job, first)
            else:
                newcomer = arriving
                arriving += 1
                n_waiting += 1
                join(head, tail, later, earlier, level[newcomer], newcomer, first)

            # Dispatch: the head while it fits, then whom backfill lets pass.
            limit = NEVER
            behind_head = False
            queue = 0
            candidate = -1
            while n_waiting > 0:
                if candidate < 0:
                    while queue < levels and head[queue] < 0:
                        queue += 1
                    if queue == levels:
                        break
                    candidate = head[queue]
                job = candidate
                shelf = _tightest(count, gpus[job]) if now + service[job] <= limit else -1
                if shelf < 0:
                    if not backfill or count[0] == nodes:
                        break
                    if not behind_head:
                        behind_head = True
                        limit = _earliest_start(job, size, gpus, first_node, of_nodes, of_running, n_running)
                    candidate = later[job - first]
                    if candidate < 0:
                        queue += 1
                    continue
                n_waiting -= 1
                after = later[job - first]
                leave(head, tail, later, earlier, queue, job, first)
                start[job], end[job], outcome[job] = now, now + service[job], HELD
                left, previous = gpus[job], -1
                while left > 0:
                    node = lowest(shelves, low_word, words, shelf)
                    move(shelves, low_word, count, free, words, node, -min(left, size))
                    if previous < 0:
                        first_node[job] = node
                    else:
                        next_node[previous] = node
                    previous = node
                    left -= size
                push(ends, running, n_running, end[job], job)
                n_running += 1
                candidate = after
                if after < 0:
                    queue += 1

            # The door: a newcomer that could not start may find the queue full, or set its patience.
            if newcomer >= 0 and outcome[newcomer] == NOT_STARTED:
                if n_waiting - 1 >= queue_limit:
                    start[newcomer], end[newcomer], outcome[newcomer] = now, now + api_time[newcomer], API
                    n_waiting -= 1
                    leave(head, tail, later, earlier, level[newcomer], newcomer, first)
                elif patience[newcomer] < NEVER:
                    push(timers, timed, n_timers, now + patience[newcomer], newcomer)
                    n_timers += 1


def serve(fleet: Fleet, paths: Paths, terms: Terms) -> Rows:
    """Serve the jobs of each replication on the plan's nodes, compiled.

    Parameters
    ----------
    fleet : Fleet
        The rules.
    paths : Paths
        The jobs of one or more replications; sizes that fit no node are refused by the scenario.
    terms : Terms
        Their patience and API times under the plan.

    Returns
    -------
    Rows
        What became of each job; the same as ``sim.reference.serve`` gives, row by row.

    Notes
    -----
    O(n log(running + waiting)) without backfill; with it, each blocked dispatch looks at every waiting job.
    """
    if fleet.no_queue:
        return serve_at_once(fleet, paths, terms)
    rows = Rows.empty(len(paths))
    used = np.flatnonzero(np.bincount(paths.priority, minlength=1))
    level = paths.priority if len(used) == 1 + used.max(initial=0) else np.searchsorted(used, paths.priority)
    most = int(np.diff(paths.offsets).max(initial=0)) + 1
    size = fleet.gpus_per_node
    _serve(
        paths.offsets,
        paths.arrival,
        paths.service,
        paths.gpus,
        level,
        terms.patience,
        terms.api_time,
        len(used),
        fleet.nodes,
        size,
        fleet.queue_limit,
        fleet.backfill,
        fleet.horizon,
        rows.start,
        rows.end,
        rows.node,
        rows.outcome,
        of_jobs=np.empty((4, most), np.int64),
        of_running=np.empty((4, min(most, fleet.nodes * size) + 1), np.int64),
        of_levels=np.empty((2, len(used)), np.int64),
        of_sizes=np.empty((2, size + 1), np.int64),
        of_nodes=np.empty((3, fleet.nodes), np.int64),
        shelves=np.empty((size + 1) * ((fleet.nodes + 31) >> 5), np.int64),
    )
    return rows
