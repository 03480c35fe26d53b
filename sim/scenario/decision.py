"""The decision that a scenario is about: its span, prices that move, events, and strategies over the months.

Not here: whether it fits its scenario (``decision_misfits``), and what happens in one future (``sim.decision``).
"""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from sim.scenario.part import Part
from sim.scenario.quantity import (
    DiscountPercent,
    GrowthPercent,
    MonthNumber,
    Months,
    NonNegative,
    Positive,
    PriceTimes,
    Share,
    Slug,
    StepMonths,
)

PriceKind = Literal["api", "on_demand", "spot", "held", "server", "staff"]
PRICE_KINDS: tuple[PriceKind, ...] = get_args(PriceKind)


class Steps(Part):
    """A price that changes all at once now and then: a Poisson process with this mean gap."""

    every_months: StepMonths
    percent: GrowthPercent


class Rise(Part):
    """A price that is so many times as high from the month of an event on, or from a stated month on."""

    event: Slug | None = None
    after_months: Months | None = None
    times: PriceTimes

    @model_validator(mode="after")
    def _begins(self) -> Self:
        self.exactly_one("event", "after_months")
        return self


class PricePath(Part):
    """How one kind of price moves: a factor on today's prices."""

    percent_a_year: GrowthPercent = 0.0
    steps: Steps | None = None
    rise: Rise | None = None


class Event(Part):
    """Something that happens once, or never: so many months from now, with a probability."""

    after_months: Months
    probability: Share = 1.0


class When(Part):
    """What sets off a move: an event; a price that has come to so many times today's; or a month.

    With ``times`` above 1 the price must have risen that far, below 1 fallen that far.
    """

    event: Slug | None = None
    price: PriceKind | None = None
    times: PriceTimes | None = None
    month: MonthNumber | None = None

    @model_validator(mode="after")
    def _one_cause(self) -> Self:
        self.exactly_one("event", "price", "month")
        if (self.price is None) != (self.times is None):
            raise ValueError("must have `price` and `times` together: {price: api, times: 2}")
        if self.times == 1:
            raise ValueError("must have `times` other than 1, which every price is today")
        return self


class Move(Part):
    """A change to another plan, begun when something happens, done ``lead_months`` later."""

    to: Slug
    when: When
    switching_usd: NonNegative = 0.0
    lead_months: Months = 0.0


class Strategy(Part):
    """A plan from today on, in force after ``lead_months`` (``meanwhile`` another), and the moves away from it."""

    plan: Slug
    switching_usd: NonNegative = 0.0
    lead_months: Months = 0.0
    meanwhile: Slug | None = None
    moves: Annotated[tuple[Move, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _bridged(self) -> Self:
        if self.lead_months and self.meanwhile is None:
            raise ValueError(f"must have `meanwhile`: the plan that does the work for {self.lead_months:g} months")
        if self.meanwhile == self.plan:
            raise ValueError(f"must have another plan `meanwhile` than its own, got `{self.plan}`")
        return self

    @property
    def plans(self) -> list[str]:
        """Every plan that may be in force, each once."""
        named = [self.plan, self.meanwhile, *(move.to for move in self.moves)]
        return list(dict.fromkeys(str(each) for each in named if each is not None))


class Decision(Part):
    """A choice among strategies over a span of months.

    ``step_months`` is the length of a period where the horizon is shorter than the span or nodes come in stages.
    """

    months: MonthNumber | None = None
    step_months: MonthNumber | None = None
    discount_percent_a_year: DiscountPercent = 0.0
    budget_usd: Positive | None = None
    unfit_share: Share = 0.05
    prices: dict[PriceKind, PricePath] = Field(default_factory=dict)
    events: Annotated[dict[Slug, Event], Field(max_length=20)] = Field(default_factory=dict)
    strategies: Annotated[dict[Slug, Strategy], Field(max_length=100)] = Field(default_factory=dict)
