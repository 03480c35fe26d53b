"""The one door to numba: every kernel is compiled here, without the lock of the interpreter, and kept on disk.

Not here: any kernel; the files (``sim.ground.kernel_cache``); what is told meanwhile (``sim.doors.cli.kernels``).
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import numba
from numba.core import event
from numba.core.compiler import CompilerBase, DefaultPassBuilder

from sim.ground.compiling import listeners
from sim.ground.kernel_cache import KernelCache

_F = TypeVar("_F", bound=Callable[..., object])
_UNUSED: Final = {
    "WithLifting",
    "InlineClosureLikes",
    "RewriteDynamicRaises",
    "MakeFunctionToJitFunction",
    "InlineInlinables",
    "FindLiterallyCalls",
    "LiteralUnroll",
    "LiteralPropagationSubPipelinePass",
    "AnnotateTypes",
    "DumpParforDiagnostics",
}
"""Steps that do nothing for kernels without closures, with-blocks and the like, and took a tenth of the time."""


class _Compiler(CompilerBase):
    """numba's compiler without the steps that no kernel needs."""

    def define_pipelines(self) -> list[Any]:
        """List the steps."""
        steps = DefaultPassBuilder.define_nopython_pipeline(self.state)
        steps.passes = [step for step in steps.passes if step[0].__name__ not in _UNUSED]
        steps._finalized = False
        steps.finalize()
        return [steps]


_OPTIONS: Final[dict[str, Any]] = {
    "nogil": True,
    "error_model": "numpy",
    "_nrt": False,
    "no_cfunc_wrapper": True,
    "pipeline_class": _Compiler,
}


def kernel(function: _F) -> _F:
    """Compile a function of arrays and numbers; threads may run it side by side.

    Without numba's runtime (``_nrt``) it cannot allocate, so scratch arrays are handed in; counting references to some
    twenty arrays took a third of the node kernel's time.
    """
    compiled: Any = numba.njit(**_OPTIONS)(function)
    if compiled is not function:  # else numba is told to leave it as plain Python
        compiled._cache = KernelCache(function, str(sorted(_UNUSED)))
    found: _F = compiled
    return found


def inlined(function: _F) -> _F:
    """Compile a part of a kernel into the place that calls it: an array handed over would cost seven words."""
    compiled: _F = numba.njit(forceinline=True, **_OPTIONS)(function)
    return compiled


class _Watcher(event.Listener):
    """Hands on what numba tells."""

    def on_start(self, event: Any) -> None:
        """Tell that a kernel is being compiled."""
        function = event.data["dispatcher"].py_func
        for each in listeners:
            each.begun(f"{function.__module__}.{function.__name__}")

    def on_end(self, event: Any) -> None:
        """Tell nothing."""


event.register("numba:compile", _Watcher())
