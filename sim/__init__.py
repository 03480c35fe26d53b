"""fleetecon: hold GPUs or hire them. The public names; nothing heavy is imported before it is used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sim.ground import __version__ as __version__

if TYPE_CHECKING:
    from sim.ground.faults import FleetError, InputError
    from sim.ground.scenario import Scenario, load
    from sim.questions import charts
    from sim.questions.decision import Decided, decide
    from sim.questions.decision.matters import Mattered, matters
    from sim.questions.search.break_even import BreakEven, break_even
    from sim.questions.search.frontier import Frontier, frontier
    from sim.questions.search.sizing import Sized, size
    from sim.questions.search.turning import Turn, turning_points
    from sim.study import Goal, Grid, Study, run, run_until, sweep

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
    "BreakEven": "sim.questions.search",
    "FleetError": "sim.ground.faults",
    "Frontier": "sim.questions.search",
    "InputError": "sim.ground.faults",
    "Scenario": "sim.ground.scenario",
    "break_even": "sim.questions.search",
    "frontier": "sim.questions.search",
    "Sized": "sim.questions.search",
    "load": "sim.ground.scenario",
    "size": "sim.questions.search",
    "Turn": "sim.questions.search",
    "turning_points": "sim.questions.search",
    "Decided": "sim.questions.decision",
    "decide": "sim.questions.decision",
    "Mattered": "sim.questions.decision.matters",
    "matters": "sim.questions.decision.matters",
    "Goal": "sim.study",
    "Grid": "sim.study",
    "Study": "sim.study",
    "run": "sim.study",
    "run_until": "sim.study",
    "sweep": "sim.study",
}


def __getattr__(name: str) -> Any:
    if name == "charts":
        return import_module("sim.questions.charts")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'sim' has no attribute {name!r}")
