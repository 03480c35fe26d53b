"""Nodes of replicas that come and go, compiled: the steps of ``reference.scaler``, for use in the serving kernel.

In the router's contest a replica that takes no requests has ``AWAY`` added to its number: it loses to all that take
some, and its own count goes on. Instants are microseconds but where a name says otherwise.
"""

from typing import Final

from sim.engine.fleet.contest import play
from sim.ground.compiled import inlined, kernel
from sim.ground.units import FINE, NEVER, Ticks

AWAY: Final = 2**61
"""More than any replica's number in the contest."""

# Of the policy, of the moment, of each node; and what a node does.
PER_NODE, MINIMUM, TARGET, TICK, COOL_DOWN, FIRST, SCHEDULED = range(7)
MOMENTS: Final = 12
(NEXT, NOW, NEXT_READY, NEXT_TICK, SINCE, LARGEST, ORDERS, HIRES, DOOR, DOOR_END, WAITING, PLACE) = range(MOMENTS)
OF_NODE: Final = 4
STATE, HIRE, READY, LAST_END = range(OF_NODE)
_GONE, _LOADING, _UP, _LEAVING = range(4)
NODE, ORDERED, BOOTED, LEFT = range(4)


@inlined
def _plan(moments: Ticks, closes: int) -> None:
    """Note the serving tick of what comes next; nothing comes once the clock stops."""
    soonest = min(moments[NEXT_READY], moments[NEXT_TICK])
    moments[NEXT] = soonest * FINE if soonest < closes >> 16 else NEVER


@inlined
def _move(counts: Ticks, policy: Ticks, node: int, change: int) -> None:
    """Let the replicas of a node take requests, or no longer."""
    players, each = len(counts) >> 1, policy[PER_NODE]
    for i in range(node * each, (node + 1) * each):
        play(counts, players, i, counts[players + i] + change)


@inlined
def _note(hires: Ticks, hire: int, node: int, ordered: int, ready: int) -> None:
    """Write down a hire."""
    hires[NODE, hire], hires[ORDERED, hire], hires[BOOTED, hire], hires[LEFT, hire] = node, ordered, ready, NEVER


@kernel
def begin(
    policy: Ticks, moments: Ticks, nodes: Ticks, schedule: Ticks, hires: Ticks, counts: Ticks, closes: int
) -> None:
    """Let the first nodes be up, at the beginning of a replication, and the others gone."""
    nodes[:], moments[:] = 0, 0
    for node in range(nodes.shape[1]):
        if node < policy[FIRST]:
            nodes[STATE, node], nodes[HIRE, node] = _UP, node
            _note(hires, node, node, 0, 0)
        else:
            _move(counts, policy, node, AWAY)
    moments[HIRES], moments[PLACE] = policy[FIRST], 1
    moments[DOOR] = moments[SINCE] = -1
    moments[NEXT_READY], moments[NEXT_TICK] = NEVER, policy[TICK]
    if policy[SCHEDULED]:
        moments[NEXT_TICK] = schedule[0, 1] if schedule.shape[1] > 1 else NEVER
    _plan(moments, closes)


@inlined
def _soonest(nodes: Ticks) -> int:
    """Tell when the next node is ready."""
    soonest = NEVER
    for node in range(nodes.shape[1]):
        if nodes[STATE, node] == _LOADING:
            soonest = min(soonest, nodes[READY, node])
    return soonest


@inlined
def _in_state(nodes: Ticks, state: int) -> int:
    """Count the nodes in a state."""
    found = 0
    for node in range(nodes.shape[1]):
        found += nodes[STATE, node] == state
    return found


@inlined
def _order(moments: Ticks, nodes: Ticks, loads: Ticks, hires: Ticks, now: int, count: int) -> None:
    """Order so many nodes, or as many as are gone; where loads run out, there are more orders than loads."""
    for node in range(nodes.shape[1]):
        if count <= 0:
            break
        if nodes[STATE, node] == _GONE:
            count -= 1
            order, hire = moments[ORDERS], moments[HIRES]
            moments[ORDERS] += 1
            if order >= len(loads):
                break
            moments[HIRES] += 1
            nodes[STATE, node], nodes[HIRE, node], nodes[READY, node] = _LOADING, hire, now + loads[order]
            _note(hires, hire, node, now, now + loads[order])
            moments[NEXT_READY] = min(moments[NEXT_READY], now + loads[order])


@kernel
def ended(policy: Ticks, nodes: Ticks, hires: Ticks, counts: Ticks, i: int, fine_now: int, closes: int) -> None:
    """Let a leaving node be gone if the replica that has just nothing left to do was the last."""
    players, each = len(counts) >> 1, policy[PER_NODE]
    node = i // each
    nodes[LAST_END, node] = max(nodes[LAST_END, node], fine_now)  # its replicas are brought up in any order
    for other in range(node * each, (node + 1) * each):
        if counts[players + other] != AWAY + other:
            return
    if nodes[LAST_END, node] < closes:
        nodes[STATE, node] = _GONE
        hires[LEFT, nodes[HIRE, node]] = (nodes[LAST_END, node] + FINE - 1) >> 16


@inlined
def _dismiss(
    policy: Ticks, moments: Ticks, nodes: Ticks, hires: Ticks, counts: Ticks, now: int, count: int, closes: int
) -> None:
    """Let so many nodes go: first who is loading, the latest ordered first, then the highest number that is up."""
    for _ in range(count):
        chosen, latest = -1, -1
        for node in range(nodes.shape[1]):
            if nodes[STATE, node] == _LOADING and nodes[HIRE, node] > latest:
                chosen, latest = node, nodes[HIRE, node]
        if chosen >= 0:
            nodes[STATE, chosen] = _GONE
            hires[BOOTED, latest], hires[LEFT, latest] = NEVER, now
            continue
        for node in range(nodes.shape[1]):
            if nodes[STATE, node] == _UP:
                chosen = node
        if chosen >= 0:
            nodes[STATE, chosen], nodes[LAST_END, chosen] = _LEAVING, now * FINE
            _move(counts, policy, chosen, AWAY)
            ended(policy, nodes, hires, counts, chosen * policy[PER_NODE], now * FINE, closes)
    moments[NEXT_READY] = _soonest(nodes)


@inlined
def _stay(policy: Ticks, nodes: Ticks, counts: Ticks, count: int) -> int:
    """Let so many leaving nodes stay, the lowest first; tell how many did."""
    staying = 0
    for node in range(nodes.shape[1]):
        if staying < count and nodes[STATE, node] == _LEAVING:
            nodes[STATE, node] = _UP
            _move(counts, policy, node, -AWAY)
            staying += 1
    return staying


@inlined
def _desired(policy: Ticks, moments: Ticks, nodes: Ticks, counts: Ticks) -> int:
    """Tell how many nodes there should be for the requests that there are."""
    players, each, taken = len(counts) >> 1, policy[PER_NODE], 0
    for i in range(nodes.shape[1] * each):
        if counts[players + i] < AWAY:
            taken += counts[players + i] - i
    replicas = (moments[WAITING] + taken // players + policy[TARGET] - 1) // policy[TARGET]
    return int(min(max((replicas + each - 1) // each, policy[MINIMUM]), nodes.shape[1]))


@kernel
def advance(
    policy: Ticks,
    moments: Ticks,
    nodes: Ticks,
    schedule: Ticks,
    loads: Ticks,
    hires: Ticks,
    counts: Ticks,
    slots: Ticks,
    closes: int,
) -> None:
    """Do what comes next: nodes become ready, or it is time for a look at the fleet."""
    now, each = moments[NEXT] >> 16, policy[PER_NODE]
    moments[NOW] = moments[NEXT]
    if moments[NEXT_READY] == now:
        for node in range(nodes.shape[1]):
            if nodes[STATE, node] == _LOADING and nodes[READY, node] == now:
                nodes[STATE, node] = _UP
                _move(counts, policy, node, -AWAY)
                for i in range(node * each, (node + 1) * each):
                    slots[i, 0], slots[i, 1], slots[i, 2] = -1, 0, -1
        moments[NEXT_READY] = _soonest(nodes)
        _plan(moments, closes)
        return
    present = _in_state(nodes, _UP) + _in_state(nodes, _LOADING)
    leave = 0
    if policy[SCHEDULED]:
        wanted = schedule[1, moments[PLACE]]
        moments[PLACE] += 1
        moments[NEXT_TICK] = schedule[0, moments[PLACE]] if moments[PLACE] < schedule.shape[1] else NEVER
        present += _stay(policy, nodes, counts, wanted - present)
        leave = present - wanted
    else:
        wanted = _desired(policy, moments, nodes, counts)
        moments[NEXT_TICK] += policy[TICK]
        if wanted < present:
            if moments[SINCE] < 0:
                moments[SINCE], moments[LARGEST] = now, wanted
            moments[LARGEST] = max(moments[LARGEST], wanted)
            if now - moments[SINCE] >= policy[COOL_DOWN]:
                leave = present - moments[LARGEST]
                moments[SINCE] = -1
    if wanted >= present:
        moments[SINCE] = -1
        _order(moments, nodes, loads, hires, now, wanted - present)
    if leave > 0:
        _dismiss(policy, moments, nodes, hires, counts, now, leave, closes)
    _plan(moments, closes)


@kernel
def call(policy: Ticks, moments: Ticks, nodes: Ticks, loads: Ticks, hires: Ticks, fine_now: int, closes: int) -> None:
    """Order a node for somebody who finds nobody up, if none is loading."""
    if not policy[SCHEDULED] and _in_state(nodes, _LOADING) == 0 and fine_now < closes:
        _order(moments, nodes, loads, hires, fine_now >> 16, 1)
        _plan(moments, closes)
