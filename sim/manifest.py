"""What made a result: versions, seed, a hash of the resolved scenario. No time, no path: same run, same bytes."""

import hashlib
import platform
from importlib.metadata import version
from typing import Any

import sim


def manifest(resolved: str, result: dict[str, Any]) -> dict[str, Any]:
    """Describe where a result comes from.

    Parameters
    ----------
    resolved : str
        The scenario with every default written out.
    result : dict
        Of a run or a sweep.
    """
    packages = ("numpy", "scipy", "numba", "simpy")
    first = result["cells"][0]["result"] if "cells" in result else result
    return {
        "program": f"fleetecon {sim.__version__}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "scenario": first["scenario"],
        "scenario_sha256": hashlib.sha256(resolved.encode()).hexdigest(),
        "seed": first["seed"],
        "replications": first["replications"],
        "vary": result.get("vary"),
    }
