"""What a fit of a workload found, as text for people and as plain values. Strings out; nothing is printed here."""

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from sim.ground.estimate.interval import Estimate, plain
from sim.ground.units import SECONDS_PER_HOUR, TICKS_PER_HOUR
from sim.questions.demand.choose import FEWEST_ARRIVALS, Choice, Judged
from sim.questions.demand.findings import PERCENTS, Findings, Size, moment
from sim.questions.demand.hours import WEEKDAYS
from sim.questions.demand.trial import Distance
from sim.questions.demand.windows import FEWEST_WINDOWS, JUDGED
from sim.questions.tables import Block, Table, Text, listed, number, percent, table, with_interval

UNITS: Final = {
    "prompt": "tokens",
    "output": "tokens",
    "cached": "tokens",
    "tokens": "tokens",
    "service_hours": "hours",
    "gpus": "GPUs",
}
NO_TIME: Final = "one row, or all rows at one instant: there is no rate and no gap to learn from"
MOST_DRAWN: Final = 100_000_000
"""Rows of a log that can be held to be drawn from."""

_BARS: Final = " ▁▂▃▄▅▆▇█"


def span(seconds: float) -> str:
    """Write a length of time."""
    for size, unit in ((86_400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds:.4g} s"


def rate_text(rate: Estimate) -> str:
    """Write a rate in a unit of time in which it is about 1 or more."""
    units = ((1.0, "a second"), (SECONDS_PER_HOUR, "an hour"), (86_400.0, "a day"))
    size, unit = next((each for each in units if (rate.value or 0.0) * each[0] >= 1), units[-1])
    return f"{with_interval(rate.scaled(size))} {unit}"


def profile(values: Any) -> str:
    """Draw relative rates as a row of bars, from 0 to the largest."""
    most = np.nanmax(values)
    return "".join("?" if math.isnan(v) else _BARS[round(8 * v / most)] for v in values.tolist())


def found_blocks(found: Findings) -> list[Block]:
    """Tell what the log shows."""
    return [*listed([*_head(found), *_times(found)]), _sizes(found), *listed(list(_more(found)))]


def _head(found: Findings) -> Iterator[str]:
    read, sketch = found.read, found.sketch
    what = {"inference": "requests", "fine_tune": "jobs", "rates": "rates"}[read.form.kind]
    zone = read.zone.key if read.zone else "UTC"
    ends = f"{moment(sketch.first, read.zone)} to {moment(sketch.last, read.zone)}"
    clock = f" {zone}" if found.hours.dated else " of the log's own clock (it shows no dates)"
    yield f"{read.file.name}: {sketch.count:,} {what} in {span(sketch.seconds)}, {ends}{clock}; form `{read.form.name}`"
    yield from (f"note: {note}" for note in read.notes)


def _times(found: Findings) -> Iterator[str]:
    sketch = found.sketch
    if sketch.seconds <= 0:
        yield NO_TIME
        return
    yield f"rate: {rate_text(found.rate)}   cv of the gaps: {number(found.gap_cv)}"
    shown = [
        f"{with_interval(each)} at {scale} s" + f" ({found.windows[scale]} windows)" * (found.windows[scale] < 100)
        for scale, each in found.idc.items()
    ]
    yield "IDC (variance of counts / mean; Poisson: 1): " + (", ".join(shown) or "n/a, the log is too short")
    yield f"clock: in steps of {_step(found.resolution)}; {percent(found.zero_share)} of the gaps are 0"
    if not math.isnan(found.tick):
        yield (
            f"warning: most gaps are 0 or {found.tick:g} s: the clock ticks, and how requests follow each other "
            "within a tick is not known. IDC at scales near a tick is the clock's"
        )
    if len(found.hours) >= 24:
        yield f"hours of the day, 0 to 23: |{profile(found.by_hour)}| busiest / quietest {_ratio(found.by_hour)}"
    if len(found.hours) >= 14 * 24 - 1:
        yield f"days from Monday: |{profile(found.by_day)}| busiest / quietest {_ratio(found.by_day)}"
    for silence in found.silences:
        length = (silence.gap.end - silence.gap.start) / TICKS_PER_HOUR * SECONDS_PER_HOUR
        yield (
            f"warning: nothing for {span(length)} from {moment(silence.gap.start, found.read.zone)}, where some "
            f"{number(silence.expected)} were to be expected: an outage, or not recorded? The fit takes it as it is"
        )


def _step(seconds: float) -> str:
    return "n/a" if not seconds else f"{seconds:g} s" if seconds >= 1e-3 else f"{1e6 * seconds:g} microseconds"


def _ratio(values: Any) -> str:
    least = np.nanmin(values)
    return f"{np.nanmax(values) / least:.3g}" if least > 0 else "infinite"


def _sizes(found: Findings) -> Table:
    """Lay out the quantiles of sizes."""
    head = ["size", "mean", *(f"p{percent}" for percent in PERCENTS), "largest"]
    rows = []
    for name, size in found.sizes.items():
        cells = [number(size.mean), *(with_interval(size.quantiles[k]) for k in PERCENTS), number(size.most)]
        rows.append([f"{name.removesuffix('_hours')}, {UNITS[name]}", *cells])
    return table(head, rows)


def _more(found: Findings) -> Iterator[str]:
    if found.correlation.value is not None:
        yield f"correlation of prompt and output: {with_interval(found.correlation)} (as if rows were independent)"
    for name, size in found.sizes.items():
        if name != "gpus" and size.tail is not None:
            yield f"tail of {name.removesuffix('_hours')}: {_tail(size)}"
    shares = found.read.widths.shares
    if any(shares.values()):
        widths = ", ".join(f"{width}: {percent(share)}" for width, share in shares.items() if share >= 5e-5)
        yield f"GPU time by GPUs of a job: {widths}"
    if found.tenants:
        named = ", ".join(f"{name[:40]} {percent(share)}" for name, share in found.tenants[:3])
        count = len(found.sketch.tenants)
        yield (
            f"tenants: {count}; the largest has {percent(found.top_share)} of the rows, the ten largest "
            f"{percent(found.top_ten_share)} ({named})"
        )


def _tail(size: Size) -> str:
    """Say how heavy a tail is."""
    tail = size.tail
    if tail is None:
        return "n/a"
    index = f"index {with_interval(tail.index)} from the largest {tail.largest} sampled"
    if not math.isnan(tail.capped_at):
        return f"cut at {number(tail.capped_at)}, which {percent(tail.capped_share)} of the rows have; {index}"
    if not tail.heavy:
        return f"{index}; not heavy: it falls faster than a power law, or with a power above 4"
    infinite = " (below 2: no finite variance, means settle slowly)" if (tail.index.high or 9) < 2 else ""
    return f"{index}; heavy{infinite}"


def _errors(found: Findings, distance: Distance | None, count: int) -> list[str]:
    """Write the errors of IDC at the judged scales; those of few windows in brackets."""
    cells = []
    for scale in JUDGED:
        error = None if distance is None else distance.idc_errors.get(scale)
        if error is None or math.isnan(error):
            cells.append("n/a")
        elif math.isinf(error):
            cells.append("+inf")
        else:
            few = count // scale < FEWEST_WINDOWS
            cells.append("n/a" if count // scale < _LEAST_WINDOWS else f"({error:+.0%})" if few else f"{error:+.0%}")
    return cells


def choice_blocks(found: Findings, choice: Choice) -> list[Block]:
    """Lay out the processes that were tried: on all of the log, and fitted to two thirds of the time on the last."""
    idc = [f"IDC {s} s" for s in JUDGED]
    head = ["process", "", "rate", "KS", *idc, "held out: KS", *idc]
    seconds = int(found.sketch.seconds)
    tried = [*choice.judged, *([choice.blocks] if choice.blocks else [])]
    rows = [_row(found, each, choice, seconds) for each in tried]
    shown = table(head, rows, "ww", parts=(4 + len(idc),), best=[k for k, row in enumerate(rows) if row[1] == "taken"])
    lines = list[str]()
    if not math.isnan(choice.rate_moved):
        lines.append(
            "Errors of simulated over measured; (few windows). The rate of the last third lies "
            f"{choice.rate_moved:+.1%} from that of the first two; held-out errors are taken at its own rate."
        )
    else:
        lines.append("Errors of simulated over measured; (few windows). Too short for a third to be held out.")
    if choice.pattern is not None:
        lines.append(
            f"Pattern by {choice.pattern.kind}: foresees {choice.pattern.explains:.0%} of the variance of the hourly "
            "counts of the last third; shrunk by what may be noise."
        )
    return [shown, Text("\n".join(lines))]


def _row(found: Findings, each: Judged, choice: Choice, seconds: int) -> list[str]:
    mark = "taken" if each in (choice.taken, choice.blocks) else "passes" if each.distance.passes else ""
    held = each.held_out
    return [
        each.name,
        mark,
        _rate_error(each),
        f"{each.distance.ks:.3f}",
        *_errors(found, each.distance, seconds),
        "n/a" if held is None or math.isnan(held.ks) else f"{held.ks:.3f}",
        *_errors(found, held, seconds // 3),
    ]


def _rate_error(each: Judged) -> str:
    """Write the error of the simulated rate, with two standard errors where these are above a third of a percent."""
    noise = 2 * each.trial.rate_se / each.trial.rate if each.trial.rate else 0.0
    return f"{each.distance.rate_error:+.1%}" + (f" ±{noise:.1%}" if noise > _RATE_NOISE else "")


def verdict(found: Findings, choice: Choice) -> list[str]:
    """Say in sentences which process is taken, why, and what is not known."""
    told = []
    if choice.taken is not None:
        if found.sketch.count < FEWEST_ARRIVALS:
            return [f"{found.sketch.count} arrivals tell no process from another: Poisson is assumed."]
        worst = _worst(choice.taken.distance)
        told.append(
            f"Taken: {choice.taken.name}, the simplest that reaches the log's rate within 1 % and its IDC within "
            f"25 %{worst}."
        )
        if choice.taken.distance.ks > _KS_TOLD:
            told.append(
                f"But single gaps differ (KS {choice.taken.distance.ks:.2f}): trust it for windows of seconds and "
                "more, not for what happens within them."
            )
        if loose := [scale for scale in choice.taken.distance.far if scale in JUDGED]:
            scales = ", ".join(f"{scale:g} s" for scale in loose)
            told.append(
                f"At {scales} it is more than 25 % off, which chance alone may do in a log of so few windows: it does "
                "not speak against the process."
            )
        return told
    near = choice.nearest
    if near is not None:
        told.append(f"No process reaches it: the nearest ({near.name}) is {_off(near.distance)}.")
    blocks = choice.blocks
    if blocks is None:
        why = "is too short" if found.sketch.count <= MOST_DRAWN else "has too many rows"
        return [*told, f"The log {why} to be drawn from in blocks: the nearest process is written."]
    told.append(
        f"So the scenario draws blocks of {blocks.keys['block_minutes']:g} minutes of the log itself, a moving-block "
        + (f"bootstrap{_worst(blocks.distance)}." if blocks.distance.passes else f"bootstrap: {_off(blocks.distance)}.")
    )
    if not math.isnan(found.tick):
        told.append(f"The log's clock ticks every {found.tick:g} s, and so do the arrivals drawn from it.")
    return told


def _off(distance: Distance) -> str:
    """Say where and how far a process is off most."""
    judged = {scale: error for scale, error in distance.idc_errors.items() if scale in JUDGED and math.isfinite(error)}
    missed = {scale: judged.get(scale, math.nan) for scale in distance.missed if scale in judged} or judged
    if not missed:
        return "off in its rate" if distance.rate_missed else "off at scales of hours"
    scale = max(missed, key=lambda each: abs(missed[each]))
    return f"{abs(missed[scale]):.0%} off in IDC at {scale:g} s"


_KS_TOLD: Final = 0.1
_RATE_NOISE: Final = 0.0033
_LEAST_WINDOWS: Final = 5


def _worst(distance: Distance) -> str:
    error = distance.worst
    return f" (worst: {error:.0%})" if math.isfinite(error) and error <= 0.25 else ""


def _sizes_json(found: Findings) -> dict[str, Any]:
    """Give what is known of sizes as plain values."""
    return {
        name: {
            "unit": UNITS[name],
            "mean": plain(size.mean),
            "largest": plain(size.most),
            "quantiles": {f"p{k}": each.as_json() for k, each in size.quantiles.items()},
            "tail_index": size.tail.index.as_json() if size.tail else None,
            "heavy_tail": size.tail.heavy if size.tail else None,
        }
        for name, size in found.sizes.items()
    }


def as_json(found: Findings, choice: Choice | None, told: list[str]) -> dict[str, Any]:
    """Give all as plain values."""
    sketch = found.sketch
    return {
        "file": str(found.read.file),
        "form": found.read.form.name,
        "kind": found.read.form.kind,
        "notes": list(found.read.notes),
        "rows": sketch.count,
        "first": moment(sketch.first, found.read.zone),
        "last": moment(sketch.last, found.read.zone),
        "span_s": plain(sketch.seconds),
        "rate_per_second": found.rate.as_json(),
        "gap_cv": plain(found.gap_cv),
        "idc": {str(scale): each.as_json() for scale, each in found.idc.items()},
        "zero_gaps_share": plain(found.zero_share),
        "clock_step_s": plain(found.resolution),
        "tick_s": plain(found.tick),
        "by_hour": [plain(value) for value in found.by_hour.tolist()],
        "by_day": dict(zip(WEEKDAYS, (plain(value) for value in found.by_day.tolist()), strict=True)),
        "sizes": _sizes_json(found),
        "correlation": found.correlation.as_json(),
        "gpu_time_shares": {str(width): plain(share) for width, share in found.read.widths.shares.items()},
        "tenants": {"largest": plain(found.top_share), "ten_largest": plain(found.top_ten_share)},
        "silences": [
            {"from": moment(each.gap.start), "to": moment(each.gap.end), "expected": plain(each.expected)}
            for each in found.silences
        ],
        "processes": [] if choice is None else [_judged_json(each, choice) for each in choice.judged],
        "blocks": None if choice is None or choice.blocks is None else _judged_json(choice.blocks, choice),
        "rate_moved": None if choice is None else plain(choice.rate_moved),
        "verdict": told,
    }


def _judged_json(each: Judged, choice: Choice) -> dict[str, Any]:
    def apart(distance: Distance | None) -> dict[str, Any] | None:
        if distance is None:
            return None
        errors = {f"{scale:g}": plain(error) for scale, error in distance.idc_errors.items()}
        return {"rate_error": plain(distance.rate_error), "ks": plain(distance.ks), "idc_errors": errors}

    return {
        "process": each.name,
        "arrivals": each.keys,
        "replications": each.trial.replications,
        "whole": apart(each.distance),
        "held_out": apart(each.held_out),
        "passes": each.distance.passes,
        "taken": each is choice.taken,
    }
