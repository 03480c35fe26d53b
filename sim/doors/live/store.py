"""What was computed and may be asked for again: the least recently used goes first, bounded in bytes.

Not here: what is kept. A store never changes a number: what it has lost is computed again, to the last bit.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

import numpy as np

Value = TypeVar("Value")

MOST_BYTES: Final = 256 * 2**20
_PART: Final = 4  # nothing takes more than a quarter
_ENTRY_BYTES: Final = 2_000  # of a key, its place, and what is no array


def size_of(value: Any) -> int:
    """Add up the bytes of the arrays within a value, each counted once; what is no array weighs little."""
    seen: set[int] = set()
    waiting, total = [value], 0
    while waiting:
        each = waiting.pop()
        if isinstance(each, np.ndarray):
            owner = each if each.base is None else each.base  # a part keeps the whole alive
            if id(owner) not in seen:
                seen.add(id(owner))
                total += int(getattr(owner, "nbytes", each.nbytes))
        elif isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, list | tuple):
            waiting += each
        elif hasattr(each, "__dataclass_fields__"):
            waiting += vars(each).values()
    return total


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
