"""Which process stands for a log: all tried, judged on held-out time, and the simplest that comes near enough taken.

Not here: how a process is fitted (``processes``) and simulated (``trial``).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sim.ground.units import SECONDS_PER_HOUR
from sim.questions.demand.hours import WEEKDAYS, Hours, Pattern, best_pattern, pattern_of
from sim.questions.demand.processes import PROCESSES, Process, built, with_rate
from sim.questions.demand.sketch import Sketch
from sim.questions.demand.stretch import OperationalTime, Stretch
from sim.questions.demand.trial import ARRIVALS, Distance, Trial, distance, drawn, lengths, measure, scales_of

_FEWEST_HELD_OUT: Final = 30
FEWEST_ARRIVALS: Final = 30
"""Arrivals below which no process but Poisson is tried."""

_LEAST_BLOCKS: Final = 3

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Judged:
    """A process fitted to the whole log.

    Attributes
    ----------
    name : str
        In words, with the pattern if it has one.
    keys : dict
        Its arrival law, as a scenario states it.
    trial, distance : Trial, Distance
        What it gives, and how far that is from the log.
    held_out : Distance or None
        The same for the last third of the time, fitted to the first two and given the rate of the last; None where the
        log is too short.
    """

    name: str
    keys: dict[str, Any]
    trial: Trial
    distance: Distance
    held_out: Distance | None


@dataclass(frozen=True)
class Choice:
    """The processes that were tried, and the one that is taken.

    Attributes
    ----------
    judged : tuple of Judged
        The simplest first.
    taken : Judged or None
        None where none comes near enough.
    pattern : Pattern or None
        Of the whole log, where it helps.
    blocks : Judged or None
        Blocks of the log itself, where no process is taken; their length is under ``block_minutes`` of its keys.
    rate_moved : float
        Rate of the last third of the time over that of the first two, less 1; NaN where the log is too short.
    """

    judged: tuple[Judged, ...]
    taken: Judged | None
    pattern: Pattern | None
    rate_moved: float
    blocks: Judged | None = None

    @property
    def drawn_in_blocks(self) -> bool:
        """Tell whether blocks of the log stand for it."""
        return self.taken is None and self.blocks is not None

    @property
    def nearest(self) -> Judged | None:
        """The process whose worst error of IDC is the least."""
        return min(self.judged, key=lambda each: each.distance.worst, default=None)


def clock_keys(keys: dict[str, Any], hours: float) -> dict[str, Any]:
    """Start the clock of a law's pattern some hours later."""
    if "pattern" not in keys:
        return keys
    pattern = dict(keys["pattern"])
    at = (WEEKDAYS.index(pattern["starts"]) * 24 + pattern["starts_hour"] + hours) % 168
    pattern |= {"starts": WEEKDAYS[int(at // 24)], "starts_hour": round(at % 24, 4) % 24}
    return {**keys, "pattern": pattern}


def _simulated(keys: dict[str, Any], stretch: Stretch, seed: int, arrivals: float) -> Trial:
    """Simulate a law over as much time as a stretch has, with so many arrivals in all."""
    seconds, replications = lengths(stretch, arrivals)
    clock = OperationalTime(0, stretch.pattern, stretch.starts)
    paths = drawn(built(keys), seconds, replications, seed)
    return measure(paths, seconds, clock, scales_of(stretch, seconds))


def _held_out(
    process: Process, sketch: Sketch, hours: Hours, pattern: Pattern | None, seed: int, arrivals: float
) -> Distance | None:
    """Fit a process to the first two thirds of the time and hold it against the last."""
    cut = cut_of(sketch)
    if cut is None:
        return None
    kind = None if pattern is None else pattern.kind
    seen = pattern_of(hours.part(0, 2 * len(hours) // 3), kind) if kind else None
    earlier = Stretch(sketch, 0, cut, seen, hours.starts)
    passed = cut * sketch.windows.block_seconds / SECONDS_PER_HOUR
    later = Stretch(sketch, cut, sketch.windows.blocks, seen, hours.starts)
    keys = process.fit(earlier)
    if keys is None or min(earlier.count, later.count) < _FEWEST_HELD_OUT:
        return None
    stated = clock_keys(with_rate(keys, seen, earlier.seconds, later.rate), passed)
    made = built(stated)
    stated["rate_per_second"] *= later.rate * later.seconds / made.jobs_expected(later.seconds / SECONDS_PER_HOUR)
    moved = Stretch(sketch, cut, sketch.windows.blocks, seen, hours.starts + passed)
    return distance(later, _simulated(stated, moved, seed, arrivals / 4), process.renewal)


def cut_of(sketch: Sketch) -> int | None:
    """Find the block at which the last third of the time begins; None where the log is too short."""
    blocks = sketch.windows.blocks
    return None if blocks < _LEAST_BLOCKS else 2 * blocks // 3


def choose(sketch: Sketch, hours: Hours, seed: int, tell: Tell = lambda _: None, arrivals: float = ARRIVALS) -> Choice:
    """Fit all processes to a log, judge them, and take the simplest that comes near enough.

    Parameters
    ----------
    sketch : Sketch
        Of a log that lasts longer than an instant.
    hours : Hours
        The same by local hours.
    seed : int
        Of the simulated paths.
    tell : callable
        Is told what is done.
    arrivals : float
        With how many of them, in all, each process is simulated.
    """
    pattern = best_pattern(hours)
    whole = Stretch.whole(sketch, pattern, hours.starts)
    tried = PROCESSES if sketch.count >= FEWEST_ARRIVALS else PROCESSES[:1]
    judged: list[Judged] = []
    for process in tried:
        keys = process.fit(whole)
        if keys is None:
            continue
        tell(f"simulating: {process.name}")
        stated = with_rate(keys, pattern, whole.seconds, whole.rate)
        trial = _simulated(stated, whole, seed, arrivals)
        name = process.name if pattern is None else f"{process.name} by {pattern.kind}"
        found = distance(whole, trial, process.renewal)
        held_out = _held_out(process, sketch, hours, pattern, seed, arrivals)
        judged.append(Judged(name, stated, trial, found, held_out))
    taken = next((each for each in judged if each.distance.passes), None)
    return Choice(tuple(judged), taken, pattern, _rate_moved(sketch))


def _rate_moved(sketch: Sketch) -> float:
    """Tell how far the rate of the last third lies from that of the first two."""
    cut = cut_of(sketch)
    if cut is None:
        return math.nan
    earlier, later = Stretch(sketch, 0, cut), Stretch(sketch, cut, sketch.windows.blocks)
    return later.rate / earlier.rate - 1 if earlier.count and later.seconds > 0 else math.nan
