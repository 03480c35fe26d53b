"""From a tree of values to a model and back: all faults at once, each with file, line and the nearest right key."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sim.ground.faults import Fault, InputError
from sim.ground.scenario.book import name_of
from sim.ground.scenario.inputs import nearest
from sim.ground.scenario.model import Scenario
from sim.ground.scenario.tree import Path_, Tree, dotted, read_text

_BARE_LAWS = ("batch",)


def _key_path(tree: Tree, location: Path_) -> Path_:
    """Drop from a pydantic location what is no key of the file (names of laws, union members)."""
    path: Path_ = ()
    value = tree.values
    for step in location:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            continue
        path = (*path, step)
    return path


def _keys_beside(model: type[BaseModel], location: Path_) -> list[str]:
    """List the right keys at the place of a wrong one, by walking the model along the location."""
    schema: Any = model.model_json_schema()
    names = schema["$defs"]

    def inside(part: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in part:
            part = names[part["$ref"].rsplit("/", 1)[1]]
        return part

    part = inside(schema)
    for step in location[:-1]:
        options = [inside(option) for option in part.get("anyOf", []) + part.get("oneOf", [])]
        mapping: dict[str, str] = next(
            (o["discriminator"]["mapping"] for o in [part, *options] if "discriminator" in o), {}
        )
        if step in names:  # kinds of uncertain numbers go by the names of their models
            part = names[step]
            continue
        if step in mapping:
            part = inside({"$ref": mapping[step]})
            continue
        for option in [part, *options]:
            if step in option.get("properties", {}):
                part = inside(option["properties"][step])
                break
            if isinstance(step, int) and "items" in option:
                part = inside(option["items"])
                break
            extra = option.get("additionalProperties") or next(iter(option.get("patternProperties", {}).values()), None)
            if isinstance(extra, dict):
                part = inside(extra)
                break
    for option in [inside(o) for o in part.get("anyOf", [])]:
        part = option if "properties" in option else part
    return list(part.get("properties", {}))


def _takes_a_law(location: Path_) -> bool:
    """Tell whether a key takes a bare number for the law that always gives it."""
    last = str(location[-1])
    return last in _BARE_LAWS or last.endswith(("_tokens", "_token", "_s", "_hours", "_minutes", "_millions"))


def _rule(error: ErrorDetails) -> str:
    """Say which rule a value broke, in this project's words."""
    context = error.get("ctx", {})
    match error["type"]:
        case "quantity":
            return str(error["msg"])
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return f"must be {context['expected']}"
        case "union_tag_invalid":
            tags = [tag.strip("' ") for tag in str(context["expected_tags"]).split(",")]
            key = str(context["discriminator"]).strip("'")
            return f"must have a known {key}; {nearest(str(context['tag']), tags)}"
        case "union_tag_not_found" if "kind" in str(context["discriminator"]):
            of_book = str(error["loc"][0]) in ("price_book", "entries")
            return f"must have a `kind`: {'node, inference or training' if of_book else 'fine_tune or inference'}"
        case "union_tag_not_found":
            return "must be a law like {law: lognormal, mean: 1, cv: 0.5}"
        case "string_pattern_mismatch" if "a-z0-9_" in str(context["pattern"]):
            return "must be a slug of a-z, 0-9 and _, at most 60 long"
        case "string_pattern_mismatch":
            return "must be text without control characters"
        case "string_too_long":
            return f"must be at most {context['max_length']} characters long"
        case "too_long":
            return f"must have at most {context['max_length']} entries"
        case "too_short":
            least = context["min_length"]
            return f"must have at least {least} {'entry' if least == 1 else 'entries'}"
        case "model_type" | "model_attributes_type" | "dict_type" if _takes_a_law(error["loc"]):
            return "must be a number, or a law like {law: lognormal, mean: 1, cv: 0.5}"
        case "tuple_type":
            return "must be a list"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be a mapping of keys"
    text = str(error["msg"])
    return text.replace("Input should be", "must be").replace("a valid ", "a ")


def _shown(value: Any) -> str:
    """Show a refused value in one short line."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"


def _fault(model: type[BaseModel], tree: Tree, error: ErrorDetails) -> Fault:
    """Turn one pydantic error into one line of this project."""
    location = tuple(error["loc"])
    path = _key_path(tree, location)
    key = dotted(tree.origin(path)) or f"the {model.__name__.lower()}"
    if error["type"] == "missing":
        return Fault(tree.where(path), f"{dotted(tree.origin((*path, location[-1])))} is missing")
    if error["type"] == "extra_forbidden":
        return Fault(
            tree.where(path), f"{key} is not a key here; {nearest(str(location[-1]), _keys_beside(model, location))}"
        )
    if location[-1:] == ("[key]",):
        name = str(error["input"])
        path = (*path, name) if tree.get((*path, name)) is not None else path
        return Fault(tree.where(path), f"the name {_shown(name)} {_rule(error)}")
    rule = _rule(error)
    value = tree.get(path)
    got = "" if ", got " in rule or isinstance(value, dict | list) else f", got {_shown(value)}"
    if isinstance(value, str) and error["type"] == "quantity":
        got += "; write the number alone, its unit is in the key's name"
    elif got and tree.get(("uncertain", dotted(path))) is not None:
        got += ", the central value" + ("; uncertain whole numbers are `cases`" if "whole" in rule else "")
    return Fault(tree.where(path), f"{key} {rule}{got}")


_Model = TypeVar("_Model", bound=BaseModel)


def _inside(place: Path_, other: Path_) -> bool:
    """Tell whether a place lies below another."""
    return len(place) > len(other) and place[: len(other)] == other


def _stands_for(tree: Tree, at: Path_, wrong: list[Path_]) -> bool:
    """Tell whether a refused value stands only for an uncertain number that is itself refused."""
    key = dotted(_key_path(tree, at))
    return any(other[:2] == ("uncertain", key) for other in wrong)


def validated(model: type[_Model], tree: Tree, context: dict[str, Any]) -> _Model:
    """Validate a tree as a model.

    Raises
    ------
    InputError
        With all faults found, each with its place.
    """
    try:
        return model.model_validate(tree.values, context=context)
    except ValidationError as error:
        details = error.errors(include_url=False)
        wrong = [tuple(detail["loc"]) for detail in details]
        faults = [
            _fault(model, tree, detail)
            for detail in details
            # a list that loses its wrong entries is not too short on top of it
            if detail["type"] != "too_short" or not any(_inside(at, tuple(detail["loc"])) for at in wrong)
            if not _stands_for(tree, tuple(detail["loc"]), wrong)
        ]
        raise InputError(list(dict.fromkeys(faults))) from None


def parse_setting(text: str, flag: str = "--set") -> tuple[str, Any]:
    """Split ``key=value`` and read the value as YAML.

    Raises
    ------
    InputError
        When there is no ``=`` or the value is no YAML.
    """
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise InputError.one(flag, f"must be key=value, got {text!r}")
    return key, read_text(f"value: {value}", flag).values["value"]


def with_settings(tree: Tree, settings: dict[str, Any]) -> Tree:
    """Put values into a tree by dotted keys; a missing mapping on the way is made, an entry of a list is replaced.

    Raises
    ------
    InputError
        When a step of a key is neither a key of a mapping nor the number of an entry of a list.
    """
    for key, value in settings.items():
        place, path = tree.values, Path_()
        for step in key.split("."):
            if path:
                place = place.setdefault(path[-1], {}) if isinstance(place, dict) else place[path[-1]]
            path = (*path, _step(place, step, f"{key[:200]}, step `{step[:80]}`", tree.flag))
        place[path[-1]] = deepcopy(value)  # a later key may lead into it
        tree.settings.add(path)
    return tree


def _step(place: Any, step: str, where: str, flag: str) -> str | int:
    """Turn one step of a dotted key into a key of a mapping or the number of an entry of a list."""
    if isinstance(place, dict):
        return step
    if not isinstance(place, list):
        raise InputError.one(flag, f"{where}: leads into a value that has no keys, {_shown(place)}")
    numbers = {str(number): number for number in range(len(place))}
    if step not in numbers:
        reach = f"from 0 to {len(place) - 1}" if place else "of a list that has none"
        raise InputError.one(flag, f"{where}: must be the number of an entry {reach}")
    return numbers[step]


def resolved_yaml(scenario: Scenario, vary: dict[str, Any] | None = None) -> str:
    """Write a scenario out with every default in its place, and of its own price book what it or a sweep asks for."""
    import io

    from ruamel.yaml import YAML

    out = io.StringIO()
    YAML().dump(values_used(scenario, list((vary or {}).values())), out)
    return out.getvalue()


def values_used(scenario: Scenario, others: Any = ()) -> dict[str, Any]:
    """Give a scenario as plain values, and of its own price book what it asks for, or other values do."""
    bare = scenario.model_copy(update={"price_book": None})
    values: dict[str, Any] = as_values(bare)
    if scenario.price_book is not None:
        asked = set(_words([values["plans"], values.get("uncertain"), others]))
        if used := [as_values(each) for each in scenario.price_book if name_of(each) in asked]:
            values["price_book"] = used
    return values


def _words(value: Any) -> Iterator[str]:
    """Walk through all texts of some values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from _words(entry)


def as_values(value: Any) -> Any:
    """Give a model as plain values that ``build`` reads back; keys that hold nothing are left out."""
    if isinstance(value, BaseModel):
        plain = {name: as_values(getattr(value, name)) for name in type(value).model_fields}
        return {name: entry for name, entry in plain.items() if entry is not None and entry not in ({}, [])}
    if isinstance(value, dict):
        return {name: as_values(entry) for name, entry in value.items()}
    if isinstance(value, tuple):
        return [as_values(entry) for entry in value]
    return value
