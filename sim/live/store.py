"""What was computed and may be asked for again: the least recently used goes first, bounded in bytes.

Not here: what is kept. A store never changes a number: what it has lost is computed again, to the last bit.
"""

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from typing import Any, Final, TypeVar

import numpy as np

Value = TypeVar("Value")

MOST_BYTES: Final = 256 * 2**20
_PART: Final = 4  # nothing takes more than a quarter
_ENTRY_BYTES: Final = 500  # of a key and its place


def size_of(value: Any, seen: set[int] | None = None) -> int:
    """Add up the bytes of the arrays within a value, each counted once; what is no array weighs little."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return 0
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        return int(value.nbytes) if value.base is None else size_of(value.base, seen)
    if isinstance(value, dict):
        return sum(size_of(entry, seen) for entry in value.values())
    if isinstance(value, list | tuple):
        return sum(size_of(entry, seen) for entry in value)
    if is_dataclass(value) and not isinstance(value, type):
        return sum(size_of(getattr(value, each.name), seen) for each in fields(value))
    return sys.getsizeof(value)


class Store:
    """Keeps values by their keys; threads may share it.

    Parameters
    ----------
    most_bytes : int
        What all values may take together.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._bytes = most_bytes, 0
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """What its values take by now."""
        return self._bytes

    def get(self, key: Hashable) -> Any:
        """Give what is kept under a key; None where nothing is."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key: Hashable, value: Any) -> None:
        """Keep a value, and let go of what was not asked for longest."""
        size = size_of(value) + _ENTRY_BYTES
        with self._lock:
            if key in self._kept or size > self._most // _PART:
                return
            self._kept[key] = value, size
            self._bytes += size
            while self._bytes > self._most:
                _, (_, gone) = self._kept.popitem(last=False)
                self._bytes -= gone

    def made(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Give what is kept under a key, else make it and keep it."""
        found: Value | None = self.get(key)
        if found is None:
            found = make()
            self.put(key, found)
        return found
