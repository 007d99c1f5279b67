"""The bundle's ONNX file in OpenVINO on the CPU, held to float32 and to a number of threads."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from peer_backend import PeerBackend

from tsm_edge.bundle import ONNX_MODEL, Bundle
from tsm_edge.errors import MissingDependencyError
from tsm_edge.runtime.backends.base import Float32Array

__all__ = ["open_backend"]

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
    return PeerBackend("openvino", _Infer(compiled.create_infer_request()), bundle.manifest.model, threads)


class _Infer:
    def __init__(self, request: Any) -> None:
        self._request = request

    def __call__(self, arrays: Sequence[Float32Array]) -> list[Float32Array]:
        # Shared inputs are read in place. Shared outputs would be overwritten while the next frame reads them.
        outputs = self._request.infer(list(arrays), share_inputs=True, share_outputs=False)
        return [np.asarray(array) for array in outputs.values()]
