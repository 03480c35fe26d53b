"""Levers of the work: how much comes, in what bursts, and how fast it is trained."""

import math
from collections.abc import Iterator
from typing import Any, Final

from sim.ground.scenario.arrivals import Superposition
from sim.ground.scenario.levers.lever import MOVED, Draft, Put
from sim.ground.scenario.model import Scenario
from sim.ground.scenario.timed import RATES
from sim.ground.scenario.work import JobClass
from sim.ground.units import HOURS_PER_DAY, SECONDS_PER_HOUR

_RATE_TIMES: Final = 12.0
_SLOWER, _FASTER = 10.0, 30.0
"""A measured 70B LoRA run is 25 times as fast as the article's."""

_LEAST_CV, _MOST_CV, _CV_TIMES = 0.25, 4.0, 4.0
_LEAST_SHAPE, _MOST_SHAPE = 0.2, 20.0
_SMALLEST_CV: Final = 1e-3
_MOST_SCALE: Final = 1000.0


def work_levers(scenario: Scenario) -> Iterator[Draft]:
    """Go through the levers of each class of work."""
    for name, each in scenario.workload.items():
        yield from _rate(scenario, name, each)
        yield from _burstiness(scenario, name, each)
        if isinstance(each, JobClass):
            yield from _speed(scenario, name, each)


def _draft(scenario: Scenario, **said: Any) -> Draft:
    """Draft a lever that moves all plans."""
    return Draft(plans=tuple(scenario.plans), **said)


def _rate(scenario: Scenario, name: str, each: Any) -> Iterator[Draft]:
    """Draft how much of a class arrives."""
    if each.arrivals is not None:
        yield from _of_law(scenario, name, each)
    elif each.trace is not None:
        key, value = f"workload.{name}.trace.rate_scale", float(each.trace.rate_scale)
        yield _draft(
            scenario,
            kind="rate",
            names=(f"{name}_rate",),
            labels=("arrivals over the trace's", f"arrivals over the trace's, {name}"),
            unit="times",
            value=value,
            low=value / _RATE_TIMES,
            high=min(value * _RATE_TIMES, _MOST_SCALE),
            basis="stated",
            keys=(key,),
            put=lambda new: {key: new},
            log=True,
        )


def _of_law(scenario: Scenario, name: str, each: Any) -> Iterator[Draft]:
    """Draft the rate of a law of arrivals, by the key that states it; a law that brings its own is given one."""
    law, tunes = each.arrivals, isinstance(each, JobClass)
    stated = next(iter(law.given(*RATES)), "rate_per_day" if tunes else "rate_per_second")
    key, second = f"workload.{name}.arrivals.{stated}", stated == "rate_per_second"
    per_hour = 1.0 / law.mean_gap_hours
    value = float(getattr(law, stated) or 0.0) if stated != "mean_hours" else 0.0
    value = value or per_hour * (1 / SECONDS_PER_HOUR if second else HOURS_PER_DAY)
    if not value:
        return
    unit = "a second" if second else "a day"
    what = f"{_counted(each, tunes)} {unit}{_of_each(law)}"
    gap = stated == "mean_hours"
    yield _draft(
        scenario,
        kind="rate",
        names=(f"{name}_rate",),
        labels=(what, f"{what}, {name}"),
        unit=unit,
        value=value,
        low=value / _RATE_TIMES,
        high=value * _RATE_TIMES,
        basis="stated",
        keys=(key,),
        put=lambda new: {key: HOURS_PER_DAY / new if gap else new},
        log=True,
    )


def _counted(each: Any, tunes: bool) -> str:
    """Name what arrives at one instant."""
    if getattr(each.arrivals, "batch", None) is not None:
        return "batches"
    return "runs" if tunes else "requests" if each.sessions is None else "sessions"


def _of_each(law: Any) -> str:
    """Say that a rate is that of one source of several."""
    copies = 1 if isinstance(law, Superposition) else int(law.copies)
    return f", each of {copies} sources" if copies > 1 else ""


def _burstiness(scenario: Scenario, name: str, each: Any) -> Iterator[Draft]:
    """Draft the cv of the gaps between arrivals, where these are independent of each other."""
    law, place = each.arrivals, f"workload.{name}.arrivals"
    found = None if law is None else _spread(law, place)
    if found is None:
        return
    value, keys, put = found
    low = 1.0 if law.law == "hyperexponential" else 0.0 if not value else min(_LEAST_CV, value / _CV_TIMES)
    yield _draft(
        scenario,
        kind="burstiness",
        names=(f"{name}_burstiness",),
        labels=("burstiness: cv of the gaps", f"cv of the gaps, {name}"),
        unit="cv",
        value=value,
        low=low,
        high=max(_MOST_CV, _CV_TIMES * value),
        basis="stated",
        keys=keys,
        put=put,
        log=low > 0,
    )


def _spread(law: Any, place: str) -> tuple[float, tuple[str, ...], Put] | None:
    """Tell the cv of the gaps of a renewal law, the keys that move it, and how; None of any other law.

    Poisson arrivals become Weibull ones: their gaps are powers of the very exponential draws that Poisson gaps are, so
    paths of all cvs are alike but for what the cv does to them, and at 1 they meet. A schedule and Erlang gaps become
    gamma ones, which they are.
    """
    match law.law:
        case "poisson":
            return 1.0, (f"{place}.law", f"{place}.shape"), lambda cv: _weibull(place, cv)
        case "weibull":
            return _cv_of(float(law.shape)), (f"{place}.shape",), lambda cv: {f"{place}.shape": _shape_of(cv)}
        case "deterministic":
            return 0.0, (f"{place}.law", f"{place}.cv"), lambda cv: _gamma(place, cv)
        case "erlang":
            return 1 / math.sqrt(int(law.phases)), (place,), lambda cv: {place: _without_phases(law, cv)}
        case "gamma":
            return float(law.cv), (f"{place}.cv",), lambda cv: {f"{place}.cv": cv}
        case "hyperexponential" if law.cv is not None:
            return float(law.cv), (f"{place}.cv",), lambda cv: {f"{place}.cv": cv}
    return None


def _weibull(place: str, cv: float) -> dict[str, Any]:
    return {f"{place}.law": "weibull", f"{place}.shape": _shape_of(cv)}


def _gamma(place: str, cv: float) -> dict[str, Any]:
    return {f"{place}.law": "gamma", f"{place}.cv": max(cv, _SMALLEST_CV)}


def _without_phases(law: Any, cv: float) -> dict[str, Any]:
    """Write an Erlang law down as the gamma law of another cv."""
    plain = law.model_dump(exclude={"phases", "law"}, exclude_none=True)
    return {"law": "gamma", "cv": cv, **plain}


def _cv_of(shape: float) -> float:
    """Coefficient of variation of a Weibull law."""
    return math.sqrt(math.expm1(math.lgamma(1 + 2 / shape) - 2 * math.lgamma(1 + 1 / shape)))


def _shape_of(cv: float) -> float:
    """Shape of the Weibull law of a cv, by halving: the cv falls as the shape rises."""
    low, high = _LEAST_SHAPE, _MOST_SHAPE
    while low < (middle := math.sqrt(low * high)) < high:
        low, high = (middle, high) if _cv_of(middle) > cv else (low, middle)
    return low


def _speed(scenario: Scenario, name: str, each: JobClass) -> Iterator[Draft]:
    """Draft how fast a class is trained, where its jobs are counted in tokens."""
    hours = each.hours_per_million
    if hours is None:
        return
    by_hours = each.hours_per_million_tokens is not None
    place, of_hours = f"workload.{name}", 1e6 / SECONDS_PER_HOUR
    key = f"{place}.{'hours_per_million_tokens' if by_hours else 'tokens_per_second'}"
    value = of_hours / hours if by_hours else float(each.tokens_per_second or 0.0)
    yield _draft(
        scenario,
        kind="speed",
        names=(f"{name}_speed",),
        labels=("training speed", f"training speed, {name}"),
        unit="tokens/s",
        value=value,
        low=value / _SLOWER,
        high=value * _FASTER,
        basis=each.inputs(name)[0].basis,
        keys=(key,),
        put=lambda new: {key: of_hours / new if by_hours else new, f"{place}.source": MOVED},
        log=True,
    )
