"""The scenarios whose whole way is measured: the article's fine-tunes, and requests of one replica; read once."""

from functools import cache
from typing import Any

from sim.ground.files import shipped_scenarios
from sim.ground.scenario import Scenario, Tree, build, load, resolved_yaml

PER_SECOND = 14.0  # of the streamed requests: a replica near what it can carry
_PACE = {"base_ms": 12.77, "per_request_ms": 0.013, "per_kv_token_us": 0.07, "per_prefill_token_us": 41.8}


@cache
def tunes() -> Scenario:
    """Take the article at three plans: a year of 6 fine-tunes a day."""
    scenario = load(shipped_scenarios()["article"])
    plans = {name: scenario.plans[name] for name in ("reserved", "on_demand", "api")}
    return scenario.model_copy(update={"plans": plans})


def _replica(per_second: float, days: float, serve: dict[str, Any]) -> Scenario:
    """Make a scenario of one replica on a GPU of its own."""
    chat = {
        "kind": "inference",
        "arrivals": {"law": "poisson", "rate_per_second": per_second},
        "prompt_tokens": {"law": "lognormal", "mean": 500, "cv": 1},
        "output_tokens": {"law": "lognormal", "mean": 250, "cv": 1},
    }
    node = {"gpus": 1, "usd_per_node_h": 3.49, "nodes": 1, "serve": serve}
    plans = {"own": {"held": {"gpu": node}}}
    values = {"name": "one_replica", "horizon_days": days, "workload": {"chat": chat}, "plans": plans}
    return build(Tree(values))


@cache
def requests() -> Scenario:
    """Make a scenario of one replica at 5 requests a second, in replications of 72 minutes."""
    return _replica(5, 0.05, _PACE | {"kv_tokens": 400_000})


def long_requests(count: int) -> str:
    """Write the file of a scenario of one replica whose replications have about so many requests each."""
    days = round(count / PER_SECOND / 86_400, 4)
    return resolved_yaml(_replica(PER_SECOND, days, {"model": "llama_3_1_8b", "accelerator": "H100-80GB"}))
