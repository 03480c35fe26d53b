"""The tuning side of a plan: which nodes run its fine-tunes, by which rules, and what happens to them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from sim.engine.fleet.contest import players_for
from sim.engine.workload import Replay, Sizes, enlarged, first_sizes, hazards, numbers, replay_of
from sim.ground.faults import InputError
from sim.ground.hires import ExhaustedError, Hires
from sim.ground.jobs import API, HIRED, NOT_STARTED, Fleet, Hazards, Hiring, Paths, Recovery, Rows, Terms
from sim.ground.scenario import Held, Plan, Scenario
from sim.ground.scenario.misfits import MOST_NODE_TICKS
from sim.ground.units import NEVER, Ticks, tick

Serve = Callable[[Fleet, Paths, Terms, Hazards | None], Rows]
"""Serves the jobs of each replication on nodes: the kernel, or the reference."""


@dataclass
class _Drawn:
    """How much is drawn for a plan: as much as its hungriest piece needed so far."""

    sizes: Sizes


@dataclass(frozen=True)
class Tuning:
    """The nodes of a plan that run fine-tunes.

    Attributes
    ----------
    scenario, plan : Scenario, Plan
        Whose they are.
    fleet : Fleet
        The rules.
    replay : Replay or None
        The log by which hired nodes come and go.
    drawn : _Drawn
        How much is drawn beforehand; more is drawn where it was too little, and the results are the same.
    """

    scenario: Scenario
    plan: Plan
    fleet: Fleet
    replay: Replay | None
    drawn: _Drawn = field(compare=False)

    @classmethod
    def of(cls, scenario: Scenario, plan: Plan, jobs: float) -> "Tuning":
        """Take from a plan the rules of its nodes; about so many fine-tunes come in a replication."""
        replay = replay_of(scenario, plan)
        sizes = first_sizes(scenario, plan, jobs)
        return cls(scenario, plan, plan_fleet(scenario, plan, replay), replay, _Drawn(sizes))

    @property
    def numbers(self) -> int:
        """About how many numbers the hazards of a replication are."""
        return numbers(self.scenario, self.plan, self.replay)

    def serve(
        self,
        engine: Serve,
        seed: int,
        replications: Sequence[int],
        paths: Paths,
        terms: Terms,
        lent: Ticks | None = None,
    ) -> Rows:
        """Serve the fine-tunes of some replications.

        Parameters
        ----------
        engine : callable
            The kernel or the reference.
        lent : int64[R, nodes, k], optional
            Windows in which serving lends its nodes (``lending``).
        """
        if self.fleet.no_queue or self.fleet.steady:
            return engine(self.fleet, paths, terms, None)
        sizes = self.drawn.sizes
        while True:
            self._check(sizes)
            what_happens = hazards(
                self.scenario, self.plan, seed, replications, **sizes._asdict(), lent=lent, replay=self.replay
            )
            try:
                return engine(self.fleet, paths, terms, what_happens)
            except ExhaustedError as short:
                sizes = self._more(sizes, short)

    def _check(self, sizes: Sizes) -> None:
        """Refuse more nodes than the clock can tell apart."""
        nodes = self.fleet.nodes + self.fleet.lent + sizes.slots
        if players_for(nodes) * self.fleet.horizon >= MOST_NODE_TICKS:
            text = f"a plan needs {nodes:,} nodes or more at one time, too many for a clock of so many days"
            raise InputError.one(self.scenario.name, f"{text}; state `maximum` or shorten horizon_days")

    def _more(self, sizes: Sizes, short: ExhaustedError) -> Sizes:
        """Draw twice as much of what was too little, from now on."""
        try:
            self.drawn.sizes = enlarged(sizes, short, self.plan)
        except ExhaustedError:
            text = f"a plan needs more {short.what} in one replication than fit into memory"
            raise InputError.one(
                self.scenario.name, f"{text}; lengthen lifetime_hours, retry_minutes or idle_release_minutes"
            ) from None
        return self.drawn.sizes


def plan_fleet(scenario: Scenario, plan: Plan, replay: Replay | None = None) -> Fleet:
    """Take from a plan the rules by which its nodes serve fine-tunes."""
    no_queue = NOT_STARTED
    if scenario.hires_at_once(plan):
        no_queue = HIRED
    elif plan.maximum_nodes == 0 and plan.api is not None:
        no_queue = API
    return Fleet(
        nodes=plan.nodes,
        gpus_per_node=plan.gpus_per_node,
        horizon=tick(scenario.horizon_hours),
        queue_limit=NEVER if plan.queue_limit is None else int(plan.queue_limit),
        backfill=plan.backfill,
        no_queue=no_queue,
        lent=plan.lent if scenario.tunes else 0,
        fails=plan.fails,
        preempt=plan.preempt,
        hiring=None if no_queue else _hiring(plan, replay),
        recovery=_recovery(plan),
    )


def _hiring(plan: Plan, replay: Replay | None) -> Hiring | None:
    """Take the rules by which a plan hires."""
    hired = plan.hired_tuning
    if hired is None:
        return None
    most = NEVER if hired.most_nodes is None else hired.most_nodes
    return Hiring(
        maximum=most if replay is None else min(most, len(replay.slots)),
        after=hired.after_ticks,
        idle_release=hired.idle_release_ticks,
        retry=hired.retry_ticks,
        binding=replay is not None,
    )


def _recovery(plan: Plan) -> Recovery:
    """Take what an interrupted job of a plan keeps."""
    saves = plan.checkpoints
    if saves is None:
        return Recovery(restart=plan.restart_ticks)
    return Recovery(saves.interval_ticks, saves.cost_ticks if saves.interval_ticks else 0, plan.restart_ticks)


def lending(group: Held, hires: Hires, horizon: int) -> Ticks:
    """Tell when a group that serves lends its nodes: from when one has left and changed hands until it is wanted again.

    Parameters
    ----------
    group : Held
        With a schedule.
    hires : Hires
        When each of its nodes served.
    horizon : int
        Tick at which the clock stops.

    Returns
    -------
    int64[R, lent, k]
        Instants at which each lent node comes to the fine-tunes and goes, in turns, padded with ``NEVER``.
    """
    if group.serve is None:
        raise LookupError("these nodes serve no inference")
    switch, first = tick(group.serve.switch_minutes / 60), int(group.nodes) - group.lends
    found: list[list[Ticks]] = []
    for begin, end in zip(hires.offsets[:-1], hires.offsets[1:], strict=True):
        node, ordered, left = hires.node[begin:end], hires.ordered[begin:end], hires.left[begin:end]
        rows = []
        for number in range(first, int(group.nodes)):
            mine = node == number
            comes = np.concatenate(([0], np.minimum(left[mine], horizon) + switch))
            goes = np.append(ordered[mine], NEVER)
            useful = (comes < goes) & (comes < horizon)
            rows.append(np.column_stack([comes[useful], goes[useful]]).ravel())
        found.append(rows)
    longest = max((len(row) for rows in found for row in rows), default=0)
    windows = np.full((len(found), group.lends, max(2, longest)), NEVER)
    for replication, rows in enumerate(found):
        for number, row in enumerate(rows):
            windows[replication, number, : len(row)] = row
    return windows
