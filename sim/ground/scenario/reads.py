"""Which files a scenario reads while it is made ready, and their hashes: they are part of what is asked."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Final

from sim.ground.faults import InputError
from sim.ground.scenario.model import Scenario

READ: Final = ("trace", "tokens", "sizes")
"""Keys of a class, or of hired nodes, that may name a file."""


def files_read(scenario: Scenario) -> list[str]:
    """Name the files that a scenario reads: traces of jobs and requests, joint sizes, logs of spot nodes."""
    hired = [group for plan in scenario.plans.values() for group in plan.hired.values()]
    parts = (getattr(each, key, None) for each in (*scenario.workload.values(), *hired) for key in READ)
    return [part.file for part in parts if part is not None and part.file is not None]


@lru_cache(maxsize=64)
def _sha256(file: Path, size: int, changed: int) -> str:
    """Hash a file; ``size`` and ``changed`` tell one that was written anew from the one hashed before."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def files_sha256(scenario: Scenario) -> dict[str, str]:
    """Hash the files that a scenario reads, by their names in it.

    Raises
    ------
    InputError
        When one cannot be read.
    """
    found = {}
    for name in files_read(scenario):
        file = scenario.folder / name
        try:
            about = file.stat()
            found[name] = _sha256(file, about.st_size, about.st_mtime_ns)
        except OSError as error:
            raise InputError.one(str(file), f"cannot be read: {error.strerror}") from None
    return found
