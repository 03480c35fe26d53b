"""Replicas with continuous batching, compiled: what ``reference.replicas`` lives step by step, in closed form.

Between events the number decoding is constant and the cache grows alike in each iteration, so many iterations are one
span. A span ends at the first of: a completion, a full cache, the boundary at which a newcomer can join.

The order at one instant is the reference's: ends of iterations, arrivals in row order, forming of the next iterations.
A replica's key is twice the instant at which its span ends, or one more than twice the instant at which it forms: the
order of keys is then the order of events, and an arrival comes after an equal key.
"""

import numpy as np

from sim.compiled import inlined, kernel
from sim.fleet.contest import play, start_contest
from sim.fleet.heap import drop, push, take_out
from sim.fleet.spans import LONGEST_SPAN, iterations, span
from sim.jobs import API, HELD, REFUSED
from sim.requests import ApiTimes, Replicas, RequestRows, Requests
from sim.units import FINE, NEVER, Floats, Ticks

_NEVER = 2 * NEVER - 1
"""Key of a replica that waits for an arrival."""

# What is known of a replica, one row of integers each.
_FIELDS = 20
(_T0, _FIRST, _GROWTH, _LOW, _COUNT, _DECODING, _RUNNING, _KV, _ITERATION, _FRESH, _PREFILL) = range(11)
(_PART, _PART_LEFT, _TAIL, _QUEUE, _QUEUE_END, _LAST, _WINDOW, _OPEN, _LAST_BEGAN) = range(11, 20)

# What is known of a request while it is here: tokens given, neighbours in the running list (or the next in the queue).
_GIVEN, _OLDER, _YOUNGER = range(3)


@inlined
def _spread(busy: Ticks, edges: Ticks, window: int, since: int, until: int) -> int:
    """Add a busy time to the windows in which it lies; return the window of its end."""
    while until > edges[window + 1]:
        stop = max(since, edges[window + 1])
        busy[window] += stop - since
        since = stop
        window += 1
    busy[window] += until - since
    return window


@kernel
def _slot(adapters: Ticks, users: Ticks, used: Ticks, adapter: int) -> int:
    """Find the slot for an adapter: its own, an empty one, or the least recently used without users; -1 for none."""
    found = -1
    for slot in range(len(adapters)):
        if adapters[slot] == adapter:
            return slot
    for slot in range(len(adapters)):
        if users[slot] == 0 and (found < 0 or used[slot] < used[found]):
            found = slot
    return found


@kernel
def _serve(
    offsets: Ticks,
    arrival: Ticks,
    prompt: Ticks,
    output: Ticks,
    adapter: Ticks,
    api_first: Ticks,
    api_rest: Ticks,
    rules: Ticks,
    edges: Ticks,
    start: Ticks,
    first_token: Ticks,
    end: Ticks,
    replica: Ticks,
    outcome: Ticks,
    preempted: Ticks,
    gpu_time: Floats,
    busy: Floats,
    batch_time: Floats,
    here: Ticks,
    state: Ticks,
    clocks: Floats,
    busy_ticks: Ticks,
    finish: Ticks,
    finishing: Ticks,
    done: Ticks,
    keys: Ticks,
    key_winners: Ticks,
    counts: Ticks,
    count_winners: Ticks,
    slots: Ticks,
) -> None:
    """Serve each replication in turn, on replicas that are all empty at its beginning.

    One long body on purpose: as functions that hand some twenty arrays to each other, the same steps took five times
    as long. Its parts are marked. ``finish[i]`` is a heap of the iterations at which those decoding on replica i end;
    in ``here``, -1 ends a list. Tests of numbers that cannot be negative spare the compiler the care for indices that
    count from the end.
    """
    replicas, gpus, base, per_request, per_kv_token, per_prefill_token, prefill, floor = rules[:8]
    room, seats, budget, overflow_above, has_api, join_lag, frontend, load, longest_jump, safe = rules[8:18]
    players, opens, closes = len(keys) >> 1, edges[0], edges[len(edges) - 1]
    lora = slots.shape[2]
    for r in range(len(offsets) - 1):
        arriving, last = offsets[r], offsets[r + 1]
        start_contest(keys, key_winners, players, _NEVER)
        start_contest(counts, count_winners, players, NEVER)
        for i in range(replicas):
            play(counts, count_winners, players, i, 0)
        state[:], clocks[:], busy_ticks[:], slots[:] = 0, 0.0, 0, -1
        for i in range(replicas):
            state[i, _PART] = state[i, _TAIL] = state[i, _QUEUE] = -1
            state[i, _LAST] = opens
            slots[i, 1] = 0
        next_arrival = _NEVER if arriving == last else 2 * (arrival[arriving] * FINE)
        while True:
            i = key_winners[1]
            if i < 0:
                break
            key, mine = keys[1], state[i]
            if next_arrival < key:
                # An arrival: the door, the router, the queue.
                now, j = next_arrival >> 1, arriving
                if j < 0:
                    break
                arriving += 1
                next_arrival = _NEVER if arriving == last else 2 * (arrival[arriving] * FINE)
                tokens = prompt[j]
                i = count_winners[1]
                if i < 0:
                    break
                if tokens + output[j] - 1 > room or counts[1] >= overflow_above:
                    outcome[j] = API if has_api else REFUSED
                    if has_api:
                        start[j] = arrival[j]
                        first_token[j] = arrival[j] + api_first[j]
                        end[j] = first_token[j] + api_rest[j]
                    continue
                play(counts, count_winners, players, i, counts[1] + 1)
                mine, key = state[i], keys[players + i]
                me = here[j]
                me[_GIVEN], me[_YOUNGER] = 0, -1
                if mine[_QUEUE] >= 0:
                    here[mine[_QUEUE_END], _YOUNGER] = j
                    mine[_QUEUE_END] = j
                    continue
                mine[_QUEUE] = mine[_QUEUE_END] = j
                if key == _NEVER:
                    play(keys, key_winners, players, i, 2 * now + 1)
                elif mine[_PREFILL] == 0 and mine[_RUNNING] < seats and key & 1 == 0:
                    # It joins at the first boundary from now on, if its prompt fits there.
                    step, growth, low = mine[_FIRST], mine[_GROWTH], mine[_LOW]
                    count, reach = iterations(now - mine[_T0], step, growth, low, floor)
                    if join_lag > 0:
                        reach += max(floor, step + count * growth)
                        count += 1
                    if count < mine[_COUNT] and tokens <= room - mine[_KV] - (count + 1) * mine[_DECODING]:
                        mine[_COUNT] = count
                        play(keys, key_winners, players, i, 2 * (mine[_T0] + reach))
                continue
            if key == _NEVER:
                break
            now = key >> 1
            ends, ending = finish[i], finishing[i]
            n, kv, iteration, part, tail = mine[_DECODING], mine[_KV], mine[_ITERATION], mine[_PART], mine[_TAIL]
            before = running = mine[_RUNNING]
            until = min(max(now, opens), closes)
            lived, clock, changed = until - mine[_LAST], clocks[i, 0], False
            if running > 0:
                clock += float(lived) / running
            if key & 1 == 0:
                # The end of a span: tokens, completions.
                count = mine[_COUNT]
                kv += count * (n + mine[_PREFILL])
                iteration += count
                finished = 0
                if join_lag > 0:
                    mine[_LAST_BEGAN] = now - max(floor, mine[_FIRST] + (count - 1) * mine[_GROWTH])
                while n > 0 and ends[0] == iteration:
                    done[finished] = ending[0]
                    finished += 1
                    drop(ends, ending, n)
                    n -= 1
                j = tail if part < 0 or tail < 0 else here[tail, _OLDER]
                for _ in range(mine[_FRESH]):
                    if j < 0:
                        break
                    me = here[j]
                    tokens = me[_GIVEN] + 1
                    if tokens == 1 and start[j] >= 0:
                        first_token[j] = ((now + FINE - 1) >> 16) + frontend
                    if tokens == output[j]:
                        done[finished] = j
                        finished += 1
                    else:
                        me[_GIVEN] = tokens
                        push(ends, ending, n, iteration + output[j] - tokens, j)
                        n += 1
                    j = me[_OLDER]
                if finished > 0:
                    changed = True
                    for k in range(finished):
                        j = done[k]
                        if j < 0:
                            break
                        older, younger = here[j, _OLDER], here[j, _YOUNGER]
                        if older >= 0:
                            here[older, _YOUNGER] = younger
                        if younger >= 0:
                            here[younger, _OLDER] = older
                        else:
                            tail = older
                        kv -= prompt[j] + output[j] - 1
                        if start[j] >= 0:
                            gpu_time[j] = (gpu_time[j] + clock) / FINE * gpus
                            end[j] = ((now + FINE - 1) >> 16) + frontend
                            mine[_OPEN] -= 1
                        else:
                            gpu_time[j], preempted[j] = 0.0, 0
                        if lora > 0 and adapter[j] >= 0:
                            for slot in range(lora):
                                slots[i, 1, slot] -= slots[i, 0, slot] == adapter[j]
                    running -= finished
                    play(counts, count_winners, players, i, counts[players + i] - finished)
                    if running == 0:
                        clock = 0.0
            forms = next_arrival != key
            if forms and now >= closes and (mine[_OPEN] == 0 or now >= LONGEST_SPAN):
                key, forms = _NEVER, False
            elif not forms:
                key += 1
                mine[_FRESH] = mine[_PREFILL] = 0
            if forms:
                # The next iterations are formed. First: room for their tokens, taken from the youngest.
                chunk, crowded, queue = 0, False, mine[_QUEUE]
                if part >= 0:
                    chunk = min(mine[_PART_LEFT], budget - n)
                while kv + n + chunk > room:
                    crowded = changed = True
                    j = tail
                    if j < 0:
                        break
                    me = here[j]
                    if j == part:
                        kv -= prompt[j] + me[_GIVEN] - mine[_PART_LEFT]
                        part, chunk = -1, 0
                    else:
                        at = 0
                        while ending[at] != j:
                            at += 1
                        me[_GIVEN] = output[j] - (ends[at] - iteration)
                        take_out(ends, ending, n, at)
                        n -= 1
                        kv -= prompt[j] + me[_GIVEN] - 1
                    tail = me[_OLDER]
                    if tail >= 0:
                        here[tail, _YOUNGER] = -1
                    if queue < 0:
                        mine[_QUEUE_END] = j
                    me[_YOUNGER], queue = queue, j
                    running -= 1
                    gpu_time[j] += clock
                    preempted[j] += 1
                    if lora > 0 and adapter[j] >= 0:
                        for slot in range(lora):
                            slots[i, 1, slot] -= slots[i, 0, slot] == adapter[j]

                # Who joins, from the head of the queue.
                fresh, loads, lagging, steady = 0, 0, False, part >= 0
                new = chunk
                if part >= 0 and chunk == mine[_PART_LEFT]:
                    part, fresh, steady = -1, 1, False
                if not crowded and queue >= 0:
                    left, empty = budget - n - chunk, running == 0
                    while queue >= 0 and left > 0 and running < seats:
                        j = queue
                        me = here[j]
                        whole = prompt[j] + me[_GIVEN]
                        if whole > room - kv - n - new:
                            break
                        if join_lag > 0 and not empty and arrival[j] * FINE > mine[_LAST_BEGAN]:
                            lagging = True
                            break
                        if lora > 0 and adapter[j] >= 0:
                            slot = _slot(slots[i, 0], slots[i, 1], slots[i, 2], adapter[j])
                            if slot < 0:
                                break
                            loads += slots[i, 0, slot] != adapter[j]
                            slots[i, 0, slot], slots[i, 2, slot] = adapter[j], now
                            slots[i, 1, slot] += 1
                        changed = True
                        queue = me[_YOUNGER]
                        me[_OLDER], me[_YOUNGER] = tail, -1
                        if tail >= 0:
                            here[tail, _YOUNGER] = j
                        tail = j
                        running += 1
                        gpu_time[j] -= clock
                        if start[j] < 0 and now < closes:
                            start[j], replica[j], outcome[j] = (now + FINE - 1) >> 16, i, HELD
                            mine[_OPEN] += 1
                        take = min(whole, left)
                        new += take
                        left -= take
                        if take == whole:
                            fresh += 1
                        else:
                            part = j
                            mine[_PART_LEFT] = whole - take
                mine[_QUEUE] = queue

                # How many iterations go by until something happens.
                if running == 0:
                    kv, key = 0, _NEVER
                else:
                    step = base + per_request * n + per_kv_token * kv + per_prefill_token * new
                    count, growth, low = 1, 0, 0
                    if new == 0:
                        growth = per_kv_token * n
                        if not lagging:
                            count = min(longest_jump, ends[0] - iteration)
                    else:
                        step += prefill
                        if steady:  # whole chunks of one long prompt: nobody can join before it is done
                            growth = per_kv_token * budget
                            count = min(longest_jump, (mine[_PART_LEFT] - 1) // chunk)
                            if n > 0:
                                count = min(count, ends[0] - iteration)
                    if kv + count * (n + new) > room:
                        count = (room - kv) // (n + new)
                    count = min(count, safe)
                    if steady:
                        mine[_PART_LEFT] -= count * chunk
                    if step < floor:
                        if count == 1 or growth == 0:
                            step, growth = floor, 0
                        else:
                            low = (floor - step + growth - 1) // growth
                    step += load * loads
                    mine[_T0], mine[_FIRST], mine[_GROWTH], mine[_LOW] = now, step, growth, low
                    mine[_COUNT], mine[_FRESH], mine[_PREFILL] = count, fresh, new
                    key = 2 * (now + span(count, step, growth, low, floor))
            play(keys, key_winners, players, i, key)
            mine[_DECODING], mine[_KV], mine[_ITERATION], mine[_PART], mine[_TAIL] = n, kv, iteration, part, tail
            if changed:
                # The time since the last change belongs to those who ran, an equal share each.
                mine[_RUNNING], mine[_LAST], clocks[i, 0] = running, until, clock
                if before > 0 and lived > 0:
                    clocks[i, 1] += float(lived) * before
                    mine[_WINDOW] = _spread(busy_ticks[i], edges, mine[_WINDOW], until - lived, until)

        # Who had not started when the clock stopped has had nothing; the fleet's own sums.
        for i in range(replicas):
            for w in range(len(edges) - 1):
                busy[r, w] += busy_ticks[i, w] / FINE
            batch_time[r] += clocks[i, 1] / FINE
            for field in (_TAIL, _QUEUE):
                j = state[i, field]
                while j >= 0:
                    if start[j] < 0:
                        gpu_time[j], preempted[j] = 0.0, 0
                    else:  # it would end beyond what the clock can tell
                        gpu_time[j] = (gpu_time[j] + (clocks[i, 0] if field == _TAIL else 0.0)) / FINE * gpus
                        first_token[j] = end[j] = LONGEST_SPAN >> 16
                    j = here[j, _OLDER if field == _TAIL else _YOUNGER]


def _safe_count(rules: Replicas) -> int:
    """Count the iterations that last no longer than the clock can tell, whatever is in them."""
    fullest = rules.per_request * rules.max_num_seqs + rules.per_kv_token * rules.kv_tokens
    longest = rules.base + fullest + rules.per_prefill_token * rules.token_budget + rules.prefill
    return max(1, LONGEST_SPAN // max(1, longest, rules.floor))


def serve_requests(replicas: Replicas, requests: Requests, api: ApiTimes | None) -> RequestRows:
    """Serve the requests of each replication on a fleet of replicas.

    Parameters
    ----------
    replicas : Replicas
        The rules.
    requests : Requests
        The requests of one or more replications.
    api : ApiTimes or None
        How long the API takes for each; None where the plan has none.

    Returns
    -------
    RequestRows
        What became of each request.

    Notes
    -----
    Cost O(log(replicas) + log(seats)) a request, whatever the number of its tokens, but for chunks of prompts and
    preemptions. Cutting a span looks up a square root in floats and corrects it in integers, so it is exact.
    """
    count, windows = len(requests), len(replicas.edges) - 1
    rows = RequestRows.empty(count, requests.replications, windows)
    if replicas.count == 0:
        raise ValueError("a serving fleet has at least one replica")
    players = 1 << (replicas.count - 1).bit_length()
    seats = replicas.max_num_seqs
    rules = (
        replicas.count,
        replicas.gpus,
        replicas.base,
        replicas.per_request,
        replicas.per_kv_token,
        replicas.per_prefill_token,
        replicas.prefill,
        replicas.floor,
        replicas.kv_tokens,
        seats,
        replicas.token_budget,
        replicas.overflow_above,
        int(api is not None and replicas.has_api),
        replicas.join_lag,
        replicas.frontend,
        replicas.load,
        replicas.longest_jump,
        _safe_count(replicas),
    )
    nothing = np.empty(0, np.int64)
    _serve(
        requests.offsets,
        requests.arrival,
        requests.prompt,
        requests.output,
        requests.adapter,
        nothing if api is None else api.first_token,
        nothing if api is None else api.rest,
        np.array(rules, np.int64),
        replicas.edges * FINE,
        rows.start,
        rows.first_token,
        rows.end,
        rows.replica,
        rows.outcome,
        rows.preempted,
        rows.gpu_time,
        rows.busy,
        rows.batch_time,
        here=np.empty((count, 3), np.int64),
        state=np.empty((replicas.count, _FIELDS), np.int64),
        clocks=np.empty((replicas.count, 2)),
        busy_ticks=np.empty((replicas.count, windows), np.int64),
        finish=np.empty((replicas.count, seats), np.int64),
        finishing=np.empty((replicas.count, seats), np.int64),
        done=np.empty(seats, np.int64),
        keys=np.empty(2 * players, np.int64),
        key_winners=np.empty(2 * players, np.int64),
        counts=np.empty(2 * players, np.int64),
        count_winners=np.empty(2 * players, np.int64),
        slots=np.empty((replicas.count, 3, replicas.slots), np.int64),
    )
    return rows
