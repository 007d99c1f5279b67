"""The network in PyTorch, for comparisons on a host: rebuilt by the host half from the bundle's ONNX file."""

from importlib import import_module
from importlib.util import find_spec
from typing import cast

from tsm_edge.bundle import ONNX_MODEL, Bundle
from tsm_edge.errors import MissingDependencyError
from tsm_edge.runtime.backends.base import Backend

__all__ = ["open_backend"]

# By name only: the device half must stay importable where the host half and PyTorch are not installed.
HOST_MODULE = "tsm_edge.export.torch_backend"


def open_backend(bundle: Bundle, threads: int) -> Backend:
    """Rebuild the bundle's network in PyTorch.

    Raises:
        MissingDependencyError: PyTorch or ONNX is not installed.
        BundleError: The bundle has no ONNX file.
    """
    missing = [package for package in ("torch", "onnx") if find_spec(package) is None]
    if missing:
        raise MissingDependencyError(
            f"backend 'torch' needs {' and '.join(missing)}: pip install 'tsm-edge[export]', "
            "or choose the backend tvm or onnxruntime"
        )
    return cast("Backend", import_module(HOST_MODULE).open_backend(bundle.file(ONNX_MODEL), threads))
