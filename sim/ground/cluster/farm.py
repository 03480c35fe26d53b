"""Work done by a Dask cluster: pure tasks with keys of their own, few at a time, whoever dies meanwhile.

The scheduler sees bytes alone and needs no fleetecon; the workers do.
"""

import hashlib
import pickle  # what travels between this process and its workers; never what lies in a folder
import queue
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from sim.ground.cluster.alike import difference, made_by
from sim.ground.cluster.join import CONNECT, FLAG, WAIT, Client, Tell, check, counted, threads_of
from sim.ground.faults import Failure, FleetError, HaltedError, InputError
from sim.ground.memory import keep_freed

Future = Any
"""``distributed.Future``; see ``Client``."""
LEAST = 0.25
"""Seconds of work in a task: smaller units go together, for a task costs the scheduler about a millisecond."""
_RETRIES = 2  # of a unit that raised: its machine may have been short of memory or of disk
_IN_FLIGHT = 2  # tasks a thread: one at work, one at hand
_LOOK = 2.0  # seconds between two looks at who is there
_MOST_TOGETHER = 200  # units in a task
_WARM = 120.0  # seconds at most that the first compilation is waited for


class Task(Protocol):
    """What can be computed elsewhere: named for people, keyed by all that its result hangs on."""

    @property
    def name(self) -> str:
        """How people call it."""

    @property
    def key(self) -> str:
        """A digest of all that the result hangs on."""

    @property
    def effort(self) -> float:
        """How long it takes, in any unit; the largest goes first."""


_T = TypeVar("_T", bound=Task)


class _Call:
    """A call that takes place where it is unpickled: on a worker. To the scheduler it is bytes."""

    def __init__(self, function: Callable[..., Any], *given: Any) -> None:
        self.function, self.given = function, given

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.function, self.given

    @property
    def packed(self) -> bytes:
        """The call on its way."""
        return pickle.dumps(self)


Work = Callable[[Any], Any]
Attempt = Callable[[Work, Any], Any]


def _plainly(work: Work, unit: Any) -> Any:
    """Do a piece of work, once."""
    return work(unit)


def _work(attempt: Attempt, work: Work, units: list[_T], driver: dict[str, str]) -> list[tuple[Any, float]]:
    """Do some units on a worker, and say how long each took; a worker that came late is checked here."""
    if told := difference(driver, made_by()):
        raise InputError.one(FLAG, f"a worker that came later has {told}")
    keep_freed()  # Dask's own setting for workers forbids it
    done = []
    for unit in units:
        begun = time.perf_counter()
        try:
            came = attempt(work, unit)
        except FleetError as refused:
            came = refused  # it would be refused again: not to be tried elsewhere, as what is raised is
        done.append((came, time.perf_counter() - begun))
    return done


def _imported(*_: object) -> None:
    """Do nothing: that the functions came here has imported all that they need."""


@dataclass(frozen=True)
class Cluster:
    """Does pieces of work by the workers of a Dask cluster.

    Attributes
    ----------
    client : distributed.Client
        As ``joined`` gives it.
    tell : callable
        Takes a line for the person who waits: workers that come and go.
    attempt : callable
        Called on a worker with the work and a unit: how one try of it is made, and what becomes of its faults.
    warm : callable, optional
        Called with the smallest unit on one worker of each machine before all else, so that not all of its workers
        compile the same kernels at once.
    wait : float
        Seconds that a worker has to come when all have gone.
    """

    client: Client
    tell: Tell
    attempt: Attempt = _plainly
    warm: Work | None = None
    wait: float = WAIT
    packs = True

    def __call__(self, work: Work, units: Sequence[_T], stopped: Callable[[], bool] = bool) -> Iterator[tuple[_T, Any]]:
        """Do the work of all units; give each with its result, or with a ``Failure``, as they are done.

        Parameters
        ----------
        work : callable
            Pure, at the top of a module that the workers have: the same unit gives the same bytes anywhere.
        units : sequence of Task
            The largest go first; small ones go together.
        stopped : callable
            When it says so no other unit is begun; those under way are still given.

        Yields
        ------
        Task, and its result or Failure
            A unit that killed its workers is failed, and the rest goes on.

        Raises
        ------
        HaltedError
            When the scheduler has gone, or all workers have; whoever kept what was given can go on from there.
        """
        if not units:
            return
        twins: dict[str, list[_T]] = {}
        for unit in units:
            twins.setdefault(unit.key, []).append(unit)
        smallest_first = sorted((alike[0] for alike in twins.values()), key=lambda unit: unit.effort)
        farm = _Farm(self, work, smallest_first, stopped)
        try:
            farm.warm_up()
            for done, came in farm.harvest():
                yield from ((unit, came) for unit in twins[done.key])
        finally:
            farm.leave()


@dataclass
class _Farm(Generic[_T]):
    """What is at work, what waits, and what is suspected of killing workers."""

    cluster: Cluster
    work: Work
    waiting: list[_T]  # the largest last
    stopped: Callable[[], bool]
    suspects: list[_T] = field(default_factory=list)
    running: dict[str, tuple[Future, list[_T]]] = field(default_factory=dict)
    ended: "queue.SimpleQueue[str]" = field(default_factory=queue.SimpleQueue)
    workers: dict[str, int] = field(default_factory=dict)
    looked: float = -_LOOK
    pace: float | None = None  # seconds of work in an effort of 1, lately

    @property
    def client(self) -> Client:
        """How the scheduler is spoken to."""
        return self.cluster.client

    def warm_up(self) -> None:
        """Compile once on each machine, while its other workers import."""
        if self.cluster.warm is None:
            return
        machines: set[str] = set()
        calls = []
        for worker in sorted(threads_of(self.client)):
            machine = worker.rpartition(":")[0]
            first = machine not in machines
            machines.add(machine)
            call = _Call(*((self.cluster.warm, self.waiting[0]) if first else (_imported, self.work)))
            calls.append(
                self.client.submit(pickle.loads, call.packed, workers=[worker], allow_other_workers=True, pure=False)
            )
        until = time.monotonic() + _WARM  # whoever is not ready by then compiles with its first unit
        while time.monotonic() < until and any(call.status == "pending" for call in calls):
            time.sleep(0.02)
        for call in calls:
            call.release()

    def harvest(self) -> Iterator[tuple[_T, Any]]:
        """Hand work out and take results in until nothing is left."""
        while self.waiting or self.running or self.suspects:
            if self.stopped():
                self._stop()
            self._look()
            self._hand_out()
            try:
                key = self.ended.get(timeout=_LOOK / 4)
            except queue.Empty:
                continue
            if key in self.running:
                yield from self._take(*self.running.pop(key))

    def leave(self) -> None:
        """Let go of whatever is not done, so that the workers are free for others."""
        self._forget(list(self.running))

    def _stop(self) -> None:
        """Begin nothing more: only what the threads are at is waited for, and that went out first."""
        self.waiting.clear()
        self.suspects.clear()
        self._forget(list(self.running)[sum(self.workers.values()) :])

    def _forget(self, keys: list[str]) -> None:
        futures = [self.running.pop(key)[0] for key in keys]
        if futures and self.client.status == "running":
            self.client.cancel(futures)

    def _look(self) -> None:
        """See now and then who is there; stop when nobody has been for long."""
        if time.monotonic() < self.looked + _LOOK:
            return
        now = threads_of(self.client) or self._awaited()
        gone, come = self.workers.keys() - now.keys(), now.keys() - self.workers.keys()
        if come:
            check(self.client, sorted(come))
        if self.workers and (gone or come):
            went = [f"worker {name} has gone, its work goes on elsewhere" for name in sorted(gone)]
            self.cluster.tell("; ".join([*went, counted(now)]))
        self.workers, self.looked = now, time.monotonic()

    def _awaited(self) -> dict[str, int]:
        """Wait for a worker, or for the scheduler itself; none is there when somebody asked to stop."""
        until, told, wait = time.monotonic() + self.cluster.wait, "", self.cluster.wait
        while not self.stopped():
            time.sleep(0.1)  # also for the client, which takes a moment to see that its scheduler has gone
            if now := threads_of(self.client):
                return now
            if self.client.status == "closed":
                raise HaltedError(f"{FLAG}: the scheduler has gone and did not come back within {CONNECT:.0f} s")
            here = self.client.status == "running"
            if here and time.monotonic() > until:
                raise HaltedError(f"{FLAG}: all workers have gone, and none came within {wait:.0f} s")
            what = f"all workers have gone; waiting at most {wait:.0f} s" if here else "the scheduler has gone; waiting"
            if told != what:
                self.cluster.tell(told := what)
        return {}

    def _hand_out(self) -> None:
        """Keep every thread at work, and no more; suspects go last and alone, so that who kills then did it itself."""
        room = max(1, _IN_FLIGHT * sum(self.workers.values()))
        if self.client.status != "running":
            return
        while self.waiting and len(self.running) < room:
            self._submit(self._together(room))
        if self.suspects and not self.running and not self.waiting:
            self._submit([self.suspects.pop()], "-alone")

    def _together(self, room: int) -> list[_T]:
        """Take the largest unit, and smaller ones with it until they make a task, or their share of what is left."""
        group = [self.waiting.pop()]
        if self.pace is None:
            return group
        share = (len(self.waiting) + 1) // room
        seconds = group[0].effort * self.pace
        while self.waiting and seconds < LEAST and len(group) < min(share, _MOST_TOGETHER):
            group.append(self.waiting.pop())
            seconds += group[-1].effort * self.pace
        return group

    def _submit(self, group: list[_T], manner: str = "") -> None:
        """Hand out one task. Its key is that of its units, so that another driver finds it at work."""
        keys = [unit.key for unit in group]
        one = keys[0] if len(keys) == 1 else hashlib.sha256("\n".join(keys).encode()).hexdigest()
        box = _Call(_work, self.cluster.attempt, self.work, group, made_by()).packed
        how = {"key": f"fleetecon{manner}-{one}", "retries": _RETRIES, "priority": group[0].effort}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a unit is large: its traces are
            future = self.client.submit(pickle.loads, box, pure=True, **how)
        self.running[future.key] = (future, group)
        future.add_done_callback(lambda ended: self.ended.put(ended.key))

    def _take(self, future: Future, group: list[_T]) -> Iterator[tuple[_T, Any]]:
        """Take in what a task came to."""
        if future.status == "error":
            yield from self._failed(future, group)
            return
        try:
            done = future.result()
        except CancelledError:
            self.waiting += group  # the connection broke: the scheduler forgot its tasks
            self.looked = -_LOOK
            return
        future.release()
        self._learn(group, sum(seconds for _, seconds in done))
        for unit, (came, _) in zip(group, done, strict=True):
            if isinstance(came, FleetError):
                raise came
            yield unit, came

    def _learn(self, group: list[_T], seconds: float) -> None:
        """Learn the pace from what was done lately: as the units become smaller, what is not effort counts more."""
        now = seconds / max(sum(unit.effort for unit in group), 1e-300)
        self.pace = now if self.pace is None else 0.7 * self.pace + 0.3 * now

    def _failed(self, future: Future, group: list[_T]) -> Iterator[tuple[_T, Failure]]:
        """Judge a task that gave nothing: of several units each is tried again, and a killer once more alone."""
        from distributed import KilledWorker

        error, alone = future.exception(), future.key.startswith("fleetecon-alone")
        killed = isinstance(error, KilledWorker)
        future.release()
        if isinstance(error, FleetError):
            raise error
        if isinstance(error, ImportError):
            raise InputError.one(FLAG, f"a worker that came later has not all of fleetecon ({error})")
        if killed and not alone:
            self.suspects += group
        elif len(group) > 1:
            for unit in group:
                self._submit([unit], "-single")
        elif killed:
            tries = error.allowed_failures + 1
            yield group[0], Failure(f"killed every worker that tried it ({tries} of them)", tries)
        else:
            text = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
            yield group[0], Failure(text, _RETRIES + 1)
