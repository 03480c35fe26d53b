"""Nodes sorted by their free GPUs, as bit sets: the tightest node with the lowest number is found in a few steps.

Shelf f holds the nodes that have f GPUs free: bit ``node & 31`` of word ``f * words + (node >> 5)``. A word is an
int64 of which 32 bits are used, so no sign and no unsigned type enters.
"""

import numpy as np

from sim.ground.compiled import kernel
from sim.ground.units import Ticks

_LOWEST_BIT = np.zeros(37, dtype=np.int64)
"""Number of the bit 2**k, looked up at 2**k mod 37 (all different for k < 32)."""
for _bit in range(32):
    _LOWEST_BIT[(1 << _bit) % 37] = _bit


@kernel
def fill(shelves: Ticks, low_word: Ticks, count: Ticks, free: Ticks, words: int) -> None:
    """Put every node on the shelf of the wholly free."""
    size = len(count) - 1
    for word in range(len(shelves)):
        shelves[word] = 0
    for shelf in range(size + 1):
        count[shelf], low_word[shelf] = 0, 0
    count[size] = len(free)
    for node in range(len(free)):
        free[node] = size
        shelves[size * words + (node >> 5)] |= 1 << (node & 31)


@kernel
def move(shelves: Ticks, low_word: Ticks, count: Ticks, free: Ticks, words: int, node: int, change: int) -> None:
    """Give a node so many more free GPUs (fewer where negative)."""
    word, bit = node >> 5, 1 << (node & 31)
    old = free[node]
    new = old + change
    free[node] = new
    shelves[old * words + word] ^= bit
    shelves[new * words + word] ^= bit
    count[old] -= 1
    count[new] += 1
    if word < low_word[new]:
        low_word[new] = word


@kernel
def lowest(shelves: Ticks, low_word: Ticks, words: int, shelf: int) -> int:
    """Find the lowest node of a shelf that is not empty."""
    word = low_word[shelf]
    while shelves[shelf * words + word] == 0:
        word += 1
    low_word[shelf] = word
    bits = shelves[shelf * words + word]
    return int(word * 32 + _LOWEST_BIT[(bits & -bits) % 37])
