"""Replications under all plans, in pieces that threads can take.

A piece gives the same numbers whoever computes it and whatever else is in it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sim.study.gathered import Gathered
from sim.study.outcome import Outcome
from sim.study.simulate import Experiment
from sim.study.stream import Streamed, is_streamed


def run_piece(experiment: Experiment, replications: Sequence[int], keep: bool = False) -> dict[str, Outcome]:
    """Run some replications under all plans: one path, every plan.

    Of a replication that is streamed the values of all requests are known only if they are to be kept.
    """
    if is_streamed(experiment):
        parts = [Streamed(experiment, number, keep).outcomes() for number in replications]
        return {name: Outcome.joined([part[name] for part in parts]) for name in experiment.tunings}
    work = experiment.work(replications)
    return {name: experiment.charged(name, experiment.served(name, work))[0] for name in experiment.tunings}


def run_all(
    experiment: Experiment,
    replications: int,
    mapper: Callable[..., Iterable[Any]] = map,
    first: int = 0,
    keep: bool = False,
) -> dict[str, Outcome]:
    """Run all replications from ``first`` on; ``mapper`` may be that of a thread pool.

    Of more jobs than ``EXACT`` a histogram is left, unless their values are to be kept.
    """
    gathered = Gathered(first, replications - first, keep)

    def work(piece: range) -> None:
        gathered.add(piece, run_piece(experiment, piece, keep))

    for _ in mapper(work, experiment.pieces(replications, first)):
        pass
    return gathered.outcomes()
