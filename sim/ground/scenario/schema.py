"""The JSON schema of a scenario as people write it: with uncertain numbers in any place. Not here: the models."""

from typing import Any

from sim.ground.scenario.described import Described
from sim.ground.scenario.model import Scenario

_LAWS = {"Spread", "Cases", "Correlation"}
FIXED = {
    *("name", "seed", "horizon_days", "warm_up_days", "confidence", "price_book"),
    *("months", "step_months", "unfit_share"),
}
"""Keys that are the same in every future."""


def plain_schema() -> dict[str, Any]:
    """Describe a scenario in which all is certain, as its models have it."""
    return Scenario.model_json_schema(schema_generator=Described)


def schema() -> dict[str, Any]:
    """Describe a scenario file and its keys: numbers may also be ``{p10, p90}``, numbers and words ``{cases}``."""
    plain = plain_schema()
    parts = {name: part if name in _LAWS else _open(part) for name, part in plain.pop("$defs").items()}
    return {**_open(plain), "$defs": parts}


def _open(part: Any) -> Any:
    """Let uncertain numbers stand within a part of the schema."""
    if isinstance(part, list):
        return [_open(each) for each in part]
    if not isinstance(part, dict):
        return part
    if part.get("type") in ("number", "integer"):
        return _or(part, "Spread", "Cases")
    if part.get("type") == "string" and "const" not in part:
        return _or(part, "Cases")
    kept = FIXED | {"propertyNames", "discriminator", "enum", "default"}
    return {key: each if key in kept else _open(each) for key, each in part.items()}


def _or(part: dict[str, Any], *laws: str) -> dict[str, Any]:
    """Let a value be one of some models instead; what is said about it stays outside."""
    said = ("title", "default", "description")
    outside = {key: value for key, value in part.items() if key in said}
    inside = {key: value for key, value in part.items() if key not in said}
    return {"anyOf": [inside, *({"$ref": f"#/$defs/{law}"} for law in laws)], **outside}
