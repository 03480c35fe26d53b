"""The reference of the scenario as a page: every part, every key, its range, its default and what it means.

All of it comes from the models and their docstrings, the examples from the shipped scenarios. Not here: what keys
exclude and need (``rules``), what may stand at a key (``kinds``).
"""

import textwrap
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sim.ground.files import shipped
from sim.ground.scenario.lift import FIXED
from sim.ground.scenario.schema import plain_schema
from sim.ground.scenario.tree import read_tree
from sim.questions.tables.kinds import LAWS, Json, Kinds, name_of, title
from sim.questions.tables.markdown import contents, link, table
from sim.questions.tables.rules import ALTERNATIVES, CHAPTERS, EXAMPLES

_CHOICES: Final = "Which law may stand where"
_OF_LAWS: Final = "Laws of times and sizes"
_OF_ARRIVAL: Final = "Laws of arrival"
_MOST_PLACES: Final = 4

_HEAD: Final = """\
<!-- Made by `fleetecon schema --format markdown`. Do not edit it: the words stand in sim/ground/scenario. -->

# The scenario, key by key

A scenario is a YAML file: the work, the plans that could do it, and the rules by which they are compared. This page
lists every key that it may have. `fleetecon init NAME` copies a shipped scenario to begin with, `fleetecon check FILE`
judges one and names each fault with its line, and `fleetecon schema` prints this page as a JSON schema, from which
editors show the same words.

- **Dotted keys**: `--set` and `--vary` take a key with dots: `--set plans.reserved.held.p4d.nodes=2`. `NAME` stands for
  a name of your own, `N` for a place in a list, from 0 on.
- **Default**: what counts where the key is left out. *needed*: it must be there. *none*: beside it stands what that
  means.
- **Numbers that nobody knows**: in the place of any number there may be {spread}, in the place of any number or word
  {cases}. Only what must be the same in every future cannot be uncertain: {fixed}.
- **A number or a law**: a bare number is a value that is always the same; the laws have [a chapter]({laws}).
- **Files** are looked for from the folder of the scenario.
"""


def reference_markdown() -> str:
    """Write the reference of the scenario as a page in Markdown."""
    schema = plain_schema()
    parts: dict[str, Json] = {"Scenario": schema, **schema["$defs"]}
    kinds, places = Kinds(_CHOICES, _OF_ARRIVAL), _places(parts)
    pieces = [_head(), "## Contents\n\n" + contents(list(_headings()))]
    for chapter, names in CHAPTERS.items():
        pieces.append(f"## {chapter}")
        if of_law := chapter in (_OF_LAWS, _OF_ARRIVAL):
            pieces.append(_law_table(parts, names))
        if chapter == _OF_LAWS:
            pieces += [f"### {_CHOICES}", _choice_table()]
        for name in names:
            pieces += _section(name, parts[name], kinds, [] if of_law else places.get(name, []))
    return "\n\n".join(piece.strip("\n") for piece in pieces) + "\n"


def _head() -> str:
    """Say what the page is, and what holds for every key."""
    return _HEAD.format(
        spread=link(title("Spread"), "`{p10, p90}`"),
        cases=link(title("Cases"), "`{cases}`"),
        fixed=", ".join(f"`{key}`" for key in sorted(FIXED)),
        laws=link(_OF_LAWS).partition("(")[2].rstrip(")"),
    )


def _headings() -> Iterator[tuple[int, str]]:
    """List chapters and sections."""
    for chapter, names in CHAPTERS.items():
        yield 0, chapter
        if chapter == _OF_LAWS:
            yield 1, _CHOICES
        yield from ((1, title(name)) for name in names)


def _section(name: str, part: Json, kinds: Kinds, places: list[str]) -> Iterator[str]:
    """Write what a part is, where it stands, its keys, what they exclude or need, and an example."""
    yield f"### {title(name)}"
    yield str(part["description"])
    if told := [f"`{place}`" for place in places if place]:
        yield f"Stands at {', '.join(told[:_MOST_PLACES])}{' and elsewhere' * (len(told) > _MOST_PLACES)}."
    needed = part.get("required", [])
    rows = [
        (f"`{key}`", kinds.words(schema), "*needed*" if key in needed else _default(schema), schema["description"])
        for key, schema in part["properties"].items()
    ]
    yield table(("Key", "What may stand there", "Default", "What it is"), rows)
    if name in ALTERNATIVES:
        yield "\n".join(f"- {rule}" for rule in ALTERNATIVES[name])
    if name in EXAMPLES:
        file, key = EXAMPLES[name]
        yield f"From `{file}.yaml`, `{key}`:"
        yield f"```yaml\n{example(name)}\n```"


def _default(schema: Json) -> str:
    """Tell what counts where a key is left out, as far as one value can tell it."""
    value = schema.get("default")
    if isinstance(value, Mapping) and value.get("law") == "deterministic":
        value = value["mean"]
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int | float):
        return f"{value:,.10g}"
    if isinstance(value, Mapping):
        return "its own defaults"
    return f"`{value}`" if isinstance(value, str) else "none"


def _places(parts: Mapping[str, Json]) -> dict[str, list[str]]:
    """Find the dotted keys at which each part stands, those nearest to the top first."""
    found: dict[str, list[str]] = {}
    todo = deque([("Scenario", "")])
    while todo:
        part, at = todo.popleft()
        if len(known := found.setdefault(part, [])) > _MOST_PLACES:
            continue
        known.append(at)
        for key, schema in parts[part]["properties"].items():
            todo += [(inside, f"{at}.{key}{more}".lstrip(".")) for inside, more in _inside(schema)]
    return found


def _inside(schema: Json, more: str = "") -> Iterator[tuple[str, str]]:
    """Find the parts that may stand at a key, each with the steps that lead on to it."""
    if "$ref" in schema:
        yield name_of(schema["$ref"]), more
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _inside(option, more)
    if isinstance(schema.get("items"), Mapping):
        yield from _inside(schema["items"], f"{more}.N")
    by_name = [schema.get("additionalProperties"), *schema.get("patternProperties", {}).values()]
    for each in by_name:
        if isinstance(each, Mapping):
            yield from _inside(each, f"{more}.NAME")


def _law_table(parts: Mapping[str, Json], names: tuple[str, ...]) -> str:
    """List the laws of a chapter with their parameters, those that all have apart."""
    laws = {name: keys for name in names if "law" in (keys := parts[name]["properties"])}
    common = [key for key in parts[names[0]]["properties"] if all(key in keys for keys in laws.values())]
    rows = [
        (
            link(title(name), f"`{keys['law']['const']}`"),
            ", ".join(f"`{key}`" for key in keys if key not in common) or "none",
            str(parts[name]["description"]).partition("\n")[0],
        )
        for name, keys in laws.items()
    ]
    shared = ", ".join(f"`{key}`" for key in common)
    return f"All have {shared}.\n\n{table(('Law', 'Parameters besides', 'What it is'), rows)}"


def _choice_table() -> str:
    """Tell which laws each choice has."""
    order = [name.lower() for name in CHAPTERS[_OF_LAWS]]
    rows = [(name, ", ".join(f"`{law}`" for law in order if law in choice)) for choice, name in LAWS.items()]
    return table(("At a key that takes a", "there may be"), rows)


def example(part: str) -> str:
    """Cut the example of a part out of its shipped scenario, as it stands there."""
    name, key = EXAMPLES[part]
    file = shipped("scenarios") / f"{name}.yaml"
    path: tuple[Any, ...] = tuple(key.split("."))
    lines = file.read_text(encoding="utf-8").splitlines()
    first = read_tree(file).lines[path] - 1
    depth = len(lines[first]) - len(lines[first].lstrip())
    last = first + 1
    while last < len(lines) and (not lines[last].strip() or len(lines[last]) - len(lines[last].lstrip()) > depth):
        last += 1
    return textwrap.dedent("\n".join(lines[first:last])).rstrip()
