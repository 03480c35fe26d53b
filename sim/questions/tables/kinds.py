"""What may stand at a key of a scenario, in words, from its JSON schema. Not here: the page (``reference``)."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sim.ground.scenario.quantity import LARGEST, SMALLEST
from sim.questions.tables.markdown import link

Json = Mapping[str, Any]

_MIXED: Final = frozenset({"erlang", "hyperexponential"})
_OF_WHOLE: Final = frozenset({"deterministic", "geometric", "empirical"})
_IN_BLEND: Final = frozenset({"deterministic", "exponential", "lognormal", "gamma", "weibull", "lomax", "pareto"})
_SOURCES: Final = _MIXED | frozenset({"poisson", "deterministic", "gamma", "weibull", "mmpp", "on_off"})

LAWS: Final = {
    _IN_BLEND | _MIXED | _OF_WHOLE | {"blend"}: "law of times",
    _IN_BLEND | _OF_WHOLE | {"blend"}: "law of lengths",
    _IN_BLEND | _MIXED: "law of stays",
    _IN_BLEND: "law in a blend",
    _OF_WHOLE: "law of whole numbers",
    frozenset({"deterministic", "exponential"}): "law of patience",
}
"""Which laws may stand at a key, by the name of the choice."""

ARRIVALS: Final = {
    _SOURCES | {"superposition"}: "law of arrival",
    _SOURCES: "law of arrival other than superposition",
}

_OTHER: Final = {"API", "MMPP"}


def name_of(reference: str) -> str:
    """Name the part that a reference leads to."""
    return reference.rsplit("/", 1)[-1]


def title(part: str) -> str:
    """Name a part for people: `JobClass` is "Job class"."""
    words = "".join(f" {letter}" if letter.isupper() else letter for letter in part).split()
    whole = " ".join([words[0], *(word.lower() for word in words[1:])])
    return " ".join(word.upper() if word.upper() in _OTHER else word for word in whole.split())


class Kinds:
    """What may stand at a key, where laws of chance go by the name of their choice.

    Parameters
    ----------
    laws, arrivals : str
        Headings under which the choices of laws are told.
    """

    def __init__(self, laws: str, arrivals: str) -> None:
        self.choices = {
            **{choice: link(laws, name) for choice, name in LAWS.items()},
            **{choice: link(arrivals, name) for choice, name in ARRIVALS.items()},
        }

    def words(self, schema: Json) -> str:
        """Tell what may stand there."""
        if "$ref" in schema:
            return link(title(name_of(schema["$ref"])))
        if "discriminator" in schema:
            return self._one_of(schema["discriminator"]["mapping"])
        if options := schema.get("anyOf") or schema.get("oneOf"):
            told = [self.words(option) for option in options if option.get("type") != "null"]
            return " or ".join(dict.fromkeys(told))
        if "const" in schema:
            return f"`{schema['const']}`"
        if "enum" in schema:
            return _any(f"`{word}`" for word in schema["enum"])
        return self._plain(schema)

    def _one_of(self, mapping: Mapping[str, str]) -> str:
        """Tell which parts may stand there; laws of chance by the name of their choice."""
        if choice := self.choices.get(frozenset(mapping)):
            return choice
        return _any(link(title(name_of(part)), f"`{word}`") for word, part in mapping.items())

    def _plain(self, schema: Json) -> str:
        """Tell a number, a word, a list or a mapping."""
        match schema.get("type"):
            case "number" | "integer":
                return ("number" if schema["type"] == "number" else "whole number") + _range(schema)
            case "string":
                return "date" if schema.get("format") == "date" else "text"
            case "boolean":
                return "`true` or `false`"
            case "array":
                return self._list(schema)
            case "object":
                inside = schema.get("additionalProperties") or next(iter(schema["patternProperties"].values()))
                keys = schema.get("propertyNames", {}).get("enum")
                by = _any(f"`{key}`" for key in keys) if keys else "name" if "patternProperties" in schema else "key"
                return f"{self.words(inside)}, by {by}"
        return "number, word, `true` or `false`"

    def _list(self, schema: Json) -> str:
        """Tell a list and how long it may be."""
        if inside := schema.get("prefixItems"):
            return f"[{', '.join(self.words(each) for each in inside)}]"
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        size = f" of {least} to {most:,}" if least and most else f" of at most {most:,}" if most else ""
        return f"list{size}: {self.words(schema['items'])}"


def _any(words: Iterable[str]) -> str:
    """Name alternatives."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _range(schema: Json) -> str:
    """Tell from where to where a number may lie; ends that only keep sums finite are left out."""
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None and high is None:
        return ""
    lowest = low is None or low <= -LARGEST
    start = "" if lowest else " above 0" if low == SMALLEST else f" from {low:,.6g}" if low else " from 0"
    return start if high is None or high >= LARGEST else f"{start} to {high:,.10g}"
