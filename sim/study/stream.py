"""One long replication under all plans, chunk by chunk: no table of all its requests is ever made.

What a request carries of idle money is known when all who share it have come. So a replication is gone through twice:
the first time it is served and added up; the second time it is drawn and served again, and folded with the shares
known. A histogram that was made at the first time could not be corrected afterwards, for in its bins the requests are
no longer known apart; and two numbers of each of a billion requests are 16 GB. Every sum goes on
from chunk to chunk in job order: the cut changes no bit of any result, and one chunk of all is the way of short
replications.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.engine.money import (
    Bill,
    Rates,
    Shares,
    Tally,
    charge_requests,
    charge_waiting,
    settle_sides,
    side_of_requests,
    waiting_prices,
    waiting_usd,
)
from sim.ground.estimate import Pooled
from sim.ground.jobs import Paths, Rows
from sim.ground.requests import RequestRows, Requests
from sim.ground.units import Floats
from sim.study.elastic import wear
from sim.study.fold import Fold
from sim.study.fold_requests import OF_REQUESTS, Folding
from sim.study.outcome import Outcome
from sim.study.pools import Pool
from sim.study.serving import PIECE, Serving, drawn, held_whole
from sim.study.simulate import Experiment
from sim.study.threads import reached

AT_ONCE: Final = 1_000_000
"""Expected requests of a replication up to which all of them are held."""


def is_streamed(experiment: Experiment) -> bool:
    """Tell whether replications go chunk by chunk: where they are long, and can."""
    return experiment.requests_expected > AT_ONCE and held_whole(experiment) is None


@dataclass(frozen=True)
class Line:
    """A pool of one plan on its way through the requests of one replication.

    Attributes
    ----------
    plan_name, number, pool : str, int, Pool
        Whose it is, and which of the plan's pools.
    serving : Serving
        Who serves its requests.
    """

    plan_name: str
    number: int
    pool: Pool
    serving: Serving


Priced = tuple[Line, Requests, RequestRows, Shares]
"""A chunk of requests of a pool under a plan, what became of them and what they cost."""


@dataclass(frozen=True)
class Settled:
    """What a replication cost under a plan: known when all its requests have come once.

    Attributes
    ----------
    bill : Bill
        Its lines.
    ended : list of (Pool, RequestRows)
        Of each pool, no row, but what is known of its nodes at the end.
    rates : list of Rates
        What a request of each pool carries.
    paths, rows, shares : Paths, Rows, Shares or None
        The fine-tunes, what became of them and what they cost; None where there is no side of them.
    """

    bill: Bill
    ended: list[tuple[Pool, RequestRows]]
    rates: list[Rates]
    paths: Paths
    rows: Rows
    shares: Shares | None


class Streamed:
    """One replication, which comes chunk by chunk under all plans.

    Parameters
    ----------
    experiment : Experiment
        Whose replication it is.
    replication : int
        Its number.
    keep : bool
        Whether the values of all requests are kept, however many there are.
    chunk : int
        The most requests drawn at once; no result depends on it.
    """

    def __init__(self, experiment: Experiment, replication: int, keep: bool = False, chunk: int = PIECE) -> None:
        self.experiment, self.replication, self.keep, self.chunk = experiment, replication, keep, chunk
        self._waiting, self._rule = waiting_prices(experiment.scenario), experiment.scenario.allocation.rule
        self._plans = list(experiment.pools)

    def outcomes(self) -> dict[str, Outcome]:
        """Go through it twice: tell what it gave under each plan."""
        settled = self.settled()
        folds = self._folded(self.priced(settled))
        return {name: self._outcome(name, each, folds[name]) for name, each in settled.items()}

    def settled(self) -> dict[str, Settled]:
        """Go through it once: tell what it cost under each plan, and what its requests carry."""
        books = {name: [self._blank() for _ in self.experiment.pools[name]] for name in self._plans}
        ended: dict[str, dict[int, RequestRows]] = {name: {} for name in self._plans}
        for line, requests, rows in self._served(0):
            tally = books[line.plan_name][line.number]
            _, weight = self._charged(line, requests, rows, tally)
            tally.weigh(requests, weight, self.experiment.edges)
            ended[line.plan_name][line.number] = rows  # the last ones know what is known at the end
        paths = self.experiment.paths([self.replication])
        return {name: self._settled(name, books[name], ended[name], paths) for name in self._plans}

    def _settled(self, name: str, books: list[Tally], ended: dict[int, RequestRows], paths: Paths) -> Settled:
        """Settle one plan, with its fine-tunes, which are served all at once."""
        experiment, edges = self.experiment, self.experiment.edges
        rows = experiment.tuned(name, paths, [self.replication])
        use, its_pools = experiment.use_of_tunes(name, paths, rows), experiment.pools[name]
        sides = [
            side_of_requests(pool.tariff, tally, ended[number], edges)
            for number, (pool, tally) in enumerate(zip(its_pools, books, strict=True))
        ]
        prices, of_tunes = experiment.tariffs[name], [] if use is None else [use.side(edges)]
        bill, rates = settle_sides([*of_tunes, *sides], prices.staff_usd, prices.overhead_usd, edges, self._rule)
        shares = None if use is None else Shares(use.attributed, rates[0].loaded(use, edges))
        pairs = [(pool, ended[number]) for number, pool in enumerate(its_pools)]
        return Settled(bill, pairs, rates[len(of_tunes) :], paths, rows, shares)

    def priced(self, settled: dict[str, Settled]) -> Iterator[Priced]:
        """Go through it once more: give every chunk of every pool, in job order, with what its requests cost."""
        scratch, edges = self._blank(), self.experiment.edges
        for line, requests, rows in self._served(1):
            attributed, weight = self._charged(line, requests, rows, scratch)
            rates = settled[line.plan_name].rates[line.number]
            loaded = rates.carried(requests.offsets, requests.arrival, attributed, weight, edges)
            yield line, requests, rows, Shares(attributed, loaded)

    def _blank(self) -> Tally:
        """Begin to add up."""
        return Tally.of_none(1, len(self.experiment.edges) - 1)

    def _charged(self, line: Line, requests: Requests, rows: RequestRows, tally: Tally) -> tuple[Floats, Floats]:
        """Charge a chunk, waits and all: what its requests caused, and their weights."""
        edges = self.experiment.edges
        attributed, weight = charge_requests(line.pool.tariff, requests, rows, int(edges[0]), self._rule, tally)
        if self._waiting.any():
            usd = waiting_usd(self._waiting, requests, rows, edges)
            charge_waiting(usd, requests, tally)
            attributed += usd
        return attributed, weight

    def _served(self, times_before: int) -> Iterator[tuple[Line, Requests, RequestRows]]:
        """Draw and serve: every chunk of every pool, in job order; all plans see the same requests."""
        experiment = self.experiment
        lines = [
            Line(name, number, pool, Serving(experiment, name, pool, self.replication))
            for name in self._plans
            for number, pool in enumerate(experiment.pools[name])
        ]
        together = sorted({line.pool.classes for line in lines})
        for number, classes in enumerate(together):
            mine = [line for line in lines if line.pool.classes == classes]
            for chunk in drawn(experiment, mine[0].pool, self.replication, self.chunk):
                for line in mine:
                    yield line, *line.serving.take(chunk)
                share = (number + chunk.arrival[-1] / experiment.closes) / len(together)
                reached((times_before + share) / 2)
            for line in mine:
                yield line, *line.serving.end()

    def _folded(self, chunks: Iterator[Priced]) -> dict[str, dict[str, Fold]]:
        """Fold all chunks, class by class under each plan."""
        experiment = self.experiment
        foldings = {
            (name, of): Folding(experiment.fold_rules(pool, of), 1)
            for name in self._plans
            for pool in experiment.pools[name]
            for of in pool.classes
        }
        values = {
            key: {measure: Pooled(1, self.replication, self.keep) for measure in OF_REQUESTS.measures}
            for key in foldings
        }
        for line, requests, rows, shares in chunks:
            for of in line.pool.classes:
                key = line.plan_name, of
                for measure, found in foldings[key].add(requests, rows, shares).items():
                    values[key][measure].add(found, np.array([0, len(found)]), self.replication)
        folds: dict[str, dict[str, Fold]] = {name: {} for name in self._plans}
        for (name, of), folding in foldings.items():
            folds[name][of] = Fold(OF_REQUESTS, folding.sums(), values[name, of])
        return folds

    def _outcome(self, name: str, settled: Settled, folds: dict[str, Fold]) -> Outcome:
        """Put together what one plan gave."""
        experiment, bill = self.experiment, settled.bill
        if settled.shares is not None:
            folds = folds | experiment.folds_of_tunes(name, settled.paths, settled.rows, settled.shares)
        worn = wear(settled.paths, settled.rows, experiment.tunings[name].fleet)
        classes = {each: folds[each] for each in experiment.scenario.workload}
        serving = experiment.serving(settled.ended)
        return Outcome(bill.lines, bill.paid, bill.allocated, bill.memo, worn, classes, serving)
