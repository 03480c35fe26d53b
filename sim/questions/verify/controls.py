"""Negative controls: the checks must refuse what is known to be wrong. Not here: the checks themselves.

Each control gives a check something wrong and something right; it passes where the first is refused and the second is
not. A check that nothing can fail would be caught here.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from sim.engine import fleet, reference
from sim.ground.scenario import Tree, build
from sim.questions.verify import worlds
from sim.questions.verify.cases import Case, Expectation
from sim.questions.verify.theory import run_case

_REPLICATIONS: Final = 80
_WORLDS: Final = 30
_EXPECTED: Final = (
    Expectation("plans.fleet.utilization.allocated", 0.5, "mean"),
    Expectation("plans.fleet.classes.jobs.wait_h.mean", 1.0, "mean"),
)
"""Of M/M/1 at load 1/2 with a service of 1 h: the load, and rho / (1 - rho) h."""

_EXPONENTIAL: Final = {"law": "exponential", "mean": 1}


def _passes(service: Any, arrivals: str = "poisson") -> bool:
    """Hold a queue of one GPU to the theory of M/M/1, which it need not be."""
    values = {
        "name": "control",
        "seed": 1961,
        "horizon_days": 1100,
        "warm_up_days": 100,
        "workload": {
            "jobs": {"kind": "fine_tune", "arrivals": {"law": arrivals, "rate_per_day": 12}, "service_hours": service}
        },
        "plans": {"fleet": {"held": {"gpu": {"gpus": 1, "nodes": 1, "usd_per_node_h": 1}}}},
    }
    case = Case("control", build(Tree(values, "control", {})), _REPLICATIONS, _REPLICATIONS, _EXPECTED)
    return all(row["pass"] for row in run_case(case, quick=True))


def theory_refuses_longer_service() -> bool:
    """M/M/1 passes the theory of M/M/1; with a service that is 3 % longer than said it fails."""
    return _passes(_EXPONENTIAL) and not _passes({"law": "exponential", "mean": 1.03})


def theory_refuses_another_service_law() -> bool:
    """Held to the theory of M/M/1, a service that always takes its mean fails: waits halve at the same load."""
    return not _passes(1)


def theory_refuses_another_arrival_law() -> bool:
    """Held to the theory of M/M/1, arrivals by a schedule fail at the same rate."""
    return not _passes(_EXPONENTIAL, "deterministic")


def comparison_refuses_one_tick() -> bool:
    """Kernel and SimPy agree on a world; where one job takes a tick longer in the kernel alone, rows differ."""
    for number in range(_WORLDS):
        world = worlds.world(number)
        told: Any = reference.serve(world.fleet, world.paths, world.terms)
        found = fleet.serve(world.fleet, world.paths, world.terms)
        started = np.flatnonzero((found.end > found.start) & (found.start >= 0))
        if len(told.differing(found)) or not len(started):
            continue
        world.paths.service[started[0]] += 1
        return len(told.differing(fleet.serve(world.fleet, world.paths, world.terms))) > 0
    return False


CONTROLS: Final[tuple[Callable[[], bool], ...]] = (
    theory_refuses_longer_service,
    theory_refuses_another_service_law,
    theory_refuses_another_arrival_law,
    comparison_refuses_one_tick,
)
"""All controls; a control's name is its function's."""


def run_control(control: Callable[[], bool]) -> dict[str, Any]:
    """Run one control and write its row of the report."""
    what = (control.__doc__ or control.__name__.replace("_", " ")).partition("\n")[0]
    return {"name": control.__name__, "pass": control(), "what": what}
