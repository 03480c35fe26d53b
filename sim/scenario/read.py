"""From a file to a Scenario: all faults at once, each with file, line and the nearest right key."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sim.faults import Fault, InputError
from sim.scenario.inputs import nearest
from sim.scenario.model import Scenario
from sim.scenario.tree import Path_, Tree, dotted, read_text, read_tree


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


def _keys_beside(location: Path_) -> list[str]:
    """List the right keys at the place of a wrong one, by walking the model along the location."""
    schema: Any = Scenario.model_json_schema()
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
            return f"must have a known law; {nearest(str(context['tag']), tags)}"
        case "union_tag_not_found":
            return "must be a law like {law: lognormal, mean: 1, cv: 0.5}"
        case "string_pattern_mismatch" if "a-z0-9_" in str(context["pattern"]):
            return "must be a slug of a-z, 0-9 and _, at most 60 long"
        case "string_pattern_mismatch":
            return "must be text without control characters"
        case "string_too_long":
            return f"must be at most {context['max_length']} characters long"
        case "too_short":
            return f"must have at least {context['min_length']} entry"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be a mapping of keys"
    text = str(error["msg"])
    return text.replace("Input should be", "must be").replace("a valid ", "a ")


def _shown(value: Any) -> str:
    """Show a refused value in one short line."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"


def _fault(tree: Tree, error: ErrorDetails) -> Fault:
    """Turn one pydantic error into one line of this project."""
    location = tuple(error["loc"])
    path = _key_path(tree, location)
    key = dotted(path) or "the scenario"
    if error["type"] == "missing":
        return Fault(tree.where(path), f"{dotted((*path, location[-1]))} is missing")
    if error["type"] == "extra_forbidden":
        return Fault(tree.where(path), f"{key} is not a key here; {nearest(str(location[-1]), _keys_beside(location))}")
    if location[-1:] == ("[key]",):
        name = str(error["input"])
        path = (*path, name) if tree.get((*path, name)) is not None else path
        return Fault(tree.where(path), f"the name {_shown(name)} {_rule(error)}")
    rule = _rule(error)
    value = tree.get(path)
    got = "" if ", got " in rule or isinstance(value, dict | list) else f", got {_shown(value)}"
    if isinstance(value, str) and error["type"] == "quantity":
        got += "; write the number alone, its unit is in the key's name"
    return Fault(tree.where(path), f"{key} {rule}{got}")


def build(tree: Tree, folder: Path | None = None) -> Scenario:
    """Validate a tree.

    Parameters
    ----------
    tree : Tree
        What was read, with its lines.
    folder : Path, optional
        Where file names in the scenario start from.

    Raises
    ------
    InputError
        With all faults found, each with its place.
    """
    try:
        scenario = Scenario.model_validate(tree.values)
    except ValidationError as error:
        faults = [_fault(tree, detail) for detail in error.errors(include_url=False)]
        raise InputError(list(dict.fromkeys(faults))) from None
    if folder is not None:
        scenario._folder = folder
    if found := [Fault(tree.where(path), f"{dotted(path)} {text}") for path, text in scenario.impossible()]:
        raise InputError(found)
    return scenario


def load(file: str | Path, settings: dict[str, Any] | None = None) -> Scenario:
    """Read and validate a scenario file.

    Parameters
    ----------
    file : path
        A YAML file.
    settings : dict, optional
        Dotted keys and the values to put in their places, as ``--set`` does.

    Raises
    ------
    InputError
        With all faults found, each with file, line, key, rule and value.
    """
    return build(with_settings(read_tree(file), settings or {}), Path(file).parent)


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
    """Put values into a tree by dotted keys; a missing mapping on the way is made.

    Raises
    ------
    InputError
        When a key leads through something that is no mapping.
    """
    for key, value in settings.items():
        path = tuple(int(step) if step.isdigit() else step for step in key.split("."))
        place = tree.values
        for step in path[:-1]:
            place = place.setdefault(step, {}) if isinstance(place, dict) else place
            if isinstance(place, list) and isinstance(step, int) and step < len(place):
                place = place[step]
        if not isinstance(place, dict) or isinstance(path[-1], int):
            raise InputError.one(tree.flag, f"{key} leads through a value that has no keys")
        place[path[-1]] = value
        tree.settings.add(path)
    return tree


def resolved_yaml(scenario: Scenario) -> str:
    """Write a scenario out with every default in its place."""
    import io

    from ruamel.yaml import YAML

    out = io.StringIO()
    YAML().dump(as_values(scenario), out)
    return out.getvalue()


def as_values(value: Any) -> Any:
    """Give a model as plain values that ``build`` reads back; keys that hold nothing are left out."""
    if isinstance(value, BaseModel):
        plain = {name: as_values(getattr(value, name)) for name in type(value).model_fields}
        return {name: entry for name, entry in plain.items() if entry is not None and entry != {}}
    if isinstance(value, dict):
        return {name: as_values(entry) for name, entry in value.items()}
    if isinstance(value, tuple):
        return [as_values(entry) for entry in value]
    return value
