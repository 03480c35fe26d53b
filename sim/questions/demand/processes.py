"""The processes that a log is held against, the simplest first, each fitted to a stretch of it. Not here: judging."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter

from sim.ground.scenario.arrivals import ArrivalLaw
from sim.ground.scenario.model import MOST_CHANGES
from sim.ground.units import SECONDS_PER_HOUR
from sim.questions.demand.hours import Pattern
from sim.questions.demand.modulation import MOST_PARTS, Part, fit_parts, parts_law
from sim.questions.demand.stretch import Stretch
from sim.questions.demand.trial import gap_distance

_LEAST_CV, _MOST_CV, _MOST_PHASES = 0.02, 100.0, 1000
SWITCHING: Final = ("Poisson", "one switching rate", "two switching rates", "three switching rates")
"""Names by the number of parts, each of which switches between two rates."""

_STEADY: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
_NEAR, _BETTER = 0.03, 0.005
_CHANGES: Final = MOST_CHANGES / 2
_ADAPTER: Final[TypeAdapter[Any]] = TypeAdapter(ArrivalLaw)


@dataclass(frozen=True)
class Process:
    """A kind of process and how it is fitted.

    Attributes
    ----------
    name : str
        In words.
    fit : callable
        Gives the keys of its arrival law, all but the rate and the pattern; None where it has nothing to say.
    renewal : bool
        Whether its gaps are independent, so that it has no bursts longer than they are.
    """

    name: str
    fit: Callable[[Stretch], dict[str, Any] | None]
    renewal: bool


def _poisson(_stretch: Stretch) -> dict[str, Any]:
    return {"law": "poisson"}


def _gamma(stretch: Stretch) -> dict[str, Any] | None:
    cv = stretch.gap_cv
    if math.isnan(cv):
        return None
    return {"law": "gamma", "cv": float(f"{min(max(cv, _LEAST_CV), _MOST_CV):.4g}")}


def _erlang(stretch: Stretch) -> dict[str, Any] | None:
    cv = stretch.gap_cv
    if not 0 < cv < 1 or (phases := round(1 / cv**2)) < 2:
        return None
    return {"law": "erlang", "phases": min(phases, _MOST_PHASES)}


def _schedule(stretch: Stretch) -> dict[str, Any] | None:
    return {"law": "deterministic"} if stretch.gap_cv < _LEAST_CV else None


def _modulated(count: int) -> Callable[[Stretch], dict[str, Any] | None]:
    """Make the fit of so many modulating parts."""

    def fit(stretch: Stretch) -> dict[str, Any] | None:
        curve = stretch.curve()
        if len(curve[0]) < 2 or not (curve[1] > 1).any():
            return None
        parts, _ = fit_parts(count, *curve)
        return _steadied(parts, stretch) if len(parts) == count else None

    return fit


def _steadied(parts: list[Part], stretch: Stretch) -> dict[str, Any] | None:
    """Give parts as much steady work beside them as makes gaps most like those of the log."""
    best, least = None, math.inf
    for steady in _STEADY:
        keys = parts_law(parts, stretch.rate, steady)
        if keys is None:
            continue
        law = built(with_rate(keys, stretch.pattern, stretch.seconds, stretch.rate))
        if law.changes_expected(stretch.seconds / SECONDS_PER_HOUR) > _CHANGES:
            continue
        apart = gap_distance(law, stretch)
        if best is None or apart < least - _BETTER:
            best, least = keys, apart
        if least < _NEAR:
            break
    return best


PROCESSES: Final = (
    Process("Poisson", _poisson, renewal=True),
    Process("a schedule", _schedule, renewal=True),
    Process("Erlang gaps", _erlang, renewal=True),
    Process("gamma gaps", _gamma, renewal=True),
    *(Process(SWITCHING[count], _modulated(count), renewal=False) for count in range(1, MOST_PARTS + 1)),
)


def built(keys: dict[str, Any]) -> Any:
    """Make an arrival law of its keys."""
    return _ADAPTER.validate_python(keys)


def with_rate(keys: dict[str, Any], pattern: Pattern | None, seconds: float, per_second: float) -> dict[str, Any]:
    """Complete the keys of a law: its pattern, and the rate at which so much time brings so many arrivals a second.

    The rate that a scenario states is the mean over whole weeks; a stretch of time that is none has another one.
    """
    made = {"law": keys["law"], "rate_per_second": per_second, **{k: v for k, v in keys.items() if k != "law"}}
    if pattern is not None:
        made["pattern"] = dict(pattern.keys)
        expected = built(made).jobs_expected(seconds / SECONDS_PER_HOUR)
        made["rate_per_second"] = per_second * per_second * seconds / expected
    made["rate_per_second"] = float(f"{made['rate_per_second']:.8g}")
    return made
