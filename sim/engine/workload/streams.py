"""Random streams: one for each quantity of each replication, found by name and not by order of use.

No swept value enters the key, so neighbouring cells of a sweep share their noise; a job class keeps its draws when
another class is added. Not here: what the numbers mean.
"""

import hashlib
from functools import cache, cached_property
from typing import Any, Final

import numpy as np
from numpy.random.bit_generator import ISeedSequence

from sim.ground.compiled import inlined, kernel
from sim.ground.units import Ticks

_WORD: Final = 0xFFFFFFFF
_POOL: Final = 4
_INIT_A, _MULT_A, _INIT_B, _MULT_B = 0x43B0D7E5, 0x931E8875, 0x8B51F9DD, 0x58F38DED
_MIX_L, _MIX_R = 0xCA01F9DD, 0x4973F715


@cache
def _words(quantity: str) -> tuple[int, ...]:
    """First four 32-bit words of the SHA-256 of a name."""
    digest = hashlib.sha256(quantity.encode()).digest()
    return tuple(int.from_bytes(digest[at : at + 4], "big") for at in range(0, 16, 4))


@cache
def _seed_words(seed: int) -> tuple[int, ...]:
    """Cut a seed into 32-bit words, the lowest first, at least as many as the pool has."""
    words = list[int]()
    while seed or len(words) < _POOL:
        words.append(seed & _WORD)
        seed >>= 32
    return tuple(words)


@inlined
def _times(x: int, y: int) -> int:
    """Multiply words of 32 bits, modulo 2**32; by halves, for the product of both does not fit a signed 64."""
    return ((x & 0xFFFF) * y + (((x >> 16) * y & 0xFFFF) << 16)) & _WORD


@inlined
def _hashed(value: int, constant: int) -> int:
    """Hash a word; ``constant`` is that before its multiplication by ``_MULT_A``."""
    value = _times(value ^ constant, _times(constant, _MULT_A))
    return value ^ (value >> 16)


@inlined
def _mixed(x: int, y: int) -> int:
    """Mix two words."""
    found = (_times(_MIX_L, x) - _times(_MIX_R, y)) & _WORD
    return found ^ (found >> 16)


@kernel
def _mix(words: Ticks, pool: Ticks) -> None:
    """Mix words of 32 bits into a pool of four."""
    constant = _INIT_A
    for k in range(_POOL):
        pool[k] = _hashed(words[k], constant)
        constant = _times(constant, _MULT_A)
    for source in range(_POOL):
        for k in range(_POOL):
            if k != source:
                pool[k] = _mixed(pool[k], _hashed(pool[source], constant))
                constant = _times(constant, _MULT_A)
    for source in range(_POOL, len(words)):
        for k in range(_POOL):
            pool[k] = _mixed(pool[k], _hashed(words[source], constant))
            constant = _times(constant, _MULT_A)
    constant = _INIT_B
    for k in range(_POOL):
        following = _times(constant, _MULT_B)
        value = _times(pool[k] ^ constant, following)
        pool[k] = value ^ (value >> 16)
        constant = following


class _Key(ISeedSequence):
    """What ``numpy.random.SeedSequence`` gives for a seed and a spawn key, in a tenth of the time.

    References
    ----------
    O'Neill, Developing a seed_seq alternative (2015); NEP 19, by which numpy keeps the algorithm.
    """

    def __init__(self, seed: int, key: tuple[int, ...]) -> None:
        self.seed, self.key = seed, key
        self._pool = np.empty(_POOL, np.int64)
        _mix(np.array((*_seed_words(seed), *key)), self._pool)

    @cached_property
    def sequence(self) -> np.random.SeedSequence:
        """The same of numpy, which can be spawned; it remembers how often it was."""
        return np.random.SeedSequence(self.seed, spawn_key=self.key)

    def spawn(self, n_children: int) -> list[np.random.SeedSequence]:
        """Give seeds for generators that are independent of this one, as scipy's quasi Monte Carlo asks for."""
        return self.sequence.spawn(n_children)

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> np.ndarray[Any, Any]:
        """Give the two words of 64 bits that are the key of a Philox generator."""
        if (n_words, dtype) != (2, np.uint64):
            raise ValueError(f"a stream has a key of 2 words of 64 bits, not of {n_words} of {dtype}")
        return self._pool.astype(np.uint32).view(np.uint64)


def stream(seed: int, replication: int, quantity: str) -> np.random.Generator:
    """Open the random stream of one quantity in one replication.

    Parameters
    ----------
    seed : int
        The scenario's seed, 0 or more.
    replication : int
        Number of the replication, from 0, of at most 32 bits.
    quantity : str
        What is drawn, for example ``workload.tuning/arrivals``.

    Returns
    -------
    numpy.random.Generator
        A Philox generator, that of ``SeedSequence(seed, spawn_key=(replication, *words of the quantity))``; drawing in
        pieces gives the same numbers as drawing at once.

    References
    ----------
    Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
    """
    key: Any = _Key(seed, (replication, *_words(quantity)))
    return np.random.Generator(np.random.Philox(key))
