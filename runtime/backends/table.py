"""Which engines there are, and where each one is opened.

An entry names a function `open_backend(bundle: Bundle, threads: int) -> Backend` as "module:function", so
that a device loads the one engine it uses and needs none of the others' packages. The compiled library's takes a
device as well.
"""

from collections.abc import Callable
from importlib import import_module
from typing import cast

from tsm_edge.bundle import Bundle
from tsm_edge.errors import UsageError
from tsm_edge.runtime.backends.base import Backend

__all__ = ["BACKENDS", "open_backend"]

BACKENDS = {
    "tvm": "tsm_edge.runtime.backends.compiled:open_backend",
    "onnxruntime": "tsm_edge.runtime.backends.onnxruntime_backend:open_backend",
    "torch": "tsm_edge.runtime.backends.torch_reference:open_backend",
}


def open_backend(name: str, bundle: Bundle, threads: int | None = None, device: str = "auto") -> Backend:
    """Load a bundle's network into the engine `name`; `threads` None takes the bundle's default.

    Args:
        name: One of `BACKENDS`.
        bundle: The network.
        threads: How many cores one frame may use; None takes the bundle's default.
        device: "cpu", "gpu", or "auto": a GPU where the bundle has kernels for one and it works, else the CPU.

    Raises:
        UsageError: No such engine or device, no thread to run it, or a GPU for an engine that uses none.
        DeviceError: A GPU was demanded and cannot be used.
        MissingDependencyError: The engine's package is not installed.
        BundleError: The bundle lacks the engine's files, or was made for another processor.
    """
    if name not in BACKENDS:
        raise UsageError(f"unknown backend {name!r}; choose one of {', '.join(BACKENDS)}")
    threads = bundle.manifest.threads if threads is None else threads
    if threads < 1:
        raise UsageError(
            f"{threads} threads cannot run anything; give 1 or more, or none for the bundle's default"
        )
    module, _, function = BACKENDS[name].partition(":")
    opener = cast("Callable[..., Backend]", getattr(import_module(module), function))
    if name == "tvm":
        return opener(bundle, threads, device)
    if device == "gpu":
        raise UsageError(f"backend {name} computes on the CPU alone; --device gpu goes with --backend tvm")
    return opener(bundle, threads)
