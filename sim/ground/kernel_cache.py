"""Compiled kernels on disk: one file each, named by all that the machine code hangs on. Not here: how to compile.

numba's own cache names a file by the place of a function, so it runs old code where a function or a constant of another
file has changed, and ends in a traceback where a file is damaged. Here a name is a fingerprint: of the kernel, of the
kernels it calls and the constants they read, of numba and of the processor; and a file begins with its checksum.
Whoever can write into the folder could have us run anything, so it is used only if it is ours alone.
"""

import hashlib
import os
import pickle
import platform
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, cast

import llvmlite
import numba
import numpy as np
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

_KEPT_FILES = 400
"""How many files stay: a version of the program makes some sixty, of a quarter of a megabyte at most."""
_UNFINISHED, _HOUR = ".part", 3600.0
_CHECKSUM = hashlib.sha256().digest_size
_MODES = ("BOUNDSCHECK", "DEBUGINFO_DEFAULT", "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE")
"""What numba can be told by its own variables and file that changes the code it makes."""
_VERSIONS = (numba.__version__, llvmlite.__version__, platform.python_implementation(), platform.python_version())
_OWN = __name__.partition(".")[0]


def _root() -> Path | None:
    """Find the folder of the user's caches."""
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        named = os.environ.get(name, "")
        if os.path.isabs(named):
            return Path(named)
    try:
        return Path.home() / ".cache"
    except RuntimeError:  # nobody's
        return None


def _private(folder: Path) -> bool:
    """Make a folder that only its owner can write; tell whether it is one."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "geteuid") and found.st_uid != os.geteuid()):
        return False
    return not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


@cache
def folder() -> Path | None:
    """Find the folder in which compiled kernels are kept; None where no private one can be had."""
    root = _root()
    if root is None:
        return None
    try:
        root.mkdir(parents=True, exist_ok=True)
        own = root / "fleetecon"
        kernels = own / "kernels"
        return kernels if _private(own) and _private(kernels) else None
    except OSError:
        return None


def _code(code: CodeType) -> Iterator[object]:
    """Go through the steps, names and constants of a function, and of the functions written inside it."""
    yield code.co_code
    yield code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code(constant)
        else:
            yield constant


def _told(value: object, seen: set[FunctionType]) -> str:
    """Tell all that a kernel can take from a value that it reads."""
    if isinstance(function := getattr(value, "py_func", value), FunctionType):
        return _function(function, seen)
    if isinstance(value, tuple):
        return f"({','.join(_told(each, seen) for each in value)})"
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{value.tobytes().hex()}"
    if isinstance(value, ModuleType):
        if value.__name__.partition(".")[0] == _OWN:
            raise TypeError(f"a kernel reads names of modules one by one, not through {value.__name__}")
        return value.__name__
    return f"{type(value).__name__}:{value!r}"


def _names(code: CodeType) -> set[str]:
    """List what a function may read from its module: more than it does, for attributes are names too."""
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    return set(code.co_names).union(*(_names(each) for each in inner))


def _function(function: FunctionType, seen: set[FunctionType]) -> str:
    """Tell all that the machine code of a function hangs on, but for numba and the processor."""
    if function in seen:
        return function.__qualname__
    seen.add(function)
    code = function.__code__
    read = {name: function.__globals__[name] for name in sorted(_names(code)) if name in function.__globals__}
    enclosed = {
        name: cell.cell_contents for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True)
    }
    values = ",".join(f"{name}={_told(value, seen)}" for name, value in (read | enclosed).items())
    own = (function.__module__, function.__qualname__, code.co_varnames, *_code(code))
    return f"{own!r}{function.__defaults__!r}{{{values}}}"


class KernelCache:
    """What numba asks of the cache of a kernel.

    Parameters
    ----------
    function : function
        The kernel as it was written.
    options : str
        How it is compiled, told in a way that is the same in each process.
    """

    def __init__(self, function: Callable[..., object], options: str) -> None:
        self._function, self._options = cast(FunctionType, function), options
        self._fingerprint = b""
        self._enabled = True

    @property
    def cache_path(self) -> str | None:
        """The folder, as numba's statistics ask for it."""
        found = folder()
        return None if found is None else str(found)

    def enable(self) -> None:
        """Keep what is compiled from now on."""
        self._enabled = True

    def disable(self) -> None:
        """Keep nothing from now on."""
        self._enabled = False

    def flush(self) -> None:
        """Forget nothing: other processes use the files too."""

    def load_overload(self, signature: object, target: Any) -> Any:
        """Load the kernel compiled for arguments of some types; None where there is none, or no whole one."""
        target.refresh()  # numba fills its tables late
        path = self._path(signature, target)
        if path is None:
            return None
        try:
            kept = path.read_bytes()
            os.utime(path)  # the files used longest ago go first
        except OSError:
            return None
        if hashlib.sha256(kept[_CHECKSUM:]).digest() != kept[:_CHECKSUM]:
            return None
        return CompileResult._rebuild(target, *pickle.loads(kept[_CHECKSUM:]))  # noqa: S301 - our own folder

    def save_overload(self, signature: object, compiled: Any) -> None:
        """Keep a compiled kernel; what cannot be written is compiled again by the next process."""
        path = self._path(signature, compiled.target_context)
        if path is None or compiled.library.has_dynamic_globals:
            return
        body = dumps(compiled._reduce())
        with suppress(OSError):
            _tidy(path.parent)
            _write(path, hashlib.sha256(body).digest() + body)

    def _path(self, signature: object, target: Any) -> Path | None:
        place = folder() if self._enabled else None
        if place is None:
            return None
        if not self._fingerprint:  # not before: a kernel may read what its module defines below it
            told = _function(self._function, set())
            modes = [getattr(numba.config, name, None) for name in _MODES]
            self._fingerprint = hashlib.sha256(f"{_VERSIONS}{self._options}{modes}{told}".encode()).digest()
        of_all = hashlib.sha256(self._fingerprint + f"{signature!r}{target.codegen().magic_tuple()!r}".encode())
        return place / f"{self._function.__name__.strip('_')}-{of_all.hexdigest()[:32]}"


def _write(path: Path, content: bytes) -> None:
    """Write a file at once or not at all."""
    made, name = tempfile.mkstemp(suffix=_UNFINISHED, dir=path.parent)
    try:
        with os.fdopen(made, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise


@cache
def _tidy(place: Path) -> None:
    """Remove, once a process, what was used longest ago, what a killed process left, and folders of former versions."""
    for old in place.parent.iterdir():
        if re.fullmatch(r"kernels-[0-9a-f]{16}", old.name) and not old.is_symlink():
            shutil.rmtree(old, ignore_errors=True)
    files = []
    for file in place.iterdir():
        with suppress(OSError):  # another process tidies too
            used = file.stat().st_mtime
            if file.suffix == _UNFINISHED and used < time.time() - _HOUR:
                file.unlink()
            else:
                files.append((used, file))
    for _, file in sorted(files)[:-_KEPT_FILES]:
        file.unlink(missing_ok=True)
