"""Every job of every replication as rows of Parquet files (extra ``parquet``): a file for each plan and kind of work.

The replications are served once more, one after the other, in the order of their numbers: so the files have the same
bytes whatever threads, machines or earlier results made the study. Long replications come chunk by chunk, so the memory
is that of some row groups. Not here: which columns there are (``frames``).
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from sim.ground.faults import CannotWriteError, InputError
from sim.ground.files import replacing
from sim.study.frames import Columns, Named, requests_columns, tunes_columns
from sim.study.simulate import Experiment
from sim.study.stream import Streamed, is_streamed

FINE_TUNES: Final = "fine_tunes"
REQUESTS: Final = "requests"
"""Kinds of work; each has columns of its own."""

_GROUP: Final = 1 << 17
"""Rows of a row group: how much of a file is held until it is written."""

Batch = tuple[str, str, Columns]
"""Plan, kind of work, and what became of some successive jobs of it."""


def arrow(where: str = "--rows") -> Any:
    """Find pyarrow, or say how to get it.

    Raises
    ------
    InputError
        When it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        text = "are written to Parquet files, which needs pyarrow; pip install 'fleetecon[parquet]'"
        raise InputError.one(where, text) from None
    return pyarrow


def file_name(plan: str, kind: str) -> str:
    """Name the file of the rows of a plan."""
    return f"rows-{plan}-{kind}.parquet"


class _Rows:
    """A Parquet file that is written row group by row group, all of one size but the last."""

    def __init__(self, pyarrow: Any, file: Path, place: Path, about: dict[str, str]) -> None:
        self._arrow, self._file, self._place, self._about = pyarrow, file, place, about
        self._waiting: list[Any] = []
        self._writer: Any = None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Write the rest; of a file that is given up, nothing more."""
        if error is None:
            self._write(self._arrow.concat_tables(self._waiting))
            with self._refusing():
                self._writer.close()
        elif self._writer is not None:
            with suppress(OSError):
                self._writer.close()

    def add(self, replication: int, columns: Columns) -> None:
        """Add rows of one replication."""
        self._waiting.append(self._table(replication, columns))
        if sum(map(len, self._waiting)) >= _GROUP:
            whole = self._arrow.concat_tables(self._waiting)
            full = len(whole) // _GROUP * _GROUP
            self._write(whole.slice(0, full))
            self._waiting = [whole.slice(full)]

    def _table(self, replication: int, columns: Columns) -> Any:
        """Lay columns out as Parquet has them: what is not known is null."""
        arrays = {name: self._array(each) for name, each in columns.items()}
        numbers = np.full(len(next(iter(arrays.values()))), replication, np.int64)
        return self._arrow.table({"replication": self._arrow.array(numbers)} | arrays)

    def _array(self, column: Any) -> Any:
        if isinstance(column, Named):
            codes = self._arrow.array(column.codes.astype(np.int32))
            return self._arrow.DictionaryArray.from_arrays(codes, self._arrow.array(column.names.tolist()))
        return self._arrow.array(column, from_pandas=True)

    def _write(self, table: Any) -> None:
        with self._refusing():
            if self._writer is None:
                schema = table.schema.with_metadata(self._about)
                self._writer = self._arrow.parquet.ParquetWriter(str(self._place), schema, compression="zstd")
            self._writer.write_table(table, row_group_size=_GROUP)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Tell of a full disk by the file that was to be written."""
        try:
            yield
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error).splitlines()[0]
            raise CannotWriteError(self._file, f"cannot be written: {reason}") from error


def _batches(experiment: Experiment, replication: int) -> Iterator[Batch]:
    """Serve one replication once more: under each plan its fine-tunes, then its requests, pool by pool."""
    names = np.array(list(experiment.scenario.workload))
    if is_streamed(experiment):
        streamed = Streamed(experiment, replication)
        settled = streamed.settled()
        for plan, each in settled.items():
            if each.shares is not None:
                yield plan, FINE_TUNES, tunes_columns(each.paths, each.rows, each.shares, names)
        for line, requests, rows, shares in streamed.priced(settled):
            yield line.plan_name, REQUESTS, requests_columns(requests, rows, shares, names)
        return
    work = experiment.work([replication])
    for plan in experiment.tunings:
        served = experiment.served(plan, work)
        _, shares_of = experiment.charged(plan, served)
        if len(shares_of) > len(served.requests):
            yield plan, FINE_TUNES, tunes_columns(served.paths, served.rows, shares_of[0], names)
        of_pools = shares_of[len(shares_of) - len(served.requests) :]
        pools = sorted(zip(served.requests, of_pools, strict=True), key=lambda pair: pair[0][0].classes)
        for (_, requests, rows), shares in pools:
            yield plan, REQUESTS, requests_columns(requests, rows, shares, names)


def write_rows(
    experiment: Experiment, replications: int, folder: Path, progress: Callable[[int, int], None] | None = None
) -> list[Path]:
    """Write what became of every job of some replications: a file for each plan and kind of work.

    Parameters
    ----------
    experiment : Experiment
        What was run.
    replications : int
        How many.
    folder : Path
        Where to; files that are there are replaced when all went well, one by one.
    progress : callable, optional
        Called with replications done and replications in all.

    Returns
    -------
    list of Path
        ``rows-<plan>-fine_tunes.parquet`` and ``rows-<plan>-requests.parquet``, as the scenario has such work: the
        columns of ``Study.jobs`` after the number of the replication; null where there is no value.

    Raises
    ------
    InputError
        When pyarrow is not installed.
    CannotWriteError
        When a file cannot be written: none is there half done.
    """
    pyarrow, scenario = arrow(), experiment.scenario
    kinds = [kind for kind, there in ((FINE_TUNES, scenario.tunes), (REQUESTS, scenario.chats)) if there]
    about = {"scenario": scenario.name, "seed": str(experiment.seed), "replications": str(replications)}
    turns = any(each.sessions is not None for each in scenario.chats.values())
    with ExitStack() as places, ExitStack() as open_files:  # all are whole before the first takes its place
        files: dict[tuple[str, str], _Rows] = {}
        for plan in scenario.plans:
            for kind in kinds:
                file = folder / file_name(plan, kind)
                place = places.enter_context(replacing(file))
                rows = _Rows(pyarrow, file, place, about | {"plan": plan})
                files[plan, kind] = open_files.enter_context(rows)
        for replication in range(replications):
            for plan, kind, columns in _batches(experiment, replication):
                if (plan, kind) in files:
                    files[plan, kind].add(replication, _with_turns(columns) if turns and kind == REQUESTS else columns)
            if progress is not None:
                progress(replication + 1, replications)
    return [folder / file_name(*each) for each in files]


def _with_turns(columns: Columns) -> Columns:
    """Let requests of no session have a column for it, where others have one."""
    missing = np.full(len(columns["arrival_h"]), -1)
    return {**columns, **{name: columns.get(name, missing) for name in ("session", "turn")}}
