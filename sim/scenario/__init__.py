"""The scenario: what a user states, frozen and validated. Not here: anything random, anything on a clock."""

from sim.scenario.buying import Bought, Held
from sim.scenario.hired import Hired
from sim.scenario.inference import InferenceClass
from sim.scenario.inputs import Input
from sim.scenario.make import build, load
from sim.scenario.model import Scenario
from sim.scenario.plans import Checkpoints, Plan, misfit_gpus
from sim.scenario.read import as_values, parse_setting, resolved_yaml, with_settings
from sim.scenario.tree import Tree, read_list, read_tree
from sim.scenario.work import JobClass

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
