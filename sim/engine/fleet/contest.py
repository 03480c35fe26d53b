"""A contest among players with a number each: who has the least. For use inside kernels.

A tree of minima in one flat array, four players to a match; leaf ``players + k`` is player k, node 1 the least of all.
A number carries its player in its low bits, so the least number tells who has it, and the lowest player wins a tie. A
new number goes up without a branch that the processor could guess wrong, and each match's rivals are known beforehand.
"""

from sim.ground.compiled import inlined
from sim.ground.units import Ticks


def players_for(count: int) -> int:
    """Tell for how many there is room in a contest of ``count``, a power of four; the tree is twice as long."""
    players = 1
    while players < count:
        players *= 4
    return players


@inlined
def play(least: Ticks, players: int, player: int, number: int) -> None:
    """Give a player another number."""
    node = players + player
    least[node] = number
    while node > 1:
        number = min(min(min(least[node ^ 1], least[node ^ 2]), least[node ^ 3]), number)
        node >>= 2
        least[node] = number
