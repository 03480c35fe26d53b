"""A small pool for the engine's work, in which a newer question of the same page supersedes an older one."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from sim.ground.faults import FleetError

Answer = TypeVar("Answer")

_MOST_PAGES: Final = 256


class SupersededError(FleetError):
    """Nobody waits for this answer any more: the page has asked anew."""

    def __init__(self) -> None:
        super().__init__("superseded by a newer question of this page")


class Desk:
    """Answers questions with a few threads: of each page only its newest question matters.

    Parameters
    ----------
    threads : int
        Questions worked on at once. Two, so that the first answer to a moved slider need not wait for a slow one that
        has yet to notice that it is superseded.
    """

    def __init__(self, threads: int = 2) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="desk")
        self._newest: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, page: str, number: int, work: Callable[[Callable[[], bool]], Answer]) -> Answer:
        """Do some work and wait for it.

        Parameters
        ----------
        page : str
            Who asks.
        number : int
            The number of the question, growing within a page.
        work : callable
            Gets a function that tells whether the question is superseded by now; it may raise `SupersededError` early.

        Raises
        ------
        SupersededError
            When a newer question of the page came before the answer was there.
        """
        self._enter(page, number)

        def superseded() -> bool:
            return self._newest.get(page, number) > number

        def run() -> Answer:
            if superseded():
                raise SupersededError
            return work(superseded)

        answer = self._pool.submit(run).result()
        if superseded():
            raise SupersededError
        return answer

    def _enter(self, page: str, number: int) -> None:
        """Note the newest question of a page; forget the page that has been silent longest."""
        with self._lock:
            if self._newest.get(page, number) > number:
                raise SupersededError
            self._newest[page] = number
            self._newest.move_to_end(page)
            while len(self._newest) > _MOST_PAGES:
                self._newest.popitem(last=False)
