"""Parquet files as rows, with pyarrow (extra ``parquet``), a batch at a time. Not here: any rule of a cell."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from sim.ground.faults import InputError
from sim.ground.logs.raw import Column, Raw, no_column
from sim.ground.logs.scan import INSTANT, NUMBER, READ, TEXT, UNREAD, ZONED
from sim.ground.logs.tables import MOST_COLUMNS

_BATCH_ROWS: Final = 1 << 17


def _arrow(file: Path) -> Any:
    """Find pyarrow, or say how to get it."""
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError:
        raise InputError.one(
            f"{file}", "is a Parquet file, which needs pyarrow; pip install 'fleetecon[parquet]', or save it as CSV"
        ) from None
    return pyarrow


class ParquetRows:
    """The rows of a Parquet file; places are numbers of rows, from 1."""

    def __init__(self, file: Path) -> None:
        self.file, self.top = file, f"{file}"
        self._arrow = _arrow(file)
        try:
            self._opened = self._arrow.parquet.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20)
        except (self._arrow.ArrowException, OSError) as error:
            raise self._damaged(error) from None
        self.header = list(self._opened.schema_arrow.names)
        if len(self.header) > MOST_COLUMNS:
            raise InputError.one(self.top, f"has {len(self.header)} columns; at most {MOST_COLUMNS} are read")

    wrong_column = no_column

    def close(self) -> None:
        """Let the file go."""
        self._opened.close()

    def _damaged(self, error: Exception) -> InputError:
        """Refuse a file that pyarrow cannot read."""
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        return InputError.one(f"{self.file}", f"is no whole Parquet file: {first[:200]}")

    def _batches(self, names: list[str], rows: int) -> Iterator[Any]:
        """Read columns, some rows at a time."""
        try:
            yield from self._opened.iter_batches(batch_size=rows, columns=names, use_threads=False)
        except (self._arrow.ArrowException, OSError) as error:
            raise self._damaged(error) from None

    def first(self, name: str) -> str | None:
        """Give the first cell of a column; None where there is no row."""
        if name not in self.header:
            return None
        for batch in self._batches([name], 1):
            return _text(batch.column(0)[0].as_py()) if len(batch) else None
        return None

    def read(self, wanted: Mapping[str, Column]) -> Iterator[Raw]:
        """Give all rows, some at a time, each with the wanted columns by role."""
        there = {role: column for role, column in wanted.items() if column.name in self.header}
        names = list(dict.fromkeys(column.name for column in there.values()))
        before = 0
        for batch in self._batches(names, _BATCH_ROWS):
            if len(batch):
                try:
                    raw = self._raw(batch, before, there)
                except self._arrow.ArrowException as error:
                    raise self._damaged(error) from None
                yield raw
            before += len(batch)

    def _raw(self, batch: Any, before: int, wanted: Mapping[str, Column]) -> Raw:
        """Put a batch together."""
        columns = {role: batch.column(column.name) for role, column in wanted.items()}
        numbers = {role: self._numbers(columns[role], column.kind) for role, column in wanted.items()}
        return Raw(
            np.arange(before + 1, before + len(batch) + 1),
            {role: number for role, (number, _) in numbers.items()},
            {role: state for role, (_, state) in numbers.items()},
            np.ones(len(batch), np.bool_),
            [],
            lambda role, row: _text(columns[role][row].as_py()),
            lambda role, row: f"{self.file}: row {before + row + 1}: {wanted[role].name}",
        )

    def _numbers(self, cells: Any, kind: int) -> tuple[Any, Any]:
        """Read a column as numbers where its type tells them; the rest is left to the rules of texts."""
        arrow, types = self._arrow, self._arrow.types
        count = len(cells)
        there = np.asarray(cells.is_valid())
        if types.is_dictionary(cells.type) and kind != TEXT:
            cells = cells.dictionary_decode()
        if kind == TEXT:
            coded = arrow.compute.dictionary_encode(cells.cast(arrow.string()), null_encoding="encode").indices
            return np.asarray(coded, np.float64), np.full(count, READ, np.uint8)
        if kind == INSTANT and types.is_timestamp(cells.type):
            micro = cells.cast(arrow.timestamp("us", cells.type.tz), safe=False).cast(arrow.int64())
            state = READ if cells.type.tz is None else ZONED
            return np.asarray(micro.fill_null(0), np.float64), np.where(there, state, UNREAD).astype(np.uint8)
        numeric = types.is_integer(cells.type) or types.is_floating(cells.type) or types.is_decimal(cells.type)
        if kind == NUMBER and numeric:
            found = np.asarray(cells.cast(arrow.float64(), safe=False).fill_null(0.0), np.float64)
            return found, np.where(there, READ, UNREAD).astype(np.uint8)
        return np.zeros(count), np.full(count, UNREAD, np.uint8)


def _text(value: Any) -> str:
    """Give a value as it would stand in a cell."""
    if value is None:
        return ""
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
