"""The serving fleet as a plain loop: every iteration of every replica, every running request in each of them.

The witness of the kernel in ``sim.engine.fleet``, written from the rules, apart from it and SimPy. Replicas do
not meet between arrivals, so each is brought up to the next arrival on its own; one that stands at a boundary at just
that instant forms its iteration afterwards. Where nodes come and go, all are brought up to their next step likewise.

One long loop in one long file, on purpose: it is read beside the rules from top to bottom, and tests of planted faults
change lines of its one source text.
"""

from dataclasses import replace

import numpy as np

from sim.ground.compiled import kernel
from sim.ground.hires import ExhaustedError, Hires
from sim.ground.jobs import API, HELD, NOT_STARTED, REFUSED
from sim.ground.requests import RequestRows
from sim.ground.units import FINE, NEVER

NOBODY = -1
IDLE = NEVER + 1
GONE, LOADING, UP, LEAVING = range(4)


@kernel
def enqueue(j, r, now, came, head, tail, behind, outstanding, boundary, ends):
    """Put a request at the end of a replica's queue."""
    came[j] = now
    outstanding[r] += 1
    behind[j] = NOBODY
    if head[r] == NOBODY:
        head[r] = j
    else:
        behind[tail[r]] = j
    tail[r] = j
    if ends[r] == IDLE:
        boundary[r] = now


@kernel
def fewest(status, per_node, outstanding):
    """Find the replica where fewest are outstanding, among those that take requests."""
    r = NOBODY
    for other in range(len(outstanding)):
        if status[other // per_node] == UP and (r == NOBODY or outstanding[other] < outstanding[r]):
            r = other
    return r


@kernel
def order(wanted, now, status, ready, hire, loads, log, tally):
    """Order nodes; ``tally`` counts hires, orders, and whether there were too few times of loading."""
    for node in range(len(status)):
        if wanted > 0 and status[node] == GONE:
            wanted -= 1
            if tally[1] >= len(loads):
                tally[2] = 1
            else:
                status[node] = LOADING
                hire[node] = tally[0]
                ready[node] = now + loads[tally[1]] * FINE
                log[0, tally[0]] = node
                log[1, tally[0]] = now
                log[2, tally[0]] = ready[node]
                log[3, tally[0]] = NEVER
                tally[0] += 1
                tally[1] += 1


@kernel
def dismiss(unwanted, now, status, ready, hire, leaves, log):
    """Let nodes go, one after the other."""
    while unwanted > 0:
        unwanted -= 1
        chosen = NOBODY
        for node in range(len(status)):
            if status[node] == LOADING and (chosen == NOBODY or hire[node] > hire[chosen]):
                chosen = node
        if chosen != NOBODY:
            status[chosen] = GONE
            ready[chosen] = NEVER
            log[2, hire[chosen]] = NEVER
            log[3, hire[chosen]] = now
        else:
            for node in range(len(status)):
                if status[node] == UP:
                    chosen = node
            status[chosen] = LEAVING
            leaves[chosen] = now


@kernel
def part(now, horizon, per_node, status, hire, leaves, outstanding, finished, log):
    """Let leaving nodes be gone on which nobody is left."""
    for node in range(len(status)):
        if status[node] == LEAVING:
            left = leaves[node]
            empty = True
            for r in range(node * per_node, (node + 1) * per_node):
                empty = empty and outstanding[r] == 0
                left = max(left, finished[r])
            if empty and left < horizon:
                status[node] = GONE
                log[3, hire[node]] = left


@kernel
def settle(r, now, n, edges, share, batch, last, busy):
    """Share out the time since anybody last joined or left the replica."""
    low, high = edges[0], edges[len(edges) - 1]
    since = min(max(last[r], low), high)
    until = min(max(now, low), high)
    if n > 0 and until > since:
        share[r] += float(until - since) / n
        batch[r] += float(until - since) * n
        for w in range(len(edges) - 1):
            part = min(until, edges[w + 1]) - max(since, edges[w])
            if part > 0:
                busy[r, w] += part
    last[r] = now


@kernel
def loop(
    first_row,
    last_row,
    # the rules
    count,
    base,
    per_request,
    per_kv_token,
    per_prefill_token,
    prefill,
    floor,
    kv_tokens,
    max_num_seqs,
    token_budget,
    overflow_above,
    has_api,
    join_lag,
    slots,
    load,
    edges,
    # how nodes come and go
    per_node,
    minimum,
    target,
    tick,
    cool_down,
    schedule,
    boots,
    # of each node, and of each hire
    status,
    ready,
    hire,
    leaves,
    log,
    tally,
    # the requests
    arrival,
    prompt,
    output,
    adapter,
    prefix,
    # of each request: tokens generated, cached, given this iteration for a prefill that is unfinished; who is behind
    generated,
    cached,
    unfinished,
    chunk,
    behind,
    # what becomes of it
    start,
    first_token,
    end,
    replica,
    outcome,
    preempted,
    gpu,
    # of each replica
    head,
    tail,
    outstanding,
    running,
    taken,
    owed,
    boundary,
    began,
    ends,
    share,
    batch,
    last,
    busy,
    slot_adapter,
    slot_stamp,
    slot_users,
    slot_of,
    finished,
    came,
):
    """Serve the requests of one replication."""
    horizon = edges[len(edges) - 1]
    row = first_row
    door = door_end = NOBODY
    waiting = 0
    run_began = NOBODY
    largest = 0
    entry = 1
    next_look = NEVER
    if tick > 0:
        next_look = tick
    elif schedule.shape[1] > 1:
        next_look = schedule[0, 1] * FINE
    while True:
        now = arrival[row] if row < last_row else NEVER
        next_ready = NEVER
        for node in range(len(status)):
            if status[node] == LOADING:
                next_ready = min(next_ready, ready[node])
        if min(next_look, next_ready) < horizon:
            now = min(now, min(next_look, next_ready))
        for r in range(count):
            while True:
                if boundary[r] != NOBODY:
                    t = boundary[r]
                    if t == now:
                        break  # arrivals come first
                    boundary[r] = NOBODY
                    if t >= horizon and owed[r] == 0:
                        break

                    # the tokens of the next iteration
                    n = 0
                    kv = 0
                    x = 0
                    preempting = False
                    while True:
                        n = 0
                        kv = 0
                        x = 0
                        for place in range(taken[r]):
                            j = running[r, place]
                            kv += cached[j]
                            if not unfinished[j]:
                                n += 1
                        if taken[r] > 0:
                            j = running[r, taken[r] - 1]
                            if unfinished[j]:
                                chunk[j] = min(prompt[j] + generated[j] - cached[j], token_budget - n)
                                x = chunk[j]
                        if kv + n + x <= kv_tokens:
                            break
                        preempting = True
                        settle(r, t, taken[r], edges, share, batch, last, busy)
                        taken[r] -= 1
                        j = running[r, taken[r]]
                        gpu[j] += share[r]
                        if slot_of[j] != NOBODY:
                            slot_users[r, slot_of[j]] -= 1
                        cached[j] = 0
                        preempted[j] += 1
                        behind[j] = head[r]
                        head[r] = j
                        if tail[r] == NOBODY:
                            tail[r] = j

                    # who joins it
                    loads = 0
                    if not preempting:
                        asked = join_lag == 1 and taken[r] > 0
                        room = kv_tokens - kv - n - x
                        while head[r] != NOBODY and taken[r] < max_num_seqs and n + x < token_budget:
                            j = head[r]
                            need = prompt[j] + generated[j]
                            if need > room:
                                break
                            if asked and came[j] > began[r]:
                                break
                            slot = NOBODY
                            if slots > 0 and adapter[j] >= 0:
                                for s in range(slots):
                                    if slot_adapter[r, s] == adapter[j]:
                                        slot = s
                                if slot == NOBODY:
                                    for s in range(slots - 1, -1, -1):
                                        if slot_adapter[r, s] == NOBODY:
                                            slot = s
                                if slot == NOBODY:
                                    for s in range(slots):
                                        unused = slot_users[r, s] == 0
                                        if unused and (slot == NOBODY or slot_stamp[r, s] < slot_stamp[r, slot]):
                                            slot = s
                                if slot == NOBODY:
                                    break
                                if slot_adapter[r, slot] != adapter[j]:
                                    slot_adapter[r, slot] = adapter[j]
                                    loads += 1
                                slot_stamp[r, slot] = t
                                slot_users[r, slot] += 1
                            slot_of[j] = slot
                            head[r] = behind[j]
                            if head[r] == NOBODY:
                                tail[r] = NOBODY
                            settle(r, t, taken[r], edges, share, batch, last, busy)
                            gpu[j] -= share[r]
                            running[r, taken[r]] = j
                            taken[r] += 1
                            unfinished[j] = True
                            known = prefix[j]
                            cached[j] = known
                            kv += known
                            chunk[j] = min(need - known, token_budget - n - x)
                            x += chunk[j]
                            room -= need
                            if start[j] == NOBODY:
                                start[j] = t
                                replica[j] = r
                                if t < horizon:
                                    outcome[j] = HELD
                                    owed[r] += 1

                    if taken[r] > 0:
                        work = base + per_request * n + per_kv_token * kv + per_prefill_token * x
                        if x > 0:
                            work += prefill
                        began[r] = t
                        ends[r] = t + max(floor, work) + load * loads

                if ends[r] > now:
                    break

                # the iteration ends
                t = ends[r]
                ends[r] = IDLE
                boundary[r] = t
                before = taken[r]
                staying = 0
                for place in range(before):
                    j = running[r, place]
                    if unfinished[j]:
                        cached[j] += chunk[j]
                        yields = cached[j] == prompt[j] + generated[j]
                        unfinished[j] = not yields
                    else:
                        cached[j] += 1
                        yields = True
                    if yields:
                        generated[j] += 1
                        if generated[j] == 1:
                            first_token[j] = t
                    if generated[j] == output[j]:
                        end[j] = t
                        outstanding[r] -= 1
                        finished[r] = t
                        if outcome[j] == HELD:
                            owed[r] -= 1
                        if slot_of[j] != NOBODY:
                            slot_users[r, slot_of[j]] -= 1
                        settle(r, t, before, edges, share, batch, last, busy)
                        gpu[j] += share[r]
                    else:
                        running[r, staying] = j
                        staying += 1
                taken[r] = staying
                if staying == 0:
                    share[r] = 0.0
                    if head[r] == NOBODY:
                        boundary[r] = NOBODY

        # nodes at this instant
        part(now, horizon, per_node, status, hire, leaves, outstanding, finished, log)
        stepped = now < horizon and now in (next_ready, next_look)
        if stepped and now == next_ready:
            for node in range(len(status)):
                if status[node] == LOADING and ready[node] == now:
                    status[node] = UP
                    for r in range(node * per_node, (node + 1) * per_node):
                        for s in range(slots):
                            slot_adapter[r, s] = NOBODY
                            slot_stamp[r, s] = 0
        elif stepped:
            present = 0
            for node in range(len(status)):
                present += status[node] == UP or status[node] == LOADING
            if tick > 0:
                requests = waiting
                for r in range(count):
                    if status[r // per_node] == UP:
                        requests += outstanding[r]
                wanted = 0
                while wanted < len(status) and (wanted < minimum or wanted * per_node * target < requests):
                    wanted += 1
                if wanted >= present:
                    run_began = NOBODY
                    order(wanted - present, now, status, ready, hire, boots, log, tally)
                else:
                    if run_began == NOBODY:
                        run_began = now
                        largest = wanted
                    largest = max(largest, wanted)
                    if now - run_began >= cool_down:
                        dismiss(present - largest, now, status, ready, hire, leaves, log)
                        run_began = NOBODY
                next_look += tick
            else:
                wanted = schedule[1, entry]
                for node in range(len(status)):
                    if status[node] == LEAVING and present < wanted:
                        status[node] = UP
                        present += 1
                order(wanted - present, now, status, ready, hire, boots, log, tally)
                dismiss(present - wanted, now, status, ready, hire, leaves, log)
                entry += 1
                next_look = schedule[0, entry] * FINE if entry < schedule.shape[1] else NEVER
            part(now, horizon, per_node, status, hire, leaves, outstanding, finished, log)
        if tally[2] > 0:
            return
        while door != NOBODY and fewest(status, per_node, outstanding) != NOBODY:
            j = door
            door = behind[j]
            waiting -= 1
            enqueue(
                j, fewest(status, per_node, outstanding), now, came, head, tail, behind, outstanding, boundary, ends
            )
        if stepped:
            continue
        if row == last_row and now == NEVER:
            break

        # arrivals of this instant
        while row < last_row and arrival[row] == now:
            j = row
            row += 1
            if prompt[j] + output[j] - 1 > kv_tokens:
                outcome[j] = API if has_api else REFUSED
                continue
            r = fewest(status, per_node, outstanding)
            called = r == NOBODY and tick > 0 and now < horizon
            for node in range(len(status)):
                called = called and status[node] != LOADING
            if overflow_above < NEVER and (r == NOBODY or outstanding[r] >= overflow_above):
                outcome[j] = API
            elif r == NOBODY:
                if door == NOBODY:
                    door = j
                else:
                    behind[door_end] = j
                door_end = j
                waiting += 1
            else:
                enqueue(j, r, now, came, head, tail, behind, outstanding, boundary, ends)
            if called:
                order(1, now, status, ready, hire, boots, log, tally)
                break  # it may be ready before the next
        if tally[2] > 0:
            return


def serve_requests(replicas, requests, api, *, loads=None):
    """Serve the requests of each replication; the same door as the fleet's."""
    size, count, slots = len(requests), replicas.count, max(replicas.slots, 1)
    windows = len(replicas.edges) - 1
    rows = RequestRows.empty(size, requests.replications, windows)
    arrival = requests.arrival * FINE
    edges = np.asarray(replicas.edges) * FINE
    came = arrival.copy()
    generated, cached, chunk = (np.zeros(size, np.int64) for _ in range(3))
    behind, slot_of, start, first_token, end, replica = (np.full(size, NOBODY) for _ in range(6))
    unfinished = np.zeros(size, bool)
    rules = replicas.scaling
    per_node = 1 if rules is None else rules.per_node
    nodes = count // per_node
    by_load = rules is not None and rules.schedule is None
    schedule = np.empty((2, 0), np.int64) if rules is None or by_load else rules.schedule
    first = nodes if rules is None else rules.minimum if by_load else schedule[1, 0]
    times = np.empty((requests.replications, 0), np.int64) if loads is None else loads
    logs = []
    for number in range(requests.replications):
        status, hire, leaves, ready = (np.full(nodes, value) for value in (GONE, NOBODY, 0, NEVER))
        status[:first], hire[:first] = UP, np.arange(first)
        log = np.zeros((4, nodes + times.shape[1]), np.int64)
        log[0], log[3] = np.arange(log.shape[1]), NEVER
        tally = np.array([first, 0, 0])
        head, tail, boundary = (np.full(count, NOBODY) for _ in range(3))
        outstanding, taken, owed, began, last = (np.zeros(count, np.int64) for _ in range(5))
        share, batch = np.zeros(count), np.zeros(count)
        running = np.full((count, replicas.max_num_seqs), NOBODY)
        busy = np.zeros((count, windows), np.int64)
        loop(
            int(requests.offsets[number]),
            int(requests.offsets[number + 1]),
            count,
            replicas.base,
            replicas.per_request,
            replicas.per_kv_token,
            replicas.per_prefill_token,
            replicas.prefill,
            replicas.floor,
            replicas.kv_tokens,
            replicas.max_num_seqs,
            replicas.token_budget,
            replicas.overflow_above,
            replicas.has_api,
            replicas.join_lag,
            replicas.slots,
            replicas.load,
            edges,
            per_node,
            rules.minimum if by_load else 0,
            rules.target if by_load else 1,
            rules.tick * FINE if by_load else 0,
            rules.cool_down * FINE if by_load else 0,
            schedule,
            times[number],
            status,
            ready,
            hire,
            leaves,
            log,
            tally,
            arrival,
            requests.prompt,
            requests.output,
            requests.adapter,
            requests.cached,
            generated,
            cached,
            unfinished,
            chunk,
            behind,
            start,
            first_token,
            end,
            replica,
            rows.outcome,
            rows.preempted,
            rows.gpu_time,
            head,
            tail,
            outstanding,
            running,
            taken,
            owed,
            boundary,
            began,
            np.full(count, IDLE),
            share,
            batch,
            last,
            busy,
            np.full((count, slots), NOBODY),
            np.zeros((count, slots), np.int64),
            np.zeros((count, slots), np.int64),
            slot_of,
            np.zeros(count, np.int64),
            came,
        )
        if tally[2]:
            raise ExhaustedError("hires")
        logs.append(log[:, : tally[0]])
        for r in range(count):
            rows.batch_time[number] += batch[r] / FINE
            for w in range(windows):
                rows.busy[number, w] += busy[r, w] / FINE
    held, api_rows, unstarted = (rows.outcome == kind for kind in (HELD, API, NOT_STARTED))
    for column, ticks, added in zip(
        (rows.start, rows.first_token, rows.end),
        (start, first_token, end),
        (0, replicas.frontend, replicas.frontend),
        strict=True,
    ):
        column[held] = -(-ticks[held] // FINE) + added
    rows.replica[held] = replica[held]
    rows.gpu_time[:] = rows.gpu_time / FINE * replicas.gpus
    rows.gpu_time[unstarted] = 0.0
    rows.preempted[unstarted] = 0
    if api is not None:
        rows.start[api_rows] = requests.arrival[api_rows]
        rows.first_token[api_rows] = rows.start[api_rows] + api.first_token[api_rows]
        rows.end[api_rows] = rows.first_token[api_rows] + api.rest[api_rows]
    if rules is None:
        return rows
    node, *instants = np.concatenate(logs, axis=1)
    told = (np.where(instant == NEVER, NEVER, -(-instant // FINE)) for instant in instants)
    return replace(rows, hires=Hires(np.cumsum([0, *(log.shape[1] for log in logs)]), node, *told))
