"""Nodes that come and go, for use inside the kernel: windows, orders, boots, reclaims, idle nodes given back.

A node has one instant at which something happens to it next, in a contest of all nodes (``events``). ``of_slots`` has
a row for each thing known of a node: its state, where its windows stand, when it dies, since when it is idle, its hire;
the last three are lists of orders, of nodes that go, of nodes to look at.
"""

from typing import Final

from sim.engine.fleet.calls import ASK_AGAIN, ASK_NEXT, ASKED, DEMAND, GOING, HIRES, LOSING, ORDERS, SUSPENDED, UP
from sim.engine.fleet.contest import play
from sim.engine.fleet.shelf import move
from sim.ground.compiled import inlined, kernel
from sim.ground.jobs import SHARE
from sim.ground.units import NEVER, Ticks

STATE, WINDOW, DIES, IDLE_SINCE, HIRE, ON_ORDER, LEAVING, CHECKS, OF_SLOTS = range(9)
"""Rows of ``of_slots``."""

GONE, ORDERED, THERE = 0, 1, 2
DONE, NO_HIRE, NO_ASKING, NO_SLOT, NO_STINT = 0, 1, 2, 3, 4
EXHAUSTED: Final = {NO_HIRE: "hires", NO_ASKING: "refused", NO_SLOT: "slots", NO_STINT: "stints"}
"""What ran out, by how the kernel ended."""


@kernel
def arm(events: Ticks, shift: int, node: int, instant: int, horizon: int) -> None:
    """Set when something happens next to a node."""
    play(events, 1 << shift, node, (instant << shift) + node if instant < horizon else NEVER)


@inlined
def rest(events: Ticks, of_slots: Ticks, shift: int, node: int, now: int, idle_release: int, horizon: int) -> None:
    """Let a hired node be idle from now on."""
    of_slots[IDLE_SINCE, node] = now
    arm(events, shift, node, min(of_slots[DIES, node], now + idle_release), horizon)


@kernel
def begin(
    events: Ticks, of_slots: Ticks, windows: Ticks, back: Ticks, owned: int, shift: int, horizon: int, up: Ticks
) -> None:
    """Set out: ``up`` tells which nodes are there at 0; the windows of held and lent ones run."""
    switches = windows.shape[1]
    events[:] = NEVER
    for node in range(len(back)):
        of_slots[STATE, node], of_slots[WINDOW, node], of_slots[HIRE, node] = GONE, 0, -1
        back[node], up[node] = NEVER, 0
        if node >= owned:
            continue
        at = 0
        while at < switches and windows[node, at] <= 0:
            at += 1
        of_slots[WINDOW, node], up[node] = at, at & 1
        if at < switches:
            arm(events, shift, node, windows[node, at], horizon)
            if up[node] == 0:
                back[node] = windows[node, at]


@inlined
def _off_order(on_order: Ticks, orders: int, node: int) -> None:
    """Take a node off the list of orders; ``orders`` are left."""
    at = 0
    while on_order[at] != node:
        at += 1
    for k in range(at, orders):
        on_order[k] = on_order[k + 1]


@inlined
def change(
    tally: Ticks,
    events: Ticks,
    of_slots: Ticks,
    back: Ticks,
    windows: Ticks,
    hires: Ticks,
    r: int,
    shelves: Ticks,
    low_word: Ticks,
    count: Ticks,
    free: Ticks,
    words: int,
    owned: int,
    shift: int,
    now: int,
    idle_release: int,
    horizon: int,
) -> int:
    """Let happen what happens to nodes now; tell how many hired ones may have been idle long enough (``CHECKS``)."""
    checks, size, switches = 0, len(count) - 1, windows.shape[2]
    while events[1] >> shift == now:
        node = events[1] & ((1 << shift) - 1)
        hire = of_slots[HIRE, node]
        if node < owned:  # a held or lent node: the next of its windows begins or ends
            at = of_slots[WINDOW, node] + 1
            of_slots[WINDOW, node] = at
            upcoming = windows[r, node, at] if at < switches else NEVER
            arm(events, shift, node, upcoming, horizon)
            if at & 1:
                move(shelves, low_word, count, free, words, node, size)
                back[node] = NEVER
            else:
                of_slots[LEAVING, tally[GOING]] = node
                tally[GOING] += 1
                back[node] = upcoming
        elif of_slots[DIES, node] <= now:  # a hired node, or an order, is lost
            arm(events, shift, node, NEVER, horizon)
            hires[3, r, hire] = now
            if of_slots[STATE, node] == THERE:
                of_slots[LEAVING, tally[GOING]] = node
                tally[GOING] += 1
                tally[UP] -= 1
            else:
                hires[2, r, hire] = NEVER
                tally[ORDERS] -= 1
                _off_order(of_slots[ON_ORDER], tally[ORDERS], node)
            of_slots[STATE, node], back[node], of_slots[HIRE, node] = GONE, NEVER, -1
        elif of_slots[STATE, node] == ORDERED:  # an order is ready
            move(shelves, low_word, count, free, words, node, size)
            of_slots[STATE, node], back[node] = THERE, NEVER
            tally[UP] += 1
            tally[ORDERS] -= 1
            _off_order(of_slots[ON_ORDER], tally[ORDERS], node)
            rest(events, of_slots, shift, node, now, idle_release, horizon)
            if idle_release == 0:
                arm(events, shift, node, of_slots[DIES, node], horizon)
                tally[SUSPENDED] = 1  # the dispatch comes first
        else:
            of_slots[CHECKS, checks] = node
            checks += 1
            arm(events, shift, node, of_slots[DIES, node], horizon)
    return checks


@inlined
def give_back(
    tally: Ticks,
    checks: int,
    events: Ticks,
    of_slots: Ticks,
    hires: Ticks,
    r: int,
    shelves: Ticks,
    low_word: Ticks,
    count: Ticks,
    free: Ticks,
    words: int,
    shift: int,
    now: int,
    quiet_since: int,
    n_waiting: int,
    idle_release: int,
    horizon: int,
) -> None:
    """Give back the hired nodes that were wholly free long enough, while nobody waited."""
    size = len(count) - 1
    for k in range(checks):
        node = of_slots[CHECKS, k]
        if free[node] != size:
            continue
        due = max(of_slots[IDLE_SINCE, node], quiet_since) + idle_release
        if n_waiting + tally[LOSING] > 0 or quiet_since == NEVER:
            tally[SUSPENDED] = 1
        elif due > now:
            arm(events, shift, node, min(of_slots[DIES, node], due), horizon)
        else:
            arm(events, shift, node, NEVER, horizon)
            move(shelves, low_word, count, free, words, node, -size)
            hires[3, r, of_slots[HIRE, node]] = now
            of_slots[STATE, node], of_slots[HIRE, node] = GONE, -1
            tally[UP] -= 1


@kernel
def _vacant(of_slots: Ticks, supply: Ticks, owned: int, now: int) -> int:
    """Find the lowest slot that is empty and supplied; -1 where no empty one is supplied, -2 where none is empty."""
    rows, found = len(supply), -2
    for slot in range(of_slots.shape[1] - owned):
        if of_slots[STATE, owned + slot] != GONE:
            continue
        if rows == 0:
            return slot
        row = slot if rows > 1 else 0
        at = of_slots[WINDOW, owned + row]
        while at < supply.shape[1] and supply[row, at] <= now:
            at += 1
        of_slots[WINDOW, owned + row] = at
        if at & 1:
            return slot
        if rows == 1:
            return -1
        found = -1
    return found


@inlined
def order(
    tally: Ticks,
    events: Ticks,
    of_slots: Ticks,
    back: Ticks,
    hires: Ticks,
    r: int,
    supply: Ticks,
    boot: Ticks,
    lifetime: Ticks,
    refused: Ticks,
    idle: int,
    maximum: int,
    retry: int,
    binding: int,
    owned: int,
    shift: int,
    now: int,
    horizon: int,
) -> int:
    """Order as many nodes as are called for, beside the idle ones; cancel what is too much. Tells what ran out."""
    wanted = max(0, min(maximum - tally[UP], ((tally[DEMAND] + SHARE - 1) >> 32) - idle))
    while tally[ORDERS] > wanted:
        tally[ORDERS] -= 1
        node = of_slots[ON_ORDER, tally[ORDERS]]
        hire = of_slots[HIRE, node]
        hires[2, r, hire], hires[3, r, hire] = NEVER, now
        of_slots[STATE, node], back[node], of_slots[HIRE, node] = GONE, NEVER, -1
        arm(events, shift, node, NEVER, horizon)
    while tally[ORDERS] < wanted and now >= tally[ASK_AGAIN]:
        slot = _vacant(of_slots, supply[r], owned, now)
        if slot == -2 and supply.shape[1] <= 1:
            return NO_SLOT
        turned_away = slot < 0
        if refused.shape[1] > 0:
            if tally[ASKED] >= refused.shape[1]:
                return NO_ASKING
            turned_away = turned_away or refused[r, tally[ASKED]] != 0
        tally[ASKED] += 1
        if turned_away:
            tally[ASK_AGAIN] = tally[ASK_NEXT] = now + retry
            break
        hire = tally[HIRES]
        if hire >= boot.shape[1]:
            return NO_HIRE
        node, ready = owned + slot, now + boot[r, hire]
        dies = ready + min(lifetime[r, hire], NEVER - ready)
        if binding and supply.shape[1] > 0:
            row = slot if supply.shape[1] > 1 else 0
            at = of_slots[WINDOW, owned + row]
            if at < supply.shape[2]:
                dies = min(dies, supply[r, row, at])
        hires[0, r, hire], hires[1, r, hire], hires[2, r, hire], hires[3, r, hire] = node, now, ready, NEVER
        of_slots[STATE, node], of_slots[HIRE, node], of_slots[DIES, node] = ORDERED, hire, dies
        back[node] = ready if ready < dies else NEVER
        arm(events, shift, node, min(ready, dies), horizon)
        of_slots[ON_ORDER, tally[ORDERS]] = node
        tally[ORDERS] += 1
        tally[HIRES] += 1
    return DONE


@inlined
def look_again(
    tally: Ticks,
    events: Ticks,
    of_slots: Ticks,
    free: Ticks,
    size: int,
    owned: int,
    shift: int,
    quiet_since: int,
    idle_release: int,
    horizon: int,
) -> None:
    """Let the idle time run again of nodes that were kept while somebody waited, now that nobody does."""
    tally[SUSPENDED] = 0
    for node in range(owned, len(free)):
        if of_slots[STATE, node] == THERE and free[node] == size:
            due = max(of_slots[IDLE_SINCE, node], quiet_since) + idle_release
            arm(events, shift, node, min(of_slots[DIES, node], due), horizon)
