"""Picture and video files as pictures of one size: 144 x 192 pixels, as wide as a webcam's."""

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tsm_edge.opencv import load_opencv

__all__ = [
    "FOOTAGE_FPS",
    "HEIGHT",
    "PHOTO_SUFFIXES",
    "WIDTH",
    "cut_picture",
    "stack_pictures",
    "video_frames",
]

FOOTAGE_FPS = 12.0  # of the videos that are kept
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
HEIGHT, WIDTH = 144, 192  # what every picture is cut and shrunk to


def cut_picture(picture: np.ndarray) -> np.ndarray:
    """The largest part of that shape in the middle, shrunk or enlarged; BGR (H, W, 3) to RGB (144, 192, 3), uint8."""
    height, width = picture.shape[:2]
    scale = max(HEIGHT / height, WIDTH / width)
    size = (max(WIDTH, round(width * scale)), max(HEIGHT, round(height * scale)))
    cv2 = load_opencv()
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    top, left = (small.shape[0] - HEIGHT) // 2, (small.shape[1] - WIDTH) // 2
    return np.ascontiguousarray(small[top : top + HEIGHT, left : left + WIDTH, ::-1])


def video_frames(path: Path, every: float = 1 / FOOTAGE_FPS, most: int = 240) -> list[np.ndarray]:
    """The first `most` frames, one each `every` seconds, cut; none of a file that OpenCV does not read."""
    cv2 = load_opencv()
    capture = cv2.VideoCapture(os.fspath(path))
    rate = capture.get(cv2.CAP_PROP_FPS) or 25.0
    frames: list[np.ndarray] = []
    number = 0
    while len(frames) < most:
        good, frame = capture.read()
        if not good:
            break
        if number >= len(frames) * every * rate:
            frames.append(cut_picture(frame))
        number += 1
    capture.release()
    return frames


def stack_pictures(pictures: list[np.ndarray]) -> Tensor:
    """Cut pictures as one tensor, (M, 3, 144, 192), uint8; M may be 0."""
    if not pictures:
        return torch.zeros(0, 3, HEIGHT, WIDTH, dtype=torch.uint8)
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
