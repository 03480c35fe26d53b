"""The settings beside a setting: a step up or down in one key, or in two at once, which trades one for the other."""

import itertools
from collections.abc import Iterator

from sim.questions.search.choices import Box, Point

Steps = tuple[int, ...]


def along(at: Point, steps: Steps, box: Box) -> list[Point]:
    """List the settings a step away in one key; a step that leaves the bounds ends on them."""
    found = []
    for number, step in enumerate(steps):
        last = len(box.choices[number].values) - 1
        for way in (-step, step):
            place = min(max(at[number] + way, 0), last)
            found.append((*at[:number], place, *at[number + 1 :]))
    return [each for each in dict.fromkeys(found) if each != at]


def beside(at: Point, box: Box) -> list[Point]:
    """List the settings one step away in one key, then those one step away in two keys at once."""
    moves = sorted(_moves(len(at)), key=lambda move: sum(map(abs, move)))
    found = (tuple(place + step for place, step in zip(at, move, strict=True)) for move in moves)
    return [each for each in found if box.holds(each)]


def _moves(keys: int) -> Iterator[Steps]:
    """Walk through the steps that change one key or two."""
    for first, second in itertools.combinations_with_replacement(range(keys), 2):
        for ways in itertools.product((-1, 1), repeat=1 if first == second else 2):
            move = [0] * keys
            move[second], move[first] = ways[-1], ways[0]
            yield tuple(move)


def first_steps(box: Box) -> Steps:
    """Begin with steps of an eighth of each key's values, as a power of two."""
    return tuple(1 << max(0, (len(choice.values) // 8).bit_length() - 1) for choice in box.choices)


def along_longest(steps: Steps, box: Box) -> Steps:
    """Keep the step in the key of the most values, the first of equals; none in the others."""
    lengths = [len(choice.values) for choice in box.choices]
    longest = lengths.index(max(lengths))
    return tuple(step if k == longest else 0 for k, step in enumerate(steps))
