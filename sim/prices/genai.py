"""pydantic's genai-prices: USD a million tokens by provider and model, with the day from which each price holds.

Read from its data.json, or from the installed package (extra `prices`), whose snapshot reaches for no network.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from sim.faults import InputError
from sim.prices.said import Source, file_bytes, json_of, line_of
from sim.scenario.book import InferenceEntry

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


def _of_json(source: Source, text: str) -> Iterator[_Model]:
    """Walk through the models of a data.json."""
    values = json_of(text, source.name)
    if not isinstance(values, list) or not all(isinstance(each, dict) and "models" in each for each in values):
        source.refuse(1, "is not genai-prices' data.json: it must be a list of providers with `models`")
        return
    for provider in values:
        for model in provider["models"]:
            if not isinstance(model, dict) or not isinstance(model.get("id"), str) or "prices" not in model:
                source.refuse(line_of(text, str(provider.get("id"))), "has a model without `id` or `prices`")
                continue
            prices = list(_prices(source, text, str(provider.get("id")), model))
            variants = (
                each for each in model.get("price_variants") or () if each.get("when") == {"processing": "batch"}
            )
            batch = next((each.get("prices") or {} for each in variants), {})
            yield _Model(str(provider.get("id")), model["id"], prices, batch, _date(model.get("prices_checked")))


def _prices(source: Source, text: str, provider: str, model: dict[str, Any]) -> Iterator[_Price]:
    """Walk through the prices of a model, one or a list with conditions."""
    listed = model["prices"]
    for each in listed if isinstance(listed, list) else [{"prices": listed}]:
        prices, constraint = each.get("prices"), each.get("constraint") or {}
        if not isinstance(prices, dict):
            source.refuse(
                line_of(text, provider, model["id"]), f"{provider}/{model['id']} must have a mapping of prices"
            )
        elif constraint and "start_date" not in constraint:
            source.skipped["prices by the hour of the day"] += 1
        else:
            yield _Price(_date(constraint.get("start_date")), prices)


def _date(text: Any) -> date | None:
    """Read a day; None where there is none."""
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        return None
