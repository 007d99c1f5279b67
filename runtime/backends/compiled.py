"""The bundle's own library, through its C interface (export/csrc/tsm_edge.h): kernels by TVM, no TVM here."""

import ctypes
from pathlib import Path

import numpy as np

from tsm_edge.bundle import LIBRARY, WEIGHTS, Bundle
from tsm_edge.errors import BundleError, BundleMismatchError, UsageError
from tsm_edge.runtime.backends.base import Float32Array
from tsm_edge.runtime.backends.library import ABI_VERSION, DEVICES, Info, Library, Model, other_abi
from tsm_edge.specs import ModelSpec
from tsm_edge.targets import missing_here

__all__ = ["CompiledBackend", "CompiledStream", "open_backend"]

MAX_THREADS = 64


class CompiledStream:
    """One stream: its shift buffers live in the library.

    Attributes:
        device: "cpu", or "gpu" and the GPU's name.
    """

    def __init__(self, library: Library, model: Model, spec: ModelSpec, info: Info) -> None:
        self.device = model.device
        self._library = library
        self._spec = spec
        self._info = info
        self._num_calls = model.num_calls
        self._stream = ctypes.c_void_p()
        library.call("tsm_stream_create", model.pointer, ctypes.byref(self._stream))

    def step(self, frame: Float32Array) -> Float32Array:
        """Logits (num_classes,) of one frame (1, 3, H, W); advances the state."""
        logits = np.empty(self._info.num_classes, np.float32)
        self._library.call("tsm_stream_step", self._stream, frame, logits)
        return logits

    def profile(self, frame: Float32Array) -> list[float]:
        """Step, and return the seconds that each of the plan's kernel calls took, in their order."""
        logits = np.empty(self._info.num_classes, np.float32)
        seconds = np.empty(self._num_calls, np.float64)
        self._library.call("tsm_stream_profile", self._stream, frame, logits, seconds)
        return [float(second) for second in seconds]

    def reset(self) -> None:
        """Zero shift buffers."""
        self._library.call("tsm_stream_reset", self._stream)

    def state(self) -> tuple[Float32Array, ...]:
        """A copy of the shift buffers, channels first as in the ONNX model."""
        flat = np.empty(self._info.state_floats, np.float32)
        self._library.call("tsm_stream_save", self._stream, flat)
        shapes = self._spec.state.shapes
        pieces = np.split(flat, np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1])
        return tuple(piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True))

    def load_state(self, buffers: tuple[Float32Array, ...]) -> None:
        """Replace the shift buffers."""
        flat = np.concatenate([np.asarray(buffer, np.float32).ravel() for buffer in buffers])
        self._library.call("tsm_stream_load", self._stream, flat)

    def close(self) -> None:
        """Free the shift buffers."""
        self._library.functions.tsm_stream_destroy(self._stream)
        self._stream = ctypes.c_void_p()


class CompiledBackend:
    """A compiled network; its streams take turns with its threads or its GPU and may be stepped from several.

    Attributes:
        device: "cpu", or "gpu" and the GPU's name.
        device_note: Why the CPU is used where the bundle has kernels for a GPU, or nothing.
    """

    name = "tvm"

    def __init__(
        self, library: Library, weights: Path, spec: ModelSpec, threads: int, device: str = "auto"
    ) -> None:
        self.spec = spec
        self.threads = threads
        self._library = library
        self._info = Info()
        library.call("tsm_get_info", ctypes.byref(self._info))
        _check_info(self._info, spec, weights)
        self._model = library.open_model(weights, threads, device)
        self.device, self.device_note = self._model.device, self._model.device_note

    def open_stream(self) -> CompiledStream:
        """A new stream with zero shift buffers."""
        return CompiledStream(self._library, self._model, self.spec, self._info)

    def close(self) -> None:
        """Free the weights and end the threads."""
        self._library.functions.tsm_model_close(self._model.pointer)
        self._model.pointer = ctypes.c_void_p()


def open_backend(bundle: Bundle, threads: int, device: str = "auto") -> CompiledBackend:
    """Load the bundle's library.

    Args:
        bundle: Compiled for this machine.
        threads: How many cores one frame may use.
        device: "cpu", "gpu", or "auto": a GPU where the bundle has kernels for one and it works, else the CPU.

    Raises:
        BundleMismatchError: It was compiled for another system or processor, or has another C interface.
        BundleError: Library, weights and manifest do not belong together.
        DeviceError: A GPU was demanded and cannot be used.
        UsageError: More threads than the library can start, or no such device.
    """
    if device not in DEVICES:
        raise UsageError(f"unknown device {device!r}; choose one of {', '.join(DEVICES)}")
    if threads > MAX_THREADS:
        raise UsageError(f"{threads} threads were asked for; the library starts at most {MAX_THREADS}")
    missing = missing_here(bundle.manifest.target)
    if missing:
        raise BundleMismatchError(
            f"{bundle.path} was compiled for {bundle.manifest.target.name} and needs {', '.join(missing)}; "
            "compile one for this machine with `tsm-edge compile --target host`"
        )
    if bundle.manifest.abi_version != ABI_VERSION:
        raise BundleMismatchError(other_abi(bundle.path, bundle.manifest.abi_version))
    library = Library(bundle.file(LIBRARY))
    return CompiledBackend(library, bundle.file(WEIGHTS), bundle.manifest.model, threads, device)


def _check_info(info: Info, spec: ModelSpec, weights: Path) -> None:
    """The library knows its own sizes; a manifest from another one would read or write past an end."""
    library = (info.height, info.width, info.num_classes, info.state_floats, info.weight_bytes)
    _, _, height, width = spec.input_shape
    manifest = (height, width, spec.num_classes, spec.state.size_floats, weights.stat().st_size)
    if library != manifest:
        raise BundleError(
            f"{weights.parent}: library and manifest do not belong together (height, width, classes, state floats, "
            f"weight bytes are {library} and {manifest}); compile the bundle again"
        )
