"""One long replication of requests, drawn and served piece by piece: memory hangs on who is under way, not on length.

The pieces joined are what ``Experiment.served`` gives, to the last bit. Not here: how (``workload.requests``,
``fleet.stream``), what it costs.
"""

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np

from sim.engine.fleet import RequestStream
from sim.engine.workload import api_times, loads, request_pieces
from sim.engine.workload.draws import Draws
from sim.ground.requests import RequestRows, Requests, all_by_api
from sim.ground.scenario import Scenario
from sim.ground.units import Ticks
from sim.study.pools import Pool
from sim.study.simulate import Experiment

PIECE = 20_000
"""Requests to draw and serve at a time."""

Told = tuple[Requests, RequestRows]


def held_whole(experiment: Experiment) -> str | None:
    """Tell why the requests of a replication cannot come in pieces; None where they can."""
    if experiment.engine != "kernel":
        return f"the engine `{experiment.engine}` serves a replication at once"
    for name, each in experiment.scenario.chats.items():
        if each.sessions is not None:
            return f"the turns of the sessions of class `{name}` come as they are served"
    for name, account in experiment.accounts.items():
        if account is not None:
            return f"the API account of plan `{name}` answers the requests of all pools together"
    for name, pools in experiment.pools.items():
        if experiment.scenario.plans[name].lenders:
            return f"plan `{name}` lends nodes that serve to fine-tunes"
        if any(pool.dedicated > 1 for pool in pools):
            return f"plan `{name}` has adapters with replicas of their own"
    return None


def drawn(experiment: Experiment, pool: Pool, replication: int, size: int = PIECE) -> Iterator[Requests]:
    """Draw the requests of one replication that a pool serves, in pieces of about a size."""
    return request_pieces(experiment.scenario, experiment.seed, replication, experiment.logs, pool.classes, size)


class Serving:
    """Serves what comes to one pool in one replication, piece by piece.

    Parameters
    ----------
    experiment : Experiment
        One that is not held whole.
    plan_name : str
        Whose pool it is.
    pool : Pool
        The pool.
    replication : int
        Number of the replication.
    """

    def __init__(self, experiment: Experiment, plan_name: str, pool: Pool, replication: int) -> None:
        self.scenario: Scenario = experiment.scenario
        self.plan, self.pool = self.scenario.plans[plan_name], pool
        self.seed, self.replication, self.windows = experiment.seed, replication, len(experiment.edges) - 1
        self.under_way: dict[str, Draws] = {}
        rules = None if pool.group is None else pool.group.serve
        caches, self.stream = rules is None or rules.prefix_cache, None
        if pool.replicas is not None:
            self.stream = RequestStream(pool.replicas, *self._loads(), caches=caches)

    def take(self, requests: Requests) -> Told:
        """Serve the next requests.

        Returns
        -------
        Requests, RequestRows
            Those, of these and of those before, of which now everything is known, in the order of arrival; ``busy`` and
            ``batch_time`` are 0, for they are known at the end.
        """
        times = api_times(self.scenario, self.plan, self.seed, [self.replication], requests, self.under_way)
        if self.stream is not None:
            return self.stream.take(requests, times)
        if times is None:
            return requests, RequestRows.empty(len(requests), 1, self.windows)
        return requests, all_by_api(requests, times, self.windows)

    def end(self) -> Told:
        """Let the clock stop: all others, with busy time, batch time and hires of the whole replication."""
        if self.stream is not None:
            return self.stream.end()
        none = np.empty(0, np.int64)
        nobody = Requests(np.zeros(2, np.int64), none, none, none, none, none, none)
        return nobody, RequestRows.empty(0, 1, self.windows)

    def _loads(self) -> tuple[partial[Ticks], int] | tuple[()]:
        """Tell how times of loading are drawn, where nodes come and go."""
        replicas, group = self.pool.replicas, self.pool.group
        if replicas is None or group is None or replicas.scaling is None:
            return ()
        return partial(loads, group, self.seed, [self.replication]), self.pool.drawn.loads


def served(
    experiment: Experiment, plan_name: str, pool: Pool, replication: int, requests: Iterable[Requests]
) -> Iterator[Told]:
    """Serve the pieces of one replication; the last that is told has the sums and the hires, maybe without any rows."""
    serving = Serving(experiment, plan_name, pool, replication)
    for piece in requests:
        yield serving.take(piece)
    yield serving.end()
