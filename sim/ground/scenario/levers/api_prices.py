"""Levers of what an API asks: for training, for tokens, for reserved units."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from sim.ground.scenario.api import Api
from sim.ground.scenario.levers.lever import MOVED, Draft, Settings, at_keys, plans_of, shared
from sim.ground.scenario.model import Scenario

_CHEAPER, _DEARER = 10.0, 40.0
"""Beyond what turns the article's verdict at half load, where the API must be some 20 times as dear."""

_TRAINING = {
    "usd_per_million_tokens": "USD per million tokens",
    "usd_per_job": "USD a job",
    "usd_per_service_hour": "USD a service hour",
}
_TOKENS = ("usd_per_million_input_tokens", "usd_per_million_cached_tokens", "usd_per_million_output_tokens")
_SAME: Final = 1e-9


def api_levers(scenario: Scenario) -> Iterator[Draft]:
    """Go through the levers of what APIs ask."""
    yield from _training(scenario)
    yield from _tokens(scenario)
    yield from _units(scenario)


def _apis(scenario: Scenario) -> Iterator[tuple[str, Api]]:
    """Go through the plans that have an API."""
    for name, plan in scenario.plans.items():
        if plan.api is not None:
            yield name, plan.api


def _training(scenario: Scenario) -> Iterator[Draft]:
    """Draft what an API asks for training."""
    of_books = (
        ((api.offer, *(getattr(api, key) for key in _TRAINING), api.source if api.offer is None else None), (name, api))
        for name, api in _apis(scenario)
        if api.trains
    )
    for places in shared(of_books):
        plan, api = places[0]
        told, key = api.price(scenario.price_date), next(iter(api.given(*_TRAINING)), "usd_per_million_tokens")
        if not told.value:
            continue
        offer = f"{api.offer}_price" if api.offer else "training_price"
        yield Draft(
            "api_price",
            (offer, f"{plan}_{offer}"),
            ("API price, training", f"API price, {api.offer or plan}", f"training price, {plan}"),
            _TRAINING[key],
            told.value,
            told.value / _CHEAPER,
            told.value * _DEARER,
            told.basis,
            tuple(f"plans.{each}.api.{key}" for each, _ in places),
            plans_of(places),
            partial(training_settings, places=places, key=key),
            log=True,
        )


def training_settings(new: float, places: list[tuple[str, Api]], key: str) -> Settings:
    """Put a price of training in the place of the offer's or the stated one; the offer's pace is kept."""
    found: Settings = {}
    for plan, api in places:
        place = f"plans.{plan}.api"
        found |= {f"{place}.{key}": new, f"{place}.source": MOVED}
        if api.offer is not None:
            found[f"{place}.offer"] = None
            if api.pace is not None:
                found[f"{place}.hours_per_million_tokens"] = float(api.pace)
    return found


def _tokens(scenario: Scenario) -> Iterator[Draft]:
    """Draft what an API asks for tokens: all its prices by one factor, told by that of output."""
    on = scenario.price_date
    asked = (
        ((*(each.value for each in api.token_prices(on)), api.inference_offer), (name, api))
        for name, api in _apis(scenario)
        if api.serves
    )
    for places in shared(asked):
        plan, api = places[0]
        if any(_discount(each, scenario) is None for _, each in places):
            continue
        prices = api.token_prices(on)
        value, which = (prices[2].value, "output") if prices[2].value else (prices[0].value, "input")
        if not value:
            continue
        offer = f"{api.inference_offer}_price" if api.inference_offer else "token_price"
        yield Draft(
            "api_price",
            (offer, f"{plan}_{offer}"),
            (f"API price, {which} tokens", f"API price, {api.inference_offer or plan}", f"token price, {plan}"),
            "USD per million tokens",
            value,
            value / _CHEAPER,
            value * _DEARER,
            prices[2].basis,
            tuple(f"plans.{each}.api.{key}" for each, _ in places for key in _TOKENS),
            plans_of(places),
            partial(_token_settings, value=value, places=places, scenario=scenario),
            log=True,
        )


def _discount(api: Api, scenario: Scenario) -> float | None:
    """Tell by which share the batch tier of an API is cheaper; 0 without one, None where no one share tells it."""
    on = scenario.price_date
    if api.batch is None:
        return 0.0
    usual, batch = api.token_prices(on), api.batch_prices(on)
    shares = [b.value / u.value for u, b in zip(usual, batch, strict=True) if u.value]
    if not shares or max(shares) - min(shares) > _SAME or not 0 <= shares[0] <= 1:
        return None
    return 1 - shares[0]


def _token_settings(new: float, value: float, places: list[tuple[str, Api]], scenario: Scenario) -> Settings:
    """Put all prices by the token, each so many times what it was, in the place of the offer's or the stated ones."""
    found: Settings = {}
    for plan, api in places:
        place = f"plans.{plan}.api"
        prices = api.token_prices(scenario.price_date)
        found |= {f"{place}.{key}": new / value * each.value for key, each in zip(_TOKENS, prices, strict=True)}
        found |= {f"{place}.source": MOVED}
        if api.inference_offer is not None:
            found[f"{place}.inference_offer"] = None
        if api.batch is not None and api.batch.discount is None:
            found[f"{place}.batch.discount"] = _discount(api, scenario)
    return found


def _units(scenario: Scenario) -> Iterator[Draft]:
    """Draft what an hour of a reserved unit of an API costs."""
    reserved = (
        ((each.unit, each.rate, each.usd_per_unit_h, each.source), (name, each))
        for name, api in _apis(scenario)
        if (each := api.reserved) is not None
    )
    for places in shared(reserved):
        plan, units = places[0]
        told = units.price(scenario.price_date)
        if not told.value:
            continue
        keys = tuple(f"plans.{each}.api.reserved.usd_per_unit_h" for each, _ in places)
        beside: Settings = {f"plans.{each}.api.reserved.source": MOVED for each, _ in places}
        beside |= {f"plans.{each}.api.reserved.rate": None for each, _ in places if units.rate is not None}
        yield Draft(
            "api_price",
            ("reserved_unit_price", f"{plan}_reserved_unit_price"),
            ("price of a reserved unit", f"price of a reserved unit, {plan}"),
            "USD/h",
            told.value,
            told.value / _CHEAPER,
            told.value * _CHEAPER,
            told.basis,
            keys,
            plans_of(places),
            partial(at_keys, keys=keys, beside=beside),
            log=True,
        )
