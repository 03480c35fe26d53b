"""How many paths, over how much of the horizon: from the work expected, never from the clock. So answers repeat.

Work is counted in jobs under a plan: a fine-tune is one. A closed session is served again with each of its turns, so
its requests cost by the horizon on top. (``search.effort`` tells a mean of that, for budgets that hold on the whole;
here a hand waits, and the worst counts.)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sim.ground.scenario import Scenario
from sim.study.simulate import Experiment

FIRST: Final = 80_000.0
"""Work of the first answer at the position itself; and as much again for its curve."""

LAST: Final = 2_000_000.0
"""Work of the last answer at the position; and twice as much for its curve."""

MOST_PATHS: Final = 200
CUTS: Final = (2, 8, 32, 128)
"""Replications are simulated in these pieces, so that a question for more paths begins where one for fewer ended."""

_PASSES_AN_HOUR: Final = 40.0
"""Of agents whose turns follow within seconds, and whose queue may outgrow its replicas; slower sessions cost less."""

_TIMES: Final = 4
_CURVE_LAST: Final = 2 * LAST
_CURVE_PART: Final = 4  # a point of the curve has this part of the paths of the position


def work(ready: Experiment) -> float:
    """Estimate the work of one path under all plans."""
    return ready.jobs_expected * len(ready.scenario.plans) * _passes(ready.scenario)


def _passes(scenario: Scenario) -> float:
    """Estimate how many times as much a request costs where its session is closed: passes grow with the horizon."""
    closed = any(each.sessions is not None for each in scenario.chats.values())
    return 1.0 + _PASSES_AN_HOUR * scenario.horizon_hours if closed else 1.0


@dataclass(frozen=True)
class Round:
    """One round of an answer.

    Attributes
    ----------
    paths : int
        Replications at the position.
    share : float
        Of the horizon; 1 is all of it.
    next_paths : int or None
        What to ask for next; None where this is the last round.
    most_paths : int
        Paths of the last round.
    first : bool
        Whether it is the first look.
    """

    paths: int
    share: float
    next_paths: int | None
    most_paths: int
    first: bool


def rounds(per_path: float, quadratic: bool) -> list[tuple[int, float]]:
    """List the rounds at a position: paths and the share of the horizon, each four times the paths of the one before.

    Parameters
    ----------
    per_path : float
        Work of one path over the whole horizon.
    quadratic : bool
        Whether it grows with the square of the horizon.
    """
    first = CUTS[1] if CUTS[1] * per_path <= FIRST else CUTS[0]
    found = [(first, _share(first * per_path, FIRST, quadratic))]
    while found[-1][0] < MOST_PATHS:
        paths = min(_TIMES * found[-1][0], MOST_PATHS)
        share = _share(paths * per_path, LAST, quadratic)
        if share < 1 and len(found) > 1 and found[-1][1] >= 1:
            break
        found.append((paths, share))
        if share < 1:
            break
    return found


def _share(wanted: float, most: float, quadratic: bool) -> float:
    """Tell which share of the horizon fits a budget, in steps that people can read."""
    if wanted <= most:
        return 1.0
    share = most / wanted
    return math.sqrt(share) if quadratic else share


def round_of(asked: int | None, per_path: float, quadratic: bool) -> Round:
    """Find the round of a number of paths; the first one where none is asked for.

    A number between two rounds, or beyond the last, is simulated as asked: over the horizon of the round before it.
    """
    listed = rounds(per_path, quadratic)
    most = listed[-1][0]
    paths = min(asked or listed[0][0], most)
    share = [share for count, share in listed if count <= max(paths, listed[0][0])][-1]
    later = [count for count, _ in listed if count > paths]
    return Round(paths, share, later[0] if later else None, most, paths <= listed[0][0])


def _cut(paths: int) -> int:
    """Round a number of paths down to one that pieces end at; at least one path."""
    return max((cut for cut in CUTS if cut <= paths), default=1)


def points_paths(works: Sequence[float], order: Sequence[int], paths: int, first: bool) -> list[int]:
    """Share out paths among the points of a curve: alike, fewer where a path is dear; 0 where it must wait.

    Parameters
    ----------
    works : sequence of float
        Work of one path at each point.
    order : sequence of int
        The points, the most wanted first.
    paths : int
        Of the position.
    first : bool
        Whether it is the first round: then points that do not fit the budget are left for the next.
    """
    wanted, budget = max(1, paths // _CURVE_PART), FIRST if first else _CURVE_LAST
    part = budget / max(1, len(works))
    counts = [_cut(min(wanted, int(part / each) if each else wanted)) for each in works]
    if not first:
        return counts
    left = budget
    for point in order:
        cost = counts[point] * works[point]
        if cost > left and point != order[0]:
            counts[point] = 0
        else:
            left -= cost
    return counts
