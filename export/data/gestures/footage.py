"""Videos in which nobody makes a gesture, for networks that know only made people."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tsm_edge.errors import UsageError
from tsm_edge.export.data.clips import VIDEO_SUFFIXES
from tsm_edge.export.data.gestures.picture_files import (
    PHOTO_SUFFIXES,
    cut_picture,
    stack_pictures,
    video_frames,
)
from tsm_edge.opencv import load_opencv

__all__ = ["Footage", "load_footage"]

_MOST_FOOTAGE = 3000  # frames of one file


@dataclass(frozen=True)
class Footage:
    """Videos in memory.

    Attributes:
        frames: Of all videos one after another at FOOTAGE_FPS, (F, 3, 144, 192), uint8 RGB.
        starts: First frame of each video and the end of the last one, (V + 1,), int64.
    """

    frames: Tensor
    starts: Tensor

    def to(self, device: torch.device) -> "Footage":
        """The same on another device."""
        return Footage(self.frames.to(device), self.starts.to(device))


def load_footage(folder: Path) -> Footage:
    """The middle of all videos of a folder and of the folders in it; a photograph is a video that stands still.

    Raises:
        UsageError: OpenCV reads none of its files.
    """
    cv2 = load_opencv()
    clips: list[list[np.ndarray]] = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in VIDEO_SUFFIXES:
            clips.append(video_frames(path, most=_MOST_FOOTAGE))
        elif path.suffix.lower() in PHOTO_SUFFIXES:
            picture = cv2.imread(os.fspath(path), cv2.IMREAD_COLOR)
            clips.append([] if picture is None else [cut_picture(picture)])
    clips = [frames for frames in clips if frames]
    if not clips:
        raise UsageError(f"{folder} has no videos and photographs that OpenCV reads; give a folder of some")
    starts = torch.tensor([0, *(len(frames) for frames in clips)]).cumsum(0)
    return Footage(stack_pictures([frame for frames in clips for frame in frames]), starts)
