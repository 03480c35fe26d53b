"""CSV files as rows: the header, then blocks of bytes through the compiled grammar. Not here: any rule of a cell."""

import codecs
import csv
import io
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from sim.ground.faults import InputError
from sim.ground.logs.raw import Column, Raw, Trouble, no_column
from sim.ground.logs.scan import AFTER_QUOTE, FAULT, LINE, NO_FAULT, POSITION, ROWS, TEXT, scan
from sim.ground.logs.source import Source
from sim.ground.units import Ticks

MOST_COLUMNS: Final = 1000
_MOST_ROWS: Final = 1 << 17


class CsvRows:
    """The rows of a CSV file."""

    def __init__(self, source: Source) -> None:
        self.source, self.file = source, source.file
        self.header, line = self._header()
        self.top, self._line = f"{self.file}:{line}", line + 1
        if len(self.header) > MOST_COLUMNS:
            raise InputError.one(self.top, f"has {len(self.header)} columns; at most {MOST_COLUMNS} are read")
        if len(set(self.header)) < len(self.header):
            twice = next(name for name in self.header if self.header.count(name) > 1)
            raise InputError.one(self.top, f"has two columns named {twice!r}")

    def close(self) -> None:
        """Let the file go."""
        self.source.close()

    wrong_column = no_column

    def _header(self) -> tuple[list[str], int]:
        """Read the first row that is not empty, and tell its line; an empty file has none."""
        source = self.source
        while True:
            text = codecs.getincrementaldecoder("utf-8")().decode(source.peek(len(source.data)), source.final)
            used = 0

            def lines(text: str = text) -> Iterator[str]:
                nonlocal used
                for line in io.StringIO(text, newline=""):
                    used += len(line.encode())
                    yield line

            rows = csv.reader(lines(), strict=True)
            try:
                header = next((row for row in rows if row), [])
            except csv.Error:
                if source.final or used < len(text.encode()):
                    raise
            else:
                if source.final or used < len(text.encode()):
                    source.start += used
                    return header, rows.line_num
            source.fill()

    def first(self, name: str) -> str | None:
        """Give the first cell of a column; None where there is no row."""
        if name not in self.header:
            return None
        room = _Room(self.header, {"first": Column(name, TEXT)}, 1)
        kept = self._line
        while (raw := self._scan(room)) is None and not self.source.final:
            self.source.fill(kept)
            self._line = kept
        self._line = kept
        return raw.text("first", 0) if raw is not None and raw.good.any() else None

    def read(self, wanted: Mapping[str, Column]) -> Iterator[Raw]:
        """Give all rows, some at a time, each with the wanted columns by role."""
        room = _Room(self.header, {role: each for role, each in wanted.items() if each.name in self.header}, _MOST_ROWS)
        source = self.source
        while source.start < source.end or not source.final:
            raw = self._scan(room)
            if raw is not None:
                yield raw
            source.start = int(room.told[POSITION])
            if raw is None and not source.final:
                source.fill(self._line)

    def _scan(self, room: "_Room") -> Raw | None:
        """Find the rows of the buffer."""
        source = self.source
        room.told[LINE] = self._line
        scan(source.data, source.start, source.end, source.final, *room.arrays, room.told)
        count, at, self._line = (int(room.told[k]) for k in (ROWS, POSITION, LINE))
        block = source.data[source.start : at].tobytes()
        if not block.isascii():
            block.decode()
        if room.told[FAULT] != NO_FAULT and not count:
            rule = '`,` expected after `"`' if room.told[FAULT] == AFTER_QUOTE else "a quote is never closed"
            raise InputError.one(f"{self.file}:{self._line}", f"is not a CSV file: {rule}")
        return self._raw(room, count, block, source.final and at == source.end) if count else None

    def _raw(self, room: "_Room", count: int, block: bytes, last: bool) -> Raw:
        """Put the rows found together."""
        lines, fields, start = room.lines[:count].copy(), room.fields[:count], self.source.start
        columns = len(self.header)
        good = fields == columns
        torn = last and not block.endswith((b"\n", b"\r"))
        troubles: list[Trouble] = []
        for row in np.flatnonzero(~good)[:100].tolist():
            short = torn and row == count - 1 and fields[row] < columns
            why = "the file seems to be cut short" if short else "a comma inside a number?"
            text = f"has {fields[row]} fields, the header has {columns} ({why})"
            troubles.append((row, 0, f"{self.file}:{lines[row]}", text))
        begins, ends = room.begins - start, room.ends - start

        def text_of(role: str, row: int) -> str:
            slot = room.slots[role]
            cell = block[begins[slot, row] : ends[slot, row]].decode()
            return cell[1:-1].replace('""', '"') if cell.startswith('"') else cell

        def where(role: str, row: int) -> str:
            return f"{self.file}:{lines[row]}:{self.header.index(room.wanted[role].name) + 1}"

        values = {role: room.values[slot, :count] for role, slot in room.slots.items()}
        states = {role: room.states[slot, :count] for role, slot in room.slots.items()}
        return Raw(lines, values, states, good, troubles, text_of, where)


class _Room:
    """Arrays that the compiled grammar fills, made once."""

    def __init__(self, header: list[str], wanted: Mapping[str, Column], most: int) -> None:
        self.wanted = wanted
        self.slots = {role: slot for slot, role in enumerate(wanted)}
        slot_of: Ticks = np.full(len(header), -1, np.int64)
        for role, slot in self.slots.items():
            slot_of[header.index(wanted[role].name)] = slot
        kinds = np.array([column.kind for column in wanted.values()], np.int64)
        shape = (len(wanted), most)
        self.values, self.states = np.zeros(shape), np.zeros(shape, np.uint8)
        self.begins, self.ends = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self.fields, self.lines = np.zeros(most, np.int64), np.zeros(most, np.int64)
        self.told = np.zeros(4, np.int64)
        self.arrays = (slot_of, kinds, self.values, self.states, self.begins, self.ends, self.fields, self.lines)
