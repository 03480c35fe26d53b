"""What somebody else's price list says, taken with care: its bytes, its day, its numbers, all its faults at once."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sim.ground.faults import Fault, InputError
from sim.ground.files import read_at_most
from sim.ground.scenario.book import InferenceEntry, NodeEntry, TrainingEntry
from sim.ground.scenario.quantity import LARGEST

MOST_BYTES = 64_000_000
MOST_FAULTS = 50
PER_MILLION = 1_000_000
SECOND_HAND = "list price, second-hand"

Entry = NodeEntry | InferenceEntry | TrainingEntry


@dataclass
class Source:
    """A price list that is read: whose it is, what it says, and what is wrong with it.

    Attributes
    ----------
    form, name, sha256 : str
        The kind of list, its file and the hash of its bytes.
    day : date
        Of which it is.
    entries : list of Entry
        What was taken so far.
    skipped : Counter of str
        How many of its entries were left, by reason.
    """

    form: str
    name: str
    sha256: str
    day: date
    entries: list[Entry] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)

    def says(self, what: str, since: date | None = None, seen: date | None = None) -> dict[str, Any]:
        """Tell for an entry from when to when it is known to hold, and who says so."""
        source = f"{self.form}: {what}; {self.name}, sha256 {self.sha256[:16]}"[:300]
        return {"since": since or self.day, "seen": seen or self.day, "basis": SECOND_HAND, "source": source}

    def refuse(self, line: int | None, text: str) -> None:
        """Note a fault; when there are very many, give up."""
        self.faults.append(Fault(self.name if line is None else f"{self.name}:{line}", text))
        if len(self.faults) >= MOST_FAULTS:
            self.faults.append(Fault(self.name, f"is refused after {MOST_FAULTS} faults; is it a list of {self.form}?"))
            raise InputError(self.faults)

    def take(self, make: Callable[[], Entry], line: int | None, key: str) -> None:
        """Make an entry; where it is refused, note why."""
        try:
            self.entries.append(make())
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                what = ".".join(map(str, detail["loc"])) or "entry"
                self.refuse(
                    line, f"{key[:80]!r} gives a {what} that {detail['msg']}, got {str(detail['input'])[:60]!r}"
                )

    def price(self, value: Any, line: int | None, key: str, times: int = 1) -> float | None:
        """Read a price of the list, in USD by its own unit; note what is none.

        Parameters
        ----------
        value : Decimal or other
            As it stands in the list.
        times : int
            Units of the list in one of this project.
        """
        sound = isinstance(value, Decimal) and value.is_finite() and 0 <= value <= LARGEST
        if sound and (value or not value.is_signed()):
            return float(value * times)
        self.refuse(line, f"{key} must be 0 or a number up to {LARGEST:g} (USD), got {_shown(value)}")
        return None

    def done(self) -> None:
        """Refuse the list if anything was wrong with it."""
        if self.faults:
            raise InputError(self.faults)


def _shown(value: Any) -> str:
    """Show a refused value in one short line."""
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"


def file_bytes(file: Path) -> bytes:
    """Read a list whole.

    Raises
    ------
    InputError
        When it cannot be read or is too large for a list of prices.
    """
    return read_at_most(file, MOST_BYTES, "a list of prices")


def sha256(data: bytes) -> str:
    """Hash bytes."""
    return hashlib.sha256(data).hexdigest()


def text_of(data: bytes, name: str) -> str:
    """Read bytes as UTF-8 text, a byte order mark or none.

    Raises
    ------
    InputError
        When they are no text.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError.one(f"{name}:{line}", f"is not UTF-8 text (byte {error.start})") from None
    if "\0" in text:
        raise InputError.one(f"{name}:{text[: text.index(chr(0))].count(chr(10)) + 1}", "holds a NUL byte")
    return text


def json_of(text: str, name: str) -> Any:
    """Read JSON with exact decimal numbers; what is no number of JSON (NaN) stays a text.

    Raises
    ------
    InputError
        When it is no JSON, or a key stands twice with different values.
    """
    twice: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found and found[key] != value:
                twice.append(key)
            found[key] = value
        return found

    try:
        values = json.loads(text, parse_float=_decimal, parse_int=_decimal, parse_constant=str, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise InputError.one(f"{name}:{error.lineno}", f"is not valid JSON: {error.msg}") from None
    except RecursionError:
        raise InputError.one(name, "is not a list of prices: it is nested too deep") from None
    if twice:
        faults = [Fault(place(name, text, key), f"{key!r} stands twice with different values") for key in twice]
        raise InputError(faults[:MOST_FAULTS])
    return values


def _decimal(text: str) -> Any:
    """Read a number exactly; one that is too long for that stays a text."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def line_of(text: str, *keys: str) -> int | None:
    """Find the line of a key or a name in JSON, each of them behind the one before it."""
    at = 0
    for key in keys:
        found = re.compile(re.escape(json.dumps(key, ensure_ascii=False))).search(text, at)
        if found is None:
            break
        at = found.start()
    return text.count("\n", 0, at) + 1 if at else None


def place(name: str, text: str, *keys: str) -> str:
    """Name the place of a key of JSON: file and line."""
    line = line_of(text, *keys)
    return name if line is None else f"{name}:{line}"
