"""The laws by which work arrives: renewal processes, modulated ones, and several of them together.

The stated rate is the mean over whole weeks and all states, before growth. Not here: drawing (``workload.arrivals``).
"""

import math
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from sim.ground.scenario.continuous import Mixture
from sim.ground.scenario.modulated import MmppArrivals, OnOffArrivals
from sim.ground.scenario.pattern import steps
from sim.ground.scenario.quantity import Phases, PositiveSpread, Shape
from sim.ground.scenario.timed import RATES, Single, Timed, effective_hours

MOST_COPIES = 100_000
"""Sources of one law: each takes a tenth of a millisecond a replication."""


class PoissonArrivals(Single):
    """Gaps are exponential: jobs come independently of each other."""

    law: Literal["poisson"]
    """``poisson``: jobs come independently of each other."""


class DeterministicArrivals(Single):
    """Gaps are all the same: a schedule."""

    law: Literal["deterministic"]
    """``deterministic``: jobs come by a schedule, all gaps equal."""


class ErlangArrivals(Single):
    """Gaps are Erlang: more regular than Poisson."""

    law: Literal["erlang"]
    """``erlang``: gaps are sums of equal exponentials, more regular than Poisson."""
    phases: Phases
    """Number of exponentials in a gap; the more, the more regular: the cv of the gaps is 1/sqrt(phases)."""


class GammaArrivals(Single):
    """Gaps are gamma of a given cv: regular below 1, bursty above."""

    law: Literal["gamma"]
    """``gamma``: gaps of a given spread, regular or bursty."""
    cv: PositiveSpread
    """Standard deviation of the gaps over their mean: below 1 regular, 1 Poisson, above 1 bursty."""


class WeibullArrivals(Single):
    """Gaps are Weibull: a shape below 1 is bursty, 1 is Poisson, above 1 regular."""

    law: Literal["weibull"]
    """``weibull``: gaps of a given shape, regular or bursty."""
    shape: Shape
    """Shape of the gaps: below 1 bursty, 1 Poisson, above 1 regular."""


class HyperexponentialArrivals(Mixture, Single):
    """Gaps are hyperexponential: bursts and lulls. ``means`` are hours, or only a shape where a rate is given."""

    law: Literal["hyperexponential"]
    """``hyperexponential``: bursts and lulls, gaps of one of several exponentials by chance."""

    def _needs_rate(self) -> bool:
        return self.means is None or bool(self.given(*RATES))

    def _own_gap_hours(self) -> float:
        return self.mixture_mean()


_Source = (
    PoissonArrivals
    | DeterministicArrivals
    | ErlangArrivals
    | GammaArrivals
    | WeibullArrivals
    | HyperexponentialArrivals
    | MmppArrivals
    | OnOffArrivals
)
Source = Annotated[_Source, Field(discriminator="law")]


class Superposition(Timed):
    """Several sources together, independent of each other: tenants, each with a burstiness and a pattern of its own.

    Their rates add up, or are only a shape where a rate is given: of instants, each of which may bring a batch.
    """

    law: Literal["superposition"]
    """``superposition``: several independent sources together."""
    parts: Annotated[tuple[Source, ...], Field(min_length=1, max_length=1000)]
    """The sources, each with a rate of its own; where the whole has a rate, theirs are only shares of it."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if (copies := sum(int(part.copies) for part in self.parts)) > MOST_COPIES:
            raise ValueError(f"must have at most {MOST_COPIES:,} copies in all its parts, got {copies:,}")
        if self.given(*RATES) and not math.isfinite(self._own_gap_hours()):
            raise ValueError("must have parts of which one at least has a rate above 0")
        return self

    def _needs_rate(self) -> bool:
        return bool(self.given(*RATES))

    def _own_gap_hours(self) -> float:
        rate = math.fsum(int(part.copies) / part.mean_gap_hours for part in self.parts)
        return 1.0 / rate if rate else math.inf

    @property
    def steady(self) -> bool:
        """Tell whether the mean rate is the same at all times."""
        return super().steady and all(part.steady for part in self.parts)

    @cached_property
    def scale(self) -> float:
        """What the rates of the parts are multiplied by."""
        return self._own_gap_hours() / self.mean_gap_hours if self.given(*RATES) else 1.0

    @property
    def jobs_per_hour(self) -> float:
        """Mean number of jobs an hour over whole weeks, before growth."""
        return self.scale * math.fsum(part.jobs_per_hour for part in self.parts)

    def jobs_expected(self, hours: float) -> float:
        """Mean number of jobs within so many hours, all patterns and all growth integrated."""
        each = (part.jobs_per_hour * effective_hours(part, hours, self) for part in self.parts)
        return self.scale * math.fsum(each)

    def changes_expected(self, hours: float) -> float:
        """Mean number of pieces of constant rate within so many hours, of all parts."""
        own = steps(self.pattern, self.growth, hours)
        return own + math.fsum(part.changes_expected(hours) for part in self.parts)


ArrivalLaw = Annotated[_Source | Superposition, Field(discriminator="law")]


def mean_rate(law: Any, hours: float) -> float:
    """Mean number of jobs an hour over so many hours, pattern and growth integrated."""
    return float(law.jobs_per_hour) if law.steady else float(law.jobs_expected(hours)) / hours
