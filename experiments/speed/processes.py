"""Commands in processes of their own, and what they took; and processes that stay, to be given work again and again."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sim.ground.faults import HaltedError
from speed.rounds import Elapsed

_LAUNCHER = Path(__file__).with_name("timed.py")


@dataclass(frozen=True)
class Ran:
    """What a command took, the most memory that it held at once, and what it wrote."""

    elapsed: Elapsed
    peak_bytes: int
    said: str


def sim_run(file: str, *options: str) -> list[str]:
    """Make the command of a run."""
    return [sys.executable, "-m", "sim", "run", file, *options]


def alone(command: Sequence[str], settings: Mapping[str, str] | None = None) -> Ran:
    """Run a command in a process of its own.

    Raises
    ------
    HaltedError
        When it fails, with its last words.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("DASK_")} | dict(settings or {})
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        whole = [sys.executable, "-I", "-S", str(_LAUNCHER), str(report), *command]
        done = subprocess.run(whole, env=own, capture_output=True, text=True, check=False)  # noqa: S603 - our own
        if done.returncode:
            last = (done.stderr.strip() or f"status {done.returncode}").splitlines()[-1]
            raise HaltedError(f"{' '.join(command)}: {last}")
        took = json.loads(report.read_text(encoding="utf-8"))
    return Ran(Elapsed(took["wall_s"], took["processor_s"]), took["peak_bytes"], done.stdout)


def _serve(pipe: Any) -> None:
    """Do what comes, and tell the processor time of each; an interrupt is for the one who asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError):  # nobody asks any more
        while (work := pipe.recv()) is not None:
            began = time.process_time()
            work()
            pipe.send(time.process_time() - began)


class Hand:
    """A process that stays; what it is to do must be known to it, and is sent by value."""

    def __init__(self) -> None:
        fresh = get_context("spawn")
        self._pipe, there = fresh.Pipe()
        self._process = fresh.Process(target=_serve, args=(there,), daemon=True)
        self._process.start()
        there.close()

    def begin(self, work: Callable[[], object]) -> None:
        """Give it work."""
        self._pipe.send(work)

    def end(self) -> float:
        """Wait until the work is done; its processor time."""
        try:
            return float(self._pipe.recv())
        except EOFError:
            raise HaltedError("a process of the benchmark ended before its work was done") from None

    def close(self) -> None:
        """Let it go."""
        with contextlib.suppress(OSError):
            self._pipe.send(None)
        self._process.join(5)
        self._process.kill()
        self._process.join()
        self._pipe.close()


@contextlib.contextmanager
def hands(count: int) -> Iterator[list[Hand]]:
    """Start processes that stay, and end them."""
    crew: list[Hand] = []
    try:
        crew.extend(Hand() for _ in range(count))
        yield crew
    finally:
        for each in crew:
            each.close()


def together(given: Sequence[tuple[Hand, Callable[[], object]]]) -> Elapsed:
    """Give work to processes at once, and wait for all."""
    began = time.perf_counter()
    for hand, work in given:
        hand.begin(work)
    processor = sum(hand.end() for hand, _ in given)
    return Elapsed(time.perf_counter() - began, processor)
