"""What an API asks for training and for inference, and how long it takes. Not here: what is bought by the node."""

from datetime import date
from typing import Annotated, Final, Self

from pydantic import Field, PrivateAttr, ValidationInfo, model_validator

from sim.ground.account import Account
from sim.ground.catalog import BATCH_TIERS, Fact
from sim.ground.scenario.account import BatchTier, Limits, Outages, ReservedUnits, Retries, account_of
from sim.ground.scenario.book import BUILT_IN, Book, book_of
from sim.ground.scenario.inputs import Input, law_input, nearest, stated
from sim.ground.scenario.laws import Part, SizeLaw
from sim.ground.scenario.quantity import NonNegative, Positive, Share, Text

_TRAINING = ("offer", "usd_per_million_tokens", "usd_per_job", "usd_per_service_hour")
_TOKEN_PRICES = (
    "usd_per_million_input_tokens",
    "usd_per_million_cached_tokens",
    "usd_per_million_output_tokens",
)
_UNITS = [f"USD per million {kind} tokens" for kind in ("input", "cached input", "output")]
_SERVING = ("inference_offer", *_TOKEN_PRICES, "ttft_s", "seconds_per_output_token")
_REFUSING: Final = ("limits", "outages", "error_share", "reserved")
"""What makes a caller try again."""


class Api(Part):
    """Pay-per-use: training priced by tokens, hours or the job; inference priced by tokens read and written."""

    offer: Text | None = None
    """Offer of training in the price book, such as ``openai_2023_08``; left out: training is priced by a stated price,
    or not offered."""
    usd_per_million_tokens: NonNegative | None = None
    """Price of training, in USD per million trained tokens, instead of an ``offer``."""
    usd_per_job: NonNegative | None = None
    """Price of training, in USD per job whatever its size, instead of an ``offer``."""
    usd_per_service_hour: NonNegative | None = None
    """Price of training, in USD per hour that the job would take on your own GPUs, instead of an ``offer``."""
    hours_per_million_tokens: Positive | None = None
    """Hours that the API trains on a million tokens; left out: those of the ``offer``, else a job takes as long as on
    own nodes, which a warning says."""
    inference_offer: Text | None = None
    """Offer of inference in the price book, such as ``together_llama_31_8b``; left out: the stated token prices count,
    or it serves no requests."""
    usd_per_million_input_tokens: NonNegative | None = None
    """Price of reading a prompt, in USD per million tokens, instead of an ``inference_offer``."""
    usd_per_million_cached_tokens: NonNegative | None = None
    """Price of prompt tokens that the prefix cache holds, in USD per million; left out: as any other prompt token."""
    usd_per_million_output_tokens: NonNegative | None = None
    """Price of writing an answer, in USD per million tokens, instead of an ``inference_offer``."""
    ttft_s: SizeLaw | None = None
    """Time to the first token at the API, in seconds: a number or a law; left out: 0, which a warning says."""
    seconds_per_output_token: SizeLaw | None = None
    """Time of each output token after the first, in seconds, one draw a request: a number or a law; left out: 0, which
    a warning says."""
    limits: Limits | None = None
    """How much the account may ask for a minute; left out: any number."""
    retries: Retries | None = None
    """What a caller does who is turned away; left out: five retries with exponential back-off, if anything turns
    callers away."""
    outages: Outages | None = None
    """When the API answers nobody; left out: it always answers."""
    error_share: Share | None = None
    """Share of attempts that get in and fail, from 0 to 1; left out: none."""
    errors_charged: Annotated[bool, Field(strict=True)] | None = None
    """Whether a failed attempt is paid like an answer; left out: false."""
    batch: BatchTier | None = None
    """A cheaper tier for classes that can wait; left out: there is none."""
    reserved: ReservedUnits | None = None
    """Throughput held beside or instead of paying per use; left out: none."""
    source: Text | None = None
    """Who says the stated prices, such as ``list price: vendor page, 2026-10``; left out: listed as stated without a
    source."""
    _book: Book = PrivateAttr(default_factory=lambda: BUILT_IN)

    @model_validator(mode="after")
    def _priced(self, info: ValidationInfo) -> Self:
        self._book = book_of(info)
        if not self.serves or self.given(*_TRAINING):
            self.exactly_one(*_TRAINING)
        if self.inference_offer is not None:
            if extra := self.given(*_TOKEN_PRICES):
                raise ValueError(f"must have either `inference_offer` or `{extra[0]}`, got both")
            if self.inference_offer not in self._book.inference:
                raise ValueError(
                    f"must have an inference_offer of the price book, got {self.inference_offer!r}; "
                    f"{nearest(self.inference_offer, self._book.inference)} "
                    f"or state `{_TOKEN_PRICES[0]}` and `{_TOKEN_PRICES[2]}`"
                )
        elif self.serves and (self.usd_per_million_input_tokens is None or self.usd_per_million_output_tokens is None):
            raise ValueError("must have both `usd_per_million_input_tokens` and `usd_per_million_output_tokens`")
        if self.offer is not None and self.offer not in self._book.training:
            raise ValueError(
                f"must have an offer of the price book, got {self.offer!r}; "
                f"{nearest(self.offer, self._book.training)} or state `usd_per_million_tokens`"
            )
        self._check_account()
        return self

    def _check_account(self) -> None:
        """Refuse words about an account that answers no requests, or that nothing gives a meaning."""
        said = self.given("limits", "retries", "outages", "error_share", "errors_charged", "batch", "reserved")
        if said and not self.serves:
            raise ValueError(f"must have token prices or an `inference_offer`, because it has `{said[0]}`")
        if self.retries is not None and not self.given(*_REFUSING):
            names = ", ".join(f"`{key}`" for key in _REFUSING)
            raise ValueError(f"must have something that makes a caller try again ({names}), because it has `retries`")
        if self.errors_charged is not None and self.error_share is None:
            raise ValueError("must have `error_share`, because it has `errors_charged`")
        if self.reserved is not None and self.reserved.beyond == "wait" and self.limits is not None:
            raise ValueError(
                "must have no `limits`, because nothing is paid per use where what exceeds the reserved units waits; "
                "leave them out or state `beyond: pay_per_use`"
            )
        if self.batch is not None and self.batch.discount is None and not self._offers_batch:
            what = f"{self.inference_offer} has" if self.inference_offer is not None else "stated prices have"
            raise ValueError(f"must have `discount` in its `batch`, because {what} no batch price of its own")

    @property
    def trains(self) -> bool:
        """Whether it takes fine-tune jobs."""
        return bool(self.given(*_TRAINING))

    @property
    def serves(self) -> bool:
        """Whether it takes inference requests."""
        return bool(self.given(*_SERVING))

    @property
    def metered(self) -> bool:
        """Whether a request may meet more than a price and a latency."""
        return bool(self.given(*_REFUSING, "batch"))

    def account(self, horizon: int) -> Account:
        """Put the rules of its account together; ``horizon`` in ticks."""
        return account_of(horizon, self.limits, self.reserved, self.retries, float(self.error_share or 0.0))

    def batches(self, deadline_hours: float | None) -> bool:
        """Tell whether requests with this deadline, if they have one, go to the batch tier."""
        return self.batch is not None and deadline_hours is not None and deadline_hours >= self.batch.promised_hours

    def token_prices(self, on: date | None) -> list[Input]:
        """Tell what a million input, cached input and output tokens cost, and who says so."""
        if self.inference_offer is None:
            full = float(self.usd_per_million_input_tokens or 0.0)
            cached = full if self.usd_per_million_cached_tokens is None else float(self.usd_per_million_cached_tokens)
            prices = (full, cached, float(self.usd_per_million_output_tokens or 0.0))
            return [stated("API", price, unit, self.source) for price, unit in zip(prices, _UNITS, strict=True)]
        offer = self._book.inference_offer(self.inference_offer, on)
        full, cached_ = offer.usd_per_million_input_tokens, offer.usd_per_million_cached_tokens
        prices = (full, full if cached_ is None else cached_, offer.usd_per_million_output_tokens)
        return self._listed(f"API ({self.inference_offer})", prices, offer)

    def _listed(self, what: str, prices: tuple[float, float, float], offer: Fact) -> list[Input]:
        """Tell prices that the book knows, with its date and source."""
        return [
            Input(what, price, unit, offer.basis, offer.source, offer.since, offer.seen)
            for price, unit in zip(prices, _UNITS, strict=True)
        ]

    @property
    def _offers_batch(self) -> bool:
        """Whether the book knows batch prices of its offer, on whatever day."""
        offers = () if self.inference_offer is None else self._book.inference[self.inference_offer]
        return any(offer.has_batch(None) for offer in offers)

    def batch_prices(self, on: date | None) -> list[Input]:
        """Tell what a million input, cached input and output tokens cost in the batch tier, and who says so."""
        if self.batch is None:
            raise LookupError("this API has no batch tier")
        if self.batch.discount is not None or self.inference_offer is None:
            share, source = 1 - float(self.batch.discount or 0.0), self.batch.source
            return [stated("API, batch", share * each.value, each.unit, source) for each in self.token_prices(on)]
        offer = self._book.inference_offer(self.inference_offer, on)
        full, output = offer.usd_per_million_batch_input_tokens, offer.usd_per_million_batch_output_tokens
        if full is None or output is None or not offer.has_batch(on):
            raise LookupError(f"no batch price of {self.inference_offer} is known as early as {on}")
        cached, usual = offer.usd_per_million_cached_tokens, offer.usd_per_million_input_tokens
        if cached is None or offer.batch is None:
            cached = usual  # the tier says nothing of cached tokens, or there is no such price
        tier: Fact = offer if offer.batch is None else BATCH_TIERS[offer.batch]
        prices = (full, full * cached / usual if usual else full, output)
        return self._listed(f"API, batch ({self.inference_offer})", prices, tier)

    def inputs(self, on: date | None) -> list[Input]:
        """List what requests rest on: prices by the token, and the rules of the account."""
        found = [*self.token_prices(on), *(self.batch_prices(on) if self.batch is not None else [])]
        if self.batch is not None:
            found.append(law_input("batch turnaround", self.batch.turnaround_hours, "hours", self.batch.source))
        if self.reserved is not None:
            pace = float(self.reserved.tokens_per_minute_per_unit)
            found.append(self.reserved.price(on))
            found.append(stated("reserved unit", pace, "tokens per minute", self.reserved.source))
        for kind in ("requests", "tokens"):
            limit = None if self.limits is None else getattr(self.limits, f"{kind}_per_minute")
            if self.limits is not None and limit is not None:
                found.append(stated("API limit", float(limit), f"{kind} per minute", self.limits.source))
        if self.outages is not None:
            laws = {"up": self.outages.up_hours, "down": self.outages.down_hours}
            found += [law_input(f"API {name}", law, "hours", self.outages.source) for name, law in laws.items()]
        if self.error_share is not None:
            found.append(stated("API errors", float(self.error_share), "share of attempts", self.source))
        if self.given(*_REFUSING):
            found.append(self._tries)
        return found

    @property
    def _tries(self) -> Input:
        """Tell how often a caller tries again, who was turned away."""
        if self.retries is not None:
            return stated("API retries", float(self.retries.most), "at most", self.source)
        usual = Retries()
        how = f"up to {usual.first_s:g} s before the first, {usual.factor:g} times as long before each later one"
        return Input("API retries", float(usual.most), "at most", "assumed", f"no `retries` are stated; {how}")

    @property
    def prices_tokens(self) -> bool:
        """Whether a job must say its tokens to be priced."""
        return self.offer is not None or self.usd_per_million_tokens is not None

    @property
    def pace(self) -> float | None:
        """Hours a million tokens take at the API; None: as long as on own nodes (an assumption, said in the output)."""
        if self.hours_per_million_tokens is not None or self.offer is None:
            return self.hours_per_million_tokens
        return self._book.training_offer(self.offer, None).hours_per_million_tokens

    def price(self, on: date | None) -> Input:
        """Tell what the API charges, in which unit, and who says so."""
        if self.offer is not None:
            offer = self._book.training_offer(self.offer, on)
            return Input(
                f"API ({self.offer})",
                offer.usd_per_million_tokens,
                "USD per million trained tokens",
                offer.basis,
                offer.source,
                offer.since,
                offer.seen,
            )
        units = {
            "usd_per_million_tokens": "USD per million trained tokens",
            "usd_per_job": "USD per job",
            "usd_per_service_hour": "USD per service hour",
        }
        key = self.given(*units)[0]
        return stated("API", float(getattr(self, key)), units[key], self.source)
