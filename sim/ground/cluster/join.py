"""Join a Dask cluster: find its scheduler, wait for workers, and see that they are what this process is."""

import contextlib
import json
import logging
import re
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sim.ground.cluster.alike import difference, made_by
from sim.ground.faults import InputError

Client = Any
"""``distributed.Client``; it has no types that would tell more, and need not be installed."""
CONNECT = 10.0
"""Seconds in which a scheduler must answer, at first and when the connection broke."""
WAIT = 60.0
"""Seconds that workers have to come, at first and when all have gone."""

FLAG = "--cluster"
Tell = Callable[[str], None]
_GONE = (OSError, AttributeError)
"""What asking a scheduler raises that goes this moment; the second, where the client let go of what it speaks by."""


@contextlib.contextmanager
def joined(address: str, tell: Tell, wait: float = WAIT) -> Iterator[Client]:
    """Join a cluster whose workers are what this process is; leave it as it was found.

    Parameters
    ----------
    address : str
        ``tcp://host:port``, ``tls://host:port``, or a scheduler file.
    tell : callable
        Takes a line for the person who waits.
    wait : float
        Seconds that the first worker has to come.

    Yields
    ------
    distributed.Client
        Not made the default of this process.

    Raises
    ------
    InputError
        When distributed is not installed, nobody answers, no worker comes, or one of them is another program.
    """
    address = _scheduler(address)
    try:
        import distributed
    except ImportError:
        raise InputError.one(FLAG, "needs the extra `cluster`: pip install 'fleetecon[cluster]'") from None
    with _quiet():
        client = _client(distributed.Client, address)
        try:
            workers = _workers(client, tell, wait)
            check(client)
            threads = sum(workers.values())
            tell(f"cluster {client.scheduler.address}: {counted(workers)}, {threads} thread{'s' * (threads != 1)}")
            yield client
        finally:
            client.close(timeout=2)


def threads_of(client: Client) -> dict[str, int]:
    """Tell how many threads each worker has; none of them is there while the scheduler is not."""
    try:
        return dict(client.nthreads()) if client.status == "running" else {}
    except _GONE:
        return {}


def counted(workers: dict[str, int]) -> str:
    """Say how many workers there are."""
    return f"{len(workers)} worker{'s' * (len(workers) != 1)}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep distributed from writing about its affairs: what matters of them is told in the words of this program."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in ("distributed", "tornado")]
    loud = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loud]
    for logger in loud:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loud, levels, strict=True):
            logger.setLevel(level)


def _scheduler(address: str) -> str:
    """Find the address that is meant: it itself, or what a scheduler file says."""
    if re.fullmatch(r"[a-z]+://\S+|[^/\s]+:\d+", address):
        return address
    try:
        told = json.loads(Path(address).read_text(encoding="utf-8"))
        return str(told["address"])
    except OSError as error:
        text = f"must be tcp://HOST:PORT or a scheduler file, got {address!r} ({error.strerror})"
    except (ValueError, KeyError, TypeError, RecursionError):
        text = f"{address} is no scheduler file: `dask scheduler --scheduler-file {address}` writes one"
    raise InputError.one(FLAG, text)


def _client(connect: Callable[..., Client], address: str) -> Client:
    """Connect to a scheduler."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions: they are compared below, worker by worker
            return connect(address, timeout=CONNECT, set_as_default=False, name="fleetecon")
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        why = str(error).partition("\n")[0]
        text = f"no Dask scheduler answers at {address} within {CONNECT:.0f} s; is `dask scheduler` running there?"
        raise InputError.one(FLAG, f"{text} ({type(error).__name__}: {why})") from None


def _workers(client: Client, tell: Tell, wait: float) -> dict[str, int]:
    """Wait until there is a worker."""
    address, until, told = client.scheduler.address, time.monotonic() + wait, False
    while not (workers := threads_of(client)):
        if not told:
            tell(f"cluster {address}: no worker is there yet; waiting for one, at most {wait:.0f} s")
            told = True
        if time.monotonic() > until:
            text = f"no worker came to {address} within {wait:.0f} s; `dask worker {address}` starts one"
            raise InputError.one(FLAG, text)
        time.sleep(0.1)
    return workers


def check(client: Client, workers: list[str] | None = None) -> None:
    """Refuse workers that are not what this process is: results would depend on who computed them.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster.
    workers : list of str, optional
        Which ones; else all that are there.

    Raises
    ------
    InputError
        With a worker's address, and what it has and this process has not.
    """
    here = made_by()
    try:
        answers = client.run(made_by, workers=workers, on_error="return")
    except _GONE:
        return
    faults = [text for worker, answer in answers.items() if (text := _fault(client, worker, here, answer))]
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        text = f"{faults[0]}{more}; install there what is installed here"
        raise InputError.one(FLAG, text)


def _fault(client: Client, worker: str, here: dict[str, str], answer: object) -> str:
    """Say what is wrong with a worker by its answer; nothing where all is well."""
    if isinstance(answer, dict):
        told = difference(here, answer)
        return f"worker {worker} has {told}" if told else ""
    if isinstance(answer, OSError):
        return ""  # it has just gone
    found = client.run(version, "fleetecon", workers=[worker], on_error="return").get(worker)
    if isinstance(found, str):
        return f"worker {worker} has a fleetecon ({found}) that knows no clusters"
    return f"worker {worker} has no fleetecon"
