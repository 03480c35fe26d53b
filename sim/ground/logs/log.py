"""One loader of every log of requests, jobs or rates: rows in, numbers out, in bounded memory. Not here: queues.

    with open_log("requests.csv.gz") as log:
        for chunk in log:
            chunk.arrival, chunk.columns["prompt"], chunk.columns["output"]

What is refused, with its place, and what is accepted: ``cells`` (cells), ``scan`` (the grammar of CSV), ``zones``
(local times), ``source`` (sizes). Columns that are not asked for are ignored; rows that are alike are kept.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np

from sim.ground.faults import Fault, InputError
from sim.ground.logs.cells import Faults, number
from sim.ground.logs.forms import BLOCK_TOKENS, KNOWN, TICKS, TOKENS, Form, Kind, detect, known
from sim.ground.logs.objects import JsonRows
from sim.ground.logs.parquet import ParquetRows
from sim.ground.logs.raw import Raw, Rows, check_columns
from sim.ground.logs.rules import Judge, rules, wanted
from sim.ground.logs.source import Limits, Source, readable
from sim.ground.logs.tables import CsvRows
from sim.ground.logs.zones import Clock, zone_named
from sim.ground.units import LONGEST, TICKS_PER_HOUR, Floats, Ticks

_PARQUET: Final = b"PAR1"
_LOOK_ON_ROWS: Final = 5_000_000


@dataclass(frozen=True)
class Chunk:
    """Some rows of a log, in the order of the file.

    Attributes
    ----------
    arrival : int64[n]
        Microseconds: of UTC since 1970 where times are dates, else since 0.
    columns : dict of float64[n]
        ``prompt``, ``output`` in tokens, perhaps ``cached``; or ``service_hours``, ``tokens``, ``gpus``; or ``rate`` a
        second, ``cv``. Texts such as ``tenant`` as codes (``Log.names``).
    lines : int64[n]
        Where each row stands, for refusals.
    """

    arrival: Ticks
    columns: dict[str, Floats]
    lines: Ticks

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.arrival)

    def kept(self, rows: Ticks) -> "Chunk":
        """Give some rows, in an order."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        return Chunk(self.arrival[rows], columns, self.lines[rows])


class Log:
    """A log that is being read; made by ``open_log``.

    Attributes
    ----------
    form : Form
        What was found, or told.
    unit : str
        Of its arrivals.
    rows, empty : int
        Rows given so far; rows left out so far because they read or wrote no token (``skip_empty``).
    left_out : dict of int
        Rows left out because the log itself calls them failures or answers of a cache, by what it says.
    """

    def __init__(self, rows: Rows, form: Form, unit: str, judge: Judge, skip_empty: bool, sort: bool) -> None:
        self.file, self.form, self.unit = rows.file, form, unit
        self.rows = self.empty = 0
        self._rows, self._judge, self._skip_empty, self._sort = rows, judge, skip_empty, sort
        self._latest = -LONGEST

    def __enter__(self) -> Self:
        """Begin to read."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the file go."""
        self._rows.close()

    @property
    def dated(self) -> bool:
        """Whether arrivals are microseconds since 1970, so that a clock starts at the first of them."""
        return self.unit == "datetime" or self.form.dated

    @property
    def left_out(self) -> dict[str, int]:
        """Rows left out because of what the log says of them."""
        return {name: count for name, count in self._judge.left_out.items() if count}

    @property
    def missing(self) -> list[str]:
        """Which rows were left out, once they are read."""
        found = [f"{self.empty:,} rows that read or wrote no token"] if self.empty else []
        return [*found, *(f"{count:,} rows of {name}" for name, count in self.left_out.items())]

    @property
    def notes(self) -> list[str]:
        """What was taken for granted or left out, once the rows are read."""
        zone = f"times carry no offset from UTC and are taken as those of {self._judge.clock.zone.key}"
        return [zone] * (self._judge.zoned is False) + [f"{each} were left out" for each in self.missing]

    def names(self, role: str) -> list[str]:
        """Texts of a column (``tenant``) by their codes, as far as the rows were read."""
        return self._judge.names(role)

    def __iter__(self) -> Iterator[Chunk]:
        """Give all rows, some at a time.

        Raises
        ------
        InputError
            When something is wrong with the file: all faults, up to a limit, each with file, line and column. The rows
            behind the first are still looked at, but not given.
        """
        faults, looked = self._judge.faults, 0
        for raw in self._raws():
            chunk = self._chunk(raw)
            if not faults:
                self.rows += len(chunk)
                yield chunk
                continue
            looked += len(raw.lines)
            if looked > _LOOK_ON_ROWS:
                faults.found.append(Fault(f"{self.file}:{raw.lines[-1]}", "the rest was not looked at"))
                break
        faults.stop()

    def _raws(self) -> Iterator[Raw]:
        """Give the rows as they stand; where they cannot be read on, tell the faults found before as well."""
        try:
            with readable(self.file):
                yield from self._rows.read(self._judge.columns)
        except InputError as error:
            raise InputError([*self._judge.faults.found, *error.faults]) from None

    def _chunk(self, raw: Raw) -> Chunk:
        """Judge some rows and turn their numbers into those of the world."""
        kept, found, arrival = self._judge.judge(raw)
        if arrival is None:
            arrival = np.minimum(np.rint(found["arrival"] * TICKS[self.unit]), float(LONGEST)).astype(np.int64)
        found.pop("arrival", None)
        if self._skip_empty and self.form.kind == "inference":
            empty = kept & ((found["prompt"] == 0) | (found["output"] == 0))
            self.empty += int(empty.sum())
            kept = kept & ~empty
        chunk = Chunk(arrival, self._columns(found), raw.lines).kept(np.flatnonzero(kept))
        if not self._judge.faults:
            self._in_order(chunk)
        return chunk

    def _columns(self, found: dict[str, Floats]) -> dict[str, Floats]:
        """Give the columns in the units of the world."""
        if "service" in found:
            found["service_hours"] = found.pop("service") * (TICKS[self.form.service_unit] / TICKS_PER_HOUR)
        if "tokens" in found:
            found["tokens"] = found["tokens"] * TOKENS[self.form.tokens_unit]
        if "cached_blocks" in found:
            found["cached"] = found.pop("cached_blocks") * BLOCK_TOKENS
        if "cached" in found:
            found["cached"] = np.minimum(found["cached"], np.maximum(found["prompt"] - 1, 0))
        return found

    def _in_order(self, chunk: Chunk) -> None:
        """Refuse a row that arrives before the one above it."""
        if self._sort or self.form.kind == "rates" or not len(chunk):
            return  # a table of rates lists one client after the other
        late = np.flatnonzero(np.diff(chunk.arrival, prepend=self._latest) < 0)
        self._latest = int(chunk.arrival[-1])
        if len(late):
            where = f"{self.file}:{chunk.lines[late[0]]}"
            self._judge.faults.refuse(
                where, "arrives before the row above it; put the rows in order or set `sort: true` (`--sort`)"
            )


def rows_of(file: Path, limits: Limits) -> Rows:
    """Open a file as rows, by what it begins with, not by its name."""
    source = Source(file, limits)
    try:
        begun = source.peek(1 << 16)
        first = begun.lstrip()[:1]
        if first == b"[":
            at = begun.split(b"[", 1)[0].count(b"\n") + 1
            raise InputError.one(f"{file}:{at}", "is one JSON list; write one request a line, each in braces")
        if not begun.startswith(_PARQUET):
            return JsonRows(source) if first == b"{" else CsvRows(source)
    except BaseException:
        source.close()
        raise
    source.close()
    return ParquetRows(file)


def _told(columns: Mapping[str, str], unit: str | None, service_unit: str) -> Form:
    """Make the form of columns that were told by role."""
    kind: Kind = "inference" if "prompt" in columns else "rates" if "rate" in columns else "fine_tune"
    at = columns.get("arrival")
    of_known = next((form.unit for form in KNOWN if form.kind == kind and form.columns["arrival"] == at), "")
    return Form("columns", kind, dict(columns), unit or of_known, service_unit=service_unit)


def _choose(rows: Rows, form: Form | str | None, kind: Kind | None) -> Form:
    """Find the form of a file: the one told, or the known one that its header fits best."""
    if isinstance(form, Form):
        return form
    forms = KNOWN if form is None else known(form)
    forms = tuple(each for each in forms if kind in (None, each.kind))
    if not rows.header and isinstance(rows, CsvRows):
        names = ", ".join(forms[0].columns.values())
        raise InputError.one(f"{rows.file}", f"is empty; its first line must name the columns {names}")
    if form is None or len(forms) > 1:
        return detect(rows.header, rows.top, forms)
    return forms[0]


def _unit(rows: Rows, form: Form) -> str:
    """Settle the unit of arrivals, where need be by the first of them."""
    name = form.columns["arrival"]
    if form.unit in TICKS:
        return form.unit
    first = rows.first(name)
    try:
        number((first or "0").strip())
    except ValueError:
        return "datetime"
    if form.unit == "time" or first is None:
        return "seconds"
    raise InputError.one(rows.top, f"column {name!r} holds numbers; state the unit of these times (`arrival_unit`)")


def open_log(
    path: str | Path,
    form: Form | str | None = None,
    columns: Mapping[str, str] | None = None,
    unit: str | None = None,
    zone: str | None = None,
    *,
    kind: Kind | None = None,
    skip_empty: bool = False,
    sort: bool = False,
    texts: bool = False,
    limits: Limits | None = None,
    service_unit: str = "seconds",
) -> Log:
    """Open a log of requests, jobs or rates: CSV, lines of JSON or Parquet, plain or gzipped, of any length.

    Parameters
    ----------
    path : path
        A regular file.
    form : Form or str, optional
        What its columns hold, or the name of a known form; else the header tells.
    columns : dict of str, optional
        By role (``arrival``, ``prompt``, ``output``, ``cached``; ``service``, ``tokens``, ``gpus``; ``rate``, ``cv``)
        the name in the file, instead of a form.
    unit : str, optional
        Of arrivals: datetime, milliseconds, seconds, minutes, hours, days; else that of the form.
    zone : str, optional
        Of times that carry no offset, such as ``Europe/Berlin``; else UTC.
    kind : str, optional
        ``inference``, ``fine_tune`` or ``rates``, where only such forms are wanted.
    skip_empty : bool
        Leave out (and count) requests of no prompt or no output, which nothing can serve; else they are refused.
    sort : bool
        Accept rows that are out of order; they are given as they stand, for a stream cannot be sorted.
    texts : bool
        Read columns of text such as ``tenant`` as well.
    service_unit : str
        Of the column ``service`` in ``columns``: hours, minutes or seconds.

    Raises
    ------
    InputError
        When the file cannot be read or lacks a column; what is wrong with its rows comes as they are read.
    """
    file = Path(path)
    with readable(file):
        rows = rows_of(file, limits or Limits())
        try:
            found = _told(columns, unit, service_unit) if columns is not None else _choose(rows, form, kind)
            found = replace(found, unit=unit) if unit is not None else found
            if not rows.header and isinstance(rows, CsvRows):
                names = ", ".join(found.columns.values())
                raise InputError.one(f"{file}", f"is empty; its first line must name the columns {names}")
            check_columns(rows, wanted(found, found.unit, texts, rows.header))
            its_unit = _unit(rows, found)
            judge = Judge(
                found,
                its_unit,
                wanted(found, its_unit, texts, rows.header),
                Faults(file),
                Clock(zone_named(zone or "UTC"), in_order=not sort),
                rules(skip_empty),
            )
            return Log(rows, found, its_unit, judge, skip_empty, sort)
        except BaseException:
            rows.close()
            raise


MOST_GATHERED: Final = 60_000_000
"""Rows of a log that is held in memory: some 4 GB while it is put together."""


def gather(log: Log) -> Chunk:
    """Hold a whole log in memory, in order of arrival; rows that arrive together keep the order of the file.

    Which line a row stood on is not kept.

    Raises
    ------
    InputError
        When it has more rows than can be held.
    """
    chunks = []
    for chunk in log:
        chunks.append(Chunk(chunk.arrival, chunk.columns, chunk.lines[:0]))
        if log.rows > MOST_GATHERED:
            text = f"has more than {MOST_GATHERED:,} rows, too many to be held and sorted; cut or sort it beforehand"
            raise InputError.one(f"{log.file}", text)
    roles = {"inference": ("prompt", "output"), "fine_tune": (), "rates": ("rate",)}[log.form.kind]
    names = chunks[0].columns if chunks else roles
    arrival = np.concatenate([chunk.arrival for chunk in chunks]) if chunks else np.zeros(0, np.int64)
    columns = {name: np.concatenate([chunk.columns[name] for chunk in chunks] or [np.zeros(0)]) for name in names}
    if (np.diff(arrival) < 0).any():
        order = np.argsort(arrival, kind="stable")
        arrival, columns = arrival[order], {name: column[order] for name, column in columns.items()}
    return Chunk(arrival, columns, np.zeros(0, np.int64))
