"""The range of a key that is searched: its scale, its whole numbers, the values to look at first."""

import math
from dataclasses import dataclass

from sim.study.grid import spaced

FINE = 1e-9
"""Width of what counts as one place, as a share of the range."""


@dataclass(frozen=True)
class Span:
    """Values of a key from one end to the other.

    Attributes
    ----------
    low, high : float
        Its ends, both part of it.
    log : bool
        Whether it is walked by factors.
    whole : bool
        Whether the key takes whole numbers only.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def seen(self, value: float) -> float:
        """Where a value stands on the scale."""
        return math.log(value) if self.log else value

    def value(self, seen: float) -> float:
        """Give what stands at a place of the scale: in the range, whole where the key takes nothing else."""
        found = min(max(math.exp(seen) if self.log else seen, self.low), self.high)
        return float(round(found)) if self.whole else found

    @property
    def width(self) -> float:
        """Length on the scale."""
        return self.seen(self.high) - self.seen(self.low)

    def first_look(self, count: int) -> list[float]:
        """Space the values to begin with, both ends included."""
        if self.whole and self.high - self.low < 2 * count:
            return [float(value) for value in range(int(self.low), int(self.high) + 1)]
        values = spaced(self.low, self.high, count, self.log)
        return sorted({float(round(value)) for value in values}) if self.whole else list(values)

    def middle(self, a: float, b: float) -> float | None:
        """Take the value halfway between two; None where they are neighbours."""
        found = self.value((self.seen(a) + self.seen(b)) / 2)
        return found if min(a, b) < found < max(a, b) else None
