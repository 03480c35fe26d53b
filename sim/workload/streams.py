"""Random streams: one for each quantity of each replication, found by name and not by order of use.

No swept value enters the key, so neighbouring cells of a sweep share their noise; a job class keeps its draws when
another class is added. Not here: what the numbers mean.
"""

import hashlib
from functools import cache

import numpy as np


@cache
def _words(quantity: str) -> tuple[int, ...]:
    """First four 32-bit words of the SHA-256 of a name."""
    digest = hashlib.sha256(quantity.encode()).digest()
    return tuple(int.from_bytes(digest[at : at + 4], "big") for at in range(0, 16, 4))


def stream(seed: int, replication: int, quantity: str) -> np.random.Generator:
    """Open the random stream of one quantity in one replication.

    Parameters
    ----------
    seed : int
        The scenario's seed, 0 or more.
    replication : int
        Number of the replication, from 0.
    quantity : str
        What is drawn, for example ``workload.tuning/arrivals``.

    Returns
    -------
    numpy.random.Generator
        A Philox generator; drawing in pieces gives the same numbers as drawing at once.

    References
    ----------
    Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(replication, *_words(quantity)))
    return np.random.Generator(np.random.Philox(sequence))
