"""Pictures of a fitted workload: when work comes, how it bunches, how it follows itself, how large it is.

Not here: the looks (``sim.questions.charts``), the numbers (``findings``, ``choose``).
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.ground.units import TICKS_PER_SECOND, Floats
from sim.questions.charts.place import End, Room, inches, label_ends, last_point, near
from sim.questions.charts.sheet import sheet
from sim.questions.charts.style import GREY, INK, SMALL_SIZE, Look, limits, looks, spans_decade, theme, ticks, write
from sim.questions.charts.words import plain
from sim.questions.demand.choose import Choice, Judged, cut_of
from sim.questions.demand.findings import Findings, moment
from sim.questions.demand.report import UNITS, span
from sim.questions.demand.stretch import Stretch
from sim.questions.demand.trial import standard
from sim.questions.demand.windows import JUDGED, Moments

_LEFT, _TOP, _BOTTOM, _HEIGHT = 0.95, 0.15, 0.6, 3.2
_LOG: Final = Look(INK, "o")
_MOST_POINTS: Final = 600
_SURVIVAL: Final = 200
_THE_LOG, _LAST = "the log", "its last third"


def _source(found: Findings) -> str:
    """Say where the numbers come from."""
    sketch, zone = found.sketch, found.read.zone
    ends = f"{moment(sketch.first, zone)} to {moment(sketch.last, zone)}"
    where = f" {zone.key}" if zone else ""
    return f"{found.read.file.name}: {sketch.count:,} rows, {ends}{where}. fleetecon fit workload"


def pictures(found: Findings, choice: Choice) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """Give the names of the pictures that a log allows, and how each is drawn."""
    yield "counts", lambda: counts(found)
    if choice.judged and len(choice.judged[0].trial.idc) > 1:
        yield "dispersion", lambda: dispersion(found, choice)
    if choice.judged and found.sketch.count > 1:
        yield "gaps", lambda: gaps(found, choice)
    yield "sizes", lambda: sizes(found)


def counts(found: Findings) -> Figure:
    """Draw arrivals over time, and below it the profile of the day where the log has whole days."""
    with theme():
        return _counts(found)


def _per(found: Findings) -> tuple[Floats, Floats, float]:
    """Give the log's counts in some hundred windows: their middles in hours, rates a second, window in seconds."""
    windows = found.sketch.windows
    multiple = max(1, -(-windows.blocks // _MOST_POINTS))
    series = windows.series(multiple)
    each = float(multiple * windows.block_seconds)
    if len(series) < 3:
        each = max(1.0, found.sketch.seconds / 60)
        sample = (found.sketch.rows.table()["arrival"] - found.sketch.first) / TICKS_PER_SECOND
        whole = max(1, int(found.sketch.seconds // each))
        part = found.sketch.count / max(len(sample), 1)
        series = np.bincount((sample // each).astype(np.int64), minlength=whole)[:whole].astype(np.float64) * part
    return (np.arange(len(series)) + 0.5) * each / 3600, series / each, each


def _unit(rate: float) -> tuple[float, str]:
    """Choose the unit of time in which a rate is about 1 or more."""
    return next(((s, u) for s, u in ((1.0, "a second"), (3600.0, "an hour")) if rate * s >= 1), (86_400.0, "a day"))


def _counts(found: Findings) -> Figure:
    daily, weekly = len(found.hours) >= 24, len(found.hours) >= 335
    x, rate, each = _per(found)
    size, unit = _unit(float(rate.mean()))
    busiest, quietest = float(rate.max() * size), float(rate.min() * size)
    mean = (found.rate.value or 0.0) * size
    title = f"{plain(mean)} arrivals {unit} on average, "
    title += f"{plain(quietest)} to {plain(busiest)} in windows of {span(each)}"
    note = "Line: mean rate of each window; dashed: of the whole log."
    if daily:
        note += " Below: hours of the day over their mean" + (", days of the week." if weekly else ".")
    body = _TOP + _HEIGHT + (1.9 if daily else 0.0) + _BOTTOM
    page = sheet(title, note, _source(found), body)
    axes = page.axes(_LEFT, 0.5, _TOP, _HEIGHT - 0.4)
    over, word = (24.0, "days") if x[-1] > 72 else (1.0, "hours") if x[-1] > 2 else (1 / 60, "minutes")
    axes.plot(x / over, rate * size, color=INK, linewidth=1.0, drawstyle="steps-mid", label="log")
    axes.axhline(mean, color=GREY, linewidth=1.0, linestyle=(0, (4, 2)), label="mean")
    ticks(axes, "x", 0.0, found.sketch.seconds / 3600 / over, log=False)
    ticks(axes, "y", *limits(np.append(rate * size, 0), False, 0.0, 0.08), log=False)
    axes.set_xlabel(f"{word} since the first arrival", parse_math=False)
    axes.set_ylabel(f"arrivals {unit}", parse_math=False)
    if daily:
        _profile(page.axes(_LEFT, 3.4 if weekly else 0.5, _TOP + _HEIGHT + 0.45, 1.3), found.by_hour, 24)
        if weekly:
            _profile(page.axes(6.4, 0.5, _TOP + _HEIGHT + 0.45, 1.3), found.by_day, 7)
    return page.figure


def _profile(axes: Axes, values: Floats, count: int) -> None:
    """Draw relative rates as bars from 0."""
    axes.bar(np.arange(count), np.nan_to_num(values), width=0.85, color="#8a8a8a", label="relative rate")
    axes.axhline(1.0, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), label="mean")
    ticks(axes, "y", 0.0, float(np.nanmax(values)) * 1.1, log=False, most=4)
    names = list("MTWTFSS") if count == 7 else [str(hour) for hour in range(24)]
    axes.set_xticks(np.arange(count)[:: 1 if count == 7 else 3], names[:: 1 if count == 7 else 3])
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("day of the week" if count == 7 else "hour of the day", parse_math=False)
    if count == 24:
        axes.set_ylabel("over the mean", parse_math=False)


def _drawn(choice: Choice) -> list[Judged]:
    """Choose the processes to draw: the one taken or the nearest, and the simplest ones beside it."""
    first = choice.taken or choice.blocks or choice.nearest
    others = [each for each in choice.judged if each is not first]
    return ([first] if first else []) + others[:3]


def _looks(drawn: list[Judged]) -> dict[str, Look]:
    """Give each process its look; the third is black, like the log, and left out."""
    names = [each.name for each in drawn]
    return looks([*names[:2], "", *names[2:]])


def _end(axes: Axes, x: Floats, y: Floats, text: str, look: Look, **style: Any) -> End:
    """Draw a line and make the label at its end."""
    axes.plot(x, y, **{"color": look.colour, "linewidth": 1.4, "label": text, **style})
    return End(*last_point(x, y), text, look)


def dispersion(found: Findings, choice: Choice) -> Figure:
    """Draw IDC against the length of windows: the log, its last third, and processes."""
    with theme():
        return _dispersion(found, choice)


def _dispersion(found: Findings, choice: Choice) -> Figure:
    windows = found.sketch.windows
    drawn = _drawn(choice)
    page = sheet(_bunching(found, choice), _DISPERSION, _source(found), _TOP + _HEIGHT + _BOTTOM)
    right = 0.5 + max([inches(each.name, 0.076, SMALL_SIZE) for each in drawn] + [1.2])
    axes = page.axes(_LEFT, right, _TOP, _HEIGHT)
    lines = [_curve(_THE_LOG, windows.scales(), _LOG)]
    cut = cut_of(found.sketch)
    if cut is not None:
        lines.append(_curve(_LAST, windows.scales(cut), Look(GREY, "s")))
    look = _looks(drawn)
    for each in drawn:
        x, y = (np.array(values, np.float64) for values in (sorted(each.trial.idc), _by_scale(each)))
        lines.append((each.name, x, y, look[each.name]))
    known = [line for line in lines if len(line[1]) > 1]
    _axes_of(axes, known)
    room, ends = Room(axes), []
    for name, x, y, style in known:
        wide, dash = (2.4 if name == _THE_LOG else 1.4), ((0, (3, 2)) if name == _LAST else "-")
        ends.append(_end(axes, x, y, name, style, marker=style.marker, markersize=4, linewidth=wide, linestyle=dash))
        room.block_line(x, y)
    for scale in JUDGED:
        axes.axvline(scale, color="#d0d0d0", linewidth=0.7, zorder=0.5)
    label_ends(room, ends, SMALL_SIZE)
    axes.set_xlabel("length of a window, seconds", parse_math=False)
    axes.set_ylabel("variance / mean of counts (IDC)", parse_math=False)
    return page.figure


_DISPERSION: Final = (
    "IDC: variance of the number of arrivals in windows over its mean; 1 for Poisson, more the more they bunch. Grey "
    "lines: 1, 10, 60, 300 s, by which processes are judged.\nProcesses: simulated, all paths pooled. Scales with "
    "fewer than ten windows are left out."
)


def _by_scale(each: Judged) -> list[float]:
    return [each.trial.idc[scale] for scale in sorted(each.trial.idc)]


def _curve(name: str, scales: list[tuple[float, Moments]], look: Look) -> tuple[str, Floats, Floats, Look]:
    x = np.array([scale for scale, _ in scales], np.float64)
    return name, x, np.array([each.idc for _, each in scales], np.float64), look


def _axes_of(axes: Axes, lines: list[tuple[str, Floats, Floats, Look]]) -> None:
    """Set logarithmic axes that hold all lines."""
    x, y = (np.concatenate([line[k] for line in lines]) for k in (1, 2))
    ticks(axes, "x", *limits(x, True, 0.03, 0.03), log=True)
    y = np.maximum(y[np.isfinite(y)], 1e-3)
    ticks(axes, "y", *limits(np.append(y, 1.0), True, 0.05, 0.05), log=True)


def _bunching(found: Findings, choice: Choice) -> str:
    """Say how arrivals bunch, and what reproduces it."""
    known = {scale: each.value for scale, each in found.idc.items() if each.value is not None}
    if not known:
        return "The log is too short to tell how arrivals bunch"
    scale = max(known)
    said = f"In windows of {scale} s the counts vary {plain(known[scale])} times as much as Poisson's"
    if choice.taken is None:
        return f"{said}; no process reaches it at all scales" + (", blocks of the log do" if choice.blocks else "")
    return f"{said}; {choice.taken.name} {_verb('give', choice.taken)} the same"


def _verb(word: str, process: Judged) -> str:
    """Let a verb agree with the name of a process."""
    many = process.name.startswith(("two", "three", "blocks", "gamma", "Erlang"))
    return word if many else f"{word}s"


def gaps(found: Findings, choice: Choice) -> Figure:
    """Draw the share of gaps that are longer than a time: the log, and processes."""
    with theme():
        return _gaps(found, choice)


def _survival(ordered: Floats, mean: float) -> tuple[Floats, Floats]:
    """Give what share of gaps is longer, at some of them, close together where few are left."""
    count = len(ordered)
    left = np.unique(np.geomspace(1, count, _SURVIVAL).astype(np.int64))
    places = count - left[::-1]
    x, y = ordered[places] * mean, 1 - (places + 1) / count
    kept = (x > 0) & (y > 0)
    return x[kept], y[kept]


def _gaps(found: Findings, choice: Choice) -> Figure:
    drawn = _drawn(choice)
    mean = found.sketch.gaps.mean
    whole = Stretch.whole(found.sketch, choice.pattern, found.hours.starts)
    lines = [("the log", *_survival(standard(whole.gaps), mean), _LOG)]
    look = _looks(drawn)
    lines += [(each.name, *_survival(each.trial.gaps, mean), look[each.name]) for each in drawn]
    known = [line for line in lines if len(line[1]) > 1]
    first = drawn[0] if drawn else None
    each = f"{plain(1000 * mean)} ms" if mean < 1 else span(mean)
    title = f"Gaps between arrivals: {each} on average, cv {plain(found.gap_cv)}"
    if first is not None and math.isfinite(first.distance.ks):
        title += f"; {first.name} {_verb('come', first)} within {100 * first.distance.ks:.1f} points"
    page = sheet(title, _SURVIVAL_NOTE, _source(found), _TOP + _HEIGHT + _BOTTOM)
    right = 0.5 + max([inches(each.name, 0.076, SMALL_SIZE) for each in drawn] + [1.0])
    axes = page.axes(_LEFT, right, _TOP, _HEIGHT)
    x = np.concatenate([line[1] for line in known]) if known else np.array([1.0])
    least = np.quantile(known[0][1], 0.02) / 3 if known else 1.0
    ticks(axes, "x", *limits(np.append(x[x >= least], least), True, 0.02, 0.02), log=True)
    ticks(axes, "y", 1 / max(found.sketch.count, 100) * 0.7, 1.3, log=True)
    room, ends = Room(axes), []
    for name, xs, ys, style in known:
        ends.append(_end(axes, xs, ys, name, style, linewidth=2.4 if name == "the log" else 1.4))
        room.block_line(xs, ys)
    label_ends(room, ends, SMALL_SIZE)
    axes.set_xlabel("gap, seconds", parse_math=False)
    axes.set_ylabel("share of gaps that are longer", parse_math=False)
    return page.figure


_SURVIVAL_NOTE: Final = (
    "Processes: simulated. On the clock of the pattern, where there is one: hours run fast where much arrives. Points: "
    "the largest difference of the shares (Kolmogorov and Smirnov)."
)


def sizes(found: Findings) -> Figure:
    """Draw the distribution of sizes, with the quantiles that decide."""
    with theme():
        return _sizes(found)


def _sizes(found: Findings) -> Figure:
    rows = found.sketch.rows.table()
    names = [name for name in found.sizes if name not in ("gpus", "cached")]
    shown = {name: np.sort(np.asarray(rows[name], np.float64)) for name in names}
    if not shown:
        shown = {"gpus": np.sort(np.asarray(rows["gpus"], np.float64))} if "gpus" in rows else {}
    quantiles = {name: [found.sizes[name].quantiles[k].value or 0.0 for k in (50, 95, 99)] for name in shown}
    title = "; ".join(
        f"{name.removesuffix('_hours')}: median {plain(median)} {UNITS[name]}, 1 % above {plain(last)}"
        for name, (median, _, last) in quantiles.items()
    )
    note = "Share of rows that are larger; marks: median, 95th and 99th percentile."
    page = sheet(title[:1].upper() + title[1:], note, _source(found), _TOP + _HEIGHT + _BOTTOM)
    axes = page.axes(_LEFT, 1.9, _TOP, _HEIGHT)
    look = looks(list(shown))
    every = np.concatenate(list(shown.values())) if shown else np.array([1.0])
    positive = every[every > 0] if (every > 0).any() else np.array([1.0])
    log = spans_decade(positive)
    low, high = limits(positive[positive >= np.quantile(positive, 0.001)], log, 0.02, 0.02)
    ticks(axes, "x", low, high, log=log)
    ticks(axes, "y", 1 / max(len(every), 100) * 0.7, 1.3, log=True)
    room, ends, marks = Room(axes), [], []
    for name, values in shown.items():
        x, y = _survival(values, 1.0)
        if len(x) > 1:
            ends.append(_end(axes, x, y, name.removesuffix("_hours"), look[name]))
            room.block_line(x, y)
            marks += [(q, share, look[name]) for q, share in zip(quantiles[name], (0.5, 0.05, 0.01), strict=True)]
    label_ends(room, ends, SMALL_SIZE)
    for value, share, style in marks:
        if low < value < high:
            axes.plot([value], [share], marker=style.marker, color=style.colour, markersize=6, label="_quantile")
            spots = near(*room.fraction(value, share))
            room.put(write(axes, 0, 0, plain(value), size=SMALL_SIZE, color=style.colour), spots)
    units = " or ".join(dict.fromkeys(UNITS[name] for name in shown)) or "size"
    axes.set_xlabel(units, parse_math=False)
    axes.set_ylabel("share of rows that are larger", parse_math=False)
    return page.figure
