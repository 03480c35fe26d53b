"""The fleet of nodes, compiled: what the kernels are handed, and what is made of what they give back."""

from operator import attrgetter
from typing import Any

import numpy as np

from sim.engine.fleet.calls import ROWS, TALLIES
from sim.engine.fleet.contest import players_for
from sim.engine.fleet.dispatch import serve_changing, serve_steady
from sim.engine.fleet.market import DONE, EXHAUSTED, OF_SLOTS
from sim.ground.hires import ExhaustedError, Hires
from sim.ground.jobs import Fleet, Hazards, Hiring, Paths, Rows, Stints, Terms, serve_at_once, share_of_node

# The rules of what comes and goes as they are handed to the kernel.
_HIRING = attrgetter("maximum", "after", "idle_release", "retry", "binding")
_RECOVERY = attrgetter("interval", "cost", "restart")


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
        What became of each job; the same as ``sim.engine.reference.serve`` gives, row by row.

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
        table = np.empty((1, 1, 1), np.int64)
        rows_, row = table[0], table[0, 0]
        of_changes = (row, table, table, rows_, rows_, rows_, row, rows_, row, row, table, row, rows_, row)
        serve_steady(*_arguments(fleet, paths, terms, rows, fleet.nodes), *of_changes)  # which it never looks at
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
    status = serve_changing(
        *_arguments(fleet, paths, terms, rows, total),
        np.array(rules, np.int64),
        hazards.windows,
        hazards.supply,
        hazards.boot,
        hazards.lifetime,
        hazards.refused,
        events=np.empty(2 * players, np.int64),
        of_slots=np.empty((OF_SLOTS, total), np.int64),
        tally=np.empty(TALLIES, np.int64),
        interrupted=rows.interrupted,
        hires=hires,
        hired=hired,
        stints=stints,
        stint_offsets=offsets,
    )
    if status != DONE:
        raise ExhaustedError(EXHAUSTED[status])
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
        np.empty((6 + ROWS, most), np.int64),
        np.empty((5, seats + total), np.int64),
        np.empty((3, len(used)), np.int64),
        of_sizes,
        np.empty((4, total), np.int64),
        np.empty((size + 1) * ((total + 31) >> 5), np.int64),
    )
