"""The scenario: what a user states, frozen and validated. Not here: anything random, anything on a clock."""

from sim.ground.scenario.buying import Bought, Held
from sim.ground.scenario.hired import Hired
from sim.ground.scenario.inference import InferenceClass
from sim.ground.scenario.inputs import Input
from sim.ground.scenario.make import build, load
from sim.ground.scenario.model import Scenario
from sim.ground.scenario.plans import Checkpoints, Plan, misfit_gpus
from sim.ground.scenario.read import as_values, parse_setting, resolved_yaml, with_settings
from sim.ground.scenario.tree import Tree, read_list, read_tree
from sim.ground.scenario.work import JobClass

__all__ = [
    "Bought",
    "Checkpoints",
    "Held",
    "Hired",
    "InferenceClass",
    "Input",
    "JobClass",
    "Plan",
    "Scenario",
    "Tree",
    "as_values",
    "build",
    "load",
    "misfit_gpus",
    "parse_setting",
    "read_list",
    "read_tree",
    "resolved_yaml",
    "with_settings",
]
