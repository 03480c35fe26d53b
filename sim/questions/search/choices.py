"""What is chosen: keys of one plan, each with the values that it may take, in order. Not here: which is best."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sim.ground.faults import Fault, InputError, nearest
from sim.ground.scenario import Held, Plan, Scenario, Tree, as_values, build, with_settings
from sim.study.compare import serving_load

FLAG: Final = "--choose"
MOST_DOUBLINGS: Final = 6
"""How often a bound that was derived from the load is doubled."""

_NOT_OF_ONE_PLAN: Final = ("uncertain", "correlations", "decision")
_LEAST_BOUND: Final = 4

Point = tuple[int, ...]
"""A setting by the places of its values among those of each choice."""

Setting = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """A key and the values that it may take, in order.

    Attributes
    ----------
    key : str
        Dotted, from the top of the scenario.
    values : sequence
        Numbers from low to high; words as they were given.
    doublings : int
        How often its bound may still be doubled; 0 where the user gave it.
    """

    key: str
    values: Sequence[Any]
    doublings: int = 0

    def doubled(self) -> "Choice":
        """Take twice as many nodes into view."""
        return replace(self, values=range(2 * len(self.values) - 1), doublings=self.doublings - 1)


@dataclass(frozen=True)
class Box:
    """All settings that are looked among."""

    choices: tuple[Choice, ...]

    @property
    def settings(self) -> int:
        """How many settings there are."""
        return math.prod(len(choice.values) for choice in self.choices)

    def setting(self, at: Point) -> Setting:
        """Give the values at a point."""
        return {choice.key: choice.values[place] for choice, place in zip(self.choices, at, strict=True)}

    def holds(self, at: Point) -> bool:
        """Tell whether a point lies within the bounds."""
        return all(0 <= place < len(choice.values) for choice, place in zip(self.choices, at, strict=True))

    def grown(self, at: Point) -> "Box":
        """Double the bounds that a point lies on, where they may be; else the same box."""
        pairs = zip(self.choices, at, strict=True)
        ends = [choice.doublings > 0 and place == len(choice.values) - 1 for choice, place in pairs]
        if not any(ends):
            return self
        return Box(tuple(each.doubled() if end else each for each, end in zip(self.choices, ends, strict=True)))


def alone(scenario: Scenario, plan: str) -> dict[str, Any]:
    """Give a scenario as plain values with one plan only, its central values in the place of what is uncertain.

    Raises
    ------
    InputError
        When the scenario has no such plan.
    """
    if plan not in scenario.plans:
        raise InputError.one("--plan", f"`{plan}` is not known here; {nearest(plan, scenario.plans)}")
    values: dict[str, Any] = as_values(scenario)
    kept = {key: value for key, value in values.items() if key not in _NOT_OF_ONE_PLAN}
    return kept | {"plans": {plan: values["plans"][plan]}}


def scenario_at(scenario: Scenario, plan: str, setting: Mapping[str, Any], flag: str = FLAG) -> Scenario:
    """Build the scenario of one plan at one setting.

    Raises
    ------
    InputError
        When a value is refused.
    """
    tree = Tree(alone(scenario, plan), file=scenario.name, flag=flag)
    return build(with_settings(tree, dict(setting)), scenario.folder)


def given(scenario: Scenario, plan: str, choose: Mapping[str, Sequence[Any]]) -> Box:
    """Check what the user chooses among.

    Parameters
    ----------
    scenario : Scenario
        What is asked.
    plan : str
        Whose keys they are.
    choose : mapping
        Keys, whole (``plans.own.held.gpu.nodes``) or from within the plan (``held.gpu.nodes``), and their values.

    Raises
    ------
    InputError
        For a key of another plan, fewer than two values, one of them twice, or a value that the key cannot have.
    """
    faults, choices = list[Fault](), list[Choice]()
    for named, values in choose.items():
        key = named if named.startswith("plans.") else f"plans.{plan}.{named}"
        if not key.startswith(f"plans.{plan}."):
            text = f"must be a key of plan `{plan}`, like held.gpu.nodes or plans.{plan}.held.gpu.nodes, got {named!r}"
            faults.append(Fault(FLAG, text))
            continue
        faults += [Fault(FLAG, f"{key} {text}") for text in _wrong(values)]
        choices.append(Choice(key, _ordered(values)))
    if twice := sorted({each.key for each in choices if sum(other.key == each.key for other in choices) > 1}):
        faults.append(Fault(FLAG, f"{twice[0]} is given twice; give all its values in one {FLAG}"))
    if faults:
        raise InputError(faults)
    _check_values(scenario, plan, choices)
    return Box(tuple(choices))


def _wrong(values: Sequence[Any]) -> Iterator[str]:
    """Find what is wrong with some values, whatever their key."""
    if len(values) < 2:
        yield f"must have at least 2 values to choose among, got {len(values)}; put a single one in with --set"
    if not isinstance(values, range) and len(set(map(repr, values))) < len(values):
        yield "must have different values, got one of them twice"


def _ordered(values: Sequence[Any]) -> Sequence[Any]:
    """Put numbers in order; words stay as they were given."""
    if isinstance(values, range):
        return values
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return tuple(sorted(values)) if numbers else tuple(values)


def _check_values(scenario: Scenario, plan: str, choices: list[Choice]) -> None:
    """Refuse values that a key can never have, and keys that the plan cannot have; what no plan can be is left out."""
    top = {choice.key: choice.values[-1] for choice in choices}
    faults = list[Fault]()
    for choice in choices:
        tried = (choice.values[0], choice.values[-1]) if isinstance(choice.values, range) else choice.values
        for value in tried:
            try:
                scenario_at(scenario, plan, top | {choice.key: value})
            except InputError as error:
                faults += [each for each in error.faults if each.where == FLAG and each.text.startswith(choice.key)]
    if faults:
        raise InputError(list(dict.fromkeys(faults)))


def by_load(scenario: Scenario, plan: str) -> Box:
    """Choose among numbers of nodes of each held group, up to twice what the load needs; the bound may be doubled.

    Raises
    ------
    InputError
        When the plan holds no nodes.
    """
    groups = scenario.plans[plan].held
    if not groups:
        text = f"plan `{plan}` holds no nodes to choose the number of; say what to choose: {FLAG} KEY=LO:HI"
        raise InputError.one(FLAG, text)
    choices = []
    for name, group in groups.items():
        needed = nodes_needed(scenario, plan, name)
        bound = max(_LEAST_BOUND, int(group.nodes), 2 * math.ceil(needed or 0.0))
        choices.append(Choice(f"plans.{plan}.held.{name}.nodes", range(bound + 1), MOST_DOUBLINGS))
    return Box(tuple(choices))


def nodes_needed(scenario: Scenario, plan: str, group_name: str) -> float | None:
    """Estimate how many nodes of a held group its load keeps busy all the time; None where nobody can tell."""
    its = scenario.plans[plan]
    group = its.held[group_name]
    if group.serve is None:
        load = scenario.offered_gpus
        return None if load is None else load / group.gpus_per_node
    nodes = max(1, int(group.nodes))
    load = serving_load(scenario, _with_nodes(its, group_name, group, nodes), group_name)
    return None if load is None else load * nodes


def _with_nodes(plan: Plan, name: str, group: Held, nodes: int) -> Plan:
    """Give a group of a plan another number of nodes."""
    return plan.model_copy(update={"held": {**plan.held, name: group.model_copy(update={"nodes": nodes})}})


def start(scenario: Scenario, plan: str, box: Box) -> Point:
    """Begin where the load just fits: the nodes that it needs; of other keys what is stated, else the middle."""
    values = alone(scenario, plan)
    return tuple(_first(scenario, plan, choice, Tree(values)) for choice in box.choices)


def _first(scenario: Scenario, plan: str, choice: Choice, tree: Tree) -> int:
    """Choose the place of a value to begin with."""
    path = tuple(choice.key.split("."))
    stated, numbers = tree.get(path), [value for value in choice.values if isinstance(value, int | float)]
    if len(path) == 5 and path[2] == "held" and path[4] == "nodes" and path[3] in scenario.plans[plan].held:
        needed = nodes_needed(scenario, plan, path[3])
        if needed is not None and len(numbers) == len(choice.values):
            return next((k for k, value in enumerate(numbers) if value > needed), len(numbers) - 1)
    return list(choice.values).index(stated) if stated in choice.values else len(choice.values) // 2
