"""Values looked for by simulation: where two plans cost the same, what turns a verdict, the cheapest size of a plan."""

from sim.questions.search.break_even import BreakEven, break_even
from sim.questions.search.crossing import Crossing
from sim.questions.search.frontier import Frontier, frontier
from sim.questions.search.pairs import Compared
from sim.questions.search.sizing import Sized, size
from sim.questions.search.turning import Turn, turning_points, turning_result

__all__ = [
    "BreakEven",
    "Compared",
    "Crossing",
    "Frontier",
    "Sized",
    "Turn",
    "break_even",
    "frontier",
    "size",
    "turning_points",
    "turning_result",
]
