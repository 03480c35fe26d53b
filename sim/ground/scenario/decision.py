"""The decision that a scenario is about: its span, prices that move, events, and strategies over the months.

Not here: whether it fits its scenario (``decision_misfits``), and what a future brings (``sim.questions.decision``).
"""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from sim.ground.scenario.part import Part
from sim.ground.scenario.quantity import (
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
    """Mean number of months between two changes, which come by chance (a Poisson process)."""
    percent: GrowthPercent
    """What each change adds to the price, in %; negative makes it cheaper, such as -25."""


class Rise(Part):
    """A price that is so many times as high from the month of an event on, or from a stated month on."""

    event: Slug | None = None
    """Event of the decision from whose month on the price is higher; or ``after_months``."""
    after_months: Months | None = None
    """Months from now after which the price is higher; or ``event``."""
    times: PriceTimes
    """How many times as high the price is from then on; below 1 it falls."""

    @model_validator(mode="after")
    def _begins(self) -> Self:
        self.exactly_one("event", "after_months")
        return self


class PricePath(Part):
    """How one kind of price moves: a factor on today's prices."""

    percent_a_year: GrowthPercent = 0.0
    """Drift of the price in % a year, compounding; negative falls; left out: 0."""
    steps: Steps | None = None
    """Changes all at once, now and then; left out: none."""
    rise: Rise | None = None
    """One change for good, by an event or in a month; left out: none."""


class Event(Part):
    """Something that happens once, or never: so many months from now, with a probability."""

    after_months: Months
    """Months from now at which it happens, if it does; often uncertain, such as {p10: 9, p90: 48}."""
    probability: Share = 1.0
    """Chance that it happens at all, from 0 to 1; left out: 1, it does."""


class When(Part):
    """What sets off a move: an event; a price that has come to so many times today's; or a month.

    With ``times`` above 1 the price must have risen that far, below 1 fallen that far.
    """

    event: Slug | None = None
    """Event that sets the move off; or ``price``, or ``month``."""
    price: PriceKind | None = None
    """Kind of price that sets the move off, with ``times``; it must move in ``decision.prices``."""
    times: PriceTimes | None = None
    """How many times today's price it must have come to: above 1 by rising, below 1 by falling."""
    month: MonthNumber | None = None
    """Month at whose beginning the move is set off; the first of the span is month 0."""

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
    """Plan of the scenario that is changed to."""
    when: When
    """What sets the move off; the change begins in the first whole month at or after it."""
    switching_usd: NonNegative = 0.0
    """What the change costs once, in USD, when it begins; left out: 0."""
    lead_months: Months = 0.0
    """Months from the beginning of the change until the new plan is in force, rounded up; left out: 0."""


class Strategy(Part):
    """A plan from today on, in force after ``lead_months`` (``meanwhile`` another), and the moves away from it."""

    plan: Slug
    """Plan of the scenario that is chosen today."""
    switching_usd: NonNegative = 0.0
    """What setting it up costs once, in USD, today; left out: 0."""
    lead_months: Months = 0.0
    """Months until it is in force, rounded up; left out: 0."""
    meanwhile: Slug | None = None
    """Plan that does the work until then; needed where ``lead_months`` is above 0."""
    moves: Annotated[tuple[Move, ...], Field(max_length=20)] = ()
    """Changes to other plans, each waiting for its cause after the one before is done; left out: none."""

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
    """Span that is decided about, in months of 730 h; left out: the horizon, if that is a whole number of months."""
    step_months: MonthNumber | None = None
    """Months of a period, simulated from an empty queue; left out: 3 (1 if 3 does not divide the span) where the
    horizon is shorter or nodes come in stages, else the span."""
    discount_percent_a_year: DiscountPercent = 0.0
    """Discount rate of the present value, in % a year, effective; left out: 0."""
    budget_usd: Positive | None = None
    """Budget of the whole span in USD: the chance that a strategy costs more is told; left out: not asked."""
    unfit_share: Share = 0.05
    """Share of the futures in which a strategy may fail ``equal_work`` and still be ranked, from 0 to 1; left out:
    0.05."""
    prices: dict[PriceKind, PricePath] = Field(default_factory=dict)
    """How prices move, by kind: api, on_demand, spot, held (new terms), server (bought), staff; left out: as today."""
    events: Annotated[dict[Slug, Event], Field(max_length=20)] = Field(default_factory=dict)
    """Things that may happen once, by name; left out: none."""
    strategies: Annotated[dict[Slug, Strategy], Field(max_length=100)] = Field(default_factory=dict)
    """What can be chosen, by name; left out: each plan from now on and for good."""
