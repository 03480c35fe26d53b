"""Nodes, compiled: the kernel that does in one pass over integers what ``reference.nodes`` tells in words.

The order at one instant is the reference's: completions, nodes down, nodes up, nodes given back, one dispatch; ends of
patience, one dispatch; arrivals one by one, a dispatch after each.
"""

from collections.abc import Callable

from sim.engine.fleet.calls import (
    ASK_NEXT,
    GOING,
    HIRES,
    LOSING,
    RECALLS,
    RIPENING,
    SUSPENDED,
    call,
    call_later,
    ripen,
    share,
    withdraw,
)
from sim.engine.fleet.claims import earliest_start, victims
from sim.engine.fleet.heap import drop, push, remove
from sim.engine.fleet.line import join, leave, rejoin
from sim.engine.fleet.losses import (
    JOB,
    LOST,
    NODE,
    ON_HIRE,
    RESTART,
    SINCE,
    UNTIL,
    WRITING,
    break_off,
    losers,
    stint,
)
from sim.engine.fleet.market import (
    CHECKS,
    DONE,
    HIRE,
    LEAVING,
    NO_STINT,
    begin,
    change,
    give_back,
    look_again,
    order,
    rest,
)
from sim.engine.fleet.shelf import fill, lowest, move
from sim.ground.compiled import kernel
from sim.ground.jobs import API, HELD, HIRED, NOT_STARTED
from sim.ground.units import NEVER, Ticks

_NOTHING, _ARRIVAL, _LATE, _PATIENCE_END, _CHANGE = 0, 1, 2, 3, 4


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


def _compiled(changing: bool) -> Callable[..., int]:
    """Compile the kernel: for nodes that neither come nor go, or for all of it.

    One long body on purpose: as functions that hand some twenty arrays to each other, the same steps took five times
    as long. What a steady fleet does not need is left out of its kernel by the compiler.
    """

    @kernel
    def serve(
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
        rules: Ticks,
        windows: Ticks,
        supply: Ticks,
        boot: Ticks,
        lifetime: Ticks,
        refused: Ticks,
        events: Ticks,
        of_slots: Ticks,
        tally: Ticks,
        interrupted: Ticks,
        hires: Ticks,
        hired: Ticks,
        stints: Ticks,
        stint_offsets: Ticks,
    ) -> int:
        """Serve each replication in turn, on nodes that are all free at its beginning.

        Its parts are marked. Queue: one doubly linked list a priority level (``head``, ``tail``, ``later``,
        ``earlier``). Whoever leaves it sets its outcome; a patience timer of such a job is dropped when it comes up.
        ``calling``: 1 for a waiting job that calls for a node, -1 for an interrupted one that will (in ``recalls``).
        """
        timers, timed, later, earlier = of_jobs[0], of_jobs[1], of_jobs[2], of_jobs[3]
        ends, running = of_running[0], of_running[1]
        head, tail = of_levels[0], of_levels[1]
        low_word, count = of_sizes[0], of_sizes[1]
        free, next_node = of_nodes[0], of_nodes[1]
        total = len(free)
        words = (total + 31) >> 5
        back = of_nodes[3, : total if changing else 0]
        if changing:
            work, first_stint, losing, at_level = of_jobs[4], of_jobs[5], of_running[4], of_levels[2]
            of_calls = of_jobs[6:]
            lent, preempt, maximum, after, idle_release, retry, binding, interval, cost, restart, shift = rules
            shares, owned = of_sizes[2], nodes + lent
            hiring = total > owned
            n_stints = 0
        for r in range(len(offsets) - 1):
            first, last = offsets[r], offsets[r + 1]
            fill(shelves, low_word, count, free, words)
            for queue in range(levels):
                head[queue] = -1
                if changing:
                    at_level[queue] = 0
            n_running = n_timers = n_waiting = 0
            arriving = first
            newcomer = -1
            if changing:
                tally[:] = 0
                tally[ASK_NEXT], tally[RIPENING] = NEVER, first
                quiet_since, late = 0, NEVER
                begin(events, of_slots, windows[r], back, owned, shift, horizon, of_slots[CHECKS])
                for node in range(total):
                    if of_slots[CHECKS, node] == 0:
                        move(shelves, low_word, count, free, words, node, -size)
            while True:
                # The next event, the latest of the ranks at one instant first so that an earlier rank overrules it.
                now, event = horizon, _NOTHING
                if arriving < last and arrival[arriving] < now:
                    now, event = arrival[arriving], _ARRIVAL
                if changing and late <= now:
                    now, event = late, _LATE
                while n_timers > 0 and outcome[timed[0]] != NOT_STARTED:
                    drop(timers, timed, n_timers)
                    n_timers -= 1
                if n_timers > 0 and timers[0] < horizon and timers[0] <= now:
                    now, event = timers[0], _PATIENCE_END
                if changing:
                    changes = min(events[1] >> shift, tally[ASK_NEXT])
                    if after > 0:
                        while tally[RIPENING] < arriving and outcome[tally[RIPENING]] != NOT_STARTED:
                            tally[RIPENING] += 1
                        if tally[RIPENING] < arriving:
                            changes = min(changes, arrival[tally[RIPENING]] + after)
                        if tally[RECALLS] > 0:
                            changes = min(changes, of_calls[0, 0])
                    if changes < horizon and changes <= now:
                        now, event = changes, _CHANGE
                if n_running > 0 and ends[0] < horizon and ends[0] <= now:
                    now, event = ends[0], _CHANGE
                if event == _NOTHING:
                    break

                # What happens at it.
                if event == _CHANGE:
                    while n_running > 0 and ends[0] == now:
                        job = running[0]
                        drop(ends, running, n_running)
                        n_running -= 1
                        if changing:
                            at_level[level[job]] -= 1
                        node, left = first_node[job], gpus[job]
                        while left > 0:
                            move(shelves, low_word, count, free, words, node, min(left, size))
                            if changing and node >= owned and free[node] == size:
                                rest(events, of_slots, shift, node, now, idle_release, horizon)
                            left -= size
                            node = next_node[node]
                    if changing:
                        checks = change(
                            tally, events, of_slots, back, windows, hires, r, shelves, low_word, count, free, words,
                            owned, shift, now, idle_release, horizon,
                        )  # fmt: skip
                        if tally[GOING] > 0:
                            losers(
                                tally, of_slots, losing, running, n_running, first_node, next_node, gpus, size, nodes,
                                owned,
                            )  # fmt: skip
                        give_back(
                            tally, checks, events, of_slots, hires, r, shelves, low_word, count, free, words, shift,
                            now, quiet_since, n_waiting, idle_release, horizon,
                        )  # fmt: skip
                        if tally[ASK_NEXT] <= now:
                            tally[ASK_NEXT] = NEVER
                        if after > 0:
                            ripen(tally, of_calls, arrival, outcome, gpus, shares, size, first, arriving, now, after)
                elif event == _PATIENCE_END:
                    while n_timers > 0 and timers[0] == now:
                        job = timed[0]
                        drop(timers, timed, n_timers)
                        n_timers -= 1
                        if outcome[job] == NOT_STARTED:
                            start[job], end[job], outcome[job] = now, now + api_time[job], API
                            n_waiting -= 1
                            leave(head, tail, later, earlier, level[job], job, first)
                            if changing:
                                withdraw(tally, of_calls, job - first, share(shares, gpus[job], size))
                    if changing:
                        late = NEVER
                elif event == _ARRIVAL:
                    newcomer = arriving
                    arriving += 1
                    n_waiting += 1
                    join(head, tail, later, earlier, level[newcomer], newcomer, first)
                    if changing:
                        work[newcomer - first] = service[newcomer]
                        of_calls[2, newcomer - first], of_calls[3, newcomer - first] = -1, 0
                        if after == 0 and hiring:
                            call(tally, of_calls, newcomer - first, share(shares, gpus[newcomer], size))
                            tally[RIPENING] = arriving
                elif changing:
                    late = NEVER

                again = True
                while again:
                    again = False
                    if changing:
                        # Who loses its nodes: it keeps what is saved and goes back to its place.
                        for k in range(tally[LOSING]):
                            gracefully = losing[k] < 0
                            job = -1 - losing[k] if gracefully else losing[k]
                            at = job - first
                            work[at] -= break_off(
                                stints, first_stint[at], now, work[at], interrupted[job], gracefully, interval, cost,
                                restart, first_node[job], next_node, gpus[job], shelves, low_word, count, free, words,
                                events, of_slots, owned, shift, idle_release, horizon,
                            )  # fmt: skip
                            interrupted[job] += 1
                            remove(ends, running, n_running, job)
                            n_running -= 1
                            at_level[level[job]] -= 1
                            n_waiting += 1
                            rejoin(head, tail, later, earlier, level[job], job, first)
                            if hiring:
                                call_later(tally, of_calls, at, now, after, share(shares, gpus[job], size))
                        for k in range(tally[GOING]):
                            node = of_slots[LEAVING, k]
                            move(shelves, low_word, count, free, words, node, -free[node])
                        tally[LOSING] = tally[GOING] = 0

                    # Dispatch: the head while it fits or others give way, then whom backfill lets pass.
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
                        if changing:
                            lasts = stint(work[job - first], interrupted[job], interval, cost, restart)
                        else:
                            lasts = service[job]
                        shelf = _tightest(count, gpus[job]) if now + lasts <= limit else -1
                        if shelf < 0:
                            if changing and preempt and not behind_head and at_level[queue + 1 :].any():
                                tally[LOSING] = victims(
                                    job, size, gpus, level, first_node, of_nodes, of_running, n_running, losing
                                )
                                if tally[LOSING] > 0:
                                    again = True
                                    break
                            if not backfill or count[0] == total:
                                break
                            if not behind_head:
                                behind_head = True
                                limit = earliest_start(
                                    job, size, gpus, first_node, of_nodes, back, of_running, n_running
                                )
                            candidate = later[job - first]
                            if candidate < 0:
                                queue += 1
                            continue
                        n_waiting -= 1
                        following = later[job - first]
                        leave(head, tail, later, earlier, queue, job, first)
                        if changing:
                            withdraw(tally, of_calls, job - first, share(shares, gpus[job], size))
                            if n_stints + total > stints.shape[1]:
                                return NO_STINT
                            first_stint[job - first] = n_stints
                        if not changing or outcome[job] == NOT_STARTED:
                            start[job] = now
                        end[job], outcome[job] = now + lasts, HELD
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
                            if changing:
                                resumed = restart if interrupted[job] > 0 else 0
                                stints[JOB, n_stints], stints[NODE, n_stints] = job, node
                                stints[ON_HIRE, n_stints], stints[SINCE, n_stints] = of_slots[HIRE, node], now
                                stints[UNTIL, n_stints], stints[RESTART, n_stints] = end[job], resumed
                                stints[WRITING, n_stints] = lasts - resumed - work[job - first]
                                stints[LOST, n_stints] = 0
                                n_stints += 1
                        if changing and first_node[job] >= owned:
                            outcome[job] = HIRED
                        push(ends, running, n_running, end[job], job)
                        n_running += 1
                        if changing:
                            at_level[queue] += 1
                        candidate = following
                        if following < 0:
                            queue += 1

                if changing:
                    # Orders: as many as the jobs call for that have waited long enough.
                    if hiring:
                        ended = order(
                            tally, events, of_slots, back, hires, r, supply, boot, lifetime, refused, count[size],
                            maximum, retry, binding, owned, shift, now, horizon,
                        )  # fmt: skip
                        if ended != DONE:
                            return ended
                    if n_waiting > 0:
                        quiet_since = NEVER
                    elif quiet_since == NEVER:
                        quiet_since = now
                    if tally[SUSPENDED] and n_waiting == 0:
                        look_again(
                            tally, events, of_slots, free, size, owned, shift, quiet_since, idle_release, horizon
                        )
                    if (n_running > 0 and ends[0] == now) or events[1] >> shift == now:
                        continue  # what follows at once comes before the door

                # The door: a newcomer that could not start may find the queue full, or set its patience.
                if newcomer >= 0 and outcome[newcomer] == NOT_STARTED:
                    if n_waiting - 1 >= queue_limit:
                        start[newcomer], end[newcomer], outcome[newcomer] = now, now + api_time[newcomer], API
                        n_waiting -= 1
                        leave(head, tail, later, earlier, level[newcomer], newcomer, first)
                        if changing:
                            late = now
                            withdraw(tally, of_calls, newcomer - first, share(shares, gpus[newcomer], size))
                    elif patience[newcomer] < NEVER:
                        push(timers, timed, n_timers, now + patience[newcomer], newcomer)
                        n_timers += 1
                newcomer = -1

            if changing:
                # Who was interrupted and waits when the clock stops is told as if it went on then.
                for queue in range(levels):
                    job = head[queue]
                    while job >= 0:
                        if interrupted[job] > 0:
                            lasts = stint(work[job - first], interrupted[job], interval, cost, restart)
                            end[job] = horizon + lasts
                        job = later[job - first]
                hired[r], stint_offsets[r + 1] = tally[HIRES], n_stints
        return DONE

    return serve


serve_steady, serve_changing = _compiled(changing=False), _compiled(changing=True)
"""The kernel for nodes that neither come nor go, and for all."""
