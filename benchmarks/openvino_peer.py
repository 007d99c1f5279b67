"""The bundle's ONNX file in OpenVINO on the CPU, held to float32 and to a number of threads, if asked to AVX2."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from peer_backend import PeerBackend

from tsm_edge.bundle import ONNX_MODEL, Bundle
from tsm_edge.errors import MissingDependencyError, TsmEdgeError
from tsm_edge.runtime.backends.base import Float32Array

__all__ = ["open_avx2_backend", "open_backend"]

# By itself OpenVINO computes in bfloat16 where the processor can, and takes every core.
PRECISION = "f32"


def open_backend(bundle: Bundle, threads: int) -> PeerBackend:
    """Compile the bundle's ONNX file with OpenVINO, for the lowest latency.

    Raises:
        MissingDependencyError: OpenVINO is not installed.
    """
    try:
        import openvino
    except ImportError as error:
        raise MissingDependencyError("peer 'openvino' needs OpenVINO: pip install openvino") from error
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": PRECISION,
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
    }
    compiled = openvino.Core().compile_model(str(bundle.file(ONNX_MODEL)), "CPU", options)
    return PeerBackend("openvino", _Infer(compiled), bundle.manifest.model, threads)


def open_avx2_backend(bundle: Bundle, threads: int) -> PeerBackend:
    """The same, with convolutions that use AVX2 on a machine that has AVX-512 too.

    oneDNN reads the limit once in a process: nothing in it may have used OpenVINO before. What OpenVINO writes itself
    does not ask for it: the mean at the end (62,720 additions) stays with AVX-512.

    Raises:
        MissingDependencyError: OpenVINO is not installed.
        TsmEdgeError: A convolution uses more than AVX2 all the same.
    """
    os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"
    backend = open_backend(bundle, threads)
    assert isinstance(backend.infer, _Infer)
    found = backend.infer.convolutions()
    if not found or not all("avx2" in name for name in found):
        raise TsmEdgeError(
            f"OpenVINO cannot be held to AVX2: its convolutions are {', '.join(sorted(found)) or 'unknown'}"
        )
    return backend


class _Infer:
    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self._request = compiled.create_infer_request()

    def __call__(self, arrays: Sequence[Float32Array]) -> list[Float32Array]:
        # Shared inputs are read in place. Shared outputs would be overwritten while the next frame reads them.
        outputs = self._request.infer(list(arrays), share_inputs=True, share_outputs=False)
        return [np.asarray(array) for array in outputs.values()]

    def convolutions(self) -> set[str]:
        """Names of the implementations that run convolutions, such as brgconv_avx2_1x1_f32."""
        nodes = [node.get_rt_info() for node in self._compiled.get_runtime_model().get_ops()]
        return {node["primitiveType"].value for node in nodes if node["layerType"].value == "Convolution"}
