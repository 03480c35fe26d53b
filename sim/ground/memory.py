"""What the C library does with memory that was freed."""

import ctypes
from functools import cache
from typing import Final

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt, in malloc.h
_KEPT: Final = 64 << 20
_LARGEST: Final = 32 << 20  # the C library takes no more


@cache
def keep_freed() -> bool:
    """Let the C library keep freed memory, arrays of up to 32 MB too, as it comes to do in any process by itself.

    Until then, and where an environment sets one of both sizes (Dask does for its workers), arrays are given back to
    the system at once: each costs its pages anew, and all work takes up to twice the time.

    Returns
    -------
    bool
        Whether it could be told; False where the C library is not glibc.
    """
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):
        return False
    return bool(library.mallopt(_MMAP_THRESHOLD, _LARGEST) and library.mallopt(_TRIM_THRESHOLD, _KEPT))
