"""The patches of a map of cells: where they end, how they are told apart, where their names go. Not here: who wins."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from matplotlib.colors import to_rgb

from sim.ground.units import Floats, Ticks
from sim.questions.charts.place import Room, around_point, extent, leader
from sim.questions.charts.reading import Bools
from sim.questions.charts.style import SMALL_SIZE, TEXT_SIZE, write
from sim.questions.charts.words import plan_word, wrapped

PAPER: Final = {"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.85}
"""What stands behind a name."""


def is_even(values: Floats) -> bool:
    """Tell whether values are an equal step apart, so that they belong on a linear axis."""
    steps = np.diff(values)
    return len(steps) > 1 and bool(np.ptp(steps) < 1e-9 * abs(values[-1]))


def edges(values: Floats) -> Floats:
    """Find the ends of cells: halfway to the neighbours as they are seen."""
    seen = values if is_even(values) else np.log(values)
    inner = (seen[1:] + seen[:-1]) / 2
    first, last = (2 * seen[0] - inner[0], 2 * seen[-1] - inner[-1]) if len(inner) else (seen[0] - 1, seen[0] + 1)
    ends = np.concatenate([[first], inner, [last]])
    return ends if is_even(values) else np.exp(ends)


def tint(colour: str, lightness: float) -> tuple[float, float, float]:
    """Mix a colour with white, or with black, until it is as light as wanted in grey print."""
    rgb = np.array(to_rgb(colour))
    own = float(rgb @ [0.299, 0.587, 0.114])
    if own < lightness:
        share = (lightness - own) / (1 - own)
        rgb = rgb + share * (1 - rgb)
    else:
        rgb = rgb * (lightness / own)
    return float(rgb[0]), float(rgb[1]), float(rgb[2])


def regions(winner: Ticks) -> Iterator[tuple[int, Bools]]:
    """Walk through the patches of cells that hang together: the plan's number and its cells."""
    left = winner >= 0
    while left.any():
        i, j = (int(k[0]) for k in np.nonzero(left))
        cells, edge = np.zeros(winner.shape, np.bool_), [(i, j)]
        while edge:
            i, j = edge.pop()
            inside = 0 <= i < winner.shape[0] and 0 <= j < winner.shape[1]
            if inside and left[i, j] and (not cells.any() or winner[i, j] == winner[cells][0]):
                cells[i, j], left[i, j] = True, False
                edge += [(i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)]
        yield int(winner[cells][0]), cells


def write_names(winner: Ticks, plans: Sequence[str], room: Room, x: Floats, y: Floats) -> None:
    """Write each plan's name into its regions, the large ones first; beside them where it does not fit."""
    axes = room.axes
    for plan, cells in sorted(regions(winner), key=lambda each: -int(each[1].sum())):
        name = plan_word(plans[plan])
        text = write(axes, 0, 0, name, size=TEXT_SIZE, weight="bold", zorder=6, bbox=PAPER, linespacing=1.1)
        inside = _inside(room, cells, x, y)
        text.set_transform(axes.transAxes)
        if len(name) > 12 and extent(text).width > max(width for _, _, width in inside):
            text.set_text(wrapped(name, max(10, len(name) // 2 + 2), 3))
        fits = [(a, b, "center", "center") for a, b, width in inside if width > extent(text).width]
        if fits:
            room.put(text, fits)
            continue
        a, b, _ = inside[0]
        text.set_fontsize(SMALL_SIZE)
        room.put(text, around_point(a, b))
        corner = axes.transData.inverted().transform(axes.transAxes.transform((a, b)))
        leader(axes, text, float(corner[0]), float(corner[1]))


def _inside(room: Room, cells: Bools, x: Floats, y: Floats) -> list[tuple[float, float, float]]:
    """List the middles of a region's rows in axes fractions, with the pixels there are; those of the centre first."""
    rows = np.flatnonzero(cells.any(axis=1))
    found = []
    for i in sorted(rows, key=lambda row: abs(row - rows.mean())):
        taken = np.flatnonzero(cells[i])
        run = max(np.split(taken, np.flatnonzero(np.diff(taken) > 1) + 1), key=len)
        left, bottom = room.fraction(float(x[run[0]]), float(y[i]))
        right, top = room.fraction(float(x[run[-1] + 1]), float(y[i + 1]))
        for share in (0.5, 0.35, 0.65):
            pixels = 2 * min(share, 1 - share) * (right - left) * room.axes.get_window_extent().width
            middle = left + share * (right - left)
            found += [(middle, bottom + height * (top - bottom), pixels) for height in (0.5, 0.25, 0.75)]
    return found
