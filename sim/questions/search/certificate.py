"""Why a setting is the best: each setting beside it costs more, by an interval, or misses a level; or why not sure.

All intervals of a certificate hold together: the error that the scenario's confidence allows is shared out among the
settings beside it and the looks at them (Bonferroni), because we look again whenever the replications are doubled.

References
----------
Boesel, Nelson & Kim, Using ranking and selection to "clean up" after simulation optimization, Operations Research 51
(2003); Hong & Nelson, Discrete optimization via simulation using COMPASS, Operations Research 54 (2006).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sim.ground.estimate import Estimate, mean
from sim.questions.search.cells import Bench, Cell
from sim.questions.search.choices import Point, Setting
from sim.questions.search.levels import MISSED, UNSURE, Judged

_ENOUGH: Final = 30
"""Replications from which on an interval of a difference is trusted: bills are skewed, for bad paths are rare."""

NOTHING: Final = Estimate(None)
DEARER, ALIKE, MISSES, CANNOT_BE, DOUBT = "dearer", "alike", "misses a level", "cannot be", "not sure"


@dataclass(frozen=True)
class Neighbour:
    """A setting beside the best one, and what speaks against it.

    Attributes
    ----------
    at : tuple of int
        Its place.
    setting : dict
        Its keys and values.
    verdict : str
        ``dearer``; ``alike``: at most the indifference cheaper; ``misses a level``; ``cannot be``; ``not sure``.
    reason : str
        Why it cannot be, or what is in doubt; else empty.
    replications : int
        On which it was compared; 0 where what it pays whatever comes told enough.
    dearer_usd : Estimate
        By how much its bill is above the best one's on the same paths; a lower bound where it was not simulated.
    levels : list of Judged
        What it makes of each level.
    """

    at: Point
    setting: Setting
    verdict: str
    reason: str = ""
    replications: int = 0
    dearer_usd: Estimate = NOTHING
    levels: tuple[Judged, ...] = ()

    @property
    def sure(self) -> bool:
        """Whether enough is known of it."""
        return self.verdict != DOUBT


@dataclass(frozen=True)
class Certificate:
    """The best setting's own levels, and its neighbours.

    Attributes
    ----------
    bill_usd : Estimate
        Of the best setting, at the scenario's confidence.
    levels : list of Judged
        Its levels.
    neighbours : list of Neighbour
        All of them.
    confidence : float
        Of each interval, so that all hold together.
    """

    bill_usd: Estimate
    levels: tuple[Judged, ...]
    neighbours: tuple[Neighbour, ...]
    confidence: float

    @property
    def unsure_levels(self) -> list[Judged]:
        """Levels that the best setting may meet or miss."""
        return [each for each in self.levels if each.verdict == UNSURE]

    @property
    def missed(self) -> list[Judged]:
        """Levels that it misses for sure."""
        return [each for each in self.levels if each.verdict == MISSED]

    @property
    def doubts(self) -> list[Neighbour]:
        """Neighbours that may be better."""
        return [each for each in self.neighbours if not each.sure]

    @property
    def sure(self) -> bool:
        """Whether the setting does the work for sure, and none beside it is better by more than the indifference."""
        return not (self.unsure_levels or self.missed or self.doubts)


@dataclass(frozen=True)
class Rules:
    """How a certificate is made out.

    Attributes
    ----------
    confidence : float
        Of the whole certificate.
    indifferent_usd, indifferent_share : float
        A bill that is lower by less, in USD or of the best bill, is as good; the larger of the two counts.
    first, most : int
        Replications to begin with, and at most.
    """

    confidence: float
    indifferent_usd: float
    indifferent_share: float
    first: int
    most: int

    @property
    def looks(self) -> int:
        """How often replications are doubled at most, and the first look."""
        return max(0, (-(-self.most // self.first) - 1).bit_length()) + 1

    def each(self, count: int) -> float:
        """Give the confidence of each of so many intervals, looked at again and again."""
        return 1 - (1 - self.confidence) / (count * self.looks)

    def zone(self, bill_usd: float) -> float:
        """Tell how much cheaper is no matter."""
        return max(self.indifferent_usd, self.indifferent_share * abs(bill_usd))


def certify(bench: Bench, at: Point, rules: Rules) -> Certificate:
    """Hold a setting against all settings beside it, by what is simulated so far."""
    around, best = bench.contenders(at), bench.cell(at)
    confidence = rules.each(len(around) + 1)
    own = best.judged(bench.levels, best.replications, confidence)
    found = tuple(_neighbour(bench, place, best, confidence, rules) for place in around)
    return Certificate(mean(best.bills, rules.confidence), tuple(own), found, confidence)


def _neighbour(bench: Bench, at: Point, best: Cell, confidence: float, rules: Rules) -> Neighbour:
    """Say what speaks against one setting beside the best."""
    cell = bench.cell(at)
    if cell.ready is None:
        return Neighbour(at, cell.setting, CANNOT_BE, cell.refusal)
    if not cell.replications:
        return _unsimulated(at, cell, mean(best.bills, confidence))
    count = min(cell.replications, best.replications)
    apart = mean(cell.dearer(best, count), confidence)
    judged = tuple(cell.judged(bench.levels, count, confidence))
    verdict, reason = _verdict(apart, judged, rules.zone(float(best.bills.mean())))
    if verdict in (DEARER, ALIKE) and count < _ENOUGH and apart.se:
        verdict, reason = DOUBT, f"{count} replications are too few to trust an interval"
    return Neighbour(at, cell.setting, verdict, reason, count, apart, judged)


def _unsimulated(at: Point, cell: Cell, bill: Estimate) -> Neighbour:
    """Compare what a setting pays whatever comes with the best bill."""
    ends = None if bill.value is None or bill.low is None or bill.high is None else (bill.value, bill.low, bill.high)
    value, low, high = ends or (float(bill.value or 0.0), float("-inf"), float("inf"))
    apart = Estimate(cell.floor_usd - value, cell.floor_usd - high, None)
    if cell.floor_usd > high or (cell.floor_usd > value and low == high):
        return Neighbour(at, cell.setting, DEARER, "", 0, apart)
    return Neighbour(at, cell.setting, DOUBT, "its held nodes alone cost about as much", 0, apart)


def _verdict(apart: Estimate, levels: Sequence[Judged], zone: float) -> tuple[str, str]:
    """Weigh the difference of bills and the levels of one neighbour."""
    if apart.low is not None and apart.low > 0:
        return DEARER, ""
    if any(each.verdict == MISSED for each in levels):
        return MISSES, ""
    if apart.low is not None and apart.low >= -zone:
        return ALIKE, ""
    doubtful = [each for each in levels if each.verdict == UNSURE]
    if doubtful and apart.high is not None and apart.high < 0:
        return DOUBT, "it costs less, and may do the work"
    return DOUBT, "it may cost less" + (", and may do the work" if doubtful else "")
