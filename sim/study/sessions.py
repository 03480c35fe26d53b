"""When the later turns of sessions come: think time after the end of the turn before, which hangs on the plan.

Everything random is drawn beforehand. Engines take requests whose arrivals are known, so the arrivals are found by
waveform relaxation: serve the turns known so far, read their ends, let the next turns come accordingly, and serve again
until nothing changes. A turn that was refused, that failed, or that has not ended when the clock stops, ends its
session: nobody goes on from an answer that never came.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.engine.workload import ApiChance, joined_turns
from sim.ground.jobs import API, HELD
from sim.ground.requests import ApiTimes, RequestRows, Requests, Turns
from sim.ground.units import NEVER, Ticks

Yes = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Coming:
    """What may come to a pool: its requests, how long the API would take for each, what chance decides there."""

    requests: Requests
    times: ApiTimes | None
    chance: ApiChance | None = None

    def at(self, rows: npt.NDArray[np.int64], offsets: Ticks, arrival: Ticks) -> "Coming":
        """Take those that come, in the order in which they do."""
        times = None if self.times is None else ApiTimes(*(column[rows] for column in vars(self.times).values()))
        chance = None if self.chance is None else ApiChance(*(column[rows] for column in vars(self.chance).values()))
        return Coming(self.requests.at(rows, offsets, arrival), times, chance)


ServeAll = Callable[[Ticks, Sequence[Coming]], list[RequestRows]]
"""Serves what comes to each pool, in the replications at these places."""


@dataclass(frozen=True)
class _Turns:
    """The requests of all pools, one pool after the other.

    Attributes
    ----------
    begins : int64[pools + 1]
        Where those of each pool begin.
    replication, rank : int64[n]
        Place of the replication; and in the order in which requests of one instant come.
    think : int64[n]
        Microseconds from the end of the turn before.
    next : int64[n]
        The turn after it; -1 for none.
    first : int64[n]
        When it comes, if it is no later turn; else ``NEVER``.
    """

    begins: Ticks
    replication: Ticks
    rank: Ticks
    think: Ticks
    next: Ticks
    first: Ticks

    @classmethod
    def of(cls, pools: Sequence[Requests]) -> "_Turns":
        """Lay out the requests of some pools."""
        turns = joined_turns([each.turns or Turns.none(len(each)) for each in pools])
        replication = np.concatenate([np.repeat(np.arange(each.replications), np.diff(each.offsets)) for each in pools])
        job_class, arrival = (np.concatenate([getattr(x, name) for x in pools]) for name in ("job_class", "arrival"))
        order = np.lexsort((turns.turn, turns.session, job_class, replication))
        rank, following = np.empty_like(order), np.full(len(order), -1)
        rank[order] = np.arange(len(order))
        later = np.flatnonzero(turns.turn[order] > 0)
        following[order[later - 1]] = order[later]
        first = np.where(turns.turn > 0, NEVER, arrival)
        return cls(np.cumsum([0, *map(len, pools)]), replication, rank, turns.think, following, first)

    def coming(self, pools: Sequence[Coming], arrival: Ticks, places: Ticks) -> tuple[list[Ticks], list[Coming]]:
        """Put those that come in some replications into order, pool by pool; tell which they are, and all of them."""
        wanted = np.zeros(int(self.replication.max(initial=0)) + 1, bool)
        wanted[places] = True
        rows = np.flatnonzero((arrival < NEVER) & wanted[self.replication])
        rows = rows[np.lexsort((self.rank[rows], arrival[rows], self.replication[rows]))]
        of_pool, found = [], []
        for each, begin, end in zip(pools, self.begins[:-1], self.begins[1:], strict=True):
            mine = rows[(rows >= begin) & (rows < end)]
            of_pool.append(mine)
            offsets = np.append(np.searchsorted(self.replication[mine], places), len(mine))
            found.append(each.at(mine - begin, offsets, arrival[mine]))
        return of_pool, found

    def told(self, rows: Sequence[Ticks], served: Sequence[RequestRows], closes: int) -> Ticks:
        """Tell when each comes if those before it end as they did."""
        arrival = self.first.copy()
        for mine, its in zip(rows, served, strict=True):
            answered = ((its.outcome == HELD) | (its.outcome == API)) & (self.next[mine] >= 0)
            later = self.next[mine[answered]]
            instant = its.end[answered] + self.think[later]
            arrival[later] = np.where(instant < closes, instant, NEVER)
        return arrival

    def settled(self, before: Ticks, after: Ticks, replications: int) -> tuple[Yes, Yes]:
        """Tell of each replication whether anything changed, and of each request whether it comes for good.

        These are all up to the first that changed, by (arrival, rank): there both passes knew all that came before.
        """
        changed = np.flatnonzero(before != after)
        instant, replication = np.minimum(before, after)[changed], self.replication[changed]
        earliest, lowest = np.full(replications, NEVER), np.full(replications, NEVER)
        np.minimum.at(earliest, replication, instant)
        front = instant == earliest[replication]
        np.minimum.at(lowest, replication[front], self.rank[changed[front]])
        limit = earliest[self.replication]
        settled = (after < limit) | ((after == limit) & (self.rank <= lowest[self.replication]))
        return earliest < NEVER, settled & (after < NEVER)


def served_turns(
    pools: Sequence[Coming], serve: ServeAll, replications: int, closes: int
) -> tuple[list[Requests], list[RequestRows]]:
    """Serve the requests of all pools, later turns of sessions when their users come back.

    Parameters
    ----------
    pools : sequence of Coming
        What may come to each pool; later turns at any instant.
    serve : callable
        Serves what comes to each pool in some replications, told by their places; the API's account with it.
    replications : int
        How many there are.
    closes : int
        Microsecond at which the clock stops; who would come then or later is not there.

    Returns
    -------
    requests, rows
        Of each pool: those that came, by (arrival, class, session, turn), and what became of them.

    Raises
    ------
    RuntimeError
        If it does not end, which a fault of an engine alone can bring about.

    Notes
    -----
    It is exact, and it ends. No engine looks ahead: when a request ends hangs on those before it by (arrival, class,
    session, turn), and those that come before it ends; its next turn comes no earlier than that. So a pass that knows
    all that come before some request tells rightly all up to it, and the first request at which two passes differ is
    settled with all before it. Where a pass has settled none more than the last, because what it found at the front
    comes later or not at all, the next one keeps only those that are settled: all that it knows is true, so the first
    that it finds besides is true too. Two passes together settle at least one request more.
    """
    if all(each.requests.turns is None for each in pools):
        return [each.requests for each in pools], serve(np.arange(replications), pools)
    turns = _Turns.of([each.requests for each in pools])
    arrival, places, known = turns.first, np.arange(replications), np.zeros(replications, np.int64)
    most = int(np.bincount(turns.replication, minlength=1).max())
    for _ in range(2 * most + 3):
        rows, coming = turns.coming(pools, arrival, places)
        served = serve(places, coming)
        moving = np.isin(turns.replication, places)
        told = np.where(moving, turns.told(rows, served, closes), arrival)
        changed, settled = turns.settled(arrival, told, replications)
        if not changed.any() and len(places) == replications:
            return [each.requests for each in coming], served
        counts = np.bincount(turns.replication[settled], minlength=replications)
        stuck = (changed & (counts <= known))[turns.replication] & ~settled
        arrival, known = np.where(stuck, turns.first, told), counts
        places = np.flatnonzero(changed) if changed.any() else np.arange(replications)
    raise RuntimeError("the turns of sessions do not settle: an engine tells the past by the future")
