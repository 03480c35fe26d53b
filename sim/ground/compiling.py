"""Who is told while kernels are compiled. Apart from numba, so that the command line need not load it to listen."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Listener:
    """What is called before a kernel is compiled that is not kept; with the name of its module and its own."""

    begun: Callable[[str], None]


listeners: list[Listener] = []
"""All who are told."""
