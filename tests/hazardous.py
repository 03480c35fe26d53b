"""Plans whose nodes come, fail and go, and their hazards."""

import os
from pathlib import Path

import numpy as np
from worlds import ARTICLE, scenario

from sim.engine.workload.hazards import hazards

HELD = {"instance": "p4d.24xlarge", "rate": "reserved_1y", "nodes": 2}
HIRED = {"instance": "p4d.24xlarge", "rate": "on_demand"}
SPOT = {"instance": "p4d.24xlarge", "rate": "spot"}
LOGNORMAL, EXPONENTIAL = {"law": "lognormal", "mean": 6, "cv": 0.5}, {"law": "exponential", "mean": 10}
FAILING = {"up_hours": {"law": "weibull", "mean": 100, "shape": 0.7}, "repair_hours": {"law": "exponential", "mean": 8}}
SUPPLY = {"on_hours": {"law": "exponential", "mean": 30}, "off_hours": {"law": "exponential", "mean": 10}}
BAMBOO = Path(os.environ.get("FLEETECON_DATA", Path(__file__).parents[2] / "shared" / "data")) / "spot" / "bamboo"


def world(plan: dict, **more):
    """The article with one more plan, and that plan."""
    made = scenario(ARTICLE, {"plans.mine": plan} | more)
    return made, made.plans["mine"]


def drawn(plan: dict, replications=range(3), **sizes):
    """The hazards of a plan."""
    return hazards(*world(plan), 7, replications, **sizes)


def same(a, b) -> bool:
    """Whether two hazards say the same."""
    columns = ("windows", "supply", "boot", "lifetime", "refused")
    return all(np.array_equal(getattr(a, each), getattr(b, each)) for each in columns) and a.slots == b.slots


EVERYTHING = {
    "held": {"own": HELD | {"failures": FAILING}},
    "hired": {
        "more": HIRED
        | {"boot_minutes": LOGNORMAL, "lifetime_hours": FAILING["up_hours"], "available_share": 0.7, "supply": SUPPLY}
    },
}
