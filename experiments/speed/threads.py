"""Threads: the same run by one thread and by as many as there are processors, and what the machine could do at best."""

from dataclasses import dataclass
from typing import Any

from sim.study import run
from speed import worlds
from speed.processes import Hand, hands, together
from speed.rounds import Elapsed, Rows, elapsed, page, processors, spelled, spread, value
from speed.work import Tell, Work

ONE = "1 thread"
HEAD = ["a run by", "wall, s", "processor, s", "x as fast", "least", "most"]
WORDS = {
    "threads": "of one process, which share the replications of the run",
    "processes": "each one thread and its part of the replications, nothing shared: the most that the machine gives",
    "x as fast": "wall time of one thread over that of the row, of the same round: median, least, most",
}
KINDS = {"fine-tunes": worlds.tunes, "requests": worlds.requests}


@dataclass(frozen=True)
class Run:
    """A run that a process can be sent to do."""

    kind: str
    reps: int
    threads: int
    seed: int = 1

    def __call__(self) -> None:
        """Do it."""
        run(KINDS[self.kind](), self.reps, seed=self.seed, jobs=self.threads)


def measure(work: Work, tell: Tell) -> dict[str, Any]:
    """Time both kinds of work."""
    count = max(2, processors())
    sizes = dict(zip(KINDS, work.shared, strict=True))
    rounds: dict[str, list[dict[str, Elapsed]]] = {kind: [] for kind in KINDS}
    with hands(count) as crew:
        for kind in KINDS:
            together([(hand, Run(kind, 2, 1)) for hand in crew])  # load, compile, warm up
        for k in range(work.rounds):
            for kind, reps in sizes.items():
                rounds[kind].append(one_round(crew, kind, reps))
            tell(k + 1, work.rounds)
    return {"threads": {kind: faster(each) for kind, each in rounds.items()}}


def one_round(crew: list[Hand], kind: str, reps: int) -> dict[str, Elapsed]:
    """Let every contestant do the work once."""
    count, first = len(crew), crew[0]
    part = max(1, reps // count)
    return {
        ONE: together([(first, Run(kind, part * count, 1))]),
        f"{count} threads": together([(first, Run(kind, part * count, count))]),
        f"{count} processes": together([(hand, Run(kind, part, 1, seed)) for seed, hand in enumerate(crew, 1)]),
    }


def faster(rounds: list[dict[str, Elapsed]]) -> Rows:
    """Sum up rounds, with the ratio of wall times turned over: the more the faster."""
    rows = elapsed(rounds, ONE)
    for name, row in rows.items():
        row["times_as_fast"] = spread([each[ONE].wall / each[name].wall for each in rounds])
    return rows


def text(told: dict[str, Any]) -> str:
    """Lay out the table."""
    rows = [
        [
            f"{kind}, {name}",
            *(f"{value(row, key):.2f}" for key in ("wall_s", "processor_s")),
            *spelled(row["times_as_fast"]),
        ]
        for kind, contestants in told["threads"].items()
        for name, row in contestants.items()
    ]
    return page("threads", HEAD, rows, WORDS)
