"""Work that fails costs its own piece, not the others; what is short of memory is tried again."""

from concurrent.futures import CancelledError, Future

import pytest

from sim.ground.faults import Failure, InputError
from sim.study.threads import TRIES, Threads, mapper, pool, reached, tried


def failing(times: int, error: Exception):
    """Work that fails so many times, and then gives how often it was tried."""
    seen: list[None] = []

    def work(_: object) -> int:
        seen.append(None)
        if len(seen) <= times:
            raise error
        return len(seen)

    return work


def test_what_is_short_of_memory_is_tried_again():
    assert tried(failing(TRIES - 1, MemoryError()), None) == TRIES
    assert tried(failing(TRIES, MemoryError()), None) == Failure("out of memory", TRIES)
    assert tried(failing(TRIES, MemoryError("8 GB")), None) == Failure("out of memory: 8 GB", TRIES)


def test_a_fault_of_the_program_is_told_with_its_place_and_not_tried_again():
    work = failing(1, KeyError("rate\nof nothing"))
    failure = tried(work, None)
    assert failure.tries == 1
    assert failure.reason.startswith("KeyError: 'rate\\nof nothing' (test_threads.py:")
    assert tried(work, None) == 2


def test_what_the_program_refuses_is_refused_for_all():
    with pytest.raises(InputError, match="rate: must be more"):
        tried(failing(1, InputError.one("rate", "must be more")), None)


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_each_task_is_done_once_and_a_failure_is_its_own(jobs):
    def work(task: int) -> int:
        if task == 5:
            raise ZeroDivisionError("by nothing")
        return task * task

    came = dict(Threads(jobs)(work, range(20), lambda: False))
    assert sorted(came) == list(range(20))
    assert isinstance(came.pop(5), Failure)
    assert came == {task: task * task for task in came}


def test_when_it_is_stopped_no_other_is_begun_and_what_is_done_is_given():
    begun: list[int] = []

    def work(task: int) -> int:
        begun.append(task)
        return task

    given: list[int] = []
    for task, _ in Threads(2)(work, range(1000), lambda: len(given) >= 3):
        given.append(task)
    assert sorted(given) == sorted(begun)
    assert 3 <= len(given) < 20


def test_progress_is_told_in_parts_and_ends_with_all():
    told: list[tuple[int, int]] = []

    def work(number: int) -> int:
        reached(0.5)
        return -number

    with pool(1) as threads:
        assert mapper(threads, lambda *parts: told.append(parts))(work, range(4)) == [0, -1, -2, -3]
    assert told[-1] == (400, 400)
    assert (50, 400) in told
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_long_work_hears_that_nobody_waits_for_it():
    heard: list[bool] = []

    def work(_: object) -> None:
        try:
            while True:
                reached(0.1)
        except CancelledError:
            heard.append(True)

    def left() -> None:
        with pool(1) as threads:
            futures.append(threads.submit(work, None))
            raise KeyboardInterrupt

    futures: list[Future[None]] = []
    with pytest.raises(KeyboardInterrupt):
        left()
    futures[0].result(10)
    assert heard == [True]
