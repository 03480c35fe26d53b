"""What a job that cannot start may hope for: when the head can start at the latest, and who could give way to it.

Both look ahead on copies of what is free. A job fits where enough nodes have enough free GPUs: one node that has as
many as it needs, or so many whole nodes.
"""

from sim.engine.fleet.heap import drop, push
from sim.ground.compiled import kernel
from sim.ground.units import NEVER, Ticks


@kernel
def _give(free: Ticks, next_node: Ticks, node: int, gpus: int, size: int, sign: int, need: int) -> int:
    """Count the GPUs of a job as free, or as taken again; tell how many more nodes have what is needed."""
    gained = 0
    while gpus > 0:
        gained -= int(free[node] >= need)
        free[node] += sign * min(gpus, size)
        gained += int(free[node] >= need)
        gpus -= size
        node = next_node[node]
    return gained


@kernel
def earliest_start(
    job: int, size: int, gpus: Ticks, first_node: Ticks, of_nodes: Ticks, back: Ticks, of_running: Ticks, n_running: int
) -> int:
    """Tell when a job that does not fit now can start, from the ends of the running jobs and the nodes on their way."""
    free, next_node, ends, running = of_nodes[2], of_nodes[1], of_running[2], of_running[3]
    need, missing = min(gpus[job], size), max(1, gpus[job] // size)
    for node in range(len(free)):
        free[node] = of_nodes[0, node]
        missing -= int(free[node] >= need)
    for k in range(n_running):
        ends[k], running[k] = of_running[0, k], of_running[1, k]
    for node in range(len(back)):
        if back[node] < NEVER:
            push(ends, running, n_running, back[node], -1 - node)
            n_running += 1
    while n_running > 0:
        instant, who = ends[0], running[0]
        if who < 0:
            free[-1 - who] += size
            missing -= 1
        else:
            missing -= _give(free, next_node, first_node[who], gpus[who], size, 1, need)
        if missing <= 0:
            return int(instant)
        drop(ends, running, n_running)
        n_running -= 1
    return NEVER


@kernel
def victims(
    head: int,
    size: int,
    gpus: Ticks,
    level: Ticks,
    first_node: Ticks,
    of_nodes: Ticks,
    of_running: Ticks,
    n_running: int,
    found: Ticks,
) -> int:
    """Choose who gives way to the head: of those of lower priority as few as will do, the best placed spared first."""
    free, next_node, places, lower = of_nodes[2], of_nodes[1], of_running[2], of_running[3]
    need, missing = min(gpus[head], size), max(1, gpus[head] // size)
    for node in range(len(free)):
        free[node] = of_nodes[0, node]
        missing -= int(free[node] >= need)
    n_lower = n_found = 0
    for k in range(n_running):
        job = of_running[1, k]
        if level[job] > level[head]:
            missing -= _give(free, next_node, first_node[job], gpus[job], size, 1, need)
            push(places, lower, n_lower, (level[job] << 40) + job, job)
            n_lower += 1
    if missing > 0:
        return 0
    while n_lower > 0:
        job = lower[0]
        drop(places, lower, n_lower)
        n_lower -= 1
        missing -= _give(free, next_node, first_node[job], gpus[job], size, -1, need)
        if missing > 0:
            missing -= _give(free, next_node, first_node[job], gpus[job], size, 1, need)
            found[n_found] = job
            n_found += 1
    return n_found
