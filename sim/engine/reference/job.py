"""One job of the SimPy fleet and what becomes of it; its clock is in ticks."""

from dataclasses import dataclass, field

import simpy

from sim.ground.jobs import Paths, Terms


@dataclass
class Job:
    """A job: what it needs, and how far it has come.

    Attributes
    ----------
    work : int
        Ticks of its service that are not yet saved.
    waits_since : int
        When it arrived, or was interrupted last.
    began, ends : int
        Of its last stint.
    nodes : list of int
        Where it runs; empty while it does not.
    stints : list of int
        Rows of its last stint.
    """

    id: int
    arrival: int
    work: int
    gpus: int
    priority: int
    patience: int
    api_time: int
    started: simpy.Event
    waits_since: int
    nodes: list[int] = field(default_factory=list)
    stints: list[int] = field(default_factory=list)
    began: int = -1
    ends: int = -1
    interrupted: int = 0

    @classmethod
    def of(cls, row: int, paths: Paths, terms: Terms, env: simpy.Environment) -> "Job":
        """Take a job from its row; SimPy wants plain integers, not numpy's."""
        columns = (paths.arrival, paths.service, paths.gpus, paths.priority, terms.patience, terms.api_time)
        arrival, service, gpus, priority, patience, api_time = (int(column[row]) for column in columns)
        return cls(row, arrival, service, gpus, priority, patience, api_time, env.event(), arrival)

    @property
    def place(self) -> tuple[int, int]:
        """Order in the queue; rows are in the order of arrival."""
        return self.priority, self.id

    @property
    def never_started(self) -> bool:
        """Whether it has had no node so far."""
        return self.began < 0
