"""The bundle's own library, through its C interface (export/csrc/tsm_edge.h): kernels by TVM, no TVM here."""

import ctypes
import os
import platform
from pathlib import Path
from typing import Any

import numpy as np

from tsm_edge.bundle import LIBRARY, WEIGHTS, Bundle
from tsm_edge.errors import BundleError, BundleMismatchError, FrameError, StateError, UsageError
from tsm_edge.runtime.backends.base import Float32Array
from tsm_edge.specs import ModelSpec
from tsm_edge.targets import missing_here

__all__ = ["CompiledBackend", "CompiledStream", "open_backend"]

ABI_VERSION = 2
MAX_THREADS = 64
MESSAGE_BYTES = 512
STATUS_OK = 0
STATUS_VALUE = -6

_FLOATS = np.ctypeslib.ndpointer(dtype=np.float32, flags="C_CONTIGUOUS")
_DOUBLES = np.ctypeslib.ndpointer(dtype=np.float64, flags="C_CONTIGUOUS")


class _Info(ctypes.Structure):
    """`tsm_info` of tsm_edge.h."""

    _fields_ = (
        ("abi_version", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("num_classes", ctypes.c_int32),
        ("state_floats", ctypes.c_int32),
        ("num_calls", ctypes.c_int32),
        ("arena_bytes", ctypes.c_int64),
        ("weight_bytes", ctypes.c_int64),
    )


class _Options(ctypes.Structure):
    """`tsm_model_options` of tsm_edge.h."""

    _fields_ = (
        ("size", ctypes.c_int32),
        ("num_threads", ctypes.c_int32),
        ("device", ctypes.c_int32),
        ("affinity", ctypes.c_int32),
        ("weights_path", ctypes.c_char_p),
        ("weights", ctypes.c_void_p),
        ("weight_bytes", ctypes.c_int64),
        ("message", ctypes.c_char_p),
        ("message_bytes", ctypes.c_int32),
    )


# Argument types of the functions that are called here; all of these return a status.
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "tsm_get_info": (ctypes.POINTER(_Info),),
    "tsm_model_open_with": (ctypes.POINTER(_Options), ctypes.POINTER(ctypes.c_void_p)),
    "tsm_stream_create": (ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p)),
    "tsm_stream_step": (ctypes.c_void_p, _FLOATS, _FLOATS),
    "tsm_stream_profile": (ctypes.c_void_p, _FLOATS, _FLOATS, _DOUBLES),
    "tsm_stream_reset": (ctypes.c_void_p,),
    "tsm_stream_save": (ctypes.c_void_p, _FLOATS),
    "tsm_stream_load": (ctypes.c_void_p, _FLOATS),
}


class _Library:
    """The C functions, with types, and statuses as exceptions."""

    def __init__(self, path: Path) -> None:
        try:
            self.functions = ctypes.CDLL(str(path.resolve()))
            if self.functions.tsm_abi_version() != ABI_VERSION:
                raise BundleMismatchError(_other_abi(path, self.functions.tsm_abi_version()))
            self._declare()
        except (OSError, AttributeError) as error:
            raise BundleMismatchError(
                f"cannot load {path} on this {platform.machine()} {platform.system()}: {error}; "
                "compile a bundle for this machine"
            ) from error

    def _declare(self) -> None:
        for name, types in _FUNCTIONS.items():
            getattr(self.functions, name).argtypes = types
        for name in ("tsm_model_close", "tsm_stream_destroy"):
            getattr(self.functions, name).argtypes = (ctypes.c_void_p,)
            getattr(self.functions, name).restype = None
        self.functions.tsm_status_text.restype = ctypes.c_char_p

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function and raise what its status means."""
        status = getattr(self.functions, name)(*arguments)
        if status == STATUS_OK:
            return
        text = self.functions.tsm_status_text(status).decode()
        if status == STATUS_VALUE:
            raise (StateError if name == "tsm_stream_load" else FrameError)(
                f"{text}; the stream is as before"
            )
        raise BundleError(f"{name}: {text}")

    def open_model(self, weights: Path, threads: int) -> ctypes.c_void_p:
        """A model with its weights mapped and its threads started."""
        model, message = ctypes.c_void_p(), ctypes.create_string_buffer(MESSAGE_BYTES)
        options = _Options(
            size=ctypes.sizeof(_Options),
            num_threads=threads,
            weights_path=os.fsencode(weights),
            message=ctypes.cast(message, ctypes.c_char_p),
            message_bytes=MESSAGE_BYTES,
        )
        status = self.functions.tsm_model_open_with(ctypes.byref(options), ctypes.byref(model))
        if status != STATUS_OK:
            text = message.value.decode(errors="replace") or self.functions.tsm_status_text(status).decode()
            raise BundleError(text)
        return model


class CompiledStream:
    """One stream: its shift buffers live in the library."""

    def __init__(self, library: _Library, model: ctypes.c_void_p, spec: ModelSpec, info: _Info) -> None:
        self._library = library
        self._spec = spec
        self._info = info
        self._stream = ctypes.c_void_p()
        library.call("tsm_stream_create", model, ctypes.byref(self._stream))

    def step(self, frame: Float32Array) -> Float32Array:
        """Logits (num_classes,) of one frame (1, 3, H, W); advances the state."""
        logits = np.empty(self._info.num_classes, np.float32)
        self._library.call("tsm_stream_step", self._stream, frame, logits)
        return logits

    def profile(self, frame: Float32Array) -> list[float]:
        """Step, and return the seconds that each of the plan's kernel calls took, in their order."""
        logits = np.empty(self._info.num_classes, np.float32)
        seconds = np.empty(self._info.num_calls, np.float64)
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
    """A compiled network; its streams take turns with its threads and may be stepped from several."""

    name = "tvm"

    def __init__(self, library: _Library, weights: Path, spec: ModelSpec, threads: int) -> None:
        self.spec = spec
        self.threads = threads
        self._library = library
        self._info = _Info()
        library.call("tsm_get_info", ctypes.byref(self._info))
        _check_info(self._info, spec, weights)
        self._model = library.open_model(weights, threads)

    def open_stream(self) -> CompiledStream:
        """A new stream with zero shift buffers."""
        return CompiledStream(self._library, self._model, self.spec, self._info)

    def close(self) -> None:
        """Free the weights and end the threads."""
        self._library.functions.tsm_model_close(self._model)
        self._model = ctypes.c_void_p()


def open_backend(bundle: Bundle, threads: int) -> CompiledBackend:
    """Load the bundle's library.

    Raises:
        BundleMismatchError: It was compiled for another system or processor, or has another C interface.
        BundleError: Library, weights and manifest do not belong together.
        UsageError: More threads than the library can start.
    """
    if threads > MAX_THREADS:
        raise UsageError(f"{threads} threads were asked for; the library starts at most {MAX_THREADS}")
    missing = missing_here(bundle.manifest.target)
    if missing:
        raise BundleMismatchError(
            f"{bundle.path} was compiled for {bundle.manifest.target.name} and needs {', '.join(missing)}; "
            "compile one for this machine with `tsm-edge compile --target host`"
        )
    if bundle.manifest.abi_version != ABI_VERSION:
        raise BundleMismatchError(_other_abi(bundle.path, bundle.manifest.abi_version))
    library = _Library(bundle.file(LIBRARY))
    return CompiledBackend(library, bundle.file(WEIGHTS), bundle.manifest.model, threads)


def _other_abi(path: Path, version: int) -> str:
    return f"{path} has C interface version {version}, this tsm-edge speaks {ABI_VERSION}; compile the bundle again"


def _check_info(info: _Info, spec: ModelSpec, weights: Path) -> None:
    """The library knows its own sizes; a manifest from another one would read or write past an end."""
    library = (info.height, info.width, info.num_classes, info.state_floats, info.weight_bytes)
    _, _, height, width = spec.input_shape
    manifest = (height, width, spec.num_classes, spec.state.size_floats, weights.stat().st_size)
    if library != manifest:
        raise BundleError(
            f"{weights.parent}: library and manifest do not belong together (height, width, classes, state floats, "
            f"weight bytes are {library} and {manifest}); compile the bundle again"
        )
