"""The one door to numba: every kernel is compiled here, without the lock of the interpreter, and cached on disk.

Not here: any kernel. numba's own cache misses a change in a function that a kernel calls in another file, and then
runs the old one; so the cache's folder is named by a hash of all files that hold kernels.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

_OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "_nrt": False}
_F = TypeVar("_F", bound=Callable[..., object])


def _sources() -> list[Path]:
    """All files of the package that hold kernels."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return [file for file in files if b"sim.compiled" in file.read_bytes()]


def _cache_folder() -> str:
    """Find a folder that can be written, named by what is compiled and by which numba."""
    digest = hashlib.sha256(numba.__version__.encode())
    for file in _sources():
        digest.update(file.read_bytes())
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "fleetecon" / f"kernels-{digest.hexdigest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return str(folder)
    except OSError:
        return tempfile.mkdtemp(prefix="fleetecon-kernels-")  # private and short-lived: costs a compile, never fails


if "NUMBA_CACHE_DIR" not in os.environ:
    setattr(numba.config, "CACHE_DIR", _cache_folder())  # noqa: B010 - numba does not declare it


def kernel(function: _F) -> _F:
    """Compile a function of arrays and numbers; threads may run it side by side.

    Without numba's runtime (``_nrt``) it cannot allocate, so scratch arrays are handed in; counting references to some
    twenty arrays took a third of the node kernel's time.
    """
    compiled: _F = numba.njit(**_OPTIONS)(function)
    return compiled


def inlined(function: _F) -> _F:
    """Compile a part of a kernel into the place that calls it: an array handed over would cost seven words."""
    compiled: _F = numba.njit(forceinline=True, **_OPTIONS)(function)
    return compiled
