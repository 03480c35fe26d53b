"""A position of the sliders as an address, and back: only what differs from the scenario is said.

Not here: which scenarios there are (``shelf``), and what may be downloaded.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlencode

from sim.doors.live.look import Look, shown
from sim.ground.faults import InputError

MOST_FIELDS: Final = 200
MOST_LETTERS: Final = 8_000
_LONGEST_NUMBER: Final = 40
_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)


@dataclass(frozen=True)
class State:
    """What an address says.

    Attributes
    ----------
    scenario : str
        Its name; empty where the address names none.
    values : dict of str to float
        By names of levers.
    curve : str or None
        The lever that the curve runs along, where it is not the first.
    """

    scenario: str
    values: dict[str, float] = field(default_factory=dict)
    curve: str | None = None

    @classmethod
    def read(cls, query: str) -> "State":
        """Read the part of an address behind its question mark.

        Raises
        ------
        InputError
            When something stands twice, or is no number where one must be; in one line.
        """
        if len(query) > MOST_LETTERS:
            raise InputError.one("address", f"must be at most {MOST_LETTERS:,} letters long, got {len(query):,}")
        try:
            pairs = parse_qsl(
                query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=MOST_FIELDS, errors="strict"
            )
        except ValueError:
            text = f"must be name=value, joined by &, at most {MOST_FIELDS} of them, in UTF-8"
            raise InputError.one("address", text) from None
        said: dict[str, str] = {}
        for name, text in pairs:
            if name in said:
                raise InputError.one(shown(name), "stands twice in the address; give it once")
            said[name] = text
        values = {name: number(name, text) for name, text in said.items() if name not in ("scenario", "curve")}
        return cls(said.get("scenario", ""), values, said.get("curve"))

    def checked(self, look: Look) -> "State":
        """Hold it to a scenario: known levers, values in their ranges, nothing said that the scenario says itself.

        Raises
        ------
        InputError
            With the nearest name, or the range.
        """
        curve = None if self.curve is None else look.lever(self.curve).name
        default = look.curve_levers[0] if look.levers else None
        return State(look.scenario.name, look.differing(self.values), None if curve == default else curve)

    @property
    def query(self) -> str:
        """Write it as the part of an address behind its question mark."""
        said = {"scenario": self.scenario, **{name: written(value) for name, value in self.values.items()}}
        return urlencode(said if self.curve is None else {**said, "curve": self.curve})


def number(name: str, text: str) -> float:
    """Read a plain decimal number, as sliders and people write it.

    Raises
    ------
    InputError
        For anything else: words, infinities, what no float holds, text that is too long.
    """
    if len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text):
        value = float(text)
        if math.isfinite(value):
            return value + 0.0  # no negative zero
    raise InputError.one(shown(name), f"must be a number, got {shown(text)}")


def written(value: float) -> str:
    """Write a number so that it is read back as itself, whole ones without a point."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
