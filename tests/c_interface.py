"""tsm_edge.h as ctypes sees it: its structs and statuses, and a camera's image in any of its formats."""

import ctypes
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

__all__ = [
    "AFFINITY_BIG_FIRST",
    "DEVICES",
    "FORMATS",
    "STATUSES",
    "Image",
    "Info",
    "Options",
    "c_library",
    "image_of",
    "noise_of",
    "pointer",
]

FORMATS = ("rgb", "bgr", "rgba", "bgra", "nv21", "nv12", "i420", "yuv_420_888", "grey")
DEVICES = {"auto": 0, "cpu": 1, "gpu": 2}
AFFINITY_BIG_FIRST = 1
STATUSES = {
    "ok": 0,
    "argument": -1,
    "file": -2,
    "size": -3,
    "memory": -4,
    "thread": -5,
    "value": -6,
    "image": -7,
    "device": -8,
}


class Info(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int32) for name in ("abi_version", "height", "width", "num_classes")),
        *((name, ctypes.c_int32) for name in ("state_floats", "num_calls")),
        *((name, ctypes.c_int64) for name in ("arena_bytes", "weight_bytes")),
    )


class Options(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int32) for name in ("size", "num_threads", "device", "affinity")),
        ("weights_path", ctypes.c_char_p),
        ("weights", ctypes.c_void_p),
        ("weight_bytes", ctypes.c_int64),
        ("message", ctypes.c_char_p),
        ("message_bytes", ctypes.c_int32),
    )

    def __init__(self, **fields) -> None:
        super().__init__(**({"size": ctypes.sizeof(Options)} | fields))


class Image(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int32) for name in ("size", "format", "width", "height", "rotation")),
        ("planes", ctypes.c_void_p * 3),
        ("row_strides", ctypes.c_int32 * 3),
        ("pixel_strides", ctypes.c_int32 * 3),
    )


def c_library(path: Path) -> ctypes.CDLL:
    """The library with the types of those functions that take or return no plain int."""
    library = ctypes.CDLL(str(path))
    names = (
        "tsm_status_text",
        "tsm_call_name",
        "tsm_metadata_json",
        "tsm_model_device",
        "tsm_model_call_name",
    )
    for name in names:
        getattr(library, name).restype = ctypes.c_char_p
    for name in ("tsm_model_close", "tsm_stream_destroy"):
        getattr(library, name).restype = None
    for name in ("tsm_model_close", "tsm_stream_destroy", "tsm_model_device", "tsm_model_num_calls"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
    library.tsm_model_call_name.argtypes = (ctypes.c_void_p, ctypes.c_int)
    pointers = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int, ctypes.c_void_p)
    library.tsm_model_open_memory.argtypes = pointers
    return library


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)


@dataclass
class Planes:
    """Memory of an image, ends included: what lies before and behind its pixels is nobody's."""

    arrays: list[np.ndarray] = field(default_factory=list)
    row_strides: list[int] = field(default_factory=list)
    pixel_strides: list[int] = field(default_factory=list)

    def add(self, samples: np.ndarray, padding: int, pixel_stride: int = 1) -> None:
        """Samples (H, W) or (H, W, C), rows `padding` bytes longer than they need to be."""
        height = samples.shape[0]
        row = samples.reshape(height, -1)
        spread = np.full((height, row.shape[1] * pixel_stride + padding), 77, np.uint8)
        spread[:, : row.shape[1] * pixel_stride : pixel_stride] = row
        # Android ends a plane with its last sample.
        used = spread.size - padding - (pixel_stride - 1)
        self.arrays.append(spread.ravel()[:used].copy())
        self.row_strides.append(spread.shape[1] if padding else 0)
        self.pixel_strides.append(pixel_stride)


def image_of(
    format_name: str,
    samples: tuple[np.ndarray, ...],
    *,
    padding: int = 0,
    pixel_stride: int = 1,
    rotation: int = 0,
) -> tuple[Image, Planes]:
    """An image of this format, and its memory, which must outlive it.

    Args:
        format_name: One of FORMATS.
        samples: (H, W, C) of packed ones, (H, W) of grey, else Y (H, W), U and V of half the size.
        padding: Bytes behind each row.
        pixel_stride: Of U and V in yuv_420_888.
        rotation: As in the header.
    """
    planes = Planes()
    if format_name in ("nv21", "nv12"):
        y, u, v = samples
        planes.add(y, padding)
        planes.add(np.stack([v, u] if format_name == "nv21" else [u, v], axis=-1), padding)
    else:
        for index, plane in enumerate(samples):
            planes.add(plane, padding, pixel_stride if format_name == "yuv_420_888" and index else 1)
    height, width = samples[0].shape[:2]
    image = Image(ctypes.sizeof(Image), FORMATS.index(format_name), width, height, rotation)
    for index, array in enumerate(planes.arrays):
        image.planes[index] = array.ctypes.data
        image.row_strides[index] = planes.row_strides[index]
        if format_name == "yuv_420_888":
            image.pixel_strides[index] = planes.pixel_strides[index]
    return image, planes


def noise_of(format_name: str, height: int, width: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Samples for `image_of`."""

    def noise(*shape: int) -> np.ndarray:
        return rng.integers(0, 256, shape, dtype=np.uint8)

    if format_name in ("rgb", "bgr", "rgba", "bgra"):
        return (noise(height, width, len(format_name)),)
    if format_name == "grey":
        return (noise(height, width),)
    half = ((height + 1) // 2, (width + 1) // 2)
    return noise(height, width), noise(*half), noise(*half)
