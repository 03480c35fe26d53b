"""Threads that share work: the kernels run without the lock of the interpreter, so that threads are enough."""

import os
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from sim.faults import Failure, FleetError

Progress = Callable[[int, int], None]
_Task = TypeVar("_Task")

TRIES: Final = 3
"""How often work is tried that fails for want of memory."""

_WAITING: Final = 2
"""Pieces of work for each thread that are under way or ready to be: none idles while a result is written."""


def threads(jobs: int) -> int:
    """Tell how many threads a wish means: 0 is one for each processor."""
    return jobs or len(os.sched_getaffinity(0))


@contextmanager
def pool(jobs: int) -> Iterator[ThreadPoolExecutor]:
    """Open a pool of threads that is left at once when the work is interrupted."""
    executor = ThreadPoolExecutor(threads(jobs))
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)  # a kernel cannot be stopped; nobody waits for it
        raise
    executor.shutdown()


def mapper(executor: ThreadPoolExecutor, progress: Progress | None = None) -> Callable[..., Iterable[Any]]:
    """Make a ``map`` of a pool of threads that tells how far it is; results keep their order."""

    def run_all(work: Callable[[Any], Any], pieces: Iterable[Any]) -> list[Any]:
        futures: list[Future[Any]] = [executor.submit(work, piece) for piece in pieces]
        for done, future in enumerate(as_completed(futures), 1):
            future.result()
            if progress is not None:
                progress(done, len(futures))
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
