"""What a process on a mock GPU works with: `from mock_gpu_child import *`."""

import ctypes
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tsm_edge.bundle import Bundle
from tsm_edge.errors import BundleError, DeviceError, StateError
from tsm_edge.runtime.backends.compiled import CompiledBackend, open_backend

__all__ = [
    "Bundle",
    "BundleError",
    "DeviceError",
    "Mock",
    "Path",
    "StateError",
    "np",
    "open_on",
    "play",
    "sys",
]


class Mock:
    """The library's own functions, see mock_cuda/mock_calls.c."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libcuda.so.1")
        self._library.mock_cuda_failed.restype = ctypes.c_char_p

    def fail(self, spec: str) -> None:
        """Let calls fail from now on, which are counted from now on."""
        self._library.mock_cuda_fail(spec.encode())

    def counted(self, name: str) -> int:
        """How often that function was called in this process."""
        return int(self._library.mock_cuda_counted(name.encode()))

    @property
    def calls(self) -> int:
        """Since `fail`."""
        return int(self._library.mock_cuda_calls())

    @property
    def failed(self) -> str:
        """The call that was told to fail and did."""
        return str(self._library.mock_cuda_failed().decode())

    @property
    def live(self) -> int:
        """Handles and pieces of memory that are not given back, contexts included."""
        return int(self._library.mock_cuda_live())

    @property
    def left_behind(self) -> int:
        """What was alive when the last context ended."""
        return int(self._library.mock_cuda_left_behind())


def open_on(device: str, path: str = sys.argv[1] if len(sys.argv) > 1 else "") -> CompiledBackend:
    """The bundle's library on "auto", "cpu" or "gpu"."""
    return open_backend(Bundle.open(path), 1, device)


def play(stream, frames: Sequence[np.ndarray]) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Logits (T, num_classes) of frames (T, 3, H, W)."""
    return np.stack([stream.step(frame[None]) for frame in frames])
