"""Small videos whose frames say by their brightness which ones they are."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

__all__ = ["GREY_TOLERANCE", "grey_level", "grey_picture", "write_video"]

SIZE = (64, 48)
# MJPG keeps a plain grey to one level, for its brightness is rounded on the way in and on the way out.
GREY_TOLERANCE = 1


def grey_picture(level: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A picture of one grey, (height, width, 3) uint8; `size` is (width, height)."""
    return np.full((size[1], size[0], 3), level, np.uint8)


def grey_level(image: np.ndarray) -> int:
    """The grey of a decoded picture."""
    return round(float(image.mean()))


def write_video(
    path: Path, levels: Sequence[int], *, fps: float = 10, size: tuple[int, int] = SIZE, codec: str = "MJPG"
) -> Path:
    """Write one frame per grey level and return `path`."""
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), fps, size)
    assert writer.isOpened()
    for level in levels:
        writer.write(grey_picture(level, size))
    writer.release()
    return path
