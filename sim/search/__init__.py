"""Values looked for by simulation: where two plans cost the same, and the cheapest size of a plan."""

from sim.search.break_even import BreakEven, Compared, break_even
from sim.search.crossing import Crossing

__all__ = ["BreakEven", "Compared", "Crossing", "break_even"]
