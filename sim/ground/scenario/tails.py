"""What the laws of a scenario leave out or cannot tell: truncated values, tails without a variance. Not here: laws."""

import math
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from sim.ground.scenario.continuous import Continuous, HeavyTailed
from sim.ground.scenario.inputs import Input


def _laws(value: Any, path: str = "") -> Iterator[tuple[str, Continuous]]:
    """Find the continuous laws within a value, with the keys that lead to each."""
    if isinstance(value, Continuous):
        yield path, value
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _laws(entry, f"{path}.{key}" if path else str(key))


def tail_index(work: BaseModel) -> float | None:
    """Find the least index of a tail like a power among the laws of a class's sizes; None where there is none."""
    sizes = [getattr(work, key, None) for key in ("service_hours", "tokens_millions")]
    heavy = [law for size in sizes for _, law in _laws(size) if isinstance(law, HeavyTailed)]
    return min((float(law.alpha) for law in heavy if math.isinf(law.range[1])), default=None)


def redrawn(scenario: BaseModel) -> list[Input]:
    """List the shares of values that fall outside a truncation."""
    return [
        Input(
            f"share of `{path}` outside {law.range[0]:g} to {law.range[1]:g}",
            law.outside,
            "of all values, which are drawn again",
            "computed",
            f"the law, whose mean is {law.kept_mean():.6g} within and {law.whole_mean():.6g} without the limits",
        )
        for path, law in _laws(scenario)
        if law.truncate is not None
    ]


def tail_warnings(scenario: BaseModel) -> Iterator[tuple[str, str]]:
    """Warn of laws without a variance."""
    for path, law in _laws(scenario):
        if isinstance(law, HeavyTailed) and law.variance_is_infinite:
            text = f"`{path}` has no finite variance (alpha {law.alpha:g} is at most 2), so intervals of means are too"
            yield "heavy_tail", f"{text} narrow to be relied on; give `truncate` a `high`, or compare medians"
