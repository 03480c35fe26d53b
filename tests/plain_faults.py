"""The plain loop with a fault planted in it, and how many random worlds are enough to find it."""

import os
from pathlib import Path

import plain_serving

WITNESSED = 300
"""Worlds that SimPy serves too."""
MANY = WITNESSED if {"NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"} & set(os.environ) else 1000
"""All worlds."""


def faulty(old: str, new: str):
    """The plain loop with a fault, uncompiled."""
    source = Path(plain_serving.__file__).read_text()
    assert source.count(old) == 1
    source = source.replace(old, new).replace(
        "from sim.ground.compiled import kernel", "def kernel(function): return function"
    )
    room: dict = {}
    exec(compile(source, "faulty", "exec"), room)  # noqa: S102 - our own source with one fault
    return room["serve_requests"]
