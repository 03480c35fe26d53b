"""What a lever is, and what it is made from.

Not here: which levers a scenario has (``work``, ``capacity``, ``node_prices``, ``api_prices``, ``staff``).
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

Kind = Literal["rate", "burstiness", "nodes", "patience", "node_price", "api_price", "staff", "speed"]
Settings = dict[str, Any]
Put = Callable[[float], Settings]
"""Turns a value into what is put at dotted keys."""

MOVED: Final = "assumed: moved by hand"
"""The source of a number that a lever has moved: what the file or the price book says of it no longer holds."""


@dataclass(frozen=True)
class Lever:
    """One number of a scenario that a hand can move, alone.

    Attributes
    ----------
    name : str
        A slug, the same whenever the scenario is read, and no other lever's.
    kind : str
        What sort of number it is.
    label : str
        What people call it, at most 40 letters; no other lever's.
    unit : str
        What it is counted in.
    value : float
        What the scenario says now.
    low, high : float
        Ends that are worth looking at; the scenario holds at both, and all between.
    log : bool
        Whether it is walked by factors.
    whole : bool
        Whether it takes whole numbers only.
    basis : str
        What it rests on: measured, list price, assumed, stated.
    keys : tuple of str
        The dotted keys that it puts values into.
    plans : tuple of str
        The plans that it moves; all of them where it moves the work.
    """

    name: str
    kind: Kind
    label: str
    unit: str
    value: float
    low: float
    high: float
    log: bool
    whole: bool
    basis: str
    keys: tuple[str, ...]
    plans: tuple[str, ...]
    put: Put = field(repr=False, compare=False)

    def settings(self, value: float) -> Settings:
        """Tell what a value puts at which keys; nothing where it is what the scenario says now.

        Returns
        -------
        dict
            Dotted keys and values for ``with_settings``; None takes away what stood there.
        """
        return {} if value == self.value else self.put(round(value) if self.whole else float(value))


@dataclass(frozen=True)
class Draft:
    """A lever before its name and label are settled: what it may be called, the shorter the sooner."""

    kind: Kind
    names: tuple[str, ...]
    labels: tuple[str, ...]
    unit: str
    value: float
    low: float
    high: float
    basis: str
    keys: tuple[str, ...]
    plans: tuple[str, ...]
    put: Put
    log: bool = False
    whole: bool = False


_Where = TypeVar("_Where")


def shared(found: Iterator[tuple[Hashable, _Where]]) -> list[list[_Where]]:
    """Put together what has the same price, in the order in which it is met."""
    by_price: dict[Hashable, list[_Where]] = {}
    for price, where in found:
        by_price.setdefault(price, []).append(where)
    return list(by_price.values())


def plans_of(places: Sequence[tuple[str, Any]]) -> tuple[str, ...]:
    """Name the plans of some places, each once."""
    return tuple(dict.fromkeys(plan for plan, _ in places))


def at_keys(new: float, keys: Sequence[str], beside: Settings) -> Settings:
    """Put one number at several keys, and what goes with it at others."""
    return {**dict.fromkeys(keys, new), **beside}
