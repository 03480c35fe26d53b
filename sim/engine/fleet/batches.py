"""Replicas with continuous batching, compiled: what ``reference.replicas`` lives step by step, in closed form.

Between events the number decoding is constant and the cache grows alike in each iteration, so many iterations are one
span. A span ends at the first of: a completion, a full cache, the boundary at which a newcomer can join.
Replicas meet only in the router, which asks how many requests each has. A replica is brought up to an arrival only if
one of its requests may have ended by then or if the arrival is sent to it; else it lags behind. At one instant: ends of
iterations, arrivals in row order, forming. Requests run and queue in the order of rows: the youngest is the last.
"""

from sim.engine.fleet.contest import play
from sim.engine.fleet.scaler import AWAY, DOOR, DOOR_END, HIRES, NEXT, NOW, ORDERS, WAITING, advance, begin, call, ended
from sim.engine.fleet.spans import LONGEST_SPAN, iterations, span, spread
from sim.ground.compiled import kernel
from sim.ground.jobs import API, HELD, NOT_STARTED, REFUSED
from sim.ground.requests import LATEST
from sim.ground.units import FINE, NEVER, Floats, Ticks

# What is known of a replica, one row of integers each.
FIELDS = 21
(_AT, _BEGAN, _FIRST, _GROWTH, _LOW, _COUNT, _FRESH, _PREFILL, _DECODING, _RUNNING, _KV, _ITERATION) = range(12)
(_PART, _PART_LEFT, QUEUE, QUEUE_END, _LAST, _WINDOW, _OPEN, _LAST_BEGAN, _TOP) = range(12, 21)


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
def serve(
    offsets: Ticks,
    arrival: Ticks,
    prompt: Ticks,
    output: Ticks,
    adapter: Ticks,
    cached: Ticks,
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
    of_requests: Ticks,
    state: Ticks,
    clocks: Floats,
    busy_ticks: Ticks,
    finish: Ticks,
    of_seats: Ticks,
    of_router: Ticks,
    slots: Ticks,
    policy: Ticks | None,
    moments: Ticks,
    nodes: Ticks,
    schedule: Ticks,
    boots: Ticks,
    hires: Ticks,
    hired: Ticks,
) -> None:
    """Serve each replication in turn, on replicas that are all empty at its beginning.

    One long body on purpose: as functions that hand some twenty arrays to each other, the same steps took five times
    as long. Its parts are marked. Of replica i, ``finish[i]`` is a contest of the iterations at which its seats end,
    ``seated[i]`` who sits there, and ``free[i]`` lists the free ones from ``running`` on. ``bounds`` is a contest of
    the microseconds before which no request ends; ``behind`` ends a list with -1. Tests of numbers that cannot be
    negative spare the compiler the care for indices that count from the end. Without a ``policy`` no node comes or
    goes, and numba leaves out what is for that.

    A replication may be served piece by piece (``stream``): ``begins`` and ``stops`` tell whether the clock starts and
    stops in this call. If it does not stop, all is brought up to the last arrival, and all state is in the arrays.
    """
    base, per_request, per_kv_token, per_prefill_token, prefill, floor, load, frontend = rules[:8]
    replicas, gpus, room, seats, budget, join_lag, longest_jump = rules[8:15]
    has_api, overflow_above, safe, shift, begins, stops = rules[15:]
    given, behind, came = of_requests[0], of_requests[1], arrival
    if policy is not None:
        came = of_requests[2]
    seated, free, bounds, counts = of_seats[0], of_seats[1], of_router[0], of_router[1]
    players, places, lora = len(bounds) >> 1, finish.shape[1] >> 1, slots.shape[2]
    quickest, opens, closes = max(base, floor), edges[0], edges[len(edges) - 1]
    for r in range(len(offsets) - 1):
        if begins:
            bounds[:], counts[:], finish[:] = NEVER, NEVER, NEVER
            state[:], clocks[:], busy_ticks[:], slots[:], seated[:] = 0, 0.0, 0, -1, -1
            busy[r], batch_time[r] = 0.0, 0.0
            for i in range(replicas):
                play(counts, players, i, i)
                state[i, _AT] = NEVER
                state[i, _PART] = state[i, QUEUE] = -1
                state[i, _LAST] = opens
                slots[i, 1] = 0
                for seat in range(seats):
                    free[i, seat] = seat
            if policy is not None:
                begin(policy, moments, nodes, schedule, hires[r], counts, closes)
        arriving, last = offsets[r], offsets[r + 1]
        beyond = NEVER - 1 if stops else arrival[last - 1] * FINE
        limit = coming = arrival[arriving] * FINE if arriving < last else beyond
        entering = False
        while True:
            if policy is not None:  # who waits at the door comes before what else may happen
                entering = moments[WAITING] > 0 and counts[1] < AWAY
                limit = moments[NOW] if entering else min(coming, moments[NEXT])
            # Who is next: a replica on which a request may end by the arrival, or else the one to which that is sent.
            routed = players == 1 or bounds[1] >= ((limit >> 16) + 1) * players
            i = (counts[1] if routed else bounds[1]) & (players - 1)
            if i < 0:
                break
            mine, at = state[i], state[i, _AT]
            if at <= limit:  # it is brought up to the arrival
                n, kv, iteration, running = mine[_DECODING], mine[_KV], mine[_ITERATION], mine[_RUNNING]
                part, queue, count, fresh, new = mine[_PART], mine[QUEUE], mine[_COUNT], mine[_FRESH], mine[_PREFILL]
                clock, since = clocks[i, 0], mine[_LAST]
                ends, sitting, vacant = finish[i], seated[i], free[i]
                while True:
                    # The end of a span: tokens, completions. The equal shares of those running go on a clock of theirs.
                    now, before, changed = at, running, False
                    until = min(max(now, opens), closes)
                    lived = until - since if running > 0 else 0
                    shared = clock + float(lived) / max(running, 1)
                    kv += count * (n + new)
                    iteration += count
                    n += fresh
                    if join_lag > 0 and count > 0:
                        mine[_LAST_BEGAN] = now - max(floor, mine[_FIRST] + (count - 1) * mine[_GROWTH])
                    count = fresh = new = 0
                    while ends[1] >> shift == iteration:
                        seat = ends[1] & (places - 1)
                        if seat < 0:
                            break
                        play(ends, places, seat, NEVER)
                        j = sitting[seat]
                        if j < 0:
                            break
                        sitting[seat] = -1
                        running -= 1
                        vacant[running] = seat
                        n -= 1
                        kv -= prompt[j] + output[j] - 1
                        if start[j] >= 0:
                            gpu_time[j] = (gpu_time[j] + shared) / FINE * gpus
                            end[j] = ((now + FINE - 1) >> 16) + frontend
                            mine[_OPEN] -= 1
                        else:
                            gpu_time[j], preempted[j] = 0.0, 0
                        if lora > 0 and adapter[j] >= 0:
                            for slot in range(lora):
                                slots[i, 1, slot] -= slots[i, 0, slot] == adapter[j]
                    if running < before:
                        changed = True
                        play(counts, players, i, counts[players + i] - (before - running) * players)
                        if running == 0:
                            shared = 0.0
                        if policy is not None and counts[players + i] == AWAY + i:
                            ended(policy, nodes, hires[r], counts, i, now, closes)
                    if now >= closes and (mine[_OPEN] == 0 or now >= LONGEST_SPAN):
                        at = NEVER
                    elif now < limit:  # else arrivals of this instant come first
                        # The next iterations are formed. First: room for their tokens, taken from the youngest.
                        chunk, crowded = min(mine[_PART_LEFT], budget - n) if part >= 0 else 0, False
                        while kv + n + chunk > room:
                            crowded = changed = True
                            j, seat = -1, 0
                            for k in range(mine[_TOP]):
                                j = max(j, sitting[k])
                            if j < 0:
                                break
                            while sitting[seat] != j:
                                seat += 1
                            if part >= 0:
                                kv -= prompt[j] + given[j] - mine[_PART_LEFT]
                                part, chunk = -1, 0
                            else:
                                given[j] = output[j] - ((ends[places + seat] >> shift) - iteration)
                                play(ends, places, seat, NEVER)
                                n -= 1
                                kv -= prompt[j] + given[j] - 1
                            sitting[seat] = -1
                            running -= 1
                            vacant[running] = seat
                            if queue < 0:
                                mine[QUEUE_END] = j
                            behind[j], queue = queue, j
                            gpu_time[j] += shared
                            preempted[j] += 1
                            if lora > 0 and adapter[j] >= 0:
                                for slot in range(lora):
                                    slots[i, 1, slot] -= slots[i, 0, slot] == adapter[j]

                        # Who joins, from the head of the queue.
                        loads, lagging, steady = 0, False, part >= 0
                        new, newest = chunk, queue
                        if part >= 0 and chunk == mine[_PART_LEFT]:
                            newest = sitting[part]
                            behind[newest] = queue
                            play(ends, places, part, ((iteration + output[newest] - given[newest]) << shift) + part)
                            part, fresh, steady = -1, 1, False
                        if not crowded:
                            left, empty = budget - n - chunk, running == 0
                            while queue >= 0 and left > 0 and running < seats:
                                j = queue
                                whole = prompt[j] + given[j]
                                if whole > room - kv - n - new:
                                    break
                                if join_lag > 0 and not empty and came[j] * FINE > mine[_LAST_BEGAN]:
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
                                queue = behind[j]
                                seat = vacant[running]
                                if seat < 0:
                                    break
                                sitting[seat] = j
                                mine[_TOP] = max(mine[_TOP], seat + 1)
                                running += 1
                                gpu_time[j] -= shared
                                if start[j] < 0 and now < closes:
                                    start[j], replica[j], outcome[j] = (now + FINE - 1) >> 16, i, HELD
                                    mine[_OPEN] += 1
                                kv += cached[j]
                                rest = whole - cached[j]
                                take = min(rest, left)
                                new += take
                                left -= take
                                if take == rest:
                                    fresh += 1
                                    play(ends, places, seat, ((iteration + output[j] - given[j]) << shift) + seat)
                                else:
                                    part = seat
                                    mine[_PART_LEFT] = rest - take

                        # How many iterations go by until something happens.
                        if running == 0:
                            kv, at = 0, NEVER
                        else:
                            step = base + per_request * n + per_kv_token * kv + per_prefill_token * new
                            count, growth, low = 1, 0, 0
                            if new == 0:
                                growth = per_kv_token * n
                                if not lagging:
                                    count = min(longest_jump, (ends[1] >> shift) - iteration)
                            else:
                                step += prefill
                                if steady:  # whole chunks of one long prompt: nobody can join before it is done
                                    growth = per_kv_token * budget
                                    count = min(longest_jump, (mine[_PART_LEFT] - 1) // chunk)
                                    count = min(count, (ends[1] >> shift) - iteration)
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
                            mine[_BEGAN], mine[_FIRST], mine[_GROWTH], mine[_LOW] = now, step, growth, low
                            at = now + span(count, step, growth, low, floor)
                            # A prefill cannot be cut, so its first tokens are known.
                            for _ in range(fresh):
                                if newest < 0:
                                    break
                                if given[newest] == 0 and start[newest] >= 0:
                                    first_token[newest] = ((at + FINE - 1) >> 16) + frontend
                                newest = behind[newest]
                    if changed:
                        # The time since the last change belongs to those who ran.
                        clock, since = shared, until
                        clocks[i, 1] += float(lived) * before
                        mine[_WINDOW] = spread(busy_ticks[i], edges, mine[_WINDOW], until - lived, until)
                    if at > limit or now == limit:
                        break
                mine[_DECODING], mine[_KV], mine[_ITERATION], mine[_RUNNING] = n, kv, iteration, running
                mine[_PART], mine[QUEUE], mine[_COUNT], mine[_FRESH], mine[_PREFILL] = part, queue, count, fresh, new
                clocks[i, 0], mine[_LAST], mine[_AT] = clock, since, at
            if not routed:
                # Nobody ends before the end of its span; where that was at the arrival, somewhat later.
                play(bounds, players, i, ((max(at, limit + 1) + FINE - 1) >> 16) * players + i)
                continue
            if policy is not None and not entering and moments[NEXT] <= coming:
                advance(policy, moments, nodes, schedule, boots[r], hires[r], counts, slots, closes)
                if moments[ORDERS] > boots.shape[1]:
                    hired[r] = -1
                    return
                continue
            j, now = arriving, limit
            if entering:
                j = moments[DOOR]
                moments[DOOR] = behind[j]
                moments[WAITING] -= 1
            elif arriving == last:
                break
            if j < 0:
                break
            tokens = prompt[j]
            if not entering:
                # An arrival: the door, the router, the queue.
                arriving += 1
                limit = coming = arrival[arriving] * FINE if arriving < last else beyond
                start[j] = first_token[j] = end[j] = replica[j] = -1
                outcome[j], preempted[j], gpu_time[j] = NOT_STARTED, 0, 0.0
                turned_away = tokens + output[j] - 1 > room
                if policy is not None and counts[1] >= AWAY and not turned_away:
                    call(policy, moments, nodes, boots[r], hires[r], now, closes)
                    if moments[ORDERS] > boots.shape[1]:
                        hired[r] = -1
                        return
                    if counts[1] < overflow_above:
                        if moments[WAITING] > 0:
                            behind[moments[DOOR_END]] = j
                        else:
                            moments[DOOR] = j
                        moments[DOOR_END] = j
                        moments[WAITING] += 1
                        continue
                if turned_away or counts[1] >= overflow_above:
                    outcome[j] = API if has_api else REFUSED
                    if has_api:
                        start[j] = arrival[j]
                        first_token[j] = arrival[j] + api_first[j - offsets[0]]
                        end[j] = first_token[j] + api_rest[j - offsets[0]]
                    continue
            play(counts, players, i, counts[1] + players)
            given[j], behind[j] = 0, -1
            if policy is not None:
                came[j] = now >> 16
            if mine[QUEUE] >= 0:
                behind[mine[QUEUE_END]] = j
                mine[QUEUE_END] = j
            else:
                mine[QUEUE] = mine[QUEUE_END] = j
                if at == NEVER:
                    mine[_AT] = now
                elif mine[_COUNT] > 1 and mine[_PREFILL] == 0 and mine[_RUNNING] < seats:
                    # It joins at the first boundary from now on, if its prompt fits there.
                    step, growth, low = mine[_FIRST], mine[_GROWTH], mine[_LOW]
                    count, reach = iterations(now - mine[_BEGAN], step, growth, low, floor)
                    if join_lag > 0:
                        reach += max(floor, step + count * growth)
                        count += 1
                    if count < mine[_COUNT] and tokens <= room - mine[_KV] - (count + 1) * mine[_DECODING]:
                        mine[_COUNT] = count
                        mine[_AT] = mine[_BEGAN] + reach
            if players > 1:  # the bound holds for those before it, who only get slower
                soonest = ((now + min(output[j], safe) * quickest) >> 16) * players + i
                if soonest < bounds[players + i]:
                    play(bounds, players, i, soonest)

        if policy is not None:
            hired[r] = moments[HIRES]
        if not stops:
            continue
        # Who had not started when the clock stopped has had nothing; the fleet's own sums.
        for i in range(replicas):
            for w in range(len(edges) - 1):
                busy[r, w] += busy_ticks[i, w] / FINE
            batch_time[r] += clocks[i, 1] / FINE
            for k in range(seats + 1):
                j, share = (seated[i, k], clocks[i, 0]) if k < seats else (state[i, QUEUE], 0.0)
                while j >= 0:
                    if start[j] < 0:
                        gpu_time[j], preempted[j] = 0.0, 0
                    else:  # it would end beyond what the clock can tell
                        gpu_time[j] = (gpu_time[j] + share) / FINE * gpus
                        end[j] = LATEST
                        first_token[j] = first_token[j] if first_token[j] >= 0 else LATEST
                    j = behind[j] if k == seats else -1
