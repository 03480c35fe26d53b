"""Plans with elastic capacity, put beside those of the article."""

import pytest
from worlds import ARTICLE, scenario

from sim.ground.faults import InputError

HELD = {"instance": "p4d.24xlarge", "rate": "reserved_1y", "nodes": 2}
HIRED = {"instance": "p4d.24xlarge", "rate": "on_demand"}
API = {"offer": "openai_2023_08"}
CHAT = {
    "kind": "inference",
    "arrivals": {"law": "poisson", "rate_per_second": 0.1},
    "prompt_tokens": 9,
    "output_tokens": 9,
}
SERVE = {"base_ms": 10, "kv_tokens": 1000, "max_num_seqs": 8, "token_budget": 16}
SHIFTS = [{"from_hour": 8, "nodes": 2}, {"from_hour": 20, "nodes": 0}]
SCALE = {"target": 4, "maximum": 3}


def world(plan: dict, chat: bool = False, **more):
    """The article with one more plan, and a class of requests if wanted."""
    plans = {"plans.mine": plan} if not chat else {"plans": {"mine": plan}, "workload.chat": CHAT, "horizon_days": 10}
    return scenario(ARTICLE, plans | {"price_date": "2026-01-01" if chat else "2023-10-01"} | more)


def refusals(plan: dict, chat: bool = False, **more) -> list[str]:
    """Its faults, one a line."""
    with pytest.raises(InputError) as refused:
        world(plan, chat, **more)
    return [str(fault) for fault in refused.value.faults]
