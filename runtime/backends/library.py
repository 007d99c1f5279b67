"""A bundle's library through ctypes: the structs and functions of export/csrc/tsm_edge.h, statuses as exceptions."""

import ctypes
import logging
import os
import platform
from pathlib import Path
from typing import Any

import numpy as np

from tsm_edge.errors import (
    BundleError,
    BundleMismatchError,
    DeviceError,
    FrameError,
    StateError,
    TsmEdgeError,
)

__all__ = ["ABI_VERSION", "DEVICES", "Info", "Library", "Model", "other_abi"]

ABI_VERSION = 2
# TSM_DEVICE_* by the names of options.
DEVICES = {"auto": 0, "cpu": 1, "gpu": 2}
MESSAGE_BYTES = 512
STATUS_OK = 0
STATUS_VALUE = -6
STATUS_DEVICE = -8

_log = logging.getLogger(__name__)
_told: set[str] = set()

_FLOATS = np.ctypeslib.ndpointer(dtype=np.float32, flags="C_CONTIGUOUS")
_DOUBLES = np.ctypeslib.ndpointer(dtype=np.float64, flags="C_CONTIGUOUS")


class Info(ctypes.Structure):
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
    "tsm_get_info": (ctypes.POINTER(Info),),
    "tsm_model_open_with": (ctypes.POINTER(_Options), ctypes.POINTER(ctypes.c_void_p)),
    "tsm_model_num_calls": (ctypes.c_void_p,),
    "tsm_stream_create": (ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p)),
    "tsm_stream_step": (ctypes.c_void_p, _FLOATS, _FLOATS),
    "tsm_stream_profile": (ctypes.c_void_p, _FLOATS, _FLOATS, _DOUBLES),
    "tsm_stream_reset": (ctypes.c_void_p,),
    "tsm_stream_save": (ctypes.c_void_p, _FLOATS),
    "tsm_stream_load": (ctypes.c_void_p, _FLOATS),
}


class Model:
    """An open model.

    Attributes:
        pointer: The library's.
        device: "cpu", or "gpu" and the GPU's name.
        device_note: Why the CPU is used where the bundle has kernels for a GPU, or nothing.
        num_calls: Kernel calls a frame.
    """

    def __init__(self, pointer: ctypes.c_void_p, device: str, device_note: str, num_calls: int) -> None:
        self.pointer = pointer
        self.device = device
        self.device_note = device_note
        self.num_calls = num_calls


class Library:
    """The C functions, with types, and statuses as exceptions.

    Raises:
        BundleMismatchError: It cannot be loaded here, or has another C interface.
    """

    def __init__(self, path: Path) -> None:
        try:
            self.functions = ctypes.CDLL(str(path.resolve()))
            if self.functions.tsm_abi_version() != ABI_VERSION:
                raise BundleMismatchError(other_abi(path, self.functions.tsm_abi_version()))
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
        self.functions.tsm_model_device.argtypes = (ctypes.c_void_p,)
        for name in ("tsm_status_text", "tsm_model_device"):
            getattr(self.functions, name).restype = ctypes.c_char_p

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function and raise what its status means."""
        status = getattr(self.functions, name)(*arguments)
        if status != STATUS_OK:
            raise self._error(name, status)

    def _error(self, name: str, status: int) -> TsmEdgeError:
        text = self.functions.tsm_status_text(status).decode()
        if status == STATUS_VALUE:
            kind = StateError if name == "tsm_stream_load" else FrameError
            return kind(f"{text}; the stream is as before")
        if status == STATUS_DEVICE:
            return DeviceError(
                f"{name}: the GPU failed; reset the stream or load a state, or take --device cpu"
            )
        return BundleError(f"{name}: {text}")

    def open_model(self, weights: Path, threads: int, device: str) -> Model:
        """A model with its weights in memory; says once where the CPU stands in for a GPU.

        Raises:
            DeviceError: A GPU was demanded and cannot be used.
            BundleError: The weights cannot be loaded.
        """
        pointer, message = ctypes.c_void_p(), ctypes.create_string_buffer(MESSAGE_BYTES)
        options = _Options(
            size=ctypes.sizeof(_Options),
            num_threads=threads,
            device=DEVICES[device],
            weights_path=os.fsencode(weights),
            message=ctypes.cast(message, ctypes.c_char_p),
            message_bytes=MESSAGE_BYTES,
        )
        status = self.functions.tsm_model_open_with(ctypes.byref(options), ctypes.byref(pointer))
        said = message.value.decode(errors="replace")
        if status != STATUS_OK:
            kind = DeviceError if status == STATUS_DEVICE else BundleError
            raise kind(said or self.functions.tsm_status_text(status).decode())
        _tell_once(said)
        used = self.functions.tsm_model_device(pointer).decode(errors="replace")
        return Model(pointer, used, said, self.functions.tsm_model_num_calls(pointer))


def _tell_once(message: str) -> None:
    if message and message not in _told:
        _told.add(message)
        _log.warning("%s", message)


def other_abi(path: Path, version: int) -> str:
    """The complaint about another C interface."""
    return f"{path} has C interface version {version}, this tsm-edge speaks {ABI_VERSION}; compile the bundle again"
