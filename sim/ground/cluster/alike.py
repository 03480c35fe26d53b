"""What a machine computes with, told in few words, so that no result is half of one program and half of another.

It runs on the workers: standard library and numpy only.
"""

import hashlib
import math
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from sim.ground import files

PACKAGES = ("fleetecon", "numpy", "scipy", "numba", "llvmlite")

_SAID = {"arithmetic": "another last digit of exp, log or pow (another kind of processor, or another libm)"}


@cache
def made_by() -> dict[str, str]:
    """Tell what this process computes with.

    Returns
    -------
    dict of str
        Versions of the program, of Python and of the packages that numbers come from; ``sources``, a digest of the
        program's files; ``arithmetic``, a digest of what elementary functions give here.
    """
    python = ".".join(platform.python_version_tuple()[:2])  # from 3.12 on ``sum`` rounds otherwise
    versions = {name: _version(name) for name in PACKAGES}
    return {"python": python, **versions, "sources": files.made_by()[:12], "arithmetic": _arithmetic()}


def difference(here: dict[str, str], there: dict[str, str]) -> str:
    """Say in which ways another machine is not like this one; nothing where it is."""
    keys = [key for key in {**here, **there} if here.get(key) != there.get(key)]
    versioned = [key for key in keys if key not in _SAID]
    if len(versioned) > 1 and "sources" in versioned:
        versioned.remove("sources")  # its digest knows the others
    told = [f"{key} {there.get(key, 'missing')} (here {here.get(key, 'missing')})" for key in versioned]
    return ", ".join(told or [_SAID[key] for key in keys])


def _version(name: str) -> str:
    """Tell the version of a package; a checkout that was never installed has none."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _arithmetic() -> str:
    """Digest elementary functions as numpy and as the C library compute them, and what is drawn by way of them.

    Both choose their instructions by the processor, and the last digit of exp or log may differ: results would then
    depend on who computed them.
    """
    at = np.concatenate([np.linspace(1e-6, 1, 500), np.geomspace(1, 600, 500)])
    functions = (np.exp, np.expm1, np.log, np.log1p, np.sin, np.cos, np.tanh, np.cbrt, np.arctan)
    by_numpy = [function(at) for function in functions] + [np.power(at, 1 / at)]
    by_library = [
        [math.exp(x), math.expm1(x), math.log(x), math.log1p(x), math.sin(x), math.cos(x), math.pow(x, 0.3)]
        for x in at.tolist()
    ]
    generator = np.random.default_rng(0)
    drawn = [generator.standard_gamma(0.1 + at), generator.poisson(at), generator.lognormal(size=100)]
    digest = hashlib.sha256()
    for numbers in (*by_numpy, np.array(by_library), *drawn):
        digest.update(np.ascontiguousarray(numbers, dtype=float).tobytes())
    return digest.hexdigest()[:12]
