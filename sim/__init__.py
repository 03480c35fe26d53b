"""fleetecon: hold GPUs or hire them. The public names; nothing heavy is imported before it is used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim import charts
    from sim.decision import Decided, decide
    from sim.decision.matters import Mattered, matters
    from sim.faults import FleetError, InputError
    from sim.scenario import Scenario, load
    from sim.search.break_even import BreakEven, break_even
    from sim.search.frontier import Frontier, frontier
    from sim.search.sizing import Sized, size
    from sim.search.turning import Turn, turning_points
    from sim.study import Goal, Grid, Study, run, run_until, sweep

__version__ = "0.1.0"
__all__ = [
    "BreakEven",
    "Decided",
    "FleetError",
    "Frontier",
    "Goal",
    "Grid",
    "InputError",
    "Mattered",
    "Scenario",
    "Sized",
    "Study",
    "Turn",
    "__version__",
    "break_even",
    "charts",
    "decide",
    "frontier",
    "load",
    "matters",
    "run",
    "run_until",
    "size",
    "sweep",
    "turning_points",
]

_HOMES = {
    "BreakEven": "sim.search",
    "FleetError": "sim.faults",
    "Frontier": "sim.search",
    "InputError": "sim.faults",
    "Scenario": "sim.scenario",
    "break_even": "sim.search",
    "frontier": "sim.search",
    "Sized": "sim.search",
    "load": "sim.scenario",
    "size": "sim.search",
    "Turn": "sim.search",
    "turning_points": "sim.search",
    "Decided": "sim.decision",
    "decide": "sim.decision",
    "Mattered": "sim.decision.matters",
    "matters": "sim.decision.matters",
    "Goal": "sim.study",
    "Grid": "sim.study",
    "Study": "sim.study",
    "run": "sim.study",
    "run_until": "sim.study",
    "sweep": "sim.study",
}


def __getattr__(name: str) -> Any:
    if name == "charts":
        return import_module("sim.charts")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'sim' has no attribute {name!r}")
