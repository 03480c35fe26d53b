"""A contest among players with a key each: who has the least, the lowest number among equals. For use inside kernels.

A tree of winners in flat arrays; leaf ``players + k`` is player k, node 1 the winner of all. A new key goes up without
a branch that the processor could guess wrong, and each step's rival is known beforehand.
"""

from sim.compiled import inlined
from sim.units import Ticks


@inlined
def start_contest(keys: Ticks, winners: Ticks, players: int, key: int) -> None:
    """Let everybody begin with the same key; ``players`` is a power of two."""
    for node in range(2 * players - 1, 0, -1):
        keys[node] = key
        winners[node] = node - players if node >= players else winners[2 * node]


@inlined
def play(keys: Ticks, winners: Ticks, players: int, player: int, key: int) -> None:
    """Give a player another key."""
    node, winner = players + player, player
    keys[node] = key
    while node > 1:
        rival, its = keys[node ^ 1], winners[node ^ 1]
        loses = (rival < key) | ((rival == key) & (its < winner))
        key = rival if loses else key
        winner = its if loses else winner
        node >>= 1
        keys[node], winners[node] = key, winner
