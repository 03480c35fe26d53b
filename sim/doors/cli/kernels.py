"""The first call: one line on stderr while kernels are compiled."""

import sys
from typing import Final

from sim.ground.compiling import Listener, listeners

_SERVE: Final = {"sim.engine.fleet.dispatch.serve", "sim.engine.fleet.batches.serve"}
_LONG: Final = frozenset({*_SERVE, "sim.ground.logs.scan.scan"})
"""The kernels that take so long that a user asks what goes on; the others follow within seconds."""
_SECONDS: Final = 8
"""What a study compiles altogether takes 7 to 9 s of a processor."""


class _Teller:
    """Tells once."""

    def __init__(self) -> None:
        self._told = False

    def begun(self, kernel: str) -> None:
        """Hear that a kernel is being compiled."""
        if kernel not in _LONG or self._told or sys.stderr is None:
            return
        from sim.ground.kernel_cache import folder

        self._told = True
        often = "once" if folder() else "each time, for no folder is there to keep them: XDG_CACHE_HOME names one"
        sys.stderr.write(f"compiling kernels, {often}: about {_SECONDS} s\n")
        sys.stderr.flush()


def announce() -> None:
    """Tell on stderr when kernels are compiled."""
    listeners.append(Listener(_Teller().begun))
