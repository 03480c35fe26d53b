"""LiteLLM's list of model prices (model_prices_and_context_window.json): USD a token, by model."""

from decimal import Decimal
from typing import Any, Final

from sim.ground.scenario.book import InferenceEntry
from sim.questions.prices.said import PER_MILLION, Source, json_of, line_of

_MODES: Final = ("chat", "completion", "responses", None)
_PRICES: Final = {
    "input_cost_per_token": "usd_per_million_input_tokens",
    "output_cost_per_token": "usd_per_million_output_tokens",
    "cache_read_input_token_cost": "usd_per_million_cached_tokens",
    "input_cost_per_token_batches": "usd_per_million_batch_input_tokens",
    "output_cost_per_token_batches": "usd_per_million_batch_output_tokens",
}
_NEEDED: Final = ("input_cost_per_token", "output_cost_per_token")
_EXAMPLE: Final = "sample_spec"


def read(source: Source, text: str) -> None:
    """Take every model that is priced by the token read and written."""
    values = json_of(text, source.name)
    if not isinstance(values, dict) or not any(_is_model(each) for each in values.values()):
        source.refuse(1, f"is not LiteLLM's list: it must map models to mappings that hold `{_NEEDED[0]}`")
        return
    for model, each in values.items():
        if model == _EXAMPLE:
            continue
        if not isinstance(each, dict):
            source.refuse(line_of(text, model), f"{model!r} must be a mapping of keys")
        elif each.get("mode") not in _MODES:
            source.skipped["not priced by tokens read and written (images, sound, embeddings)"] += 1
        else:
            _take(source, text, model, each)


def _is_model(each: Any) -> bool:
    return isinstance(each, dict) and _NEEDED[0] in each


def _take(source: Source, text: str, model: str, each: dict[str, Any]) -> None:
    """Take one model, where it has a price."""
    before, prices = len(source.faults), {}
    for key, ours in _PRICES.items():
        if each.get(key) is not None:
            line = line_of(text, model, key) if not _plain(each[key]) else None
            prices[ours] = source.price(each[key], line, f"{model}.{key}", PER_MILLION)
    if len(source.faults) > before:
        return
    if any(_PRICES[key] not in prices for key in _NEEDED):
        source.skipped["no price for tokens read and written"] += 1
    elif not any(prices.values()):
        source.skipped["priced at 0"] += 1
    else:
        said = source.says(f"{each.get('litellm_provider', 'unknown')}, {model}")
        source.take(
            lambda: InferenceEntry.model_validate({"kind": "inference", "name": f"litellm/{model}", **prices, **said}),
            None,
            model,
        )


def _plain(value: Any) -> bool:
    """Whether a price needs no line, for it will not be refused: finding lines takes long."""
    return isinstance(value, Decimal) and 0 <= value < 1
