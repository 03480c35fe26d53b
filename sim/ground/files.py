"""Files that are never half written, and where the shipped scenarios and cases lie."""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from platform import python_version_tuple
from typing import Final

from sim.ground.faults import CannotWriteError, InputError

_PACKAGE = Path(__file__).parents[1]
_TELLS: Final = ("backtest", "charts", "fit", "tables", "verify")
_SHOWS: Final = ("doors/", "shipped/", *(f"questions/{room}/" for room in _TELLS))
"""What of the package no result hangs on: it asks, tells and draws."""
_PARTIAL: Final = ".partial"
_COMPUTES: Final = ("numpy", "scipy", "numba")


def read_at_most(file: Path, most_bytes: int, what: str) -> bytes:
    """Read a whole file; no size is asked for, because a device tells none and has no end.

    Parameters
    ----------
    file : path
        Which.
    most_bytes : int
        The largest that ``what`` can be.
    what : str
        What it should be, as it is told where it is too large.

    Raises
    ------
    InputError
        When it cannot be read or is too large.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(most_bytes + 1)
    except OSError as error:
        lacks_its_end = isinstance(error, FileNotFoundError) and os.path.isfile(f"{file}.yaml")
        way_out = f"; did you mean `{file}.yaml`?" if lacks_its_end else ""
        raise InputError.one(str(file), f"cannot be read: {error.strerror}{way_out}") from None
    if len(data) > most_bytes:
        raise InputError.one(str(file), f"is larger than {most_bytes:,} bytes, too large for {what}")
    return data


@cache
def made_by() -> str:
    """Hash all that a result may hang on beside what is asked: the program's sources, what it computes with.

    Results made by different ones are not mixed.
    """
    digest = sha256(".".join(python_version_tuple()[:2]).encode())
    for package in _COMPUTES:
        digest.update(f" {package} {version(package)}".encode())
    for file in sorted(_PACKAGE.rglob("*.py")):
        name = file.relative_to(_PACKAGE)
        if not name.as_posix().startswith(_SHOWS):
            digest.update(f" {name.as_posix()} ".encode() + sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def output_folder(folder: str | Path) -> Path:
    """Find out before any work whether an output folder can be written; it is made by the first file in it.

    Raises
    ------
    InputError
        When it cannot, with the path and the reason.
    """
    folder = Path(folder)
    try:
        there = next(each for each in (folder, *folder.absolute().parents) if each.exists() or each.is_symlink())
        with tempfile.TemporaryFile(dir=there):
            return folder
    except (FileExistsError, NotADirectoryError):
        raise InputError.one(str(folder), "must be a folder to write into, but it is or lies under a file") from None
    except OSError as error:
        raise InputError.one(str(folder), f"must be a folder that can be written: {error.strerror}") from None


@contextlib.contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Give a temporary path beside a file; when all went well it takes the file's place at once.

    A link that stands at the file's place is replaced and not followed.

    Raises
    ------
    CannotWriteError
        When it cannot be written, with the path and the reason; what stood there before still does.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=_PARTIAL, dir=file.parent)
        os.close(handle)
        try:
            yield Path(name)
            with open(name, "rb") as written:
                os.fsync(written.fileno())
            os.chmod(name, 0o644)
            os.replace(name, file)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
            raise
    except OSError as error:
        raise CannotWriteError(file, f"cannot be written: {error.strerror or error}") from error


def sweep_up(folder: Path) -> None:
    """Remove what a process that was killed left of files that it had not finished; nobody may be writing there."""
    for file in folder.glob(f".*{_PARTIAL}"):
        if file.is_file() and not file.is_symlink():
            with contextlib.suppress(OSError):
                file.unlink()


def write(file: Path, text: str) -> Path:
    """Write a text file whole or not at all."""
    with replacing(file) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return file


def shipped(kind: str) -> Path:
    """Find the folder of the shipped ``scenarios`` or ``theory`` cases: inside the package or beside it."""
    inside = _PACKAGE / "shipped" / kind
    beside = {"scenarios": "experiments/scenarios", "theory": "tests/theory"}[kind]
    return inside if inside.is_dir() else _PACKAGE.parent / beside


def shipped_scenarios() -> dict[str, Path]:
    """Find the shipped scenarios, by name."""
    return {file.stem: file for file in sorted(shipped("scenarios").glob("*.yaml"))}


def lesson(text: str) -> tuple[str, str]:
    """Read from a scenario's opening comment what it asks, and what it teaches."""
    opening = re.match(r"(?:#.*\n)+", text)
    words = " ".join(line.lstrip("# ") for line in (opening.group() if opening else "").splitlines())
    asks, _, rest = words.partition(" It teaches: ")
    return asks.strip(), rest.partition("  ")[0].strip()
