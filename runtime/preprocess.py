"""From a decoded picture to the network's input, as the manifest's PreprocessSpec says.

    (H, W, 3) uint8 BGR -> short side 256, bilinear -> middle 224 x 224 -> RGB, (v / 255 - mean) / std
    -> (1, 3, 224, 224) float32

Sizes round as torchvision's Resize and CenterCrop do, with which the published models were trained. OpenCV is
loaded with the first picture, so that a device which only steps tensors does without it.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tsm_edge.errors import FrameError
from tsm_edge.opencv import load_opencv
from tsm_edge.runtime.backends.base import Float32Array
from tsm_edge.specs import PreprocessSpec

__all__ = ["Preprocessor", "UInt8Array", "check_frame", "normalise"]

UInt8Array = npt.NDArray[np.uint8]

# The resized picture's memory grows with the aspect ratio; no camera comes near this one.
MAX_ASPECT_RATIO = 32


@dataclass(frozen=True)
class _AxisWindow:
    """What becomes of rows or columns: `source` of them are resized to `size`, of which `crop` are kept."""

    source: slice
    size: int
    crop: slice


class Preprocessor:
    """Turns frames into network input; keeps no frame, so that threads may share it."""

    def __init__(self, spec: PreprocessSpec) -> None:
        self._spec = spec
        self._tables = _tables(spec)

    def __call__(self, frame: UInt8Array) -> Float32Array:
        """Network input (1, 3, S, S) float32, C-contiguous, RGB, of a frame (H, W, 3) uint8 BGR of any size.

        Raises:
            FrameError: Another shape or dtype, no pixels, or sides that differ more than 32 times.
            MissingDependencyError: OpenCV is not installed.
        """
        check_frame(frame)
        return self._normalise(self.crop(frame))

    def crop(self, frame: UInt8Array) -> UInt8Array:
        """The part of a checked frame that the network sees, (S, S, 3) uint8 BGR."""
        rows, columns = _windows(*frame.shape[:2], self._spec)
        cv2 = load_opencv()
        source = np.ascontiguousarray(frame[rows.source, columns.source])
        resized: UInt8Array = cv2.resize(source, (columns.size, rows.size), interpolation=cv2.INTER_LINEAR)
        return resized[rows.crop, columns.crop]

    def _normalise(self, crop: UInt8Array) -> Float32Array:
        # A table of 256 answers is exact, and no slower than arithmetic on floats.
        cv2 = load_opencv()
        network_input = np.empty((1, 3, *crop.shape[:2]), np.float32)
        red_green_blue = cv2.split(crop)[::-1]
        for plane, table, output in zip(red_green_blue, self._tables, network_input[0], strict=True):
            cv2.LUT(plane, table, dst=output)
        return network_input


def normalise(crop: UInt8Array, spec: PreprocessSpec) -> Float32Array:
    """Network input (1, 3, S, S) float32 of a picture (S, S, 3) uint8 RGB, cut already; needs no OpenCV."""
    planes = [table[crop[..., channel]] for channel, table in enumerate(_tables(spec))]
    return np.stack(planes)[None]


def check_frame(frame: object) -> None:
    """See that `frame` is (H, W, 3) uint8.

    Raises:
        FrameError: It is not; the message says how to convert the usual other kinds.
    """
    if not isinstance(frame, np.ndarray):
        raise FrameError(f"a frame is a numpy array (H, W, 3) uint8 BGR, not a {type(frame).__name__}")
    given = f"frame is {frame.dtype} {frame.shape}, expected uint8 (H, W, 3) BGR"
    if frame.dtype != np.uint8:
        raise FrameError(f"{given}; scale it to 0..255 and convert it with .astype(np.uint8)")
    if frame.ndim == 2 or (frame.ndim == 3 and frame.shape[2] == 1):
        raise FrameError(f"{given}; convert grey with cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR)")
    if frame.ndim == 3 and frame.shape[2] == 4:
        raise FrameError(f"{given}; convert BGRA with cv2.cvtColor(frame, cv2.COLOR_BGRA2BGR)")
    if frame.ndim != 3 or frame.shape[2] != 3:
        raise FrameError(f"{given}; give one frame at a time, channels last")
    short, long = sorted(frame.shape[:2])
    if short == 0:
        raise FrameError(f"{given}; this one has no pixels")
    if long > MAX_ASPECT_RATIO * short:
        raise FrameError(f"{given}, sides at most {MAX_ASPECT_RATIO} times each other; cut a part out of it")


@lru_cache(maxsize=16)
def _windows(height: int, width: int, spec: PreprocessSpec) -> tuple[_AxisWindow, _AxisWindow]:
    resized_height, resized_width = spec.resized_size(height, width)
    rows = _axis_window(height, resized_height, spec.crop_size)
    return rows, _axis_window(width, resized_width, spec.crop_size)


def _axis_window(length: int, resized: int, crop_size: int) -> _AxisWindow:
    """Cut before resizing where that changes no pixel: where source and resized grids meet outside the crop.

    The grids meet every `step` resized pixels. When enlarging, pixels at a cut would miss their neighbour
    beyond it, so the cut stays a step further out.
    """
    first = round((resized - crop_size) / 2)
    step = resized // math.gcd(length, resized)
    margin = step if resized > length else 0
    start = max(0, (first - margin) // step * step)
    stop = min(resized, -(-(first + crop_size + margin) // step) * step)
    source = slice(start * length // resized, stop * length // resized)
    return _AxisWindow(source, stop - start, slice(first - start, first - start + crop_size))


@lru_cache(maxsize=4)
def _tables(spec: PreprocessSpec) -> tuple[Float32Array, ...]:
    """For each channel in RGB order the 256 normalised values, float32 rounded once from float64."""
    levels = np.arange(256) / 255
    return tuple(
        ((levels - mean) / std).astype(np.float32) for mean, std in zip(spec.mean, spec.std, strict=True)
    )
