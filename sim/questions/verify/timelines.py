"""What must hold whenever nodes come and go: who runs where and when, what is kept, who is hired.

Looked at in random worlds, and under the plans of a scenario with every kind of elastic capacity. Each check returns
how many things it looked at and how many of them broke the rule.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from sim.engine import fleet
from sim.ground.hires import Hires
from sim.ground.jobs import API, HELD, HIRED, NOT_STARTED, Fleet, Hazards, Paths, Rows, Stints, Terms
from sim.ground.units import NEVER, Ticks
from sim.questions.verify.elastic_worlds import world
from sim.questions.verify.samples import ELASTIC, scenario
from sim.study.simulate import Experiment

Found = tuple[int, int]
_WORLDS: Final = range(150)
_REPLICATIONS: Final = range(5)


@dataclass(frozen=True)
class Scene:
    """A fleet whose nodes come and go, what happened to them, and what became of the jobs."""

    fleet: Fleet
    paths: Paths
    terms: Terms
    hazards: Hazards
    rows: Rows
    stints: Stints
    hires: Hires

    @property
    def of_replication(self) -> Ticks:
        """The replication of each stint."""
        return np.repeat(np.arange(self.paths.replications), np.diff(self.stints.offsets))

    @property
    def of_hires(self) -> Ticks:
        """The replication of each hire."""
        return np.repeat(np.arange(self.paths.replications), np.diff(self.hires.offsets))

    @property
    def row_of_hire(self) -> Ticks:
        """The row of each stint's hire in the table of hires; -1 on held and lent nodes."""
        return np.where(self.stints.hire < 0, -1, self.stints.hire + self.hires.offsets[self.of_replication])

    def of_jobs(self) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
        """List for each job that ran the rows of its stints, one a stint though it may have several nodes."""
        order = np.argsort(self.stints.job, kind="stable")
        cuts = np.flatnonzero(np.diff(self.stints.job[order])) + 1
        for rows in np.split(order, cuts):
            if len(rows):
                job = int(self.stints.job[rows[0]])
                nodes = max(1, int(self.paths.gpus[job]) // self.fleet.gpus_per_node)
                yield job, rows[::nodes]

    def windows(self, replication: int, node: int) -> Ticks:
        """Instants at which a held or lent node comes up and goes down, in turns."""
        return np.asarray(self.hazards.windows[replication, node])


def _scene(rules: Fleet, paths: Paths, terms: Terms, hazards: Hazards, rows: Rows) -> Scene:
    """Take what was served on nodes that come and go."""
    if rows.stints is None or rows.hires is None:
        raise ValueError("these nodes neither come nor go")
    return Scene(rules, paths, terms, hazards, rows, rows.stints, rows.hires)


@cache
def scenes() -> tuple[Scene, ...]:
    """Serve random worlds, and the elastic scenario under each plan whose fine-tunes run on nodes of its own."""
    found = []
    for each in (world(number) for number in _WORLDS):
        if not each.fleet.steady:
            rows = each.served(fleet.serve)[0]
            found.append(_scene(each.fleet, each.paths, each.terms, each.hazards, rows))
    ready = Experiment.of(scenario(ELASTIC), 5)
    paths = ready.paths(_REPLICATIONS)

    def serve(rules: Fleet, jobs: Paths, terms: Terms, hazards: Hazards | None) -> Rows:
        rows = fleet.serve(rules, jobs, terms, hazards)
        if hazards is not None:
            found.append(_scene(rules, jobs, terms, hazards, rows))
        return rows

    for name, tuning in ready.tunings.items():
        if not tuning.fleet.lent:
            terms = ready.rows(name, paths, _REPLICATIONS)[0]
            tuning.serve(serve, ready.seed, _REPLICATIONS, paths, terms)
    return tuple(found)


def _over(check: Callable[[Scene], Found]) -> Found:
    """Add up what a check finds in all scenes."""
    found = [check(each) for each in scenes()]
    return sum(looked for looked, _ in found), sum(broken for _, broken in found)


def _most(since: Ticks, until: Ticks, weight: Ticks) -> int:
    """Find the most that is there at one instant; at one instant ends come first."""
    order = np.argsort(np.concatenate((until, since)), kind="stable")
    return int(np.cumsum(np.concatenate((-weight, weight))[order]).max(initial=0))


def _nodes_hold(each: Scene) -> Found:
    gpus = np.minimum(each.paths.gpus[each.stints.job], each.fleet.gpus_per_node)
    place = each.of_replication * (each.stints.node.max(initial=0) + 1) + each.stints.node
    ran = each.stints.until > each.stints.since  # a stint of no length takes no room
    broken = looked = 0
    for node in np.unique(place[ran]):
        here = ran & (place == node)
        looked += 1
        broken += _most(each.stints.since[here], each.stints.until[here], gpus[here]) > each.fleet.gpus_per_node
    return looked, broken


def stints_never_overfill_a_node() -> Found:
    """At no instant do the stints on one node, held, lent or hired, take more GPUs than it has."""
    return _over(_nodes_hold)


def _windows_hold(each: Scene) -> Found:
    stints, hires, owned = each.stints, each.hires, each.fleet.nodes + each.fleet.lent
    until = np.minimum(stints.until, each.fleet.horizon)
    broken = 0
    for replication, node, since, end in zip(
        each.of_replication[stints.hire < 0], stints.node[stints.hire < 0], stints.since[stints.hire < 0],
        until[stints.hire < 0], strict=True,
    ):  # fmt: skip
        switches = each.windows(replication, node)
        behind = int(np.searchsorted(switches, since, side="right"))
        broken += not (node < owned and behind % 2 and (behind == len(switches) or end <= switches[behind]))
    on_hire = stints.hire >= 0
    hire = each.row_of_hire[on_hire]
    right = (hires.node[hire] == stints.node[on_hire]) & (stints.node[on_hire] >= owned)
    right &= (stints.since[on_hire] >= hires.ready[hire]) & (until[on_hire] <= hires.left[hire])
    return len(stints), broken + int(np.count_nonzero(~right))


def stints_lie_within_their_nodes_time() -> Found:
    """Each stint lies in one window in which its node is up, or between the boot's end and the return of its hire."""
    return _over(_windows_hold)


def _one_place(each: Scene) -> Found:
    broken = looked = 0
    for _, rows in each.of_jobs():
        looked += len(rows)
        broken += int(np.count_nonzero(each.stints.since[rows][1:] < each.stints.until[rows][:-1]))
    return looked, broken


def no_job_runs_twice_at_once() -> Found:
    """No stint of a job begins before its last one ended."""
    return _over(_one_place)


def _work_adds_up(each: Scene) -> Found:
    stints, rows, looked, broken = each.stints, each.rows, 0, 0
    done = stints.until - stints.since - stints.restart - stints.writing - stints.lost
    for job, mine in each.of_jobs():
        saved, ended = int(done[mine].sum()), int(stints.until[mine[-1]]) == rows.end[job]
        running = ended and rows.end[job] >= each.fleet.horizon
        whole = saved == each.paths.service[job] if ended or running else saved <= each.paths.service[job]
        looked += 1
        broken += not (whole and (done[mine] >= 0).all() and len(mine) - ended == rows.interrupted[job])
    return looked, broken


def saved_work_adds_up_to_the_service() -> Found:
    """Each job that ended saved its service in its stints, all of which but the last were broken off."""
    return _over(_work_adds_up)


def _rows_agree(each: Scene) -> Found:
    stints, rows, looked, broken = each.stints, each.rows, 0, 0
    ran = np.zeros(len(each.paths), np.bool_)
    owned = each.fleet.nodes + each.fleet.lent
    for job, mine in each.of_jobs():
        last, ran[job], looked = mine[-1], True, looked + 1
        goes_on = stints.until[last] == rows.end[job] or rows.end[job] >= each.fleet.horizon
        right = rows.start[job] == stints.since[mine[0]] and goes_on and rows.node[job] == stints.node[last]
        broken += not (right and rows.outcome[job] == (HELD if stints.node[last] < owned else HIRED))
    elsewhere = np.isin(rows.outcome, (API, NOT_STARTED)) & (rows.node == -1)
    late = (rows.outcome != NOT_STARTED) & (rows.start - each.paths.arrival > each.terms.patience)
    early = (rows.start >= 0) & (rows.start < each.paths.arrival)
    return looked + len(ran), broken + int(np.count_nonzero(~ran & ~elsewhere | late | early))


def rows_agree_with_stints() -> Found:
    """Each row tells first start, last node and end; who never ran has no node; nobody waits beyond their patience."""
    return _over(_rows_agree)


def _losses_have_causes(each: Scene) -> Found:
    stints, recovery, broken = each.stints, each.fleet.recovery, 0
    for job, mine in each.of_jobs():
        first, last = mine[0], mine[-1]
        ended = stints.until[last] == each.rows.end[job]
        broken += bool(stints.restart[first] or (ended and stints.lost[last]))
        broken += bool(ended and len(mine) > 1 and stints.restart[last] != recovery.restart)
    broken += int(np.count_nonzero(stints.restart > recovery.restart))
    if recovery.interval == 0:
        broken += int(np.count_nonzero(stints.lost))
    if not recovery.cost:
        broken += int(np.count_nonzero(stints.writing))
    return len(stints), broken


def losses_have_causes() -> Found:
    """Only who was interrupted restarts; a stint that ended lost nothing, and with continuous checkpoints none does."""
    return _over(_losses_have_causes)


def _hires_apart(each: Scene) -> Found:
    hires, broken = each.hires, 0
    order = np.lexsort((np.arange(len(hires)), hires.node, each.of_hires))
    same = (np.diff(hires.node[order]) == 0) & (np.diff(each.of_hires[order]) == 0)
    broken += int(np.count_nonzero(same & (hires.ordered[order][1:] < hires.left[order][:-1])))
    times = np.column_stack([hires.ordered, hires.left])
    ready = hires.ready < NEVER
    broken += int(np.count_nonzero(times[:, 0] > times[:, 1]))
    broken += int(np.count_nonzero(ready & ((hires.ready < hires.ordered) | (hires.left < hires.ready))))
    return len(hires), broken


def hires_of_one_slot_follow_each_other() -> Found:
    """Each slot is ordered again only when its last hire is gone; a hire is ordered, then ready, then gone."""
    return _over(_hires_apart)


def _drawn(each: Scene) -> Found:
    hires, hazards, horizon = each.hires, each.hazards, each.fleet.horizon
    number = np.arange(len(hires)) - hires.offsets[each.of_hires]
    boot, lifetime = hazards.boot[each.of_hires, number], hazards.lifetime[each.of_hires, number]
    ready = hires.ready < NEVER
    right = np.where(ready, hires.ready == hires.ordered + boot, hires.left <= hires.ordered + boot)
    ends = hires.ordered + boot + np.minimum(lifetime, NEVER // 2)
    right &= (hires.left <= ends) | (ends >= horizon)
    return len(hires), int(np.count_nonzero(~right))


def hires_take_their_boot_and_lifetime_in_turn() -> Found:
    """Each hire is ready after the boot of its number, if it is not gone before, and is gone after its lifetime."""
    return _over(_drawn)


def _within_maximum(each: Scene) -> Found:
    if each.fleet.hiring is None:
        return 0, int(len(each.hires) > 0)
    parts = [slice(a, b) for a, b in pairwise(each.hires.offsets)]
    most = [_most(each.hires.ordered[p], each.hires.left[p], np.ones(p.stop - p.start, np.int64)) for p in parts]
    return len(most), sum(found > each.fleet.hiring.maximum for found in most)


def hires_stay_within_the_maximum() -> Found:
    """Never are more nodes on order and up than the plan may hire."""
    return _over(_within_maximum)


def _supplied(each: Scene) -> Found:
    used = np.unique(each.row_of_hire)
    never_ready = np.flatnonzero(each.hires.ready == NEVER)
    broken = len(np.intersect1d(used, never_ready))
    first, supply = each.fleet.nodes + each.fleet.lent, each.hazards.supply
    for hire, replication in enumerate(each.of_hires if supply.shape[1] else ()):
        row = supply[replication, each.hires.node[hire] - first if supply.shape[1] > 1 else 0]
        behind = int(np.searchsorted(row, each.hires.ordered[hire], side="right"))
        binds = each.fleet.hiring is not None and each.fleet.hiring.binding and behind < len(row)
        over = binds and row[behind] < each.fleet.horizon and each.hires.left[hire] > row[behind]
        broken += bool(behind % 2 == 0 or over)
    return len(each.hires), broken


def orders_are_supplied_and_cancelled_ones_run_nobody() -> Found:
    """Who orders finds supply, and keeps the node no longer than it binds; nobody runs where no boot ended."""
    return _over(_supplied)


CHECKS: Final[tuple[Callable[[], Found], ...]] = (
    stints_never_overfill_a_node,
    stints_lie_within_their_nodes_time,
    no_job_runs_twice_at_once,
    saved_work_adds_up_to_the_service,
    rows_agree_with_stints,
    losses_have_causes,
    hires_of_one_slot_follow_each_other,
    hires_take_their_boot_and_lifetime_in_turn,
    hires_stay_within_the_maximum,
    orders_are_supplied_and_cancelled_ones_run_nobody,
)
"""Checks of timelines; a check's name is its function's."""
