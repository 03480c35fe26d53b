"""All that is kept of a log while it streams by: a few megabytes, however long it is. Not here: what it means.

Everything is exact except quantiles (bins 0.2 % wide) and what is read off the sampled rows.
"""

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from sim.ground.compiled import kernel
from sim.ground.units import TICKS_PER_SECOND, Floats, Ticks
from sim.questions.demand.windows import Windows

SAMPLED: Final = 100_000
"""Rows that are kept, each row of the log as likely as any other."""

SLOT_SECONDS: Final = 900
"""Arrivals are counted by the quarter hour: the time zones of the world differ by quarters."""

LONGEST_GAPS: Final = 20
_MOST_SLOTS: Final = 2**23  # 239 years
_SHIFT: Final = 43  # of a float's bits: the exponent and 9 bits of the fraction stay, 512 bins an octave
_LOWEST: Final = (1023 - 30) << 9  # bins begin at 2**-30; smaller values share the first
_BINS: Final = 80 << 9


@kernel
def _gaps(arrival: Ticks, before: int, gaps: Ticks, step: int) -> int:
    """Fill in the gaps before each arrival; tell the greatest number of ticks that divides them all."""
    last = before
    for k in range(len(arrival)):
        gap = arrival[k] - last
        last = arrival[k]
        gaps[k] = gap
        if step != 1 and gap != 0:
            while gap != 0:
                step, gap = gap, step % gap
    return step


class Histogram:
    """Values that are not negative, by bins 0.2 % wide."""

    def __init__(self) -> None:
        self.bins = np.zeros(_BINS + 1, np.int64)
        self.count, self.total, self.squares = 0, 0.0, 0.0
        self.least, self.most, self.whole = math.inf, -math.inf, True

    def add(self, values: Floats) -> None:
        """Count some values."""
        bits = np.ascontiguousarray(values).view(np.int64) >> _SHIFT
        self.bins += np.bincount(np.clip(bits - _LOWEST, 0, _BINS), minlength=_BINS + 1)
        self.count += len(values)
        self.total += float(values.sum())
        self.squares += float(np.dot(values, values))
        self.whole = self.whole and bool((values == np.rint(values)).all())
        if len(values):
            self.least, self.most = min(self.least, float(values.min())), max(self.most, float(values.max()))

    def quantiles(self, probabilities: Floats) -> Floats:
        """Find quantiles: the least value that so large a share of all does not exceed, to within its bin.

        Returns
        -------
        float64[k]
            NaN where there is no value.
        """
        if not self.count:
            return np.full(len(probabilities), math.nan)
        reached = np.cumsum(self.bins)
        bins = np.searchsorted(reached, np.ceil(probabilities * self.count - 1e-9))
        edges = ((np.stack([bins, bins + 1]) + _LOWEST) << _SHIFT).view(np.float64)
        middle = (edges[0] + edges[1]) / 2
        if self.whole:  # the only one in a narrow bin
            middle = np.where(edges[1] - edges[0] <= 1, np.ceil(edges[0]), middle)
        return np.clip(np.where(bins == 0, self.least, middle), self.least, self.most)

    @property
    def mean(self) -> float:
        """Mean; NaN where there is no value."""
        return self.total / self.count if self.count else math.nan


class Rows:
    """A uniform sample of rows: those with the smallest of as many random numbers.

    References
    ----------
    Vitter, Random sampling with a reservoir (1985), section 2; Efraimidis & Spirakis (2006) for the keys.
    """

    def __init__(self, names: list[str], seed: int, most: int = SAMPLED) -> None:
        self.most, self.generator = most, np.random.Generator(np.random.Philox(seed))
        self.least = math.inf
        self.kept: dict[str, list[np.ndarray]] = {name: [] for name in ["key", *names]}
        self.held = 0

    def add(self, columns: Mapping[str, np.ndarray]) -> None:
        """Offer rows."""
        count = len(next(iter(columns.values())))
        key = self.generator.random(count)
        rows = np.flatnonzero(key < self.least)
        for name, values in {"key": key, **columns}.items():
            self.kept[name].append(values[rows])
        self.held += len(rows)
        if self.held > 2 * self.most:
            self._trim()

    def _trim(self) -> None:
        whole = {name: np.concatenate(pieces) for name, pieces in self.kept.items()}
        best = np.argpartition(whole["key"], self.most)[: self.most] if self.held > self.most else slice(None)
        self.kept = {name: [values[best]] for name, values in whole.items()}
        self.held = len(self.kept["key"][0])
        if self.held == self.most:
            self.least = float(self.kept["key"][0].max())

    def table(self) -> dict[str, np.ndarray]:
        """Give the sample, in the order of the log."""
        if not self.held:
            return {name: np.empty(0) for name in self.kept}
        self._trim()
        order = np.argsort(self.kept["arrival"][0], kind="stable")
        return {name: pieces[0][order] for name, pieces in self.kept.items()}


class LongGap(NamedTuple):
    """A stretch without any arrival: its first and last tick."""

    start: int
    end: int


class Sketch:
    """A log of arrivals with their sizes, row by row in order of time.

    Attributes
    ----------
    count : int
        Rows so far.
    first, last : int
        Ticks of the first and last arrival.
    windows : Windows
        Counts in windows.
    gaps : Histogram
        Gaps between arrivals, in seconds; one less than there are rows.
    zero_gaps, step : int
        Gaps of 0; the greatest number of ticks that divides all gaps.
    rows : Rows
        Sampled rows with ``arrival``, ``gap`` (ticks; -1 before the first) and their sizes.
    sizes : dict of Histogram
        By the name of the column.
    tenants : int64[k]
        Rows of each tenant.
    """

    def __init__(self, names: list[str], seed: int = 0, sampled: int = SAMPLED) -> None:
        self.names, self.seed = names, seed
        self.count, self.first, self.last = 0, 0, 0
        self.windows = Windows(0)
        self.gaps, self.zero_gaps, self.step = Histogram(), 0, 0
        self.long: list[LongGap] = []
        self.rows = Rows(["arrival", "gap", *names], seed, sampled)
        self.sizes = {name: Histogram() for name in names}
        self.products = 0.0
        self.slots, self.first_slot = np.zeros(0, np.int64), 0
        self.tenants = np.zeros(0, np.int64)

    def add(self, arrival: Ticks, sizes: Mapping[str, Floats], tenant: Ticks | None = None) -> None:
        """Take in rows that come at or after the last one."""
        if not len(arrival):
            return
        if not self.count:
            self.first = self.last = int(arrival[0])
            self.first_slot = self.first // (SLOT_SECONDS * TICKS_PER_SECOND)
            self.windows = Windows(self.first)
        gaps = np.empty(len(arrival), np.int64)
        self.step = _gaps(arrival, self.last, gaps, self.step)
        self.windows.add(arrival)
        self._take_gaps(gaps, arrival)
        if not self.count:
            gaps[0] = -1
        self.rows.add({"arrival": arrival, "gap": gaps, **sizes})
        for name, values in sizes.items():
            self.sizes[name].add(values)
        if "prompt" in sizes and "output" in sizes:
            self.products += float(np.dot(sizes["prompt"], sizes["output"]))
        self._take_slots(arrival)
        if tenant is not None:
            self._take_tenants(tenant)
        self.count += len(arrival)
        self.last = int(arrival[-1])

    def _take_gaps(self, gaps: Ticks, arrival: Ticks) -> None:
        known = gaps if self.count else gaps[1:]
        self.gaps.add(known / TICKS_PER_SECOND)
        self.zero_gaps += int(np.count_nonzero(known == 0))
        least = self.long[-1].end - self.long[-1].start if len(self.long) == LONGEST_GAPS else 0
        for k in np.flatnonzero(gaps > least)[np.argsort(-gaps[gaps > least], kind="stable")][:LONGEST_GAPS]:
            self.long.append(LongGap(int(arrival[k] - gaps[k]), int(arrival[k])))
        self.long = sorted(self.long, key=lambda gap: gap.start - gap.end)[:LONGEST_GAPS]

    def _take_slots(self, arrival: Ticks) -> None:
        slots = arrival // (SLOT_SECONDS * TICKS_PER_SECOND) - self.first_slot
        if slots[-1] >= min(len(self.slots), _MOST_SLOTS):
            wanted = min(max(2 * len(self.slots), int(slots[-1]) + 1), _MOST_SLOTS)
            self.slots = np.concatenate([self.slots, np.zeros(wanted - len(self.slots), np.int64)])
        begun = min(int(slots[0]), _MOST_SLOTS - 1)
        counts = np.bincount(np.minimum(slots, _MOST_SLOTS - 1) - begun)
        self.slots[begun : begun + len(counts)] += counts

    def _take_tenants(self, tenant: Ticks) -> None:
        counts = np.bincount(tenant, minlength=len(self.tenants))
        counts[: len(self.tenants)] += self.tenants
        self.tenants = counts

    @property
    def seconds(self) -> float:
        """Time from the first arrival to the last."""
        return (self.last - self.first) / TICKS_PER_SECOND

    @property
    def gap_cv(self) -> float:
        """Coefficient of variation of the gaps; NaN where there is none or all are 0."""
        mean = self.gaps.mean
        if not mean > 0:
            return math.nan
        return math.sqrt(max(self.gaps.squares / self.gaps.count / mean**2 - 1, 0.0))

    @property
    def correlation(self) -> float:
        """Pearson's correlation of prompt and output; NaN where either is missing or does not vary."""
        if "prompt" not in self.sizes or "output" not in self.sizes or not self.count:
            return math.nan
        first, second = self.sizes["prompt"], self.sizes["output"]
        spreads = [each.squares / each.count - each.mean**2 for each in (first, second)]
        if min(spreads) <= 0:
            return math.nan
        return (self.products / self.count - first.mean * second.mean) / math.sqrt(spreads[0] * spreads[1])
