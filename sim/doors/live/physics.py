"""What of a scenario decides what happens, and what only what it costs: the keys by which served work is kept."""

import hashlib
from typing import Any, Final

from sim.ground.scenario import Plan, Scenario

_ONLY_MONEY: Final[Any] = {
    "staff": True,
    "overhead_usd_per_year": True,
    "held": {"__all__": {"usd_per_node_h", "rate", "source", "owned", "commitment", "stages"}},
    "hired": {"__all__": {"usd_per_node_h", "rate", "source", "spot"}},
    "api": {
        "offer": True,
        "usd_per_million_tokens": True,
        "usd_per_job": True,
        "usd_per_service_hour": True,
        "hours_per_million_tokens": True,  # told by the pace, which an offer may state too
        "inference_offer": True,
        "usd_per_million_input_tokens": True,
        "usd_per_million_cached_tokens": True,
        "usd_per_million_output_tokens": True,
        "source": True,
        "reserved": {"usd_per_unit_h", "rate", "source"},
        "batch": {"discount", "source"},
    },
}
"""Keys of a plan that no clock looks at. What is missing here costs time; what is too much would be a wrong number, so
``tests/test_live_answer.py`` holds every lever to it."""

_ELSEWHERE: Final = {"plans", "uncertain", "correlations", "decision", "price_book", "name"}
"""What no run looks at, but for the plans."""


def _digest(*texts: str) -> str:
    """Shorten texts to a key."""
    return hashlib.blake2b("\0".join(texts).encode(), digest_size=16).hexdigest()


def world_key(scenario: Scenario, seed: int) -> str:
    """Give the key of all but the plans: the work, the horizon, the rules; and the seed."""
    return _digest(str(seed), str(scenario.folder), scenario.model_dump_json(exclude=_ELSEWHERE))


def price_key(plan: Plan) -> str:
    """Give the key of a plan, its prices and all."""
    return _digest(plan.model_dump_json())


def physics_key(scenario: Scenario, plan: Plan) -> str:
    """Give the key of all of a plan that decides what happens under it: prices may differ."""
    api, told = plan.api, [""]
    if api is not None:
        batched = [api.batches(each.deadline_hours) for each in scenario.chats.values()]
        units = None if api.reserved is None else api.reserved.tokens_per_minute
        told = [repr((api.pace, api.trains, api.serves, api.metered, batched, units))]
    return _digest(plan.model_dump_json(exclude=_ONLY_MONEY), *told)
