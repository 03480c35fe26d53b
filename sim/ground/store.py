"""Where finished units of work are kept while a study runs: one file in the run's folder, one commit a unit.

sqlite with a write-ahead log, so that a process may be killed at any instant; a checksum a row, so that what was
damaged is told from what was not; a lock that goes with its process. Not here: what a unit is, what its bytes mean.
"""

import contextlib
import errno
import fcntl
import json
import os
import socket
import sqlite3
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NoReturn, Self

from sim.ground.faults import CannotWriteError, InputError

FILE: Final = "study.sqlite"
LOCK: Final = ".study.lock"
_APPLICATION: Final = 0x464C5443  # "FLTC": tells this file from other programs'
_SCHEMA: Final = 1
_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_TABLES: Final = (
    "CREATE TABLE about (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL, sha256 TEXT NOT NULL)",
    # no index of keys: a damaged one would contradict the table; a few thousand keys are read at once instead
    "CREATE TABLE unit (id INTEGER PRIMARY KEY, key TEXT NOT NULL, name TEXT NOT NULL, made_by TEXT NOT NULL,"
    " sha256 TEXT NOT NULL, result BLOB NOT NULL)",
)
_ADD: Final = "INSERT INTO unit (key, name, made_by, sha256, result) VALUES (?, ?, ?, ?, ?)"
_DESCRIBE: Final = "INSERT OR REPLACE INTO about VALUES (1, ?, ?)"

Tell = Callable[[str], None]


def _checksum(*parts: str | bytes) -> str:
    """Hash what a row holds, each part with its length."""
    digest = sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def _is_whole(row: tuple[Any, ...]) -> bool:
    """Tell whether a row of results is as it was written: key, name, made_by, checksum, result."""
    key, name, made_by, told, result = row
    kinds = all(isinstance(each, str) for each in (key, name, made_by)) and isinstance(result, bytes)
    return kinds and _checksum(key, name, made_by, result) == told


class Store:
    """Results of units of work in a folder, by their keys; held by one process at a time.

    Parameters
    ----------
    folder : Path
        Of the run; it is made where there is none.
    tell : callable
        Takes a line about what was found damaged or unfinished.
    """

    def __init__(self, folder: Path, tell: Tell) -> None:
        self.file, self._tell = folder / FILE, tell
        self._lock: int | None = _locked(folder, tell)
        try:
            self._base = self._opened()
            places = self._all("SELECT key, id FROM unit")
        except BaseException:
            self._unlock()
            raise
        self._places: dict[str, int] = dict(places)
        self._used: set[str] = set()

    def __enter__(self) -> Self:
        """Hold the store."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of it."""
        self.close()

    def close(self) -> None:
        """Let go of the store; the write-ahead log is taken into the file where there is room."""
        with contextlib.suppress(sqlite3.Error):
            self._base.close()
        self._unlock()

    def _unlock(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:  # closed twice, the number could be another file's by then
            with contextlib.suppress(OSError):
                (self.file.parent / LOCK).unlink()  # while it is still held, so that nobody's else is removed
            os.close(lock)

    def _opened(self) -> sqlite3.Connection:
        """Open the file; one that cannot be read is set aside, and what is still good in it is taken over."""
        try:
            if self.file.is_dir():
                raise InputError.one(str(self.file), "must be a file, but a folder is there; remove it")
            base = _connected(self.file)
        except sqlite3.Error as error:
            if _code(error) not in _DAMAGE:
                self._refuse(error)
            base = None
        if base is not None:
            return base
        aside = _set_aside(self.file)
        self._tell(f"{self.file} is damaged; it is set aside as {aside.name}")
        try:
            fresh = _connected(self.file)
            if fresh is None:
                raise InputError.one(str(self.file), "cannot be made")
            saved = _salvage(aside, fresh)
        except sqlite3.Error as error:
            self._refuse(error)
        self._tell(f"{saved} results of it could be read and are taken over; the others are computed again")
        return fresh

    def _refuse(self, error: sqlite3.Error) -> NoReturn:
        """Refuse a store that cannot be opened, before any work."""
        raise InputError.one(str(self.file), f"cannot be opened: {_reason(error, self.file)}") from None

    @property
    def about(self) -> dict[str, Any]:
        """What was asked when the store was made; empty where that is not known."""
        for text, told in self._all("SELECT json, sha256 FROM about"):
            if isinstance(text, str) and _checksum(text) == told:
                found: dict[str, Any] = json.loads(text)
                return found
            self._tell(f"{self.file}: what was asked is damaged; it is written anew")
        return {}

    def describe(self, about: dict[str, Any]) -> None:
        """Record what is asked."""
        text = json.dumps(about)
        if about != self.about:
            self._write(_DESCRIBE, [(text, _checksum(text))])

    def __len__(self) -> int:
        """Count the results."""
        return len(self._places)

    def __contains__(self, key: str) -> bool:
        """Tell whether there is a result."""
        return key in self._places

    def get(self, key: str) -> bytes | None:
        """Give the result of a unit; None where there is none, or where it is damaged."""
        if key not in self._places:
            return None
        for row in self._all("SELECT key, name, made_by, sha256, result FROM unit WHERE id = ?", self._places[key]):
            if row[0] == key and _is_whole(row):
                result: bytes = row[4]
                self._used.add(key)
                return result
        self.drop(key)
        return None

    def drop(self, key: str) -> None:
        """Leave out a result that is damaged."""
        self._tell(f"{self.file}: a result is damaged; it is computed again")
        self._write("DELETE FROM unit WHERE id = ?", [(self._places.pop(key),)])
        self._used.discard(key)

    def put(self, key: str, name: str, made_by: str, result: bytes) -> None:
        """Keep the result of a unit: when this returns it is on disk.

        Raises
        ------
        CannotWriteError
            When it cannot be written; all that was kept before still is.
        """
        if key not in self._places:
            row = (key, name, made_by, _checksum(key, name, made_by, result), result)
            self._places[key] = self._write(_ADD, [row])
        self._used.add(key)

    def made_by_others(self, made_by: str) -> int:
        """Count the results that another version of the program left."""
        return int(self._all("SELECT count(*) FROM unit WHERE made_by != ?", made_by)[0][0])

    def tidy(self) -> None:
        """Forget every result that was neither asked for nor added since the store was opened."""
        wanted = {self._places[key] for key in self._used}
        extra = [(number,) for (number,) in self._all("SELECT id FROM unit") if number not in wanted]
        if extra:
            self._write("DELETE FROM unit WHERE id = ?", extra)
            self._places = {key: number for key, number in self._places.items() if number in wanted}

    def take(self, other: "Store") -> None:
        """Take over all results of another store that are whole and not here."""
        for key, number in other._places.items():
            if key not in self._places:
                for row in other._all("SELECT key, name, made_by, sha256, result FROM unit WHERE id = ?", number):
                    if row[0] == key and _is_whole(row):
                        self._places[key] = self._write(_ADD, [row])

    def _all(self, question: str, *values: str | int) -> list[Any]:
        try:
            return self._base.execute(question, values).fetchall()
        except sqlite3.Error as error:
            raise CannotWriteError(self.file, f"cannot be read: {_reason(error, self.file)}") from None

    def _write(self, order: str, rows: list[tuple[Any, ...]]) -> int:
        """Write all rows or none, and give the place of the last."""
        try:
            with _transaction(self._base):
                for row in rows:
                    place = self._base.execute(order, row).lastrowid
        except sqlite3.Error as error:
            raise CannotWriteError(self.file, f"cannot be written: {_reason(error, self.file)}") from None
        return place or 0


@contextlib.contextmanager
def _transaction(base: sqlite3.Connection) -> Iterator[None]:
    """Write all or nothing."""
    base.execute("BEGIN IMMEDIATE")
    try:
        yield
        base.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            base.execute("ROLLBACK")
        raise


def _connected(file: Path) -> sqlite3.Connection | None:
    """Open a store, or make one; None where it is damaged."""
    base = sqlite3.connect(file, timeout=0, isolation_level=None)
    try:
        # Held alone, sqlite needs no memory shared through a file, so that network drives serve as well.
        base.text_factory = lambda text: text.decode(errors="replace")  # damaged text is judged by its checksum
        base.execute("PRAGMA locking_mode = EXCLUSIVE")
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA synchronous = FULL")
        if base.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            base.close()
            return None
        _check_kind(base, file)
    except BaseException:
        base.close()
        raise
    return base


def _check_kind(base: sqlite3.Connection, file: Path) -> None:
    """Tell a store from another program's file; lay out one that is empty."""
    tables = {name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    application, schema = (base.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    if not tables:
        with _transaction(base):
            base.execute(f"PRAGMA application_id = {_APPLICATION}")
            base.execute(f"PRAGMA user_version = {_SCHEMA}")
            for table in _TABLES:
                base.execute(table)
    elif application != _APPLICATION or not {"about", "unit"} <= tables:
        raise InputError.one(str(file), "is a file of another program; choose another folder, or remove it")
    elif schema != _SCHEMA:
        raise InputError.one(str(file), f"has layout {schema}, this program reads {_SCHEMA}; choose another folder")


def _set_aside(file: Path) -> Path:
    """Rename a damaged file, and its log, to a name that is free."""
    number = 1
    while (aside := file.with_name(f"{file.name}.damaged-{number}")).exists():
        number += 1
    file.rename(aside)
    log = file.with_name(f"{file.name}-wal")
    if log.exists():
        log.rename(aside.with_name(f"{aside.name}-wal"))
    return aside


def _readable(base: sqlite3.Connection, question: str) -> Iterator[tuple[Any, ...]]:
    """Give the rows of a damaged file up to the first that cannot be read."""
    with contextlib.suppress(sqlite3.DatabaseError):
        yield from base.execute(question)


def _salvage(aside: Path, fresh: sqlite3.Connection) -> int:
    """Take over what can still be read of a damaged store and has the right checksum; count the results."""
    saved = 0
    with contextlib.closing(sqlite3.connect(f"{aside.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as damaged:
        damaged.text_factory = lambda text: text.decode(errors="replace")
        with _transaction(fresh):
            for text, told in _readable(damaged, "SELECT json, sha256 FROM about"):
                if isinstance(text, str) and _checksum(text) == told:
                    fresh.execute(_DESCRIBE, (text, told))
            for row in _readable(damaged, "SELECT key, name, made_by, sha256, result FROM unit"):
                if _is_whole(row):
                    fresh.execute(_ADD, row)
                    saved += 1
    return saved


def _code(error: sqlite3.Error) -> int:
    """Tell the kind of an error of sqlite."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _reason(error: sqlite3.Error, file: Path) -> str:
    """Say why sqlite could not, in the words of the system."""
    code, full = _code(error), os.strerror(errno.ENOSPC)
    if code == sqlite3.SQLITE_FULL:
        return full
    if code == sqlite3.SQLITE_IOERR:
        with contextlib.suppress(OSError):
            space = os.statvfs(file.parent)
            if space.f_bavail == 0 or (space.f_files and space.f_favail == 0):
                return full
    return str(error)


def _locked(folder: Path, tell: Tell) -> int:
    """Lock a folder for this process; the lock goes with the process, however it ends.

    Raises
    ------
    InputError
        When another process has it, with its number and its machine.
    """
    file = folder / LOCK
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise InputError.one(str(file), f"cannot be opened: {error.strerror}") from None
        try:
            if _taken(lock, file, tell):
                return lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)


def _taken(lock: int, file: Path, tell: Tell) -> bool:
    """Take a lock; not where its holder ended, and removed its file, in this very moment."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = f"is in use by {_holder(lock)}; wait for it, stop it, or choose another folder"
        raise InputError.one(str(file.parent), text) from None
    except OSError as error:  # some network drives cannot
        tell(f"{file}: cannot be locked ({error.strerror}); see that no other process uses the folder")
    try:
        if not os.path.samestat(os.fstat(lock), file.stat()):
            return False
    except FileNotFoundError:
        return False
    if (before := _holder(lock)) != _NOBODY:
        tell(f"{file.parent}: {before} ended before it was done")
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
    except OSError as error:
        raise InputError.one(str(file), f"cannot be written: {error.strerror}") from None
    return True


_NOBODY: Final = "another process"


def _holder(lock: int) -> str:
    """Name the process that wrote itself into a lock file."""
    try:
        found = json.loads(os.pread(lock, 1000, 0))
        return f"process {int(found['pid'])} on {str(found['host'])[:100]!r}"
    except (ValueError, KeyError, TypeError):
        return _NOBODY
