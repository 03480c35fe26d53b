"""What an API asks for training and for inference, and how long it takes. Not here: what is bought by the node."""

from datetime import date
from typing import Self

from pydantic import PrivateAttr, ValidationInfo, model_validator

from sim.scenario.book import BUILT_IN, Book, book_of
from sim.scenario.inputs import Input, nearest, stated
from sim.scenario.laws import Part, SizeLaw
from sim.scenario.quantity import NonNegative, Positive, Text

_TRAINING = ("offer", "usd_per_million_tokens", "usd_per_job", "usd_per_service_hour")
_TOKEN_PRICES = (
    "usd_per_million_input_tokens",
    "usd_per_million_cached_tokens",
    "usd_per_million_output_tokens",
)


class Api(Part):
    """Pay-per-use: training priced by tokens, hours or the job; inference priced by tokens read and written."""

    offer: Text | None = None
    usd_per_million_tokens: NonNegative | None = None
    usd_per_job: NonNegative | None = None
    usd_per_service_hour: NonNegative | None = None
    hours_per_million_tokens: Positive | None = None
    inference_offer: Text | None = None
    usd_per_million_input_tokens: NonNegative | None = None
    usd_per_million_cached_tokens: NonNegative | None = None
    usd_per_million_output_tokens: NonNegative | None = None
    ttft_s: SizeLaw | None = None
    seconds_per_output_token: SizeLaw | None = None
    source: Text | None = None
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
        return self

    @property
    def trains(self) -> bool:
        """Whether it takes fine-tune jobs."""
        return bool(self.given(*_TRAINING))

    @property
    def serves(self) -> bool:
        """Whether it takes inference requests."""
        return bool(self.given("inference_offer", *_TOKEN_PRICES, "ttft_s", "seconds_per_output_token"))

    def token_prices(self, on: date | None) -> list[Input]:
        """Tell what a million input, cached input and output tokens cost, and who says so."""
        units = [f"USD per million {kind} tokens" for kind in ("input", "cached input", "output")]
        if self.inference_offer is None:
            full = float(self.usd_per_million_input_tokens or 0.0)
            cached = full if self.usd_per_million_cached_tokens is None else float(self.usd_per_million_cached_tokens)
            prices = (full, cached, float(self.usd_per_million_output_tokens or 0.0))
            return [stated("API", price, unit, self.source) for price, unit in zip(prices, units, strict=True)]
        offer = self._book.inference_offer(self.inference_offer, on)
        full, cached_ = offer.usd_per_million_input_tokens, offer.usd_per_million_cached_tokens
        prices = (full, full if cached_ is None else cached_, offer.usd_per_million_output_tokens)
        what = f"API ({self.inference_offer})"
        return [
            Input(what, price, unit, offer.basis, offer.source, offer.since, offer.seen)
            for price, unit in zip(prices, units, strict=True)
        ]

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
