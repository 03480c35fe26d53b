"""The way to the best setting: coarse to fine on few replications, then a race of neighbours on ever more.

All settings see the same sample paths, so a setting is compared with its neighbour replication by replication.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Final

from sim.questions.search.cells import DOES, FAILS, Bench
from sim.questions.search.certificate import ALIKE, DEARER, Certificate, Rules, certify
from sim.questions.search.choices import Point
from sim.questions.search.neighbours import Steps, along, along_longest, first_steps

_LINES: Final = 12
"""Lines that several keys are looked along, about."""


def survey(bench: Bench, start: Point, replications: int) -> Point:
    """Look for the best setting coarse to fine; of several keys, along the longest one at values of the others.

    A valley may run askew through the keys, or there may be two; the lowest place of each line stays a rival.
    """
    lengths = [len(choice.values) for choice in bench.box.choices]
    bench.rivals = _without_nodes(bench, start)
    if len(lengths) == 1:
        return descend(bench, start, replications, first_steps(bench.box))
    most = max(2, round(_LINES ** (1 / (len(lengths) - 1))))
    along_it = along_longest(first_steps(bench.box), bench.box)
    places = [[start[k]] if along_it[k] else _spread(length, most) for k, length in enumerate(lengths)]
    lowest = [descend(bench, line, replications, along_it) for line in itertools.product(*places)]
    bench.rivals = tuple(dict.fromkeys([*lowest, *bench.rivals]))
    best = min(lowest, key=lambda at: bench.order(at, replications))
    return descend(bench, best, replications, first_steps(bench.box))


def _without_nodes(bench: Bench, start: Point) -> tuple[Point, ...]:
    """Take the setting without nodes where there is one: all goes to the API at once, unlike with a few nodes."""
    choices = zip(bench.box.choices, start, strict=True)
    bare = tuple(0 if each.key.endswith(".nodes") and each.values[0] == 0 else place for each, place in choices)
    return (bare,) if bare != start and bench.cell(bare).ready is not None else ()


def _spread(length: int, most: int) -> list[int]:
    """Choose at most so many places, evenly, both ends among them."""
    count = min(length, most)
    return [round(k * (length - 1) / (count - 1)) for k in range(count)] if count > 1 else [0]


def descend(bench: Bench, start: Point, replications: int, steps: Steps) -> Point:
    """Step to better settings, with half the step wherever there is none; doubles bounds that it comes to lie on.

    A key with a step of 0 stays as it is.
    """
    at = _possible(bench, start)
    while True:
        best = bench.best([at, *along(at, steps, bench.box)], replications)
        if best != at:
            at = best
        elif (grown := bench.box.grown(at)) != bench.box:
            bench.box, wide = grown, first_steps(grown)
            steps = tuple(new if step else 0 for new, step in zip(wide, steps, strict=True))
        elif max(steps) <= 1:
            return at
        else:
            steps = tuple((step + 1) // 2 for step in steps)


def _possible(bench: Bench, start: Point) -> Point:
    """Begin at the setting itself, else at the largest values, where a plan can be like that."""
    top = tuple(len(choice.values) - 1 for choice in bench.box.choices)
    return start if bench.cell(start).ready is not None else top


def race(bench: Bench, at: Point, rules: Rules) -> tuple[Point, Certificate]:
    """Double the replications of the best setting and of those that may be better until it is sure, or at the most.

    Returns
    -------
    (point, certificate)
    """
    count = rules.first
    while True:
        at = _best_at(bench, at, count, rules.first)
        found = certify(bench, at, rules)
        if behind := _behind(found, count):
            bench.simulate(behind, count)
        elif count >= rules.most or found.missed or found.sure:
            return at, found
        else:
            count = min(2 * count, rules.most)
            doubtful = [each.at for each in found.doubts]
            bench.simulate([at, *doubtful], count)
            bench.rivals = tuple(_walked(bench, doubtful, count))


def _walked(bench: Bench, doubtful: Sequence[Point], count: int) -> Iterator[Point]:
    """Move each rival in doubt to the lowest place of its line, before it is dropped for what few replications hid.

    One at the low end stays: without nodes few replications hide nothing, and a walk from there passes all the line.
    """
    steps = along_longest((1,) * len(bench.box.choices), bench.box)
    wanted = {each for each in doubtful if each[steps.index(1)]}
    moved = (descend(bench, each, count, steps) if each in wanted else each for each in bench.rivals)
    yield from dict.fromkeys(moved)


def _behind(found: Certificate, count: int) -> list[Point]:
    """List the neighbours in doubt on fewer replications than the best has; where none is, those that cost more.

    The last look is at as many paths of each as of the best: a rare bad path may be missing on fewer.
    """
    few = [each for each in found.neighbours if each.replications < count]
    doubtful = [each.at for each in few if not each.sure]
    if doubtful or not found.sure:
        return doubtful
    return [each.at for each in few if each.verdict in (ALIKE, DEARER) and each.replications]


def _best_at(bench: Bench, at: Point, count: int, few: int) -> Point:
    """Move to a better neighbour as long as there is one, compared on as many replications as the best so far has."""
    bench.simulate([at], count)
    while True:
        if (grown := bench.box.grown(at)) != bench.box:
            bench.box = grown
        rivals = _rivals(bench, at, count, few)
        better = [each for each in rivals if _looks_better(bench, each, at)]
        bench.simulate(better, count)
        best = min([at, *better], key=lambda each: bench.order(each, count))
        if best == at:
            return at
        at = best


def _rivals(bench: Bench, at: Point, count: int, few: int) -> list[Point]:
    """List the settings beside the best that can be, and do not cost too much whatever comes; simulate them."""
    kind, usd, _ = bench.order(at, count)
    possible = [each for each in bench.contenders(at) if bench.cell(each).ready is not None]
    wanted = [each for each in possible if kind != DOES or bench.cell(each).floor_usd <= usd]
    bench.simulate(wanted, few)
    return wanted


def _looks_better(bench: Bench, rival: Point, at: Point) -> bool:
    """Compare two settings on the replications that both have; a best that turned out to fail on all its own, anew."""
    own, other = bench.cell(at).replications, bench.cell(rival).replications
    common = min(own, other)
    saves = bench.order(at, own)[0] == FAILS and bench.order(rival, other)[0] == DOES
    return saves or bench.order(rival, common) < bench.order(at, common)
