"""Nodes, compiled: the kernel that does in one pass over integers what ``reference.nodes`` tells in words.

The order at one instant is the reference's: completions, nodes down, nodes up, nodes given back, one dispatch; ends of
patience, one dispatch; arrivals one by one, a dispatch after each.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import numpy as np

from sim.compiled import kernel
from sim.fleet.claims import earliest_start, victims
from sim.fleet.contest import play, players_for
from sim.fleet.heap import drop, push, remove
from sim.fleet.line import join, leave, rejoin
from sim.fleet.shelf import fill, lowest, move
from sim.hires import ExhaustedError, Hires
from sim.jobs import (
    API,
    HELD,
    HIRED,
    NOT_STARTED,
    SHARE,
    Fleet,
    Hazards,
    Hiring,
    Paths,
    Rows,
    Stints,
    Terms,
    serve_at_once,
    share_of_node,
)
from sim.units import NEVER, Ticks

_NOTHING, _ARRIVAL, _LATE, _PATIENCE_END, _CHANGE = 0, 1, 2, 3, 4
_GONE, _ORDERED, _UP = 0, 1, 2
_DONE, _NO_HIRE, _NO_ASKING, _NO_SLOT, _NO_STINT = 0, 1, 2, 3, 4
_EXHAUSTED = {_NO_HIRE: "hires", _NO_ASKING: "refused", _NO_SLOT: "slots", _NO_STINT: "stints"}

# The rules of what comes and goes as they are handed to the kernel, and the columns of the stints.
_HIRING = attrgetter("maximum", "after", "idle_release", "retry", "binding")
_RECOVERY = attrgetter("interval", "cost", "restart")
_UNTIL, _RESTART, _WRITING, _LOST = 4, 5, 6, 7


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
def _share(shares: Ticks, gpus: int, size: int) -> int:
    """Tell how much of a node a job fills; as ``share_of_node``, of which ``shares`` is a table."""
    return shares[gpus] if gpus <= size else gpus // size * SHARE


@kernel
def _stint(work: int, interrupted: int, interval: int, cost: int, restart: int) -> int:
    """Tell how long so much work takes on a node; as ``Recovery.stint``."""
    written = (work + interval - 1) // interval * cost if 0 < interval < NEVER else 0
    return work + written + (restart if interrupted > 0 else 0)


@kernel
def _saved(work: int, elapsed: int, gracefully: bool, interval: int, cost: int) -> tuple[int, int]:
    """Tell what is saved and what is lost of a stint that was broken off; as ``Recovery.kept``."""
    if interval == NEVER:
        return 0, elapsed
    if interval == 0:
        return elapsed, 0
    saved = elapsed // (interval + cost) * interval
    more = min(min(elapsed % (interval + cost), interval), work - saved)
    return (saved + more, 0) if gracefully else (saved, more)


@kernel
def _arm(events: Ticks, shift: int, node: int, instant: int, horizon: int) -> None:
    """Set when something happens next to a node."""
    play(events, 1 << shift, node, (instant << shift) + node if instant < horizon else NEVER)


@kernel
def _vacant(of_slots: Ticks, supply: Ticks, owned: int, now: int) -> int:
    """Find the lowest slot that is empty and supplied; -1 where no empty one is supplied, -2 where none is empty."""
    state, pointer = of_slots[0], of_slots[1]
    rows, found = len(supply), -2
    for slot in range(state.shape[0] - owned):
        if state[owned + slot] != _GONE:
            continue
        if rows == 0:
            return slot
        row = slot if rows > 1 else 0
        at = pointer[owned + row]
        while at < supply.shape[1] and supply[row, at] <= now:
            at += 1
        pointer[owned + row] = at
        if at & 1:
            return slot
        if rows == 1:
            return -1
        found = -1
    return found


def _kernel(changing: bool) -> Callable[..., int]:
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
            recalls, recalled, lost_at, calling = of_jobs[6], of_jobs[7], of_jobs[8], of_jobs[9]
            state, pointer, dies, idle_since, of_hire = of_slots[0], of_slots[1], of_slots[2], of_slots[3], of_slots[4]
            on_order, going, checks = of_slots[5], of_slots[6], of_slots[7]
            lent, preempt, maximum, after, idle_release, retry, binding, interval, cost, restart, shift = rules
            shares, owned = of_sizes[2], nodes + lent
            hiring = total > owned
            switches = windows.shape[2]
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
                events[:] = NEVER
                for node in range(total):
                    state[node], pointer[node], back[node], of_hire[node] = _GONE, 0, NEVER, -1
                    if node < owned:
                        at = 0
                        while at < switches and windows[r, node, at] <= 0:
                            at += 1
                        pointer[node] = at
                        if at < switches:
                            _arm(events, shift, node, windows[r, node, at], horizon)
                    if node >= owned or pointer[node] & 1 == 0:
                        move(shelves, low_word, count, free, words, node, -size)
                        if node < owned and pointer[node] < switches:
                            back[node] = windows[r, node, pointer[node]]
                n_hires = n_asked = n_orders = n_up = n_losing = n_going = n_recalls = demand = 0
                ask_again, ask_next, quiet_since, late, suspended = 0, NEVER, 0, NEVER, False
                ripening = first
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
                    change = min(events[1] >> shift, ask_next)
                    if after > 0:
                        while ripening < arriving and outcome[ripening] != NOT_STARTED:
                            ripening += 1
                        if ripening < arriving:
                            change = min(change, arrival[ripening] + after)
                        if n_recalls > 0:
                            change = min(change, recalls[0])
                    if change < horizon and change <= now:
                        now, event = change, _CHANGE
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
                                idle_since[node] = now
                                _arm(events, shift, node, min(dies[node], now + idle_release), horizon)
                            left -= size
                            node = next_node[node]
                    if changing:
                        n_checks = 0
                        while events[1] >> shift == now:
                            node = events[1] & ((1 << shift) - 1)
                            hire = of_hire[node]
                            if node < owned:  # a held or lent node: the next of its windows begins or ends
                                at = pointer[node] + 1
                                pointer[node] = at
                                upcoming = windows[r, node, at] if at < switches else NEVER
                                _arm(events, shift, node, upcoming, horizon)
                                if at & 1:
                                    move(shelves, low_word, count, free, words, node, size)
                                    back[node] = NEVER
                                else:
                                    going[n_going] = node
                                    n_going += 1
                                    back[node] = upcoming
                            elif dies[node] <= now:  # a hired node, or an order, is lost
                                _arm(events, shift, node, NEVER, horizon)
                                hires[3, r, hire] = now
                                if state[node] == _UP:
                                    going[n_going] = node
                                    n_going += 1
                                    n_up -= 1
                                else:
                                    hires[2, r, hire] = NEVER
                                    at = 0
                                    while on_order[at] != node:
                                        at += 1
                                    n_orders -= 1
                                    for k in range(at, n_orders):
                                        on_order[k] = on_order[k + 1]
                                state[node], back[node], of_hire[node] = _GONE, NEVER, -1
                            elif state[node] == _ORDERED:  # an order is ready
                                move(shelves, low_word, count, free, words, node, size)
                                state[node], back[node], idle_since[node] = _UP, NEVER, now
                                n_up += 1
                                at = 0
                                while on_order[at] != node:
                                    at += 1
                                n_orders -= 1
                                for k in range(at, n_orders):
                                    on_order[k] = on_order[k + 1]
                                _arm(events, shift, node, min(dies[node], now + idle_release), horizon)
                                if idle_release == 0:
                                    _arm(events, shift, node, dies[node], horizon)
                                    suspended = True  # the dispatch comes first
                            else:  # a hired node may have been idle long enough
                                checks[n_checks] = node
                                n_checks += 1
                                _arm(events, shift, node, dies[node], horizon)
                        for k in range(n_running if n_going > 0 else 0):
                            job, lost, saved = running[k], False, False
                            node, left = first_node[job], gpus[job]
                            while left > 0:
                                for at in range(n_going):
                                    if going[at] == node:
                                        saved = saved or nodes <= node < owned
                                        lost = lost or not nodes <= node < owned
                                left -= size
                                node = next_node[node]
                            if lost or saved:
                                losing[n_losing] = job if lost else -1 - job
                                n_losing += 1
                        for k in range(n_checks):
                            node = checks[k]
                            if free[node] == size and (n_waiting + n_losing > 0 or quiet_since == NEVER):
                                suspended = True
                            elif free[node] == size:
                                due = max(idle_since[node], quiet_since) + idle_release
                                if due > now:
                                    _arm(events, shift, node, min(dies[node], due), horizon)
                                else:
                                    _arm(events, shift, node, NEVER, horizon)
                                    move(shelves, low_word, count, free, words, node, -size)
                                    hires[3, r, of_hire[node]] = now
                                    state[node], of_hire[node] = _GONE, -1
                                    n_up -= 1
                        if ask_next <= now:
                            ask_next = NEVER
                        # Who has waited long enough to call for a node: since arrival, or since the last interruption.
                        while after > 0 and ripening < arriving and arrival[ripening] + after <= now:
                            if outcome[ripening] == NOT_STARTED:
                                demand += _share(shares, gpus[ripening], size)
                                calling[ripening - first] = 1
                            ripening += 1
                        while n_recalls > 0 and recalls[0] <= now:
                            job = recalled[0]
                            drop(recalls, recalled, n_recalls)
                            n_recalls -= 1
                            calling[job - first] = 0
                            due = lost_at[job - first] + after
                            if lost_at[job - first] >= 0 and due <= now:
                                demand += _share(shares, gpus[job], size)
                                calling[job - first] = 1
                            elif lost_at[job - first] >= 0:
                                push(recalls, recalled, n_recalls, due, job)
                                n_recalls += 1
                                calling[job - first] = -1
                elif event == _PATIENCE_END:
                    while n_timers > 0 and timers[0] == now:
                        job = timed[0]
                        drop(timers, timed, n_timers)
                        n_timers -= 1
                        if outcome[job] == NOT_STARTED:
                            start[job], end[job], outcome[job] = now, now + api_time[job], API
                            n_waiting -= 1
                            leave(head, tail, later, earlier, level[job], job, first)
                            if changing and calling[job - first] > 0:
                                demand -= _share(shares, gpus[job], size)
                    if changing:
                        late = NEVER
                elif event == _ARRIVAL:
                    newcomer = arriving
                    arriving += 1
                    n_waiting += 1
                    join(head, tail, later, earlier, level[newcomer], newcomer, first)
                    if changing:
                        work[newcomer - first] = service[newcomer]
                        lost_at[newcomer - first], calling[newcomer - first] = -1, 0
                        if after == 0 and hiring:
                            demand += _share(shares, gpus[newcomer], size)
                            calling[newcomer - first] = 1
                            ripening = arriving
                elif changing:
                    late = NEVER

                again = True
                while again:
                    again = False
                    if changing:
                        # Who loses its nodes: it keeps what is saved and goes back to its place.
                        for k in range(n_losing):
                            gracefully = losing[k] < 0
                            job = -1 - losing[k] if gracefully else losing[k]
                            row = first_stint[job - first]
                            elapsed = now - stints[3, row]
                            resumed = min(elapsed, restart) if interrupted[job] > 0 else 0
                            saved_work, lost_work = _saved(
                                work[job - first], elapsed - resumed, gracefully, interval, cost
                            )
                            node, left = first_node[job], gpus[job]
                            while left > 0:
                                stints[_UNTIL, row], stints[_RESTART, row], stints[_LOST, row] = now, resumed, lost_work
                                stints[_WRITING, row] = elapsed - resumed - saved_work - lost_work
                                row += 1
                                move(shelves, low_word, count, free, words, node, min(left, size))
                                if node >= owned and free[node] == size and state[node] == _UP:
                                    idle_since[node] = now
                                    _arm(events, shift, node, min(dies[node], now + idle_release), horizon)
                                left -= size
                                node = next_node[node]
                            work[job - first] -= saved_work
                            interrupted[job] += 1
                            remove(ends, running, n_running, job)
                            n_running -= 1
                            at_level[level[job]] -= 1
                            n_waiting += 1
                            lost_at[job - first] = now
                            if after == 0 and hiring:
                                demand += _share(shares, gpus[job], size)
                                calling[job - first] = 1
                            elif hiring and calling[job - first] == 0:
                                push(recalls, recalled, n_recalls, now + after, job)
                                n_recalls += 1
                                calling[job - first] = -1
                            rejoin(head, tail, later, earlier, level[job], job, first)
                        for k in range(n_going):
                            move(shelves, low_word, count, free, words, going[k], -free[going[k]])
                        n_losing = n_going = 0

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
                            lasts = _stint(work[job - first], interrupted[job], interval, cost, restart)
                        else:
                            lasts = service[job]
                        shelf = _tightest(count, gpus[job]) if now + lasts <= limit else -1
                        if shelf < 0:
                            if changing and preempt and not behind_head and at_level[queue + 1 :].any():
                                n_losing = victims(
                                    job, size, gpus, level, first_node, of_nodes, of_running, n_running, losing
                                )
                                if n_losing > 0:
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
                            lost_at[job - first] = -1
                            if calling[job - first] > 0:
                                demand -= _share(shares, gpus[job], size)
                                calling[job - first] = 0
                            if n_stints + total > stints.shape[1]:
                                return _NO_STINT
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
                                stints[0, n_stints], stints[1, n_stints] = job, node
                                stints[2, n_stints], stints[3, n_stints] = of_hire[node], now
                                stints[_UNTIL, n_stints], stints[_RESTART, n_stints] = end[job], resumed
                                stints[_WRITING, n_stints] = lasts - resumed - work[job - first]
                                stints[_LOST, n_stints] = 0
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
                        wanted = max(0, min(maximum - n_up, ((demand + SHARE - 1) >> 32) - count[size]))
                        while n_orders > wanted:
                            n_orders -= 1
                            node = on_order[n_orders]
                            hire = of_hire[node]
                            hires[2, r, hire], hires[3, r, hire] = NEVER, now
                            state[node], back[node], of_hire[node] = _GONE, NEVER, -1
                            _arm(events, shift, node, NEVER, horizon)
                        while n_orders < wanted and now >= ask_again:
                            slot = _vacant(of_slots, supply[r], owned, now)
                            if slot == -2 and supply.shape[1] <= 1:
                                return _NO_SLOT
                            turned_away = slot < 0
                            if refused.shape[1] > 0:
                                if n_asked >= refused.shape[1]:
                                    return _NO_ASKING
                                turned_away = turned_away or refused[r, n_asked] != 0
                            n_asked += 1
                            if turned_away:
                                ask_again = ask_next = now + retry
                                break
                            if n_hires >= boot.shape[1]:
                                return _NO_HIRE
                            node, ready = owned + slot, now + boot[r, n_hires]
                            dies[node] = ready + min(lifetime[r, n_hires], NEVER - ready)
                            if binding and supply.shape[1] > 0:
                                row = slot if supply.shape[1] > 1 else 0
                                at = pointer[owned + row]
                                if at < supply.shape[2]:
                                    dies[node] = min(dies[node], supply[r, row, at])
                            hires[0, r, n_hires], hires[1, r, n_hires] = node, now
                            hires[2, r, n_hires], hires[3, r, n_hires] = ready, NEVER
                            state[node], of_hire[node] = _ORDERED, n_hires
                            back[node] = ready if ready < dies[node] else NEVER
                            _arm(events, shift, node, min(ready, dies[node]), horizon)
                            on_order[n_orders] = node
                            n_orders += 1
                            n_hires += 1
                    if n_waiting > 0:
                        quiet_since = NEVER
                    elif quiet_since == NEVER:
                        quiet_since = now
                    if suspended and n_waiting == 0:
                        suspended = False
                        for node in range(owned, total):
                            if state[node] == _UP and free[node] == size:
                                due = max(idle_since[node], quiet_since) + idle_release
                                _arm(events, shift, node, min(dies[node], due), horizon)
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
                            if calling[newcomer - first] > 0:
                                demand -= _share(shares, gpus[newcomer], size)
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
                            lasts = _stint(work[job - first], interrupted[job], interval, cost, restart)
                            end[job] = horizon + lasts
                        job = later[job - first]
                hired[r], stint_offsets[r + 1] = n_hires, n_stints
        return _DONE

    return serve


_steady, _changing = _kernel(changing=False), _kernel(changing=True)


def serve(fleet: Fleet, paths: Paths, terms: Terms, hazards: Hazards | None = None) -> Rows:
    """Serve the jobs of each replication on the plan's nodes, compiled.

    Parameters
    ----------
    fleet : Fleet
        The rules.
    paths : Paths
        The jobs of one or more replications; sizes that fit no node are refused by the scenario.
    terms : Terms
        Their patience and API times under the plan.
    hazards : Hazards or None
        What happens to the nodes; may be missing where the fleet is steady.

    Returns
    -------
    Rows
        What became of each job; the same as ``sim.reference.serve`` gives, row by row.

    Raises
    ------
    ExhaustedError
        When more hires, askings or slots are needed than were drawn.

    Notes
    -----
    O(n log(running + waiting)) without backfill; with it, each blocked dispatch looks at every waiting job.
    """
    if fleet.no_queue:
        return serve_at_once(fleet, paths, terms)
    if fleet.steady:
        rows = Rows.empty(len(paths))
        nothing = np.empty((1, 1, 1), np.int64)
        flat = nothing[0]
        _steady(
            *_arguments(fleet, paths, terms, rows, fleet.nodes),
            flat[0], nothing, nothing, flat, flat, flat, flat[0], flat, flat[0], nothing, flat[0], flat, flat[0],
        )  # fmt: skip
        return rows
    if hazards is None:
        hazards = Hazards.none(paths.replications, fleet.nodes + fleet.lent)
    parts = np.maximum(1, paths.gpus // fleet.gpus_per_node).sum() + fleet.nodes + fleet.lent + hazards.slots
    room = 2 * int(parts) + 64  # of which what is not needed is never touched
    while True:
        try:
            return _serve_changing(fleet, paths, terms, hazards, room)
        except ExhaustedError as more:
            if more.what != "stints":
                raise
            room *= 2


def _serve_changing(fleet: Fleet, paths: Paths, terms: Terms, hazards: Hazards, room: int) -> Rows:
    """Serve on nodes that come and go, with room for so many stints."""
    rows, replications = Rows.writable(len(paths)), paths.replications
    total = fleet.nodes + fleet.lent + hazards.slots
    players = players_for(total)
    hiring = fleet.hiring or Hiring(maximum=0)
    rules = (fleet.lent, fleet.preempt, *_HIRING(hiring), *_RECOVERY(fleet.recovery), players.bit_length() - 1)
    hires = np.empty((4, replications, hazards.boot.shape[1]), np.int64)
    hired = np.zeros(replications, np.int64)
    stints = np.empty((len(Stints.COLUMNS), room), np.int64)
    offsets = np.zeros(replications + 1, np.int64)
    status = _changing(
        *_arguments(fleet, paths, terms, rows, total),
        np.array(rules, np.int64),
        hazards.windows,
        hazards.supply,
        hazards.boot,
        hazards.lifetime,
        hazards.refused,
        events=np.empty(2 * players, np.int64),
        of_slots=np.empty((8, total), np.int64),
        interrupted=rows.interrupted,
        hires=hires,
        hired=hired,
        stints=stints,
        stint_offsets=offsets,
    )
    if status != _DONE:
        raise ExhaustedError(_EXHAUSTED[status])
    node, ordered, ready, left = hires
    timeline = Stints(offsets, *(column[: offsets[-1]] for column in stints))
    return rows.with_timeline(timeline, Hires.packed(hired, node, ordered, ready, left))


def _arguments(fleet: Fleet, paths: Paths, terms: Terms, rows: Rows, total: int) -> tuple[Any, ...]:
    """List what both kernels are handed: jobs, rules, rows, and room to work in."""
    used = np.flatnonzero(np.bincount(paths.priority, minlength=1))
    level = paths.priority if len(used) == 1 + used.max(initial=0) else np.searchsorted(used, paths.priority)
    most = int(np.diff(paths.offsets).max(initial=0)) + 1
    size = fleet.gpus_per_node
    seats = min(most, total * size) + 1
    of_sizes = np.empty((3, size + 1), np.int64)
    of_sizes[2, 1:] = [share_of_node(each, size) for each in range(1, size + 1)]
    return (
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
        np.empty((10, most), np.int64),
        np.empty((5, seats + total), np.int64),
        np.empty((3, len(used)), np.int64),
        of_sizes,
        np.empty((4, total), np.int64),
        np.empty((size + 1) * ((total + 31) >> 5), np.int64),
    )
