"""What a benchmark was run on: versions, processor. No host name, no path, no time of day."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import sim
from speed.rounds import processors

PACKAGES = ("numpy", "numba", "llvmlite", "simpy", "ciw", "distributed")


def about() -> dict[str, Any]:
    """Tell the machine and the program."""
    return {
        "program": f"fleetecon {sim.__version__}",
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "processor": processor(),
        "processors": processors(),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def processor(told: Path = Path("/proc/cpuinfo")) -> str:
    """Name the processor: by the kernel's words, else by Python's."""
    try:
        lines = told.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(named), platform.processor() or platform.machine())


def in_words(found: dict[str, Any]) -> str:
    """Say it in one line."""
    numba = found["packages"]["numba"]
    many = f"{found['processors']} processor{'s' * (found['processors'] != 1)}"
    return f"{found['program']}, Python {found['python']}, numba {numba}; {found['processor']}, {many}"
