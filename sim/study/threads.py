"""Threads that share work: the kernels run without the lock of the interpreter, so that threads are enough."""

import os
import threading
import traceback
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, as_completed, wait
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from sim.ground.faults import Failure, FleetError
from sim.ground.memory import keep_freed

Progress = Callable[[int, int], None]
_Task = TypeVar("_Task")

TRIES: Final = 3
"""How often work is tried that fails for want of memory."""

_PARTS: Final = 100
"""Into so many parts a long piece of work is told."""

_WAITING: Final = 2
"""Pieces of work for each thread that are under way or ready to be: none idles while a result is written."""


def threads(jobs: int) -> int:
    """Tell how many threads a wish means: 0 is one for each processor."""
    return jobs or len(os.sched_getaffinity(0))


class _Way(threading.local):
    """What a thread of a pool knows while it works: whether the pool was left, and whom to tell how far it is."""

    left: threading.Event | None = None
    tell: Callable[[float], None] | None = None


_way = _Way()


def reached(share: float) -> None:
    """Tell how far a long piece of work is, from 0 to 1; call it at least once a second.

    Raises
    ------
    CancelledError
        When nobody waits for it any more.
    """
    if _way.left is not None and _way.left.is_set():
        raise CancelledError
    if _way.tell is not None:
        _way.tell(share)


def _enter(left: threading.Event) -> None:
    _way.left = left


@contextmanager
def pool(jobs: int) -> Iterator[ThreadPoolExecutor]:
    """Open a pool of threads that is left at once when the work is interrupted."""
    keep_freed()
    left = threading.Event()
    executor = ThreadPoolExecutor(threads(jobs), initializer=_enter, initargs=(left,))
    try:
        yield executor
    except BaseException:
        left.set()  # long work hears it soon; a kernel cannot be stopped, and nobody waits for it
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    executor.shutdown()


class Told:
    """Progress over pieces of work: whole pieces, or hundredths of them once one tells how far it is.

    Parameters
    ----------
    progress : callable, optional
        Called with parts done and parts in all, by any thread, by one at a time.
    pieces : int
        How many there are.
    """

    def __init__(self, progress: Progress | None, pieces: int) -> None:
        self._progress, self._pieces, self._lock = progress, pieces, threading.Lock()
        self._done, self._parts, self._last = 0, 1, (0, 0)
        self._shares: dict[Hashable, float] = {}

    @contextmanager
    def within(self, piece: Hashable) -> Iterator[None]:
        """Hear, while this thread does a piece, how far it is."""
        _way.tell = partial(self._reached, piece)
        try:
            yield
        finally:
            _way.tell = None

    def _reached(self, piece: Hashable, share: float) -> None:
        with self._lock:
            self._parts, self._shares[piece] = _PARTS, share
            self._tell()

    def done(self, piece: Hashable) -> None:
        """Note that a piece is done."""
        with self._lock:
            self._shares.pop(piece, None)
            self._done += 1
            self._tell()

    def _tell(self) -> None:
        """Tell it where it shows."""
        under_way = int(self._parts * sum(self._shares.values()))
        told = self._parts * self._done + under_way, self._parts * self._pieces
        if told != self._last and self._progress is not None:
            self._last = told
            self._progress(*told)


def mapper(executor: ThreadPoolExecutor, progress: Progress | None = None) -> Callable[..., Iterable[Any]]:
    """Make a ``map`` of a pool of threads that tells how far it is; results keep their order."""

    def run_all(work: Callable[[Any], Any], pieces: Iterable[Any]) -> list[Any]:
        everything = list(pieces)
        told = Told(progress, len(everything))

        def done(number: int) -> Any:
            with told.within(number):
                return work(everything[number])

        futures: dict[Future[Any], int] = {executor.submit(done, number): number for number in range(len(everything))}
        for future in as_completed(futures):
            future.result()
            told.done(futures[future])
        return [future.result() for future in futures]

    return run_all


def tried(work: Callable[[_Task], Any], task: _Task) -> Any:
    """Do a piece of work, again where memory was short; a fault of the program costs this piece, not the others.

    What the program refuses is raised: it is wrong for all of them.
    """
    failure = Failure("not tried", 0)
    for tries in range(1, TRIES + 1):
        try:
            return work(task)
        except FleetError:
            raise
        except MemoryError as error:
            failure = Failure(f"out of memory: {error}".rstrip(": "), tries)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            text = " ".join(str(error).split())[:300]
            return Failure(f"{type(error).__name__}: {text} ({Path(place.filename).name}:{place.lineno})", tries)
    return failure


class Threads:
    """Does pieces of work by threads of this process."""

    packs = False

    def __init__(self, jobs: int = 0) -> None:
        self.jobs = jobs

    def __call__(
        self, work: Callable[[_Task], Any], tasks: Iterable[_Task], stopped: Callable[[], bool]
    ) -> Iterator[tuple[_Task, Any]]:
        """Do the work of all tasks and give each with its result, or with a ``Failure``, as they are done.

        When ``stopped`` says so no other is begun; those under way are still given.
        """
        under_way: dict[Future[Any], _Task] = {}
        left = iter(tasks)
        with pool(self.jobs) as executor:
            while True:
                if stopped():
                    left = iter(())
                    for future in [future for future in under_way if future.cancel()]:
                        del under_way[future]
                while len(under_way) < _WAITING * threads(self.jobs):
                    if (task := next(left, None)) is None:
                        break
                    under_way[executor.submit(tried, work, task)] = task
                if not under_way:
                    return
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    yield under_way.pop(future), future.result()
