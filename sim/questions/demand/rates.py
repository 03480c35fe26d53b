"""Logs that tell rates by windows of time, of clients or of all: the process that such a log can and cannot tell.

A log of rates says nothing of what happens within a window: how requests follow each other there is assumed (Poisson,
or gaps of the cv that the log states). Not here: logs of single requests (``choose``).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from sim.ground.faults import InputError, nearest
from sim.ground.logs import gather
from sim.ground.units import TICKS_PER_HOUR, TICKS_PER_SECOND, Floats, Ticks
from sim.questions.demand.hours import DATED, FEWEST_WEEK_DAYS, Hours, Pattern, best_pattern, pattern_of
from sim.questions.demand.modulation import MOST_PARTS, fit_parts, parts_law
from sim.questions.demand.processes import SWITCHING, built, with_rate
from sim.questions.demand.reading import Told, opened
from sim.questions.demand.stretch import OperationalTime
from sim.questions.demand.trial import IDC_WITHIN, Trial, drawn, measure
from sim.questions.demand.windows import FEWEST_WINDOWS

LARGEST: Final = 10
"""Clients that get a part of their own; the rest is one part."""

_PATHS, _ARRIVALS, _FINEST = 24, 100_000, 300
_MOST_CV, _DAY_S = 100.0, 86_400.0


@dataclass(frozen=True)
class Series:
    """Rates of one source, window after window.

    Attributes
    ----------
    rate : float64[n]
        A second; 0 where the log has no row.
    cv : float
        Of the gaps within windows, weighted by rate; NaN where the log does not tell.
    """

    rate: Floats
    cv: float = math.nan


@dataclass(frozen=True)
class Rates:
    """A log of rates.

    Attributes
    ----------
    file : Path
        Where it is.
    first : int
        Tick at which the first window begins.
    window : float
        Seconds of a window.
    clients : dict of Series
        By name, the largest first; a single one without a name where the log has totals.
    total : Series
        Their sum.
    """

    file: Path
    told: Told
    first: int
    window: float
    clients: dict[str, Series]
    total: Series
    notes: tuple[str, ...] = field(default=())

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.total.rate) * self.window

    def hours(self, rate: Floats) -> Hours:
        """Average a series by whole hours."""
        dated = self.first >= DATED
        shift = 3 if dated else 0
        at = self.first + np.arange(len(rate)) * int(self.window * TICKS_PER_SECOND)
        hour, place = np.unique(at // TICKS_PER_HOUR, return_inverse=True)
        means = np.bincount(place, rate) / np.bincount(place)
        starts = (self.first / TICKS_PER_HOUR + 24 * shift) % 168
        return Hours(hour // 24 + shift, hour % 24, 3600 * means, float(starts), dated)


def read_rates(file: Path, told: Told, where: dict[str, str]) -> Rates:
    """Read a log of rates whole: it has a row a window and client.

    Parameters
    ----------
    where : dict
        By column (``model``): the value of the rows that are wanted.

    Raises
    ------
    InputError
        Where it holds several models and none is named, or windows of unequal length.
    """
    with opened(file, replace(told, sort=True)) as log:
        chunk = gather(log)
        names = {role: log.names(role) for role in ("model", "client") if role in chunk.columns}
        columns = {**log.form.columns, **log.form.optional}
        notes = tuple(log.notes)
    kept = np.ones(len(chunk), np.bool_)
    for column, value in where.items():
        role = next((role for role, name in columns.items() if name == column and role in names), None)
        if role is None:
            raise InputError.one("--where", f"must name a column of texts, got {column!r}; {nearest(column, names)}")
        if value not in names[role]:
            raise InputError.one("--where", f"no row has {column} {value!r}; {nearest(value, names[role][:50])}")
        kept &= chunk.columns[role] == names[role].index(value)
    if "model" in names and len(np.unique(chunk.columns["model"][kept])) > 1:
        text = f"holds rates of several models; name one: --where {columns['model']}={names['model'][0]}"
        raise InputError.one(str(file), f"{text} (or {', '.join(names['model'][1:20])})")
    arrival, values = chunk.arrival[kept], {role: column[kept] for role, column in chunk.columns.items()}
    steps = np.unique(np.diff(np.unique(arrival)))
    if not len(steps) or (steps % steps[0]).any():
        raise InputError.one(str(file), "must have two windows or more, all of one length, to tell how rates change")
    return _by_client(file, told, arrival, values, int(steps[0]), names.get("client"), notes)


def _by_client(
    file: Path,
    told: Told,
    arrival: Ticks,
    columns: dict[str, Floats],
    step: int,
    names: list[str] | None,
    notes: tuple[str, ...],
) -> Rates:
    """Put rows into series, by client where there are any."""
    place = (arrival - arrival[0]) // step
    count = int(place[-1]) + 1
    codes = columns["client"].astype(np.int64) if names else np.zeros(len(arrival), np.int64)
    cvs, found = columns.get("cv"), {}
    for code in np.unique(codes).tolist():
        mine = codes == code
        rate = np.bincount(place[mine], columns["rate"][mine], minlength=count).astype(np.float64)
        weight = columns["rate"][mine]
        cv = float(np.average(cvs[mine], weights=weight)) if cvs is not None and weight.sum() > 0 else math.nan
        found[names[code] if names else ""] = Series(rate, cv)
    ordered = dict(sorted(found.items(), key=lambda pair: -pair[1].rate.sum()))
    total = Series(np.sum([each.rate for each in found.values()], axis=0))
    if not total.rate.any():
        raise InputError.one(str(file), "has no rate above 0")
    return Rates(file, told, int(arrival[0]), step / TICKS_PER_SECOND, ordered, total, notes)


@dataclass(frozen=True)
class RateFit:
    """What stands for a log of rates.

    Attributes
    ----------
    name : str
        In words.
    keys : dict
        The arrival law.
    idc, simulated : dict of float
        By scale in seconds, at the log's own rate: measured from its rates (and Poisson within windows), simulated.
    within : dict of bool
        By scale: whether it lies within 25 %, or within what one path in a hundred leaves.
    rate_error : float
        Relative.
    """

    log: Rates
    pattern: Pattern | None
    name: str
    keys: dict[str, Any]
    idc: dict[float, float]
    simulated: dict[float, float]
    within: dict[float, bool]
    rate_error: float

    @property
    def passes(self) -> bool:
        """Tell whether it reaches the log at all scales that the log can tell."""
        return all(self.within.values())


def dispersion(log: Rates) -> dict[float, float]:
    """Find IDC at the lengths of windows that a log of rates can tell, as if requests within them were Poisson."""
    found, multiple = {}, 1
    while len(log.total.rate) // multiple >= FEWEST_WINDOWS:
        whole = len(log.total.rate) // multiple * multiple
        counts = log.total.rate[:whole].reshape(-1, multiple).sum(axis=1) * log.window
        found[multiple * log.window] = 1 + float(counts.var() / counts.mean())
        multiple *= 2
    return found


def fit_rates(log: Rates, seed: int = 0) -> list[RateFit]:
    """Fit what such a log can tell: its clients, or one source with a pattern and parts of two rates."""
    hours = log.hours(log.total.rate)
    if len(log.clients) > 1:
        name = f"{min(len(log.clients), LARGEST)} largest clients and the rest"
        steady = _judged(log, None, f"{name}, each by its week and cv", _clients(log, _part), seed, hours)
        moving = _judged(log, None, f"{name}, each with a switching rate", _clients(log, _wandering), seed, hours)
        return [steady, moving]
    pattern, found = best_pattern(hours), []
    for count in range(MOST_PARTS + 1):
        keys = {"law": "poisson"} if not count else _parts(log, pattern, hours, count)
        if keys is None:
            continue
        name = SWITCHING[count]
        name += "" if pattern is None else f" by {pattern.kind}"
        stated = with_rate(keys, pattern, log.seconds, float(log.total.rate.mean()))
        found.append(_judged(log, pattern, name, stated, seed, hours))
    return found


def _parts(log: Rates, pattern: Pattern | None, hours: Hours, count: int) -> dict[str, Any] | None:
    """Fit modulating parts to what the pattern leaves."""
    rate, clock, rest = float(log.total.rate.mean()), OperationalTime(log.first, pattern, hours.starts), []
    for scale, idc in dispersion(log).items():
        edges = log.first + np.arange(int(log.seconds // scale) + 1) * int(scale * TICKS_PER_SECOND)
        each = np.diff(clock.at(edges))
        variance = float(each.var() / each.mean() ** 2) if pattern is not None else 0.0
        rest.append((scale, 1 + (idc - 1 - rate * scale * variance) / (1 + variance), log.seconds // scale))
    seconds, left, windows = np.array(rest, np.float64).reshape(-1, 3).T
    if len(rest) < 2 or not (left > 1).any():
        return None
    parts, _ = fit_parts(count, seconds, left, windows)
    return parts_law(parts, rate) if len(parts) == count else None


def _clients(log: Rates, part: Callable[[Rates], dict[str, Any]]) -> dict[str, Any]:
    """State the largest clients each by itself, and the rest as one."""
    each = list(log.clients.values())
    rest = [Series(np.sum([one.rate for one in each[LARGEST:]], axis=0))] if len(each) > LARGEST else []
    alone = [replace(log, clients={"": one}, total=one) for one in each[:LARGEST] + rest]
    return {"law": "superposition", "parts": [part(one) for one in alone]}


def _part(log: Rates) -> dict[str, Any]:
    """State one source with its pattern, and gaps of its cv."""
    cv = log.total.cv
    keys = {"law": "poisson"} if math.isnan(cv) else {"law": "gamma", "cv": round(min(max(cv, 0.05), _MOST_CV), 3)}
    kind = "week" if log.seconds >= FEWEST_WEEK_DAYS * _DAY_S else "hours"
    pattern = pattern_of(log.hours(log.total.rate), kind) if log.seconds >= 2 * _DAY_S else None
    return with_rate(keys, pattern, log.seconds, float(log.total.rate.mean()))


def _wandering(log: Rates) -> dict[str, Any]:
    """State one source with its pattern, where that helps, and a rate that wanders between two."""
    hours = log.hours(log.total.rate)
    pattern = best_pattern(hours)
    keys = _parts(log, pattern, hours, 1) or {"law": "poisson"}
    return with_rate(keys, pattern, log.seconds, float(log.total.rate.mean()))


def _judged(log: Rates, pattern: Pattern | None, name: str, keys: dict[str, Any], seed: int, hours: Hours) -> RateFit:
    """Simulate a law thinned to fewer arrivals, whose dispersion beyond Poisson is less by as much."""
    rate = float(log.total.rate.mean())
    share = min(1.0, _ARRIVALS / (rate * log.seconds))
    thin = {**keys, "rate_per_second": _own_rate(keys) * share}
    idc = {scale: each for scale, each in dispersion(log).items() if scale % _FINEST == 0}
    clock = OperationalTime(0, pattern, hours.starts)
    trial = measure(drawn(built(thin), log.seconds, _PATHS, seed), log.seconds, clock, idc)
    made = {scale: 1 + (each - 1) / share for scale, each in trial.idc.items()}
    near = {scale: _near(idc[scale], made[scale], trial, scale, share) for scale in idc}
    return RateFit(log, pattern, name, keys, idc, made, near, trial.rate / share / rate - 1)


def _own_rate(keys: dict[str, Any]) -> float:
    """Rate that the keys of a law state, or the sum of its parts'."""
    if "rate_per_second" in keys:
        return float(keys["rate_per_second"])
    return math.fsum(part["rate_per_second"] for part in keys["parts"])


def _near(idc: float, made: float, trial: Trial, scale: float, share: float) -> bool:
    low, high = trial.spread[scale]
    return abs(made / idc - 1) <= IDC_WITHIN or low <= 1 + (idc - 1) * share <= high


def rate_lines(fits: list[RateFit], taken: RateFit) -> Iterator[str]:
    """Say what a log of rates shows, what stands for it, and what it cannot tell."""
    log = taken.log
    rate = float(log.total.rate.mean())
    sources = f"{len(log.clients)} clients" if len(log.clients) > 1 else "all together"
    yield f"{log.file.name}: rates of {sources} in {len(log.total.rate):,} windows of {log.window:g} s"
    yield from (f"note: {note}" for note in log.notes)
    yield f"rate: {rate:.5g} a second, from {log.total.rate.min():.4g} to {log.total.rate.max():.4g} in a window"
    if len(log.clients) > 1:
        shares = np.array([each.rate.sum() for each in log.clients.values()])
        shares /= shares.sum()
        yield f"clients: the largest carries {shares[0]:.1%} of the load, the ten largest {shares[:10].sum():.1%}"
    for each in fits:
        scales = list(each.idc.items())[:4]
        told = ", ".join(f"{scale:g} s {each.simulated[scale] / idc - 1:+.0%}" for scale, idc in scales)
        mark = "  taken" if each is taken else "  reaches it" if each.passes else ""
        yield f"{each.name}: rate {each.rate_error:+.2%}; IDC simulated over measured: {told}{mark}"
    if not taken.passes:
        yield "No process reaches the log's IDC within 25 % at all of these scales; the nearest is taken."
    yield (
        f"Such a log cannot tell IDC below its window of {log.window:g} s, nor gaps or lengths: arrivals within it are "
        + ("gaps of the stated cv." if "cv" in str(taken.keys) else "taken as Poisson.")
    )


def taken_of(fits: list[RateFit]) -> RateFit:
    """Take the simplest that reaches the log, else the nearest."""
    return next((each for each in fits if each.passes), min(fits, key=_worst))


def _worst(each: RateFit) -> float:
    return max((abs(each.simulated[scale] / idc - 1) for scale, idc in each.idc.items()), default=0.0)
