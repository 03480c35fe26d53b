"""How much work each table of the benchmark does."""

from collections.abc import Callable
from dataclasses import dataclass

from sim.ground.files import shipped_scenarios

Tell = Callable[[int, int], None]
"""Takes how many steps are done, and how many there are."""


@dataclass(frozen=True)
class Work:
    """Sizes of all tables.

    ``nodes`` and ``replicas`` take jobs, requests and the replications of a whole way; ``memory`` two numbers of
    replications of a year, and two lengths of a replication of streamed requests; ``threads`` replications of
    fine-tunes and of requests; ``dask`` cells of a sweep and their replications; ``first_call`` scenario files.
    """

    rounds: int = 5
    jobs: int = 200_000
    requests: int = 100_000
    reps: int = 200
    request_reps: int = 60
    years: tuple[int, int] = (200, 2_000)
    streamed: tuple[int, int] = (5_000_000, 25_000_000)
    shared: tuple[int, int] = (2_400, 400)
    cells: int = 24
    cell_reps: int = 300
    first_calls: tuple[str, ...] = ("article", "chat")
    first_rounds: int = 3

    @classmethod
    def quick(cls) -> "Work":
        """All tables in less than a minute."""
        return cls(
            rounds=2,
            jobs=20_000,
            requests=10_000,
            reps=20,
            request_reps=6,
            years=(20, 200),
            streamed=(1_200_000, 2_400_000),
            shared=(240, 40),
            cells=6,
            cell_reps=60,
            first_calls=("article",),
            first_rounds=1,
        )

    def files(self) -> dict[str, str]:
        """Find the scenarios of the first calls."""
        known = shipped_scenarios()
        return {name: str(known[name]) for name in self.first_calls}
