"""What every key of a scenario means: the docstring under it. Read when somebody asks, for no run needs it.

pydantic's own ``use_attribute_docstrings`` reads the same docstrings whenever the models are made, which takes 0.3 s of
each start. Not here: the schema (``schema``).
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from sim.ground.scenario.part import Part


def described(part: type[Part]) -> dict[str, str]:
    """Tell what each key of a part is, each in one line: of the part itself, else of what it is made of."""
    found: dict[str, str] = {}
    for base in reversed(part.__mro__):
        if issubclass(base, Part) and (node := _classes(base.__module__).get(base.__name__)):
            found |= dict(_keys(node))
    return found


@cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    """Parse the classes of a module; none where its source is not there. So ``python -OO`` loses no word."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except OSError:
        return {}
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def _keys(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Find the keys that a string follows."""
    for key, text in zip(node.body, node.body[1:], strict=False):
        if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name) and isinstance(text, ast.Expr):
            match text.value:
                case ast.Constant(value=str(words)):
                    yield key.target.id, _plain(" ".join(words.split()))


def _plain(text: str) -> str:
    """Write the words of a docstring as editors and Markdown show them: names between single backticks."""
    return text.replace("``", "`")


class Described(GenerateJsonSchema):
    """The JSON schema of models, with what every key means."""

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        """Describe a model and its keys."""
        found, part = super().model_schema(schema), schema["cls"]
        if node := _classes(part.__module__).get(part.__name__):
            found["description"] = _plain(ast.get_docstring(node) or "")
        for key, text in described(part).items():
            if key in found.get("properties", {}):
                found["properties"][key]["description"] = text
        return found
