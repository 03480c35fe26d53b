"""pydantic's genai-prices: USD a million tokens by provider and model, with the day from which each price holds.

Read from its data.json, or from the installed package (extra `prices`), whose snapshot reaches for no network.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter, ValidationError, field_validator

from sim.ground.faults import InputError
from sim.ground.scenario.book import InferenceEntry
from sim.questions.prices.said import Source, file_bytes, json_of, line_of

_PRICES: Final = {
    "input_mtok": "usd_per_million_input_tokens",
    "output_mtok": "usd_per_million_output_tokens",
    "cache_read_mtok": "usd_per_million_cached_tokens",
}
_BATCH: Final = {
    "input_mtok": "usd_per_million_batch_input_tokens",
    "output_mtok": "usd_per_million_batch_output_tokens",
}
_IN_A_BATCH: Final = {"processing": "batch"}
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class _Price:
    """Prices of a model from a day on; from an unknown one where ``since`` is None."""

    since: date | None
    prices: dict[str, Any]


@dataclass(frozen=True)
class _Model:
    """What the list says of one model."""

    provider: str
    name: str
    prices: list[_Price]
    batch: dict[str, Any]
    checked: date | None


def installed() -> tuple[str, bytes]:
    """Find the installed package's data.

    Raises
    ------
    InputError
        When it is not installed.
    """
    try:
        import genai_prices
    except ModuleNotFoundError:
        text = "is not given and genai-prices is not installed; name its data.json, or install fleetecon[prices]"
        raise InputError.one("FILE", text) from None
    from importlib.metadata import version

    data = Path(str(genai_prices.__file__)).parent / "data.py"
    return f"genai-prices {version('genai-prices')}", file_bytes(data)


def read(source: Source, text: str | None) -> None:
    """Take every model that is priced by the token read and written, with its prices over time."""
    for model in _of_package(source) if text is None else _of_json(source, text):
        starts = sorted({price.since for price in model.prices if price.since is not None})
        seen = model.checked or source.day
        for price in model.prices:
            _take(
                source,
                text,
                model,
                price,
                [start for start in starts if price.since is None or start > price.since],
                seen,
            )


def _take(source: Source, text: str | None, model: _Model, price: _Price, later: list[date], seen: date) -> None:
    """Take one price: known to hold from its start (else from when it was seen) until the next begins."""
    key = f"{model.provider}/{model.name}"
    before, prices = len(source.faults), {}
    batch = model.batch if not later else {}
    for table, said in ((_PRICES, price.prices), (_BATCH, batch)):
        for theirs, ours in table.items():
            value = _base(said.get(theirs))
            if value is not None:
                line = None if text is None else line_of(text, model.provider, model.name, theirs)
                prices[ours] = source.price(value, line, f"{key}.{theirs}")
    if len(source.faults) > before:
        return
    if any(_PRICES[needed] not in prices for needed in ("input_mtok", "output_mtok")):
        source.skipped["no price for tokens read and written"] += 1
        return
    if not any(prices.values()):
        source.skipped["priced at 0"] += 1
        return
    until = min([seen, *(start - _DAY for start in later[:1])])
    since = price.since or until
    tiers = ", lowest tier" if any(_tiered(each) for each in price.prices.values()) else ""
    said = source.says(f"{key}{tiers}", since, max(since, until))
    source.take(
        lambda: InferenceEntry.model_validate({"kind": "inference", "name": f"genai/{key}", **prices, **said}),
        None,
        key,
    )


def _tiered(value: Any) -> bool:
    return isinstance(value, dict) or hasattr(value, "base")


def _base(value: Any) -> Any:
    """Take the price of the lowest tier."""
    return value.get("base") if isinstance(value, dict) else getattr(value, "base", value)


def _of_package(source: Source) -> Iterator[_Model]:
    """Walk through the models of the installed package."""
    from genai_prices.data import providers
    from genai_prices.types import StartDateConstraint

    for provider in providers:
        for model in provider.models:
            listed = model.prices if isinstance(model.prices, list) else [None]
            prices = []
            for each in listed:
                constraint = None if each is None else each.constraint
                if constraint is not None and not isinstance(constraint, StartDateConstraint):
                    source.skipped["prices by the hour of the day"] += 1
                    continue
                said = model.prices if each is None else each.prices
                prices.append(_Price(None if constraint is None else constraint.start_date, dict(vars(said))))
            variants = (each for each in model.price_variants or () if each.when == _IN_A_BATCH)
            batch = next((dict(vars(each.prices)) for each in variants), {})
            yield _Model(provider.id, model.id, prices, batch, None)


class _Said(BaseModel):
    """Prices with the condition on which they hold."""

    prices: dict[str, Any]
    constraint: dict[str, Any] | None = None
    when: dict[str, Any] | None = None

    @property
    def start(self) -> date | None:
        """The day on which they begin, where any is told."""
        told = (self.constraint or {}).get("start_date")
        return None if told is None else date.fromisoformat(told)

    @field_validator("constraint")
    @classmethod
    def _begins(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value and "start_date" in value and not _is_day(value["start_date"]):
            raise ValueError("start_date must be a date like 2026-10-14")
        return value


class _Listed(BaseModel):
    """A model of data.json, as far as it matters here."""

    id: str
    prices: dict[str, Any] | list[_Said]
    price_variants: list[_Said] | None = None
    prices_checked: date | None = None

    def all_prices(self) -> list[_Said]:
        """Give one price or many as a list."""
        return self.prices if isinstance(self.prices, list) else [_Said(prices=self.prices)]


class _Provider(BaseModel):
    """A provider of data.json: its models are judged one by one."""

    id: str
    models: list[Any]


def _is_day(text: Any) -> bool:
    try:
        return isinstance(text, str) and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _of_json(source: Source, text: str) -> Iterator[_Model]:
    """Walk through the models of a data.json."""
    try:
        providers = TypeAdapter(list[_Provider]).validate_python(json_of(text, source.name))
    except ValidationError:
        source.refuse(1, "is not genai-prices' data.json: it must be a list of providers with `id` and `models`")
        return
    for provider in providers:
        for said in provider.models:
            name = said.get("id") if isinstance(said, dict) else None
            try:
                yield _model(source, provider.id, _Listed.model_validate(said))
            except ValidationError as error:
                wrong = max(error.errors(include_url=False), key=lambda each: len(each["loc"]))
                key = ".".join(map(str, (provider.id, name, *wrong["loc"])))
                line = line_of(text, provider.id, *([name] if isinstance(name, str) else []))
                source.refuse(line, f"{key[:120]} is not as genai-prices has it: {wrong['msg']}")


def _model(source: Source, provider: str, said: _Listed) -> _Model:
    """Take what one model says: its prices over time, and in a batch."""
    prices = []
    for each in said.all_prices():
        if each.constraint and "start_date" not in each.constraint:
            source.skipped["prices by the hour of the day"] += 1
        else:
            prices.append(_Price(each.start, each.prices))
    batch = next((each.prices for each in said.price_variants or () if each.when == _IN_A_BATCH), {})
    return _Model(provider, said.id, prices, batch, said.prices_checked)
