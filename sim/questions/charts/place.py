"""Where labels go: beside their lines, and off everything else. Not here: what they say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Bbox

from sim.ground.units import Floats
from sim.questions.charts.style import GREY, SMALL_SIZE, Look, write

Spot = tuple[float, float, str, str]
"""A place in axes fractions, with the text's horizontal and vertical alignment."""


def spread(wanted: Floats, gap: float, low: float, high: float) -> Floats:
    """Move values apart so that neighbours keep a gap, and each moves as little as may be (least squares).

    References
    ----------
    Pool adjacent violators: Barlow et al., Statistical Inference under Order Restrictions (1972), section 1.2.
    """
    order = np.argsort(wanted, kind="stable")
    blocks: list[tuple[float, int]] = []
    for k, value in enumerate(wanted[order]):
        blocks.append((float(value) - k * gap, 1))
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            (b, m), (a, n) = blocks.pop(), blocks.pop()
            blocks.append(((a * n + b * m) / (n + m), n + m))
    flat = np.concatenate([np.full(n, mean) for mean, n in blocks]) if blocks else np.empty(0)
    room = high - gap * (len(wanted) - 1)
    placed = np.empty(len(wanted))
    placed[order] = np.clip(flat, low, max(low, room)) + gap * np.arange(len(wanted))
    return placed


def extent(text: Text) -> Bbox:
    """Measure a text in pixels."""
    figure = text.get_figure(root=True)
    assert figure is not None  # noqa: S101 - a text that was written belongs to a figure
    return text.get_window_extent(cast("Any", figure.canvas).get_renderer())


def inches(text: str, letter: float, size: float, weight: str = "normal") -> float:
    """Find the width to keep free for a text: so much a letter of its longest line, or what its letters measure."""
    font = FontProperties(family=rcParams["font.family"], size=size, weight=weight)
    lines = text.split("\n")
    measured = max(text_to_path.get_text_width_height_descent(line, font, ismath=False)[0] for line in lines) / 72
    return max(letter * max(map(len, lines)), float(measured))


@dataclass
class Room:
    """The free room of some axes, whose scales and place in the figure must be final.

    Attributes
    ----------
    axes : Axes
        Where labels go.
    points : list of float64[m, 2]
        Pixels along lines that labels should not cover.
    boxes : list of Bbox
        Pixels that labels must not cover.
    """

    axes: Axes
    points: list[Floats] = field(default_factory=list)
    boxes: list[Bbox] = field(default_factory=list)

    def block_line(self, x: Floats, y: Floats) -> None:
        """Keep labels off a line, in data coordinates."""
        known = np.isfinite(x) & np.isfinite(y)
        with np.errstate(divide="ignore", invalid="ignore"):
            pixels = self.axes.transData.transform(np.column_stack([x[known], y[known]]))
        pixels = pixels[np.isfinite(pixels).all(axis=1)]
        if len(pixels):
            steps = np.arange(0, len(pixels) - 0.999, 0.05)
            line = [np.interp(steps, np.arange(len(pixels)), pixels[:, k]) for k in (0, 1)]
            self.points.append(np.column_stack(line))

    def block_point(self, x: float, y: float, around: float = 6.0) -> None:
        """Keep labels off a mark, in data coordinates."""
        left, bottom = self.axes.transData.transform((x, y)) - around
        self.boxes.append(Bbox.from_bounds(left, bottom, 2 * around, 2 * around))

    def block_text(self, text: Text) -> None:
        """Keep further labels off one that stands."""
        self.boxes.append(extent(text).padded(2))

    def block_span(self, start: float, end: float) -> None:
        """Keep labels off a stretch of the horizontal axis."""
        left, right = (float(self.axes.transData.transform((x, self.axes.get_ylim()[1]))[0]) for x in (start, end))
        frame = self.axes.get_window_extent()
        self.boxes.append(Bbox.from_extents(left, frame.y0, right, frame.y1))

    def fraction(self, x: float, y: float) -> tuple[float, float]:
        """Turn data coordinates into axes fractions."""
        where = self.axes.transAxes.inverted().transform(self.axes.transData.transform((x, y)))
        return float(where[0]), float(where[1])

    def height(self, x: float, xs: Floats, ys: Floats) -> float:
        """Read a drawn line's height at some x: straight between its points as it is seen, whatever the scales."""
        with np.errstate(divide="ignore", invalid="ignore"):
            line = self.axes.transData.transform(np.column_stack([xs, ys]))
        pixel = self.axes.transData.transform((x, self.axes.get_ylim()[0]))[0]
        y = np.interp(pixel, line[:, 0], line[:, 1])
        return float(self.axes.transData.inverted().transform((pixel, y))[1])

    def cost(self, box: Bbox) -> float:
        """Say how bad a place is: labels covered, edges crossed, pixels of lines covered."""
        frame = self.axes.get_window_extent()
        outside = box.x0 < frame.x0 or box.x1 > frame.x1 or box.y0 < frame.y0 or box.y1 > frame.y1
        texts = sum(bool(box.overlaps(other)) for other in self.boxes)
        covered = sum(int(np.count_nonzero(_inside(box, line))) for line in self.points)
        return float(10_000 * bool(outside) + 3_000 * texts + covered)

    def put(self, text: Text, spots: Iterable[Spot]) -> None:
        """Move a text to the first of the best places, and keep further ones off it."""
        text.set_transform(self.axes.transAxes)
        size = extent(text)
        best, least = None, np.inf
        for spot in spots:
            if (cost := self.cost(self._box(spot, size.width, size.height).padded(2))) < least:
                best, least = spot, cost
            if cost == 0:
                break
        if best is not None:
            text.set_position(best[:2])
            text.set(ha=best[2], va=best[3])
        self.block_text(text)

    def _box(self, spot: Spot, width: float, height: float) -> Bbox:
        """Find what a text of some size would cover at a spot, in pixels."""
        x, y = self.axes.transAxes.transform(spot[:2])
        left = x - width * {"left": 0.0, "center": 0.5, "right": 1.0}[spot[2]]
        bottom = y - height * {"bottom": 0.0, "center": 0.5, "top": 1.0}[spot[3]]
        return Bbox.from_bounds(left, bottom, width, height)


def _inside(box: Bbox, line: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    x, y = line[:, 0], line[:, 1]
    return cast("np.ndarray[tuple[int], np.dtype[np.bool_]]", (x > box.x0) & (x < box.x1) & (y > box.y0) & (y < box.y1))


def around_point(x: float, y: float) -> list[Spot]:
    """List places around a point in axes fractions, near ones first."""
    found: list[Spot] = []
    for d in (0.02, 0.05, 0.09, 0.14, 0.2, 0.27, 0.35):
        sides = [
            (d, 0.0, "left", "center"),
            (-d, 0.0, "right", "center"),
            (0.0, d, "center", "bottom"),
            (0.0, -d, "center", "top"),
        ]
        corners = [
            (d, d, "left", "bottom"),
            (-d, d, "right", "bottom"),
            (-d, -d, "right", "top"),
            (d, -d, "left", "top"),
        ]
        found += [(x + dx, y + dy, ha, va) for dx, dy, ha, va in (*sides, *corners)]
    return found


def near(x: float, y: float) -> list[Spot]:
    """List places close above, below and beside a point, in axes fractions of a low panel."""
    rows = [
        (x + dx, y + dy, "center", "bottom" if dy > 0 else "top") for dy in (0.06, -0.06) for dx in (0, -0.03, 0.03)
    ]
    beside = [(x + 0.012, y, "left", "center"), (x - 0.012, y, "right", "center")]
    corners = [
        (x + dx, y + dy, "left" if dx > 0 else "right", "bottom" if dy > 0 else "top")
        for dy in (0.02, -0.02, 0.08, -0.08)
        for dx in (0.012, -0.012)
    ]
    return [*rows, *beside, *corners, (x, y - 0.25, "center", "top")]


def last_point(x: Floats, y: Floats) -> tuple[float, float]:
    """Take the last known point of a line."""
    known = np.flatnonzero(np.isfinite(y))
    return (float(x[known[-1]]), float(y[known[-1]])) if len(known) else (np.nan, np.nan)


@dataclass(frozen=True)
class End:
    """The end of a line and the label that belongs there, in data coordinates."""

    x: float
    y: float
    text: str
    look: Look


def label_ends(room: Room, ends: Sequence[End], size: float = SMALL_SIZE + 1) -> None:
    """Label lines to the right of the axes, each joined to its line's end by a thin line."""
    axes, known = room.axes, [end for end in ends if np.isfinite(end.y)]
    if not known:
        return
    low, high = axes.get_ylim()
    places = np.array([room.fraction(end.x, min(max(end.y, low), high)) for end in known])
    height = axes.get_window_extent().height / axes.figure.dpi * 72
    lines = 1 + max(end.text.count("\n") for end in known)
    y = spread(places[:, 1], 1.3 * lines * size / height, 0.02 * lines, 1 - 0.02 * lines)
    for end, (x0, y0), y1 in zip(known, places, y, strict=True):
        _join(room, end.look, (float(x0), float(y0)), float(y1))
        write(axes, 1.035, float(y1), end.text, transform=axes.transAxes, va="center", size=size)


def _join(room: Room, look: Look, start: tuple[float, float], y: float) -> None:
    """Draw the thin line from a curve's end to its label, and the plan's mark before the label."""
    axes = room.axes
    over: dict[str, Any] = {"transform": room.axes.transAxes, "clip_on": False, "color": look.colour}
    axes.add_line(Line2D([start[0], 1.012], [start[1], y], linewidth=0.7, alpha=0.7, zorder=1.5, **over))
    axes.add_line(Line2D([1.022], [y], marker=look.marker, markersize=5, linestyle="none", **over))
    steps = np.linspace(0, 1, 40)
    path = np.column_stack([start[0] + steps * (1.012 - start[0]), start[1] + steps * (y - start[1])])
    room.points.append(axes.transAxes.transform(path))


def leader(axes: Axes, text: Text, x: float, y: float) -> None:
    """Join a label to the point it speaks of, where it stands off it."""
    box = extent(text).transformed(axes.transAxes.inverted())
    x0, y0 = axes.transAxes.inverted().transform(axes.transData.transform((x, y)))
    near = (float(np.clip(x0, box.x0, box.x1)), float(np.clip(y0, box.y0, box.y1)))
    line = Line2D([x0, near[0]], [y0, near[1]], transform=axes.transAxes, color=GREY, linewidth=0.8, zorder=4)
    axes.add_line(line)
