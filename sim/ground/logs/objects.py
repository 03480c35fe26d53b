"""Lines of JSON as rows: one object a line. Not here: any rule of a cell."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from sim.ground.faults import InputError, nearest
from sim.ground.logs.raw import Column, Raw, Trouble
from sim.ground.logs.scan import NUMBER, READ, TEXT, UNREAD
from sim.ground.logs.source import Source

_EXACT: Final = 2**53
_BLANKS: Final = " \t\r\n"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice in a JSON object."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_once)
"""Made once: ``json.loads`` would make one a line."""


def _object(line: str) -> dict[str, Any]:
    """Read a line, without blanks around it, as a JSON object."""
    try:
        found, end = _DECODER.raw_decode(line)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if end < len(line):
        _DECODER.decode(line)  # says what is wrong
    if not isinstance(found, dict):
        raise ValueError("it is no object in braces")
    return found


class JsonRows:
    """The rows of a file with a JSON object a line; the first tells which keys there are."""

    def __init__(self, source: Source) -> None:
        self.source, self.file = source, source.file
        skipped = 0
        for byte in source.peek(len(source.data)):
            if byte not in b" \t\r\n":
                break
            skipped += byte == 10
        self.top, self._begun = f"{self.file}:{skipped + 1}", dict[str, Any]()
        first = self._first_line()
        try:
            self._begun = _object(first)
        except ValueError as error:
            raise InputError.one(self.top, f"is not a request in JSON: {error}") from None
        self.header = list(self._begun)

    def close(self) -> None:
        """Let the file go."""
        self.source.close()

    def _first_line(self) -> str:
        """Give the first line that is not empty, and leave it where it is."""
        source = self.source
        while True:
            text = source.peek(len(source.data)).lstrip()
            end = text.find(b"\n")
            if end >= 0 or source.final:
                return text[: end if end >= 0 else len(text)].decode().strip(_BLANKS)
            source.fill()

    def first(self, name: str) -> str | None:
        """Give the first value of a key; None where there is none."""
        return _text(self._begun[name]) if name in self._begun else None

    def wrong_column(self, column: Column, role: str) -> str | None:
        """Say what is wrong with a key that the first object has not."""
        if column.name in self.header or column.optional:
            return None
        way_out = f"; {nearest(column.name, self.header)}" if self.header else ""
        return f"has no key {column.name!r} (for {role}){way_out}"

    def read(self, wanted: Mapping[str, Column]) -> Iterator[Raw]:
        """Give all rows, some at a time, each with the wanted keys by role."""
        for lot, line in self.source.lines():
            yield self._raw(lot.decode().split("\n"), line, wanted)

    def _raw(self, texts: list[str], line: int, wanted: Mapping[str, Column]) -> Raw:
        """Put the objects of some lines together."""
        lines: list[int] = []
        rows: list[tuple[Any, ...]] = []
        troubles: list[Trouble] = []
        names = [column.name for column in wanted.values()]
        there = set(names)
        for number, text in enumerate(texts, line):
            if not (bare := text.strip(_BLANKS)):
                continue
            try:
                each = _object(bare)
            except ValueError as error:
                troubles.append((len(rows), 0, f"{self.file}:{number}", f"is not a request in JSON: {error}"))
                each = dict.fromkeys(names)
            for role, column in wanted.items() if not each.keys() >= there else ():
                if column.name not in each and not column.optional:
                    way_out = f"; {nearest(column.name, each)}" if each else ""
                    text = f"has no key {column.name!r} (for {role}){way_out}"
                    troubles.append((len(rows), 0, f"{self.file}:{number}", text))
            lines.append(number)
            rows.append(tuple(map(each.get, names)))
        good = np.ones(len(rows), np.bool_)
        good[[row for row, *_ in troubles]] = False
        values = dict(zip(wanted, zip(*rows, strict=True) if rows else ((),) * len(names), strict=True))
        numbers = {role: _numbers(values[role], column) for role, column in wanted.items()}
        return Raw(
            np.array(lines, np.int64),
            {role: number for role, (number, _) in numbers.items()},
            {role: state for role, (_, state) in numbers.items()},
            good,
            troubles,
            lambda role, row: _text(values[role][row]),
            lambda role, row: f"{self.file}:{lines[row]}",
        )


def _text(value: Any) -> str:
    """Give a value as it would stand in a cell."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _numbers(values: Sequence[Any], column: Column) -> tuple[Any, Any]:
    """Take the numbers among values as they are; number texts so that equal ones are found."""
    if column.kind == TEXT:
        codes: dict[str, int] = {}
        coded = [codes.setdefault(_text(value), len(codes)) for value in values]
        return np.array(coded, np.float64), np.full(len(values), READ, np.uint8)
    count = len(values)
    if column.kind != NUMBER:
        return np.zeros(count), np.full(count, UNREAD, np.uint8)
    if set(map(type, values)) <= {int, float}:
        try:
            found = np.array(values, np.float64)
        except OverflowError:
            pass
        else:
            return found, np.where(np.abs(found) < _EXACT, READ, UNREAD).astype(np.uint8)
    plain = [type(value) is float or (type(value) is int and -_EXACT < value < _EXACT) for value in values]
    numbers = [value if each else 0.0 for value, each in zip(values, plain, strict=True)]
    return np.array(numbers, np.float64), np.where(plain, READ, UNREAD).astype(np.uint8)
