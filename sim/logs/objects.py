"""Lines of JSON as rows: one object a line. Not here: any rule of a cell."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from sim.faults import InputError, nearest
from sim.logs.raw import Column, Raw, Trouble
from sim.logs.scan import READ, TEXT, UNREAD
from sim.logs.source import Source

_EXACT: Final = 2**53


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice in a JSON object."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _object(line: str) -> dict[str, Any]:
    """Read a line as a JSON object."""
    try:
        found = json.loads(line, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
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
                return text[: end if end >= 0 else len(text)].decode()
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
        found: list[dict[str, Any]] = []
        troubles: list[Trouble] = []
        for number, text in enumerate(texts, line):
            if not text.strip():
                continue
            where = f"{self.file}:{number}"
            try:
                each = _object(text)
            except ValueError as error:
                each = {}
                troubles.append((len(found), 0, where, f"is not a request in JSON: {error}"))
            else:
                for role, column in wanted.items():
                    if column.name not in each and not column.optional:
                        way_out = f"; {nearest(column.name, each)}" if each else ""
                        troubles.append((len(found), 0, where, f"has no key {column.name!r} (for {role}){way_out}"))
            lines.append(number)
            found.append(each)
        good = np.ones(len(found), np.bool_)
        good[[row for row, *_ in troubles]] = False
        values = {role: [row.get(column.name) for row in found] for role, column in wanted.items()}
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


def _numbers(values: list[Any], column: Column) -> tuple[Any, Any]:
    """Take the numbers among values as they are; number texts so that equal ones are found."""
    if column.kind == TEXT:
        codes: dict[str, int] = {}
        coded = [codes.setdefault(_text(value), len(codes)) for value in values]
        return np.array(coded, np.float64), np.full(len(values), READ, np.uint8)
    plain = [type(value) is float or (type(value) is int and -_EXACT < value < _EXACT) for value in values]
    plain = [each and column.kind == 0 for each in plain]
    numbers = [value if each else 0.0 for value, each in zip(values, plain, strict=True)]
    return np.array(numbers, np.float64), np.where(plain, READ, UNREAD).astype(np.uint8)
