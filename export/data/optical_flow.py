"""Optical flow of clips as a network sees it: stacks of fields in 8 bits, beside frames as arrays.

    value = round(255 (v + bound) / (2 bound))   v: pixels from this frame to the next, clipped to +- bound

A clip of F frames has F - 1 fields. A stack begins where all its fields are left, so that sampling sees
F - num_fields places; in shorter clips the last field repeats, as published.

Source: the settings of Wang et al., TSN, arXiv:1608.00859, which TSM, arXiv:1811.08383, was published with.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tsm_edge.errors import DataError, MissingDependencyError
from tsm_edge.export.data.clips import UInt8Array, read_frames
from tsm_edge.opencv import load_opencv
from tsm_edge.specs import FlowMethod, FlowSpec

__all__ = ["check_flow_method", "num_places", "optical_flow", "quantised", "read_flow", "stacked_fields"]

Float32Array = npt.NDArray[np.float32]


def check_flow_method(method: FlowMethod) -> None:
    """Tell before a run whether flow can be computed here.

    Raises:
        MissingDependencyError: TV-L1 without OpenCV's contributed modules.
    """
    _engine(method)


def num_places(num_frames: int, flow: FlowSpec | None) -> int:
    """How many places of a clip a network's frame may be taken from: every frame, or where a stack begins."""
    return num_frames if flow is None else max(1, num_frames - flow.num_fields)


def stacked_fields(starts: Sequence[int], num_fields: int, last: int) -> npt.NDArray[np.int64]:
    """Fields of the stacks that begin at `starts`, (T, num_fields); the clip's last one is number `last`."""
    stacks: npt.NDArray[np.int64] = np.asarray(starts, np.int64)[:, None] + np.arange(num_fields)
    return np.minimum(stacks, last)


def read_flow(path: Path, fields: Sequence[int], flow: FlowSpec, *, short_side: int) -> UInt8Array:
    """Flow from each of the frames `fields` to the next one, (len(fields), H, W, 2) uint8, x and y.

    Args:
        path: A video, or a folder of pictures.
        fields: Frame numbers, ascending.
        flow: Method and bound.
        short_side: Frames with a longer short side are made that small first.

    Raises:
        DataError: Not one frame can be decoded, or frames are too small for the method.
        MissingDependencyError: See `check_flow_method`.
    """
    needed = sorted({frame for field in fields for frame in (field, field + 1)})
    frames = read_frames(path, needed, short_side=short_side)
    place = {frame: i for i, frame in enumerate(needed)}
    pairs = [(frames[place[field]], frames[place[field + 1]]) for field in fields]
    return quantised(optical_flow(pairs, flow.method), flow.bound_px)


def optical_flow(pairs: Sequence[tuple[UInt8Array, UInt8Array]], method: FlowMethod) -> Float32Array:
    """Motion from the first picture of each pair to the second, (len(pairs), H, W, 2) float32, x and y in pixels.

    Args:
        pairs: Pictures (H, W, 3) uint8 RGB, all of one size.
        method: What computes it.

    Raises:
        DataError: The pictures are too small for the method.
        MissingDependencyError: See `check_flow_method`.
    """
    cv2, engine = load_opencv(), _engine(method)
    found = []
    for before, after in pairs:
        grey = [cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY) for image in (before, after)]
        try:
            found.append(engine.calc(*grey, None))
        except cv2.error as error:
            height, width = before.shape[:2]
            raise DataError(
                f"no optical flow of frames of {width} x {height} pixels: too small for {method}; "
                "give larger ones"
            ) from error
    return np.stack(found)


def quantised(fields: Float32Array, bound_px: float) -> UInt8Array:
    """Fields of pixels as 8 bits, see above; no motion is 128."""
    scaled = (np.clip(fields, -bound_px, bound_px) + bound_px) * (255 / (2 * bound_px))
    values: UInt8Array = np.rint(scaled).astype(np.uint8)
    return values


def _engine(method: FlowMethod) -> Any:
    cv2 = load_opencv()
    if method == "dis":
        return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    if not hasattr(cv2, "optflow"):
        raise MissingDependencyError(
            "TV-L1 flow needs OpenCV's contributed modules: `pip uninstall opencv-python`, then `pip install "
            "opencv-contrib-python`; or give --flow-method dis"
        )
    return cv2.optflow.createOptFlow_DualTVL1()
