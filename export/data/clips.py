"""One labelled clip on disk: a video, or a folder of numbered pictures; and its frames as arrays."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tsm_edge.errors import DataError
from tsm_edge.opencv import load_opencv

__all__ = [
    "PICTURE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "Clip",
    "UInt8Array",
    "count_video_frames",
    "is_clip",
    "picture_paths",
    "read_frames",
    "video_frames",
    "video_rate",
]

UInt8Array = npt.NDArray[np.uint8]

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".webm"})
# Where a container names no rate: what FFmpeg assumes for pictures.
DEFAULT_FPS = 25.0
PICTURE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".webp"})


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A clip that was looked at and found good.

    Attributes:
        path: A video, or a folder of pictures.
        label: Class index.
        num_frames: How many frames it has, at least 2.
        first_frame: Where it begins in a longer recording; None if the recording is the clip.
    """

    path: Path
    label: int
    num_frames: int
    first_frame: int | None = None

    def frames(self, indices: Sequence[int] | None = None) -> Sequence[int] | None:
        """Frame numbers of the recording for those of the clip, all by default; beyond its end its last."""
        if self.first_frame is None:
            return indices
        last = self.num_frames - 1
        wanted = range(self.num_frames) if indices is None else indices
        return [self.first_frame + min(int(index), last) for index in wanted]


def is_clip(path: Path) -> bool:
    """Whether `path` is named like a video, or is a folder that holds a picture."""
    return path.suffix.lower() in VIDEO_SUFFIXES if not path.is_dir() else bool(picture_paths(path))


@lru_cache(maxsize=100_000)
def picture_paths(folder: Path) -> tuple[Path, ...]:
    """The pictures of a folder in the order of their numbers: 2.jpg comes before 10.jpg."""
    pictures = (path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    return tuple(sorted((path for path in pictures if not path.name.startswith(".")), key=_by_number))


def read_frames(
    path: Path, indices: Sequence[int] | None = None, *, short_side: int | None = None
) -> UInt8Array:
    """Frames of a clip, (T, H, W, 3) uint8 RGB.

    Args:
        path: A video, or a folder of pictures.
        indices: Which frames, in any order and repeated as one likes; all of them by default. Those beyond the
            end become the last one.
        short_side: Frames with a longer short side are made that small, their aspect ratio kept.

    Raises:
        DataError: Not one frame can be decoded.
    """
    frames = _read_pictures(path, indices) if path.is_dir() else _read_video(path, indices)
    first = _shrunk(frames[0], short_side)
    return np.stack([_fitted(_shrunk(frame, short_side), first) for frame in frames])


def _read_pictures(folder: Path, indices: Sequence[int] | None) -> list[UInt8Array]:
    paths = picture_paths(folder)
    wanted = range(len(paths)) if indices is None else indices
    if not paths or not len(wanted):
        raise DataError(f"{folder} holds no pictures; put numbered .jpg or .png files there")
    decoded = {index: _nearest_picture(paths, min(index, len(paths) - 1)) for index in set(wanted)}
    return [decoded[index] for index in wanted]


def _nearest_picture(paths: Sequence[Path], index: int) -> UInt8Array:
    """Picture `index`, or the nearest that can be decoded: one damaged file among many is no reason to stop a run."""
    cv2 = load_opencv()
    for near in sorted(range(len(paths)), key=lambda other: abs(other - index)):
        image = cv2.imread(str(paths[near]), cv2.IMREAD_COLOR)
        if image is not None:
            rgb: UInt8Array = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
            return rgb
    raise DataError(f"no picture in {paths[0].parent} can be decoded; remove the folder")


def _read_video(path: Path, indices: Sequence[int] | None) -> list[UInt8Array]:
    """Decoding from the start is exact; seeking in a compressed video is not."""
    cv2 = load_opencv()
    wanted = None if indices is None else set(indices)
    last = float("inf") if wanted is None else max(wanted)
    decoded: dict[int, UInt8Array] = {}
    final, count = None, 0
    for count, frame in enumerate(video_frames(path), start=1):
        final = frame
        if wanted is None or count - 1 in wanted:
            decoded[count - 1] = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        if count > last:
            break
    if final is None:
        raise DataError(f"no frame of {path} can be decoded; convert it, or remove it")
    end: UInt8Array = cv2.cvtColor(final, cv2.COLOR_BGR2RGB)
    order = range(count) if indices is None else indices
    return [decoded.get(index, end) for index in order]


def count_video_frames(path: Path) -> int:
    """How many frames can be decoded; containers only estimate it."""
    with _opened(path) as capture:
        count = 0
        while capture.isOpened() and capture.grab():
            count += 1
        return count


def video_frames(path: Path) -> Iterator[UInt8Array]:
    """The frames of a video, (H, W, 3) uint8 BGR, as long as they can be decoded."""
    with _opened(path) as capture:
        while capture.isOpened():
            readable, frame = capture.read()
            if not readable:
                return
            yield frame


def video_rate(path: Path) -> float:
    """Frames a second as the container tells; 25 where it tells nonsense."""
    with _opened(path) as capture:
        fps = float(capture.get(load_opencv().CAP_PROP_FPS))
    return fps if 0 < fps < 1000 else DEFAULT_FPS


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    cv2 = load_opencv()
    # With another backend a name with digits in it would be taken for a sequence of pictures.
    has_ffmpeg = cv2.videoio_registry.hasBackend(cv2.CAP_FFMPEG)
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG if has_ffmpeg else cv2.CAP_ANY)
    try:
        yield capture
    finally:
        capture.release()


def _shrunk(frame: UInt8Array, short_side: int | None) -> UInt8Array:
    height, width = frame.shape[:2]
    shortest = min(height, width)
    if short_side is None or shortest <= short_side:
        return frame
    cv2 = load_opencv()
    size = max(1, short_side * width // shortest), max(1, short_side * height // shortest)
    # AREA: bilinear would step over pixels where a large frame becomes much smaller.
    smaller: UInt8Array = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return smaller


def _fitted(frame: UInt8Array, first: UInt8Array) -> UInt8Array:
    """Pictures of one folder may differ in size; they become as large as the first."""
    if frame.shape == first.shape:
        return frame
    fitted: UInt8Array = load_opencv().resize(frame, (first.shape[1], first.shape[0]))
    return fitted


def _by_number(path: Path) -> list[tuple[bool, int, str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
